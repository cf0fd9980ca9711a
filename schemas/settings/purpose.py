"""Purposes: the generic template, and a municipality's adoption of it (rule 23)."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from schemas.settings.base import Duration, RoleId, Slug, Strict, Text


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


class Adoption(Strict):
    """A municipality's own decision on a purpose. ``k``: fewest contributors that may leave the gate."""

    purpose: Slug
    legal_basis: str = Field(min_length=4)
    dpia: Dpia
    decided_on: date
    review_by: date
    k: int = Field(ge=1, le=1_000_000)
    withhold_zero: bool = False
    retention: Duration
    audience: tuple[str, ...] = Field(min_length=1)
    owner: RoleId

    @model_validator(mode="after")
    def _review_after_decision(self) -> Adoption:
        if self.review_by <= self.decided_on:
            raise ValueError("review_by is not after decided_on | Choose a later review date.")
        return self
