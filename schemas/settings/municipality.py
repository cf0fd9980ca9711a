"""A municipality's own file: identity, clock, sources, purposes, events, thresholds, flagged ranges."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from schemas.settings.alerts import Alerts
from schemas.settings.bands import Threshold, Weights
from schemas.settings.base import Instant, Interval, RoleId, Slug, Strict, Text
from schemas.settings.context import ContextNote
from schemas.settings.event import Event
from schemas.settings.frozen import FrozenPeriod
from schemas.settings.place import MAX_PERSONS, CbsCode
from schemas.settings.publication import Publication
from schemas.settings.purpose import Adoption
from schemas.settings.quality import Detectors, Flag


class Freeze(Strict):
    """Holds baselines as they are: late rows no longer change those of local days up to ``until``, that day included."""

    places: tuple[Slug, ...] = Field(min_length=1)
    until: date
    reason: str = Field(min_length=4)
    owner: RoleId
    decided_on: date


class Reset(Strict):
    """A count that sets the balance of a zone's gates anew: by hand, or from another source, at an instant."""

    place: Slug
    at: Instant
    present: int = Field(ge=0, le=MAX_PERSONS, description="people present then")
    reason: str = Field(min_length=4)
    owner: RoleId


class IndicatorSettings(Strict):
    """Per indicator: whether it is on, and the interval in force if it differs from the municipality's.

    ``weights``: for an indicator made of other indicators, the weight of each (they add up to 1); the municipality's own, there
    is no default.
    """

    interval: Interval | None = None
    place_intervals: dict[Slug, Interval] = Field(default_factory=dict)
    reason: str | None = Field(default=None, min_length=8, description="why these weights or intervals")
    weights: Weights = Field(default_factory=dict)


class Municipality(Strict):
    """``config/municipalities/<slug>.yaml``. Roles are ids with a description, never persons' names.

    ``holidays`` is a country, or country and subdivision (``NL``, ``AU-VIC``); ``event_days`` are local days left
    out of baselines as event days, and so are those of ``event_series`` (King's Day, New Year's Eve), where days that follow
    each other are one edition, compared with the earlier editions of its series. ``places`` is a GeoJSON file beside this one,
    ``data`` the folder below which sources look for files (an option may replace it). ``withhold_beside``: numbers that give a small
    group away by adding and subtracting are withheld too (decision 0030).
    """

    municipality: Slug
    name: Text
    cbs: CbsCode | None = None
    timezone: str
    holidays: str = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    languages: tuple[str, ...] = Field(default=("nl", "en"), min_length=1)
    roles: dict[RoleId, Text] = Field(min_length=1)
    interval: Interval = Field(default="15min", validate_default=True)
    pace: Interval = Field(default="15min", validate_default=True)
    places: str
    data: str = "."
    sources: tuple[Slug, ...] = Field(min_length=1)
    indicators: dict[str, IndicatorSettings] = Field(min_length=1)
    purposes: tuple[Adoption, ...] = Field(min_length=1)
    publication: Publication | None = None
    withhold_beside: bool = False
    events: tuple[Event, ...] = ()
    context: tuple[ContextNote, ...] = ()
    event_days: tuple[date, ...] = ()
    event_series: dict[Slug, tuple[date, ...]] = Field(default_factory=dict)
    thresholds: tuple[Threshold, ...] = ()
    flags: tuple[Flag, ...] = ()
    detectors: Detectors = Detectors()
    freezes: tuple[Freeze, ...] = ()
    frozen_periods: tuple[FrozenPeriod, ...] = ()
    resets: tuple[Reset, ...] = ()
    alerts: Alerts = Alerts()

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"`{value}` is not an IANA time zone | Write for example Europe/Amsterdam.")
        ZoneInfo(value)
        return value

    @property
    def published(self) -> Publication:
        """What it lets out: as decided, else a day late and silent during events, answered for by the first purpose's owner."""
        return self.publication or Publication(owner=self.purposes[0].owner)

    @property
    def k(self) -> int:
        """K at the gate: the largest over the adopted purposes (rule 23)."""
        return max(p.k for p in self.purposes)

    @property
    def withhold_zero(self) -> bool:
        """Whether a DPIA also withholds zero."""
        return any(p.withhold_zero for p in self.purposes)
