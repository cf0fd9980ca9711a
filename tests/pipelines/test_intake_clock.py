"""Rule 3: stamps to half-open UTC intervals, on the nights the clock changes and on any clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.layouts import cells, checks, csv, source, take

SPRING, AUTUMN = "2026-03-29", "2026-10-25"


def clock(**changes):
    return {"columns": ["at"], "format": "%Y-%m-%d %H:%M", "clock": "local", "timezone": "Europe/Amsterdam"} | changes


def starts(taken):
    """(start in UTC, count_in) per cell, in order of the file."""
    rows = [r for r in taken.cells.to_pylist() if r["measure"] == "count_in"]
    return [(f"{r['interval_start'].astimezone(UTC):%H:%M}", r["value"]) for r in sorted(rows, key=lambda r: r["row_number"])]


def lines(day, *stamps, place="B1", first=100):
    return [f"{day} {stamp},{place},{first + i},50," for i, stamp in enumerate(stamps)]


def test_rule_03_a_time_the_spring_clock_skips_is_refused(tmp_path):
    taken = take(csv(*lines(SPRING, "01:45", "02:00", "02:45", "03:00")), tmp_path)
    assert starts(taken) == [("00:45", 100), ("01:00", 103)]
    assert checks(taken) == [(3, "at", "time_does_not_exist"), (4, "at", "time_does_not_exist")]
    assert "2026-03-29 02:00" in taken.refused.to_pylist()[0]["message"]


def test_rule_03_filler_rows_of_the_skipped_hour_are_filtered(tmp_path):
    taken = take(csv(*lines(SPRING, "01:45", "02:00", "03:00")), tmp_path, source(time=clock(skipped="filler")))
    assert (taken.rows_filtered, taken.rows_in, taken.rows_refused) == (1, 2, 0)


@pytest.mark.parametrize(("repeated", "expected"), [("first", "00:00"), ("second", "01:00")])
def test_rule_03_an_autumn_hour_that_occurs_once_is_read_as_declared(tmp_path, repeated, expected):
    taken = take(csv(*lines(AUTUMN, "02:00")), tmp_path, source(time=clock(repeated=repeated)))
    assert starts(taken) == [(expected, 100)]


def test_rule_03_an_autumn_hour_nobody_explained_is_refused(tmp_path):
    taken = take(csv(*lines(AUTUMN, "01:45", "02:00", "02:15", "03:00")), tmp_path)
    assert [c for _, _, c in checks(taken)] == ["time_ambiguous"] * 2 and taken.rows_accepted == 2


PASSES = ["01:45", "02:00", "02:15", "02:45", "02:00", "02:30", "02:45", "03:00"]
EXPECTED = ["23:45", "00:00", "00:15", "00:45", "01:00", "01:30", "01:45", "02:00"]


def test_rule_03_in_order_tells_the_two_passes_apart_forwards_and_backwards(tmp_path):
    declared = source(time=clock(repeated="in_order"))
    forwards = lines(AUTUMN, *PASSES)
    assert [t for t, _ in starts(take(csv(*forwards), tmp_path, declared))] == EXPECTED
    backwards = take(csv(*reversed(forwards)), tmp_path, declared)
    assert [t for t, _ in starts(backwards)] == EXPECTED[::-1] and backwards.rows_refused == 0


def test_rule_03_in_order_holds_per_place_when_rows_are_mixed(tmp_path):
    pairs = zip(lines(AUTUMN, *PASSES), lines(AUTUMN, *PASSES, place="G2"), strict=True)
    mixed = [row for pair in pairs for row in pair]
    taken = take(csv(*mixed), tmp_path, source(time=clock(repeated="in_order")))
    assert [t for t, _ in starts(taken)] == [t for t in EXPECTED for _ in "ab"]


def test_rule_03_in_order_refuses_what_the_order_does_not_tell(tmp_path):
    once = take(csv(*lines(AUTUMN, "01:45", "02:00", "03:00")), tmp_path, source(time=clock(repeated="in_order")))
    assert checks(once) == [(3, "at", "time_ambiguous")]
    thrice = take(csv(*lines(AUTUMN, "02:00", "02:00", "02:00")), tmp_path, source(time=clock(repeated="in_order")))
    assert thrice.rows_refused == 3


def test_rule_03_in_order_with_rows_per_direction(tmp_path):
    declared = source(
        time=clock(repeated="in_order"), interval="1h", measures=None, ignore=[],
        pivot={"column": "way", "values": {"i": "count_in", "o": "count_out"}, "value_from": "n"},
    )  # fmt: skip
    hours = (("01:00", 100), ("02:00", 200), ("02:00", 300), ("03:00", 400))
    rows = [f"{AUTUMN} {t},B1,{way},{n}" for t, n in hours for way in "io"]
    assert starts(take(csv(*rows, header="at,counter,way,n"), tmp_path, declared)) == [
        ("23:00", 100), ("00:00", 200), ("01:00", 300), ("02:00", 400),
    ]  # fmt: skip


def test_rule_03_stamps_at_the_end_shift_back_also_over_a_clock_change(tmp_path):
    declared = source(time=clock(stamps="end"))
    assert starts(take(csv(*lines("2026-06-20", "20:15")), tmp_path, declared)) == [("18:00", 100)]
    for written in ("02:00", "03:00"):  # both are ways to write the end of the last quarter before the jump
        assert starts(take(csv(*lines(SPRING, written)), tmp_path, declared)) == [("00:45", 100)]
    assert checks(take(csv(*lines(SPRING, "02:15")), tmp_path, declared)) == [(2, "at", "time_does_not_exist")]


def test_rule_03_offsets_and_z_are_instants(tmp_path):
    declared = source(time={"columns": ["at"], "format": "%Y-%m-%dT%H:%M:%S%z", "clock": "offset"})
    stamps = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00"]
    taken = take(csv(*(f"{s},B1,{100 + i},50," for i, s in enumerate(stamps))), tmp_path, declared)
    assert starts(taken) == [("00:00", 100), ("01:00", 101), ("02:00", 102)]
    assert checks(taken) == [(5, "at", "time_unreadable")]


def test_rule_03_month_names_and_a_leading_space(tmp_path):
    declared = source(time=clock(format="%d-%b-%Y %H:%M"))
    stamps = [" 20-JUN-2026 20:00", "20-jun-2026 20:15", "20-June-2026 20:30", "31-JUN-2026 20:00", "20-JUN-2026 24:00"]
    taken = take(csv(*(f"{s},B1,{100 + i},50," for i, s in enumerate(stamps))), tmp_path, declared)
    assert starts(taken) == [("18:00", 100), ("18:15", 101)]
    assert [c for _, _, c in checks(taken)] == ["time_unreadable"] * 3


@pytest.mark.parametrize(("stamp", "check"), [
    ("2026-06-20 20:07", "not_aligned"), ("1000-01-01 00:00", "time_out_of_range"), ("9999-12-31 23:45", "time_out_of_range"),
    ("2026-02-30 00:00", "time_unreadable"), ("", "time_missing"), ("2026-06-20", "time_unreadable"), ("0000-00-00 00:00",
    "time_unreadable"),
])  # fmt: skip
def test_rule_03_times_that_fit_no_interval_are_refused(tmp_path, stamp, check):
    taken = take(csv(f"{stamp},B1,40,20,", *lines("2026-06-20", "20:00")), tmp_path)
    assert checks(taken) == [(2, "at", check)] and taken.rows_accepted == 1


def test_rule_03_the_local_clock_decides_what_a_whole_interval_is(tmp_path):
    declared = source(time=clock(clock="utc", timezone=None), interval="1h")
    content = csv(*lines("2026-06-20", "20:00", "20:30"))
    assert [c for _, _, c in checks(take(content, tmp_path, declared))] == ["not_aligned"]
    kolkata = take(content, tmp_path, declared, tz=ZoneInfo("Asia/Kolkata"))  # five and a half hours ahead
    assert starts(kolkata) == [("20:30", 101)]


@settings(max_examples=25, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Amsterdam", "Australia/Melbourne", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"]),
    moments=st.lists(st.datetimes(datetime(2015, 1, 1), datetime(2029, 12, 31)), min_size=1, max_size=30),
    near=st.integers(0, 400), fold=st.integers(0, 1),
)  # fmt: skip
def test_rule_03_every_stamp_agrees_with_the_standard_library(tmp_path_factory, zone, moments, near, fold):
    """Oracle: zoneinfo. Half of the stamps are drawn around the clock changes of 2026."""
    tz = ZoneInfo(zone)
    changes = [datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 4, 5), datetime(2026, 10, 4)]
    moments = [*moments, *(c + timedelta(minutes=15 * (near % 24)) for c in changes)]
    stamps = sorted({m.replace(minute=m.minute // 15 * 15, second=0, microsecond=0) for m in moments})
    expected = {}
    for stamp in stamps:
        moment = stamp.replace(tzinfo=tz, fold=fold).astimezone(UTC)
        expected[stamp] = moment if moment.astimezone(tz).replace(tzinfo=None) == stamp else None
    declared = source(time=clock(timezone=zone, repeated=("first", "second")[fold]))
    taken = take(csv(*(f"{s:%Y-%m-%d %H:%M},B1,40,20," for s in stamps)), tmp_path_factory.mktemp("zone"), declared, tz=tz)
    found = {r["row_number"]: r["interval_start"] for r in taken.cells.to_pylist() if r["measure"] == "count_in"}
    assert found == {i: moment for i, moment in enumerate(expected.values(), start=2) if moment is not None}
    assert {c for _, _, c in checks(taken)} <= {"time_does_not_exist"}
    assert all(len(c) == 3 for c in cells(taken))
