"""Baselines (rule 18): what is usual for a place at this local time, from earlier days only.

One text of SQL serves the nightly refresh, a late row and years of history. All relations are about one measure of one
source at one interval length; ``no`` numbers the places, ``minute`` is the local clock in minutes after midnight:

``targets``: no, local_date: the days wanted
``slots``: no, local_date, minute, x, flagged: known whole slots, x the count; an hour that comes twice gives two rows
``comparisons``: local_date, day_type, ref_date: the days that may be compared with a day (:func:`comparison_days`)
``special``: local_date: event days and holidays
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from indicators.local_clock import edition_days, holidays_and_event_days
from schemas.config import Config

REACH_DAYS = 84  # 12 weeks: candidates for the last 8 valid days, and the span of a place's p95
VALID_DAYS = 8
MIN_VALUES = 15
ORDINARY_DAYS = 7
FACTOR_LOW, FACTOR_HIGH = 0.8, 1.25
VERSION = 2
SUNDAY = 6

_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """Days that are not ordinary. ``editions``: day of an edition → the same day of the earlier ones of its series."""

    holidays: frozenset[date]
    event_days: frozenset[date]
    editions: Mapping[date, tuple[date, ...]]

    @property
    def special(self) -> frozenset[date]:
        """Days that enter no weekly baseline."""
        return self.holidays | self.event_days


def calendar(config: Config, first: date, last: date) -> Calendar:
    """What the configuration says of the local days first…last, both included; editions as far back as it knows them."""
    holidays, events = holidays_and_event_days(config, first, last)
    return Calendar(frozenset(holidays), frozenset(events), edition_days(config))


def comparison_days(day: date, known: Calendar) -> Iterator[tuple[str, date]]:
    """(day_type, earlier day) for all days that ``day`` may be compared with; the valid ones among them are in the data.

    The same weekday of the 12 weeks before; on a holiday the Sundays too; on an event day the earlier editions, however
    long ago.
    """
    backs = [(back, day - back * _DAY) for back in range(1, REACH_DAYS + 1)]
    plain = [(back, past) for back, past in backs if past not in known.special]
    yield from (("weekday", past) for back, past in plain if back % 7 == 0)
    if day in known.holidays and day.weekday() != SUNDAY:
        yield from (("sunday", past) for _, past in plain if past.weekday() == SUNDAY)
    yield from (("edition", past) for past in known.editions.get(day, ()))


def statistics_sql(targets: str, slots: str, comparisons: str, special: str, minutes: int, zone: str) -> str:
    """n, median, MAD and percentiles per target day, local slot and kind of day, over the last 8 valid days of that kind.

    A day is valid when it is not flagged at the place and the place has at least one known slot on it. A neighbouring slot
    past midnight belongs to its own day: it counts when that day is not flagged and, but for editions, ordinary; never when
    it lies on the target day. A clock time that the target day does not have gets no row.
    """
    return f"""
    WITH clock AS (
        SELECT local_date, CAST(slot AS SMALLINT) AS slot, local_date + to_minutes(slot) AS local_ts
        FROM (SELECT DISTINCT local_date FROM {targets}) CROSS JOIN range(0, 1440, {math.gcd(minutes, 30)}) t(slot)
        WHERE timezone('{zone}', timezone('{zone}', local_ts)) = local_ts),
    near AS (
        SELECT s.* FROM {slots} s
        SEMI JOIN (SELECT DISTINCT unnest([ref_date - 1, ref_date, ref_date + 1]) AS local_date FROM {comparisons}) USING (local_date)
        WHERE NOT flagged),
    known AS (SELECT DISTINCT no, local_date AS ref_date FROM near),
    refs AS (
        SELECT t.no, t.local_date, day_type, ref_date,
               row_number() OVER (PARTITION BY t.no, t.local_date, day_type ORDER BY ref_date DESC) AS nth
        FROM {targets} t JOIN {comparisons} USING (local_date) JOIN known USING (no, ref_date)
        QUALIFY nth <= {VALID_DAYS}),
    points AS (
        SELECT r.no, r.local_date, day_type, nth, CAST(s.minute + step * {minutes} AS SMALLINT) AS slot, s.x
        FROM refs r JOIN near s ON s.no = r.no AND s.local_date = r.ref_date CROSS JOIN (VALUES (-1), (0), (1)) steps(step)
        WHERE slot BETWEEN 0 AND 1439
        UNION ALL
        SELECT r.no, r.local_date, day_type, nth, CAST(s.minute + side * ({minutes} - 1440) AS SMALLINT) AS slot, s.x
        FROM (SELECT *, unnest([1, -1]) AS side FROM refs) r
        JOIN (SELECT *, local_date IN (FROM {special}) AS is_special FROM near
              WHERE minute >= 1440 - {minutes} OR minute < {minutes}) s
            ON s.no = r.no AND s.local_date = r.ref_date - side
        WHERE slot BETWEEN 0 AND 1439 AND s.local_date < r.local_date AND (day_type = 'edition' OR NOT s.is_special)),
    figures AS (
        SELECT no, local_date, slot AS minute, day_type, CAST(count(*) AS INTEGER) AS n,
               CAST(bit_count(bit_or(1::BIGINT << (nth - 1))) AS INTEGER) AS valid_days, mad(x) AS mad,
               quantile_cont(x, [0.1, 0.2, 0.5, 0.8, 0.9, 0.95]) AS q
        FROM points SEMI JOIN clock USING (local_date, slot) GROUP BY ALL)
    SELECT no, local_date, minute, day_type, n, valid_days, q[3] AS median, mad,
           q[1] AS p10, q[2] AS p20, q[3] AS p50, q[4] AS p80, q[5] AS p90, q[6] AS p95
    FROM figures"""


def place_p95_sql(targets: str, slots: str) -> str:
    """The place's own 95th percentile over all known slots of the 84 local days before the target day, special days too."""
    return f"""
    SELECT t.no, t.local_date, quantile_cont(s.x, 0.95) AS place_p95
    FROM {targets} t JOIN {slots} s ON s.no = t.no AND s.local_date < t.local_date AND s.local_date >= t.local_date - {REACH_DAYS}
    GROUP BY t.no, t.local_date"""


def ordinary_days_sql(targets: str, slots: str, special: str) -> str:
    """Per target the ordinary days with a known slot in the 84 days before, ``nth`` counted from the newest."""
    return f"""
    SELECT t.no, t.local_date, d.ref_date,
           row_number() OVER (PARTITION BY t.no, t.local_date ORDER BY d.ref_date DESC) AS nth
    FROM {targets} t JOIN (
        SELECT DISTINCT no, local_date AS ref_date FROM {slots} WHERE NOT flagged AND local_date NOT IN (FROM {special})) d
        ON d.no = t.no AND d.ref_date < t.local_date AND d.ref_date >= t.local_date - {REACH_DAYS}"""


def compared_sql(slots: str, medians: str) -> str:
    """Sum of counts and of medians per place and day, over the slots that have both.

    ``medians``: no, local_date, minute, median, of weekday baselines with enough values. Sums run on DECIMAL: their last
    digit may not depend on threads (rule 12).
    """
    return f"""
    SELECT no, local_date AS ref_date, sum(CAST(s.x AS DECIMAL(18,6))) AS x, sum(CAST(m.median AS DECIMAL(18,6))) AS m
    FROM (FROM {slots} SEMI JOIN (SELECT DISTINCT no, local_date FROM {medians}) USING (no, local_date)) s
    JOIN {medians} m USING (no, local_date, minute)
    GROUP BY no, local_date"""


def level_factor_sql(ordinary: str, compared: str) -> str:
    """g: the level of the last 7 ordinary days over their own baselines, clipped; no row where no such day has one."""
    return f"""
    WITH last_days AS (
        SELECT o.no, o.local_date, c.x, c.m FROM {ordinary} o JOIN {compared} c USING (no, ref_date)
        QUALIFY row_number() OVER (PARTITION BY o.no, o.local_date ORDER BY o.ref_date DESC) <= {ORDINARY_DAYS})
    SELECT no, local_date, least({FACTOR_HIGH}, greatest({FACTOR_LOW}, CAST(sum(x) AS DOUBLE) / CAST(sum(m) AS DOUBLE))) AS level_factor
    FROM last_days GROUP BY no, local_date HAVING sum(m) > 0"""
