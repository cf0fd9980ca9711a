"""Baselines (rule 18): what is usual for a place at this local time, from earlier days only.

One text of SQL serves the nightly refresh, a late row and years of history. It reads two relations:

``targets``: municipality, dataset, source, measure, place, interval_minutes, local_date — the days wanted
``slots``:   municipality, dataset, source, measure, place, interval_minutes, local_date, local_ts, x — known whole slots, x the count
``left_out``: municipality, place (NULL for all), local_date — event days, holidays and flagged days
``holidays``: local_date — judged against Sunday too
"""

from __future__ import annotations

REACH_DAYS = 84  # 12 weeks: candidates for the last 8 valid days, and the span of a place's p95
VALID_DAYS = 8
MIN_VALUES = 15
ORDINARY_DAYS = 7
FACTOR_LOW, FACTOR_HIGH = 0.8, 1.25
VERSION = 1

_PLACE = "municipality, dataset, source, measure, place, interval_minutes"


def statistics_sql(targets: str, slots: str, left_out: str, holidays: str) -> str:
    """n, median, MAD and percentiles per target day, local slot and kind of day, over the last 8 valid days.

    A day is valid when it is not left out and the place has at least one known slot on it. A neighbouring slot past
    midnight counts when its own day is not left out, and never when it lies on the target day itself.
    """
    return f"""
    WITH good AS (
        SELECT s.* FROM {slots} s ANTI JOIN {left_out} l
            ON l.municipality = s.municipality AND (l.place IS NULL OR l.place = s.place) AND l.local_date = s.local_date),
    days AS (SELECT DISTINCT {_PLACE}, local_date AS ref_date FROM good),
    kinds AS (
        SELECT *, 'weekday' AS day_type FROM {targets}
        UNION ALL
        SELECT t.*, 'sunday' FROM {targets} t SEMI JOIN {holidays} h USING (local_date) WHERE isodow(local_date) <> 7),
    refs AS (
        SELECT k.*, d.ref_date FROM kinds k JOIN days d USING ({_PLACE})
        WHERE d.ref_date < k.local_date AND d.ref_date >= k.local_date - {REACH_DAYS}
            AND isodow(d.ref_date) = CASE day_type WHEN 'sunday' THEN 7 ELSE isodow(k.local_date) END
        QUALIFY row_number() OVER (PARTITION BY {_PLACE}, k.local_date, day_type ORDER BY d.ref_date DESC) <= {VALID_DAYS}),
    shifted AS (
        SELECT g.*, g.local_ts + to_minutes(interval_minutes * step) AS as_slot
        FROM good g CROSS JOIN (VALUES (-1), (0), (1)) steps(step)),
    points AS (
        SELECT r.*, CAST(s.as_slot AS TIME) AS local_time, s.x
        FROM refs r JOIN (SELECT *, CAST(as_slot AS DATE) AS ref_date, local_date AS own_date FROM shifted) s
            USING ({_PLACE}, ref_date)
        WHERE s.own_date < r.local_date)
    SELECT {_PLACE}, local_date, local_time, day_type, CAST(count(*) AS INTEGER) AS n,
           CAST(count(DISTINCT ref_date) AS INTEGER) AS valid_days, median(x) AS median, mad(x) AS mad,
           quantile_cont(x, 0.1) AS p10, quantile_cont(x, 0.2) AS p20, quantile_cont(x, 0.5) AS p50,
           quantile_cont(x, 0.8) AS p80, quantile_cont(x, 0.9) AS p90, quantile_cont(x, 0.95) AS p95
    FROM points GROUP BY {_PLACE}, local_date, local_time, day_type"""


def place_p95_sql(targets: str, slots: str) -> str:
    """The place's own 95th percentile over all known slots of the 84 local days before the target day."""
    return f"""
    SELECT {_PLACE}, t.local_date, quantile_cont(s.x, 0.95) AS place_p95
    FROM {targets} t JOIN {slots} s USING ({_PLACE})
    WHERE s.local_date < t.local_date AND s.local_date >= t.local_date - {REACH_DAYS}
    GROUP BY {_PLACE}, t.local_date"""


def level_factor_sql(targets: str, slots: str, left_out: str, baselines: str) -> str:
    """g: the level of the last 7 ordinary days over their baseline, clipped; 1 where no such day has a baseline.

    Sums run on DECIMAL: their last digit may not depend on threads (rule 12).
    """
    return f"""
    WITH compared AS (
        SELECT s.municipality, s.dataset, s.source, s.measure, s.place, s.interval_minutes, s.local_date AS ref_date,
               sum(CAST(s.x AS DECIMAL(18,3))) AS x, sum(CAST(b.median AS DECIMAL(18,3))) AS m
        FROM {slots} s ANTI JOIN {left_out} l
            ON l.municipality = s.municipality AND (l.place IS NULL OR l.place = s.place) AND l.local_date = s.local_date
        JOIN {baselines} b ON b.municipality = s.municipality AND b.dataset = s.dataset AND b.source = s.source AND b.measure = s.measure AND b.place = s.place
            AND b.interval_minutes = s.interval_minutes AND b.local_date = s.local_date AND b.local_time = CAST(s.local_ts AS TIME)
        WHERE b.day_type = 'weekday' AND b.n >= {MIN_VALUES}
        GROUP BY ALL),
    last_days AS (
        SELECT t.*, c.x, c.m FROM {targets} t JOIN compared c USING ({_PLACE})
        WHERE c.ref_date < t.local_date AND c.ref_date >= t.local_date - {REACH_DAYS}
        QUALIFY row_number() OVER (PARTITION BY {_PLACE}, t.local_date ORDER BY c.ref_date DESC) <= {ORDINARY_DAYS})
    SELECT {_PLACE}, local_date,
           CASE WHEN sum(m) > 0 THEN least({FACTOR_HIGH}, greatest({FACTOR_LOW}, CAST(sum(x) AS DOUBLE) / CAST(sum(m) AS DOUBLE)))
                ELSE 1.0 END AS level_factor
    FROM last_days GROUP BY {_PLACE}, local_date"""
