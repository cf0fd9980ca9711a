"""A copy of a workspace, taken between two runs: the working database, sealed files with their manifest, what was published.

The workspace's lock is held only while the copy is set aside (small files are copied, files that are never changed in place are
linked); hashes and the archive are made while runs go on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import duckdb

from pipelines import lock
from pipelines.faults import DamagedError, UsageError
from pipelines.store.rows import one
from pipelines.store.sealing import fsync, quoted
from pipelines.store.tables import format_of
from pipelines.upkeep import archive
from pipelines.upkeep.archive import LAYOUT, ROOMS, Header, Member

DATABASE = "private/working.duckdb"
# Prefect's own record and locks belong to the machine; a restored workspace makes its own.
LEFT_OUT = ("private/prefect", "private/lock", "private/serve.lock", "private/backup.lock", "private/migrating.json")
_NEVER_CHANGED = (".parquet", ".duckdb")  # in published/: always written aside and renamed


def default_target(workspace: Path, at: datetime) -> Path:
    """Beside the workspace, named after it and the moment."""
    folder = workspace.resolve()
    return folder.parent / f"{folder.name}-{at:%Y%m%dT%H%M%S}Z.tar"


def write(workspace: Path, target: Path, at: datetime, wait: float = 0.0) -> Header:
    """Write a backup of a workspace to ``target`` (mode 0600), in one stroke; returns what is in it.

    ``at`` is noted as its moment (aware), ``wait`` the seconds to wait for a run that is under way. Raises :class:`UsageError`
    without a workspace or with a target in the way, :class:`pipelines.lock.HeldError`, and :class:`DamagedError` when the
    workspace itself is not whole: such a copy could not be restored.
    """
    workspace, target = workspace.resolve(), target.absolute()
    number = format_of(workspace / "private") if (workspace / "private").is_dir() else None
    if number is None:
        raise UsageError(f"{workspace}: no workspace here. Name it with --workspace DIR.")
    _free(workspace, target)
    # Reserved at once: two backups at a time do not share the folder they set their copy aside in.
    with lock.hold(workspace, wait, name="backup.lock"):
        aside = workspace / "private" / ".backup"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with lock.hold(workspace, wait):
                _set_aside(workspace, aside)
            last_run = _whole(aside)
            header = Header(drukte_backup=LAYOUT, format=number, release=version("drukte"), taken_at=at.isoformat(),
                            last_run=last_run, files=tuple(_members(aside)))  # fmt: skip
            _archive(header, aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return header


def _free(workspace: Path, target: Path) -> None:
    if target.resolve().is_relative_to(workspace):
        raise UsageError(f"{target} lies inside the workspace. Name a file elsewhere, best on another disk, with --to FILE.")
    if target.exists():
        raise UsageError(f"{target} exists already; a backup never replaces another. Name another file with --to FILE.")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent}: there is no such folder. Make it, or name another file with --to FILE.")


def _set_aside(workspace: Path, aside: Path) -> None:
    """Copy what a later run may change, link what is only ever replaced."""
    for path in _files(workspace):
        name = path.relative_to(workspace)
        copy = aside / name
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name.parts[0] == "published" and name.suffix in _NEVER_CHANGED and _linked(path, copy):
            continue
        shutil.copy2(path, copy)


def _linked(path: Path, copy: Path) -> bool:
    try:
        copy.hardlink_to(path)
    except OSError:  # another disk, or a file system without links
        return False
    return True


def _files(workspace: Path) -> Iterator[Path]:
    """The files that a restored workspace needs: no locks, no server's record, nothing that is half written."""
    for room in ROOMS:
        for folder, inside, names in os.walk(workspace / room):
            here = Path(folder)
            inside[:] = sorted(d for d in inside if not _left_out(here / d, workspace))
            yield from (here / name for name in sorted(names) if not _left_out(here / name, workspace))


def _left_out(path: Path, workspace: Path) -> bool:
    return path.name.startswith(".") or path.name.endswith(".tmp") or path.relative_to(workspace).as_posix() in LEFT_OUT


def _whole(aside: Path) -> str:
    """Check that the copied database opens and that every sealed file of its manifest is there with its rows; the last run's id."""
    try:
        con = duckdb.connect(str(aside / DATABASE))
    except duckdb.Error as error:
        raise DamagedError(f"The working database cannot be opened ({type(error).__name__}). Restore the last backup.") from None
    try:
        con.execute("CHECKPOINT")  # the log of a killed run becomes part of the copy
        manifest = dict(con.execute("SELECT file, row_count FROM manifest").fetchall())
        sealed = aside / "published" / "sealed"
        lacking = sorted(file for file in manifest if not (sealed / file).is_file())
        if lacking:
            raise DamagedError(f"published/sealed/{lacking[0]} is missing. Restore the last backup that holds it.")
        if manifest:
            _counted(con, sealed, manifest)
        last = one(con.execute("SELECT run_id FROM runs ORDER BY as_of DESC, run_id DESC LIMIT 1"))
        return str(last[0]) if last else ""
    finally:
        con.close()


def _counted(con: duckdb.DuckDBPyConnection, sealed: Path, manifest: dict[str, int]) -> None:
    listed = ", ".join(quoted(sealed / file) for file in sorted(manifest))
    try:
        rows = con.execute(f"SELECT file_name, num_rows FROM parquet_file_metadata([{listed}])").fetchall()
    except duckdb.Error as error:
        raise DamagedError(f"A file in published/sealed cannot be read: {error}. Restore the last backup.") from None
    for path, count in rows:
        file = Path(path).relative_to(sealed).as_posix()
        if count != manifest[file]:
            raise DamagedError(
                f"published/sealed/{file} has {count} rows, {manifest[file]} were sealed. Restore the last backup."
            )


def _members(aside: Path) -> Iterator[Member]:
    for path in _files(aside):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        stat = path.stat()
        name = path.relative_to(aside).as_posix()
        yield Member(name=name, bytes=stat.st_size, sha256=digest, mode=stat.st_mode & 0o777)


def _archive(header: Header, aside: Path, target: Path) -> None:
    """Write aside, flush, and give it its name without replacing anything; a killed backup leaves no file that looks like one."""
    partial = target.with_name(f".{target.name}.part")
    partial.unlink(missing_ok=True)
    try:
        with archive.create(partial) as file:
            archive.write(file, header, aside)
        fsync(partial)
        partial.rename(target)
        fsync(target.parent)
    finally:
        partial.unlink(missing_ok=True)
