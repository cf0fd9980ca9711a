"""Errors in words, with the exit code of a command (DESIGN §5). The text of a fault of ours is not shown: it may quote data."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from pipelines.lock import HeldError
from schemas.problems import Problems

FAULT, USAGE, GATE, HELD, FOUND = 1, 2, 3, 4, 5

_ROOT = Path(__file__).resolve().parents[1]
RUNBOOK = "docs/guide/operations.en.md"  # what to do when a part fails, a section each


class UsageError(Exception):
    """A command was asked something it cannot do as asked; the text says what to do instead."""


class GateError(Exception):
    """A gate refused the whole command; the lines say where and why, without quoting what was found."""


class DamagedError(Exception):
    """A check of what is stored found damage; the text says where, and what to do."""


def in_words(error: BaseException) -> tuple[int, list[str]]:
    """(exit code, lines) for an error: mistakes in config 2, a gate or a use that was not reviewed 3, a held workspace 4, anything else 1."""
    from pipelines.explain import NotFound
    from pipelines.flows.server import ServerError
    from pipelines.store.tables import FormatError

    if isinstance(error, Problems):
        return GATE if error.refused else USAGE, [str(p) for p in error.problems]
    if isinstance(error, UsageError | FormatError | NotFound):
        return USAGE, [str(error)]
    known: dict[type[Exception], tuple[int, str | None]] = {
        GateError: (GATE, None), DamagedError: (FOUND, None), ServerError: (FAULT, "server-away"), HeldError: (HELD, "two-hosts"),
    }  # fmt: skip
    if found := next((found for kind, found in known.items() if isinstance(error, kind)), None):
        return found[0], [str(error) + runbook(found[1])] if found[1] else str(error).splitlines()
    if _working_database_open_elsewhere(error):
        return HELD, [
            "Another program has the working database open (private/working.duckdb). Close it; read the published file instead."
            + runbook("two-hosts"),
        ]
    return _of_the_disk(error) or _damaged(error) or (FAULT, [
        f"A fault of drukte itself: {type(error).__name__}{_where(error)}. Run it again with --debug for the traceback."
    ])  # fmt: skip


def runbook(part: str) -> str:
    """Behind what went wrong with a part: where it stands what to do."""
    return f" What to do: {RUNBOOK}#part-{part}"


# What the system says, also inside the message of a database.
_FULL = ("no space left on device", "file too large", "disk quota exceeded", "database or disk is full")
_NOT_WRITABLE = ("read-only file system", "permission denied", "operation not permitted", "attempt to write a readonly database")


def _of_the_disk(error: BaseException) -> tuple[int, list[str]] | None:
    """A disk that is full, or a place that may not be written, in words; None for any other error."""
    while not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in (
        "_duckdb",
        "duckdb",
        "sqlalchemy",
        "sqlite3",
    ):
        if error.__cause__ is None:
            return None
        error = error.__cause__
    told = str(error).lower()
    where = re.search(r"""["'](/[^"']+)["']""", str(error))
    place = f"{where[1]}: " if where else ""
    if said := next((text for text in _FULL if text in told), None):
        return FAULT, [f"{place}{said}. This run stopped; nothing that was taken in or published is lost. Make room and run again: it goes "
                       "on where it was." + runbook("disk-full")]  # fmt: skip
    if said := next((text for text in _NOT_WRITABLE if text in told), None):
        return USAGE, [f"{place}{said}. Nothing was changed. Give this account the right to write there, or name another folder "
                       "(--workspace DIR)." + runbook("disk-full")]  # fmt: skip
    return None


_NO_DATABASE = ("not a valid duckdb database", "corrupt database", "checksum", "failed to deserialize", "serialization error")


def _damaged(error: BaseException) -> tuple[int, list[str]] | None:
    """A database file that is damaged, in words; None for any other error."""
    if type(error).__module__.partition(".")[0] not in ("_duckdb", "duckdb"):
        return None
    opening = _where(error).startswith(" in pipelines/published.py:")
    told = str(error).lower()
    cut_short = (
        "could not read" in told and ".duckdb" in told
    )  # of a Parquet file that cannot be read something else is to be told
    if not (opening or cut_short or any(text in told for text in _NO_DATABASE)):
        return None
    if "working.duckdb" in str(error):
        said = "The working database (private/working.duckdb) is damaged. What was published can be read. Put a backup back."
        return FAULT, [said + runbook("working-damaged")]
    said = "The published file cannot be read: it is damaged. What it is made from is not; `drukte run` publishes it anew."
    return FAULT, [said + runbook("published-damaged")]


def _working_database_open_elsewhere(error: BaseException) -> bool:
    return type(error).__name__ == "IOException" and "Could not set lock" in str(error)


def _where(error: BaseException) -> str:
    """`` in <file>:<line>``: the innermost line of our own code that took part."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(_ROOT)]
    own = [f for f in ours if ".venv" not in f.filename]
    return f" in {Path(own[-1].filename).relative_to(_ROOT)}:{own[-1].lineno}" if own else ""
