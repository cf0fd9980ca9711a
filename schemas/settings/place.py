"""Places: zones and lines with attributes that are valid from a moment on (rule 2).

They stand in a GeoJSON file (WGS 84): one feature a place and period; a later feature with the same ``place``
replaces the earlier one from its ``valid_from``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from schemas.settings.base import Instant, Slug, Strict

PlaceKind = Literal["zone", "line", "facility"]
ATTRIBUTES = ("usable_area", "capacity", "effective_width")  # the numeric ones, which a formula may use


class CbsCode(Strict):
    """A Statistics Netherlands area code; codes are re-used, so the year is part of it."""

    code: str = Field(pattern=r"^(GM|WK|BU)\d{4,8}$")
    year: int


class Place(Strict):
    """Properties of one feature. Units: ``usable_area`` m², ``capacity`` persons, ``effective_width`` m.

    A line names ``from_zone`` and ``to_zone``: ``in`` means from → to, in the supplier's direction ``direction_in``.
    ``perimeter: incomplete`` on a zone means that its lines do not close it: no balance.
    """

    place: Slug
    kind: PlaceKind
    name: str
    place_type: str | None = None
    usable_area: float | None = Field(default=None, gt=0)
    capacity: int | None = Field(default=None, gt=0)
    effective_width: float | None = Field(default=None, gt=0)
    from_zone: Slug | None = None
    to_zone: Slug | None = None
    direction_in: str | None = None
    planned_direction: Literal["in", "out"] | None = None
    perimeter: Literal["complete", "incomplete"] = "incomplete"
    neighbours: tuple[Slug, ...] = ()
    cbs: CbsCode | None = None
    valid_from: Instant
    valid_to: Instant | None = None

    @model_validator(mode="after")
    def _kind_fits(self) -> Place:
        if self.kind == "zone" and self.place_type is None:
            raise ValueError("a zone without place_type | Say `moving` or `standing`: it decides the density bands.")
        if self.kind != "line" and (self.from_zone or self.to_zone or self.effective_width):
            raise ValueError("from_zone, to_zone and effective_width belong to lines | Remove them, or set kind: line.")
        if self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError("valid_to is not after valid_from | Correct one of them.")
        return self

    def attributes(self) -> dict[str, float]:
        """Numeric attributes by name, those given only."""
        return {n: float(v) for n in ATTRIBUTES if (v := getattr(self, n)) is not None}


class Feature(Strict):
    """A GeoJSON feature whose properties are a :class:`Place`. ``geometry`` may be null when it is not known."""

    type: Literal["Feature"]
    properties: Place
    geometry: dict[str, Any] | None = None
    id: str | int | None = None


class Places(Strict):
    """A GeoJSON FeatureCollection of places."""

    type: Literal["FeatureCollection"]
    features: tuple[Feature, ...]
    name: str | None = None
