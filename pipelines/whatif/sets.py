"""``--set density.elevated.enter=1.8``: single numbers on the command line as thresholds to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from indicators import layers
from indicators.card import Card
from indicators.chosen import chosen
from pipelines.faults import UsageError
from pipelines.whatif.changes import ALL_ALONG, BOOKKEEPING, Entry, with_entries
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.settings import BANDS, Band, Threshold, format_duration, parse_duration
from schemas.settings.bands import order_mistakes
from schemas.yamlfile import Document

FIELDS = {"enter": "enter", "exit": "exit", "for": "for_", "keep_for": "keep_for"}
_SHAPE = (
    "Write INDICATOR.BAND.FIELD=VALUE (density.elevated.enter=1.8), INDICATOR.params.NAME=VALUE or INDICATOR.weights.OTHER=VALUE."
)


@dataclass
class _Asked:
    """What is set of one indicator."""

    bands: dict[str, dict[str, str]] = field(default_factory=dict)
    params: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)


def applied(
    config: Config, cards: Mapping[str, Card], sets: Sequence[str], *, place: str | None, place_type: str | None, at: datetime
) -> Config:
    """The settings with these numbers, for the whole town, a type of place or one place. Raises :class:`UsageError`.

    What is not set of a band is as it is in force there at ``at``; ``exit`` then follows from the card's margin if ``enter`` is set.
    """
    asked = _asked(config, cards, sets)
    if place is not None and place not in config.place_ids:
        raise UsageError(f"no place `{place}`. {did_you_mean(place, config.place_ids)}")
    entries = [
        _entry(config, cards[name], wanted, {"place": place, "place_type": place_type}, at) for name, wanted in asked.items()
    ]
    return with_entries(config, entries)


def _entry(config: Config, card: Card, wanted: _Asked, where: dict[str, str | None], at: datetime) -> Entry:
    """A threshold of what is set of one indicator. Weights that are not set stay; together they must add up to 1."""
    bands = {band: _whole(config, card, band, given, where, at) for band, given in wanted.bands.items()}
    bands = {**_beside(config, card, bands, where, at), **bands}
    data = {**BOOKKEEPING, **where, "indicator": card.id, "effective_from": ALL_ALONG, "bands": bands, "params": wanted.params}
    if wanted.weights:
        settings = config.municipality.indicators.get(card.id)
        data["weights"] = {**(settings.weights if settings else {}), **wanted.weights}
    try:
        return Entry(Threshold.model_validate(data), Document("--set", {}, {(): 0}), ())
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ").replace(" |", ".")
        raise UsageError(f"--set {card.id}: {what}") from None


def _beside(config: Config, card: Card, bands: Mapping[str, Band], where: dict[str, str | None], at: datetime) -> dict[str, Band]:
    """The other bands as they are in force, where those that are set would be out of order with the ones that held before.

    An own edge that began last summer has the card's before it: 60 for critical fits the own 46 for high, and not the card's 66.
    """
    place, wanted = where["place"], where["place_type"]
    types = {r.place.place_type for r in config.places if r.place.kind in card.applies_to.kinds
             and place in (None, r.place.place) and wanted in (None, r.place.place_type)}  # fmt: skip
    if len(types) != 1:
        return {}
    earlier = card.bands_for(types.pop()) or {}
    if not order_mistakes({**earlier, **bands}, card.direction):  # type: ignore[dict-item]
        return {}
    now = {name: in_force(config, card, name, where, at) for name in BANDS if name not in bands}
    return {name: found[0] for name, found in now.items() if found}


def _asked(config: Config, cards: Mapping[str, Card], sets: Iterable[str]) -> dict[str, _Asked]:
    known = chosen(config, cards)
    found: dict[str, _Asked] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        kind = next((k for k in ("params", "weights") if f".{k}." in key), None)
        parts = key.split(f".{kind}.", 1) if kind else key.rsplit(".", 2)
        if not equals or len(parts) != (2 if kind else 3):
            raise UsageError(f"--set {text}: not understood. {_SHAPE}")
        name = parts[0]
        if name not in known:
            raise UsageError(f"--set {text}: no indicator `{name}` here. {did_you_mean(name, known)}")
        wanted = found.setdefault(name, _Asked())
        if kind:
            getattr(wanted, kind)[parts[1]] = _number(text, value)
        else:
            _band(text, parts[1], parts[2], value)
            wanted.bands.setdefault(parts[1], {})[parts[2]] = value
    return found


def _band(text: str, band: str, name: str, value: str) -> None:
    if band not in BANDS:
        raise UsageError(f"--set {text}: no band `{band}`. {did_you_mean(band, BANDS)}")
    if name not in FIELDS:
        raise UsageError(f"--set {text}: a band has no `{name}`. {did_you_mean(name, FIELDS)}")
    if name.endswith("for"):
        try:
            parse_duration(value)
        except ValueError as error:
            raise UsageError(f"--set {text}: {str(error).replace(' |', '.')}") from None
    else:
        _number(text, value)


def _number(text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"--set {text}: `{value}` is not a number. Write a point for the decimals, as in 1.8.") from None


def _whole(config: Config, card: Card, band: str, given: dict[str, str], where: dict[str, str | None], at: datetime) -> Band:
    """A band with what was given, and the rest as it is in force where it is meant for."""
    now = in_force(config, card, band, where, at)
    data: dict[str, Any] = {}
    for name, attribute in FIELDS.items():
        if name in given:
            data[name] = given[name] if name.endswith("for") else _number(f"{card.id}.{band}.{name}={given[name]}", given[name])
        elif name == "exit" and "enter" in given:
            continue
        else:
            values = {getattr(b, attribute) for b in now}
            if len(values) != 1:
                told = "is not set yet" if not values else "differs between the types of place"
                raise UsageError(f"{card.id}.{band}: `{name}` {told}. Set it too, or name --place-type or --place.")
            value = values.pop()
            data[name] = format_duration(value) if name.endswith("for") else value
    data = {name: value for name, value in data.items() if value is not None}
    try:
        return Band.model_validate({**data, "for_intervals": max((b.for_intervals for b in now), default=0)})
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ").replace(" |", ".")
        raise UsageError(f"{card.id}.{band}: {what}") from None


def in_force(config: Config, card: Card, band: str, where: dict[str, str | None], at: datetime) -> list[Band]:
    """The bands in force now where the new one is meant for, without what events and selectors by the clock change."""
    place, wanted = where["place"], where["place_type"]
    rows = [r for r in config.places if r.place.kind in card.applies_to.kinds and (place is None or r.place.place == place)]
    types = {r.place.place_type for r in rows if wanted is None or r.place.place_type == wanted}
    level = layers.LAYERS.index("place" if place else "place_type" if wanted else "municipality")
    entries = [e for e in layers.entries(config, card.id)
               if e.threshold.event is None and e.threshold.when is None and e.threshold.effective_from <= at
               and layers.LAYERS.index(e.layer) <= level]  # fmt: skip
    found = []
    for kind in types:
        active = [e for e in entries if layers.concerns(e, place or "", kind, frozenset())]
        candidates = layers.band_candidates(card, band, kind, active)  # type: ignore[arg-type]
        if candidates and isinstance(value := candidates[-1].value, Band):
            found.append(value)
    return found
