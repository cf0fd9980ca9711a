"""Declared meanings: numbers as they are written, units, pieces that add up, uptime, sentinels, marks, counters that run on."""

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines import validate
from schemas.datasets import DATASETS
from tests.pipelines.layouts import cells, checks, csv, parquet, source, take
from tests.pipelines.test_layouts import CLOCK, amounts, clock

Q1, Q2, Q3 = "06-20T18:00", "06-20T18:15", "06-20T18:30"
ONE = {"columns": ["counter"], "map": {"B1": "bridge"}}


def total(**changes):
    """A source of ``at,counter,n`` with one measure."""
    measure = changes.pop("measure", {})
    dataset, name = changes.pop("of", ("passage_counts", "count_total"))
    return source(**{"dataset": dataset, "measures": {name: {"column": "n"} | measure}, "ignore": [], "place": ONE} | changes)


def rows(*values, first=20):
    return csv(*(f"2026-06-20 {first + i // 4}:{i % 4 * 15:02},B1,{v}" for i, v in enumerate(values)), header="at,counter,n")


def found(taken):
    """(status, value, low, high) of the one measure, in order of time."""
    return [v for _, v in sorted(cells(taken).items())]


# --- numbers as they are written ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reader", "text", "number"), [
    ({"decimal": ","}, "1234,0", 1234), ({"decimal": ",", "thousands": "."}, "1.234", 1234), ({"decimal": ",", "thousands": "."}, "1.234,00", 1234),
    ({"thousands": ","}, '"1,234"', 1234), ({"thousands": "'"}, "1'234", 1234), ({"thousands": " "}, "1 234", 1234),
    ({"decimal": ","}, "1.234", None), ({"decimal": ",", "thousands": "."}, "1.23", None), ({}, '"1,234"', None),
    ({"thousands": ","}, '"12,34"', None),
])  # fmt: skip
def test_decimal_comma_and_thousands_are_declared_and_never_guessed(tmp_path, reader, text, number):
    delimiter = ";" if reader.get("decimal") == "," else ","
    declared = total(reader={"format": "csv", "delimiter": delimiter} | reader)
    content = rows(text).replace(b",B1,", b";B1;").replace(b"at,counter,n", b"at;counter;n") if delimiter == ";" else rows(text)
    taken = take(content, tmp_path, declared)
    if number is None:
        assert checks(taken) == [(2, "n", "not_a_number")]
    else:
        assert found(taken) == [("ok", number, number, number)]


def test_decimal_and_thousands_cannot_be_the_same():
    with pytest.raises(ValidationError, match="same character"):
        source(reader={"format": "csv", "decimal": ",", "thousands": ","})


# --- units ----------------------------------------------------------------------------------------------------------


def garage(**measure):
    return source(dataset="facility_occupancy", measures={"occupied": measure}, ignore=[], place=ONE)


def test_free_spaces_become_occupied_ones(tmp_path):
    lines = ["2026-06-20 20:00,B1,620,11", "2026-06-20 20:15,B1,620,700", "2026-06-20 20:30,B1,,11"]
    taken = take(csv(*lines, header="at,counter,spaces,free"), tmp_path, garage(column="free", free_of="spaces"))
    assert found(taken) == [("ok", 609, 609, 609), ("invalid", None, None, None), ("missing", None, None, None)]
    assert checks(taken) == [(3, "free", "not_negative")], "more free than there are"


def test_a_share_of_a_total_is_a_count_where_that_is_declared(tmp_path):
    lines = ["2026-06-20 20:00,B1,620,98", "2026-06-20 20:15,B1,620,50"]
    share = {"column": "percent", "share_of": {"column": "spaces", "of_one": 100}}
    rounded = take(csv(*lines, header="at,counter,spaces,percent"), tmp_path, garage(**share, round=True))
    assert [v for _, v, _, _ in found(rounded)] == [608, 310], "607.6, half up"
    refused = take(csv(*lines, header="at,counter,spaces,percent"), tmp_path, garage(**share))
    assert checks(refused) == [(2, "percent", "not_whole")]


def test_vehicles_an_hour_become_a_count_in_the_interval(tmp_path):
    declared = total(of=("passage_counts", "motor_vehicles"), measure={"per": "1h"})
    taken = take(rows(412, 410), tmp_path, declared)
    assert found(taken) == [("ok", 103, 103, 103), ("invalid", None, None, None)] and checks(taken) == [(3, "n", "not_whole")]
    assert [v for _, v, _, _ in found(take(rows(412, 410), tmp_path, total(measure={"per": "1h", "round": True})))] == [103, 103]


def test_centimetres_a_second(tmp_path):
    declared = source(dataset="zone_counts", measures={"present": {"column": "n"}, "walking_speed": {"column": "v", "over": 100}},
                      ignore=[], place=ONE)  # fmt: skip
    taken = take(csv("2026-06-20 20:00,B1,40,107", header="at,counter,n,v"), tmp_path, declared)
    assert cells(taken)["bridge", Q1, "walking_speed"][1] == Decimal("1.07")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 30_000_000), st.integers(1, 10_000), st.integers(1, 1_000_000), st.integers(0, 100_000_000))
def test_a_unit_is_exact_and_rounds_once_half_up(tmp_path, millionths, times, over, whole):
    """Against fractions."""
    text, capacity = Decimal(millionths) / 1_000_000, Decimal(whole) / 1_000
    declared = total(of=("facility_occupancy", "occupied"), measure={"share_of": {"column": "of", "of_one": 100}, "times": times,
                                                                    "over": over, "round": True})  # fmt: skip
    taken = take(csv(f"2026-06-20 20:00,B1,{text},{capacity}", header="at,counter,n,of"), tmp_path, declared)
    expected = floor(Fraction(text) * Fraction(capacity) * Fraction(times, over * 100) + Fraction(1, 2))
    assert found(taken)[0][1] == (expected if expected <= 50_000 else None)


@pytest.mark.parametrize("text", ["999999999", "1e30", "999999999999", "-999999999999", "9" * 30])
def test_absurd_numbers_in_units_do_not_overflow(tmp_path, text):
    share = {"column": "n", "share_of": {"column": "of", "of_one": 1}, "times": 10_000, "per": "1s", "round": True}
    for lines in (f"{text},5", f"5,{text}"):
        taken = take(csv(f"2026-06-20 20:00,B1,{lines}", header="at,counter,n,of"), tmp_path, total(measure=share))
        assert taken.rows_refused == 1


# --- pieces that add up ---------------------------------------------------------------------------------------------

LANES = {"columns": ["site", "lane"], "map": {"r|1": "bridge", "r|2": "bridge", "q|1": "gate"}, "parts": "sum"}


def road(**changes):
    given = {"dataset": "link_speeds", "place": LANES, "ignore": [],
             "measures": {"vehicles": {"column": "n"}, "driving_speed": {"column": "v", "sentinels": ["-1"]}}} | changes  # fmt: skip
    return source(**given)


def lanes(*lines):
    return csv(*(f"2026-06-20 20:{line}" for line in lines), header="at,site,lane,n,v")


def test_lanes_of_a_road_are_summed_and_their_speed_weighted(tmp_path):
    taken = take(lanes("00,r,1,30,60", "00,r, 2 ,90,20", "00,q,1,5,50", "15,r,1,0,-1", "15,r,2,10,80"), tmp_path, road())
    assert cells(taken)["bridge", Q1, "vehicles"][1] == 120 and cells(taken)["bridge", Q1, "driving_speed"][1] == 30
    assert cells(taken)["bridge", Q2, "driving_speed"][1] == 80, "an empty lane weighs nothing"
    assert (taken.rows_in, taken.rows_accepted, taken.records_read) == (3, 3, 5)


def test_a_road_without_one_of_its_lanes_has_no_total(tmp_path):
    taken = take(lanes("00,r,1,30,60", "15,r,1,30,60", "15,r,2,,60"), tmp_path, road())
    assert cells(taken)["bridge", Q1, "vehicles"][0] == "invalid" and checks(taken) == [(2, "at", "incomplete")]
    assert cells(taken)["bridge", Q2, "vehicles"][0] == "missing", "came without a number: told apart from one that did not come"


def test_a_lane_that_changed_its_role_stands_for_the_lane_it_was(tmp_path):
    place = LANES | {"renamed": {"r|Hardshoulder": "r|2"}}
    taken = take(lanes("00,r,1,30,60", "00,r,Hardshoulder ,90,20", "15,r,1,30,60", "15,r,2,5,20"), tmp_path, road(place=place))
    assert [cells(taken)["bridge", q, "vehicles"][1] for q in (Q1, Q2)] == [120, 35]
    both = take(lanes("00,r,1,30,60", "00,r,2,5,20", "00,r,Hardshoulder,90,20"), tmp_path, road(place=place))
    assert [c for _, _, c in checks(both)] == ["conflict"] * 3, "both at once cannot be"


def test_a_lane_twice_is_a_duplicate_or_a_conflict_like_any_row(tmp_path):
    same = take(lanes("00,r,1,30,60", "00,r,2,90,20", "00,r,1,30,60", "00,r,2,90,20"), tmp_path, road())
    assert (same.rows_accepted, same.rows_duplicate) == (1, 1) and cells(same)["bridge", Q1, "vehicles"][1] == 120
    other = take(lanes("00,r,1,30,60", "00,r,2,90,20", "00,r,1,31,60"), tmp_path, road())
    assert other.rows_refused == other.rows_in == 2


def test_lanes_and_finer_intervals_together(tmp_path):
    rows = [f"{m:02},r,{lane},{n},50" for m, n in ((0, 10), (15, 20), (30, 30), (45, 40)) for lane in (1, 2)]
    taken = take(lanes(*rows), tmp_path, road(aggregate_to="1h"))
    assert cells(taken)["bridge", Q1, "vehicles"][1] == 200 and cells(taken)["bridge", Q1, "driving_speed"][1] == 50
    assert take(lanes(*rows[:-1]), tmp_path, road(aggregate_to="1h")).rows_refused == 1


def test_columns_of_one_measure_are_added_up(tmp_path):
    declared = source(
        measures={"motor_vehicles": {"column": ["car", "heavy"]}, "count_total": {"column": "ped"}}, ignore=[], place=ONE
    )
    taken = take(
        csv("2026-06-20 20:00,B1,30,4,70", "2026-06-20 20:15,B1,30,,71", header="at,counter,car,heavy,ped"), tmp_path, declared
    )
    assert amounts(taken) == {("bridge", "06-20 20:00", "motor_vehicles"): 34, ("bridge", "06-20 20:00", "count_total"): 70,
                              ("bridge", "06-20 20:15", "count_total"): 71}  # fmt: skip
    assert cells(taken)["bridge", Q2, "motor_vehicles"][0] == "missing", "half a sum is no sum"


def test_rule_07_pieces_are_withheld_by_their_sum(tmp_path):
    doors = {"columns": ["counter"], "map": {"B1": "bridge", "B2": "bridge"}, "parts": "sum"}
    declared = source(place=doors, measures={"count_total": {"column": "n"}}, ignore=[])
    taken = take(csv("2026-06-20 20:00,B1,8", "2026-06-20 20:00,B2,8", "2026-06-20 20:15,B1,8", "2026-06-20 20:15,B2,1",
                     header="at,counter,n"), tmp_path, declared)  # fmt: skip
    assert found(taken) == [("ok", 16, 16, 16), ("suppressed", None, 0, 14)]


# --- uptime ---------------------------------------------------------------------------------------------------------


def scaled(**changes):
    return total(**{"uptime": {"column": "up", "at_least": 0.5}, "measure": {"round": True}} | changes)


def ups(*pairs):
    return csv(*(f"2026-06-20 20:{15 * i:02},B1,{n},{up}" for i, (n, up) in enumerate(pairs)), header="at,counter,n,up")


def test_rule_07_k_applies_to_what_was_counted_before_it_was_scaled_up(tmp_path):
    """20 at an uptime of 0.7 is 14 people who were really counted: under k, whatever the supplier made of it."""
    taken = take(ups((20, 0.7), (22, 0.7), (14, 1), (0, 0.9)), tmp_path, scaled())
    assert found(taken) == [("suppressed", None, 0, 28), ("ok", 22, 22, 22), ("suppressed", None, 0, 28), ("ok", 0, 0, 0)]


def test_a_count_at_too_little_uptime_or_none_stated_is_missing(tmp_path):
    taken = take(ups((200, 0.49), (200, ""), (200, 0.5), (200, "?")), tmp_path, scaled())
    assert [status for status, *_ in found(taken)] == ["missing", "missing", "ok", "missing"]


def test_uptime_of_parts_is_brought_up_with_them(tmp_path):
    taken = take(ups((8, 0.9), (9, 0.5), (0, 1), (0, 1)), tmp_path, scaled(aggregate_to="1h"))
    assert found(taken) == [("suppressed", None, 0, 28)], "17 people by scaling, not 12 seen"


# --- sentinels and marks --------------------------------------------------------------------------------------------

MEANINGS = {"-1": "missing", "-9": "outage", "x": "invalid", "n.v.t.": "not_applicable", "*": "suppressed", "<5": {"suppressed": 4},
            "<25": {"suppressed": 24}, "": "outage"}  # fmt: skip


def test_every_sentinel_has_its_own_meaning_and_none_is_a_number(tmp_path):
    taken = take(rows(*MEANINGS, "40"), tmp_path, total(sentinels=MEANINGS))
    none = (None, None, None)
    assert found(taken) == [
        ("missing", *none), ("outage", *none), ("invalid", *none), ("not_applicable", *none), ("suppressed", *none),
        ("suppressed", None, 0, 14), ("suppressed", None, 0, 24), ("outage", *none), ("ok", 40, 40, 40),
    ]  # fmt: skip
    assert checks(taken) == [(4, "n", "declared_invalid")]
    assert (taken.rows_accepted, taken.rows_suppressed, taken.rows_refused) == (5, 3, 1)


def test_a_sentinel_is_the_same_number_with_a_fraction_of_zero(tmp_path):
    taken = take(rows("-1.0", "-1.00", "-1.5", "-10"), tmp_path, total(sentinels=["-1"]))
    assert [status for status, *_ in found(taken)] == ["missing", "missing", "invalid", "invalid"]


def test_a_sentinel_declared_as_the_supplier_writes_it_is_found(tmp_path):
    taken = take(rows('"-1,0"', "-1", '"-1,5"'), tmp_path, total(sentinels=["-1,0"], reader={"format": "csv", "decimal": ","}))
    assert [status for status, *_ in found(taken)] == ["missing", "missing", "invalid"]


def test_a_sentinel_of_one_measure_says_nothing_about_another(tmp_path):
    declared = source(
        measures={"count_in": {"column": "in", "sentinels": {"99": "outage"}}, "count_out": {"column": "out"}},
        ignore=[],
        place=ONE,
    )
    taken = take(csv("2026-06-20 20:00,B1,99,99", header="at,counter,in,out"), tmp_path, declared)
    assert (cells(taken)["bridge", Q1, "count_in"][0], cells(taken)["bridge", Q1, "count_out"][1]) == ("outage", 99)


def test_marks_beside_a_number_say_what_it_is_worth(tmp_path):
    marks = [{"column": "error", "equals": ["1"], "means": "invalid"}, {"column": "minutes", "below": 15, "means": "missing"},
             {"column": "state", "equals": ["service"], "means": "outage", "measures": ["count_out"]}]  # fmt: skip
    declared = source(ignore=[], place=ONE, marks=marks)
    lines = ["40,41,1,15,ok", "40,41,0,14.5,ok", "40,41,0,15,service", "40,41,,,ok"]
    content = csv(
        *(f"2026-06-20 20:{15 * i:02},B1,{line}" for i, line in enumerate(lines)), header="at,counter,in,out,error,minutes,state"
    )
    taken = take(content, tmp_path, declared)
    by_measure = {m: [v[0] for (_, _, n), v in sorted(cells(taken).items()) if n == m] for m in ("count_in", "count_out")}
    assert by_measure == {"count_in": ["invalid", "missing", "ok", "ok"], "count_out": ["invalid", "missing", "outage", "ok"]}
    assert checks(taken) == [(2, "in", "marked_invalid"), (2, "out", "marked_invalid")]


def test_a_supplier_may_withhold_more_than_we_do_but_not_less(tmp_path):
    taken = take(rows("<5", "<25", "14", "15"), tmp_path, total(sentinels=MEANINGS), k=20)
    assert [v[3] for v in found(taken)] == [19, 24, 19, 19]


def test_trap_minus_one_for_suppressed_cells_is_never_summed(tmp_path):
    taken = take(rows("40", "-1", "50", "60"), tmp_path, total(sentinels={"-1": "suppressed"}, aggregate_to="30min"))
    assert found(taken) == [("suppressed", None, None, None), ("ok", 110, 110, 110)], "39 would be a number that nobody counted"


@pytest.mark.parametrize("ids", [[7, 32], [7.0, 32.0], ["7", "32"]])
def test_trap_ids_that_are_text_in_one_file_and_numbers_in_another(tmp_path, ids):
    columns = {"at": ["2026-06-20 20:00"] * 2, "counter": ids, "n": [40, 50]}
    declared = total(reader={"format": "parquet"}, place={"columns": ["counter"], "map": {"7": "bridge", "32": "gate"}})
    assert [v[1] for v in found(take(parquet(columns), tmp_path, declared))] == [40, 50]


def test_a_zero_at_night_of_a_sensor_that_sees_nothing_is_not_a_zero(tmp_path):
    declared = total(interval="1h", measure={"false_zero": {"from": "21:00", "to": "06:00"}})
    lines = [f"2026-06-{day} {t},B1,{n}" for day, t, n in (("20", "20:00", 0), ("20", "21:00", 0), ("20", "22:00", 40), ("21", "05:00", 0),
                                                           ("21", "06:00", 0))]  # fmt: skip
    taken = take(csv(*lines, header="at,counter,n"), tmp_path, declared)
    assert [(s, v) for s, v, _, _ in found(taken)] == [("ok", 0), ("missing", None), ("ok", 40), ("missing", None), ("ok", 0)]


def test_a_false_zero_of_a_sum_is_told_by_the_sum(tmp_path):
    night = {"from": "20:00", "to": "06:00"}
    declared = source(measures={"motor_vehicles": {"column": ["car", "heavy"], "false_zero": night}}, ignore=[], place=ONE)
    taken = take(csv("2026-06-20 20:00,B1,30,0", "2026-06-20 20:15,B1,0,0", header="at,counter,car,heavy"), tmp_path, declared)
    assert found(taken) == [("ok", 30, 30, 30), ("missing", None, None, None)]


# --- counters that run on -------------------------------------------------------------------------------------------


def counter(**cumulative):
    return total(time=clock(stamps="end"), measure={"cumulative": cumulative})


def test_a_running_counter_gives_what_came_since_the_reading_before(tmp_path):
    taken = take(rows(1000, 1040, 1100, 1100), tmp_path, counter())
    assert [(s, v) for s, v, _, _ in found(taken)] == [("missing", None), ("ok", 40), ("ok", 60), ("ok", 0)]
    assert taken.rows_accepted == 4


def test_a_running_counter_over_a_gap_measures_neither_interval(tmp_path):
    taken = take(csv(*(f"2026-06-20 {t},B1,{n}" for t, n in (("20:00", 1000), ("20:15", 1040), ("20:45", 1200), ("21:00", 1230))),
                     header="at,counter,n"), tmp_path, counter())  # fmt: skip
    assert [(s, v) for s, v, _, _ in found(taken)] == [("missing", None), ("ok", 40), ("missing", None), ("ok", 30)]


def test_a_counter_that_fell_is_refused_unless_a_reset_is_declared(tmp_path):
    fell = take(rows(1000, 40, 90), tmp_path, counter())
    assert checks(fell) == [(3, "n", "counter_fell")] and [v for _, v, _, _ in found(fell)][2] == 50
    wrapped = take(rows(65_500, 14, 50), tmp_path, counter(wraps_at=65_536))
    assert [v for _, v, _, _ in found(wrapped)] == [None, 50, 36]
    midnight = [
        f"2026-06-{day} {t},B1,{n}"
        for day, t, n in (("20", "23:45", 900), ("21", "00:00", 950), ("21", "00:15", 45), ("21", "00:30", 90))
    ]
    reset = take(csv(*midnight, header="at,counter,n"), tmp_path, counter(resets_at="00:00"))
    assert [v for _, v, _, _ in found(reset)] == [None, 50, 45, 45]


def test_rule_07_what_a_counter_counted_is_withheld_like_any_count(tmp_path):
    assert found(take(rows(1000, 1003), tmp_path, counter()))[1] == ("suppressed", None, 0, 14)


def test_a_running_counter_read_again_later_knows_the_reading_before(tmp_path):
    """A growing file: the first reading of the second part is compared with the last of the first."""
    from datetime import UTC, datetime

    until = datetime(2026, 6, 20, 18, 15, tzinfo=UTC)
    content = rows(1000, 1040, 1100, 1180)
    first = take(content, tmp_path, counter(), until=until)
    later = take(content, tmp_path, counter(), after=until)
    assert [v for _, v, _, _ in found(first)] == [None, 40] and [v for _, v, _, _ in found(later)] == [60, 80]
    assert first.rows_in == later.rows_in == 2


# --- declarations that cannot be ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "told"), [
    ({"measures": {"count_total": {"column": "n", "cumulative": {}}}}, "read at the end of an interval"),
    ({"measures": {"count_total": {"column": "n", "free_of": "a", "share_of": {"column": "b", "of_one": 1}}}}, "Keep the one that fits"),
    ({"measures": {"count_total": {}}}, "lacks a column"), ({"measures": {}}, "either measures or pivot"),
    ({"marks": [{"column": "x", "means": "missing"}]}, "without a condition"),
    ({"unpivot": {"pattern": "H[0-9]+", "value_to": "n"}}, "no named group"), ({"unpivot": {"value_to": "n"}}, "columns with name_to, or pattern"),
    ({"pivot": {"column": "a", "values": {"x": "count_in"}, "value_from": "v"}}, "has a column"),
])  # fmt: skip
def test_a_declaration_that_cannot_be_is_told(changes, told):
    with pytest.raises(ValidationError, match=told):
        source(**changes)


@pytest.mark.parametrize(("dataset", "measures", "changes", "told"), [
    ("zone_counts", {"present": {"column": "n", "cumulative": {}}}, {"time": CLOCK | {"stamps": "end"}}, "only a flow"),
    ("zone_counts", {"present": {"column": "n", "per": "1h"}}, {}, "only a flow"),
    ("stop_counts", {"occupancy_status": {"column": ["a", "b"]}}, {}, "cannot be added up"),
    ("field_observations", {"density_class": {"column": "n"}}, {"place": LANES}, "cannot be added up"),
    ("passage_counts", {"count_total": {"column": "n"}}, {"marks": [{"column": "x", "equals": ["1"], "means": "missing", "measures": ["count_in"]}]},
     "a mark names `count_in`"),
])  # fmt: skip
def test_a_declaration_that_contradicts_its_dataset_is_told(dataset, measures, changes, told):
    declared = source(dataset=dataset, measures=measures, ignore=[], **changes)
    assert told in (validate.contract_mistake(declared, DATASETS[dataset], declared.measure_names) or "")
