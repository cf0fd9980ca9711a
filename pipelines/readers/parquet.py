"""Parquet files as raw tables: columns keep their types."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.readers.raw import BAD_LINES, NO_TEXTS, Raw, UnreadableError


def read(content: bytes) -> Raw:
    try:
        table = pq.read_table(pa.BufferReader(content))
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, KeyError):
        # The library's own text may quote the file; it is left out.
        told = "not readable as Parquet: cut off, damaged or another format. Ask for it again."
        raise UnreadableError("not_parquet", told) from None
    names = tuple(str(n).strip() for n in table.column_names)
    flat = table.rename_columns([f"c{i}" for i in range(table.num_columns)]).combine_chunks()
    flat = pa.table({n: _plain(flat.column(n)) for n in flat.column_names}) if flat.num_columns else flat
    return Raw(flat, names, np.arange(1, table.num_rows + 1, dtype=np.int64), BAD_LINES.empty_table(), NO_TEXTS)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Dictionary columns as their values, and bytes that are text (old writers mark no strings) as text."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        try:
            return column.cast(pa.large_string())
        except pa.ArrowInvalid:
            return column
    return column
