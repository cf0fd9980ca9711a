"""The oracle itself against numbers worked by hand: an oracle that is wrong in the same way as the engine proves nothing."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.oracle import naive, reading, stretches

CALENDAR = naive.Calendar("Europe/Amsterdam", event_days=frozenset({date(2024, 5, 6)}), holidays=frozenset({date(2024, 5, 20)}))
MONDAY = date(2024, 6, 10)


def _history(minutes: int = 60, value: float = 100.0, days: int = 100) -> naive.History:
    history = naive.History("s", "p", minutes, CALENDAR)
    for back in range(1, days + 1):
        for minute in range(0, 1440, minutes):
            history.add(MONDAY - timedelta(days=back), minute, value)
    return history


def test_rule_18_takes_the_last_eight_valid_days_of_the_weekday():
    days = _history().valid_days(MONDAY, weekday=0)
    assert days == [date(2024, 6, 3), date(2024, 5, 27), date(2024, 5, 13), date(2024, 4, 29), date(2024, 4, 22),
                    date(2024, 4, 15), date(2024, 4, 8), date(2024, 4, 1)]  # fmt: skip


def test_rule_18_rolls_over_midnight_and_leaves_a_special_neighbour_out():
    history = _history()
    assert history.baseline(MONDAY, 600, 0).n == 24
    # Each of the eight Mondays gives 23:00 of the Sunday before and 00:00, 01:00 of its own; 12 May … are plain.
    assert history.baseline(MONDAY, 0, 0).n == 24
    sunday = date(2024, 6, 9)
    # 23:00 on the Sundays before the event day 6 May and the holiday 20 May lose their neighbour 00:00.
    assert history.baseline(sunday, 23 * 60, 6).n == 8 * 3 - 2


def test_rule_18_a_flagged_range_takes_the_whole_day_out():
    flag = ("s", "p", datetime(2024, 6, 3, 10, tzinfo=UTC), datetime(2024, 6, 3, 11, tzinfo=UTC))
    history = naive.History("s", "p", 60, naive.Calendar("Europe/Amsterdam", flags=(flag,)))
    assert not history.plain(date(2024, 6, 3))
    assert history.plain(date(2024, 6, 2))
    assert history.plain(date(2024, 6, 4))


def test_both_instants_of_the_repeated_hour_enter_the_baseline():
    starts = pd.date_range("2024-10-26 22:00", "2024-10-27 23:00", freq="h", tz="UTC", inclusive="left")
    slots = pd.DataFrame({"source": "s", "place": "p", "start": starts, "minutes": 60, "status": "ok", "low": 1.0, "high": 1.0})
    history = naive.history_of(naive.with_local(slots, "Europe/Amsterdam"), CALENDAR)
    assert len(history.values[(date(2024, 10, 27), 120)]) == 2
    assert len(history.by_day[date(2024, 10, 27)]) == 25


def test_level_factor_is_the_ratio_over_seven_ordinary_days_and_is_clipped():
    history = _history(days=120)
    assert history.level_factor(MONDAY) == 1.0
    for day in list(history.by_day):
        if day >= MONDAY - timedelta(days=7):
            for minute in range(0, 1440, 60):
                history.values[(day, minute)] = [110.0]
            history.by_day[day] = [(m, 110.0) for m in range(0, 1440, 60)]
    fresh = naive.History("s", "p", 60, CALENDAR, history.values, history.by_day)
    assert fresh.level_factor(MONDAY) == pytest.approx(1.1, rel=1e-12)
    double = naive.History("s", "p", 60, CALENDAR, history.values, {
        d: [(m, v * 2) for m, v in rows] for d, rows in history.by_day.items()})  # fmt: skip
    assert double.level_factor(MONDAY) == 1.25


def test_no_earlier_ordinary_day_gives_a_level_factor_of_one():
    assert naive.History("s", "p", 60, CALENDAR).level_factor(MONDAY) == 1.0


@pytest.mark.parametrize(
    ("x", "median", "mad", "g", "expected"),
    [
        (200.0, 100.0, 20.0, 1.0, 0.6745 * 100 / 20),  # the MAD is the widest
        (10.0, 0.0, 0.0, 1.0, 10.0),  # nothing is usual here: 0.6745·√(0 + 1)
        (1200.0, 1000.0, 1.0, 1.0, 0.6745 * 200 / 67),  # 0.067 m'
        (130.0, 100.0, 20.0, 1.25, 0.6745 * 5 / 25),  # g moves both
    ],
)
def test_unusualness_point_2(x, median, mad, g, expected):
    assert naive.deviation(x, naive.Baseline(24, median, mad), g)[0] == pytest.approx(expected, rel=1e-12)


def test_a_holiday_takes_the_lower_deviation_and_a_short_baseline_steps_aside():
    history = _history()
    holiday = date(2024, 5, 20)
    for day in [d for d in history.by_day if d.weekday() == 6]:
        for minute in range(0, 1440, 60):
            history.values[(day, minute)] = [300.0]
    slots = pd.DataFrame({
        "source": "s", "place": "p", "start": [pd.Timestamp("2024-05-20 08:00", tz="UTC")], "minutes": 60, "status": "ok",
        "low": 330.0, "high": 330.0, "date": [holiday], "minute": [600]})  # fmt: skip
    slot = next(slots.itertuples())
    found = naive._judge_slot(slot, history, 1.0, 100.0, naive.Edges())
    assert found["m"] == 300.0
    assert found["value"] == naive.rounded(0.6745 * 30 / 20.1, 2)


def test_quantile_is_numpys_linear_one():
    values = [3.0, 9.0, 1.0, 4.0, 4.0, 7.5]
    for share in (0, 0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 1):
        assert naive.quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-12)
    assert math.isnan(naive.quantile([], 0.5))


def test_rule_6_absent_is_zero_near_a_row_inside_the_span_only():
    start = pd.Timestamp("2024-01-01 00:00", tz="UTC")
    at = [0, 5, 100, 105]  # minutes
    rows = pd.DataFrame({"line": "a", "start": [start + pd.Timedelta(minutes=m) for m in at], "count_in": 1, "count_out": 2})
    slots = reading.quarter_hourly([rows], "s", {"a": "a"}, timedelta(minutes=30))
    by_minute = dict(zip(((slots["start"] - start).dt.total_seconds() / 60).astype(int), slots["low"], strict=True))
    assert by_minute[0] == 6  # the cell at minute 10 is zero
    assert by_minute[15] == 0  # 15, 20, 25 lie within 30 minutes of the row at 5
    assert math.isnan(by_minute[45])  # 45…55: more than 30 minutes from 5 and from 100
    assert by_minute[75] == 0
    assert math.isnan(by_minute[105])  # the delivery ends at 110, so the cell at 110 was never covered


def test_rule_7_a_sum_with_a_withheld_part_has_bounds():
    assert reading.bounds(0, 15) == ("ok", 0.0, 0.0)
    assert reading.bounds(14, 15) == ("suppressed", 0.0, 14.0)
    assert reading._sum([reading.bounds(20, 15), reading.bounds(3, 15)]) == ("suppressed", 20.0, 34.0)


def _judged(marks: str) -> pd.DataFrame:
    """15 minutes each: ``r`` reached, ``c`` calm, ``m`` between exit and enter, ``!`` at once, ``?`` unknown, space no row."""
    start = pd.Timestamp("2024-01-01", tz="UTC")
    rows = []
    for i, mark in enumerate(marks):
        if mark == " ":
            continue
        known = mark != "?"
        rows.append({"place": "p", "start": start + pd.Timedelta(minutes=15 * i), "minutes": 15,
                     "reached": (known and mark in "r!" if known else None,) * 2,
                     "calm": (mark == "c" if known else None,) * 2, "at_once": mark == "!"})  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("crrrrccc", [(1, 5)]),
        ("crrmrrcc", []),  # a known interval under enter restarts the run
        ("crr?rccc", [(1, 5)]),  # a gap neither advances nor resets
        ("crr??rcccc", [(1, 6)]),  # … up to two intervals
        ("crr???rccc", []),  # … and restarts beyond
        ("crr   rccc", []),  # a slot without a row is a gap as well
        ("c!cc", [(1, 2)]),  # the fast lane needs one interval
        ("cr!cc", [(1, 3)]),  # and keeps the run it belongs to
        ("crrrc????????", [(1, None)]),  # a gap never closes
        ("crrrc???cc", [(1, 8)]),  # a run off restarts after a long gap
        ("crrrcmcc", [(1, 6)]),
        ("crrrccrrrcc", [(1, 4), (6, 9)]),
    ],
)
def test_rules_14_and_15(marks, expected):
    found = stretches.situations(_judged(marks), stretches.Timing((45, 45), (30, 30)))
    start = pd.Timestamp("2024-01-01", tz="UTC")

    def slot(t: pd.Timestamp) -> int | None:
        return None if pd.isna(t) else int((t - start).total_seconds() // 900)

    assert [(slot(s.started_at), slot(s.ended_at)) for s in found.itertuples()] == expected
