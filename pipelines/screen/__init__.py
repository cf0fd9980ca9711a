"""The gate: the raw delivery is looked at before anything is mapped, logged or stored (DESIGN §2).

A finding names a column by its position and the kind of content, never a name or a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.readers import Raw
from pipelines.screen import nested, shapes
from pipelines.screen.names import kind_of
from pipelines.screen.repeats import SOME, repeats
from schemas.settings import Source
from schemas.settings.source import Json

UNDECLARED = "undeclared"


@dataclass(frozen=True, order=True)
class Finding:
    """Why the gate closes. ``position``: the column from 1; 0 for lines that do not fit the layout, −1 for the file's own name."""

    position: int
    kind: str

    def __str__(self) -> str:
        where = {0: "lines that do not fit the layout", -1: "the name of the file"}.get(self.position, f"column {self.position}")
        return f"{where}: not declared" if self.kind == UNDECLARED else f"{where}: looks like {self.kind}"


def screen(raw: Raw, source: Source) -> list[Finding]:
    """Findings that close the gate, in order of position; empty when the delivery may go on."""
    findings = {Finding(i + 1, UNDECLARED) for i, name in enumerate(raw.names) if name is None or not source.declares(name)}
    for position, name in enumerate(raw.names, start=1):
        kinds = [*_of_name(name), *_of_column(raw.table.column(position - 1), name, source)]
        findings |= {Finding(position, kind) for kind in kinds}
    findings |= {Finding(0, kind) for kind in _of_texts(raw.bad_texts, None, source)}
    if not any(f.kind != UNDECLARED for f in findings):
        findings |= {Finding(position, "identifiers that repeat over time") for position in _repeating(raw, source)}
    return sorted(findings)


def of_file_name(name: str) -> list[Finding]:
    """Findings in the name of a delivery, without its folders and ending: a plate, a telephone, or words that announce such things."""
    stem = PurePosixPath(name.replace("!", "/")).name.partition(".")[0]
    shaped = shapes.kinds_in(pa.array([stem]), is_place=True, is_time=True, known=frozenset({stem}))
    named = kind_of(stem)
    found = {*([named] if named else []), *(set(shaped) & {"device identifiers", "phone numbers", "e-mail addresses"})}
    return sorted(Finding(-1, kind) for kind in found)


def reason(findings: list[Finding], source: Source, raw: Raw) -> str:
    """The words kept in the ledger for a closed gate: a code and positions, no content."""
    code = "undeclared_column" if all(f.kind == UNDECLARED for f in findings) else "person_level"
    told = "; ".join(str(f) for f in findings[:8]) + (f"; and {len(findings) - 8} more" if len(findings) > 8 else "")
    if code == "undeclared_column":
        known = any(name is not None and source.declares(name) for name in raw.names)
        where = "`records:`" if isinstance(source.reader, Json) else "`delimiter:` and `header:`"
        hint = "Map it or list it under `ignore`." if known else f"No declared column was found: check {where}."
        if isinstance(source.reader, Json):
            hint += " Columns are counted in the order in which keys appear; `drukte source guess` lists them."
        return f"{code}: {told}. {hint}"
    return f"{code}: {told}. The delivery was not taken in and nothing of it was kept; follow the runbook for refused deliveries."


@cache
def _of_name(name: str | None) -> tuple[str, ...]:
    if not name:
        return ()
    kind = kind_of(name)
    return (*([kind] if kind else []), *shapes.kinds_in(pa.array([name]), is_place=True, known=frozenset({name})))


def _of_column(column: pa.ChunkedArray, name: str | None, source: Source) -> list[str]:
    kinds = nested.kinds_in_type(column.type, name or "")
    for leaf in nested.leaves(_one(column)):
        if nested.is_track(column.type, leaf):
            kinds.append("single trajectories")
        if pa.types.is_binary(leaf.type) or pa.types.is_large_binary(leaf.type) or pa.types.is_fixed_size_binary(leaf.type):
            kinds.append("bytes that cannot be screened")
        elif (texts := _texts(leaf)) is not None:
            kinds += _of_texts(texts, name, source)
    return kinds


def _of_texts(texts: pa.Array, name: str | None, source: Source) -> list[str]:
    distinct = texts.drop_null().unique()
    distinct = distinct.filter(pc.not_equal(pc.utf8_trim_whitespace(distinct), ""))
    known = frozenset(source.place.ids) if name in source.place.columns else frozenset()
    is_place, is_time = name in source.place.columns, name in source.time.columns
    return shapes.kinds_in(distinct, is_place=is_place, is_time=is_time, known=known) + nested.kinds_in_json(distinct, name or "")


def _one(column: pa.ChunkedArray) -> Any:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _texts(leaf: Any) -> pa.Array | None:
    """A leaf as texts: strings as they are, whole numbers as digits; None for types that hold no identifier."""
    if pa.types.is_string(leaf.type) or pa.types.is_large_string(leaf.type) or pa.types.is_string_view(leaf.type):
        return leaf.cast(pa.large_string())
    if pa.types.is_integer(leaf.type):
        return leaf.cast(pa.large_string())
    if pa.types.is_decimal(leaf.type) and leaf.type.scale == 0:
        return leaf.cast(pa.large_string())
    return None


def _repeating(raw: Raw, source: Source) -> list[int]:
    """Positions of columns without a role in the mapping whose values repeat like identifiers."""
    roles = source.mapped_columns()
    columns = {n: i for i, n in enumerate(raw.names) if n is not None}
    places = _joined(raw, [columns[c] for c in source.place.columns if c in columns])
    times = _joined(raw, [columns[c] for c in source.time.columns if c in columns])
    found = []
    for name, index in columns.items():
        texts = None if name in roles or source.unpivoted(name) else _texts(_one(raw.table.column(index)))
        if texts is not None and len(texts.unique()) > SOME and repeats(texts, places, times):
            found.append(index + 1)
    return found


def _joined(raw: Raw, positions: list[int]) -> pa.Array:
    """The texts of some columns as one text a row; an empty text where there is none to join."""
    joined = pa.array([""] * raw.table.num_rows, pa.large_string())
    for position in positions:
        column = _one(raw.table.column(position))
        if pa.types.is_nested(column.type) or not (pa.types.is_temporal(column.type) or _texts(column) is not None):
            continue
        whole = {32: pa.int32(), 64: pa.int64()}[column.type.bit_width] if pa.types.is_temporal(column.type) else column.type
        part = pc.cast(pc.cast(column, whole), pa.large_string())
        joined = pc.binary_join_element_wise(joined, pc.fill_null(part, ""), pa.scalar("|", pa.large_string()))
    return joined
