"""Count what candidate edges would have signalled on the published history, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicators import calibration, judged, rejudge
from indicators.calibration import Counted
from indicators.card import Card
from indicators.local_clock import days as all_days
from indicators.local_clock import holidays_and_event_days, touched
from pipelines.whatif.history import History, known, opened
from schemas.settings import BANDS

SEEN = 0.8  # the part of a day of which something must be known
_DAY = 86_400


@dataclass(frozen=True)
class Basis:
    """What history there is of an indicator at places. ``days``: those used of each place; ``left_out``: place-days by reason.

    ``values``: known values; ``withheld``: those of which only bounds are known. ``extremes``: where edges may lie, two for each
    day of a place: its worst value, and what a quarter of its values lie beyond.
    """

    places: tuple[str, ...]
    days: dict[str, frozenset[date]]
    left_out: Counter[str]
    values: int
    withheld: int
    extremes: NDArray[np.float64]
    first: date | None = None
    last: date | None = None

    @property
    def place_days(self) -> int:
        """Days of places that are used."""
        return sum(len(days) for days in self.days.values())

    @property
    def used(self) -> list[date]:
        """Days used at one of the places, in order."""
        return sorted(frozenset().union(*self.days.values())) if self.days else []


@dataclass(frozen=True)
class Rates:
    """Signals of each candidate, with ``certain`` as judged and ``possible`` where a withheld value counts as reached."""

    certain: Counted
    possible: Counted
    per_place: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def basis(history: History, card: Card, places: Sequence[str]) -> Basis:
    """The days of each place that count, and those that are left out with the reason (the first that holds)."""
    zone, span = history.config.municipality.timezone, (history.start, history.end)
    listed = ", ".join(f"'{p}'" for p in places)
    up = card.direction == "up"
    worst = "max(coalesce(value, value_low))" if up else "min(coalesce(value, value_high))"
    # An edge that has to be reached for long lies below the worst of the day; one reached for a quarter of all days is no signal.
    often = f"quantile_cont(coalesce(value, value_{'low' if up else 'high'}), {0.75 if up else 0.25})"
    rows = history.con.execute(f"""
        SELECT place, CAST(timezone('{zone}', interval_start) AS DATE) AS day, count(value) AS n,
               count(*) FILTER (value IS NULL AND value_low IS NOT NULL) AS withheld,
               sum(epoch(interval_end) - epoch(interval_start)) FILTER (status IN ('ok', 'suppressed', 'not_applicable')) AS seconds,
               {worst} AS worst, {often} AS often
        FROM {history.stored(card, *span)} WHERE place IN ({listed}) GROUP BY ALL ORDER BY ALL""").fetchall()  # fmt: skip
    if not rows:
        return Basis(tuple(places), {}, Counter(), 0, 0, np.zeros(0))
    first, last = min(r[1] for r in rows), max(r[1] for r in rows)
    reason = _reasons(history, card, first, last)
    expected = _expected(rows)
    used: dict[str, set[date]] = {place: set() for place in places}
    left_out: Counter[str] = Counter()
    extremes = []
    for place, day, _, _, seconds, *edges in rows:
        why = (
            reason.get(("", day)) or reason.get((place, day)) or ("unknown" if (seconds or 0) < SEEN * expected[place] else None)
        )
        if why:
            left_out[why] += 1
        else:
            used[place].add(day)
            extremes += [edge for edge in edges if edge is not None]
    values, withheld = sum(r[2] for r in rows), sum(r[3] for r in rows)
    days = {place: frozenset(found) for place, found in used.items() if found}
    return Basis(tuple(places), days, left_out, values, withheld, np.array(extremes, dtype=float), first, last)


def _expected(rows: Sequence[tuple[Any, ...]]) -> dict[str, float]:
    """Seconds a day of which something is usually known at a place: a card need not have a row all day."""
    seen: dict[str, list[float]] = {}
    for place, _, _, _, seconds, *_ in rows:
        seen.setdefault(place, []).append(seconds or 0)
    return {place: float(np.median([s for s in found if s] or [_DAY])) for place, found in seen.items()}


def _reasons(history: History, card: Card, first: date, last: date) -> dict[tuple[str, date], str]:
    """(place or "" for all, day) → why a day is left out. A card for phases of events has its values on just those days."""
    holidays, events = holidays_and_event_days(history.config, first, last)
    found: dict[tuple[str, date], str] = {}
    for flag in history.config.municipality.flags:
        places = flag.places or history.config.place_ids
        found |= {(place, day): "flagged" for place in places for day in touched(flag.from_, flag.to, history.config.tz)}
    found |= {("", day): "holiday" for day in holidays}
    if not card.applies_to.phases:
        found |= {("", day): "event" for day in events}
    return found


def rates(
    history: History,
    card: Card,
    band: str,
    found: Basis,
    edges: Sequence[tuple[float, float]],
    fors: Sequence[timedelta],
    keep_for: timedelta,
) -> list[Rates]:
    """Signals of a band for candidate (enter, exit) edges on the days that count, all places together; for each of ``fors``."""
    days = list(all_days(found.used[0], found.used[-1]))
    number = {day: i for i, day in enumerate(days)}
    counts = np.zeros((2, len(fors), len(days), len(edges)), dtype=np.int64)  # certain, possible
    exposure = np.zeros(len(days))
    per_place: list[dict[str, NDArray[np.int64]]] = [{} for _ in fors]
    seconds = [int(for_.total_seconds()) for _ in range(2) for for_ in fors for _ in edges]
    _candidates(history, edges)
    for place, used in found.days.items():
        mine = np.zeros(len(days), dtype=bool)
        mine[[number[day] for day in used]] = True
        exposure += mine / len(found.days)
        seen = _judged(history, card, band, place, len(edges), days[0])
        packed = np.hstack([seen.packed] * len(fors) + [seen.possible()] * len(fors))
        on = calibration.turned_on(seen.starts, seen.seconds, packed, seconds, int(keep_for.total_seconds()))
        inside = (seen.day >= 0) & (seen.day < len(days))
        inside[inside] = mine[seen.day[inside]]
        by_side = on[inside].reshape(-1, 2, len(fors), len(edges)).astype(np.int64)
        for which in range(len(fors)):
            for side in range(2):
                np.add.at(counts[side, which], seen.day[inside], by_side[:, side, which])
            per_place[which][place] = by_side[:, 0, which].sum(axis=0)
    kept = exposure > 0
    certain, possible = ([Counted(side[which][kept], exposure[kept]) for which in range(len(fors))] for side in counts)
    return [Rates(one, other, places) for one, other, places in zip(certain, possible, per_place, strict=True)]


def _candidates(history: History, edges: Sequence[tuple[float, float]]) -> None:
    rows = ", ".join(f"({n}, {enter!r}::DOUBLE, {exit_!r}::DOUBLE)" for n, (enter, exit_) in enumerate(edges))
    history.con.execute(f"CREATE OR REPLACE TEMP TABLE candidates AS FROM (VALUES {rows}) c(number, edge, leave)")


@dataclass(frozen=True)
class _Seen:
    """One place judged by each candidate: ``packed`` (slots, candidates), and per slot its start, length and local day's number."""

    starts: NDArray[np.int64]
    seconds: NDArray[np.int64]
    day: NDArray[np.int64]
    packed: NDArray[np.int16]
    bounded: NDArray[np.bool_]

    def possible(self) -> NDArray[np.int16]:
        """The same where a value of which the bounds lie on both sides of the edge counts as reached."""
        open_ = self.bounded & (self.packed & judged.REACHED_UNKNOWN > 0)
        others = self.packed & ~np.int16((1 << judged.WIDTH) - 1)
        return np.where(open_, others | judged.REACHED, self.packed).astype(np.int16)


def _judged(history: History, card: Card, band: str, place: str, count: int, first: date) -> _Seen:
    """Judge a place by the text of the tick, once for each candidate; a row that it cannot settle is not known."""
    zone, number = history.config.municipality.timezone, BANDS.index(band)
    kept = ", ".join(f"v.{c}" for c in (*rejudge.KEPT, "value_low", "value_high", "status", "reason", "interval_minutes")
                     if c not in ("config_hash", "level_before"))  # fmt: skip
    edges = ", ".join(f"{'c.edge' if b == band else 'NULL::DOUBLE'} AS {b}_enter, {'c.leave' if b == band else 'NULL::DOUBLE'} AS {b}_exit"
                      for b in BANDS)  # fmt: skip
    settings = "".join(f", s.{name}" for name in rejudge.numbers(card))
    rows = f"""(SELECT {kept}, v.level AS level_before, c.number::VARCHAR AS config_hash, FALSE AS other_value, {edges}{settings}
        FROM {history.stored(card, history.start, history.end)} v JOIN {known(card)} s USING (config_hash), candidates c
        WHERE v.place = '{place}')"""
    at_once = judged.AT_ONCE << judged.WIDTH * number
    found: dict[str, Any] = history.con.execute(f"""
        SELECT epoch(r.interval_start)::BIGINT AS start, (epoch(r.interval_end) - epoch(r.interval_start))::BIGINT AS seconds,
               date_diff('day', DATE '{first}', CAST(timezone('{zone}', r.interval_start) AS DATE)) AS day,
               CASE WHEN is_open AND r.value IS NULL THEN {judged.UNKNOWN << judged.WIDTH * number} ELSE r.judged END
                   | CASE WHEN o.judged & {at_once} <> 0 AND r.judged & {judged.REACHED << judged.WIDTH * number} <> 0 THEN {at_once} ELSE 0 END
                   AS packed, coalesce(r.reason = 'undecided', FALSE) AS bounded
        FROM ({rejudge.sql(card, rows)}) r LEFT JOIN {opened(card, "after")} o USING (place, interval_start)
        ORDER BY r.config_hash::INTEGER, start""").fetchnumpy()
    shape = count, -1
    packed = calibration.lowest(found["packed"].astype(np.int16), number).reshape(shape).T
    one = {name: found[name].reshape(shape)[0].astype(np.int64) for name in ("start", "seconds", "day")}
    bounded = found["bounded"].astype(bool).reshape(shape).T
    return _Seen(one["start"], one["seconds"], one["day"], np.ascontiguousarray(packed), bounded)
