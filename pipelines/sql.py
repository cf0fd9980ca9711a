"""Small pieces of SQL text that several rooms write."""

from __future__ import annotations

from collections.abc import Iterable


def literal(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def names(values: Iterable[str]) -> str:
    """An SQL list of texts, for IN; NULL, which nothing equals, when there are none."""
    return ", ".join(literal(v) for v in values) or "NULL"


def micros(seconds: float) -> int:
    """Seconds as whole microseconds, the unit of DuckDB's timestamps."""
    return round(seconds * 1_000_000)
