"""The cards as one would write them in a notebook with pandas, for clean data: frames in, one frame a card out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

SLOT = ["place", "interval_start"]
LEVELS = np.array(["normal", "elevated", "high", "critical"])


@dataclass(frozen=True)
class Frames:
    """The tables as frames: ``observations``, ``baselines``, ``town`` (a row a place) and ``hashes`` (a row a card and place).

    ``span``: the first slot asked for; earlier observations are there for cards that look back.
    """

    observations: pd.DataFrame
    baselines: pd.DataFrame
    town: pd.DataFrame
    hashes: pd.DataFrame
    start: pd.Timestamp


def values(frames: Frames, cards: Iterable[str]) -> pd.DataFrame:
    """The values of all cards, in the columns of ``indicator_values`` that say something."""
    return pd.concat([finished(frames, card, CARDS[card](frames)) for card in cards], ignore_index=True)


def finished(frames: Frames, card: str, found: pd.DataFrame) -> pd.DataFrame:
    found = found[found["interval_start"] >= frames.start].copy()
    found["indicator"] = card
    found["interval_end"] = found["interval_start"] + pd.Timedelta(minutes=5)
    local = found["interval_start"].dt.tz_convert("Europe/Amsterdam")
    found["local_date"], found["local_time"] = local.dt.date, local.dt.time
    found["coverage"] = found["confidence"] = 1.0
    if "status" not in found:
        found["status"] = "ok"
    hashes = frames.hashes[frames.hashes["indicator"] == card].drop(columns="indicator")
    names = [*SLOT, "indicator", "interval_end", "local_date", "local_time", "value", "level", "status", "coverage", "confidence"]
    return found[names].merge(hashes, on="place")


def _level(value: pd.Series, *edges: float) -> Any:
    return LEVELS[np.searchsorted(edges, value, side="right")]


def present(f: Frames) -> pd.DataFrame:
    rows = f.observations[f.observations["measure"] == "present"]
    return rows[[*SLOT, "value"]].rename(columns={"value": "x"})


def passages(f: Frames) -> pd.DataFrame:
    rows = f.observations[f.observations["measure"].isin(["count_in", "count_out"])]
    wide = rows.pivot_table(index=SLOT, columns="measure", values="value").reset_index()
    wide["x"] = wide["count_in"] + wide["count_out"]
    return wide


def all_counts(f: Frames) -> pd.DataFrame:
    return pd.concat([present(f), passages(f)[[*SLOT, "x"]]], ignore_index=True)


def usual(f: Frames) -> pd.DataFrame:
    rows = all_counts(f)
    local = rows["interval_start"].dt.tz_convert("Europe/Amsterdam").dt.tz_localize(None)
    rows["local_date"], rows["local_time"] = local.dt.normalize(), local - local.dt.normalize()
    return rows.merge(f.baselines, on=["place", "local_date", "local_time"], how="left")


def _spread(rows: pd.DataFrame) -> Any:
    expected = rows["level_factor"] * rows["median"]
    parts = [rows["level_factor"] * rows["mad"], 0.6745 * np.sqrt(expected + 1), 0.067 * expected]
    return pd.Series(np.maximum.reduce(parts), index=rows.index)


def gates(f: Frames) -> pd.DataFrame:
    lines = passages(f).merge(f.town[["place", "from_zone", "to_zone"]], on="place")
    onward = lines.rename(columns={"to_zone": "zone", "count_in": "inflow", "count_out": "outflow"})
    back = lines.rename(columns={"from_zone": "zone", "count_out": "inflow", "count_in": "outflow"})
    both = pd.concat([onward, back])[["zone", "interval_start", "inflow", "outflow"]].rename(columns={"zone": "place"})
    return both.groupby(SLOT, as_index=False).sum()


def _density(f: Frames) -> pd.DataFrame:
    rows = present(f).merge(f.town[["place", "place_type", "usable_area"]], on="place")
    rows["value"] = _round(rows["x"] / rows["usable_area"], 2)
    moving, standing = _level(rows["value"], 1.1, 2.15, 3.5), _level(rows["value"], 2.5, 3.5, 4.5)
    rows["level"] = np.where(rows["place_type"] == "moving", moving, standing)
    return rows


def _occupancy(f: Frames) -> pd.DataFrame:
    rows = present(f).merge(f.town[["place", "capacity"]], on="place")
    rows["value"] = _round(rows["x"] / rows["capacity"], 3)
    rows["level"] = _level(rows["value"], 0.7, 0.9, 0.95)
    return rows


def _unusualness(f: Frames) -> pd.DataFrame:
    rows = usual(f)
    excess = rows["x"] - rows["level_factor"] * rows["median"]
    rows["value"] = _round(0.6745 * excess / _spread(rows), 2)
    rows["level"] = np.where(excess >= 0.15 * rows["place_p95"], _level(rows["value"], 2.0, 3.0), "normal")
    return rows


def _busy_for_this_time(f: Frames) -> pd.DataFrame:
    rows = usual(f)
    rows["value"] = sum((rows["x"] > rows[p]).astype(float) for p in ("p20", "p50", "p80", "p90"))
    rows["level"] = "normal"
    return rows


def _growth(f: Frames) -> pd.DataFrame:
    rows, before = usual(f), all_counts(f).rename(columns={"x": "before"})
    before["interval_start"] += pd.Timedelta(minutes=15)
    rows = rows.merge(before, on=SLOT).merge(f.town[["place", "capacity"]], on="place")
    deviation = _round(0.6745 * (rows["x"] - rows["level_factor"] * rows["median"]) / _spread(rows), 2)
    counts = (rows["x"] >= 100) & ((rows["x"] >= 0.5 * rows["capacity"]) | (deviation >= 2.5))
    return _where(rows, counts, _round((rows["x"] - rows["before"]) / rows["before"].clip(lower=1), 2), 0.25, 0.5, 1.0)


def _where(rows: pd.DataFrame, counts: pd.Series, value: pd.Series, *edges: float) -> pd.DataFrame:
    rows["value"] = value.where(counts)
    rows["level"] = np.where(counts, _level(value, *edges), "normal")
    rows["status"] = np.where(counts, "ok", "not_applicable")
    return rows


def _specific_flow(f: Frames) -> pd.DataFrame:
    rows = passages(f).merge(f.town[["place", "effective_width"]], on="place")
    rows["value"] = _round(rows["x"] / (rows["effective_width"] * 5), 1)
    rows["level"] = _level(rows["value"], 49, 66, 70)
    return rows


def _counterflow(f: Frames) -> pd.DataFrame:
    rows = passages(f).merge(f.town[["place", "effective_width", "planned_direction"]], on="place")
    against = rows["count_in"].where(rows["planned_direction"] == "out", rows["count_out"])
    rows = _where(rows, rows["x"] / (rows["effective_width"] * 5) >= 49, _round(against / rows["x"], 2), 0.05, 0.1, 0.2)
    rows.loc[rows["planned_direction"].isna(), "level"] = "normal"
    return rows


def _net_inflow(f: Frames) -> pd.DataFrame:
    rows = gates(f)
    rows["value"], rows["level"] = _round((rows["inflow"] - rows["outflow"]) / 5, 1), "normal"
    return rows


def _time_to_capacity(f: Frames) -> pd.DataFrame:
    rows = gates(f).merge(present(f), on=SLOT).merge(f.town[["place", "capacity"]], on="place")
    gained = rows["inflow"] - rows["outflow"]
    value = _round((rows["capacity"] - rows["x"]).clip(lower=0) * 5 / gained.clip(lower=1), 0)
    rows = _where(rows, gained > 0, value)
    rows["level"] = np.where(gained > 0, np.select([value <= 15, value <= 30, value <= 60], LEVELS[:0:-1], "normal"), "normal")
    return rows


def before_crowds(f: Frames) -> pd.DataFrame:
    """Passages of the lines, with the density of the zone in front of them."""
    lines = f.town[["place", "effective_width", "planned_direction", "from_zone", "to_zone"]].copy()
    lines["zone"] = lines["to_zone"].where(lines["planned_direction"] == "out", lines["from_zone"])
    crowds = present(f).merge(f.town[["place", "usable_area"]], on="place")
    crowds["density"] = crowds["x"] / crowds["usable_area"]
    rows = passages(f).merge(lines[["place", "effective_width", "zone"]], on="place")
    return rows.merge(crowds[[*SLOT, "density"]].rename(columns={"place": "zone"}), on=["zone", "interval_start"])


def _jam_suspect(f: Frames) -> pd.DataFrame:
    rows = before_crowds(f)
    crowd = rows["density"].clip(2.15, 3.5)
    carried = 60 * crowd * 1.34 * (1 - np.exp(-1.913 * (1 / crowd - 1 / 5.4)))
    jammed = (rows["x"] / (rows["effective_width"] * 5) < 0.5 * carried).astype(float)
    rows = _where(rows, rows["density"] >= 2.15, jammed)
    rows["level"] = np.where(rows["value"] >= 1, "critical", "normal")
    return rows


def _round(value: pd.Series, digits: int) -> pd.Series:
    """Halves away from zero, as people and SQL round."""
    return pd.Series(np.sign(value) * np.floor(value.abs() * 10**digits + 0.5) / 10**digits, index=value.index)


CARDS: dict[str, Callable[[Frames], pd.DataFrame]] = {
    "density": _density, "occupancy": _occupancy, "unusualness": _unusualness, "busy_for_this_time": _busy_for_this_time,
    "growth": _growth, "specific_flow": _specific_flow, "counterflow": _counterflow, "net_inflow": _net_inflow,
    "time_to_capacity": _time_to_capacity, "jam_suspect": _jam_suspect,
}  # fmt: skip
