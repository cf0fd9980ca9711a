"""From dataset column to indicator, safety risk and follow-up measure: a drawing and the same as tables, from the cards."""

from __future__ import annotations

from collections.abc import Mapping

from indicators.grammar import Card
from pipelines.docs import lineage_drawing, markdown
from pipelines.docs.markdown import code, table
from pipelines.docs.say import LANGUAGES, say
from pipelines.docs.say import code as word
from schemas import words
from schemas.settings import format_duration

FOLDER = "docs/reference"


def files(cards: Mapping[str, Card]) -> dict[str, str]:
    """The page and the drawing, in each language."""
    made, ordered = {}, by_risk(cards)
    for lang in LANGUAGES:
        svg, alt = lineage_drawing.draw(ordered, lang)
        made[f"{FOLDER}/lineage.{lang}.svg"] = svg
        made[f"{FOLDER}/lineage.{lang}.md"] = page(cards, lang, alt)
    return made


def page(cards: Mapping[str, Card], lang: str, alt: str) -> str:
    """The page, with ``alt`` as what the drawing says in words."""
    other = next(one for one in LANGUAGES if one != lang)
    head = [say(f"col_{name}", lang) for name in ("indicator", "way", "data", "risk", "measure", "role", "lead")]
    reverse = [say("lineage_data", lang), say("col_feeds", lang)]
    return (
        f"{markdown.MADE}# {say('lineage', lang)}\n\n{say('other_language', lang, file=f'lineage.{other}.md')}\n\n"
        f"{say('lineage_note', lang)}\n\n![{alt}](lineage.{lang}.svg)\n\n"
        f"## {say('lineage_table', lang)}\n\n{table(head, [_row(card, lang) for card in by_risk(cards)])}"
        f"## {say('lineage_reverse', lang)}\n\n{say('lineage_reverse_note', lang)}\n\n"
        f"{table(reverse, _reverse(cards, lang))}"
    )


def by_risk(cards: Mapping[str, Card]) -> list[Card]:
    """Cards in the order of the risks they are about; signals before context."""
    risks = words.codes("safety_risk")
    return sorted(cards.values(), key=lambda c: (risks.index(c.safety_risk), c.role != "signal", c.id))


def link(card: Card, lang: str) -> str:
    """A link to the page of an indicator, from a page in ``docs/reference``."""
    return f"[{getattr(card.title, lang)}](indicators/{card.id}.{lang}.md)"


def references(card: Card) -> list[str]:
    """Every ``dataset.measure`` that a card names, each once."""
    return list(dict.fromkeys(reference for given in card.inputs.values() for reference in given.from_))


def _row(card: Card, lang: str) -> list[str]:
    follow = card.follow_up
    return [link(card, lang), say(f"role_short_{card.role}", lang), ", ".join(map(code, references(card))),
            word("safety_risk", card.safety_risk, lang), word("measure", follow.measure, lang), code(follow.role),
            format_duration(follow.lead_time)]  # fmt: skip


def _reverse(cards: Mapping[str, Card], lang: str) -> list[list[str]]:
    feeds: dict[str, list[str]] = {}
    for card in by_risk(cards):
        for reference in references(card):
            feeds.setdefault(reference, []).append(link(card, lang))
    return [[code(reference), ", ".join(found)] for reference, found in sorted(feeds.items())]
