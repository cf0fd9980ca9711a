"""A scenario for practice: what is laid over an evening while it is replayed. Never part of a live run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.settings.base import Instant, Interval, Slug, Strict, Text


class _Step(Strict):
    """Holds for intervals that start in [from, to)."""

    from_: Instant = Field(alias="from")
    to: Instant

    @model_validator(mode="after")
    def _ordered(self) -> _Step:
        if self.to <= self.from_:
            raise ValueError("`to` is not after `from` | A step ends after it begins.")
        return self


class Outage(_Step):
    """Nothing of a source comes, at some places or all: no supplier says so, as in a real one."""

    kind: Literal["outage"]
    source: Slug
    places: tuple[Slug, ...] = ()


class Late(_Step):
    """Deliveries of a source that would come in [from, to) wait ``by`` longer, and then come together."""

    kind: Literal["late"]
    source: Slug
    by: Interval


class Surge(_Step):
    """More people at some places: their counts times ``factor``. What is withheld stays withheld."""

    kind: Literal["surge"]
    places: tuple[Slug, ...] = Field(min_length=1)
    factor: float = Field(ge=1, le=20)


Step = Annotated[Outage | Late | Surge, Field(discriminator="kind")]


class Scenario(Strict):
    """``drukte replay --scenario FILE``: steps that change what comes in, not how it is judged."""

    scenario: Slug
    title: Text
    steps: tuple[Step, ...] = Field(min_length=1)
