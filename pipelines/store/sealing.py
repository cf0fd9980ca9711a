"""Sealed days: Parquet files under ``published/sealed``, and the manifest that says which file holds which days.

The order makes a kill harmless: a file is complete on disk before its manifest row and the deletion of the hot rows
are committed together. A file without a manifest row is a leftover; a retired file stays for a grace period, since
an analyst may still have the publication open that names it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.store.rows import one
from schemas.results import SEALED

HOT_DAYS = 1  # whole days before today that stay hot
MONTH_AFTER = timedelta(weeks=13)  # the longest reach of a baseline: older months are merged into one file
WEEK = timedelta(days=7)
GRACE = timedelta(hours=24)


def sealable() -> dict[str, str]:
    """Physical tables that are sealed → SQL for the day of a row."""
    found = {}
    for table in SEALED:
        day = table.sealed_by if table.type_of(table.sealed_by or "") == "DATE" else f"CAST({table.sealed_by} AS DATE)"
        found[table.name] = str(day)
        if table.history:
            found[f"{table.name}_superseded"] = str(day)
    return found


Manifest = dict[str, list[tuple[date, date, str]]]  # table → (first day, last day, file), in order


def manifest(con: duckdb.DuckDBPyConnection) -> Manifest:
    """Which file holds which days of which table."""
    found: Manifest = {}
    for name, *row in con.execute("SELECT table_name, first_day, last_day, file FROM manifest ORDER BY first_day").fetchall():
        found.setdefault(name, []).append((row[0], row[1], row[2]))
    return found


def relation(known: Manifest, folder: Path, name: str, start: datetime | None, end: datetime | None, columns: str) -> str:
    """Rows with sealing time in [start, end) as SQL text: the hot table and the sealed files that can hold such rows."""
    by = next(t.sealed_by for t in SEALED if t.name == name.removesuffix("_superseded"))
    lower = f" AND {by} >= {_literal(start)}" if start else ""
    upper = f" AND {by} < {_literal(end)}" if end else ""
    where = f"WHERE true{lower}{upper}"
    since = start.astimezone(UTC).date() if start else date.min
    until = end.astimezone(UTC).date() if end else date.max
    files = [str(folder / file) for first, last, file in known.get(name, ()) if last >= since and first <= until]
    hot = f"SELECT {columns} FROM {name} {where}"
    if not files:
        return f"({hot})"
    listed = ", ".join(quoted(f) for f in files)
    return f"({hot} UNION ALL BY NAME SELECT {columns} FROM read_parquet([{listed}]) {where})"


def quoted(text: str | Path) -> str:
    """A SQL text literal."""
    return "'" + str(text).replace("'", "''") + "'"


def _literal(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"


def unseal(con: duckdb.DuckDBPyConnection, folder: Path, name: str, files: list[str]) -> None:
    """Bring these sealed files of a table back into the hot table. Inside a transaction."""
    for file in files:
        take_out(con, folder, name, file, "true")


def take_out(con: duckdb.DuckDBPyConnection, folder: Path, name: str, file: str, rest: str | None) -> None:
    """Give up a sealed file; those of its rows that hold for ``rest`` (SQL; None: none) become hot again. Inside a transaction."""
    if rest:
        con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM read_parquet({quoted(folder / file)}) WHERE {rest}")
    con.execute("DELETE FROM manifest WHERE table_name = ? AND file = ?", [name, file])
    con.execute("INSERT OR REPLACE INTO retired_files VALUES (?, NULL)", [file])


def seal(con: duckdb.DuckDBPyConnection, folder: Path, at: datetime, cuts: Mapping[str, Set[date]]) -> int:
    """Seal every hot day before yesterday and merge months past ``MONTH_AFTER``; returns the number of files written.

    ``cuts``: table → days at which rows will be taken out: the months that hold them stay in day files.
    """
    written = 0
    cutoff = at.date() - timedelta(days=HOT_DAYS)
    for name, day in sealable().items():
        hot_days = {d for (d,) in con.execute(f"SELECT DISTINCT {day} FROM {name} WHERE {day} < ?", [cutoff]).fetchall()}
        for first, last in _units(con, name, hot_days, at, {_month(day) for day in cuts.get(name, ())}):
            written += _write(con, folder, name, day, first, last)
    return written


def _units(
    con: duckdb.DuckDBPyConnection, name: str, hot_days: set[date], at: datetime, apart: Set[tuple[date, date]]
) -> list[tuple[date, date]]:
    """The spans to write: single days, but a month once it is old enough (its files are merged) or hot as a whole.

    A backfill leaves whole months hot, and parts of months: more than a week of a month that nothing late is expected for (it ended a
    week ago) is one file too. Written at once they are a few files instead of hundreds.
    """
    old_before, today = (at - MONTH_AFTER).date(), (at - timedelta(days=HOT_DAYS)).date()
    files = con.execute("SELECT first_day, last_day FROM manifest WHERE table_name = ?", [name]).fetchall()
    unmerged = {first for first, last in files if (first, last) != _month(first)}
    months = {_month(d) for d in hot_days | unmerged if _month(d)[1] < old_before}
    months |= {m for d in hot_days if (m := _month(d))[1] < today and _whole(m, hot_days)}
    months -= apart
    left = sorted(d for d in hot_days if _month(d) not in months)
    weeks = [span for span in _runs(d for d in left if _month(d) not in apart and d < today - WEEK) if span[1] - span[0] >= WEEK]
    return sorted(months) + weeks + [(d, d) for d in left if not any(first <= d <= last for first, last in weeks)]


def _runs(days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last of days that follow each other inside a month."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and found[-1][1] == day - timedelta(days=1) and _month(found[-1][0]) == _month(day):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _whole(month: tuple[date, date], days: set[date]) -> bool:
    """Whether at least four weeks of the month are hot; a source may begin or pause inside it."""
    return sum(month[0] <= day <= month[1] for day in days) >= 28


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _write(con: duckdb.DuckDBPyConnection, folder: Path, name: str, day: str, first: date, last: date) -> int:
    """Write the hot and sealed rows of [first, last] to one new file and swap it in; returns 1 if a file was written."""
    old = [f for (f,) in con.execute(
        "SELECT file FROM manifest WHERE table_name = ? AND first_day >= ? AND last_day <= ?", [name, first, last]
    ).fetchall()]  # fmt: skip
    where = f"WHERE {day} BETWEEN DATE '{first}' AND DATE '{last}'"
    parts = [f"SELECT * FROM {name} {where}", *(f"SELECT * FROM read_parquet({quoted(folder / f)})" for f in old)]
    file, count = write_file(con, folder, name, " UNION ALL BY NAME ".join(parts), first, last)
    con.execute("BEGIN")
    con.execute("DELETE FROM manifest WHERE table_name = ? AND first_day >= ? AND last_day <= ?", [name, first, last])
    con.execute("INSERT INTO manifest VALUES (?, ?, ?, ?, ?)", [name, first, last, file, count])
    con.execute(f"DELETE FROM {name} {where}")
    con.execute("DELETE FROM retired_files WHERE file = ?", [file])
    for f in old:
        if f != file:
            con.execute("INSERT OR REPLACE INTO retired_files VALUES (?, NULL)", [f])
    con.execute("COMMIT")
    return 1


def write_file(con: duckdb.DuckDBPyConnection, folder: Path, name: str, rows: str, first: date, last: date) -> tuple[str, int]:
    """Write a query's rows as the sealed file of [first, last], complete on disk; (its name below ``folder``, its rows).

    Nothing points to it yet. Raises :class:`OSError` when the file does not hold all rows.
    """
    target = folder / name
    target.mkdir(exist_ok=True)
    temporary = target / f".{first}.tmp"
    con.execute(f"COPY (FROM ({rows}) ORDER BY ALL) TO {quoted(temporary)} (FORMAT parquet, COMPRESSION zstd)")
    count = int(one(con.execute(f"SELECT count(*) FROM read_parquet({quoted(temporary)})"))[0])
    expected = one(con.execute(f"SELECT count(*) FROM ({rows})"))[0]
    if count != expected:
        raise OSError(f"{temporary}: {count} rows written, {expected} expected. Check the disk; nothing was changed.")
    stem = f"{first:%Y-%m}" if (first, last) == _month(first) else f"{first}" if first == last else f"{first}_{last:%d}"
    file = f"{name}/{stem}-{sha(temporary)[:12]}.parquet"
    make_durable(temporary, folder / file)
    return file, count


def sha(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_durable(temporary: Path, final: Path) -> None:
    """fsync, rename, fsync the folder: after this the file survives a power cut."""
    temporary.chmod(0o644)  # others may read what is published, whatever this account's mask (pipelines/upkeep/rights.py)
    fsync(temporary)
    temporary.replace(final)
    fsync(final.parent)


def fsync(path: Path) -> None:
    """Flush a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_retired(con: duckdb.DuckDBPyConnection, folder: Path, at: datetime) -> None:
    """Delete files whose grace period is over at ``at``. Called when a publication has come out that names none of them.

    The period of a file begins with that publication, not with the run that gave it up: that run may have been killed.
    """
    con.execute("UPDATE retired_files SET retired_at = ? WHERE retired_at IS NULL", [at])
    for (file,) in con.execute("SELECT file FROM retired_files WHERE retired_at < ?", [at - GRACE]).fetchall():
        (folder / file).unlink(missing_ok=True)
    con.execute("DELETE FROM retired_files WHERE retired_at < ?", [at - GRACE])


def remove_leftovers(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Delete files that a killed run wrote but never put in the manifest, or among the parts."""
    named = " UNION ".join(f"SELECT file FROM {table}" for table in ("manifest", "parts", "retired_files"))
    known = {f for (f,) in con.execute(named).fetchall()}
    for path in folder.glob("*/*"):
        if path.relative_to(folder).as_posix() not in known:
            path.unlink()
