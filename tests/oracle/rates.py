"""Hits and false stretches of the oracle's situations: what the definitions themselves give on open data."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import pandas as pd


def local_days(stretch: object, zone: str, until: pd.Timestamp) -> set[date]:
    """Local dates that a stretch touches; an open one lasts until ``until``; an end at midnight touches no new day."""
    start = stretch.started_at.tz_convert(zone)
    end = (until if pd.isna(stretch.ended_at) else stretch.ended_at).tz_convert(zone) - timedelta(seconds=1)
    return {day.date() for day in pd.date_range(start.normalize(), max(start, end).normalize())}


def outside(stretches: pd.DataFrame, zone: str, listed: Collection[date], until: pd.Timestamp) -> pd.DataFrame:
    """Stretches that touch none of the listed days, with their local start and week (Monday)."""
    keep = [not (local_days(s, zone, until) & set(listed)) for s in stretches.itertuples()]
    false = stretches[keep].copy()
    local = false["started_at"].dt.tz_convert(zone)
    return false.assign(local=local, week=(local.dt.normalize() - pd.to_timedelta(local.dt.weekday, unit="D")).dt.date)


def place_weeks(judged: pd.DataFrame, listed: Collection[date]) -> pd.Series:
    """Weeks of judged slots (level known) outside the listed days, per place: the denominator of a false rate."""
    known = judged[(judged["level"] != "unknown") & ~judged["date"].isin(set(listed))]
    return known.groupby("place")["minutes"].sum() / (7 * 24 * 60)


def summary(judged: pd.DataFrame, stretches: pd.DataFrame, zone: str, listed: Collection[date]) -> dict[str, object]:
    """False stretches per place and week: mean over all, worst place, and how many (place, week) pairs hold 0, 1, 2 … of them."""
    false = outside(stretches, zone, listed, judged["start"].max())
    weeks = place_weeks(judged, listed)
    weeks = weeks[weeks > 0]
    per_place = (false.groupby("place").size().reindex(weeks.index, fill_value=0) / weeks).sort_values()
    per_week = false.groupby(["place", "week"]).size().sort_values()
    known = judged[(judged["level"] != "unknown") & ~judged["date"].isin(set(listed))]
    cells = len({(p, d - timedelta(days=d.weekday())) for p, d in zip(known["place"], known["date"], strict=True)})
    counts = {0: cells - len(per_week), **{int(n): int(k) for n, k in per_week.value_counts().sort_index().items()}}
    return {
        "stretches": len(stretches), "false": len(false), "place_weeks": round(float(weeks.sum()), 1),
        "mean": round(len(false) / float(weeks.sum()), 3), "worst_places": per_place.tail(3).round(2).to_dict(),
        "place_weeks_by_count": counts, "worst_weeks": {f"{p} {w}": int(n) for (p, w), n in per_week.tail(6).items()},
    }  # fmt: skip
