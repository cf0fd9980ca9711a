"""One database in memory for the work on raw rows: opening one costs more than a small delivery."""

from __future__ import annotations

import atexit
from functools import cache

import duckdb

from pipelines.readers.raw import NO_SPILL

FEW_BYTES = 4_000_000


def in_memory(size: int = 0) -> duckdb.DuckDBPyConnection:
    """A cursor on an empty database in memory for a delivery of ``size`` bytes; what is put in it ends with it: close it."""
    return _engine(few=size < FEW_BYTES).cursor()


@cache
def _engine(*, few: bool) -> duckdb.DuckDBPyConnection:
    """``few``: one thread, as more only wait for each other over few rows."""
    engine = duckdb.connect(config={**NO_SPILL, "threads": "1"} if few else NO_SPILL)
    atexit.register(engine.close)
    return engine
