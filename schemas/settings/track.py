"""The development track of a municipality: which steps an initiative has taken, who agreed, and what stakeholders are concerned about.

Two files beside the municipality's own: ``<slug>/track.yaml``, written by people, and ``<slug>/concerns.yaml``, a log to which
``drukte track concern`` adds. Neither is read by a run: they are texts, and never change a number.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from schemas.settings.base import RoleId, Slug, Strict, Text


class Agreement(Strict):
    """A role or stakeholder that agreed with a step."""

    by: RoleId
    on: date
    note: str | None = Field(default=None, min_length=4)


class Document(Strict):
    """Evidence that nothing in the settings shows: what it is, where it is kept, of when, and who answers for it."""

    what: str = Field(min_length=4)
    where: str = Field(min_length=2, description="a reference or address, never the document itself")
    on: date
    by: RoleId
    review_by: date | None = None

    @model_validator(mode="after")
    def _review_after(self) -> Document:
        if self.review_by and self.review_by <= self.on:
            raise ValueError("review_by is not after on | Choose a later review date.")
        return self


class StepTaken(Strict):
    """What a town says of one step. ``evidence``: item of the step → documents; ``agree``: who is to agree with it."""

    due: date | None = None
    agree: tuple[RoleId, ...] = ()
    agreed: tuple[Agreement, ...] = ()
    evidence: dict[str, tuple[Document, ...]] = Field(default_factory=dict)


class Initiative(Strict):
    """The track of one adopted purpose."""

    purpose: Slug
    started_on: date | None = None
    steps: dict[str, StepTaken] = Field(default_factory=dict)


class Track(Strict):
    """``config/municipalities/<slug>/track.yaml``. ``stakeholders``: groups that are no role of the town, such as residents."""

    municipality: Slug
    stakeholders: dict[RoleId, Text] = Field(default_factory=dict)
    initiatives: tuple[Initiative, ...] = ()


class Entry(Strict):
    """One line of the log of concerns. ``raised`` begins a concern; ``answered`` and ``reopened`` follow on one by its number."""

    concern: int = Field(ge=1)
    what: Literal["raised", "answered", "reopened"]
    by: RoleId
    on: date
    text: str = Field(min_length=8)
    purpose: Slug | None = None
    step: str | None = None


class Concerns(Strict):
    """``config/municipalities/<slug>/concerns.yaml``: nothing is taken out, an answer is a line of its own."""

    municipality: Slug
    log: tuple[Entry, ...] = ()
