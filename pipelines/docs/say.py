"""Texts of the generated pages, in one language (``texts.yaml``)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pipelines.board.say import Voice
from schemas import words, yamlfile

LANGUAGES = ("nl", "en")


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts by key, then language."""
    return yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/docs/texts.yaml").data  # type: ignore[no-any-return]


def say(key: str, lang: str, **parts: object) -> str:
    """The text of ``key`` with its parts filled in. Raises KeyError for one that is not known."""
    return texts()[key][lang].format(**parts)


def say_or(key: str, lang: str, otherwise: str) -> str:
    """The text of ``key``, or ``otherwise`` where there is none: a new code is shown as it stands."""
    return texts()[key][lang] if key in texts() else otherwise


def code(group: str, name: str, lang: str) -> str:
    """The word for a code; one without words is shown as it stands."""
    return words.word(group, name, lang) if name in words.codes(group) else name


def unit(name: str, lang: str) -> str:
    """A unit as people read it: a share and a score are called so."""
    if name in ("ratio", "-"):
        return Voice(lang).text({"ratio": "unit_ratio", "-": "unit_none"}[name])
    return name.replace("m2", "m²")
