"""Quality as data: every day measured against its requirement, and faults proposed for the register.

A run looks at two things: what is silent right now (few places, so it costs little), and the local days that are over and were
not looked at since something of them changed (once a day, and after late data). A detector proposes; it never acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from indicators.card import Card
from pipelines import baselines, compute, register
from pipelines.baselines.counts import DAY, instant, spans
from pipelines.quality import beside, measured, nights, repeats, runs, whole_days
from pipelines.quality.findings import COVERED, SILENCE, Finding, Looked, record
from pipelines.slots import Feed
from pipelines.slots.feeds import kind_of
from pipelines.store import Store
from schemas.config import Config
from schemas.settings import Source

BACK = timedelta(days=2)  # runs are followed so far back; what began before keeps its entry
STRETCH = 31  # days looked at in one go, so that memory does not grow with history


def note_changes(store: Store, config: Config) -> None:
    """Remember the local days of the cells that changed since they were last computed. Inside a transaction, before they are."""
    slug, zone = config.municipality.municipality, config.municipality.timezone
    store.con.execute(f"""
        INSERT INTO changed_days
        SELECT DISTINCT municipality, source, CAST(timezone('{zone}', hour) AS DATE)
        FROM (SELECT DISTINCT municipality, source, date_trunc('hour', interval_start) AS hour FROM dirty_cells WHERE municipality = '{slug}')
        EXCEPT SELECT municipality, source, local_date FROM changed_days""")


def look_now(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> None:
    """Look at what is silent now, before it is judged: an accepted outage that has ended ends in the same run."""
    settings = config.municipality.detectors.sudden_zeros
    if not settings.on:
        return
    feeds = _compared(config, cards)
    silent = beside.silent(store, config, feeds, at, settings.min_duration)
    lasting = _lasting(store, config)
    if not silent and not lasting:
        return
    with store.transaction():
        for feed in feeds:
            _now(store, config, feed, silent.get(feed, set()), lasting.get(feed.source, set()), at)
        note_changes(store, config)


def close_days(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> None:
    """Measure the local days that are over and changed, and look for faults in them. In transactions of its own."""
    over = _over(store, config, at)
    compared = _compared(config, cards) if over else []
    for name, days in over.items():
        for first, last in _stretches(days):
            with store.transaction():
                _close(store, config, config.sources[name], [f for f in compared if f.source == name], first, last, at)


def _compared(config: Config, cards: Mapping[str, Card]) -> list[Feed]:
    """Counts of the places themselves that some card compares with baselines."""
    found = {
        (f.source, f.measure): f for card in compute.active_cards(config, cards) for f in baselines.compared_feeds(config, card)
        if not f.over_places and not f.sporadic and kind_of(f.given[0].measures[0]) in ("flow", "stock")
    }  # fmt: skip
    return list(found.values())


def _now(store: Store, config: Config, feed: Feed, silent: set[str], lasting: set[str], at: datetime) -> None:
    """Outages that last, or did until now."""
    settings, start, today = config.municipality.detectors, at - BACK, at.astimezone(config.tz).date()
    minutes = beside.interval_minutes(store, config, feed, today, today) if silent or lasting else None
    if minutes is None:
        return
    places = lasting | (beside.seldom_so_quiet(store, config, feed, minutes, silent - lasting, at) if silent - lasting else set())
    if places:
        beside.slots(store, config, feed, minutes, start - DAY, at, settings.sudden_zeros.min_values, places)
        found = delivering(store, config, runs.outages(store, settings.sudden_zeros, settings.gone, feed.source, start))
        looked = Looked(SILENCE, feed.source, frozenset(places), start, at, frozenset(silent))
        record(store, config, looked, _switched_on(config, found), at)


def delivering(store: Store, config: Config, found: list[Finding]) -> list[Finding]:
    """Without the places that are gone because their source as a whole is: that is told once, by the freshness of the source."""
    known: dict[tuple[str, datetime, datetime], bool] = {}
    for finding in found:
        key = finding.source, finding.start, finding.end
        if finding.detector == "gone" and key not in known:
            sql = f"""SELECT 1 FROM {store.relation("observations", finding.start, finding.end)} WHERE municipality = ? AND source = ?
                      AND status IN ('ok', 'suppressed', 'invalid') AND delivery_id IS NOT NULL LIMIT 1"""
            known[key] = bool(store.con.execute(sql, [config.municipality.municipality, finding.source]).fetchall())
    return [f for f in found if f.detector != "gone" or known[f.source, f.start, f.end]]


def _lasting(store: Store, config: Config) -> dict[str, set[str]]:
    """Per source the places with an entry that still lasts."""
    listed = ", ".join(f"'{name}'" for name in SILENCE)
    where = f"municipality = ? AND ongoing AND detector IN ({listed}) AND len(flagged_places) = 1"
    found: dict[str, set[str]] = {}
    for row in register.rows(store.con, where, [config.municipality.municipality]):
        found.setdefault(row["source"], set()).add(row["flagged_places"][0])
    return found


def _switched_on(config: Config, found: Iterable[Finding]) -> list[Finding]:
    return [f for f in found if getattr(config.municipality.detectors, f.detector).on]


def _over(store: Store, config: Config, at: datetime) -> dict[str, list[date]]:
    """Per source the local days that changed and whose rows were all due."""
    rows = store.con.execute(
        "SELECT DISTINCT source, local_date FROM changed_days WHERE municipality = ? ORDER BY ALL",
        [config.municipality.municipality],
    ).fetchall()
    found: dict[str, list[date]] = {}
    for name, day in rows:
        source = config.sources.get(name)
        if source is not None and instant(day + DAY, config) + source.delay <= at:
            found.setdefault(name, []).append(day)
    return found


def _stretches(days: list[date]) -> list[tuple[date, date]]:
    return [
        (first + n * DAY, min(last, first + (n + STRETCH - 1) * DAY))
        for first, last in spans(days) for n in range(0, (last - first).days + 1, STRETCH)
    ]  # fmt: skip


def _close(store: Store, config: Config, source: Source, feeds: list[Feed], first: date, last: date, at: datetime) -> None:
    """Measure the days first…last of a source and look for faults in them."""
    measured.close(store, config, source, first, last, at)
    detectors = tuple(type(config.municipality.detectors).model_fields)
    places, start, end = frozenset(source.place.map.values()), instant(first, config), instant(last + DAY, config)
    found = _faults(store, config, source, feeds, first, last, at)
    silent = beside.without_a_count(store, config, source.source, instant(last, config), end)
    record(store, config, Looked(detectors, source.source, places, start, end, silent), _switched_on(config, found), at)
    store.con.execute(
        "DELETE FROM changed_days WHERE municipality = ? AND source = ? AND local_date BETWEEN ? AND ?",
        [config.municipality.municipality, source.source, first, last],
    )


def _faults(
    store: Store, config: Config, source: Source, feeds: list[Feed], first: date, last: date, at: datetime
) -> list[Finding]:  # fmt: skip
    settings = config.municipality.detectors
    start, end = instant(first, config), instant(last + DAY, config)
    until = min(at - source.delay, end + DAY)
    found: list[Finding] = []
    for feed in feeds:
        minutes = beside.interval_minutes(store, config, feed, first, last)
        if minutes is None:
            continue
        # First the days alone, at all places; what may be a fault there is followed further back.
        beside.slots(store, config, feed, minutes, start, end, settings.sudden_zeros.min_values, None)
        suspects = runs.suspects(store, settings.sudden_zeros, settings.counter_dump)
        if suspects:
            beside.slots(store, config, feed, minutes, start - BACK - DAY, until, settings.sudden_zeros.min_values, suspects)
            found += delivering(store, config, runs.outages(store, settings.sudden_zeros, settings.gone, source.source, start))
            found += runs.dumps(store, settings.counter_dump, source.source, start, end)
    found += whole_days.gone(store, config, source, settings.gone, first, last)
    if settings.frozen.on:
        found += repeats.frozen(store, config, source, settings.frozen, start, until)
        found += repeats.frozen_withheld(store, config, source, settings.frozen, first, last)
    if settings.night_zeros.on:
        for day in {last, *(first + n * DAY for n in range(0, (last - first).days, 7))}:
            found += nights.night_zeros(store, config, source, settings.night_zeros, day)
    found += whole_days.sums(store, config, source, settings.sums, first, last)
    return joined(found)


def joined(found: list[Finding]) -> list[Finding]:
    """Findings of one fault as one: of the same detector, place and measures, where they touch or overlap."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(found, key=lambda f: (f.start, f.end)):
        key = finding.detector, finding.place, finding.measures, finding.hours
        group = groups.setdefault(key, [])
        if group and finding.start <= group[-1].end:
            group[-1] = _both(group[-1], finding)
        else:
            group.append(finding)
    once = [f for group in groups.values() for f in group]
    return sorted((f for f in once if not _told_by_another(f, once)), key=lambda f: (f.start, f.detector, f.place))


def _told_by_another(finding: Finding, found: list[Finding]) -> bool:
    """Whether a longer silence of the place covers most of this one."""
    if finding.detector not in SILENCE:
        return False
    others = [
        f for f in found if f.detector in SILENCE and f.place == finding.place and f.end - f.start > finding.end - finding.start
    ]
    return any(min(f.end, finding.end) - max(f.start, finding.start) >= COVERED * (finding.end - finding.start) for f in others)


def _both(one: Finding, other: Finding) -> Finding:
    later = max(one, other, key=lambda f: f.end)
    return Finding(
        one.detector, one.source, one.place, one.start, later.end, later.ongoing, one.measures, later.hours,
        {**one.facts, **other.facts, **_added(one, other)}, one.cut, one.declared and other.declared,
    )  # fmt: skip


def _added(one: Finding, other: Finding) -> dict[str, object]:
    """Facts that add up when two stretches become one."""
    return {name: one.facts[name] + other.facts[name] for name in ("n",) if name in one.facts and name in other.facts}
