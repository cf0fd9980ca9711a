"""What a person must know of the config that a run goes by, in Dutch and English."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pipelines.notes import Note
from schemas import yamlfile


def note(kind: str, **values: object) -> Note:
    """The text of ``kind``, filled in."""
    text = _texts()[kind]
    return Note(kind, text["nl"].format(**values), text["en"].format(**values))


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/versions/texts.yaml").data
    return found
