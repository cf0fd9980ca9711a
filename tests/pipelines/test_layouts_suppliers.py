"""Suppliers whose field names are public and whose data are not here: Amsterdam, Gent parking, hystreet, and more of the field.

Every value in this file is GENERATED: shapes and names are those of public code and documentation, no number was ever measured.
"""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import grid
from pipelines.intake import arrivals
from pipelines.store import Store
from schemas import yamlfile
from schemas.settings import Source
from tests.pipelines.layouts import cells, checks, csv, source, take
from tests.pipelines.test_layouts import amounts, clock
from tests.town import START, STEP, Town

SOURCES = Path(__file__).resolve().parents[2] / "config" / "sources"


def through(name, tmp_path, data, **options):
    declared = yamlfile.load(Source, SOURCES / f"{name}.yaml")[0]
    text = "\n".join(json.dumps(d) for d in data) if declared.reader.lines else json.dumps(data)
    return take(text.encode(), tmp_path, declared, name="generated.json", **options)


# --- Amsterdam, central computer v1 ---------------------------------------------------------------------------------


def cmsa(minute, kind, **fields):
    at = {"sensor": "CMSA-GAWW-17", "timestamp": f"2026-06-20T18:{minute:02}:07Z", "originalId": 3, "adminId": 4}
    return {"type": kind, "source": at} | fields


def area(minute, count):
    return cmsa(
        minute, "areaMetrics", id="Zone 0", area=120, count=count, density=0.3, totalDistance=40.2, totalTime=30.1, speed=1.1
    )


def line(minute, there, back):
    return cmsa(minute, "lineMetrics", id="Line 0", counts=[{"azimuth": 70, "count": there}, {"azimuth": 250, "count": back}])


def wifi(minute, count):
    message = cmsa(minute, "countMetrics", id="w", count=count)
    message["source"] |= {"interval": 60, "latitude": 52.1, "longitude": 4.9}
    return message


def test_amsterdam_one_stream_of_messages_feeds_zones_and_lines(tmp_path):
    stream = [m for minute in range(15) for m in (area(minute, 30 + minute), line(minute, 4, 3), wifi(minute, 9))]
    zones = through("amsterdam-cmsa-zones", tmp_path, stream)
    assert zones.rows_accepted == 15 and zones.rows_filtered == 30
    assert amounts(zones)["example-square", "06-20 20:14", "present"] == 44
    lines = through("amsterdam-cmsa-lines", tmp_path, stream)
    assert amounts(lines) == {("example-line", "06-20 20:00", "count_in"): 60, ("example-line", "06-20 20:00", "count_out"): 45}
    assert lines.rows_filtered == 30, "messages without lines are counted, not lost"


def test_amsterdam_a_quarter_of_fewer_messages_is_an_undercount(tmp_path):
    taken = through("amsterdam-cmsa-lines", tmp_path, [line(minute, 4, 3) for minute in range(15) if minute != 7])
    assert taken.rows_refused == 1 and checks(taken)[0][2] == "incomplete"


# --- Amsterdam, counting cameras ------------------------------------------------------------------------------------


def telcamera(minute, **fields):
    return {
        "sensor": "GAVM-01-Example", "sensor_type": "telcamera", "sensor_state": "operational", "owner": "Gemeente", "supplier": "Maker",
        "purpose": ["crowd"], "latitude": 52.1, "longitude": 4.9, "interval": 60, "timestamp_message": f"2026-06-20T18:{minute:02}:59.4Z",
        "timestamp_start": f"2026-06-20T18:{minute:02}:00.0Z", "message": minute, "version": "CS_count_0.0.1", "message_type": "count",
        "aggregate": [{"type": "line", "id": "line-1", "azimuth": 70, "count_in": 4, "count_out": 3},
                      {"type": "zone", "id": "zone-1", "area": 55.1, "geom": "POLYGON ((0 0, 0 1, 1 1, 0 0))", "count": 5}],
    } | fields  # fmt: skip


def test_amsterdam_telcameras_v2_lines_out_of_nested_aggregates(tmp_path):
    taken = through("amsterdam-telcameras", tmp_path, {"data": [telcamera(minute) for minute in range(15)]})
    assert amounts(taken) == {("example-line", "06-20 20:00", "count_in"): 60, ("example-line", "06-20 20:00", "count_out"): 45}
    assert (taken.records_read, taken.rows_filtered) == (30, 15)


def test_amsterdam_telcameras_v2_a_person_message_closes_the_gate_on_the_whole_delivery(tmp_path):
    person = {"personId": "3a", "geom": "POINT (1 2)", "speed": 1.2, "distances": [1, 2]}
    data = {"data": [telcamera(0), telcamera(1, message_type="person", aggregate=[person])]}
    taken = through("amsterdam-telcameras", tmp_path, data)
    assert taken.state == "closed" and taken.cells.num_rows == taken.rows_in == 0
    assert taken.reason.startswith("person_level") and "3a" not in taken.reason and "personId" not in taken.reason


def v3(minute, signals):
    directions = [{"azimuth": a, "count": n, "cumulative_distance": 4.2, "cumulative_time": 3.1, "median_speed": 1.2, "signals": signals}
                  for a, n in ((70, 4), (250, 3))]  # fmt: skip
    return {"id": minute, "timestamp": f"2026-06-20T18:{minute:02}:00Z", "sensor": "GAVM-01-Example", "sensor_type": "telcamera", "status": "ok",
            "version": "3", "latitude": 52.1, "longitude": 4.9, "interval": 60, "density": 0.2, "direction": directions}  # fmt: skip


def test_trap_messages_of_a_count_sensor_that_carry_per_person_records(tmp_path):
    clean = through("amsterdam-telcameras-v3", tmp_path, [v3(minute, []) for minute in range(15)])
    assert amounts(clean)["example-line", "06-20 20:00", "count_in"] == 60
    person = [{"object_id": 7, "speed": 1.1, "distance": 2.5}]
    dirty = through("amsterdam-telcameras-v3", tmp_path, [v3(minute, person if minute == 9 else []) for minute in range(15)])
    assert dirty.state == "closed" and dirty.cells.num_rows == 0


def test_trap_noise_of_one_a_message_drifts_upward_where_it_is_quiet(tmp_path):
    """0 becomes 0 or 1, never −1: fifteen empty minutes add up to seven people. Told in the source; nothing can undo it."""
    noisy = through("amsterdam-cmsa-lines", tmp_path, [line(minute, minute % 2, 0) for minute in range(15)], k=1)
    assert amounts(noisy)["example-line", "06-20 20:00", "count_in"] == 7
    assert "drift upward" in (SOURCES / "amsterdam-cmsa-zones.yaml").read_text()


# --- Gent parking ---------------------------------------------------------------------------------------------------


def park(**changes):
    return {"name": "P+R Example", "lastupdate": "2026-06-20T20:13:27+02:00", "numberofspaces": 620, "availablespaces": 11, "occupation": 98,
            "isopennow": 1, "temporaryclosed": 0, "occupancytrend": "increasing", "gentse_feesten": "False", "latitude": "51.1",
            "longitude": "3.7", "type": "carPark"} | changes  # fmt: skip


def test_gent_parking_says_what_is_free(tmp_path):
    taken = through("gent-parking", tmp_path, [park(), park(name="Elsewhere")])
    assert amounts(taken) == {("example-pr", "06-20 20:10", "occupied"): 609} and taken.rows_filtered == 1
    closed = through("gent-parking", tmp_path, [park(temporaryclosed=1)])
    assert cells(closed)["example-pr", "06-20T18:10", "occupied"][0] == "outage"


def test_gent_parking_the_answer_with_hashed_record_ids_closes_the_gate(tmp_path):
    """Opendatasoft v1: the gate cannot tell a record's hash from that of a device. The source says what to ask for instead."""
    wrapped = {
        "datasetid": "parking",
        "recordid": "0123456789abcdef0123456789abcdef01234567",
        "record_timestamp": "2026-06-20T18:14:00Z",
    }
    taken = through("gent-parking", tmp_path, [wrapped | park()])
    assert taken.state == "closed" and "hashed identifiers" in taken.reason


# --- hystreet -------------------------------------------------------------------------------------------------------


def street(*counts, **changes):
    return {"name": "Example Street", "id": 7, "city": "Anywhere", "metadata": {"ltr_label": "to the left", "rtl_label": "to the right"},
            "statistics": {"timerange_count": 999}, "measurements": [{
                "timestamp": f"2026-06-20T{20 + i}:00:00.000+02:00", "weather_condition": "rain", "temperature": 12.5, "min_temperature": 9.5,
                "pedestrians_count": a + b, "unverified": False, "details": {"ltr_pedestrians_count": a, "rtl_pedestrians_count": b,
                "zones": [{"id": 1, "pedestrians_count": a}]}} | changes for i, (a, b) in enumerate(counts)]}  # fmt: skip


def test_hystreet_two_directions_below_a_street(tmp_path):
    taken = through("hystreet", tmp_path, street((400, 300), (500, 200)))
    assert amounts(taken) == {("example-line", f"06-20 {h}:00", m): n for h, pair in ((20, (400, 300)), (21, (500, 200)))
                              for m, n in zip(("count_in", "count_out"), pair, strict=True)}  # fmt: skip
    unverified = through("hystreet", tmp_path, street((400, 300), unverified=True))
    assert {v[0] for v in cells(unverified).values()} == {"missing"}


# --- others of the field, by field names only -----------------------------------------------------------------------


def test_gvb_hour_groups_swapped_coordinates_doubles_and_suppressed_counts_as_text(tmp_path):
    declared = source(
        dataset="stop_counts", reader={"format": "csv", "delimiter": ";"}, interval="1h",
        time=clock(columns=["Datum", "Uurgroep"], format="%d-%m-%Y %H:%M", extract={"Uurgroep": r"^(\d\d:\d\d) - \d\d:59$"}),
        place={"columns": ["AankomstHalteCode"], "map": {"07001": "bridge"}, "unmapped": "filter"},
        measures={"alighting": {"column": "AantalReizen", "sentinels": {"<10": {"suppressed": 9}}}},
        ignore=["AankomstHalteNaam", "AankomstLat", "AankomstLon"],
    )  # fmt: skip
    rows = ["20-06-2026;20:00 - 20:59;07001;Brug;4.9;52.4;120", "20-06-2026;20:00 - 20:59;07001;Brug;4.9;52.4;120",
            "20-06-2026;21:00 - 21:59;07001;Brug;52.4;4.9;<10", "20-06-2026;20:00 - 20:59;;[[ Onbekend ]];;;30"]  # fmt: skip
    header = "Datum;Uurgroep;AankomstHalteCode;AankomstHalteNaam;AankomstLat;AankomstLon;AantalReizen"
    taken = take(csv(*rows, header=header), tmp_path, declared)
    assert (taken.rows_accepted, taken.rows_duplicate, taken.rows_suppressed, taken.rows_refused) == (1, 1, 1, 1)
    assert cells(taken)["bridge", "06-20T19:00", "alighting"] == ("suppressed", None, 0, 14)


def test_vlaams_verkeerscentrum_tabs_two_spaces_and_null(tmp_path):
    declared = source(
        dataset="link_speeds", reader={"format": "csv", "delimiter": "\t"}, ignore=[], place={"columns": ["locpost"], "map": {"17": "bridge"}},
        time=clock(columns=["TIME_MEASURED"], format="%Y-%m-%d  %H:%M:%S.%g", timezone="Europe/Brussels"), sentinels=["NULL"],
        measures={"vehicles": {"column": "int_niet_vracht"}, "driving_speed": {"column": "Vh_niet_vracht"}},
        marks=[{"column": "rec_typed", "above": 50, "means": "missing"}],
    )  # fmt: skip
    rows = [
        "17\t2026-06-20  0:15:00.000\t40\t88.5\t0",
        "17\t2026-06-20  0:30:00.000\t0\tNULL\t0",
        "17\t2026-06-20  0:45:00.000\t40\t88\t75.5",
    ]
    taken = take(csv(*rows, header="locpost\tTIME_MEASURED\tint_niet_vracht\tVh_niet_vracht\trec_typed"), tmp_path, declared)
    assert [v[0] for (_, _, m), v in sorted(cells(taken).items()) if m == "vehicles"] == ["ok", "ok", "missing"]
    assert [v[0] for (_, _, m), v in sorted(cells(taken).items()) if m == "driving_speed"] == ["ok", "missing", "missing"]


def test_berlin_hours_beside_a_day_and_a_quality_under_which_nothing_counts(tmp_path):
    declared = source(
        dataset="link_speeds", reader={"format": "csv", "delimiter": ";"}, interval="1h", place={"columns": ["detid_15"], "map": {"1000": "bridge"}},
        time=clock(columns=["tag", "stunde"], format="%d.%m.%Y %H", timezone="Europe/Berlin"), ignore=[],
        measures={"vehicles": {"column": "q_kfz_det_hr"}, "driving_speed": {"column": "v_kfz_det_hr", "sentinels": ["-1"]}},
        marks=[{"column": "qualitaet", "below": 0.75, "means": "missing"}],
    )  # fmt: skip
    rows = ["1000;20.06.2026;8;0.75;412;48", "1000;20.06.2026;9;0.74;400;47", "1000;20.06.2026;10;1.0;0;-1"]
    taken = take(csv(*rows, header="detid_15;tag;stunde;qualitaet;q_kfz_det_hr;v_kfz_det_hr"), tmp_path, declared)
    assert [v[0] for (_, _, m), v in sorted(cells(taken).items()) if m == "vehicles"] == ["ok", "missing", "ok"]


def test_zurich_an_empty_cell_is_a_mode_that_is_not_counted_there(tmp_path):
    """FUSS_* and VELO_* of one counter: what it does not count is not applicable, not missing and not zero."""
    declared = source(
        time=clock(columns=["DATUM"], format="%Y-%m-%dT%H:%M", timezone="Europe/Zurich", repeated="first"), ignore=["OST", "NORD"],
        place={"columns": ["FK_STANDORT"], "map": {"2977": "bridge", "3": "gate"}}, sentinels={"": "not_applicable"},
        measures={"cyclists": {"column": ["VELO_IN", "VELO_OUT"]}, "count_in": {"column": "FUSS_IN"}, "count_out": {"column": "FUSS_OUT"}},
    )  # fmt: skip
    header = "FK_STANDORT,DATUM,VELO_IN,VELO_OUT,FUSS_IN,FUSS_OUT,OST,NORD"
    taken = take(csv("2977,2026-06-20T20:00,30,,,,1,2", "3,2026-06-20T20:00,,,40,50,1,2", header=header), tmp_path, declared)
    found = {(place, m): v[:2] for (place, _, m), v in cells(taken).items()}
    assert found["bridge", "cyclists"] == ("ok", 30) and found["bridge", "count_in"] == ("not_applicable", None)
    assert found["gate", "cyclists"] == ("not_applicable", None) and found["gate", "count_out"] == ("ok", 50)


def test_rule_06_what_is_not_measured_there_never_becomes_a_zero(tmp_path):
    """Also where an absent row is one: a row came, and said that there is nothing to count. In the store it is missing."""
    town = Town(tmp_path, absent="{max_zero_run: 2h}")
    declared = town.config_folder / "sources" / "gates.yaml"
    declared.write_text(declared.read_text() + 'sentinels: {"-": not_applicable, "*": suppressed}\n')
    town.gates(START + timedelta(hours=1), [(START, 40, "-"), (START + STEP, 41, 42), (START + 3 * STEP, "*", 44)])
    store, config = Store(tmp_path / "workspace"), town.config
    at = START + timedelta(hours=1, minutes=5)
    arrivals.take_in(store, config, config.sources["gates"], at, "run", lambda *_: None)
    with store.transaction():
        grid.fill(store, config, config.sources["gates"], ("count_in", "count_out"), at, assume_arrival=False)
    found = dict(store.con.execute("SELECT (interval_start, measure), (status, value) FROM observations").fetchall())
    assert found[START, "count_out"] == ("missing", None) and found[START, "count_in"] == ("ok", 40)
    assert found[START + 2 * STEP, "count_in"] == ("ok", 0), "an absent row is zero"
    assert found[START + 3 * STEP, "count_in"] == ("suppressed", None)


@pytest.mark.parametrize("name", ["amsterdam-cmsa-zones", "amsterdam-cmsa-lines", "amsterdam-telcameras", "amsterdam-telcameras-v3", "gent-parking",
                                  "hystreet"])  # fmt: skip
def test_what_was_never_tried_on_real_data_says_so(name):
    assert "generated" in (SOURCES / f"{name}.yaml").read_text()
