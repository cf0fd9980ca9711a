"""How a supplier's stamps become UTC intervals."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.settings.base import Interval, Strict, format_duration

# What both DuckDB and Python read; the forms with a dash are the unpadded ones.
_DIRECTIVES = re.compile(r"%(-?.?)")
_KNOWN_DIRECTIVES = {*"YymbBdHIMSfgnpjzaAuw%", *(f"-{c}" for c in "ymdHIMSj")}
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}


def _time_format(value: str) -> str:
    if value in EPOCHS:
        return value
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


def one_group(value: str) -> str:
    """A regular expression with one group, without the look-arounds and back references that a database does not know."""
    if re.search(r"\(\?(?!P<|:)|\\[1-9]", value):
        raise ValueError(f"`{value}` is not a pattern that can be used here | Leave out look-arounds and back references.")
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"`{value}` is not a pattern ({error.msg}) | Write for example ^(\\d\\d:\\d\\d) -.") from None
    if groups != 1:
        raise ValueError(f"`{value}` has {groups} groups where one is needed | Put brackets round the part that counts.")
    return value


TimeFormat = Annotated[str, AfterValidator(_time_format)]
ZoneName = Annotated[str, AfterValidator(_zone_name)]
SlotLength = Annotated[Interval, AfterValidator(_divides_an_hour)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Pattern = Annotated[str, AfterValidator(one_group)]


class Fold(Strict):
    """A column that tells the two times of a repeated hour apart: by its texts, such as a mark for summer and for winter time."""

    column: str
    first: tuple[str, ...] = Field(min_length=1)
    second: tuple[str, ...] = Field(min_length=1)


class OperatingDay(Strict):
    """A day that begins at ``starts``: what is dated 20 June runs on into the night of the 21st.

    ``hours``: ``clock`` writes that night as 00:15, ``running`` counts on past midnight as 24:15.
    """

    starts: ClockTime
    hours: Literal["clock", "running"]


class Time(Strict):
    """How a stamp becomes a UTC interval.

    ``columns`` are joined with a space before ``format`` (strptime, or ``epoch_s``, ``epoch_ms``) reads them; from a column
    under ``extract`` only the group of a pattern is taken, and ``replace`` puts texts in place of others (``mrt: Mar``). A stamp
    that several formats read differently (01/02) is refused. ``clock``: ``local`` naive wall clock of ``timezone``; ``offset``
    carries its own; ``utc``. An hour the autumn clock repeats is read as ``first`` or ``second`` time, ``in_order`` of the rows,
    by a column, or refused; a stamp the spring clock skips is refused, or filtered as ``filler``. ``index``: a column that says
    how many intervals after the stamp. ``jitter``: a stamp off a whole interval is refused, drawn to the nearest one when it
    lies within the given time, or put in the interval that is ``containing`` it.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    format: TimeFormat | Annotated[tuple[TimeFormat, ...], Field(min_length=1)]
    extract: dict[str, Pattern] = Field(default_factory=dict)
    replace: dict[str, str] = Field(default_factory=dict)
    stamps: Literal["start", "end"] = "start"
    clock: Literal["local", "offset", "utc"]
    timezone: ZoneName | None = None
    repeated: Literal["first", "second", "in_order", "refuse"] | Fold = "refuse"
    skipped: Literal["refuse", "filler"] = "refuse"
    operating_day: OperatingDay | None = None
    index: str | None = None
    jitter: Literal["refuse", "containing"] | Interval = "refuse"

    @model_validator(mode="after")
    def _zone(self) -> Time:
        if (self.clock == "local") != (self.timezone is not None):
            raise ValueError("timezone goes with clock: local, and only there | Add or remove `timezone:`.")
        if any(f in EPOCHS for f in self.formats) and self.clock != "utc":
            raise ValueError("seconds since 1970 are UTC | Write `clock: utc`.")
        if set(self.extract) - set(self.columns):
            raise ValueError("extract names a column that is no time column | Add it to `columns:` or take it out.")
        if self.operating_day and self.clock != "local":
            raise ValueError("an operating day goes with a local clock | Write `clock: local` and `timezone:`.")
        return self

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats, one or several."""
        return (self.format,) if isinstance(self.format, str) else self.format


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
