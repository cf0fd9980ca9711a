"""Rule 22 and rule 10 on random small towns: any order, split, doubling, stop or seal of the same deliveries ends equal.

After each tick the tables are kept; at the end ``…_as_known`` of that moment must give them back: worked out from what is stored,
and in some histories by the published macros themselves.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from pipelines.published import connect
from pipelines.store import Store
from tests import evidence
from tests.scenarios import histories
from tests.scenarios.histories import State

SEED = 5000
SEEDS = range(SEED, SEED + evidence.count(4, 40))
KNOWN = ("observations", "indicator_values", "situations")
DONE = evidence.Pieces("histories")  # a run of an hour may be taken up again: see there


def _count(seed: int) -> int:
    """Histories of a world; those with weeks behind them take several times as long."""
    return evidence.count(1, 3) if histories.with_past(seed) else evidence.count(2, 30)


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_22_and_10_any_history_ends_equal_and_is_known_as_it_was(seed: int, tmp_path: Path) -> None:
    if DONE.resumed(str(seed)):
        pytest.skip("done before, in the run that is taken up")
    world = histories.world(seed, tmp_path / "world")
    with histories.reading_once():
        all_at_once = [(world.last, [(sent, sent.delivery.name) for sent in world.sent])]
        plain = histories.play(world, tmp_path / "plain", all_at_once)[-1][1]
        for number in range(_count(seed)):
            rng, workspace = random.Random(f"{seed} {number}"), tmp_path / str(number)
            seen = histories.play(world, workspace, histories.history(world, rng), whole=number % 5 == 0)
            same = seen[-1][1] == plain  # a plain bool: pytest would spend minutes on showing two states
            assert same, f"history {number}\n{histories.differences(plain, seen[-1][1])}"
            _known_as_it_was(workspace, seen, published=number % 5 == 0)
            shutil.rmtree(workspace)
    DONE.note(str(seed), _count(seed))


def _known_as_it_was(workspace: Path, seen: list[tuple], *, published: bool) -> None:
    with Store(workspace) as store:
        for at, tables in seen:
            _same(tables, histories.state(store.con, histories.known(at, histories.stored(store)), KNOWN), at)
    if published:
        con = connect(workspace / "published" / "indicators.duckdb")
        for at, tables in seen:
            macro = lambda name, at=at: f"{name}_as_known(as_of := TIMESTAMPTZ '{at.isoformat()}')"  # noqa: E731
            _same(tables, histories.state(con, macro, KNOWN), at)
        con.close()


def _same(tables: State, known: State, at: object) -> None:
    same = all(known[name] == tables[name] for name in KNOWN)
    assert same, f"as known at {at}\n{histories.differences({name: tables[name] for name in KNOWN}, known)}"


@pytest.mark.skipif(not evidence.proving(), reason="the counts of `make prove` only")
def test_the_histories_were_a_thousand() -> None:
    found, commits = DONE.all()
    assert set(found) == {str(seed) for seed in SEEDS} and sum(found.values()) >= 1000
    evidence.record("rules-22-and-10-any-history", sum(found.values()), SEED, {
        "worlds": len(found), "equal": sum(found.values()), "as_known": "equal after every tick", "proved_at": commits,
    })  # fmt: skip
