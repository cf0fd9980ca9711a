"""What every run starts from: a municipality's settings and the cards, checked against each other."""

from __future__ import annotations

from pathlib import Path

from indicators import card, config_check
from indicators.card import Card
from schemas import config as settings
from schemas.config import Config
from schemas.problems import Problems


def ready(config_dir: Path, slug: str, data: Path | None = None) -> tuple[Config, dict[str, Card]]:
    """Settings and cards of one municipality. Raises :class:`schemas.problems.Problems` with every mistake found in them."""
    config = settings.load(config_dir, slug, data)
    cards = card.catalogue()
    mistakes = config_check.check(config, cards)
    if mistakes:
        raise Problems(mistakes)
    return config, cards
