"""Compute and write the baselines that are due: counts read once for a stretch of days, then a few days at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from indicators import baseline
from pipelines.baselines import counts
from pipelines.baselines.counts import DAY
from pipelines.baselines.due import as_table, of_feed
from pipelines.slots import Feed
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

CHANGED = "measure, source, place, interval_minutes, local_date, local_time"
# Days × places in one statement, so that memory grows neither with a town nor with its history; counts are read for longer.
BATCH = 2_000
STRETCH = timedelta(days=92)

_MEDIAN = "no, local_date, minute, median"
_USABLE = f"day_type = 'weekday' AND n >= {baseline.MIN_VALUES}"
_FIGURES = "n, valid_days, median, mad, p10, p20, p50, p80, p90, p95"


@dataclass
class _Work:
    """One measure of one source at one interval length. ``have``: local days whose counts were read."""

    store: Store
    config: Config
    feed: Feed
    minutes: int
    calendar: baseline.Calendar
    have: set[date]

    @property
    def mine(self) -> str:
        """SQL: whether a row of ``baselines`` or ``baseline_done`` is of this measure, source and interval."""
        return f"{of_feed(self.config, self.feed)} AND interval_minutes = {self.minutes}"

    def read(self, days: set[date]) -> None:
        """See to it that the counts of these days are in ``baseline_slots``."""
        counts.add(self.store, self.config, self.feed, self.minutes, days - self.have)
        self.have |= days

    def statistics(self, targets: str, name: str) -> None:
        """Table ``name`` with the statistics of ``targets`` (no, local_date), whose earlier days have been read."""
        con = self.store.con
        wanted = [d for (d,) in con.execute(f"SELECT DISTINCT local_date FROM {targets}").fetchall()]
        rows = [(day, kind, past) for day in wanted for kind, past in baseline.comparison_days(day, self.calendar)]
        as_table(self.store, "comparisons", {
            "local_date": pa.array([r[0] for r in rows], pa.date32()), "day_type": pa.array([r[1] for r in rows], pa.string()),
            "ref_date": pa.array([r[2] for r in rows], pa.date32()),
        })  # fmt: skip
        sql = baseline.statistics_sql(
            targets, "baseline_slots", "comparisons", "special_days", self.minutes, self.config.municipality.timezone
        )
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def start(store: Store) -> None:
    """Empty ``all_changed_baselines``."""
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE all_changed_baselines AS SELECT {CHANGED} FROM baselines LIMIT 0")


def compute(store: Store, config: Config, feed: Feed, at: datetime) -> None:
    """Compute the rows of ``baseline_due``, write those that differ and add their keys to ``all_changed_baselines``."""
    dates = store.con.execute(
        "SELECT interval_minutes, local_date, count(*) FROM baseline_due GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for minutes in sorted({m for m, _, _ in dates}):
        for stretch in _stretches([(day, count) for m, day, count in dates if m == minutes]):
            work = _prepare(store, config, feed, minutes, stretch[0][0], stretch[-1][0], "baseline_done")
            for batch in _batches(stretch):
                _compute(work, batch, at)


def computed(store: Store, config: Config, feed: Feed, minutes: int, place: str, day: date) -> str:
    """SELECT of the baseline rows (but ``recorded_at``) of one place and day, worked out from the observations; writes nothing."""
    due = {"place": [place], "interval_minutes": pa.array([minutes], pa.int32()), "local_date": pa.array([day], pa.date32())}
    as_table(store, "baseline_due", due)
    known = stored(store, day - timedelta(days=baseline.REACH_DAYS), day)
    done = f"(SELECT DISTINCT municipality, dataset, source, measure, place, interval_minutes, local_date FROM {known})"
    return _rows(_prepare(store, config, feed, minutes, day, day, done), [day])


def _stretches(days: list[tuple[date, int]]) -> Iterator[list[tuple[date, int]]]:
    """(day, places) in order, cut where the counts to read would lie too far apart."""
    found: list[tuple[date, int]] = []
    for day, places in days:
        if found and day - found[0][0] > STRETCH:
            yield found
            found = []
        found.append((day, places))
    yield found


def _batches(days: list[tuple[date, int]]) -> Iterator[list[date]]:
    """Days whose places together are at most ``BATCH``, or one day."""
    found: list[date] = []
    size = 0
    for day, places in days:
        if found and size + places > BATCH:
            yield found
            found, size = [], 0
        found.append(day)
        size += places
    if found:
        yield found


def _prepare(store: Store, config: Config, feed: Feed, minutes: int, first: date, last: date, done: str) -> _Work:
    """Number the places, note the calendar, and read all counts that figures of the days first…last rest on.

    ``done``: relation with the key columns of ``baselines``: the days whose stored rows can be relied on.
    """
    con = store.con
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_places AS
        SELECT CAST(row_number() OVER (ORDER BY place) AS INTEGER) AS no, place
        FROM (SELECT DISTINCT place FROM baseline_due WHERE interval_minutes = {minutes} AND local_date BETWEEN '{first}' AND '{last}')""")
    reach = timedelta(days=baseline.REACH_DAYS)
    calendar = baseline.calendar(config, first - 2 * reach - DAY, last)
    as_table(store, "special_days", {"local_date": pa.array(sorted(calendar.special), pa.date32())})
    work = _Work(store, config, feed, minutes, calendar, set())
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE computed_days AS SELECT DISTINCT no, local_date FROM {done} JOIN baseline_places USING (place)
        WHERE {work.mine} AND local_date BETWEEN '{first - reach}' AND '{last}'""")
    counts.start(store, config, feed)
    editions = {
        past + beside * DAY for day in _days(first, last) for past in calendar.editions.get(day, ()) for beside in (-1, 0, 1)
    }
    work.read({*_days(first - reach - DAY, last - DAY), *editions})
    return work


def _days(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]


def _rows(work: _Work, days: list[date]) -> str:
    """Table ``targets`` with what is due on these days, and the SELECT of its rows (but ``recorded_at``)."""
    con, feed = work.store.con, work.feed
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE targets AS SELECT no, local_date FROM baseline_due JOIN baseline_places USING (place)
        WHERE interval_minutes = {work.minutes} AND local_date BETWEEN '{days[0]}' AND '{days[-1]}'""")
    work.statistics("targets", "statistics")
    con.execute(f"CREATE OR REPLACE TEMP TABLE day_p95 AS {baseline.place_p95_sql('targets', 'baseline_slots')}")
    _factors(work)
    return f"""SELECT '{work.config.municipality.municipality}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source,
                     '{feed.measure}' AS measure, place, {work.minutes} AS interval_minutes, local_date,
                     TIME '00:00' + to_minutes(minute) AS local_time, day_type, {_FIGURES},
                     coalesce(level_factor, 1.0) AS level_factor, place_p95, {baseline.VERSION} AS version
              FROM statistics JOIN baseline_places USING (no) LEFT JOIN day_factor USING (no, local_date)
              LEFT JOIN day_p95 USING (no, local_date)"""


def _compute(work: _Work, days: list[date], at: datetime) -> None:
    """Write the rows of a few days."""
    con, feed = work.store.con, work.feed
    new = _rows(work, days)
    scope = f"""SELECT b.* FROM {stored(work.store, days[0], days[-1])} b
                SEMI JOIN (SELECT place, local_date FROM targets JOIN baseline_places USING (no)) t USING (place, local_date)
                WHERE {work.mine}"""
    moment = f"TIMESTAMPTZ '{at.isoformat()}'"
    work.store.replace("baselines", new, scope, moment, moment)
    # Nothing was judged by the baselines of a day before they were there.
    con.execute(f"""
        INSERT INTO all_changed_baselines SELECT DISTINCT {CHANGED} FROM changed_baselines
        JOIN baseline_places USING (place) SEMI JOIN computed_days USING (no, local_date)""")
    con.execute("CREATE OR REPLACE TEMP TABLE newly_done AS FROM targets ANTI JOIN computed_days USING (no, local_date)")
    con.execute(f"""
        INSERT INTO baseline_done BY NAME
        SELECT '{work.config.municipality.municipality}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source,
               '{feed.measure}' AS measure, place, {work.minutes} AS interval_minutes, local_date
        FROM newly_done JOIN baseline_places USING (no)""")
    con.execute("INSERT INTO computed_days FROM newly_done")


def stored(store: Store, first: date, last: date) -> str:
    """Stored baselines of local days first…last."""
    low, high = (datetime.combine(day, datetime.min.time(), UTC) for day in (first, last + DAY))
    return store.relation("baselines", low, high)


def _factors(work: _Work) -> None:
    """``day_factor`` of the targets. The last seven ordinary days nearly always have a baseline; where not, all days are tried."""
    con = work.store.con
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE ordinary AS {baseline.ordinary_days_sql('targets', 'baseline_slots', 'special_days')}"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE medians (no INTEGER, local_date DATE, minute SMALLINT, median DOUBLE)")
    con.execute("CREATE OR REPLACE TEMP TABLE asked (no INTEGER, local_date DATE)")
    newest = f"nth <= {baseline.ORDINARY_DAYS}"
    compared = f"CREATE OR REPLACE TEMP TABLE compared AS {baseline.compared_sql('baseline_slots', 'medians')}"
    _add_medians(work, f"SELECT DISTINCT no, ref_date FROM ordinary WHERE {newest}")
    con.execute(compared)
    short = f"SELECT no, local_date FROM ordinary ANTI JOIN compared USING (no, ref_date) WHERE {newest}"
    if _add_medians(work, f"SELECT DISTINCT no, ref_date FROM ordinary SEMI JOIN ({short}) USING (no, local_date)"):
        con.execute(compared)
    con.execute(f"CREATE OR REPLACE TEMP TABLE day_factor AS {baseline.level_factor_sql('ordinary', 'compared')}")


def _add_medians(work: _Work, asked: str) -> bool:
    """Add the weekday medians of these days (query of no and day) to ``medians``: new ones, stored ones, else worked out for this.

    Returns whether there was any day not asked for before.
    """
    con = work.store.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE asking AS FROM ({asked}) q(no, local_date) ANTI JOIN asked USING (no, local_date)")
    first, last = one(con.execute("SELECT min(local_date), max(local_date) FROM asking"))
    if first is None:
        return False
    con.execute("INSERT INTO asked FROM asking")
    con.execute(f"INSERT INTO medians SELECT {_MEDIAN} FROM statistics SEMI JOIN asking USING (no, local_date) WHERE {_USABLE}")
    con.execute(f"""
        INSERT INTO medians SELECT no, local_date, CAST(60 * hour(local_time) + minute(local_time) AS SMALLINT), median
        FROM (FROM {stored(work.store, first, last)} WHERE {work.mine} AND {_USABLE}) JOIN baseline_places USING (place)
        SEMI JOIN (FROM asking ANTI JOIN targets USING (no, local_date)) USING (no, local_date)""")
    con.execute("""CREATE OR REPLACE TEMP TABLE asking AS
        FROM asking ANTI JOIN targets USING (no, local_date) ANTI JOIN computed_days USING (no, local_date)""")
    unknown = con.execute("SELECT local_date, count(*) FROM asking GROUP BY ALL ORDER BY ALL").fetchall()
    for days in _batches(unknown):
        work.read(set(_days(days[0] - timedelta(days=baseline.REACH_DAYS) - DAY, days[-1] - DAY)))
        work.statistics(f"(FROM asking WHERE local_date BETWEEN '{days[0]}' AND '{days[-1]}')", "earlier_statistics")
        con.execute(f"INSERT INTO medians SELECT {_MEDIAN} FROM earlier_statistics WHERE {_USABLE}")
    return True
