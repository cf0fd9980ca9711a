"""The review as a record: an empty form is filled in, signed, signed again by another role, replaced by a next version."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import drukte  # noqa: F401
from tests.purpose.reviewed import ANSWERS, stands
from tests.town import Town

THOUGHT_OF = """
purpose: road-works
title: {nl: t, en: t}
desired_effect: {nl: t, en: t}
datasets: [zone_counts, link_speeds]
indicators: [density, speed_loss, not_written_yet]
questions: [{nl: t, en: t}]
k_floor: 30
"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def filled(path: Path, **changes: object) -> Path:
    """A form with answers; None leaves a question out."""
    answers = {name: answer for name, answer in {**ANSWERS, **changes}.items() if answer is not None}
    path.write_text(yaml.safe_dump(answers, allow_unicode=True), encoding="utf-8")
    return path


def test_form_answers_signatures_and_a_next_version(town: Town, tmp_path: Path, drukte) -> None:  # noqa: F811
    words = ["--config", town.config_folder, "--at", "2026-06-01T12:00:00Z"]
    form = tmp_path / "form.yaml"
    assert drukte("purpose", "review", "--form", form)[0] == 0
    assert yaml.safe_load(form.read_text()) == {name: {"nl": "", "en": ""} for name in ANSWERS}
    code, _, errors = drukte("purpose", "review", *words, "--answers", form, "--role", "data-officer")
    assert code == 2 and "the nl answer to `effect` says too little" in errors

    # signed by another role than the owner: recorded, does not count yet
    answers = filled(tmp_path / "answers.yaml")
    code, said, _ = drukte("purpose", "review", *words, "--answers", answers, "--role", "crowd-manager")
    assert code == 0 and "data-officer" in said
    assert [s.standing for s in stands(town)] == ["unsigned"]
    assert drukte("purpose", "review", *words, "--sign", "--role", "data-officer")[0] == 0
    [state] = stands(town)
    assert (
        state.standing == "reviewed"
        and state.review
        and [s.role for s in state.review.signed] == ["crowd-manager", "data-officer"]
    )
    code, _, errors = drukte("purpose", "review", *words, "--sign", "--role", "data-officer")
    assert code == 2 and "`data-officer` has signed this review already" in errors

    # a next review is a next version; the first stays
    nested = tmp_path / "nested.yaml"
    nested.write_text(yaml.safe_dump({"answers": ANSWERS}), encoding="utf-8")
    code, said, _ = drukte("purpose", "review", *words, "--answers", nested, "--role", "data-officer", "--json")
    assert code == 0 and json.loads(said)["review"]["version"] == 2
    kept = yaml.safe_load((town.config_folder / "reviews" / "tiny.yaml").read_text())["reviews"]
    assert [(r["version"], len(r["signed"])) for r in kept] == [(1, 2), (2, 1)]


@pytest.mark.parametrize(
    ("changes", "words", "told"),
    [
        ({"risks": None}, [], "no answer to `risks`"),
        ({"riks": {"nl": "te kort gespeld", "en": "misspelled here"}}, [], "no question `riks`. Did you mean `risks`?"),
        ({"risks": {"nl": "nee", "en": "no"}}, [], "the nl answer to `risks` says too little"),
        ({}, ["--role", "data-oficer"], "role `data-oficer` is not declared"),
        ({}, ["--role", ""], "name who with --role"),
        ({}, ["--role", "data-officer", "--sign"], "no review of `crowd-safety` to sign"),
        ({}, ["--role", "data-officer", "crowd-safty"], "purpose `crowd-safty` is not adopted"),
    ],
)
def test_a_review_that_says_too_little_is_none(town: Town, tmp_path: Path, drukte, changes, words: list[str], told: str) -> None:  # noqa: F811
    answers = filled(tmp_path / "answers.yaml", **changes)
    signed = words if "--role" in words else ["--role", "data-officer", *words]
    code, _, errors = drukte("purpose", "review", "--config", town.config_folder, "--answers", answers, *signed)
    assert code == 2 and told in errors, errors
    assert [s.standing for s in stands(town)] == ["unreviewed"]


def test_the_difference_names_what_the_second_purpose_lacks(town: Town, drukte) -> None:  # noqa: F811
    (town.config_folder / "purposes" / "road-works.yaml").write_text(THOUGHT_OF)
    code, said, _ = drukte("purpose", "diff", "crowd-safety", "road-works", "--config", town.config_folder, "--json")
    found = json.loads(said)
    assert code == 0 and found["reused_datasets"] == ["zone_counts"] and found["lacks_datasets"] == ["link_speeds"]
    assert found["lacks_inputs"]["not_written_yet"] == ["card"]
    assert "density" not in found["lacks_inputs"] and found["lacks_inputs"]["speed_loss"]
    assert set(found["asked"]) | set(found["carried"]) == set(ANSWERS) and not set(found["asked"]) & set(found["carried"])
    code, _, errors = drukte("purpose", "diff", "crowd-safety", "road-work", "--config", town.config_folder)
    assert code == 2 and "Did you mean `road-works`?" in errors
