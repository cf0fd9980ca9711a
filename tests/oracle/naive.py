"""Unusualness and the plain ratios, computed the slow way from the written definitions only.

Sources: DESIGN §3 rules 12, 13, 18 and "Unusualness, exactly" in the domain facts. Plain Python over dictionaries; nothing of
the project is imported. Input: the slots of :mod:`tests.oracle.reading`; result of :func:`judge`: one row per slot.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

REACH_DAYS = 84  # 12 weeks
VALID_DAYS = 8
ENOUGH = 15
ORDINARY_DAYS = 7
MATERIAL = 0.15
DAY = timedelta(days=1)
SUNDAY = 6


@dataclass(frozen=True)
class Calendar:
    """``flags``: (source, place, from, to) ranges that enter no baseline."""

    zone: str
    event_days: frozenset[date] = frozenset()
    holidays: frozenset[date] = frozenset()
    flags: tuple[tuple[str, str, datetime, datetime], ...] = ()

    def flagged(self, source: str, place: str, day: date) -> bool:
        """Whether any part of a local day lies in a flagged range of this source and place."""
        tz = ZoneInfo(self.zone)
        start, end = (datetime(d.year, d.month, d.day, tzinfo=tz) for d in (day, day + DAY))
        return any(s == source and p == place and a < end and b > start for s, p, a, b in self.flags)


@dataclass(frozen=True)
class Edges:
    """Edges of the two bands in value units, and the digits a value is rounded to before it meets them."""

    enter: tuple[float, float] = (2.0, 3.0)
    exit: tuple[float, float] = (1.6, 2.4)
    digits: int = 2


@dataclass(frozen=True)
class Baseline:
    """``n`` values over the valid days; the figures are NaN when there are none."""

    n: int
    median: float
    mad: float

    @property
    def short(self) -> bool:
        return self.n < ENOUGH


@dataclass
class History:
    """All that is known of one source at one place: values per local date and minute of the day."""

    source: str
    place: str
    minutes: int
    calendar: Calendar
    values: dict[tuple[date, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    by_day: dict[date, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._valid: dict[date, bool] = {}
        self._ordinary: dict[date, bool] = {}
        self._totals: dict[date, tuple[float, float] | None] = {}
        self._baselines: dict[tuple[date, int, int], Baseline] = {}
        self._days: dict[tuple[date, int], list[date]] = {}
        self._p95: dict[date, float] = {}

    def add(self, day: date, minute: int, value: float) -> None:
        """An ok value."""
        self.values[(day, minute)].append(value)
        self.by_day[day].append((minute, value))

    def plain(self, day: date) -> bool:
        """Neither event day nor holiday nor in a flagged range."""
        if day not in self._ordinary:
            special = day in self.calendar.event_days or day in self.calendar.holidays
            self._ordinary[day] = not special and not self.calendar.flagged(self.source, self.place, day)
        return self._ordinary[day]

    def valid_days(self, day: date, weekday: int) -> list[date]:
        """The last 8 valid days of a weekday in the 84 days before ``day``, newest first."""
        if (day, weekday) not in self._days:
            candidates = [day - DAY * back for back in range(1, REACH_DAYS + 1)]
            candidates = [d for d in candidates if d.weekday() == weekday]
            self._days[(day, weekday)] = [d for d in candidates if self.plain(d) and self.by_day.get(d)][:VALID_DAYS]
        return self._days[(day, weekday)]

    def baseline(self, day: date, minute: int, weekday: int) -> Baseline:
        """Rule 18: the same local slot and one either side over the valid days."""
        key = (day, minute, weekday)
        if key not in self._baselines:
            self._baselines[key] = _figures(self.baseline_values(day, minute, weekday))
        return self._baselines[key]

    def baseline_values(self, day: date, minute: int, weekday: int) -> list[float]:
        """The values themselves."""
        return [value for values in self.values_by_day(day, minute, weekday).values() for value in values]

    def values_by_day(self, day: date, minute: int, weekday: int) -> dict[date, list[float]]:
        """Valid day → what it gives; a neighbour on another date counts only if that date is plain, and before ``day``."""
        found: dict[date, list[float]] = {}
        for past in self.valid_days(day, weekday):
            for offset in (-self.minutes, 0, self.minutes):
                shift, wall = divmod(minute + offset, 1440)
                own = past + DAY * shift
                if own < day and (shift == 0 or self.plain(own)) and (own, wall) in self.values:
                    found.setdefault(past, []).extend(self.values[(own, wall)])
        return found

    def place_p95(self, day: date) -> float:
        """95th percentile of all ok values on the 84 local dates before ``day``, event days and holidays too."""
        if day not in self._p95:
            values = [v for back in range(1, REACH_DAYS + 1) for _, v in self.by_day.get(day - DAY * back, [])]
            self._p95[day] = quantile(values, 0.95)
        return self._p95[day]

    def totals(self, day: date) -> tuple[float, float] | None:
        """(Σx, Σmedian) of an ordinary day over its slots with a value and a baseline; None when there is none."""
        if day not in self._totals:
            pairs = [(x, self.baseline(day, minute, day.weekday())) for minute, x in self.by_day.get(day, [])]
            pairs = [(x, base) for x, base in pairs if not base.short]
            self._totals[day] = (sum(x for x, _ in pairs), sum(b.median for _, b in pairs)) if pairs else None
        return self._totals[day]

    def level_factor(self, day: date) -> float:
        """g: the level of the last 7 ordinary days against their own baselines, clipped to 0.8–1.25."""
        seen, counts, medians = 0, 0.0, 0.0
        for back in range(1, REACH_DAYS + 1):
            past = day - DAY * back
            totals = self.totals(past) if self.plain(past) else None
            if totals is None:
                continue
            seen, counts, medians = seen + 1, counts + totals[0], medians + totals[1]
            if seen == ORDINARY_DAYS:
                break
        return min(1.25, max(0.8, counts / medians)) if medians > 0 else 1.0


def quantile(values: Iterable[float], share: float) -> float:
    """Linear interpolation between the two order statistics around share·(n − 1)."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def _figures(values: list[float]) -> Baseline:
    median = quantile(values, 0.5)
    return Baseline(len(values), median, quantile((abs(v - median) for v in values), 0.5))


def deviation(x: float, base: Baseline, g: float) -> tuple[float, float]:
    """(z, x − m'): how far ``x`` lies above the expected value, in spreads and in counts."""
    expected = g * base.median
    spread = max(g * base.mad, 0.6745 * math.sqrt(expected + 1), 0.067 * expected)
    return 0.6745 * (x - expected) / spread, x - expected


def rounded(value: float, digits: int) -> float:
    """Half away from zero, as a table shows it."""
    return math.copysign(math.floor(abs(value) * 10**digits + 0.5) / 10**digits, value)


def history_of(slots: pd.DataFrame, calendar: Calendar) -> History:
    """Slots of one source at one place → its history, with ``date`` and ``minute`` from :func:`with_local`."""
    history = History(slots["source"].iloc[0], slots["place"].iloc[0], int(slots["minutes"].iloc[0]), calendar)
    for day, minute, status, value in zip(slots["date"], slots["minute"], slots["status"], slots["low"], strict=True):
        if status == "ok":
            history.add(day, minute, value)
    return history


def with_local(slots: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Adds the local ``date`` and the ``minute`` of the wall clock at the start of each slot."""
    tz = ZoneInfo(zone)
    local = {t: t.to_pydatetime().astimezone(tz) for t in slots["start"].drop_duplicates()}
    return slots.assign(
        date=[local[t].date() for t in slots["start"]],
        minute=[local[t].hour * 60 + local[t].minute for t in slots["start"]],
    )


Histories = dict[tuple[str, str], History]


def histories(slots: pd.DataFrame, calendar: Calendar) -> Histories:
    """(source, place) → its history, from all slots of all sources."""
    return {key: history_of(part, calendar) for key, part in with_local(slots, calendar.zone).groupby(["source", "place"])}


def judge(histories: Histories, judged: pd.DataFrame, calendar: Calendar, edges: Edges) -> pd.DataFrame:
    """Unusualness of each slot in ``judged`` (the winners of rule 9) against the history of its own source."""
    judged = with_local(judged, calendar.zone)
    rows = []
    for (source, place, day), part in judged.groupby(["source", "place", "date"]):
        history = histories[(source, place)]
        g, p95 = history.level_factor(day), history.place_p95(day)
        for slot in part.itertuples():
            found = _judge_slot(slot, history, g, p95, edges)
            rows.append({"place": place, "source": source, "start": slot.start, "minutes": slot.minutes, "date": day,
                         "minute": slot.minute, "x": slot.low if slot.status == "ok" else math.nan,
                         "g": g, "p95": p95, **found})  # fmt: skip
    return pd.DataFrame(rows).sort_values(["place", "start"]).reset_index(drop=True)


def _judge_slot(slot: object, history: History, g: float, p95: float, edges: Edges) -> dict[str, object]:
    """One slot: value, status, reason, level, and per band whether it is reached and calm (None: not known)."""
    unknown = {"raw": math.nan, "value": math.nan, "m": math.nan, "mad": math.nan, "n": 0, "level": "unknown",
               "status": slot.status, "reason": slot.status,
               "reached": (None, None), "calm": (None, None), "at_once": False}  # fmt: skip
    if slot.status == "missing":
        return unknown
    weekdays = [slot.date.weekday()] + ([SUNDAY] if slot.date in history.calendar.holidays else [])
    bases = [history.baseline(slot.date, slot.minute, weekday) for weekday in weekdays]
    usable = [base for base in bases if not base.short]
    if not usable:
        # Withheld outranks missing (rule 5), and an indicator of a withheld cell is withheld too (rule 7).
        status = "suppressed" if slot.status == "suppressed" else "missing"
        return unknown | {"status": status, "reason": "baseline_short", "n": bases[0].n}
    ends = [_lower(x, usable, g, p95, edges) for x in (slot.low, slot.high)]
    (z, base, excess) = ends[0][:3]
    levels = [_level(end[3], edges) for end in ends]
    ok = slot.status == "ok"
    return {
        "raw": z if ok else math.nan, "value": rounded(z, edges.digits) if ok else math.nan, "m": base.median, "mad": base.mad,
        "n": base.n, "level": levels[0] if levels[0] == levels[1] else "unknown", "status": slot.status,
        "reason": None if ok and ends[0][3] is not None else "immaterial" if ok else "suppressed",
        "reached": tuple(_both(e[3] is not None and e[3] >= enter for e in ends) for enter in edges.enter),
        "calm": tuple(_both(e[3] is None or e[3] < exit_ for e in ends) for exit_ in edges.exit),
        "at_once": ends[0][3] is not None and rounded(z, edges.digits) >= 6 and excess >= 0.5 * p95,
    }  # fmt: skip


def _lower(x: float, bases: list[Baseline], g: float, p95: float, edges: Edges) -> tuple[float, Baseline, float, float | None]:
    """The lower z over the baselines: (z, its baseline, its excess, the value judged or None when immaterial)."""
    found = [(*deviation(x, base, g), base) for base in bases]
    z, excess, base = min(found, key=lambda f: f[0])
    return z, base, excess, rounded(z, edges.digits) if excess >= MATERIAL * p95 else None


def _level(value: float | None, edges: Edges) -> str:
    """The highest band whose enter edge the rounded value reaches; immaterial is normal."""
    if value is None or value < edges.enter[0]:
        return "normal"
    return "high" if value >= edges.enter[1] else "elevated"


def _both(ends: Iterable[bool]) -> bool | None:
    """True or False where both ends agree, None where they do not."""
    found = set(ends)
    return found.pop() if len(found) == 1 else None


def specific_flow(passages: float, effective_width: float, minutes: float) -> float:
    """Passages per metre of effective width per minute."""
    return passages / (effective_width * minutes)


def density(present: float, usable_area: float) -> float:
    """Persons per m²."""
    return present / usable_area


def occupancy(present: float, capacity: float) -> float:
    """Share of the capacity in force."""
    return present / capacity


def level_of(value: float, enter: Iterable[float], digits: int) -> str:
    """Instant level of a rounded, upward value against ordered edges elevated, high, critical."""
    reached = sum(rounded(value, digits) >= edge for edge in enter)
    return ("normal", "elevated", "high", "critical")[reached]
