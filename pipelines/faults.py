"""Errors in words, with the exit code of a command (DESIGN §5). The text of a fault of ours is not shown: it may quote data."""

from __future__ import annotations

import traceback
from pathlib import Path

from pipelines.lock import HeldError
from schemas.problems import Problems

FAULT, USAGE, GATE, HELD, FOUND = 1, 2, 3, 4, 5

_ROOT = Path(__file__).resolve().parents[1]


class UsageError(Exception):
    """A command was asked something it cannot do as asked; the text says what to do instead."""


class DamagedError(Exception):
    """A check of what is stored found damage; the text says where, and what to do."""


def in_words(error: BaseException) -> tuple[int, list[str]]:
    """(exit code, lines) for an error: mistakes in config 2, a held workspace 4, anything unforeseen 1."""
    from pipelines.explain import NotFound
    from pipelines.flows.server import ServerError
    from pipelines.store.tables import FormatError

    if isinstance(error, Problems):
        return USAGE, [str(p) for p in error.problems]
    if isinstance(error, UsageError | FormatError | NotFound):
        return USAGE, [str(error)]
    if isinstance(error, DamagedError | ServerError):
        return FOUND if isinstance(error, DamagedError) else FAULT, [str(error)]
    if isinstance(error, HeldError):
        return HELD, [str(error)]
    if _working_database_open_elsewhere(error):
        return HELD, [
            "Another program has the working database open (private/working.duckdb). Close it; read the published file instead."
        ]
    return FAULT, [
        f"A fault of drukte itself: {type(error).__name__}{_where(error)}. Run it again with --debug for the traceback."
    ]


def _working_database_open_elsewhere(error: BaseException) -> bool:
    return type(error).__name__ == "IOException" and "Could not set lock" in str(error)


def _where(error: BaseException) -> str:
    """`` in <file>:<line>``: the innermost line of our own code that took part."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_ROOT)]
    own = [f for f in ours if ".venv" not in f.filename]
    return f" in {Path(own[-1].filename).relative_to(_ROOT)}:{own[-1].lineno}" if own else ""
