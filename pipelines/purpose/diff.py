"""What a second purpose would do with what a first one has: what it re-uses, what must be asked again, what it lacks.

So that function creep is seen before it happens: counts taken for one purpose, seen by others for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indicators.card import Card
from indicators.grammar import SEVERITY
from pipelines.faults import UsageError
from pipelines.purpose import use
from schemas import yamlfile
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.questions import questions
from schemas.settings import Purpose, format_duration
from schemas.settings.base import SLUG
from schemas.settings.purpose import Adoption


@dataclass(frozen=True)
class Diff:
    """From ``first`` to ``second``. Names are ids; ``asked`` are questions; the last ones are told only where both are adopted."""

    first: str
    second: str
    reused_datasets: list[str] = field(default_factory=list)
    reused_columns: list[str] = field(default_factory=list)
    reused_indicators: list[str] = field(default_factory=list)
    added_datasets: list[str] = field(default_factory=list)
    added_indicators: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)
    lacks_datasets: list[str] = field(default_factory=list)
    lacks_inputs: dict[str, list[str]] = field(default_factory=dict)
    new_audience: list[str] = field(default_factory=list)
    changes: dict[str, list[str]] = field(default_factory=dict)


def two(config: Config, cards: Mapping[str, Card], first: str, second: str) -> Diff:
    """Compare two purposes for a municipality. Raises :class:`UsageError` for one that does not exist."""
    a, b = template(config, first), template(config, second)
    delivered = use.datasets(config, Purpose.model_construct(datasets=tuple({*a.datasets, *b.datasets})))
    shared = [name for name in b.datasets if name in a.datasets]
    adopted = {p.purpose: p for p in config.municipality.purposes}
    asks = questions().questions
    return Diff(
        first, second,
        reused_datasets=[name for name in shared if name in delivered],
        reused_columns=[f"{name}.{column}" for name in shared for column in delivered.get(name, ())],
        reused_indicators=[name for name in b.indicators if name in a.indicators],
        added_datasets=[name for name in b.datasets if name not in a.datasets],
        added_indicators=[name for name in b.indicators if name not in a.indicators],
        asked=[q.question for q in asks if q.again], carried=[q.question for q in asks if not q.again],
        lacks_datasets=[name for name in b.datasets if name not in delivered],
        lacks_inputs=_lacking(cards, b, delivered),
        new_audience=_new_audience(adopted.get(first), adopted.get(second)),
        changes=_changes(a, b, adopted.get(first), adopted.get(second)),
    )  # fmt: skip


def template(config: Config, name: str) -> Purpose:
    """A generic purpose, adopted or not. Raises :class:`UsageError`."""
    if name in config.purposes:
        return config.purposes[name]
    path = config.folder / "purposes" / f"{name}.yaml"
    if not SLUG.fullmatch(name) or not path.is_file():
        known = sorted(p.stem for p in (config.folder / "purposes").glob("*.yaml"))
        raise UsageError(f"there is no purpose `{name}` (purposes/{name}.yaml). {did_you_mean(name, known)}")
    return yamlfile.load(Purpose, path, f"{config.folder.name}/purposes/{name}.yaml")[0]


def _lacking(cards: Mapping[str, Card], purpose: Purpose, delivered: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Indicator → inputs that no source delivers, of those a purpose names."""
    found: dict[str, list[str]] = {}
    for name in purpose.indicators:
        if name not in cards:
            found[name] = ["card"]
            continue
        for given in cards[name].inputs.values():
            if given.from_ != (SEVERITY,) and not any(_there(reference, delivered) for reference in given.from_):
                found.setdefault(name, []).append(" | ".join(given.from_))
    return found


def _there(reference: str, delivered: Mapping[str, tuple[str, ...]]) -> bool:
    from schemas.datasets import DATASETS

    dataset, _, measure = reference.partition(".")
    if dataset not in delivered:
        return False
    contract = DATASETS.get(dataset)
    groups: Any = contract.groups(measure) if contract else [(measure,)]
    return any(set(group) <= set(delivered[dataset]) for group in groups)


def _new_audience(a: Adoption | None, b: Adoption | None) -> list[str]:
    return [role for role in b.audience if role not in a.audience] if a and b else []


def _changes(a: Purpose, b: Purpose, first: Adoption | None, second: Adoption | None) -> dict[str, list[str]]:
    """What else differs: key → what the first and the second say."""
    found = {"k_floor": [str(a.k_floor), str(b.k_floor)]}
    if first and second:
        found |= {
            "k": [str(first.k), str(second.k)], "retention": [format_duration(first.retention), format_duration(second.retention)],
            "legal_basis": [first.legal_basis, second.legal_basis], "audience": [", ".join(first.audience), ", ".join(second.audience)],
        }  # fmt: skip
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}
