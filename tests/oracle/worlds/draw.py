"""Random towns of many small worlds beside each other: from a seed, the same town each time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.oracle.worlds import faults, fill
from tests.oracle.worlds.shapes import Event, Flag, Own, Period, Reset, Source, Town, steps

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# A night in which the clock changes, or a plain one, by zone: the moment in the middle of the window.
NIGHTS = {
    ("Europe/Amsterdam", "NL"): ("2026-03-29T01:00", "2026-10-25T01:00", "2026-06-12T20:00"),
    ("Australia/Melbourne", "AU-VIC"): ("2026-04-04T16:00", "2026-10-03T16:00", "2026-02-10T08:00"),
    ("UTC", "NL"): ("2026-06-12T20:00", "2026-03-01T00:00"),
}
# (interval in force, cadence of the sources, hours before and after the middle)
PACES = ((15, 15, 6), (15, 5, 4), (60, 15, 9), (5, 5, 2), (60, 60, 24), (60, 5, 6))
BIG, SMALL = (100, 200, 400, 500, 1000, 2000, 2500, 2501, 4000), (100, 50, 200, 10)


def town(seed: int, worlds: int, indicators: tuple[str, ...], first: int = 0) -> Town:
    """A town of ``worlds`` worlds, numbered from ``first``."""
    rng = random.Random(seed)
    (zone, holidays), nights = rng.choice(sorted(NIGHTS.items()))
    interval, cadence, hours = PACES[seed % len(PACES)]
    middle = datetime.fromisoformat(rng.choice(nights)).replace(tzinfo=UTC)
    span = timedelta(hours=hours)
    made = Town(
        seed, zone, holidays, interval, rng.choice((1, 5, 15)), middle - span, middle + span, worlds, indicators=indicators
    )
    made.weights = rng.choice(({"density": 0.5, "occupancy": 0.3, "od_pressure": 0.2}, {"density": 0.6, "occupancy": 0.4}))
    made.sources = [
        Source("zones-a", "zone_counts", ("present", "walking_speed"), (), cadence, 1),
        Source("zones-b", "zone_counts", ("present",), (), cadence, 2, clock="offset"),
        Source("gates-a", "passage_counts", ("count_in", "count_out"), (), cadence, 1),
        Source("gates-b", "passage_counts", ("count_in", "count_out"), (), cadence, 2, zero_run=4 * cadence),
        Source("modes", "passage_counts", ("count_total", "cyclists", "motor_vehicles"), (), cadence, 1),
        Source("parking", "facility_occupancy", ("occupied", "entering", "leaving"), (), cadence, 1),
        Source("signs", "facility_occupancy", ("full_flag",), (), cadence, 2),
        Source("stops", "stop_counts", ("boarding", "waiting", "departing_capacity", "occupancy_status"), (), cadence, 1),
        Source("roads", "link_speeds", ("driving_speed", "vehicles"), (), cadence, 1, clock="offset"),
        Source("trips", "od_flows", ("trips",), (), cadence, 1),
        Source("stewards", "field_observations", ("density_class",), (), min(cadence, 15), 1),
    ]
    for number in range(first, first + worlds):
        _world(made, rng, f"w{number}-", cadence)
    made.sources = [s for s in made.sources if s.places]
    made.own = [o for o in made.own if o.indicator in indicators]
    fill.fill(made, rng)
    faults.deliver(made, rng)
    return made


def _world(town: Town, rng: random.Random, w: str, cadence: int) -> None:
    """Places of every kind, now and then one fewer, with what changes there."""
    chance = rng.random
    add = _Adder(town, rng, w)
    add("square", "zone", {"place_type": "standing", "usable_area": rng.choice(BIG), "capacity": rng.choice(BIG)}, "zones-a")
    add(
        "street",
        "zone",
        {"place_type": "moving", **_some(rng, usable_area=rng.choice(BIG), capacity=rng.choice(SMALL))},
        "zones-a",
    )
    if chance() < 0.6:
        town_source(town, "zones-b", w + "square")
    if chance() < 0.5:
        town_source(town, "stewards", w + "square")
    if chance() < 0.4:
        town_source(town, "stewards", w + "street")
    queue = {"place_type": "queue", **_some(rng, usable_area=rng.choice(SMALL), capacity=rng.choice(SMALL))}
    add("queue", "zone", queue, *(["zones-a"] if chance() < 0.7 else []))
    closed = {"perimeter": "complete", "zero_at": _local_hour(town, rng)} if chance() < 0.85 else {}
    add("field", "zone", {"place_type": "standing", "usable_area": rng.choice(BIG), "capacity": rng.choice(BIG), **closed})
    if chance() < 0.5:
        at = rng.choice(steps(town.start, town.end, 60))
        town.resets.append(Reset(w + "field", at, rng.choice((0, 40, 300))))
    lines = {"gate": ("street", "square"), "back": ("square", "field"), "side": ("street", "field"), "exit": ("queue", None)}
    for name, (a, b) in lines.items():
        if name == "side" and chance() < 0.5:
            continue
        own = {"from_zone": w + a, **({"to_zone": w + b} if b else {}), **_some(rng, effective_width=rng.choice((1, 2, 4, 0.5)))}
        own |= {"planned_direction": rng.choice(("in", "out"))} if chance() < 0.5 else {}
        add(name, "line", own, *(["gates-a"] if chance() < 0.9 else []))
        if chance() < 0.3:
            town_source(town, "gates-b", w + name)
    add("path", "line", {**_some(rng, effective_width=rng.choice((2, 3)))}, "modes")
    add("garage", "facility", _some(rng, capacity=rng.choice(BIG)), "parking", *(["signs"] if chance() < 0.3 else []))
    add("deck", "facility", _some(rng, capacity=rng.choice(BIG)), "signs")
    add("hall", "facility", _some(rng, capacity=rng.choice(BIG)), "zones-a", *(["zones-b"] if chance() < 0.6 else []))
    add("tram", "stop", {}, "stops")
    add("road", "link", _some(rng, free_flow_speed=rng.choice((50, 30, 80))), "roads")
    add("route", "link", {"place_type": "calamity_route", **_some(rng, free_flow_speed=rng.choice((50, 70)))}, "roads")
    add("od1", "relation", {"from_zone": w + "street", "to_zone": w + "square"}, "trips")
    if chance() < 0.7:
        add("od2", "relation", {"from_zone": w + "queue", "to_zone": w + "square"}, *(["trips"] if chance() < 0.85 else []))
    add("od3", "relation", {"from_zone": w + "square", "to_zone": w + "field"}, "trips")
    cells = [f"c{i}" for i in range(rng.choice((9, 10, 10, 11)))]
    sizes = rng.choice(((100,), (100, 200, 50), (40, 60, 1000)))
    for cell in cells:
        add(cell, "zone", {"place_type": "queue", "usable_area": rng.choice(sizes)}, "zones-a")
    add("town", "area", {"parts": [w + c for c in cells] + [w + "path"]})
    add("centre", "area", {"parts": [w + "square", w + "street"]})
    _changes(town, rng, w, cadence)


def _some(rng: random.Random, **attributes: Any) -> dict[str, Any]:
    """The attributes, or now and then none."""
    return attributes if rng.random() < 0.9 else {}


class _Adder:
    def __init__(self, town: Town, rng: random.Random, w: str) -> None:
        self.town, self.rng, self.w = town, rng, w

    def __call__(self, name: str, kind: str, properties: dict[str, Any], *sources: str) -> None:
        """A place of one or two periods, now and then only from a moment on or up to one."""
        slug, town, rng = self.w + name, self.town, self.rng
        own = {"kind": kind, **properties}
        hours, what = steps(town.start, town.end, 60)[1:], rng.random()
        periods = [Period(LONG_AGO, own)]
        if what < 0.1:
            periods.append(Period(rng.choice(hours), own | _other(rng, own)))
        elif what < 0.14:
            periods = [Period(rng.choice(hours), own)]
        elif what < 0.18:
            periods = [Period(LONG_AGO, own, rng.choice(hours))]
        town.places[slug] = periods
        for source in sources:
            town_source(town, source, slug)


def town_source(town: Town, name: str, place: str) -> None:
    """The source counts at the place too."""
    source = next(s for s in town.sources if s.name == name)
    source.places = (*source.places, place)


def _other(rng: random.Random, own: dict[str, Any]) -> dict[str, Any]:
    """Changed attributes: half, or another number."""
    changed: dict[str, Any] = {}
    for name in ("usable_area", "capacity", "effective_width", "free_flow_speed"):
        if name in own:
            changed[name] = own[name] / 2 if name in ("usable_area", "effective_width") else max(1, own[name] // 2)
    if own["kind"] == "line":
        changed["planned_direction"] = rng.choice(("in", "out"))
    return changed


def _local_hour(town: Town, rng: random.Random) -> str:
    """A whole hour of the local clock inside the window that is there once."""
    for _ in range(20):
        hour = rng.choice(steps(town.start, town.end, 60)).astimezone(town.tz).hour
        if hour not in (2, 3):
            return f"{hour:02}:00"
    return "05:00"


def _changes(town: Town, rng: random.Random, w: str, cadence: int) -> None:
    """An event, own thresholds and outages of one world."""
    hours = steps(town.start, town.end, 60)
    if rng.random() < 0.7:
        begin, end = sorted(rng.sample([*hours, town.end], 2))
        places: dict[str, dict[str, Any]] = {
            w + "square": {"usable_area": rng.choice(BIG), "expected_visitors": rng.choice((300, 1000))},
            w + "centre": {"expected_visitors": rng.choice((500, 3000))}, w + "town": {"expected_visitors": 700},
            w + "field": {"capacity": rng.choice(BIG), "expected_visitors": 1000}, w + "garage": {"capacity": rng.choice(BIG)},
            w + "gate": {"planned_direction": rng.choice(("in", "out"))}, w + "road": {"free_flow_speed": 30},
            w + "queue": {},
        }  # fmt: skip
        last = end - timedelta(minutes=1)
        places = {p: c for p, c in places.items() if town.period(p, begin) and town.period(p, last)}
        if cadence < town.interval and len(places) > 4 and rng.random() < 0.7:
            for name in rng.sample(sorted(places), 4):
                places[name]["interval"] = cadence
        middle = begin + timedelta(hours=max(1, (end - begin) // timedelta(hours=2)))
        phases = rng.choice(
            ((), (("egress", begin, end),), (("show", begin, middle), ("egress", middle, end)) if middle < end else ())
        )
        town.events.append(Event(w + "fair", begin, end, places, phases))
    for indicator, place, edges in (
        ("density", "square", (0.55, 1.1, 2.0)), ("density", "queue", (1.0, 2.0, 3.0)), ("occupancy", "hall", (0.5, 0.6, 0.7)),
        ("specific_flow", "gate", (20.0, 30.5, 40.0)), ("parking_fill", "garage", (0.7, 0.8, 0.9)),
        ("stop_load", "tram", (0.5, 0.7, 0.9)), ("speed_drop", "road", (0.3, 0.5, 0.7)), ("od_pressure", "square", (0.3, 0.5, 0.7)),
    ):  # fmt: skip
        if rng.random() < 0.2:
            bands = dict(zip(("elevated", "high", "critical"), edges, strict=True))
            since = rng.choice((LONG_AGO, rng.choice(hours)))
            clock = rng.choice((None, None, "22:00-04:00", "01:30-06:00"))
            town.own.append(Own(indicator, since, bands, place=w + place, clock=clock))
    for place in ("square", "field"):
        if rng.random() < 0.7:
            town.own.append(Own("egress_time", LONG_AGO, {"elevated": 8, "high": 10, "critical": 15}, place=w + place))
    if rng.random() < 0.2 and town.events and w + "field" in town.events[-1].places:
        bands = {"elevated": 0.5, "high": 0.65, "critical": 0.8}
        town.own.append(Own("occupancy", LONG_AGO, bands, place=w + "field", event=w + "fair"))
    if rng.random() < 0.2:
        town.own.append(Own("speed_drop", LONG_AGO, params={"min_vehicles": 20}, place=w + "road"))
    for source in town.sources:
        for place in source.places:
            if place.startswith(w) and source.name != "stewards" and rng.random() < 0.06:
                begin = rng.choice(hours)
                town.flags.append(Flag(source.name, place, begin, begin + timedelta(minutes=rng.choice((15, 60, 120)))))
