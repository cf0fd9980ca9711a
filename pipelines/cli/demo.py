"""The verb ``demo``: the main job on the sample city, end to end, told in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.store import Store

ROOT = Path(__file__).resolve().parents[2]
TOWNS = ("waterdam", "veenhaven")
HISTORY_UNTIL = "2026-06-20T16:00+02:00"
EVENING_UNTIL = "2026-06-21T00:30+02:00"
PEAK_BOARD = "at-the-peak.html"
PEAK = "2026-06-20T21:30+02:00"  # the board is kept as it stood then: later all is over
WAKE = timedelta(minutes=30)  # coarser than the event's pace, so that the evening is told in a few minutes


def demo(
    *,
    workspace: Annotated[Path, typer.Option("--workspace", metavar="DIR", help="Made anew for the demo.")] = Path(".demo"),
    lang: options.Language = "en",
) -> None:
    """The main job on the sample city.

    Fourteen weeks of history, an evening with faulty deliveries, and the situations found, for two municipalities.
    """
    import time

    from pipelines import lock, versions
    from pipelines.cli import common
    from pipelines.cli.running import progress_bar
    from pipelines.store import Store
    from pipelines.tick import tick

    begun = time.monotonic()
    _fresh(workspace)
    began, until = common.moment(HISTORY_UNTIL), common.moment(EVENING_UNTIL)
    assert began and until
    print(common.text("demo_start", lang, workspace=workspace) + "\n\n" + common.text("demo_backfill", lang), flush=True)
    with lock.hold(workspace), Store(workspace) as store:
        in_force = {slug: versions.in_force(store, ROOT / "config", slug, None, began, "backfill") for slug in TOWNS}
        ready = {slug: (now.config, now.cards) for slug, now in in_force.items()}
        for slug, (config, cards) in ready.items():
            with progress_bar(slug) as show:
                summary = tick(store, config, cards, at=began, verb="backfill", progress=show)
            print(f"   {slug}: {summary.message_nl if lang == 'nl' else summary.message_en}", flush=True)
        _evening(store, ready, began, until, lang)
    _tell(workspace, began, until, lang)
    print("\n" + common.text("demo_took", lang, seconds=time.monotonic() - begun))


def _fresh(workspace: Path) -> None:
    """Empty the workspace of an earlier demo; anything else in the way is left alone. Raises :class:`UsageError`."""
    import shutil

    from pipelines.faults import UsageError

    mark = workspace / ".demo"
    if workspace.exists() and any(workspace.iterdir()) and not mark.exists():
        raise UsageError(f"{workspace} exists and is not the workspace of an earlier demo. Name another with --workspace DIR.")
    if not (ROOT / "data" / "sample" / "zones").is_dir():
        raise UsageError("The sample city comes with the repository, not with the installed package. Run `make demo` in a clone.")
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir(parents=True)
    mark.touch()


def _evening(store: Store, ready: dict[str, Any], began: datetime, until: datetime, lang: str) -> None:
    """Tick through the evening as the calendar of each municipality says."""
    from pipelines import board
    from pipelines.cli import common
    from pipelines.cli.running import progress_bar
    from pipelines.publish import FILE
    from pipelines.tick import tick

    moments = list(_moments(began, until))
    ran = 0
    with progress_bar(common.text("demo_evening_bar", lang)) as show:
        for number, (at, slugs) in enumerate(_due(ready, moments)):
            for slug in slugs:
                config, cards = ready[slug]
                tick(store, config, cards, at=at)
                ran += 1
            if at == common.moment(PEAK):
                board.write(store.published / FILE, store.published / "board" / PEAK_BOARD, lang=lang, at=at)
            show(f"{at.astimezone(ready[TOWNS[0]][0].tz):%H:%M}", (number + 1) / len(moments))
    zone = ready[TOWNS[0]][0].tz
    print("\n" + common.text("demo_evening", lang, n=ran, start=began.astimezone(zone), end=until.astimezone(zone)), flush=True)


def _moments(began: datetime, until: datetime) -> Iterator[datetime]:
    at = began + WAKE
    while at <= until:
        yield at
        at += WAKE


def _due(ready: dict[str, Any], moments: list[datetime]) -> Iterator[tuple[datetime, list[str]]]:
    """For each moment the municipalities whose run is due."""
    from pipelines import calendar

    last: dict[str, datetime] = {}
    for at in moments:
        due = [slug for slug, (config, _) in ready.items() if calendar.due(config.municipality, at, last.get(slug))]
        last.update(dict.fromkeys(due, at))
        yield at, due


def _tell(workspace: Path, began: datetime, until: datetime, lang: str) -> None:
    """Faults, situations, differences and where to look, all read from what was published."""
    from pipelines import board, published
    from pipelines.cli import common, evening

    file = common.published(workspace)
    con = published.connect(file)
    clocks = evening.zones(con)
    day = began.astimezone(clocks[TOWNS[0]]).replace(hour=0, minute=0)
    found = evening.situations(con, list(TOWNS), began, None)
    print("\n" + common.text("demo_faults", lang, slug=TOWNS[0]))
    print("\n".join("   " + line for line in evening.faults(con, TOWNS[0], day, lang, clocks[TOWNS[0]])))
    print("\n" + common.text("demo_situations", lang))
    for situation in (s for town in TOWNS for s in found if s["municipality"] == town and s["state"] != "pending"):
        print(f"   {situation['municipality']:<10} {evening.in_a_line(situation, lang, clocks[situation['municipality']])}")
        print(f"              {situation[f'explanation_{lang}']}")
    print("\n" + common.text("demo_differences", lang))
    print("\n".join("   " + line for line in evening.differences(con, TOWNS, began, lang)))
    con.close()
    page = board.write_both(file, file.parent / "board" / "index.html", lang=lang, at=until)[0]
    print("\n" + common.text("demo_next", lang))
    print("   " + common.text("demo_database", lang, path=file))
    print("   " + common.text("demo_board", lang, path=page))
    print("   " + common.text("demo_peak", lang, path=page.with_name(PEAK_BOARD)))
    worst = max(found, key=lambda s: (common.rank(s["peak_level"]), s["municipality"] == TOWNS[0]), default=None)
    verbs = [f"explain {worst['situation_id']}"] if worst else []
    for verb in (*verbs, "situations list", f"status --at {EVENING_UNTIL}"):
        print("   " + common.text("demo_try", lang, command=f"{_command()} {verb} --workspace {workspace}"))


def _command() -> str:
    """How this command is called from here: by name when it is on the path, else by file."""
    import os
    import shutil
    import sys

    return "drukte" if shutil.which("drukte") else os.path.relpath(sys.argv[0])
