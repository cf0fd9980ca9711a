"""Numbers withheld because of what stands beside them (decision 0030): the true ones, known to the house only.

``observations`` holds a range where a number would give a small group away, so that nothing worked out from it knows more. The number
itself (or the narrower range of a small group) stands in the private table ``kept_apart``: by it an equal delivery is told from a
revision, and a level is found that must not be lost.
"""

from __future__ import annotations

import duckdb

from schemas.results import TABLES

KEY = TABLES["observations"].key
_KEYS = ", ".join(KEY)
_SAME = " AND ".join(f"o.{k} = k.{k}" for k in KEY)


def any_there(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether any number is kept apart."""
    return bool(con.execute("SELECT 1 FROM kept_apart LIMIT 1").fetchall())


def as_delivered(con: duckdb.DuckDBPyConnection, relation: str) -> str:
    """SQL, in parentheses, of rows of ``observations`` as they were delivered: with what is kept apart in its place."""
    if not any_there(con):
        return relation
    return f"""(SELECT o.* REPLACE (coalesce(k.value, o.value) AS value, CASE WHEN k.value IS NULL THEN o.status ELSE 'ok' END AS status,
                    CASE WHEN k.place IS NULL THEN withheld_high ELSE was_high END AS withheld_high, k.value IS NULL AND o.withheld AS withheld)
                FROM {relation} o LEFT JOIN (SELECT {_KEYS}, value, was_high FROM kept_apart) k ON {_SAME})"""


def hide(con: duckdb.DuckDBPyConnection, picked: str) -> None:
    """Publish ranges in place of hot rows that nobody has seen: ``picked`` (key, low, high). Inside a transaction."""
    con.execute(f"DELETE FROM kept_apart k USING {picked} o WHERE {_SAME}")
    con.execute(f"""INSERT INTO kept_apart SELECT {_KEYS}, o.value, o.withheld_high, low, high FROM observations o
                    JOIN {picked} USING ({_KEYS}) WHERE o.status IN ('ok', 'suppressed')""")
    again(con)


def again(con: duckdb.DuckDBPyConnection, renewed: str | None = None) -> None:
    """Withhold what is kept apart where it was written as delivered; what was ``renewed`` (a relation of keys) is let go of."""
    if not any_there(con):
        return
    if renewed:
        con.execute(f"DELETE FROM kept_apart k USING {renewed} o WHERE {_SAME}")
    con.execute(f"""
        UPDATE observations o SET value = NULL, value_low = k.low, value_high = k.high, status = 'suppressed', withheld = true,
            withheld_high = k.high
        FROM kept_apart k WHERE {_SAME} AND o.status IN ('ok', 'suppressed') AND o.value IS NOT DISTINCT FROM k.value
            AND o.withheld_high IS NOT DISTINCT FROM k.was_high""")


def show(con: duckdb.DuckDBPyConnection) -> None:
    """Put everything back into the hot rows as it was delivered: only for a transaction that is undone."""
    con.execute(f"""
        UPDATE observations o SET value = k.value, value_low = coalesce(k.value, 0), value_high = coalesce(k.value, k.was_high),
            status = CASE WHEN k.value IS NULL THEN 'suppressed' ELSE 'ok' END, withheld = k.value IS NULL, withheld_high = k.was_high
        FROM kept_apart k WHERE {_SAME}""")
