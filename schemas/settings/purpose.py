"""Purposes: the generic template, and a municipality's adoption of it (rule 23)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from schemas.settings.base import Duration, RoleId, Slug, Strict, Text, format_duration

# Kinds of stored data that may be kept for different lengths: counts as delivered (the sealed detail), what was computed from them,
# situations with their follow-up, and the account of deliveries and runs.
DataClass = Literal["counts", "indicators", "situations", "deliveries"]
DATA_CLASSES: tuple[DataClass, ...] = ("counts", "indicators", "situations", "deliveries")
DAY = timedelta(days=1)


class Purpose(Strict):
    """``config/purposes/<id>.yaml``: what the data are for, in general. ``k_floor`` bounds every adoption."""

    purpose: Slug
    title: Text
    desired_effect: Text
    datasets: tuple[str, ...] = Field(min_length=1)
    indicators: tuple[str, ...] = Field(min_length=1)
    questions: tuple[Text, ...] = Field(min_length=1)
    k_floor: int = Field(ge=1)


class Dpia(Strict):
    """Where the assessment is kept and of when it is."""

    reference: str
    date: date


class Grace(Strict):
    """For how long what runs keeps running, loudly marked, once its review date has passed; an event that goes on then is seen out.

    Safety at an event is not switched off by a calendar: ``owner`` is the role that decided how long that may last.
    """

    keeps: Duration = Field(description="whole days, for example 28d; 0d: not at all")
    owner: RoleId

    @field_validator("keeps")
    @classmethod
    def _whole_days(cls, value: timedelta) -> timedelta:
        if value % DAY:
            raise ValueError(f"{format_duration(value)} is not a number of whole days | Write for example 28d.")
        return value


GRACE = timedelta(days=28)  # where a municipality states none; the purpose's owner answers for it


class Adoption(Strict):
    """A municipality's own decision on a purpose. ``k``: fewest contributors that may leave the gate.

    ``retention``: whole days that data are kept for this purpose; ``retention_of`` shortens it for a class of data (``counts``,
    ``indicators``, ``situations``, ``deliveries``). What several purposes use is kept as long as the longest of them says.
    """

    purpose: Slug
    legal_basis: str = Field(min_length=4)
    dpia: Dpia
    decided_on: date
    review_by: date
    k: int = Field(ge=1, le=1_000_000)
    withhold_zero: bool = False
    retention: Duration
    retention_of: dict[DataClass, Duration] = Field(default_factory=dict)
    audience: tuple[str, ...] = Field(min_length=1)
    owner: RoleId
    grace: Grace | None = None

    @field_validator("retention", "retention_of")
    @classmethod
    def _whole_days(cls, value: timedelta | dict[DataClass, timedelta]) -> timedelta | dict[DataClass, timedelta]:
        for length in value.values() if isinstance(value, dict) else [value]:
            if length < DAY or length % DAY:
                raise ValueError(f"{format_duration(length)} is not a number of whole days | Write for example 84d or 365d.")
        return value

    @model_validator(mode="after")
    def _no_longer_than_the_purpose(self) -> Adoption:
        for name, length in self.retention_of.items():
            if length > self.retention:
                told = f"{name} are kept {format_duration(length)}, longer than the purpose's {format_duration(self.retention)}"
                raise ValueError(f"{told} | Shorten it, or decide on a longer `retention:`.")
        return self

    def kept(self, data_class: DataClass) -> timedelta:
        """How long a class of data is kept for this purpose."""
        return self.retention_of.get(data_class, self.retention)

    @property
    def keeps_running(self) -> timedelta:
        """How long what runs keeps running after the review date."""
        return self.grace.keeps if self.grace else GRACE

    @model_validator(mode="after")
    def _review_after_decision(self) -> Adoption:
        if self.review_by <= self.decided_on:
            raise ValueError("review_by is not after decided_on | Choose a later review date.")
        return self
