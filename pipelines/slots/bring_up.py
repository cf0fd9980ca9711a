"""Observations of a source brought up to longer slots: flows sum, stocks and classes take the last, means are weighted.

Coarser data are never split, partial slots are never scaled up; what is known of a slot is said by its coverage.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pipelines import flagged
from pipelines.grid import anchor
from pipelines.slots.feeds import Given, kind_of
from pipelines.store import Store
from schemas import statuses, vocabulary
from schemas.config import Config

KNOWN = "status IN ('ok', 'suppressed')"

_ALL_MEASURED = "CASE WHEN bool_or(status = 'suppressed') THEN 'suppressed' ELSE 'ok' END"
_LAST = tuple(f"arg_max({c}, interval_start) FILTER ({KNOWN})" for c in ("value", "value_low", "value_high", "status"))
# Exact whatever the order: sums run on DECIMAL, the division comes last. A single observation stays as it was sent.
_MEAN = """CASE WHEN bool_or(status = 'suppressed') THEN NULL
    WHEN count(*) FILTER (status = 'ok') = 1 THEN max(CAST(value AS DOUBLE)) FILTER (status = 'ok')
    ELSE CAST(sum(value * weight) AS DOUBLE) / nullif(CAST(sum(weight) FILTER (status = 'ok') AS DOUBLE), 0) END"""
# Per kind of measure: value, low, high, and the status of a slot of which something is known.
_RULES: dict[str, tuple[str, ...]] = {
    "flow": (*(f"sum({c}) FILTER ({KNOWN})" for c in ("value", "value_low", "value_high")), _ALL_MEASURED),
    "stock": _LAST,
    "class": _LAST,
    "speed": (_MEAN, _MEAN, _MEAN, _ALL_MEASURED),
}


def bucket(minutes: str, column: str, config: Config) -> str:
    """SQL for the start of the slot of ``minutes`` (a number or column) that holds an instant."""
    return f"time_bucket(to_minutes({minutes}), {column}, {anchor(config)})"


def starts(wanted: str, minutes: int) -> str:
    """The starts of the wanted slots, as SQL in parentheses: few moments, so that leaving out the others costs little."""
    return f"(SELECT DISTINCT slot_start FROM {wanted} WHERE interval_minutes = {minutes})"


def observations(store: Store, config: Config, dataset: str, given: Given, span: tuple[datetime, datetime]) -> str:
    """The observations of one source behind a feed, as SQL in parentheses; of a mean with ``weight``, the number behind it.

    Those in a range that is not judged have the status ``flagged`` and no value.
    """
    rows = store.relation("observations", *span)
    where = f"municipality = '{config.municipality.municipality}' AND source = '{given.source}' AND dataset = '{dataset}'"
    own = f"(SELECT * FROM {rows} WHERE {where} AND measure IN ({_list(given.measures)}))"
    unjudged = flagged.condition(config, given.source, given.measures, span)
    if unjudged:
        nothing = ", ".join(f"CASE WHEN status <> 'flagged' THEN {c} END AS {c}" for c in ("value", "value_low", "value_high"))
        own = f"""(SELECT * REPLACE ({nothing}) FROM (SELECT * REPLACE (CASE WHEN {KNOWN} AND ({unjudged}) THEN 'flagged'
                   ELSE status END AS status) FROM {own}))"""
    if kind_of(given.measures[0]) != "speed":
        return own
    support = _list(vocabulary.columns()[given.measures[0]].support)
    return f"""(SELECT m.*, weight FROM {own} m LEFT JOIN (
            SELECT place, interval_start, CAST(sum(value) AS DECIMAL(12,0)) AS weight FROM {rows}
            WHERE {where} AND measure IN ({support}) AND status = 'ok' GROUP BY ALL) USING (place, interval_start))"""


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def due(minutes: int, seconds: int, at: datetime) -> str:
    """SQL: the slot is over, and so many seconds of stated delay too."""
    return f"slot_start + INTERVAL {minutes} MINUTES + INTERVAL {seconds} SECONDS <= TIMESTAMPTZ '{at.isoformat()}'"


def brought_up(rows: str, given: Given, minutes: int, keys: str, measures: int, at: datetime, *, several: bool = False) -> str:
    """SELECT of the slots of ``rows`` (observations with ``slot_start``), one per ``keys`` and slot, that are due or complete.

    ``measures``: how many measures make a slot; ``several``: more observations than that may fall in one.
    Columns: keys, slot_start, coverage, status, value, low, high.
    """
    whole = minutes // given.step_minutes * measures
    if whole == 1 and not several:
        return _as_sent(rows, keys)
    value, low, high, status = _RULES[kind_of(given.measures[0])]
    if kind_of(given.measures[0]) == "speed":  # a mean of nobody knows how many has no part in the mean of a slot
        rows = f"SELECT * REPLACE (CASE WHEN status = 'ok' AND weight IS NULL THEN 'missing' ELSE status END AS status) FROM ({rows})"
    delay = int(given.delay.total_seconds())
    return f"""
    SELECT {keys}, slot_start, known / {whole} AS coverage, status, CASE WHEN status = 'ok' THEN value END AS value,
           CASE WHEN {KNOWN} THEN low END AS low, CASE WHEN {KNOWN} THEN high END AS high
    FROM (
        SELECT {keys}, slot_start, count(*) AS came, count(*) FILTER ({KNOWN}) AS known, {value} AS value, {low} AS low, {high} AS high,
               CASE WHEN count(*) FILTER ({KNOWN}) = 0 THEN {statuses.aggregate_sql()} ELSE {status} END AS status
        FROM ({rows}) GROUP BY {keys}, slot_start)
    WHERE came >= {whole} OR {due(minutes, delay, at)}"""


def _as_sent(rows: str, keys: str) -> str:
    """Where one observation makes a slot there is nothing to bring up."""
    return f"""
    SELECT {keys}, slot_start, CASE WHEN {KNOWN} THEN 1.0::DOUBLE ELSE 0.0::DOUBLE END AS coverage, status, value,
           value_low AS low, value_high AS high
    FROM ({rows})"""
