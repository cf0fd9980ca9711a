"""From drawings to degrees and square metres: RD New to WGS 84, and areas on the ellipsoid.

RD New (EPSG:28992) by the published polynomials of Schreutelkamp and Strang van Hees (2001): within about 0.25 m of RDNAPTRANS
in the whole of the Netherlands, which is enough for zones and lines; the same accuracy is asked of nothing else here. Areas by the
authalic cylinder (Snyder 1987, Map Projections, eq. 3-12 and 10-15): equal area on the WGS 84 ellipsoid everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

RD, WGS84 = "EPSG:28992", "EPSG:4326"
_BOUNDS = (-7_000.0, 289_000.0, 300_000.0, 629_000.0)  # of RD New, in metres: west, south, east, north

_LAT0, _LON0 = 52.15517440, 5.38720621  # Amersfoort, (155000, 463000) in RD
_LAT = {(0, 1): 3235.65389, (2, 0): -32.58297, (0, 2): -0.24750, (2, 1): -0.84978, (0, 3): -0.06550, (2, 2): -0.01709,
        (1, 0): -0.00738, (4, 0): 0.00530, (2, 3): -0.00039, (4, 1): 0.00033, (1, 1): -0.00012}  # fmt: skip
_LON = {(1, 0): 5260.52916, (1, 1): 105.94684, (1, 2): 2.45656, (3, 0): -0.81885, (1, 3): 0.05594, (3, 1): -0.05607,
        (0, 1): 0.01199, (3, 2): -0.00256, (1, 4): 0.00128, (0, 2): 0.00022, (2, 0): -0.00022, (5, 0): 0.00026}  # fmt: skip

_A, _E2 = 6_378_137.0, 0.00669437999014
_E = math.sqrt(_E2)

Points = NDArray[np.float64]


def rd_to_wgs84(points: Points) -> Points:
    """Rows of (x, y) in metres as rows of (longitude, latitude) in degrees."""
    x, y = (points[:, 0] - 155_000) * 1e-5, (points[:, 1] - 463_000) * 1e-5
    lon = sum(k * x**p * y**q for (p, q), k in _LON.items())
    lat = sum(k * x**p * y**q for (p, q), k in _LAT.items())
    return np.column_stack([_LON0 + lon / 3600, _LAT0 + lat / 3600])


def recognised(bounds: tuple[float, float, float, float]) -> str | None:
    """The reference system that coordinates within these bounds (west, south, east, north) can be in; None for neither."""
    west, south, east, north = bounds
    if west >= -180 and east <= 180 and south >= -90 and north <= 90:
        return WGS84
    if west >= _BOUNDS[0] and south >= _BOUNDS[1] and east <= _BOUNDS[2] and north <= _BOUNDS[3]:
        return RD
    return None


def area(drawing: BaseGeometry) -> float:
    """Square metres of a drawing in WGS 84 degrees."""
    return float(shapely.transform(shapely.force_2d(drawing), _equal_area).area)


def metres(drawings: list[BaseGeometry]) -> list[BaseGeometry]:
    """Drawings in WGS 84 as metres east and north of their middle, for comparing them with each other."""
    west, south, east, north = (float(v) for v in shapely.total_bounds(drawings))
    middle = math.radians((south + north) / 2)
    curve = 1 - _E2 * math.sin(middle) ** 2
    east_m = _A * math.cos(middle) / math.sqrt(curve) * math.pi / 180
    north_m = _A * (1 - _E2) / curve**1.5 * math.pi / 180
    centre, scale = np.array([(west + east) / 2, (south + north) / 2]), np.array([east_m, north_m])
    return [shapely.make_valid(shapely.transform(shapely.force_2d(d), lambda xy: (xy - centre) * scale)) for d in drawings]


def _equal_area(points: Points) -> Points:
    sine = np.sin(np.radians(points[:, 1]))
    return np.column_stack([_A * np.radians(points[:, 0]), _A * _q(sine) / 2])


def _q(sine: Any) -> Any:
    return (1 - _E2) * (sine / (1 - _E2 * sine**2) - np.log((1 - _E * sine) / (1 + _E * sine)) / (2 * _E))
