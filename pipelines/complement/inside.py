"""Levels by the true numbers (rule 8: privacy hides numbers, never danger), found in a transaction that is undone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from indicators.card import Card
from pipelines import compute, sql
from pipelines.slots import members
from pipelines.store import Store, kept_apart
from pipelines.store.rows import one, temporary
from schemas.config import Config
from schemas.settings import LEVELS

_RUN = "inside"
_REACH = timedelta(days=1)  # so far after a withheld number its place is looked at: cards look back
_DANGER = ", ".join(f"'{level}'" for level in LEVELS[1:])


class _UndoneError(Exception):
    """Raised to undo a transaction that was only for looking."""


@dataclass(frozen=True)
class Levels:
    """Values at or above ``elevated``: indicator, place, interval_start, interval_end, level, judged."""

    rows: pa.Table

    def without(self, others: Levels) -> Levels:
        """Those that are not the same level in ``others``."""
        same = {_value(row) for row in others.rows.to_pylist()}
        return Levels(self.rows.filter(pa.array([_value(row) not in same for row in self.rows.to_pylist()], pa.bool_())))


def _value(row: dict[str, object]) -> tuple[object, ...]:
    return row["indicator"], row["place"], row["interval_start"], row["level"]


def levels(
    store: Store, config: Config, cards: Mapping[str, Card], at: datetime, places: Iterable[str], *, hide: pa.Table | None = None
) -> Levels:
    """Levels in which changed counts at ``places`` have a say: by the true numbers, or as if the cells of ``hide`` were withheld.

    Computes as the run will, and undoes all of it.
    """
    found: list[pa.Table] = []
    con, slug = store.con, config.municipality.municipality
    read = {place: readers(config, cards)[place] for place in places}
    with suppress(_UndoneError), store.transaction():
        con.execute(f"DELETE FROM dirty_cells WHERE municipality = '{slug}' AND place NOT IN ({sql.names(sorted(read))})")
        con.execute(f"""DELETE FROM waiting_slots WHERE municipality = '{slug}'
                        AND place NOT IN ({sql.names(sorted(set().union(*read.values())))})""")
        if hide is None:
            kept_apart.show(con)
        else:
            temporary(con, "picked_cells", hide)
            kept_apart.hide(con, "picked_cells")
        until = one(con.execute("SELECT max(interval_start) + INTERVAL 1 DAY FROM dirty_cells WHERE municipality = ?", [slug]))[0]
        compute.values(store, config, cards, at=at, until=until, run_id=_RUN, assume_arrival=False)
        found.append(con.sql(f"""
            SELECT indicator, place, interval_start, interval_end, level, judged FROM indicator_values
            WHERE municipality = '{slug}' AND run_id = '{_RUN}' AND level IN ({_DANGER})""").to_arrow_table())  # fmt: skip
        raise _UndoneError
    return Levels(found[0])


def readers(config: Config, cards: Mapping[str, Card]) -> dict[str, set[str]]:
    """Place at which is counted → the places whose indicators read it, itself among them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in config.places:
        found[row.place.place].add(row.place.place)
    for card in compute.active_cards(config, cards):
        for feeds in compute.card_feeds(config, card).values():
            for feed in feeds:
                for member in members.members(config, feed) if feed.over_places else ():
                    found[member.member].add(member.place)
    return found


def carriers(config: Config, cards: Mapping[str, Card], danger: Levels, cells: pa.Table) -> set[int]:
    """The ``version`` of the cells that have a say in one of these levels: of its place, in its time."""
    reads = readers(config, cards)
    spans: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in danger.rows.to_pylist():
        spans[row["place"]].append((row["interval_start"], row["interval_end"]))
    return {
        cell["version"] for cell in cells.to_pylist()
        if any(start < cell["interval_end"] and cell["interval_start"] < end for place in reads[cell["place"]] for start, end in spans[place])
    }  # fmt: skip


def near(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> Levels | None:
    """Levels by the true numbers of all that is to be computed now near a number that is kept apart; None where there is none."""
    slug = config.municipality.municipality
    found = store.con.execute(
        f"""SELECT DISTINCT d.place AS new, k.place AS kept FROM kept_apart k JOIN dirty_cells d USING (municipality)
            WHERE municipality = '{slug}' AND d.interval_start >= date_trunc('day', k.interval_start)
            AND d.interval_start <= k.interval_start + INTERVAL {int(_REACH.total_seconds())} SECONDS"""
    ).fetchall()
    reads = readers(config, cards) if found else {}
    places = {new for new, kept in found if reads[new] & reads[kept]}
    return levels(store, config, cards, at, places) if places else None


def restore(store: Store, config: Config, levels: Levels | None) -> int:
    """Put back the levels that withholding beside others lost from the values just computed; returns how many. In a transaction."""
    if levels is None or not levels.rows.num_rows:
        return 0
    temporary(store.con, "inside_levels", levels.rows)
    same = "v.indicator = i.indicator AND v.place = i.place AND v.interval_start = i.interval_start"
    rank = f"list_position({list(LEVELS)}, v.level)"
    done = store.con.execute(f"""
        UPDATE indicator_values v SET level = i.level, judged = i.judged FROM inside_levels i
        WHERE v.municipality = '{config.municipality.municipality}' AND {same} AND v.value IS NULL
            AND coalesce({rank}, 0) < list_position({list(LEVELS)}, i.level)""")  # fmt: skip
    return int(one(done)[0])
