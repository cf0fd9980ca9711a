"""`drukte plan` before each run of a random history says what that run then does."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest

from pipelines import plan
from pipelines.store.aside import copied
from pipelines.tick import Summary
from tests import evidence
from tests.scenarios import histories

SEED = 5100
SEEDS = [seed for seed in range(SEED, SEED + evidence.count(3, 18)) if evidence.proving() or not histories.with_past(seed)]
HISTORIES = evidence.count(1, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_plan_says_what_the_run_then_does(seed: int, tmp_path: Path) -> None:
    world = histories.world(seed, tmp_path / "world")
    for number in range(HISTORIES):
        workspace, plans = tmp_path / str(number), list[plan.Plan]()

        def before(at: datetime, workspace: Path = workspace, plans: list[plan.Plan] = plans) -> None:
            with copied(workspace) as store:
                store.con.execute("SET threads=1")
                plans.append(plan.collect(store, world.config, histories.cards(), at))

        def done(summary: Summary, plans: list[plan.Plan] = plans) -> None:
            assert plans[-1].slots_to_compute == summary.slots_computed
            assert {(d["delivery_id"], d["state"], d["rows_in"], d["rows_duplicate"]) for d in plans[-1].deliveries} == {
                (d["delivery_id"], d["state"], d["rows_in"], d["rows_duplicate"]) for d in summary.deliveries
            }

        with histories.reading_once():
            batches = histories.history(world, random.Random(f"{seed} {number}"))
            histories.play(world, workspace, batches, before=before, done=done)
        assert not [p for p in plans if not (p.slots or p.deliveries or p.nothing_due)]
    if seed == SEEDS[-1]:
        evidence.record("plan-agrees-with-run", len(SEEDS) * HISTORIES, SEED, {"differences": 0})
