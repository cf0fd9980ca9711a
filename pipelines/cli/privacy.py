"""Verbs on privacy: ``privacy audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options

app = typer.Typer(help="Whether what was published gives away what was withheld.", rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps the verb's own name while the group has one verb."""


@app.command("audit")
def audit(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    published: Annotated[
        Path | None, typer.Option("--published", metavar="DIR", help="Another folder of publications than the workspace's.")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="T", help="Only intervals from this moment on.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="T", help="Only intervals that start before this moment.")] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Attack everything that was published: can a withheld count be worked out from the numbers beside it?

    Reads all publications of the workspace, with every earlier version of every number, and changes nothing. Ends with 5 when
    anything can be worked out, and says from which published numbers.
    """
    from datetime import UTC, datetime

    from pipelines import start
    from pipelines.cli import common
    from pipelines.privacy import audit as plain
    from pipelines.privacy import say
    from schemas.config import load

    if published is None:
        published = common.published(workspace).parent
    elif not (published / "indicators.duckdb").exists():
        from pipelines.faults import UsageError

        raise UsageError(f"{published}: no indicators.duckdb here. Name the folder in which it stands with --published DIR.")
    first, last = common.moment(since), common.moment(until)
    span = (first or datetime.min.replace(tzinfo=UTC), last or datetime.max.replace(tzinfo=UTC)) if first or last else None
    told = []
    for slug in common.slugs(config, municipality or common.known(config)):
        settings = load(config, slug)
        report = plain(published, settings, start.cards(config), span=span)
        if report.counts or municipality:
            told.append((report, settings.tz))
    if as_json:
        common.dump([say.data(report) for report, _ in told])
    else:
        print("\n".join(line for report, tz in told for line in say.lines(report, tz, lang)))
    raise typer.Exit(5 if any(report.unsafe for report, _ in told) else 0)
