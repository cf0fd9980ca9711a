"""What a situation is about, in a sentence or two, in Dutch and English, with the numbers filled in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from indicators.card import Card
from indicators.situations import Version
from schemas import words
from schemas.settings import LEVELS

LANGUAGES = ("nl", "en")
UNKNOWN = "–"
RATIO_UNITS = {"-", "ratio"}  # said without a unit


@dataclass(frozen=True)
class Town:
    """What a municipality lends to its texts: its clock, its k, and the names of its places."""

    clock: ZoneInfo
    k: int
    names: dict[str, str]

    def local(self, moment: int) -> str:
        """Epoch seconds on the local clock, to the minute; with the zone (CEST, CET) in the hour that the clock shows twice."""
        shown = datetime.fromtimestamp(moment, UTC).astimezone(self.clock)
        twice = shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()
        return f"{shown:%Y-%m-%d %H:%M %Z}" if twice else f"{shown:%Y-%m-%d %H:%M}"


class _Names(dict[str, str]):
    """Names of a template; one that is not known here (an input of the card) shows as a dash."""

    def __missing__(self, key: str) -> str:
        return UNKNOWN


def explain(version: Version, card: Card, place: str, town: Town, lang: str) -> str:
    """The card's own sentence about the worst slot, then what became of it.

    The level named is the highest held so far; of a pending situation the one its worst slot reached. The threshold is
    the ``enter`` edge of that level in force at that slot.
    """
    worst = version.peak_level or (version.peak.rank if version.peak else 0)
    edge = version.peak.edges[worst - 1] if version.peak and worst else None
    coverage = version.peak.coverage if version.peak else None
    names = _Names(
        place=town.names.get(place, place),
        value=_value(version, card, town, lang),
        unit="" if card.unit in RATIO_UNITS else card.unit,
        level=words.word("level", LEVELS[worst], lang),
        since=town.local(version.started),
        threshold=_number(edge, lang),
        coverage=UNKNOWN if coverage is None else f"{coverage:.0%}".replace("%", " %" if lang == "nl" else "%"),
    )
    template = getattr(card.explanation, lang)
    sentence = " ".join(template.format_map(names).split()).replace(" .", ".").replace(" ,", ",")
    return " ".join([sentence, *_notes(version, town, lang)])


def _notes(version: Version, town: Town, lang: str) -> list[str]:
    """What is to be added: not confirmed yet, eased, over, or without sight."""

    def note(code: str, **names: Any) -> str:
        return words.word("situation_note", code, lang).format(**names)

    if version.state == "pending":
        return [note("pending")]
    if version.ended is not None:
        return [note("closed", ended=town.local(version.ended))]
    eased = [note("eased", now=words.word("level", LEVELS[version.level], lang))] if version.level < version.peak_level else []
    return eased + ([note("unobserved", seen=town.local(version.seen_until))] if version.blind else [])


def _value(version: Version, card: Card, town: Town, lang: str) -> str:
    """The worst value as shown everywhere; of a withheld one only that it is under k (rule 7)."""
    if version.peak is None:
        return UNKNOWN
    if version.peak.value is None:
        return words.word("situation_note", "withheld", lang).format(k=town.k)
    return _decimal(f"{version.peak.value:.{card.digits}f}", lang)


def _number(value: float | None, lang: str) -> str:
    return UNKNOWN if value is None else _decimal(f"{value:.6f}".rstrip("0").rstrip("."), lang)


def _decimal(text: str, lang: str) -> str:
    """The decimal mark of the language."""
    return text.replace(".", ",") if lang == "nl" else text
