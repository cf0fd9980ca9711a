"""The published file of each further purpose: ``published/<purpose>/indicators.duckdb``, with what belongs to it and nothing else.

It stands by itself: rows of the last days are written every time, older ones as Parquet beside it once a day, so that publishing does
not grow with history. It has the tables of the main file, those that hold nothing of the purpose empty, and no earlier versions.
Situations stand in it where all signals of their risk belong to the purpose: of others it would tell what it may not know.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

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
        used = [name for table in TABLES.values() if (name := _table(con, table, whose, at, folder))]
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


def _table(con: duckdb.DuckDBPyConnection, table: Table, whose: list[Bound], at: datetime, folder: Path) -> str | None:
    """Make one table; returns the Parquet file with its older rows, if it has one."""
    columns = ", ".join(f'"{c}"' for c in table.columns)
    holds = _holds(table.name, whose)
    if table.name in DATED:
        file = _older(con, table, columns, holds, at, folder)
        recent = f"{DATED[table.name]} >= {_edge(table, at)}"
        con.execute(
            f"CREATE TABLE own.recent_{table.name} AS SELECT {columns} FROM whole.{table.name} WHERE ({holds}) AND {recent} ORDER BY ALL"
        )
        parts = f"""UNION ALL SELECT {columns} FROM read_parquet(coalesce(getvariable('drukte_root'), {quoted(f"{folder}/")}) || {quoted(file)})"""
        con.execute("USE own")
        con.execute(f"CREATE VIEW own.{table.name} AS SELECT {columns} FROM recent_{table.name} {parts}")
        con.execute("USE whole")
    else:
        file = ""
        con.execute(f"CREATE TABLE own.{table.name} AS SELECT {columns} FROM whole.{table.name} WHERE {holds} ORDER BY ALL")
    kind = "VIEW" if file else "TABLE"
    con.execute(f"COMMENT ON {kind} own.{table.name} IS {quoted(f'{table.nl} / {table.en}')}")
    return file or None


def _older(con: duckdb.DuckDBPyConnection, table: Table, columns: str, holds: str, at: datetime, folder: Path) -> str:
    """Rows before the recent ones, written once a day: what changes in them meanwhile is told the next day."""
    file = f"{table.name}-{(at - RECENT):%Y%m%d}.parquet"
    if not (folder / file).exists():
        rows = (
            f"SELECT {columns} FROM whole.{table.name} WHERE ({holds}) AND {DATED[table.name]} < {_edge(table, at)} ORDER BY ALL"
        )
        aside = folder / f".{file}"
        con.execute(f"COPY ({rows}) TO {quoted(str(aside))} (FORMAT parquet)")
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
