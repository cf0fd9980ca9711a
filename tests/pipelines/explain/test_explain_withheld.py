"""Rule 7 in explanations: a withheld count never appears, nor a number that gives it back; only that it is under k."""

import json
import re
from datetime import timedelta

import pytest

from indicators.card import catalogue
from pipelines.explain import explain_value
from pipelines.explain.text import lines
from pipelines.store import Store
from tests.indicators import a_card
from tests.pipelines.explain.conftest import NETTO, World
from tests.town import START, STEP, Town

K = 900
SMALL = (797, 853, 811)  # counts under k that nothing else in an explanation could be


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A town with a high k: a withheld count at the gate and in the square, one of them revised from one small count to another."""
    folder = tmp_path_factory.mktemp("withheld")
    town = Town(folder, k=K)
    tiny = town.config_folder / "municipalities" / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace("unusualness: {}", "unusualness: {}, tiny.netto: {}"))
    cards = {**catalogue(), "tiny.netto": a_card.read(folder, **NETTO)}
    town.gates(START + STEP, [(START, SMALL[0], 2000)])
    town.zones(START + STEP, [(START, "square", SMALL[2])])
    from pipelines.tick import tick

    with Store(folder / "w") as store:
        tick(store, town.config, cards, at=START + 2 * STEP)
        town.gates(START + 2 * STEP, [(START, SMALL[1], 2000)], name="again")
        town.gates(START + 2 * STEP, [(START + STEP, 1200, 2000)])
        tick(store, town.config, cards, at=START + 3 * STEP)
    return World(town, folder / "w" / "published" / "indicators.duckdb"), cards


def explained(world, indicator, place, time=START):
    town, cards = world
    return explain_value(town.published, town.town.config, cards, indicator, place, time)


def everything(found, world):
    """All that a reader can see: text in both languages and JSON."""
    texts = ["\n".join(lines(found, world[0].town.config, lang)) for lang in ("nl", "en")]
    return "\n".join([*texts, json.dumps(found.as_dict(), default=str)])


def telling(counts):
    """Texts that would give a count away: itself, and what the indicators make of it, to three digits and more."""
    for n in counts:
        for number in (n, n + 2000, 2000 - n, (n + 2000) / 60, (n - 2000) / 15, n / 1000, n / 5000):
            texts = {f"{number:g}", f"{number:.1f}", f"{number:.2f}", f"{number:.3f}", f"{number:.6f}".rstrip("0")}
            yield from (t for t in texts if len(re.sub(r"\D", "", t).lstrip("0")) >= 3)


@pytest.mark.parametrize("indicator, place", [
    ("specific_flow", "gate"), ("unusualness", "gate"), ("density", "square"), ("occupancy", "square"), ("tiny.netto", "square"),
])  # fmt: skip
def test_a_withheld_count_appears_nowhere_and_no_number_gives_it_back(world, indicator, place):
    found = explained(world, indicator, place)
    assert found.agrees
    assert found.value["status"] == "suppressed" and found.value["value"] is None
    assert found.recomputed["value"] is None and found.recomputed["raw_value"] is None
    shown = everything(found, world)
    for text in telling(SMALL):
        assert not re.search(rf"(?<![\d.]){re.escape(text)}(?!\d)", shown), text
    assert f"<{K}" in shown


def test_the_sentence_and_the_formula_say_under_k(world):
    found = explained(world, "density", "square")
    assert found.sentence["en"] == "Square, 2026-06-01 00:00–00:15: Density withheld (< 900), level normal."
    assert found.formula[0].filled == "<900 / nullif(1000, 0)"
    assert [(r.value, r.status) for r in found.rows] == [("<900", "suppressed")]


def test_a_revision_from_one_small_count_to_another_shows_neither(world):
    found = explained(world, "specific_flow", "gate")
    assert found.revisions["observations"] == [], "the same to the last digit that is kept: under k"
    assert {(r.measure, r.value) for r in found.rows} == {("count_in", "<900"), ("count_out", "2000")}


def test_a_refused_rows_message_is_not_quoted(tmp_path):
    """The message of a refused row may quote its count; explain names only the check."""
    town = Town(tmp_path)
    town.gates(START + STEP, [(START, "7.5", 40)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + STEP + timedelta(minutes=10))
    found = World(town, tmp_path / "w" / "published" / "indicators.duckdb").value("specific_flow", "gate", START)
    shown = "\n".join(lines(found, town.config, "en")) + json.dumps(found.as_dict(), default=str)
    assert "refused (not_whole)" in shown and "7.5" not in shown
