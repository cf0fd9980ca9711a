"""Verbs on what leaves the house: ``export contract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options

app = typer.Typer(help="What leaves the house, in a form of others.", rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps the verb's own name while the group has one verb."""


@app.command("contract")
def contract(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where they go, a folder each.")] = Path("contracts"),
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="D", help="Only these, with commas or repeated; all if not given.")
    ] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """The standard datasets as Data Packages (v2), each with example rows.

    Any tool that knows the standard checks a file against them: `frictionless validate contracts/zone_counts/datapackage.json`.
    """
    from pipelines.cli import common
    from pipelines.export import contract as plain
    from pipelines.faults import UsageError
    from schemas.datasets import DATASETS
    from schemas.mistakes import did_you_mean

    names = common.split(dataset) or list(DATASETS)
    for name in names:
        if name not in DATASETS:
            raise UsageError(f"There is no dataset `{name}`. {did_you_mean(name, DATASETS)}")
    files = plain.write(out, names)
    if as_json:
        common.dump(files)
    else:
        print("\n".join(common.text("written", lang, path=path) for path in files))
