"""Counts beside what is usual: the slots of a feed in temporary tables, for the detectors that compare with baselines.

``quality_slots``: place, slot_start, slot_end, state (``seen``, ``zero``, ``absent``), x (what was counted; of a withheld count the
middle of its bounds), median, p10, p95. Expectations are NULL where the baseline is short, and where the clock changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

import pyarrow as pa

from pipelines import baselines
from pipelines.baselines.counts import DAY
from pipelines.slots import Feed, bucket
from pipelines.slots.feeds import kind_of
from pipelines.store import Store
from schemas.config import Config


def at(moment: datetime) -> str:
    """A SQL literal."""
    return f"TIMESTAMPTZ '{moment.isoformat()}'"


def interval_minutes(store: Store, config: Config, feed: Feed, first: date, last: date) -> int | None:
    """The interval of a feed's baselines on these local days: the town's own, else the shortest there is; None without any."""
    stored = f"FROM {baselines.stored(store, first, last)} WHERE {_of(config, feed)}"
    own = int(config.municipality.interval.total_seconds() // 60)
    if store.con.execute(f"SELECT 1 {stored} AND interval_minutes = {own} LIMIT 1").fetchall():
        return own
    [[shortest]] = store.con.execute(f"SELECT min(interval_minutes) {stored}").fetchall()
    return int(shortest) if shortest else None


def _of(config: Config, feed: Feed) -> str:
    return f"""municipality = '{config.municipality.municipality}' AND dataset = '{feed.dataset}' AND source = '{feed.source}'
               AND measure = '{feed.measure}'"""


def slots(
    store: Store, config: Config, feed: Feed, minutes: int, start: datetime, end: datetime, min_values: int, places: Iterable[str] | None
) -> None:  # fmt: skip
    """Make ``quality_slots`` for the slots that start in [start, end): whole ones only. ``places``: None is all of them."""
    con, given, zone = store.con, feed.given[0], config.municipality.timezone
    only = ""
    if places is not None:
        con.register("asked_rows", pa.table({"place": pa.array(sorted(places), pa.string())}))
        con.execute("CREATE OR REPLACE TEMP TABLE quality_places AS FROM asked_rows")
        con.unregister("asked_rows")
        only = "SEMI JOIN quality_places USING (place)"
    cells = minutes // given.step_minutes * len(given.measures)
    x = "sum(x)" if kind_of(given.measures[0]) == "flow" else "arg_max(x, interval_start)"
    first, last = ((m.astimezone(config.tz) + d).date() for m, d in ((start, -DAY), (end, DAY)))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE quality_slots AS
        WITH cells AS (
            SELECT place, interval_start, status, {bucket(str(minutes), "interval_start", config)} AS slot_start,
                   coalesce(value, (value_low + value_high) / 2) AS x, status = 'ok' AND value = 0 AS is_zero,
                   status IN ('missing', 'outage') AS is_absent
            FROM {store.relation("observations", start, end)} {only}
            WHERE municipality = '{config.municipality.municipality}' AND source = '{given.source}' AND dataset = '{feed.dataset}'
                AND measure IN ({", ".join(f"'{m}'" for m in given.measures)})),
        slots AS (
            SELECT place, slot_start, slot_start + INTERVAL {minutes} MINUTES AS slot_end,
                   CASE WHEN NOT bool_and(is_zero OR is_absent) THEN 'seen' WHEN bool_or(is_zero) THEN 'zero' ELSE 'absent' END AS state,
                   bool_and(status = 'outage') AS declared, CASE WHEN count(x) = count(*) THEN CAST({x} AS DOUBLE) END AS x,
                   timezone('{zone}', slot_start) AS local_ts
            FROM cells GROUP BY place, slot_start HAVING count(*) = {cells}),
        usual AS (
            SELECT place, local_date, local_time, min(p10) AS p10, min(median) AS median, min(place_p95) AS p95
            FROM {baselines.stored(store, first, last)} {only}
            WHERE {_of(config, feed)} AND interval_minutes = {minutes} AND n >= {min_values} GROUP BY ALL)
        SELECT s.*, CASE WHEN {_steady("slot_start", zone)} THEN p10 END AS p10, median, p95
        FROM slots s LEFT JOIN usual u ON u.place = s.place AND u.local_date = CAST(s.local_ts AS DATE) AND u.local_time = CAST(s.local_ts AS TIME)
    """)


def _steady(column: str, zone: str) -> str:
    """SQL: whether the clock did not change within three hours of a moment."""
    return f"timezone('{zone}', {column} + INTERVAL 3 HOURS) - timezone('{zone}', {column} - INTERVAL 3 HOURS) = INTERVAL 6 HOURS"


def silent(store: Store, config: Config, feeds: Sequence[Feed], now: datetime, length: timedelta) -> dict[Feed, set[str]]:
    """Per feed the places whose newest ``length`` of cells are all zero or absent; in one query, since it is asked in every run."""
    slug, columns = config.municipality.municipality, "place, municipality, source, dataset, measure, status, value"
    parts = []
    for number, feed in enumerate(feeds):
        given = feed.given[0]
        start = now - given.delay - max(length, config.municipality.interval) - timedelta(minutes=2 * given.step_minutes)
        parts.append(f"""
            SELECT {number} AS feed, place FROM {store.relation("observations", start, now, columns)}
            WHERE municipality = '{slug}' AND source = '{given.source}' AND dataset = '{feed.dataset}'
                AND measure IN ({", ".join(f"'{m}'" for m in given.measures)})
            GROUP BY place HAVING bool_and(status IN ('missing', 'outage') OR (status = 'ok' AND value = 0))""")
    found: dict[Feed, set[str]] = {}
    for number, place in store.con.execute(" UNION ALL ".join(parts)).fetchall() if parts else []:
        found.setdefault(feeds[number], set()).add(place)
    return found


def without_a_count(store: Store, config: Config, source: str, start: datetime, end: datetime) -> frozenset[str]:
    """Places of a source whose cells in [start, end) are all zero or absent."""
    found = store.con.execute(
        f"""SELECT place FROM {store.relation("observations", start, end)} WHERE municipality = ? AND source = ?
            GROUP BY place HAVING bool_and(status IN ('missing', 'outage') OR (status = 'ok' AND value = 0))""",
        [config.municipality.municipality, source],
    )
    return frozenset(place for (place,) in found.fetchall())


def seldom_so_quiet(store: Store, config: Config, feed: Feed, minutes: int, places: Iterable[str], now: datetime) -> set[str]:
    """Those of the places at which, by their baseline, something is counted at this hour nearly always."""
    local = (now - feed.delay - timedelta(minutes=minutes)).astimezone(config.tz)
    found = store.con.execute(
        f"""SELECT DISTINCT place FROM {baselines.stored(store, local.date(), local.date())}
            WHERE {_of(config, feed)} AND interval_minutes = {minutes} AND local_date = ? AND p10 > 0
                AND local_time BETWEEN ? AND ? AND list_contains(?, place)""",
        [local.date(), (local - timedelta(hours=1)).time() if local.hour else time.min, local.time(), sorted(places)],
    )
    return {place for (place,) in found.fetchall()}
