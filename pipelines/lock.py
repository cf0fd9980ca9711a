"""One run at a time holds a workspace: an advisory lock that the operating system ends with its process.

A lock file is never removed: whoever removes it while another waits on it would let two in.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.1
_held_here: set[Path] = set()


class HeldError(Exception):
    """Another process holds the lock; ``holder`` says which, as far as it told."""

    def __init__(self, path: Path, holder: str):
        self.path, self.holder = path, holder
        super().__init__(f"Another run holds this workspace ({holder}). Wait until it ends, as `drukte run --wait SECONDS` does.")


@contextmanager
def hold(workspace: Path, wait: float = 0.0, name: str = "lock") -> Iterator[None]:
    """Hold ``private/<name>`` of a workspace for the length of the block; creates the folder (mode 0700) if needed.

    ``wait``: seconds to keep trying before :class:`HeldError` is raised; 0 tries once. A process that already holds it
    enters again at once (a command takes the lock, and so does the flow it calls).
    """
    private = workspace.resolve() / "private"
    private.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = private / name
    if path in _held_here:
        yield
        return
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file, path, wait)
        _held_here.add(path)
        try:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            yield
        finally:
            _held_here.discard(path)  # closing the file lets go


def _acquire(file: IO[str], path: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise HeldError(path, path.read_text(encoding="utf-8").strip()) from None
            time.sleep(POLL_SECONDS)
