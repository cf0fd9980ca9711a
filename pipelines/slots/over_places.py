"""Slots worked out from several places, or from a class and an attribute: sums, balances, shares, spread (rule 2).

Each member counts with its own best source. One member that is not known makes the slot unknown, never a partial total; one
that is withheld makes it a range.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipelines.slots import balance, bring_up, members, spread
from pipelines.slots.feeds import Feed, Given
from pipelines.store import Store
from schemas import statuses
from schemas.config import Config

STATUS = statuses.aggregate_sql()


def choice_sql(least: float) -> str:
    """What to order several sources of a slot by, before their rank: ok with enough coverage, then by status (decision 0020)."""
    return f"NOT (status = 'ok' AND coverage >= {least}), {statuses.first_sql('status')}"


def slots(
    store: Store, config: Config, feed: Feed, given: Sequence[Given], *, minutes: int, span: tuple[datetime, datetime], at: datetime,
    wanted: str | None,
) -> str:  # fmt: skip
    """SELECT place, slot_start, coverage, status, value, low, high of a feed over places; see :func:`pipelines.slots.slots_sql`."""
    assert feed.derived is not None
    table = members.register(store, config, feed)
    runs = feed.derived.how in ("balance", "drift")
    early = (span[0] - feed.reach - timedelta(minutes=minutes), span[1])
    only = None if runs or feed.holds else wanted
    member_slots = _member_slots(store, config, feed, given, minutes, early, at, table, only)
    inside = f"slot_start >= TIMESTAMPTZ '{span[0].isoformat()}' AND slot_start < TIMESTAMPTZ '{span[1].isoformat()}'"
    if feed.derived.how == "sum" and members.one_at_a_time(config, feed):
        return f"FROM ({_of_one(member_slots, table, exact=feed.derived.per is None)}) WHERE {inside}"
    full = f"""
        WITH member_slots AS ({member_slots}),
        found AS (SELECT DISTINCT m.place, s.slot_start FROM member_slots s JOIN {table} m USING (member, measure)
                  WHERE s.slot_start >= m.valid_from AND (m.valid_to IS NULL OR s.slot_start < m.valid_to))
        SELECT f.place, f.slot_start, m.member, m.measure, m.factor, m.above, s.member IS NOT NULL AS here,
               CASE WHEN s.member IS NULL THEN 'missing' ELSE s.status END AS status,
               CASE WHEN s.member IS NULL THEN 0.0 ELSE s.coverage END AS coverage, s.value, s.low, s.high
        FROM found f JOIN {table} m ON m.place = f.place
            AND f.slot_start >= m.valid_from AND (m.valid_to IS NULL OR f.slot_start < m.valid_to)
        LEFT JOIN member_slots s ON s.member = m.member AND s.measure = m.measure AND s.slot_start = f.slot_start"""
    over = bring_up.due(minutes, int(feed.delay.total_seconds()), at)
    made = spread.sql(feed.derived, full, f"bool_and(here) OR {over}", STATUS)
    if made is None:
        made = _summed(member_slots, table, members.counted(store, config, feed), over, exact=feed.derived.per is None)
    if runs:
        made = balance.sql(store.con, config, made, minutes, drift=feed.derived.how == "drift")
    return f"SELECT place, slot_start, coverage, status, value, low, high FROM ({made}) WHERE {inside}"


def _member_slots(
    store: Store, config: Config, feed: Feed, given: Sequence[Given], minutes: int, span: tuple[datetime, datetime], at: datetime,
    table: str, wanted: str | None,
) -> str:  # fmt: skip
    """Slots per member and measure, each from one source: the most trusted whose slot is ok, and measured enough (decision 0020)."""
    only = f"SEMI JOIN {table} m ON m.member = o.place AND m.measure = o.measure"
    parts = []
    for source in given:
        slot = "o.interval_start" if source.step_minutes == minutes else bring_up.bucket(str(minutes), "o.interval_start", config)
        asked = f"SEMI JOIN {bring_up.starts(wanted, minutes)} w ON w.slot_start = {slot}" if wanted else ""
        known = bring_up.observations(store, config, feed.dataset, source, span)
        rows = f"SELECT o.*, {slot} AS slot_start FROM {known} o {only} {asked}"
        if feed.holds:
            rows = _held(rows, feed, minutes)
        one = bring_up.brought_up(rows, source, minutes, "place, measure", 1, at, several=feed.sporadic)
        if feed.sporadic:  # no more than one report is expected
            one = f"SELECT * REPLACE (1.0::DOUBLE AS coverage) FROM ({one})"
        parts.append(f"SELECT * RENAME (place AS member), {source.rank} AS rank, '{source.source}' AS source FROM ({one})")
    if len(parts) == 1:
        return parts[0]
    return f"""SELECT * FROM ({" UNION ALL ".join(parts)})
        QUALIFY row_number() OVER (PARTITION BY member, measure, slot_start
            ORDER BY {choice_sql(feed.least)}, rank, source) = 1"""


def _held(rows: str, feed: Feed, minutes: int) -> str:
    """Each report in the slots that end while it still holds, of which it is the last that is known; the latest report counts."""
    holds = f"INTERVAL {int(feed.holds.total_seconds())} SECONDS"
    length = f"INTERVAL {minutes} MINUTES"
    last = f"time_bucket({length}, interval_end + {holds}, slot_start)"
    return f"SELECT * REPLACE (unnest(range(slot_start, {last}, {length})) AS slot_start) FROM ({rows})"


def _of_one(member_slots: str, table: str, *, exact: bool) -> str:
    """Where a place has one member at a time there is nothing to add up: the member's slot, with its factor."""
    factor = "CAST(factor AS INTEGER)" if exact else "factor"
    low, high = "CASE WHEN factor > 0 THEN low ELSE high END", "CASE WHEN factor > 0 THEN high ELSE low END"
    return f"""
        SELECT m.place, slot_start, coverage, status, CASE WHEN status = 'ok' THEN value * {factor} END AS value,
               CASE WHEN {bring_up.KNOWN} THEN {low} * {factor} END AS low, CASE WHEN {bring_up.KNOWN} THEN {high} * {factor} END AS high
        FROM ({member_slots}) s JOIN {table} m USING (member, measure)
        WHERE slot_start >= m.valid_from AND (m.valid_to IS NULL OR slot_start < m.valid_to)"""


def _summed(member_slots: str, table: str, counted: str, over: str, *, exact: bool) -> str:
    """What the members count, added up with their factors; whole factors keep the sum exact.

    Only the members that have a slot are joined; that one is lacking is seen by their number (``counted``: place, members,
    valid_from, valid_to). Rows for what is lacking, as other measures over places have them, cost twice the time.
    """
    factor = "CAST(factor AS INTEGER)" if exact else "factor"
    low, high = "CASE WHEN factor > 0 THEN low ELSE high END", "CASE WHEN factor > 0 THEN high ELSE low END"
    return f"""
        SELECT s.place, slot_start, CASE WHEN here = members THEN coverage ELSE 0.0 END AS coverage,
               CASE WHEN status = 'ok' AND here < members THEN 'missing' ELSE status END AS status,
               CASE WHEN here = members AND status = 'ok' THEN value END AS value,
               CASE WHEN here = members AND known THEN low END AS low, CASE WHEN here = members AND known THEN high END AS high
        FROM (SELECT m.place, slot_start, count(*) AS here, min(coverage) AS coverage, {STATUS} AS status, sum(value * {factor}) AS value,
                     bool_and({bring_up.KNOWN}) AS known, sum({low} * {factor}) AS low, sum({high} * {factor}) AS high
              FROM ({member_slots}) JOIN {table} m USING (member, measure)
              WHERE slot_start >= m.valid_from AND (m.valid_to IS NULL OR slot_start < m.valid_to)
              GROUP BY m.place, slot_start) s
        JOIN {counted} c ON c.place = s.place AND slot_start >= c.valid_from AND (c.valid_to IS NULL OR slot_start < c.valid_to)
        WHERE here = members OR {over}"""
