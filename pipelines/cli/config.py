"""Verbs on settings: ``config check`` and ``config show``; the others stand in ``config_*.py`` beside this file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import config_compare, config_live, config_new, options

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from indicators.card import Card
    from indicators.in_force import ChainLink
    from schemas.config import Config

app = typer.Typer(help="Settings: are they sound, and what is in force.", rich_markup_mode=None, no_args_is_help=True)
for _verb in (config_compare.diff, config_live.accept, config_new.init, config_new.schema):
    app.command()(_verb)


@app.command("check")
def check(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.OnlyMunicipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Every mistake with file, line, key and what to do (exit 2 when there is one); then what a person should look at.

    Read are the municipality's own file with its places, sources, purposes and own cards, and its track and concerns.
    """
    from dataclasses import asdict

    from indicators import config_check
    from pipelines import faults, start
    from pipelines.cli import common
    from pipelines.track.read import mistakes as mistakes_of_the_track
    from schemas.problems import Problem, Problems

    mistakes: dict[str, list[Problem]] = {}
    notes: dict[str, list[Problem]] = {}
    for slug in common.slugs(config, municipality) if municipality else common.known(config):
        try:
            settings, cards, mistakes[slug] = start.checked(config, slug, data)
            mistakes[slug] += mistakes_of_the_track(settings)
            notes[slug] = config_check.warnings(settings, cards, common.now())
        except Problems as problems:
            mistakes[slug], notes[slug] = problems.problems, []
    if as_json:
        found = {slug: {"mistakes": mistakes[slug], "notes": notes[slug]} for slug in mistakes}
        common.dump({slug: {kind: [asdict(p) for p in ps] for kind, ps in by_kind.items()} for slug, by_kind in found.items()})
    else:
        # Municipalities share sources and purposes: a mistake in one of those is said once.
        print("\n".join(dict.fromkeys(str(p) for found in mistakes.values() for p in found)) or common.text("sound", lang))
        for note in (n for found in notes.values() for n in found):
            print(common.text("note", lang, note=note))
    if any(mistakes.values()):
        raise typer.Exit(faults.USAGE)


@app.command("show")
def show(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    indicator: Annotated[str | None, typer.Option("--indicator", metavar="ID", help="Only this indicator.")] = None,
    place: Annotated[str | None, typer.Option("--place", metavar="SLUG", help="Only this place.")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="T", help="In force at this moment, with offset; else now.")] = None,
    why: Annotated[
        bool, typer.Option("--why", help="Each value with its whole chain: who decided, when, why, and what it replaced.")
    ] = False,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """What is in force for each indicator and place, and which layer, file and line decided it.

    A line with `-` is what another layer said and the line below it (marked `=`) replaced. In a workspace in which a version was
    accepted, that version counts, and a note says where the files differ from it.
    """
    from dataclasses import asdict

    from pipelines.cli import common, config_why
    from pipelines.versions.standing import standing

    moment = common.moment(at) or common.now()
    towns, told = {}, []
    for slug in common.slugs(config, municipality):
        settings, cards, notes = standing(workspace, config, slug, data, moment)
        towns[slug] = settings, cards
        told += [common.text("warning", lang, slug=slug, note=getattr(n, lang)) for n in notes]
    found = [
        (slug, name, where, links)
        for slug, (settings, cards) in towns.items()
        for name, where, links in _in_force(settings, cards, moment, indicator, place)
    ]
    for line in told:  # beside what was asked for, so that --json stays JSON
        print(line, file=sys.stderr)
    if why:
        rows = [
            (slug, name, where, config_why.chains(towns[slug][0], towns[slug][1][name], links))
            for slug, name, where, links in found
        ]
        if as_json:
            common.dump([{"municipality": s, "indicator": i, "place": p, "settings": chain} for s, i, p, chain in rows])
        else:
            print("\n".join(line for s, i, p, chain in rows for line in (f"{s}: {i}, {p}", *config_why.said(chain, lang))))
        return
    if as_json:
        common.dump([
            {"municipality": slug, "indicator": name, "place": where, "settings": [asdict(link) for link in links]}
            for slug, name, where, links in found
        ])  # fmt: skip
        return
    for slug, name, where, links in found:
        print(f"{slug}: {name}, {where}")
        print("\n".join(_said(link) for link in links))
    if not found:
        print(common.text("nothing_found", lang))


def _in_force(
    settings: Config, cards: dict[str, Card], at: datetime, indicator: str | None, place: str | None
) -> Iterator[tuple[str, str, list[ChainLink]]]:
    """(indicator, place, what each layer says) wherever a card applies at ``at``."""
    from indicators.chosen import chosen
    from indicators.in_force import explain_chain
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    used, places = list(chosen(settings, cards)), list(settings.place_ids)
    for asked, there, kind in ((indicator, used, "indicator"), (place, places, "place")):
        if asked is not None and asked not in there:
            raise UsageError(f"{settings.municipality.municipality}: no {kind} `{asked}`. {did_you_mean(asked, there)}")
    for name in [indicator] if indicator else used:
        for where in [place] if place else places:
            links = explain_chain(settings, cards[name], where, at)
            if links:
                yield name, where, links


def _said(link: ChainLink) -> str:
    by = f"  {link.owner}, {link.decided_on}, review by {link.review_by}: {link.reason}" if link.won and link.owner else ""
    return f"  {'=' if link.won else '-'} {link.what} {link.name}: {link.text}  [{link.layer}: {link.file}:{link.line}]{by}"
