"""Rows of ``indicator_values`` as they should be: which exist, and value, bounds, level, status, reason and coverage of each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from schemas.datasets import DATASETS
from tests.oracle.worlds import formulas
from tests.oracle.worlds.cells import BEST
from tests.oracle.worlds.derived import AllSlots
from tests.oracle.worlds.shapes import Own, Town
from tests.oracle.worlds.slots import Slot, Slots, best

CATALOGUE = Path(__file__).resolve().parents[3] / "indicators" / "catalogue"
BANDS = ("elevated", "high", "critical")


@dataclass(frozen=True)
class Card:
    """What a card declares: numbers, edges, inputs. Its formula is not read."""

    id: str
    kinds: tuple[str, ...]
    place_types: dict[str, list[str]]
    phases: tuple[str, ...]
    needs: tuple[str, ...]
    max_minutes: float | None
    inputs: dict[str, dict[str, Any]]
    attributes: tuple[str, ...]
    optional: tuple[str, ...]
    parameters: dict[str, float]
    min_coverage: float
    digits: int
    down: bool
    signal: bool
    bands: dict[str, dict[str, float]]


@cache
def card(indicator: str) -> Card:
    own = yaml.safe_load((CATALOGUE / f"{indicator}.yaml").read_text(encoding="utf-8"))
    applies = own["applies_to"]
    unit = {"s": 1 / 60, "min": 1, "h": 60}
    longest = applies.get("max_interval")
    units = (("min", 1), ("s", unit["s"]), ("h", 60))
    minutes = next((int(longest[: -len(u)]) * f for u, f in units if longest.endswith(u)), None) if longest else None
    return Card(
        indicator, tuple(applies["kinds"]), applies.get("place_types", {}), tuple(applies.get("phases") or ()),
        tuple(applies.get("attributes", ())), minutes, own["inputs"], tuple(own.get("attributes", ())), tuple(own.get("optional", ())),
        {n: p["default"] for n, p in own.get("parameters", {}).items() if "default" in p}, own["min_coverage"], own["digits"],
        own["direction"] == "down", own["role"] == "signal",
        {kind: {band: b["enter"] for band, b in found.items()} for kind, found in own["bands"].items()},
    )  # fmt: skip


@dataclass
class Row:
    """``tie``: the raw value lies on a rounding edge, so that either neighbour is right. ``edge``: it meets an edge exactly."""

    indicator: str
    place: str
    start: datetime
    minutes: int
    status: str
    reason: str | None = None
    level: str = "unknown"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    coverage: float = 0.0
    tie: bool = False
    edge: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)


def rows(town: Town, wrong: frozenset[str] = frozenset(), slots: Slots | None = None, world: str = "") -> Iterator[Row]:
    """Every row that should be there, of the cards that need no history; of one world, or of all."""
    slots = slots or AllSlots(town, wrong)
    parts: dict[tuple[str, datetime], dict[str, Row]] = {}
    for indicator in town.indicators:
        if indicator not in formulas.FORMULAS:
            continue
        own = card(indicator)
        for place, start, minutes in where(town, own, world):
            found = judge(slots, own, place, start, minutes)
            if found:
                if indicator in town.weights:
                    parts.setdefault((place, start), {})[indicator] = found
                yield found
    if "weighted_risk" in town.indicators:
        own = card("weighted_risk")
        for (place, start), known in parts.items():
            if town.period(place, start).properties["kind"] in own.kinds:  # type: ignore[union-attr]
                yield weighted(town, own, known)


def weighted(town: Town, own: Card, parts: dict[str, Row]) -> Row:
    """Weight times severity; a part whose level is not known lies anywhere from 0 to its weight."""
    one = next(iter(parts.values()))
    row = Row(own.id, one.place, one.start, one.minutes, "ok")
    known = {name: part for name, part in parts.items() if part.level != "unknown"}
    row.coverage = sum(town.weights[name] for name in known)
    if not known:
        # A part may be measured and its level open all the same: it is not known.
        row.status = min(("missing" if p.status == "ok" else p.status for p in parts.values()), key=BEST.index)
        row.reason = "coverage" if row.status == "suppressed" else row.status
        return row
    low = sum(town.weights[name] * formulas.SEVERITY[part.level] for name, part in known.items())
    high = low + sum(weight for name, weight in town.weights.items() if name not in known)
    row.low, row.high, row.level = rounded(low, own.digits), rounded(high, own.digits), "normal"
    row.tie = on_a_tie(low, own.digits) or on_a_tie(high, own.digits)
    whole = len(known) == len(town.weights)
    row.value, row.reason = (row.low, None) if whole else (None, "range")
    return row


def where(town: Town, own: Card, world: str = "") -> Iterator[tuple[str, datetime, int]]:
    """Places and slots in which the card has rows if anything is counted there (rules 2, 3, 16; decision 0013)."""
    for place, periods in town.places.items():
        if not place.startswith(world) or not any(period.properties["kind"] in own.kinds for period in periods):
            continue
        start = town.start
        while start < town.end:
            minutes = town.interval_at(place, start)
            if _applies(town, own, place, start, minutes):
                yield place, start, minutes
            start += timedelta(minutes=minutes)


def _applies(town: Town, own: Card, place: str, start: datetime, minutes: int) -> bool:
    period = town.period(place, start)
    if period is None or period.properties["kind"] not in own.kinds:
        return False
    kind, place_type = period.properties["kind"], period.properties.get("place_type")
    if kind in own.place_types and place_type not in own.place_types[kind]:
        return False
    if own.phases and not any(n in own.phases and a <= start < b for e, _ in town.during(place, start) for n, a, b in e.phases):
        return False
    if own.max_minutes and minutes > own.max_minutes:
        return False
    if any(town.attribute(place, a, start) is None for a in own.needs):
        return False
    return not own.signal or bool(edges(town, own, place, place_type, start))


def edges(town: Town, own: Card, place: str, place_type: str | None, start: datetime) -> dict[str, float]:
    """Rule 20: the card's edges, replaced band by band by municipality, type of place, place, event."""
    found = dict(own.bands.get(place_type or "any") or own.bands.get("any") or {})
    for entry in said(town, own, place, place_type, start):
        found |= entry.enter
    return found


def said(town: Town, own: Card, place: str, place_type: str | None, start: datetime) -> list[Own]:
    """Own thresholds in force for a slot, from the layer that yields to the one that holds."""
    going_on = [e.slug for e, _ in town.during(place, start)]
    found = [
        o for o in town.own
        if o.indicator == own.id and o.since <= start and o.place in (None, place) and o.place_type in (None, place_type)
        and (o.event is None or o.event in going_on) and (o.clock is None or _clock(town, o.clock, start))
    ]  # fmt: skip
    return sorted(
        found, key=lambda o: (o.event is not None, o.place is not None, o.place_type is not None, o.clock is not None, o.since)
    )


def _clock(town: Town, span: str, start: datetime) -> bool:
    begin, end = span.split("-")
    now = start.astimezone(town.tz).strftime("%H:%M")
    return begin <= now < end if begin < end else now >= begin or now < end


def judge(slots: Slots, own: Card, place: str, start: datetime, minutes: int) -> Row | None:  # noqa: PLR0911
    """One row, or None where no input of the card is expected there."""
    town = slots.town
    slots.least = own.min_coverage
    inputs = {}
    for name, spec in own.inputs.items():
        ago = timedelta(minutes=int(spec["ago"].removesuffix("min"))) if "ago" in spec else timedelta(0)
        inputs[name] = pick(slots, spec["from"], place, start - ago, minutes)
    extra = {name: inputs.pop(name) for name in own.optional if name in inputs}
    if all(slot is None for slot in inputs.values()):
        return None
    if any(slot is None and not sporadic(slots, own.inputs[name]["from"], place) for name, slot in inputs.items()):
        return None
    found = {name: slot or Slot("missing", None, None, 0.0) for name, slot in inputs.items()}
    row = Row(own.id, place, start, minutes, "missing", inputs=inputs | extra)
    row.coverage = min(slot.coverage for slot in found.values())
    statuses = [slot.status for slot in found.values()]
    lost = [s for s in statuses if s != "ok"]
    withheld = "suppressed" in lost
    if any(
        slot.coverage == 0 for slot in found.values()
    ):  # withheld comes before missing, and the reason says what is lacking (decision 0008)
        row.status = min(lost, key=BEST.index)
        row.reason = "coverage" if row.status == "suppressed" else row.status
        return row
    row.status = "suppressed" if withheld else "ok"
    if row.coverage < own.min_coverage - 1e-12:
        return _unknown(row, "coverage")
    place_type = town.period(place, start).properties.get("place_type")  # type: ignore[union-attr]
    then = start + timedelta(minutes=minutes) if "late_attributes" in slots.wrong else start
    names: dict[str, Any] = {a: town.attribute(place, a, then) for a in own.attributes}
    names["planned"] = town.attribute(place, "planned_direction", start) is not None
    names |= own.parameters | {"minutes": minutes}
    for entry in said(town, own, place, place_type, start):
        names |= entry.params
    if any(names[a] is None for a in own.attributes if a not in own.optional):
        return _unknown(row, "attribute_missing")
    if any(slot.low is None for slot in found.values()):  # a mean withheld, or a share of nobody
        return _unknown(row, "suppressed" if withheld else "missing")
    return _evaluate(row, own, found, names, edges(town, own, place, place_type, start), slots.wrong)


def _unknown(row: Row, reason: str) -> Row:
    """Known inputs that give no value: withheld stays withheld (decision 0008)."""
    row.status, row.reason = "suppressed" if row.status == "suppressed" else "missing", reason
    return row


def pick(slots: Slots, references: list[str], place: str, start: datetime, minutes: int) -> Slot | None:
    """Of several references the first that is known, else the best other status (rule 5)."""
    found = [s for r in references if _counted_at(slots, r, place, start) and (s := slots.get(r, place, start, minutes))]
    return best(found, slots.least) if found else None


def sporadic(slots: Slots, references: list[str], place: str) -> bool:
    """Whether a source of reports counts here, so that the input is there although nothing was reported now."""
    datasets = {r.split(".")[0] for r in references if DATASETS[r.split(".")[0]].sporadic}
    return any(s.dataset in datasets and place in s.places for s in slots.town.sources)


def _counted_at(slots: Slots, reference: str, place: str, start: datetime) -> bool:
    dataset, measure = reference.split(".")
    period = slots.town.period(place, start)
    return period is not None and period.properties["kind"] in DATASETS[dataset].kinds_with(measure)


def _evaluate(
    row: Row, own: Card, found: dict[str, Slot], names: dict[str, Any], enter: dict[str, float], wrong: frozenset[str]
) -> Row:
    """The formula at every end of what the inputs can be."""
    corners = [dict(zip(found, ends, strict=True)) for ends in product(*({s.low, s.high} for s in found.values()))]
    condition = formulas.CONDITIONS.get(own.id)
    if condition and not all(condition[0](**names, **corner) for corner in corners):
        return _unknown(row, condition[1])
    applies = {formulas.APPLIES[own.id](**names, **corner) for corner in corners} if own.id in formulas.APPLIES else {True}
    if applies == {False}:
        row.status = row.reason = "not_applicable"
        row.level = "normal"
        return row
    values = [formulas.FORMULAS[own.id](**names, **corner) for corner in corners]
    if any(v is None for v in values):
        return _unknown(row, "undefined")
    if any(own.inputs[name]["monotone"] == "none" and slot.low != slot.high for name, slot in found.items()):
        return _unknown(row, "undecided")
    low, high = min(values), max(values)  # type: ignore[type-var]
    row.low, row.high = (rounded(v, own.digits) for v in (low, high))  # type: ignore[arg-type]
    row.tie = any(on_a_tie(v, own.digits) for v in (low, high))  # type: ignore[arg-type]
    row.value = row.low if low == high and row.status == "ok" else None
    levels = [level(v, enter, own.down, wrong) for v in (row.low, row.high)]
    if len(applies) == 2:  # it may not apply at all, which is normal
        levels = [*levels, "normal"]
    row.edge = row.value is not None and row.value in enter.values()
    capped, row.reason = _capped(levels, own, names, wrong)
    row.level = capped[0] if len(set(capped)) == 1 else "unknown"
    if row.level == "unknown":
        row.reason = "undecided"
    elif row.value is None:
        row.reason = "suppressed" if row.status == "suppressed" else "range"
    return row


def _capped(levels: list[str], own: Card, names: dict[str, Any], wrong: frozenset[str]) -> tuple[list[str], str | None]:
    cap = formulas.CAPS.get(own.id)
    if not cap or "no_cap" in wrong or not cap[0](**names):
        return levels, None
    most = formulas.LEVELS.index(cap[1])
    capped = [formulas.LEVELS[min(most, formulas.LEVELS.index(one))] for one in levels]
    return capped, cap[2] if capped != levels else None


def level(value: float, enter: dict[str, float], down: bool, wrong: frozenset[str] = frozenset()) -> str:
    """The highest band whose edge the rounded value reaches."""
    reached = "normal"
    for band in BANDS:
        edge = enter.get(band)
        beyond = edge is not None and (value <= edge if down else value >= edge)
        if beyond and not ("strict" in wrong and value == edge):
            reached = band
    return reached


def rounded(value: float, digits: int) -> float:
    """Half away from zero."""
    if on_a_tie(value, digits):
        value += math.copysign(1e-9 * max(1.0, abs(value)), value)
    return round(math.copysign(math.floor(abs(value) * 10**digits + 0.5) / 10**digits, value), digits) + 0.0


def on_a_tie(value: float, digits: int) -> bool:
    """Whether the next representable number could be rounded the other way."""
    scaled = abs(value) * 10**digits
    return abs(scaled - math.floor(scaled) - 0.5) < 1e-9 * max(1.0, scaled)
