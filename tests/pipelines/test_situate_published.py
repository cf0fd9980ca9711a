"""Stories through the whole house: deliveries in, views out; and a place that ends with a situation open."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.published import connect
from pipelines.store import Store
from tests.town import PLACES, START, STEP, Town

STORY = "SELECT place, state, level, places, members, reasons, confidence, explanation_en FROM {} ORDER BY ALL"


def read(town: Town, sql: str) -> list[tuple[Any, ...]]:
    con = connect(town.folder / "w" / "published" / "indicators.duckdb")
    found: list[tuple[Any, ...]] = con.execute(sql).fetchall()
    con.close()
    return found


def as_known(name: str, at: datetime) -> str:
    return f"{name}_as_known(as_of := TIMESTAMPTZ '{at.isoformat()}')"


def crowd(town: Town, slots: range, square: int, alley: int) -> datetime:
    """Counts of both zones; returns the moment at which they are due."""
    rows = [(START + i * STEP, place, count) for i in slots for place, count in (("square", square), ("alley", alley))]
    issued = START + slots.stop * STEP
    town.zones(issued, rows)
    return issued + timedelta(minutes=5)


def test_rule_19_one_story_is_published_per_group_and_as_it_was_known(tmp_path: Path) -> None:
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        first = crowd(town, range(4), square=2000, alley=600)  # 2.0 and 1.2 p/m²: the alley is elevated
        town.tick(store, first)
        ((place, state, level, places, members, reasons, confidence, text),) = read(town, STORY.format("situation_groups"))
        assert (place, state, level, places, members, reasons, confidence) == ("alley", "open", "elevated", ["alley"], 1, [], 1.0)
        second = crowd(town, range(4, 8), square=4000, alley=600)
        town.tick(store, second)
        ((place, state, level, places, members, _, _, text),) = read(town, STORY.format("situation_groups"))
        assert (place, level, places, members) == ("square", "high", ["alley", "square"], 2), "neighbours over the gate"
        assert text.endswith("Also: Alley.")
        third = crowd(town, range(8, 16), square=100, alley=50)
        town.tick(store, third)
        ((_, state, *_),) = read(town, STORY.format("situation_groups"))
        assert state == "closed"
        for moment, leading in (
            (first, "alley"),
            (second - timedelta(seconds=1), "alley"),
            (second, "square"),
            (third, "square"),
        ):
            ((place, *_),) = read(town, STORY.format(as_known("situation_groups", moment)))
            assert place == leading
        assert read(town, STORY.format(as_known("situation_groups", first - timedelta(seconds=1)))) == []


def test_rule_15_a_place_that_ends_leaves_its_situation_open_without_sight(tmp_path: Path) -> None:
    town = Town(tmp_path, only="density")
    ends = START + 4 * STEP
    situation = "SELECT state, level, reasons, observed_until, confidence FROM situations WHERE place = 'alley'"
    with Store(tmp_path / "w") as store:
        town.tick(store, crowd(town, range(4), square=500, alley=600))
        town = Town(tmp_path, only="density", places={**PLACES, "alley": {**PLACES["alley"], "valid_to": ends.isoformat()}})
        seen: dict[datetime, list[tuple[Any, ...]]] = {}
        for number in range(4, 20):
            town.zones(START + (number + 1) * STEP, [(START + number * STEP, "square", 500)])
            at = START + (number + 1) * STEP + timedelta(minutes=5)
            town.tick(store, at)
            seen[at] = read(town, situation)
        after = ends + timedelta(hours=2, minutes=5)
        for at, rows in seen.items():
            expected = ("open", "elevated", ["unobserved"], ends, 0.0) if at >= after else ("open", "elevated", [], ends, 1.0)
            assert rows == [expected], at
            assert read(town, situation.replace("situations", as_known("situations", at))) == rows
        assert len(read(town, "SELECT * FROM situations_history WHERE place = 'alley' AND 'unobserved' IN reasons")) == 1
