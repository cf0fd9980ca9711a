"""The verb ``report``: the report of an event, or the handover of a shift."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options


def report(
    event: Annotated[
        str | None, typer.Argument(help="The event's id, as in the municipality's file; not with --handover.")
    ] = None,
    *,
    handover: Annotated[
        bool,
        typer.Option("--handover", help="Instead: the last half hour in ten lines, and a text and GeoJSON for a crisis system."),
    ] = False,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the files go; published/report if not given.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="T", help="The moment to look from, with offset; else now.")] = None,
    lang: options.Language = "nl",
) -> None:
    """The report of an event: HTML, and a PDF of it where Chromium is installed.

    Timeline, situations with signals and measures, quality of the data, earlier editions, and what was not seen.
    """
    from pipelines.cli import common
    from pipelines.faults import UsageError

    if bool(event) == handover:
        raise UsageError("Name an event, or ask for the handover of a shift with --handover.")
    published = common.published(workspace)
    named = common.split(municipality)
    if len(named) > 1:
        raise UsageError("One municipality at a time: name one with --municipality.")
    folder = out or published.parent / "report"
    moment, one = common.moment(at) or common.now(), named[0] if named else None
    folder.mkdir(parents=True, exist_ok=True)
    if handover:
        _handover(published, folder, lang, moment, one)
        return
    from pipelines.report import evening

    html = evening.html(published, str(event), lang=lang, at=moment, municipality=one)
    page = folder / f"{event}.{lang}.html"
    page.write_text(html, encoding="utf-8")
    print(common.text("written", lang, path=page))
    paper = page.with_suffix(".pdf")
    paper.unlink(missing_ok=True)
    why = evening.pdf(page, paper, lang)
    print(why or common.text("written", lang, path=paper))


def _handover(published: Path, folder: Path, lang: options.Lang, moment: datetime, municipality: str | None) -> None:
    """Ten lines on the terminal; text and GeoJSON as files."""
    import json

    from pipelines.cli import common
    from pipelines.report import handover

    told = handover.of(published, lang=lang, at=moment, municipality=municipality)
    print("\n".join(told.lines) + "\n")
    for name, text in (
        ("handover.txt", told.block),
        ("handover.geojson", json.dumps(told.features, ensure_ascii=False, indent=1)),
    ):
        (folder / name).write_text(text, encoding="utf-8")
        print(common.text("written", lang, path=folder / name))
