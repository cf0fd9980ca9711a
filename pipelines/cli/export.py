"""Verbs on what leaves the house: ``export contract``, ``transfer``, ``overview``; those under a purpose stand in ``export_process.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import export_process, options

app = typer.Typer(help="What leaves the house, in a form of others.", rich_markup_mode=None, no_args_is_help=True)

for _verb in (
    export_process.public,
    export_process.partner,
    export_process.dpia,
    export_process.register,
    export_process.citizen,
):
    app.command()(_verb)


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


@app.command("transfer")
def transfer(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The archive; else <slug>-transfer.zip. It must not exist.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="T", help="Dates are judged as of this moment, with offset; else now.")
    ] = None,
    without_decisions: Annotated[
        bool,
        typer.Option("--without-decisions", help="Leave out what the workspace tells: its ledger, when it ran and measured."),
    ] = False,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """One archive with all that another municipality needs to begin: settings, definitions, documents, a filled-in checklist, a how-to.

    No counts, and no persons: a text that looks like person-level content is refused with file and line (exit 3). The same settings
    on the same day give the same bytes. The next town begins with `drukte config init --from FILE`.
    """
    from pipelines import start
    from pipelines import transfer as plain
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.track import stored
    from pipelines.transfer.say import say

    slugs = common.slugs(config, municipality)
    if len(slugs) > 1:
        raise UsageError("a package is of one municipality: name one with --municipality SLUG.")
    path = out or Path(f"{slugs[0]}-transfer.zip")
    if path.exists():
        raise UsageError(f"{path} exists already: nothing is overwritten. Name another file with --out.")
    moment = common.moment(at) or common.now()
    there = None if without_decisions else stored.read(workspace, slugs[0], moment)
    made = plain.make(*start.ready(config, slugs[0], data), moment, there, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(made.content)
    aside.replace(path)
    files = plain.package.read(path).about.files  # read again as the receiver will
    if as_json:
        common.dump(
            {"file": str(path), "as_of": made.about.as_of, "files": [f.name for f in files], "notes": [k for k, _ in made.notes]}
        )
        return
    print(say("exported", lang, path=path, n=len(files), size=len(made.content) / 1000, day=made.about.as_of))
    print(say("exported_next", lang, path=path))
    for key, parts in made.notes:
        print(common.text("note", lang, note=say(key, lang, **parts)))


@app.command("overview")
def overview(
    packages: Annotated[list[Path], typer.Argument(metavar="PACKAGE...", help="Packages made by `drukte export transfer`.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page.")] = Path("overview.html"),
    lang: options.Language = "en",
) -> None:
    """One page (HTML) of all towns, purposes, sources and indicators in use, from several transfer packages."""
    from pipelines.cli import common
    from pipelines.transfer import overview as plain

    page = plain.html(plain.towns(packages), lang)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    print(common.text("written", lang, path=out))
