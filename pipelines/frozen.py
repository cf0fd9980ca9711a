"""Frozen periods: changes that became known too late wait in ``held_changes`` until a role releases them (decision 0017).

What is frozen is the state as it was known at the freeze. Delivered cells that would change it are held as they came; values of
indicators that stand are not computed again, and which would have been is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from indicators.card import Card
from pipelines import composite, ledger
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config
from schemas.settings import FrozenPeriod

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Release:
    """Who has held changes of a stretch enter the tables, and why."""

    role: str
    reason: str


def cells(config: Config) -> str | None:
    """SQL over cells (place, interval_start, recorded_at): whether a change comes too late; None where nothing is frozen."""
    periods = config.municipality.frozen_periods
    late = (f"{_inside(p, 'interval_start')} AND recorded_at > {_moment(p.frozen_at)}" for p in periods)
    return " OR ".join(f"({text})" for text in late) or None


def _inside(period: FrozenPeriod, column: str) -> str:
    places = ", ".join(f"'{place}'" for place in period.places)
    return (
        f"{column} >= {_moment(period.from_)} AND {column} < {_moment(period.to)}{f' AND place IN ({places})' if places else ''}"
    )


def _moment(value: datetime) -> str:
    return f"TIMESTAMPTZ '{value.isoformat()}'"


def keep(store: Store, config: Config, active: Sequence[Card], at: datetime, released: Stretch | None) -> None:
    """Take slots that stand in a frozen period out of what is to do, and note them; ``released`` slots are computed."""
    slug = config.municipality.municipality
    frozen = [_inside(p, "slot_start") for p in config.municipality.frozen_periods if p.frozen_at < at]
    if not frozen:
        return
    condition = " OR ".join(f"({text})" for text in frozen)
    if released:
        condition = f"({condition}) AND NOT (slot_start >= {_moment(released[0])} AND slot_start < {_moment(released[1])})"
    for card in active:
        name = composite.todo_name(card)
        start, end = one(store.con.execute(f"SELECT min(slot_start), max(slot_end) FROM (SELECT *, slot_start + to_minutes(interval_minutes)"
                                           f" AS slot_end FROM {name}) WHERE {condition}"))  # fmt: skip
        if start is None:
            continue
        store.con.execute(f"""
            CREATE OR REPLACE TEMP TABLE frozen_slots AS
            SELECT place, slot_start FROM {name} t SEMI JOIN {store.relation("indicator_values", start, end)} v
                ON v.municipality = '{slug}' AND v.indicator = '{card.id}' AND v.place = t.place AND v.interval_start = t.slot_start
            WHERE {condition}""")
        store.con.execute(f"INSERT OR IGNORE INTO held_slots SELECT '{slug}', '{card.id}', place, slot_start FROM frozen_slots")
        store.con.execute(f"DELETE FROM {name} t USING frozen_slots f WHERE f.place = t.place AND f.slot_start = t.slot_start")


def release(store: Store, config: Config, stretch: Stretch, at: datetime, by: Release) -> int:
    """Merge the held changes of a stretch into the tables as known at ``at``, and note who decided it. In a transaction.

    They merge by their own time of issue (rule 10), so that the order in which they came and are released does not matter.
    Returns the number of cells that changed.
    """
    con, slug = store.con, config.municipality.municipality
    waiting = f"""municipality = '{slug}' AND released_at IS NULL AND interval_start >= {_moment(stretch[0])}
                  AND interval_start < {_moment(stretch[1])}"""
    deliveries = con.execute(
        f"""SELECT DISTINCT dataset, source, delivery_id, content_hash FROM held_changes WHERE {waiting} ORDER BY ALL"""
    ).fetchall()
    changed = 0
    for dataset, source, delivery, content_hash in deliveries:
        arrival = ledger.Arrival(slug, dataset, source, delivery, content_hash, _moment(at))
        changed += ledger.record_held(store, arrival, f"{waiting} AND delivery_id = '{delivery}'")
    con.execute(
        f"UPDATE held_changes SET released_at = $at, released_by = $role, release_reason = $reason WHERE {waiting}",
        {"at": at, "role": by.role, "reason": by.reason},
    )
    con.execute("DELETE FROM held_slots WHERE municipality = ? AND interval_start >= ? AND interval_start < ?", [slug, *stretch])
    return changed


def waiting(store: Store, slug: str) -> list[dict[str, Any]]:
    """What waits for review: per delivery how many changes, and how many slots were therefore not computed again."""
    done = store.con.execute(
        """SELECT source, delivery_id, name, count(*) AS changes, count(DISTINCT (place, interval_start)) AS rows,
               list_sort(list(DISTINCT place)) AS places, min(interval_start) AS "from", max(interval_end) AS "to",
               min(h.recorded_at) AS recorded_at
           FROM held_changes h LEFT JOIN (SELECT delivery_id, name FROM deliveries) USING (delivery_id)
           WHERE municipality = ? AND released_at IS NULL GROUP BY ALL ORDER BY "from", source, delivery_id""",
        [slug],
    )
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def slots_waiting(store: Store, slug: str) -> int:
    """Slots of frozen periods that would have been computed again."""
    return int(one(store.con.execute("SELECT count(*) FROM held_slots WHERE municipality = ?", [slug]))[0])
