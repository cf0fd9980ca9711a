"""Which sources of a municipality can feed an input of a card, in order of precedence (rule 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from schemas import vocabulary
from schemas.config import Config
from schemas.datasets import DATASETS, Derived
from schemas.settings import Source


@dataclass(frozen=True)
class Given:
    """What one source gives to a feed: the delivered measures that are looked up, at what pace and with what precedence."""

    source: str
    measures: tuple[str, ...]
    step_minutes: int
    delay: timedelta
    rank: int


@dataclass(frozen=True)
class Feed:
    """One way to an input: a measure of a dataset, delivered or ``derived``, from one source, or over places from several.

    ``position`` is its place in the card's ``from``: the first that is known counts, then the lowest rank. ``sporadic`` feeds
    come when somebody reports, and each report holds for ``holds``. ``least``: of several sources behind it, the coverage from
    which on a slot can be computed with.
    """

    dataset: str
    measure: str
    given: tuple[Given, ...]
    position: int
    derived: Derived | None = None
    sporadic: bool = False
    holds: timedelta = timedelta(0)
    least: float = 1.0

    @property
    def source(self) -> str:
        """The source's id; of several the ids joined with ``+``, most trusted first."""
        return "+".join(g.source for g in self.given)

    @property
    def sources(self) -> tuple[str, ...]:
        """Ids of the sources."""
        return tuple(g.source for g in self.given)

    @property
    def step_minutes(self) -> int:
        """The finest pace at which it comes."""
        return min(g.step_minutes for g in self.given)

    @property
    def delay(self) -> timedelta:
        """The longest stated delay."""
        return max(g.delay for g in self.given)

    @property
    def rank(self) -> int:
        """The best rank among its sources."""
        return min(g.rank for g in self.given)

    @property
    def over_places(self) -> bool:
        """Whether a slot is worked out from other places, or from the place's attributes: see :mod:`pipelines.slots.members`."""
        return self.derived is not None and (self.derived.over != "own" or self.derived.how != "sum")

    @property
    def reach(self) -> timedelta:
        """How long after its own slot an observation still has a say."""
        if self.derived and self.derived.how in ("balance", "drift"):
            return timedelta(hours=24 if self.derived.how == "balance" else 48)
        return self.holds


def kind_of(measure: str) -> str:
    """Kind of a delivered measure (rule 1): how finer intervals come up to a slot."""
    kind = vocabulary.columns()[measure].kind
    assert kind is not None, f"{measure} is not a measure"
    return kind


def delivered_measures(source: Source) -> tuple[str, ...]:
    """Measures that a source declares, in the order of its dataset."""
    declared = set(source.measures) | set(source.pivot.values.values() if source.pivot else ())
    return tuple(m for m in DATASETS[source.dataset].measures if m in declared)


def feeds(config: Config, references: tuple[str, ...], least: float = 1.0) -> list[Feed]:
    """The feeds of an input ``from: [dataset.measure, …]`` in a municipality, first choice first.

    A measure of the place itself has a feed per source; one worked out over places has one feed of all sources together, since
    each of the places counts with its own best source: the most trusted whose slot is covered by ``least`` (decision 0020).
    """
    found = []
    for position, reference in enumerate(references):
        dataset, measure = reference.split(".")
        contract = DATASETS.get(dataset)
        if contract is None:
            continue
        given = [g for s in config.sources.values() if s.dataset == dataset and (g := _given(s, contract.groups(measure)))]
        given.sort(key=lambda g: (g.rank, g.source))
        derived = contract.derived.get(measure)
        parts = [tuple(given)] if derived and derived.over != "own" else [(g,) for g in given]
        found += [
            Feed(dataset, measure, p, position, derived, contract.sporadic, contract.holds, least if len(p) > 1 else 1.0)
            for p in parts if p
        ]  # fmt: skip
    return sorted(found, key=lambda f: (f.position, f.rank, f.source))


def _given(source: Source, groups: tuple[tuple[str, ...], ...]) -> Given | None:
    has = set(delivered_measures(source))
    group = next((g for g in groups if set(g) <= has), None)
    if group is None:
        return None
    return Given(source.source, group, int(source.stored_interval.total_seconds() // 60), source.delay, source.rank)
