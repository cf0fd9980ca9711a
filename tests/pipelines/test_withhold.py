"""Rule 7: 1…k−1 leaves as [0, k−1] and nothing else."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import withhold
from tests.pipelines.layouts import csv, take


def withheld(values, *, k=15, withhold_zero=False, persons=("count_in",), measure="count_in"):
    """values: numbers, or None for a missing cell → (status, value, low, high) in the same order."""
    table = pa.table({
        "i": range(len(values)), "measure": [measure] * len(values), "value": pa.array(values, pa.int64()),
        "state": ["missing" if v is None else "ok" for v in values],
    })  # fmt: skip
    with duckdb.connect() as con:
        con.register("exact", table)
        sql = withhold.withheld("exact", k=k, withhold_zero=withhold_zero, persons=persons)
        rows = con.sql(f"SELECT status, value, value_low, value_high FROM ({sql}) ORDER BY i").fetchall()
        assert set(con.sql(sql).columns) == {"i", "measure", "status", "value", "value_low", "value_high"}
    return rows


@pytest.mark.parametrize(("value", "expected"), [
    (0, ("ok", 0, 0, 0)), (1, ("suppressed", None, 0, 14)), (14, ("suppressed", None, 0, 14)), (15, ("ok", 15, 15, 15)),
    (None, ("missing", None, None, None)),
])  # fmt: skip
def test_rule_07_edges(value, expected):
    assert withheld([value]) == [expected]


def test_rule_07_a_dpia_may_withhold_zero():
    assert withheld([0], withhold_zero=True) == [("suppressed", None, 0, 14)]


def test_rule_07_holds_for_measures_that_count_persons():
    assert withheld([3], persons=()) == [("ok", 3, 3, 3)]
    assert withhold.person_measures(("count_in", "present", "interval_minutes")) == ("count_in", "present")


def test_rule_07_k_of_one_withholds_nothing():
    assert withheld([0, 1, 2], k=1) == [("ok", v, v, v) for v in (0, 1, 2)]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 40)), max_size=30), st.integers(1, 30), st.booleans())
def test_rule_07_withheld_values_cannot_be_told_apart(values, k, zero):
    for value, row in zip(values, withheld(values, k=k, withhold_zero=zero), strict=True):
        if value is not None and (zero if value == 0 else value < k):
            assert row == ("suppressed", None, 0, k - 1)
        else:
            assert row == (("missing", None, None, None) if value is None else ("ok", value, value, value))


def test_rule_07_nothing_finer_survives_the_intake(tmp_path):
    """Two deliveries that differ only in withheld counts leave the same behind, but for the fingerprint of the file."""
    one, other = (take(csv(f"2026-06-20 20:00,B1,{a},30,"), tmp_path) for a in (1, 14))
    assert one.cells.equals(other.cells) and one.refused.equals(other.refused)
    assert (one.rows_suppressed, one.rows_accepted) == (1, 0), "a row with any withheld measure is suppressed (rule 11)"
