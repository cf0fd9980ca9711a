"""Declared corrections, applied to the cells of a delivery before they are judged: guarded, counted, and told.

A correction is applied to all it is declared for, or to nothing: where its guard does not hold the supplier may have mended the
fault, and correcting it once more would make a new one.
"""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from indicators.formula import parse_expression
from pipelines.intake import mapping
from pipelines.readers import Raw, UnreadableError
from pipelines.sql import literal
from schemas import vocabulary
from schemas.settings.source import Correction, Source

CORRECTED = pa.schema([
    ("correction", pa.string()), ("place", pa.string()), ("first_interval", pa.timestamp("us", "UTC")),
    ("last_interval", pa.timestamp("us", "UTC")), ("cells", pa.int64()),
])  # fmt: skip


def columns(con: duckdb.DuckDBPyConnection, raw: Raw, source: Source) -> Raw:
    """The delivery with the columns in their place that a supplier mixed up.

    Raises :class:`UnreadableError` (``correction_guard``) where a guard refuses the delivery.
    """
    for correction in source.corrections:
        if correction.swap_columns is None:
            continue
        one, other = correction.swap_columns
        con.register("swapped", pa.table({"a": mapping.texts(raw, one), "b": mapping.texts(raw, other)}))
        numbers = ", ".join(
            f"try_cast(replace({c}, ',', '.') AS DOUBLE) AS {name}" for c, name in (("a", "first"), ("b", "second"))
        )
        that, when = _conditions(source, correction)
        asked, holds = _counted(con, f"SELECT {that} AS holds FROM (SELECT {numbers} FROM swapped) WHERE {when}")
        con.unregister("swapped")
        if asked and holds < correction.guard.share * asked:
            raise _refusal(source, correction, asked - holds, asked)
        turned = {one: other, other: one}
        raw = replace(raw, names=tuple(turned.get(name, name) if name else name for name in raw.names))
    return raw


def apply(con: duckdb.DuckDBPyConnection, source: Source, tz: ZoneInfo) -> None:
    """Correct ``cell`` in the order of the declaration; table ``corrected`` says what was, per correction and place.

    Raises :class:`UnreadableError` (``correction_guard``) where a guard refuses the delivery.
    """
    empty = ", ".join(f"NULL::{t} AS {n}" for n, t in (("correction", "VARCHAR"), ("place", "VARCHAR"), ("first_interval", "TIMESTAMPTZ"),
                                                       ("last_interval", "TIMESTAMPTZ"), ("cells", "BIGINT")))  # fmt: skip
    con.execute(f"CREATE TEMP TABLE corrected AS SELECT {empty} LIMIT 0")
    for correction in (c for c in source.corrections if not c.swap_columns):
        scope = _scope(correction)
        if not con.execute(f"SELECT 1 FROM cell WHERE {scope} LIMIT 1").fetchall():
            continue
        _guarded(con, source, correction, scope, tz)
        # What it was called before: a relabelled place is told under the name the supplier gave it.
        con.execute(f"""INSERT INTO corrected SELECT {literal(correction.correction)}, place, min(start), max(start), count(*)
                        FROM cell WHERE {scope} GROUP BY place""")
        _correct(con, correction, scope)
    if any(c.relabel for c in source.corrections):
        con.execute("""
            UPDATE cell SET occ = n.occ FROM (
                SELECT row_number, part, member, piece, measure, start, place,
                       row_number() OVER (PARTITION BY place, member, piece, start, measure ORDER BY row_number, part) AS occ FROM cell) n
            WHERE (cell.row_number, cell.part, cell.measure) = (n.row_number, n.part, n.measure)
                AND cell.member IS NOT DISTINCT FROM n.member AND cell.piece IS NOT DISTINCT FROM n.piece""")


def _scope(correction: Correction) -> str:
    """SQL over ``cell``: what a correction is declared for; a cell that is refused already stays so."""
    parts = ["state = 'ok'"]
    places = tuple(correction.relabel) or correction.places
    measures = correction.measures or correction.swap or ()
    for column, wanted in (("place", places), ("measure", measures)):
        if wanted:
            parts.append(f"{column} IN ({', '.join(literal(w) for w in wanted)})")
    if correction.from_:
        parts.append(f"start >= TIMESTAMPTZ '{correction.from_.isoformat()}'")
    if correction.to:
        parts.append(f"start < TIMESTAMPTZ '{correction.to.isoformat()}'")
    return " AND ".join(parts)


def _guarded(con: duckdb.DuckDBPyConnection, source: Source, correction: Correction, scope: str, tz: ZoneInfo) -> None:
    """Raise, or refuse the rows, where the guard does not hold."""
    that, when = _conditions(source, correction)
    measures = ", ".join(f"CAST(max(value) FILTER (measure = {literal(m)}) AS DOUBLE) AS {m}" for m in source.measure_names)
    rows = f"""
        SELECT row_number, part, hour(timezone('{tz.key}', any_value(start))) AS hour, {measures}
        FROM cell SEMI JOIN (SELECT row_number, part FROM cell WHERE {scope}) USING (row_number, part) WHERE state = 'ok'
        GROUP BY row_number, part"""
    con.execute(f"CREATE OR REPLACE TEMP TABLE guarded AS SELECT row_number, part, {that} AS holds FROM ({rows}) WHERE {when}")
    asked, holds = _counted(con, "FROM guarded")
    if not asked or holds >= correction.guard.share * asked:
        return
    if correction.guard.otherwise == "refuse_delivery":
        raise _refusal(source, correction, asked - holds, asked)
    con.execute(
        f"""UPDATE cell SET state = 'bad', value = NULL, check_name = 'correction_guard'
            WHERE {scope} AND (row_number, part) IN (SELECT (row_number, part) FROM guarded WHERE NOT holds)"""
    )


def _conditions(source: Source, correction: Correction) -> tuple[str, str]:
    """SQL of the two parts of a guard."""
    known, guard = correction.guard_names(source.measure_names), correction.guard
    that = parse_expression(guard.that, known, "condition").tree.sql("duckdb")
    return that, parse_expression(guard.when, known, "condition").tree.sql("duckdb") if guard.when else "true"


def _counted(con: duckdb.DuckDBPyConnection, rows: str) -> tuple[int, int]:
    """In how many rows the guard is known, and in how many it holds."""
    [[asked, holds]] = con.execute(f"SELECT count(holds), count(*) FILTER (holds) FROM ({rows})").fetchall()
    return asked, holds


def _refusal(source: Source, correction: Correction, broken: int, asked: int) -> UnreadableError:
    return UnreadableError(
        "correction_guard",
        f"the correction `{correction.correction}` does not fit: `{correction.guard.that}` does not hold in {broken} of {asked} rows."
        f" The supplier may have mended it: end the correction (`to:`) in config/sources/{source.source}.yaml, or mend its guard.",
    )


def _correct(con: duckdb.DuckDBPyConnection, correction: Correction, scope: str) -> None:
    if correction.swap:
        one, other = correction.swap
        con.execute(
            f"UPDATE cell SET measure = CASE measure WHEN {literal(one)} THEN {literal(other)} ELSE {literal(one)} END WHERE {scope}"
        )
    elif correction.relabel:
        whens = " ".join(f"WHEN {literal(a)} THEN {literal(b)}" for a, b in correction.relabel.items())
        con.execute(f"UPDATE cell SET place = CASE place {whens} END WHERE {scope}")
    else:
        number = (
            f"CAST(value * {correction.multiply:f} AS DECIMAL(18, 6))"
            if correction.multiply
            else f"value + {correction.offset:f}"
        )
        whole = ", ".join(literal(m) for m in correction.measures if vocabulary.columns()[m].type == "BIGINT") or "NULL"
        # k applies to what was really counted: never more than what stands now (rule 7).
        con.execute(f"UPDATE cell SET value = {number}, seen = least(seen, {number}) WHERE {scope}")
        con.execute(f"""UPDATE cell SET state = 'bad', value = NULL, check_name = 'not_whole',
                        told = 'the count is not whole after the correction `{correction.correction}`'
                        WHERE {scope} AND measure IN ({whole}) AND value <> trunc(value)""")


def told(con: duckdb.DuckDBPyConnection, source: Source) -> pa.Table:
    """What was corrected, as :data:`CORRECTED`."""
    for correction in (c for c in source.corrections if c.swap_columns):
        con.execute(f"""INSERT INTO corrected SELECT {literal(correction.correction)}, place, min(start), max(start), count(*)
                        FROM cell WHERE state = 'ok' GROUP BY place""")
    return con.sql("FROM corrected ORDER BY ALL").to_arrow_table().cast(CORRECTED)
