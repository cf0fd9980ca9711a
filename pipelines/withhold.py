"""Counts under k (rule 7): 1…k−1 become NULL with bounds [0, k−1]; what is smaller than that leaves no trace.

A mean over persons goes with the number of them: under k it is withheld without bounds, whether or not one was sent; where that
number is not known nobody can tell how many are behind it, and where it is nobody there is no mean: then it is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

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


def withheld(
    cells: str,
    *,
    k: int,
    withhold_zero: bool,
    measures: Iterable[str],
    seen: str = "value",
    few: str = "NULL",
    scaled: float = 1.0,
) -> str:
    """SQL over relation ``cells`` (place, slot, occ, measure, state, exact value) that replaces the last two by what may be kept.

    ``measures``: those the source delivers. Adds ``status``, ``value`` (NULL unless ok), ``value_low`` and ``value_high`` (the
    value when ok, [0, k−1] for a withheld count, else NULL). k applies to what is stored, so call it after any aggregation.
    ``withhold_zero`` (a DPIA's choice) withholds 0 too. ``seen``: column of what was really counted, where the supplier scales
    its counts up by at most ``scaled``: k applies to that, and the bounds grow with it. ``few``: column of the most that a
    number may be which the supplier withheld itself; without it such a cell has no bounds.
    """
    measures = tuple(measures)
    count, high = f"measure IN ({sql.names(person_measures(measures))})", ceil((k - 1) * scaled)
    small = _small("value", k, withhold_zero) + ("" if seen == "value" else f" OR {_small(seen, k, withhold_zero)}")
    ours = f"status = 'suppressed' AND {count} AND NOT theirs"
    own = f"status = 'suppressed' AND {few} IS NOT NULL"
    widest = f"CASE WHEN {count} THEN greatest({few}, {high}) ELSE {few} END"
    return f"""
        SELECT * EXCLUDE (state, value, status, theirs), status, CASE WHEN status = 'ok' THEN value END AS value,
               CASE WHEN status = 'ok' THEN value WHEN {own} OR {ours} THEN 0 END AS value_low,
               CASE WHEN status = 'ok' THEN value WHEN {own} THEN {widest} WHEN {ours} THEN {high} END AS value_high
        FROM (SELECT *, state = 'suppressed' AS theirs, CASE WHEN state = 'ok' AND {count} AND ({small}) THEN 'suppressed'
                             {_mean_statuses(measures, k, withhold_zero, seen)} ELSE state END AS status FROM {cells})"""


def _small(number: str, k: int, withhold_zero: bool) -> str:
    """SQL: whether a number of contributors, possibly worked out from a scaled one, is under k and to be withheld."""
    if withhold_zero:
        return f"({number} >= 0 AND {number} < {k})"
    return f"({number} > 0 AND {number} < {k})" if k > 1 else "false"


def _mean_statuses(measures: tuple[str, ...], k: int, withhold_zero: bool, seen: str) -> str:
    """SQL: WHEN branches for the means, by how many are behind them. Vehicles do not fall under k."""
    branches = []
    for mean, support in means(measures).items():
        row = "OVER (PARTITION BY place, slot, occ)"
        ok = f"FILTER (measure IN ({sql.names(support)}) AND state = 'ok')"
        behind = f"(CASE WHEN count(*) {ok} {row} = {len(support)} THEN sum({seen}) {ok} {row} END)"
        branch = f"WHEN measure = {sql.literal(mean)} AND state IN ('ok', 'missing') THEN CASE"
        if person_measures(support):
            branch += f" WHEN {behind} IS NULL THEN 'missing' WHEN {_small(behind, k, withhold_zero)} THEN 'suppressed'"
        branches.append(f"{branch} WHEN {behind} = 0 THEN 'missing' ELSE state END")
    return " ".join(branches)
