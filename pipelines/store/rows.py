"""Fetch one row and finish the result: DuckDB refuses other work on a connection whose result is only half read."""

from __future__ import annotations

from typing import Any

import duckdb


def one(result: duckdb.DuckDBPyConnection) -> Any:
    """The first row as a tuple, or None."""
    rows = result.fetchall()
    return rows[0] if rows else None
