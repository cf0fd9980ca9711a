"""What history costs: an ordinary tick after few and after many days, and a backfill against pandas and SQL."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.pairs import Pair, measure, seconds
from benchmarks.world import AREA, World
from pipelines.store import Store
from pipelines.store.rows import one
from pipelines.store.sealing import fsync

ENTER = (1.1, 2.15, 3.5)  # density, place type moving


def tick_flat_in_history(
    *, few: int = 4, many: int = 400, zones: int = 10, rounds: int = 9, baselines: tuple[int, int] = (100, 400)
) -> list[Pair]:
    """An ordinary tick: one new delivery of one slot, publication included, in two workspaces of unequal age.

    Once with a hundred times the history and the same hot days; and once with baselines, which reach back twelve weeks, in both.
    """
    found = [_flat(few, many, zones, rounds, ("density",))]
    if baselines[1]:
        found.append(_flat(*baselines, max(1, zones // 2), rounds, ("density", "unusualness")))
    return found


def _flat(few: int, many: int, zones: int, rounds: int, indicators: Sequence[str]) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        worlds = [World(Path(folder) / str(days), zones=zones, indicators=indicators) for days in (few, many)]
        stores = [Store(world.workspace) for world in worlds]
        try:
            for world, store, days in zip(worlds, stores, (few, many), strict=True):
                world.deliver_history(days, each=max(1, days // 40))
                world.tick(store, "backfill")

            def ordinary(which: int) -> float:
                worlds[which].next_delivery()
                taken = seconds(lambda: worlds[which].tick(stores[which]))
                newest = one(stores[which].con.execute("SELECT max(interval_end) FROM indicator_values"))[0]
                if newest != worlds[which].now:
                    raise AssertionError("the tick did not compute the newest slot")
                return taken

            judged = (
                f"; of {_judged(stores[0])} and {_judged(stores[1])} zones a baseline is known" if len(indicators) > 1 else ""
            )
            return measure(
                f"tick, {many / few:.0f} × the history", f"{few} days", lambda: ordinary(0), f"{many} days", lambda: ordinary(1),
                unit="tick", rounds=rounds,
                note=f"{zones} zones, {' and '.join(indicators)}; history by backfill, whole months merged{judged}. Settings and store"
                " stay open.",
            )  # fmt: skip
        finally:
            for store in stores:
                store.close()


def _judged(store: Store) -> int:
    """In how many zones the newest slot could be compared with a baseline."""
    sql = f"""SELECT count(value) FROM {store.relation("indicator_values")}
        WHERE indicator = 'unusualness' AND interval_end = (SELECT max(interval_end) FROM indicator_values)"""
    return int(one(store.con.execute(sql))[0])


def in_pandas(files: Iterable[Path]) -> pd.DataFrame:
    """Density and its instant level as one would write it in a notebook, counting on clean files."""
    rows = pd.concat([pd.read_csv(path) for path in files], ignore_index=True)
    rows["time"] = pd.to_datetime(rows["time"], format="%Y-%m-%dT%H:%M", utc=True)
    rows = rows.drop_duplicates(["place", "time"], keep="last").sort_values(["place", "time"])
    rows["density"] = (rows["present"] / AREA).round(2)
    rows["level"] = np.searchsorted(ENTER, rows["density"], side="right")
    return rows


def in_sql(files: Sequence[Path], target: Path) -> int:
    """Density and its instant level as one would write it in DuckDB, to a Parquet file; counting on clean files. Returns the rows."""
    band = " + ".join(f"(density >= {edge})::INTEGER" for edge in ENTER)
    with duckdb.connect() as con:
        con.execute("SET TimeZone='UTC'")
        con.execute(f"""
            COPY (SELECT *, {band} AS level FROM (
                SELECT place, CAST(time AS TIMESTAMPTZ) AS time, present, round(present / {AREA}, 2) AS density
                FROM read_csv({[str(f) for f in files]}, header = true, types = {{'time': 'TIMESTAMP', 'place': 'VARCHAR', 'present': 'INTEGER'}})
                QUALIFY row_number() OVER (PARTITION BY place, time) = 1) ORDER BY place, time)
            TO '{target}' (FORMAT parquet)""")
        fsync(target)
        return int(con.execute(f"SELECT count(*) FROM '{target}'").fetchall()[0][0])


def backfill(*, days: int = 30, zones: int = 200, rounds: int = 3) -> list[Pair]:
    """``tick(verb="backfill")`` into an empty workspace, against :func:`in_pandas` on the same files, per row delivered."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), zones=zones, indicators=("density",))
        files = world.deliver_history(days)
        count = days * 96 * zones
        tries = 0

        def ours() -> float:
            nonlocal tries
            tries += 1
            with Store(Path(folder) / f"workspace-{tries}") as store:
                taken = seconds(lambda: world.tick(store, "backfill"), count)
                relation = store.relation("indicator_values")
                values, total = one(store.con.execute(f"SELECT count(*), sum(value) FROM {relation} WHERE indicator = 'density'"))
            if values != count or not math.isclose(total, in_pandas(files)["density"].sum(), rel_tol=1e-9):
                raise AssertionError("backfill and pandas disagree on density")
            return taken

        def by_hand() -> float:
            return seconds(lambda: in_sql(files, Path(folder) / "by-hand.parquet"), count)

        pair = measure(
            "backfill", "pandas", lambda: seconds(lambda: in_pandas(files), count), "backfill", ours,
            unit="row", rounds=rounds,
        )  # fmt: skip
        hand = measure("backfill: SQL", "SQL by hand", by_hand, "backfill", ours, unit="row", rounds=rounds)
    note = (
        f"{days} days × {zones} zones × 15 min, a file a day; backfill {1 / pair.b:,.0f} rows/s, pandas {1 / pair.a:,.0f} rows/s. The pandas"
        " version is density and instant level only; it leaves out the privacy screen, checks with reasons, withholding, rows for what is"
        " missing, accounting and revisions, thresholds by layer, event and date, held levels, situations, hashes, storage and"
        " publication. Values found equal."
    )
    in_words = (
        f"SQL by hand {1 / hand.a:,.0f} rows/s, backfill {1 / hand.b:,.0f} rows/s; by hand leaves out the same as pandas does."
    )
    return [Pair(**pair.as_dict() | {"note": note}), Pair(**hand.as_dict() | {"note": in_words})]
