"""What is seen per local day: places of which nothing came while the source did deliver, and totals that their parts do not make."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from pipelines.baselines.counts import DAY, instant
from pipelines.quality.findings import Finding
from pipelines.store import Store
from schemas.config import Config
from schemas.settings import Source
from schemas.settings.quality import Gone, Sums

BACK = timedelta(days=14)


def gone(store: Store, config: Config, source: Source, settings: Gone, first: date, last: date) -> list[Finding]:
    """Places without a row on whole local days in first…last, days that follow each other as one finding; from ``data_quality``."""
    low, high = (datetime.combine(d, datetime.min.time(), UTC) for d in (first - BACK, last + DAY))
    rows = store.con.execute(f"""
        WITH days AS (SELECT place, local_date, received, outage = expected AS declared, sum(received) OVER (PARTITION BY local_date) AS all_received
                      FROM {store.relation("data_quality", low, high)}
                      WHERE municipality = '{config.municipality.municipality}' AND source = '{source.source}' AND expected > 0),
        known AS (SELECT *, count(*) FILTER (received > 0) OVER (PARTITION BY place ORDER BY local_date
                             RANGE BETWEEN INTERVAL 7 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING) AS lately,
                         max(local_date) OVER () AS newest, min(local_date) OVER () AS oldest FROM days),
        silent AS (SELECT *, local_date - CAST(row_number() OVER (PARTITION BY place ORDER BY local_date) AS INTEGER) AS run
                   FROM known WHERE received = 0 AND all_received > 0)
        SELECT place, min(local_date), max(local_date), max(local_date) = any_value(newest), bool_and(declared),
               min(local_date) = any_value(oldest) FROM silent GROUP BY place, run
        HAVING (arg_min(lately, local_date) >= {settings.min_days} OR min(local_date) = any_value(oldest)) AND max(local_date) >= DATE '{first}'
        ORDER BY place, 2""").fetchall()
    return [
        Finding("gone", source.source, place, instant(begin, config), instant(finish + DAY, config), ongoing, cut=cut, declared=declared)
        for place, begin, finish, ongoing, declared, cut in rows
    ]  # fmt: skip


def sums(store: Store, config: Config, source: Source, settings: Sums, first: date, last: date) -> list[Finding]:
    """Places where declared sums did not add up on local days in first…last; only deliveries whose rows stand are asked."""
    start, end = instant(first - 2 * DAY, config), instant(last + DAY, config)
    zone, minutes = config.municipality.timezone, int(source.stored_interval.total_seconds() // 60)
    rows = store.con.execute(
        f"""
        WITH stands AS (
            SELECT DISTINCT m.place, m.interval_start FROM misfits m
            JOIN {store.relation("observations", start, end)} o ON o.municipality = m.municipality AND o.source = m.source
                AND o.place = m.place AND o.interval_start = m.interval_start AND o.content_hash = m.content_hash
            WHERE m.municipality = ? AND m.source = ? AND m.interval_start >= ? AND m.interval_start < ?),
        days AS (SELECT place, CAST(timezone('{zone}', interval_start) AS DATE) AS local_date, count(*) AS n,
                        min(interval_start) AS first_row, max(interval_start) AS last_row FROM stands GROUP BY ALL HAVING n >= {settings.min_rows}),
        runs AS (SELECT *, local_date - CAST(row_number() OVER (PARTITION BY place ORDER BY local_date) AS INTEGER) AS run FROM days)
        SELECT place, min(first_row), max(last_row) + INTERVAL {minutes} MINUTES, sum(n)::INTEGER, min(local_date)
        FROM runs GROUP BY place, run HAVING max(local_date) >= ? ORDER BY place, 2""",
        [config.municipality.municipality, source.source, start, end, first],
    ).fetchall()
    return [
        Finding("sums", source.source, place, begin, finish, False, facts={"n": n}, cut=day < first - DAY)
        for place, begin, finish, n, day in rows
    ]  # fmt: skip
