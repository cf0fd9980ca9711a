"""Measures worked out over places, by worked example (rules 2, 3 and 8): what a person would write down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.slots_world import START, STEP, World

A_LINE = {"kind": "line", "effective_width": 4}
A_ZONE = {"kind": "zone", "place_type": "standing"}
SQUARE = {
    "square": {**A_ZONE, "perimeter": "complete", "zero_at": "17:00"},
    "street": A_ZONE,
    "gate": {**A_LINE, "from_zone": "street", "to_zone": "square"},
    "back": {**A_LINE, "from_zone": "square"},
}
WAYS = ("count_in", "count_out")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    worlds: list[World] = []

    def make(*args: Any, **options: Any) -> World:
        worlds.append(World(tmp_path, *args, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.store.close()


def ok(value: float, coverage: float = 1.0) -> tuple[Any, ...]:
    return "ok", value, value, value, coverage


def lost(status: str = "missing", coverage: float = 0.0) -> tuple[Any, ...]:
    return status, None, None, None, coverage


def test_rule_02_what_comes_in_and_goes_out_is_the_signed_sum_of_the_zones_lines(made: Any) -> None:
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])})
    world.put("g", "gate", "count_in", 100)
    world.put("g", "gate", "count_out", 30)
    world.put("g", "back", "count_in", 20)  # from the square to nowhere: out of it
    world.put("g", "back", "count_out", 50)
    assert world.slots("passage_counts.inflow") == {"square": [ok(150)], "street": [ok(30)]}
    assert world.slots("passage_counts.outflow") == {"square": [ok(50)], "street": [ok(100)]}


def test_rule_02_one_line_not_known_is_never_a_partial_total_and_one_withheld_is_a_range(made: Any) -> None:
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])})
    world.put("g", "gate", "count_in", 100, 100, 100)
    world.put("g", "gate", "count_out", 30, 30, 30)
    world.put("g", "back", "count_in", 20, 20, 20)
    world.put("g", "back", "count_out", "<k", "missing", "outage")
    assert world.slots("passage_counts.inflow")["square"] == [("suppressed", None, 100, 114, 1.0), lost(), lost("outage")]
    assert world.slots("passage_counts.outflow")["square"] == [ok(50)] * 3


def test_rule_02_a_line_that_no_source_counts_leaves_the_zone_unknown(made: Any) -> None:
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate"])})
    world.put("g", "gate", "count_in", 100)
    world.put("g", "gate", "count_out", 30)
    assert world.slots("passage_counts.inflow") == {"square": [lost()], "street": [ok(30)]}


def test_rule_04_a_sum_is_not_there_before_all_its_lines_are_due(made: Any) -> None:
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])})
    world.put("g", "gate", "count_in", 100)
    world.put("g", "gate", "count_out", 30)
    assert world.slots("passage_counts.inflow", at=START + STEP + timedelta(minutes=4)).get("square") is None
    assert world.slots("passage_counts.inflow", at=START + STEP + timedelta(minutes=5))["square"] == [lost()]


def test_rule_09_each_line_counts_with_its_own_best_source(made: Any) -> None:
    sources = {"old": ("passage_counts", WAYS, ["gate", "back"]), "new": ("passage_counts", WAYS, ["gate"])}
    world = made(SQUARE, sources, ranks={"old": 2, "new": 1})
    for source, place, value in (("old", "gate", 90), ("new", "gate", 100), ("old", "back", 7)):
        world.put(source, place, "count_in", value, value)
        world.put(source, place, "count_out", value, value if source != "new" else "missing")
    # gate in 100 + back out 7; then gate out of the new source is missing, which the square's inflow does not use
    assert world.slots("passage_counts.inflow")["square"] == [ok(107), ok(107)]
    assert world.slots("passage_counts.outflow")["square"] == [ok(107), ok(97)]
    (feed,) = world.feeds("passage_counts.inflow")
    assert feed.source == "new+old"


def test_the_balance_counts_from_the_zero_moment_and_never_goes_under_nobody(made: Any) -> None:
    zero = START - timedelta(hours=1)
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])})
    for place, measure, values in (
        ("gate", "count_in", (200, 100, 50, 50, 100, 0)), ("gate", "count_out", (0, 0, 0, 0, 20, 700)),
        ("back", "count_in", (0, 0, 0, 0, 30, 0)), ("back", "count_out", (10, 0, 0, 0, 0, 0)),
    ):  # fmt: skip
        world.put("g", place, measure, *values, start=zero)
    # 17:00 to 18:00: 200 + 100 + 50 + 50 + 10; then 100 - 20 - 30; then -700
    assert world.slots("passage_counts.present") == {"square": [ok(460), ok(0)]}


def test_a_balance_is_unknown_from_a_gap_on_until_the_next_zero_or_reset_and_withheld_counts_widen_it(made: Any) -> None:
    zero = START - timedelta(hours=1)
    resets = [
        {"place": "square", "at": "2026-06-01T19:00:00Z", "present": 400, "reason": "counted by hand", "owner": "crowd-manager"}
    ]
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])}, resets=resets)
    world.put("g", "gate", "count_in", *(50,) * 4, "<k", "missing", 50, 50, 50, 50, start=zero)
    for place, measure in (("gate", "count_out"), ("back", "count_in"), ("back", "count_out")):
        world.put("g", place, measure, *(0,) * 10, start=zero)
    assert world.slots("passage_counts.present")["square"] == [
        ("suppressed", None, 200, 214, 1.0), *[lost()] * 3, ok(450), ok(500),
    ]  # fmt: skip


def test_the_drift_is_what_the_day_before_had_left_over(made: Any) -> None:
    world = made(SQUARE, {"g": ("passage_counts", WAYS, ["gate", "back"])})
    day, slots = START - timedelta(hours=25), 96 + 5
    world.put("g", "gate", "count_in", *(1000 if i == 10 else 0 for i in range(slots)), start=day)
    world.put("g", "gate", "count_out", *(970 if i == 90 else 0 for i in range(slots)), start=day)
    for measure in WAYS:
        world.put("g", "back", measure, *(0,) * slots, start=day)
    assert world.slots("passage_counts.drift")["square"] == [ok(30)]
    assert world.slots("passage_counts.present")["square"] == [ok(0)]


def test_a_direction_goes_with_the_plan_or_against_it_as_the_event_says(made: Any) -> None:
    event = {"event": "e", "name": {"nl": "e", "en": "e"}, "class": "A", "from": "2026-06-01T18:15:00Z", "to": "2026-06-01T18:30:00Z",
             "places": {"gate": {"planned_direction": "out"}}}  # fmt: skip
    places = {**SQUARE, "gate": {**SQUARE["gate"], "planned_direction": "in"}}
    world = made(places, {"g": ("passage_counts", WAYS, ["gate", "back"])}, events=[event])
    for place in ("gate", "back"):
        world.put("g", place, "count_in", 100, 100)
        world.put("g", place, "count_out", 30, 30)
    assert world.slots("passage_counts.against_plan") == {"gate": [ok(30), ok(100)], "back": [ok(30)] * 2}
    assert world.slots("passage_counts.with_plan") == {"gate": [ok(100), ok(30)], "back": [ok(100)] * 2}


def test_half_a_square_closed_doubles_the_density_in_front_of_the_line(made: Any) -> None:
    event = {"event": "e", "name": {"nl": "e", "en": "e"}, "class": "A", "from": "2026-06-01T18:15:00Z", "to": "2026-06-01T19:00:00Z",
             "places": {"street": {"usable_area": 200}}}  # fmt: skip
    places = {**SQUARE, "street": {**A_ZONE, "usable_area": 400}}
    world = made(places, {"z": ("zone_counts", ["present"], ["square", "street"])}, events=[event])
    world.put("z", "street", "present", 600, 600, "<k")
    world.put("z", "square", "present", 600, 600, 600)
    assert world.slots("zone_counts.approach_density") == {"gate": [ok(1.5), ok(3.0), ("suppressed", None, 0, 0.07, 1.0)]}


def test_an_area_is_the_sum_of_its_zones_and_its_modes_have_shares(made: Any) -> None:
    places = {"a": A_ZONE, "b": A_ZONE, "path": A_LINE, "town": {"kind": "area", "parts": ["a", "b", "path"]}}
    modes = ("count_total", "cyclists", "motor_vehicles")
    world = made(places, {"z": ("zone_counts", ["present"], ["a", "b"]), "m": ("passage_counts", modes, ["path"])})
    world.put("z", "a", "present", 300, 300, 300)
    world.put("z", "b", "present", 700, "<k", "missing")
    for measure, values in zip(modes, ((300, 300), (100, "<k"), (100, 100)), strict=True):
        world.put("m", "path", measure, *values)
    assert world.slots("zone_counts.area_present") == {"town": [ok(1000), ("suppressed", None, 300, 314, 1.0), lost()]}
    share = world.slots("passage_counts.walking_share")
    assert share["town"] == share["path"] == [ok(0.6), ("suppressed", None, pytest.approx(300 / 414), 0.75, 1.0)]
    assert world.slots("passage_counts.cycling_share")["town"][1] == ("suppressed", None, 0, pytest.approx(14 / 414), 1.0)


def test_concentration_wants_ten_zones_all_known(made: Any) -> None:
    zones = {f"z{i}": {**A_ZONE, "usable_area": 100 if i else 200} for i in range(10)}
    world = made({**zones, "town": {"kind": "area", "parts": list(zones)}}, {"z": ("zone_counts", ["present"], list(zones))})
    for index in range(10):
        world.put("z", f"z{index}", "present", 880 if index == 0 else 20, "<k" if index == 3 else 50, 0)
    # 1,100 m²: the busiest tenth is 110 m² of z0's 200, where 880 of 1,060 people are
    assert world.slots("zone_counts.busiest_share")["town"] == [
        ok(pytest.approx(880 * 110 / 200 / 1060)), ("suppressed", None, None, None, 1.0), ("ok", None, None, None, 1.0),
    ]  # fmt: skip
    even = 0.5 * (abs(880 / 1060 - 200 / 1100) + 9 * abs(20 / 1060 - 100 / 1100))
    assert world.slots("zone_counts.hoover")["town"][0] == ok(pytest.approx(even))


def test_fewer_than_ten_zones_have_no_concentration(made: Any) -> None:
    zones = {f"z{i}": {**A_ZONE, "usable_area": 100} for i in range(9)}
    world = made({**zones, "town": {"kind": "area", "parts": list(zones)}}, {"z": ("zone_counts", ["present"], list(zones))})
    for zone in zones:
        world.put("z", zone, "present", 50)
    assert world.slots("zone_counts.busiest_share") == {}


def test_a_class_that_a_steward_reports_is_a_range_and_holds_for_a_quarter(made: Any) -> None:
    world = made(
        {"square": {**A_ZONE, "usable_area": 1000}}, {"f": ("field_observations", ["density_class"], ["square"])}, step="5min"
    )
    world.put("f", "square", "density_class", 4, None, 3, start=START + timedelta(minutes=5))
    four, three = (("ok", None, low, high, 1.0) for low, high in ((2150, 3490), (1100, 2140)))
    assert world.slots("field_observations.present", 5)["square"] == [four, four, three, three, three, three]


def test_a_report_counts_for_a_slot_longer_than_its_own_interval(made: Any) -> None:
    world = made(
        {"square": {**A_ZONE, "usable_area": 1000}}, {"f": ("field_observations", ["density_class"], ["square"])}, step="5min"
    )
    world.put("f", "square", "density_class", 4, 2, start=START + timedelta(minutes=5))
    # the later report, from 18:10 to 18:15; it holds until 18:30
    assert world.slots("field_observations.present", 15)["square"] == [("ok", None, 430, 1080, 1.0)] * 2


def test_a_full_sign_says_all_or_nothing(made: Any) -> None:
    world = made({"p": {"kind": "facility", "capacity": 400}}, {"s": ("facility_occupancy", ["full_flag"], ["p"])})
    world.put("s", "p", "full_flag", 1, 0, "missing")
    assert world.slots("facility_occupancy.occupied_by_sign")["p"] == [ok(400), ("ok", None, 0, 400, 1.0), lost()]


def test_rule_03_a_mean_is_weighted_by_the_number_behind_it(made: Any) -> None:
    world = made({"l": {"kind": "link"}}, {"s": ("link_speeds", ["driving_speed", "vehicles"], ["l"])}, step="5min")
    world.put("s", "l", "driving_speed", 50, 20, 80, "missing", 30, "missing")
    world.put("s", "l", "vehicles", 30, 10, 10, 0, 7, 5)
    found = world.slots("link_speeds.driving_speed")["l"]
    assert found[0] == ok(pytest.approx((50 * 30 + 20 * 10 + 80 * 10) / 50))
    assert found[1] == ok(30, pytest.approx(1 / 3))


def test_rule_07_a_withheld_mean_has_no_bounds(made: Any) -> None:
    world = made({"z": A_ZONE}, {"s": ("zone_counts", ["present", "walking_speed"], ["z"])})
    world.put("s", "z", "present", 100, "<k")
    world.put("s", "z", "walking_speed", 1.1)
    world._rows.append({**world._rows[-1], "interval_start": START + STEP, "interval_end": START + 2 * STEP, "value": None,
                        "value_low": None, "value_high": None, "status": "suppressed"})  # fmt: skip
    assert world.slots("zone_counts.walking_speed")["z"] == [ok(1.1), ("suppressed", None, None, None, 1.0)]
