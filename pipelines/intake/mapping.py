"""A source's layout in SQL: declared columns of the raw table → one record per place, interval and measure text.

Only mapped columns enter the database; what the source ignores is left behind here. Tables made, in order: ``base``
(unpivoted records), ``stamps`` and ``passes`` (:mod:`pipelines.intake.clock`), ``record`` (with place, interval and problem).
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.intake import clock
from pipelines.readers import Raw, UnreadableError
from pipelines.sql import literal, names
from schemas.settings.source import Fold, IssuedAt, Source

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160) || chr(65279)"
_NO_TEXT = "NULL::VARCHAR"


def missing_columns(raw: Raw, source: Source) -> list[str]:
    """Mapped columns that the delivery lacks. In a document a key that no record has is a value that no record has, but without
    a time or a place there are no records.
    """
    if raw.sparse:
        needed = {*source.time.columns, *source.place.columns} - source.made_columns()
        return sorted(needed - set(raw.names)) if raw.table.num_rows else []
    return sorted(source.mapped_columns() - set(raw.names))


def cell_columns(source: Source) -> list[str]:
    """Columns whose texts say what a measure is worth, in the order of ``cell_<i>`` in table ``record``."""
    columns = [source.pivot.value_from] if source.pivot else []
    for measure in source.measures.values():
        columns += [*measure.columns, *([measure.other] if measure.other else [])]
    columns += [mark.column for mark in source.marks] + ([source.uptime.column] if source.uptime else [])
    return list(dict.fromkeys(columns))


def records(con: duckdb.DuckDBPyConnection, raw: Raw, source: Source, tz: ZoneInfo, issued: datetime | None) -> None:
    """Make table ``record``: one row per raw record (and unpivoted part).

    Columns: row_number, part, part_column (of the file, where it was unpivoted), place, member (the supplier's id, where several
    make up a place), start, slot (starts of the supplier's and the kept interval, TIMESTAMPTZ), cell_<i> (texts, NULL when
    empty), pivot_key, outage (BOOLEAN), issued_at, kept (BOOLEAN: false when filtered), problem (check name or NULL) and
    bad_text (the declared cell the problem is about).
    Raises :class:`UnreadableError` for columns of a type that cannot be mapped.
    """
    used = sorted(source.mapped_columns() | {name for name in raw.names if name and source.unpivoted(name)})
    con.register("raw", _declared(raw, source, used))
    con.execute(f"CREATE TEMP TABLE base AS {_base(source, raw, used)}")
    con.unregister("raw")
    clock.instants(con, source, tz)
    clock.which_pass(con, source)
    ids = source.place.ids
    places = [source.place.map[member] for member in ids.values()]
    con.register("place_map", pa.table({"place_key": list(ids), "member": list(ids.values()), "place": places}))
    con.execute(f"CREATE TEMP TABLE record AS {_placed(source, issued)}")


def _declared(raw: Raw, source: Source, used: list[str]) -> pa.Table:
    """The mapped columns by declared name as texts (a sole time column keeps its timestamps), with ``row_number``."""
    columns = {}
    for number, name in enumerate(used):
        if name not in raw.names:
            columns[f"t{number}"] = pa.nulls(raw.table.num_rows, pa.large_string())
            continue
        values = raw.table.column(raw.position(name))
        try:
            sole_time = source.time.columns == (name,) and _keeps_time(raw, source)
            columns[f"t{number}"] = _stamps(values) if sole_time else _texts(values)
        except (pa.ArrowException, ValueError):
            raise UnreadableError(
                "column_type",
                f"the declared column `{name}` is of type {str(values.type)[:40]}, which cannot be read. Ask for one number or text a cell.",
            ) from None
    return pa.table({"row_number": pa.array(raw.row_numbers, pa.int64()), **columns})


def _keeps_time(raw: Raw, source: Source) -> bool:
    """Whether the only time column holds timestamps already, which need no format."""
    columns = source.time.columns
    return (
        len(columns) == 1 and columns[0] in raw.names and pa.types.is_timestamp(raw.table.column(raw.position(columns[0])).type)
    )


def _stamps(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.timestamp("us", tz="UTC" if values.type.tz else None), safe=False)


def texts(raw: Raw, name: str) -> pa.ChunkedArray:
    """A declared column as texts."""
    return _texts(raw.table.column(raw.position(name)))


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


def _columns(source: Source, used: list[str]) -> dict[str, str]:
    """Declared or unpivoted column name → SQL of its trimmed text (or timestamp)."""
    sql = {name: f"nullif(trim(t{i}, {_BLANKS}), '')" for i, name in enumerate(used)}
    if source.unpivot:
        sql |= {name: f'u."{name}"' for name in source.made_columns()}
        sql[source.unpivot.value_to] = f"nullif(trim(u.\"{source.unpivot.value_to}\", {_BLANKS}), '')"
    return sql


def _base(source: Source, raw: Raw, used: list[str]) -> str:
    """The unpivoted records with texts; ``stamp`` keeps the type of a sole timestamp column."""
    sql = _columns(source, used)
    stamp = _stamp(source, sql)
    if _keeps_time(raw, source):
        stamp = f"t{used.index(source.time.columns[0])}"
    issued = source.issued_at.column if isinstance(source.issued_at, IssuedAt) else None
    fold = source.time.repeated.column if isinstance(source.time.repeated, Fold) else None
    kept = [_holds(sql[f.column], f.equals) for f in source.filter]
    if source.pivot:
        kept.append(_holds(sql[source.pivot.column], tuple(source.pivot.values)))
    outage = _holds(sql[source.outage.column], source.outage.equals) if source.outage else "false"
    return f"""
        SELECT row_number, {"u.part" if source.unpivot else "0"} AS part, {"u.part_column" if source.unpivot else _NO_TEXT} AS part_column,
               {stamp} AS stamp, {f"try_cast({sql[source.time.index]} AS INTEGER)" if source.time.index else "0"} AS ahead,
               {" || '|' || ".join(sql[c] for c in source.place.columns)} AS place_key,
               {sql[source.pivot.column] if source.pivot else _NO_TEXT} AS pivot_key, {sql[fold] if fold else _NO_TEXT} AS fold_text,
               {", ".join(f"{sql[c]} AS cell_{i}" for i, c in enumerate(cell_columns(source)))},
               coalesce({outage}, false) AS outage, {sql[issued] if issued else _NO_TEXT} AS issued_text,
               coalesce({" AND ".join(kept) or "true"}, false) AS kept
        FROM {_unpivoted(source, used)}"""


def _stamp(source: Source, sql: dict[str, str]) -> str:
    """SQL of the text of a time: its columns, or the part that counts of each, joined."""
    parts = []
    for column in source.time.columns:
        text, pattern = sql[column], source.time.extract.get(column)
        if pattern:  # a text of another form stays whole, so that it is told as unreadable and not as missing
            text = f"coalesce(nullif(regexp_extract({text}, {literal(pattern)}, 1), ''), {text})"
        parts.append(text)
    stamp = " || ' ' || ".join(parts)
    for written, meant in source.time.replace.items():
        stamp = f"replace({stamp}, {literal(written)}, {literal(meant)})"
    return stamp


def _holds(text: str, values: tuple[str, ...]) -> str:
    return f"({text} IN ({names(values)}))"


def _unpivoted(source: Source, used: list[str]) -> str:
    unpivot = source.unpivot
    if unpivot is None:
        return "raw"
    parts = []
    for number, column in enumerate(c for c in used if source.unpivoted(c)):
        made = re.fullmatch(unpivot.pattern, column).groupdict() if unpivot.pattern else {}  # type: ignore[union-attr]
        made |= {unpivot.name_to: unpivot.columns[column]} if unpivot.name_to else {}
        texts = "".join(f", {literal(name)}: {literal(text or '')}" for name, text in made.items())
        value = f"{literal(unpivot.value_to)}: t{used.index(column)}"
        parts.append(f"{{'part': {number}, 'part_column': {literal(column)}{texts}, {value}}}")
    if not parts:
        raise UnreadableError("missing_columns", "no column has a name as `unpivot.pattern:` describes. Correct the declaration.")
    return f"(SELECT *, unnest([{', '.join(parts)}]) AS u FROM raw)"


def _placed(source: Source, issued: datetime | None) -> str:
    """Records with place, interval, issue time and the first problem found, in the order a person would mend them."""
    unmapped = "NOT (place_key IS NOT NULL AND place IS NULL)" if source.place.unmapped == "filter" else "true"
    member = "member" if source.place.parts == "sum" else "''"
    issued_at = _issued(source, issued)
    stated = "true" if isinstance(source.issued_at, IssuedAt) else "false"
    return f"""
        SELECT row_number, part, part_column, place, {member} AS member, start, slot, COLUMNS('^cell_[0-9]+$'), pivot_key, outage, issued_at,
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
              FROM (SELECT base.*, stamps.* EXCLUDE (stamp, ahead, problem), stamps.problem AS clock_problem, place, member,
                           CASE WHEN start2 IS NULL THEN 1 ELSE {_turn(source)} END AS turn, {issued_at} AS issued_at
                    FROM base JOIN stamps ON base.stamp IS NOT DISTINCT FROM stamps.stamp AND base.ahead IS NOT DISTINCT FROM stamps.ahead
                    LEFT JOIN passes ON base.row_number = passes.row_number AND base.part = passes.part
                    LEFT JOIN place_map ON base.place_key = place_map.place_key))"""


def _turn(source: Source) -> str:
    """SQL: which of the two times of a repeated hour a record is of; NULL where that cannot be told."""
    repeated = source.time.repeated
    if isinstance(repeated, Fold):
        return f"CASE WHEN {_holds('fold_text', repeated.first)} THEN 1 WHEN {_holds('fold_text', repeated.second)} THEN 2 END"
    return {"first": "1", "second": "2", "in_order": "pass", "refuse": "NULL"}[repeated]


def _issued(source: Source, issued: datetime | None) -> str:
    stated = source.issued_at
    if not isinstance(stated, IssuedAt) or stated.from_ == "file_name":
        return f"TIMESTAMPTZ '{issued.isoformat()}'" if issued else "NULL::TIMESTAMPTZ"
    if stated.clock == "offset":
        return f"{clock.with_offset('issued_text', stated.format)}::TIMESTAMPTZ"
    return f"timezone('{stated.timezone or 'UTC'}', {clock.naive('issued_text', stated.format)})"
