"""The counts that baselines are made of: known whole slots, read from just the days that are needed.

For counts of the place itself much leaner than :func:`pipelines.slots.slots_sql`, and the same slots: a whole slot has every
cell known, so nothing has to be found out about the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from indicators.local_clock import touched
from pipelines import flagged
from pipelines.slots import Feed, bucket, members, slots_sql
from pipelines.slots.bring_up import KNOWN
from pipelines.slots.feeds import kind_of
from pipelines.store import Store
from schemas.config import Config
from schemas.settings import Flag

DAY = timedelta(days=1)
Span = tuple[date, date]


def spans(days: Iterable[date]) -> list[Span]:
    """Days as stretches without a gap: (first, last), both included, in order."""
    found: list[Span] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] == DAY:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def start(store: Store, config: Config, feed: Feed) -> None:
    """Empty ``baseline_slots`` (no, local_date, minute, x, flagged) for the places of ``baseline_places`` (no, place)."""
    rows = sorted({
        (place, day) for flag in config.municipality.flags if flag.unusual
        for place in _flagged(config, feed, flag) for day in touched(flag.from_, flag.to, config.tz)
    })  # fmt: skip
    flagged = pa.table(
        {"place": pa.array([p for p, _ in rows], pa.string()), "local_date": pa.array([d for _, d in rows], pa.date32())}
    )
    store.con.register("flag_rows", flagged)
    store.con.execute("""CREATE OR REPLACE TEMP TABLE baseline_flagged AS
        SELECT DISTINCT no, local_date FROM flag_rows JOIN baseline_places USING (place)""")
    store.con.unregister("flag_rows")
    store.con.execute("""CREATE OR REPLACE TEMP TABLE baseline_slots
        (no INTEGER, local_date DATE, minute SMALLINT, x DOUBLE, flagged BOOLEAN)""")


def _flagged(config: Config, feed: Feed, flag: Flag) -> set[str]:
    """The places at which a flagged range has a part in what a feed gives: there itself, or at one of the members."""
    if feed.over_places:
        given = [(m.place, m.member, m.measure) for m in members.members(config, feed)]
    else:
        given = [(p, p, m) for g in feed.given for p in config.sources[g.source].place.map.values() for m in g.measures]
    return {place for place, member, measure in given if any(flag.covers(s, member, measure) for s in feed.sources)}


def add(store: Store, config: Config, feed: Feed, minutes: int, days: Iterable[date]) -> None:
    """Read the slots of these local days into ``baseline_slots``."""
    for first, last in spans(days):
        start, end = instant(first, config), instant(last + DAY, config)
        # What the local clock shows at the start of each slot is looked up, not worked out for millions of rows.
        store.con.execute(f"""
            INSERT INTO baseline_slots
            WITH clock AS (
                SELECT slot_start, timezone('{config.municipality.timezone}', slot_start) AS local_ts
                FROM range({bucket(str(minutes), _at(start), config)}, {_at(end)}, INTERVAL {minutes} MINUTES) t(slot_start)
                WHERE slot_start >= {_at(start)}),
            local AS (SELECT slot_start, CAST(local_ts AS DATE) AS local_date, CAST(60 * hour(local_ts) + minute(local_ts) AS SMALLINT) AS minute
                      FROM clock)
            SELECT s.no, local_date, minute, x, f.no IS NOT NULL AS flagged
            FROM ({_whole(store, config, feed, minutes, start, end)}) s JOIN local USING (slot_start)
            LEFT JOIN baseline_flagged f USING (no, local_date)
        """)


def _whole(store: Store, config: Config, feed: Feed, minutes: int, start: datetime, end: datetime) -> str:
    """SELECT of no, slot_start and x (DOUBLE) of the slots of which every cell is known, and the value too."""
    # An hour more: where the clock moves by half an hour, a slot may begin before midnight and end after it.
    end += timedelta(hours=1)
    given = feed.given[0]
    kind = kind_of(given.measures[0])
    if feed.over_places or feed.holds or kind not in ("flow", "stock") or minutes % given.step_minutes:
        return f"""SELECT no, slot_start, CAST(value AS DOUBLE) AS x
                   FROM ({slots_sql(store, config, feed, minutes, start, end, end)}) JOIN baseline_places USING (place)
                   WHERE status = 'ok' AND coverage = 1 AND value IS NOT NULL"""
    measures = ", ".join(f"'{m}'" for m in given.measures)
    unjudged = flagged.condition(config, given.source, given.measures, (start, end))
    of = f"""FROM {store.relation("observations", start, end)} JOIN baseline_places USING (place)
             WHERE municipality = '{config.municipality.municipality}' AND source = '{given.source}' AND dataset = '{feed.dataset}'
                 AND measure IN ({measures}){f" AND NOT ({unjudged})" if unjudged else ""}"""
    expected = minutes // given.step_minutes * len(given.measures)
    if expected == 1:
        return f"SELECT no, interval_start AS slot_start, CAST(value AS DOUBLE) AS x {of} AND status = 'ok'"
    slot = bucket(str(minutes), "interval_start", config)
    if kind == "flow":
        return f"""SELECT no, {slot} AS slot_start, CAST(sum(value) AS DOUBLE) AS x {of} AND status = 'ok'
                   GROUP BY ALL HAVING count(*) = {expected}"""
    return f"""SELECT no, {slot} AS slot_start, CAST(arg_max(value, interval_start) AS DOUBLE) AS x {of} AND {KNOWN}
               GROUP BY ALL HAVING count(*) = {expected} AND arg_max(status, interval_start) = 'ok'"""


def _at(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.isoformat()}'"


def instant(day: date, config: Config) -> datetime:
    """The moment a local day begins."""
    return datetime.combine(day, datetime.min.time(), config.tz).astimezone(UTC)
