"""Earlier versions: of a value, of the observations behind it, and of the situation it led to."""

from __future__ import annotations

from pipelines.explain.found import Record, Row
from pipelines.explain.inputs import shown
from pipelines.explain.reading import Published

_VALUE = "value, level, status, reason, recorded_at, superseded_at, run_id"
_SITUATION = (
    "revision, recorded_at, superseded_at, state, level, peak_level, started_at, signalled_at, ended_at, end_reason, group_id"
)


def of_value(read: Published, value: Record) -> list[Record]:
    """Versions of a value, oldest first, the current one last."""
    return read.rows(
        f"""SELECT {_VALUE} FROM indicator_values_history WHERE municipality = $1 AND indicator = $2 AND place = $3
            AND interval_start = $4 ORDER BY recorded_at, superseded_at NULLS LAST""",
        [value["municipality"], value["indicator"], value["place"], value["interval_start"]],
    )


def of_observations(read: Published, value: Record, rows: list[Row]) -> list[Record]:
    """Earlier versions of the observations behind a value. ``lost``: a revision that came later but was issued earlier."""
    if not rows:
        return []
    found = read.rows(
        """SELECT o.*, d.name AS delivery FROM observations_history o LEFT JOIN deliveries d USING (delivery_id)
           WHERE o.superseded_at IS NOT NULL AND o.municipality = $1 AND o.interval_start >= $2 AND o.interval_end <= $3
           ORDER BY o.interval_start, o.place, o.measure, o.recorded_at""",
        [value["municipality"], min(r.interval_start for r in rows), max(r.interval_end for r in rows)],
    )
    keys = {(r.source, r.place, r.interval_start, r.measure) for r in rows}
    return [
        {**{c: row[c] for c in ("source", "place", "interval_start", "measure", "status", "delivery", "recorded_at", "superseded_at")},
         "value": shown(row), "lost": row["recorded_at"] == row["superseded_at"]}
        for row in found if (row["source"], row["place"], row["interval_start"], row["measure"]) in keys
    ]  # fmt: skip


def of_situation(read: Published, situation: Record) -> list[Record]:
    """Versions of a situation, oldest first: when it was signalled, how its level went, how late data moved it."""
    return read.rows(
        f"SELECT {_SITUATION} FROM situations_history WHERE situation_id = $1 ORDER BY recorded_at, revision",
        [situation["situation_id"]],
    )
