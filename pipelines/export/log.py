"""Table ``exports``: a row for everything that left the house."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipelines import lock
from pipelines.store import Store


def note(
    workspace: Path,
    municipality: str,
    purpose: str,
    kind: str,
    partner: str | None,
    role: str,
    at: datetime,
    rows: int,
    content_hash: str,
) -> None:
    """Write the row; waits a minute for a run that is under way. It is in the published file from the next run on."""
    with lock.hold(workspace, 60.0), Store(workspace) as store, store.transaction():
        store.con.execute(
            "INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [municipality, purpose, kind, partner, role, at, rows, content_hash],
        )
