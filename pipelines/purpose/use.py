"""What a municipality uses for a purpose now, as its settings and the cards say it."""

from __future__ import annotations

from collections.abc import Mapping

from indicators.card import Card
from indicators.chosen import chosen, is_own
from schemas.config import Config
from schemas.settings import Purpose
from schemas.settings.purpose import DATA_CLASSES, Adoption
from schemas.settings.review import Use


def of(config: Config, cards: Mapping[str, Card], adoption: Adoption) -> Use:
    """The use for an adopted purpose: what its sources deliver within it, the indicators it names that are on, all places."""
    template = config.purposes[adoption.purpose]
    return Use(
        datasets=datasets(config, template), indicators=indicators(config, cards, template),
        allowed_datasets=template.datasets, allowed_indicators=template.indicators, places=config.place_ids,
        k=adoption.k, withhold_zero=adoption.withhold_zero, audience=adoption.audience,
        retention={name: adoption.kept(name) for name in DATA_CLASSES},
    )  # fmt: skip


def datasets(config: Config, template: Purpose) -> dict[str, tuple[str, ...]]:
    """Dataset → columns that sources deliver, of those a purpose names."""
    found: dict[str, set[str]] = {}
    for source in config.sources.values():
        if source.dataset in template.datasets:
            found.setdefault(source.dataset, set()).update(source.measure_names)
    return {name: tuple(sorted(columns)) for name, columns in sorted(found.items())}


def indicators(config: Config, cards: Mapping[str, Card], template: Purpose) -> tuple[str, ...]:
    """The indicators in use that a purpose names; one of the municipality's own belongs to the purposes its card names."""
    return tuple(
        name for name, card in chosen(config, cards).items()
        if name in template.indicators or (is_own(config, name) and template.purpose in card.purposes)
    )  # fmt: skip


def sources(config: Config, template: Purpose) -> tuple[str, ...]:
    """The sources whose dataset a purpose names."""
    return tuple(name for name, source in config.sources.items() if source.dataset in template.datasets)


def whole_risks(config: Config, cards: Mapping[str, Card], template: Purpose) -> tuple[str, ...]:
    """The safety risks all of whose signals in use belong to a purpose: only their situations are wholly of that purpose."""
    within = set(indicators(config, cards, template))
    signals: dict[str, set[str]] = {}
    for name, card in chosen(config, cards).items():
        if card.role == "signal" and card.safety_risk:
            signals.setdefault(card.safety_risk, set()).add(name)
    return tuple(sorted(risk for risk, names in signals.items() if names <= within))
