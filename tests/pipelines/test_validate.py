"""The contract, once a batch: every broken cell is found at its row, none is invented."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import validate
from schemas.datasets import DATASETS
from tests.pipelines.layouts import source

PASSAGES, ZONES = DATASETS["passage_counts"], DATASETS["zone_counts"]
QUARTER = timedelta(minutes=15)


def frame(**measures):
    n = len(next(iter(measures.values())))
    counts = {m: pd.array(v, dtype="Int64") for m, v in measures.items()}
    return pd.DataFrame({"place": ["bridge"] * n, "interval_start": pd.to_datetime(["2026-06-20"] * n, utc=True), **counts})


def broken(table, contract=PASSAGES, interval=QUARTER):
    measures = tuple(c for c in table.columns if c not in {"place", "interval_start"})
    found = validate.failures(table, contract, measures, interval)
    assert tuple(found.columns) == validate.FAILURES
    return sorted(found[["position", "measure", "check_name"]].itertuples(index=False, name=None))


def test_good_counts_pass():
    assert broken(frame(count_in=[0, 5, None], count_out=[30_000, None, 1])) == []


def test_each_broken_cell_is_named_with_its_row():
    found = broken(frame(count_in=[5, -1, 30_001], count_out=[-2, 5, 5]))
    assert found == [(0, "count_out", "not_negative"), (1, "count_in", "not_negative"), (2, "count_in", "plausible")]


def test_what_is_plausible_grows_with_the_interval_for_flows_only():
    assert broken(frame(count_in=[100_000]), interval=timedelta(hours=1)) == []
    assert broken(frame(present=[500_001]), ZONES, timedelta(hours=1)) == [(0, "present", "plausible")]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-100, 60_000)), min_size=1, max_size=40))
def test_failures_agree_with_a_plain_loop(values):
    expected = [
        (i, "count_in", "not_negative" if v < 0 else "plausible")
        for i, v in enumerate(values)
        if v is not None and not 0 <= v <= 30_000
    ]
    assert broken(frame(count_in=values)) == expected


@pytest.mark.parametrize(("changes", "told"), [
    ({"dataset": "zone_counts"}, "no measure `count_in`"),
    ({"contract": 9}, "contract 9"),
    ({"measures": {"count_in": {"column": "in"}, "count_total": {"column": "out"}}}, "one of these groups"),
])  # fmt: skip
def test_rule_01_a_source_delivers_what_its_dataset_holds(changes, told):
    declared = source(**changes)
    mistake = validate.contract_mistake(declared, DATASETS[declared.dataset], tuple(declared.measures))
    assert mistake and told in mistake
    assert validate.contract_mistake(source(), PASSAGES, ("count_in", "count_out")) is None
    assert "not known" in validate.contract_mistake(source(), None, ())
