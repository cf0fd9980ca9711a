"""What was going on around an evening, for the timeline: never part of a level."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.settings.base import Instant, Strict, Text

ContextKind = Literal["weather_code", "heat", "transport", "closure", "event", "other"]


class ContextNote(Strict):
    """A weather code, a disruption, a closed bridge …, half-open in time; shown on board and report, it changes no level.

    ``source`` says where it was read (a weather service, an operator), not who wrote it down.
    """

    kind: ContextKind
    from_: Instant = Field(alias="from")
    to: Instant
    text: Text
    code: Literal["green", "yellow", "orange", "red"] | None = Field(default=None, description="of a weather code")
    source: str | None = None

    @model_validator(mode="after")
    def _sound(self) -> ContextNote:
        if self.to <= self.from_:
            raise ValueError("`to` is not after `from` | A note ends after it begins.")
        if (self.code is None) is (self.kind == "weather_code"):
            raise ValueError("`code` goes with `kind: weather_code`, and only with it | Write green, yellow, orange or red.")
        return self
