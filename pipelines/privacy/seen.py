"""What an outsider sees: every version of every published count of persons, as an unknown with the bounds that are stated.

``seen``: one row a version of a cell. A number that is known has ``lo = hi``; one that is withheld lies between 1 (or 0, where a DPIA
withholds zero) and its stated bound; one that is missing may be anything. ``small``: withheld for being under k, so that every
value 1…k−1 must remain possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines import sql
from pipelines.faults import UsageError
from pipelines.store.rows import one
from schemas import vocabulary

NONE = "CAST(NULL AS TIMESTAMPTZ)"
_KEY = "dataset, source, place, interval_start, interval_end, measure"


def person_measures() -> tuple[str, ...]:
    """The measures that count persons, of all datasets."""
    return tuple(name for name, word in vocabulary.columns().items() if word.counts == "person")


def collect(
    con: duckdb.DuckDBPyConnection, files: Sequence[Path], municipality: str, *, k: int, zero_hidden: bool, scaled: Sequence[str] = (),
    span: tuple[datetime, datetime] | None = None,
) -> int:  # fmt: skip
    """Make ``cells`` and ``seen`` of all published ``files`` together; returns how many versions are withheld.

    The same cell in two files is one unknown: what one file hides and another shows is known. ``scaled``: sources whose counts were
    scaled up, so that their bounds may be wider than k−1.
    """
    for number, file in enumerate(files):
        con.execute(f"SET VARIABLE drukte_root = {sql.literal(str(file.parent) + '/')}")  # sealed days stand beside their file
        made = "CREATE OR REPLACE TEMP TABLE raw AS" if number == 0 else "INSERT INTO raw"
        con.execute(f"{made} {_rows(number, municipality, span)}")
    return versions(con, k=k, zero_hidden=zero_hidden, scaled=scaled)


def versions(con: duckdb.DuckDBPyConnection, *, k: int, zero_hidden: bool, scaled: Sequence[str] = ()) -> int:
    """Make ``cells`` and ``seen`` of ``raw``: the observation key, status, value, value_low, value_high, since, until."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE cells AS
        SELECT row_number() OVER (ORDER BY {_KEY}) AS cell, {_KEY}, date_trunc('hour', interval_start) AS hour FROM raw GROUP BY {_KEY}""")
    least = 0 if zero_hidden else 1
    small = f"status = 'suppressed' AND value_low = 0 AND (value_high <= {k - 1} OR source IN ({sql.names(scaled)}))"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE seen AS
        SELECT row_number() OVER (ORDER BY cell, since) AS version, * EXCLUDE (files), hi IS NOT NULL AND lo = hi AS known
        FROM (SELECT cell, since, until, bool_or({small}) AS small, bool_or(status = 'suppressed') AS withheld,
                     max(CASE status WHEN 'ok' THEN value WHEN 'suppressed' THEN greatest(coalesce(value_low, {least}), {least}) ELSE 0 END) AS lo,
                     min(CASE status WHEN 'ok' THEN value WHEN 'suppressed' THEN value_high END) AS hi, count(*) AS files
              FROM raw JOIN cells USING ({_KEY}) GROUP BY cell, since, until)""")
    return int(one(con.execute("SELECT count(*) FROM seen WHERE withheld"))[0])


# What is read of a publication beside the observations' own columns: table → columns that not every release had.
_READ = {
    "observations_history": (*_KEY.split(", "), "status", "value", "value_low", "value_high", "recorded_at", "superseded_at"),
    "held_changes": ("released_at",), "places": ("place_kind", "from_zone", "to_zone", "perimeter"),
    "indicator_values_history": ("level", "value_low", "superseded_at"), "effective_settings": ("config_hash", "settings"),
}  # fmt: skip


def attach(con: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Attach the published files read-only, as ``p0``, ``p1`` … Raises :class:`UsageError` for one of a release without what is read."""
    for number, file in enumerate(files):
        con.execute(f"ATTACH {sql.literal(str(file))} AS p{number} (READ_ONLY)")
        there = con.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = ?", [f"p{number}"]
        ).fetchall()
        lacking = [f"{table}.{column}" for table, columns in _READ.items() for column in columns if (table, column) not in there]
        if lacking:
            what = f"{file}: has no {', '.join(lacking)}: it was published by another release of drukte"
            raise UsageError(
                f"{what}. Publish it again with this one (`drukte run`), or audit it with the release in its table `about`."
            )


def _rows(number: int, municipality: str, span: tuple[datetime, datetime] | None) -> str:
    """SQL: the versions in one file, and the late changes that wait outside a frozen period: they are published too."""
    where = f"municipality = {sql.literal(municipality)} AND measure IN ({sql.names(person_measures())})"
    if span:
        where += (
            f" AND interval_start >= TIMESTAMPTZ '{span[0].isoformat()}' AND interval_start < TIMESTAMPTZ '{span[1].isoformat()}'"
        )
    numbers = ", ".join(f"CAST({c} AS DOUBLE) AS {c}" for c in ("value", "value_low", "value_high"))
    columns = f"{_KEY}, status, {numbers}, recorded_at AS since"
    return f"""SELECT {columns}, superseded_at AS until FROM p{number}.observations_history WHERE {where}
               UNION ALL SELECT {columns}, released_at AS until FROM p{number}.held_changes WHERE {where}"""
