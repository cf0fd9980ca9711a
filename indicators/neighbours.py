"""Which places lie beside each other: situations there at the same time are one group (rule 19).

Neighbours are places that share a border of 5 m or more, zones with a common line, a line and its zones, and
places declared as such. A relation (an origin and a destination) joins nothing: its ends may lie far apart; nor does the
border of an area, which lies over its parts and would make one story of all of them. Geometry is WGS 84; lengths are
taken in local metres around the places' middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations

import numpy as np
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from schemas.config import Config, PlaceRow

MIN_BORDER = 5.0  # metres
TOLERANCE = 0.25  # metres: drawn borders seldom meet exactly
METRES_PER_DEGREE = 111_320.0

Beside = dict[str, frozenset[str]]


def pairs(config: Config) -> Beside:
    """Neighbours of every place of a municipality that has any; see :func:`among`."""
    return among(config.places)


def among(places: Iterable[PlaceRow]) -> Beside:
    """Place → its neighbours, both ways. A place with several periods is beside whatever it is beside in any of them."""
    places = tuple(places)
    found = _declared(places) | _over_lines(places) | _bordering(places)
    beside: dict[str, set[str]] = {}
    for one, other in found:
        if one != other:
            beside.setdefault(one, set()).add(other)
            beside.setdefault(other, set()).add(one)
    return {place: frozenset(others) for place, others in sorted(beside.items())}


def _declared(places: tuple[PlaceRow, ...]) -> set[tuple[str, str]]:
    return {(row.place.place, other) for row in places for other in row.place.neighbours}


def _over_lines(places: tuple[PlaceRow, ...]) -> set[tuple[str, str]]:
    """Zones joined by a line, or before which people wait for it, are neighbours of each other, and of the line."""
    found = set()
    for row in places:
        if row.place.kind != "line":
            continue
        zones = [zone for zone in (row.place.from_zone, row.place.to_zone, row.place.approach_zone) if zone]
        found |= set(combinations((row.place.place, *zones), 2))
    return found


def _bordering(places: tuple[PlaceRow, ...]) -> set[tuple[str, str]]:
    """Surfaces of which the borders run together, or one inside the other, over ``MIN_BORDER`` metres."""
    drawn = [(row.place.place, shape(row.geometry)) for row in places if row.geometry and row.place.kind != "area"]
    surfaces = [(name, drawing) for name, drawing in drawn if drawing.area > 0]
    if len(surfaces) < 2:
        return set()
    names = [name for name, _ in surfaces]
    metric = _in_metres([drawing for _, drawing in surfaces])
    grown = [surface.buffer(TOLERANCE) for surface in metric]
    ones, others = shapely.STRtree(grown).query(grown, predicate="intersects")
    return {
        (names[i], names[j])
        for i, j in zip(ones, others, strict=True)
        if i < j and names[i] != names[j] and max(_shared(metric[i], grown[j]), _shared(metric[j], grown[i])) >= MIN_BORDER
    }


def _shared(one: BaseGeometry, grown: BaseGeometry) -> float:
    """Metres of the border of ``one`` that lie in the other, grown a little; what the growth adds at both ends is left out."""
    return float(one.boundary.intersection(grown).length) - 2 * TOLERANCE


def _in_metres(drawings: list[BaseGeometry]) -> list[BaseGeometry]:
    """Metres east and north of the middle; over a municipality the error stays under a part in a hundred."""
    west, south, east, north = shapely.total_bounds(drawings)
    scale = np.array([METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2)), METRES_PER_DEGREE])
    middle = np.array([(west + east) / 2, (south + north) / 2])
    return [shapely.make_valid(shapely.transform(shapely.force_2d(d), lambda xy: (xy - middle) * scale)) for d in drawings]
