"""Counts per place and interval: an ordinary day, the noise of real counting, King's Day, and the event evening.

All chance comes from ``numpy.random.Generator(PCG64)`` as uniform numbers only: of the methods of a generator that
is the one whose stream is the same in every release.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.sample import city as town
from pipelines.sample.city import HOURS, SHAPES, Gate, Knots, Zone

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
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


def zone_counts(clock: Clock, seed: int) -> Counts:
    """People present at the end of each interval: shape (intervals, zones)."""
    city = City(clock, seed)
    return np.stack([_zone(clock, zone, city, seed + 11 + i) for i, zone in enumerate(town.ZONES)], axis=1)


def gate_counts(clock: Clock, seed: int) -> Counts:
    """Passages in and out in each interval: shape (intervals, gates, 2)."""
    city = City(clock, seed)
    return np.stack([_gate(clock, gate, city, seed + 31 + i) for i, gate in enumerate(town.GATES)], axis=1)


def walking_speeds(clock: Clock, people: Counts, seed: int) -> Floats:
    """Mean speed in m/s, to the centimetre, where ``people`` walk in the zones; NaN where nobody does."""
    during = (clock.event_hour >= 16) & (clock.event_hour < 24)
    speeds = []
    for i, zone in enumerate(town.ZONES):
        area = np.where(during, zone.event_area or zone.area, zone.area)
        free = np.interp(people[:, i] / area, *np.asarray(town.SPEED_BY_DENSITY).T)
        speeds.append(free * (1 + 0.02 * bell(rng(seed + 51 + i), len(clock.start))))
    found = np.floor(np.stack(speeds, axis=1) * 100 + 0.5) / 100
    return np.asarray(np.where(people > 0, found, np.nan))


class City:
    """What all places share: better and worse days, and a slow rise towards summer. ``factor`` has one value an interval."""

    def __init__(self, clock: Clock, seed: int):
        days = 1 + 0.05 * bell(rng(seed), int(clock.day[-1]) + 1)
        self.factor: Floats = days[clock.day] * (1 + _TREND * clock.day)


def _zone(clock: Clock, zone: Zone, city: City, seed: int) -> Counts:
    chance = rng(seed)
    usual = spread(ordinary(clock, zone.shape, zone.peak, city, chance), chance)
    evening = on_event(clock, zone.evening) * (1 + 0.008 * bell(chance, len(clock.start)))
    return whole(np.maximum(usual, evening))


def _gate(clock: Clock, gate: Gate, city: City, seed: int) -> Counts:
    chance = rng(seed)
    usual = ordinary(clock, gate.shape, gate.peak, city, chance)
    inward = at(gate.in_share, clock.hour)
    ways = []
    for share, knots in ((inward, gate.evening_in), (1 - inward, gate.evening_out)):
        evening = on_event(clock, knots) * (1 + 0.004 * bell(chance, len(clock.start)))
        ways.append(whole(np.maximum(spread(usual * share, chance), evening)))
    return np.stack(ways, axis=1)


def ordinary(clock: Clock, shape: str, peak: tuple[float, float, float], city: City, chance: np.random.Generator) -> Floats:
    """What to expect of an ordinary day, with King's Day on top and the place's own mood by the hour."""
    curves = np.choose(clock.group, [np.interp(clock.hour, HOURS, curve) for curve in SHAPES[shape]])
    mean = curves * np.asarray(peak)[clock.group] * city.factor
    kings = at(town.KINGS_DAY_IN_PARK if shape == "park" else town.KINGS_DAY, clock.hour)
    mean = mean * np.where(clock.day == (KINGS_DAY_DATE - FIRST_DAY).astype(np.int64), kings, 1.0)
    elapsed = (clock.start - clock.start[0]).astype(np.int64) / 3600
    mood = 1 + 0.05 * bell(chance, int(elapsed[-1]) + 2)
    return np.asarray(mean * np.interp(elapsed, np.arange(len(mood)), mood))


def spread(mean: Floats, chance: np.random.Generator) -> Floats:
    """The spread of counting, by and large that of chance arrivals."""
    return np.asarray(mean + 0.7 * np.sqrt(mean) * bell(chance, len(mean)))


def on_event(clock: Clock, knots: Knots) -> Floats:
    """The curve of the event day at each interval's start; 0 on all other days."""
    return at(knots, clock.event_hour) if knots else np.zeros(len(clock.start))


def at(knots: Knots, hour: Floats) -> Floats:
    """A curve by hour; 0 outside its knots."""
    x, y = np.asarray(knots, dtype=np.float64).T
    return np.asarray(np.interp(hour, x, y, left=0.0, right=0.0))


def bell(chance: np.random.Generator, size: int) -> Floats:
    """Bell-shaped noise, mean 0 and deviation 1, never over 3.5: four uniform numbers added."""
    return np.asarray((chance.random((size, 4)).sum(axis=1) - 2) * np.sqrt(3.0))


def rng(seed: int) -> np.random.Generator:
    """The source of chance of one place."""
    return np.random.Generator(np.random.PCG64(seed))


def whole(counts: Floats) -> Counts:
    """Whole numbers from 0 on."""
    return np.floor(np.maximum(counts, 0) + 0.5).astype(np.int64)
