"""Texts of the development track, in one language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas import yamlfile


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/track/texts.yaml").data
    return found


def say(key: str, lang: str, /, **values: object) -> str:
    """The text of ``key``, filled in."""
    return _texts()[key][lang].format(**values)
