"""Verbs that read what was published: ``status``, ``situations``, ``explain``, ``board``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipelines.store import Store
    from schemas.config import Config

Changed = TypeVar("Changed")

situations = typer.Typer(
    help="Situations: a place, a stretch of time and a safety risk.", rich_markup_mode=None, no_args_is_help=True
)

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment to look from, with offset; else now.")]


def status(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Freshness, open situations, last runs, reviews, disk."""
    from pipelines import status as plain
    from pipelines.cli import common

    common.published(workspace)
    found = plain.collect(workspace, common.moment(at) or common.now(), common.split(municipality) or None)
    if as_json:
        common.dump(found)
    else:
        print("\n\n".join(_status_in_parts(found, lang)))


def _status_in_parts(found: dict[str, Any], lang: str) -> list[str]:
    from pipelines.cli import common, evening

    sources = [(s["municipality"], s["source"], _freshness(s, lang), s["deliveries"], s["turned_away"], s["rows_refused"])
               for s in found["sources"]]  # fmt: skip
    runs = [(r["municipality"], f"{r['as_of']:%Y-%m-%d %H:%M}Z", r["verb"], r["message"]) for r in found["runs"]]
    today = found["at"].date()
    reviews = [
        (
            r["review_by"],
            r["what"],
            r["owner"],
            f"{r['file']}:{r['line']}",
            common.text("overdue", lang) if r["review_by"] < today else "",
        )
        for r in found["reviews"]
    ]
    parts = {
        "sources": common.table(("", "", "", "deliveries", "turned away", "rows refused"), sources),
        "situations": "\n".join(evening.in_a_line(s, lang) for s in found["situations"]) or common.text("nothing_found", lang),
        "runs": common.table(("", "", "", ""), runs),
        "reviews": common.table(("", "", "", "", ""), reviews) if reviews else common.text("nothing_found", lang),
        "config_notes": _config(found, lang),
    }
    parts["retention"] = _going(found["retention"], lang)
    if found["in_review"]:
        held = [
            (r["municipality"], r["source"], r["name"], r["changes"], f"{r['changes_from']:%Y-%m-%d %H:%M}Z")
            for r in found["in_review"]
        ]
        parts["in_review"] = common.table(("", "", "", "changes", ""), held)
    if found["audit"]:
        parts["audited"] = "\n".join(
            line for told in found["audit"].values() for line in (told["at"][:16] + "Z", *told[f"lines_{lang}"])
        )
    if found["rights"]:
        parts["rights"] = "\n".join(found["rights"])
    waiting = [f"{f['municipality']}: {common.text('flags_open', lang, n=f['proposed'])}" for f in found["flags"]]
    disk = common.text("disk", lang, **{name: size / 1e6 for name, size in found["disk"].items()})
    return [*(f"{common.text(title, lang)}\n{body}" for title, body in parts.items()), *waiting, disk]


def _going(rows: list[dict[str, Any]], lang: str) -> str:
    """Per class of data how long it is kept, and what goes within a month."""
    from pipelines.cli import common
    from schemas import words

    lines = [
        (
            row["municipality"],
            words.word("data_class", row["data_class"], lang),
            row["purpose"],
            f"{row['retention_days']} d",
            common.text("kept_from", lang, day=row["kept_from"]),
            common.text("goes_on", lang, day=row["goes_on"], n=row["rows_going"])
            if row["rows_going"]
            else common.text("nothing_goes", lang),
        )
        for row in rows
    ]
    return common.table(("",) * 6, lines) if lines else common.text("nothing_found", lang)


def _config(found: dict[str, Any], lang: str) -> str:
    """The version of the config in force, and what there is to say of it."""
    from pipelines.cli import common
    from schemas import words

    rows = [(c["municipality"], c["config_version"], words.word("config_how", c["how"], lang), c["accepted_by"],
             f"{c['effective_from']:%Y-%m-%d %H:%M}Z" if c["effective_from"] else "") for c in found["config"]]  # fmt: skip
    notes = [
        common.text("warning", lang, slug=n["municipality"], note=n["note"]) for n in found["config_notes"] if n["lang"] == lang
    ]
    return "\n".join([common.table(("", "", "", "", ""), rows) if rows else common.text("nothing_found", lang), *notes])


def _freshness(source: dict[str, Any], lang: str) -> str:
    """``fresh, 12 min old (stale after 20)``; ``silent`` when there was nothing at all lately; a clock that is wrong behind it."""
    from pipelines.cli import common

    ahead = source["clock_ahead_minutes"]
    return _age(source, lang) + (f"; {common.text('clock_ahead', lang, minutes=ahead)}" if ahead else "")


def _age(source: dict[str, Any], lang: str) -> str:
    from pipelines.cli import common

    if source["age_minutes"] is None:
        return common.text("silent", lang)
    if source["fresh"] is None:
        return common.text("aged", lang, age=source["age_minutes"])
    values = {"age": source["age_minutes"], "limit": source["stale_after_minutes"]}
    return common.text("fresh" if source["fresh"] else "stale", lang, **values)


@situations.command("list")
def list_situations(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    state: Annotated[
        Literal["pending", "open", "closed"] | None, typer.Option("--state", help="Only those in this state.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="T", help="Only those that went on after this moment.")] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Situations, worst first, with their explanation."""
    from pipelines import published
    from pipelines.cli import common, evening

    con = published.connect(common.published(workspace))
    found = evening.situations(con, common.split(municipality), common.moment(since), state)
    clocks = evening.zones(con)
    con.close()
    if as_json:
        common.dump(found)
        return
    for situation in found:
        print(f"{situation['situation_id']}\n  {evening.in_a_line(situation, lang, clocks.get(situation['municipality']))}")
        print(f"  {situation[f'explanation_{lang}']}")
    if not found:
        print(common.text("nothing_found", lang))


def _by_a_role(
    config: Path,
    workspace: Path,
    wait: float,
    at: str | None,
    situation: str,
    change: Callable[[Store, Config, datetime], Changed],
) -> Changed:
    """Change what stands of a situation, in the town it belongs to, and publish; returns what ``change`` gives."""
    from pipelines import start
    from pipelines.cli import common

    published, moment = common.published(workspace), common.moment(at) or common.now()
    settings, _ = start.ready(config, _municipality_of(published, situation))
    with common.held(workspace, wait, moment) as store, store.transaction():
        return change(store, settings, moment)


@situations.command("ack")
def acknowledge(
    situation: Annotated[str, typer.Argument(metavar="ID", help="As `drukte situations list` and every message show it.")],
    *,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="Who has seen it: a role, never a person's name.")],
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="What is done about it, for who reads it later.")
    ] = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")
    ] = 30.0,
    lang: options.Language = "en",
) -> None:
    """Say that a role has seen a situation: reminders end; what gets worse is told all the same."""
    from pipelines.alerts import people
    from pipelines.cli import common
    from schemas import words

    level, number = _by_a_role(
        config, workspace, wait, at, situation,
        lambda store, settings, moment: people.acknowledge(store, settings, situation, role, moment, note),
    )  # fmt: skip
    print(common.text("acknowledged", lang, id=situation, role=role, level=words.word("level", level, lang), n=number))


@situations.command("close")
def close_situation(
    situation: Annotated[str, typer.Argument(metavar="ID", help="As `drukte situations list` and every message show it.")],
    *,
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="Who ends it: a role, never a person's name.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is over although data do not say so.")],
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")
    ] = 30.0,
    lang: options.Language = "en",
) -> None:
    """End a situation by hand, for instance when its sensor is broken; while its counts stay as high it does not open again."""
    from pipelines import situation_closing
    from pipelines.cli import common
    from schemas import words

    level = _by_a_role(
        config, workspace, wait, at, situation,
        lambda store, settings, moment: situation_closing.close(store, settings, situation, role=role, reason=reason, at=moment),
    )  # fmt: skip
    print(common.text("closed_by_hand", lang, id=situation, role=role, level=words.word("level", level, lang)))


def board(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes; published/board/index.html if not given.")
    ] = None,
    at: At = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it read-only over HTTP until ended, as seen at each moment.")
    ] = False,
    host: Annotated[str, typer.Option("--host", metavar="NAME", help="With --serve: the address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="With --serve: the port.")] = 8425,
    lang: options.Language = "nl",
) -> None:
    """Write the situation board: one HTML page, and one in the other language beside it."""
    from pipelines import board as page
    from pipelines import faults
    from pipelines.cli import common

    named = common.split(municipality)
    if len(named) > 1:
        raise faults.UsageError("The board shows one municipality or all: name one with --municipality, or none.")
    one = named[0] if named else None
    if serve:
        if out or at:
            raise faults.UsageError("--serve shows the board of each moment: leave out --out and --at.")
        _serve(workspace, one, host, port, lang)
        return
    published = common.published(workspace)
    target = out or published.parent / "board" / "index.html"
    for path in page.write_both(published, target, lang=lang, at=common.moment(at) or common.now(), municipality=one):
        print(common.text("written", lang, path=path))


def _serve(workspace: Path, municipality: str | None, host: str, port: int, lang: str) -> None:
    """Serve the board of a workspace; one that has published nothing yet is waited for."""
    from pipelines.board import serve as serving
    from pipelines.cli import common

    published = workspace.resolve() / "published" / "indicators.duckdb"
    print(common.text("board_serving", lang, url=f"http://{host}:{port}/"), flush=True)
    serving.serve(serving.Pages(published, municipality, common.now), lang, host, port)


def explain(
    situation: Annotated[str | None, typer.Argument(help="A situation's id, as `drukte situations list` shows it.")] = None,
    *,
    indicator: Annotated[
        str | None, typer.Option("--indicator", metavar="ID", help="Instead: the value of an indicator …")
    ] = None,
    place: Annotated[str | None, typer.Option("--place", metavar="SLUG", help="… at a place …")] = None,
    time: Annotated[
        str | None, typer.Option("--time", metavar="T", help="… in the interval that holds this moment, with offset.")
    ] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """From a signal back to the rows behind it.

    Formula with numbers, threshold with file and line; recomputes and says whether it agrees (exit 5 when not).
    """
    from pipelines import explain as plain
    from pipelines import faults
    from pipelines.cli import common
    from pipelines.explain.text import lines
    from pipelines.versions.standing import standing

    published = common.published(workspace)
    by_value = [v for v in (indicator, place, time) if v is not None]
    if bool(situation) == bool(by_value) or len(by_value) not in (0, 3):
        raise faults.UsageError("Give a situation's id, or --indicator, --place and --time together.")
    asked = municipality or ([_municipality_of(published, situation)] if situation else None)
    settings, cards, notes = standing(workspace, config, common.one(config, asked), data, common.now())
    if situation:
        found = plain.explain_situation(published, settings, cards, situation)
    else:
        moment = common.moment(time)
        assert indicator and place and moment
        found = plain.explain_value(published, settings, cards, indicator, place, moment)
    if as_json:
        common.dump(found.as_dict() | {"config_notes": [getattr(n, lang) for n in notes]})
    else:
        print("\n".join([*lines(found, settings, lang), *(getattr(n, lang) for n in notes)]))
    if not found.agrees:
        raise typer.Exit(faults.FOUND)


def _municipality_of(published: Path, situation: str) -> str:
    """Whose situation it is. Raises :class:`pipelines.explain.NotFound`."""
    from pipelines.explain import NotFound
    from pipelines.published import connect

    con = connect(published)
    row = con.execute("SELECT municipality FROM situations WHERE situation_id = ?", [situation]).fetchone()
    con.close()
    if row is None:
        raise NotFound(f"no situation `{situation}`. `drukte situations list` shows those there are.")
    return str(row[0])
