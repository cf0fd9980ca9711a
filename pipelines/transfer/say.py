"""Texts of a transfer package, in one language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from schemas import yamlfile


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/transfer/texts.yaml").data
    return found


def say(key: str, lang: str, /, **parts: object) -> str:
    """The text of ``key``, filled in; a part that is a dict is in two languages."""
    return _texts()[key][lang].format(**{k: part[lang] if isinstance(part, dict) else part for k, part in parts.items()})
