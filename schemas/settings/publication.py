"""What a municipality lets out: classes narrower than those of the house, delays, silence during events, and views for partners."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from schemas.settings.base import Duration, Interval, RoleId, Slug, Strict, Text

Class = Literal["public", "partners", "internal"]


class Rule(Strict):
    """Of one table: who may see it, how late, and whether not while an event goes on. What is left out is as for all tables."""

    class_: Class | None = Field(default=None, alias="class")
    delay: Duration | None = None
    not_during_event: bool | None = None
    owner: RoleId | None = Field(default=None, description="who decided; the owner of the publication if not named")


class Partner(Strict):
    """A view for one partner: levels and situations, at most as fine as ``interval``, never counts. Each time it is made is logged."""

    partner: Slug
    title: Text
    role: RoleId = Field(description="the role that receives it")
    owner: RoleId = Field(description="the role that decided on it")
    places: tuple[Slug, ...] = Field(default=(), description="only these; all if left out")
    interval: Interval = Field(default="1h", validate_default=True)
    delay: Duration = timedelta(0)

    @field_validator("interval")
    @classmethod
    def _an_aggregate(cls, value: timedelta) -> timedelta:
        if value < timedelta(minutes=15) or timedelta(days=1) % value:
            raise ValueError("a partner gets 15 minutes or coarser, a whole part of a day | Write for example 15min or 1h.")
        return value


class Publication(Strict):
    """``publication:`` of a municipality. A class may only be narrower than that of the house."""

    owner: RoleId
    delay: Duration = timedelta(days=1)
    not_during_event: bool = True
    licence: str = Field(default="http://creativecommons.org/licenses/by/4.0/deed.nl", pattern="^https?://")
    contact: str | None = Field(default=None, pattern="^(https?://|mailto:)", description="where questions about the data go")
    tables: dict[str, Rule] = Field(default_factory=dict)
    columns: dict[str, Class] = Field(default_factory=dict, description="table.column: class")
    partners: tuple[Partner, ...] = ()

    def delay_of(self, table: str) -> timedelta:
        """How late rows of a table come out."""
        given = self.tables[table].delay if table in self.tables else None
        return self.delay if given is None else given

    def silent(self, table: str) -> bool:
        """Whether nothing of a table that is of an event comes out while it goes on."""
        given = self.tables[table].not_during_event if table in self.tables else None
        return self.not_during_event if given is None else given
