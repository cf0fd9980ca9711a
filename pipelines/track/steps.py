"""The steps every initiative goes through, as declared once in ``steps.yaml``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field

from schemas import yamlfile
from schemas.settings.base import Strict, Text


class Item(Strict):
    """Something a step must show; ``find`` names a function of ``evidence.py``, without it only a document shows it."""

    item: str
    title: Text
    find: str | None = None
    do: Text


class Step(Strict):
    """A step, in the order of the file."""

    step: str
    title: Text
    question: Text
    items: tuple[Item, ...] = Field(min_length=1)


class Steps(Strict):
    """The whole way."""

    answer_within_days: int = Field(ge=1)
    steps: tuple[Step, ...] = Field(min_length=1)


@cache
def steps() -> Steps:
    """What ``steps.yaml`` declares."""
    return yamlfile.load(Steps, Path(__file__).with_name("steps.yaml"), "pipelines/track/steps.yaml")[0]


@cache
def titles(lang: str) -> dict[str, str]:
    """Step → its title."""
    return {s.step: getattr(s.title, lang) for s in steps().steps}
