"""Observations that the register says are not to be judged: they stand as they came, but count as ``flagged``.

A value in such a range is not known to the indicators (status ``invalid``, reason ``flagged``). Only the flags that overlap
the span are written into the query: with none, which is nearly always, it is the same query as without a register.
"""

from __future__ import annotations

from datetime import datetime

from indicators.local_clock import stretch
from schemas.config import Config
from schemas.settings import Flag

Span = tuple[datetime | None, datetime | None]


def condition(config: Config, source: str, measures: tuple[str, ...], span: Span, rows: str = "") -> str | None:
    """SQL: whether a row of observations of ``source`` is flagged; None when no flag of the register overlaps the span.

    ``rows``: alias of the observations with a dot behind it, where the names alone would be ambiguous.
    """
    found = [f for f in config.municipality.flags if f.unjudged and _about(f, source, measures) and _overlaps(f, span)]
    return " OR ".join(f"({_one(config, flag, rows)})" for flag in found) or None


def _about(flag: Flag, source: str, measures: tuple[str, ...]) -> bool:
    return flag.source == source and (not flag.measures or bool(set(flag.measures) & set(measures)))


def _overlaps(flag: Flag, span: Span) -> bool:
    start, end = span
    return (end is None or flag.from_ < end) and (start is None or flag.to > start)


def _one(config: Config, flag: Flag, rows: str) -> str:
    parts = [
        f"{rows}interval_start >= TIMESTAMPTZ '{flag.from_.isoformat()}'",
        f"{rows}interval_start < TIMESTAMPTZ '{flag.to.isoformat()}'",
    ]
    for column, names in (("place", flag.places), ("measure", flag.measures)):
        if names:
            listed = ", ".join(f"'{name}'" for name in names)
            parts.append(f"{rows}{column} IN ({listed})")
    if flag.hours:
        parts.append(f"({clock(flag.hours, config.municipality.timezone, rows)})")
    return " AND ".join(parts)


def clock(hours: str, zone: str, rows: str = "") -> str:
    """SQL: whether an interval starts in these hours of the local clock; hours past midnight belong to the stretch."""
    start, end = stretch(hours)
    local = f"timezone('{zone}', {rows}interval_start)"
    minute = f"60 * hour({local}) + minute({local})"
    joined = "AND" if start < end else "OR"
    return f"{minute} >= {start} {joined} {minute} < {end}"
