"""Bring held levels and situations up to date after values changed: rerun from the first changed day until nothing differs.

What an atom (a safety risk at a place) carries over midnight (UTC) is kept in the private table ``level_state``, only
while there is anything to carry. A rerun starts from what was carried into the first changed day and stops at the end
of a day on which it carries what it carried before; what follows stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from indicators.card import Card
from indicators.judged import AT_ONCE, REACHED, WIDTH
from indicators.neighbours import Beside
from indicators.situations import FOREVER, Series, Version, Walk, frozen_series
from indicators.tallies import REASON_NONE, Rows
from pipelines import situation_rows
from pipelines.situation_rows import Rebuilt
from schemas.settings import BANDS

if TYPE_CHECKING:
    from schemas.config import Config

DAY = 86_400
EPOCH = date(1970, 1, 1)
MAX_DAYS = 31  # loaded at once
MAX_ROWS = 2_000_000  # loaded at once, reckoned at a row a quarter of an hour
STIRS = sum((REACHED | AT_ONCE) << WIDTH * band for band in range(len(BANDS)))  # bits without which rest stays rest
COLUMNS = """municipality, indicator, place, source, interval_start, interval_end, judged, level, value, coverage, confidence,
    reason, config_hash"""


class Stored(Protocol):
    """What is asked of the store."""

    con: duckdb.DuckDBPyConnection

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """Rows of a table as SQL text in parentheses."""


@dataclass
class Atom:
    """A safety risk at a place, dirty from day ``first`` to day ``last`` (days since 1970, UTC).

    ``before`` is what was carried over each midnight, as (first day, last day or None, text); ``after`` the same anew.
    ``low`` and ``high`` bound the start of the situations that the rerun decides on.
    """

    risk: str
    place: str
    first: int
    last: int
    before: list[tuple[int, int | None, str]] = field(default_factory=list)
    after: list[tuple[int, int | None, str]] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    low: int = 0
    high: int = FOREVER

    def carried(self, day: int) -> str | None:
        """What was carried over the end of a day before this rerun; None for rest."""
        return next((text for start, stop, text in self.before if start <= day and (stop is None or day <= stop)), None)

    def carry(self, day: int, text: str | None) -> None:
        """Note what is carried over the end of a day now; days come in order."""
        if self.after and self.after[-1][1] is None:
            start, _, known = self.after[-1]
            if known == text:
                return
            self.after[-1] = (start, day - 1, known)
        if text is not None:
            self.after.append((day, None, text))

    def segments(self, stopped_after: int | None) -> list[tuple[int, int | None, str]]:
        """What is carried from ``first`` on: the new, then after the day on which the rerun stopped what was there."""
        kept = [(s, min(e, self.first - 1) if e is not None else self.first - 1, t) for s, e, t in self.before if s < self.first]
        if stopped_after is None:
            return kept + self.after
        new = [(s, stopped_after if e is None else e, t) for s, e, t in self.after]
        rest = [(max(s, stopped_after + 1), e, t) for s, e, t in self.before if e is None or e > stopped_after]
        return kept + new + rest


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Create the private table of what is carried over midnight: ``state`` over the ends of day_from to day_to (NULL: on)."""
    con.execute("""
        CREATE TABLE IF NOT EXISTS level_state (municipality VARCHAR, safety_risk VARCHAR, place VARCHAR, day_from DATE,
            day_to DATE, state VARCHAR)
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
) -> list[dict[str, Any]]:
    """Rerun what is dirty and write the situations that differ. Inside a transaction of the caller.

    ``dirty`` names a relation (municipality, indicator, place, day) with a row for **every** day (UTC) on which a
    value changed, came or went. ``origin`` is live, backfill or replay; ``at`` the moment of the run. Returns the
    situations that changed, as rows of the table and ``change``: pending, opened, level, updated, closed or dissolved.
    """
    prepare(store.con)
    slug = config.municipality.municipality
    atoms = _dirty_atoms(store.con, slug, cards, dirty)
    if not atoms:
        return []
    _read_carried(store.con, slug, atoms)
    walk = Walk(_series(atoms, cards))
    _rerun(store, config, walk, atoms, every_version=origin == "backfill")
    rebuilt = [Rebuilt(a.risk, a.place, a.low, a.high, a.versions) for a in atoms]
    return situation_rows.settle(store.con, config, cards, beside, rebuilt, at=at, origin=origin)


def _dirty_atoms(con: duckdb.DuckDBPyConnection, slug: str, cards: Mapping[str, Card], dirty: str) -> list[Atom]:
    """Atoms whose signal cards have dirty days (rule 17: context never opens a situation), in order of risk and place."""
    found: dict[tuple[str, str], Atom] = {}
    rows = con.execute(
        f"SELECT indicator, place, min(day), max(day) FROM {dirty} WHERE municipality = ? GROUP BY ALL ORDER BY ALL", [slug]
    ).fetchall()
    for indicator, place, first, last in rows:
        card = cards.get(indicator)
        if card is None or card.role != "signal":
            continue
        one, other = (first - EPOCH).days, (last - EPOCH).days
        atom = found.setdefault((card.safety_risk, place), Atom(card.safety_risk, place, one, other))
        atom.first, atom.last = min(atom.first, one), max(atom.last, other)
    return [found[key] for key in sorted(found)]


def _series(atoms: list[Atom], cards: Mapping[str, Card]) -> list[list[Series]]:
    """Per atom the signal cards of its risk; and what is carried of a card that is gone: it must not close anything (rule 15)."""
    of_risk: dict[str, set[str]] = {}
    for card in cards.values():
        if card.role == "signal":
            of_risk.setdefault(card.safety_risk, set()).add(card.id)
    sign = {name: -1 if card.direction == "down" else 1 for name, card in cards.items()}
    found = []
    for atom in atoms:
        names = of_risk[atom.risk].union(*(frozen_series(text) for _, _, text in atom.before))
        found.append([Series(name, sign.get(name, 1)) for name in sorted(names)])
    return found


def _read_carried(con: duckdb.DuckDBPyConnection, slug: str, atoms: list[Atom]) -> None:
    """Fill ``before`` with what was carried into the first dirty day and later."""
    by_key = {(a.risk, a.place): a for a in atoms}
    earliest = EPOCH + timedelta(days=min(a.first for a in atoms) - 1)
    rows = con.execute(
        """SELECT safety_risk, place, day_from, day_to, state FROM level_state
           WHERE municipality = ? AND (day_to IS NULL OR day_to >= ?) ORDER BY day_from""",
        [slug, earliest],
    ).fetchall()
    for risk, place, start, stop, text in rows:
        atom = by_key.get((risk, place))
        if atom is not None and (stop is None or (stop - EPOCH).days >= atom.first - 1):
            atom.before.append(((start - EPOCH).days, None if stop is None else (stop - EPOCH).days, text))


def _rerun(store: Stored, config: Config, walk: Walk, atoms: list[Atom], every_version: bool) -> None:
    """Walk all atoms day by day, each until it carries what it carried before; then write what is carried."""
    slug = config.municipality.municipality
    names = sorted({s.indicator for series in walk.atoms for s in series})
    day = min(a.first for a in atoms)
    last = max(_last_day(store, slug, names, day), *(a.last for a in atoms))
    stopped: dict[int, int | None] = {}
    under_way = set(range(len(atoms)))
    length, rows = 2, None
    while under_way and day <= last:
        stop = min(day + length, last + 1)
        for index in under_way:
            atom = atoms[index]
            if day <= atom.first < stop:
                atom.low = atom.first * DAY
                carried = atom.carried(atom.first - 1)
                if carried is not None:
                    walk.thaw(index, carried)
                    atom.low = walk.begins(index)
        wanted = sorted(i for i in under_way if atoms[i].first < stop)
        rows = _load(store, config, walk, atoms, wanted=wanted, day=day, stop=stop)
        _walk_days(walk, atoms, rows, range(day, stop), under_way=under_way, stopped=stopped)
        most = MAX_ROWS // (len(walk.state.on[0]) * DAY // 900)
        day, length = stop, max(1, min(length * 4, MAX_DAYS, most))
    restless = walk.restless()
    for index in sorted(i for i in under_way if restless[i]):
        version = walk.current(index, rows)
        if version is not None:
            atoms[index].versions.append(version)
    for atom in atoms:
        atom.versions = _kept(atom, every_version)
    _write_carried(store.con, slug, atoms, stopped)


def _walk_days(
    walk: Walk, atoms: list[Atom], rows: Rows, days: range, *, under_way: set[int], stopped: dict[int, int | None]
) -> None:
    """Walk over ``days``; atoms that carry what they carried before, after their last dirty day, are done."""
    of_day = rows.start // DAY
    order = np.argsort(of_day, kind="stable")
    bounds = np.searchsorted(of_day[order], np.arange(days.start, days.stop + 1))
    for day in days:
        now = sorted(i for i in under_way if atoms[i].first <= day)
        index = np.sort(order[bounds[day - days.start] : bounds[day - days.start + 1]])
        for found, versions in walk.day(rows, index, (day + 1) * DAY, now).items():
            atoms[found].versions += versions
        restless = walk.restless()
        for i in now:
            text = walk.freeze(i) if restless[i] else None
            atoms[i].carry(day, text)
            if day >= atoms[i].last and text == atoms[i].carried(day):
                stopped[i] = day
                atoms[i].high = walk.begins(i) if text else (day + 1) * DAY
                under_way.discard(i)


def _kept(atom: Atom, every_version: bool) -> list[Version]:
    """The versions to write: of situations the rerun decides on, all or only the last of each."""
    versions = [v for v in atom.versions if atom.low <= v.started < atom.high]
    return versions if every_version else list({v.started: v for v in versions}.values())


def _last_day(store: Stored, slug: str, names: list[str], day: int) -> int:
    """The last day from ``day`` on that has a value of one of the indicators."""
    relation = store.relation("indicator_values", _moment(day), None, "municipality, indicator, interval_start")
    ((found,),) = store.con.execute(
        f"SELECT max(interval_start) FROM {relation} WHERE municipality = ? AND indicator IN (SELECT unnest(?))", [slug, names]
    ).fetchall()
    return int(found.timestamp()) // DAY if found else day


def _write_carried(con: duckdb.DuckDBPyConnection, slug: str, atoms: list[Atom], stopped: dict[int, int | None]) -> None:
    """Replace what is carried by the atoms where it differs."""
    changed = [(a, new) for i, a in enumerate(atoms) if (new := a.segments(stopped.get(i))) != a.before]
    if not changed:
        return
    gone = [{"safety_risk": a.risk, "place": a.place, "day_from": _date(s)} for a, _ in changed for s, _, _ in a.before]
    rows = [
        {"municipality": slug, "safety_risk": a.risk, "place": a.place, "day_from": _date(s),
         "day_to": None if e is None else _date(e), "state": text}
        for a, new in changed for s, e, text in new
    ]  # fmt: skip
    key = [("safety_risk", pa.string()), ("place", pa.string()), ("day_from", pa.date32())]
    con.register("carried_gone", pa.Table.from_pylist(gone, pa.schema(key)))
    con.execute(
        """DELETE FROM level_state l USING carried_gone g WHERE l.municipality = ? AND l.safety_risk = g.safety_risk
           AND l.place = g.place AND l.day_from = g.day_from""",
        [slug],
    )
    con.unregister("carried_gone")
    schema = pa.schema([("municipality", pa.string()), *key, ("day_to", pa.date32()), ("state", pa.string())])
    con.register("carried_new", pa.Table.from_pylist(rows, schema))
    con.execute("INSERT INTO level_state BY NAME FROM carried_new")
    con.unregister("carried_new")


def _load(store: Stored, config: Config, walk: Walk, atoms: list[Atom], *, wanted: list[int], day: int, stop: int) -> Rows:
    """Values of the days [day, stop) of the atoms that are not at rest or reach a band; of pending ones from their start."""
    restless = walk.restless()
    series: dict[str, list[Any]] = {"series": [], "atom": [], "indicator": [], "place": [], "load_from": [], "restless": []}
    for i in wanted:
        begin = max(day, atoms[i].first) * DAY
        start = min(walk.reaches_back(i) or begin, begin) if restless[i] else begin
        for number, one in zip(walk.series_of(i), walk.atoms[i], strict=True):
            for name, value in zip(series, (number, i, one.indicator, atoms[i].place, start, bool(restless[i])), strict=True):
                series[name].append(value)
    earliest = min(series["load_from"], default=day * DAY)
    relation = store.relation("indicator_values", datetime.fromtimestamp(earliest, UTC), _moment(stop), COLUMNS)
    store.con.register("situate_series", pa.table(series))
    table = store.con.sql(
        f"""
        WITH found AS (
            SELECT s.series, s.atom, s.restless, v.*, epoch_us(interval_start) // 1000000 AS start_s
            FROM {relation} v JOIN situate_series s USING (indicator, place)
            WHERE municipality = ? AND start_s >= s.load_from),
        stirred AS (SELECT DISTINCT atom FROM found WHERE restless OR judged & {STIRS} <> 0)
        SELECT series, start_s, epoch_us(interval_end) // 1000000 AS end_s, judged, level <> 'unknown' AS known, value, coverage,
               confidence, reason, source, config_hash
        FROM found SEMI JOIN stirred USING (atom) ORDER BY series, start_s
        """,
        params=[config.municipality.municipality],
    ).to_arrow_table()
    store.con.unregister("situate_series")
    return _rows(store.con, config, table, walk.state.on.shape[1])


def _rows(con: duckdb.DuckDBPyConnection, config: Config, table: pa.Table, count: int) -> Rows:
    """The loaded table as arrays; texts as numbers into lists."""

    def array(name: str, kind: Any) -> Any:
        return table[name].to_numpy(zero_copy_only=False).astype(kind)

    def coded(name: str) -> tuple[Any, list[Any]]:
        column = table[name].combine_chunks().dictionary_encode()
        column = column if isinstance(column, pa.DictionaryArray) else column.combine_chunks()
        return column.indices.fill_null(REASON_NONE).to_numpy(zero_copy_only=False), column.dictionary.to_pylist()

    series = array("series", np.int64)
    settings, hashes = coded("config_hash")
    source, sources = coded("source")
    reason, reasons = coded("reason")
    delays = [config.sources[s].delay.total_seconds() if s in config.sources else 0 for s in sources]
    enter, for_seconds, keep_seconds = _settings(con, hashes)
    return Rows(
        offsets=np.searchsorted(series, np.arange(count + 1)),
        series=series,
        start=array("start_s", np.int64),
        end=array("end_s", np.int64),
        delay=np.array([*delays, 0], dtype=np.int64)[source],
        packed=array("judged", np.int16),
        settings=settings.astype(np.int32),
        known=array("known", np.bool_),
        value=array("value", np.float64),
        coverage=array("coverage", np.float64),
        confidence=array("confidence", np.float64),
        reason=reason.astype(np.int16),
        held=np.zeros(len(series), dtype=np.int8),
        reasons=tuple(reasons),
        enter=enter,
        for_seconds=for_seconds,
        keep_seconds=keep_seconds,
    )


def _settings(con: duckdb.DuckDBPyConnection, hashes: list[str]) -> tuple[Any, Any, Any]:
    """Arrays (hashes, 3): ``enter`` (NaN: the band does not exist), seconds of ``for`` and of ``keep_for``.

    A band that no longer exists is left at its first calm slot. Raises LookupError for a hash without settings.
    """
    fields = ", ".join(
        f"(settings ->> '$.bands.{band}.{name}')::DOUBLE"
        for name in ("enter", "for_minutes", "keep_for_minutes") for band in BANDS
    )  # fmt: skip
    rows = con.execute(
        f"SELECT config_hash, {fields} FROM effective_settings WHERE config_hash IN (SELECT unnest(?::VARCHAR[]))", [hashes]
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    lost = [h for h in hashes if h not in known]
    if lost:
        raise LookupError(f"effective_settings has no row for config_hash {', '.join(map(str, lost[:3]))}. Restate these values.")
    numbers = np.array([known[h] for h in hashes], dtype=np.float64).reshape(-1, 3, len(BANDS))
    seconds = np.rint(np.nan_to_num(numbers[:, 1:]) * 60).astype(np.int64)
    return numbers[:, 0], seconds[:, 0], seconds[:, 1]


def _moment(day: int) -> datetime:
    return datetime.fromtimestamp(day * DAY, UTC)


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
