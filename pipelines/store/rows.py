"""Rows out of the database and into it."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa


def one(result: duckdb.DuckDBPyConnection) -> Any:
    """The first row as a tuple, or None. The result is read to its end: DuckDB refuses other work while it is only half read."""
    rows = result.fetchall()
    return rows[0] if rows else None


def temporary(con: duckdb.DuckDBPyConnection, name: str, rows: pa.Table | str) -> None:
    """Make a temporary table from Arrow or from a query."""
    if isinstance(rows, str):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")
        return
    con.register("given_rows", rows)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM given_rows")
    con.unregister("given_rows")
