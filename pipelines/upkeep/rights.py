"""Who may read and write the folders of a workspace: set when they are written, checked by ``drukte status``."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS = stat.S_IRWXG | stat.S_IRWXO
READABLE = 0o644  # a published file: analysts read it, only the pipeline writes it


def readable(path: Path) -> None:
    """Make a published file readable to others and writable to the pipeline only, whatever the account's own mask."""
    path.chmod(READABLE)


def found(workspace: Path) -> list[str]:
    """What is wrong, a line each: a private folder others can enter, a published file others can write."""
    return list(_found(workspace))


def _found(workspace: Path) -> Iterator[str]:
    private, published = workspace / "private", workspace / "published"
    if private.is_dir() and private.stat().st_mode & OTHERS:
        yield f"{private}: others can enter (mode {stat.S_IMODE(private.stat().st_mode):04o}). chmod 700 {private}"
    for path in [published, *published.rglob("*")] if published.is_dir() else []:
        if not path.is_symlink() and path.stat().st_mode & OTHERS_WRITE:
            yield f"{path}: others can write (mode {stat.S_IMODE(path.stat().st_mode):04o}). chmod go-w {path}"
