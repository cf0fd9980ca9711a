"""The words of a message, in Dutch and English: place, level, since when, why, how sure, what changed, the measure and its role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from indicators.card import Card
from pipelines.alerts.model import Message
from schemas import words, yamlfile
from schemas.config import Config

LANGUAGES = ("nl", "en")
WATCH = ("no_run", "no_data", "recovered")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """``head``: a line; ``body``: the paragraphs, of which ``why`` and ``measure`` are two."""

    head: str
    body: str
    why: str
    measure: str


@cache
def texts() -> dict[str, dict[str, str]]:
    """All texts by key and language."""
    return yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/alerts/texts.yaml").data  # type: ignore[no-any-return]


def say(key: str, lang: str, **parts: object) -> str:
    """A text in a language, filled in."""
    return texts()[key][lang].format(**parts)


def compose(message: Message, rows: Mapping[str, Row], config: Config, cards: Mapping[str, Card], lang: str) -> Words:
    """The words of a message about situations; ``rows`` by id, as they stand (one that late data removed is not there)."""
    voice = _Voice(config, lang, message.at)
    row = rows.get(message.leading or "")
    names = voice.names(message, row)
    changed = say(f"changed_{_changed(message, row)}", lang, **names)
    lines = [changed]
    if message.bundle:
        lines += [voice.line(held, rows) for held in message.bundle]
    why = row[f"explanation_{lang}"] if row and row[f"explanation_{lang}"] and message.kind != "correction" else ""
    measure = ""
    if row and not message.bundle and message.kind not in ("ended", "correction"):
        measure = voice.follow_up(row, cards)
        known = voice.clock(row["observed_until"]) if row["observed_until"] else say("known_not", lang)
        lines += [
            why,
            say("facts", lang, since=voice.clock(row["started_at"]), known=known, sure=voice.percent(row["confidence"])),
            measure,
        ]
    elif not message.bundle:
        lines.append(why)
    if message.over_budget and not message.bundle:
        lines.append(say("over_budget", lang, count=message.over_budget, budget=names["budget"]))
    lines += voice.addresses(message)
    head = say(f"head_{message.kind}", lang, **names)
    return Words(head, "\n".join(line for line in lines if line), why, measure)


def compose_watch(message: Message, config: Config, last: datetime | None, lang: str) -> Words:
    """The words of the dead man's switch; ``last``: the last run, or the newest data."""
    voice = _Voice(config, lang, message.at)
    told = voice.clock(last) if last else say("known_not", lang)
    names = {"town": voice.town}
    lines = [say(f"changed_{message.kind}", lang, last=told), *voice.addresses(message)]
    return Words(say(f"head_{message.kind}", lang, **names), "\n".join(lines), lines[0], "")


def _changed(message: Message, row: Row | None) -> str:
    if row is not None and message.kind == "ended" and row["end_reason"] == "person":
        return "by_person"
    if row is not None and message.kind == "new" and row["origin"] == "backfill":
        return "under_way"
    return message.kind


class _Voice:
    """What a municipality lends to its messages, in one language."""

    def __init__(self, config: Config, lang: str, at: datetime):
        self.config, self.lang, self.at = config, lang, at
        latest = sorted(config.places, key=lambda row: row.place.valid_from)
        self.places = {row.place.place: row.place.name for row in latest}
        self.town = getattr(config.municipality.name, lang)

    def names(self, message: Message, row: Row | None) -> dict[str, object]:
        level = words.word("level", message.level, self.lang)
        loud = message.kind in ("new", "raised", "wider", "digest")
        risk = words.word("safety_risk", row["safety_risk"], self.lang) if row else self._risk(message)
        alerts = self.config.municipality.alerts
        return {
            "town": self.town, "level": level.upper() if loud else level, "risk": risk,
            "before": words.word("level", message.before, self.lang) if message.before else "",
            "places": self.listed(message.places), "new": self.listed(message.new_places),
            "n": len(message.bundle), "budget": alerts.budget_of(message.role),
        }  # fmt: skip

    def _risk(self, message: Message) -> str:
        """The risk of a situation that is gone, from its id, which names it."""
        found = next((code for code in words.codes("safety_risk") if f"-{code}-" in (message.leading or "")), None)
        return words.word("safety_risk", found, self.lang) if found else ""

    def listed(self, places: tuple[str, ...]) -> str:
        shown = [self.places.get(p, p) for p in places]
        return ", ".join(shown[:6]) + (f" (+{len(shown) - 6})" if len(shown) > 6 else "")

    def line(self, held: Message, rows: Mapping[str, Row]) -> str:
        names = self.names(held, rows.get(held.leading or ""))
        head = say(f"head_{held.kind}", self.lang, **names).removeprefix(f"[{self.town}] ")
        return f"- {self.clock(held.at)} {head}"

    def follow_up(self, row: Row, cards: Mapping[str, Card]) -> str:
        card = cards.get(row["leading_indicator"])
        if card is None:
            return ""
        role = self.config.municipality.roles.get(card.follow_up.role)
        return say("follow_up", self.lang, measure=words.word("measure", card.follow_up.measure, self.lang),
                   role=getattr(role, self.lang) if role else card.follow_up.role,
                   lead=f"{card.follow_up.lead_time.total_seconds() / 60:.0f}")  # fmt: skip

    def addresses(self, message: Message) -> list[str]:
        alerts = self.config.municipality.alerts
        told = []
        if message.leading and message.kind not in ("ended", "correction", "digest"):
            told.append(say("acknowledge", self.lang, situation=message.leading))
        if alerts.guide:
            told.append(say("guide", self.lang, address=f"{alerts.guide.rstrip('#')}#{anchor(message.kind)}"))
        if alerts.board:
            told.append(say("board", self.lang, address=alerts.board))
        return [*told, say("id", self.lang, id=message.message_id)]

    def clock(self, moment: datetime) -> str:
        """On the town's clock; the day only where it is another, the zone in an hour that comes twice."""
        local, today = moment.astimezone(self.config.tz), self.at.astimezone(self.config.tz).date()
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return f"{local:%H:%M}" + (f" {local:%Z}" if twice else "") + (f" ({local:%Y-%m-%d})" if local.date() != today else "")

    def percent(self, share: float | None) -> str:
        if share is None:
            return say("known_not", self.lang)
        return f"{int(share * 100 + 1e-9)}{chr(0xA0) if self.lang == 'nl' else ''}%"


def anchor(kind: str) -> str:
    """Where the guide says what to do (docs/guide/alerts.<lang>.md)."""
    return f"alert-{kind.replace('_', '-')}"
