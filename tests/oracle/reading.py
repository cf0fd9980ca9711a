"""Raw open data and the grid, read without the project's code: the definitions are DESIGN §3, rules 3, 6, 7 and 9.

Every function returns a frame of *cells* or *slots* with the columns
``source, place, start (UTC), minutes, status (ok|suppressed|missing), low, high``; ``low`` equals ``high`` where status is ok,
and both are NaN where it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import yaml

MELBOURNE_CSV = "melbourne_ped_long/pedestrian_raw_2013-12-30_2014-04-30_8sensors.csv"
MELBOURNE_PARQUET = "melbourne_ped_long/pedestrian_2012-01_2014-04_all_sensors.parquet"
HARDBRUECKE_CSV = "zurich_hardbruecke_lines/frequenzen_hardbruecke_2020-03.csv"
HARDBRUECKE_PARQUET = "zurich_hardbruecke_lines/frequenzen_hardbruecke_2020-01_2020-06.parquet"
COLUMNS = ["source", "place", "start", "minutes", "status", "low", "high"]


def place_map(source_file: Path) -> dict[str, str]:
    """Supplier's id → place, as a source declaration states it (read as plain YAML)."""
    declared: dict[str, Any] = yaml.safe_load(source_file.read_text(encoding="utf-8"))
    return {str(key): str(place) for key, place in declared["place"]["map"].items()}


def instants(stamps: pd.Series, zone: str) -> pd.Series:
    """Naive local stamps as UTC; an hour that occurs twice is its first occurrence, one that never occurred is NaT."""
    tz = ZoneInfo(zone)

    def instant(stamp: pd.Timestamp) -> datetime | None:
        naive = stamp.to_pydatetime()
        moment = naive.replace(tzinfo=tz, fold=0).astimezone(UTC)
        return moment if moment.astimezone(tz).replace(tzinfo=None) == naive else None

    known = {stamp: instant(stamp) for stamp in stamps.drop_duplicates()}
    return pd.to_datetime(stamps.map(known), utc=True)


def melbourne_csv(path: Path, zone: str = "Australia/Melbourne") -> pd.DataFrame:
    """The raw cut without header as ``sensor, start, count``; rows without an id or a count are left out."""
    names = ["stamp", "weekday", "hour", "sensor", "name", "count"]
    raw = pd.read_csv(path, header=None, names=names, dtype=str, keep_default_na=False)
    raw = raw[(raw["sensor"].str.strip() != "") & (raw["count"].str.strip() != "")]
    stamps = pd.to_datetime(raw["stamp"].str.strip().str.title(), format="%d-%b-%Y %H:%M")
    return _sensor_rows(stamps, raw["sensor"], raw["count"], zone)


def melbourne_parquet(path: Path, zone: str = "Australia/Melbourne") -> pd.DataFrame:
    """All sensors as ``sensor, start, count``; rows without an id or a count are left out."""
    raw = pd.read_parquet(path).dropna(subset=["sensor_id", "count"])
    return _sensor_rows(raw["timestamp"], raw["sensor_id"], raw["count"], zone)


def _sensor_rows(stamps: pd.Series, sensors: pd.Series, counts: pd.Series, zone: str) -> pd.DataFrame:
    rows = pd.DataFrame({
        "sensor": sensors.astype(float).astype(int).astype(str),
        "start": instants(stamps, zone),
        "count": counts.astype(float).astype(int),
    })  # fmt: skip
    return rows.dropna(subset=["start"]).reset_index(drop=True)


def hardbruecke(path: Path, zone: str = "Europe/Zurich") -> pd.DataFrame:
    """One delivery (CSV or Parquet, the same columns) as ``line, start, count_in, count_out``."""
    raw = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    stamps = pd.to_datetime(raw["Timestamp"].astype(str), format="%Y-%m-%dT%H:%M:%S")
    rows = pd.DataFrame({
        "line": raw["Name"].astype(str), "start": instants(stamps, zone),
        "count_in": raw["In"].astype(int), "count_out": raw["Out"].astype(int),
    })  # fmt: skip
    return rows.dropna(subset=["start"]).reset_index(drop=True)


def bounds(count: int, k: int) -> tuple[str, float, float]:
    """Rule 7: zero and k or more are ok, 1…k−1 is withheld and known only to lie in [0, k−1]."""
    return ("suppressed", 0.0, float(k - 1)) if 0 < count < k else ("ok", float(count), float(count))


def hourly(rows: pd.DataFrame, source: str, places: dict[str, str], k: int = 1) -> pd.DataFrame:
    """Melbourne's slots: every hour from the first to the last of the data for every place; absent is missing."""
    span = pd.date_range(rows["start"].min(), rows["start"].max(), freq="h")
    frames = []
    for sensor, group in rows.groupby("sensor"):
        if sensor not in places:
            continue
        counts = dict(zip(group["start"], group["count"], strict=True))
        cells = [bounds(counts[t], k) if t in counts else ("missing", float("nan"), float("nan")) for t in span]
        frames.append(_frame(source, places[sensor], span, 60, cells))
    return pd.concat(frames, ignore_index=True)


def quarter_hourly(deliveries: Sequence[pd.DataFrame], source: str, places: dict[str, str], max_zero_run: timedelta,
                   k: int = 1) -> pd.DataFrame:  # fmt: skip
    """Hardbrücke's 15-minute slots of both directions together, summed from 5-minute cells.

    An absent cell is zero inside the span that a delivery covers and while the same line has another row within
    ``max_zero_run``; else it is missing, and a slot with a missing cell has no value (min_coverage 1.0).
    """
    rows = pd.concat(deliveries, ignore_index=True)
    if rows.duplicated(["line", "start"]).any():
        raise ValueError("the same line and time twice: revisions are not the oracle's business")
    reach = int(max_zero_run / timedelta(minutes=5))
    # Cells are numbered in steps of five minutes since 1970: whole numbers make quick keys.
    spans = _spans([(int(n.min()), int(n.max()) + 1) for n in (_number(d["start"]) for d in deliveries)], reach)
    starts = pd.date_range(rows["start"].min().floor("15min"), rows["start"].max(), freq="15min")
    frames = []
    for line, group in rows.groupby("line"):
        if line not in places:
            continue
        counts = dict(zip(_number(group["start"]), zip(group["count_in"], group["count_out"], strict=True), strict=True))
        near = {n + j for n in counts for j in range(-reach, reach + 1)}
        zeros = {n for start, end in spans for n in range(start, end) if n in near and n not in counts}
        slots = [_sum(_cell(n + j, counts, zeros, k) for j in range(3)) for n in _number(pd.Series(starts))]
        frames.append(_frame(source, places[line], starts, 15, slots))
    return pd.concat(frames, ignore_index=True)


def _number(starts: pd.Series) -> pd.Series:
    """Number of the five-minute cell that starts here."""
    return (starts - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(minutes=5)


def _cell(n: int, counts: dict[int, tuple[int, int]], zeros: set[int], k: int) -> tuple[str, float, float]:
    """One five-minute cell, both directions together."""
    if n in counts:
        return _sum(bounds(value, k) for value in counts[n])
    return ("ok", 0.0, 0.0) if n in zeros else ("missing", float("nan"), float("nan"))


def _sum(parts: Iterable[tuple[str, float, float]]) -> tuple[str, float, float]:
    """A sum is ok when all parts are, withheld when one is, missing when one is missing (NaN passes on)."""
    parts = list(parts)
    found = {status for status, _, _ in parts}
    status = "missing" if "missing" in found else "suppressed" if "suppressed" in found else "ok"
    return status, sum(low for _, low, _ in parts), sum(high for _, _, high in parts)


def _spans(deliveries: Sequence[tuple[int, int]], join: int) -> list[tuple[int, int]]:
    """Half-open spans of the deliveries in cell numbers; spans at most ``join`` cells apart are one."""
    spans = sorted(deliveries)
    merged = [spans[0]]
    for start, end in spans[1:]:
        if start - merged[-1][1] <= join:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _frame(
    source: str, place: str, starts: pd.DatetimeIndex, minutes: int, cells: list[tuple[str, float, float]]
) -> pd.DataFrame:
    status, low, high = zip(*cells, strict=True)
    frame = pd.DataFrame({"start": starts, "status": status, "low": low, "high": high})
    return frame.assign(source=source, place=place, minutes=minutes)[COLUMNS]


def winners(slots: pd.DataFrame, rank: dict[str, int]) -> pd.DataFrame:
    """Rule 9: per place and slot the ok value of the lowest rank; where none is ok, the best other status (rule 5)."""
    order = {"ok": 0, "suppressed": 1, "missing": 2}
    ordered = slots.assign(_status=slots["status"].map(order), _rank=slots["source"].map(rank))
    ordered = ordered.sort_values(["place", "start", "_status", "_rank"])
    return ordered.drop_duplicates(["place", "start"])[COLUMNS].reset_index(drop=True)
