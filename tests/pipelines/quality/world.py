"""A store filled with observations and baselines by hand, so that each detector is tried on what it reads and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.quality import beside
from pipelines.slots import feeds
from pipelines.store import Store
from tests.town import START, STEP, Town

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_UTC = pa.timestamp("us", "UTC")
ABSENT, SMALL = None, "small"  # nothing came; a count that was withheld
Count = int | str | None


class World:
    """One line ``gate`` with in and out by the quarter; the town's clock is UTC unless said."""

    def __init__(self, folder: Path, timezone: str = "UTC"):
        self.town = Town(folder, timezone=timezone)
        self.config = self.town.config
        self.store = Store(folder / "w")
        self.source = self.config.sources["gates"]

    def counts(self, start: datetime, values: list[Count], measure: str = "count_in", place: str = "gate", step: timedelta = STEP,
               delivery: str = "d1", content_hash: str = "h1") -> None:  # fmt: skip
        """Observations from ``start`` on, one a step: a number, ``ABSENT`` or ``SMALL``."""
        rows = [
            {
                "municipality": "tiny", "dataset": "passage_counts", "source": "gates", "place": place, "interval_start": start + i * step,
                "interval_end": start + (i + 1) * step, "measure": measure, "value": v if isinstance(v, int) else None,
                "value_low": v if isinstance(v, int) else 0 if v == SMALL else None,
                "value_high": v if isinstance(v, int) else 14 if v == SMALL else None,
                "status": "missing" if v is None else "suppressed" if v == SMALL else "ok", "delivery_id": None if v is None else delivery,
                "recorded_at": start + (i + 1) * step, "withheld_high": 14 if v == SMALL else None, "content_hash": content_hash,
            } for i, v in enumerate(values)
        ]  # fmt: skip
        floats = ("value", "value_low", "value_high", "withheld_high")
        moments = ("interval_start", "interval_end", "recorded_at")
        columns = {
            name: pa.array([r[name] for r in rows], pa.float64() if name in floats else _UTC if name in moments else pa.string())
            for name in rows[0]
        }
        self.store.con.register("given", pa.table(columns))
        self.store.con.execute("INSERT INTO observations BY NAME FROM given")
        self.store.con.unregister("given")

    def both(self, start: datetime, values: list[Count], place: str = "gate", step: timedelta = STEP) -> None:
        """In and out alike."""
        for measure in ("count_in", "count_out"):
            self.counts(start, values, measure, place, step)

    def usual(
        self, first: date, days: int, p10: Callable[[int], float], n: int = 16, factor: float = 1.5, p95: float = 400
    ) -> None:
        """Baselines of both directions together by the quarter: ``p10`` of the hour, a median of ``factor`` times it."""
        rows = [(first + d * DAY, q, p10(q // 4)) for d in range(days) for q in range(96)]
        table = pa.table({
            "local_date": pa.array([r[0] for r in rows], pa.date32()), "q": pa.array([r[1] for r in rows], pa.int32()),
            "p10": pa.array([r[2] for r in rows], pa.float64()),
        })  # fmt: skip
        self.store.con.register("given", table)
        self.store.con.execute(f"""
            INSERT INTO baselines BY NAME SELECT 'tiny' AS municipality, 'passage_counts' AS dataset, 'gates' AS source, 'passages' AS measure,
                'gate' AS place, 15 AS interval_minutes, local_date, TIME '00:00' + to_minutes(15 * q) AS local_time, 'weekday' AS day_type,
                {n} AS n, p10, {factor} * p10 AS median, {p95} AS place_p95 FROM given""")
        self.store.con.unregister("given")

    def slots(self, start: datetime, end: datetime) -> None:
        """Make ``quality_slots`` of the gate."""
        [feed] = feeds(self.config, ("passage_counts.passages",))
        beside.slots(self.store, self.config, feed, 15, start, end, 9, None)


def poisson(seed: int, mean: Callable[[int], float], days: int, per_hour: int = 4) -> list[Count]:
    """Counts of days of a mean by the hour of the day."""
    rng = np.random.default_rng(seed)
    return [int(rng.poisson(mean(h))) for _ in range(days) for h in range(24) for _ in range(per_hour)]


def street(hour: int) -> float:
    """A shopping street: nobody before five, busy in the afternoon."""
    return [0.2, 0.1, 0.05, 0.05, 0.1, 1, 4, 15, 30, 40, 60, 80, 90, 100, 110, 110, 100, 90, 60, 40, 25, 12, 4, 1][hour]


DAY_ONE = START.date()
