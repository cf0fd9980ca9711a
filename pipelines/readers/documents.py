"""JSON as raw tables: lists on the declared path are taken apart into rows, objects into columns named by their path.

Numbers stay as they are written, as text. What is not on the path (other lists) stays nested, for the screen to look into.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.readers.engine import in_memory
from pipelines.readers.raw import BAD_LINES, EMPTY, MOST_COLUMNS, NO_TEXTS, Raw, UnreadableError
from pipelines.sql import literal
from schemas.settings.source import Json

_BAD_LINE = "the line is not readable as JSON: it was cut or damaged. Ask for the file again."
_NOT_JSON = "not readable as JSON: cut off, damaged or another format. Ask for it again."
_LAYOUT = "The document is not laid out as declared: correct `records:`, `together:` or `columns:`."


class _Twice(ValueError):
    """An object that names a key twice."""


@dataclass(frozen=True)
class _Level:
    """What stands at one level of the path: SQL of the value, its structure, and the path down to it."""

    sql: str
    kind: Any
    path: tuple[str, ...]


def read(content: bytes, reader: Json) -> Raw:
    """The raw table of a JSON delivery. Raises :class:`UnreadableError`, without anything of its content."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableError("encoding", "not readable as UTF-8, in which JSON is written. Ask for it again.") from None
    with in_memory(len(content)) as con:
        numbers, bad, bad_texts = _documents(con, text, reader.lines)
        try:
            return _table(con, reader, numbers, bad, bad_texts)
        except duckdb.Error:
            raise UnreadableError("not_json", f"the document cannot be taken apart. {_LAYOUT}") from None


def _documents(con: duckdb.DuckDBPyConnection, text: str, lines: bool) -> tuple[np.ndarray, pa.Table, pa.Array]:
    """Make table ``docs`` (n, doc), checked; returns the numbers of the lines, those that are no JSON, and their texts."""
    if not lines:
        _check(text)
        con.register("docs", pa.table({"n": [1], "doc": pa.array([text], pa.large_string())}))
        return np.array([1]), BAD_LINES.empty_table(), NO_TEXTS
    parts = pc.split_pattern(pa.array([text.replace("\r\n", "\n")], pa.large_string()), "\n")[0].values
    filled = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(parts), ""))
    numbers, parts = np.arange(1, len(parts) + 1, dtype=np.int64)[filled], parts.filter(pa.array(filled))
    if not len(parts):
        raise UnreadableError("empty", EMPTY)
    con.register("lines", pa.table({"n": numbers, "doc": parts}))
    good = np.asarray(con.sql("SELECT json_valid(doc) AS ok FROM lines ORDER BY n").to_arrow_table().column("ok"))
    _check(f"[{','.join(parts.filter(pa.array(good)).to_pylist())}]")
    con.register("docs", pa.table({"n": numbers[good], "doc": parts.filter(pa.array(good))}))
    wrong = numbers[~good]
    bad = pa.table([pa.array(wrong), ["json"] * len(wrong), [_BAD_LINE] * len(wrong)], schema=BAD_LINES)
    return numbers[good], bad, parts.filter(pa.array(~good))


def _check(text: str) -> None:
    """Strict JSON: numbers are numbers, and no object names a key twice (one of its values would be lost)."""
    try:
        json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_number)
    except _Twice:
        told = "an object names a key twice, so one of its values would be lost. Ask the supplier to mend it."
        raise UnreadableError("repeated_key", told) from None
    except (ValueError, RecursionError):
        raise UnreadableError("not_json", _NOT_JSON) from None


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Twice


def _no_number(_text: str) -> None:
    raise ValueError


def _table(
    con: duckdb.DuckDBPyConnection, reader: Json, numbers: np.ndarray, bad: pa.Table, bad_texts: pa.Array
) -> Raw:  # fmt: skip
    [[structure]] = con.execute("SELECT json_group_structure(doc::JSON)::VARCHAR FROM docs").fetchall()
    kind = _texts(json.loads(structure)) if structure else "VARCHAR"
    con.execute(f"CREATE TEMP TABLE level AS SELECT n, from_json(doc::JSON, {literal(json.dumps(kind))}) AS r0 FROM docs")
    columns, order = _taken_apart(con, reader, kind)
    if len(columns) > MOST_COLUMNS:
        raise UnreadableError("not_json", f"more than {MOST_COLUMNS} columns: not the declared layout.")
    wanted = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(columns.values()))
    table = con.sql(f"SELECT {wanted} FROM level ORDER BY {', '.join(order)}").to_arrow_table()
    if not table.num_rows:  # an answer without records has no layout to hold against the declared one
        table, columns = table.select([]), {}
    if len(order) > 1:
        numbers = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return Raw(table, tuple(name.strip() for name in columns), numbers, bad, bad_texts, sparse=True)


def _texts(kind: Any) -> Any:
    """A structure with every value as text, and what has no structure of its own (mixed, or empty) as JSON text."""
    if isinstance(kind, dict):
        return {name: _texts(inner) for name, inner in kind.items()} or "VARCHAR"
    return [_texts(kind[0])] if isinstance(kind, list) else "VARCHAR"


def _taken_apart(con: duckdb.DuckDBPyConnection, reader: Json, kind: Any) -> tuple[dict[str, str], list[str]]:
    """Take the lists on the path apart, in table ``level``; returns column name → SQL, and what keeps the rows in order."""
    level, order, columns = _Level("r0", kind, ()), ["n"], dict[str, str]()
    for step in reader.records.split(".") if reader.records else ():
        name, is_list = step.removesuffix("[]"), step.endswith("[]")
        if name:
            columns |= _flat(level, without=name)
            known = level.kind.get(name, ["VARCHAR"] if is_list else "VARCHAR") if isinstance(level.kind, dict) else None
            sql = (
                f"struct_extract({level.sql}, {literal(name)})" if isinstance(level.kind, dict) and name in level.kind else "NULL"
            )
            level = _Level(sql, known, (*level.path, name))
        if is_list:
            level = _exploded(con, level, columns, order)
    if isinstance(level.kind, list) and reader.records.endswith("[]"):
        columns |= _items(con, level, reader.columns)
    else:
        columns |= _flat(level)
    _together(con, reader, columns, order)
    return columns, order


def _exploded(con: duckdb.DuckDBPyConnection, level: _Level, columns: dict[str, str], order: list[str]) -> _Level:
    """A row an item. An empty list holds no record; where there is no list at all, what stands above it is still a row."""
    if not isinstance(level.kind, list):
        raise UnreadableError("layout", f"{'.'.join(level.path) or 'the document'} is no list. {_LAYOUT}")
    depth = len(order)
    _unnested(con, columns, order, {f"r{depth}": f"coalesce({level.sql}, [NULL])"})
    return _Level(f"r{depth}", level.kind[0], level.path)


def _unnested(con: duckdb.DuckDBPyConnection, columns: dict[str, str], order: list[str], lists: dict[str, str]) -> None:
    """Table ``level`` with a row an item of ``lists`` (name → SQL), side by side.

    Of what stood above only the ``columns`` go on, as values of their own: every row would carry the whole list with it else.
    """
    place, kept = f"i{len(order)}", {name: f"k{len(order)}_{number}" for number, name in enumerate(columns)}
    above = "".join(f", {columns[name]} AS {key}" for name, key in kept.items())
    first = next(iter(lists.values()))
    items = "".join(f", unnest({sql}) AS {name}" for name, sql in lists.items())
    con.execute(
        f"CREATE TEMP TABLE next AS SELECT {', '.join(order)}{above}, unnest(range(len({first}))) AS {place}{items} FROM level"
    )
    con.execute("DROP TABLE level")
    con.execute("ALTER TABLE next RENAME TO level")
    columns |= kept
    order.append(place)


def _flat(level: _Level, without: str | None = None) -> dict[str, str]:
    """Column name → SQL of every text or list below a value; ``without`` the branch that is taken apart next."""
    if not isinstance(level.kind, dict):
        return {".".join(level.path) or "value": level.sql}
    columns: dict[str, str] = {}
    for name, kind in level.kind.items():
        if name != without:
            columns |= _flat(_Level(f"struct_extract({level.sql}, {literal(name)})", kind, (*level.path, name)))
    return columns


def _items(con: duckdb.DuckDBPyConnection, level: _Level, names: tuple[str, ...] | None) -> dict[str, str]:
    """The items of rows that are lists, by the declared names."""
    [[least, most]] = con.execute(f"SELECT min(len({level.sql})), max(len({level.sql})) FROM level").fetchall()
    if names is None or (least is not None and not least == most == len(names)):
        found = f"{least}" if least == most else f"{least} to {most}"
        raise UnreadableError("layout", f"a row is a list of {found} items, `columns:` names {len(names or ())}. {_LAYOUT}")
    return {name: f"list_extract({level.sql}, {i})" for i, name in enumerate(names, start=1)}


def _together(con: duckdb.DuckDBPyConnection, reader: Json, columns: dict[str, str], order: list[str]) -> None:
    """Take lists of equal length apart side by side; their columns, and that of the position, become single values."""
    if not reader.together:
        return
    lost = [name for name in reader.together if name not in columns]
    if lost:
        raise UnreadableError("layout", f"there is no list `{lost[0]}`. {_LAYOUT}")
    lists = {f"s{i}": columns.pop(name) for i, name in enumerate(reader.together)}
    lengths = f"list_distinct([{', '.join(f'coalesce(len({sql}), 0)' for sql in lists.values())}])"
    [[unequal]] = con.execute(f"SELECT count(*) FROM level WHERE len({lengths}) > 1").fetchall()
    if unequal:
        raise UnreadableError("layout", f"lists that belong together are not of equal length ({unequal} times). {_LAYOUT}")
    _unnested(con, columns, order, lists)
    columns |= {name: f"s{i}" for i, name in enumerate(reader.together)}
    if reader.position:
        columns[reader.position] = f"{order[-1]}::VARCHAR"
