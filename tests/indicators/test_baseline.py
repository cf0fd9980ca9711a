"""Rule 18 by worked example: which days are compared, and the figures where the clock changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest

from indicators import baseline
from indicators.baseline import Calendar, comparison_days

DAY = timedelta(days=1)
MONDAY = date(2026, 6, 15)
NO_DAYS = Calendar(frozenset(), frozenset(), {})


def compared(day: date, calendar: Calendar) -> dict[str, list[date]]:
    found: dict[str, list[date]] = {}
    for kind, past in comparison_days(day, calendar):
        found.setdefault(kind, []).append(past)
    return found


def test_an_ordinary_day_is_compared_with_the_same_weekday_of_twelve_weeks():
    assert compared(MONDAY, NO_DAYS) == {"weekday": [MONDAY - 7 * n * DAY for n in range(1, 13)]}


def test_holidays_and_event_days_are_not_compared_with():
    calendar = Calendar(frozenset({MONDAY - 7 * DAY}), frozenset({MONDAY - 14 * DAY}), {})
    assert compared(MONDAY, calendar)["weekday"][0] == MONDAY - 21 * DAY


def test_a_holiday_is_compared_with_sundays_too_but_a_sunday_is_a_sunday():
    found = compared(MONDAY, Calendar(frozenset({MONDAY}), frozenset({MONDAY - 8 * DAY}), {}))
    assert found["sunday"] == [MONDAY - n * DAY for n in (1, 15, 22, 29, 36, 43, 50, 57, 64, 71, 78)]
    sunday = MONDAY - DAY
    assert set(compared(sunday, Calendar(frozenset({sunday}), frozenset(), {}))) == {"weekday"}


def test_an_edition_is_compared_with_earlier_ones_however_long_ago():
    earlier = (date(2025, 4, 26), date(2014, 4, 26))
    day = date(2026, 4, 27)
    calendar = Calendar(frozenset({day}), frozenset({day, *earlier}), {day: earlier})
    found = compared(day, calendar)
    assert found["edition"] == list(earlier)
    assert len(found["weekday"]) == 12 and len(found["sunday"]) == 12


class Figures:
    """Statistics of target days in a zone, from counts given by instant."""

    def __init__(self, zone: str, minutes: int):
        self.zone, self.minutes = zone, minutes
        self.slots: list[tuple[date, int, float, bool]] = []

    def day(self, day: date, x: float, *, flagged: bool = False, step: float = 0.0) -> None:
        """A whole local day, as long as it is: x, x + step, … from its first slot on."""
        tz = ZoneInfo(self.zone)
        moment, end = (datetime.combine(d, datetime.min.time(), tz).astimezone(UTC) for d in (day, day + DAY))
        while moment < end:
            local = moment.astimezone(tz)
            self.slots.append((local.date(), 60 * local.hour + local.minute, x, flagged))
            moment, x = moment + timedelta(minutes=self.minutes), x + step

    def of(self, target: date, kinds: Iterable[tuple[str, date]], special: Iterable[date] = ()) -> dict[tuple[str, str], tuple]:
        """(day_type, clock) → (n, valid_days, median, mad)."""
        con = duckdb.connect()
        con.execute("SET TimeZone='UTC'")
        rows = list(kinds)
        tables = {
            "targets": {"no": pa.array([1], pa.int32()), "local_date": pa.array([target], pa.date32())},
            "slots": {"no": pa.array([1] * len(self.slots), pa.int32()), "local_date": pa.array([s[0] for s in self.slots], pa.date32()),
                      "minute": pa.array([s[1] for s in self.slots], pa.int16()), "x": [float(s[2]) for s in self.slots],
                      "flagged": [s[3] for s in self.slots]},
            "comparisons": {"local_date": pa.array([target] * len(rows), pa.date32()), "day_type": [r[0] for r in rows],
                            "ref_date": pa.array([r[1] for r in rows], pa.date32())},
            "special": {"local_date": pa.array(list(special), pa.date32())},
        }  # fmt: skip
        for name, columns in tables.items():
            con.register(name, pa.table(columns))
        sql = baseline.statistics_sql("targets", "slots", "comparisons", "special", self.minutes, self.zone)
        found = con.execute(f"SELECT day_type, minute, n, valid_days, median, mad FROM ({sql})").fetchall()
        con.close()
        return {(kind, f"{m // 60:02}:{m % 60:02}"): tuple(rest) for kind, m, *rest in found}


# (zone, step, day with the clock put forward, first and last slot it skips, day with the clock put back, first slot it repeats)
CHANGES = [
    ("Europe/Amsterdam", 15, date(2026, 3, 29), ["02:00", "02:45"], date(2025, 10, 26), "02:00"),
    ("Australia/Melbourne", 30, date(2025, 10, 5), ["02:00", "02:30"], date(2026, 4, 5), "02:00"),
    ("Australia/Lord_Howe", 15, date(2025, 10, 5), ["02:00", "02:15"], date(2026, 4, 5), "01:30"),
]


def clock(text: str, steps: int, minutes: int) -> str:
    total = 60 * int(text[:2]) + int(text[3:]) + steps * minutes
    return f"{total // 60:02}:{total % 60:02}"


@pytest.mark.parametrize(("zone", "minutes", "forward", "skipped", "back", "repeated"), CHANGES)
def test_a_day_with_the_clock_put_forward_gives_nothing_at_the_skipped_times(zone, minutes, forward, skipped, back, repeated):
    world = Figures(zone, minutes)
    world.day(forward, 10)
    world.day(forward - 7 * DAY, 10)
    found = world.of(forward + 7 * DAY, [("weekday", forward), ("weekday", forward - 7 * DAY)])
    counts = {time: n for (_, time), (n, *_) in found.items()}
    assert counts["12:00"] == 6
    first, last = skipped
    # Neighbours are those of the clock: a skipped slot has one known neighbour at either end of the gap, or none inside it.
    assert counts[clock(first, -1, minutes)] == counts[clock(last, 1, minutes)] == 5
    gap = {clock(first, n, minutes): 0 for n in range(48) if first <= clock(first, n, minutes) <= last}
    gap[first] += 1
    gap[last] += 1
    assert {time: counts[time] - 3 for time in gap} == gap
    assert len(counts) == 1440 // minutes


@pytest.mark.parametrize(("zone", "minutes", "forward", "skipped", "back", "repeated"), CHANGES)
def test_a_clock_time_that_the_day_does_not_have_gets_no_row(zone, minutes, forward, skipped, back, repeated):
    world = Figures(zone, minutes)
    world.day(forward - 7 * DAY, 10)
    times = {time for _, time in world.of(forward, [("weekday", forward - 7 * DAY)])}
    every = {clock("00:00", n, minutes) for n in range(1440 // minutes)}
    assert every - times == {t for t in every if skipped[0] <= t <= skipped[1]}


@pytest.mark.parametrize(("zone", "minutes", "forward", "skipped", "back", "repeated"), CHANGES)
def test_both_instants_of_a_repeated_slot_count(zone, minutes, forward, skipped, back, repeated):
    """Counts rise by one a slot: the values at the repeated times are told apart by it."""
    world = Figures(zone, minutes)
    world.day(back, 0, step=1.0)
    found = world.of(back + 7 * DAY, [("weekday", back)])
    at = int(repeated[:2]) * 60 // minutes + int(repeated[3:]) // minutes  # number of the first repeated slot
    twice = (60 if zone != "Australia/Lord_Howe" else 30) // minutes
    inside, before = clock(repeated, 0, minutes), clock(repeated, -1, minutes)
    values = {
        before: [at - 2, at - 1, at, at + twice],
        inside: [at - 1, at, at + twice, *([at + 1, at + twice + 1] if twice > 1 else [at + twice + 1])],
    }
    for time, expected in values.items():
        n, days, median, _ = found["weekday", time]
        middle = sorted(expected)
        half = len(middle) // 2
        assert (n, days) == (len(expected), 1)
        assert median == (middle[half] if len(middle) % 2 else (middle[half - 1] + middle[half]) / 2)
    assert len(found) == 1440 // minutes


def test_figures_by_hand():
    """Three Mondays, hourly, 100 + 10·hour + 0, 1 and 5: at 10:00 the neighbours lie 10 below and above."""
    world = Figures("Europe/Amsterdam", 60)
    for week, extra in ((1, 0), (2, 1), (3, 5)):
        world.day(MONDAY - 7 * week * DAY, 100 + extra, step=10.0)
    found = world.of(MONDAY, comparison_days(MONDAY, NO_DAYS))
    # 190 200 210 · 191 201 211 · 195 205 215: the median 201; away from it 11 1 9 10 0 10 6 4 14, of which the median is 9.
    assert found["weekday", "10:00"] == (9, 3, 201.0, 9.0)
    # At midnight there is no neighbour before: nothing is known of the Sundays.
    assert found["weekday", "00:00"][:3] == (6, 3, 107.5)


def test_the_ninth_valid_day_no_longer_counts_and_an_empty_or_flagged_day_is_not_valid():
    world = Figures("UTC", 60)
    for week in range(1, 13):
        if week != 2:
            world.day(MONDAY - 7 * week * DAY, week, flagged=week == 3)
    found = world.of(MONDAY, comparison_days(MONDAY, NO_DAYS))
    assert found["weekday", "12:00"] == (24, 8, 6.5, 2.0)  # weeks 1 4 5 6 7 8 9 10


def test_a_neighbour_past_midnight_belongs_to_its_own_day():
    """Hourly values of Sunday evening beside Monday 00:00: gone when that Sunday is special or flagged, kept for an edition."""
    sunday, monday = MONDAY - 8 * DAY, MONDAY - 7 * DAY
    for special, flagged, kept in (([], False, True), ([sunday], False, False), ([], True, False)):
        world = Figures("UTC", 60)
        world.day(monday, 10)
        world.day(sunday, 70, flagged=flagged)
        n = world.of(MONDAY, [("weekday", monday)], special)["weekday", "00:00"][0]
        assert n == (3 if kept else 2)
    world = Figures("UTC", 60)
    world.day(monday, 10)
    world.day(sunday, 70)
    assert world.of(MONDAY, [("edition", monday)], [sunday, monday])["edition", "00:00"] == (3, 1, 10.0, 0.0)


def test_never_the_day_itself_not_even_as_a_neighbour():
    """A holiday Monday against yesterday's Sunday: 23:00 there has no neighbour after midnight, that would be today."""
    world = Figures("UTC", 60)
    world.day(MONDAY - DAY, 10)
    world.day(MONDAY, 999)
    found = world.of(MONDAY, [("sunday", MONDAY - DAY)])
    assert found["sunday", "23:00"] == (2, 1, 10.0, 0.0)
    assert found["sunday", "22:00"][0] == 3
