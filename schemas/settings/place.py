"""Places: zones and lines with attributes that are valid from a moment on (rule 2).

They stand in a GeoJSON file (WGS 84): one feature a place and period; a later feature with the same ``place``
replaces the earlier one from its ``valid_from``.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from schemas.settings.base import Instant, Slug, Strict

PlaceKind = Literal["zone", "line", "facility", "stop", "link", "relation", "area"]
# The numeric ones, which a formula may use. `planned` follows from planned_direction; an event sets expected_visitors.
ATTRIBUTES = ("usable_area", "capacity", "effective_width", "free_flow_speed", "planned", "expected_visitors")
# Beyond these an attribute is a mistake of unit or a slip of the pen: 100 km², ten million people, a kilometre, 200 km/h.
MAX_AREA, MAX_PERSONS, MAX_WIDTH, MAX_SPEED = 1e8, 10_000_000, 1000.0, 200.0
LEADING_SOMEWHERE = ("line", "relation")  # kinds with from_zone and to_zone


class CbsCode(Strict):
    """A Statistics Netherlands area code; codes are re-used, so the year is part of it."""

    code: str = Field(pattern=r"^(GM|WK|BU)\d{4,8}$")
    year: int


class Place(Strict):
    """Properties of one feature. Units: ``usable_area`` m², ``capacity`` persons or parking spaces, ``effective_width`` m,
    ``free_flow_speed`` km/h.

    A line names ``from_zone`` and ``to_zone``: ``in`` means from → to, in the supplier's direction ``direction_in``; a relation
    (an origin and a destination) names them too. ``approach_zone`` is the zone in which people wait for a line, where that is not
    ``from_zone``. An area names its ``parts``. ``perimeter: incomplete`` on a zone means that its lines do not close it: no
    balance; a complete one counts as empty every day at the local clock time ``zero_at``.
    """

    place: Slug
    kind: PlaceKind
    name: str
    place_type: str | None = None
    usable_area: float | None = Field(default=None, gt=0, le=MAX_AREA)
    capacity: int | None = Field(default=None, gt=0, le=MAX_PERSONS)
    effective_width: float | None = Field(default=None, gt=0, le=MAX_WIDTH)
    free_flow_speed: float | None = Field(default=None, gt=0, le=MAX_SPEED)
    from_zone: Slug | None = None
    to_zone: Slug | None = None
    direction_in: str | None = None
    planned_direction: Literal["in", "out"] | None = None
    approach_zone: Slug | None = None
    parts: tuple[Slug, ...] = ()
    perimeter: Literal["complete", "incomplete"] = "incomplete"
    zero_at: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    neighbours: tuple[Slug, ...] = ()
    cbs: CbsCode | None = None
    reason: str | None = Field(
        default=None, min_length=8, description="where its numbers come from: a survey, a licence, a drawing"
    )
    valid_from: Instant
    valid_to: Instant | None = None

    @model_validator(mode="after")
    def _kind_fits(self) -> Place:
        if self.kind == "zone" and self.place_type is None:
            raise ValueError("a zone without place_type | Say `moving` or `standing`: it decides the density bands.")
        if self.kind != "line" and (self.effective_width or self.planned_direction or self.approach_zone):
            raise ValueError(
                "effective_width, planned_direction and approach_zone belong to lines | Remove them, or set kind: line."
            )
        if self.kind not in LEADING_SOMEWHERE and (self.from_zone or self.to_zone):
            raise ValueError("from_zone and to_zone belong to lines and relations | Remove them, or set kind: line.")
        if (self.kind == "area") != bool(self.parts):
            raise ValueError(
                "an area has parts, and nothing else has | Name its zones and lines under `parts`, or set kind: area."
            )
        if self.kind == "relation" and not (self.from_zone and self.to_zone):
            raise ValueError("a relation without from_zone or to_zone | Name origin and destination.")
        if self.zero_at and self.perimeter != "complete":
            raise ValueError("zero_at without perimeter: complete | A balance needs lines that close the zone.")
        if self.valid_to and self.valid_to <= self.valid_from:
            raise ValueError("valid_to is not after valid_from | Correct one of them.")
        return self

    def attributes(self) -> dict[str, float]:
        """Numeric attributes by name, those given only."""
        own = {n: float(v) for n in ATTRIBUTES if (v := getattr(self, n, None)) is not None}
        return own | ({"planned": float(self.planned_direction is not None)} if self.kind == "line" else {})

    @property
    def waits_in(self) -> str | None:
        """The zone in front of a line: the declared one, else where the planned direction (or `in`) comes from."""
        return self.approach_zone or (self.to_zone if self.planned_direction == "out" else self.from_zone)


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
