"""The settings in force for one indicator at one place, and their fingerprint (rule 21).

``config_hash`` covers the place, the attributes the card uses, parameters, band numbers, interval and k: what can change
a number or a level. Layer, file, line, owner and texts do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from indicators import layers
from indicators.grammar import SEVERITY, Card
from indicators.layers import Candidate, Entry
from schemas.config import Config, PlaceRow
from schemas.settings import Band, Event, When
from schemas.settings.bands import BandName

WEIGHT = "weight:"  # in front of the names of the indicators that a composite card weighs, among its parameters


@dataclass(frozen=True)
class BandInForce:
    """A band with its edges worked out, and who decided it.

    ``event``, ``decided_on``, ``review_by`` and ``reason`` are None for the card's own.
    """

    enter: float
    exit: float
    for_minutes: float
    keep_for_minutes: float
    at_once: str | None
    layer: str
    event: str | None
    file: str
    line: int
    owner: str
    decided_on: date | None
    review_by: date | None
    reason: str | None


@dataclass(frozen=True)
class Effective:
    """Everything that decides the numbers and levels of ``indicator`` at ``place`` for a stretch of time.

    ``values``: numeric attributes the card uses and its parameters; one that is not known is absent.
    ``threshold_source``: layer, file and line of what decided the bands, from the lowest band up, each once.
    """

    indicator: str
    place: str
    place_type: str | None
    interval: timedelta
    k: int
    values: dict[str, float]
    bands: dict[str, BandInForce]
    threshold_source: str
    config_hash: str

    @cached_property
    def _json(self) -> str:
        shown = ("enter", "exit", "for_minutes", "keep_for_minutes", "at_once", "layer", "file", "line")
        settings: dict[str, Any] = {
            "interval_minutes": int(self.interval.total_seconds() // 60),
            "place_type": self.place_type,
            "k": self.k,
            "values": self.values,
            "bands": {name: {key: getattr(band, key) for key in shown} for name, band in self.bands.items()},
        }
        return json.dumps(settings, sort_keys=True)

    def as_json(self) -> str:
        """As kept in table ``effective_settings``."""
        return self._json


@dataclass(frozen=True)
class _Judging:
    """The part of the settings that many places share: parameters, bands, and the text of both for the hash."""

    parameters: dict[str, float]
    bands: dict[str, BandInForce]
    threshold_source: str
    text: str


def active_at(
    events: Iterable[Event], entries: Iterable[Entry], at: datetime, held: Collection[When]
) -> tuple[tuple[Event, ...], tuple[Entry, ...]]:
    """Those events that go on, and those thresholds that are in force, for a slot that starts at ``at``.

    ``held``: the selectors by clock and calendar that hold then.
    """
    now = tuple(e for e in events if e.from_ <= at < e.to)
    ids = {e.event for e in now}
    active = tuple(
        e for e in entries
        if (t := e.threshold).effective_from <= at
        and (t.event is None or t.event in ids)
        and (t.when is None or t.when in held)
    )  # fmt: skip
    return now, active


def attribute_in_force(row: PlaceRow, events: Iterable[Event], name: str) -> float | None:
    """A numeric attribute of a place during ``events``: theirs go before its own, the smallest of two events' counts."""
    during = [float(v) for e in events if (v := getattr(e.places[row.place.place], name)) is not None]
    return min(during) if during else row.place.attributes().get(name)


class Resolver:
    """Works out what is in force for one card in one municipality; keeps what it worked out."""

    def __init__(self, config: Config, card: Card):
        self.config, self.card = config, card
        self.entries = layers.entries(config, card.id)
        self.uses = tuple(dict.fromkeys((*card.attributes, *card.applies_to.attributes)))
        self._concerned: dict[tuple[str | None, frozenset[str], str | None], tuple[Entry, ...]] = {}
        self._named = {e.threshold.place for e in self.entries if e.threshold.place}
        self._judging: dict[tuple[str | None, timedelta, tuple[int, ...]], _Judging | None] = {}
        self._same: dict[tuple[str, int], Effective] = {}
        self._settled: dict[tuple[int, tuple[str, ...], tuple[int, ...]], Effective | None] = {}
        self.kept: dict[str, Any] = {}  # per place what holds from when to when, for indicators.in_force
        settings = config.municipality.indicators.get(card.id)
        self._usual = (settings and settings.interval) or config.municipality.interval
        self._per_place = settings.place_intervals if settings else {}
        self.composite = any(SEVERITY in given.from_ for given in card.inputs.values())
        self.weights = settings.weights if settings and self.composite else {}

    def entries_for(self, row: PlaceRow) -> tuple[Entry, ...]:
        """The thresholds that can come into force at a place."""
        place, kind = row.place.place, row.place.place_type
        events = frozenset(e.event for e in self.config.events_of(place))
        key = (kind, events, place if place in self._named else None)
        if key not in self._concerned:
            self._concerned[key] = tuple(e for e in self.entries if layers.concerns(e, place, kind, events))
        return self._concerned[key]

    def can_apply(self, row: PlaceRow) -> bool:
        """Whether the card is for this kind and type of place at all (rule 16: elsewhere there is no row)."""
        wanted = self.card.applies_to
        types = wanted.place_types.get(row.place.kind)
        return row.place.kind in wanted.kinds and (types is None or row.place.place_type in types)

    def can_judge(self, row: PlaceRow) -> bool:
        """Whether the card ever has a row at a place: it applies, and no attribute, parameter or band is lacking for good."""
        events, entries = self.config.events_of(row.place.place), self.entries_for(row)
        known = self.attributes(row, events)
        complete = all(name in known for name in self.card.applies_to.attributes)
        finest = min((self.interval(row.place.place, (e,)) for e in events), default=self._usual)
        finest = min(finest, self.interval(row.place.place, ()))
        fine = self.card.applies_to.max_interval is None or finest <= self.card.applies_to.max_interval
        return self.can_apply(row) and complete and fine and self._judge(row.place.place_type, self._usual, entries) is not None

    def at(
        self, row: PlaceRow, events: Iterable[Event], entries: Iterable[Entry], at: datetime, held: Collection[When]
    ) -> Effective | None:
        """The settings for a slot that starts at ``at``; None where the card then has no row.

        ``events`` and ``entries``: those that can matter at the place. ``held``: the selectors that hold then.
        """
        now, active = active_at(events, entries, at, held)
        phases = self.card.applies_to.phases
        if phases and not any(p.phase in phases and p.from_ <= at < p.to for e in now for p in e.phases):
            return None
        key = (id(row), tuple(e.event for e in now), tuple(e.number for e in active))
        if key not in self._settled:
            self._settled[key] = self._effective(row, now, active)
        return self._settled[key]

    def interval(self, place: str, events: Iterable[Event]) -> timedelta:
        """The interval in force: the finest of the events', else the place's, the indicator's, the municipality's."""
        during = [i for e in events if (i := e.places[place].interval or e.interval)]
        return min(during, default=self._per_place.get(place, self._usual))

    def attributes(self, row: PlaceRow, events: Iterable[Event]) -> dict[str, float]:
        """Attributes that the card uses; an event's go before the place's own, the smallest of two events' counts."""
        found = {name: attribute_in_force(row, events, name) for name in self.uses}
        return {name: value for name, value in found.items() if value is not None}

    def _effective(self, row: PlaceRow, events: tuple[Event, ...], active: tuple[Entry, ...]) -> Effective | None:
        place, place_type = row.place.place, row.place.place_type
        values = self.attributes(row, events)
        if any(name not in values for name in self.card.applies_to.attributes):
            return None
        interval = self.interval(place, events)
        if self.card.applies_to.max_interval and interval > self.card.applies_to.max_interval:
            return None
        key = (place_type, interval, tuple(e.number for e in active))
        if key not in self._judging:
            self._judging[key] = self._judge(place_type, interval, active)
        judging = self._judging[key]
        if judging is None:
            return None
        config = self.config
        numbers = "|".join(f"{n}={v!r}" for n, v in values.items())
        text = f"{config.municipality.municipality}|{place}|{config.k}|{numbers}|{judging.text}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        values.update(judging.parameters)
        same = self._same.get((digest, id(judging)))
        if same is not None:
            return same  # another period or event that changes nothing for this card
        effective = Effective(
            self.card.id, place, place_type, interval, config.k, values, judging.bands, judging.threshold_source, digest
        )
        self._same[digest, id(judging)] = effective
        return effective

    def _judge(self, place_type: str | None, interval: timedelta, active: tuple[Entry, ...]) -> _Judging | None:
        """None when a required parameter or a weight is not set, or a signal card has no band at all for this type of place."""
        card = self.card
        weights = self.weights_in_force(active)
        if self.composite and not weights:
            return None
        chosen = {name: layers.parameter_candidates(card, name, active) for name in card.parameters}
        candidates = [(name, layers.band_candidates(card, name, place_type, active)) for name in layers.BAND_NAMES]
        winners = {name: found[-1] for name, found in candidates if found}
        if not all(chosen.values()) or (card.role == "signal" and not winners):
            return None
        parameters = {name: float(found[-1].value) for name, found in chosen.items()}  # type: ignore[arg-type]
        parameters |= {f"{WEIGHT}{name}": weight for name, weight in weights.items()}
        bands: dict[str, BandInForce] = {name: self.in_force(name, candidate, interval) for name, candidate in winners.items()}
        source = "; ".join(dict.fromkeys(self._source(place_type, c) for c in winners.values()))
        edges = [(n, b.enter, b.exit, b.for_minutes, b.keep_for_minutes, b.at_once) for n, b in bands.items()]
        text = repr((card.id, interval.total_seconds(), sorted(parameters.items()), edges))
        return _Judging(parameters, bands, source, text)

    def weights_in_force(self, active: Iterable[Entry]) -> dict[str, float]:
        """The weights of the others that the card is made of: those of the last layer that sets any, else the municipality's."""
        found = layers.weight_candidates(self.card, active) if self.composite else []
        value = found[-1].value if found else self.weights
        assert isinstance(value, dict)
        return value

    def in_force(self, name: BandName, candidate: Candidate, interval: timedelta) -> BandInForce:
        """A candidate's band with exit and durations worked out."""
        band, entry = candidate.value, candidate.entry
        assert isinstance(band, Band)
        t = entry.threshold if entry else None
        return BandInForce(
            enter=band.enter, exit=self.card.exit_of(band),
            for_minutes=max(band.for_, band.for_intervals * interval).total_seconds() / 60,
            keep_for_minutes=band.keep_for.total_seconds() / 60,
            at_once=self.card.at_once(name),  # part of the definition: no municipality overrides it
            layer=candidate.layer, event=t.event if t else None, file=candidate.file, line=candidate.line,
            owner=t.owner if t else self.card.owners.definition, decided_on=t.decided_on if t else None,
            review_by=t.review_by if t else None, reason=t.reason if t else None,
        )  # fmt: skip

    def _source(self, place_type: str | None, candidate: Candidate) -> str:
        line = candidate.entry.line if candidate.entry else layers.card_bands_line(self.card, place_type)
        return f"{candidate.layer}: {candidate.file}:{line}"


_KEPT: dict[tuple[int, int], Resolver] = {}
_KEEP = 64


def resolver(config: Config, card: Card) -> Resolver:
    """The resolver of a card in a municipality; the last ones used are kept."""
    key = id(config), id(card)  # a kept resolver holds both, so their ids cannot come to mean something else
    if key not in _KEPT:
        while len(_KEPT) >= _KEEP:
            del _KEPT[next(iter(_KEPT))]
        _KEPT[key] = Resolver(config, card)
    return _KEPT[key]
