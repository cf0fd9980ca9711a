"""Codes in words, in Dutch and English (``words.yaml``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas import yamlfile


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    return yamlfile.read(Path(__file__).with_name("words.yaml"), "schemas/words.yaml").data  # type: ignore[no-any-return]


def codes(group: str) -> tuple[str, ...]:
    """All codes of a group (``level``, ``status``, ``reason``, ``safety_risk``, ``measure`` …), in order."""
    return tuple(_words()[group])


def word(group: str, code: str, lang: str) -> str:
    """The word for a code. Raises KeyError for a code the house does not know."""
    return _words()[group][code][lang]
