"""Slots: observations brought up to the interval in force (rule 3). Flows sum, stocks take the last known value.

Coarser data are never split, partial slots are never scaled up; what is known of a slot is said by its coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.grid import anchor
from pipelines.store import Store
from schemas import vocabulary
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.settings import Source


@dataclass(frozen=True)
class Feed:
    """One source feeding one input: which measures are summed, at what pace they come, and with what precedence.

    ``measure`` is what a card calls it (``passages``), ``measures`` what the source delivers for it (``count_in``, ``count_out``).
    """

    dataset: str
    source: str
    measure: str
    measures: tuple[str, ...]
    step_minutes: int
    delay: timedelta
    rank: int

    @property
    def is_flow(self) -> bool:
        """Whether the measures are passages (summed over time) rather than presence."""
        return vocabulary.columns()[self.measures[0]].kind == "flow"


def delivered_measures(source: Source) -> tuple[str, ...]:
    """Measures that a source declares, in the order of its dataset."""
    declared = set(source.measures) | set(source.pivot.values.values() if source.pivot else ())
    return tuple(m for m in DATASETS[source.dataset].measures if m in declared)


def feeds(config: Config, references: tuple[str, ...]) -> list[Feed]:
    """The sources of a municipality that can feed an input ``from: [dataset.measure, …]``, most trusted first."""
    found = []
    for source in config.sources.values():
        for reference in references:
            dataset, measure = reference.split(".")
            if dataset != source.dataset:
                continue
            has = delivered_measures(source)
            groups = DATASETS[dataset].sums.get(measure, ((measure,),))
            group = next((g for g in groups if set(g) <= set(has)), None)
            if group:
                step = int(source.stored_interval.total_seconds() // 60)
                found.append(Feed(dataset, source.source, measure, group, step, source.delay, source.rank))
    return sorted(found, key=lambda f: (f.rank, f.source))


def bucket(minutes: str, column: str, config: Config) -> str:
    """SQL for the start of the slot of ``minutes`` (a number or column) that holds an instant."""
    return f"time_bucket(to_minutes({minutes}), {column}, {anchor(config)})"


def slots_sql(
    store: Store,
    config: Config,
    feed: Feed,
    minutes: int,
    start: datetime,
    end: datetime,
    at: datetime,
    wanted: str | None = None,
) -> str:
    """SELECT of one feed's slots that start in [start, end) and are due or complete at ``at``.

    Columns: municipality, dataset, source, measure, place, interval_minutes, slot_start, slot_end, local_date, local_ts, rank,
    coverage, status, value, low, high. ``wanted`` (a relation place, slot_start, interval_minutes) restricts the slots.
    """
    slug, zone = config.municipality.municipality, config.municipality.timezone
    measures = ", ".join(f"'{m}'" for m in feed.measures)
    expected = minutes // feed.step_minutes * len(feed.measures)
    last = "" if feed.is_flow else ", interval_start"
    pick = "sum" if feed.is_flow else "arg_max"
    status = (
        "CASE WHEN known = 0 THEN worst WHEN known = measured THEN 'ok' ELSE 'suppressed' END"
        if feed.is_flow
        else "CASE WHEN known = 0 THEN worst ELSE last_status END"
    )
    known = "status IN ('ok', 'suppressed')"
    slot = bucket(str(minutes), "o.interval_start", config)
    semi = (
        f"SEMI JOIN {wanted} w ON w.place = o.place AND w.slot_start = {slot} AND w.interval_minutes = {minutes}"
        if wanted
        else ""
    )
    return f"""
    SELECT '{slug}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source,
           '{feed.measure}' AS measure, place, {minutes} AS interval_minutes,
           slot_start, slot_start + INTERVAL {minutes} MINUTES AS slot_end,
           CAST(timezone('{zone}', slot_start) AS DATE) AS local_date, timezone('{zone}', slot_start) AS local_ts, {feed.rank} AS rank,
           known / {expected} AS coverage, {status} AS status,
           CASE WHEN {status} = 'ok' THEN value END AS value,
           CASE WHEN {status} IN ('ok', 'suppressed') THEN low END AS low,
           CASE WHEN {status} IN ('ok', 'suppressed') THEN high END AS high
    FROM (
        SELECT o.place, {slot} AS slot_start, count(*) AS came, count(*) FILTER ({known}) AS known,
               count(*) FILTER (status = 'ok') AS measured,
               {pick}(value{last}) FILTER ({known}) AS value, {pick}(value_low{last}) FILTER ({known}) AS low,
               {pick}(value_high{last}) FILTER ({known}) AS high, arg_max(status, interval_start) FILTER ({known}) AS last_status,
               CASE WHEN bool_or(status = 'invalid') THEN 'invalid' WHEN bool_or(status = 'outage') THEN 'outage' ELSE 'missing' END AS worst
        FROM {store.relation("observations", start, end)} o {semi}
        WHERE o.municipality = '{slug}' AND o.source = '{feed.source}' AND o.dataset = '{feed.dataset}' AND o.measure IN ({measures})
        GROUP BY o.place, {slot})
    WHERE came >= {expected} OR slot_start + INTERVAL {minutes} MINUTES + INTERVAL {int(feed.delay.total_seconds())} SECONDS
        <= TIMESTAMPTZ '{at.isoformat()}'"""
