"""Table ``thresholds`` keeps what was in force: a change ends the rows of before at the moment from which it holds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from pipelines.store import Store
from schemas.results import TABLES

_TABLE = TABLES["thresholds"]
_COLUMNS = ", ".join(f'"{c}"' for c in _TABLE.columns)
_CASTS = ", ".join(f'CAST("{c}" AS {_TABLE.type_of(c)}) AS "{c}"' for c in _TABLE.columns)
_MAY_DIFFER = ("effective_from", "effective_to", "file", "line")  # a threshold that only moved to another line is the same
_SAME = " AND ".join(f'n."{c}" IS NOT DISTINCT FROM o."{c}"' for c in _TABLE.columns if c not in _MAY_DIFFER)


def write(store: Store, slug: str, rows: list[dict[str, Any]], since: datetime | None) -> None:
    """Make ``rows`` what holds from ``since`` on; the rows of before end there. None, or nothing there: they hold as they say."""
    con = store.con
    con.execute(f"CREATE OR REPLACE TEMP TABLE new_thresholds AS SELECT {_COLUMNS} FROM thresholds LIMIT 0")
    if rows:
        con.register("threshold_rows", pa.Table.from_pylist([{c: row.get(c) for c in _TABLE.columns} for row in rows]))
        con.execute(f"INSERT INTO new_thresholds SELECT {_CASTS} FROM threshold_rows")
        con.unregister("threshold_rows")
    if since is not None and con.execute("SELECT 1 FROM thresholds WHERE municipality = ? LIMIT 1", [slug]).fetchall():
        _end(store, slug, since)
    else:
        con.execute("DELETE FROM thresholds WHERE municipality = ?", [slug])
    con.execute(f"INSERT INTO thresholds ({_COLUMNS}) SELECT {_COLUMNS} FROM new_thresholds")


def _end(store: Store, slug: str, since: datetime) -> None:
    """End what stands at ``since``; what goes on unchanged is one row, from its own beginning."""
    con, mine = store.con, {"slug": slug, "since": since}
    con.execute("DELETE FROM thresholds WHERE municipality = $slug AND effective_from >= $since", mine)
    con.execute(
        """UPDATE thresholds SET effective_to = $since
           WHERE municipality = $slug AND (effective_to IS NULL OR effective_to > $since)""", mine
    )  # fmt: skip
    con.execute("DELETE FROM new_thresholds WHERE effective_to <= $since", {"since": since})
    con.execute("UPDATE new_thresholds SET effective_from = greatest(effective_from, $since)", {"since": since})
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE unchanged AS
        SELECT o.rowid AS old, n.rowid AS new, o.effective_from AS begun FROM thresholds o JOIN new_thresholds n ON {_SAME}
        WHERE o.municipality = $slug AND o.effective_to = $since AND n.effective_from = $since
    """, mine)  # fmt: skip
    con.execute("UPDATE new_thresholds n SET effective_from = u.begun FROM unchanged u WHERE n.rowid = u.new")
    con.execute("DELETE FROM thresholds WHERE rowid IN (SELECT old FROM unchanged)")
