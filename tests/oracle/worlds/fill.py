"""What really happened in a town: a number for every cell, often one that makes an indicator meet an edge exactly."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from tests.oracle.worlds.shapes import Source, Town, steps

Truth = dict[tuple[str, datetime], dict[str, str]]
EDGES = {
    "area": (1.1, 2.15, 3.5, 2.5, 4.5, 0.55, 1.0, 2.0), "capacity": (0.7, 0.9, 0.95, 0.5, 0.65), "spaces": (0.85, 0.95, 1.0, 0.7),
    "flow": (49, 66, 70, 20, 30.5, 40), "load": (0.8, 1.0, 1.2, 0.5, 0.7, 0.9), "drop": (0.4, 0.6, 0.8, 0.3, 0.5, 0.7),
}  # fmt: skip
TRUTH: dict[int, dict[str, Truth]] = {}


def fill(town: Town, rng: random.Random) -> None:
    """Rows for all sources, kept in ``truth`` until :mod:`faults` has made deliveries of them."""
    TRUTH[id(town)] = {source.name: _of(town, source, rng) for source in town.sources}


def _of(town: Town, source: Source, rng: random.Random) -> Truth:
    make = {"zone_counts": _zone, "passage_counts": _line, "facility_occupancy": _facility, "stop_counts": _stop,
            "link_speeds": _link, "od_flows": _trips, "field_observations": _report}[source.dataset]  # fmt: skip
    truth: Truth = {}
    for place in source.places:
        quiet = rng.random() < 0.1
        for slot in steps(town.start, town.end, town.interval):
            cells = steps(slot, min(town.end, slot + (slot - slot) + _delta(town.interval)), source.minutes)
            texts = make(town, source, place, slot, len(cells), rng, quiet)
            for cell, text in zip(cells, texts, strict=True):
                if text is not None:
                    truth[place, cell] = text
    return truth


def _delta(minutes: int) -> Any:
    from datetime import timedelta

    return timedelta(minutes=minutes)


def _near(rng: random.Random, edge: float, by: float, lowest: int = 0) -> int:
    """A number that gives the edge exactly where it can, or one more or less."""
    return max(lowest, round(edge * by) + rng.choice((0, 0, 0, 0, -1, 1)))


def _small(rng: random.Random, town: Town) -> int:
    return rng.choice((0, 0, 1, 2, town.k - 1, town.k, town.k + 1, rng.randint(0, 20)))


def _zone(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    area = town.attribute(place, "usable_area", slot)
    room = town.attribute(place, "capacity", slot)
    found = []
    for _ in range(n):
        what = rng.random()
        if quiet or what < 0.12:
            present = _small(rng, town)
        elif what < 0.45 and area:
            present = _near(rng, rng.choice(EDGES["area"]), area)
        elif what < 0.6 and room:
            present = _near(rng, rng.choice(EDGES["capacity"]), room)
        else:
            present = rng.randint(0, int((area or 500) * 3))
        speed = "" if present == 0 or rng.random() < 0.05 else f"{rng.choice((0.9, 0.6, 0.4, rng.uniform(0.2, 1.6))):.2f}"
        found.append({"present": str(present), "walking_speed": speed})
    return [{m: f[m] for m in source.measures} for f in found]


def _split(rng: random.Random, total: int, n: int) -> list[int]:
    """A sum in n parts."""
    cuts = sorted(rng.randint(0, total) for _ in range(n - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total], strict=True)]


def _line(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    width = town.attribute(place, "effective_width", slot) or 1
    what = rng.random()
    if quiet or what < 0.1:
        total = sum(_small(rng, town) for _ in range(n))
    elif what < 0.6:
        total = _near(rng, rng.choice(EDGES["flow"]), width * town.interval)
    else:
        total = rng.randint(0, int(80 * width * town.interval))
    share = rng.choice((0, 1, 0.5, 0.05, 0.1, 0.2, rng.random()))
    back = round(total * share)
    ways = zip(_split(rng, total - back, n), _split(rng, back, n), strict=True)
    if "count_in" in source.measures:
        return [{"count_in": str(a), "count_out": str(b)} for a, b in ways]
    return [
        {"count_total": str(a + b), "cyclists": str(rng.choice((0, 30, _small(rng, town), rng.randint(15, 300)))),
         "motor_vehicles": str(rng.choice((0, 5, rng.randint(0, 90))))}
        for a, b in ways
    ]  # fmt: skip


def _facility(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    room = town.attribute(place, "capacity", slot) or 300
    found = []
    for _ in range(n):
        occupied = _near(rng, rng.choice(EDGES["spaces"]), room) if rng.random() < 0.5 else rng.randint(0, room)
        found.append({"occupied": str(occupied), "entering": str(rng.randint(0, 40)), "leaving": str(rng.randint(0, 40)),
                      "full_flag": rng.choice("01")})  # fmt: skip
    return [{m: f[m] for m in source.measures} for f in found]


def _stop(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    leaving = rng.choice((0, 100, 200, 400, 1000, 1000))
    wanted = _near(rng, rng.choice(EDGES["load"]), leaving) if rng.random() < 0.7 else rng.randint(0, 700)
    boarding = _small(rng, town) if quiet else rng.randint(0, wanted)
    waiting = max(0, wanted - boarding)
    return [
        {"boarding": str(b), "waiting": str(waiting if i == n - 1 else rng.randint(0, 90)), "departing_capacity": str(d),
         "occupancy_status": rng.choice("01234568")}
        for i, (b, d) in enumerate(zip(_split(rng, boarding, n), _split(rng, leaving, n), strict=True))
    ]  # fmt: skip


def _link(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    free = town.attribute(place, "free_flow_speed", slot) or 50
    speed = free * (1 - rng.choice(EDGES["drop"])) if rng.random() < 0.5 else rng.uniform(0, free * 1.2)
    vehicles = [rng.choice((0, 1, 2, 5, 20)) if rng.random() < 0.3 else rng.randint(5, 60) for _ in range(n)]
    return [{"driving_speed": f"{speed:.1f}" if v else "", "vehicles": str(v)} for v in vehicles]


def _trips(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    end = town.period(place, slot)
    to = end.properties["to_zone"] if end else None
    room = (town.attribute(to, "capacity", slot) or 100) if to else 100
    total = (
        _small(rng, town) if quiet else rng.choice((rng.randint(0, room), round(room * rng.choice((0.6, 0.8, 0.3, 0.5, 0.1)))))
    )
    return [{"trips": str(part)} for part in _split(rng, total, n)]


def _report(town: Town, source: Source, place: str, slot: datetime, n: int, rng: random.Random, quiet: bool) -> list[Any]:
    return [{"density_class": str(rng.randint(1, 6))} if rng.random() < 0.08 else None for _ in range(n)]
