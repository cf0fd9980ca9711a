"""The verb ``docs``: write or compare the generated pages, or say what a town cannot see."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli import options


def docs(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say which pages are not up to date (exit 5).")] = False,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: Annotated[
        list[str] | None, typer.Option("--municipality", metavar="SLUG", help="Instead: what these towns cannot see.")
    ] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Write the pages and drawings that are made from cards, contracts and settings (docs/reference, config/schema).

    With --municipality nothing is written: it tells what that town cannot see, and where that could be mended.
    """
    from pipelines import docs as pages
    from pipelines import faults
    from pipelines.cli import common

    if municipality:
        _cannot_see(config, municipality, lang, as_json=as_json)
        return
    names = pages.stale(pages.files()) if check else pages.write()
    if as_json:
        common.dump(names)
    else:
        print(
            "\n".join(common.text("page_stale" if check else "written", lang, path=name) for name in names)
            or common.text("pages_fresh", lang)
        )
    if names and check:
        raise typer.Exit(faults.FOUND)


def _cannot_see(config: options.Config, municipality: list[str], lang: options.Lang, *, as_json: bool) -> None:
    from pipelines import blind, start
    from pipelines.cli import common
    from pipelines.docs import blind_page

    found = {}
    for slug in common.slugs(config, municipality):
        settings, cards = start.ready(config, slug)
        found[slug] = blind.spots(settings, cards)
        if not as_json:
            print(blind_page.section(settings, found[slug], lang))
    if as_json:
        common.dump(found)
