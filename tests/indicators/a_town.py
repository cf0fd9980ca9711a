"""A small town whose thresholds a test can name, and the settings in force in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from indicators.grammar import Card
from indicators.in_force import Effective, segments
from schemas import config as configs
from schemas.config import Config
from tests.indicators import a_card
from tests.schemas import a_config

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
TOWN = "config/municipalities/town.yaml"
NOON, FAIR = "2026-06-19T12:00+02:00", "2026-06-20T18:00+02:00"


def card(**changes: Any) -> Card:
    """Density by place type, edges 1 and 2 where people move and 2.5 and 3.5 where they stand; ``changes`` replace fields."""
    fields = yaml.safe_load(a_card.PLAIN)
    fields["id"] = "density"
    fields["bands"] = {"moving": _bands(1.0, 2.0), "standing": _bands(2.5, 3.5)}
    return Card.model_validate({**fields, **changes})


def _bands(elevated: float, high: float) -> dict[str, Any]:
    return {
        "elevated": {"enter": elevated, "for": "10min", "keep_for": "15min"},
        "high": {"enter": high, "for": "5min", "keep_for": "15min"},
    }


def threshold(bands: str = "elevated: {enter: 2.2, for: 10min, keep_for: 15min}", **selector: str) -> str:
    """A threshold on density in YAML; without ``effective_from`` it holds from 1 January 2026."""
    selector = {"effective_from": "2026-01-01T00:00+01:00", **selector}
    lines = "".join(f"    {key}: {value}\n" for key, value in selector.items())
    own = "" if "params" in selector else f"    bands: {{{bands}}}\n"
    return (
        f"  - indicator: density\n{lines}{own}    owner: crowd-manager\n    decided_on: 2025-12-01\n"
        "    review_by: 2027-02-01\n    reason: agreed for a test\n"
    )


def town(folder: Path, *thresholds: str, changes: tuple[tuple[str, str], ...] = (), places: Any = None) -> Config:
    """The small town with these thresholds only."""
    text = a_config.TOWN
    listed = text[text.index("thresholds:") : text.index("flags:")]
    new = "thresholds:\n" + "".join(thresholds) if thresholds else ""
    swaps = [(listed, new), *changes]
    return configs.load(a_config.write(folder, {"municipalities/town.yaml": swaps}, places), "town")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def settings(config: Config, moment: str, place: str = "square", chosen: Card | None = None) -> Effective:
    """What is in force for a slot that starts at a moment."""
    (part,) = segments(config, chosen or card(), place, at(moment), at(moment) + timedelta(minutes=15))
    return part.settings


def edges(config: Config, moment: str, place: str = "square", chosen: Card | None = None) -> dict[str, float]:
    return {name: band.enter for name, band in settings(config, moment, place, chosen).bands.items()}


# A second event, which overlaps the fair.
SECOND = (
    "events:\n",
    "events:\n  - event: market\n    name: {nl: Markt, en: Market}\n    class: A\n    from: 2026-06-20T12:00+02:00\n"
    "    to: 2026-06-20T20:00+02:00\n    interval: 5min\n    places:\n      square: {usable_area: 600, interval: 3min}\n"
    "      alley: {}\n",
)
BASE = threshold("elevated: {enter: 2.2, for: 10min, keep_for: 15min}", place="square")
