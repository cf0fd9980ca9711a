"""What people write down afterwards: measure, effect, justified or false, incident or not. Apart from signals, and corrected openly.

An entry is never changed: a correction is a new revision under the same id, a withdrawal takes it out, and what stood before is kept in
``outcomes_history`` with the moment it was superseded. Roles, never names; a text that holds person-level content is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.faults import UsageError
from pipelines.screen.shapes import kinds_in
from schemas import words
from schemas.mistakes import did_you_mean
from schemas.results import TABLES

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

LONGEST_TEXT = 200
COLUMNS = TABLES["outcomes"].columns
Mistake = tuple[str, str, str]  # column, what is wrong, what to do


@dataclass(frozen=True)
class Entry:
    """One thing written down. ``follow_up`` is the measure of kind ``follow_up``, ``effect`` what was seen of kind ``effect``.

    ``safety_risk`` and ``place`` are those of the situation; they are given for what no situation foretold.
    """

    kind: str
    role: str
    occurred_at: datetime
    situation_id: str | None = None
    follow_up: str | None = None
    effect: str | None = None
    safety_risk: str | None = None
    place: str | None = None
    text: str | None = None


def mistakes(store: Store, config: Config, entry: Entry, at: datetime) -> Iterator[Mistake]:
    """What is wrong with an entry, told by column; ``at``: now."""
    town = config.municipality
    yield from _code("kind", entry.kind, words.codes("outcome_kind"))
    yield from _code("role", entry.role, list(town.roles), "Describe it under `roles`.")
    for column, value, kind, group in (
        ("measure", entry.follow_up, "follow_up", "measure"),
        ("effect", entry.effect, "effect", "outcome_effect"),
    ):
        if entry.kind == kind:
            yield from _code(column, value, words.codes(group))
        elif value is not None:
            yield column, f"`{value}` with kind `{entry.kind}`", f"Leave it out, or write it down as a {kind} of its own."
    if entry.occurred_at > at:
        yield "when", f"{entry.occurred_at:%Y-%m-%d %H:%M}Z lies ahead", "Write down what has happened."
    yield from _where(store, config, entry)
    if entry.text is not None:
        if len(entry.text) > LONGEST_TEXT:
            yield "text", f"{len(entry.text)} characters", f"Keep to {LONGEST_TEXT}."
        for kind in kinds_in(pa.array([entry.text])):
            yield "text", f"looks like {kind}", "Nothing about persons is kept here: write what happened and which role acted."


def _code(column: str, value: str | None, known: Any, fix: str = "") -> Iterator[Mistake]:
    if value is None:
        yield column, "is missing", f"Choose from {', '.join(known)}."
    elif value not in known:
        yield column, f"there is no `{value}`", did_you_mean(value, known, fix or f"Choose from {', '.join(known)}.")


def _where(store: Store, config: Config, entry: Entry) -> Iterator[Mistake]:
    if entry.situation_id is not None:
        if _situation(store, config, entry.situation_id) is None:
            yield (
                "situation_id",
                f"there is no situation `{entry.situation_id}`",
                "`drukte situations list` shows those there are.",
            )
        return
    if entry.kind not in ("incident", "no_incident"):
        yield "situation_id", "is missing", f"Say which situation this `{entry.kind}` is about."
    elif entry.kind == "incident":
        yield from _code("safety_risk", entry.safety_risk, words.codes("safety_risk"))
        yield from _code("place", entry.place, config.place_ids)


def _situation(store: Store, config: Config, name: str) -> tuple[str, str] | None:
    rows = store.con.execute(
        """SELECT safety_risk, place FROM situations WHERE municipality = $m AND situation_id = $s UNION ALL
           SELECT safety_risk, place FROM situations_superseded WHERE municipality = $m AND situation_id = $s LIMIT 1""",
        {"m": config.municipality.municipality, "s": name},
    ).fetchall()
    return rows[0] if rows else None


def add(store: Store, config: Config, entry: Entry, at: datetime, corrects: str | None = None) -> tuple[str, bool]:
    """Write down an entry without mistakes; its id, and whether it is new. ``corrects``: the id of the one it replaces.

    In a transaction. The same once more is the same entry. Raises :class:`UsageError` when there is nothing to correct.
    """
    slug = config.municipality.municipality
    found = _situation(store, config, entry.situation_id) if entry.situation_id else None
    if found:
        entry = replace(entry, safety_risk=found[0], place=found[1])
    name = corrects or _name(slug, entry)
    old = store.con.execute("SELECT * FROM outcomes WHERE municipality = ? AND outcome_id = ?", [slug, name]).fetchall()
    if corrects and not old:
        raise UsageError(f"{slug} has no outcome `{corrects}` to correct. `drukte outcome list` shows them.")
    number = int(old[0][COLUMNS.index("revision")]) + 1 if old else _revisions(store, slug, name) + 1
    row = (name, entry.situation_id, slug, entry.kind, entry.safety_risk, entry.place, entry.follow_up, entry.role, entry.occurred_at,
           entry.effect, entry.text, number, at)  # fmt: skip
    if old and tuple(old[0][: COLUMNS.index("revision")]) == row[:-2]:
        return name, False
    if old:
        _supersede(store, slug, name, at)
    store.con.execute(f"INSERT INTO outcomes ({', '.join(COLUMNS)}) VALUES ({', '.join('?' for _ in COLUMNS)})", row)
    return name, True


def withdraw(store: Store, config: Config, name: str, at: datetime) -> None:
    """Take an entry out; it stays in the history. In a transaction. Raises :class:`UsageError` when there is none."""
    slug = config.municipality.municipality
    if not store.con.execute("SELECT 1 FROM outcomes WHERE municipality = ? AND outcome_id = ?", [slug, name]).fetchall():
        raise UsageError(f"{slug} has no outcome `{name}`. `drukte outcome list` shows them.")
    _supersede(store, slug, name, at)


def _supersede(store: Store, slug: str, name: str, at: datetime) -> None:
    where = "municipality = $m AND outcome_id = $o"
    store.con.execute(
        f"INSERT INTO outcomes_superseded BY NAME SELECT *, $at AS superseded_at FROM outcomes WHERE {where}",
        {"m": slug, "o": name, "at": at},
    )
    store.con.execute(f"DELETE FROM outcomes WHERE {where}", {"m": slug, "o": name})


def _revisions(store: Store, slug: str, name: str) -> int:
    rows = store.con.execute(
        "SELECT max(revision) FROM outcomes_superseded WHERE municipality = ? AND outcome_id = ?", [slug, name]
    ).fetchall()
    return int(rows[0][0] or 0)


def _name(slug: str, entry: Entry) -> str:
    """An id that follows from what is written down, so that a file that is imported twice counts once."""
    parts = (slug, entry.situation_id, entry.kind, entry.safety_risk, entry.place, entry.follow_up, entry.effect, entry.role,
             entry.occurred_at.isoformat())  # fmt: skip
    return "outcome-" + hashlib.sha256("\0".join(str(p) for p in parts).encode()).hexdigest()[:12]
