"""Rule 7: 1…k−1 leaves as [0, k−1] and nothing else."""

from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import withhold
from tests import evidence
from tests.pipelines.layouts import csv, take

KEY = ("place", "slot", "occ", "measure")


def run(cells, measures, *, k=15, withhold_zero=False):
    """cells: (slot, measure, value; None is missing, a text another state) → (status, value, low, high) in the same order."""
    table = pa.table({
        "i": range(len(cells)), "place": ["p"] * len(cells), "slot": [c[0] for c in cells], "occ": [1] * len(cells),
        "measure": [c[1] for c in cells],
        "value": pa.array([None if isinstance(c[2], str) or c[2] is None else Decimal(str(c[2])) for c in cells], pa.decimal128(18, 6)),
        "state": ["missing" if c[2] is None else c[2] if isinstance(c[2], str) else "ok" for c in cells],
    })  # fmt: skip
    with duckdb.connect() as con:
        con.register("exact", table)
        sql = withhold.withheld("exact", k=k, withhold_zero=withhold_zero, measures=measures)
        rows = con.sql(f"SELECT status, value, value_low, value_high FROM ({sql}) ORDER BY i").fetchall()
        assert set(con.sql(sql).columns) == {"i", *KEY, "status", "value", "value_low", "value_high"}
    return rows


def withheld(values, *, measure="count_in", **options):
    """values: numbers, or None for a missing cell → (status, value, low, high) in the same order."""
    return run([(i, measure, v) for i, v in enumerate(values)], (measure,), **options)


def mean(value, *counts, **options):
    """What becomes of a walking speed with these counts in and out behind it."""
    named = ("count_in", "count_out")[: len(counts)]
    cells = [(0, "walking_speed", value), *((0, m, c) for m, c in zip(named, counts, strict=True))]
    return run(cells, ("walking_speed", *named), **options)[0]


@pytest.mark.parametrize(("value", "expected"), [
    (0, ("ok", 0, 0, 0)), (1, ("suppressed", None, 0, 14)), (14, ("suppressed", None, 0, 14)), (15, ("ok", 15, 15, 15)),
    (None, ("missing", None, None, None)),
])  # fmt: skip
def test_rule_07_edges(value, expected):
    assert withheld([value]) == [expected]


def test_rule_07_a_dpia_may_withhold_zero():
    assert withheld([0], withhold_zero=True) == [("suppressed", None, 0, 14)]


def test_rule_07_holds_for_measures_that_count_persons():
    assert withheld([3], measure="vehicles") == [("ok", 3, 3, 3)]
    assert withhold.person_measures(("count_in", "present", "interval_minutes")) == ("count_in", "present")


def test_rule_07_k_of_one_withholds_nothing():
    assert withheld([0, 1, 2], k=1) == [("ok", v, v, v) for v in (0, 1, 2)]


@settings(max_examples=evidence.count(25, 500), deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=30), st.integers(1, 30), st.booleans())
def test_rule_07_withheld_values_cannot_be_told_apart(values, k, zero):
    for value, row in zip(values, withheld(values, k=k, withhold_zero=zero), strict=True):
        if value is not None and (zero if value == 0 else value < k):
            assert row == ("suppressed", None, 0, k - 1)
        else:
            assert row == (("missing", None, None, None) if value is None else ("ok", value, value, value))


GONE, NOT_THERE = ("suppressed", None, None, None), ("missing", None, None, None)
KEPT = ("ok", Decimal("1.25"), Decimal("1.25"), Decimal("1.25"))


@pytest.mark.parametrize(("value", "counts", "expected"), [
    (1.25, (15,), KEPT), (1.25, (14,), GONE), (1.25, (8, 7), KEPT), (1.25, (7, 7), GONE), (1.25, (0, 15), KEPT),
    (None, (7, 7), GONE), (None, (20, 0), NOT_THERE),
    (1.25, (None,), NOT_THERE), (1.25, (20, None), NOT_THERE), (1.25, (20, "outage"), NOT_THERE),
    (1.25, (0, 0), NOT_THERE), (0, (0,), NOT_THERE), ("outage", ("outage",), ("outage", None, None, None)),
])  # fmt: skip
def test_rule_07_a_mean_goes_with_the_number_of_people_behind_it(value, counts, expected):
    """Under k withheld without bounds, also where none was sent; nobody, or nobody knows how many, is no mean."""
    assert mean(value, *counts) == expected


def test_rule_07_where_zero_is_withheld_a_mean_does_not_tell_it():
    assert [mean(v, 0, withhold_zero=True) for v in (1.25, None)] == [GONE, GONE]


def test_rule_07_vehicles_do_not_fall_under_k():
    def speed(value, vehicles):
        return run([(0, "driving_speed", value), (0, "vehicles", vehicles)], ("driving_speed", "vehicles"))[0]

    assert speed(1.25, 1) == speed(1.25, None) == KEPT
    assert speed(0, 0) == NOT_THERE, "no vehicle is no speed, not a standstill"


def test_rule_07_a_mean_looks_only_at_the_counts_of_its_own_row():
    cells = [(0, "present", 3), (0, "walking_speed", 1.25), (1, "present", 40), (1, "walking_speed", 1.25)]
    assert [row[0] for row in run(cells, ("present", "walking_speed"))] == ["suppressed", "suppressed", "ok", "ok"]


@settings(max_examples=evidence.count(25, 500), deadline=None)
@given(st.integers(1, 14), st.integers(1, 14), st.one_of(st.none(), st.floats(0, 4)), st.one_of(st.none(), st.floats(0, 4)))
def test_rule_07_withheld_rows_with_a_mean_cannot_be_told_apart(one, other, speed, speed_too):
    def row(count, given):
        value = None if given is None else round(given, 6)
        return run([(0, "present", count), (0, "walking_speed", value)], ("present", "walking_speed"))

    assert row(one, speed) == row(other, speed_too)


def test_rule_07_nothing_finer_survives_the_intake(tmp_path):
    """Two deliveries that differ only in withheld counts leave the same behind, but for the fingerprint of the file."""
    one, other = (take(csv(f"2026-06-20 20:00,B1,{a},30,"), tmp_path) for a in (1, 14))
    assert one.cells.equals(other.cells) and one.refused.equals(other.refused)
    assert (one.rows_suppressed, one.rows_accepted) == (1, 0), "a row with any withheld measure is suppressed (rule 11)"
