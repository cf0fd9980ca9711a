"""Every kind of layout, declared: hours as columns, triples, arrays, nested records, operating days, formats that are not guessed."""

import json
from datetime import UTC

import pytest
from pydantic import ValidationError

from pipelines import readers
from schemas.settings.source import Json
from tests.pipelines.layouts import AMSTERDAM, cells, checks, csv, source, take

CLOCK = {"columns": ["at"], "format": "%Y-%m-%d %H:%M", "clock": "local", "timezone": "Europe/Amsterdam"}
OFFSET = {"columns": ["at"], "format": "%Y-%m-%dT%H:%M:%S%z", "clock": "offset"}


def clock(**changes):
    return CLOCK | changes


def amounts(taken):
    """(place, local start, measure) → value, of the cells that have one."""
    return {
        (r["place"], f"{r['interval_start'].astimezone(AMSTERDAM):%m-%d %H:%M}", r["measure"]): int(r["value"])
        for r in taken.cells.to_pylist()
        if r["status"] == "ok"
    }


def of(taken, measure):
    return {(place, start): value for (place, start, m), value in amounts(taken).items() if m == measure}


def document(data, tmp_path, declared, **options):
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    return take(content, tmp_path, declared, name="delivery.json", **options)


# --- wide and long --------------------------------------------------------------------------------------------------

HOURS = ["ZST", "JJMMTT", *(f"R{r}H{h:02}" for r in (1, 2) for h in range(24))]


def hours_as_columns(**changes):
    """One row a day, 24 columns for each of two directions, as Swiss counting stations deliver them."""
    return source(
        reader={"format": "csv", "delimiter": ";"}, interval="1h", ignore=[], measures=None,
        time=clock(columns=["JJMMTT", "hour"], format="%y%m%d %H", repeated="first", skipped="filler"),
        unpivot={"pattern": r"R(?P<direction>[12])H(?P<hour>[0-9]{2})", "value_to": "n"},
        pivot={"column": "direction", "values": {"1": "count_in", "2": "count_out"}, "value_from": "n"},
        place={"columns": ["ZST"], "map": {"7": "bridge"}},
        **changes,
    )  # fmt: skip


def test_hours_as_columns_become_24_intervals_of_two_directions(tmp_path):
    row = ["7", "260620", *(str(100 + h) for h in range(24)), *(str(200 + h) for h in range(24))]
    taken = take(csv(";".join(row), header=";".join(HOURS)), tmp_path, hours_as_columns())
    assert taken.rows_in == taken.rows_accepted == 24 and taken.records_read == 1
    assert of(taken, "count_in") == {("bridge", f"06-20 {h:02}:00"): 100 + h for h in range(24)}
    assert of(taken, "count_out") == {("bridge", f"06-20 {h:02}:00"): 200 + h for h in range(24)}


def test_hours_as_columns_on_a_day_of_23_hours(tmp_path):
    row = ["7", "260329", *(str(100 + h) for h in range(24)), *(str(200 + h) for h in range(24))]
    taken = take(csv(";".join(row), header=";".join(HOURS)), tmp_path, hours_as_columns())
    assert taken.rows_filtered == 2 and len(of(taken, "count_in")) == 23, "both directions of the hour that never was"


def test_a_bad_cell_among_hours_as_columns_is_told_by_its_own_column(tmp_path):
    row = ["7", "260620", *(str(100 + h) for h in range(24)), *("200" for _ in range(23)), "many"]
    taken = take(csv(";".join(row), header=";".join(HOURS)), tmp_path, hours_as_columns())
    assert checks(taken) == [(2, "R2H23", "not_a_number")] and taken.rows_accepted == 23


def test_a_column_that_fits_no_pattern_still_closes_the_gate(tmp_path):
    row = ["7", "260620", *("100" for _ in range(48)), "x"]
    taken = take(csv(";".join(row), header=";".join([*HOURS, "R3H00"])), tmp_path, hours_as_columns())
    assert taken.state == "closed" and taken.reason.startswith("undeclared_column")


def test_a_column_for_each_sensor_and_angle(tmp_path):
    """The wide extract of a big event: `<sensor>_<angle>`, three minutes, ISO with offset."""
    declared = source(
        time={"columns": ["timestamp"], "format": "%Y-%m-%dT%H:%M:%S%z", "clock": "offset"}, interval="3min", ignore=[], measures=None,
        unpivot={"pattern": r"(?P<sensor>[A-Z]+-[A-Z0-9]+-[0-9]+)_(?P<angle>[0-9]+)", "value_to": "n"},
        pivot={"column": "angle", "values": {"0": "count_in", "180": "count_out"}, "value_from": "n"},
        place={"columns": ["sensor"], "map": {"CMSA-GAKH-01": "bridge", "GVCV-02-01": "gate"}, "unmapped": "filter"},
    )  # fmt: skip
    header = "timestamp,CMSA-GAKH-01_0,CMSA-GAKH-01_180,GACM-01-02_0"
    taken = take(csv("2025-08-20T20:03:00+02:00,40,51,7", header=header), tmp_path, declared)
    assert amounts(taken) == {("bridge", "08-20 20:03", "count_in"): 40, ("bridge", "08-20 20:03", "count_out"): 51}
    assert taken.rows_filtered == 1, "a sensor that is not ours"


def test_value_triples_with_jittered_seconds(tmp_path):
    """A smart-city platform: datetime, value and valueKey; numbers as strings; stamps some seconds off."""
    declared = source(
        reader={"format": "json", "records": "[]"}, time=OFFSET | {"columns": ["datetime"], "jitter": "45s"}, interval="5min",
        ignore=[], measures=None, place={"columns": ["site"], "map": {"a": "bridge"}},
        pivot={"column": "valueKey", "values": {"ein": "count_in", "aus": "count_out"}, "value_from": "value"},
    )  # fmt: skip
    rows = [("18:00:07", "41", "ein"), ("18:00:07", "52", "aus"), ("18:04:58", "43", "ein"), ("18:05:01", "54", "aus"),
            ("18:12:30", "44", "ein"), ("18:05:01", "0.4", "temperatur")]  # fmt: skip
    data = [{"site": "a", "datetime": f"2026-06-20T{t}+00:00", "value": v, "valueKey": k} for t, v, k in rows]
    taken = document(data, tmp_path, declared)
    assert amounts(taken) == {
        ("bridge", "06-20 20:00", "count_in"): 41, ("bridge", "06-20 20:00", "count_out"): 52,
        ("bridge", "06-20 20:05", "count_in"): 43, ("bridge", "06-20 20:05", "count_out"): 54,
    }  # fmt: skip
    assert checks(taken) == [(5, "datetime", "not_aligned")] and taken.rows_filtered == 1


def test_a_moment_may_belong_to_the_interval_that_contains_it(tmp_path):
    for stamps, expected in (("start", "06-20 20:00"), ("end", "06-20 20:00")):
        declared = source(time=clock(format="%Y-%m-%d %H:%M:%S", jitter="containing", stamps=stamps))
        taken = take(csv("2026-06-20 20:13:27,B1,40,20,"), tmp_path, declared)
        assert amounts(taken) == {("bridge", expected, "count_in"): 40, ("bridge", expected, "count_out"): 20}
    exact = take(csv("2026-06-20 20:15:00,B1,40,20,"), tmp_path, declared)
    assert of(exact, "count_in") == {("bridge", "06-20 20:00"): 40}, "on the dot it is the end of the interval before"


# --- documents ------------------------------------------------------------------------------------------------------


def test_nested_records_are_taken_apart_and_keep_what_stands_above_them(tmp_path):
    declared = source(
        reader={"format": "json", "records": "data[].aggregate[]"}, time=OFFSET | {"columns": ["data.start"]}, interval="1min",
        place={"columns": ["data.sensor", "data.aggregate.id"], "map": {"S1|north": "bridge", "S1|south": "gate"}},
        measures={"count_in": {"column": "data.aggregate.in"}, "count_out": {"column": "data.aggregate.out"}}, ignore=["version"],
    )  # fmt: skip
    lines = [{"id": "north", "in": 30, "out": 16}, {"id": "south", "in": 21, "out": 22}]
    data = {"version": 2, "data": [{"sensor": "S1", "start": "2026-06-20T18:00:00Z", "aggregate": lines},
                                   {"sensor": "S1", "start": "2026-06-20T18:01:00Z", "aggregate": []}]}  # fmt: skip
    taken = document(data, tmp_path, declared)
    assert amounts(taken) == {
        ("bridge", "06-20 20:00", "count_in"): 30, ("bridge", "06-20 20:00", "count_out"): 16,
        ("gate", "06-20 20:00", "count_in"): 21, ("gate", "06-20 20:00", "count_out"): 22,
    }  # fmt: skip
    assert taken.rows_in == 2


def test_a_long_document_is_taken_apart_without_carrying_itself_along():
    """A row that kept the list it came from would make 20,000 records 20,000 times as large."""
    rows = [{"sensor": f"S{i % 50}", "at": i, "lines": [{"id": "a", "n": i}, {"id": "b", "n": i}]} for i in range(20_000)]
    raw = readers.read(json.dumps({"data": rows}).encode(), Json(format="json", records="data[].lines[]"))
    assert raw.table.num_rows == 40_000 and raw.table.column(3).to_pylist()[-1] == "19999"


def test_a_document_a_line_with_a_broken_line(tmp_path):
    declared = source(
        reader={"format": "json", "lines": True}, time=OFFSET, ignore=[], place={"columns": ["counter"], "map": {"B1": "bridge"}}
    )
    lines = [json.dumps({"at": f"2026-06-20T18:{m:02}:00Z", "counter": "B1", "in": 40, "out": 20}) for m in (0, 15)]
    taken = document(f"{lines[0]}\n{lines[1][:30]}\n{lines[1]}\n".encode(), tmp_path, declared)
    assert checks(taken) == [(2, "", "json")] and taken.rows_accepted == 2


@pytest.mark.parametrize("data", [
    {"site": "B1", "hourly": {"time": ["2026-06-20 20:00", "2026-06-20 20:15"], "in": [40, 41]}},
    {"site": "B1", "hourly": {"time": ["2026-06-20 20:00", "2026-06-20 20:15"], "in": ["40", None]}},
])  # fmt: skip
def test_arrays_that_run_side_by_side(tmp_path, data):
    declared = source(
        reader={"format": "json", "together": ["hourly.time", "hourly.in"]}, time=clock(columns=["hourly.time"]), ignore=[],
        place={"columns": ["site"], "map": {"B1": "bridge"}}, measures={"count_total": {"column": "hourly.in"}},
    )  # fmt: skip
    found = {start: v[0] for (_, start, _), v in cells(document(data, tmp_path, declared)).items()}
    assert found == {"06-20T18:00": "ok", "06-20T18:15": "ok" if data["hourly"]["in"][1] else "missing"}


def test_an_array_of_values_after_one_stamp_counts_on_over_the_autumn_night(tmp_path):
    """25 values after midnight are 25 hours, also when the clock shows one of them twice."""
    declared = source(
        reader={"format": "json", "records": "[]", "together": ["values"], "position": "nth"}, interval="1h", ignore=[],
        time=clock(columns=["day"], format="%Y-%m-%d", index="nth"), measures={"count_total": {"column": "values"}},
        place={"columns": ["site"], "map": {"B1": "bridge"}},
    )  # fmt: skip
    taken = document([{"site": "B1", "day": "2026-10-25", "values": list(range(100, 125))}], tmp_path, declared)
    starts = sorted(r["interval_start"] for r in taken.cells.to_pylist())
    assert len(starts) == 25 and taken.rows_accepted == 25
    assert [t.astimezone(UTC).hour for t in starts] == [22, 23, *range(23)]


def test_rows_that_are_lists_have_declared_names(tmp_path):
    declared = source(reader={"format": "json", "records": "rows[]", "columns": ["at", "counter", "in", "out"]}, ignore=["title"])
    rows = {"title": "x", "rows": [["2026-06-20 20:00", "B1", 40, 20], ["2026-06-20 20:15", "B1", 41, 21]]}
    assert of(document(rows, tmp_path, declared), "count_in") == {("bridge", "06-20 20:00"): 40, ("bridge", "06-20 20:15"): 41}
    short = {"rows": [["2026-06-20 20:00", "B1", 40]]}
    assert document(short, tmp_path, declared).reason.startswith("layout: a row is a list of 3 items")


@pytest.mark.parametrize(("content", "code"), [
    (b'{"at": ', "not_json"), (b"[" * 100_000, "not_json"), (b'[{"at": NaN}]', "not_json"), (b'[{"at": 1, "at": 2}]', "repeated_key"),
    (b'\xff{"at": 1}', "encoding"), (b'{"rows": 3}', "missing_columns"), (b"  ", "empty"), (b'"text"', "not_json"),
])  # fmt: skip
def test_a_document_that_cannot_be_read_is_refused_whole_without_its_content(tmp_path, content, code):
    taken = document(content, tmp_path, source(reader={"format": "json", "records": "[]"}, ignore=["note", "rows", "value"]))
    assert (taken.state, taken.reason.split(":")[0]) in (("refused", code), ("refused", "layout"))


def test_an_answer_without_records_is_a_delivery_without_rows(tmp_path):
    for data in ([], {"total": 0, "rows": []}):
        records = "[]" if data == [] else "rows[]"
        taken = document(data, tmp_path, source(reader={"format": "json", "records": records}))
        assert (taken.state, taken.rows_in) == ("accepted", 0)


def test_per_person_records_beside_the_counts_close_the_gate_even_when_ignored(tmp_path):
    declared = source(
        reader={"format": "json", "records": "[].direction[]"}, time=OFFSET | {"columns": ["timestamp"]}, interval="1min",
        place={"columns": ["sensor"], "map": {"S1": "bridge"}}, measures={"count_total": {"column": "direction.count"}},
        ignore=["direction.signals"],
    )  # fmt: skip
    message = {"sensor": "S1", "timestamp": "2026-06-20T18:00:00Z", "direction": [{"count": 20, "signals": [{"speed": 1.2}]}]}
    taken = document([message], tmp_path, declared)
    assert taken.state == "closed" and "per-person records" in taken.reason and taken.cells.num_rows == 0


# --- time -----------------------------------------------------------------------------------------------------------


def test_an_operating_day_that_starts_at_six_writes_its_night_under_the_day_before(tmp_path):
    declared = source(time=clock(operating_day={"starts": "06:00", "hours": "clock"}))
    rows = [f"2026-06-20 {t},B1,{100 + i},50," for i, t in enumerate(("06:00", "23:45", "00:00", "05:45"))]
    assert of(take(csv(*rows), tmp_path, declared), "count_in") == {
        ("bridge", "06-20 06:00"): 100, ("bridge", "06-20 23:45"): 101, ("bridge", "06-21 00:00"): 102, ("bridge", "06-21 05:45"): 103,
    }  # fmt: skip


def test_an_operating_day_stamped_at_the_end_closes_with_its_starting_time(tmp_path):
    declared = source(time=clock(stamps="end", operating_day={"starts": "06:00", "hours": "clock"}))
    rows = [f"2026-06-20 {t},B1,{100 + i},50," for i, t in enumerate(("06:15", "00:00", "06:00"))]
    assert of(take(csv(*rows), tmp_path, declared), "count_in") == {
        ("bridge", "06-20 06:00"): 100, ("bridge", "06-20 23:45"): 101, ("bridge", "06-21 05:45"): 102,
    }  # fmt: skip


def test_an_operating_day_whose_hours_run_past_midnight(tmp_path):
    declared = source(time=clock(format="%d-%m-%Y %H:%M", operating_day={"starts": "06:00", "hours": "running"}))
    rows = [f"20-06-2026 {t},B1,{100 + i},50," for i, t in enumerate(("23:45", "24:00", "29:45", "48:00", "9:15"))]
    taken = take(csv(*rows), tmp_path, declared)
    assert of(taken, "count_in") == {
        ("bridge", "06-20 23:45"): 100, ("bridge", "06-21 00:00"): 101, ("bridge", "06-21 05:45"): 102, ("bridge", "06-20 09:15"): 104,
    }  # fmt: skip
    assert checks(taken) == [(5, "at", "time_unreadable")]


def test_formats_are_declared_and_a_stamp_that_two_of_them_read_differently_is_refused(tmp_path):
    declared = source(time=clock(format=["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"]))
    rows = [
        "20/06/2026 20:00,B1,40,20,",
        "06/20/2026 20:15,B1,41,21,",
        "05/06/2026 20:00,B1,42,22,",
        "06/06/2026 20:00,B1,43,23,",
    ]
    taken = take(csv(*rows), tmp_path, declared)
    assert of(taken, "count_in") == {("bridge", "06-20 20:00"): 40, ("bridge", "06-20 20:15"): 41, ("bridge", "06-06 20:00"): 43}
    assert checks(taken) == [(4, "at", "time_two_readings")], "5 June or 6 May"


def test_one_declared_format_never_falls_back_to_another(tmp_path):
    taken = take(
        csv("06/20/2026 20:00,B1,40,20,", *["20/06/2026 20:00,B1,40,20,"]), tmp_path, source(time=clock(format="%d/%m/%Y %H:%M"))
    )
    assert checks(taken) == [(2, "at", "time_unreadable")] and taken.rows_accepted == 1


def test_the_part_of_a_text_that_counts_and_month_names_of_another_language(tmp_path):
    time = clock(columns=["day", "group"], format="%d %b %Y %H:%M", extract={"group": r"^(\d\d:\d\d) - \d\d:59$"},
                 replace={"mrt": "Mar", "okt": "Oct"})  # fmt: skip
    declared = source(time=time, interval="1h", ignore=[], place={"columns": ["stop"], "map": {"7": "bridge"}},
                      measures={"count_total": {"column": "n"}})  # fmt: skip
    rows = ["20 mrt 2026,08:00 - 08:59,7,40", "20 mrt 2026,09:00 - 09:30,7,41"]
    taken = take(csv(*rows, header="day,group,stop,n"), tmp_path, declared)
    assert of(taken, "count_total") == {("bridge", "03-20 08:00"): 40} and checks(taken) == [(3, "day, group", "time_unreadable")]


@pytest.mark.parametrize(("form", "stamp"), [("epoch_s", "1781978400"), ("epoch_ms", "1781978400000")])
def test_seconds_since_1970_are_utc(tmp_path, form, stamp):
    declared = source(time={"columns": ["at"], "format": form, "clock": "utc"})
    taken = take(csv(f"{stamp},B1,40,20,", "soon,B1,40,20,"), tmp_path, declared)
    assert of(taken, "count_in") == {("bridge", "06-20 20:00"): 40} and checks(taken) == [(3, "at", "time_unreadable")]


def test_two_spaces_and_milliseconds_in_a_stamp(tmp_path):
    declared = source(time=clock(format="%Y-%m-%d  %H:%M:%S.%g", timezone="Europe/Brussels"))
    taken = take(csv("2026-06-20  0:15:00.000,B1,40,20,"), tmp_path, declared)
    assert of(taken, "count_in") == {("bridge", "06-20 00:15"): 40}


def test_fold_a_column_tells_the_two_autumn_hours_apart(tmp_path):
    declared = source(
        time=clock(repeated={"column": "note", "first": ["Z"], "second": ["W"]}), ignore=[],
        place={"columns": ["counter"], "map": {"B1": "bridge"}},
    )  # fmt: skip
    rows = [f"2026-10-25 {t},B1,{n},50,{mark}" for t, n, mark in
            (("02:00", 100, "Z"), ("02:00", 101, "W"), ("02:15", 102, "?"), ("03:00", 103, "W"))]  # fmt: skip
    taken = take(csv(*rows), tmp_path, declared)
    found = {start: v[1] for (_, start, m), v in cells(taken).items() if m == "count_in"}
    assert found == {"10-25T00:00": 100, "10-25T01:00": 101, "10-25T02:00": 103}
    assert checks(taken) == [(4, "at", "time_ambiguous")]


@pytest.mark.parametrize(("time", "told"), [
    ({"format": "epoch_s"}, "seconds since 1970 are UTC"), ({"jitter": "8min"}, "half an interval"),
    ({"extract": {"x": "(a)"}}, "no time column"), ({"extract": {"at": "a"}}, "0 groups"), ({"extract": {"at": "(?=a)(b)"}}, "not a pattern"),
    ({"clock": "utc", "timezone": None, "operating_day": {"starts": "06:00", "hours": "clock"}}, "local clock"),
])  # fmt: skip
def test_a_clock_that_cannot_be_is_told(time, told):
    with pytest.raises(ValidationError, match=told):
        source(time={k: v for k, v in clock(**time).items() if v is not None})
