"""Amounts that belong together: the pieces of a place (lanes, doors, columns) and the parts of a kept interval.

Each measure comes up by its own kind: flows sum, stocks sum over pieces and take the last or largest over time, means are
weighted by the number behind them, classes take the last. ``whole`` is false where a part that counts did not come.
"""

from __future__ import annotations

from pipelines.intake.amounts import MILLIONTH
from pipelines.sql import literal, micros, names
from schemas.datasets import Contract
from schemas.datasets.contract import support_of
from schemas.settings.source import Source

_KEY = "place, slot, slot_end, occ"
# Of several parts the worst decides; one that does not apply takes no part in it.
_STATE = """CASE WHEN bool_or(state = 'outage') THEN 'outage' WHEN bool_or(state = 'missing') THEN 'missing'
                 WHEN bool_or(state = 'suppressed') THEN 'suppressed' WHEN bool_and(state = 'not_applicable') THEN 'not_applicable'
                 ELSE 'ok' END"""


def kept(source: Source, contract: Contract) -> str:
    """SQL of the exact cells of the rows that are kept, from ``cell`` and ``judged``; finer intervals and pieces come up here."""
    good = "cell JOIN (SELECT place, slot, occ FROM judged WHERE first) USING (place, slot, occ)"
    if source.aggregate_to is None and not in_pieces(source):
        return f"SELECT {_KEY}, measure, state, value, seen, few, row_number, issued_at, true AS whole FROM {good}"
    kinds: dict[str, list[str]] = {}
    for measure in source.measure_names:
        kinds.setdefault(contract.kind_of(measure) or "", []).append(measure)
    return " UNION ALL ".join(_of_kind(source, contract, kind, measures, good) for kind, measures in kinds.items())


def in_pieces(source: Source) -> bool:
    """Whether several ids make up a place, or several columns a measure."""
    return source.place.parts == "sum" or any(len(m.columns) > 1 for m in source.measures.values())


def _of_kind(source: Source, contract: Contract, kind: str, measures: list[str], good: str) -> str:
    if kind == "speed":
        return " UNION ALL ".join(_weighted(source, measure, good) for measure in measures)
    wanted = f"{good} WHERE measure IN ({names(measures)})"
    pieces = _summed(source, wanted) if in_pieces(source) else f"SELECT *, true AS all_there FROM {wanted}"
    if source.aggregate_to is None:
        return f"SELECT {_KEY}, measure, state, value, seen, NULL::INTEGER AS few, row_number, issued_at, all_there AS whole FROM ({pieces})"
    return _brought_up(source, contract, kind, f"({pieces})")


def _members(source: Source) -> str:
    """SQL of the number of ids that make up a place."""
    return "(SELECT count(DISTINCT m.member) FROM place_map m WHERE m.place = cell.place)" if source.place.parts == "sum" else "1"


def _summed(source: Source, wanted: str) -> str:
    """SQL: the pieces of a place and interval added up; ``all_there`` says whether every declared one came."""
    columns = " ".join(f"WHEN {literal(m)} THEN {max(1, len(source.measure(m).columns))}" for m in source.measure_names)
    return f"""
        SELECT {_KEY}, start, measure, state, CASE WHEN state = 'ok' THEN amount END AS value, CASE WHEN state = 'ok' THEN counted END AS seen,
               row_number, issued_at, came = expected AS all_there
        FROM (SELECT {_KEY}, start, measure, {_STATE} AS state, CAST(sum(value) AS DECIMAL(18, 6)) AS amount,
                     CAST(sum(seen) AS DECIMAL(18, 6)) AS counted, min(row_number) AS row_number, max(issued_at) AS issued_at,
                     count(DISTINCT (member, piece)) AS came, any_value({_members(source)} * CASE measure {columns} END) AS expected
              FROM {wanted} GROUP BY {_KEY}, start, measure)"""


def _brought_up(source: Source, contract: Contract, kind: str, rows: str) -> str:
    """SQL of the kept cells of measures of one kind from finer intervals. Of a sporadic dataset no part is expected."""
    step = f"to_microseconds({micros(source.interval.total_seconds())})"
    value, seen, state = "arg_max(value, start)", "arg_max(seen, start)", "arg_max(state, start)"
    whole = "true" if contract.sporadic else f"max(start) = max(slot_end) - {step}"
    if kind == "flow" or (kind == "stock" and source.statistic == "max"):
        value, seen = (f"CAST(sum({c}) AS DECIMAL(18, 6))" if kind == "flow" else f"max({c})" for c in ("value", "seen"))
        state, whole = _STATE, f"count(DISTINCT start) = {_parts(source)}"
    return f"""
        SELECT {_KEY}, measure, state, CASE WHEN state = 'ok' THEN amount END AS value, CASE WHEN state = 'ok' THEN counted END AS seen,
               NULL::INTEGER AS few, row_number, issued_at, whole
        FROM (SELECT {_KEY}, measure, {state} AS state, {value} AS amount, {seen} AS counted, min(row_number) AS row_number,
                     max(issued_at) AS issued_at, {whole} AND bool_and(all_there) AS whole
              FROM {rows} GROUP BY {_KEY}, measure)"""


def _parts(source: Source) -> int:
    return int(source.stored_interval / source.interval)


def _weighted(source: Source, measure: str, good: str) -> str:
    """SQL of a mean over a kept interval and its pieces: sum(mean × support) ÷ sum(support), in whole millionths, rounded once.

    A part with nobody in it weighs nothing. Missing when a part lacks, or its mean or support: never a mean of what happens to
    be there. It refuses no row: its counts can be whole all the same.
    """
    support = support_of(measure, source.measure_names)
    behind = f"measure IN ({names(support)})"
    columns = sum(max(1, len(source.measure(s).columns)) for s in support)
    return f"""
        SELECT {_KEY}, {literal(measure)} AS measure, state,
               CASE WHEN state = 'ok' THEN CAST((2 * total + people) // (2 * people) AS DECIMAL(18, 0)) * {MILLIONTH} END AS value,
               NULL::DECIMAL(18, 6) AS seen, NULL::INTEGER AS few, row_number, issued_at, true AS whole
        FROM (SELECT {_KEY}, min(row_number) AS row_number, max(issued_at) AS issued_at, sum(people) AS people,
                     sum(people * millionths) AS total,
                     CASE WHEN bool_or(outage) THEN 'outage'
                          WHEN count(*) < {_parts(source)} * any_value({_members(source)}) OR sum(people) = 0
                              OR bool_or(people IS NULL OR (people > 0 AND millionths IS NULL)) THEN 'missing' ELSE 'ok' END AS state
              FROM (SELECT {_KEY}, start, member, min(row_number) AS row_number, max(issued_at) AS issued_at,
                           bool_or(state = 'outage') AS outage,
                           CAST(1000000 * max(value) FILTER (measure = {literal(measure)}) AS HUGEINT) AS millionths,
                           CASE WHEN count(*) FILTER ({behind} AND state = 'ok') = {columns}
                                THEN CAST(sum(value) FILTER ({behind}) AS HUGEINT) END AS people
                    FROM {good} WHERE measure = {literal(measure)} OR {behind} GROUP BY {_KEY}, start, member) AS cell
              GROUP BY {_KEY})"""
