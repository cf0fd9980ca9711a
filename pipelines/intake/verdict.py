"""From mapped records to cells: numbers, contract, doubles and conflicts, aggregation; and the count of every row (rule 11).

A *row* is one (place, kept interval), per time it occurs in the delivery. Tables made: ``cell`` (a measure of a supplier's
interval, with ``state`` ok, missing, outage or bad), ``conflict``, ``judged`` (a row with its verdict), ``kept`` (exact cells).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa

from pipelines import validate
from pipelines.intake import mapping
from pipelines.sql import literal, micros
from pipelines.sql import names as named
from schemas.datasets import Contract
from schemas.datasets.contract import dtype_of, support_of
from schemas.settings.source import Measure, Source

_MILLIONTH = "CAST(0.000001 AS DECIMAL(7, 6))"  # a decimal: division would give a DOUBLE
_NUMBER = r"[+-]?[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+)?"


def judge(con: duckdb.DuckDBPyConnection, source: Source, contract: Contract, after: datetime | None, until: datetime) -> None:
    """Make ``cell``, ``conflict``, ``judged`` and ``kept`` from ``record``, for intervals that end in (``after``, ``until``].

    ``due`` holds the records that count in this reading, ``held`` those whose interval has not ended.
    """
    end = f"slot + to_microseconds({micros(source.stored_interval.total_seconds())})"
    first = "true" if after is None else "false"
    since = "true" if after is None else f"slot_end > {_instant(after)}"
    con.execute(
        f"CREATE TEMP TABLE live AS SELECT * FROM (SELECT *, {end} AS slot_end FROM record WHERE kept)"
        f" WHERE CASE WHEN timed THEN {since} ELSE {first} END"
    )
    con.execute(f"CREATE TEMP TABLE cell AS {_cells(source)}")
    con.execute(f"CREATE TEMP TABLE held AS FROM cell WHERE slot_end > {_instant(until)}")
    con.execute(f"DELETE FROM cell WHERE slot_end > {_instant(until)}")
    waits = f"timed AND slot_end > {_instant(until)}"
    con.execute(f"CREATE TEMP TABLE troubled AS SELECT *, {waits} AS waits FROM live WHERE problem IS NOT NULL")
    _apply_contract(con, contract, mapping.measures(source), source.interval)
    con.execute(_CONFLICT if _any(con, "cell WHERE occ > 1") else _NO_CONFLICT)
    con.execute(_JUDGED)
    con.execute(f"CREATE TEMP TABLE kept AS {_aggregated(source, contract)}")
    if source.aggregate_to:
        con.execute(_INCOMPLETE)


def _any(con: duckdb.DuckDBPyConnection, rows: str) -> bool:
    return bool(con.execute(f"SELECT 1 FROM {rows} LIMIT 1").fetchall())


def _instant(value: datetime) -> str:
    return f"TIMESTAMPTZ '{value.isoformat()}'"


def _cells(source: Source) -> str:
    """Measures of every record without a problem, as numbers; ``occ`` counts how often the same cell came before in the file.

    Counts and codes are whole, means may have six decimals: a value is DECIMAL(18,6) either way.
    """
    text = "replace(c.text, ',', '.')" if getattr(source.reader, "decimal", ".") == "," else "c.text"
    sentinels = f"c.text IN ({', '.join(literal(s) for s in source.sentinels)})" if source.sentinels else "false"
    whole = named(m for m in mapping.measures(source) if dtype_of(m) == "Int64")
    return f"""
        WITH numbered AS (
            SELECT row_number, part, place, start, slot, slot_end, issued_at, c.measure, c.col AS column_name, c.text AS bad_text,
                   outage, c.text IS NULL OR {sentinels} AS absent, regexp_full_match({text}, '{_NUMBER}') AS is_number,
                   try_cast({text} AS DECIMAL(38, 6)) AS exact
            FROM (SELECT *, unnest({_units(source)}) AS c FROM live WHERE problem IS NULL)),
        checked AS (
            SELECT *, try_cast(exact AS DECIMAL(18, 6)) AS number,
                   CASE WHEN outage OR absent THEN NULL WHEN NOT is_number THEN 'not_a_number'
                        WHEN try_cast(exact AS DECIMAL(18, 6)) IS NULL THEN 'too_large'
                        WHEN measure IN ({whole}) AND exact <> trunc(exact) THEN 'not_whole' END AS check_name FROM numbered)
        SELECT row_number, part, place, start, slot, slot_end, issued_at, measure, column_name, bad_text, check_name,
               NULL::VARCHAR AS told, CASE WHEN outage THEN 'outage' WHEN absent THEN 'missing'
                                           WHEN check_name IS NOT NULL THEN 'bad' ELSE 'ok' END AS state,
               CASE WHEN NOT outage AND NOT absent AND check_name IS NULL THEN number END AS value,
               row_number() OVER (PARTITION BY place, start, measure ORDER BY row_number, part) AS occ
        FROM checked"""


def _units(source: Source) -> str:
    """SQL list of the measures of one record, each with its text and the column that a refusal names."""
    if source.pivot:
        whens = " ".join(f"WHEN {literal(v)} THEN {literal(m)}" for v, m in source.pivot.values.items())
        return f"[{{'measure': CASE pivot_key {whens} END, 'text': measure_0, 'col': {literal(source.pivot.value_from)}}}]"
    units = (
        f"{{'measure': {literal(m)}, 'text': {_text(i, declared)}, 'col': {_column(source, declared.column)}}}"
        for i, (m, declared) in enumerate(source.measures.items())
    )
    return f"[{', '.join(units)}]"


def _text(number: int, declared: Measure) -> str:
    """SQL of a measure's text: of a word the class it stands for, NULL for what means no value in this column."""
    whens = [f"WHEN {literal(text)} THEN NULL" for text in declared.sentinels]
    whens += [f"WHEN {literal(text)} THEN '{code}'" for text, code in declared.classes.items()]
    return f"CASE measure_{number} {' '.join(whens)} ELSE measure_{number} END" if whens else f"measure_{number}"


def _column(source: Source, declared: str) -> str:
    """SQL of the file's own column name behind a declared one: an unpivoted value stood in the column of its part."""
    if source.unpivot and declared == source.unpivot.value_to:
        return f"[{', '.join(literal(c) for c in source.unpivot.columns)}][part + 1]"
    return literal(declared)


def _apply_contract(con: duckdb.DuckDBPyConnection, contract: Contract, measures: tuple[str, ...], interval: timedelta) -> None:
    """Mark the cells that pandera refuses as bad."""
    types = {"Int64": "BIGINT", "float64": "DOUBLE"}
    wide = ", ".join(f"CAST(max(value) FILTER (measure = {literal(m)}) AS {types[dtype_of(m)]}) AS {m}" for m in measures)
    con.execute(
        "CREATE TEMP TABLE wide AS SELECT row_number() OVER () - 1 AS position, * FROM"
        f" (SELECT place, start AS interval_start, occ, {wide} FROM cell WHERE state = 'ok' GROUP BY place, start, occ)"
    )
    frame = con.sql("FROM wide ORDER BY position").to_arrow_table().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    broken = validate.failures(frame, contract, measures, interval)
    if broken.empty:
        return
    con.register("broken", pa.Table.from_pandas(broken, preserve_index=False))
    con.execute(
        """
        UPDATE cell SET state = 'bad', value = NULL, check_name = b.check_name, told = b.told
        FROM (SELECT place, interval_start, occ, measure, min(check_name) AS check_name, arg_min(told, check_name) AS told
              FROM broken JOIN wide USING (position) GROUP BY ALL) AS b
        WHERE cell.place = b.place AND cell.start = b.interval_start AND cell.occ = b.occ AND cell.measure = b.measure"""
    )
    con.unregister("broken")


# The same cell twice with different values: nobody can say which holds. Only rows without a mistake of their own can conflict.
_CONFLICT = """
    CREATE TEMP TABLE conflict AS
    WITH twice AS (SELECT DISTINCT place, start FROM cell WHERE occ > 1),
    bad AS (SELECT DISTINCT place, start, occ FROM cell WHERE state = 'bad')
    SELECT place, slot, start, measure FROM cell SEMI JOIN twice USING (place, start) ANTI JOIN bad USING (place, start, occ)
    GROUP BY place, slot, start, measure HAVING count(DISTINCT {'state': state, 'value': value}) > 1"""

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


def _aggregated(source: Source, contract: Contract) -> str:
    """Exact cells of the rows that are kept; finer intervals come up here, each measure by its own kind (:func:`_brought_up`)."""
    good = "cell JOIN (SELECT place, slot, occ FROM judged WHERE first) USING (place, slot, occ)"
    if source.aggregate_to is None:
        return f"SELECT place, slot, slot_end, occ, measure, state, value, row_number, issued_at, true AS whole FROM {good}"
    kinds: dict[str, list[str]] = {}
    for measure in mapping.measures(source):
        kinds.setdefault(contract.kind_of(measure) or "", []).append(measure)
    return " UNION ALL ".join(_brought_up(source, contract, kind, names, good) for kind, names in kinds.items())


def _brought_up(source: Source, contract: Contract, kind: str, measures: list[str], good: str) -> str:
    """SQL of the kept cells of measures of one kind: flows sum, stocks take the last or largest, classes the last.

    ``whole`` is false where a part that counts did not come: the row is then refused. Of a sporadic dataset nothing is expected.
    """
    if kind == "speed":
        return " UNION ALL ".join(_weighted(source, measure, good) for measure in measures)
    step = f"to_microseconds({micros(source.interval.total_seconds())})"
    value, state = "arg_max(value, start)", "arg_max(state, start)"
    whole = "true" if contract.sporadic else f"max(start) = max(slot_end) - {step}"
    if kind == "flow" or (kind == "stock" and source.statistic == "max"):
        value = "CAST(sum(value) AS DECIMAL(18, 6))" if kind == "flow" else "max(value)"
        state = "CASE WHEN bool_or(state = 'outage') THEN 'outage' WHEN bool_or(state = 'missing') THEN 'missing' ELSE 'ok' END"
        whole = f"count(DISTINCT start) = {_parts(source)}"
    return f"""
        SELECT place, slot, slot_end, occ, measure, state, CASE WHEN state = 'ok' THEN amount END AS value, row_number, issued_at, whole
        FROM (SELECT place, slot, slot_end, occ, measure, {state} AS state, {value} AS amount, min(row_number) AS row_number,
                     max(issued_at) AS issued_at, {whole} AS whole
              FROM {good} WHERE measure IN ({named(measures)}) GROUP BY place, slot, slot_end, occ, measure)"""


def _parts(source: Source) -> int:
    return int(source.stored_interval / source.interval)


def _weighted(source: Source, measure: str, good: str) -> str:
    """SQL of a mean over a kept interval: sum(mean × support) ÷ sum(support), in whole millionths, rounded once at the end.

    A part with nobody in it weighs nothing. Missing when a part lacks, or its mean or support: never a mean of what happens to
    be there. It refuses no row: its counts can be whole all the same.
    """
    support = support_of(measure, mapping.measures(source))
    behind = f"measure IN ({named(support)})"
    return f"""
        SELECT place, slot, slot_end, occ, {literal(measure)} AS measure, state,
               CASE WHEN state = 'ok'
                    THEN CAST((2 * total + people) // (2 * people) AS DECIMAL(18, 0)) * {_MILLIONTH} END AS value,
               row_number, issued_at, true AS whole
        FROM (SELECT place, slot, slot_end, occ, min(row_number) AS row_number, max(issued_at) AS issued_at,
                     sum(people) AS people, sum(people * millionths) AS total,
                     CASE WHEN bool_or(outage) THEN 'outage'
                          WHEN count(*) < {_parts(source)} OR bool_or(people IS NULL OR (people > 0 AND millionths IS NULL))
                              OR sum(people) = 0 THEN 'missing' ELSE 'ok' END AS state
              FROM (SELECT place, slot, slot_end, occ, start, min(row_number) AS row_number, max(issued_at) AS issued_at,
                           bool_or(state = 'outage') AS outage,
                           CAST(1000000 * max(value) FILTER (measure = {literal(measure)}) AS HUGEINT) AS millionths,
                           CASE WHEN count(*) FILTER ({behind} AND state = 'ok') = {len(support)}
                                THEN CAST(sum(value) FILTER ({behind}) AS HUGEINT) END AS people
                    FROM {good} WHERE measure = {literal(measure)} OR {behind} GROUP BY place, slot, slot_end, occ, start)
              GROUP BY place, slot, slot_end, occ)"""
