"""The contract, once a batch: every broken cell is found at its row, none is invented."""

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import validate
from schemas import vocabulary
from schemas.datasets import DATASETS
from schemas.datasets.contract import dtype_of
from tests.pipelines.layouts import source

PASSAGES, ZONES = DATASETS["passage_counts"], DATASETS["zone_counts"]
QUARTER = timedelta(minutes=15)


def frame(**measures):
    n = len(next(iter(measures.values())))
    counts = {
        m: pd.array(v, dtype="Int64") if dtype_of(m) == "Int64" else pd.Series(v, dtype="float64") for m, v in measures.items()
    }
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


def test_rule_12_a_mean_may_have_decimals_and_has_its_own_maximum():
    assert broken(frame(present=[20, 20, 20, 20], walking_speed=[1.34, None, -0.1, 4.01]), ZONES) == [
        (2, "walking_speed", "not_negative"), (3, "walking_speed", "plausible")]  # fmt: skip


@pytest.mark.parametrize(("dataset", "measure", "codes"), [
    ("field_observations", "density_class", range(1, 7)), ("facility_occupancy", "full_flag", (0, 1)),
    ("stop_counts", "occupancy_status", (0, 1, 2, 3, 4, 5, 6, 8)),
])  # fmt: skip
def test_a_class_is_one_of_those_of_the_dataset(dataset, measure, codes):
    given = list(range(-1, 10))
    found = broken(frame(**{measure: given}), DATASETS[dataset])
    assert [given[position] for position, _, _ in found] == [c for c in given if c not in codes]
    assert {check for _, _, check in found} == {"unknown_class"}


@pytest.mark.parametrize("contract", DATASETS.values(), ids=lambda c: c.name)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_failures_of_every_dataset_agree_with_its_stated_quality(contract, data):
    minutes = data.draw(st.sampled_from([1, 5, 15, 60]))
    size = data.draw(st.integers(1, 6))
    table, expected = {}, []
    for measure in contract.measures:
        top = contract.quality.plausible[measure] * (minutes if vocabulary.columns()[measure].kind == "flow" else 1)
        edges = [-1, 0, 1, int(top), int(top) + 1]
        number = st.sampled_from(edges) if dtype_of(measure) == "Int64" else st.sampled_from([*edges, top / 3])
        table[measure] = data.draw(st.lists(st.one_of(st.none(), number), min_size=size, max_size=size))
        codes = contract.codes.get(measure)
        for i, value in enumerate(table[measure]):
            if value is not None and codes and value not in codes:
                expected.append((i, measure, "unknown_class"))
            elif value is not None and not codes and not 0 <= value <= top:
                expected.append((i, measure, "not_negative" if value < 0 else "plausible"))
    assert broken(frame(**table), contract, timedelta(minutes=minutes)) == sorted(expected)


@pytest.mark.parametrize(("changes", "told"), [
    ({"dataset": "zone_counts"}, "no measure `count_in`"),
    ({"dataset": "zone_counts", "measures": {"walking_speed": {"column": "in"}}}, "without the count behind it"),
    ({"dataset": "field_observations", "measures": {"density_class": {"column": "in"}}, "absent": {"max_zero_run": "1h"}},
     "never zero"),
    ({"contract": 9}, "contract 9"),
    ({"measures": {"count_in": {"column": "in"}, "count_total": {"column": "out"}}}, "one of these groups"),
])  # fmt: skip
def test_rule_01_a_source_delivers_what_its_dataset_holds(changes, told):
    declared = source(**changes)
    mistake = validate.contract_mistake(declared, DATASETS[declared.dataset], tuple(declared.measures))
    assert mistake and told in mistake
    assert validate.contract_mistake(source(), PASSAGES, ("count_in", "count_out")) is None
    assert "not known" in validate.contract_mistake(source(), None, ())
