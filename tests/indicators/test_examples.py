"""Worked examples: those of the house all hold, leave nothing out, and notice every small fault put into their card."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from indicators import card, examples, formula
from indicators import mutants as card_mutants
from indicators.grammar import Card
from tests.indicators import a_card

CARDS = sorted(card.catalogue())

GOOD = [
    {"name": "edges and exits of both bands", "attributes": {"usable_area": 100},
     "inputs": {"present": "80 90 100 170 180 190 200 _ outage invalid <15"},
     "expect": {"value": "0.8 0.9 1 1.7 1.8 1.9 2 _x4", "level": "normalx2 elevatedx4 high unknownx3 normal",
                "keeps": "normal elevatedx3 highx3 unknownx3 normal"}},
    {"name": "held and let go, first high and then elevated", "interval": "5min", "attributes": {"usable_area": 100},
     "inputs": {"present": "200x2 150x4 50x4"}, "expect": {"held": "highx4 elevatedx4 normalx2"}},
    {"name": "a withheld count in a small place", "attributes": {"usable_area": 10}, "inputs": {"present": "<15 50"},
     "coverage": "1 0.4", "expect": {"level": "unknownx2"}},
]  # fmt: skip


@cache
def mutants(name: str) -> list[examples.Mutant]:
    return examples.mutants(card.catalogue()[name])


@pytest.mark.parametrize("name", CARDS)
def test_every_worked_example_holds(name: str) -> None:
    failed = [f"{r.name}: {'; '.join(map(str, r.differences))}" for r in examples.run(card.catalogue()[name]) if not r.passed]
    assert not failed


@pytest.mark.parametrize("name", CARDS)
def test_no_edge_branch_or_policy_is_left_out(name: str) -> None:
    assert examples.coverage(card.catalogue()[name]) == []


@pytest.mark.parametrize("name", CARDS)
def test_every_small_fault_in_a_card_fails_an_example(name: str) -> None:
    found = mutants(name)
    assert len(found) > (25 if card.catalogue()[name].role == "signal" else 6)  # a context card has no edges to move
    assert [m.name for m in found if not m.accounted_for] == []


def test_mutants_are_of_every_kind() -> None:
    names = [m.name for m in mutants("unusualness")]
    for part in (
        "missing written as 0", "withheld written as its least", "enter + 0.01", "exit - 0.01", "for + 15min", "for_intervals -1",
        "without requires", "without material", "without at_once", "without min_coverage", "one digit more", "x turned round",
        "let excess: expected - x", "formula: NULLIF(spread, 0) / ", "requires 0: n > 15", "requires 0: n >= 14", "LEAST(",
        "material_share 0.16", "x withheld written as its most", "at_once: value >= 6", "at_once: 6 >= value", "let expected: median",
    ):  # fmt: skip
        assert any(part in name for name in names), part
    assert len(names) == len(set(names))


def test_mutants_of_expressions_take_out_branches_operands_and_functions() -> None:
    def variants(text: str, kind: formula.Kind = "number") -> set[str]:
        return set(card_mutants.variants(formula.parse_expression(text, {"a", "b"}, kind).tree))

    assert variants("CASE WHEN a > b THEN a WHEN b = 1 THEN 0 ELSE b END") >= {
        "CASE WHEN b = 1 THEN 0 ELSE b END", "CASE WHEN a > b THEN a ELSE b END", "CASE WHEN b > a THEN a WHEN b = 1 THEN 0 ELSE b END",
        "CASE WHEN a >= b THEN a WHEN b = 1 THEN 0 ELSE b END", "CASE WHEN a > b THEN a WHEN b <> 1 THEN 0 ELSE b END",
    }  # fmt: skip
    assert variants("CASE WHEN a > b THEN a ELSE b END") >= {"b"}
    assert variants("a >= 2 and b < 1", "condition") >= {
        "a >= 2",
        "b < 1",
        "a >= 2 OR b < 1",
        "a > 2 AND b < 1",
        "a >= 3 AND b < 1",
    }
    assert variants("a + abs(b)") >= {"a - ABS(b)", "a + b", "a", "ABS(b)"}


def test_each_input_has_faults_of_its_own(tmp_path: Path) -> None:
    shown = {"name": "two inputs, both given as numbers", "attributes": {"capacity": 1000},
             "inputs": {"present": "400 <15 _", "before": "300 0 300"}, "expect": {"status": "ok suppressed missing"}}  # fmt: skip
    alive = [m.name for m in examples.mutants(a_card.read(tmp_path, a_card.TIME_LEFT, examples=[shown])) if not m.accounted_for]
    assert "before missing written as 0" in alive and "before withheld written as its least" in alive
    assert "present missing written as 0" not in alive and "present withheld written as its least" not in alive


def test_what_comes_from_a_class_has_examples_within_bounds(tmp_path: Path) -> None:
    classes = {"inputs": {"present": {"from": ["field_observations.present", "zone_counts.present"], "monotone": "up"}}}
    left = examples.coverage(with_examples(tmp_path, **classes))
    assert left == ["no example of a count known within bounds whose level is known",
                    "no example of a count known within bounds that leaves the level open"]  # fmt: skip
    within = {"name": "two classes reported by a steward", "attributes": {"usable_area": 100}, "inputs": {"present": "0..43 50..150"},
              "expect": {"value": "_x2", "level": "normal unknown"}}  # fmt: skip
    assert examples.coverage(with_examples(tmp_path, examples=[*GOOD, within], **classes)) == []
    names = [m.name for m in examples.mutants(with_examples(tmp_path, **classes)) if not m.accounted_for]
    assert "present within bounds written as its least" in names


def with_examples(folder: Path, **changes: Any) -> Card:
    return a_card.read(folder, **{"examples": GOOD, **changes})


def test_a_card_with_good_examples_passes(tmp_path: Path) -> None:
    made = with_examples(tmp_path)
    assert [str(d) for r in examples.run(made) for d in r.differences] == []
    assert examples.coverage(made) == []


def test_a_wrong_example_is_shown_cell_by_cell(tmp_path: Path) -> None:
    wrong = {"name": "wrong in three cells", "attributes": {"usable_area": 100}, "inputs": {"present": "80 _ 200"},
             "expect": {"value": "0.9 0 2", "level": "normal unknown critical"}}  # fmt: skip
    (result,) = examples.run(a_card.read(tmp_path, examples=[wrong]))
    assert not result.passed and result.name == "wrong in three cells"
    assert [(d.slot, d.column, d.expected, d.got) for d in result.differences] == [
        (1, "value", "0.9", "0.8"), (2, "value", "0", "_"), (3, "level", "critical", "high"),
    ]  # fmt: skip


def test_a_wrong_card_fails_its_examples(tmp_path: Path) -> None:
    for changes in (
        {"formula": "present / nullif(usable_area - 9, 0)"}, {"digits": 2, "formula": "1.02 * present / nullif(usable_area, 0)"},
        {"exit_margin": 0.8},
        {"bands": {"any": {"elevated": {"enter": 1.1, "for": "10min", "keep_for": "15min"},
                           "high": {"enter": 2.0, "for": "5min", "keep_for": "15min"}}}},
    ):  # fmt: skip
        made = with_examples(tmp_path, **changes)
        assert any(not result.passed for result in examples.run(made)), changes


def test_coverage_says_what_is_left_out(tmp_path: Path) -> None:
    few = {"name": "nothing but a quiet hour", "attributes": {"usable_area": 100}, "inputs": {"present": "10"},
           "expect": {"level": "normal"}}  # fmt: skip
    left = examples.coverage(with_examples(
        tmp_path, examples=[few], caps=[{"when": "usable_area > 500", "at": "elevated", "reason": "too_coarse"}],
        material=[{"that": "present >= 5", "reason": "immaterial"}],
        requires=[{"that": "usable_area > 1", "reason": "baseline_short"}], applies_when="present > 2",
        bands={"any": {"elevated": {"enter": 1.0, "for": "10min", "keep_for": "15min", "at_once": "value > 9"}}},
    ))  # fmt: skip
    for words in (
        "any elevated: no example with value 1.0, beside enter 1", "any elevated: no example with value 0.9, beside enter 1",
        "beside exit 0.9", "caps: no example with reason too_coarse", "material: no example with reason immaterial",
        "requires: no example with reason baseline_short", "applies_when: no example", "at_once: no example",
        "no example of a missing input", "no example of an outage", "no example of a refused row", "too little coverage",
        "leaves the level open", "no example in which it is held", "in which it is let go", "whose level is known",
    ):  # fmt: skip
        assert any(words in line for line in left), words


def test_a_missing_example_lets_a_mutant_live(tmp_path: Path) -> None:
    without_edge = [{**GOOD[0], "inputs": {"present": "80 90 110 170 180 190 200 _ outage invalid <15"},
                     "expect": {"level": "normalx2 elevatedx4 high unknownx3 normal"}}]  # fmt: skip
    alive = [m.name for m in examples.mutants(with_examples(tmp_path, examples=without_edge)) if not m.accounted_for]
    assert "any elevated enter + 0.1" in alive


def test_an_equivalent_that_is_not_one_is_said(tmp_path: Path) -> None:
    listed = [{"mutant": "any elevated enter + 0.1", "because": "this is not true, the examples notice it"},
              {"mutant": "no such mutant", "because": "a name that is not made by the engine"}]  # fmt: skip
    found = examples.mutants(with_examples(tmp_path, equivalent_mutants=listed))
    wrong = [m.name for m in found if not m.accounted_for and ("enter + 0.1" in m.name or "no such" in m.name)]
    assert wrong == ["any elevated enter + 0.1", "listed, but not made: no such mutant"]


def test_a_card_without_examples_runs_none(tmp_path: Path) -> None:
    assert examples.run(a_card.read(tmp_path)) == []


def test_several_inputs_take_the_worst_status(tmp_path: Path) -> None:
    shown = {"name": "two inputs, one of them not there", "attributes": {"capacity": 1000},
             "inputs": {"present": "400 _ <15 400 outage", "before": "300 300 300 <15 _"},
             "expect": {"status": "ok missing not_applicable suppressed outage", "value": "90 _x4"}}  # fmt: skip
    (result,) = examples.run(a_card.read(tmp_path, a_card.TIME_LEFT, examples=[shown]))
    assert [str(d) for d in result.differences] == []
