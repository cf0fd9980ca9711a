"""From a new file in the data folder to the publication that shows it: a whole tick, without Prefect's own start."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.history import in_sql
from benchmarks.pairs import Pair, measure, seconds
from benchmarks.world import World
from pipelines.published import connect
from pipelines.store import Store
from pipelines.store.rows import one

BUSY = {"": 30, ", two thirds in a situation": 1}  # how many zones are above elevated → World.steep


def file_to_published(*, sizes: tuple[int, ...] = (1000, 10_000), days: int = 1, rounds: int = 5) -> list[Pair]:
    """One delivery of one slot of all zones, taken in, computed, judged and published, with a day of hot history."""
    return [_of_size(zones, days, rounds, busy) for zones in sizes for busy in BUSY]


def _of_size(zones: int, days: int, rounds: int, busy: str) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), zones=zones, indicators=("density",), steep=BUSY[busy])
        world.deliver_history(days)
        with Store(world.workspace) as store:
            world.tick(store, "backfill")

            def by_hand() -> float:
                path = world.deliver(world.now, 1)
                return seconds(lambda: in_sql([path], Path(folder) / "by-hand.parquet"))

            def whole() -> float:
                world.next_delivery()
                taken = seconds(lambda: world.tick(store))
                with connect(store.published / "indicators.duckdb") as con:
                    sql = "SELECT count(*) FROM indicator_values WHERE interval_end = ?"
                    if con.execute(sql, [world.now]).fetchall() != [(zones,)]:
                        raise AssertionError("the publication does not show every zone's newest value")
                return taken

            under_way = one(store.con.execute("SELECT count(*) FROM situations WHERE state <> 'closed'"))[0]
            size = f"file to published, {zones:,} zones{busy}"
            note = (
                f"one indicator, {days} days of hot history, settings and store stay open; Prefect's own start is left out. {under_way} situations"
                " are under way at the start. By hand: density and instant level of the same file, read, computed, written as Parquet and"
                " flushed to disk, nothing else."
            )
            return measure(size, "SQL by hand", by_hand, "tick", whole, unit="file", rounds=rounds, note=note)
