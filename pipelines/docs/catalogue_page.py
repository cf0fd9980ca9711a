"""The list of all indicators, in each language: what each asks, where it applies, and which risk it is about."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from indicators.grammar import Card
from pipelines.docs import lineage, markdown
from pipelines.docs.markdown import one_line, table
from pipelines.docs.say import LANGUAGES, code, say, say_or, unit

FOLDER = "docs/reference"


def files(cards: Mapping[str, Card]) -> dict[str, str]:
    """The list in each language."""
    return {f"{FOLDER}/indicators.{lang}.md": page(cards, lang) for lang in LANGUAGES}


def page(cards: Mapping[str, Card], lang: str) -> str:
    """Indicators by safety risk; signals before context."""
    other = next(one for one in LANGUAGES if one != lang)
    head = [say(f"col_{name}", lang) for name in ("indicator", "question", "places", "unit", "way")]
    said = [markdown.MADE, f"# {say('catalogue', lang)}\n\n{say('other_language', lang, file=f'indicators.{other}.md')}\n\n",
            say("catalogue_note", lang) + "\n\n"]  # fmt: skip
    for risk, group in groupby(lineage.by_risk(cards), key=lambda c: c.safety_risk):
        title = code("safety_risk", risk, lang)
        said.append(f"## {title[0].upper()}{title[1:]}\n\n" + table(head, [_row(card, lang) for card in group]))
    return "".join(said)


def _row(card: Card, lang: str) -> list[str]:
    kinds = ", ".join(say_or(f"kind_{kind}", lang, kind) for kind in card.applies_to.kinds)
    way = say(f"role_short_{card.role}", lang) + ("" if card.status == "stable" else f", {say(f'status_{card.status}', lang)}")
    return [lineage.link(card, lang), one_line(getattr(card.question, lang)), kinds, unit(card.unit, lang), way]
