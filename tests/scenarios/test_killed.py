"""A run killed at any moment is finished by the next: the state equals an undisturbed run."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipelines.store import Store
from tests import evidence
from tests.town import START, STEP, Town, rows

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
QUERY = """SELECT place, indicator, interval_start, value, level, status FROM {indicator_values} ORDER BY ALL"""
CELLS = "SELECT place, measure, interval_start, value, status FROM {observations} ORDER BY ALL"

CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from indicators.card import catalogue
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
folder, at = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
config, cards = load(folder / "config", "tiny", folder / "data"), catalogue()
print("ready", flush=True)
with Store(folder / "w") as store:
    tick(store, config, cards, at=at)
"""


def deliver(town, slots):
    for number in slots:
        at = START + number * STEP
        town.zones(at + STEP, [(at, "square", 2000 + 100 * (number % 30)), (at, "alley", 30)], name="z")
        town.gates(at + STEP, [(at, 40 + number, 20)], name="g")


def run_and_kill(folder, at, after):
    """Start a tick in a process of its own and kill it ``after`` seconds into it; returns whether it was still running."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), at.isoformat()], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout and child.stdout.readline().strip() == "ready"
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    return child.wait(timeout=60) == -signal.SIGKILL


def test_killed_runs_lose_and_double_nothing(tmp_path):
    rng, kills, killed = random.Random(SEED), evidence.count(4, 40), 0
    disturbed, plain = Town(tmp_path / "a"), Town(tmp_path / "b")
    last = START
    for number in range(kills):
        last = START + STEP * 24 * (number + 1)
        for town in (disturbed, plain):
            deliver(town, range(24 * number, 24 * (number + 1)))
        killed += run_and_kill(tmp_path / "a", last, rng.uniform(0.02, 1.2))
    states = []
    for town in (disturbed, plain):
        with Store(town.folder / "w") as store:
            town.tick(store, last)
            states.append((rows(store, QUERY), rows(store, CELLS)))
    assert states[0] == states[1]
    assert killed, "no run was killed in the middle: the test says nothing"
    assert (tmp_path / "a" / "w" / "published" / "indicators.duckdb").exists()
    evidence.record("killed-runs", kills, SEED, {"killed_in_the_middle": killed, "state": "equal"})
