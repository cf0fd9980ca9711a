"""What an adopted purpose and its review say, gathered once for the DPIA annex, the registers and the page for citizens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from indicators.card import Card
from pipelines import purpose
from pipelines.purpose.state import State
from schemas import vocabulary, yamlfile
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.questions import questions
from schemas.settings import Purpose, Review, format_duration
from schemas.settings.purpose import DATA_CLASSES

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Process:
    """One reviewed purpose of one municipality, in one language."""

    config: Config
    cards: Mapping[str, Card]
    state: State
    review: Review
    lang: str

    @property
    def template(self) -> Purpose:
        """The generic purpose."""
        return self.config.purposes[self.state.purpose]

    def t(self, text: Any) -> str:
        """A text in the language."""
        return str(getattr(text, self.lang))

    def role(self, name: str) -> str:
        """What a role is called."""
        known = self.config.municipality.roles
        return self.t(known[name]) if name in known else name

    def answers(self, *, public_only: bool = False) -> list[tuple[str, str, str]]:
        """(topic, what was asked, answer) in the order of the questions."""
        asked = [q for q in questions().questions if q.question in self.review.answers and (q.public or not public_only)]
        return [(self.t(q.topic), self.t(q.ask), self.t(self.review.answers[q.question])) for q in asked]

    def answer(self, name: str) -> str:
        """One answer; empty when an earlier list did not ask it."""
        return self.t(self.review.answers[name]) if name in self.review.answers else ""

    def datasets(self) -> list[tuple[str, str, list[str]]]:
        """(dataset, meaning, columns with their meaning)."""
        words = vocabulary.columns()
        return [(name, str(getattr(DATASETS[name], f"meaning_{self.lang}")), [f"{c}: {getattr(words[c], self.lang)}" for c in columns])
                for name, columns in self.state.used.datasets.items()]  # fmt: skip

    def indicators(self) -> list[tuple[str, str, str]]:
        """(title, question, follow-up role) of the indicators in use."""
        used = [self.cards[name] for name in self.state.used.indicators]
        return [(self.t(card.title), self.t(card.question), self.role(card.follow_up.role)) for card in used]

    def places(self) -> list[str]:
        """Names of the places that are counted at, of all periods."""
        return list(dict.fromkeys(row.place.name for row in self.config.places))

    def retention(self) -> dict[str, str]:
        """Class of data → how long it is kept."""
        return {name: format_duration(self.state.adoption.kept(name)) for name in DATA_CLASSES}


def of(config: Config, cards: Mapping[str, Card], at: datetime, lang: str, name: str | None = None) -> Process:
    """The process of a purpose (the first adopted, if none is named). Raises :class:`schemas.problems.Problems` when it is not covered."""
    state = purpose.leaves_the_house(config, cards, at, name)
    assert state.review
    return Process(config, cards, state, state.review, lang)


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(HERE / "texts.yaml", "pipelines/export/texts.yaml").data
    return found


def text(key: str, lang: str, **values: object) -> str:
    """A text of ``texts.yaml`` in a language, filled in."""
    return _texts()[key][lang].format(**values)
