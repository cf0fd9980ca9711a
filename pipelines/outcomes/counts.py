"""What a period's KPIs are worked out from, per safety risk and for all: counts of signals, events, measures, hours, slots.

A signal is a situation that went open live; those of a group count as one. What nobody wrote down is not zero but unknown: misses and
incidents are known only where somebody wrote down at least one incident, or that there were none; acted_on where a measure was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa

from indicators.card import Card
from schemas.config import Config
from schemas.settings import LEVELS

ALL = "all"


@dataclass(frozen=True)
class Tables:
    """Names (or parenthesised queries) of what is read: of the published file as they stand, of the working database with sealed days."""

    values: str = "indicator_values"
    situations: str = "situations"
    outcomes: str = "outcomes"
    runs: str = "runs"


def span(config: Config, first: date, last: date) -> tuple[datetime, datetime]:
    """From the first to after the last local day, in UTC."""
    return tuple(datetime.combine(d, time(), config.tz).astimezone(UTC) for d in (first, last + timedelta(days=1)))  # type: ignore[return-value]


def count(
    con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], first: date, last: date, tables: Tables | None = None
) -> None:  # fmt: skip
    """Make the temporary table ``kpi_counts``: a row per safety risk with a signal, an incident or a slot, and one for ``all``."""
    start, end = span(config, first, last)
    signals = [
        (name, card.safety_risk, card.follow_up.lead_time.total_seconds() / 60)
        for name, card in cards.items()
        if card.role == "signal"
    ]
    con.register(
        "kpi_cards",
        pa.table({"indicator": [s[0] for s in signals], "risk": [s[1] for s in signals], "needed": [s[2] for s in signals]}),
    )
    events = [e for e in config.municipality.events if e.expected_visitors and start <= e.from_ < end]
    con.register("kpi_events", pa.table({
        "begins": pa.array([e.from_ for e in events], pa.timestamp("us", "UTC")), "ends": pa.array([e.to for e in events], pa.timestamp("us", "UTC")),
        "visitors": pa.array([e.expected_visitors for e in events], pa.int64()),
    }))  # fmt: skip
    con.execute(
        _sql(tables or Tables()), {"m": config.municipality.municipality, "start": start, "end": end, "levels": list(LEVELS)}
    )
    con.unregister("kpi_cards")
    con.unregister("kpi_events")


def _sql(t: Tables) -> str:
    return f"""
CREATE OR REPLACE TEMP TABLE kpi_counts AS
WITH groups AS (
    SELECT unnest([safety_risk, '{ALL}']) AS risk, group_id, signalled_at, ended_at, end_reason, reasons, needed, peak_level
    FROM {t.situations} s LEFT JOIN kpi_cards c ON c.indicator = s.leading_indicator
    WHERE municipality = $m AND origin = 'live' AND state <> 'pending' AND signalled_at IS NOT NULL),
signals AS (
    SELECT risk, group_id, min(signalled_at) AS signalled_at, max_by(needed, list_position($levels, peak_level)) AS needed,
           if(bool_and(coalesce(end_reason = 'data', false)), max(ended_at), NULL) AS ended_at
    FROM groups GROUP BY ALL HAVING min(signalled_at) >= $start AND min(signalled_at) < $end),
written AS (
    SELECT o.*, s.group_id FROM {t.outcomes} o
    LEFT JOIN (SELECT situation_id, any_value(group_id) AS group_id FROM {t.situations} WHERE municipality = $m GROUP BY ALL) s USING (situation_id)
    WHERE municipality = $m),
judged AS (
    SELECT group_id, bool_or(kind IN ('confirmed', 'incident')) AS hit, bool_or(kind = 'false_alarm') AND NOT hit AS false_alarm,
           min(occurred_at) FILTER (kind IN ('confirmed', 'incident')) AS event_at,
           min(occurred_at) FILTER (kind = 'follow_up') AS acted_at
    FROM written WHERE group_id IS NOT NULL GROUP BY group_id),
told AS (SELECT s.*, hit, false_alarm, acted_at, (epoch(event_at) - epoch(signalled_at)) / 60 AS lead
         FROM signals s LEFT JOIN judged USING (group_id)),
per_risk AS (
    SELECT risk, count(*)::DOUBLE AS signals, count(*) FILTER (hit)::DOUBLE AS hits, count(*) FILTER (false_alarm)::DOUBLE AS false_alarms,
           count(*) FILTER (lead >= needed)::DOUBLE AS early_enough, count(acted_at)::DOUBLE AS acted_on,
           coalesce(list(lead) FILTER (hit AND lead IS NOT NULL), []) AS lead,
           coalesce(list((epoch(acted_at) - epoch(signalled_at)) / 60) FILTER (acted_at IS NOT NULL), []) AS delay,
           coalesce(list(greatest(0, (epoch(ended_at) - epoch(acted_at)) / 60)) FILTER (acted_at IS NOT NULL AND ended_at IS NOT NULL), []) AS lasted
    FROM told GROUP BY risk),
seen AS (  -- what was written down in the period
    SELECT count(*) FILTER (kind IN ('incident', 'no_incident')) > 0 AS incidents, count(*) FILTER (kind = 'follow_up') > 0 AS measures
    FROM written WHERE occurred_at >= $start AND occurred_at < $end),
incidents AS (
    SELECT risk, count(*) FILTER (situation_id IS NULL)::DOUBLE AS misses,
           count(*) FILTER (EXISTS (FROM kpi_events e WHERE w.occurred_at >= e.begins AND w.occurred_at < e.ends))::DOUBLE AS incidents
    FROM (SELECT *, unnest([safety_risk, '{ALL}']) AS risk FROM written) w
    WHERE kind = 'incident' AND occurred_at >= $start AND occurred_at < $end GROUP BY ALL),
each_slots AS (
    SELECT unnest([risk, '{ALL}']) AS risk, slots, unknown FROM (
        SELECT c.risk, count(*)::DOUBLE AS slots, count(*) FILTER (level = 'unknown')::DOUBLE AS unknown
        FROM {t.values} v JOIN kpi_cards c USING (indicator)
        WHERE municipality = $m AND level IS NOT NULL AND interval_start >= $start AND interval_start < $end GROUP BY ALL)),
slots AS (SELECT risk, sum(slots) AS slots, sum(unknown) AS unknown FROM each_slots GROUP BY risk),
risks AS (SELECT risk FROM per_risk UNION SELECT risk FROM incidents UNION SELECT risk FROM slots UNION SELECT '{ALL}')
SELECT r.risk AS safety_risk, coalesce(signals, 0) AS signals, coalesce(hits, 0) AS hits, coalesce(false_alarms, 0) AS false_alarms,
       coalesce(early_enough, 0) AS early_enough, coalesce(lead, []) AS lead, coalesce(delay, []) AS delay, coalesce(lasted, []) AS lasted,
       if((SELECT measures FROM seen), coalesce(acted_on, 0), NULL) AS acted_on,
       if((SELECT incidents FROM seen), coalesce(misses, 0), NULL) AS misses,
       if((SELECT incidents FROM seen), coalesce(i.incidents, 0), NULL) AS incidents,
       (SELECT sum(visitors) FROM kpi_events)::DOUBLE AS visitors, coalesce(slots, 0) AS slots, coalesce(unknown, 0) AS unknown,
       (SELECT count(DISTINCT date_trunc('hour', as_of)) FROM {t.runs}
        WHERE municipality = $m AND verb = 'run' AND as_of >= $start AND as_of < $end)::DOUBLE AS hours
FROM risks r LEFT JOIN per_risk USING (risk) LEFT JOIN incidents i USING (risk) LEFT JOIN slots USING (risk)
"""
