"""A frozen period: what became known of it by a moment stands; later changes wait for review (decision 0017)."""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from schemas.settings.base import Instant, RoleId, Slug, Strict


class FrozenPeriod(Strict):
    """Holds the tables of intervals that start in [from, to) as they were known at ``frozen_at``; no ``places`` means all.

    Later changes are kept, counted and listed, and enter the tables only by `drukte backfill --restate` with a role and a reason.
    Choose quiet hours as the ends: a situation that crosses them can still change outside.
    """

    from_: Instant = Field(alias="from")
    to: Instant
    frozen_at: Instant
    places: tuple[Slug, ...] = ()
    reason: str = Field(min_length=4)
    owner: RoleId
    decided_on: date

    @model_validator(mode="after")
    def _in_order(self) -> FrozenPeriod:
        if self.to <= self.from_:
            raise ValueError("`to` is not after `from` | A frozen period ends after it begins.")
        if self.frozen_at < self.to:
            raise ValueError("`frozen_at` lies before `to` | Freeze a period once it is over and its deliveries are due.")
        return self
