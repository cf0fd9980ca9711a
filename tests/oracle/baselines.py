"""Baselines the slow way, with pandas, from the written definitions only (DESIGN §3 rule 18, decisions 0003 and 0011).

Nothing of the project is imported. Input: cells of one source at one place; output: one row per day, local slot and kind of day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

import pandas as pd

DAY = timedelta(days=1)
WEEKS_BACK, VALID, ENOUGH, ORDINARY, REACH = 12, 8, 15, 7, 84
FIGURES = ["n", "valid_days", "median", "mad", "p10", "p20", "p50", "p80", "p90", "p95"]


@dataclass(frozen=True)
class Days:
    """``series``: per series its editions, each a run of days. ``flagged``: days of this source and place."""

    zone: str
    holidays: frozenset[date] = frozenset()
    event_days: frozenset[date] = frozenset()
    flagged: frozenset[date] = frozenset()
    series: Sequence[Sequence[Sequence[date]]] = field(default_factory=tuple)

    def ordinary(self, day: date) -> bool:
        return day not in self.holidays | self.event_days | self.flagged

    def earlier_editions(self, day: date) -> list[date]:
        """The day with the same number in each edition that began before the one ``day`` belongs to."""
        found = set()
        for editions in self.series:
            for edition in (e for e in editions if day in e):
                number = list(edition).index(day)
                found |= {e[number] for e in editions if e[0] < edition[0] and number < len(e)}
        return sorted(found, reverse=True)


def slots_of(cells: pd.DataFrame, zone: str, minutes: int, step: int, measures: int, *, last: bool) -> pd.DataFrame:
    """Whole known slots (``day, minute, x``) of cells (``start`` UTC, ``status``, ``value``): all cells there and known.

    ``last``: a stock, whose last cell counts and must be ok; else a flow: all cells must be ok, and are added up.
    """
    cells = cells.sort_values("start")
    # Slots are counted from a local midnight in a year without surprises, as lengths of time, not of the clock.
    anchor = pd.Timestamp("2001-01-01", tz=zone).tz_convert("UTC")
    bucket = anchor + ((cells["start"] - anchor) // pd.Timedelta(minutes=minutes)) * pd.Timedelta(minutes=minutes)
    known = cells["status"].isin(["ok", "suppressed"] if last else ["ok"])
    groups = cells.assign(known=known).groupby(bucket)
    whole = (groups["known"].sum() == minutes // step * measures) & (groups["status"].last() == "ok")
    x = cells.groupby(bucket)["value"].agg("last" if last else "sum")[whole].astype(float)
    found = pd.DataFrame({"start": x.index, "x": x.to_numpy()})
    local = pd.DatetimeIndex(pd.to_datetime(found["start"], utc=True)).tz_convert(zone).tz_localize(None)
    return pd.DataFrame({"day": local.date, "minute": local.hour * 60 + local.minute, "x": found["x"]})


class Baselines:
    """All baselines that follow from the whole known slots of one place."""

    def __init__(self, slots: pd.DataFrame, days: Days, minutes: int):
        self.slots, self.days, self.minutes = slots, days, minutes
        self._of_day = dict(iter(slots.groupby("day")))
        self.statistics = cache(self._statistics)

    def rows(self, day: date) -> pd.DataFrame:
        """The rows of one day: ``day_type``, ``minute``, the figures, ``level_factor`` and ``place_p95``."""
        kinds = ["weekday"] + (["sunday"] if day in self.days.holidays and day.weekday() != 6 else []) + ["edition"]
        found = pd.concat([self.statistics(day, kind).assign(day_type=kind) for kind in kinds])
        return found.reset_index().assign(level_factor=self.level_factor(day), place_p95=self.place_p95(day), day=day)

    def valid_days(self, day: date, kind: str) -> list[date]:
        """The last 8 days of a kind that are valid: known, not flagged and, but for editions, ordinary."""
        if kind == "edition":
            past = [d for d in self.days.earlier_editions(day) if d not in self.days.flagged]
        else:
            weekday = 6 if kind == "sunday" else day.weekday()
            past = [day - back * DAY for back in range(1, WEEKS_BACK * 7 + 1)]
            past = [d for d in past if d.weekday() == weekday and self.days.ordinary(d)]
        return [d for d in past if d in self._of_day][:VALID]

    def _points(self, day: date, kind: str) -> Iterable[pd.DataFrame]:
        for past in self.valid_days(day, kind):
            for own in (past - DAY, past, past + DAY):
                counts = own not in self.days.flagged if kind == "edition" else self.days.ordinary(own)
                if own not in self._of_day or own >= day or (own != past and not counts):
                    continue
                for step in (-self.minutes, 0, self.minutes):
                    # Minutes after the midnight at which ``past`` begins.
                    minute = self._of_day[own]["minute"] + step + 1440 * (own - past).days
                    yield pd.DataFrame({"minute": minute, "x": self._of_day[own]["x"], "past": past})[minute.between(0, 1439)]

    def _statistics(self, day: date, kind: str) -> pd.DataFrame:
        points = list(self._points(day, kind))
        if not points:
            return pd.DataFrame(columns=FIGURES, index=pd.Index([], name="minute"))
        together = pd.concat(points)
        groups = together.groupby("minute")
        away = (together["x"] - groups["x"].transform("median")).abs()
        found = pd.DataFrame({
            "n": groups["x"].size(), "valid_days": groups["past"].nunique(), "median": groups["x"].median(),
            "mad": away.groupby(together["minute"]).median(),
        })  # fmt: skip
        for share in (10, 20, 50, 80, 90, 95):
            found[f"p{share}"] = groups["x"].quantile(share / 100)
        return found[[self._exists(day, minute) for minute in found.index]][FIGURES]

    def _exists(self, day: date, minute: int) -> bool:
        """Whether the clock shows this time on that day."""
        naive = pd.Timestamp(day) + pd.Timedelta(minutes=int(minute))
        return naive.tz_localize(self.days.zone, nonexistent="NaT", ambiguous=True) is not pd.NaT

    def place_p95(self, day: date) -> float:
        """Over all known slots of the 84 days before, special days too."""
        past = [self._of_day[d]["x"] for back in range(1, REACH + 1) if (d := day - back * DAY) in self._of_day]
        return float(pd.concat(past).quantile(0.95)) if past else float("nan")

    def level_factor(self, day: date) -> float:
        """Sum of counts over sum of medians, on the last 7 ordinary days that have both; 1 where there is none."""
        counts = medians = 0.0
        seen = 0
        for past in (day - back * DAY for back in range(1, REACH + 1)):
            if seen == ORDINARY:
                break
            if past not in self._of_day or not self.days.ordinary(past):
                continue
            usual = self.statistics(past, "weekday")
            both = self._of_day[past].join(usual[usual["n"] >= ENOUGH]["median"], on="minute").dropna()
            if len(both):
                seen, counts, medians = seen + 1, counts + both["x"].sum(), medians + both["median"].astype(float).sum()
        return min(1.25, max(0.8, counts / medians)) if medians > 0 else 1.0
