"""What a standard dataset promises: its measures, its contract version and its stated quality requirements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import pandera.pandas as pa

from schemas import vocabulary

How = Literal["sum", "balance", "drift", "share", "busiest_share", "hoover", "classes"]
Over = Literal["own", "into", "out_of", "with_plan", "against_plan", "through", "parts", "approach"]


@dataclass(frozen=True)
class Quality:
    """Requirements a delivery is measured against.

    ``plausible``: per measure the value above which a row is refused, for a flow a minute.
    """

    cadence_max: timedelta
    completeness: float
    delay_max: timedelta
    plausible: Mapping[str, float]
    fit_for: tuple[str, ...]
    not_fit_for: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Derived:
    """A measure worked out from delivered ones, which a card names like any other.

    ``groups``: measures that are added up; the first group of which a source delivers all counts. ``over``: at which places
    they are looked up (``own``: the place itself; ``into``, ``out_of``: a zone's declared lines or relations, by direction;
    ``with_plan``, ``against_plan``: a line's direction that goes with, against its plan; ``through``: the whole border;
    ``parts``: the places an area consists of; ``approach``: the zone in front of a line). ``how`` is what becomes of them.
    ``per``: an attribute of the place looked up that divides (``approach``) or, with ``classes``, multiplies the bounds.
    ``of``: for a share the measures above the line.
    """

    groups: tuple[tuple[str, ...], ...]
    kind: Literal["stock", "flow", "ratio"]
    unit: str
    place_kinds: tuple[str, ...]
    over: Over = "own"
    how: How = "sum"
    per: str | None = None
    of: tuple[str, ...] = ()
    classes: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    nl: str = ""
    en: str = ""


@dataclass(frozen=True)
class Contract:
    """A standard dataset. ``exclusive``: groups of measures of which a source may deliver one only. ``codes``: the numbers a
    measure of kind ``class`` may have.

    ``derived`` names what a card may use beside the delivered measures. ``sporadic``: rows come when somebody reports, so that
    none is expected and none is missing; a row then holds for ``holds``.
    """

    name: str
    version: str
    place_kinds: tuple[str, ...]
    measures: tuple[str, ...]
    quality: Quality
    meaning_nl: str
    meaning_en: str
    exclusive: tuple[tuple[str, ...], ...] = ()
    codes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)
    sporadic: bool = False
    holds: timedelta = timedelta(0)

    def groups(self, measure: str) -> tuple[tuple[str, ...], ...]:
        """The groups of delivered measures behind a name: of a derived one those it adds up, else the measure itself."""
        return self.derived[measure].groups if measure in self.derived else ((measure,),)

    def kind_of(self, measure: str) -> str | None:
        """Kind (rule 1) of a delivered or derived measure; None when the contract has no such name."""
        if measure in self.derived:
            return self.derived[measure].kind
        return vocabulary.columns()[measure].kind if measure in self.measures else None

    def unit_of(self, measure: str) -> str:
        """Unit of a delivered or derived measure."""
        return self.derived[measure].unit if measure in self.derived else vocabulary.columns()[measure].unit

    def counts_persons(self, measure: str) -> bool:
        """Whether k can withhold it (rule 7): it is made of counts of persons, or a mean over them."""
        words = vocabulary.columns()
        parts = [words[part] for group in self.groups(measure) for part in group]
        return any(c.counts == "person" or any(words[s].counts == "person" for s in c.support) for c in parts)

    def kinds_with(self, measure: str) -> tuple[str, ...]:
        """The kinds of place that have the measure."""
        return self.derived[measure].place_kinds if measure in self.derived else self.place_kinds

    @property
    def names(self) -> tuple[str, ...]:
        """Everything a card may name: delivered, then derived."""
        return (*self.measures, *self.derived)

    @property
    def major(self) -> int:
        """Major version: a source names the one it delivers."""
        return int(self.version.split(".")[0])

    def schema(self, measures: tuple[str, ...], interval: timedelta) -> pa.DataFrameSchema:
        """Pandera schema of the frame after mapping: one row per place and interval, the given measures as nullable numbers.

        Columns: ``place`` (str), ``interval_start`` and ``interval_end`` (UTC), then a column a measure, Int64 for counts and
        codes, float64 for means.
        """
        columns = {m: pa.Column(dtype_of(m), self._checks(m, interval), nullable=True, required=True) for m in measures}
        return pa.DataFrameSchema(
            {"place": pa.Column(str, nullable=False), "interval_start": pa.Column(nullable=False), **columns},
            strict=False,
            coerce=False,
        )

    def _checks(self, measure: str, interval: timedelta) -> list[pa.Check]:
        if measure in self.codes:
            known = self.codes[measure]
            named = ", ".join(map(str, known))
            told = f"not one of the classes of the dataset ({named}); name what means no value in `sentinels:`"
            return [pa.Check.isin(known, name="unknown_class", error=told)]
        minutes = interval.total_seconds() / 60
        most = self.quality.plausible[measure] * (minutes if vocabulary.columns()[measure].kind == "flow" else 1)
        top = int(most) if dtype_of(measure) == "Int64" else most
        return [
            pa.Check.ge(0, name="not_negative", error="a number below zero"),
            pa.Check.le(
                top, name="plausible", error=f"more than {top:g}, the plausible maximum of the dataset (is it in another unit?)"
            ),
        ]


def support_of(measure: str, measures: Iterable[str]) -> tuple[str, ...]:
    """Of the measures a source delivers, those that say how many are behind a mean; empty for a measure that is no mean."""
    return tuple(m for m in measures if m in vocabulary.columns()[measure].support)


def dtype_of(measure: str) -> str:
    """Pandas type of a measure: counts and codes are whole, means are not."""
    return "Int64" if vocabulary.columns()[measure].type == "BIGINT" else "float64"
