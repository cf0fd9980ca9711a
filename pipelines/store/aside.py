"""A workspace as it is now, as a copy to try things on: nothing in it reaches the workspace itself.

The working database is copied, sealed files are linked: they never change. The copy stands in the workspace's own private folder,
with its rights, and goes when the work on it is done; one that a killed process left behind goes at the next.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines import lock
from pipelines.store import Store

_PREFIX = "aside-"
_STATE = ("working.duckdb", "working.duckdb.wal", "format")


@contextmanager
def copied(workspace: Path, wait: float = 0.0) -> Iterator[Store]:
    """A store over a copy of the workspace; the workspace is held only while it is copied. One that does not exist yet is empty.

    Raises :class:`pipelines.lock.HeldError` when another run holds the workspace for longer than ``wait`` seconds.
    """
    private = workspace.resolve() / "private"
    if not (private / "working.duckdb").exists():
        with tempfile.TemporaryDirectory(prefix="drukte-") as folder, Store(Path(folder)) as store:
            yield store
        return
    with lock.hold(workspace, wait):
        _forget_left_behind(private)
        target = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=private))
        try:
            _copy(private, workspace.resolve() / "published" / "sealed", target)
        except BaseException:
            shutil.rmtree(target)
            raise
    try:
        with Store(target) as store:
            yield store
    finally:
        shutil.rmtree(target)


def _copy(private: Path, sealed: Path, target: Path) -> None:
    (target / "private").mkdir(mode=0o700)
    for name in _STATE:
        if (private / name).exists():
            shutil.copyfile(private / name, target / "private" / name)
    for path in sealed.glob("*/*.parquet"):
        linked = target / "published" / "sealed" / path.relative_to(sealed)
        linked.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, linked)  # outlives a file that is retired meanwhile
        except OSError:  # a disk without links
            linked.symlink_to(path)


def _forget_left_behind(private: Path) -> None:
    """Remove copies of processes that are no more."""
    for folder in private.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not (owner.isdigit() and Path(f"/proc/{owner}").exists()):
            shutil.rmtree(folder, ignore_errors=True)
