"""Slots worked out once for all cards that read them: a table a feed and interval length, made when it is first asked for.

Measured on an evening tick of 23 cards: with the text of every feed written out in every card planning alone took 1.2 s, of plans
of 300 operators; of tables it takes a quarter of that, and no count is brought up twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.slots import members, validity
from pipelines.slots.feeds import Feed
from pipelines.slots.read import slots_sql
from pipelines.store import Store
from schemas.config import Config

LONGEST = timedelta(hours=1)  # no slot is longer


@dataclass(frozen=True)
class Asked:
    """Slots that somebody wants: ``table`` (place, slot_start, interval_minutes) holds some, of these lengths, in [first, last]."""

    table: str
    count: int
    lengths: tuple[int, ...]
    first: datetime
    last: datetime


def asked(store: Store, tables: Mapping[str, str]) -> dict[str, Asked]:
    """What stands in tables of slots (name → table); without those that are empty."""
    parts = " UNION ALL ".join(
        f"SELECT '{name}', count(*), list(DISTINCT interval_minutes ORDER BY interval_minutes), min(slot_start), max(slot_start) FROM {table}"
        for name, table in tables.items()
    )
    rows = store.con.execute(parts).fetchall() if parts else []
    return {name: Asked(tables[name], count, tuple(lengths), first, last) for name, count, lengths, first, last in rows if count}


class Slots:
    """The slots that are wanted of each feed. What is wanted is told first, by :meth:`want`; then :meth:`table` gives it."""

    def __init__(self, store: Store, config: Config, at: datetime):
        self._store, self._config, self._at = store, config, at
        self._wanted: dict[Feed, dict[tuple[Asked, timedelta], None]] = {}
        self._made: dict[tuple[Feed, int], str] = {}
        self._places: dict[str, frozenset[str]] = {}

    def want(self, feed: Feed, slots: Asked, ago: timedelta) -> None:
        """These slots of a feed are wanted, or those so long before."""
        self._wanted.setdefault(_itself(feed), {})[slots, ago] = None

    def table(self, feed: Feed, minutes: int) -> str:
        """A table with the wanted slots of a feed, and maybe others.

        Columns: place, slot_start, local_ts, coverage, status, value, low, high.
        """
        key = _itself(feed), minutes
        if key not in self._made:
            name = self._made[key] = f"slots_{len(self._made)}"
            columns = "place, slot_start, local_ts, coverage, status, value, low, high"
            self._store.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM {self._sql(*key)}")
        return self._made[key]

    def _sql(self, feed: Feed, minutes: int) -> str:
        wanted = [(slots, ago) for slots, ago in self._wanted[feed] if minutes in slots.lengths]
        first, last = min(s.first - ago for s, ago in wanted), max(s.last - ago for s, ago in wanted)
        # Where most of the slots of the span are wanted, it is quicker to work out all.
        span = (last - first) / timedelta(minutes=minutes) + 1
        dense = span * len(members.places(self._config, feed)) <= 4 * max(s.count for s, _ in wanted)
        some = " UNION ALL ".join(
            f"SELECT slot_start - INTERVAL {int(ago.total_seconds())} SECONDS AS slot_start, interval_minutes FROM {s.table}"
            for s, ago in wanted
        )
        end = last + LONGEST
        found = slots_sql(self._store, self._config, feed, minutes, first, end, self._at, None if dense else f"({some})")
        return f"({found}) s {validity.there(self._config, (first, end), 's.place', 'slot_start')}"

    def meet(self, feeds: list[Feed], lengths: tuple[int, ...]) -> bool:
        """Whether several of these feeds give something at one place."""
        if len(feeds) < 2:
            return False
        given = [frozenset().union(*(self._places_of(self.table(feed, m)) for m in lengths)) for feed in feeds]
        return len(frozenset().union(*given)) < sum(map(len, given))

    def _places_of(self, table: str) -> frozenset[str]:
        if table not in self._places:
            rows = self._store.con.execute(f"SELECT DISTINCT place FROM {table}").fetchall()
            self._places[table] = frozenset(place for (place,) in rows)
        return self._places[table]


def _itself(feed: Feed) -> Feed:
    """The feed without its place in the order of a card."""
    return replace(feed, position=0)
