"""Verbs that read what was published: ``status``, ``situations``, ``explain``, ``board``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipelines.cli import options

situations = typer.Typer(help="Situations: a place, a stretch of time and a safety risk.", rich_markup_mode=None, no_args_is_help=True)

Here = Annotated[
    list[str] | None, typer.Option("--municipality", metavar="SLUG", help="Only these, with commas or repeated; all if not given.")
]
At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment to look from, with offset; the clock's if not given.")]


def status(
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: Here = None,
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Freshness per source, open situations, last runs, review dates, disk."""
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
    runs = [(r["municipality"], f"{r['at']:%Y-%m-%d %H:%M}Z", r["verb"], r["message"]) for r in found["runs"]]
    today = found["at"].date()
    reviews = [
        (r["review_by"], r["what"], r["owner"], f"{r['file']}:{r['line']}", common.text("overdue", lang) if r["review_by"] < today else "")
        for r in found["reviews"]
    ]
    parts = {
        "sources": common.table(("", "", "", "deliveries", "turned away", "rows refused"), sources),
        "situations": "\n".join(evening.in_a_line(s, lang) for s in found["situations"]) or common.text("nothing_found", lang),
        "runs": common.table(("", "", "", ""), runs),
        "reviews": common.table(("", "", "", "", ""), reviews) if reviews else common.text("nothing_found", lang),
    }
    disk = common.text("disk", lang, **{name: size / 1e6 for name, size in found["disk"].items()})
    return [*(f"{common.text(title, lang)}\n{body}" for title, body in parts.items()), disk]


def _freshness(source: dict[str, Any], lang: str) -> str:
    """``fresh, 12 min old (stale after 20)``; ``silent`` when there was nothing at all lately."""
    from pipelines.cli import common

    if source["age_minutes"] is None:
        return common.text("silent", lang)
    values = {"age": source["age_minutes"], "limit": source["stale_after_minutes"]}
    return common.text("fresh" if source["fresh"] else "stale", lang, **values)


@situations.command("list")
def list_situations(
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: Here = None,
    state: Annotated[Literal["pending", "open", "closed"] | None, typer.Option("--state", help="Only those in this state.")] = None,
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


def board(
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: Here = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where the page goes; published/board/index.html if not given.")
    ] = None,
    at: At = None,
    lang: options.Language = "nl",
) -> None:
    """Write the situation board: one HTML page that needs nothing else."""
    from pipelines import board as page
    from pipelines.cli import common

    published = common.published(workspace)
    named = common.split(municipality)
    if len(named) > 1:
        raise common.UsageError("The board shows one municipality or all: name one with --municipality, or none.")
    target = out or published.parent / "board" / "index.html"
    path = page.write(published, target, lang=lang, at=common.moment(at) or common.now(), municipality=named[0] if named else None)
    print(common.text("written", lang, path=path))
