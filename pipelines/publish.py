"""Write ``published/indicators.duckdb`` aside and swap it in: newest rows, views over an explicit list of parts and sealed files.

The publication is derived and repeatable: a run killed before the swap is repaired by publishing again. Readers keep
the file they opened. It is written in a storage version that DuckDB 1.4 and 1.5 open too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines import views
from pipelines.purpose import bounds
from pipelines.quality import measured
from pipelines.store import Store, parts
from pipelines.store.rows import one
from pipelines.store.sealing import fsync, sealable
from pipelines.store.tables import physical, superseded_columns
from pipelines.upkeep import rights
from schemas import vocabulary
from schemas.results import TABLES, Table

FILE = "indicators.duckdb"
DAY = timedelta(days=1)
EACH_RUN = {
    "about",
    "alerts",
    "runs",
    "deliveries",
    "corrected",
    "refused_rows",
    "situations",
    "situations_superseded",
    "hot_indicator_values",
    "hot_observations",
}  # tables that change in nearly every run; of the others it is found out whether they did
REPAIR = "SET VARIABLE drukte_root = (SELECT parse_dirpath(path) || '/' FROM duckdb_databases() WHERE database_name = current_database());"


def publish(store: Store, at: datetime) -> Path:
    """Publish the current state; returns the path. ``at`` is shown as the moment of publication."""
    final, aside = store.published / FILE, store.published / f".{FILE}.new"
    for leftover in store.published.glob(f".{FILE}*"):
        leftover.unlink()
    _about(store, at)
    store.first_of_several = bounds.first_of_several(store.con)
    store.make_parts(at)
    published = [*_published(store, at)]
    rows = {name: select for table in published for name, select in table.rows.items()}
    still = {name: select for name, select in rows.items() if name not in EACH_RUN}
    _write_still(store.con, aside, [statement for table in published for statement in table.shape], still)
    with _attached(store.con, aside):
        store.con.execute("BEGIN")
        for name in EACH_RUN:
            store.con.execute(f"INSERT INTO pub.{name} {rows[name]}")
        store.con.execute("COMMIT")
        store.con.execute("CHECKPOINT pub")
    rights.readable(aside)
    fsync(aside)
    aside.replace(final)
    fsync(store.published)
    parts.published(store.con)
    store.drop_retired(at)
    store.con.execute("CHECKPOINT")
    return final


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """The file as ``pub``, and the one that names are looked up in."""
    con.execute(f"ATTACH '{_quoted(str(path))}' AS pub (STORAGE_VERSION 'v1.2.0')")
    try:
        # Names inside views and macros are looked up where they are made: they must find the published tables.
        con.execute("USE pub")
        yield
    except BaseException:
        _quietly(con, "ROLLBACK")
        raise
    finally:
        con.execute("USE working")
        con.execute("DETACH pub")


def _write_still(con: duckdb.DuckDBPyConnection, path: Path, shape: list[str], rows: dict[str, str]) -> None:
    """Write a publication with only the rows (table → SELECT) that hardly ever change, kept as bytes until one does.

    Nothing of it changes from tick to tick until a day is sealed: making 400 comments anew was half of all publishing.
    """
    text = ";\n".join(shape)
    counted = " UNION ALL ".join(
        f"SELECT '{name}', count(*), sum(hash(r)::HUGEINT) FROM ({select.partition(' ORDER BY ')[0]}) r"
        for name, select in rows.items()
    )
    mark = str(con.execute(counted).fetchall())
    if (text, mark) not in _KEPT:
        _keep(con, path, (text, ""), [text])
    _keep(con, path, (text, mark), [f"INSERT INTO pub.{name} {select}" for name, select in rows.items()])


def _keep(con: duckdb.DuckDBPyConnection, path: Path, key: tuple[str, str], statements: list[str]) -> None:
    """Write the kept publication of a key; where there is none, that at ``path`` after these statements, and keep it."""
    if key in _KEPT:
        path.write_bytes(_KEPT[key])
        return
    with _attached(con, path):
        con.execute("BEGIN")
        for statement in statements:
            con.execute(statement)
        con.execute("COMMIT")
        con.execute("CHECKPOINT pub")
    while len(_KEPT) >= _MOST:
        del _KEPT[next(iter(_KEPT))]
    _KEPT[key] = path.read_bytes()


_KEPT: dict[tuple[str, str], bytes] = {}
_MOST = 4


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


@dataclass
class _Published:
    """A table of the publication: the statements that make it, empty, and what fills it."""

    shape: list[str]
    rows: dict[str, str] = field(default_factory=dict)  # name of a table → SELECT

    def __iadd__(self, other: _Published) -> _Published:
        self.shape += other.shape
        self.rows |= other.rows
        return self


def _published(store: Store, at: datetime) -> Iterator[_Published]:
    """Every table of the contract; those over the others come last."""
    for table in sorted(TABLES.values(), key=lambda t: t.name in VIEWS):
        yield _table(store, table, at)
    yield _Published(views.statements("pub"))


def _table(store: Store, table: Table, at: datetime) -> _Published:
    """One table of the contract: a plain table, or hot rows and a view over hot and sealed; with history and macro."""
    if table.name in VIEWS:
        made = VIEWS[table.name](store, at)
    elif table.sealed_by:
        made = _view(store, table.name, table.columns, table.name)
    else:
        made = _plain(
            table.name, {c: table.type_of(c) for c in table.columns}, table.name, where=_bound(store, table.name, "true")
        )
    made.shape += _comments(
        table.name, table.columns, f"{table.nl} / {table.en}", is_view=bool(table.sealed_by) or table.name in VIEWS
    )
    if table.history:
        made += _history(store, table)
    return made


def _plain(name: str, columns: dict[str, str], physical_name: str, order: str = "ALL", where: str = "true") -> _Published:
    """A table with rows of a physical one, in order, so that the same rows make the same file."""
    typed = ", ".join(f'"{c}" {kind}' for c, kind in columns.items())
    rows = f"SELECT {_list(tuple(columns))} FROM working.main.{physical_name} WHERE {where} ORDER BY {order}"
    return _Published([f"CREATE TABLE pub.{name} ({typed})"], {name: rows})


def _bound(store: Store, physical_name: str, where: str) -> str:
    """The same condition, and that a row belongs to the purpose of this file (rule 23)."""
    holds = bounds.of_the_main_file(store.first_of_several, physical_name.removesuffix("_superseded"))
    return " AND ".join(part for part in (where, holds) if part)


def _list(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _view(store: Store, name: str, columns: tuple[str, ...], physical_name: str) -> _Published:
    """The newest rows as table ``hot_<name>`` and a view that adds parts and sealed files, by path below a root that can be set."""
    # A current row is told by its key, and sorting by that is quicker.
    order = _list(TABLES[name].key) if name in TABLES else "ALL"
    made_of, parted = {c: physical(physical_name)[c] for c in columns}, store.parts.get(physical_name, [])
    made = _plain(
        f"hot_{name}", made_of, physical_name, order, _bound(store, physical_name, parts.outside(parted, physical_name))
    )
    made.shape += _comments(f"hot_{name}", columns, f"newest rows of {name}; query the view {name}", is_view=False)
    sealed = store.manifest().get(physical_name, ())
    # Who asks for recent rows only need not open any sealed file: that they are all older is known without.
    older = parts.before(physical_name, max(last for _, last, _ in sealed) + DAY) if sealed else ""
    files = _files(store, columns, [file for _, _, file in sealed], _bound(store, physical_name, older))
    newer = parts.since(physical_name, parted[0].start) if parted else ""
    files += _files(store, columns, [part.file for part in parted], _bound(store, physical_name, newer))
    made.shape.append(f"CREATE VIEW pub.{name} AS SELECT {_list(columns)} FROM hot_{name}{files}")
    return made


def _files(store: Store, columns: tuple[str, ...], files: list[str], where: str) -> str:
    """UNION ALL with the rows of Parquet files, which all hold for ``where``; empty without files."""
    if not files:
        return ""
    listed = ", ".join(f"'{f}'" for f in files)
    root = f"coalesce(getvariable('drukte_root'), '{_quoted(str(store.published))}/')"
    return f""" UNION ALL BY NAME SELECT {_list(columns)} FROM read_parquet(
            list_transform([{listed}], lambda f: {root} || 'sealed/' || f)) WHERE {where}"""


def _history(store: Store, table: Table) -> _Published:
    """Earlier versions, and what :func:`pipelines.views.history` makes of them."""
    old = f"{table.name}_superseded"
    made = _view(store, old, tuple(superseded_columns(table)), old) if old in sealable() else _plain(old, physical(old), old)
    made.shape += views.history("pub", table)
    all_columns = (*table.columns, "superseded_at")
    said = f"{table.nl}, alle versies / {table.en}, all versions"
    made.shape += _comments(f"{table.name}_history", all_columns, said, is_view=True)
    made.shape += _comments(old, tuple(superseded_columns(table)), f"earlier versions of {table.name}", is_view=old in sealable())
    return made


def _data_quality(store: Store, at: datetime) -> _Published:
    """What came per source, place and local day, against the requirement: closed days as stored, open ones worked out when asked."""
    columns, today = TABLES["data_quality"].columns, at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    made = _view(store, "data_quality_closed", columns, "data_quality")
    made.shape += _comments(
        "data_quality_closed", columns, "days that are over, of data_quality; query the view data_quality", is_view=True
    )
    made.shape.append(f"""
        CREATE VIEW pub.data_quality AS FROM data_quality_closed UNION ALL BY NAME
        SELECT o.* FROM ({measured.of_open_days(today)}) o
        ANTI JOIN (FROM data_quality_closed WHERE local_date > DATE '{(today - measured.OPEN).date()}') c USING (municipality, source, local_date)
    """)
    return made


def _situation_groups(_store: Store, _at: datetime) -> _Published:
    return _Published(views.groups("pub"))


VIEWS = {"data_quality": _data_quality, "situation_groups": _situation_groups}  # tables of the contract that are views


def _comments(name: str, columns: tuple[str, ...], text: str, *, is_view: bool) -> list[str]:
    kind = "VIEW" if is_view else "TABLE"
    statements = [f"COMMENT ON {kind} pub.{name} IS '{_quoted(text)}'"]
    words = vocabulary.columns()
    for column in columns:
        meaning = words[column]
        unit = f" [{meaning.unit}]" if meaning.unit not in ("-", "UTC") else ""
        statements.append(f"""COMMENT ON COLUMN pub.{name}."{column}" IS '{_quoted(meaning.nl + " / " + meaning.en + unit)}'""")
    return statements


def _quoted(text: str) -> str:
    return text.replace("'", "''")
