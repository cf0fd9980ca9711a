"""Counts under k (rule 7): 1…k−1 become NULL with bounds [0, k−1]; what is smaller than that leaves no trace."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.clock import literal
from schemas import vocabulary


def person_measures(measures: Iterable[str]) -> tuple[str, ...]:
    """The measures that count persons: k applies to these only."""
    return tuple(m for m in measures if vocabulary.columns()[m].counts == "person")


def withheld(cells: str, *, k: int, withhold_zero: bool, persons: Iterable[str]) -> str:
    """SQL over relation ``cells`` (with ``measure``, ``state`` and exact ``value``) that replaces both by what may be kept.

    Adds ``status``, ``value`` (NULL unless ok), ``value_low`` and ``value_high`` (the value when ok, [0, k−1] when suppressed,
    else NULL). k applies to what is stored, so call it after any aggregation.
    ``withhold_zero`` (a DPIA's choice) withholds 0 too.
    """
    lowest = 0 if withhold_zero else 1
    named = ", ".join(literal(m) for m in persons) or "NULL"
    small = f"(state = 'ok' AND measure IN ({named}) AND value BETWEEN {lowest} AND {k - 1})"
    return f"""
        SELECT * EXCLUDE (state, value, small), CASE WHEN small THEN 'suppressed' ELSE state END AS status,
               CASE WHEN state = 'ok' AND NOT small THEN value END AS value,
               CASE WHEN small THEN 0 WHEN state = 'ok' THEN value END AS value_low,
               CASE WHEN small THEN {k - 1} WHEN state = 'ok' THEN value END AS value_high
        FROM (SELECT *, coalesce({small}, false) AS small FROM {cells})"""
