"""Before anything is computed: withhold what would give a small group away, and see that no level is lost by it (decision 0030).

What was published stays published: only numbers that nobody has seen are withheld, as the range that the others leave, so that all
that is worked out from them afterwards gives nothing away either. Levels at or above ``elevated`` are found with the true numbers in a
transaction that is undone; numbers that carry one are withheld last, and a level that would be lost is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from indicators.card import Card
from pipelines.complement import inside, known, linked
from pipelines.complement.choose import OUTSIDE, Offer, Story, choose, reach
from pipelines.complement.known import KEY, Known
from pipelines.notes import Note
from pipelines.privacy.narrow import Floats, components, narrow
from pipelines.privacy.unknowns import Flags, Unknowns, judge
from pipelines.store import Store, kept_apart
from pipelines.store.rows import one, temporary
from schemas.config import Config

DAY, CHUNK = timedelta(days=1), timedelta(days=31)
_TURNS = 6  # of telling more stories, looking further each time
_HOPS = (2, 4, 8, 1000, 1000, 1000)
_WIDER = 0.05  # a small group is withheld anyhow: its range costs less than a number
_LOST = 30.0  # the cost of a number whose level would be lost
_ELEVATED = 3.0
# Totals and directions first (rule 8), the longer interval before the shorter, people present last; the differences only order equals.
_BY_MEASURE = {"count_total": 0.0, "boarding": 1e-3, "alighting": 1e-3, "count_in": 2e-3, "count_out": 2e-3, "present": 4e-3}


@dataclass(frozen=True)
class Kept:
    """``withheld``: numbers withheld beside others. ``open``: small groups that older publications give away. ``levels``: those to keep."""

    withheld: int = 0
    open: int = 0
    levels: inside.Levels | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is left open, in words."""
        if not self.open:
            return ()
        return (
            Note(
                "beside_open",
                f"{self.open} kleine groepen zijn met eerder gepubliceerde getallen af te leiden: zie `drukte privacy audit`",
                f"{self.open} small groups can be worked out with numbers published before: see `drukte privacy audit`",
            ),
        )


@dataclass(frozen=True)
class _Picked:
    """What to withhold: versions of ``seen`` with the range that is published in the number's place."""

    unknowns: tuple[int, ...]
    low: Floats
    high: Floats
    left: int  # unsafe all the same


def protect(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> Kept:
    """Withhold in ``observations`` what was taken in since the last run and would give a small group away.

    Outside a transaction. Raises :class:`pipelines.privacy.solve.UndecidedError`.
    """
    there = linked.places(config) if config.municipality.withhold_beside and config.k > 1 else frozenset()
    if not there:
        return Kept()
    withheld = left = 0
    for span in _spans(store, config, there):
        found = known.load(store, config, there, span)
        if found is None:
            continue
        try:
            picked = _protect(store, config, cards, at, found, span)
        finally:
            found.con.close()
        withheld, left = withheld + len(picked.unknowns), left + picked.left
    return Kept(withheld, left, inside.near(store, config, cards, at))


def _spans(store: Store, config: Config, there: frozenset[str]) -> Iterator[tuple[datetime, datetime]]:
    """The stretches that hold what is new, with a day before from which sources are known to count the same."""
    listed = ", ".join(f"'{place}'" for place in sorted(there))
    first, last = one(
        store.con.execute(
            f"SELECT min(interval_start), max(interval_start) FROM dirty_cells WHERE municipality = ? AND place IN ({listed})",
            [config.municipality.municipality],
        )
    )
    pad = max(linked.longest(config), timedelta(hours=1))
    while first is not None and first <= last:
        until = min(first + CHUNK, last + pad)
        yield first - pad - DAY, until + pad
        first += CHUNK


def _protect(
    store: Store, config: Config, cards: Mapping[str, Card], at: datetime, found: Known, span: tuple[datetime, datetime]
) -> _Picked:
    """Choose for one stretch; withhold; look whether a level is lost; choose again without what carries it."""
    least = 0.0 if config.municipality.withhold_zero else 1.0
    unsafe = _unsafe(found.unknowns, config.k, found.new)
    if not unsafe:
        return _Picked((), np.zeros(0), np.zeros(0), 0)
    may = known.unseen(found, store.published, config.municipality.municipality, span, least)
    costs = _costs(found)
    picked = _choose(found, may, costs, unsafe, config.k, least, frozenset())
    if not picked.unknowns:
        return picked
    near = _cells(found, np.flatnonzero(may & _hanging(found, unsafe, may)))
    places = set(near["place"].to_pylist())
    danger = inside.levels(store, config, cards, at, places)
    if heavy := inside.carriers(config, cards, danger, near):
        costs = costs + np.where(np.isin(found.unknowns.versions, list(heavy)), _ELEVATED, 0.0)
        picked = _choose(found, may, costs, unsafe, config.k, least, frozenset())
    shown = frozenset[int]()
    for _ in range(_TURNS if danger.rows.num_rows else 0):
        lost = danger.without(inside.levels(store, config, cards, at, places, hide=_ranges(found, picked)))
        told = inside.carriers(config, cards, lost, _cells(found, picked.unknowns))
        carries = {int(u) for u in picked.unknowns if int(found.unknowns.versions[u]) in told} - shown
        if not carries:
            break
        shown |= carries
        costs[list(carries)] += _LOST
        picked = _choose(found, may, costs, unsafe, config.k, least, shown)
    with store.transaction():
        temporary(store.con, "picked_cells", _ranges(found, picked))
        kept_apart.hide(store.con, "picked_cells")
    return picked


def _hanging(found: Known, unsafe: Iterable[int], may: Flags) -> Flags:
    """What hangs together with an unsafe unknown, over numbers that may be withheld."""
    start = found.unknowns.system.without(set())
    start.hi[may] = np.inf
    group = components(start)
    hanging: Flags = np.isin(group, group[list(unsafe)])
    return hanging


def _unsafe(unknowns: Unknowns, k: int, among: Flags | None = None) -> dict[int, set[int]]:
    """Unsafe unknowns with what they can be; ``among``: only those that hang together with one of these."""
    settled = narrow(unknowns.system)
    near = None
    if among is not None:
        opened = unknowns.system.without(set())
        opened.hi[among] = np.inf
        group = components(opened)
        near = np.isin(group, group[among])
    return judge(unknowns, settled, k, near).possible


def _choose(
    found: Known, may: Flags, costs: Floats, unsafe: dict[int, set[int]], k: int, least: float, shown: frozenset[int]
) -> _Picked:
    """Withhold until nothing that hangs together with it is unsafe; ``shown``: of these a level tells that they are at least so many."""
    unknowns, picked = found.unknowns, set[int]()
    low, high = unknowns.system.lo, unknowns.system.hi
    base = unknowns.system.without(narrow(unknowns.system).broken)
    offers = [Offer(int(u), low[u], high[u], costs[u], low[u] if u in shown else least) for u in np.flatnonzero(may)]
    stories: dict[Story, None] = {}
    left, wider = unsafe, unknowns
    for turn in range(_TURNS):
        stories |= dict.fromkeys(
            story for u, possible in left.items() for story in _stories(unknowns, u, possible, k, bool(may[u]), turn)
        )
        picked |= choose(base, offers, [*stories], k, hops=_HOPS[turn])
        lo, hi = low.copy(), high.copy()
        for u in picked:
            lo[u], hi[u] = low[u] if u in shown else least, np.inf
        wider = unknowns.widened(picked, lo, hi)
        left = {u: p for u, p in _unsafe(wider, k).items() if u in unsafe or u in picked}
        if not left:
            break
    return _ranges_of(unknowns, wider, sorted(picked), shown, len(left), k)


def _stories(unknowns: Unknowns, unknown: int, possible: set[int], k: int, may: bool, turn: int) -> Iterator[Story]:
    """What must be possible of an unsafe unknown: the ends at first, each value that is lacking later."""
    if not unknowns.small[unknown] or may:
        yield Story(unknown, OUTSIDE)
    if unknowns.small[unknown]:
        need = unknowns.need(unknown, k)
        for value in sorted({min(need), max(need)} if turn == 0 else need - possible):
            yield Story(unknown, value)


def _ranges_of(unknowns: Unknowns, wider: Unknowns, picked: list[int], shown: frozenset[int], left: int, k: int) -> _Picked:
    """The range that everything else leaves to each number: it tells nothing that was not known. Where it has no end, a wide one."""
    settled, start = narrow(wider.system), unknowns.system
    low, high = settled.lo[picked], settled.hi[picked]
    bare = ~np.isfinite(high) | (low > start.lo[picked]) | (high < start.hi[picked]) | np.isin(picked, list(shown))
    wide = 10.0 ** np.ceil(np.log10(start.hi[picked] + reach(start, k)))
    return _Picked(tuple(picked), np.where(bare, 1.0, low), np.where(bare, wide, high), left)


def _costs(found: Known) -> Floats:
    """What it costs to withhold each unknown: as good as one, so that as few as possible go."""
    rows = found.con.execute("""
        SELECT version, measure, epoch(interval_end - interval_start) AS length, dense_rank() OVER (ORDER BY cell) AS rank
        FROM seen JOIN cells USING (cell)""").fetchall()
    longest = max(row[2] for row in rows) or 1.0
    cost = {
        version: 1 + _BY_MEASURE.get(measure, 3e-3) - 1e-3 * length / longest + 1e-4 * rank / len(rows)
        for version, measure, length, rank in rows
    }
    found_costs = np.array([cost.get(int(version), 1.0) for version in found.unknowns.versions])
    return np.where(found.unknowns.small, _WIDER * found_costs, found_costs)


def _cells(found: Known, unknowns: npt.ArrayLike) -> pa.Table:
    """version, dataset, source, place, interval_start, interval_end, measure of unknowns."""
    versions = pa.table({"version": pa.array(found.unknowns.versions[np.asarray(unknowns, np.int64)], pa.int64())})
    found.con.register("asked", versions)
    try:
        return found.con.sql("""
            SELECT version, cells.* EXCLUDE (cell, hour) FROM asked JOIN seen USING (version) JOIN cells USING (cell)
            ORDER BY version""").to_arrow_table()  # fmt: skip
    finally:
        found.con.unregister("asked")


def _ranges(found: Known, picked: _Picked) -> pa.Table:
    """The key of observations with low and high."""
    order = np.argsort(found.unknowns.versions[list(picked.unknowns)])
    cells = _cells(found, picked.unknowns)
    slug = found.con.execute("SELECT any_value(municipality) FROM places").fetchall()[0][0]
    cells = cells.append_column("municipality", pa.array([slug] * cells.num_rows, pa.string()))
    low, high = (pa.array(side[order], pa.float64()) for side in (picked.low, picked.high))
    return cells.select([*KEY]).append_column("low", low).append_column("high", high)
