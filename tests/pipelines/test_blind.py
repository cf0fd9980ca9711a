"""What a town cannot see: each kind by a small example, and the whole against what the engine then really gives."""

from __future__ import annotations

from datetime import timedelta

import pytest

from indicators.card import catalogue
from indicators.grammar import Input, Parameter
from pipelines import blind
from pipelines.store import Store
from schemas import words
from schemas.settings import Text
from tests.town import PLACES, START, STEP, Town

TEXT = Text(nl="iets", en="something")


def spots(town: Town, cards=None) -> list[tuple[str, str | None, str | None, list[str]]]:
    return [(r["blind_spot"], r["place"], r["indicator"], r["lacks"]) for r in blind.spots(town.config, cards or catalogue())]


def of(found, kind: str) -> list[tuple[str | None, str | None, list[str]]]:
    return [row[1:] for row in found if row[0] == kind]


def with_density(**changes):
    """The catalogue with another density."""
    cards = dict(catalogue())
    cards["density"] = cards["density"].model_copy(update=changes)
    return cards


def test_a_place_that_no_source_speaks_of_is_told_once(tmp_path):
    yard = {"kind": "zone", "name": "Yard", "place_type": "standing", "usable_area": 100}
    found = spots(Town(tmp_path, places={**PLACES, "yard": yard}))
    assert [row[:2] for row in found if "yard" in row] == [("no_data", "yard")]


def test_an_attribute_that_lacks(tmp_path):
    assert of(spots(Town(tmp_path)), "attribute_missing") == [("alley", "occupancy", ["capacity"])]


def test_what_an_event_brings_is_seen_during_events_only(tmp_path):
    event = {"event": "fair", "name": {"nl": "f", "en": "f"}, "class": "A", "from": "2026-06-02T00:00Z", "to": "2026-06-03T00:00Z",
             "places": {"alley": {"capacity": 300}}}  # fmt: skip
    found = spots(Town(tmp_path, events=[event]))
    assert of(found, "events_only") == [("alley", "occupancy", ["capacity"])]
    assert of(found, "attribute_missing") == []


def test_cards_without_a_source_and_cards_by_choice(tmp_path):
    found = spots(Town(tmp_path, only="density"))
    assert (None, "od_pressure", ["od_flows.inbound"]) in of(found, "no_source")
    assert (None, "occupancy", []) in of(found, "not_chosen")
    assert "density" not in {row[2] for row in found if row[1] is None}


def test_a_card_that_no_place_could_have_is_not_called_a_choice(tmp_path):
    places = {**PLACES, "gate": {k: v for k, v in PLACES["gate"].items() if k != "effective_width"}}
    found = spots(Town(tmp_path, only="density", places=places))
    assert (None, "specific_flow", ["effective_width"]) in of(found, "not_possible")


def test_a_measure_that_is_not_counted_at_a_place(tmp_path):
    cards = with_density(inputs={"present": Input.model_validate({"from": ["passage_counts.passages"], "monotone": "up"})})
    expected = [(place, "density", ["passage_counts.passages"]) for place in ("alley", "square")]
    assert of(spots(Town(tmp_path), cards), "no_input") == expected


def test_a_zone_of_which_one_line_is_not_counted_has_no_inflow(tmp_path):
    """No partial totals (rule 2): a second way into the square that nobody counts."""
    places = {**PLACES, "narrow": {"kind": "line", "name": "Narrow", "to_zone": "square"}}
    cards = with_density(inputs={"present": Input.model_validate({"from": ["passage_counts.inflow"], "monotone": "up"})})
    assert of(spots(Town(tmp_path, places=places), cards), "no_input") == [("square", "density", ["passage_counts.inflow"])]


def test_an_area_is_seen_through_its_parts(tmp_path):
    places = {**PLACES, "centre": {"kind": "area", "name": "Centre", "parts": ["square", "alley"]}}
    seen = Input.model_validate({"from": ["zone_counts.area_present"], "monotone": "up"})
    applies = catalogue()["density"].applies_to.model_copy(update={"kinds": ("area",)})
    town = Town(tmp_path, places=places, only="density")
    assert of(spots(town, with_density(inputs={"present": seen}, applies_to=applies)), "no_data") == []
    assert of(spots(town), "no_data") == [("centre", None, [])]  # no card in use looks at it


def test_a_setting_that_nobody_made(tmp_path):
    asked = Parameter(required=True, unit="-", min=0, max=1, meaning=TEXT)
    found = spots(Town(tmp_path), with_density(parameters={"share": asked}))
    assert of(found, "setting_missing") == [(place, "density", ["share"]) for place in ("alley", "square")]


def test_intervals_that_are_too_coarse(tmp_path):
    applies = catalogue()["density"].applies_to.model_copy(update={"max_interval": timedelta(minutes=10)})
    found = spots(Town(tmp_path), with_density(applies_to=applies))
    assert of(found, "too_coarse") == [(place, "density", ["15min > 10min"]) for place in ("alley", "square")]


def test_counts_that_come_too_seldom_for_the_interval_in_force(tmp_path):
    town = Town(tmp_path, only="density")
    file = town.config_folder / "municipalities/tiny.yaml"
    file.write_text(file.read_text().replace("interval: 15min", "interval: 5min"))
    assert of(spots(town), "too_coarse") == [(place, "density", ["15min > 5min"]) for place in ("alley", "square")]


@pytest.mark.parametrize(("area", "capped"), [(2500, False), (2501, True)])
def test_a_square_so_large_that_its_level_stays_capped(tmp_path, area, capped):
    places = {**PLACES, "square": {**PLACES["square"], "usable_area": area}}
    found = of(spots(Town(tmp_path, places=places)), "level_capped")
    assert found == ([("square", "density", ["elevated"])] if capped else [])


def test_what_is_not_listed_is_seen_and_what_is_listed_is_not(tmp_path):
    """Against the engine: with every expected row delivered, a level is known exactly where no spot is told."""
    places = {**PLACES, "narrow": {"kind": "line", "name": "Narrow", "from_zone": "alley", "to_zone": "square"}}
    town = Town(tmp_path, places=places)
    at = START + 4 * STEP + timedelta(minutes=10)
    town.zones(at, [(START + i * STEP, place, 400) for i in range(4) for place in ("square", "alley")])
    town.gates(at, [(START + i * STEP, 300, 300) for i in range(4)])
    store = Store(tmp_path / "workspace")
    town.tick(store, at)
    sql = "SELECT DISTINCT place, indicator FROM indicator_values WHERE level <> 'unknown' AND indicator <> 'unusualness'"
    seen = set(store.con.execute(sql).fetchall())
    told = blind.spots(town.config, catalogue())
    dark = {row["place"] for row in told if row["blind_spot"] == "no_data"}
    listed = {(row["place"], row["indicator"]) for row in told if row["indicator"] and row["place"]}
    kinds = {"density": "zone", "occupancy": "zone", "specific_flow": "line"}
    possible = {(place, card) for card, kind in kinds.items() for place, given in places.items() if given["kind"] == kind}
    assert seen == {(place, card) for place, card in possible if place not in dark and (place, card) not in listed}
    assert dark == {"narrow"}
    store.close()


def test_rows_say_it_in_two_languages_and_where_to_mend_it(tmp_path):
    for row in blind.spots(Town(tmp_path).config, catalogue()):
        assert row["explanation_nl"] != row["explanation_en"]
        assert "{" not in row["explanation_nl"] + row["explanation_en"]
        assert row["file"].startswith("config/municipalities/tiny")
        assert row["line"] > 0


def test_every_kind_has_words():
    assert set(words.codes("blind_spot")) == set(blind.KINDS)
