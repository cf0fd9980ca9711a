"""A source declaration: how a supplier's layout becomes a standard dataset, without code."""

from __future__ import annotations

import codecs
import re
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from schemas.settings.base import Interval, Slug, Strict, Text, format_duration

# What both DuckDB and Python read; the forms with a dash are the unpadded ones.
_DIRECTIVES = re.compile(r"%(-?.?)")
_KNOWN_DIRECTIVES = {*"YymbBdHIMSfgnpjzaAuw%", *(f"-{c}" for c in "ymdHIMSj")}


def _time_format(value: str) -> str:
    unknown = [found for found in _DIRECTIVES.findall(value) if found not in _KNOWN_DIRECTIVES]
    if unknown or "%" not in value:
        told = f"`%{unknown[0]}` is not known" if unknown else "it holds no %-directive"
        raise ValueError(f"`{value}` is not a time format: {told} | Write for example %Y-%m-%d %H:%M:%S.")
    return value


def _zone_name(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"`{value}` is not an IANA time zone | Write for example Europe/Amsterdam.")
    return value


def _divides_an_hour(value: timedelta) -> timedelta:
    if 3600 % value.total_seconds():
        raise ValueError(f"{format_duration(value)} does not divide an hour | Choose for example 5min, 15min or 1h.")
    return value


TimeFormat = Annotated[str, AfterValidator(_time_format)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
SlotLength = Annotated[Interval, AfterValidator(_divides_an_hour)]


class Csv(Strict):
    """A delimited text file. Without a header, ``columns`` names all columns in order."""

    format: Literal["csv"]
    header: bool = True
    columns: tuple[str, ...] | None = None
    # A tab is white space, which other settings lose at their ends.
    delimiter: Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"`{value}` is not a known encoding | Write for example utf-8, cp1252 or utf-16.") from None
        return value

    @model_validator(mode="after")
    def _named(self) -> Csv:
        if not self.header and not self.columns:
            raise ValueError("header: false without columns | Name all columns of the file in order.")
        return self


class Parquet(Strict):
    """An Apache Parquet file; nested columns are screened by their leaf names."""

    format: Literal["parquet"]


Reader = Annotated[Csv | Parquet, Field(discriminator="format")]


class Time(Strict):
    """How a stamp becomes a UTC interval.

    ``columns`` are joined with a space before ``format`` (strptime) reads them. ``clock``: ``local`` naive wall
    clock of ``timezone``; ``offset`` carries its own; ``utc``. An hour the autumn clock repeats is read as
    ``first`` or ``second`` time, ``in_order`` of the rows, or refused; a stamp the spring clock skips is refused,
    or filtered as ``filler``.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    format: TimeFormat
    stamps: Literal["start", "end"] = "start"
    clock: Literal["local", "offset", "utc"]
    timezone: ZoneName | None = None
    repeated: Literal["first", "second", "in_order", "refuse"] = "refuse"
    skipped: Literal["refuse", "filler"] = "refuse"

    @model_validator(mode="after")
    def _zone(self) -> Time:
        if (self.clock == "local") != (self.timezone is not None):
            raise ValueError("timezone goes with clock: local, and only there | Add or remove `timezone:`.")
        return self


class SourcePlace(Strict):
    """Which of our places a supplier's id is. Key on a stable id, not on a name."""

    columns: tuple[str, ...] = Field(min_length=1, description="joined with '|' before the map is read")
    map: dict[str, Slug]
    unmapped: Literal["refuse", "filter"] = "refuse"


class Measure(Strict):
    """The raw column in which a measure of the dataset stands.

    ``sentinels``: texts that mean "no value" in this column only: 7 is no data as an occupancy status, and a count elsewhere.
    ``classes``: the class that a text stands for, where a supplier writes words (``VOL: 1``).
    """

    column: str
    sentinels: tuple[str, ...] = ()
    classes: dict[str, int] = Field(default_factory=dict)


class Unpivot(Strict):
    """Wide to long: each of ``columns`` becomes a row, a text of our choice in ``name_to``, its cell in ``value_to``."""

    columns: dict[str, str] = Field(min_length=1, description="source column → text put in name_to")
    name_to: str
    value_to: str


class Pivot(Strict):
    """Long to wide within a place and interval: rows whose ``column`` has a named value give that measure."""

    column: str
    values: dict[str, str] = Field(min_length=1, description="value in the column → measure name")
    value_from: str


class Filter(Strict):
    """Rows kept: ``column`` holds one of ``equals``. The rest count as filtered, not refused."""

    column: str
    equals: tuple[str, ...] = Field(min_length=1)


class Outage(Strict):
    """A column by which the supplier itself declares an outage for a row."""

    column: str
    equals: tuple[str, ...] = Field(min_length=1)


class AbsentIsZero(Strict):
    """Rule 6: an absent row is zero inside a delivery's span, while the place has a row within ``max_zero_run``."""

    max_zero_run: Interval


class IssuedAt(Strict):
    """Where a delivery says when it was issued (rule 10). A file-name ``pattern`` has one group, read by ``format``."""

    from_: Literal["file_name", "column"] = Field(alias="from")
    pattern: str | None = None
    column: str | None = None
    format: TimeFormat
    clock: Literal["local", "offset", "utc"]
    timezone: ZoneName | None = None

    @model_validator(mode="after")
    def _where(self) -> IssuedAt:
        if (self.from_ == "file_name") != (self.pattern is not None) or (self.from_ == "column") != (self.column is not None):
            raise ValueError("give pattern with from: file_name, column with from: column | Keep the one that fits.")
        if (self.clock == "local") != (self.timezone is not None):
            raise ValueError("timezone goes with clock: local, and only there | Add or remove `timezone:`.")
        return self


class Source(Strict):
    """``config/sources/<id>.yaml``. Every column of the file is mapped, or listed in ``ignore``; else the gate closes.

    ``files`` is a glob below the data folder. ``interval`` is the cadence of the stamps, ``delay`` the supplier's
    stated delay after the end of an interval, ``rank`` the precedence among sources of one place (lowest counts).
    ``issued_at: none`` says that the supplier does not state it: rule 22 then does not hold for the source.
    ``sentinels`` are texts that mean "no value" (the cell is missing, not refused).
    """

    source: Slug
    title: Text
    supplier: str
    licence: str
    dataset: str
    contract: int = Field(ge=1, description="major version of the dataset contract")
    files: str
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
    sentinels: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    absent: Literal["missing"] | AbsentIsZero = "missing"
    delay: Interval
    issued_at: Literal["none"] | IssuedAt
    rank: int = Field(ge=1)
    aggregate_to: SlotLength | None = None

    @field_validator("files")
    @classmethod
    def _below_the_data(cls, value: str) -> str:
        if value.startswith("/") or ".." in value.split("/"):
            raise ValueError("the pattern leaves the data folder | Write it relative to that folder, without `..`.")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Source:
        if bool(self.measures) == (self.pivot is not None):
            raise ValueError("give either measures or pivot | measures: one column each; pivot: rows by a column's value.")
        if self.aggregate_to and self.aggregate_to.total_seconds() % self.interval.total_seconds():
            raise ValueError("aggregate_to is not a multiple of interval | Choose a multiple.")
        if self.aggregate_to and self.statistic == "mean":
            raise ValueError("aggregate_to together with statistic: mean | Means do not add up: keep the source's own interval.")
        if self.aggregate_to and self.absent != "missing":
            raise ValueError("aggregate_to together with absent zeros | A missing part of a slot could not be told from zero.")
        return self

    @property
    def stored_interval(self) -> Interval:
        """Length of the intervals that are kept: ``aggregate_to``, else the source's own."""
        return self.aggregate_to or self.interval

    def declared_columns(self) -> set[str]:
        """Every column of the raw file that the declaration names, mapped or ignored."""
        names = {*self.time.columns, *self.place.columns, *self.ignore, *(m.column for m in self.measures.values())}
        names |= {f.column for f in self.filter}
        if self.pivot:
            names |= {self.pivot.column, self.pivot.value_from}
        if self.unpivot:
            names = (names - {self.unpivot.name_to, self.unpivot.value_to}) | set(self.unpivot.columns)
        if self.outage:
            names.add(self.outage.column)
        if isinstance(self.issued_at, IssuedAt) and self.issued_at.column:
            names.add(self.issued_at.column)
        return names
