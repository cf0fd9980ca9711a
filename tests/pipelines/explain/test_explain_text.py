"""Whole explanations as people read them, against what somebody read and found right. `UPDATE=1` writes them anew: read them again."""

import os
import re
from pathlib import Path

import pytest

from pipelines.explain.text import lines
from tests.pipelines.explain.conftest import WHIT_MONDAY
from tests.town import START, STEP

GOLDEN = Path(__file__).with_name("golden")


def steady(text):
    """Without what changes with every edit of a card: fingerprints, and lines of the catalogue."""
    text = re.sub(r"\b[0-9a-f]{16}\b", "<fingerprint>", text)
    return re.sub(r"(indicators/catalogue/\w+\.yaml):\d+", r"\1:<line>", text)


CASES = {
    "situation.en": lambda evening, spring: (evening.situation("overcrowding", "square"), evening, "en"),
    "missing.nl": lambda evening, spring: (evening.value("density", "square", START + 4 * STEP), evening, "nl"),
    "withheld.nl": lambda evening, spring: (evening.value("specific_flow", "gate", START), evening, "nl"),
    "holiday.en": lambda evening, spring: (spring.value("unusualness", "square", WHIT_MONDAY), spring, "en"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_explanation_reads_as_it_was_found_right(evening, spring, name):
    found, world, lang = CASES[name](evening, spring)
    text, file = steady("\n".join(lines(found, world.town.config, lang))) + "\n", GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE"):
        file.write_text(text, encoding="utf-8")
    assert text.splitlines() == file.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", CASES)
def test_no_line_runs_far_beyond_a_terminal(evening, spring, name):
    found, world, lang = CASES[name](evening, spring)
    assert max(map(len, lines(found, world.town.config, lang))) <= 140
