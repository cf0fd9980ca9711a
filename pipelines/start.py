"""What every run starts from: a municipality's settings and the cards, checked against each other."""

from __future__ import annotations

from pathlib import Path

from indicators import card, config_check
from indicators.card import Card
from schemas import config as settings
from schemas.config import Config
from schemas.problems import Problem, Problems


def cards(config_dir: Path) -> dict[str, Card]:
    """The cards of the house, and own ones in ``<config>/indicators`` if there is such a folder. Raises :class:`Problems`."""
    own = config_dir / "indicators"
    return card.catalogue(own if own.is_dir() else None)


def checked(config_dir: Path, slug: str, data: Path | None = None) -> tuple[Config, dict[str, Card], list[Problem]]:
    """Settings and cards of one municipality, with the mistakes found between the two. Raises :class:`Problems` for others."""
    config, known = settings.load(config_dir, slug, data), cards(config_dir)
    return config, known, config_check.check(config, known)


def ready(config_dir: Path, slug: str, data: Path | None = None) -> tuple[Config, dict[str, Card]]:
    """Settings and cards of one municipality, sound. Raises :class:`Problems` with every mistake found in them."""
    config, known, mistakes = checked(config_dir, slug, data)
    if mistakes:
        raise Problems(mistakes)
    return config, known
