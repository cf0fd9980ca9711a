"""From mapped records to cells: amounts, contract, doubles and conflicts, what belongs together; the count of every row (rule 11).

A *row* is one (place, kept interval), per time it occurs in the delivery. Tables made: ``cell`` (a measure of a supplier's
interval and of a piece of the place, with ``state``), ``conflict``, ``judged`` (a row with its verdict), ``kept`` (exact cells).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pyarrow as pa

from pipelines import validate
from pipelines.intake import amounts, corrections, together
from pipelines.sql import literal, micros
from schemas.datasets import Contract
from schemas.datasets.contract import dtype_of
from schemas.settings.source import Source


def judge(
    con: duckdb.DuckDBPyConnection, source: Source, contract: Contract, tz: ZoneInfo, after: datetime | None, until: datetime
) -> None:
    """Make ``cell``, ``conflict``, ``judged`` and ``kept`` from ``record``, for intervals that end in (``after``, ``until``].

    ``due`` holds the records that count in this reading, ``held`` those whose interval has not ended. ``tz`` is the
    municipality's clock.
    """
    end = f"slot + to_microseconds({micros(source.stored_interval.total_seconds())})"
    back = amounts.looks_back(source)
    timed = "true" if after is None else f"slot_end > {_instant(after - back)}"
    con.execute(
        f"CREATE TEMP TABLE live AS SELECT * FROM (SELECT *, {end} AS slot_end FROM record WHERE kept)"
        f" WHERE CASE WHEN timed THEN {timed} ELSE {str(after is None).lower()} END"
    )
    con.execute(f"CREATE TEMP TABLE cell AS {amounts.cells(source, tz)}")
    amounts.running(con, source, tz)
    if after is not None and back:
        con.execute(f"DELETE FROM cell WHERE slot_end <= {_instant(after)}")
        con.execute(f"DELETE FROM live WHERE timed AND slot_end <= {_instant(after)}")
    if source.corrections:
        corrections.apply(con, source, tz)
    con.execute(f"CREATE TEMP TABLE held AS FROM cell WHERE slot_end > {_instant(until)}")
    con.execute(f"DELETE FROM cell WHERE slot_end > {_instant(until)}")
    waits = f"timed AND slot_end > {_instant(until)}"
    con.execute(f"CREATE TEMP TABLE troubled AS SELECT *, {waits} AS waits FROM live WHERE problem IS NOT NULL")
    _apply_contract(con, contract, source.measure_names, source.interval)
    con.execute(_CONFLICT if _any(con, "cell WHERE occ > 1") else _NO_CONFLICT)
    con.execute(_JUDGED)
    con.execute(f"CREATE TEMP TABLE kept AS {together.kept(source, contract)}")
    if source.aggregate_to or together.in_pieces(source):
        con.execute(_INCOMPLETE)


def _any(con: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return bool(con.execute(f"SELECT 1 FROM {rows} LIMIT 1").fetchall())


def _instant(value: datetime) -> str:
    return f"TIMESTAMPTZ '{value.isoformat()}'"


def _apply_contract(con: duckdb.DuckDBPyConnection, contract: Contract, measures: tuple[str, ...], interval: timedelta) -> None:
    """Mark the cells that pandera refuses as bad."""
    types = {"Int64": "BIGINT", "float64": "DOUBLE"}
    wide = ", ".join(f"CAST(max(value) FILTER (measure = {literal(m)}) AS {types[dtype_of(m)]}) AS {m}" for m in measures)
    con.execute(
        "CREATE TEMP TABLE wide AS SELECT row_number() OVER () - 1 AS position, * FROM"
        f" (SELECT place, member, piece, start AS interval_start, occ, {wide} FROM cell WHERE state = 'ok' GROUP BY ALL)"
    )
    frame = con.sql("FROM wide ORDER BY position").to_arrow_table().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    broken = validate.failures(frame, contract, measures, interval)
    if broken.empty:
        return
    con.register("broken", pa.Table.from_pandas(broken, preserve_index=False))
    con.execute(
        """
        UPDATE cell SET state = 'bad', value = NULL, check_name = b.check_name, told = b.told
        FROM (SELECT place, member, piece, interval_start, occ, measure, min(check_name) AS check_name, arg_min(told, check_name) AS told
              FROM broken JOIN wide USING (position) GROUP BY ALL) AS b
        WHERE (cell.place, cell.member, cell.piece, cell.start, cell.occ, cell.measure)
            = (b.place, b.member, b.piece, b.interval_start, b.occ, b.measure)"""
    )
    con.unregister("broken")


# The same cell twice with different values: nobody can say which holds. Only rows without a mistake of their own can conflict.
_CONFLICT = """
    CREATE TEMP TABLE conflict AS
    WITH twice AS (SELECT DISTINCT place, start FROM cell WHERE occ > 1),
    bad AS (SELECT DISTINCT place, start, occ FROM cell WHERE state = 'bad')
    SELECT DISTINCT place, slot, start, measure FROM cell SEMI JOIN twice USING (place, start) ANTI JOIN bad USING (place, start, occ)
    GROUP BY place, member, piece, slot, start, measure HAVING count(DISTINCT {'state': state, 'value': value}) > 1"""

_NO_CONFLICT = "CREATE TEMP TABLE conflict AS SELECT place, slot, start, measure FROM cell LIMIT 0"

_JUDGED = """
    CREATE TEMP TABLE judged AS
    SELECT *, bad OR clashes AS refused,
           min(CASE WHEN NOT bad AND NOT clashes THEN occ END) OVER (PARTITION BY place, slot) IS NOT DISTINCT FROM occ AS first
    FROM (SELECT place, slot, occ, any_value(slot_end) AS slot_end, min(row_number) AS row_number, bool_or(state = 'bad') AS bad,
                 bool_or(clash IS NOT NULL) AS clashes
          FROM cell LEFT JOIN (SELECT DISTINCT place, slot, true AS clash FROM conflict) USING (place, slot)
          GROUP BY place, slot, occ)"""

# A kept interval that lacks parts would be an undercount: the whole row is refused.
_INCOMPLETE = """
    UPDATE judged SET refused = true FROM (SELECT DISTINCT place, slot, occ FROM kept WHERE NOT whole) AS k
    WHERE judged.place = k.place AND judged.slot = k.slot AND judged.occ = k.occ"""
