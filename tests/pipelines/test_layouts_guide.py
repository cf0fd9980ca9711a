"""Every fragment of the guide is a declaration that loads, and fits its dataset, in both languages alike."""

import re
from pathlib import Path

import pytest
import yaml

from pipelines import validate
from schemas.datasets import DATASETS
from tests.pipelines.layouts import source

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"


def fragments(lang):
    return re.findall(r"```yaml\n(.*?)```", (GUIDE / f"sources.{lang}.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize(("lang", "number"), [(lang, n) for lang in ("nl", "en") for n in range(len(fragments(lang)))])
def test_a_fragment_of_the_guide_is_sound(lang, number):
    parts = yaml.safe_load(fragments(lang)[number])
    parts |= {"files": None} if "endpoint" in parts else {}
    declared = source(**{"ignore": []} | parts)
    assert validate.contract_mistake(declared, DATASETS[declared.dataset], declared.measure_names) is None


def test_both_languages_show_the_same_layouts():
    told = [[sorted(yaml.safe_load(f)) for f in fragments(lang)] for lang in ("nl", "en")]
    assert told[0] == told[1] and len(told[0]) == 11
