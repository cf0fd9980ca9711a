"""The balance of a zone's gates: in minus out since the zero moment, reset by a declared count; and what it had left over.

From a slot on of which a line is not known, the balance is not known either until the next zero moment or reset.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipelines.grid import anchor
from schemas.config import Config

_UTC = pa.timestamp("us", "UTC")


def sql(con: duckdb.DuckDBPyConnection, config: Config, net: str, minutes: int, *, drift: bool) -> str:
    """SELECT place, slot_start, coverage, status, value, low, high: people present at the end of the slot, or the drift.

    ``net``: the same columns, what came in less what went out in each slot.
    """
    _moments(con, config)
    zone, step = config.municipality.timezone, f"INTERVAL {minutes} MINUTES"
    local = f"timezone('{zone}', n.slot_start)"
    zero = f"""timezone('{zone}', CAST({local} AS DATE) + z.zero_at
                        - CASE WHEN CAST({local} AS TIME) < z.zero_at THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END)"""
    from_ = f"time_bucket({step}, r.at + {step} - INTERVAL 1 MICROSECOND, {anchor(config)})"
    running = f"""
        SELECT *, sum(value) OVER w + base AS held, sum(low) OVER w + base AS least, sum(high) OVER w + base AS most,
               count(*) FILTER (low IS NULL) OVER w AS gaps, bool_or(status = 'suppressed') OVER w AS withheld,
               min(coverage) OVER w AS covered, count(*) OVER w AS came, (epoch(slot_start) - epoch(cycle)) / {60 * minutes} + 1 AS wanted
        FROM (SELECT n.*, CASE WHEN r.starts > {zero} THEN r.starts ELSE {zero} END AS cycle,
                     CASE WHEN r.starts > {zero} THEN r.present ELSE 0 END AS base
              FROM ({net}) n JOIN zero_moments z USING (place)
              ASOF LEFT JOIN (SELECT place, {from_} AS starts, present FROM balance_resets r) r
                  ON r.place = n.place AND r.starts <= n.slot_start)
        WINDOW w AS (PARTITION BY place, cycle ORDER BY slot_start ROWS UNBOUNDED PRECEDING)"""
    judged = f"""
        SELECT place, slot_start, cycle, base, held, least, most, CASE WHEN lost THEN 0.0 ELSE covered END AS coverage,
               CASE WHEN NOT lost THEN CASE WHEN withheld THEN 'suppressed' ELSE 'ok' END
                    WHEN low IS NULL THEN status ELSE 'missing' END AS status
        FROM (SELECT *, gaps > 0 OR came <> wanted AS lost FROM ({running}))"""
    return _left_over(judged, step) if drift else _present(judged)


def _present(judged: str) -> str:
    """Nobody can be less than absent: counting errors may take a balance under zero, people present are not."""
    known = "coverage > 0 AND status IN ('ok', 'suppressed')"
    return f"""
        SELECT place, slot_start, coverage, status, CASE WHEN status = 'ok' THEN greatest(held, 0) END AS value,
               CASE WHEN {known} THEN greatest(least, 0) END AS low, CASE WHEN {known} THEN greatest(most, 0) END AS high
        FROM ({judged})"""


def _left_over(judged: str, step: str) -> str:
    """What the cycle before had at its end, less what this one begins with; without counting errors that is 0."""
    return f"""
        WITH slots AS ({judged}),
        ends AS (SELECT place, slot_start + {step} AS cycle, held, least, most, status, coverage FROM slots)
        SELECT s.place, s.slot_start, e.coverage, e.status, CASE WHEN e.status = 'ok' THEN e.held - s.base END AS value,
               CASE WHEN e.coverage > 0 AND e.status IN ('ok', 'suppressed') THEN e.least - s.base END AS low,
               CASE WHEN e.coverage > 0 AND e.status IN ('ok', 'suppressed') THEN e.most - s.base END AS high
        FROM slots s JOIN ends e USING (place, cycle)"""


def _moments(con: duckdb.DuckDBPyConnection, config: Config) -> None:
    """``zero_moments`` (place, zero_at) and ``balance_resets`` (place, at, present)."""
    zero = {row.place.place: row.place.zero_at for row in config.places if row.place.zero_at}
    resets = config.municipality.resets
    tables = {
        "zero_moments": pa.table({"place": list(zero), "zero_at": list(zero.values())},
                                 pa.schema([("place", pa.string()), ("zero_at", pa.string())])),
        "balance_resets": pa.table({"place": [r.place for r in resets], "at": [r.at for r in resets], "present": [r.present for r in resets]},
                                   pa.schema([("place", pa.string()), ("at", _UTC), ("present", pa.int64())])),
    }  # fmt: skip
    for name, rows in tables.items():
        con.register("balance_rows", rows)
        columns = "place, CAST(zero_at AS TIME) AS zero_at" if name == "zero_moments" else "*"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM balance_rows")
        con.unregister("balance_rows")
