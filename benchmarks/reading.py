"""Reading the published file while another process ticks, against reading it idle."""

from __future__ import annotations

import multiprocessing as mp
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks.pairs import Pair, measure, seconds
from benchmarks.world import World
from pipelines.published import connect
from pipelines.store import Store

PATIENCE = 120.0  # seconds to wait for the other process before giving up


def _ticker(
    folder: str, zones: int, days: int, indicators: Sequence[str], go: Event, resting: Event, stop: Event, ticks: Any
) -> None:
    """The other process: makes the workspace, then ticks without pause while ``go`` is set."""
    world = World(Path(folder), zones=zones, indicators=indicators)
    world.deliver_history(days)
    with Store(world.workspace) as store:
        world.tick(store, "backfill")
        while not stop.is_set():
            resting.set()
            if not go.wait(timeout=0.2):
                continue
            resting.clear()
            while go.is_set() and not stop.is_set():
                world.next_delivery()
                world.tick(store)
                ticks.value += 1


def last_hours(published: Path) -> int:
    """Open the file anew, as a notebook does, and read the last four hours; returns the number of rows."""
    con = connect(published)
    try:
        since = con.execute("SELECT max(as_of) FROM runs").fetchall()[0][0] - timedelta(hours=4)
        sql = "SELECT place, indicator, local_time, value, level, status FROM indicator_values WHERE interval_start >= ?"
        return len(con.execute(sql, [since]).fetchall())
    finally:
        con.close()


def reading_while_ticking(
    *, days: int = 10, zones: int = 10, queries: int = 20, rounds: int = 5, indicators: Sequence[str] = ("density", "unusualness")
) -> list[Pair]:
    """Median time of a last-4-hours query, idle and under ticks without pause (in service there is one in 15 minutes)."""
    context = mp.get_context("spawn")
    go, resting, stop, ticks = context.Event(), context.Event(), context.Event(), context.Value("i", 0)
    during: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "workspace" / "published" / "indicators.duckdb"
        other = context.Process(target=_ticker, args=(folder, zones, days, indicators, go, resting, stop, ticks))
        other.start()
        try:

            def idle() -> float:
                go.clear()
                if not resting.wait(timeout=PATIENCE):
                    raise AssertionError("the ticking process did not come to rest")
                return _median_query(published, queries)

            def under_ticks() -> float:
                before = ticks.value
                go.set()
                until = time.monotonic() + PATIENCE
                while ticks.value == before:  # the first tick is through: from here on it ticks all the time
                    if time.monotonic() > until or not other.is_alive():
                        raise AssertionError("the other process does not tick")
                    time.sleep(0.005)
                before = ticks.value
                spent = _median_query(published, queries, lambda: ticks.value > before or not other.is_alive())
                during.append(ticks.value - before)
                return spent

            pair = measure("reading the last 4 hours", "idle", idle, "while ticking", under_ticks, unit="query", rounds=rounds)
        finally:
            stop.set()
            go.set()
            other.join(timeout=PATIENCE)
            if other.is_alive():
                other.terminate()
    note = (
        f"{days} days of history, {zones} zones; opening the file included; the median of {queries} queries a round, or while"
        " ticking of as many as take until a tick has ended. Another process ticked without pause (in service once in 15 minutes):"
        f" {sum(during[-rounds:])} ticks ended during the counted queries. Both share the machine's cores."
    )
    return [Pair(**pair.as_dict() | {"note": note})]


def _median_query(published: Path, queries: int, enough: Callable[[], bool] = lambda: True) -> float:
    def one_query() -> None:
        if not last_hours(published):
            raise AssertionError("the published file shows no rows of the last four hours")

    taken: list[float] = []
    while len(taken) < queries or not enough():
        taken.append(seconds(one_query))
    return statistics.median(taken)
