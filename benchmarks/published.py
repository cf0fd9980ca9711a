"""From a new file in the data folder to the publication that shows it: a whole tick, without Prefect's own start."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.history import in_sql
from benchmarks.pairs import Pair, in_words, measure, seconds
from benchmarks.world import World
from pipelines.published import connect
from pipelines.store import Store

AIMS = {1000: 0.3, 10_000: 1.5}  # zones → seconds


def file_to_published(*, sizes: tuple[int, ...] = (1000, 10_000), days: int = 1, rounds: int = 5) -> list[Pair]:
    """One delivery of one slot of all zones, taken in, computed, judged and published, with a day of hot history."""
    return [_of_size(zones, days, rounds) for zones in sizes]


def _of_size(zones: int, days: int, rounds: int) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), zones=zones, indicators=("density",))
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

            size = f"file to published, {zones:,} zones"
            pair = measure(size, "SQL by hand", by_hand, "tick", whole, unit="file", rounds=rounds)
    aim = AIMS.get(zones)
    verdict = (
        f" The aim is {aim} s; {'met' if pair.b <= aim else 'not met'} here, at this load ({in_words(pair.b)})." if aim else ""
    )
    note = (
        f"one indicator, {days} days of hot history, settings and store stay open; Prefect's own start is left out.{verdict} By hand: density"
        " and instant level of the same file, read, computed, written as Parquet and flushed to disk, nothing else."
    )
    return Pair(**pair.as_dict() | {"note": note})
