"""Frozen values: a count that repeats itself more often than chance, and than this place, does.

Runs of counts that are stored are found in the store. A count under k is not stored: where a whole local day of a place was
withheld, which a frozen small number is and a living street hardly ever, the deliveries of that day are read again, in memory,
and only the finding is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines import intake
from pipelines.baselines.counts import DAY, instant
from pipelines.quality.beside import at
from pipelines.quality.findings import Finding
from pipelines.store import Store
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.settings import Source
from schemas.settings.quality import Frozen

HABIT = timedelta(days=28)  # of its own past, to know how often it stands still
KNOWN_DAYS = 7  # a place known for less has no habits yet
MIN_CELLS_WITHHELD = 12
MOST_FILES = 300  # a day: deliveries that are read again for it
_LOG = "log10(2 * sqrt(pi() * value))"  # of two Poisson counts of this size: -log10 of the chance that they are equal


def frozen(store: Store, config: Config, source: Source, settings: Frozen, start: datetime, end: datetime) -> list[Finding]:
    """Runs of one value that overlap [start, end); they are followed back for a quarter of a day, or twice the time a stock may stand."""
    kinds = {m: DATASETS[source.dataset].kind_of(m) for m in DATASETS[source.dataset].measures}
    flows, stocks = ([m for m, kind in kinds.items() if kind == wanted] for wanted in ("flow", "stock"))
    found = []
    for measures, length, still in ((flows, settings.min_duration, False), (stocks, settings.min_duration_stock, True)):
        if measures:
            found += _runs(store, config, source, settings, measures, length, still=still, span=(start, end))
    return found


def _cells(store: Store, config: Config, source: Source, measures: Iterable[str], start: datetime, end: datetime) -> str:
    listed = ", ".join(f"'{m}'" for m in measures)
    return f"""SELECT place, measure, interval_start, interval_end, CASE WHEN status = 'ok' AND value > 0 THEN value END AS value
               FROM {store.relation("observations", start, end)} WHERE municipality = '{config.municipality.municipality}'
                   AND source = '{source.source}' AND measure IN ({listed})"""


def _grouped(cells: str) -> str:
    """SELECT of runs of equal known counts: place, measure, run_start, run_end, n, value; and how far the cells reach."""
    w = "WINDOW w AS (PARTITION BY place, measure ORDER BY interval_start)"
    return f"""
        WITH turns AS (SELECT *, value IS NULL OR value IS DISTINCT FROM lag(value) OVER w AS turned FROM ({cells}) {w}),
        numbered AS (SELECT *, sum(turned::INTEGER) OVER w AS run, max(interval_end) OVER (PARTITION BY place, measure) AS known_until
                     FROM turns {w})
        SELECT place, measure, min(interval_start) AS run_start, max(interval_end) AS run_end, count(*) AS n, any_value(value) AS value,
               any_value(known_until) AS known_until
        FROM numbered WHERE value IS NOT NULL GROUP BY place, measure, run"""


def _runs(
    store: Store, config: Config, source: Source, settings: Frozen, measures: list[str], length: timedelta, *,
    still: bool, span: tuple[datetime, datetime],
) -> list[Finding]:  # fmt: skip
    con = store.con
    back = span[0] - (2 * length if still else timedelta(hours=6))
    # By chance alone; few pass, and only of those the own past is read.
    grouped = _grouped(_cells(store, config, source, measures, back, span[1]))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE frozen_runs AS SELECT *, {_LOG} AS digits FROM ({grouped})
        WHERE run_end > {at(span[0])} AND n >= {settings.min_cells} AND epoch(run_end) - epoch(run_start) >= {length.total_seconds()}
            AND (n - 1) * {_LOG} >= {settings.rarity}""")
    if not con.execute("SELECT 1 FROM frozen_runs LIMIT 1").fetchall():
        return []
    # What froze before is no habit.
    known = """AND place IN (SELECT place FROM frozen_runs) AND NOT EXISTS (FROM flags f WHERE f.detector = 'frozen'
               AND f.state IN ('proposed', 'accepted') AND list_contains(f.flagged_places, place) AND list_contains(f.flagged_measures, measure)
               AND interval_start >= f.flagged_from AND interval_start < f.flagged_to)"""
    past = _grouped(f"{_cells(store, config, source, measures, back - HABIT, span[1])} {known}")
    rows = con.execute(f"""
        WITH past AS (
            SELECT r.place, r.measure, r.run_start, sum(p.n - 1) AS repeats, sum(p.n) AS cells, min(p.run_start) AS since,
                   max(epoch(p.run_end) - epoch(p.run_start)) AS longest
            FROM frozen_runs r JOIN ({past}) p ON p.place = r.place AND p.measure = r.measure AND p.run_end <= r.run_start GROUP BY ALL)
        SELECT place, measure, run_start, run_end, run_end = known_until, n,
               floor((n - 1) * least(digits, -log10((repeats + 1) / (cells + 2)))) AS rare
        FROM frozen_runs JOIN past USING (place, measure, run_start)
        WHERE rare >= {settings.rarity} AND since <= run_start - INTERVAL {KNOWN_DAYS} DAYS
            AND epoch(run_end) - epoch(run_start) >= 2 * longest
        ORDER BY place, measure, run_start""").fetchall()
    return [
        Finding("frozen", source.source, place, begin, finish, ongoing, (measure,), facts={"n": n, "rarity": int(rare)},
                cut=begin <= back + timedelta(hours=1))
        for place, measure, begin, finish, ongoing, n, rare in rows
    ]  # fmt: skip


def frozen_withheld(store: Store, config: Config, source: Source, settings: Frozen, first: date, last: date) -> list[Finding]:
    """Whole local days at one small number, which is not told: of the days first…last all of whose counts were withheld.

    In a town that withholds zeros too a day of nothing looks like that, and is no repetition.
    """
    start, end = instant(first, config), instant(last + DAY, config)
    local = f"CAST(timezone('{config.municipality.timezone}', interval_start) AS DATE)"
    rows = store.con.execute(f"""
        SELECT place, measure, {local} AS local_date, count(*), list(DISTINCT delivery_id) FROM {store.relation("observations", start, end)}
        WHERE municipality = '{config.municipality.municipality}' AND source = '{source.source}'
        GROUP BY ALL HAVING bool_and(status = 'suppressed' AND withheld_high IS NOT NULL) AND count(*) >= {MIN_CELLS_WITHHELD}
        ORDER BY place, measure, local_date""").fetchall()
    names = _files(store, sorted({d for row in rows for d in row[4] if d})) if rows else set()
    if not names or len(names) > MOST_FILES * ((last - first).days + 1):
        return []
    same = _all_equal(config, source, names, {row[:3] for row in rows}, (start, end))
    return [
        Finding("frozen", source.source, place, instant(day, config), instant(day + DAY, config), False, (measure,),
                facts={"n": n, "rarity": _rarity(n)})
        for place, measure, day, n, _ in rows if same.get((place, measure, day)) == n and _rarity(n) >= settings.rarity
    ]  # fmt: skip


def _rarity(n: int) -> int:
    """Of a count of 1, the likeliest to repeat itself."""
    return math.floor((n - 1) * math.log10(2 * math.sqrt(math.pi)))


def _files(store: Store, deliveries: list[str]) -> set[str]:
    named = store.con.execute("SELECT name FROM deliveries WHERE list_contains(?, delivery_id)", [deliveries]).fetchall()
    return {name for (name,) in named}


def _all_equal(
    config: Config, source: Source, names: set[str], asked: set[tuple[str, str, date]], span: tuple[datetime, datetime]
) -> dict[tuple[str, str, date], int]:  # fmt: skip
    """Read deliveries again without withholding; (place, measure, local day) → number of cells, where all are one number above 0.

    The counts live in this function only. A file that is gone tells nothing.
    """
    places = pa.array(sorted({place for place, _, _ in asked}))
    parts = []
    for file in (f for f in intake.find(source, config.data) if f.name in names):
        taken = intake.take_in(file, source, k=1, withhold_zero=False, tz=config.tz, after=None, until=span[1])
        inside = pc.and_(pc.greater_equal(taken.cells["interval_start"], span[0]), pc.is_in(taken.cells["place"], places))
        parts.append(taken.cells.filter(inside).select(["place", "measure", "interval_start", "value"]))
    if not parts:
        return {}
    cells = pa.concat_tables(parts)
    local = pc.local_timestamp(cells["interval_start"].cast(pa.timestamp("us", config.municipality.timezone))).cast(pa.date32())
    found: Any = cells.append_column("day", local).group_by(["place", "measure", "day"]).aggregate(
        [("value", "count_distinct"), ("value", "min"), ("interval_start", "count_distinct")]
    )  # fmt: skip
    return {
        (row["place"], row["measure"], row["day"]): row["interval_start_count_distinct"]
        for row in found.to_pylist() if row["value_count_distinct"] == 1 and row["value_min"] > 0
    }  # fmt: skip
