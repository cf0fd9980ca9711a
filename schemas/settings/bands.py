"""A band of a threshold and the layer entry that sets one. Order of edges is checked where a band set is complete."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.settings.base import BANDS, Duration, Instant, RoleId, Slug, Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BandName = Literal["elevated", "high", "critical"]


class Band(Strict):
    """One band: reached at ``enter``, left strictly inside ``exit`` (without it the card's exit margin holds).

    The band turns on after ``for`` and at least ``for_intervals`` intervals at or beyond ``enter``.
    ``at_once`` is an expression over the card's names that turns the band on without waiting for ``for``.
    """

    enter: float
    exit: float | None = None
    for_: Duration = Field(alias="for")
    for_intervals: int = Field(default=0, ge=0)
    keep_for: Duration
    at_once: str | None = None


Bands = dict[BandName, Band]


def order_mistakes(bands: Bands, direction: str) -> list[tuple[str, str, str]]:
    """Mistakes in a complete band set as (band, what, fix); edges rise with the level (fall when downward)."""
    sign = 1 if direction == "up" else -1
    found: list[tuple[str, str, str]] = []
    present = [name for name in BANDS if name in bands]
    for name in present:
        band = bands[name]
        if band.exit is not None and sign * band.exit > sign * band.enter:
            found.append((name, f"exit {band.exit} lies outside enter {band.enter}", "Put exit on the calm side of enter."))
    for lower, higher in pairwise(present):
        low, high = bands[lower].enter, bands[higher].enter
        if sign * high <= sign * low:
            word = "above" if sign > 0 else "below"
            found.append((higher, f"enter {high} is not {word} {lower}'s {low}", "Put the edges in order."))
    return found


class When(Strict):
    """A selector by local clock and calendar; all that are given must hold.

    ``time`` may pass midnight; the night then belongs to the day on which it began (``fri`` with ``22:00-04:00`` holds on
    Saturday at 02:00).
    """

    time: str | None = Field(default=None, pattern=r"^\d{2}:\d{2}-\d{2}:\d{2}$")
    weekdays: tuple[Weekday, ...] | None = None
    months: tuple[int, ...] | None = None

    @property
    def narrowness(self) -> int:
        """How many conditions are named: the narrower selector wins inside a layer."""
        return sum(x is not None for x in (self.time, self.weekdays, self.months))


def _one_in_all(value: dict[str, float]) -> dict[str, float]:
    if value and (min(value.values()) <= 0 or abs(sum(value.values()) - 1) > 1e-9):
        raise ValueError("weights that are not all above 0, or do not add up to 1 | Divide each by their sum.")
    return value


#: Indicator → its share in one made of others.
Weights = Annotated[dict[str, float], AfterValidator(_one_in_all)]


class Threshold(Strict):
    """An own threshold of a municipality (rule 20): a layer entry that replaces whole bands and sets parameters.

    ``weights``: of an indicator made of others, all of them at once; they go before those under ``indicators``.

    The layer follows from the selector: none → municipality, ``place_type``, ``place`` or ``event``.
    """

    indicator: str
    effective_from: Instant
    place_type: str | None = None
    place: Slug | None = None
    event: Slug | None = None
    when: When | None = None
    bands: Bands = Field(default_factory=dict)
    params: dict[str, float] = Field(default_factory=dict)
    weights: Weights = Field(default_factory=dict)
    owner: RoleId
    decided_on: date
    review_by: date
    reason: str = Field(min_length=8)

    @property
    def layer(self) -> str:
        """``municipality``, ``place_type``, ``place`` or ``event``."""
        if self.event:
            return "event"
        return "place" if self.place else "place_type" if self.place_type else "municipality"

    @model_validator(mode="after")
    def _one_selector(self) -> Threshold:
        if self.place_type and self.place:
            raise ValueError("place_type and place stand together | Keep one: they are different layers.")
        if not self.bands and not self.params and not self.weights:
            raise ValueError("sets neither bands nor params nor weights | Name what it changes, or remove the entry.")
        if self.review_by <= self.decided_on:
            raise ValueError("review_by is not after decided_on | Choose a later review date.")
        return self
