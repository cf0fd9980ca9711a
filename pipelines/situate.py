"""Bring held levels and situations up to date after values changed: rerun from the first change until nothing differs.

What an atom (a safety risk at a place) carries over midnight (UTC), and in the newest day over each hour, is kept in the
private table ``level_state``, only while there is anything to carry. A rerun starts from what was carried into the first
changed hour or day, and stops where it carries what was carried there before; what follows stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from indicators.card import Card
from indicators.neighbours import Beside
from indicators.situations import FOREVER, UNOBSERVED, UNOBSERVED_AFTER, Clock, Series, Version, Walk, frozen_series
from indicators.tallies import Rows
from pipelines import situation_rows
from pipelines.situate_load import STIRS, Stored, load, utc
from pipelines.situation_rows import Rebuilt

if TYPE_CHECKING:
    from schemas.config import Config

HOUR, DAY = 3600, 86_400
MAX_DAYS = 31  # loaded at once
MAX_ROWS = 2_000_000  # loaded at once, reckoned at a row a quarter of an hour
SIGNALS = pa.schema([("indicator", pa.string()), ("safety_risk", pa.string())])

Carried = tuple[int, int | None, str]  # what is carried over the bounds from a moment until before another (None: on)


@dataclass
class Atom:
    """A safety risk at a place, to be rerun from ``first`` and at least until ``last`` (bounds, in epoch seconds).

    ``before`` is what was carried over bounds, ``after`` the same anew. ``low`` and ``high`` bound the start of the
    situations that the rerun decides on. ``to_the_end``: the clock matters, so that the rerun may not stop early.
    """

    risk: str
    place: str
    first: int
    last: int
    to_the_end: bool = False
    before: list[Carried] = field(default_factory=list)
    after: list[Carried] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    low: int = 0
    high: int = FOREVER

    def carried(self, bound: int) -> str | None:
        """What was carried over a bound before this rerun; None for rest."""
        return next((text for start, until, text in self.before if start <= bound and (until is None or bound < until)), None)

    def carry(self, bound: int, text: str | None) -> None:
        """Note what is carried over a bound now; bounds come in order."""
        if self.after and self.after[-1][1] is None:
            start, _, known = self.after[-1]
            if known == text:
                return
            self.after[-1] = (start, bound, known)
        if text is not None:
            self.after.append((bound, None, text))

    def segments(self, stopped: int | None) -> list[Carried]:
        """What is carried: up to ``first`` as it was, then the new, then after the bound where the rerun stopped as it was."""
        kept = [(s, self.first + 1 if e is None else min(e, self.first + 1), t) for s, e, t in self.before if s <= self.first]
        if stopped is None:
            return kept + self.after
        new = [(s, stopped + 1 if e is None else e, t) for s, e, t in self.after]
        rest = [(max(s, stopped + 1), e, t) for s, e, t in self.before if e is None or e > stopped + 1]
        return kept + new + rest


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Create the private tables: what is carried over the bounds in [carried_from, carried_until), and since when bounds are hours."""
    con.execute("""
        CREATE TABLE IF NOT EXISTS level_state (municipality VARCHAR, safety_risk VARCHAR, place VARCHAR,
            carried_from TIMESTAMPTZ, carried_until TIMESTAMPTZ, state VARCHAR);
        CREATE TABLE IF NOT EXISTS level_hours (municipality VARCHAR PRIMARY KEY, since TIMESTAMPTZ);
    """)


def update(
    store: Stored,
    config: Config,
    cards: Mapping[str, Card],
    beside: Beside,
    dirty: str,
    *,
    at: datetime,
    origin: str,
    run_id: str,  # noqa: ARG001 - situations carry no run id; part of the seam
    again: bool = False,
) -> list[dict[str, Any]]:
    """Rerun what is dirty, or has been without data for long, and write the situations that differ. In a transaction.

    ``dirty`` names a relation (municipality, indicator, place, day) that tells at least the first and the last day (UTC) on which
    a value changed, came or went; ``day`` may be finer, the start of an hour (TIMESTAMPTZ). ``origin`` is live, backfill or
    replay; ``at`` the moment of the run. ``again``: a backfill computes what was computed before.
    Returns the situations that changed, as rows of the table and ``change``:
    pending, opened, level, unobserved, updated, closed or dissolved.
    """
    prepare(store.con)
    slug = config.municipality.municipality
    horizon = _newest_end(store, slug) if origin == "backfill" else int(at.timestamp())
    hours = _hours_since(store.con, slug)
    atoms = _atoms(store, slug, cards, dirty, horizon, hours)
    _read_carried(store.con, slug, atoms)
    series = _series(atoms, cards)
    atoms = [atom for atom, found in zip(atoms, series, strict=True) if found]
    if not atoms:
        return []
    walk = Walk([found for found in series if found])
    told = store.con.execute(f"SELECT DISTINCT typeof(day) FROM {dirty}").fetchall()
    by_hour = bool(told) and told != [("DATE",)]  # checkpoints by the hour serve only where it is told which hour changed
    every = origin == "backfill" and not again
    _rerun(store, config, walk, atoms, hours, by_hour=by_hour, clock=clock(origin, horizon), every_version=every)
    rebuilt = [Rebuilt(a.risk, a.place, a.low, a.high, a.versions) for a in atoms]
    return situation_rows.settle(store.con, config, cards, beside, rebuilt, at=at, origin=origin, known_now=not every)


def clock(origin: str, horizon: int) -> Clock:
    """Until when slots could be known: at the moment of a run those that are due; in a backfill up to the newest value.

    From there on it is the live run's to say what is missing, as in the grid.
    """
    return (lambda _delay: horizon) if origin == "backfill" else (lambda delay: horizon - delay)


def _newest_end(store: Stored, slug: str) -> int:
    """End of the newest value of the municipality; 0 without any."""
    relation = store.relation("indicator_values", None, None, "municipality, interval_end")
    ((found,),) = store.con.execute(f"SELECT max(interval_end) FROM {relation} WHERE municipality = ?", [slug]).fetchall()
    return int(found.timestamp()) if found else 0


def _hours_since(con: duckdb.DuckDBPyConnection, slug: str) -> int:
    """The midnight from which on what is carried is known by the hour."""
    rows = con.execute("SELECT since FROM level_hours WHERE municipality = ?", [slug]).fetchall()
    return int(rows[0][0].timestamp()) if rows else FOREVER


def _atoms(store: Stored, slug: str, cards: Mapping[str, Card], dirty: str, horizon: int, hours: int) -> list[Atom]:
    """What is to be rerun, in order of risk and place: see :func:`_dirty` and :func:`_out_of_sight`."""
    found = {
        (risk, place): Atom(risk, place, first, last) for risk, place, first, last in _dirty(store, slug, cards, dirty, hours)
    }
    for risk, place, seen in _out_of_sight(store.con, slug, horizon):
        first = seen // (HOUR if seen >= hours else DAY) * (HOUR if seen >= hours else DAY)
        found.setdefault((risk, place), Atom(risk, place, first, first)).to_the_end = True
    return [found[key] for key in sorted(found)]


def _dirty(store: Stored, slug: str, cards: Mapping[str, Card], dirty: str, hours: int) -> list[tuple[str, str, int, int]]:
    """(risk, place, first, last bound) of the atoms whose signal cards have changed values (rule 17: context never opens one).

    Left out are those that were at rest then and stay so: nothing carried, no situation and nothing that reaches a band.
    """
    con = store.con
    ((earliest,),) = con.execute(f"SELECT epoch(min(day)) FROM {dirty} WHERE municipality = ?", [slug]).fetchall()
    if earliest is None:
        return []
    since = utc(int(earliest) // DAY * DAY)
    values = store.relation("indicator_values", since, None, "municipality, indicator, place, interval_start, judged")
    signals = [(name, card.safety_risk) for name, card in cards.items() if card.role == "signal"]
    con.register("signals", pa.table({"indicator": [n for n, _ in signals], "safety_risk": [r for _, r in signals]}, SIGNALS))
    rows = con.execute(
        f"""
        WITH marked AS (
            SELECT safety_risk, place, CAST(epoch(min(day)) AS BIGINT) AS moment, if(moment >= $hours, {HOUR}, {DAY}) AS unit,
                   make_timestamptz(moment // unit * unit * 1000000) AS first,
                   max(day + if(typeof(day) = 'DATE', INTERVAL 1 DAY, INTERVAL 1 HOUR))::TIMESTAMPTZ AS last
            FROM {dirty} JOIN signals USING (indicator) WHERE municipality = $slug GROUP BY ALL),
        stirred AS (
            SELECT DISTINCT safety_risk, place FROM {values} v JOIN signals USING (indicator) JOIN marked USING (safety_risk, place)
            WHERE municipality = $slug AND judged & {STIRS} <> 0 AND interval_start >= first AND interval_start < last)
        SELECT safety_risk, place, epoch(first), epoch(last) FROM marked m
        WHERE EXISTS (FROM stirred s WHERE s.safety_risk = m.safety_risk AND s.place = m.place)
            OR EXISTS (FROM situations s WHERE municipality = $slug AND s.safety_risk = m.safety_risk AND s.place = m.place
                       AND started_at >= first AND started_at < last)
            OR EXISTS (FROM level_state s WHERE municipality = $slug AND s.safety_risk = m.safety_risk AND s.place = m.place
                       AND (carried_until IS NULL OR carried_until > first))
        """,
        {"slug": slug, "hours": hours},
    ).fetchall()
    con.unregister("signals")
    return [(risk, place, int(first), int(last)) for risk, place, first, last in rows]


def _out_of_sight(con: duckdb.DuckDBPyConnection, slug: str, horizon: int) -> list[tuple[str, str, int]]:
    """(risk, place, last known moment) of situations under way that have to be marked, or given up, by the clock (rule 15).

    Where a source or a place ended no row comes any more that would make them dirty.
    """
    rows = con.execute(
        """SELECT safety_risk, place, epoch(coalesce(observed_until, started_at)) AS seen FROM situations
           WHERE municipality = ? AND state IN ('open', 'pending') AND NOT list_contains(reasons, ?) AND seen <= ?""",
        [slug, UNOBSERVED, horizon - UNOBSERVED_AFTER],
    ).fetchall()
    return [(risk, place, int(seen)) for risk, place, seen in rows]


def _series(atoms: list[Atom], cards: Mapping[str, Card]) -> list[list[Series]]:
    """Per atom the signal cards of its risk; and what is carried of a card that is gone: it must not close anything (rule 15)."""
    of_risk: dict[str, list[str]] = {}
    for name in sorted(cards):
        if cards[name].role == "signal":
            of_risk.setdefault(cards[name].safety_risk, []).append(name)
    sign = {name: -1 if card.direction == "down" else 1 for name, card in cards.items()}
    found = []
    for atom in atoms:
        names: Iterable[str] = of_risk.get(atom.risk, [])
        if atom.before:
            names = sorted({*names, *(name for _, _, text in atom.before for name in frozen_series(text))})
        found.append([Series(name, sign.get(name, 1)) for name in names])
    return found


def _read_carried(con: duckdb.DuckDBPyConnection, slug: str, atoms: list[Atom]) -> None:
    """Fill ``before`` with what was carried into the first change and later."""
    if not atoms:
        return
    by_key = {(a.risk, a.place): a for a in atoms}
    rows = con.execute(
        """SELECT safety_risk, place, epoch(carried_from), epoch(carried_until), state FROM level_state
           WHERE municipality = ? AND (carried_until IS NULL OR carried_until > ?) ORDER BY carried_from""",
        [slug, utc(min(a.first for a in atoms))],
    ).fetchall()
    for risk, place, start, until, text in rows:
        atom = by_key.get((risk, place))
        if atom is not None and (until is None or until > atom.first):
            atom.before.append((int(start), None if until is None else int(until), text))


def _rerun(
    store: Stored, config: Config, walk: Walk, atoms: list[Atom], hours: int, *, by_hour: bool, clock: Clock, every_version: bool
) -> None:
    """Walk all atoms from bound to bound, each until it carries what it carried before; then write what is carried.

    ``hours``: since when bounds are hours; with ``by_hour`` that becomes the midnight before the newest value.
    """
    slug = config.municipality.municipality
    names = sorted({s.indicator for series in walk.atoms for s in series})
    start = min(a.first for a in atoms)
    newest = max(_last_start(store, slug, names, start), *(a.first for a in atoms))
    if by_hour:
        hours = max(newest // DAY * DAY, 0 if hours == FOREVER else hours)
    stopped: dict[int, int | None] = {}
    under_way = set(range(len(atoms)))
    days, rows, end = 2, None, _next_bound(newest, hours)
    while under_way and start < end:
        stop = min((start // DAY + days) * DAY, end)
        bounds = _bounds(start, stop, hours, atoms)
        _begin(walk, atoms, under_way, start, stop)
        rows = _load(store, config, walk, atoms, sorted(i for i in under_way if atoms[i].first < stop), start, stop)
        _walk_bounds(walk, atoms, rows, bounds, under_way=under_way, stopped=stopped)
        most = MAX_ROWS // (len(walk.state.on[0]) * DAY // 900)
        start, days = stop, max(1, min(days * 4, MAX_DAYS, most))
    restless = walk.restless()
    for index in sorted(i for i in under_way if restless[i]):
        version = walk.current(index, rows, clock) if rows is not None else None
        if version is not None:
            atoms[index].versions.append(version)
    for atom in atoms:
        atom.versions = _kept(atom, every_version)
    _write_carried(store.con, slug, atoms, stopped)
    _keep_hours(store.con, slug, hours)


def _begin(walk: Walk, atoms: list[Atom], under_way: Iterable[int], start: int, stop: int) -> None:
    """Set the atoms that begin in [start, stop) to what was carried into their first bound."""
    for index in under_way:
        atom = atoms[index]
        if start <= atom.first < stop:
            atom.low = atom.first
            carried = atom.carried(atom.first)
            if carried is not None:
                walk.thaw(index, carried)
                atom.low = walk.begins(index)


def _next_bound(moment: int, hours: int) -> int:
    """The first midnight after a moment; from ``hours`` on the first whole hour."""
    length = HOUR if moment >= hours else DAY
    return (moment // length + 1) * length


def _bounds(start: int, stop: int, hours: int, atoms: list[Atom]) -> list[int]:
    """Moments from ``start`` to ``stop`` over which something is carried."""
    found = {start, stop, *(a.first for a in atoms if start < a.first < stop)}
    bound = _next_bound(start, hours)
    while bound < stop:
        found.add(bound)
        bound = _next_bound(bound, hours)
    return sorted(found)


def _walk_bounds(
    walk: Walk, atoms: list[Atom], rows: Rows, bounds: list[int], *, under_way: set[int], stopped: dict[int, int | None]
) -> None:
    """Walk from bound to bound; atoms that carry what they carried before, after their last change, are done."""
    order = np.argsort(rows.start, kind="stable")
    cuts = np.searchsorted(rows.start[order], bounds)
    for (start, stop), (low, high) in zip(pairwise(bounds), pairwise(cuts), strict=True):
        now = sorted(i for i in under_way if atoms[i].first <= start)
        for found, versions in walk.day(rows, np.sort(order[low:high]), stop, now).items():
            atoms[found].versions += versions
        restless = walk.restless()
        for i in now:
            text, atom = walk.freeze(i) if restless[i] else None, atoms[i]
            atom.carry(stop, text)
            if stop >= atom.last and not atom.to_the_end and text == atom.carried(stop):
                stopped[i] = stop
                atom.high = walk.begins(i) if text else stop
                under_way.discard(i)


def _kept(atom: Atom, every_version: bool) -> list[Version]:
    """The versions to write: of situations the rerun decides on, all or only the last of each."""
    versions = [v for v in atom.versions if atom.low <= v.started < atom.high]
    return versions if every_version else list({v.started: v for v in versions}.values())


def _last_start(store: Stored, slug: str, names: list[str], since: int) -> int:
    """Start of the last value from ``since`` on of one of the indicators."""
    relation = store.relation("indicator_values", utc(since), None, "municipality, indicator, interval_start")
    ((found,),) = store.con.execute(
        f"SELECT max(interval_start) FROM {relation} WHERE municipality = ? AND indicator IN (SELECT unnest(?))", [slug, names]
    ).fetchall()
    return int(found.timestamp()) if found else since


def _load(store: Stored, config: Config, walk: Walk, atoms: list[Atom], wanted: list[int], start: int, stop: int) -> Rows:
    """Values in [start, stop) of the atoms that are not at rest or reach a band; of pending ones from their start."""
    restless = walk.restless()
    series: dict[str, list[Any]] = {"series": [], "atom": [], "indicator": [], "place": [], "load_from": [], "restless": []}
    for i in wanted:
        begin = max(start, atoms[i].first)
        from_ = min(walk.reaches_back(i) or begin, begin) if restless[i] else begin
        for number, one in zip(walk.series_of(i), walk.atoms[i], strict=True):
            for name, value in zip(series, (number, i, one.indicator, atoms[i].place, from_, bool(restless[i])), strict=True):
                series[name].append(value)
    return load(store, config, series, walk.state.on.shape[1], stop)


def _write_carried(con: duckdb.DuckDBPyConnection, slug: str, atoms: list[Atom], stopped: dict[int, int | None]) -> None:
    """Replace what is carried by the atoms where it differs."""
    changed = [(a, new) for i, a in enumerate(atoms) if (new := a.segments(stopped.get(i))) != a.before]
    if not changed:
        return
    gone = [{"safety_risk": a.risk, "place": a.place, "carried_from": utc(s)} for a, _ in changed for s, _, _ in a.before]
    rows = [
        {"municipality": slug, "safety_risk": a.risk, "place": a.place, "carried_from": utc(s),
         "carried_until": None if e is None else utc(e), "state": text}
        for a, new in changed for s, e, text in new
    ]  # fmt: skip
    moment = pa.timestamp("us", "UTC")
    key = [("safety_risk", pa.string()), ("place", pa.string()), ("carried_from", moment)]
    con.register("carried_gone", pa.Table.from_pylist(gone, pa.schema(key)))
    con.execute(
        """DELETE FROM level_state l USING carried_gone g WHERE l.municipality = ? AND l.safety_risk = g.safety_risk
           AND l.place = g.place AND l.carried_from = g.carried_from""",
        [slug],
    )
    con.unregister("carried_gone")
    schema = pa.schema([("municipality", pa.string()), *key, ("carried_until", moment), ("state", pa.string())])
    con.register("carried_new", pa.Table.from_pylist(rows, schema))
    con.execute("INSERT INTO level_state BY NAME FROM carried_new")
    con.unregister("carried_new")


def _keep_hours(con: duckdb.DuckDBPyConnection, slug: str, hours: int) -> None:
    """Note from when on bounds are hours; of the days before it only what is carried over midnight stays."""
    if _hours_since(con, slug) == hours:
        return
    con.execute("INSERT OR REPLACE INTO level_hours VALUES (?, ?)", [slug, utc(hours)])
    con.execute(
        """DELETE FROM level_state WHERE municipality = ? AND carried_until < ?
           AND date_trunc('day', carried_from - INTERVAL 1 MICROSECOND) + INTERVAL 1 DAY >= carried_until""",
        [slug, utc(hours)],
    )
