"""Rule 18 on random small worlds: the engine's baselines against pandas, whatever the order in which cells came."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pandas as pd

from tests import evidence
from tests.pipelines.baselines_world import FEEDS, FIGURES, Random, cell, refresh, write

SEED = 18_000
AT = datetime(2026, 7, 1, tzinfo=UTC)


def test_rule_18_random_worlds_agree_with_pandas_in_any_order(tmp_path: Path) -> None:
    worlds = evidence.count(2, 200)
    rows = 0
    kinds: set[str] = set()
    for number in range(worlds):
        world = Random(SEED + number, tmp_path / str(number))
        try:
            for source in FEEDS:
                fill_in_any_order(world, source)
                found = differences(world, source)
                assert not found, f"world {number}, {source} in {world.zone}, {world.minutes} min of {world.step}:\n{found}"
                rows += len(world.stored(source))
                kinds |= set(world.stored(source)["day_type"])
        finally:
            world.store.close()
    assert kinds >= ({"weekday", "sunday", "edition"} if worlds > 2 else {"weekday", "edition"})
    assert rows > 500 * worlds
    evidence.record("rule-18-baselines", worlds, SEED, {"rows_equal": rows})


def fill_in_any_order(world: Random, source: str) -> None:
    """All cells in a few shuffled parts, some wrong at first; after each some days are asked for, and some days sealed."""
    rng, feed = random.Random(world.seed + 1), world.feed(source)
    place = FEEDS[source][0]
    own = [c for (s, _, _), c in world.cells.items() if s == source]
    wrong = [cell(source, place, c["measure"], c["interval_start"], world.step, 500) for c in rng.sample(own, 20)]
    rng.shuffle(own)
    cuts = [0, *sorted(rng.sample(range(1, len(own)), rng.randint(0, 3))), len(own)]
    parts = [own[a:b] for a, b in pairwise(cuts)]
    first = {(c["measure"], c["interval_start"]): c for c in [*parts[0], *wrong]}
    parts[0] = list(first.values())
    late = list({(c["measure"], c["interval_start"]): c for c in wrong}.values())
    right = [world.cells[(source, c["measure"], c["interval_start"])] for c in late]
    for part in [*parts, right]:
        write(world.store, part)
        days = rng.sample(world.last_days, rng.randint(1, len(world.last_days)))
        refresh(world.store, world.config, feed, [(place, world.minutes, d) for d in days], part, AT)
        if rng.random() < 0.5:
            world.store.seal(AT - timedelta(days=rng.randint(0, 100)))
    refresh(world.store, world.config, feed, [(place, world.minutes, d) for d in world.last_days], [], AT)


def differences(world: Random, source: str) -> str:
    """Rows or figures in which engine and oracle differ."""
    oracle, engine = world.oracle(source), world.stored(source)
    expected = pd.concat([oracle.rows(day) for day in sorted(world.last_days)])
    keys = ["day", "minute", "day_type"]
    engine["day"] = pd.to_datetime(engine["day"]).dt.date
    both = expected.astype({"minute": int}).merge(
        engine.astype({"minute": int}), on=keys, how="outer", suffixes=("", "_engine"), indicator=True
    )
    if (both["_merge"] != "both").any():
        return both[both["_merge"] != "both"][[*keys, "n", "n_engine"]].head(10).to_string()
    for name in FIGURES:
        left, right = both[name].astype(float), both[f"{name}_engine"].astype(float)
        wrong = ~((left - right).abs() <= 1e-9 * left.abs().clip(lower=1e-9)) & ~(left.isna() & right.isna())
        if wrong.any():
            return both[wrong][[*keys, "n", name, f"{name}_engine"]].head(10).to_string()
    return ""
