"""Sudden zeros, dead lines and counter dumps: runs of slots without a count, beside their baselines."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from pipelines.quality.beside import at
from pipelines.quality.findings import Finding
from pipelines.store import Store
from schemas.settings.quality import CounterDump, Gone, SuddenZeros


def suspects(store: Store, zeros: SuddenZeros, dump: CounterDump) -> set[str]:
    """Places in ``quality_slots`` that may have a run of nothing where much is expected (or a part of one), or a huge count."""
    found = store.con.execute(f"""
        SELECT place FROM quality_slots GROUP BY place
        HAVING sum(p10) FILTER (state <> 'seen') >= {zeros.min_expected} / 4 OR bool_or(p95 > 0 AND x >= {dump.times} * p95)""")
    return {place for (place,) in found.fetchall()}


def outages(store: Store, settings: SuddenZeros, gone: Gone, source: str, start: datetime) -> list[Finding]:
    """Runs of zeros or absent slots in ``quality_slots`` that are longer and busier by their baselines than chance allows.

    Only hours at which the place is never so quiet count for its length; slots before ``start`` tell how busy the place was of
    late. A run that reaches the last slot of its place is ongoing. Where most of it did not come at all the finding is ``gone``.
    """
    least, zeros_last, gone_lasts = (
        settings.min_expected,
        settings.min_duration.total_seconds(),
        gone.min_duration.total_seconds(),
    )
    rows = store.con.execute(f"""
        WITH marked AS (
            SELECT *, count(*) FILTER (state = 'seen') OVER (PARTITION BY place ORDER BY slot_start) AS part,
                   max(slot_end) OVER (PARTITION BY place) AS known_until, min(slot_start) OVER (PARTITION BY place) AS known_from
            FROM quality_slots),
        runs AS (
            SELECT place, part, min(slot_start) AS run_start, max(slot_end) AS run_end, sum(p10) AS p10,
                   2 * count(*) FILTER (state = 'zero') >= count(*) AS zeros, bool_and(declared) AS declared,
                   sum(epoch(slot_end) - epoch(slot_start)) FILTER (p10 > 0) AS busy_seconds,
                   min(slot_start) FILTER (p10 > 0) AS busy_from, max(slot_end) FILTER (p10 > 0) AS busy_until,
                   any_value(known_until) AS known_until, any_value(known_from) AS known_from
            FROM marked WHERE state <> 'seen' GROUP BY place, part HAVING sum(p10) >= {least}),
        lately AS (
            SELECT r.place, r.part, CASE WHEN sum(s.median) > 0 THEN least(1, sum(s.x) / sum(s.median)) ELSE 1 END AS quietness
            FROM runs r JOIN quality_slots s ON s.place = r.place AND s.slot_start < r.run_start
                AND s.slot_start >= r.run_start - INTERVAL 24 HOURS
            WHERE s.state = 'seen' AND s.x IS NOT NULL AND s.median IS NOT NULL GROUP BY ALL)
        SELECT place, busy_from, CASE WHEN run_end = known_until THEN run_end ELSE busy_until END, run_end = known_until, zeros, declared,
               p10 * coalesce(quietness, 1), run_start = known_from
        FROM runs LEFT JOIN lately USING (place, part)
        WHERE p10 * coalesce(quietness, 1) >= {least} AND busy_seconds >= CASE WHEN zeros THEN {zeros_last} ELSE {gone_lasts} END
            AND run_end > {at(start)} ORDER BY place, busy_from
    """).fetchall()
    return [
        Finding("sudden_zeros" if zeros else "gone", source, place, begin, end, ongoing, cut=cut, declared=declared,
                facts={"expected": _rounded(expected)})
        for place, begin, end, ongoing, zeros, declared, expected, cut in rows
    ]  # fmt: skip


def _rounded(expected: float) -> int:
    """Two digits, downward: enough to judge by."""
    step = 10 ** max(0, math.floor(math.log10(expected)) - 1)
    return int(expected // step * step)


def dumps(store: Store, settings: CounterDump, source: str, start: datetime, end: datetime) -> list[Finding]:
    """Slots in [start, end) of ``quality_slots`` that are huge after a gap, and stand alone.

    The next known slot decides whether it does, so the newest one is never told.
    """
    times = settings.times
    rows = store.con.execute(f"""
        WITH seen AS (
            SELECT *, lag(slot_end) OVER w AS gap_from, lag(x) OVER w AS before, lead(x) OVER w AS after
            FROM quality_slots WHERE state = 'seen' WINDOW w AS (PARTITION BY place ORDER BY slot_start))
        SELECT place, slot_start, slot_end, epoch(slot_start) - epoch(gap_from), x / p95 FROM seen
        WHERE slot_start >= {at(start)} AND slot_start < {at(end)}
            AND epoch(slot_start) - epoch(gap_from) >= {settings.min_gap.total_seconds()} AND p95 > 0
            AND x >= {times} * p95 AND x >= {times} * after AND (before IS NULL OR x >= {times} * before)
        ORDER BY place, slot_start
    """).fetchall()
    return [
        Finding("counter_dump", source, place, begin, finish, False,
                facts={"times": math.floor(ratio), "gap": f"{timedelta(seconds=gap) / timedelta(hours=1):g}"})
        for place, begin, finish, gap, ratio in rows
    ]  # fmt: skip
