"""Words, numbers and moments of an answer, in one language and by the town's clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from indicators.card import Card
from pipelines.board.say import Voice
from pipelines.whatif.episodes import Pair
from schemas import yamlfile
from schemas.config import Config

SHIFTS = ("started_at", "signalled_at", "ended_at")


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts by key, then language."""
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/whatif/texts.yaml").data
    return found


class Say:
    """Everything that depends on language and clock."""

    def __init__(self, lang: str, config: Config, cards: Mapping[str, Card]):
        self.lang, self.config, self.cards, self.voice = lang, config, cards, Voice(lang)
        latest = sorted(config.places, key=lambda row: row.place.valid_from)
        self.names = {row.place.place: row.place.name for row in latest}

    def text(self, key: str, **values: object) -> str:
        """A text filled in."""
        return texts()[key][self.lang].format(**values)

    def moment(self, moment: datetime | None) -> str:
        """``2026-06-20 21:15``; still open when there is none."""
        return self.text("still_open") if moment is None else f"{moment.astimezone(self.config.tz):%Y-%m-%d %H:%M}"

    def place(self, place: str) -> str:
        """Name of a place."""
        return self.names.get(place, place)

    def title(self, indicator: str) -> str:
        """Title of an indicator."""
        card = self.cards.get(indicator)
        return str(getattr(card.title, self.lang)) if card else indicator

    def level(self, level: str) -> str:
        """A level in words."""
        return self.text("absent") if level == "absent" else self.voice.code("level", level)

    def number(self, value: float, digits: int | None = None) -> str:
        """A number as written in this language."""
        return self.voice.number(value, digits)

    def difference(self, pair: Pair) -> str:
        """What is other about a situation."""
        found = []
        for column in SHIFTS:
            shift = pair.shift(column)
            if shift:
                key = "later" if shift > 0 else "earlier"
                found.append(self.text(key, what=self.text(f"shift_{column}"), n=self.voice.duration(abs(shift))))
        if pair.before and pair.after:
            old, new = pair.before["peak_level"], pair.after["peak_level"]
            if old != new:
                found.append(self.text("peak", before=self.level(old), after=self.level(new)))
            if (pair.before["ended_at"] is None) != (pair.after["ended_at"] is None):
                ends = (self.moment(side["ended_at"]) for side in (pair.before, pair.after))
                found.append(f"{self.text('shift_ended_at')} {' → '.join(ends)}")
        return "; ".join(found) or self.text(f"kind_{pair.kind}")
