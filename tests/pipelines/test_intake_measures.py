"""The seven datasets through the intake: means, classes, reports; aggregation by each measure's own kind; every row accounted for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import vocabulary
from schemas.datasets import DATASETS
from schemas.datasets.contract import dtype_of
from tests import evidence
from tests.pipelines.layouts import cells, checks, csv, source, take

Q1, Q2 = "06-20T18:00", "06-20T18:15"  # 20:00 and 20:15 in Amsterdam
MISSING, GONE, INVALID = ("missing", None, None, None), ("suppressed", None, None, None), ("invalid", None, None, None)


def declared(dataset, *measures, **changes):
    """A source of ``at,counter,<measure>…`` with a column for each measure."""
    columns = {m if isinstance(m, str) else m[0]: {"column": m if isinstance(m, str) else m[0]} for m in measures}
    columns |= {m[0]: columns[m[0]] | m[1] for m in measures if not isinstance(m, str)}
    return source(dataset=dataset, measures=columns, ignore=[], **changes)


def lines(wanted, *rows, delimiter=","):
    return csv(*rows, header=delimiter.join(("at", "counter", *wanted.measures)))


def number(text):
    exact = Decimal(text)
    return ("ok", exact, exact, exact)


def test_rule_12_a_mean_has_decimals_and_a_count_has_none(tmp_path):
    wanted = declared("link_speeds", "driving_speed", "vehicles")
    taken = take(lines(wanted, "2026-06-20 20:00,B1,48.3333337,12", "2026-06-20 20:15,B1,50,12.5"), tmp_path, wanted)
    found = cells(taken)
    assert found["bridge", Q1, "driving_speed"] == number("48.333334"), "six decimals, rounded once"
    assert found["bridge", Q1, "vehicles"] == number("12")
    assert found["bridge", Q2, "driving_speed"] == INVALID
    assert checks(taken) == [(3, "vehicles", "not_whole")]


def test_a_mean_is_read_with_the_decimal_comma_of_its_reader(tmp_path):
    wanted = declared("zone_counts", "present", "walking_speed", reader={"format": "csv", "delimiter": ";", "decimal": ","})
    taken = take(lines(wanted, "2026-06-20 20:00;B1;40;1,07", delimiter=";"), tmp_path, wanted)
    assert cells(taken)["bridge", Q1, "walking_speed"] == number("1.07")


def test_rule_07_a_mean_of_few_people_leaves_no_trace(tmp_path):
    wanted = declared("passage_counts", "count_in", "count_out", "walking_speed")
    one, other = (
        take(lines(wanted, f"2026-06-20 20:00,B1,{i},{o},{v}", "2026-06-20 20:00,G2,9,9,1.1"), tmp_path, wanted)
        for i, o, v in ((4, 5, 1.1), (6, 8, ""))
    )
    assert one.cells.equals(other.cells) and (one.rows_suppressed, one.rows_accepted) == (2, 0)
    assert cells(one)["bridge", Q1, "walking_speed"] == GONE
    assert cells(one)["gate", Q1, "walking_speed"] == number("1.1"), "eighteen people are behind it"


def test_a_class_has_words_and_texts_for_no_data_of_its_own(tmp_path):
    status = ("occupancy_status", {"sentinels": ["7", "-1"], "classes": {"FULL": 5}})
    wanted = declared("stop_counts", ("boarding", {}), status)
    rows = ("2026-06-20 20:00,B1,107,7", "2026-06-20 20:15,B1,-1,FULL", "2026-06-20 20:00,G2,7,-1", "2026-06-20 20:15,G2,40,9")
    taken = take(lines(wanted, *rows), tmp_path, wanted)
    found = cells(taken)
    assert found["bridge", Q1, "boarding"] == number("107") and found["bridge", Q1, "occupancy_status"] == MISSING
    assert found["gate", Q1, "boarding"] == ("suppressed", None, 0, 14), "a 7 is a count here, not no data"
    assert found["bridge", Q2, "boarding"] == INVALID, "and -1 is no count"
    assert checks(taken) == [(3, "boarding", "not_negative"), (5, "occupancy_status", "unknown_class")]


def test_a_word_that_stands_for_no_class_is_refused(tmp_path):
    wanted = declared("facility_occupancy", ("full_flag", {"classes": {"VOL": 1, "VRIJ": 0}}))
    taken = take(lines(wanted, "2026-06-20 20:00,B1,VOL", "2026-06-20 20:15,B1,vol?"), tmp_path, wanted)
    assert cells(taken)["bridge", Q1, "full_flag"] == number("1") and checks(taken) == [(3, "full_flag", "not_a_number")]


def test_rule_07_vehicles_and_classes_are_not_withheld(tmp_path):
    wanted = declared("facility_occupancy", "occupied", "full_flag", "entering")
    taken = take(lines(wanted, "2026-06-20 20:00,B1,3,1,2"), tmp_path, wanted)
    assert {status for status, *_ in cells(taken).values()} == {"ok"}


# --- aggregate_to ---------------------------------------------------------------------------------------------------


def brought_up(tmp_path, dataset, measures, *rows, **changes):
    """Rows of three five-minute parts, at the bridge, as the quarter that is kept."""
    wanted = declared(dataset, *measures, interval="5min", aggregate_to="15min", **changes)
    written = [f"2026-06-20 20:{5 * part:02},B1,{','.join(map(str, row))}" for part, row in enumerate(rows) if row is not None]
    taken = take(lines(wanted, *written), tmp_path, wanted)
    return {m: value for (_, _, m), value in cells(taken).items()}, checks(taken)


def test_rule_03_each_measure_comes_up_by_its_own_kind(tmp_path):
    found, _ = brought_up(
        tmp_path, "stop_counts", ("boarding", "waiting", "occupancy_status"), (20, 90, 5), (30, 100, 4), (10, 40, 2)
    )
    assert found == {"boarding": number("60"), "waiting": number("40"), "occupancy_status": number("2")}
    found, _ = brought_up(tmp_path, "stop_counts", ("boarding", "waiting"), (20, 90), (30, 100), (10, 40), statistic="max")
    assert found == {"boarding": number("60"), "waiting": number("100")}


def test_rule_03_a_mean_is_weighted_by_its_support(tmp_path):
    found, _ = brought_up(tmp_path, "link_speeds", ("driving_speed", "vehicles"), (60, 30), (10, 90), ("", 0))
    assert found == {"driving_speed": number("22.5"), "vehicles": number("120")}, "not the mean of the means, which is 35"


@pytest.mark.parametrize("rows", [((60, 30), ("", 90), (40, 10)), ((60, 30), (50, ""), (40, 10)), ((60, 0), (50, 0), (40, 0))])
def test_rule_03_a_mean_with_a_part_unknown_is_missing(tmp_path, rows):
    found, _ = brought_up(tmp_path, "link_speeds", ("driving_speed", "vehicles"), *rows)
    assert found["driving_speed"] == MISSING


def test_rule_03_a_mean_of_what_happens_to_be_there_is_none(tmp_path):
    rows = (None, (40, "1.2"), (30, "1.0"))
    found, refused = brought_up(tmp_path, "zone_counts", ("present", "walking_speed"), *rows, statistic="instant")
    assert (found, refused) == ({"present": number("30"), "walking_speed": MISSING}, []), "the last stock holds without it"


def test_of_reports_nothing_is_expected_and_the_last_counts(tmp_path):
    found, refused = brought_up(tmp_path, "field_observations", ("density_class",), (3,), (4,), None)
    assert (found, refused) == ({"density_class": number("4")}, [])


@settings(max_examples=evidence.count(8, 300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 250_000_000), st.integers(0, 2_000)), min_size=3, max_size=3), st.permutations(range(3)))
def test_rule_12_a_weighted_mean_is_exact_whatever_the_order(tmp_path, parts, order):
    """Against fractions: rounded half up, once, to six decimals."""
    wanted = declared("link_speeds", "driving_speed", "vehicles", interval="5min", aggregate_to="15min")
    written = [f"2026-06-20 20:{5 * i:02},B1,{Decimal(parts[i][0]) / 1_000_000},{parts[i][1]}" for i in order]
    found = cells(take(lines(wanted, *written), tmp_path, wanted))["bridge", Q1, "driving_speed"]
    people = sum(n for _, n in parts)
    if people == 0:
        assert found == MISSING
        return
    millionths = Fraction(sum(v * n for v, n in parts), people)
    assert found == number(Decimal(floor(millionths + Fraction(1, 2))) / 1_000_000)


# --- rule 11 over every dataset -------------------------------------------------------------------------------------


def _numbers(contract, measure):
    """Texts for a cell: good ones, empty ones, and all kinds of wrong."""
    top = contract.quality.plausible[measure]
    good = st.integers(0, int(min(top, 40))).map(str)
    if contract.codes.get(measure):
        good = st.sampled_from([str(c) for c in contract.codes[measure]])
    elif dtype_of(measure) != "Int64":
        good = st.integers(0, int(top * 1_000)).map(lambda n: str(n / 1_000))
    return st.one_of(good, good, st.sampled_from(["", "n/a", "-3", "much", "1.5", str(int(top) * 100), "1e40"]))


@pytest.mark.parametrize("contract", DATASETS.values(), ids=lambda c: c.name)
@settings(max_examples=evidence.count(8, 250), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_rule_11_every_row_of_every_dataset_is_accounted_for(tmp_path, contract, data):
    """Rows in = accepted + suppressed + refused + duplicate, and what leaves fits its status (rules 5, 7 and 12)."""
    left_out = {m for group in contract.exclusive[1:] for m in group}
    measures = tuple(m for m in contract.measures if m not in left_out)
    coarse = data.draw(st.sampled_from([None, "15min"]))
    wanted = declared(contract.name, *measures, interval="5min", aggregate_to=coarse, sentinels=["n/a"],
                      statistic=data.draw(st.sampled_from(["instant", "max"])))  # fmt: skip
    row = st.tuples(
        st.sampled_from([f"2026-06-20 20:{minute:02}" for minute in range(0, 30, 5)] + ["soon"]), st.sampled_from(["B1", "G2", "X9"]),
        *(_numbers(contract, m) for m in measures),
    )  # fmt: skip
    rows = data.draw(st.lists(row, min_size=1, max_size=10))
    taken = take(lines(wanted, *(",".join(r) for r in rows)), tmp_path, wanted)  # take() asserts the sum
    assert taken.records_read == len(rows)
    if coarse is None:
        assert taken.rows_in == len(rows)
    words = vocabulary.columns()
    for (_, _, measure), (status, value, low, high) in cells(taken).items():
        persons = words[measure].counts == "person"
        mean_of_persons = any(words[m].counts == "person" for m in words[measure].support)
        if status == "ok":
            assert value == low == high and value >= 0
            assert dtype_of(measure) != "Int64" or value == int(value)
            assert not persons or not 1 <= value < 15
        elif status == "suppressed":
            assert persons or mean_of_persons
            assert (value, low, high) == ((None, 0, 14) if persons else (None, None, None))
        else:
            assert status in ("missing", "invalid") and value is low is high is None
