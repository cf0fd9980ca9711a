"""Counts per place and interval: an ordinary day, the noise of real counting, King's Day, and the event evening.

All chance comes from ``numpy.random.Generator(PCG64)`` as uniform numbers only: of the methods of a generator that
is the one whose stream is the same in every release.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.sample.city import GATES, HOURS, KINGS_DAY, KINGS_DAY_IN_PARK, SHAPES, ZONES, Gate, Knots, Zone

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]

FIRST_DAY = np.datetime64("2026-03-14", "D")
EVENT_DAY = np.datetime64("2026-06-20", "D")
KINGS_DAY_DATE = np.datetime64("2026-04-27", "D")
HOLIDAYS = np.array(["2026-04-06", "2026-05-14", "2026-05-25"], dtype="datetime64[D]")  # Easter Monday, Ascension, Whit Monday
SUMMER_TIME = np.datetime64("2026-03-29T01:00", "s")  # UTC; the local hour 02:00–03:00 of that day does not exist
_START = np.datetime64("2026-03-13T23:00", "s")  # UTC of the first local midnight
_END = np.datetime64("2026-06-20T23:00", "s")  # UTC of 01:00 local, the night after the event
_TREND = 0.0012  # busier towards summer, a day


@dataclass(frozen=True)
class Clock:
    """Interval starts (UTC, seconds) with their local day, weekday group (0 working day, 1 Saturday, 2 Sunday) and clock hour."""

    start: Times
    local: Times
    day: NDArray[np.int64]
    group: NDArray[np.int64]
    hour: Floats

    @classmethod
    def of(cls, minutes: int) -> Clock:
        """All intervals of the sample of this length."""
        start = np.arange(_START, _END, np.timedelta64(minutes * 60, "s"))
        local = to_local(start)
        date = local.astype("datetime64[D]")
        weekday = (date.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday: Monday is 0
        group = np.where(weekday == 5, 1, np.where(weekday == 6, 2, 0))
        group[np.isin(date, HOLIDAYS) | (date == KINGS_DAY_DATE)] = 2
        hour = (local - date.astype("datetime64[s]")).astype(np.int64) / 3600
        return cls(start, local, (date - FIRST_DAY).astype(np.int64), group, hour)

    @property
    def event_hour(self) -> Floats:
        """Hours since the midnight in which the event day begins."""
        return np.asarray((self.local - EVENT_DAY.astype("datetime64[s]")).astype(np.int64) / 3600)


def to_local(utc: Times) -> Times:
    """Wall clock of Europe/Amsterdam, for the span of the sample."""
    hours = np.where(utc < SUMMER_TIME, 1, 2)
    return np.asarray(utc + hours.astype("timedelta64[h]"))


def to_utc(local: Times) -> Times:
    """The instants of wall-clock times that exist, for the span of the sample."""
    change = SUMMER_TIME + np.timedelta64(2, "h")
    return np.asarray(local - np.where(local < change, 1, 2).astype("timedelta64[h]"))


def zone_counts(clock: Clock, seed: int) -> NDArray[np.int64]:
    """People present at the end of each interval: shape (intervals, zones)."""
    city = _City(clock, seed)
    return np.stack([_zone(clock, zone, city, seed + 11 + i) for i, zone in enumerate(ZONES)], axis=1)


def gate_counts(clock: Clock, seed: int) -> NDArray[np.int64]:
    """Passages in and out in each interval: shape (intervals, gates, 2)."""
    city = _City(clock, seed)
    return np.stack([_gate(clock, gate, city, seed + 31 + i) for i, gate in enumerate(GATES)], axis=1)


class _City:
    """What all places share: better and worse days, and a slow rise towards summer. ``factor`` has one value an interval."""

    def __init__(self, clock: Clock, seed: int):
        days = 1 + 0.05 * _bell(_rng(seed), int(clock.day[-1]) + 1)
        self.factor: Floats = days[clock.day] * (1 + _TREND * clock.day)


def _zone(clock: Clock, zone: Zone, city: _City, seed: int) -> NDArray[np.int64]:
    rng = _rng(seed)
    ordinary = _spread(_ordinary(clock, zone, city, rng), rng)
    evening = _on_event(clock, zone.evening) * (1 + 0.008 * _bell(rng, len(clock.start)))
    return _whole(np.maximum(ordinary, evening))


def _gate(clock: Clock, gate: Gate, city: _City, seed: int) -> NDArray[np.int64]:
    rng = _rng(seed)
    ordinary = _ordinary(clock, gate, city, rng)
    inward = _at(gate.in_share, clock.hour)
    ways = []
    for share, knots in ((inward, gate.evening_in), (1 - inward, gate.evening_out)):
        evening = _on_event(clock, knots) * (1 + 0.004 * _bell(rng, len(clock.start)))
        ways.append(_whole(np.maximum(_spread(ordinary * share, rng), evening)))
    return np.stack(ways, axis=1)


def _ordinary(clock: Clock, place: Zone | Gate, city: _City, rng: np.random.Generator) -> Floats:
    """What to expect of an ordinary day, with King's Day on top and the place's own mood by the hour."""
    shape = np.choose(clock.group, [np.interp(clock.hour, HOURS, curve) for curve in SHAPES[place.shape]])
    mean = shape * np.asarray(place.peak)[clock.group] * city.factor
    kings = _at(KINGS_DAY_IN_PARK if place.shape == "park" else KINGS_DAY, clock.hour)
    mean = mean * np.where(clock.day == (KINGS_DAY_DATE - FIRST_DAY).astype(np.int64), kings, 1.0)
    elapsed = (clock.start - clock.start[0]).astype(np.int64) / 3600
    mood = 1 + 0.05 * _bell(rng, int(elapsed[-1]) + 2)
    return np.asarray(mean * np.interp(elapsed, np.arange(len(mood)), mood))


def _spread(mean: Floats, rng: np.random.Generator) -> Floats:
    """The spread of counting, by and large that of chance arrivals."""
    return np.asarray(mean + 0.7 * np.sqrt(mean) * _bell(rng, len(mean)))


def _on_event(clock: Clock, knots: Knots) -> Floats:
    return _at(knots, clock.event_hour) if knots else np.zeros(len(clock.start))


def _at(knots: Knots, hour: Floats) -> Floats:
    x, y = np.asarray(knots, dtype=np.float64).T
    return np.asarray(np.interp(hour, x, y, left=0.0, right=0.0))


def _bell(rng: np.random.Generator, size: int) -> Floats:
    """Bell-shaped noise, mean 0 and deviation 1, never over 3.5: four uniform numbers added."""
    return np.asarray((rng.random((size, 4)).sum(axis=1) - 2) * np.sqrt(3.0))


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def _whole(counts: Floats) -> NDArray[np.int64]:
    return np.floor(np.maximum(counts, 0) + 0.5).astype(np.int64)
