"""A run killed at any step or moment is finished by the next: the state equals an undisturbed run, and readers never see a torn one."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.store import Store
from tests import evidence
from tests.scenarios import killing
from tests.town import START, STEP, Town, rows

SEED = 7
QUARTERS = 48  # between two ticks: days are sealed on the way
COMPARED = (
    "SELECT * EXCLUDE (run_id, recorded_at) FROM {indicator_values} ORDER BY ALL",
    "SELECT * EXCLUDE (recorded_at) FROM {observations} ORDER BY ALL",
    "SELECT safety_risk, place, state, level, peak_level, started_at, ended_at, observed_until FROM situations ORDER BY ALL",
    "SELECT * EXCLUDE (recorded_at) FROM {baselines} ORDER BY ALL",
    "SELECT * EXCLUDE (received_at) FROM deliveries ORDER BY ALL",
)


def deliver(town: Town, number: int) -> datetime:
    """Two files of half a day, and now and then a late revision of three days ago, when that day is sealed. Returns the time of the tick."""
    slots = range(QUARTERS * number, QUARTERS * (number + 1))
    end = START + QUARTERS * (number + 1) * STEP
    zones = [
        (START + i * STEP, place, 2000 + 100 * (i % 30) if place == "square" else 30)
        for i in slots[::4]
        for place in ("square", "alley")
    ]
    town.zones(end, zones, name="z")
    town.gates(end, [(START + i * STEP, 40 + i, 20) for i in slots[::4]])
    if number % 3 == 2 and number > 6:
        town.zones(end + timedelta(minutes=1), [(START + QUARTERS * (number - 6) * STEP, "square", 4000 + number)], name="late")
    return end + STEP


def states(town: Town) -> list[list[tuple[Any, ...]]]:
    with Store(town.folder / "w") as store:
        return [rows(store, sql) for sql in COMPARED]


def test_killed_at_any_step_or_moment_nothing_is_lost_doubled_or_seen_torn(tmp_path: Path) -> None:
    rng, made, kills = random.Random(SEED), killing.context(), evidence.count(20, 200)
    disturbed, plain = (Town(tmp_path / name, only="" if evidence.proving() else "density") for name in "ab")
    for town in (disturbed, plain):
        deliver(town, 0)
    at = START + (QUARTERS + 1) * STEP
    points = killing.points(made, disturbed.folder, at)
    stop, told = made.Event(), made.Queue()
    reader = made.Process(target=killing.watch, args=(disturbed.folder / "w" / "published" / "indicators.duckdb", stop, told))
    reader.start()
    number, died, at_moments, untried, moments = 1, Counter[str](), 0, list(points), [at]
    rng.shuffle(untried)
    while sum(died.values()) + at_moments < kills:
        for town in (disturbed, plain):
            at = deliver(town, number)
        moments.append(at)
        number += 1
        for _ in range(rng.choice((1, 1, 2))):  # a restart may be killed too
            if rng.random() < 0.6:
                point = untried.pop() if untried else rng.choice(list(points))
                turn = rng.randint(1, points[point]) if rng.random() < 0.3 else 1
                died[point] += killing.killed(made, disturbed.folder, at, point, turn)
            else:
                at_moments += killing.killed_after(made, disturbed.folder, at, rng.uniform(0.02, 1.0))
        if rng.random() < 0.3:
            points |= {name: n for name, n in killing.points(made, disturbed.folder, at).items() if name not in points}
            untried += [name for name in points if name not in died and name not in untried]
    killing.points(made, disturbed.folder, at)
    stop.set()
    reads, faults = told.get(timeout=400)
    reader.join(timeout=60)
    with Store(plain.folder / "w") as store:
        for moment in moments[:: evidence.count(4, 1)] + moments[-1:]:
            plain.tick(store, moment)
    same = [a == b for a, b in zip(states(disturbed), states(plain), strict=True)]
    assert all(same), same
    assert not faults, faults
    assert reads > 3
    evidence.record("killed-runs", kills, SEED, {
        "at_steps": sum(died.values()), "steps": len([p for p in died if died[p]]), "at_random_moments": at_moments,
        "state": "equal", "reads_meanwhile": reads, "rows_seen_twice_or_gone": 0,
    })  # fmt: skip
