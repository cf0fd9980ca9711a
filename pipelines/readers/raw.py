"""A delivery as it came: columns by position, rows by number, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

BAD_LINES = pa.schema([("row_number", pa.int64()), ("check_name", pa.string()), ("message", pa.string())])
# A database that works on raw rows may not spill them to a folder on disk.
NO_SPILL: dict[str, str | bool | int | float | list[str]] = {"temp_directory": ""}
NO_TEXTS = pa.array([], pa.large_string())
MOST_COLUMNS = 5_000
EMPTY = "the file is empty. Ask the supplier for it again."


class UnreadableError(Exception):
    """The delivery as a whole cannot be read. ``code`` is a word for the ledger; the text says what to do, without content."""

    def __init__(self, code: str, what: str):
        super().__init__(what)
        self.code = code


@dataclass(frozen=True)
class Raw:
    """A raw delivery.

    ``table``: columns ``c0`` … in file order (text for CSV and JSON, as typed for Parquet; a list that is not taken apart stays
    one). ``names``: the header texts, paths (JSON), or the declared names; None for a position that no name covers.
    ``row_numbers``: line (CSV, a JSON document a line), record (JSON) or row (Parquet) from 1 of each row. ``bad``: refused lines
    (:data:`BAD_LINES`); ``bad_texts``: their texts and those above a header, for the screen only. ``sparse``: a column that no
    record has is one without values.
    """

    table: pa.Table
    names: tuple[str | None, ...]
    row_numbers: np.ndarray
    bad: pa.Table
    bad_texts: pa.Array
    sparse: bool = False

    @property
    def records(self) -> int:
        """Records in the delivery, bad lines included; blank lines and the header are none."""
        return int(self.table.num_rows + self.bad.num_rows)

    def position(self, name: str) -> int:
        """Index of a declared column. Raises KeyError when the delivery does not have it."""
        if name not in self.names:
            raise KeyError(name)
        return self.names.index(name)
