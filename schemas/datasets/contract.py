"""What a standard dataset promises: its measures, its contract version and its stated quality requirements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandera.pandas as pa

from schemas import vocabulary


@dataclass(frozen=True)
class Quality:
    """Requirements a delivery is measured against. ``plausible``: counts per measure and minute above which a row is refused."""

    cadence_max: timedelta
    completeness: float
    delay_max: timedelta
    plausible_per_minute: float
    fit_for: tuple[str, ...]
    not_fit_for: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """A standard dataset. ``exclusive``: groups of measures of which a source may deliver one only.

    ``sums`` names derived measures a card may use: each is the sum of the first of its groups that is delivered.
    """

    name: str
    version: str
    place_kinds: tuple[str, ...]
    measures: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...]
    sums: dict[str, tuple[tuple[str, ...], ...]]
    quality: Quality
    meaning_nl: str
    meaning_en: str

    @property
    def major(self) -> int:
        """Major version: a source names the one it delivers."""
        return int(self.version.split(".")[0])

    def schema(self, measures: tuple[str, ...], interval: timedelta) -> pa.DataFrameSchema:
        """Pandera schema of the frame after mapping: one row per place and interval, the given measures as nullable integers.

        Columns: ``place`` (str), ``interval_start`` and ``interval_end`` (UTC), then one Int64 column a measure.
        """
        minutes = interval.total_seconds() / 60
        top = int(self.quality.plausible_per_minute * minutes) if self.is_flow else int(self.quality.plausible_per_minute)
        checks = [
            pa.Check.ge(0, name="not_negative", error="a count below zero"),
            pa.Check.le(top, name="plausible", error=f"more than {top}, the plausible maximum of the dataset"),
        ]
        counts = {m: pa.Column("Int64", checks, nullable=True, required=True) for m in measures}
        return pa.DataFrameSchema(
            {"place": pa.Column(str, nullable=False), "interval_start": pa.Column(nullable=False), **counts},
            strict=False,
            coerce=False,
        )

    @property
    def is_flow(self) -> bool:
        """Whether its measures are flows (summed over time) rather than stocks."""
        return vocabulary.columns()[self.measures[0]].kind == "flow"
