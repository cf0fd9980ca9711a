"""Keep baselines up to date (rule 18): the days that are asked for and not there yet, and those that late rows reach.

The nightly refresh, a late row and a backfill are one piece of code. A baseline row that comes out equal stays as it was and
dirties nobody (decision 5): only changed rows make their readers compute again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

import pyarrow as pa

from indicators.card import Card
from indicators.in_force import segments
from pipelines.baselines import due, figures
from pipelines.baselines.counts import DAY, instant
from pipelines.baselines.figures import computed, stored
from pipelines.slots import Feed, feeds, members
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

__all__ = ["compared_feeds", "computed", "refresh", "refresh_day", "refresh_today", "stored"]


def compared_feeds(config: Config, card: Card) -> list[Feed]:
    """The feeds of a card that are compared with a baseline: those of its first input; none for a card without one."""
    return feeds(config, next(iter(card.inputs.values())).from_) if card.baseline else []


def refresh(
    store: Store, config: Config, used: Iterable[Feed], wanted: str, late: str, at: datetime,
    oldest: Mapping[str, datetime] | None = None,
) -> str:  # fmt: skip
    """Compute the baselines of ``wanted`` days that are missing and of computed days reached by ``late`` cells.

    ``wanted``: relation source, measure, place, interval_minutes, local_date. ``late``: relation source, measure, place,
    interval_start; ``oldest``: the first of these per delivering source, where it is known. Returns the name of a temporary table
    (measure, source, place, interval_minutes, local_date, local_time) with the keys of the rows that changed on days computed
    before. Inside a transaction.
    """
    figures.start(store)
    for feed in used if oldest is None else due.concerned(store, config, used, wanted, oldest):
        due.find(store, config, feed, wanted, late, at)
        figures.compute(store, config, feed, at)
    return "all_changed_baselines"


def refresh_day(store: Store, config: Config, cards: Iterable[Card], day: date, at: datetime) -> int:
    """Compute the baselines of one local day for every place that the cards judge on it; returns the number of places.

    Its ticks then find them ready; a tick that finds none computes them itself and gets the same. Counts that come after it
    change the baselines again. Inside a transaction.
    """
    return sum(_refresh_feed(store, config, readers, day, at) for readers in _by_feed(config, cards))


def refresh_today(store: Store, config: Config, cards: Iterable[Card], at: datetime) -> int:
    """:func:`refresh_day` once for each feed and local day: as soon as all counts of the day before are due, before any of its own."""
    count, slug = 0, config.municipality.municipality
    for readers in _by_feed(config, cards):
        feed = readers[0][0]
        day, key = (at - feed.delay).astimezone(config.tz).date(), f"baselines:{feed.source}:{feed.measure}"
        seen = one(store.con.execute("SELECT text FROM card_state WHERE municipality = ? AND key = ?", [slug, key]))
        if seen is None or seen[0] < day.isoformat():
            count += _refresh_feed(store, config, readers, day, at)
            store.con.execute("INSERT OR REPLACE INTO card_state VALUES (?, ?, ?)", [slug, key, day.isoformat()])
    return count


def _refresh_feed(store: Store, config: Config, readers: list[tuple[Feed, Card]], day: date, at: datetime) -> int:
    feed, (start, end) = readers[0][0], (instant(day, config), instant(day + DAY, config))
    rows = sorted({
        (place, int(part.settings.interval.total_seconds() // 60))
        for _, card in readers for place in members.places(config, feed) for part in segments(config, card, place, start, end)
    })  # fmt: skip
    due.as_table(store, "places_today", {"place": pa.array([p for p, _ in rows], pa.string()),
                                         "interval_minutes": pa.array([m for _, m in rows], pa.int32())})  # fmt: skip
    wanted = f"(SELECT *, '{feed.source}' AS source, '{feed.measure}' AS measure, DATE '{day}' AS local_date FROM places_today)"
    figures.start(store)
    due.missing(store, config, feed, wanted)
    figures.compute(store, config, feed, at)
    return int(one(store.con.execute("SELECT count(*) FROM baseline_due"))[0])


def _by_feed(config: Config, cards: Iterable[Card]) -> Iterable[list[tuple[Feed, Card]]]:
    """The feeds that are compared, each with all cards that read it."""
    found: dict[tuple[str, str], list[tuple[Feed, Card]]] = {}
    for card in cards:
        for feed in compared_feeds(config, card):
            found.setdefault((feed.source, feed.measure), []).append((feed, card))
    return found.values()
