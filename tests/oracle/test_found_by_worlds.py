"""What the random worlds found: each the smallest case, as the definitions want it. A mended one loses its mark."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.store import Store
from tests.pipelines.slots_world import START as EVENING
from tests.pipelines.slots_world import World
from tests.pipelines.test_cards_over_places import judge
from tests.town import START, STEP, Town, rows

ZONE = {"kind": "zone", "place_type": "standing"}
WAYS = ("count_in", "count_out")
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
