"""The indicators a municipality uses: those it switched on, and its own, which need no switch."""

from __future__ import annotations

from collections.abc import Mapping

from indicators.grammar import Card
from schemas.config import Config


def is_own(config: Config, name: str) -> bool:
    """Whether a card is the municipality's own (``<slug>.<name>``): it is in use because it stands in its config folder."""
    return name.startswith(f"{config.municipality.municipality}.")


def chosen(config: Config, cards: Mapping[str, Card]) -> dict[str, Card]:
    """The cards in use, those switched on first; names that are no card are left to ``config check``."""
    named = {name: cards[name] for name in config.municipality.indicators if name in cards}
    return named | {name: card for name, card in cards.items() if is_own(config, name)}
