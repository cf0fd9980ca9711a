"""Mapping of layouts, accounting and cells: worked examples of rules 3, 5, 7, 10 and 11."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from pipelines.intake import find, issued_at
from tests.pipelines.layouts import GOOD, cells, checks, csv, parquet, source, take

Q1, Q2 = "06-20T18:00", "06-20T18:15"  # 20:00 and 20:15 in Amsterdam


def test_rule_03_a_good_delivery_becomes_utc_cells(tmp_path):
    taken = take(csv(*GOOD), tmp_path)
    assert taken.state == "accepted" and taken.reason is None
    assert (taken.records_read, taken.rows_in, taken.rows_accepted, taken.rows_suppressed) == (4, 4, 3, 1)
    found = cells(taken)
    assert found["bridge", Q1, "count_in"] == ("ok", 40, 40, 40)
    assert found["bridge", Q2, "count_out"] == ("ok", 0, 0, 0)
    assert found["gate", Q2, "count_in"] == ("suppressed", None, 0, 14)
    assert found["gate", Q2, "count_out"] == ("ok", 300, 300, 300)
    assert len(found) == 8
    assert set(taken.cells.column("row_number").to_pylist()) == {2, 3, 4, 5}, "lines of the file, the header being line 1"
    row = taken.cells.to_pylist()[0]
    assert row["interval_end"] - row["interval_start"] == timedelta(minutes=15)


def test_rule_10_equal_rows_are_duplicates_and_different_ones_a_conflict(tmp_path):
    taken = take(csv(*GOOD, GOOD[0], "2026-06-20 20:15,B1,51,0,"), tmp_path)
    assert (taken.rows_in, taken.rows_duplicate, taken.rows_refused, taken.rows_accepted) == (6, 1, 2, 2)
    found = cells(taken)
    assert found["bridge", Q1, "count_in"] == ("ok", 40, 40, 40)
    assert found["bridge", Q2, "count_in"] == found["bridge", Q2, "count_out"] == ("invalid", None, None, None)
    assert checks(taken) == [(3, "in", "conflict"), (7, "in", "conflict")]


def test_rule_10_three_times_with_one_difference_refuses_all_three(tmp_path):
    taken = take(csv(GOOD[0], GOOD[0], "2026-06-20 20:00,B1,41,20,"), tmp_path)
    assert (taken.rows_refused, taken.rows_duplicate, taken.rows_accepted) == (3, 0, 0)


def test_rule_05_a_good_row_beside_a_bad_one_of_the_same_cell_counts(tmp_path):
    taken = take(csv("2026-06-20 20:00,B1,many,20,", GOOD[0]), tmp_path)
    assert (taken.rows_refused, taken.rows_accepted) == (1, 1)
    assert cells(taken)["bridge", Q1, "count_in"] == ("ok", 40, 40, 40)


def test_rule_05_a_refused_row_leaves_invalid_cells_for_all_its_measures(tmp_path):
    taken = take(csv("2026-06-20 20:00,B1,-3,20,", GOOD[1]), tmp_path)
    found = cells(taken)
    assert found["bridge", Q1, "count_in"] == found["bridge", Q1, "count_out"] == ("invalid", None, None, None)
    assert checks(taken) == [(2, "in", "not_negative")]
    message = taken.refused.to_pylist()[0]["message"]
    assert "below zero" in message and "-3" in message


@pytest.mark.parametrize(("text", "status", "check"), [
    ("15", "ok", None), ("15.0", "ok", None), (" 15 ", "ok", None), ("+15", "ok", None), ("1.5e1", "ok", None), ("0",
    "ok", None),
    ("", "missing", None), ("n/a", "missing", None), ("-1", "missing", None), ("15.5", "invalid", "not_whole"),
    ("-2", "invalid", "not_negative"), ("abc", "invalid", "not_a_number"), ("1,234", "invalid", None), ("1_000",
    "invalid", "not_a_number"),
    ("nan", "invalid", "not_a_number"), ("inf", "invalid", "not_a_number"), ("0x10", "invalid", "not_a_number"),
    ("1e30", "invalid", "too_large"), ("9" * 60, "invalid", "too_large"), ("30001", "invalid", "plausible"), ("30000",
    "ok", None),
])  # fmt: skip
def test_rule_12_counts_are_whole_numbers(tmp_path, text, status, check):
    taken = take(csv(f'2026-06-20 20:00,B1,"{text}",20,', GOOD[2]), tmp_path, source(sentinels=["n/a", "-1"]))
    assert cells(taken)["bridge", Q1, "count_in"][0] == status
    assert [c for _, _, c in checks(taken)] == ([check] if check else ["not_a_number"] if status == "invalid" else [])
    assert cells(taken)["gate", Q1, "count_in"] == ("ok", 100, 100, 100)


def test_a_decimal_comma_is_read_where_it_is_declared(tmp_path):
    declared = source(reader={"format": "csv", "delimiter": ";", "decimal": ","})
    content = csv("2026-06-20 20:00;B1;40,0;20;", header="at;counter;in;out;note")
    assert cells(take(content, tmp_path, declared))["bridge", Q1, "count_in"] == ("ok", 40, 40, 40)


def test_rule_04_held_rows_count_when_their_interval_has_ended(tmp_path):
    moment = datetime(2026, 6, 20, 18, 15, tzinfo=UTC)
    lines = csv(*GOOD, "never,B1,1,1,", "2026-06-20 20:15,X9,1,1,", "2026-06-20 20:00,B1,40,20,", "short,line")
    early = take(lines, tmp_path, until=moment)
    assert (early.rows_held, early.rows_in, early.rows_refused, early.rows_duplicate) == (3, 5, 2, 1)
    assert {r["interval_end"] for r in early.cells.to_pylist()} == {moment}
    later = take(lines, tmp_path, after=moment, until=moment + timedelta(hours=1))
    assert (later.rows_held, later.rows_in, later.rows_refused) == (0, 3, 1), "bad lines were counted in the first reading"
    assert later.records_read == early.records_read == 8
    whole = take(lines, tmp_path)
    assert whole.rows_in == early.rows_in + later.rows_in
    assert whole.cells.num_rows == early.cells.num_rows + later.cells.num_rows


def test_unpivot_makes_a_row_per_place_and_interval(tmp_path):
    declared = source(
        unpivot={"columns": {"bridge north": "B1", "gate west": "G2"}, "name_to": "counter", "value_to": "n"},
        measures={"count_total": {"column": "n"}}, ignore=[],
    )  # fmt: skip
    content = csv("2026-06-20 20:00,40,-5", "2026-06-20 20:15,,3", "later,1,2", header="at,bridge north,gate west")
    taken = take(content, tmp_path, declared)
    assert (taken.records_read, taken.rows_in, taken.rows_accepted, taken.rows_suppressed, taken.rows_refused) == (3, 6, 2, 1, 3)
    found = cells(taken)
    assert found["bridge", Q1, "count_total"] == ("ok", 40, 40, 40)
    assert found["bridge", Q2, "count_total"] == ("missing", None, None, None)
    assert found["gate", Q1, "count_total"] == ("invalid", None, None, None)
    assert checks(taken) == [(2, "gate west", "not_negative"), (4, "at", "time_unreadable")], "the file's own column is named"


def test_pivot_joins_rows_of_one_place_and_interval(tmp_path):
    declared = source(
        measures=None, pivot={"column": "way", "values": {"in": "count_in", "uit": "count_out"}, "value_from": "n"}, ignore=[]
    )
    content = csv(
        "2026-06-20 20:00,B1,in,40", "2026-06-20 20:00,B1,uit,3", "2026-06-20 20:00,B1,both,43", "2026-06-20 20:15,B1,in,50",
        "2026-06-20 20:00,G2,uit,x", "2026-06-20 20:00,G2,in,60", "2026-06-20 20:15,B1,in,50", header="at,counter,way,n",
    )  # fmt: skip
    taken = take(content, tmp_path, declared)
    assert (taken.rows_filtered, taken.rows_in) == (1, 4)
    assert (taken.rows_suppressed, taken.rows_accepted, taken.rows_refused, taken.rows_duplicate) == (1, 1, 1, 1)
    found = cells(taken)
    assert found["bridge", Q1, "count_in"][:2] == ("ok", 40) and found["bridge", Q1, "count_out"] == ("suppressed", None, 0, 14)
    assert found["gate", Q1, "count_in"][0] == found["gate", Q1, "count_out"][0] == "invalid"
    assert ("bridge", Q2, "count_out") not in found, "nothing is inferred from an absent row"


def test_filters_and_unmapped_places_count_as_filtered(tmp_path):
    declared = source(
        filter=[{"column": "kind", "equals": ["feet", "voet"]}],
        place={"columns": ["counter"], "map": {"B1": "bridge"}, "unmapped": "filter"},
    )  # fmt: skip
    content = csv(
        "2026-06-20 20:00,B1,40,20,,feet", "2026-06-20 20:00,B1,40,20,,bike", "2026-06-20 20:00,G2,40,20,,voet",
        "2026-06-20 20:15,,40,20,,voet", header="at,counter,in,out,note,kind",
    )  # fmt: skip
    taken = take(content, tmp_path, declared)
    assert (taken.records_read, taken.rows_filtered, taken.rows_in) == (4, 2, 2)
    assert checks(taken) == [(5, "counter", "place_missing")], "a row without any id is broken, not another place's"


def test_rule_05_a_declared_outage_is_no_count(tmp_path):
    declared = source(outage={"column": "note", "equals": ["defect"]}, ignore=[])
    taken = take(csv("2026-06-20 20:00,B1,-1,0,defect", GOOD[1]), tmp_path, declared)
    assert cells(taken)["bridge", Q1, "count_in"] == ("outage", None, None, None)
    assert taken.rows_accepted == 2


@pytest.mark.parametrize(("statistic", "dataset", "measure", "expected"), [
    (None, "passage_counts", "count_total", 60), ("instant", "zone_counts", "present", 20), ("max", "zone_counts",
    "present", 30),
])  # fmt: skip
def test_rule_07_aggregate_to_keeps_no_finer_rows(tmp_path, statistic, dataset, measure, expected):
    declared = source(
        dataset=dataset, statistic=statistic, interval="5min", aggregate_to="15min", ignore=[],
        measures={measure: {"column": "in"}},
    )  # fmt: skip
    lines = [f"2026-06-20 20:{5 * i:02},B1,{n}" for i, n in enumerate((10, 30, 20, 4, 5, 5))]
    taken = take(csv(*lines, header="at,counter,in"), tmp_path, declared)
    found = cells(taken)
    assert found["bridge", Q1, measure] == ("ok", expected, expected, expected)
    assert found["bridge", Q2, measure] == ("suppressed", None, 0, 14), "k holds for what is stored"
    assert (taken.records_read, taken.rows_in, taken.rows_accepted, taken.rows_suppressed) == (6, 2, 1, 1)


def test_rule_03_a_part_of_a_kept_interval_is_no_total(tmp_path):
    declared = source(interval="5min", aggregate_to="15min")
    stamps = [("B1", "00"), ("B1", "05"), ("G2", "00"), ("G2", "05"), ("G2", "10")]
    lines = [f"2026-06-20 20:{minute},{place},40,40," for place, minute in stamps]
    taken = take(csv(*lines), tmp_path, declared)
    assert (taken.rows_in, taken.rows_accepted, taken.rows_refused) == (2, 1, 1)
    assert cells(taken)["bridge", Q1, "count_in"][0] == "invalid" and cells(taken)["gate", Q1, "count_in"][1] == 120
    assert checks(taken) == [(2, "at", "incomplete")]


def test_parquet_numbers_dates_and_ids_keep_their_meaning(tmp_path):
    declared = source(reader={"format": "parquet"}, place={"columns": ["counter"], "map": {"1": "bridge", "2": "gate"}})
    content = parquet({
        "at": pa.array([datetime(2026, 6, 20, 20, 0)] * 2 + [None], pa.timestamp("ns")), "counter": pa.array([1.0, 2.0, 1.0]),
        "in": pa.array([40.0, float("nan"), 1.0]), "out": pa.array([20, 300, 1], pa.int16()),
        "note": pa.array(["", None, "x"]).dictionary_encode(),
    })  # fmt: skip
    taken = take(content, tmp_path, declared, name="delivery.parquet")
    found = cells(taken)
    assert found["bridge", Q1, "count_in"] == ("ok", 40, 40, 40) and found["gate", Q1, "count_in"][0] == "missing"
    assert checks(taken) == [(3, "at", "time_missing")], "rows of a Parquet file count from 1"


def test_a_typed_instant_needs_no_clock(tmp_path):
    moment = pa.array([datetime(2026, 6, 20, 18, 0, tzinfo=UTC)], pa.timestamp("ms", "America/New_York"))
    content = parquet({"at": moment, "counter": ["B1"], "in": [40], "out": [20], "note": [""]})
    taken = take(content, tmp_path, source(reader={"format": "parquet"}), name="d.parquet")
    assert list(cells(taken)) == [("bridge", Q1, "count_in"), ("bridge", Q1, "count_out")]


def test_columns_are_joined_for_time_and_place(tmp_path):
    declared = source(
        time={"columns": ["day", "hour"], "format": "%d-%m-%Y %H", "clock": "utc"}, interval="1h",
        place={"columns": ["road", "lane"], "map": {"A10|2": "bridge"}}, ignore=[],
    )  # fmt: skip
    taken = take(csv("20-06-2026,5,A10,2 ,40,20", header="day,hour,road,lane,in,out"), tmp_path, declared)
    assert list(cells(taken)) == [("bridge", "06-20T05:00", "count_in"), ("bridge", "06-20T05:00", "count_out")]


def test_rule_10_issued_at_stands_in_the_file_name_or_a_column(tmp_path):
    stated = {"from": "file_name", "pattern": r"made-(\d{8}-\d{4})", "format": "%Y%m%d-%H%M", "clock": "local"}
    declared = source(issued_at=stated | {"timezone": "Europe/Amsterdam"})
    taken = take(csv(*GOOD), tmp_path, declared, name="made-20260621-0100.csv")
    assert taken.issued_at == datetime(2026, 6, 20, 23, 0, tzinfo=UTC) == issued_at(declared, "made-20260621-0100.csv")
    assert set(taken.cells.column("issued_at").to_pylist()) == {taken.issued_at}
    lost = take(csv(*GOOD), tmp_path, declared, name="other.csv")
    assert lost.state == "refused" and lost.reason.startswith("issued_at:")

    declared = source(issued_at={"from": "column", "column": "note", "format": "%Y-%m-%dT%H:%M%z", "clock": "offset"}, ignore=[])
    taken = take(csv("2026-06-20 20:00,B1,40,20,2026-06-20T20:20Z", "2026-06-20 20:00,G2,40,20,soon"), tmp_path, declared)
    assert taken.issued_at == datetime(2026, 6, 20, 20, 20, tzinfo=UTC)
    assert checks(taken) == [(3, "note", "issued_at_unreadable")]


def test_deliveries_are_found_by_name_below_the_data_folder(tmp_path):
    for name in ("b/2.csv", "a/1.csv", "a/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = find(source(files="*/*.csv"), tmp_path)
    assert [(f.name, f.size) for f in found] == [("a/1.csv", 1), ("b/2.csv", 1)]
    assert find(source(files="*/*.csv"), tmp_path / "nowhere") == []


def test_a_declaration_that_contradicts_its_dataset_refuses_the_delivery(tmp_path):
    both = {"count_in": {"column": "in"}, "count_total": {"column": "out"}}
    assert "one of these groups" in take(csv(*GOOD), tmp_path, source(measures=both)).reason
    assert "contract 2" in take(csv(*GOOD), tmp_path, source(contract=2)).reason
    strange = source(measures={"present": {"column": "in"}}, ignore=["note", "out"])
    assert "no measure `present`" in take(csv(*GOOD), tmp_path, strange).reason


def test_refusals_are_capped_but_counted(tmp_path):
    start = datetime(2026, 1, 1)
    lines = [f"{start + timedelta(minutes=15 * i):%Y-%m-%d %H:%M},B1,x,{'-1' if i == 1500 else '20'}," for i in range(1600)]
    taken = take(csv(*lines), tmp_path)
    assert taken.rows_refused == 1600 and taken.refused.num_rows == 1001
    rows = taken.refused.to_pylist()
    assert rows[-1]["check_name"] == "more" and "601 more" in rows[-1]["message"]
    assert any(r["check_name"] == "not_negative" for r in rows), "a rare kind is not crowded out"


def test_the_same_file_gives_the_same_cells(tmp_path):
    lines = csv(*GOOD, "x,y,z,1,", GOOD[0])
    first, again = take(lines, tmp_path), take(lines, tmp_path, name="other.csv")
    assert first.cells.equals(again.cells) and first.content_hash == again.content_hash and first.refused.equals(again.refused)
