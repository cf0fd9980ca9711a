"""What retention will remove and when, for ``drukte status``: read from the published file, a month ahead."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb

from pipelines.upkeep.retention import RULES

AHEAD = timedelta(days=31)
SHOWN = {"counts": "observations", "indicators": "indicator_values", "situations": "situations", "deliveries": "deliveries"}
_AGES = {"situations": ("coalesce(ended_at, observed_until, started_at)", None)}

# Rows of a table that go within AHEAD, per limit; files of later days are not opened.
_GOING = """
WITH told AS (
    SELECT r.municipality, r.data_class, r.purpose, r.retention_days, r.kept_from, count(t.day) AS rows_going, min(t.day) AS oldest,
           list(DISTINCT r.subject ORDER BY r.subject) AS subjects
    FROM retention r LEFT JOIN (
        SELECT municipality, {subject} AS subject, CAST({age} AS DATE) AS day FROM {table}
        WHERE {age} < $until AND municipality IN (SELECT unnest($who))
    ) t ON t.municipality = r.municipality AND t.day < r.kept_from + INTERVAL {days} DAY AND (r.subject = '*' OR t.subject = r.subject)
    WHERE r.data_class = '{data_class}' AND r.municipality IN (SELECT unnest($who)) AND {which}
    GROUP BY r.municipality, r.data_class, r.purpose, r.retention_days, r.kept_from)
SELECT *, oldest + CAST(retention_days + 1 AS INTEGER) AS goes_on FROM told ORDER BY ALL
"""


def collect(con: duckdb.DuckDBPyConnection, who: list[str]) -> list[dict[str, Any]]:
    """Per municipality, class and limit: the purpose that decides, from which day on there are rows, and what goes in a month."""
    found: list[dict[str, Any]] = []
    for data_class, table in SHOWN.items():
        (newest,) = con.execute("SELECT max(kept_from) FROM retention WHERE data_class = ?", [data_class]).fetchall()[0]
        if newest is None:
            continue
        found += _of_class(con, who, data_class, table, newest)
    return sorted(found, key=lambda row: (row["municipality"], list(SHOWN).index(row["data_class"]), row["kept_from"]))


def _of_class(con: duckdb.DuckDBPyConnection, who: list[str], data_class: str, table: str, newest: date) -> list[dict[str, Any]]:
    rule = RULES.get(table)
    age, subject = (rule.age, rule.subject) if rule else _AGES[table]
    # Of a class that is told apart the line for all others says nothing that the lines before it do not.
    which = "r.subject <> '*'" if subject else "r.subject = '*'"
    sql = _GOING.format(data_class=data_class, subject=subject or "NULL", age=age, table=table, days=AHEAD.days, which=which)
    done = con.execute(sql, {"who": who, "until": newest + AHEAD})
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]
