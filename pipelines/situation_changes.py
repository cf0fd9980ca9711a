"""What becomes of a situation in a run, and how it is written: the last row current, all before it to history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from indicators.situations import UNOBSERVED
from schemas.results import TABLES

Row = dict[str, Any]

TABLE = TABLES["situations"]
ARROW = {
    "VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "DOUBLE": pa.float64(), "INTEGER": pa.int32(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}  # fmt: skip


@dataclass
class Change:
    """What becomes of one situation: ``old`` (the row in the table, if any) gives way to ``new`` (none: dissolved).

    The last of ``new`` is the current row, those before it go to history with ``old``.
    """

    old: Row | None
    new: list[Row]

    @property
    def kind(self) -> str:
        """pending, opened, level, unobserved, updated, closed or dissolved."""
        if not self.new:
            return "dissolved"
        before, now = self.old, self.new[-1]
        if before is not None and before["state"] == now["state"]:
            if before["level"] != now["level"]:
                return "level"
            return "unobserved" if UNOBSERVED in now["reasons"] and UNOBSERVED not in before["reasons"] else "updated"
        return {"pending": "pending", "open": "opened", "closed": "closed"}[now["state"]]


def write(con: duckdb.DuckDBPyConnection, changes: list[Change], at: datetime) -> None:
    """Old rows and all new ones but the last to history, the last into the table."""
    past: list[Row] = []
    for change in changes:
        chain = [row for row in (change.old, *change.new) if row is not None]
        ends = [row["recorded_at"] for row in chain[1:]] + ([] if change.new else [at])
        past += [{**row, "superseded_at": moment} for row, moment in zip(chain, ends, strict=False)]
    _insert(con, "situations_superseded", past, (*TABLE.columns, "superseded_at"))
    gone = [c.old["situation_id"] for c in changes if c.old is not None]
    if gone:
        con.execute("DELETE FROM situations WHERE situation_id IN (SELECT unnest(?))", [gone])
    _insert(con, "situations", [c.new[-1] for c in changes if c.new], TABLE.columns)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[Row], columns: Iterable[str]) -> None:
    if not rows:
        return
    schema = pa.schema([(c, ARROW[TABLE.type_of(c)]) for c in columns])
    con.register("situation_rows", pa.Table.from_pylist(rows, schema))
    con.execute(f"INSERT INTO {table} BY NAME FROM situation_rows")
    con.unregister("situation_rows")
