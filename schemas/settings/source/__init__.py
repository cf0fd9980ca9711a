"""A source declaration: how a supplier's layout becomes a standard dataset, without code."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.mistakes import did_you_mean
from schemas.settings.base import Interval, Slug, Strict, Text
from schemas.settings.source.corrections import Correction, Guard, Sum
from schemas.settings.source.measures import (
    AbsentIsZero,
    Cumulative,
    Few,
    Filter,
    Mark,
    Measure,
    Outage,
    Pivot,
    Sentinels,
    SourcePlace,
    Unpivot,
    Uptime,
    meanings,
)
from schemas.settings.source.reading import Csv, Endpoint, Json, Packed, Parquet, Reader, file_pattern
from schemas.settings.source.time import Fold, IssuedAt, SlotLength, Time

__all__ = [
    "AbsentIsZero", "Correction", "Csv", "Cumulative", "Endpoint", "Few", "Filter", "Fold", "Guard", "IssuedAt", "Json", "Mark", "Measure", "Outage",
    "Packed", "Parquet", "Pivot", "Reader", "Source", "SourcePlace", "Sum", "Time", "Unpivot", "Uptime", "meanings",
]  # fmt: skip


class Source(Strict):
    """``config/sources/<id>.yaml``. Every column of the file is mapped, or listed in ``ignore``; else the gate closes.

    ``files`` is a glob below the data folder, or in an object store (``s3://…``); or an ``endpoint`` is asked. ``interval`` is
    the cadence of the stamps, ``delay`` the supplier's stated delay after the end of an interval, ``rank`` the precedence among
    sources of one place (lowest counts). ``issued_at: none`` says that the supplier does not state it: rule 22 then does not
    hold for the source. ``sentinels`` are texts that are no number, each with its meaning (a bare list: missing); ``marks`` are
    columns that say what the numbers beside them are worth.
    """

    source: Slug
    title: Text
    supplier: str
    licence: str
    dataset: str
    contract: int = Field(ge=1, description="major version of the dataset contract")
    files: Annotated[str, AfterValidator(file_pattern)] | None = None
    endpoint: Endpoint | None = None
    packed: Packed | None = None
    reader: Reader
    time: Time
    interval: SlotLength
    place: SourcePlace
    measures: dict[str, Measure] = Field(default_factory=dict)
    unpivot: Unpivot | None = None
    pivot: Pivot | None = None
    statistic: Literal["instant", "mean", "max"] | None = None
    filter: tuple[Filter, ...] = ()
    outage: Outage | None = None
    marks: tuple[Mark, ...] = ()
    uptime: Uptime | None = None
    sentinels: Sentinels = ()
    ignore: tuple[str, ...] = ()
    absent: Literal["missing"] | AbsentIsZero = "missing"
    delay: Interval
    issued_at: Literal["none"] | IssuedAt
    rank: int = Field(ge=1)
    aggregate_to: SlotLength | None = None
    corrections: tuple[Correction, ...] = ()
    sums: tuple[Sum, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        if (self.files is None) == (self.endpoint is None):
            raise ValueError("give either files or endpoint | files: a pattern of names; endpoint: a web address that answers.")
        if self.pivot is None and not self.measures:
            raise ValueError("give either measures or pivot | measures: one column each; pivot: rows by a column's value.")
        columns = [name for name, m in self.measures.items() if bool(m.columns) == (self.pivot is not None)]
        if columns:
            fix = "Take `column:` out: the rows say it." if self.pivot else "Name its `column:`."
            raise ValueError(f"measure {columns[0]} {'has' if self.pivot else 'lacks'} a column | {fix}")
        if self.pivot and set(self.measures) - set(self.pivot.values.values()):
            raise ValueError("measures names one that pivot does not give | Add it to `pivot.values:` or take it out.")
        if self.aggregate_to and self.aggregate_to.total_seconds() % self.interval.total_seconds():
            raise ValueError("aggregate_to is not a multiple of interval | Choose a multiple.")
        if self.aggregate_to and self.statistic == "mean":
            raise ValueError("aggregate_to together with statistic: mean | Means do not add up: keep the source's own interval.")
        if self.aggregate_to and self.absent != "missing":
            raise ValueError("aggregate_to together with absent zeros | A missing part of a slot could not be told from zero.")
        return self

    @model_validator(mode="after")
    def _timely(self) -> Source:
        jitter = self.time.jitter
        if not isinstance(jitter, str) and jitter * 2 >= self.interval:
            raise ValueError("jitter reaches half an interval | The nearest whole interval would be a guess: lower it.")
        if self.time.stamps == "start" and any(m.cumulative for m in self.measures.values()):
            raise ValueError("a running counter is read at the end of an interval | Write `stamps: end` under `time:`.")
        return self

    @model_validator(mode="after")
    def _correctable(self) -> Source:
        seen: set[str] = set()
        for number, entry in enumerate(self.corrections):
            unknown = [m for m in (*entry.measures, *(entry.swap or ())) if m not in self.measure_names]
            if unknown:
                fix = did_you_mean(unknown[0], self.measure_names)
                raise ValueError(f"corrections.{number}: the source has no measure `{unknown[0]}` | {fix}")
            columns = [c for c in entry.swap_columns or () if c not in self.mapped_columns()]
            if columns:
                fix = did_you_mean(columns[0], self.mapped_columns())
                raise ValueError(f"corrections.{number}: no column `{columns[0]}` is read | {fix}")
            if entry.correction in seen:
                raise ValueError(f"corrections.{number}: `{entry.correction}` stands twice | Give each its own name.")
            seen.add(entry.correction)
        return self

    @property
    def stored_interval(self) -> Interval:
        """Length of the intervals that are kept: ``aggregate_to``, else the source's own."""
        return self.aggregate_to or self.interval

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The measures it delivers, in the order they are declared."""
        return tuple(dict.fromkeys(self.pivot.values.values())) if self.pivot else tuple(self.measures)

    def measure(self, name: str) -> Measure:
        """How a measure is to be read; without units where a pivot alone gives it."""
        return self.measures.get(name) or Measure()

    def declared_columns(self) -> set[str]:
        """Every column of the raw file that the declaration names, mapped or ignored; see :meth:`declares` for patterns."""
        return self.mapped_columns() | set(self.ignore)

    def mapped_columns(self) -> set[str]:
        """The columns of the raw file that the declaration names and uses."""
        names = {*self.time.columns, *self.place.columns, *(c for m in self.measures.values() for c in m.columns)}
        names |= {f.column for f in self.filter} | {m.column for m in self.marks}
        names |= {m.other for m in self.measures.values() if m.other}
        if self.pivot:
            names |= {self.pivot.column, self.pivot.value_from}
        names |= {self.outage.column} if self.outage else set()
        names |= {self.uptime.column} if self.uptime else set()
        names |= {self.time.repeated.column} if isinstance(self.time.repeated, Fold) else set()
        if isinstance(self.issued_at, IssuedAt) and self.issued_at.column:
            names.add(self.issued_at.column)
        names |= {self.time.index} if self.time.index else set()
        names |= {column for declared in self.sums for column in (declared.total, *declared.parts)}
        if self.unpivot:
            names = (names - self.made_columns()) | set(self.unpivot.columns)
        return names

    def made_columns(self) -> set[str]:
        """Columns that stand in no file: unpivoting makes them."""
        if self.unpivot is None:
            return set()
        named = {self.unpivot.name_to} if self.unpivot.name_to else set(re.compile(self.unpivot.pattern or "").groupindex)
        return {*named, self.unpivot.value_to}

    def unpivoted(self, name: str) -> bool:
        """Whether a column of the file is one that ``unpivot`` takes apart."""
        if self.unpivot is None:
            return False
        return name in self.unpivot.columns or bool(self.unpivot.pattern and re.fullmatch(self.unpivot.pattern, name))

    def declares(self, name: str) -> bool:
        """Whether the declaration says what a column of the file is."""
        return name in self.declared_columns() or self.unpivoted(name)
