"""An event: when and where it is, how busy it may get, and how fast runs follow each other meanwhile."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.settings.base import Instant, Interval, Slug, Strict, Text
from schemas.settings.place import MAX_AREA, MAX_PERSONS, MAX_SPEED, MAX_WIDTH

PhaseName = Literal["build_up", "ingress", "show", "egress", "break_down"]


class Phase(Strict):
    """A part of an event, half-open in time."""

    phase: PhaseName
    from_: Instant = Field(alias="from")
    to: Instant


class PlaceDuringEvent(Strict):
    """What an event changes at a place: attributes that replace the place's own from start to end."""

    usable_area: float | None = Field(default=None, gt=0, le=MAX_AREA, description="m²")
    capacity: int | None = Field(default=None, gt=0, le=MAX_PERSONS, description="persons")
    effective_width: float | None = Field(default=None, gt=0, le=MAX_WIDTH, description="m")
    free_flow_speed: float | None = Field(default=None, gt=0, le=MAX_SPEED, description="km/h")
    expected_visitors: int | None = Field(default=None, gt=0, le=MAX_PERSONS, description="persons expected at this place")
    planned_direction: Literal["in", "out"] | None = None
    interval: Interval | None = None
    reason: str | None = Field(default=None, min_length=8, description="why, or where it was agreed")

    @property
    def planned(self) -> float | None:
        """1 where the event gives a line a direction; None where it says nothing about it."""
        return None if self.planned_direction is None else 1.0


class Event(Strict):
    """``class`` is the Dutch event class: A regular, B attention, C risk. Applies to intervals that start in [from, to).

    ``pace`` is how often a run is due during the event; ``interval`` a finer interval of the data
    (a place's own ``interval`` in ``places`` goes before it).
    ``excluded_from_baseline`` marks the whole local days of the event as event days (rule 18); ``series`` names what it is
    an edition of, so that it is compared with the earlier ones.
    """

    event: Slug
    name: Text
    class_: Literal["A", "B", "C"] = Field(alias="class")
    from_: Instant = Field(alias="from")
    to: Instant
    places: dict[Slug, PlaceDuringEvent]
    series: Slug | None = None
    phases: tuple[Phase, ...] = ()
    expected_visitors: int | None = Field(default=None, gt=0, le=MAX_PERSONS)
    pace: Interval | None = None
    interval: Interval | None = None
    excluded_from_baseline: bool = True

    @model_validator(mode="after")
    def _ordered(self) -> Event:
        if self.to <= self.from_:
            raise ValueError("`to` is not after `from` | An event ends after it begins.")
        for phase in self.phases:
            if not self.from_ <= phase.from_ < phase.to <= self.to:
                raise ValueError(f"phase {phase.phase} lies outside the event | Keep phases inside [from, to).")
        return self
