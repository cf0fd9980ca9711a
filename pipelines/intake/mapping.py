"""A source's layout in SQL: declared columns of the raw table → one record per place, interval and measure text.

Only mapped columns enter the database; what the source ignores is left behind here. Tables made, in order: ``base``
(unpivoted records), ``stamps`` and ``passes`` (:mod:`pipelines.intake.clock`), ``record`` (with place, interval and problem).
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake import clock
from pipelines.readers import Raw, UnreadableError
from pipelines.sql import literal
from schemas.settings.source import IssuedAt, Source

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(65279)"


def measures(source: Source) -> tuple[str, ...]:
    """The measures a source delivers, in the order it declares them."""
    return tuple(dict.fromkeys(source.pivot.values.values())) if source.pivot else tuple(source.measures)


def missing_columns(raw: Raw, source: Source) -> list[str]:
    """Declared columns that the delivery lacks; an absent column that would be ignored anyway is no lack."""
    return sorted((source.declared_columns() - set(source.ignore)) - set(raw.names))


def records(con: duckdb.DuckDBPyConnection, raw: Raw, source: Source, tz: ZoneInfo, issued: datetime | None) -> None:
    """Make table ``record``: one row per raw record (and unpivoted part).

    Columns: row_number, part, place, start, slot (starts of the supplier's and the kept interval, TIMESTAMPTZ), measure_<i>
    (texts, NULL when empty), pivot_key, outage (BOOLEAN), issued_at, kept (BOOLEAN: false when filtered), problem (check name
    or NULL) and bad_text (the declared cell the problem is about).
    Raises :class:`UnreadableError` for columns of a type that cannot be mapped.
    """
    con.register("raw", _declared(raw, source))
    con.execute(f"CREATE TEMP TABLE base AS {_base(source, raw)}")
    con.unregister("raw")
    clock.instants(con, source, tz)
    clock.which_pass(con, source)
    con.register("place_map", pa.table({"place_key": list(source.place.map), "place": list(source.place.map.values())}))
    con.execute(f"CREATE TEMP TABLE record AS {_placed(source, issued)}")


def _declared(raw: Raw, source: Source) -> pa.Table:
    """The mapped columns by declared name as texts (a sole time column keeps its timestamps), with ``row_number``."""
    columns = {}
    for number, name in enumerate(_used(source)):
        values = raw.table.column(raw.position(name))
        try:
            sole_time = source.time.columns == (name,) and _keeps_time(raw, source)
            columns[f"t{number}"] = _stamps(values) if sole_time else _texts(values)
        except (pa.ArrowException, ValueError):
            raise UnreadableError(
                "column_type", f"the declared column `{name}` is of type {str(values.type)[:40]}, which cannot be read."
            ) from None
    return pa.table({"row_number": pa.array(raw.row_numbers, pa.int64()), **columns})


def _used(source: Source) -> list[str]:
    return sorted(source.declared_columns() - set(source.ignore))


def _keeps_time(raw: Raw, source: Source) -> bool:
    """Whether the only time column holds timestamps already, which need no format."""
    names = source.time.columns
    return len(names) == 1 and names[0] in raw.names and pa.types.is_timestamp(raw.table.column(raw.position(names[0])).type)


def _stamps(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.timestamp("us", tz="UTC" if values.type.tz else None), safe=False)


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values as a person would write them: 32, not 32.0; a time with its seconds; NaN is an empty cell."""
    kind = values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise ValueError("no single text in a cell")
    if pa.types.is_floating(kind):
        values = values.cast(pa.float64())
        values = pc.if_else(pc.is_nan(values), None, values)
        whole = pc.and_(pc.equal(pc.trunc(values), values), pc.less(pc.abs(values), 1e15))
        digits = pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.large_string())
        return pc.coalesce(digits, values.cast(pa.large_string()))
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("s"), safe=False)
    return values.cast(pa.large_string())


def _columns(source: Source) -> dict[str, str]:
    """Declared or unpivoted column name → SQL of its trimmed text (or timestamp)."""
    sql = {name: f"nullif(trim(t{i}, {_BLANKS}), '')" for i, name in enumerate(_used(source))}
    if source.unpivot:
        sql[source.unpivot.name_to] = "u.name"
        sql[source.unpivot.value_to] = f"nullif(trim(u.value, {_BLANKS}), '')"
    return sql


def _base(source: Source, raw: Raw) -> str:
    """The unpivoted records with texts; ``stamp`` keeps the type of a sole timestamp column."""
    sql = _columns(source)
    stamp = " || ' ' || ".join(sql[c] for c in source.time.columns)
    if _keeps_time(raw, source):
        stamp = f"t{_used(source).index(source.time.columns[0])}"
    cells = [source.pivot.value_from] if source.pivot else [m.column for m in source.measures.values()]
    issued = source.issued_at.column if isinstance(source.issued_at, IssuedAt) else None
    kept = [_holds(sql[f.column], f.equals) for f in source.filter]
    if source.pivot:
        kept.append(_holds(sql[source.pivot.column], tuple(source.pivot.values)))
    outage = _holds(sql[source.outage.column], source.outage.equals) if source.outage else "false"
    return f"""
        SELECT row_number, {"u.part" if source.unpivot else "0"} AS part, {stamp} AS stamp,
               {" || '|' || ".join(sql[c] for c in source.place.columns)} AS place_key,
               {sql[source.pivot.column] if source.pivot else "NULL::VARCHAR"} AS pivot_key,
               {", ".join(f"{sql[c]} AS measure_{i}" for i, c in enumerate(cells))},
               coalesce({outage}, false) AS outage, {sql[issued] if issued else "NULL::VARCHAR"} AS issued_text,
               coalesce({" AND ".join(kept) or "true"}, false) AS kept
        FROM {_unpivoted(source)}"""


def _holds(text: str, values: tuple[str, ...]) -> str:
    return f"({text} IN ({', '.join(literal(v) for v in values)}))"


def _unpivoted(source: Source) -> str:
    if source.unpivot is None:
        return "raw"
    used = _used(source)
    parts = [
        f"{{'part': {number}, 'name': {literal(text)}, 'value': t{used.index(column)}}}"
        for number, (column, text) in enumerate(source.unpivot.columns.items())
    ]
    return f"(SELECT *, unnest([{', '.join(parts)}]) AS u FROM raw)"


def _placed(source: Source, issued: datetime | None) -> str:
    """Records with place, interval, issue time and the first problem found, in the order a person would mend them."""
    turn = {"first": "1", "second": "2", "in_order": "pass", "refuse": "NULL"}[source.time.repeated]
    unmapped = "NOT (place_key IS NOT NULL AND place IS NULL)" if source.place.unmapped == "filter" else "true"
    issued_at = _issued(source, issued)
    stated = "true" if isinstance(source.issued_at, IssuedAt) else "false"
    return f"""
        SELECT row_number, part, place, start, slot, COLUMNS('^measure_[0-9]+$'), pivot_key, outage, issued_at,
               kept AND {unmapped} AND problem IS DISTINCT FROM 'filler' AS kept, problem, start IS NOT NULL AS timed,
               CASE WHEN problem LIKE 'time%' OR problem = 'not_aligned' THEN stamp::VARCHAR
                    WHEN problem LIKE 'place%' THEN place_key WHEN problem LIKE 'issued%' THEN issued_text END AS bad_text
        FROM (SELECT *, CASE
                  WHEN clock_problem IS NOT NULL THEN clock_problem
                  WHEN turn IS NULL THEN 'time_ambiguous' WHEN NOT aligned THEN 'not_aligned'
                  WHEN place_key IS NULL THEN 'place_missing' WHEN place IS NULL THEN 'place_unknown'
                  WHEN issued_at IS NULL AND {stated} THEN 'issued_at_unreadable' END AS problem,
              CASE WHEN clock_problem IS NULL THEN CASE turn WHEN 2 THEN start2 WHEN 1 THEN start1 END END AS start,
              CASE WHEN clock_problem IS NULL THEN CASE turn WHEN 2 THEN slot2 WHEN 1 THEN slot1 END END AS slot
              FROM (SELECT base.*, stamps.* EXCLUDE (stamp, problem), stamps.problem AS clock_problem, place,
                           CASE WHEN start2 IS NULL THEN 1 ELSE {turn} END AS turn, {issued_at} AS issued_at
                    FROM base JOIN stamps ON base.stamp IS NOT DISTINCT FROM stamps.stamp
                    LEFT JOIN passes ON base.row_number = passes.row_number AND base.part = passes.part
                    LEFT JOIN place_map ON base.place_key = place_map.place_key))"""


def _issued(source: Source, issued: datetime | None) -> str:
    stated = source.issued_at
    if not isinstance(stated, IssuedAt) or stated.from_ == "file_name":
        return f"TIMESTAMPTZ '{issued.isoformat()}'" if issued else "NULL::TIMESTAMPTZ"
    if stated.clock == "offset":
        text = "regexp_replace(issued_text, '[Zz]$', '+00:00')" if stated.format.endswith("%z") else "issued_text"
        return f"try_strptime({text}, {literal(stated.format)})::TIMESTAMPTZ"
    naive = f"try_strptime(issued_text, {literal(stated.format)})::TIMESTAMP"
    return f"timezone('{stated.timezone or 'UTC'}', {naive})"
