"""The list of questions that a review of a purpose answers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from schemas import yamlfile
from schemas.settings.base import Slug, Strict, Text

RegisterField = Literal["goal", "considerations", "human_intervention", "risk_management"]


class Question(Strict):
    """``again``: answered anew for each purpose; ``public``: the answer is shown to citizens; ``register``: where it goes there."""

    question: Slug
    again: bool
    public: bool
    goes_to: RegisterField
    topic: Text
    ask: Text


class Questions(Strict):
    """One version of the list."""

    version: int
    questions: tuple[Question, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The ids, in the order in which they are asked."""
        return tuple(q.question for q in self.questions)


@cache
def questions() -> Questions:
    """The list in force."""
    path = Path(__file__).with_name("questions.yaml")
    return yamlfile.load(Questions, path, "schemas/questions.yaml")[0]
