"""Keep baselines up to date: the days that are asked for and not there yet, and those that late rows reach.

A baseline row that comes out equal stays as it was and dirties nobody (decision 5): only changed rows make their
readers compute again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from indicators import baseline
from indicators.in_force import holidays_and_event_days
from pipelines.slots import Feed, slots_sql
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

_PLACE = "municipality, dataset, source, measure, place, interval_minutes"


def refresh(store: Store, config: Config, feeds: list[Feed], wanted: str, late: str, at: datetime) -> str:
    """Compute the baselines of ``wanted`` days that are missing and of computed days reached by ``late`` cells.

    ``wanted``: relation source, measure, place, interval_minutes, local_date. ``late``: relation source, measure, place, local_date.
    Returns the name of a temporary table with the keys of baseline rows that changed. Inside a transaction.
    """
    con = store.con
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE all_changed_baselines AS SELECT {_PLACE}, local_date, local_time FROM baselines LIMIT 0"
    )
    for feed in feeds:
        for minutes in _targets(store, config, feed, wanted, late):
            _compute(store, config, feed, minutes, at)
    return "all_changed_baselines"


def _targets(store: Store, config: Config, feed: Feed, wanted: str, late: str) -> list[int]:
    """``targets`` with a flag ``fresh``; returns the interval lengths in it.

    A late row reaches statistics up to 85 days on (one day more for the neighbouring slot) and, through the medians of
    ordinary days, level factors up to 84 days beyond that.
    """
    slug, reach = config.municipality.municipality, baseline.REACH_DAYS
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_targets AS
        WITH feed_wanted AS (SELECT DISTINCT place, interval_minutes, local_date FROM {wanted} WHERE source = '{feed.source}' AND measure = '{feed.measure}'),
        done AS (SELECT * FROM baseline_done WHERE municipality = '{slug}' AND source = '{feed.source}' AND measure = '{feed.measure}'),
        fresh AS (SELECT w.* FROM feed_wanted w ANTI JOIN done d USING (place, interval_minutes, local_date)),
        reached AS (
            SELECT DISTINCT d.place, d.interval_minutes, d.local_date FROM done d
            JOIN (SELECT place, local_date AS late_date FROM {late} WHERE source = '{feed.source}' AND measure = '{feed.measure}') l USING (place)
            WHERE d.local_date > l.late_date AND d.local_date <= l.late_date + {2 * reach + 1})
        SELECT '{slug}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source, '{feed.measure}' AS measure, * FROM (FROM fresh UNION FROM reached)
    """)
    return [m for (m,) in store.con.execute("SELECT DISTINCT interval_minutes FROM baseline_targets ORDER BY 1").fetchall()]


def _compute(store: Store, config: Config, feed: Feed, minutes: int, at: datetime) -> None:
    con = store.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE targets AS SELECT * FROM baseline_targets WHERE interval_minutes = {minutes}")
    new = computed(store, config, feed, minutes, at)
    first, last = one(con.execute("SELECT min(local_date), max(local_date) FROM targets"))
    scope = f"""SELECT b.* FROM {stored(store, first, last)} b SEMI JOIN targets t USING ({_PLACE}, local_date)"""
    store.replace("baselines", new, scope, f"TIMESTAMPTZ '{at.isoformat()}'", f"TIMESTAMPTZ '{at.isoformat()}'")
    con.execute(f"INSERT INTO all_changed_baselines SELECT DISTINCT {_PLACE}, local_date, local_time FROM changed_baselines")
    con.execute(f"""INSERT INTO baseline_done SELECT {_PLACE}, local_date FROM targets
                    ANTI JOIN baseline_done USING ({_PLACE}, local_date)""")


def computed(store: Store, config: Config, feed: Feed, minutes: int, at: datetime) -> str:
    """SELECT of the baseline rows (but ``recorded_at``) of the days in ``targets``, worked out from the observations."""
    con = store.con
    first, last = one(con.execute("SELECT min(local_date), max(local_date) FROM targets"))
    _slots(store, config, feed, minutes, first, last, at)
    _calendar(store, config, first - timedelta(days=2 * baseline.REACH_DAYS), last)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE statistics AS {baseline.statistics_sql('targets', 'baseline_slots', 'left_out', 'holidays')}"
    )
    _day_figures(store, first, last)
    columns = f"{_PLACE}, local_date, local_time, day_type, n, valid_days, median, mad, p10, p20, p50, p80, p90, p95"
    return f"""SELECT {columns}, coalesce(level_factor, 1.0) AS level_factor, place_p95, {baseline.VERSION} AS version
              FROM statistics LEFT JOIN day_factor USING ({_PLACE}, local_date) LEFT JOIN day_p95 USING ({_PLACE}, local_date)"""


def stored(store: Store, first: date, last: date) -> str:
    """Stored baselines of local days first…last."""
    return store.relation("baselines", _utc(first), _utc(last + timedelta(days=1)))


def _utc(day: date) -> datetime:
    """UTC midnight; callers allow for the offset of local days themselves."""
    return datetime.combine(day, datetime.min.time(), UTC)


def _slots(store: Store, config: Config, feed: Feed, minutes: int, first: date, last: date, at: datetime) -> None:
    """``baseline_slots``: known whole slots of the places concerned, as far back as any figure reaches."""
    start, end = _utc(first - timedelta(days=2 * baseline.REACH_DAYS + 2)), _utc(last + timedelta(days=2))
    sql = slots_sql(store, config, feed, minutes, start, end, at)
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_slots AS
        SELECT s.municipality, s.dataset, s.source, s.measure, s.place, s.interval_minutes, s.local_date, s.local_ts, CAST(s.value AS DOUBLE) AS x
        FROM ({sql}) s SEMI JOIN (SELECT DISTINCT place FROM targets) t USING (place) WHERE status = 'ok' AND coverage = 1
    """)


def _day_figures(store: Store, first: date, last: date) -> None:
    """``day_p95`` and ``day_factor`` of the targets; the factor reads stored baselines and the new ones."""
    con = store.con
    # Also days between the targets: at another place they may be no target.
    earlier = stored(store, first - timedelta(days=baseline.REACH_DAYS), last)
    names = f"{_PLACE}, local_date, local_time, day_type, n, median"
    known = f"""(SELECT {names} FROM statistics UNION ALL
                 SELECT {names} FROM {earlier} b ANTI JOIN targets t USING ({_PLACE}, local_date))"""
    con.execute(f"CREATE OR REPLACE TEMP TABLE known_baselines AS {known}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE day_p95 AS {baseline.place_p95_sql('targets', 'baseline_slots')}")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE day_factor AS {baseline.level_factor_sql('targets', 'baseline_slots', 'left_out', 'known_baselines')}"
    )


def _calendar(store: Store, config: Config, first: date, last: date) -> None:
    """``holidays`` and ``left_out`` (event days and holidays everywhere, flagged days at their places)."""
    slug = config.municipality.municipality
    holidays, events = holidays_and_event_days(config, first, last)
    flagged = [
        (place, day)
        for flag in config.municipality.flags
        if "no_baseline" in flag.effect
        for place in flag.places
        for day in _days(flag.from_.astimezone(config.tz), flag.to.astimezone(config.tz))
    ]
    out = [(None, d) for d in sorted(holidays | events)] + flagged
    days = pa.table({"local_date": pa.array(sorted(holidays), pa.date32())})
    left = pa.table({
        "municipality": pa.array([slug] * len(out), pa.string()),
        "place": pa.array([p for p, _ in out], pa.string()),
        "local_date": pa.array([d for _, d in out], pa.date32()),
    })  # fmt: skip
    for name, table in (("holidays", days), ("left_out", left)):
        store.con.register("calendar_rows", table)
        store.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM calendar_rows")
        store.con.unregister("calendar_rows")


def _days(start: datetime, end: datetime) -> list[date]:
    """Local days touched by [start, end)."""
    last = (end - timedelta(microseconds=1)).date()
    return [start.date() + timedelta(days=i) for i in range((last - start.date()).days + 1)]
