"""Time at each level under both judgements, per indicator and place; and where situations may differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines import composite
from pipelines.situate_load import STIRS
from pipelines.whatif import opened
from pipelines.whatif.history import History, at_sql

ALL_LEVELS = ("normal", "elevated", "high", "critical", "unknown", "absent")  # absent: there was no row


@dataclass(frozen=True)
class Share:
    """Hours at each level (:data:`ALL_LEVELS`) of an indicator at a place, before and after. ``moved``: hours at another level."""

    indicator: str
    place: str
    before: dict[str, float]
    after: dict[str, float]
    moved: float


def tally(history: History, start: datetime, end: datetime) -> None:
    """Table ``tally`` (indicator, place, level_before, level, seconds, slots, stirs) where settings are others."""
    con, history.only, history.side = history.con, "affected", "after"
    con.execute("""CREATE OR REPLACE TEMP TABLE tally (indicator VARCHAR, place VARCHAR, level_before VARCHAR, level VARCHAR,
                   seconds BIGINT, slots BIGINT, stirs BOOLEAN)""")
    parts_first = sorted(history.active, key=composite.is_composite)
    for card in parts_first:
        if not con.execute("SELECT 1 FROM affected WHERE indicator = ? LIMIT 1", [card.id]).fetchall():
            continue
        opened.fill(history, card, "after")
        inside = f"interval_start >= {at_sql(start)} AND interval_start < {at_sql(end)}"
        seconds = "(epoch_us(interval_end) - epoch_us(interval_start)) // 1000000"
        con.execute(f"""
            INSERT INTO tally BY NAME
            SELECT indicator, place, coalesce(level_before, 'absent') AS level_before, level,
                   coalesce(sum({seconds}) FILTER ({inside}), 0)::BIGINT AS seconds, count(*) FILTER ({inside}) AS slots,
                   bool_or(judged & {STIRS} <> 0 OR coalesce(level_before, 'normal') NOT IN ('normal', 'unknown')
                           OR (level_before = 'unknown' AND status IN ('ok', 'suppressed'))) AS stirs
            FROM ({history.judged(card, "after", history.start, history.end)}) GROUP BY ALL""")


def concerned(history: History) -> str:
    """Table (indicator, place) of all signal cards of the atoms whose situations may differ; its name."""
    cards = [c for c in history.active if c.role == "signal"]
    risks = ", ".join(f"('{c.id}', '{c.safety_risk}')" for c in cards) or "(NULL, NULL)"
    history.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE concerned AS
        WITH signal(indicator, risk) AS (VALUES {risks}),
        atoms AS (SELECT DISTINCT risk, place FROM tally JOIN signal USING (indicator) WHERE stirs)
        SELECT indicator, place FROM atoms JOIN signal USING (risk)""")
    history.con.execute("CREATE OR REPLACE TEMP TABLE looked_at AS FROM affected UNION FROM concerned")
    return "concerned"


def shares(history: History) -> list[Share]:
    """What :func:`tally` counted, those with most hours at another level first."""
    found = history.con.execute("""
        SELECT indicator, place, level_before, level, sum(seconds)::BIGINT FROM tally GROUP BY ALL ORDER BY ALL""").fetchall()  # fmt: skip
    by_key: dict[tuple[str, str], Share] = {}
    for indicator, place, was, now, seconds in found:
        key, hours = (indicator, place), seconds / 3600
        share = by_key.get(key) or Share(indicator, place, dict.fromkeys(ALL_LEVELS, 0.0), dict.fromkeys(ALL_LEVELS, 0.0), 0.0)
        share.before[was] += hours
        share.after[now] += hours
        by_key[key] = Share(indicator, place, share.before, share.after, share.moved + (hours if was != now else 0.0))
    return sorted(by_key.values(), key=lambda s: (-s.moved, s.indicator, s.place))
