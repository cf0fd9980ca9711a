"""Indicators that need a history: towns of a few places over nine weeks of hours, and the naive answer (rule 18, decision 0003).

The history of a place is :class:`tests.oracle.naive.History`, written by another hand from the same definitions.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import holidays as calendar_of

from tests.oracle import naive
from tests.oracle.worlds import faults
from tests.oracle.worlds.derived import AllSlots
from tests.oracle.worlds.fill import TRUTH
from tests.oracle.worlds.judge import Card, Row, card, edges, level, on_a_tie, pick, rounded, where
from tests.oracle.worlds.shapes import Event, Flag, Period, Source, Town, steps
from tests.oracle.worlds.slots import Slot, Slots

INDICATORS = ("unusualness", "busy_for_this_time", "mode_shift")
LAST = {  # the last day, so that a clock change or a holiday lies among the days looked at
    ("Europe/Amsterdam", "NL"): ("2026-04-01", "2026-05-16", "2026-10-29", "2026-04-12"),
    ("Australia/Melbourne", "AU-VIC"): ("2026-04-09", "2026-10-08"),
    ("UTC", "NL"): ("2026-06-20", "2026-05-16"),
}
WEEKS, LOOKED_AT = 9, 9


def town(seed: int, worlds: int, first: int = 0) -> Town:
    """Each world: a zone, a line of three modes, a gate, a car park, a stop, a link and an area of two zones."""
    rng = random.Random(seed)
    (zone, code), lasts = rng.choice(sorted(LAST.items()))
    end = datetime.fromisoformat(rng.choice(lasts)).replace(tzinfo=UTC)
    start = end - timedelta(weeks=WEEKS)
    made = Town(seed, zone, code, 60, rng.choice((1, 5, 15)), start, end, worlds, indicators=INDICATORS)
    made.sources = [
        Source("zones-a", "zone_counts", ("present",), (), 60, 1),
        Source("zones-b", "zone_counts", ("present",), (), 60, 2),
        Source("gates-a", "passage_counts", ("count_in", "count_out"), (), 60, 1),
        Source("modes", "passage_counts", ("count_total", "cyclists", "motor_vehicles"), (), 60, 1),
        Source("parking", "facility_occupancy", ("occupied",), (), 60, 1),
        Source("stops", "stop_counts", ("boarding",), (), 60, 1),
        Source("roads", "link_speeds", ("vehicles",), (), 60, 1),
    ]
    for number in range(first, first + worlds):
        _world(made, rng, f"h{number}-")
    TRUTH[id(made)] = {s.name: _history(made, s, rng) for s in made.sources}
    faults.deliver(made, rng)
    return made


def _world(town: Town, rng: random.Random, w: str) -> None:
    kinds = {
        "plaza": ("zone", {"place_type": "standing"}, ("zones-a", *(("zones-b",) if rng.random() < 0.4 else ()))),
        "lane": ("zone", {"place_type": "moving"}, ("zones-a",)), "gate": ("line", {}, ("gates-a",)), "path": ("line", {}, ("modes",)),
        "garage": ("facility", {}, ("parking",)), "tram": ("stop", {}, ("stops",)), "road": ("link", {}, ("roads",)),
        "town": ("area", {"parts": [w + "plaza", w + "lane", w + "path"]}, ()),
    }  # fmt: skip
    for name, (kind, own, sources) in kinds.items():
        began = (
            town.start + timedelta(weeks=rng.choice((2, 5)))
            if not w.endswith("0-") and rng.random() < 0.08
            else datetime(2020, 1, 1, tzinfo=UTC)
        )
        town.places[w + name] = [Period(began, {"kind": kind, **own})]
        for source in town.sources:
            if source.name in sources:
                source.places = (*source.places, w + name)
    days = steps(town.start, town.end, 1440)
    if rng.random() < 0.5:
        begin = rng.choice(days) + timedelta(hours=rng.randrange(24))
        if town.period(w + "plaza", begin):
            town.events.append(Event(w + "fair", begin, begin + timedelta(hours=rng.choice((3, 20))), {w + "plaza": {}}))
    for effect in (("outage",), ("no_baseline",), ("outage", "no_baseline")):
        if rng.random() < 0.4:
            source = rng.choice([s for s in town.sources if any(p.startswith(w) for p in s.places)])
            place = rng.choice([p for p in source.places if p.startswith(w)])
            begin = rng.choice(days) + timedelta(hours=rng.randrange(24))
            town.flags.append(Flag(source.name, place, begin, begin + timedelta(hours=rng.choice((2, 30))), effect))


def _history(town: Town, source: Source, rng: random.Random) -> dict[tuple[str, datetime], dict[str, str]]:
    """A daily rhythm, or always nearly the same; in the last days numbers that make z meet an edge exactly."""
    truth = {}
    judged, still = town.end - timedelta(days=1), town.end - timedelta(days=21)
    for place in source.places:
        base, steady = rng.choice((3, 20, 99, 400, 1000)), rng.random() < 0.5
        for start in steps(max(town.start, town.places[place][0].start), town.end, source.minutes):
            local = start.astimezone(town.tz)
            rhythm = 1.0 if steady else 0.2 + max(0.0, math.sin((local.hour - 6) / 24 * 2 * math.pi))
            number = round(base * rhythm * (1 if steady else rng.choice((1, 1.1, 0.9, rng.uniform(0.7, 1.3)))))
            if start >= judged and rng.random() < 0.5:
                sigma = max(math.sqrt(number + 1), 0.067 * number / 0.6745)
                number = max(0, round(number + sigma * rng.choice((2, 3, 1.9, 6, 1, -1))))
            elif rng.random() < 0.03 and not (steady and start >= still):
                number = rng.choice((0, 1, town.k, town.k - 1, 4 * number))
            parts = {"present": number, "occupied": number, "boarding": number, "vehicles": number, "count_total": number,
                     "count_in": number // 3, "count_out": number - number // 3,
                     "cyclists": rng.choice((number // 2, number // 4, rng.randint(0, 60))), "motor_vehicles": rng.randint(0, 40)}  # fmt: skip
            truth[place, start] = {m: str(max(0, parts[m])) for m in source.measures}
    return truth


# --- the naive answer -------------------------------------------------------------------------------------------------


def looked_at(town: Town) -> set[date]:
    """Local days on which rows are compared: the last ones, and a few while the history is still short."""
    last = (town.end - timedelta(minutes=1)).astimezone(town.tz).date()
    first = town.start.astimezone(town.tz).date()
    return {last - timedelta(days=n) for n in range(LOOKED_AT)} | {first + timedelta(days=n) for n in (20, 21, 28, 35)}


class Past:
    """Histories of a town by card, source and place."""

    def __init__(self, slots: Slots) -> None:
        self.slots, self.town = slots, slots.town
        self._histories: dict[tuple[str, str, str], naive.History] = {}
        years = range(self.town.start.year - 1, self.town.end.year + 1)
        country, _, part = self.town.holidays.partition("-")
        self._holidays = frozenset(calendar_of.country_holidays(country, subdiv=part or None, years=years))
        self._event_days = frozenset(d for e in self.town.events for d in _days(e.start, e.end, self.town))

    def history(self, reference: str, source: str, place: str) -> naive.History:
        """All hours of one source at a place that are wholly known."""
        key = (reference, source, place)
        if key not in self._histories:
            flags = tuple((f.source, f.place, f.start, f.end) for f in self.town.flags if "no_baseline" in f.effect)
            calendar = naive.Calendar(
                self.town.zone, self._event_days, self._holidays, _of_members(flags, self.town, source, place)
            )
            found = naive.History(source, place, self.town.interval, calendar)
            for start in steps(self.town.start, self.town.end, self.town.interval):
                slot = self._slot(reference, source, place, start)
                if slot and slot.status == "ok" and slot.coverage == 1 and slot.low is not None and slot.low == slot.high:
                    local = start.astimezone(self.town.tz)
                    found.add(local.date(), local.hour * 60 + local.minute, slot.low)
            self._histories[key] = found
        return self._histories[key]

    def _slot(self, reference: str, source: str, place: str, start: datetime) -> Slot | None:
        if "+" in source or reference.endswith(("passages", "walking_share", "area_present")):
            return self.slots.get(reference, place, start, self.town.interval)
        one = next(s for s in self.town.sources if s.name == source)
        if self.town.period(place, start) is None:
            return None
        return self.slots._brought_up(one, place, reference.split(".")[1], start, self.town.interval)


def _of_members(flags: tuple[tuple[str, str, datetime, datetime], ...], town: Town, source: str, place: str) -> tuple[Any, ...]:
    """Flags of a place, and of an area those of its parts, under the name of its history."""
    parts = {place, *(p for period in town.places[place] for p in period.properties.get("parts", ()))}
    return tuple((source, place, a, b) for s, p, a, b in flags if p in parts and s in source.split("+"))


def _days(start: datetime, end: datetime, town: Town) -> Iterator[date]:
    day = start.astimezone(town.tz).date()
    while day <= (end - timedelta(microseconds=1)).astimezone(town.tz).date():
        yield day
        day += timedelta(days=1)


def rows(town: Town, wrong: frozenset[str] = frozenset()) -> Iterator[Row]:
    """Rows of the three cards on the days looked at."""
    slots, days = AllSlots(town, wrong), looked_at(town)
    past = Past(slots)
    for indicator in INDICATORS:
        own = card(indicator)
        slots.least = own.min_coverage
        for place, start, minutes in where(town, own):
            if start.astimezone(town.tz).date() in days and (found := _row(past, own, place, start, minutes)):
                yield found


def _row(past: Past, own: Card, place: str, start: datetime, minutes: int) -> Row | None:
    references = next(iter(own.inputs.values()))["from"]
    slot = pick(past.slots, references, place, start, minutes)
    if slot is None:
        return None
    row = Row(own.id, place, start, minutes, slot.status, coverage=slot.coverage)
    if slot.coverage == 0:
        row.reason = "coverage" if slot.status == "suppressed" else slot.status
        return row
    if slot.coverage < own.min_coverage - 1e-12:
        row.status, row.reason = ("suppressed" if slot.status == "suppressed" else "missing"), "coverage"
        return row
    reference, source = _which(past, references, place, slot, start, minutes)
    history, local = past.history(reference, source, place), start.astimezone(past.town.tz)
    day, minute = local.date(), local.hour * 60 + local.minute
    if "utc_clock" in past.slots.wrong:
        day, minute = start.date(), start.hour * 60 + start.minute
    weekdays = [day.weekday()] + ([naive.SUNDAY] if day in history.calendar.holidays else [])
    usable = [w for w in weekdays if not history.baseline(day, minute, w).short]
    return _judged(row, own, slot, past, history, day, minute, usable)


def _which(past: Past, references: list[str], place: str, slot: Slot, start: datetime, minutes: int) -> tuple[str, str]:
    """Reference and source that gave the slot."""
    for reference in references:
        if pick(past.slots, [reference], place, start, minutes) != slot:
            continue
        dataset, measure = reference.split(".")
        sources = past.slots.counted.get((dataset, place, measure), [])
        if not sources:
            return reference, "+".join(sorted({s.name for s in past.town.sources if s.dataset == dataset}))
        return reference, next(s.name for s in sources if past.slots._brought_up(s, place, measure, start, minutes) == slot)
    raise AssertionError("no reference gives the slot")


def _judged(
    row: Row, own: Card, slot: Slot, past: Past, history: naive.History, day: date, minute: int, usable: list[int]
) -> Row:
    """The lower deviation of the weekday's and, on a holiday, Sunday's baseline, at both ends."""
    withheld = row.status == "suppressed"
    if not usable:
        row.status, row.reason = ("suppressed" if withheld else "missing"), "baseline_short"
        return row
    if slot.low is None:
        row.status, row.reason = ("suppressed", "suppressed") if withheld else ("missing", "missing")
        return row
    if own.id == "mode_shift" and slot.low != slot.high:
        row.status, row.reason = ("suppressed" if withheld else "missing"), "undecided"
        return row
    ends = [min(_VALUES[own.id](x, history, day, minute, w) for w in usable) for x in (slot.low, slot.high)]  # type: ignore[arg-type]
    (low, low_level), (high, high_level) = ends
    row.low, row.high = rounded(low, own.digits), rounded(high, own.digits)
    row.tie = on_a_tie(low, own.digits) or on_a_tie(high, own.digits)
    row.value = row.low if not withheld and slot.low == slot.high else None
    enter = edges(past.town, own, row.place, past.town.places[row.place][0].properties.get("place_type"), row.start)
    levels = [level(v, enter, own.down, past.slots.wrong) if material else "normal"
              for v, material in ((row.low, low_level), (row.high, high_level))]  # fmt: skip
    row.level = levels[0] if levels[0] == levels[1] else "unknown"
    row.edge = low_level and row.value in enter.values()
    row.reason = "undecided" if row.level == "unknown" else "suppressed" if withheld else None if low_level else "immaterial"
    return row


def _unusualness(x: float, history: naive.History, day: date, minute: int, weekday: int) -> tuple[float, bool]:
    """(z, whether the excess matters)."""
    z, excess = naive.deviation(x, history.baseline(day, minute, weekday), history.level_factor(day))
    return z, excess >= naive.MATERIAL * history.place_p95(day)


def _busy(x: float, history: naive.History, day: date, minute: int, weekday: int) -> tuple[float, bool]:
    values = history.baseline_values(day, minute, weekday)
    return float(sum(x > naive.quantile(values, share) for share in (0.2, 0.5, 0.8, 0.9))), True


def _shift(x: float, history: naive.History, day: date, minute: int, weekday: int) -> tuple[float, bool]:
    return 100 * (x - history.baseline(day, minute, weekday).median), True


_VALUES: dict[str, Callable[..., tuple[float, bool]]] = {
    "unusualness": _unusualness,
    "busy_for_this_time": _busy,
    "mode_shift": _shift,
}
