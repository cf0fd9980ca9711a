"""Person-level content inside a cell: keys of JSON texts, leaves of nested Parquet columns, lists of records.

A list of records is honest when its records hold counts (a direction with its count). A list of records without any
count is one record per person or device, whatever its fields are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.readers.engine import in_memory
from pipelines.screen import shapes
from pipelines.screen.names import kind_of, words

RECORDS = "per-person records"
_COUNT_WORDS = {
    "count", "counts", "aantal", "anzahl", "number", "total", "totaal", "value", "waarde", "wert", "n", "sum", "density",
}  # fmt: skip
_RECORD_LISTS = {
    "persons", "personen", "people", "devices", "tracks", "trajectories", "detections", "signals", "individuals", "pedestrians",
}  # fmt: skip
# Bare values in a list under such a name are one value a person; a histogram or a series of counts is called otherwise.
_VALUE_LISTS = {
    "dwell", "durations", "duur", "entries", "exits", "moments", "momenten", "speeds", "snelheden", "verblijf", "verblijftijden", "embedding",
    "embeddings", "features", "geschwindigkeiten", "verweildauer",
}  # fmt: skip
_VALUE_LIST = r'\\*"([^"\\]{1,80})\\*"\s*:\s*\[\s*[\[0-9"\\-]'
_VECTOR = r"(?:-?[0-9]?\.[0-9]{3,}\s*,\s*){24,}"
_TRACK = r"\[\s*-?[0-9]+\.[0-9]+\s*,\s*-?[0-9]+\.[0-9]+\s*(?:,\s*-?[0-9.]+\s*)?,\s*\"?(?:1[0-9]{9}|20[0-9]{2}-[0-9]{2})"
_LEAF_TEXT = r'[\[,:]\s*\\*"([^"\\]{1,200})\\*"\s*[,\]}]'
_LEAF_NUMBER = r"[\[,:]\s*([0-9]{9,20})\s*[,\]}]"
# A list of objects (possibly with escaped quotes), up to the first nested list or its end: enough to see its keys.
_LIST = r'(?:\\*"([^"\\]{1,80})\\*"\s*:\s*)?\[\s*(\{[^\[\]]*)'
_KEY = r'\\*"([^"\\]{1,80})\\*"\s*:'


def kinds_in_json(texts: pa.Array, name: str = "") -> list[str]:
    """Kinds of person-level content among texts that look like JSON, at any depth; ``name``: of the column they stand in."""
    jsons = texts.filter(pc.match_substring_regex(texts, r"[\{\[]"))
    if not len(jsons):
        return []
    found = pa.table({"t": jsons})
    with in_memory(jsons.nbytes) as con:
        con.register("found", found)
        keys = con.execute("SELECT DISTINCT unnest(regexp_extract_all(t, ?, 1)) FROM found", [_KEY]).fetchall()
        lists = con.execute(
            "SELECT DISTINCT name, list_sort(list_distinct(regexp_extract_all(body, ?, 1))) FROM (SELECT"
            " unnest(regexp_extract_all(t, ?, 1)) AS name, unnest(regexp_extract_all(t, ?, 2)) AS body FROM found)",
            [_KEY, _LIST, _LIST],
        ).fetchall()
        listed = con.execute("SELECT DISTINCT unnest(regexp_extract_all(t, ?, 1)) FROM found", [_VALUE_LIST]).fetchall()
        leaf = "SELECT DISTINCT unnest(regexp_extract_all(t, ?, 1)) AS v FROM found"
        inside = con.execute(f"{leaf} UNION {leaf}", [_LEAF_TEXT, _LEAF_NUMBER]).fetchall()
    kinds = [kind for (key,) in keys if (kind := kind_of(key))]
    if any(_is_record_list(name or "", fields) for name, fields in lists):
        kinds.append(RECORDS)
    bare = [name] if pc.any(pc.match_substring_regex(jsons, r'^\s*\[\s*[\[0-9"-]')).as_py() else []
    if any(set(words(n)) & _VALUE_LISTS for n in (*bare, *(key for (key,) in listed))):
        kinds.append(RECORDS)
    if pc.any(pc.match_substring_regex(jsons, _VECTOR)).as_py():
        kinds.append(RECORDS)
    if pc.any(pc.match_substring_regex(jsons, _TRACK)).as_py():
        kinds.append("single trajectories")
    return list(dict.fromkeys([*kinds, *shapes.kinds_in(pa.array([v for (v,) in inside], pa.large_string()))]))


def _is_record_list(name: str, fields: list[str]) -> bool:
    """Whether a list of objects holds a record per person or device: named so, or without any count in its records."""
    if set(words(name)) & _RECORD_LISTS:
        return True
    return bool(fields) and not any(set(words(f)) & _COUNT_WORDS for f in fields)


def kinds_in_type(kind: pa.DataType, name: str = "") -> list[str]:
    """Kinds of person-level content announced by the names inside a nested Parquet type."""
    kinds = [found for leaf in _names(kind) if (found := kind_of(leaf))]
    if any(_is_record_list(label, fields) for label, fields in _record_lists(kind, name)):
        kinds.append(RECORDS)
    if any(set(words(label)) & _VALUE_LISTS for label in _value_lists(kind, name)):
        kinds.append(RECORDS)
    return list(dict.fromkeys(kinds))


def is_track(kind: pa.DataType, leaf: Any) -> bool:
    """Whether lists of numbers hold moments (seconds since 1970) among their positions: a path with times is somebody's."""
    inner = kind.value_type if _is_list(kind) and not pa.types.is_map(kind) else None
    if inner is None or not _is_list(inner):
        return False
    if pa.types.is_floating(leaf.type):
        return bool(pc.any(pc.and_(pc.greater(leaf, 1e9), pc.less(leaf, 1e13))).as_py())
    texts = pa.types.is_string(leaf.type) or pa.types.is_large_string(leaf.type)
    return texts and bool(pc.any(pc.match_substring_regex(leaf, r"^1[0-9]{9}(?:[0-9]{3})?$")).as_py())


def _value_lists(kind: pa.DataType, name: str) -> Iterator[str]:
    """The names under which lists of bare values stand; an empty list has no kind of value."""
    if (
        _is_list(kind)
        and not pa.types.is_map(kind)
        and not pa.types.is_struct(kind.value_type)
        and not pa.types.is_null(kind.value_type)
    ):
        yield name
    for child in _children(kind):
        yield from _value_lists(child.type, name if _is_list(kind) else child.name)


def _children(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(i) for i in range(kind.num_fields)] if pa.types.is_nested(kind) else []


def _names(kind: pa.DataType) -> Iterator[str]:
    for child in _children(kind):
        yield child.name
        yield from _names(child.type)


def _is_list(kind: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)
    return any(test(kind) for test in tests)


def _record_lists(kind: pa.DataType, name: str) -> Iterator[tuple[str, list[str]]]:
    """Every list of structs inside a type, as (the name it stands under, names of its leaves)."""
    if _is_list(kind) and any(pa.types.is_struct(c.type) for c in _children(kind)) and not pa.types.is_map(kind):
        yield name, list(_names(kind.value_type))
    for child in _children(kind):
        yield from _record_lists(child.type, name if _is_list(kind) else child.name)


def leaves(column: Any) -> Iterator[Any]:
    """The leaf arrays below a nested Arrow array (a column, combined into one array); a flat array is its own leaf."""
    kind = column.type
    if pa.types.is_struct(kind):
        for child in column.flatten():
            yield from leaves(child)
    elif pa.types.is_map(kind):
        yield from leaves(column.keys)
        yield from leaves(column.items)
    elif _is_list(kind):
        yield from leaves(column.flatten())
    elif pa.types.is_dictionary(kind):
        yield from leaves(column.dictionary_decode())
    else:
        yield column
