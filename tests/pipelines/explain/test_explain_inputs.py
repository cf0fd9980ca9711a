"""Inputs that are not simply the place's own count of this interval: earlier slots, sums over lines, other indicators."""

from datetime import timedelta

import pytest

from indicators.card import catalogue
from pipelines.explain import explain_value
from pipelines.explain.text import lines
from pipelines.store import Store
from pipelines.tick import tick
from tests.indicators import a_card
from tests.pipelines.explain.conftest import NETTO, World
from tests.town import START, STEP, Town

RISK = {"id": "tiny.risk", "role": "context", "formula": "severity", "attributes": None, "applies_to": {"kinds": ["zone"]}, "bands": {},
        "digits": 2, "unit": "ratio", "inputs": {"severity": {"from": ["indicators.severity"], "monotone": "up"}}}  # fmt: skip
GROWN = {"id": "tiny.grown"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two gates lead from the alley to the square; the square fills."""
    folder = tmp_path_factory.mktemp("inputs")
    own = [a_card.read(folder, **NETTO), a_card.read(folder, **RISK), a_card.read(folder, a_card.TIME_LEFT, **GROWN)]
    town = Town(folder)
    tiny = town.config_folder / "municipalities" / "tiny.yaml"
    chosen = "unusualness: {}, tiny.netto: {}, tiny.grown: {}, tiny.risk: {weights: {density: 0.75, occupancy: 0.25}}"
    tiny.write_text(tiny.read_text().replace("unusualness: {}", chosen))
    town.gates(START + 3 * STEP, [(START + i * STEP, 300 + i, 90) for i in range(3)])
    town.zones(START + 3 * STEP, [(START, "square", 2000), (START + STEP, "square", 2600), (START + 2 * STEP, "square", 3600)])
    cards = {**catalogue(), **{card.id: card for card in own}}
    with Store(folder / "w") as store:
        tick(store, town.config, cards, at=START + 3 * STEP + timedelta(minutes=10))
    return World(town, folder / "w" / "published" / "indicators.duckdb"), cards


def explained(world, indicator, place, slot):
    town, cards = world
    found = explain_value(town.published, town.town.config, cards, indicator, place, START + slot * STEP)
    return found, "\n".join(lines(found, town.town.config, "en"))


def test_a_sum_over_lines_names_the_lines_and_their_rows(world):
    found, said = explained(world, "tiny.netto", "square", 1)
    assert found.agrees and found.value["value"] == pytest.approx((301 - 90) / 15, abs=0.05)
    came, went = found.inputs
    assert [(b.place, b.measure, b.factor) for b in came.behind] == [("gate", "count_in", 1.0)]
    assert [(b.place, b.measure, b.factor) for b in went.behind] == [("gate", "count_out", 1.0)]
    assert {(r.input, r.place, r.measure, r.value, r.file_check) for r in found.rows} == {
        ("came", "gate", "count_in", "301", "file_same"), ("went", "gate", "count_out", "90", "file_same"),
    }  # fmt: skip
    assert "made of + gate count_in" in said and "passage_counts.inflow from gates" in said


def test_an_input_of_an_earlier_interval_shows_the_rows_of_that_interval(world):
    found, said = explained(world, "tiny.grown", "square", 2)
    assert found.agrees
    rows = {r.input: (r.interval_start, r.value) for r in found.rows}
    assert rows == {"present": (START + 2 * STEP, "3600"), "before": (START + STEP, "2600")}
    assert "before = 2600  (of 15 min earlier)" in said
    assert "gained = present - before\n         = 3600 - 2600\n         = 1000" in said


def test_edges_of_a_card_where_lower_is_worse_are_said_downward(world):
    _, said = explained(world, "tiny.grown", "square", 2)
    assert "elevated  from 60 down, left above 75" in said


def test_a_card_made_of_others_shows_each_with_weight_and_level(world):
    found, said = explained(world, "tiny.risk", "square", 2)
    assert found.agrees
    assert {(p["indicator"], p["weight"], p["level"]) for p in found.parts} == {
        ("density", 0.75, "high"),
        ("occupancy", 0.25, "elevated"),
    }
    assert found.value["value"] == pytest.approx(0.75 * 2 / 3 + 0.25 / 3, abs=0.005)
    assert "density: weight 0.75, level high" in said and "A context card: it never opens a situation." in said
