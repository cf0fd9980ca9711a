"""What an analyst asks of three years of 1,000 zones (105 million values), beside the same questions to one month of them."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.pairs import Pair, in_words, measure, seconds
from pipelines.publish import FILE, publish
from pipelines.published import connect
from pipelines.store import Store, sealing

NOON = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)  # a Wednesday
MIDNIGHT = NOON.replace(hour=0)
LAST_HOURS = f"""SELECT place, interval_start, value, level, status FROM indicator_values
    WHERE indicator = 'density' AND interval_start >= TIMESTAMPTZ '{NOON - timedelta(hours=4)}'"""
YEAR = f"""SELECT interval_start, value, level, status FROM indicator_values
    WHERE indicator = 'density' AND place = 'zone-0001' AND interval_start >= TIMESTAMPTZ '{NOON - timedelta(days=365)}'"""


def volume(*, zones: int = 1000, months: int = 36, rounds: int = 7) -> list[Pair]:
    """The last four hours of all zones, and a year of one zone, in a publication of ``months`` months and in one of a single month."""
    with tempfile.TemporaryDirectory() as folder:
        files = {count: _publication(Path(folder) / str(count), zones, count) for count in (1, months)}
        few, many = (connect(file) for file in files.values())
        try:
            opened = seconds(lambda: connect(files[months]).close())
            note = (
                f"{zones:,} zones, one indicator, 15 min; hot days and sealed months as a publication holds them. The file is open:"
                f" opening it took {in_words(opened)}."
            )
            return [
                _pair(what, sql, wanted, (few, many), note, rounds)
                for what, sql, wanted in (("the last 4 hours", LAST_HOURS, 16 * zones), ("a year of one zone", YEAR, None))
            ]
        finally:
            few.close()
            many.close()


def _pair(
    what: str,
    sql: str,
    wanted: int | None,
    sides: tuple[duckdb.DuckDBPyConnection, duckdb.DuckDBPyConnection],
    note: str,
    rounds: int,
) -> Pair:
    few, many = sides
    told = f"{note} Answered with {_rows(many, sql):,} rows, as an Arrow table."
    return measure(
        what, f"{_count(few):,} values", lambda: _ask(few, sql, None), f"{_count(many):,} values", lambda: _ask(many, sql, wanted),
        unit="query", rounds=rounds, note=told,
    )  # fmt: skip


def _ask(con: duckdb.DuckDBPyConnection, sql: str, wanted: int | None) -> float:
    found: list[int] = []
    taken = seconds(lambda: found.append(con.sql(sql).to_arrow_table().num_rows))
    if not found[0] or found[0] != (wanted or found[0]):
        raise AssertionError(f"{found[0]} rows, {wanted} wanted")
    return taken


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return int(con.sql(sql).to_arrow_table().num_rows)


def _count(con: duckdb.DuckDBPyConnection) -> int:
    return int(con.execute("SELECT count(*) FROM indicator_values").fetchall()[0][0])


def _publication(workspace: Path, zones: int, months: int) -> Path:
    """A published file with ``months`` sealed months before the two hot days, written as sealing writes them."""
    with Store(workspace) as store:
        con, hot = store.con, MIDNIGHT - timedelta(days=1)
        until = hot
        for _ in range(months):
            start = until - timedelta(days=30.4375)
            start = start.replace(hour=0, minute=0, second=0, microsecond=0)
            first, last = start.date(), (until - timedelta(days=1)).date()
            file, rows = sealing.write_file(con, store.sealed, "indicator_values", _values(zones, start, until), first, last)
            con.execute("INSERT INTO manifest VALUES ('indicator_values', ?, ?, ?, ?)", [first, last, file, rows])
            until = start
        con.execute(f"INSERT INTO indicator_values BY NAME {_values(zones, hot, NOON)}")
        publish(store, NOON)
    return workspace / "published" / FILE


def _values(zones: int, start: datetime, end: datetime) -> str:
    """SELECT of the stored columns of densities in [start, end): a day's rise and fall with some noise."""
    return f"""
        SELECT 'bench' AS municipality, 'density' AS indicator, printf('zone-%04d', z) AS place, 'zone' AS place_kind, 'zones' AS source,
               t AS interval_start, t + INTERVAL 15 MINUTES AS interval_end, CAST(local AS DATE) AS local_date, CAST(local AS TIME) AS local_time,
               round((z % 40) / 25 * sin(pi() * (hour(local) + minute(local) / 60) / 24) ** 2 + hash(z, t) % 100 / 500, 2) AS value,
               value AS value_low, value AS value_high, 'p/m²' AS unit, CASE WHEN value >= 1.1 THEN 'elevated' ELSE 'normal' END AS level,
               'ok' AS status, NULL::VARCHAR AS reason, 1.0 AS coverage, 1.0 AS confidence, 'card' AS threshold_source,
               'none' AS definition_hash, 'none' AS config_hash, 'bench' AS run_id, t + INTERVAL 20 MINUTES AS recorded_at, 0 AS judged
        FROM (SELECT z, t, timezone('Europe/Amsterdam', t) AS local FROM range({zones}) a(z),
              range(TIMESTAMPTZ '{start.isoformat()}', TIMESTAMPTZ '{end.isoformat()}', INTERVAL 15 MINUTES) s(t))"""
