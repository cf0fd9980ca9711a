"""Bring current rows to a new state without touching those that are equal: the one way tables with history change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.store.rows import one
from pipelines.store.sealing import sealable
from schemas.results import TABLES, Table

if TYPE_CHECKING:
    from pipelines.store import Store


@dataclass(frozen=True)
class Changes:
    """How many current rows came, changed and went."""

    inserted: int
    changed: int
    removed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.inserted + self.changed + self.removed


def replace(
    store: Store,
    name: str,
    new: str,
    scope: str,
    recorded_at: str,
    gone_at: str,
    revised_at: str | None = None,
) -> Changes:
    """Make the current rows of table ``name`` inside ``scope`` equal to relation ``new``. Inside a transaction.

    ``new`` has the stored columns but ``recorded_at``; ``scope`` is a relation of current rows (stored columns) that
    the new rows replace. ``recorded_at`` and ``gone_at`` are SQL expressions over a new (``n``) and over an old row (``o``);
    ``revised_at``, over both, is for a row that replaces another, where that differs from ``recorded_at``. Rows
    equal in all content columns keep their old self; others are superseded. After it the temporary table
    ``changed_<name>`` holds the keys that came, changed or went. Sealed days become hot before they change.
    """
    con, table = store.con, TABLES[name]
    con.execute(f"CREATE OR REPLACE TEMP TABLE outgoing AS {scope}")
    _difference(store, table, new)
    kinds = dict(con.execute(f"SELECT how, count(*) FROM changed_{name} GROUP BY how").fetchall())
    result = Changes(kinds.get("new", 0), kinds.get("changed", 0), kinds.get("gone", 0))
    if not result.total:
        return result
    _open_days(store, table)
    _write(store, table, recorded_at, revised_at or recorded_at, gone_at)
    return result


def _open_days(store: Store, table: Table) -> None:
    """Make the days of ``changed_<name>`` hot."""
    day = sealable().get(table.name)
    if day:
        names = [table.name, f"{table.name}_superseded"] if table.history else [table.name]
        store.make_hot(names, f"SELECT DISTINCT {day} FROM changed_{table.name}")


def insert(store: Store, table: Table, new: str, recorded_at: str) -> int:
    """Write rows where none stand, of days that are hot; returns how many. ``recorded_at``: SQL over a row ``n``."""
    written = [c for c in table.stored if c != "recorded_at"]
    columns = ", ".join(f"n.{c}" for c in written)
    rows = f"SELECT {columns}, {recorded_at} FROM ({new}) n"
    return int(one(store.con.execute(f"INSERT INTO {table.name} ({', '.join(written)}, recorded_at) {rows}"))[0])


def _same(columns: tuple[str, ...]) -> str:
    return " AND ".join(f"o.{c} IS NOT DISTINCT FROM n.{c}" for c in columns)


def _difference(store: Store, table: Table, new: str) -> None:
    """Temporary tables beside ``outgoing`` (current rows): ``incoming`` (new rows) and the keys that differ."""
    con, name = store.con, table.name
    content = tuple(c for c in (*table.content, *table.internal) if c not in table.key)
    keys = ", ".join(table.key)
    con.execute(f"CREATE OR REPLACE TEMP TABLE incoming AS {new}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE changed_{name} AS
        SELECT {keys}, 'new' AS how FROM incoming n ANTI JOIN outgoing o USING ({keys})
        UNION ALL SELECT {keys}, 'gone' FROM outgoing o ANTI JOIN incoming n USING ({keys})
        UNION ALL SELECT {", ".join(f"n.{k}" for k in table.key)}, 'changed' FROM incoming n JOIN outgoing o USING ({keys})
            WHERE NOT ({_same(content)})
    """)


def _write(store: Store, table: Table, recorded_at: str, revised_at: str, gone_at: str) -> None:
    con, name, keys = store.con, table.name, ", ".join(table.key)
    if table.history:
        columns = ", ".join(table.columns)
        con.execute(f"""
            INSERT INTO {name}_superseded ({columns}, superseded_at)
            SELECT {", ".join(f"o.{c}" for c in table.columns)}, {revised_at}
            FROM outgoing o JOIN changed_{name} c USING ({keys}) JOIN incoming n USING ({keys}) WHERE how = 'changed'
            UNION ALL
            SELECT {", ".join(f"o.{c}" for c in table.columns)}, {gone_at}
            FROM outgoing o JOIN changed_{name} c USING ({keys}) WHERE how = 'gone'
        """)
    matches = " AND ".join(f"t.{k} = c.{k}" for k in table.key)
    con.execute(f"DELETE FROM {name} t USING changed_{name} c WHERE how <> 'new' AND {matches}")
    written = [c for c in table.stored if c != "recorded_at"]
    con.execute(f"""
        INSERT INTO {name} ({", ".join(written)}, recorded_at)
        SELECT {", ".join(f"n.{c}" for c in written)}, CASE WHEN how = 'new' THEN {recorded_at} ELSE {revised_at} END
        FROM incoming n JOIN changed_{name} c USING ({keys}) LEFT JOIN outgoing o USING ({keys}) WHERE how <> 'gone'
    """)
