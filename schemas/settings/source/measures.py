"""Where a dataset's measures stand in a supplier's columns, in which unit, and what the texts that are no number mean."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import Field, field_validator, model_validator

from schemas.settings.base import Interval, Slug, Strict
from schemas.settings.source.time import ClockTime

Meaning = Literal["missing", "outage", "invalid", "not_applicable", "suppressed"]


class Few(Strict):
    """A text by which the supplier withholds a small number itself: at most ``suppressed``."""

    suppressed: int = Field(ge=1)


Sentinels = tuple[str, ...] | dict[str, Meaning | Few]


def meanings(sentinels: Sentinels) -> dict[str, Meaning | Few]:
    """Text → what it means; a bare list of texts means missing. The empty text is an empty cell."""
    return dict(sentinels) if isinstance(sentinels, dict) else dict.fromkeys(sentinels, "missing")


class Share(Strict):
    """The column is a part ``of_one: 1`` (or 100, for per cents) of what stands in ``column``."""

    column: str
    of_one: Literal[1, 100]


class Cumulative(Strict):
    """The column is the reading of a counter that runs on; the measure is what came since the reading one interval before.

    ``resets_at``: the local time at which it starts from 0 each day. ``wraps_at``: the number at which it goes on from 0. A
    reading that fell otherwise is refused. The first reading of a delivery, and one after a gap, measure nothing.
    """

    resets_at: ClockTime | None = None
    wraps_at: int | None = Field(default=None, ge=2)


class Hours(Strict):
    """A stretch of the local clock, possibly over midnight."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime


class Measure(Strict):
    """The raw column in which a measure of the dataset stands; several columns are added up.

    ``sentinels``: texts that mean "no value" in this column only: 7 is no data as an occupancy status, and a count elsewhere.
    ``classes``: the class that a text stands for, where a supplier writes words (``VOL: 1``). Units: a number ``times`` ÷
    ``over``; a rate ``per`` so long (vehicles an hour); what is left (``free_of``) of a column's total; a ``share_of`` one.
    ``round``: a count that comes out broken is rounded (half up), else refused. ``cumulative``: the reading of a counter that
    runs on. ``false_zero``: hours in which a 0 only says that the sensor sees nothing: missing.
    """

    column: str | tuple[str, ...] = Field(default=(), description="left out where `pivot` says which rows hold the measure")
    sentinels: Sentinels = ()
    classes: dict[str, int] = Field(default_factory=dict)
    times: int = Field(default=1, ge=1, le=10_000)
    over: int = Field(default=1, ge=1, le=1_000_000)
    per: Interval | None = None
    free_of: str | None = None
    share_of: Share | None = None
    round: bool = False
    cumulative: Cumulative | None = None
    false_zero: Hours | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose sum it is; none where rows are told apart by ``pivot``."""
        return (self.column,) if isinstance(self.column, str) else self.column

    @property
    def other(self) -> str | None:
        """The column whose number this one is taken from, or is a share of."""
        return self.share_of.column if self.share_of else self.free_of

    def factor(self, interval: Interval) -> Fraction:
        """What a number is multiplied by to come to the unit of the dataset, in an interval of a length."""
        rate = Fraction(int(interval.total_seconds()), int(self.per.total_seconds())) if self.per else Fraction(1)
        whole = self.share_of.of_one if self.share_of else 1
        return Fraction(self.times, self.over * whole) * rate

    @model_validator(mode="after")
    def _one_way(self) -> Measure:
        if self.free_of and self.share_of:
            raise ValueError("free_of together with share_of | Keep the one that fits.")
        if self.classes and (self.times, self.over, self.per, self.other) != (1, 1, None, None):
            raise ValueError("classes together with a unit | A class is a code, not a number: take the unit out.")
        if self.cumulative and self.other:
            raise ValueError("cumulative together with free_of or share_of | A running count is of one column.")
        return self


class Unpivot(Strict):
    """Wide to long: each cell of several columns becomes a row of its own, with the cell in ``value_to``.

    ``columns``: source column → text put in ``name_to``. Or ``pattern``: the columns whose whole name fits, with what its named
    groups found put in columns of those names: ``R(?P<direction>[12])H(?P<hour>[0-9]{2})``.
    """

    columns: dict[str, str] = Field(default_factory=dict, description="source column → text put in name_to")
    name_to: str | None = None
    pattern: str | None = None
    value_to: str

    @field_validator("pattern")
    @classmethod
    def _with_names(cls, value: str | None) -> str | None:
        import re

        try:
            named = value is None or bool(re.compile(value).groupindex)
        except re.error as error:
            raise ValueError(f"not a pattern ({error.msg}) | Write for example H(?P<hour>[0-9]{{2}}).") from None
        if not named:
            raise ValueError("no named group | Write (?P<hour>[0-9]{2}) for the part that is kept, and use `hour` as a column.")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Unpivot:
        if bool(self.columns) == (self.pattern is not None) or bool(self.columns) != (self.name_to is not None):
            raise ValueError("give columns with name_to, or pattern | columns: each named; pattern: by the form of their names.")
        return self


class Pivot(Strict):
    """Long to wide within a place and interval: rows whose ``column`` has a named value give that measure.

    Units and sentinels of its own go under ``measures``, without a column.
    """

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


class Mark(Strict):
    """A column that says what the numbers of a row are worth: with one of ``equals``, or a number under ``below`` or over ``above``,
    the ``measures`` (all, unless named) are not what they seem but what they ``mean``. An empty mark marks nothing, unless
    ``empty_too``.
    """

    column: str
    equals: tuple[str, ...] = ()
    below: float | None = None
    above: float | None = None
    empty_too: bool = False
    means: Literal["missing", "outage", "invalid", "not_applicable"]
    measures: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Mark:
        if not self.equals and self.below is None and self.above is None and not self.empty_too:
            raise ValueError("a mark without a condition | Give equals, below, above or empty_too.")
        return self


class Uptime(Strict):
    """The share of the interval (0–1) that a sensor really counted, by which the supplier has scaled its counts up.

    k then applies to what was really counted: count × uptime (rule 7), and a withheld count has bounds as wide as scaling
    makes them. Under ``at_least`` the counts are ``below``.
    """

    column: str
    at_least: float = Field(gt=0, le=1)
    below: Literal["missing", "outage"] = "missing"


class AbsentIsZero(Strict):
    """Rule 6: an absent row is zero inside a delivery's span, while the place has a row within ``max_zero_run``."""

    max_zero_run: Interval


class SourcePlace(Strict):
    """Which of our places a supplier's id is. Key on a stable id, not on a name.

    ``renamed`` gives ids that took the place of one in the map. ``parts: sum`` adds up several ids of one place (the lanes of a
    road, the doors of a station): all of them must be there.
    """

    columns: tuple[str, ...] = Field(min_length=1, description="joined with '|' before the map is read")
    map: dict[str, Slug]
    renamed: dict[str, str] = Field(default_factory=dict, description="other id → id in the map that it stands for")
    unmapped: Literal["refuse", "filter"] = "refuse"
    parts: Literal["refuse", "sum"] = "refuse"

    @model_validator(mode="after")
    def _stands_for_one(self) -> SourcePlace:
        lost = [other for other in self.renamed.values() if other not in self.map]
        if lost or set(self.renamed) & set(self.map):
            raise ValueError("renamed names an id that is not in the map, or one that is | Write `other id: id in the map`.")
        return self

    @property
    def ids(self) -> dict[str, str]:
        """Every id of the supplier that is known → the id in the map that it stands for."""
        return {**{name: name for name in self.map}, **self.renamed}
