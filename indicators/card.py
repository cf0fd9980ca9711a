"""Read indicator cards: :func:`catalogue` gives those of the house and a municipality's own, checked.

Mistakes are :class:`schemas.problems.Problems` with file, line, key and fix.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from indicators import card_check
from indicators.grammar import Card
from schemas import yamlfile
from schemas.problems import Problems

__all__ = ["CATALOGUE", "Card", "catalogue", "load"]

CATALOGUE = Path(__file__).with_name("catalogue")


def load(path: Path, shown_as: str | None = None) -> Card:
    """Read and check one card. Raises :class:`Problems`, all mistakes at once where they can be told."""
    card, document = yamlfile.load(Card, path, shown_as)
    mistakes = card_check.problems(card, document, path.stem)
    if mistakes:
        raise Problems(mistakes)
    return card


def catalogue(extra: Path | None = None) -> dict[str, Card]:
    """Cards by id: those of the house, and a municipality's own from the folder ``extra`` (ids ``<slug>.<name>``).

    Raises :class:`Problems` over all cards; an own card with an id of the house is a mistake.
    """
    house = _house()
    return house if extra is None else {**house, **_folder(extra, f"{extra.name}/")}


@cache
def _house() -> dict[str, Card]:
    return _folder(CATALOGUE, "indicators/catalogue/")


def _folder(folder: Path, shown: str) -> dict[str, Card]:
    """All cards of a folder by id; own folders carry ids with a slug in front, the catalogue has none."""
    cards, mistakes = {}, []
    for path in sorted(folder.glob("*.yaml")):
        try:
            card = load(path, shown + path.name)
        except Problems as problems:
            mistakes += problems.problems
            continue
        if (folder == CATALOGUE) == ("." in card.id):
            document = yamlfile.read(path, shown + path.name)
            fix = f"Write `<slug>.{card.id}`." if "." not in card.id else "Leave the slug out."
            mistakes.append(document.problem(("id",), f"`{card.id}` is not an id for a card in this folder", fix))
            continue
        cards[card.id] = card
    if mistakes:
        raise Problems(mistakes)
    return cards
