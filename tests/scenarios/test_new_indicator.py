"""A new indicator is one new file: it is computed, judged, explained, documented and shown with no other change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from indicators import examples
from pipelines import board, docs, explain, start
from pipelines.published import connect
from pipelines.store import Store
from pipelines.tick import tick
from tests.town import START, STEP, Town

CARD = """
    id: tiny.empty_places
    version: 1
    status: experimental
    role: signal
    safety_risk: overloaded_hub
    title: {nl: Vrije plaatsen, en: Places left}
    desired_effect: {nl: Niemand staat voor niets in de rij., en: Nobody queues in vain.}
    question: {nl: Hoeveel mensen kunnen er nog bij?, en: How many more people fit in?}
    meaning: {nl: Capaciteit min aanwezigen., en: Capacity less people present.}
    limits: {nl: Voorbeeld., en: Example.}
    follow_up: {measure: meter, role: crowd-manager, lead_time: 15min}
    owners: {definition: data-officer, action: crowd-manager}
    applies_to: {kinds: [zone], attributes: [capacity]}
    inputs: {present: {from: [zone_counts.present], monotone: down}}
    attributes: [capacity]
    formula: capacity - present
    min_coverage: 0.8
    digits: 0
    unit: p
    direction: down
    exit_margin: 0.8
    bands: {any: {elevated: {enter: 1000, for: 30min, keep_for: 15min}}}
    purposes: [crowd-safety]
    references: ["Example: no norm."]
    explanation:
      nl: "{place}: nog {value} plaatsen sinds {since}, {level} onder {threshold}."
      en: "{place}: {value} places left since {since}, {level} under {threshold}."
    examples:
      - name: A thousand places left is the edge
        attributes: {capacity: 5000}
        inputs: {present: 3999 4000}
        expect: {value: 1001 1000, level: normal elevated}
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = Town(tmp_path_factory.mktemp("own"))
    folder = made.config_folder / "indicators"
    folder.mkdir()
    (folder / "tiny.empty_places.yaml").write_text(dedent(CARD))
    made.zones(START + 4 * STEP, [(START + i * STEP, "square", present) for i, present in enumerate((3000, 4100, 4200, 4300))])
    config, cards = start.ready(made.config_folder, "tiny", made.data)
    with Store(made.folder / "workspace") as store:
        tick(store, config, cards, at=START + 4 * STEP + timedelta(minutes=5))
    return made


def _published(town: Town) -> Path:
    return town.folder / "workspace" / "published" / "indicators.duckdb"


def test_it_is_in_the_tables(town: Town) -> None:
    with connect(_published(town)) as con:
        values = con.sql(
            "SELECT value, level FROM indicator_values WHERE indicator = 'tiny.empty_places' ORDER BY interval_start"
        ).fetchall()
        situations = con.sql(
            "SELECT place, level, leading_indicator, explanation_en FROM situations WHERE safety_risk = 'overloaded_hub'"
        ).fetchall()
        cards = con.sql("SELECT title_nl FROM indicators WHERE indicator = 'tiny.empty_places'").fetchall()
        edges = con.sql(
            "SELECT enter, layer FROM thresholds WHERE indicator = 'tiny.empty_places' AND place = 'square'"
        ).fetchall()
    assert values == [(2000, "normal"), (900, "elevated"), (800, "elevated"), (700, "elevated")]
    assert [s[:3] for s in situations] == [("square", "elevated", "tiny.empty_places")]
    assert "Square: 700 p places left" in situations[0][3] or "Square: 700 places left" in situations[0][3]
    assert cards == [("Vrije plaatsen",)]
    assert edges == [(1000, "card")]


def test_it_is_explained(town: Town) -> None:
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    told = explain.explain_value(_published(town), config, cards, "tiny.empty_places", "square", START + 3 * STEP)
    assert told.agrees
    assert told.value["value"] == 700


def test_it_is_documented_and_its_examples_run(town: Town) -> None:
    _, cards = start.ready(town.config_folder, "tiny", town.data)
    assert all(result.passed for result in examples.run(cards["tiny.empty_places"]))
    made = docs.files(town.folder)
    page = next(text for name, text in made.items() if name.endswith("tiny.empty_places.en.md"))
    assert "Places left" in page and "How many more people fit in?" in page


def test_it_is_on_the_board(town: Town) -> None:
    page = board.write(_published(town), town.folder / "board.html", lang="nl", at=START + 4 * STEP + timedelta(minutes=6))
    assert "Vrije plaatsen" in page.read_text()
