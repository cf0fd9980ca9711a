"""The computing room (``compute.values``) against SQL and pandas written by hand for the same tables, in history and in a tick.

Both sides start from observations, baselines and settings that stand in the working database; they end in the same values,
levels and reasons, or the benchmark fails. Time is that of the processor (user and system, all threads): other work on the
machine counts less in it than on the clock.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pandas as pd

from benchmarks import by_hand, by_pandas, by_rows
from benchmarks.pairs import Pair, Side, measure, seconds
from benchmarks.town import SLOTS_A_DAY, START, STEP, Town, measured
from pipelines import baselines
from pipelines.store import Store
from pipelines.store.rows import one
from pipelines.tick import tick

YEAR_OF_ZONES = 1000 * 365 * SLOTS_A_DAY  # 105M observations: a thousand zones, a year, every five minutes
LOOKS_BACK = timedelta(hours=1)
AFTER = timedelta(minutes=6)  # when a slot is over and its delay too
SAME = (
    "indicator, place, interval_start, interval_end, place_kind, source, local_date, local_time, value, value_low, value_high, unit, level,"
    " status, reason, coverage, confidence, threshold_source, definition_hash, config_hash"
)


def work(call: Callable[[], object], units: int = 1) -> float:
    """Seconds of processor that one call takes, over all threads of this process, per unit of the work it does."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    start = spent()
    call()
    return (spent() - start) / units


def _none_changed(store: Store, *_: object) -> str:
    """In the place of ``baselines.refresh``: all baselines stand already."""
    columns = "measure, source, place, interval_minutes, local_date, local_time"
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE none_changed AS SELECT {columns} FROM baselines LIMIT 0")
    return "none_changed"


class History:
    """A span of history of a town in a workspace, computed again and again."""

    def __init__(self, folder: Path, *, places: int, hours: int):
        self.town = Town(folder, places=places, cards=measured())
        self.store, self.end = self.town.open(), START + timedelta(hours=hours)
        self.town.observe(self.store, START - LOOKS_BACK, START, dirty=False)
        self.observations = self.town.observe(self.store, START, self.end, dirty=False)
        self.town.know_baselines(self.store, START, self.end)
        self.town.describe(self.store, START)

    def engine(self, clock: Callable[..., float] = work) -> float:
        """Everything dirty, no values yet: a first computation, as in a backfill."""
        con = self.store.con
        for table in ("indicator_values", "dirty_levels", "dirty_cells"):
            con.execute(f"DELETE FROM {table}")
        con.execute("INSERT INTO dirty_cells SELECT DISTINCT 'bench', dataset, source, place, interval_start FROM counted")
        con.execute("CHECKPOINT")
        with patch.object(baselines, "refresh", _none_changed):
            return clock(lambda: self.town.compute(self.store, self.end + AFTER), self.observations)

    def hand(self, clock: Callable[..., float] = work) -> float:
        """The same by hand, in a transaction too."""
        by_hand.create(self.store.con)
        self.store.con.execute("CHECKPOINT")
        return clock(lambda: _by_hand(self.town, self.store, START, self.end), self.observations)

    def pandas(self, clock: Callable[..., float] = work, by: ModuleType = by_pandas) -> float:
        """The same in pandas, from frames to frames: reading and writing tables is not counted."""
        frames, found = self._frames(), []
        taken = clock(lambda: found.append(by.values(frames, self.town.cards)), self.observations)
        _same_as_frame(self.store, found[0])
        return taken

    def _frames(self) -> by_pandas.Frames:
        con = self.store.con
        columns = "place, local_date, local_time, median, mad, level_factor, place_p95, p20, p50, p80, p90"
        known = con.execute(f"SELECT {columns} FROM baselines").df()
        known["local_date"] = pd.to_datetime(known["local_date"]).astype("datetime64[us]")
        known["local_time"] = pd.to_timedelta(known["local_time"].astype(str)).astype("timedelta64[us]")
        seen = con.execute("SELECT place, measure, interval_start, CAST(value AS DOUBLE) AS value FROM observations").df()
        town = con.execute("SELECT * REPLACE (CAST(capacity AS DOUBLE) AS capacity) FROM town").df()
        hashes = con.execute("FROM town_hashes").df()
        return by_pandas.Frames(seen, known, town, hashes, pd.Timestamp(START))


def _by_hand(town: Town, store: Store, start: datetime, end: datetime) -> None:
    with store.transaction():
        by_hand.write(store.con, town.cards, start, end)


def _check(store: Store, start: datetime) -> None:
    """The engine and the SQL by hand came to the same rows."""
    since = f"WHERE interval_start >= TIMESTAMPTZ '{start.isoformat()}'"
    sides = [f"SELECT {SAME} FROM {table} {since}" for table in ("indicator_values", by_hand.TABLE)]
    for one_side, other in (sides, sides[::-1]):
        differ = store.con.execute(f"FROM ({one_side} EXCEPT ALL {other}) LIMIT 1").fetchall()
        if differ or not store.con.execute(f"SELECT count(*) FROM ({one_side})").fetchall()[0][0]:
            raise AssertionError(f"the engine and the SQL by hand disagree: {differ}")


def _same_as_frame(store: Store, frame: pd.DataFrame) -> None:
    store.con.register("in_pandas", frame[["indicator", *by_pandas.SLOT, "value", "level", "status"]])
    differ = one(
        store.con.execute(f"""
        SELECT count(*) FROM in_pandas p FULL JOIN {by_hand.TABLE} h USING (indicator, place, interval_start)
        WHERE (p.level, p.status) IS DISTINCT FROM (h.level, h.status) OR abs(p.value - h.value) > 1e-9
            OR (p.value IS NULL OR isnan(p.value)) <> (h.value IS NULL)""")
    )[0]
    store.con.unregister("in_pandas")
    if differ:
        raise AssertionError(f"pandas and the SQL by hand disagree on {differ} values")


def history(*, places: int = 1000, hours: int = 24, rounds: int = 5, pandas_rounds: int = 3) -> list[Pair]:
    """A slice of history against SQL and pandas by hand; the peak of memory of the engine in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        past = History(Path(folder), places=places, hours=hours)
        try:
            cards = ", ".join(past.town.cards)
            sides = "SQL by hand", past.hand, "compute.values", past.engine
            pair = measure("history: SQL", *sides, unit="observation", rounds=rounds)
            _check(past.store, START)
            clock = measure("history: SQL, by the clock", "SQL by hand", lambda: past.hand(seconds), "compute.values",
                            lambda: past.engine(seconds), unit="observation", rounds=rounds)  # fmt: skip
            slow = measure("history: pandas", "compute.values", past.engine, "pandas", past.pandas, unit="observation",
                           rounds=pandas_rounds)  # fmt: skip
            rows = measure("history: pandas by rows", "compute.values", past.engine, "pandas", lambda: past.pandas(by=by_rows),
                           unit="observation", rounds=1)  # fmt: skip
            limit = one(past.store.con.execute("SELECT current_setting('memory_limit')"))[0]
            share, count = past.observations / YEAR_OF_ZONES, past.observations
        finally:
            past.store.close()
    peak = _peak(places, hours)
    note = (
        f"processor time per observation; {count:,} observations of {places:,} places ({share:.2%} of 105M; a year of 1,000 zones at this"
        f" pace would take {pair.b * YEAR_OF_ZONES / 60:.0f} minutes of processor: an extrapolation), {cards}. First computation; baselines"
        f" stand (their refresh is left out). Values, levels, reasons and hashes found equal. Peak memory of a process that makes the town"
        f" and computes it: {peak:.2f} GB (DuckDB memory_limit {limit}). By hand: no withheld, missing or partial data, no layers or events,"
        " no held levels, no difference to what stood, no dirt."
    )
    on_clock = "the same on the clock; other work on the machine is in it."
    frames = (
        "from frames to frames: reading the tables and writing the result are not counted. Values, levels and status found equal."
    )
    applied = "the joins of the pandas before, then a function per row (DataFrame.apply), as one writes it first. Found equal."
    return [
        _noted(pair, note),
        _noted(clock, on_clock),
        _noted(slow, f"whole columns at a time, {frames}"),
        _noted(rows, applied),
    ]


def _peak(places: int, hours: int) -> float:
    """GB of memory at most of a process of its own that makes the town and computes all of it once."""
    program = f"from benchmarks.cards import peak; peak({places}, {hours})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=3600)
    return float(json.loads(done.stdout.splitlines()[-1]))


def peak(places: int, hours: int) -> None:
    """Print the peak of memory (GB) of this process after computing a slice of history."""
    with tempfile.TemporaryDirectory() as folder:
        past = History(Path(folder), places=places, hours=hours)
        past.engine()
        past.store.close()
    print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


class Ticking:
    """A town with hours of hot history, observations and values, that goes on slot by slot."""

    def __init__(self, folder: Path, *, places: int, hours: int):
        self.town = Town(folder, places=places, cards=measured())
        self.store, self.now = self.town.open(), START + timedelta(hours=hours)
        self.town.observe(self.store, START, self.now, dirty=False)
        self.town.know_baselines(self.store, START, self.now + timedelta(hours=2))
        self.town.describe(self.store, START)
        by_hand.create(self.store.con)
        self.alone()
        self._repeat_values(round(hours * timedelta(hours=1) / STEP))

    def _repeat_values(self, slots: int) -> None:
        """The values of the newest slot stand for those of all slots before: what is published and looked up has its size."""
        moved = ", ".join(f"{c} - i * INTERVAL 5 MINUTES AS {c}" for c in ("interval_start", "interval_end", "recorded_at"))
        self.store.con.execute(f"""
            INSERT INTO indicator_values SELECT v.* REPLACE ({moved}) FROM indicator_values v, range({slots - 1}, 0, -1) t(i)""")

    def alone(self) -> tuple[float, float]:
        """The next slot by hand and by the computing room, its observations put there by SQL."""
        self.town.observe(self.store, self.now, self.now + STEP, dirty=True)
        hand = self._hand()
        self.store.con.execute("CHECKPOINT")
        engine = work(lambda: self.town.compute(self.store, self.now + STEP + AFTER))
        return self._checked(hand, engine)

    def whole(self) -> tuple[float, float]:
        """The next slot by hand, and a whole tick that takes it in from files."""
        self.town.deliver(self.store, self.now)
        taken = work(lambda: tick(self.store, self.town.config, self.town.cards, at=self.now + STEP + AFTER))
        return self._checked(self._hand(), taken)

    def _hand(self) -> float:
        self.store.con.execute("CHECKPOINT")
        return work(lambda: _by_hand(self.town, self.store, self.now, self.now + STEP))

    def _checked(self, hand: float, engine: float) -> tuple[float, float]:
        _check(self.store, self.now)
        self.now += STEP
        return hand, engine


def one_slot(*, sizes: tuple[int, ...] = (1000, 10_000), hours: int = 24, rounds: int = 5, tick_rounds: int = 3) -> list[Pair]:
    """One new slot with a day of hot history: ``compute.values`` alone, and the whole tick with intake, situations, publication."""
    found = []
    for places in sizes:
        with tempfile.TemporaryDirectory() as folder:
            town = Ticking(Path(folder), places=places, hours=hours)
            try:
                size = f"{places:,} places"
                alone = measure(f"one slot, {size}", *_sides(town.alone, "compute.values"), unit="slot", rounds=rounds)
                whole = measure(f"a whole tick, {size}", *_sides(town.whole, "tick"), unit="slot", rounds=tick_rounds)
            finally:
                town.store.close()
        held = f"{len(town.town.cards)} cards, {hours} hours of hot observations and values; settings and store stay open, baselines are ready."
        found += [
            _noted(alone, f"processor time; {held}"),
            _noted(whole, "against the same SQL; with intake, situations and publication."),
        ]
    return found


def _sides(both: Callable[[], tuple[float, float]], name: str) -> tuple[str, Side, str, Side]:
    """Two sides that only run together, one after the other."""
    others: list[float] = []

    def first() -> float:
        taken, other = both()
        others.append(other)
        return taken

    return "SQL by hand", first, name, others.pop


def _noted(pair: Pair, note: str) -> Pair:
    return Pair(**pair.as_dict() | {"note": note})
