"""Two days each of four further made-up towns, as their suppliers send them: an ordinary day and one with an event.

Small, and apart from the sample city: enough to run, to compare and to try thresholds on. The figures stand in
:mod:`pipelines.sample.four`. CSV with semicolons, a file a source and day; stamps are the wall clock at the start of the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.sample import counts, files
from pipelines.sample.city import HOURS, SHAPES, Knots

#: Of a peak, by the hours of ``HOURS``: what the shapes of the sample city do not have.
OWN_SHAPES: dict[str, tuple[float, ...]] = {
    "beach": (0.00, 0.00, 0.00, 0.00, 0.03, 0.25, 0.70, 1.00, 0.95, 0.50, 0.20, 0.05, 0.00),
    "to_beach": (0.00, 0.00, 0.00, 0.02, 0.15, 0.90, 1.00, 0.75, 0.40, 0.25, 0.15, 0.05, 0.00),
    "from_beach": (0.02, 0.00, 0.00, 0.00, 0.02, 0.10, 0.25, 0.55, 0.95, 1.00, 0.45, 0.20, 0.05),
    "road": (0.05, 0.02, 0.05, 0.35, 0.90, 0.80, 0.85, 0.90, 1.00, 0.80, 0.50, 0.30, 0.10),
    "always": (1.0,) * len(HOURS),
    "fixed": (1.0,) * len(HOURS),  # without the noise of counting
    "never": (0.0,) * len(HOURS),
}


@dataclass(frozen=True)
class Series:
    """One measure of one point: the larger of an ordinary day (shape × peak of each day) and of the event's curve.

    ``event`` by hours since the midnight in which the first day begins: 26.5 is half past two of the second day. ``least``: the
    event's curve is an upper bound instead, as of a speed.
    """

    shape: str
    peaks: tuple[float, float]
    event: Knots = ()
    least: bool = False


@dataclass(frozen=True)
class Feed:
    """What one source sends. ``columns`` head the id, the time and the measures; ``points``: a series a measure.

    ``stock``: the first measure is what stands there, and the other two follow from it (what came, what left). ``closed``: in as
    many as out over both days, over all points of a group. ``gone``: (point, from, to) in hours, where nothing is sent.
    """

    name: str
    minutes: int
    columns: tuple[str, ...]
    points: Mapping[str, tuple[Series, ...]]
    stock: bool = False
    closed: tuple[tuple[str, ...], ...] = ()
    gone: tuple[tuple[str, float, float], ...] = ()
    digits: int = 0


@dataclass(frozen=True)
class Sample:
    """Two local days of a town, from the midnight of ``first`` on, without a clock change."""

    slug: str
    first: str
    feeds: tuple[Feed, ...]
    reports: tuple[tuple[str, str, str], ...] = ()  # (clock of the second day, place, class): what people on the spot say


def write(folder: Path, towns: tuple[Sample, ...]) -> None:
    """All files of all towns, a folder a town."""
    for number, sample in enumerate(towns):
        for at, feed in enumerate(sample.feeds):
            rows = _rows(sample, feed, 1000 * (number + 1) + 50 * at)
            for day, part in rows.groupby(rows["local"].dt.date):
                issued = f"{day + pd.Timedelta(days=1):%Y%m%d}-0010"
                files.write_csv(folder / sample.slug / f"{feed.name}_{day}_{issued}.csv", part)
        for clock, place, said in sample.reports:
            day = np.datetime64(sample.first) + 1
            row = pd.DataFrame({"tijdstip": [f"{day} {clock}"], "vak": [place], "klasse": [said], "rol": ["steward"]})
            name = f"meldingen_{str(day).replace('-', '')}-{clock.replace(':', '')}_{place}.csv"
            files.write_csv(folder / sample.slug / name, row)


def _rows(sample: Sample, feed: Feed, seed: int) -> pd.DataFrame:
    hour = np.arange(0, 48, feed.minutes / 60)
    local = pd.Timestamp(sample.first) + pd.to_timedelta(np.round(hour * 60).astype(np.int64), unit="min")
    found = {point: _values(sample, feed, series, hour, seed + i) for i, (point, series) in enumerate(feed.points.items())}
    for group in feed.closed:
        came, left = (sum(found[point][way].sum() for point in group) for way in (0, 1))
        for point in group:
            found[point][1] = np.floor(found[point][1] * came / left)
    parts = []
    for point, values in found.items():
        heads = dict(zip(feed.columns[2:], values, strict=True))
        part = pd.DataFrame({feed.columns[0]: point, feed.columns[1]: local.strftime("%Y-%m-%d %H:%M"), **heads, "local": local})
        silent = np.zeros(len(hour), dtype=bool)
        for name, begin, end in feed.gone:
            silent |= (name == point) & (hour >= begin) & (hour < end)
        parts.append(part[~silent])
    rows = pd.concat(parts)
    whole = {name: np.int64 for name in feed.columns[2:] if not feed.digits or name == feed.columns[-1]}
    return rows.astype(whole).sort_values([feed.columns[1], feed.columns[0]], kind="stable")


def _values(sample: Sample, feed: Feed, series: tuple[Series, ...], hour: np.ndarray, seed: int) -> list[np.ndarray]:
    chance = counts.rng(seed)
    found = [_one(sample, one, hour, feed.digits if way == 0 else 0, chance) for way, one in enumerate(series)]
    if feed.stock:
        turnover = np.floor(0.01 * found[0] + 0.5)
        change = np.diff(found[0], prepend=found[0][0])
        found += [turnover + np.maximum(change, 0), turnover + np.maximum(-change, 0)]
    return found


def _one(sample: Sample, one: Series, hour: np.ndarray, digits: int, chance: np.random.Generator) -> np.ndarray:
    weekday = (np.datetime64(sample.first).astype("datetime64[D]").astype(np.int64) + 3 + (hour >= 24)) % 7
    group = np.where(weekday == 5, 1, np.where(weekday == 6, 2, 0))
    curves = [OWN_SHAPES[one.shape]] * 3 if one.shape in OWN_SHAPES else SHAPES[one.shape]
    usual = np.choose(group, [np.interp(hour % 24, HOURS, curve) for curve in curves]) * np.where(hour < 24, *one.peaks)
    noise = counts.bell(chance, len(hour))
    if one.shape != "fixed":
        usual = usual + (0.02 * usual if one.least else 0.7 * np.sqrt(usual)) * noise
    event = counts.at(one.event, hour) * (1 + 0.01 * noise) if one.event else np.zeros(len(hour))
    value = np.where(event > 0, np.minimum(usual, event), usual) if one.least else np.maximum(usual, event)
    scale = 10**digits
    return np.asarray(np.floor(np.maximum(value, 0) * scale + 0.5) / scale)
