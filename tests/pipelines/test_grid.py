"""The grid: due, missing, zero and outage told apart (rules 4–6), each status with its own cause."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from pipelines.store import Store
from tests.town import START, STEP, Town, rows

SQL = """SELECT interval_start, measure, status, value, delivery_id IS NULL FROM {observations}
         WHERE source = 'gates' AND measure = 'count_in' ORDER BY interval_start"""


def slots(store):
    return [(int((t - START) / STEP), status, None if value is None else int(value), inferred)
            for t, _, status, value, inferred in rows(store, SQL)]  # fmt: skip


@pytest.fixture
def open_town(tmp_path):
    opened = []

    def make(**options):
        town = Town(tmp_path, **options)
        store = Store(tmp_path / "w")
        opened.append(store)
        return town, store

    yield make
    for store in opened:
        store.close()


def test_rule_04_no_row_before_interval_end_plus_delay(open_town):
    town, store = open_town()
    town.gates(START + STEP, [(START, 40, 30)])
    town.tick(store, START + 2 * STEP + timedelta(minutes=4))
    assert slots(store) == [(0, "ok", 40, False)]
    town.tick(store, START + 2 * STEP + timedelta(minutes=5))
    assert slots(store) == [(0, "ok", 40, False), (1, "missing", None, True)]


def test_rule_04_nothing_is_expected_before_the_source_ever_delivered(open_town):
    town, store = open_town()
    first = START + 40 * STEP
    town.gates(first + STEP, [(first, 40, 30)])
    town.tick(store, first + STEP)
    assert [n for n, *_ in slots(store)] == [40]


def test_a_late_file_replaces_missing_rows_and_history_keeps_them(open_town):
    town, store = open_town()
    town.gates(START + STEP, [(START, 40, 30)])
    town.tick(store, START + 4 * STEP)
    late = town.gates(START + 5 * STEP, [(START + STEP, 50, 20)], name="late")
    town.tick(store, START + 5 * STEP)
    assert slots(store)[1][:3] == (1, "ok", 50)
    old = rows(store, "SELECT status, value FROM {observations_superseded} WHERE measure = 'count_in'")
    assert old == [("missing", None)]
    assert late.exists()


def test_rule_06_absent_is_zero_only_near_another_row_and_inside_the_span(open_town):
    town, store = open_town(absent="{max_zero_run: 30min}")
    present = [0, 1, 4, 12]
    town.gates(START + 13 * STEP, [(START + i * STEP, 40, 30) for i in present])
    town.tick(store, START + 16 * STEP)
    status = {n: (s, v) for n, s, v, _ in slots(store)}
    zero = [n for n, (s, v) in status.items() if (s, v) == ("ok", 0)]
    missing = [n for n, (s, _) in status.items() if s == "missing"]
    assert zero == [2, 3, 5, 6, 10, 11], "within 30 min of a row"
    assert missing == [7, 8, 9, 13, 14], "too far from a row, or after the span the delivery covers"


def test_rule_06_a_later_delivery_can_make_an_earlier_absence_zero_whatever_the_order(tmp_path):
    parts = {"a": [0, 1], "b": [3, 4]}
    states = []
    for order in ("ab", "ba"):
        town = Town(tmp_path / order, absent="{max_zero_run: 30min}")
        with Store(tmp_path / order / "w") as store:
            for number, part in enumerate(order):
                town.gates(
                    START + timedelta(minutes=100 + ord(part)), [(START + i * STEP, 40, 30) for i in parts[part]], name=part
                )
                town.tick(store, START + timedelta(hours=8 + number))
            states.append(slots(store))
    assert states[0] == states[1]
    assert (2, "ok", 0, True) in states[0]


def test_rule_05_declared_outage_outranks_missing_and_yields_to_a_value(open_town):
    flag = {"source": "gates", "places": ["gate"], "from": (START + STEP).isoformat(), "to": (START + 3 * STEP).isoformat(),
            "effect": ["outage"], "reason": "replaced the counter", "owner": "data-officer"}  # fmt: skip
    town, store = open_town(flags=[flag])
    town.gates(START + 4 * STEP, [(START, 40, 30), (START + 2 * STEP, 41, 31)])
    town.tick(store, START + 6 * STEP)
    assert [s for _, s, _, _ in slots(store)] == ["ok", "outage", "ok", "missing", "missing"]


def test_rule_03_time_does_not_split_at_midnight_or_clock_change(open_town):
    """Autumn night: 25 local hours are 100 quarters, each its own row; local times 02:00–02:45 stand twice."""
    town, store = open_town(timezone="Europe/Amsterdam", only="specific_flow")
    night = START.replace(year=2026, month=10, day=24, hour=22)
    town.gates(night + timedelta(hours=26), [(night + i * STEP, 40 + i, 30) for i in range(100)])
    town.tick(store, night + timedelta(hours=26))
    got = rows(
        store,
        "SELECT count(*), count(DISTINCT local_time), count(DISTINCT interval_start) FROM {indicator_values} WHERE local_date = DATE '2026-10-25'",
    )
    assert got == [(100, 96, 100)]


def add_source(town, name, dataset, places, measures, **changes):
    """Another source of the town: ``time,place,<measure>…``."""
    declared = {
        "source": name, "title": {"nl": name, "en": name}, "supplier": "nobody", "licence": "none", "dataset": dataset, "contract": 1,
        "files": f"{name}/*.csv", "reader": {"format": "csv"}, "interval": "15min", "delay": "5min", "rank": 1,
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"},
        "place": {"columns": ["place"], "map": {p: p for p in places}}, "measures": {m: {"column": m} for m in measures},
        "issued_at": {"from": "file_name", "pattern": "_(\\d{8}T\\d{4})", "format": "%Y%m%dT%H%M", "clock": "utc"},
    } | changes  # fmt: skip
    (town.config_folder / "sources" / f"{name}.yaml").write_text(json.dumps(declared))
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("sources: [zones, gates", f"sources: [zones, gates, {name}"))
    purpose = town.config_folder / "purposes" / "crowd-safety.yaml"
    purpose.write_text(purpose.read_text().replace("passage_counts]", f"passage_counts, {dataset}]"))
    (town.data / name).mkdir()

    def deliver(issued, *rows):
        text = "".join(f"{start:%Y-%m-%dT%H:%M},{','.join(map(str, rest))}\n" for start, *rest in rows)
        (town.data / name / f"d_{issued:%Y%m%dT%H%M}.csv").write_text(f"time,place,{','.join(measures)}\n{text}")

    return deliver


def test_of_reports_nothing_is_expected_and_nothing_inferred(open_town):
    town, store = open_town()
    report = add_source(town, "stewards", "field_observations", ["square"], ["density_class"], interval="1min")
    flag = {"source": "stewards", "places": ["square"], "from": START.isoformat(), "to": (START + STEP).isoformat(),
            "effect": ["outage"], "reason": "nobody on the spot", "owner": "data-officer"}  # fmt: skip
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("flags: []", f"flags: {json.dumps([flag])}"))
    report(START + timedelta(minutes=8), (START + timedelta(minutes=7), "square", 3))
    report(START + timedelta(minutes=40), (START + timedelta(minutes=37), "square", 4))
    town.tick(store, START + timedelta(hours=6))
    sql = "SELECT interval_start, status, value FROM {observations} WHERE source = 'stewards' ORDER BY interval_start"
    assert [((t - START) / timedelta(minutes=1), s, int(v)) for t, s, v in rows(store, sql)] == [(7, "ok", 3), (37, "ok", 4)]


def test_rule_10_reports_are_revised_and_doubled_like_counts(open_town):
    town, store = open_town()
    report = add_source(town, "stewards", "field_observations", ["square"], ["density_class"], interval="1min")
    at = START + timedelta(minutes=7)
    report(START + timedelta(minutes=8), (at, "square", 3))
    report(START + timedelta(minutes=9), (at, "square", 5))
    report(START + timedelta(minutes=10), (at, "square", 5), (at + timedelta(minutes=2), "square", 4))
    town.tick(store, START + timedelta(hours=1))
    sql = "SELECT status, value FROM {observations} WHERE source = 'stewards' ORDER BY interval_start"
    assert [(s, int(v)) for s, v in rows(store, sql)] == [("ok", 5), ("ok", 4)]
    found = rows(store, "SELECT rows_in, rows_accepted, rows_duplicate FROM deliveries WHERE source = 'stewards' ORDER BY name")
    assert found == [(1, 1, 0), (1, 1, 0), (2, 1, 1)]


@pytest.mark.parametrize(("withhold_zero", "expected"), [(False, ("ok", 0, "missing")), (True, ("suppressed", None, "missing"))])
def test_rule_06_only_what_adds_up_can_be_zero(open_town, withhold_zero, expected):
    """Nobody there has no speed: an absent row is zero people, and a mean that is missing."""
    town, store = open_town()
    measures = ["count_total", "walking_speed"]
    count = add_source(town, "path", "passage_counts", ["gate"], measures, absent={"max_zero_run": "1h"})
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("k: 15,", f"k: 15, withhold_zero: {str(withhold_zero).lower()},"))
    count(START + 3 * STEP, (START, "gate", 40, 1.25), (START + 2 * STEP, "gate", 50, 1.3))
    town.tick(store, START + 4 * STEP)
    sql = "SELECT interval_start, measure, status, value FROM {observations} WHERE source = 'path' ORDER BY ALL"
    found = {(int((t - START) / STEP), m): (s, v) for t, m, s, v in rows(store, sql)}
    assert found[2, "walking_speed"] == ("ok", Decimal("1.3"))
    status, value, mean = expected
    assert found[1, "count_total"] == (status, value) and found[1, "walking_speed"] == (mean, None)
