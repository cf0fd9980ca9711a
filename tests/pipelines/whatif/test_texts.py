"""What whatif and calibrate say: in both languages, with the same parts, and nothing that nobody says."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import pytest

import pipelines
from schemas import yamlfile

ROOM = Path(pipelines.__file__).parent


@pytest.mark.parametrize("room", ["whatif", "calibrate"])
def test_every_text_is_there_in_both_languages_and_is_used(room: str) -> None:
    file = ROOM / room / "texts.yaml"
    texts = yamlfile.read(file).data
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOM / room).glob("*.py"))
    for key, said in texts.items():
        assert set(said) == {"nl", "en"}, key
        parts = {lang: {name for _, name, _, _ in Formatter().parse(text) if name} for lang, text in said.items()}
        assert parts["nl"] == parts["en"], key
        family = key.split("_")[0]
        assert f'"{key}"' in code or f"'{key}'" in code or f"{family}_{{" in code, f"nobody says {key}"
