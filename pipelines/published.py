"""Open the published database so that a notebook always sees the newest publication. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

import duckdb


def connect(path: str | Path) -> duckdb.DuckDBPyConnection:
    """A connection in which the published file is attached read-only as ``indicators`` and in use, clock in UTC.

    ``duckdb.connect(path)`` would return an instance opened earlier in this process, and with it an older publication.
    The sealed files are looked for beside the file, wherever the folder was moved to.
    """
    file = Path(path).resolve()
    con = duckdb.connect()
    con.execute("SET TimeZone='UTC'")
    path_text, root = str(file).replace("'", "''"), str(file.parent).replace("'", "''")
    con.execute(f"ATTACH '{path_text}' AS indicators (READ_ONLY)")
    con.execute("USE indicators")
    con.execute("SET parquet_metadata_cache=true")  # sealed files never change: their footers are read once
    con.execute(f"SET VARIABLE drukte_root = '{root}/'")
    return con
