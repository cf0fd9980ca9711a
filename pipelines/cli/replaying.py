"""The verb ``replay``: an evening again, in a workspace of its own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.tick import Summary


def replay(
    *,
    since: Annotated[
        str, typer.Option("--from", metavar="T", help="Where it begins, with offset; history up to there is filled first.")
    ],
    to: Annotated[str, typer.Option("--to", metavar="T", help="Where it ends, with offset.")],
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="X", min=0.1, help="60 plays an hour in a minute; as fast as it goes if not given."),
    ] = None,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="An outage, late deliveries or a surge laid over it.")
    ] = None,
    versions: Annotated[
        Path | None,
        typer.Option(
            "--versions", metavar="DIR", help="Workspace of live runs: judge by what was in force there, not by today's files."
        ),
    ] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="Folder of the replay, never that of live runs; made if needed.")
    ] = Path("workspace-replay"),
    municipality: options.Municipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """An evening again, tick by tick, as it was known then.

    Runs the same ticks and draws the same board, in a workspace of its own; nothing it finds ever notifies. A scenario changes
    what comes in, so that an outage at the peak can be practised on an evening that happened.
    """
    from pipelines import lock, replay, start
    from pipelines.cli import common
    from pipelines.cli.running import progress_bar
    from pipelines.faults import UsageError

    begin, end = common.moment(since), common.moment(to)
    assert begin and end
    if end <= begin:
        raise UsageError("--to is not after --from.")
    slugs = common.slugs(config, municipality)
    then = _of_then(versions, config, slugs, data, (begin, end), lang) if versions else {}
    ready: replay.Ready = {slug: then[slug][0][1] if slug in then else start.ready(config, slug, data) for slug in slugs}
    later = {slug: changes[1:] for slug, changes in then.items()}
    laid = replay.scenario_of(scenario, ready, begin) if scenario else None
    zone = next(iter(ready.values()))[0].tz
    changes: list[dict[str, Any]] = []
    said: dict[str, tuple[str, str, bool]] = {}

    def tell(at: datetime, summary: Summary) -> None:
        changes.append({"at": at, "municipality": summary.municipality, "situations": summary.situations})
        if not as_json:
            _say(at, summary, said, lang, zone)

    with lock.hold(workspace):
        with progress_bar(" + ".join(ready)) as show:
            kept = replay.prepare(workspace, ready, begin, lambda _slug: show)
        if not as_json:
            print(common.text("replay_kept" if kept else "replay_filling", lang, start=begin.astimezone(zone)))
            print(common.text("replay_board", lang, path=workspace / "published" / "board" / "index.html"), flush=True)
        ran = replay.play(workspace, ready, replay.Evening(begin, end, laid, later), speed=speed, lang=lang, tell=tell)
    if as_json:
        common.dump(changes)
    else:
        print(common.text("replay_done", lang, n=ran, end=end.astimezone(zone), path=common.published(workspace)))


def _of_then(
    live: Path, config: Path, slugs: list[str], data: Path | None, evening: tuple[datetime, datetime], lang: str
) -> dict[str, list[tuple[datetime, Any]]]:
    """Settings as they came into force in a workspace of live runs, each said on standard error. Raises :class:`UsageError`."""
    import sys

    from pipelines import lock, versions
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.store import Store

    if not (live / "private" / "working.duckdb").exists():
        raise UsageError(f"{live} is no workspace of live runs. Name one with --versions DIR.")
    found: dict[str, list[tuple[datetime, Any]]] = {}
    with lock.hold(live, 60.0), Store(live) as store:
        for slug in slugs:
            changes = versions.over_time(store, config, slug, data, *evening)
            for moment, version, _ in changes:
                print(common.text("replay_version", lang, slug=slug, number=version.number, start=moment), file=sys.stderr)
            if changes:
                found[slug] = [(moment, settings) for moment, _, settings in changes]
    return found


def _say(at: datetime, summary: Summary, said: dict[str, tuple[str, str, bool]], lang: str, zone: Any) -> None:
    """A line a tick, and one for each situation with another state, level or sight than was ``said`` before."""
    from pipelines.cli import common, evening

    now = {s["situation_id"]: (s["state"], s["level"], "unobserved" in (s["reasons"] or ())) for s in summary.situations}
    seen = [s for s in summary.situations if s["state"] != "pending" and said.get(s["situation_id"]) != now[s["situation_id"]]]
    said.update(now)
    quiet = "" if seen else f"  {common.text('replay_quiet', lang)}"
    print(f"{at.astimezone(zone):%H:%M} {summary.municipality}{quiet}", flush=True)
    for situation in seen:
        print("   " + evening.in_a_line(situation, lang, zone), flush=True)
