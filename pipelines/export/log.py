"""Table ``exports``: a row for everything that left the house, written before it does: what cannot be logged does not go."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipelines import lock
from pipelines.store import Store


class Leaving(Protocol):
    """What is about to leave."""

    @property
    def purpose(self) -> str:
        """Under which it goes."""

    @property
    def row_count(self) -> int:
        """How many rows."""

    @property
    def content_hash(self) -> str:
        """Over names and contents of its files."""


def noting(
    workspace: Path, municipality: str, kind: str, partner: str | None, role: str, at: datetime
) -> Callable[[Leaving], None]:
    """What writes the row; it waits a minute for a run that is under way. The row is in the published file from the next run on."""

    def note(made: Leaving) -> None:
        row = [municipality, made.purpose, kind, partner, role, at, made.row_count, made.content_hash]
        with lock.hold(workspace, 60.0), Store(workspace) as store, store.transaction():
            store.con.execute("INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    return note


def aside(final: Path) -> Path:
    """An empty folder beside the final one, to write in until the row is there."""
    folder = final.with_name(f".{final.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def release(folder: Path, final: Path) -> list[Path]:
    """Let it out: the folder takes the place of an earlier one; returns its files."""
    shutil.rmtree(final, ignore_errors=True)
    folder.replace(final)
    return sorted(final.iterdir())


def content_hash(files: Iterable[Path]) -> str:
    """Over the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
