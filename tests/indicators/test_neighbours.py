from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from indicators.neighbours import METRES_PER_DEGREE, among
from schemas.config import PlaceRow
from schemas.settings import Place

LON, LAT = 4.9, 52.37
START = datetime(2020, 1, 1, tzinfo=UTC)


def degrees(x: float, y: float) -> list[float]:
    """Metres east and north of a point in Amsterdam as longitude and latitude."""
    return [LON + x / (METRES_PER_DEGREE * math.cos(math.radians(LAT))), LAT + y / METRES_PER_DEGREE]


def box(x: float, y: float, width: float, height: float) -> dict[str, Any]:
    ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return {"type": "Polygon", "coordinates": [[degrees(*p) for p in ring]]}


def zone(name: str, geometry: dict[str, Any] | None = None, **properties: Any) -> PlaceRow:
    fields = {"kind": "zone", "place_type": "moving", **properties}
    return PlaceRow(Place(place=name, name=name, valid_from=START, **fields), geometry, "places.geojson", 1, None)


def line(name: str, from_zone: str | None, to_zone: str | None) -> PlaceRow:
    return zone(name, kind="line", place_type=None, from_zone=from_zone, to_zone=to_zone)


@pytest.mark.parametrize(
    ("other", "beside", "why"),
    [
        (box(100, 0, 100, 100), True, "a whole side"),
        (box(100, 94.5, 100, 100), True, "5.5 m of a side"),
        (box(100, 95.5, 100, 100), False, "4.5 m of a side"),
        (box(100, 100, 100, 100), False, "only a corner"),
        (box(100.2, 0, 100, 100), True, "drawn 20 cm apart"),
        (box(103, 0, 100, 100), False, "a canal between them"),
        (box(60, 0, 100, 100), True, "drawn over each other"),
        (box(40, 40, 20, 20), True, "one inside the other"),
    ],
)
def test_rule_19_a_shared_border_of_five_metres(other: dict[str, Any], beside: bool, why: str) -> None:
    found = among([zone("a", box(0, 0, 100, 100)), zone("b", other)])
    assert found == ({"a": frozenset({"b"}), "b": frozenset({"a"})} if beside else {}), why


def test_rule_19_a_common_line_joins_zones_and_the_line() -> None:
    found = among([zone("a"), zone("b"), zone("c"), line("brug", "a", "b"), line("poort", "c", None)])
    assert found == {
        "a": {"b", "brug"}, "b": {"a", "brug"}, "brug": {"a", "b"}, "c": {"poort"}, "poort": {"c"},
    }  # fmt: skip


def test_rule_19_the_zone_in_which_people_wait_for_a_line_is_beside_it() -> None:
    waiting = zone("brug", kind="line", place_type=None, from_zone="a", to_zone="b", approach_zone="c")
    assert among([zone("a"), zone("b"), zone("c"), waiting])["c"] == {"a", "b", "brug"}


def test_rule_19_a_relation_joins_nothing_and_an_area_does_not_join_its_parts() -> None:
    relation = zone("a-b", kind="relation", place_type=None, from_zone="a", to_zone="b")
    area = zone("town", box(0, 0, 300, 300), kind="area", place_type=None, parts=("a", "b"))
    apart = [zone("a", box(0, 0, 100, 100)), zone("b", box(200, 200, 100, 100))]
    assert among([*apart, relation, area]) == {}


def test_rule_19_stops_and_links_are_beside_what_is_declared() -> None:
    stop = zone("halte", {"type": "Point", "coordinates": degrees(50, 50)}, kind="stop", place_type=None, neighbours=("a",))
    link = zone("weg", {"type": "LineString", "coordinates": [degrees(0, 0), degrees(100, 0)]}, kind="link", place_type=None)
    assert among([zone("a", box(0, 0, 100, 100)), stop, link]) == {"a": {"halte"}, "halte": {"a"}}


def test_rule_19_declared_neighbours_are_so_both_ways() -> None:
    assert among([zone("a", neighbours=("b",)), zone("b"), zone("c")]) == {"a": {"b"}, "b": {"a"}}


def test_rule_02_a_place_with_two_periods_is_beside_what_either_touches() -> None:
    rows = [zone("a", box(0, 0, 50, 50)), zone("a", box(0, 0, 100, 50)), zone("b", box(100, 0, 50, 50))]
    assert among(rows) == {"a": {"b"}, "b": {"a"}}


def test_a_place_without_geometry_or_a_point_has_no_border() -> None:
    point = {"type": "Point", "coordinates": degrees(100, 50)}
    assert among([zone("a", box(0, 0, 100, 100)), zone("b"), zone("p", point, kind="facility")]) == {}
