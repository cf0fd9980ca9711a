"""What is wrong with a supplier's numbers and known to be: declared corrections, each with a guard; and sums that must add up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.settings.base import Instant, RoleId, Slug, Strict


def _factor(value: object) -> Decimal:
    """A number exactly as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"`{value}` is not a number | Write for example 10 or 0.1.")
    return Decimal(str(value))


def _not_idle(value: Decimal) -> Decimal:
    if value <= 0 or value == 1:
        raise ValueError(f"a factor of {value} | Write a factor over 0 that changes something.")
    return value


KINDS = ("multiply", "offset", "swap", "relabel", "swap_columns")
Number = Annotated[Decimal, BeforeValidator(_factor)]


class Guard(Strict):
    """What must still hold in the raw rows for a correction to be right; when it does not, the supplier may have mended it.

    ``that`` is a condition on the measures of a row before they are corrected, and on ``hour`` (of the local clock), in the
    language of the cards. It is asked of the rows that would be corrected, ``when`` narrows them, and holds in at least ``share``
    of those in which it is known. Otherwise nothing of the correction is applied: the delivery is refused, or those rows are.
    """

    that: str = Field(min_length=3)
    when: str | None = Field(default=None, min_length=3)
    share: float = Field(default=1.0, gt=0, le=1)
    otherwise: Literal["refuse_delivery", "refuse_rows"] = "refuse_delivery"

    @model_validator(mode="after")
    def _consistent(self) -> Guard:
        if self.share < 1 and self.otherwise == "refuse_rows":
            raise ValueError("share with otherwise: refuse_rows | A share is of the delivery: it is refused as a whole.")
        return self


class Correction(Strict):
    """A declared correction of what a supplier sends, at ``places`` (all if none) for intervals that start in [from, to).

    One of: ``multiply`` or ``offset`` the ``measures`` (counts stay whole, else the row is refused); ``swap`` two measures;
    ``relabel`` places (what the supplier calls the first is the second); ``swap_columns`` of the raw file, such as latitude and
    longitude, for the delivery as a whole: its guard calls them ``first`` and ``second``. ``owner`` is the role that decided it.
    """

    correction: Slug
    multiply: Annotated[Number, AfterValidator(_not_idle)] | None = None
    offset: Number | None = None
    swap: tuple[str, str] | None = None
    relabel: dict[Slug, Slug] = Field(default_factory=dict)
    swap_columns: tuple[str, str] | None = None
    measures: tuple[str, ...] = ()
    places: tuple[Slug, ...] = ()
    from_: Instant | None = Field(default=None, alias="from")
    to: Instant | None = None
    guard: Guard
    reason: str = Field(min_length=4)
    owner: RoleId
    decided_on: date
    review_by: date

    @model_validator(mode="after")
    def _one(self) -> Correction:
        given = [name for name in KINDS if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(KINDS)} | Split it into several corrections.")
        if bool(self.measures) != (given[0] in ("multiply", "offset")):
            raise ValueError("measures go with multiply and offset, and only there | Add or remove `measures:`.")
        if self.from_ and self.to and self.to <= self.from_:
            raise ValueError("`to` is not after `from` | A correction ends after it begins.")
        if self.relabel and len(set(self.relabel.values())) < len(self.relabel):
            raise ValueError("relabel makes one place of two | Their counts would stand in each other's way.")
        if self.swap_columns and (self.places or self.from_ or self.to or self.guard.otherwise == "refuse_rows"):
            raise ValueError("swap_columns of some rows | It is of the delivery as a whole: its guard says of which.")
        if self.relabel and self.places:
            raise ValueError("places beside relabel | relabel names its places itself.")
        return self

    @property
    def kind(self) -> str:
        """What it does, in a word."""
        return next(name for name in KINDS if getattr(self, name))

    def guard_names(self, measures: tuple[str, ...]) -> tuple[str, ...]:
        """What its guard may name."""
        return ("first", "second") if self.swap_columns else (*measures, "hour")

    def touches(self, measure: str) -> bool:
        """Whether values of a measure change."""
        return not (self.measures or self.swap) or measure in (*self.measures, *(self.swap or ()))


class Sum(Strict):
    """Columns of the raw file that must make another one: ``parts`` together are ``total``, give or take ``tolerance``.

    A row in which they do not is taken in all the same; the detector ``sums`` proposes a flag. The columns are read for this
    only, if nothing else maps them.
    """

    total: str
    parts: tuple[str, ...] = Field(min_length=2)
    tolerance: float = Field(default=0, ge=0)
