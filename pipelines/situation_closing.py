"""A person ends a situation (rule 15): a role says why; the stretch it was about opens nothing again, a new one does."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pipelines.alerts.people import acknowledge
from pipelines.faults import UsageError
from pipelines.screen import prose
from pipelines.situation_changes import TABLE, Change, write

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

SAID = {"nl": "Gesloten door {role}: {reason}", "en": "Closed by {role}: {reason}"}


def close(store: Store, config: Config, situation: str, *, role: str, reason: str, at: datetime) -> str:
    """End an open situation at ``at``, by ``role`` and for ``reason``; returns the level it had. In a transaction.

    What was known before stays in history, and the role counts as having seen it. Counts go on being judged as before: while they stay
    in the stretch that this situation was about, nothing opens again. Raises :class:`UsageError`.
    """
    slug = config.municipality.municipality
    (row,) = store.con.sql(
        f"SELECT {', '.join(TABLE.columns)} FROM situations WHERE municipality = ? AND situation_id = ? AND state = 'open'",
        params=[slug, situation],
    ).to_arrow_table().to_pylist() or [None]  # fmt: skip
    if row is None:
        raise UsageError(f"{slug} has no open situation `{situation}`. `drukte situations list --state open` shows them.")
    if not reason.strip():
        raise UsageError("--reason is empty. Say why the situation is over, for whoever reads it later.")
    if found := prose.problems({"--reason": reason}, (*config.place_ids, *config.municipality.roles)):
        raise UsageError(f"--reason {found[0].what}. Leave it out: a reason is about counts and places, never about a person.")
    if at < row["recorded_at"]:
        raise UsageError(f"{at:%Y-%m-%d %H:%M}Z lies before what is known of {situation} ({row['recorded_at']:%Y-%m-%d %H:%M}Z).")
    level, _ = acknowledge(store, config, situation, role, at, reason)
    said = {
        f"explanation_{lang}": f"{row[f'explanation_{lang}']} {text.format(role=role, reason=reason.strip())}".strip()
        for lang, text in SAID.items()
    }
    closed = {
        **row, **said, "state": "closed", "ended_at": max(at, row["started_at"]), "end_reason": "person",
        "revision": row["revision"] + 1, "recorded_at": at,
    }  # fmt: skip
    write(store.con, [Change(row, [closed])], at)
    return level
