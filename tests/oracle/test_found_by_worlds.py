"""What the random worlds found: each the smallest case, as the definitions want it. A mended one loses its mark."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.baselines import counts
from pipelines.store import Store
from tests.pipelines.slots_world import START as EVENING
from tests.pipelines.slots_world import World
from tests.pipelines.test_cards_over_places import judge
from tests.town import START, STEP, Town, rows

ZONE = {"kind": "zone", "place_type": "standing"}
WAYS, MODES = ("count_in", "count_out"), ("count_total", "cyclists", "motor_vehicles")
SQUARE = {
    "square": {**ZONE, "perimeter": "complete", "zero_at": "17:00"}, "street": {**ZONE, "usable_area": 1000},
    "gate": {"kind": "line", "effective_width": 4, "from_zone": "street", "to_zone": "square"},
}  # fmt: skip


def _values(town: Town, store: Store, indicator: str, place: str) -> list[tuple[Any, ...]]:
    town.tick(store, START + 8 * STEP)
    columns = "status, reason, level, coverage"
    mine = f"indicator = '{indicator}' AND place = '{place}'"
    return rows(store, f"SELECT {columns} FROM {{indicator_values}} WHERE {mine} ORDER BY interval_start")


@pytest.mark.parametrize("nothing", ["", "n/a"])
def test_rule_06_a_row_without_a_value_is_not_an_absent_row(tmp_path: Path, nothing: str) -> None:
    """The supplier says "no value"; where absent rows mean zero, that is still no value, and never nobody."""
    town = Town(tmp_path, absent="{max_zero_run: 1h}")
    path = town.config_folder / "sources" / "gates.yaml"
    path.write_text(path.read_text() + '\nsentinels: ["n/a"]\n')
    town.gates(START + 4 * STEP, [(START, 40, 30), (START + STEP, nothing, nothing), (START + 3 * STEP, 41, 31)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 6 * STEP)
        found = rows(store, "SELECT status, value FROM {observations} WHERE measure = 'count_in' ORDER BY interval_start")
    assert found[1] == ("missing", None)
    assert found[2] == ("ok", 0), "the row that is absent"


def test_a_line_that_changes_has_its_approach_zone_once(tmp_path: Path) -> None:
    """A second feature of the line (a fence from 19:00 on) must not count the people in front of it twice."""
    later = {**SQUARE["gate"], "effective_width": 2, "valid_from": "2026-06-01T19:00:00Z"}
    world = World(tmp_path, {**SQUARE, "gate#later": later}, {"z": ("zone_counts", ["present"], ["street"])})
    world.put("z", "street", "present", *(600,) * 6)
    try:
        assert world.slots("zone_counts.approach_density")["gate"] == [("ok", 0.6, 0.6, 0.6, 1.0)] * 6
    finally:
        world.store.close()


def test_rule_05_a_sum_of_which_one_part_is_withheld_and_one_missing_is_withheld(tmp_path: Path) -> None:
    """Withheld keeps its status, also where something else is missing (decision 0008; rule 5 puts it before missing)."""
    places = {"a": ZONE, "b": ZONE, "town": {"kind": "area", "parts": ["a", "b"]}}
    world = World(tmp_path, places, {"z": ("zone_counts", ["present"], ["a", "b"])})
    world.put("z", "a", "present", "<k")
    world.put("z", "b", "present", "missing")
    try:
        assert world.slots("zone_counts.area_present")["town"] == [("suppressed", None, None, None, 0.0)]
    finally:
        world.store.close()


def test_rule_05_of_two_inputs_one_withheld_and_one_missing_the_indicator_is_withheld(tmp_path: Path) -> None:
    """The same between the inputs of a card; what was refused or out of order comes before both."""
    world = World(tmp_path, SQUARE, {"z": ("zone_counts", ["present"], ["street"]), "g": ("passage_counts", WAYS, ["gate"])},
                  indicators={"jam_suspect": {}})  # fmt: skip
    world.put("z", "street", "present", "<k", "<k", "<k", "missing")
    for way in WAYS:
        world.put("g", "gate", way, "missing", "outage", "invalid", "outage")
    try:
        found = [(status, reason, level) for status, reason, _, _, _, level in judge(world, "jam_suspect", "gate")]
    finally:
        world.store.close()
    assert found == [
        ("suppressed", "coverage", "unknown"), ("outage", "outage", "unknown"), ("invalid", "invalid", "unknown"),
        ("outage", "outage", "unknown"),
    ]  # fmt: skip


def _counts(world: World, reference: str, *days: date) -> list[tuple[str, int, float]]:
    """(place, minute of the day, count) of what a feed's baselines of a day are made of."""
    (feed,), con = world.feeds(reference), world.store.con
    con.execute("CREATE OR REPLACE TEMP TABLE baseline_places AS SELECT unnest([0, 1]) AS no, unnest(['path', 'town']) AS place")
    counts.start(world.store, world.config, feed)
    counts.add(world.store, world.config, feed, 15, days)
    found = "SELECT place, minute, x FROM baseline_slots JOIN baseline_places USING (no) WHERE NOT flagged ORDER BY ALL"
    return con.execute(found).fetchall()


def test_rule_18_a_slot_without_a_value_is_no_value_of_a_baseline(tmp_path: Path) -> None:
    """The share of people on foot of nobody: all is counted, and there is no share that could count towards the 15."""
    world = World(tmp_path, {"path": {"kind": "line"}}, {"m": ("passage_counts", MODES, ["path"])})
    for measure, values in zip(MODES, ((60, 0, 40), (20, 0, 40), (0, 0, 20)), strict=True):
        world.put("m", "path", measure, *values)
    world.flush()
    try:
        assert _counts(world, "passage_counts.walking_share", EVENING.date()) == [("path", 1080, 0.75), ("path", 1110, 0.4)]
    finally:
        world.store.close()


def test_rule_18_on_a_holiday_the_baseline_that_is_too_short_says_nothing(tmp_path: Path) -> None:
    """Seven Mondays are enough, two Sundays are not: what stays open is so because a part is withheld, not for want of a baseline."""
    path = {"path": {"kind": "line"}}
    world = World(tmp_path, path, {"m": ("passage_counts", MODES, ["path"])}, holidays="IE", indicators={"mode_shift": {}})
    today = ((60, 60), ("<k", 20), (20, 20))
    before = [EVENING - timedelta(days=back) for back in (*range(7, 57, 7), 1, 8)]
    for measure, usual, now in zip(MODES, (60, 20, 20), today, strict=True):
        for start in before:
            world.put("m", "path", measure, *(usual,) * 4, start=start - STEP)
        world.put("m", "path", measure, *now)
    try:
        found = [(status, reason, value) for status, reason, value, *_ in judge(world, "mode_shift", "path")]
    finally:
        world.store.close()
    assert found == [("suppressed", "undecided", None), ("ok", None, 0.0)]


def test_what_came_about_a_place_before_it_was_there_is_no_earlier_count(tmp_path: Path) -> None:
    """Growth looks a quarter of an hour back: in the first slot of a place there is nothing there."""
    street = {"street": {**SQUARE["street"], "valid_from": (EVENING + 2 * STEP).isoformat()}}
    world = World(tmp_path, street, {"z": ("zone_counts", ["present"], ["street"])}, indicators={"growth": {}})
    world.put("z", "street", "present", 100, 200, 300, 400)
    try:
        assert len(judge(world, "growth", "street")) == 1, "of the last slot only"
    finally:
        world.store.close()


@pytest.mark.parametrize("status", ["outage", "invalid"])
def test_rule_05_a_balance_says_why_it_is_lost_in_the_slot_where_it_is(tmp_path: Path, status: str) -> None:
    world = World(tmp_path, SQUARE, {"g": ("passage_counts", WAYS, ["gate"])})
    zero = EVENING - timedelta(hours=1)
    world.put("g", "gate", "count_in", *(50,) * 4, status, 50, start=zero)
    world.put("g", "gate", "count_out", *(0,) * 4, status, 0, start=zero)
    try:
        assert [slot[0] for slot in world.slots("passage_counts.present")["square"]] == [status, "missing"]
    finally:
        world.store.close()


def test_a_balance_whose_zero_moment_is_not_in_the_data_covers_nothing(tmp_path: Path) -> None:
    """Counts began after the last zero moment: nothing of the balance is known, as after a gap, where coverage is 0."""
    world = World(tmp_path, SQUARE, {"g": ("passage_counts", WAYS, ["gate"])})
    for way in WAYS:
        world.put("g", "gate", way, 50, 50)
    try:
        assert world.slots("passage_counts.present")["square"] == [("missing", None, None, None, 0.0)] * 2
    finally:
        world.store.close()


def test_rule_05_weighted_risk_of_parts_that_are_all_out_is_out(tmp_path: Path) -> None:
    """The card's own example: an outage of all parts is an outage."""
    flag = {"source": "zones", "places": ["square"], "from": START.isoformat(), "to": (START + 2 * STEP).isoformat(), "effect": ["outage"],
            "reason": "camera replaced", "owner": "data-officer"}  # fmt: skip
    town = Town(tmp_path, flags=[flag])
    path = town.config_folder / "municipalities" / "tiny.yaml"
    weights = json.dumps({"weights": {"density": 0.6, "occupancy": 0.4}})
    path.write_text(
        path.read_text().replace("density: {}, occupancy: {}", f"density: {{}}, occupancy: {{}}, weighted_risk: {weights}")
    )
    purpose = town.config_folder / "purposes" / "crowd-safety.yaml"
    purpose.write_text(purpose.read_text().replace("[density, ", "[density, weighted_risk, "))
    town.zones(START + 3 * STEP, [(START, "alley", 100), (START + 2 * STEP, "square", 100)])
    with Store(tmp_path / "w") as store:
        assert _values(town, store, "density", "square")[0][:2] == ("outage", "outage")
        assert _values(town, store, "weighted_risk", "square")[0][:2] == ("outage", "outage")


# --- which source counts (decision 0020) ------------------------------------------------------------------------------


def test_rule_09_the_trusted_source_keeps_a_slot_of_which_enough_is_measured(tmp_path: Path) -> None:
    """The second source may have all of it; only where the first has too little does the second count. Cells are never mixed."""
    places = {"square": ZONE, "gate": {"kind": "line", "to_zone": "square"}}
    given = {name: ("passage_counts", WAYS, ["gate"]) for name in ("a", "b")}
    town = {"indicators": {"net_inflow": {}}, "interval": "60min"}
    world = World(tmp_path, places, given, step="5min", ranks={"a": 1, "b": 2}, **town)
    for name, each, measured in (("a", 12, (11, 6)), ("b", 24, (12, 12))):
        for hour, cells in enumerate(measured):
            counts_in = (each,) * cells + ("missing",) * (12 - cells)
            world.put(name, "gate", "count_in", *counts_in, start=EVENING + timedelta(hours=hour))
            world.put(
                name, "gate", "count_out", *(0,) * cells, *("missing",) * (12 - cells), start=EVENING + timedelta(hours=hour)
            )
    try:
        found = [(status, value) for status, _, value, _, _, _ in judge(world, "net_inflow", "square")]
    finally:
        world.store.close()
    assert found == [("ok", 2.2), ("ok", 4.8)], "11 cells of 12 a minute's 5, by the first; then 24 by the second"


def test_rule_09_a_report_decides_the_slots_that_end_while_it_holds(tmp_path: Path) -> None:
    """A stock is what it is at the end of its slot: the steward of five past six says nothing about seven o'clock."""
    square = {"square": {**ZONE, "usable_area": 1000}}
    world = World(tmp_path, square, {"f": ("field_observations", ["density_class"], ["square"])}, step="5min")
    world.put("f", "square", "density_class", 6, start=EVENING + timedelta(minutes=5))
    world.put("f", "square", "density_class", 3, start=EVENING + timedelta(minutes=100))
    try:
        assert world.slots("field_observations.present", 60) == {"square": [("ok", None, 1100, 2140, 1.0)]}
    finally:
        world.store.close()


def test_a_mean_without_the_number_behind_it_covers_nothing_of_a_slot(tmp_path: Path) -> None:
    world = World(tmp_path, {"l": {"kind": "link"}}, {"s": ("link_speeds", ["driving_speed", "vehicles"], ["l"])}, step="5min")
    world.put("s", "l", "driving_speed", 50, 20, 80, 50, "missing", "missing")
    world.put("s", "l", "vehicles", 30, "missing", 10, "missing", 5, 5)
    try:
        found = world.slots("link_speeds.driving_speed")["l"]
        alone = world.slots("link_speeds.driving_speed", 5)["l"]
    finally:
        world.store.close()
    assert found == [("ok", 57.5, 57.5, 57.5, pytest.approx(2 / 3)), ("missing", None, None, None, 0.0)]
    assert alone[1] == ("ok", 20, 20, 20, 1.0), "nothing to weigh: as it was sent"


# --- what a cell is (decision 0021) -----------------------------------------------------------------------------------


def _cells(town: Town, folder: Path) -> list[str]:
    """Statuses of what came in through the gate, ``0`` for an inferred zero."""
    with Store(folder / "w") as store:
        town.tick(store, START + 9 * STEP)
        found = rows(store, "SELECT status, value FROM {observations} WHERE measure = 'count_in' ORDER BY interval_start")
    return ["0" if value == 0 else status for status, value in found]


def test_rule_06_near_a_row_that_says_nothing_absent_is_not_zero(tmp_path: Path) -> None:
    town = Town(tmp_path, absent="{max_zero_run: 15min}")
    town.gates(START + 7 * STEP, [(START, 40, 30), (START + STEP, "", ""), (START + 5 * STEP, 41, 31), (START + 6 * STEP, 3, 3)])
    assert _cells(town, tmp_path)[:7] == ["ok", "missing", "missing", "missing", "0", "ok", "suppressed"]


def test_rule_06_inside_a_declared_outage_absent_is_not_zero_and_a_value_stands(tmp_path: Path) -> None:
    flag = {"source": "gates", "places": ["gate"], "from": (START + STEP).isoformat(), "to": (START + 4 * STEP).isoformat(),
            "effect": ["outage"], "reason": "gate moved", "owner": "data-officer"}  # fmt: skip
    town = Town(tmp_path, absent="{max_zero_run: 1h}", flags=[flag])
    town.gates(
        START + 6 * STEP, [(START, 40, 30), (START + 2 * STEP, 41, 31), (START + 3 * STEP, 3, 3), (START + 5 * STEP, 41, 31)]
    )
    assert _cells(town, tmp_path)[:6] == ["ok", "outage", "ok", "outage", "0", "ok"]


def test_rule_05_a_refused_row_comes_before_a_withheld_one_of_another_delivery(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.gates(START + STEP, [(START, -4, 30)])
    town.gates(START + 2 * STEP, [(START, 3, 3)], name="later")
    assert _cells(town, tmp_path)[0] == "invalid"
