"""What a scenario does to deliveries while an evening is replayed: they fail, come late, or count more people."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from schemas import vocabulary
from schemas.settings.scenario import Late, Outage, Scenario, Surge

if TYPE_CHECKING:
    from pipelines.intake import Taken

COUNTED = ("stock", "flow")

_OUTAGE = "interval_start >= $since AND interval_start < $until AND (len($places) = 0 OR list_contains($places, place))"

# Rule 11, for the rows that a failing source does not send: one per place and interval, suppressed with any withheld measure.
_LOST = f"""
SELECT count(*) FILTER (withheld) AS suppressed, count(*) FILTER (NOT withheld AND measured) AS accepted FROM (
    SELECT bool_or(status = 'suppressed') AS withheld, bool_or(status <> 'invalid') AS measured
    FROM cells WHERE {_OUTAGE} GROUP BY place, interval_start)
"""

_SURGE = """
SELECT * EXCLUDE (hit) REPLACE (CASE WHEN hit THEN CAST(round(value * $factor) AS DECIMAL(18,6)) ELSE value END AS value,
                  CASE WHEN hit THEN CAST(round(value_low * $factor) AS DECIMAL(18,6)) ELSE value_low END AS value_low,
                  CASE WHEN hit THEN CAST(round(value_high * $factor) AS DECIMAL(18,6)) ELSE value_high END AS value_high)
FROM (SELECT *, status = 'ok' AND list_contains($places, place) AND list_contains($counted, measure)
             AND interval_start >= $since AND interval_start < $until AS hit FROM cells)
"""


def waits(scenario: Scenario, source: str, issued: datetime, at: datetime) -> bool:
    """Whether a delivery that was issued is not there yet at ``at``."""
    late = [step for step in scenario.steps if isinstance(step, Late) and step.source == source]
    return any(step.from_ <= issued < step.to and at < issued + step.by for step in late)


def until(scenario: Scenario, source: str, at: datetime, known_until: datetime) -> datetime:
    """Up to where rows are there at ``at`` of a source that does not say when it issues, given where they would be otherwise."""
    for step in scenario.steps:
        if isinstance(step, Late) and step.source == source and step.from_ <= at < step.to + step.by:
            known_until = min(known_until, max(step.from_, at - step.by))
    return known_until


def told(scenario: Scenario, source: str, taken: Taken) -> Taken:
    """What was taken in, as the scenario has it. Rows that a failing source does not send count as filtered."""
    for step in scenario.steps:
        if isinstance(step, Outage) and step.source == source:
            taken = _without(taken, step)
        elif isinstance(step, Surge):
            taken = _surged(taken, step)
    return taken


def _without(taken: Taken, step: Outage) -> Taken:
    scope = {"since": step.from_, "until": step.to, "places": list(step.places)}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("cells", taken.cells)
        suppressed, accepted = con.execute(_LOST, scope).fetchall()[0]
        kept: Any = con.sql(f"SELECT * FROM cells WHERE NOT ({_OUTAGE})", params=scope).to_arrow_table()
        cells = kept.cast(taken.cells.schema)
    return replace(
        taken, cells=cells, rows_in=taken.rows_in - suppressed - accepted, rows_suppressed=taken.rows_suppressed - suppressed,
        rows_accepted=taken.rows_accepted - accepted, rows_filtered=taken.rows_filtered + suppressed + accepted,
    )  # fmt: skip


def _surged(taken: Taken, step: Surge) -> Taken:
    counted = [name for name, column in vocabulary.columns().items() if column.kind in COUNTED]
    scope = {"since": step.from_, "until": step.to, "places": list(step.places), "factor": step.factor, "counted": counted}
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("cells", taken.cells)
        surged: Any = con.sql(_SURGE, params=scope).to_arrow_table()
        return replace(taken, cells=surged.cast(taken.cells.schema))
