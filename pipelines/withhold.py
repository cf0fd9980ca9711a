"""Counts under k (rule 7): 1…k−1 become NULL with bounds [0, k−1]; what is smaller than that leaves no trace.

A mean over persons goes with the number of them: under k it is withheld without bounds, whether or not one was sent; where that
number is not known nobody can tell how many are behind it, and where it is nobody there is no mean: then it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines import sql
from schemas import vocabulary
from schemas.datasets.contract import support_of


def person_measures(measures: Iterable[str]) -> tuple[str, ...]:
    """The measures that count persons: k applies to these only."""
    return tuple(m for m in measures if vocabulary.columns()[m].counts == "person")


def means(measures: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The measures that are a mean, each with the delivered measures whose sum is the number behind it."""
    measures = tuple(measures)
    return {m: support_of(m, measures) for m in measures if vocabulary.columns()[m].support}


def withheld(cells: str, *, k: int, withhold_zero: bool, measures: Iterable[str]) -> str:
    """SQL over relation ``cells`` (place, slot, occ, measure, state, exact value) that replaces the last two by what may be kept.

    ``measures``: those the source delivers. Adds ``status``, ``value`` (NULL unless ok), ``value_low`` and ``value_high`` (the
    value when ok, [0, k−1] for a withheld count, else NULL). k applies to what is stored, so call it after any aggregation.
    ``withhold_zero`` (a DPIA's choice) withholds 0 too.
    """
    measures = tuple(measures)
    small = f"BETWEEN {0 if withhold_zero else 1} AND {k - 1}"
    count = f"measure IN ({sql.names(person_measures(measures))})"
    return f"""
        SELECT * EXCLUDE (state, value, status), status, CASE WHEN status = 'ok' THEN value END AS value,
               CASE WHEN status = 'ok' THEN value WHEN status = 'suppressed' AND {count} THEN 0 END AS value_low,
               CASE WHEN status = 'ok' THEN value WHEN status = 'suppressed' AND {count} THEN {k - 1} END AS value_high
        FROM (SELECT *, CASE WHEN state = 'ok' AND {count} AND value {small} THEN 'suppressed'
                             {_mean_statuses(measures, small)} ELSE state END AS status FROM {cells})"""


def _mean_statuses(measures: tuple[str, ...], small: str) -> str:
    """SQL: WHEN branches for the means, by how many are behind them. Vehicles do not fall under k."""
    branches = []
    for mean, support in means(measures).items():
        row = "OVER (PARTITION BY place, slot, occ)"
        ok = f"FILTER (measure IN ({sql.names(support)}) AND state = 'ok')"
        behind = f"CASE WHEN count(*) {ok} {row} = {len(support)} THEN sum(value) {ok} {row} END"
        branch = f"WHEN measure = {sql.literal(mean)} AND state IN ('ok', 'missing') THEN CASE"
        if person_measures(support):
            branch += f" WHEN ({behind}) IS NULL THEN 'missing' WHEN ({behind}) {small} THEN 'suppressed'"
        branches.append(f"{branch} WHEN ({behind}) = 0 THEN 'missing' ELSE state END")
    return " ".join(branches)
