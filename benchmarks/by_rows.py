"""The cards as the definitions read, in pandas: frames joined, then one function per row (``DataFrame.apply``), for clean data.

What an analyst writes first, and what :mod:`benchmarks.by_pandas` replaces by whole columns at a time. Same joins, same results.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from benchmarks import by_pandas
from benchmarks.by_pandas import SLOT, Frames

Row = Any  # a row of a frame, its columns as attributes
Judged = tuple[float | None, str, str]  # value, level, status
NOT_APPLICABLE: Judged = (None, "normal", "not_applicable")


def values(frames: Frames, cards: Iterable[str]) -> pd.DataFrame:
    """The values of all cards, in the columns of :func:`benchmarks.by_pandas.values`."""
    found = []
    for card in cards:
        joined, judge = CARDS[card]
        rows = joined(frames)
        rows = rows[rows["interval_start"] >= frames.start].reset_index(drop=True)
        told = rows.apply(judge, axis=1, result_type="expand")
        rows["value"], rows["level"], rows["status"] = told[0].astype(float), told[1], told[2]
        found.append(by_pandas.finished(frames, card, rows))
    return pd.concat(found, ignore_index=True)


def _rounded(value: float, digits: int) -> float:
    return math.copysign(math.floor(abs(value) * 10**digits + 0.5) / 10**digits, value) + 0.0


def _level(value: float, *edges: float) -> str:
    return str(by_pandas.LEVELS[sum(value >= edge for edge in edges)])


def _judged(value: float, *edges: float) -> Judged:
    return value, _level(value, *edges), "ok"


def _density(r: Row) -> Judged:
    edges = (1.1, 2.15, 3.5) if r.place_type == "moving" else (2.5, 3.5, 4.5)
    return _judged(_rounded(r.x / r.usable_area, 2), *edges)


def _occupancy(r: Row) -> Judged:
    return _judged(_rounded(r.x / r.capacity, 3), 0.7, 0.9, 0.95)


def _deviation(r: Row) -> float:
    expected = r.level_factor * r["median"]
    spread = max(r.level_factor * r["mad"], 0.6745 * math.sqrt(expected + 1), 0.067 * expected)
    return _rounded(0.6745 * (r.x - expected) / spread, 2)


def _unusualness(r: Row) -> Judged:
    value, material = _deviation(r), r.x - r.level_factor * r["median"] >= 0.15 * r.place_p95
    return _judged(value, 2.0, 3.0) if material else (value, "normal", "ok")


def _busy(r: Row) -> Judged:
    return float(sum(r.x > r[p] for p in ("p20", "p50", "p80", "p90"))), "normal", "ok"


def _growth(r: Row) -> Judged:
    if r.x < 100 or not (r.x >= 0.5 * r.capacity or _deviation(r) >= 2.5):
        return NOT_APPLICABLE
    return _judged(_rounded((r.x - r.before) / max(r.before, 1), 2), 0.25, 0.5, 1.0)


def _specific_flow(r: Row) -> Judged:
    return _judged(_rounded(r.x / (r.effective_width * 5), 1), 49, 66, 70)


def _counterflow(r: Row) -> Judged:
    if r.x / (r.effective_width * 5) < 49:
        return NOT_APPLICABLE
    value = _rounded((r.count_in if r.planned_direction == "out" else r.count_out) / r.x, 2)
    return _judged(value, 0.05, 0.1, 0.2) if isinstance(r.planned_direction, str) else (value, "normal", "ok")


def _net_inflow(r: Row) -> Judged:
    return _rounded((r.inflow - r.outflow) / 5, 1), "normal", "ok"


def _time_to_capacity(r: Row) -> Judged:
    if r.inflow <= r.outflow:
        return NOT_APPLICABLE
    value = _rounded(max(r.capacity - r.x, 0) * 5 / (r.inflow - r.outflow), 0)
    return value, _level(-value, -60, -30, -15), "ok"


def _jam_suspect(r: Row) -> Judged:
    if r.density < 2.15:
        return NOT_APPLICABLE
    crowd = min(r.density, 3.5)
    carried = 60 * crowd * 1.34 * (1 - math.exp(-1.913 * (1 / crowd - 1 / 5.4)))
    jammed = r.x / (r.effective_width * 5) < 0.5 * carried
    return float(jammed), "critical" if jammed else "normal", "ok"


def _of_place(rows: Callable[[Frames], pd.DataFrame], *names: str) -> Callable[[Frames], pd.DataFrame]:
    return lambda f: rows(f).merge(f.town[["place", *names]], on="place")


def _grown(f: Frames) -> pd.DataFrame:
    before = by_pandas.all_counts(f).rename(columns={"x": "before"})
    before["interval_start"] += pd.Timedelta(minutes=15)
    return by_pandas.usual(f).merge(before, on=SLOT).merge(f.town[["place", "capacity"]], on="place")


def _filling(f: Frames) -> pd.DataFrame:
    return by_pandas.gates(f).merge(by_pandas.present(f), on=SLOT).merge(f.town[["place", "capacity"]], on="place")


CARDS: dict[str, tuple[Callable[[Frames], pd.DataFrame], Callable[[Row], Judged]]] = {
    "density": (_of_place(by_pandas.present, "place_type", "usable_area"), _density),
    "occupancy": (_of_place(by_pandas.present, "capacity"), _occupancy),
    "unusualness": (by_pandas.usual, _unusualness),
    "busy_for_this_time": (by_pandas.usual, _busy),
    "growth": (_grown, _growth),
    "specific_flow": (_of_place(by_pandas.passages, "effective_width"), _specific_flow),
    "counterflow": (_of_place(by_pandas.passages, "effective_width", "planned_direction"), _counterflow),
    "net_inflow": (by_pandas.gates, _net_inflow),
    "time_to_capacity": (_filling, _time_to_capacity),
    "jam_suspect": (by_pandas.before_crowds, _jam_suspect),
}
