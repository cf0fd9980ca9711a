"""What of a municipality carries over to the next one, and what each town decides anew: one list, used in the package and by ``--from``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from indicators.card import Card
from indicators.chosen import chosen, is_own
from pipelines.compare import facts
from schemas.config import Config
from schemas.settings import format_duration


@dataclass(frozen=True)
class Line:
    """One point: ``text`` is a key of ``texts.yaml``, ``parts`` fill it in (a dict is in two languages); where it stands."""

    kind: Literal["generic", "confirm", "specific"]
    text: str
    parts: Mapping[str, Any]
    where: str


def lines(config: Config, cards: Mapping[str, Card]) -> list[Line]:
    """Generic points first, then those to be confirmed, then those to be decided anew."""
    found = [*_generic(config, cards), *_thresholds(config, cards), *_specific(config)]
    return sorted(found, key=lambda line: ("generic", "confirm", "specific").index(line.kind))


def _generic(config: Config, cards: Mapping[str, Card]) -> Iterator[Line]:
    town, at = config.municipality, config.document.line
    for name, purpose in config.purposes.items():
        parts = {"title": purpose.title.model_dump(), "floor": purpose.k_floor}
        yield Line("generic", "carries_purpose", parts, config.purpose_documents[name].file)
    for name, source in config.sources.items():
        parts = {"name": name, "supplier": source.supplier, "dataset": source.dataset}
        yield Line("generic", "carries_source", parts, config.source_documents[name].file)
    used = chosen(config, cards)
    own = [name for name in used if is_own(config, name)]
    yield Line(
        "generic",
        "carries_indicators",
        {"names": ", ".join(n for n in used if n not in own)},
        f"{config.file}:{at(('indicators',))}",
    )
    for name in own:
        yield Line("generic", "carries_own_card", {"name": name}, f"{config.folder.name}/indicators/{name}.yaml")
    yield Line("generic", "carries_roles", {"names": ", ".join(town.roles)}, f"{config.file}:{at(('roles',))}")
    if rules := town.alerts.rules:
        stories = len(list((config.folder / "alerts" / town.municipality).glob("*.yaml")))
        parts = {"n": len(rules), "channels": ", ".join(town.alerts.channels), "stories": stories}
        yield Line("generic", "carries_alerts", parts, f"{config.file}:{at(('alerts',))}")
    rhythm = {"interval": format_duration(town.interval), "pace": format_duration(town.pace)}
    yield Line("generic", "carries_rhythm", rhythm, f"{config.file}:{at(('interval',))}")


def _thresholds(config: Config, cards: Mapping[str, Card]) -> Iterator[Line]:
    for number, entry in enumerate(config.municipality.thresholds):
        local = entry.layer in ("place", "event")
        where = f"{config.file}:{config.document.line(('thresholds', number))}"
        for key, value in threshold_values(config, cards, number):
            parts = {"key": key, "value": value, "reason": entry.reason}
            yield Line("specific" if local else "confirm", "threshold", parts, where)
    for name, settings in config.municipality.indicators.items():
        if settings.weights:
            told = ", ".join(f"{part} {weight:g}" for part, weight in settings.weights.items())
            parts = {"name": name, "value": told, "reason": settings.reason or "-"}
            yield Line("confirm", "weights", parts, f"{config.file}:{config.document.line(('indicators', name))}")


def threshold_values(config: Config, cards: Mapping[str, Card], number: int) -> Iterator[tuple[str, str]]:
    """What a threshold is for, and its value, as ``config diff`` tells them."""
    entry = config.municipality.thresholds[number]
    card = cards.get(entry.indicator)
    for level, band in entry.bands.items():
        yield facts.threshold_key(entry, level), facts.band_text(card, band) if card else f"enter {band.enter:g}"
    for name, value in {**entry.params, **entry.weights}.items():
        yield facts.threshold_key(entry, name), f"{value:g}"


def _specific(config: Config) -> Iterator[Line]:
    town, at = config.municipality, config.document.line
    yield Line("specific", "anew_identity", {"name": town.name.model_dump()}, f"{config.file}:{at(('name',))}")
    yield Line("specific", "anew_places", {"n": len(config.place_ids)}, f"{config.folder.name}/municipalities/{town.places}")
    for name in config.sources:
        document = config.source_documents[name]
        yield Line("specific", "anew_map", {"name": name}, f"{document.file}:{document.line(('place', 'map'))}")
    for number, adopted in enumerate(town.purposes):
        parts = {"purpose": adopted.purpose, "basis": adopted.legal_basis, "dpia": adopted.dpia.reference, "k": adopted.k,
                 "days": format_duration(adopted.retention), "review": adopted.review_by, "owner": adopted.owner}  # fmt: skip
        yield Line("specific", "anew_purpose", parts, f"{config.file}:{at(('purposes', number))}")
    if config.reviews:
        where = f"{config.folder.name}/reviews/{town.municipality}.yaml"
        yield Line(
            "specific", "anew_review", {"purposes": ", ".join(dict.fromkeys(r.purpose for r in config.reviews.reviews))}, where
        )
    if town.alerts.rules:
        named = sorted({place for rule in town.alerts.rules for place in rule.places})
        yield Line("specific", "anew_alerts", {"places": ", ".join(named) or "-"}, f"{config.file}:{at(('alerts',))}")
    for key in ("events", "event_days", "event_series", "flags", "freezes", "frozen_periods", "resets"):
        if listed := getattr(town, key):
            yield Line("specific", f"anew_{key}", {"n": len(listed)}, f"{config.file}:{at((key,))}")
