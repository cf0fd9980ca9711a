"""A municipality's configuration once read: its own file with the sources, purposes and places that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from schemas.settings import Event, Municipality, Place, Purpose, Reviews, Source
from schemas.settings.scenario import Scenario
from schemas.yamlfile import Document


@dataclass(frozen=True)
class PlaceRow:
    """A place during one period: from ``place.valid_from`` to ``until`` (its ``valid_to``, or the next row of the place).

    ``line`` is where the place stands in ``file``; ``geometry`` is GeoJSON in WGS 84, or None when not known.
    """

    place: Place
    geometry: dict[str, Any] | None
    file: str
    line: int
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether the row is in force at an instant."""
        return self.place.valid_from <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, eq=False)
class Config:
    """What :func:`load` read. ``file`` and all other file names are shown relative to the folder that holds ``config/``.

    A version that was accepted for a moment ``since`` says what held ``before``: slots that start earlier are judged by that.
    """

    folder: Path
    municipality: Municipality
    document: Document
    file: str
    sources: dict[str, Source]
    source_documents: dict[str, Document]
    purposes: dict[str, Purpose]
    purpose_documents: dict[str, Document]
    places: tuple[PlaceRow, ...]
    data: Path
    reviews: Reviews | None = None
    since: datetime | None = None
    before: Callable[[], Config] | None = None
    scenario: Scenario | None = None  # laid over a replay, never over a live run

    @property
    def k(self) -> int:
        """Fewest contributors that may leave the gate (rule 23)."""
        return self.municipality.k

    @cached_property
    def tz(self) -> ZoneInfo:
        """The local clock."""
        return ZoneInfo(self.municipality.timezone)

    @cached_property
    def _rows(self) -> dict[str, tuple[PlaceRow, ...]]:
        rows: dict[str, list[PlaceRow]] = {}
        for row in sorted(self.places, key=lambda r: r.place.valid_from):
            rows.setdefault(row.place.place, []).append(row)
        return {place: tuple(found) for place, found in rows.items()}

    @cached_property
    def _events(self) -> dict[str, tuple[Event, ...]]:
        events = self.municipality.events
        return {place: tuple(e for e in events if place in e.places) for place in {p for e in events for p in e.places}}

    @cached_property
    def place_ids(self) -> tuple[str, ...]:
        """All places, each once, in the order of the file."""
        return tuple(dict.fromkeys(row.place.place for row in self.places))

    def rows_of(self, place: str) -> tuple[PlaceRow, ...]:
        """The periods of a place, earliest first; empty for a place that is not known."""
        return self._rows.get(place, ())

    def places_at(self, at: datetime) -> tuple[PlaceRow, ...]:
        """The places in force at an instant, one row each, in the order of the file."""
        return tuple(row for place in self.place_ids for row in self._rows[place] if row.holds(at))

    def events_of(self, place: str) -> tuple[Event, ...]:
        """All events that concern a place, in the order of the file."""
        return self._events.get(place, ())

    def events_at(self, place: str, at: datetime) -> tuple[Event, ...]:
        """Events in force at a place for an interval that starts at ``at``."""
        return tuple(e for e in self.events_of(place) if e.from_ <= at < e.to)
