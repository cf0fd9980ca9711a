"""The steps that bring a workspace from one format to the next: what a release changed in the tables it keeps.

A step may be killed anywhere and run again: it looks at what is there and does what is missing. New tables need no step (they are
made on opening); a new or changed column of a table that stands does, also in its sealed files. Write it here, raise
``tables.FORMAT``, and store a workspace of the release (``python -m tests.releases.make``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from pipelines.store import sealing

Step = Callable[[duckdb.DuckDBPyConnection, Path], None]


def add_column(con: duckdb.DuckDBPyConnection, sealed: Path, table: str, column: str, type_: str, value: str = "NULL") -> None:
    """Give a table a column, in the working database and in its sealed files; ``value`` is a SQL expression over a row of before."""
    rewrite(con, sealed, table, f'SELECT *, CAST({value} AS {type_}) AS "{column}"', lambda there: column not in there)


def rewrite(con: duckdb.DuckDBPyConnection, sealed: Path, table: str, select: str, needed: Callable[[list[str]], bool]) -> None:
    """Replace the rows of a table, hot and sealed, by ``select`` over them, wherever its columns are such that it is ``needed``."""
    if needed(_columns(con, f"FROM {table}")):
        con.execute("BEGIN")
        con.execute(f"CREATE TABLE anew AS {select} FROM {table}")
        con.execute(f"DROP TABLE {table}")
        con.execute(f"ALTER TABLE anew RENAME TO {table}")
        con.execute("COMMIT")
    for first, last, file in con.execute(
        "SELECT first_day, last_day, file FROM manifest WHERE table_name = ? ORDER BY first_day", [table]
    ).fetchall():
        old = f"FROM read_parquet({sealing.quoted(sealed / file)})"
        if needed(_columns(con, old)):
            new, count = sealing.write_file(con, sealed, table, f"{select} {old}", first, last)
            con.execute("BEGIN")
            con.execute(
                "UPDATE manifest SET file = ?, row_count = ? WHERE table_name = ? AND file = ?", [new, count, table, file]
            )
            con.execute("INSERT OR REPLACE INTO retired_files VALUES (?, NULL)", [file])
            con.execute("DELETE FROM retired_files WHERE file = ?", [new])
            con.execute("COMMIT")


def _columns(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE SELECT * {source}").fetchall()]


def _hours_of_levels(con: duckdb.DuckDBPyConnection, _sealed: Path) -> None:
    """2 → 3: levels to be judged again are told by the hour, where it was by the day."""
    kinds = dict(row[:2] for row in con.execute("DESCRIBE dirty_levels").fetchall())
    if kinds["day"] == "DATE":
        con.execute("ALTER TABLE dirty_levels ALTER day TYPE TIMESTAMPTZ USING timezone('UTC', CAST(day AS TIMESTAMP))")


def _measured_days(con: duckdb.DuckDBPyConnection, sealed: Path) -> None:
    """3 → 4: ``data_quality`` has rows of its own, where an empty table stood; the next run measures the days there are."""
    there = con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'data_quality'").fetchall()
    if not there or "shortfall" in _columns(con, "FROM data_quality"):  # done before, by a run that was killed
        return
    files = con.execute("SELECT file FROM manifest WHERE table_name = 'observations'").fetchall()
    parts = ["FROM observations", *(f"FROM read_parquet({sealing.quoted(sealed / file)})" for (file,) in files)]
    hours = " UNION ".join(f"SELECT DISTINCT municipality, source, date_trunc('hour', interval_start) AS hour {p}" for p in parts)
    con.execute("BEGIN")
    con.execute("CREATE TABLE IF NOT EXISTS changed_days (municipality VARCHAR, source VARCHAR, local_date DATE)")
    con.execute(f"""INSERT INTO changed_days SELECT DISTINCT municipality, source, CAST(timezone(a.text, hour) AS DATE)
                    FROM ({hours}) h JOIN about a ON a.key = 'time_zone:' || h.municipality""")
    con.execute("DROP TABLE data_quality")
    con.execute("COMMIT")


def _outcomes_of_places(con: duckdb.DuckDBPyConnection, _sealed: Path) -> None:
    """4 → 5: ``outcomes`` tells the place and risk of what no situation foretold, and keeps revisions; nothing filled it before."""
    there = con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'outcomes'").fetchall()
    if there and "revision" not in _columns(con, "FROM outcomes"):
        con.execute("DROP TABLE outcomes")


# Format → the step that leads from it to the next. Format 1 never left the house.
STEPS: Mapping[int, Step] = {2: _hours_of_levels, 3: _measured_days, 4: _outcomes_of_places}
