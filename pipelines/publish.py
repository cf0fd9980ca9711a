"""Write ``published/indicators.duckdb`` aside and swap it in: hot tables, views over an explicit list of sealed files.

The publication is derived and repeatable: a run killed before the swap is repaired by publishing again. Readers keep
the file they opened. It is written in a storage version that DuckDB 1.4 and 1.5 open too.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from pipelines import situation_groups
from pipelines.quality import measured
from pipelines.store import Store
from pipelines.store.rows import one
from pipelines.store.sealing import fsync, sealable
from pipelines.store.tables import physical, superseded_columns
from schemas import vocabulary
from schemas.results import TABLES, Table

FILE = "indicators.duckdb"
REPAIR = "SET VARIABLE drukte_root = (SELECT parse_dirpath(path) || '/' FROM duckdb_databases() WHERE database_name = current_database());"


def publish(store: Store, at: datetime) -> Path:
    """Publish the current state; returns the path. ``at`` is shown as the moment of publication."""
    final, aside = store.published / FILE, store.published / f".{FILE}.new"
    for leftover in store.published.glob(f".{FILE}*"):
        leftover.unlink()
    con = store.con
    con.execute(f"ATTACH '{_quoted(str(aside))}' AS pub (STORAGE_VERSION 'v1.2.0')")
    try:
        _about(store, at)
        # Names inside views and macros are looked up where they are made: they must find the published tables.
        con.execute("USE pub")
        con.execute("BEGIN")
        for table in sorted(TABLES.values(), key=lambda t: t.name in VIEWS):  # those over the others last
            _table(store, table, at)
        con.execute("COMMIT")
        con.execute("CHECKPOINT pub")
    except BaseException:
        _quietly(con, "ROLLBACK")
        raise
    finally:
        con.execute("USE working")
        con.execute("DETACH pub")
    fsync(aside)
    aside.replace(final)
    fsync(store.published)
    con.execute("CHECKPOINT")
    return final


def _quietly(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        con.execute(sql)
    except duckdb.Error:
        return


def _about(store: Store, at: datetime) -> None:
    """What this file is, and the one line that repairs its views after the folder was moved."""
    from importlib.metadata import version

    rows = {
        "release": version("drukte"),
        "published_at": at.isoformat(),
        "last_run": (one(store.con.execute("SELECT run_id FROM runs ORDER BY as_of DESC, run_id DESC LIMIT 1")) or ("",))[0],
        "moved_folder": REPAIR,
        "clock": "all TIMESTAMPTZ are UTC; local_date and local_time are the municipality's clock",
        "persons": "situations are places and times; no row is about a person, none can be",
    }
    store.con.execute("DELETE FROM about WHERE list_contains(?, key)", [list(rows)])
    store.con.executemany("INSERT INTO about VALUES (?, ?)", list(rows.items()))


def _table(store: Store, table: Table, at: datetime) -> None:
    """One table of the contract: a plain table, or hot rows and a view over hot and sealed; with history and macro."""
    con = store.con
    if table.name in VIEWS:
        VIEWS[table.name](store, at)
    elif table.sealed_by:
        _view(store, table.name, table.columns, table.name)
    else:
        con.execute(f"CREATE TABLE pub.{table.name} AS SELECT {_list(table.columns)} FROM working.main.{table.name} ORDER BY ALL")
    _comments(con, table.name, table.columns, f"{table.nl} / {table.en}", is_view=bool(table.sealed_by) or table.name in VIEWS)
    if table.history:
        _history(store, table)


def _list(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _view(store: Store, name: str, columns: tuple[str, ...], physical_name: str) -> None:
    """Hot rows as table ``hot_<name>`` and a view that adds the sealed files, by path below a root that can be set."""
    con = store.con
    # In order, so that the same rows make the same file; a current row is told by its key, and sorting by that is quicker.
    order = _list(TABLES[name].key) if name in TABLES else "ALL"
    con.execute(f"CREATE TABLE pub.hot_{name} AS SELECT {_list(columns)} FROM working.main.{physical_name} ORDER BY {order}")
    _comments(con, f"hot_{name}", columns, f"recent rows of {name}; query the view {name}", is_view=False)
    files = [
        f
        for (f,) in con.execute(
            "SELECT file FROM working.main.manifest WHERE table_name = ? ORDER BY first_day", [physical_name]
        ).fetchall()
    ]
    sealed = ""
    if files:
        listed = ", ".join(f"'{f}'" for f in files)
        root = f"coalesce(getvariable('drukte_root'), '{_quoted(str(store.published))}/')"
        sealed = f""" UNION ALL BY NAME SELECT {_list(columns)} FROM read_parquet(
            list_transform([{listed}], lambda f: {root} || 'sealed/' || f))"""
    con.execute(f"CREATE VIEW pub.{name} AS SELECT {_list(columns)} FROM hot_{name}{sealed}")


def _history(store: Store, table: Table) -> None:
    """``<name>_history`` with every version and ``<name>_as_known(as_of)``: what a run stopped at that moment had published."""
    con, name, columns = store.con, table.name, _list(table.columns)
    old = f"{name}_superseded"
    if old in sealable():
        _view(store, old, tuple(superseded_columns(table)), old)
    else:
        con.execute(f"CREATE TABLE pub.{old} AS SELECT {_list(tuple(physical(old)))} FROM working.main.{old} ORDER BY ALL")
    con.execute(f"""CREATE VIEW pub.{name}_history AS SELECT {columns}, superseded_at FROM {old}
                    UNION ALL BY NAME SELECT {columns}, CAST(NULL AS TIMESTAMPTZ) AS superseded_at FROM {name}""")
    con.execute(f"""CREATE MACRO pub.{name}_as_known(as_of) AS TABLE SELECT {columns} FROM {name}_history
                    WHERE recorded_at <= as_of AND (superseded_at IS NULL OR superseded_at > as_of)""")
    con.execute(f"COMMENT ON MACRO TABLE pub.{name}_as_known IS 'rows of {name} as a run stopped at as_of had published them'")
    all_columns = (*table.columns, "superseded_at")
    _comments(con, f"{name}_history", all_columns, f"{table.nl}, alle versies / {table.en}, all versions", is_view=True)
    _comments(con, old, tuple(superseded_columns(table)), f"earlier versions of {name}", is_view=old in sealable())


def _data_quality(store: Store, at: datetime) -> None:
    """What came per source, place and local day, against the requirement: closed days as stored, open ones worked out when asked."""
    columns = TABLES["data_quality"].columns
    _view(store, "data_quality_closed", columns, "data_quality")
    _comments(store.con, "data_quality_closed", columns, "days that are over, of data_quality; query the view data_quality", is_view=True)
    store.con.execute(f"""
        CREATE VIEW pub.data_quality AS FROM data_quality_closed UNION ALL BY NAME
        SELECT o.* FROM ({measured.of_open_days(at)}) o ANTI JOIN (FROM data_quality_closed WHERE local_date > DATE '{(at - measured.OPEN).date()}') c
            USING (municipality, source, local_date)
    """)


def _situation_groups(store: Store, _at: datetime) -> None:
    """A view: one story per group; and the macro that tells it as it was known at an earlier moment."""
    con = store.con
    con.execute(f"CREATE VIEW pub.situation_groups AS {situation_groups.sql('situations')}")
    con.execute(f"""CREATE MACRO pub.situation_groups_as_known(as_of) AS TABLE
                    {situation_groups.sql("situations_as_known(as_of)")}""")
    con.execute("COMMENT ON MACRO TABLE pub.situation_groups_as_known IS 'stories as a run stopped at as_of had published them'")


VIEWS = {"data_quality": _data_quality, "situation_groups": _situation_groups}  # tables of the contract that are views


def _comments(con: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, ...], text: str, *, is_view: bool) -> None:
    kind = "VIEW" if is_view else "TABLE"
    statements = [f"COMMENT ON {kind} pub.{name} IS '{_quoted(text)}'"]
    words = vocabulary.columns()
    for column in columns:
        meaning = words[column]
        unit = f" [{meaning.unit}]" if meaning.unit not in ("-", "UTC") else ""
        statements.append(f"""COMMENT ON COLUMN pub.{name}."{column}" IS '{_quoted(meaning.nl + " / " + meaning.en + unit)}'""")
    con.execute(";\n".join(statements))


def _quoted(text: str) -> str:
    return text.replace("'", "''")
