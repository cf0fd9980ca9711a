"""What retention does to situations: old ones go with their versions and follow-up; one whose data are gone is ended, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pipelines import situate
from pipelines.situation_changes import TABLE, Change, Row, write
from pipelines.store.rows import one

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

SEEN = "coalesce(ended_at, observed_until, started_at)"  # the last moment a situation is about
Record = Callable[[str, str, int, date | None, date | None], None]


def remove(
    store: Store,
    config: Config,
    instant: Callable[[date], datetime],
    days: Mapping[tuple[str, str], date],
    at: datetime,
    record: Record,
) -> Iterator[int]:
    """End what cannot be observed any more, then remove what is too old; yields numbers of rows. In a transaction."""
    slug = config.municipality.municipality
    situate.prepare(store.con)
    _end(store, slug, lambda indicator: instant(days.get(("indicators", indicator), days["indicators", "*"])), at)
    limit = instant(days["situations", "*"])
    old = f"municipality = '{slug}' AND {SEEN} < TIMESTAMPTZ '{limit.isoformat()}'"
    gone = f"SELECT situation_id FROM situations WHERE {old} AND state = 'closed'"
    # Versions of a situation that stays stay with it; those of one that late data dissolved go by their own age.
    past = f"{old} AND situation_id NOT IN (SELECT situation_id FROM situations WHERE NOT ({old}) OR state <> 'closed')"
    of_gone = f"situation_id IN ({gone}) OR (situation_id IS NULL AND municipality = '{slug}' AND occurred_at < TIMESTAMPTZ '{limit.isoformat()}')"
    for table in ("outcomes_superseded", "outcomes"):
        yield _delete(store, table, of_gone, "occurred_at", record)
    yield _delete(store, "situations_superseded", past, SEEN, record)
    yield _delete(store, "situations", f"{old} AND state = 'closed'", SEEN, record)


def _delete(store: Store, table: str, where: str, age: str, record: Record) -> int:
    told = one(
        store.con.execute(f"SELECT count(*), min(CAST({age} AS DATE)), max(CAST({age} AS DATE)) FROM {table} WHERE {where}")
    )
    if told[0]:
        store.con.execute(f"DELETE FROM {table} WHERE {where}")
        record(table, "situations", *told)
    return int(told[0])


def _end(store: Store, slug: str, limit: Callable[[str], datetime], at: datetime) -> None:
    """Rule 15: only data, a person or retention ends a situation. Here the values it rests on are gone; a pending one is dissolved."""
    table = store.con.sql(
        f"SELECT {', '.join(TABLE.columns)} FROM situations WHERE municipality = ? AND state IN ('open', 'pending')",
        params=[slug],
    ).to_arrow_table()
    old = [row for row in table.to_pylist() if (row["observed_until"] or row["started_at"]) < limit(row["leading_indicator"])]
    if not old:
        return
    write(store.con, [Change(row, [_ended(row, at)] if row["state"] == "open" else []) for row in old], at)
    for row in old:  # what was carried on would go on with it when data come again
        store.con.execute(
            "DELETE FROM level_state WHERE municipality = ? AND safety_risk = ? AND place = ? AND carried_until IS NULL",
            [slug, row["safety_risk"], row["place"]],
        )


def _ended(row: Row, at: datetime) -> dict[str, Any]:
    seen = row["observed_until"] or row["started_at"]
    return {
        **row,
        "state": "closed",
        "ended_at": seen,
        "end_reason": "retention",
        "revision": row["revision"] + 1,
        "recorded_at": at,
    }
