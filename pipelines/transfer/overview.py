"""One page of all towns, purposes, sources and indicators in use, from several packages. It reads packages only: there are no counts in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from indicators import kpi
from indicators.card import Card
from indicators.chosen import chosen, is_own
from pipelines import start, track
from pipelines.faults import UsageError
from pipelines.track import TrackState
from pipelines.track import page as track_page
from pipelines.transfer import package
from pipelines.transfer.package import About
from pipelines.transfer.say import say
from schemas import words, yamlfile
from schemas.config import Config
from schemas.problems import Problems
from schemas.settings import format_duration


@dataclass(frozen=True)
class Town:
    """A package read: its settings, the cards it came with by id (as parsed), and its tracks as of its own day."""

    about: About
    config: Config
    cards: Mapping[str, Card]
    packed: Mapping[str, dict[str, Any]]
    states: Sequence[TrackState]

    @property
    def slug(self) -> str:
        """The municipality."""
        return self.about.municipality


def towns(paths: Sequence[Path]) -> list[Town]:
    """The packages, by municipality. Raises :class:`UsageError` for two of one municipality, and what reading a package raises."""
    with ExitStack() as aside:
        found = [_town(path, aside) for path in paths]
    twice = {t.slug for t in found if sum(t.slug == other.slug for other in found) > 1}
    if twice:
        raise UsageError(f"two packages of {', '.join(sorted(twice))}: give the newest one.")
    return sorted(found, key=lambda town: town.slug)


def _town(path: Path, aside: ExitStack) -> Town:
    opened = aside.enter_context(package.laid_out(path))
    try:
        config, cards = start.ready(opened.config_dir, opened.about.municipality)
    except Problems as problems:
        raise Problems([type(p)(f"{path.name}: {p.file}", p.line, p.key, p.what, p.fix) for p in problems.problems]) from None
    packed = {
        Path(name).stem: yamlfile.parse(content.decode("utf-8-sig"), f"{path.name}: {name}").data
        for name, content in opened.files.items()
        if name.startswith("catalogue/")
    }
    return Town(opened.about, config, cards, packed, track.tracks(config, cards, opened.at, opened.stored))


def html(found: Sequence[Town], lang: str) -> str:
    """The page."""
    names = {**track_page.Voice(lang).names(), "t": partial(_said, lang)}
    return track_page.environment("pipelines.transfer").get_template("overview.html.j2").render(
        **names, towns=found, purposes=list(_purposes(found, lang)),
        sources=list(_sources(found, lang)), indicators=list(_indicators(found, lang)), kpis=list(_kpis(lang)),
        states=[state for town in found for state in town.states], identity=[_identity(town, lang) for town in found],
    )  # fmt: skip


def _said(lang: str, key: str, /, **parts: object) -> str:
    return say(key, lang, **parts)


def _identity(town: Town, lang: str) -> dict[str, Any]:
    settings = town.config.municipality
    kinds: dict[str, int] = {}
    for place in town.config.place_ids:
        kind = town.config.rows_of(place)[-1].place.kind
        kinds[kind] = kinds.get(kind, 0) + 1
    cbs = f"{settings.cbs.code} ({settings.cbs.year})" if settings.cbs else "–"
    return {"name": getattr(settings.name, lang), "slug": town.slug, "cbs": cbs, "clock": settings.timezone, "as_of": town.about.as_of,
            "release": town.about.release, "interval": format_duration(settings.interval),
            "places": ", ".join(f"{n} {kind}" for kind, n in kinds.items())}  # fmt: skip


def _purposes(found: Sequence[Town], lang: str) -> Iterator[dict[str, Any]]:
    for town in found:
        for adopted in town.config.municipality.purposes:
            yield {
                "purpose": getattr(town.config.purposes[adopted.purpose].title, lang), "id": adopted.purpose,
                "town": getattr(town.about.name, lang), "legal_basis": adopted.legal_basis,
                "dpia": f"{adopted.dpia.reference} ({adopted.dpia.date})", "k": adopted.k, "retention": format_duration(adopted.retention),
                "audience": ", ".join(adopted.audience), "owner": adopted.owner, "review_by": adopted.review_by,
                "late": adopted.review_by < town.about.as_of,
            }  # fmt: skip


def _sources(found: Sequence[Town], lang: str) -> Iterator[dict[str, Any]]:
    for town in found:
        for name, source in town.config.sources.items():
            yield {
                "id": name, "title": getattr(source.title, lang), "town": getattr(town.about.name, lang), "dataset": source.dataset,
                "supplier": source.supplier, "licence": source.licence, "places": len(set(source.place.map.values())),
                "cadence": f"{format_duration(source.stored_interval)} / {format_duration(source.delay)}",
            }  # fmt: skip


def _indicators(found: Sequence[Town], lang: str) -> Iterator[dict[str, Any]]:
    """A row an indicator that somebody uses, with a cell a town; versions that differ between packages are told."""
    used = {town.slug: chosen(town.config, town.cards) for town in found}
    names = dict.fromkeys(name for cards in used.values() for name in cards)
    for name in sorted(names, key=lambda n: ("." in n, n)):
        card = next(cards[name] for cards in used.values() if name in cards)
        packed = {town.slug: town.packed[name] for town in found if name in town.packed}
        same = all(other == next(iter(packed.values())) for other in packed.values())
        versions = "" if same else ", ".join(f"{slug} v{p.get('version', '?')}" for slug, p in packed.items())
        cells = [_cell(town, name, lang) if name in used[town.slug] else "" for town in found]
        risk = words.word("safety_risk", card.safety_risk, lang) if card.safety_risk else ""
        yield {"id": name, "title": getattr(card.title, lang), "risk": risk, "cells": cells, "differs": versions}


def _cell(town: Town, name: str, lang: str) -> str:
    if is_own(town.config, name):
        return say("own_card", lang)
    own = sum(entry.indicator == name for entry in town.config.municipality.thresholds)
    return say("own_edges", lang, n=own) if own else say("on", lang)


def _kpis(lang: str) -> Iterator[dict[str, Any]]:
    for name, declared in kpi.catalogue().items():
        yield {"id": name, "title": getattr(declared.title, lang), "kind": say(f"kind_{declared.kind}", lang),
               "question": getattr(declared.question, lang), "owner": declared.owner}  # fmt: skip
