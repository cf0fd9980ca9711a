"""Thresholds in layers (rule 20): card → municipality → place type → place → event; a layer replaces a whole band.

Inside a layer the narrower selector wins, then the later ``effective_from``, then the later line. Of two events at
one place the stricter edge wins. This is the only place where precedence is decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import get_args

from indicators.card import CATALOGUE
from indicators.grammar import ANY, Card
from indicators.local_clock import share
from schemas import yamlfile
from schemas.config import Config
from schemas.problems import Problems
from schemas.settings import Band, Threshold
from schemas.settings.bands import BandName

BAND_NAMES: tuple[BandName, ...] = get_args(BandName)
LAYERS = ("card", "municipality", "place_type", "place", "event")


@dataclass(frozen=True)
class Entry:
    """A threshold of the municipality: ``number`` is its place in the file, ``rank`` its precedence inside its layer."""

    number: int
    threshold: Threshold
    file: str
    line: int
    lines: dict[str, int]
    rank: tuple[int, int, float, datetime, int]

    @property
    def layer(self) -> str:
        """One of :data:`LAYERS`."""
        return self.threshold.layer


@dataclass(frozen=True)
class Candidate:
    """One layer's word on a band or parameter. ``entry`` is None for the card's own."""

    layer: str
    value: Band | float | dict[str, float]
    entry: Entry | None
    file: str
    line: int


def entries(config: Config, indicator: str) -> list[Entry]:
    """The thresholds that a municipality set for an indicator, in the order of the file."""
    document = config.document
    found = []
    for number, t in enumerate(config.municipality.thresholds):
        if t.indicator != indicator:
            continue
        path: yamlfile.Path_ = ("thresholds", number)
        lines: dict[str, int] = {name: document.line((*path, "bands", name)) for name in t.bands}
        lines |= {name: document.line((*path, "params", name)) for name in t.params}
        lines["weights"] = document.line((*path, "weights"))
        target = 2 if t.place else 1 if t.place_type else 0  # an event's entry may be for one place or type
        narrow = (t.when.narrowness, -share(t.when)) if t.when else (0, -1.0)
        rank = (target, *narrow, t.effective_from, number)
        found.append(Entry(number, t, document.file, document.line(path), lines, rank))
    return found


def concerns(entry: Entry, place: str, place_type: str | None, events: frozenset[str]) -> bool:
    """Whether an entry is meant for a place (of a type, with these events), leaving time aside."""
    t = entry.threshold
    return (
        (t.place is None or t.place == place)
        and (t.place_type is None or t.place_type == place_type)
        and (t.event is None or t.event in events)
    )


def band_candidates(card: Card, name: BandName, place_type: str | None, active: Iterable[Entry]) -> list[Candidate]:
    """What each layer says about a band, in rising precedence: the last one is in force. Empty when there is no such band."""
    own = (card.bands_for(place_type) or {}).get(name)
    found = [Candidate(e.layer, e.threshold.bands[name], e, e.file, e.lines[name]) for e in active if name in e.threshold.bands]
    ordered = _in_order(card, found)
    if own is None:
        return ordered
    file, lines = card_lines(card.id)
    return [Candidate("card", own, None, file, lines.get((_card_key(card, place_type), name), 1)), *ordered]


def parameter_candidates(card: Card, name: str, active: Iterable[Entry]) -> list[Candidate]:
    """What each layer says about a parameter, in rising precedence. Empty for a required one that nobody set."""
    found = [Candidate(e.layer, e.threshold.params[name], e, e.file, e.lines[name]) for e in active if name in e.threshold.params]
    ordered = _in_order(card, found)
    default = card.parameters[name].default
    if default is None:
        return ordered
    file, lines = card_lines(card.id)
    return [Candidate("card", default, None, file, lines.get(("parameters", name), 1)), *ordered]


def weight_candidates(card: Card, active: Iterable[Entry]) -> list[Candidate]:
    """What thresholds say of the weights of an indicator made of others, in rising precedence; each replaces all of them."""
    found = [Candidate(e.layer, e.threshold.weights, e, e.file, e.lines["weights"]) for e in active if e.threshold.weights]
    return _in_order(card, found)


def _in_order(card: Card, found: list[Candidate]) -> list[Candidate]:
    """Candidates of the municipality's layers in rising precedence."""
    best: dict[str, tuple[int, int, float, datetime, int]] = {}
    for c in found:
        if c.entry and c.entry.threshold.event:
            best[c.entry.threshold.event] = max(best.get(c.entry.threshold.event, c.entry.rank), c.entry.rank)

    def precedence(c: Candidate) -> tuple[object, ...]:
        assert c.entry is not None
        event = c.entry.threshold.event
        leads = event is not None and best[event] == c.entry.rank  # each event is spoken for by one entry
        return LAYERS.index(c.layer), leads, _strictness(card, c.value) if leads else (), c.entry.rank

    return sorted(found, key=precedence)


def _strictness(card: Card, value: Band | float | dict[str, float]) -> tuple[float, ...]:
    """Rises with strictness: reached earlier, left later, on sooner, kept longer. Parameters have no strictness."""
    if not isinstance(value, Band):
        return ()
    sign = -1 if card.direction == "up" else 1
    return (
        sign * value.enter, sign * card.exit_of(value), -value.for_.total_seconds(), -value.for_intervals,
        value.keep_for.total_seconds(),
    )  # fmt: skip


def _card_key(card: Card, place_type: str | None) -> str:
    return place_type if place_type in card.bands else ANY


def card_bands_line(card: Card, place_type: str | None) -> int:
    """Line on which a card's bands for a type of place begin."""
    return card_lines(card.id)[1].get((_card_key(card, place_type), ""), 1)


@lru_cache(maxsize=64)
def card_lines(card_id: str) -> tuple[str, dict[tuple[str, str], int]]:
    """File of a card as shown, and the line of each band, by (place type, band), and of each parameter."""
    file = f"indicators/catalogue/{card_id}.yaml"
    try:
        document = yamlfile.read(CATALOGUE / f"{card_id}.yaml", file)
    except Problems:  # a municipality's own card, kept elsewhere
        return f"{card_id}.yaml", {}
    bands = document.data.get("bands") or {}
    lines = {(kind, name): document.line(("bands", kind, name)) for kind in bands for name in bands[kind]}
    lines |= {(kind, ""): document.line(("bands", kind)) for kind in bands}
    lines |= {("parameters", name): document.line(("parameters", name)) for name in document.data.get("parameters") or {}}
    return file, lines
