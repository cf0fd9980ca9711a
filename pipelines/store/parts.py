"""Parts: hot rows that have come to rest, as Parquet files beside the sealed days, so that publishing does not write them again.

Hot rows are written into the published file anew each time, which costs as much as there are: of 1,000 places two days are
millions. Whole hours that no run touches any more go into a part of at least ``ROWS`` rows; few rows never do. A part is only a
copy for readers: the rows stay hot, and sealing a day seals them. It holds as long as its stretch has as many rows as it has, and
none of them was recorded since; else it is retired, with the grace period of sealed files.

A run notes in ``unpublished`` from which moment on it records, before it records anything. Who publishes without such a note (after a
restore, from a test) has every part made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.store.rows import one
from pipelines.store.sealing import make_durable, quoted, sealable, sha
from pipelines.store.tables import physical
from schemas.results import TABLES

ROWS = 30_000  # fewer are written into the published file sooner than they are listed
HOUR = timedelta(hours=1)
_HOUR_US = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVER = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Part:
    """Rows of a table in the hours [start, end): where they stand, and how many there are."""

    table: str
    start: datetime
    end: datetime
    file: str
    rows: int


@dataclass(frozen=True)
class _Hour:
    """An hour of a table: its number since 1970, its rows, and when the newest of them was recorded or superseded."""

    number: int
    rows: int
    touched: datetime


def note_run(con: duckdb.DuckDBPyConnection, at: datetime, *, everything: bool) -> None:
    """Say that a run records from now on: at ``at``, or (``everything``: a backfill) at any time. In a transaction, committed first."""
    con.execute(f"INSERT INTO unpublished VALUES ({quoted(_EVER if everything else at.isoformat())}::TIMESTAMPTZ)")


def published(con: duckdb.DuckDBPyConnection) -> None:
    """Forget the notes of runs: what they recorded stands in the publication that has just been put in place."""
    con.execute("DELETE FROM unpublished")


def bring_up(con: duckdb.DuckDBPyConnection, folder: Path, at: datetime) -> dict[str, list[Part]]:
    """Bring the parts up to date with the hot rows; table → its parts, in order. ``folder``: where sealed files stand.

    Files are complete on disk before the one transaction in which they are named and those before them retired.
    """
    held = _held(con)
    known = {name: [p for p in held if p.table == name] for name in sealable()}
    since = one(con.execute("SELECT min(recorded_from) FROM unpublished"))[0]
    found: dict[str, list[Part]] = {}
    for name in _large(con, known):
        hours = _hours(con, name)
        kept = [part for part in known[name] if since is not None and _holds(part, hours, since)]
        taken = {number for part in kept for number in range(_number(part.start), _number(part.end))}
        resting = [hour for hour in hours if hour.number not in taken and hour.touched < at]
        made = [_write(con, folder, name, *stretch) for stretch in _stretches(resting)]
        found[name] = sorted([*kept, *made], key=lambda part: part.start)
    _note(con, held, [part for parts in found.values() for part in parts])
    return {name: parts for name, parts in found.items() if parts}


def outside(parts: Iterable[Part], name: str) -> str:
    """SQL: whether a row of the hot table stands in none of its parts."""
    spans: list[tuple[datetime, datetime]] = []
    for part in parts:
        begin = spans.pop()[0] if spans and spans[-1][1] == part.start else part.start
        spans.append((begin, part.end))
    return " AND ".join(f"NOT ({_inside(name, start, end)})" for start, end in spans) or "true"


def _held(con: duckdb.DuckDBPyConnection) -> list[Part]:
    rows = con.execute("SELECT table_name, part_from, part_until, file, row_count FROM parts ORDER BY ALL").fetchall()
    return [Part(name, start.astimezone(UTC), end.astimezone(UTC), file, count) for name, start, end, file, count in rows]


def _large(con: duckdb.DuckDBPyConnection, known: dict[str, list[Part]]) -> list[str]:
    """The tables that have parts, or rows enough for one."""
    counts = con.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in sealable())).fetchall()
    return sorted(name for name, count in counts if known[name] or count >= ROWS)


def _column(name: str) -> str:
    by = TABLES[name.removesuffix("_superseded")].sealed_by
    assert by is not None, f"{name} is not sealed"
    return by


def _microseconds(name: str) -> str:
    """SQL of the moment of a row; of a day its midnight (UTC)."""
    return f"epoch_us(CAST({_column(name)} AS TIMESTAMP))" if _by_day(name) else f"epoch_us({_column(name)})"


def _hours(con: duckdb.DuckDBPyConnection, name: str) -> list[_Hour]:
    touched = "superseded_at" if name.endswith("_superseded") else "recorded_at"
    rows = con.execute(
        f"SELECT {_microseconds(name)} // {_HOUR_US} AS hour, count(*), max({touched}) FROM {name} GROUP BY hour ORDER BY hour"
    ).fetchall()
    return [_Hour(*row) for row in rows]


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // HOUR


def _holds(part: Part, hours: list[_Hour], since: datetime) -> bool:
    inside = [hour for hour in hours if _number(part.start) <= hour.number < _number(part.end)]
    return sum(hour.rows for hour in inside) == part.rows and all(hour.touched < since for hour in inside)


def _stretches(hours: list[_Hour]) -> Iterator[tuple[datetime, datetime, int]]:
    """(start, end, rows) of hours that follow each other inside a day, as few as make a part; too few stay where they are."""
    run: list[_Hour] = []
    for hour in hours:
        if run and (hour.number != run[-1].number + 1 or hour.number % 24 == 0):
            run = []
        run.append(hour)
        if sum(h.rows for h in run) >= ROWS:
            yield _EPOCH + run[0].number * HOUR, _EPOCH + (hour.number + 1) * HOUR, sum(h.rows for h in run)
            run = []


def _inside(name: str, start: datetime, end: datetime) -> str:
    if _by_day(name):  # its hours are one
        return f"{_column(name)} = DATE '{start.date()}'"
    return f"{since(name, start)} AND {before(name, end)}"


def since(name: str, start: date) -> str:
    """SQL: a row is of ``start`` or later."""
    return f"{_column(name)} >= {_literal(name, start)}"


def before(name: str, end: date) -> str:
    """SQL: a row is of before ``end``."""
    return f"{_column(name)} < {_literal(name, end)}"


def _literal(name: str, moment: date) -> str:
    if _by_day(name):
        return f"DATE '{moment:%Y-%m-%d}'"
    return f"TIMESTAMPTZ '{moment:%Y-%m-%d}T{moment:%H:%M}:00+00:00'"


def _by_day(name: str) -> bool:
    return physical(name)[_column(name)] == "DATE"


def _write(con: duckdb.DuckDBPyConnection, folder: Path, name: str, start: datetime, end: datetime, rows: int) -> Part:
    """Write the hot rows of [start, end). Raises :class:`OSError` when the file does not hold all of them."""
    target = folder / name
    target.mkdir(exist_ok=True)
    temporary = target / f".part-{start:%Y-%m-%dT%H}.tmp"
    table = TABLES.get(name)
    columns = ", ".join(f'"{c}"' for c in (table.columns if table else physical(name)))
    order = ", ".join(table.key) if table else "ALL"
    con.execute(f"""COPY (SELECT {columns} FROM {name} WHERE {_inside(name, start, end)} ORDER BY {order})
                    TO {quoted(temporary)} (FORMAT parquet, COMPRESSION zstd)""")
    written = one(con.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted(temporary)})"))[0]
    if written != rows:
        raise OSError(f"{temporary}: {written} rows written, {rows} expected. Check the disk; nothing was changed.")
    file = f"{name}/part-{start:%Y-%m-%dT%H}-{sha(temporary)[:12]}.parquet"
    make_durable(temporary, folder / file)
    return Part(name, start, end, file, rows)


def _note(con: duckdb.DuckDBPyConnection, before: list[Part], now: list[Part]) -> None:
    """What is named now, and what is retired: readers of the publication before may have it open."""
    if set(before) == set(now):
        return
    named = {part.file for part in now}
    con.execute("BEGIN")
    con.execute("DELETE FROM parts")
    if now:
        con.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", [[p.table, p.start, p.end, p.file, p.rows] for p in now])
        con.execute("DELETE FROM retired_files WHERE list_contains(?, file)", [sorted(named)])
    for part in before:
        if part.file not in named:
            con.execute("INSERT OR REPLACE INTO retired_files VALUES (?, NULL)", [part.file])
    con.execute("COMMIT")
