"""Cards of the catalogue on observations in the store: their inputs brought up, derived and joined, then judged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from indicators.card import catalogue
from pipelines import compute, todo
from tests.pipelines.slots_world import START, World

WAYS = ("count_in", "count_out")
SQUARE = {
    "square": {"kind": "zone", "place_type": "moving", "usable_area": 400, "capacity": 1000, "perimeter": "complete", "zero_at": "17:00"},
    "gate": {"kind": "line", "effective_width": 2, "from_zone": "square", "planned_direction": "in"},
}  # fmt: skip
GATE = {"g": ("passage_counts", WAYS, ["gate"])}
COUNTED = {**GATE, "z": ("zone_counts", ["present"], ["square"])}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    worlds: list[World] = []

    def make(*args: Any, **options: Any) -> World:
        worlds.append(World(tmp_path, *args, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.store.close()


def judge(world: World, card: str, place: str) -> list[tuple[Any, ...]]:
    """(status, reason, value, value_low, value_high, level) of a card at a place, from ``START`` on."""
    world.flush()
    store, end = world.store, START + timedelta(hours=3)
    with store.transaction():
        store.con.execute(
            "INSERT INTO dirty_cells SELECT DISTINCT municipality, dataset, source, place, interval_start FROM observations"
        )
        compute.values(store, world.config, catalogue(), at=end, until=end, run_id="r", assume_arrival=False)
    return store.con.execute(
        "SELECT status, reason, value, value_low, value_high, level FROM indicator_values"
        " WHERE indicator = ? AND place = ? AND interval_start >= ? ORDER BY interval_start", [card, place, START],
    ).fetchall()  # fmt: skip


def test_a_balance_is_known_on_its_first_day_though_no_drift_is(made: Any) -> None:
    world = made(SQUARE, GATE, indicators={"gate_balance": {}})
    zero = START - timedelta(hours=1)  # from the square through the gate is `in`: out of the square
    world.put("g", "gate", "count_out", 200, 100, 50, 50, 30, "<k", start=zero)
    world.put("g", "gate", "count_in", 0, 0, 0, 0, 20, 0, start=zero)
    assert judge(world, "gate_balance", "square") == [
        ("ok", None, 410.0, 410.0, 410.0, "normal"), ("suppressed", "suppressed", None, 410.0, 424.0, "normal"),
    ]  # fmt: skip


def test_a_jam_needs_the_crowd_in_front_and_the_few_who_pass(made: Any) -> None:
    world = made(SQUARE, COUNTED, indicators={"jam_suspect": {}})
    world.put("z", "square", "present", 1200, 1200, "<k", 1200, "missing")  # 3 persons per square metre
    world.put("g", "gate", "count_in", 900, 600, 0, "<k", 600)  # through 2 metres: 30 and 20 a metre and minute
    world.put("g", "gate", "count_out", 0, 0, 0, 0, 0)
    assert judge(world, "jam_suspect", "gate") == [
        ("ok", None, 0.0, 0.0, 0.0, "normal"), ("ok", None, 1.0, 1.0, 1.0, "critical"),
        ("not_applicable", "not_applicable", None, None, None, "normal"), ("suppressed", "suppressed", None, 1.0, 1.0, "critical"),
        ("missing", "missing", None, None, None, "unknown"),
    ]  # fmt: skip


def test_growth_looks_a_quarter_of_an_hour_back(made: Any) -> None:
    world = made(SQUARE, COUNTED, indicators={"growth": {}})
    world.put("z", "square", "present", 400, 500, 750, "missing", 800, 1000)
    got = judge(world, "growth", "square")
    assert [(status, value, level) for status, _, value, _, _, level in got[-5:]] == [
        ("ok", 0.25, "elevated"), ("ok", 0.5, "high"), ("missing", None, "unknown"), ("missing", None, "unknown"), ("ok", 0.25, "elevated"),
    ]  # fmt: skip


@pytest.mark.parametrize(("step", "rows"), [("15min", []), ("5min", [("ok", None, 30.0, 30.0, 30.0, "high")])])
def test_time_to_capacity_has_no_row_at_a_quarter_of_an_hour(made: Any, step: str, rows: list[Any]) -> None:
    world = made(SQUARE, COUNTED, indicators={"time_to_capacity": {}}, interval=step, step=step)
    world.put("z", "square", "present", 700)
    world.put("g", "gate", "count_out", 60)
    world.put("g", "gate", "count_in", 10)
    assert judge(world, "time_to_capacity", "square") == rows


def test_rule_22_a_slot_asked_for_before_it_was_due_has_its_row_once_it_is(made: Any) -> None:
    zones = {f"z{n}": {"kind": "zone", "place_type": "moving", "usable_area": 400} for n in range(10)}
    world = made(
        {**zones, "whole": {"kind": "area", "parts": list(zones)}},
        {"n": ("zone_counts", ["present"], ["z0"]), "s": ("zone_counts", ["present"], [z for z in zones if z != "z0"])},
        indicators={"concentration": {}},
    )
    world.put("n", "z0", "present", 400)  # the other source never sends anything, so that nothing comes when it is due
    world.flush()
    store, rows = world.store, []
    store.con.execute("INSERT INTO dirty_cells SELECT municipality, dataset, source, place, interval_start FROM observations")
    for minutes in (15, 19, 20, 25):
        at = START + timedelta(minutes=minutes)
        with store.transaction():
            compute.values(store, world.config, catalogue(), at=at, until=at, run_id="r", assume_arrival=False)
        rows.append(store.con.execute("SELECT status, recorded_at FROM indicator_values WHERE place = 'whole'").fetchall())
    due = ("missing", START + timedelta(minutes=20))
    assert rows == [[], [], [due], [due]]
    assert todo.span(store, world.config, START + timedelta(days=1)) == (None, None)
    assert store.con.execute("FROM waiting_slots").fetchall() == []
