"""The grid: one row for every expected place, interval and measure, with a status; nothing is inferred from absence.

A cell is expected from the end of its interval plus the source's stated delay on (rule 4). An absent row is zero only
where the source says so, inside the span of deliveries, near another row of the place (rule 6), and never where
a row came without a value; else it is missing, or an outage where the register says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from pipelines import flagged, frozen, ledger
from pipelines.store import Store, kept_apart
from pipelines.store.rows import one
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.settings import Source
from schemas.settings.source import AbsentIsZero

_UTC = pa.timestamp("us", "UTC")
_PERIODS = pa.schema([("place", pa.string()), ("valid_from", _UTC), ("valid_to", _UTC)])


def anchor(config: Config) -> str:
    """SQL for the instant that intervals are counted from: a local midnight, so that slots follow the local clock."""
    return f"TIMESTAMPTZ '2001-01-01 00:00:00 {config.municipality.timezone}'"


def fill(store: Store, config: Config, source: Source, measures: tuple[str, ...], at: datetime, assume_arrival: bool) -> int:
    """Add the rows that are due and did not come; returns the number of cells that changed. Inside a transaction.

    ``assume_arrival`` (backfill): a missing row became known when it was due, not at ``at``. Of a sporadic dataset nothing is
    expected, so nothing can be missing or inferred.
    """
    if DATASETS[source.dataset].sporadic or not _due_ranges(store, config, source, at):
        return 0
    recorded = f"interval_end + {_interval(source.delay)}" if assume_arrival else f"TIMESTAMPTZ '{at.isoformat()}'"
    _candidates(store, config, source, measures, recorded)
    _outages(store, config, source)
    store.con.execute("DELETE FROM grid_cells WHERE withheld AND NOT outage")
    if isinstance(source.absent, AbsentIsZero):
        _zeros(store, config, source, source.absent.max_zero_run)
    changed = ledger.apply(store, "grid_cells", frozen.cells(config))
    store.con.execute(
        "INSERT OR REPLACE INTO filled SELECT municipality, source, place, wanted_from, wanted_until FROM due_ranges"
    )
    return changed


def _interval(length: timedelta) -> str:
    return f"INTERVAL {int(length.total_seconds())} SECONDS"


def _due_ranges(store: Store, config: Config, source: Source, at: datetime) -> bool:
    """``due_ranges``: per place what should be filled; ``to_look_at``: the stretches to (re)consider now.

    A place is expected from its ``valid_from`` on, but never before the first interval its source ever delivered.
    """
    con, step = store.con, _interval(source.stored_interval)
    slug = config.municipality.municipality
    places = set(source.place.map.values())
    rows = [
        {"place": p.place.place, "valid_from": p.place.valid_from, "valid_to": p.until}
        for p in config.places
        if p.place.place in places
    ]
    first = one(con.execute("SELECT min(span_start) FROM spans WHERE municipality = ? AND source = ?", [slug, source.source]))
    if not rows or first is None or first[0] is None:
        return False
    con.register("place_rows", pa.Table.from_pylist(rows, _PERIODS))
    con.execute("CREATE OR REPLACE TEMP TABLE expected_places AS FROM place_rows")
    con.unregister("place_rows")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE due_ranges AS
        SELECT * FROM (
            SELECT $m AS municipality, $s AS source, place,
                   time_bucket({step}, greatest(min(valid_from), $first) + {step} - INTERVAL 1 MICROSECOND, {anchor(config)}) AS wanted_from,
                   time_bucket({step}, least(CASE WHEN bool_or(valid_to IS NULL) THEN $at ELSE max(valid_to) END,
                               $at - {_interval(source.delay)}), {anchor(config)}) AS wanted_until
            FROM expected_places GROUP BY place)
        WHERE wanted_until > wanted_from
        """,
        {"m": slug, "s": source.source, "first": first[0], "at": at},
    )
    reach = _interval(source.absent.max_zero_run) if isinstance(source.absent, AbsentIsZero) else "INTERVAL 0 SECONDS"
    # New stretches on either side of what is filled; and, where absence can mean zero, the days around what just came,
    # at all places of the source: a delivery's span speaks for all of them.
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE to_look_at AS
        SELECT d.place, d.wanted_from AS look_from, coalesce(f.filled_from, d.wanted_until) AS look_until
        FROM due_ranges d LEFT JOIN filled f USING (municipality, source, place)
        UNION ALL
        SELECT place, f.filled_until, d.wanted_until FROM due_ranges d JOIN filled f USING (municipality, source, place)
        UNION ALL
        SELECT d.place, greatest(d.wanted_from, c.day - {reach}), least(d.wanted_until, c.day + INTERVAL 1 DAY + {reach})
        FROM due_ranges d JOIN filled f USING (municipality, source, place)
        JOIN (SELECT DISTINCT municipality, source, date_trunc('day', interval_start) AS day FROM dirty_cells) c
            ON c.municipality = d.municipality AND c.source = d.source
        WHERE {str(isinstance(source.absent, AbsentIsZero)).lower()}
        UNION ALL
        SELECT place, greatest(d.wanted_from, a.look_from), least(d.wanted_until, a.look_until)
        FROM due_ranges d JOIN look_again a USING (municipality, source, place)
    """)
    con.execute("DELETE FROM look_again WHERE municipality = ? AND source = ?", [slug, source.source])
    con.execute("DELETE FROM to_look_at WHERE look_until <= look_from")
    return bool(one(con.execute("SELECT count(*) FROM to_look_at"))[0])


def _candidates(store: Store, config: Config, source: Source, measures: tuple[str, ...], recorded: str) -> None:
    """``grid_cells``: expected cells without a delivered row, in the shape :func:`ledger.apply` reads, as missing.

    And those with a withheld one, which an outage of the register goes before (rule 5).
    """
    con, step = store.con, _interval(source.stored_interval)
    start, end = one(con.execute("SELECT min(look_from), max(look_until) FROM to_look_at"))
    where = f"municipality = '{config.municipality.municipality}' AND source = '{source.source}'"
    stands = kept_apart.as_delivered(con, f"(SELECT * FROM {store.relation('observations', start, end)} WHERE {where})")
    con.execute(f"CREATE OR REPLACE TEMP TABLE standing AS FROM {stands}")
    values = ", ".join(f"('{m}')" for m in measures)
    inside = "e.interval_start >= v.valid_from AND (v.valid_to IS NULL OR e.interval_start < v.valid_to)"
    valid = f"JOIN expected_places v ON v.place = e.place AND {inside}"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE grid_cells AS
        WITH expected AS (SELECT DISTINCT place, unnest(range(look_from, look_until, {step})) AS interval_start FROM to_look_at),
        cells AS (SELECT e.place, e.interval_start, e.interval_start + {step} AS interval_end, measure
                  FROM (SELECT DISTINCT e.* FROM expected e {valid}) e CROSS JOIN (VALUES {values}) m(measure))
        SELECT '{config.municipality.municipality}' AS municipality, '{source.dataset}' AS dataset, '{source.source}' AS source,
               c.place, c.interval_start, c.interval_end, c.measure, CAST(NULL AS DECIMAL(18,6)) AS cand_value,
               s.withheld_high, coalesce(s.withheld, false) AS withheld, coalesce(s.invalid, false) AS invalid,
               coalesce(s.outage, false) AS outage, coalesce(s.blank, false) AS blank, s.issued_at, s.content_hash, s.delivery_id,
               {recorded.replace("interval_end", "c.interval_end")} AS recorded_at,
               s.place IS NOT NULL AS stands, false AS wins, false AS has_candidate, false AS same,
               CAST(NULL AS DECIMAL(18,6)) AS sent_value, CAST(NULL AS DECIMAL(18,6)) AS sent_high, false AS sent_withheld,
               CAST(NULL AS VARCHAR) AS sent_by, s.value AS was_value, s.withheld_high AS was_high, coalesce(s.withheld, false) AS was_withheld,
               s.status AS was_status, s.recorded_at AS was_recorded
        FROM cells c LEFT JOIN standing s USING (place, interval_start, measure)
        WHERE s.place IS NULL OR s.status IN ('missing', 'suppressed')
    """)


def _outages(store: Store, config: Config, source: Source) -> None:
    """Cells inside a declared outage of the register."""
    for flag in config.municipality.flags:
        if flag.source == source.source and "outage" in flag.effect:
            hours = f" AND ({flagged.clock(flag.hours, config.municipality.timezone)})" if flag.hours else ""
            store.con.execute(
                f"""UPDATE grid_cells SET outage = true WHERE interval_start >= $1 AND interval_start < $2{hours}
                    AND ($3 = [] OR list_contains($3, place)) AND ($4 = [] OR list_contains($4, measure))""",
                [flag.from_, flag.to, list(flag.places), list(flag.measures)],
            )


def _zeros(store: Store, config: Config, source: Source, max_run: timedelta) -> None:
    """Rule 6: turn missing cells into zero inside the merged spans of deliveries, within ``max_run`` of another row of the place."""
    con, run = store.con, _interval(max_run)
    slug, k = config.municipality.municipality, config.k
    # A DPIA may withhold zero too; an inferred zero is then a range like any small count. Only what adds up can be zero: nobody
    # there has no speed and no class.
    value, high = ("NULL", str(k - 1)) if config.municipality.withhold_zero and k > 1 else ("0", "NULL")
    contract = DATASETS[source.dataset]
    counts = ", ".join(f"'{m}'" for m in contract.measures if contract.kind_of(m) in ("flow", "stock"))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE covered AS
        WITH ordered AS (SELECT span_start, span_end, max(span_end) OVER (ORDER BY span_start, span_end
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
                         FROM spans WHERE municipality = '{slug}' AND source = '{source.source}'),
        grouped AS (SELECT *, sum(CASE WHEN reached IS NULL OR span_start > reached + {run} THEN 1 ELSE 0 END)
                        OVER (ORDER BY span_start, span_end) AS part FROM ordered)
        SELECT min(span_start) AS covered_from, max(span_end) AS covered_until FROM grouped GROUP BY part
    """)
    start, end = one(con.execute("SELECT min(interval_start), max(interval_end) FROM grid_cells"))
    if start is None:
        return
    near = store.relation(
        "observations", start - max_run, end + max_run, "place, interval_start, municipality, source, content_hash, invalid"
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE delivered_rows AS SELECT DISTINCT place, interval_start FROM {near}
        WHERE municipality = '{slug}' AND source = '{source.source}' AND (content_hash IS NOT NULL OR invalid)
    """)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE zero_cells AS
        SELECT g.place, g.interval_start FROM (SELECT DISTINCT place, interval_start, interval_end FROM grid_cells) g
        JOIN covered c ON g.interval_start >= c.covered_from AND g.interval_end <= c.covered_until
        ASOF LEFT JOIN delivered_rows b ON b.place = g.place AND b.interval_start <= g.interval_start
        ASOF LEFT JOIN delivered_rows a ON a.place = g.place AND a.interval_start >= g.interval_start
        WHERE g.interval_start - b.interval_start <= {run} OR a.interval_start - g.interval_start <= {run}
    """)
    con.execute(f"""
        UPDATE grid_cells g SET cand_value = {value}, withheld_high = {high}, withheld = {value} IS NULL FROM zero_cells z
        WHERE measure IN ({counts}) AND z.place = g.place AND z.interval_start = g.interval_start
            AND NOT g.invalid AND NOT g.outage AND NOT g.blank
    """)
