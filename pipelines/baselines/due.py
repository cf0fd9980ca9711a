"""Which baselines are to be computed: wanted days that never were, and computed days that late cells have a part in.

A freeze holds the baselines of its places and days against late cells. What it holds back is listed in ``baseline_holds``,
and made good when the freeze is lifted (decision 0011).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

import pyarrow as pa

from indicators import baseline
from indicators.local_clock import edition_days
from pipelines.baselines.counts import instant
from pipelines.slots import Feed, bucket, members
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

_DAY = "place, interval_minutes, local_date"


def of_feed(config: Config, feed: Feed) -> str:
    """SQL: whether a row with the key columns of ``baselines`` is of this municipality, source and measure."""
    return f"""municipality = '{config.municipality.municipality}' AND dataset = '{feed.dataset}' AND source = '{feed.source}'
               AND measure = '{feed.measure}'"""


def as_table(store: Store, name: str, columns: dict[str, pa.Array]) -> None:
    """A temporary table from Arrow columns."""
    store.con.register("given_rows", pa.table(columns))
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM given_rows")
    store.con.unregister("given_rows")


def missing(store: Store, config: Config, feed: Feed, wanted: str) -> None:
    """``baseline_due`` (place, interval_minutes, local_date): the wanted days of a feed that were never computed."""
    as_table(store, "fed_places", {"place": pa.array(sorted(members.places(config, feed)), pa.string())})
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_due AS
        SELECT place, CAST(interval_minutes AS INTEGER) AS interval_minutes, local_date FROM {wanted} SEMI JOIN fed_places USING (place)
        WHERE source = '{feed.source}' AND measure = '{feed.measure}'
        EXCEPT SELECT {_DAY} FROM baseline_done WHERE {of_feed(config, feed)}
    """)


def concerned(store: Store, config: Config, used: Iterable[Feed], wanted: str, oldest: Mapping[str, datetime]) -> list[Feed]:
    """Those of the feeds of which a wanted day is missing or a computed one can be reached; nearly always none, so that one look is enough.

    ``wanted`` and ``oldest`` as in :func:`pipelines.baselines.refresh`. A cell reaches days after its own only.
    """
    con, slug, feeds = store.con, config.municipality.municipality, list(used)
    if con.execute("SELECT 1 FROM baseline_holds WHERE municipality = ? LIMIT 1", [slug]).fetchall():
        return feeds
    rows = sorted({(feed.source, feed.measure, place) for feed in feeds for place in members.places(config, feed)})
    fed = store.given("baseline_fed", rows, pa.table(dict(zip(("source", "measure", "place"), zip(*rows, strict=True), strict=True))) if rows
                      else pa.table({name: pa.array([], pa.string()) for name in ("source", "measure", "place")}))  # fmt: skip
    keys = "source, measure, place, interval_minutes, local_date"
    done = f"SELECT dataset, {keys} FROM baseline_done WHERE municipality = '{slug}'"
    missing = con.execute(f"""
        SELECT DISTINCT source, measure FROM {wanted} w SEMI JOIN {fed} f USING (source, measure, place)
        ANTI JOIN ({done}) d USING ({keys})""").fetchall()
    last = {(source, measure): day for source, measure, day in con.execute(
        f"SELECT source, measure, max(local_date) FROM ({done}) GROUP BY ALL").fetchall()}  # fmt: skip
    found = []
    for feed in feeds:
        day, first = last.get((feed.source, feed.measure)), min((oldest[s] for s in feed.sources if s in oldest), default=None)
        # A slot may begin before midnight and end after it.
        reaches = day is not None and first is not None and first < instant(day, config) + timedelta(hours=1)
        if reaches or (feed.source, feed.measure) in missing:
            found.append(feed)
    return found


def find(store: Store, config: Config, feed: Feed, wanted: str, late: str, at: datetime) -> None:
    """``baseline_due``: what is missing of ``wanted``, and what ``late`` reaches; both as in :func:`pipelines.baselines.refresh`."""
    missing(store, config, feed, wanted)
    _reached(store, config, feed, late)
    _hold(store, config, feed, at)
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_due AS
        FROM baseline_due UNION SELECT {_DAY} FROM baseline_reached UNION SELECT {_DAY} FROM baseline_thawed
    """)


def _reached(store: Store, config: Config, feed: Feed, late: str) -> None:
    """``baseline_reached`` (place, interval_minutes, local_date, late_date): computed days that late cells have a part in.

    A cell reaches statistics up to 85 days on (one day more for the neighbouring slot) and, through the medians of
    ordinary days, level factors up to 84 days beyond that; an edition reaches all later ones of its series.
    """
    con, mine, zone = store.con, of_feed(config, feed), config.municipality.timezone
    pairs = [(day, past) for day, found in edition_days(config).items() for past in found]
    as_table(store, "edition_pairs", {"local_date": pa.array([d for d, _ in pairs], pa.date32()),
                                      "ref_date": pa.array([p for _, p in pairs], pa.date32())})  # fmt: skip
    # Most cells are new, not late: none that came after the last day computed has a part in any.
    (last,) = one(con.execute(f"SELECT max(local_date) FROM baseline_done WHERE {mine}"))
    end = instant(last, config) + timedelta(hours=1) if last else None  # a slot may begin before midnight and end after it
    before = f"interval_start < TIMESTAMPTZ '{end.isoformat()}'" if end else "false"
    slot = bucket("interval_minutes", "interval_start", config)
    until = f"{slot} + INTERVAL {int(feed.reach.total_seconds())} SECONDS"
    counted = f"list_append(range({slot}, {until}, INTERVAL 1 HOUR), {until})"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE baseline_reached AS
        WITH done AS (SELECT {_DAY} FROM baseline_done WHERE {mine}),
        cells AS (
            SELECT DISTINCT place, interval_start FROM {late}
            WHERE source = '{feed.source}' AND measure = '{feed.measure}' AND {before}),
        late AS (
            SELECT DISTINCT place, interval_minutes, CAST(timezone('{zone}', unnest({counted})) AS DATE) AS late_date
            FROM cells CROSS JOIN (SELECT DISTINCT interval_minutes FROM done))
        SELECT d.*, late_date FROM done d JOIN late USING (place, interval_minutes)
        WHERE d.local_date > late_date AND d.local_date <= late_date + {2 * baseline.REACH_DAYS + 1}
        UNION
        SELECT d.*, late_date FROM done d JOIN edition_pairs e USING (local_date) JOIN late USING (place, interval_minutes)
        WHERE late_date < d.local_date AND late_date BETWEEN e.ref_date - 1 AND e.ref_date + 1
    """)


def _partly_gone(store: Store, config: Config, feed: Feed, at: datetime) -> list[tuple[str, date]]:
    """(place, last day) of baselines that rest on counts which retention has removed since: of what is left they would come out
    otherwise. Days before today only: today's has its whole reach, as far as counts are kept.
    """
    found = store.con.execute(
        "SELECT kept_from FROM retention WHERE municipality = ? AND data_class = 'counts' AND subject = ?",
        [config.municipality.municipality, feed.dataset],
    ).fetchall()
    if not found:
        return []
    until = min(found[0][0] + timedelta(days=baseline.REACH_DAYS), at.astimezone(config.tz).date() - timedelta(days=1))
    asked = f"""SELECT 1 FROM baseline_reached WHERE local_date <= DATE '{until}' UNION ALL
                SELECT 1 FROM baseline_holds WHERE {of_feed(config, feed)} LIMIT 1"""
    return [(place, until) for place in members.places(config, feed)] if store.con.execute(asked).fetchall() else []


def _hold(store: Store, config: Config, feed: Feed, at: datetime) -> None:
    """Take frozen days out of ``baseline_reached`` and list why; ``baseline_thawed``: held days that are frozen no longer."""
    con, mine, town = store.con, of_feed(config, feed), config.municipality
    con.execute(f"CREATE OR REPLACE TEMP TABLE baseline_thawed AS SELECT {_DAY} FROM baseline_reached LIMIT 0")
    rows = [(place, freeze.until) for freeze in town.freezes for place in freeze.places] + _partly_gone(store, config, feed, at)
    if not rows and not con.execute(f"SELECT 1 FROM baseline_holds WHERE {mine} LIMIT 1").fetchall():
        return
    as_table(store, "freeze_rows", {"place": pa.array([p for p, _ in rows], pa.string()),
                                    "until": pa.array([u for _, u in rows], pa.date32())})  # fmt: skip
    con.execute("CREATE OR REPLACE TEMP TABLE frozen AS SELECT place, max(until) AS until FROM freeze_rows GROUP BY place")
    # What was held and is frozen no longer, in whole or in part, is due now.
    con.execute(f"""
        INSERT INTO baseline_thawed
        SELECT DISTINCT d.* FROM (SELECT {_DAY} FROM baseline_done WHERE {mine}) d
        JOIN (SELECT place, local_date AS late_date, frozen_until FROM baseline_holds WHERE {mine}) h USING (place)
        LEFT JOIN frozen f USING (place)
        WHERE d.local_date > late_date AND d.local_date <= frozen_until AND (until IS NULL OR d.local_date > until)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE held AS
        SELECT place, late_date, max(frozen_until) AS frozen_until, max(recorded_at) AS recorded_at FROM (
            SELECT place, local_date AS late_date, least(frozen_until, until) AS frozen_until, recorded_at
            FROM baseline_holds JOIN frozen USING (place) WHERE {mine} AND until > local_date
            UNION ALL
            SELECT place, late_date, until, TIMESTAMPTZ '{at.isoformat()}' FROM baseline_reached JOIN frozen USING (place)
            WHERE local_date <= until)
        GROUP BY ALL
    """)
    con.execute(f"DELETE FROM baseline_holds WHERE {mine}")
    con.execute(f"""INSERT INTO baseline_holds BY NAME
        SELECT '{town.municipality}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source, '{feed.measure}' AS measure,
               place, late_date AS local_date, frozen_until, recorded_at FROM held""")
    con.execute("DELETE FROM baseline_reached r USING frozen f WHERE f.place = r.place AND r.local_date <= f.until")
