"""A small town whose purpose is reviewed, and answers to all questions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from pipelines import purpose, start
from pipelines.purpose import record
from pipelines.purpose.state import State
from schemas.questions import questions
from tests.town import Town

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ANSWERS = {
    name: {"nl": f"Een antwoord op de vraag {name}.", "en": f"An answer to the question {name}."} for name in questions().names
}


def review(town: Town, name: str = "crowd-safety", *roles: str, on: date = date(2026, 1, 2)) -> None:
    """Review a purpose of the town as it stands, signed by its owner."""
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    state = next(s for s in purpose.states(config, cards, NOON) if s.purpose == name)
    record.write(config, record.review(config, state, ANSWERS, roles or ("data-officer",), on))


def stands(town: Town, at: datetime = NOON) -> list[State]:
    """How the town's purposes stand."""
    return purpose.states(*start.ready(town.config_folder, "tiny", town.data), at)


def edit(town: Town, file: str, *changes: tuple[str, str]) -> Path:
    """Replace text in a file of the town's config; what is to be replaced must be there."""
    path = town.config_folder / file
    text = path.read_text()
    for old, new in changes:
        assert old in text, (file, old)
        text = text.replace(old, new)
    path.write_text(text)
    return path
