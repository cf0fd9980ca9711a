"""The published file of each further purpose: ``published/<purpose>/indicators.duckdb``, with what belongs to it and nothing else.

It stands by itself: rows of the last days are written every time, older ones as Parquet beside it once a day, so that publishing does
not grow with history. It has the tables, views and macros of the main file; tables that hold nothing of the purpose are empty.
Situations stand in it where all signals of their risk belong to the purpose: of others it would tell what it may not know.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import views
from pipelines.purpose import bounds
from pipelines.purpose.bounds import Bound
from pipelines.purpose.state import COVERED
from pipelines.store.sealing import fsync, quoted
from pipelines.upkeep import rights
from schemas.results import TABLES, Table

if TYPE_CHECKING:
    import duckdb

    from pipelines.store import Store

FILE = "indicators.duckdb"
MARK = ".purpose"  # in the folder of a purpose: only such a folder is ever removed
RECENT = timedelta(days=8)
# What a further purpose sees, with the column that tells which of its rows are recent.
DATED = {
    "observations": "interval_start",
    "indicator_values": "interval_start",
    "baselines": "local_date",
    "data_quality": "local_date",
}
WHOLE = (
    "thresholds",
    "effective_settings",
    "blind_spots",
    "places",
    "purposes",
    "purpose_reviews",
    "retention",
    "indicators",
    "situations",
)


def publish(store: Store, at: datetime) -> list[Path]:
    """Write the files of all further purposes that a review covers, and remove those of purposes that no longer are."""
    covered = ", ".join(quoted(standing) for standing in COVERED)
    further = bounds.read(store.con, f"adoption_order > 1 AND standing IN ({covered})")
    named = sorted({bound.purpose for bound in further})
    for mark in store.published.glob(f"*/{MARK}"):
        if mark.parent.name not in named:
            shutil.rmtree(mark.parent)
    return [_write(store, at, purpose, [b for b in further if b.purpose == purpose]) for purpose in named]


def _write(store: Store, at: datetime, purpose: str, whose: list[Bound]) -> Path:
    folder = store.published / purpose
    folder.mkdir(exist_ok=True)
    (folder / MARK).write_text(purpose + "\n", encoding="ascii")
    final, aside = folder / FILE, folder / f".{FILE}.new"
    aside.unlink(missing_ok=True)
    con = store.con
    con.execute(f"ATTACH {quoted(str(store.published / FILE))} AS whole (READ_ONLY)")
    try:
        # Views of the main file look their tables up by name.
        con.execute("USE whole")
        con.execute(f"ATTACH {quoted(str(aside))} AS own (STORAGE_VERSION 'v1.2.0')")
        used = {file for table in TABLES.values() for file in _table(con, table, whose, at, folder)}
        con.execute("USE own")
        for statement in (*views.groups("own"), *views.statements("own")):
            con.execute(statement)
        con.execute("DELETE FROM own.about WHERE key = 'purpose'")
        con.execute("INSERT INTO own.about VALUES ('purpose', ?)", [purpose])
    finally:
        con.execute("USE working")
        con.execute("DETACH whole")
        con.execute("DETACH IF EXISTS own")
    rights.readable(aside)
    fsync(aside)
    aside.replace(final)
    for leftover in folder.glob("*.parquet"):
        if leftover.name not in used:
            leftover.unlink()
    return final


def _table(con: duckdb.DuckDBPyConnection, table: Table, whose: list[Bound], at: datetime, folder: Path) -> list[str]:
    """Make one table, with its earlier versions; returns the Parquet files with older rows."""
    if table.name == "situation_groups":
        return []
    holds, text = _holds(table.name, whose), f"{table.nl} / {table.en}"
    files = [_rows(con, table, Rows(table.name, table.columns, table.name, holds, text), at, folder)]
    if table.history:
        old, columns = f"{table.name}_superseded", (*table.columns, "superseded_at")
        where = f"({holds}) AND superseded_at IS NOT NULL"
        files.append(
            _rows(con, table, Rows(old, columns, f"{table.name}_history", where, f"earlier versions of {table.name}"), at, folder)
        )
        con.execute("USE own")
        for statement in views.history("own", table):
            con.execute(statement)
        con.execute("USE whole")
    return [file for file in files if file]


@dataclass(frozen=True)
class Rows:
    """What stands in one table: columns, the table of the main file they come from, and which of its rows."""

    name: str
    columns: tuple[str, ...]
    source: str
    holds: str
    text: str

    def select(self, of: str = "true") -> str:
        """The rows, in order, so that the same rows make the same file."""
        columns = ", ".join(f'"{c}"' for c in self.columns)
        return f"SELECT {columns} FROM whole.{self.source} WHERE ({self.holds}) AND {of} ORDER BY ALL"


def _rows(con: duckdb.DuckDBPyConnection, table: Table, rows: Rows, at: datetime, folder: Path) -> str | None:
    """A plain table; or of those that grow with time the recent rows and a view over them and the older file, which is returned."""
    if table.name not in DATED:
        con.execute(f"CREATE TABLE own.{rows.name} AS {rows.select()}")
        con.execute(f"COMMENT ON TABLE own.{rows.name} IS {quoted(rows.text)}")
        return None
    file = _older(con, table, rows, at, folder)
    con.execute(f"CREATE TABLE own.recent_{rows.name} AS {rows.select(f'{DATED[table.name]} >= {_edge(table, at)}')}")
    root = f"coalesce(getvariable('drukte_root'), {quoted(f'{folder}/')})"
    columns = ", ".join(f'"{c}"' for c in rows.columns)
    con.execute("USE own")
    con.execute(
        f"""CREATE VIEW own.{rows.name} AS SELECT {columns} FROM recent_{rows.name}
            UNION ALL SELECT {columns} FROM read_parquet({root} || {quoted(file)})"""
    )
    con.execute("USE whole")
    con.execute(f"COMMENT ON VIEW own.{rows.name} IS {quoted(rows.text)}")
    return file


def _older(con: duckdb.DuckDBPyConnection, table: Table, rows: Rows, at: datetime, folder: Path) -> str:
    """Rows before the recent ones, written once a day: what changes in them meanwhile is told the next day."""
    file = f"{rows.name}-{(at - RECENT):%Y%m%d}.parquet"
    if not (folder / file).exists():
        aside = folder / f".{file}"
        con.execute(f"COPY ({rows.select(f'{DATED[table.name]} < {_edge(table, at)}')}) TO {quoted(str(aside))} (FORMAT parquet)")
        rights.readable(aside)
        aside.replace(folder / file)
    return file


def _edge(table: Table, at: datetime) -> str:
    day = (at - RECENT).date()
    return f"DATE '{day}'" if DATED[table.name] == "local_date" else f"TIMESTAMPTZ '{day} 00:00+00'"


def _holds(table: str, whose: list[Bound]) -> str:
    """SQL: whether a row is within the use of one of the municipalities; none for tables that tell of more than the purpose."""
    if table == "about":
        return "NOT starts_with(key, 'source.')"
    if table == "indicators":
        return " OR ".join(f"indicator IN (SELECT unnest([{', '.join(quoted(i) for i in b.indicators)}]))" for b in whose)
    if table == "situations":
        return " OR ".join(f"(municipality = {quoted(b.municipality)} AND list_contains([{', '.join(map(quoted, b.risks))}]::VARCHAR[], safety_risk))"
                           for b in whose)  # fmt: skip
    if table in ("purposes", "purpose_reviews", "retention"):
        return " OR ".join(f"(municipality, purpose) = ({quoted(b.municipality)}, {quoted(b.purpose)})" for b in whose)
    if table in DATED or table in WHOLE:
        return " OR ".join(f"(municipality = {quoted(b.municipality)} AND {b.holds(table)})" for b in whose)
    return "false"
