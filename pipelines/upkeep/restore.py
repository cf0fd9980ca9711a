"""Put a backup back, on this machine or another, in an empty folder: checked to the last byte before it becomes a workspace."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from pipelines import lock
from pipelines.faults import UsageError
from pipelines.publish import publish
from pipelines.store import Store, parts
from pipelines.store.rows import one
from pipelines.store.sealing import fsync
from pipelines.store.tables import FORMAT, FormatError
from pipelines.upkeep import archive
from pipelines.upkeep.archive import ROOMS, Header, Member

UNDER_WAY = ".restoring"


def check(path: Path) -> Header:
    """Read a backup and check every hash; nothing is written. Raises as :func:`pipelines.upkeep.archive.read`."""
    return archive.read(path, admit=lambda header: _known(path, header))


def restore(path: Path, workspace: Path) -> Header:
    """Restore a backup into ``workspace``, which must be new or empty; returns what was in it.

    A backup of an earlier format is put back as it is: ``drukte migrate`` brings it up. One that was killed starts anew when
    called again. Raises :class:`UsageError`, :class:`FormatError` for a newer one, :class:`pipelines.faults.DamagedError`, and
    :class:`pipelines.lock.HeldError` when another restore is at work there.
    """
    workspace = workspace.absolute()
    _empty(workspace)
    workspace.mkdir(parents=True, exist_ok=True)
    aside = workspace / UNDER_WAY
    with lock.hold(aside):
        _clear(workspace, aside)
        try:
            header = archive.read(path, lambda member: _create(aside, member), lambda header: _known(path, header))
            _flush(aside)
        except BaseException:
            _give_up(workspace, aside)
            raise
        _move(workspace, aside)
        shutil.rmtree(aside, ignore_errors=True)
    if header.format == FORMAT:
        with lock.hold(workspace, wait=60.0), Store(workspace) as store:
            republish(store)
    return header


def republish(store: Store) -> None:
    """Publish again as of the last time, all of it: views name the sealed files by the folder they stand in."""
    told = one(store.con.execute("SELECT text FROM about WHERE key = 'published_at'"))
    if told:
        with store.transaction():
            parts.note_run(store.con, datetime.fromisoformat(told[0]), everything=True)
        publish(store, datetime.fromisoformat(told[0]))


def _known(path: Path, header: Header) -> None:
    if header.format > FORMAT:
        what = f"{path}: workspace format {header.format} of a newer release ({header.release}), this one works on {FORMAT}"
        raise FormatError(f"{what}. Use that release, or an earlier backup.")


def _empty(workspace: Path) -> None:
    """Raises :class:`UsageError` unless there is nothing here but a restore that did not finish."""
    if not workspace.exists():
        return
    if not workspace.is_dir():
        raise UsageError(f"{workspace} is a file. Name a new folder with --workspace DIR.")
    inside = {p.name for p in workspace.iterdir()}
    if "private" in inside or (inside and UNDER_WAY not in inside):
        raise UsageError(
            f"{workspace} is not empty; nothing is restored over what is there. Name a new folder with --workspace DIR."
        )


def _clear(workspace: Path, aside: Path) -> None:
    """Take away what a killed restore left: without private/ nothing here is a workspace yet."""
    for room in ROOMS:
        shutil.rmtree(workspace / room, ignore_errors=True)
    for path in aside.iterdir():
        if path.name != "private":
            shutil.rmtree(path)
    for path in (aside / "private").iterdir():
        if path.name != "lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _create(aside: Path, member: Member) -> IO[bytes]:
    """A new file for a member, flushed when it is closed; folders of private/ are closed to others."""
    path = aside / member.name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if member.name.startswith("private/") else 0o777)
    file = archive.create(path)
    path.chmod(member.mode)
    return file


def _flush(aside: Path) -> None:
    """All that was written is on the disk before it gets its name."""
    for folder, _, names in os.walk(aside):
        for name in names:
            fsync(Path(folder) / name)
        fsync(Path(folder))


def _move(workspace: Path, aside: Path) -> None:
    """private/ comes last: from then on the folder is a workspace."""
    (aside / "published").mkdir(exist_ok=True)
    (aside / "published").rename(workspace / "published")
    (aside / "private").chmod(0o700)
    (aside / "private").rename(workspace / "private")
    fsync(workspace)


def _give_up(workspace: Path, aside: Path) -> None:
    """Leave the folder as it was found, as far as that is possible."""
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(OSError):
        workspace.rmdir()
