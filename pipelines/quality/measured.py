"""Quality as data: what came per source, place and local day, beside what the dataset requires.

The rows of a day are worked out once, when it is over and its rows are due, and again when something of it changes. Days that
are not over are worked out by whoever asks (the published view), with the same text.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipelines.baselines.counts import instant
from pipelines.store import Store
from schemas import vocabulary
from schemas.config import Config
from schemas.datasets import DATASETS
from schemas.results import TABLES
from schemas.settings import Source

DAY = timedelta(days=1)
OPEN = timedelta(days=4)  # days further back are closed: each is over, and its rows were due
_READ = "municipality, dataset, source, place, interval_start, interval_end, measure, status, delivery_id, recorded_at"
_CAME = "status IN ('ok', 'suppressed', 'invalid')"
_MINUTE = "60 * hour(timezone(z.zone, o.interval_start)) + minute(timezone(z.zone, o.interval_start))"
_BEGIN, _END = (
    f"60 * try_cast(substr(f.hours, {i}, 2) AS INTEGER) + try_cast(substr(f.hours, {i + 3}, 2) AS INTEGER)" for i in (1, 7)
)
_UNJUDGED = f"""EXISTS (FROM flags f WHERE f.municipality = o.municipality AND f.source = o.source AND f.acting_since IS NOT NULL
    AND list_contains(f.effects, 'no_level') AND o.interval_start >= f.flagged_from AND (f.ongoing OR o.interval_start < f.flagged_to)
    AND (f.flagged_places = [] OR list_contains(f.flagged_places, o.place))
    AND (f.flagged_measures = [] OR list_contains(f.flagged_measures, o.measure))
    AND (f.hours IS NULL OR CASE WHEN {_BEGIN} < {_END} THEN {_MINUTE} >= {_BEGIN} AND {_MINUTE} < {_END}
                                 ELSE {_MINUTE} >= {_BEGIN} OR {_MINUTE} < {_END} END))"""


def close(store: Store, config: Config, source: Source, first: date, last: date, at: datetime) -> None:
    """Write the rows of a source for the local days first…last, all of them over. Inside a transaction."""
    start, end = instant(first, config), instant(last + DAY, config)
    of = f"municipality = '{config.municipality.municipality}' AND source = '{source.source}'"
    current, earlier = (
        f"(SELECT {_READ} FROM {store.relation(name, start, end)} WHERE {of})"
        for name in ("observations", "observations_superseded")
    )
    minutes = source.stored_interval.total_seconds() / 60
    sources = f"(SELECT '{source.source}' AS source, {minutes:g}::DOUBLE AS cadence_minutes)"
    zones = f"(SELECT '{config.municipality.municipality}' AS municipality, '{config.municipality.timezone}' AS zone)"
    low, high = (datetime.combine(d, datetime.min.time(), UTC) for d in (first, last + DAY))
    scope = f"SELECT * FROM {store.relation('data_quality', low, high)} WHERE {of}"
    moment = f"TIMESTAMPTZ '{at.isoformat()}'"
    store.replace("data_quality", rows(current, earlier, sources, zones), scope, moment, moment)


def of_open_days(at: datetime) -> str:
    """SELECT over the published tables: the rows of days that are not closed yet, as far as they have come."""
    since = f"TIMESTAMPTZ '{(at - OPEN).isoformat()}'"
    current, earlier = (
        f"(SELECT {_READ} FROM {name} WHERE interval_start >= {since})" for name in ("observations", "observations_superseded")
    )
    sources = """(SELECT regexp_extract(key, '^source[.](.*)[.]cadence_minutes$', 1) AS source, try_cast(text AS DOUBLE) AS cadence_minutes
                  FROM about WHERE regexp_matches(key, '^source[.].*[.]cadence_minutes$'))"""
    zones = (
        "(SELECT replace(key, 'time_zone:', '') AS municipality, text AS zone FROM about WHERE starts_with(key, 'time_zone:'))"
    )
    # The first day of the stretch is cut off: it was closed long ago.
    return f"""SELECT *, CAST(NULL AS TIMESTAMPTZ) AS recorded_at FROM ({rows(current, earlier, sources, zones)})
               WHERE local_date > DATE '{(at - OPEN).date()}' + 1"""


def requirements() -> str:
    """SQL VALUES of what each dataset requires; of a sporadic one nothing is expected."""
    rows_ = ", ".join(
        f"('{c.name}', {'NULL' if c.sporadic else c.quality.completeness}::DOUBLE, {c.quality.delay_max.total_seconds() / 60}::DOUBLE,"
        f" {c.quality.cadence_max.total_seconds() / 60}::DOUBLE)" for c in DATASETS.values()
    )  # fmt: skip
    return f"(VALUES {rows_}) r(dataset, required_coverage, required_delay_minutes, required_cadence_minutes)"


def rows(current: str, earlier: str, sources: str, zones: str) -> str:
    """SELECT of rows of ``data_quality``.

    ``current`` and ``earlier``: observations as they stand, and versions that were superseded (the first of which tells when
    something first came); ``sources``: source, cadence_minutes; ``zones``: municipality, zone.
    Means are left out: where nobody is there is none, and that is no lack.
    """
    means = ", ".join(f"'{name}'" for name, column in vocabulary.columns().items() if column.support)
    key = "municipality, source, place, measure, interval_start"
    late = "(epoch(first_at) - epoch(interval_end)) / 60"
    on_time = f"first_at IS NOT NULL AND {late} <= required_delay_minutes"
    return f"""
        WITH before AS (
            SELECT {key}, min(recorded_at) AS at, arg_min(delivery_id, recorded_at) AS delivery_id
            FROM {earlier} WHERE {_CAME} AND delivery_id IS NOT NULL GROUP BY ALL),
        cells AS (
            SELECT o.*, CAST(timezone(z.zone, o.interval_start) AS DATE) AS local_date, r.* EXCLUDE (dataset), s.cadence_minutes,
                   {_CAME} AS came, status IN ('ok', 'suppressed') AND {_UNJUDGED} AS is_flagged,
                   least(b.at, CASE WHEN {_CAME} AND o.delivery_id IS NOT NULL THEN o.recorded_at END) AS first_at,
                   d.received_how = 'assumed' AS assumed, d.issued_at
            FROM {current} o JOIN {zones} z USING (municipality) LEFT JOIN {sources} s USING (source) JOIN {requirements()} USING (dataset)
            LEFT JOIN before b USING ({key})
            LEFT JOIN deliveries d ON d.delivery_id = CASE WHEN b.at <= o.recorded_at THEN b.delivery_id ELSE o.delivery_id END
            WHERE o.measure NOT IN ({means})),
        days AS (
            SELECT municipality, dataset, source, place, local_date,
                   CASE WHEN any_value(required_coverage) IS NOT NULL THEN count(*) END AS expected, count(*) FILTER (came) AS received,
                   count(*) FILTER (status = 'ok') AS ok, count(*) FILTER (status = 'suppressed') AS suppressed,
                   count(*) FILTER (status = 'missing') AS missing, count(*) FILTER (status = 'outage') AS outage,
                   count(*) FILTER (status = 'invalid') AS invalid, count(*) FILTER (is_flagged) AS flagged,
                   CASE WHEN any_value(required_coverage) IS NOT NULL
                        THEN count(*) FILTER (status IN ('ok', 'suppressed') AND NOT is_flagged) / count(*) END AS coverage,
                   median({late}) FILTER (NOT assumed) AS delay_minutes, max({late}) FILTER (NOT assumed) AS delay_max_minutes,
                   median((epoch(issued_at) - epoch(interval_end)) / 60) AS issue_delay_minutes,
                   CASE WHEN count(first_at) = 0 THEN NULL WHEN bool_and(assumed) FILTER (first_at IS NOT NULL) THEN 'assumed'
                        WHEN bool_or(assumed) THEN 'mixed' ELSE 'observed' END AS delay_how,
                   CASE WHEN count(*) FILTER (NOT assumed) > 0
                        THEN count(*) FILTER (NOT assumed AND {on_time}) / count(*) FILTER (NOT assumed) END AS on_time,
                   any_value(cadence_minutes) AS cadence_minutes, any_value(required_coverage) AS required_coverage,
                   any_value(required_delay_minutes) AS required_delay_minutes,
                   any_value(required_cadence_minutes) AS required_cadence_minutes
            FROM cells GROUP BY municipality, dataset, source, place, local_date),
        judged AS (
            SELECT *, required_coverage IS NULL OR coverage >= required_coverage AS enough, delay_minutes <= required_delay_minutes AS soon,
                   cadence_minutes <= required_cadence_minutes AS often
            FROM days)
        SELECT {", ".join(c for c in TABLES["data_quality"].columns if c not in ("meets_requirement", "shortfall", "recorded_at"))},
               -- NULL (not known) where the data came but when is only assumed
               CASE WHEN NOT enough OR NOT often THEN false WHEN received = 0 THEN required_coverage IS NULL ELSE soon END AS meets_requirement,
               list_filter([CASE WHEN NOT enough THEN 'coverage' END, CASE WHEN NOT soon THEN 'delay' END,
                            CASE WHEN soon IS NULL AND received > 0 THEN 'delay_assumed' END,
                            CASE WHEN NOT often THEN 'cadence' END, CASE WHEN flagged > 0 THEN 'flagged' END],
                           lambda c: c IS NOT NULL) AS shortfall
        FROM judged"""
