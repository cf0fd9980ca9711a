"""Cards: those of the house are whole, and a mistake in one names file, line, key and fix."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from indicators import card, card_check
from indicators.grammar import COMPUTING, TEXTS, Card
from schemas import vocabulary, words
from schemas.problems import Problems
from schemas.settings.base import Text
from tests.indicators import a_card

CARDS = sorted(card.catalogue())


def test_the_catalogue_is_read_once() -> None:
    assert {"density", "occupancy", "specific_flow", "unusualness"} <= set(CARDS)
    assert card.catalogue() is card.catalogue()


@pytest.mark.parametrize("name", CARDS)
def test_every_code_of_a_card_is_in_words(name: str) -> None:
    made = card.catalogue()[name]
    assert made.safety_risk in words.codes("safety_risk")
    assert made.follow_up.measure in words.codes("measure")
    own = {item.reason for item in (*made.requires, *made.material, *made.caps)}
    given_by_the_engine = {"coverage", "missing", "attribute_missing", "undefined", "undecided", "suppressed"}
    assert own | given_by_the_engine <= set(words.codes("reason"))
    assert {"outage", "invalid", "not_applicable"} <= set(words.codes("reason")) & set(words.codes("status"))


@pytest.mark.parametrize("name", CARDS)
def test_texts_stand_in_both_languages(name: str) -> None:
    made = card.catalogue()[name]
    texts = [value for field in Card.model_fields if isinstance(value := getattr(made, field), Text)]
    texts += [parameter.meaning for parameter in made.parameters.values()]
    assert len(texts) >= 6
    for text in texts:
        assert text.nl.strip() and text.en.strip()
    wanted = ("place", "value", "since", "threshold", "level") if made.role == "signal" else ("place", "value")
    for lang in ("nl", "en"):
        explanation = getattr(made.explanation, lang)
        assert all("{" + key + "}" in explanation for key in wanted)


@pytest.mark.parametrize("name", CARDS)
def test_edges_without_a_norm_are_called_an_example(name: str) -> None:
    made = card.catalogue()[name]
    said = " ".join([made.limits.en, *made.references]).lower()
    assert "example" in said


def test_specific_flow_says_that_a_jam_reads_as_quiet() -> None:
    limits = card.catalogue()["specific_flow"].limits
    assert "jam_suspect" in limits.nl and "jam_suspect" in limits.en


def test_edges_are_those_of_the_domain_facts() -> None:
    cards = card.catalogue()

    def edges(name: str, place_type: str | None = None) -> dict[str, float]:
        return {band: given.enter for band, given in (cards[name].bands_for(place_type) or {}).items()}

    assert edges("density", "moving") == {"elevated": 1.1, "high": 2.15, "critical": 3.5}
    assert edges("density", "standing") == {"elevated": 2.5, "high": 3.5, "critical": 4.5}
    assert cards["density"].bands_for("terrace") is None
    assert edges("occupancy") == {"elevated": 0.7, "high": 0.9, "critical": 0.95}
    assert edges("specific_flow") == {"elevated": 49, "high": 66, "critical": 70}
    assert edges("unusualness") == {"elevated": 2.0, "high": 3.0}
    assert cards["unusualness"].defaults == {"material_share": 0.15}
    assert edges("counterflow") == {"elevated": 0.05, "high": 0.1, "critical": 0.2}
    assert edges("walking_speed") == {"elevated": 0.9, "high": 0.6, "critical": 0.4}
    assert edges("time_to_capacity") == {"elevated": 60, "high": 30, "critical": 15}
    assert edges("growth") == {"elevated": 0.25, "high": 0.5, "critical": 1.0}
    assert edges("queue_time") == {"elevated": 10, "high": 20, "critical": 30}
    assert edges("jam_suspect") == {"critical": 1}
    assert cards["counterflow"].defaults == {"busy_flow": 49}
    assert cards["jam_suspect"].defaults == {"jam_density": 2.15, "carried_share": 0.5}
    assert not cards["egress_time"].bands and cards["egress_time"].applies_to.phases == ("egress",)
    assert edges("od_pressure") == {"elevated": 0.6, "high": 0.8, "critical": 1.0}
    assert edges("stop_load") == {"elevated": 0.8, "high": 1.0, "critical": 1.2}
    assert edges("parking_fill") == {"elevated": 0.85, "high": 0.95, "critical": 1.0}
    assert edges("speed_drop") == edges("emergency_route_blocked") == {"elevated": 0.4, "high": 0.6, "critical": 0.8}


def test_emergency_routes_are_a_risk_of_their_own_with_the_same_formula() -> None:
    drop, route = (card.catalogue()[name] for name in ("speed_drop", "emergency_route_blocked"))
    assert (drop.formula, drop.inputs, drop.requires) == (route.formula, route.inputs, route.requires)
    assert drop.safety_risk != route.safety_risk and route.applies_to.place_types == {"link": ("calamity_route",)}


def test_time_to_capacity_is_measured_in_half_of_its_smallest_edge() -> None:
    made = card.catalogue()["time_to_capacity"]
    smallest = min(band.enter for band in made.bands["any"].values())
    assert made.direction == "down" and made.applies_to.max_interval == timedelta(minutes=smallest / 2)


@pytest.mark.parametrize(("density", "half"), [(2.15, 36), (3.5, 25), (5.4, 25), (9, 25)])
def test_a_jam_is_under_half_of_what_is_carried_also_where_nobody_moves(density: float, half: int) -> None:
    made = card.catalogue()["jam_suspect"]
    rows = [a_card.row(made, place=str(p), passages=15 * p, density=density, effective_width=1) for p in (0, half - 1, half)]
    assert [row["level"] for row in a_card.run(made, rows)] == ["critical", "critical", "normal"]


CONTEXT = {
    "busy_for_this_time", "concentration", "arrival_share", "vehicle_crowding", "mode_shift", "weighted_risk", "gate_balance",
    "net_inflow",
}  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
def test_rule_17_context_cards_are_those_of_the_domain_facts_and_have_no_bands(name: str) -> None:
    made = card.catalogue()[name]
    assert (made.role == "context") == (name in CONTEXT)
    assert bool(made.bands or made.example_bands) == (made.role == "signal")


def test_rule_20_an_exit_from_the_margin_is_the_plain_decimal(tmp_path: Path) -> None:
    unusual = card.catalogue()["unusualness"]
    assert [unusual.exit_of(band) for band in unusual.bands["any"].values()] == [1.6, 2.4]
    down = a_card.read(tmp_path, a_card.TIME_LEFT)
    assert [down.exit_of(band) for band in down.bands["any"].values()] == [75.0, 37.5, 18.75]
    own = {"any": {"elevated": {"enter": 1.0, "exit": 0.2, "for": "5min", "keep_for": "5min"}}}
    made = a_card.read(tmp_path, bands=own)
    assert made.exit_of(made.bands["any"]["elevated"]) == 0.2


def test_rule_21_the_definition_hash_covers_what_computes_and_nothing_else(tmp_path: Path) -> None:
    base = a_card.read(tmp_path)
    same: list[dict[str, Any]] = [
        {"title": {"nl": "Anders", "en": "Other"}}, {"formula": "present   /\n nullif(usable_area, 0)"}, {"exit_margin": 0.8},
        {"bands": {"any": {"elevated": {"enter": 0.9, "for": "1h", "keep_for": "1h"}}}}, {"references": ["another"]},
    ]  # fmt: skip
    for changes in same:
        assert a_card.read(tmp_path, **changes).definition_hash == base.definition_hash, changes
    other: list[dict[str, Any]] = [
        {"version": 2}, {"digits": 2}, {"min_coverage": 0.6}, {"unit": "p/a"},
        {"formula": "2 * present / nullif(usable_area, 0)"},
        {"caps": [{"when": "usable_area > 5", "at": "elevated", "reason": "too_coarse"}]},
        {"bands": {"any": {"elevated": {"enter": 1, "for": "1h", "keep_for": "1h", "at_once": "value > 3"}}}},
    ]  # fmt: skip
    hashes = {a_card.read(tmp_path, **changes).definition_hash for changes in other}
    assert len(hashes | {base.definition_hash}) == len(other) + 1
    assert a_card.read(tmp_path, title={"nl": "Anders", "en": "Other"}).text_hash != base.text_hash
    assert a_card.read(tmp_path, version=2).text_hash == base.text_hash


def test_every_field_of_the_grammar_is_hashed_or_known_not_to_be() -> None:
    elsewhere = {"role", "safety_risk", "parameters", "exit_margin", "bands", "example_bands", "examples", "equivalent_mutants"}
    assert set(Card.model_fields) == {*COMPUTING, *TEXTS, *elsewhere}


EXAMPLE = {
    "name": "a name long enough",
    "inputs": {"present": 1},
    "attributes": {"usable_area": 1},
    "expect": {"level": "normal"},
}
BROKEN: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("unknown key", {"formulae": "present"}, "formulae", "unknown key", "Did you mean `formula`"),
    ("missing key", {"formula": None}, "formula", "required", "Add `formula:`"),
    ("unknown risk", {"safety_risk": "crowding"}, "safety_risk", "not a known safety_risk", "overcrowding"),
    ("unknown measure", {"follow_up": {"measure": "shout", "role": "x", "lead_time": "5min"}},
     "follow_up.measure", "measure", "inform"),
    ("unknown reason", {"requires": [{"that": "present > 1", "reason": "bored"}]},
     "requires.0.reason", "known reason", "too_coarse"),
    ("unknown dataset", {"inputs": {"present": {"from": ["zone.present"], "monotone": "up"}}}, "inputs.present.from.0",
     "not a dataset.measure", "zone_counts.present"),
    ("no data for kind", {"applies_to": {"kinds": ["line"]}},
     "applies_to.kinds", "`present` has no data for `line`", "Add a measure"),
    ("unknown attribute", {"attributes": ["area"]}, "attributes.0", "`area` is not known", "usable_area"),
    ("unknown baseline", {"baseline": ["mode"]}, "baseline.0", "`mode` is not known", "median"),
    ("undeclared name", {"formula": "presnt / nullif(usable_area, 0)"},
     "formula", "`presnt` is not declared", "present"),
    ("let before it is made", {"let": {"p": "q + present", "q": "usable_area + 1"}, "formula": "p"},
     "let.p", "`q` is not declared", "Use one of"),
    ("unguarded", {"formula": "present / usable_area"}, "formula", "not guarded", "nullif(usable_area, 0)"),
    ("a condition as formula", {"formula": "present > usable_area"}, "formula", "is not a number", "Write a number"),
    ("value in the formula", {"formula": "value + present + usable_area"},
     "formula", "`value` is not declared", "Use one of"),
    ("unused", {"formula": "present * 1"}, "attributes.0", "never used", "Leave it out"),
    ("taken name", {"let": {"level": "present + 1"}, "formula": "level / nullif(usable_area, 0)"},
     "let.level", "cannot be a name", "Choose"),
    ("engine ending", {"let": {"p_low": "present + 1"}, "formula": "p_low / nullif(usable_area, 0)"},
     "let.p_low", "cannot be a name", "Choose"),
    ("twice", {"let": {"present": "usable_area + 1"}}, "let.present", "declared twice", "another name"),
    ("edges out of order", {"bands": {"any": {"elevated": {"enter": 2, "for": "5min", "keep_for": "5min"},
                                              "high": {"enter": 1, "for": "5min", "keep_for": "5min"}}}},
     "bands.any.high", "is not above", "order"),
    ("exit outside", {"bands": {"any": {"elevated": {"enter": 2, "exit": 3, "for": "5min", "keep_for": "5min"}}}},
     "bands.any.elevated", "lies outside", "calm side"),
    ("unknown band", {"bands": {"any": {"severe": {"enter": 2, "for": "5min", "keep_for": "5min"}}}},
     "bands.any.severe", "not known", "elevated"),
    ("no bands", {"bands": {}}, "bands", "signal card without bands", "role: context"),
    ("template", {"explanation": {"nl": "{waarde}", "en": "{value}"}}, "explanation.nl", "`{waarde}` is not known", "value"),
    ("parameter range", {"parameters": {"p": {"default": 3, "unit": "-", "min": 0, "max": 1, "meaning": {"nl": "x", "en": "x"}}}},
     "parameters.p", "lies outside 0.0-1.0", "range"),
    ("parameter without value", {"parameters": {"p": {"unit": "-", "min": 0, "max": 1, "meaning": {"nl": "x", "en": "x"}}}},
     "parameters.p", "default or required", "has a value"),
    ("one language", {"question": {"nl": "hoe druk"}}, "question.en", "required", "Add `en:`"),
    ("stable without examples", {"status": "stable"}, "examples", "without worked examples", "experimental"),
    ("bad series", {"examples": [{**EXAMPLE, "inputs": {"present": "1 two"}}]},
     "examples.0.inputs", "`two` is not a number", "_"),
    ("wrong length", {"examples": [{**EXAMPLE, "inputs": {"present": "1 2 3"}, "expect": {"level": "normalx2"}}]},
     "examples.0.expect.level", "2 tokens for 3 slots", "one a slot"),
    ("unknown level", {"examples": [{**EXAMPLE, "expect": {"level": "orange"}}]},
     "examples.0.expect.level", "`orange` is not a level", "elevated"),
    ("missing attribute", {"examples": [{**EXAMPLE, "attributes": {}}]},
     "examples.0.attributes", "`usable_area` is missing", "exactly: usable_area"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "key", "what", "fix"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_mistake_names_file_line_key_and_fix(tmp_path: Path, changes: dict[str, Any], key: str, what: str, fix: str) -> None:
    with pytest.raises(Problems) as caught:
        a_card.read(tmp_path, **changes)
    mine = [p for p in caught.value.problems if p.key == key]
    assert mine, f"no problem at {key}: {caught.value}"
    assert what in mine[0].what and fix in mine[0].fix and mine[0].file.endswith("crowding.yaml")
    lines = (tmp_path / "crowding.yaml").read_text(encoding="utf-8").splitlines()
    stands = [part for part in key.split(".") if not part.isdigit()]
    near = " ".join(lines[max(0, mine[0].line - 2) : mine[0].line])
    assert any(part in near for part in stands[-2:]) or (mine[0].line == 1 and f"\n{key}:" not in "\n".join(lines))


def test_a_name_may_stand_in_the_explanation_only(tmp_path: Path) -> None:
    spare: dict[str, Any] = {
        "let": {"room": "usable_area - present"},
        "explanation": {"nl": "{place} {room}", "en": "{place} {room:.1f}"},
    }
    assert a_card.read(tmp_path, **spare).let == {"room": "usable_area - present"}


def test_the_first_input_is_needed(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="`present` is optional and comes first"):
        a_card.read(tmp_path, optional=["present"])


def test_several_mistakes_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        a_card.read(tmp_path, safety_risk="nope", formula="present / usable_area", attributes=["usable_area", "colour"])
    assert {p.key for p in caught.value.problems} == {"safety_risk", "formula", "attributes.1"}


def test_rule_01_stock_and_flow_are_not_mixed_without_saying_so(tmp_path: Path) -> None:
    mixed = {
        "present": {"from": ["zone_counts.present"], "monotone": "up"},
        "passed": {"from": ["passage_counts.inflow"], "monotone": "up"},
    }
    formula = "(present + passed) / nullif(usable_area, 0)"
    with pytest.raises(Problems, match="mixes flow and stock without saying so"):
        a_card.read(tmp_path, inputs=mixed, formula=formula)
    made = a_card.read(tmp_path, inputs=mixed, formula=formula, mixes_kinds={"nl": "omdat", "en": "because"})
    assert made.mixes_kinds
    with pytest.raises(Problems, match="all inputs are of kind stock"):
        a_card.read(tmp_path, mixes_kinds={"nl": "omdat", "en": "because"})


def test_derived_sums_of_a_contract_are_measures_with_a_kind() -> None:
    assert card_check.measure_kind("passage_counts.passages") == vocabulary.columns()["count_in"].kind == "flow"
    assert card_check.measure_kind("zone_counts.present") == "stock"
    assert card_check.measure_kind("zone_counts.passages") is None
    assert card_check.measure_kind("nothing") is None


def test_rule_13_a_band_has_one_at_once_for_all_types_of_place(tmp_path: Path) -> None:
    band = {"enter": 1.0, "for": "5min", "keep_for": "5min"}
    bands = {"moving": {"elevated": {**band, "at_once": "value > 3"}}, "standing": {"elevated": band}}
    with pytest.raises(Problems, match="at_once differs"):
        a_card.read(tmp_path, bands=bands)


def test_a_place_type_without_bands_is_a_mistake(tmp_path: Path) -> None:
    band = {"elevated": {"enter": 1.0, "for": "5min", "keep_for": "5min"}}
    with pytest.raises(Problems, match="no bands for place type `standing`"):
        a_card.read(
            tmp_path, bands={"moving": band}, applies_to={"kinds": ["zone"], "place_types": {"zone": ["moving", "standing"]}}
        )


def test_own_cards_stand_beside_the_house_and_never_replace_it(tmp_path: Path) -> None:
    own = a_card.read(tmp_path, id="waterdam.crowding")
    both = card.catalogue(tmp_path)
    assert set(both) == {*card.catalogue(), own.id}
    shutil.copy(card.CATALOGUE / "density.yaml", tmp_path / "density.yaml")
    with pytest.raises(Problems, match=r"density\.yaml:2: id: `density` is not an id for a card in this folder"):
        card.catalogue(tmp_path)


def test_a_card_is_named_as_its_file(tmp_path: Path) -> None:
    a_card.read(tmp_path).model_copy()
    (tmp_path / "crowding.yaml").rename(tmp_path / "other.yaml")
    with pytest.raises(Problems, match=r"`crowding` in a file called `other\.yaml`"):
        card.load(tmp_path / "other.yaml")


def test_mistakes_of_all_cards_of_a_folder_are_said_together(tmp_path: Path) -> None:
    for name in ("waterdam.one", "waterdam.two"):
        with pytest.raises(Problems):
            a_card.read(tmp_path, id=name, safety_risk="nope")
    with pytest.raises(Problems) as caught:
        card.catalogue(tmp_path)
    assert len(caught.value.problems) == 2
