"""The cards as a good author of SQL would write them for clean data: one plain INSERT … SELECT a card.

They read the tables of the house (``observations``, ``baselines``) and what the settings say, as ``town`` (a row a place) and
``town_hashes`` (a row a card and place). Every count is known and whole here, so nothing is said of what is withheld, missing
or known within bounds, of events, layers and dates, or of revisions; values, levels and reasons are those of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb

from schemas.results import TABLES

TABLE = "by_hand_values"
_ZONE = "Europe/Amsterdam"


def create(con: duckdb.DuckDBPyConnection) -> None:
    """The table to fill: the columns of ``indicator_values``."""
    table = TABLES["indicator_values"]
    columns = ", ".join(f'"{c}" {table.type_of(c)}' for c in table.columns)
    con.execute(f"CREATE OR REPLACE TABLE {TABLE} ({columns})")


def write(con: duckdb.DuckDBPyConnection, cards: Iterable[str], start: datetime, end: datetime) -> None:
    """The values of the slots that start in [start, end)."""
    for card in cards:
        con.execute(insert(card, start, end))


def insert(card: str, start: datetime, end: datetime) -> str:
    """INSERT of one card's values of the slots that start in [start, end)."""
    unit, kind, slots, judged = CARDS[card]
    span = f"interval_start >= TIMESTAMPTZ '{start.isoformat()}' AND interval_start < TIMESTAMPTZ '{end.isoformat()}'"
    early = f"interval_start >= TIMESTAMPTZ '{start.isoformat()}' - INTERVAL 15 MINUTES AND interval_start < TIMESTAMPTZ '{end.isoformat()}'"
    return f"""
        INSERT INTO {TABLE}
        SELECT 'bench', '{card}', s.place, {kind}, source, interval_start, interval_start + INTERVAL 5 MINUTES, CAST(local AS DATE),
               CAST(local AS TIME), value, value, value, '{unit}', level, status, reason, 1.0, 1.0, threshold_source, definition_hash,
               config_hash, 'by hand', interval_start + INTERVAL 6 MINUTES
        FROM (SELECT *, {judged} FROM ({slots.format(span=span, early=early)})) s
        JOIN (SELECT place, threshold_source, definition_hash, config_hash FROM town_hashes WHERE indicator = '{card}') h USING (place)"""


def _counted(measure: str, span: str = "{span}") -> str:
    """Place, start and count of one delivered measure."""
    return f"""SELECT place, source, interval_start, CAST(value AS DOUBLE) AS x, timezone('{_ZONE}', interval_start) AS local
        FROM observations WHERE measure = '{measure}' AND {span}"""


def _both(span: str = "{span}") -> str:
    """Passages in and out of the lines, a row a slot."""
    return f"""SELECT place, any_value(source) AS source, interval_start, CAST(sum(value) AS DOUBLE) AS x,
            CAST(sum(value) FILTER (measure = 'count_in') AS DOUBLE) AS count_in,
            CAST(sum(value) FILTER (measure = 'count_out') AS DOUBLE) AS count_out, timezone('{_ZONE}', interval_start) AS local
        FROM observations WHERE measure IN ('count_in', 'count_out') AND {span} GROUP BY place, interval_start"""


def _gates() -> str:
    """In and out of the zones over their lines, a row a slot: a line counts for the zone it leaves and the one it leads to."""
    flows = f"(SELECT * FROM ({_both()}) JOIN (SELECT place, from_zone, to_zone FROM town) USING (place))"
    return f"""SELECT place, any_value(source) AS source, interval_start, sum(inward) AS inflow, sum(outward) AS outflow, any_value(local) AS local
        FROM (SELECT to_zone AS place, source, interval_start, local, count_in AS inward, count_out AS outward FROM {flows}
              UNION ALL SELECT from_zone, source, interval_start, local, count_out, count_in FROM {flows})
        GROUP BY place, interval_start"""


# Zones have a stock, lines a flow; each is compared with its own past.
def _either(span: str = "{span}") -> str:
    return f"{_counted('present', span)} UNION ALL SELECT place, source, interval_start, x, local FROM ({_both(span)})"


def _usual(columns: str) -> str:
    names = ", ".join(f"b.{c}" for c in columns.split())
    return f"""SELECT s.*, {names} FROM ({_either()}) s LEFT JOIN baselines b
        ON b.place = s.place AND b.local_date = CAST(s.local AS DATE) AND b.local_time = CAST(s.local AS TIME)"""


def _level(*edges: float, value: str = "value", sign: str = ">=") -> str:
    names = ("elevated", "high", "critical")
    whens = " ".join(
        f"WHEN {value} {sign} {edge} THEN '{name}'" for name, edge in reversed(list(zip(names, edges, strict=False)))
    )
    return f"CASE {whens} ELSE 'normal' END"


_OK = "'ok' AS status, CAST(NULL AS VARCHAR) AS reason"
_WHEN_IT_COUNTS = """CASE WHEN counts THEN 'ok' ELSE 'not_applicable' END AS status,
            CASE WHEN NOT counts THEN 'not_applicable' END AS reason"""
_NONE = "'normal' AS level"
_KIND = "CASE WHEN starts_with(s.place, 'zone') THEN 'zone' ELSE 'line' END"

# Per card: unit, kind of place, SELECT of the slots with what they need, SELECT list of value, level, status and reason.
CARDS: dict[str, tuple[str, str, str, str]] = {
    "density": (
        "p/m²", "'zone'", f"SELECT * FROM ({_counted('present')}) JOIN (SELECT place, place_type, usable_area FROM town) USING (place)",
        f"""round(x / usable_area, 2) AS value,
            CASE place_type WHEN 'moving' THEN {_level(1.1, 2.15, 3.5)} ELSE {_level(2.5, 3.5, 4.5)} END AS level, {_OK}""",
    ),
    "occupancy": (
        "ratio", "'zone'", f"SELECT * FROM ({_counted('present')}) JOIN (SELECT place, capacity FROM town) USING (place)",
        f"round(x / capacity, 3) AS value, {_level(0.7, 0.9, 0.95)} AS level, {_OK}",
    ),
    "unusualness": (
        "-", _KIND, _usual("median mad level_factor place_p95"),
        f"""level_factor * median AS expected, x - expected AS excess,
            round(0.6745 * excess / greatest(level_factor * mad, 0.6745 * sqrt(expected + 1), 0.067 * expected), 2) AS value,
            excess >= 0.15 * place_p95 AS material, CASE WHEN material THEN {_level(2.0, 3.0)} ELSE 'normal' END AS level, 'ok' AS status,
            CASE WHEN NOT material THEN 'immaterial' END AS reason""",
    ),
    "busy_for_this_time": (
        "class", _KIND, _usual("p20 p50 p80 p90"),
        f"""CAST(CASE WHEN x > p90 THEN 4 WHEN x > p80 THEN 3 WHEN x > p50 THEN 2 WHEN x > p20 THEN 1 ELSE 0 END AS DOUBLE) AS value,
            {_NONE}, {_OK}""",
    ),
    "growth": (
        "ratio", _KIND,
        f"""SELECT s.*, b.x AS before, capacity, median, mad, level_factor FROM ({_usual("median mad level_factor")}) s
            JOIN ({_either("{early}")}) b ON b.place = s.place AND b.interval_start = s.interval_start - INTERVAL 15 MINUTES
            JOIN town t ON t.place = s.place""",
        f"""level_factor * median AS expected, x >= 100 AND (coalesce(x >= 0.5 * capacity, false) OR round(0.6745 * (x - expected)
                / greatest(level_factor * mad, 0.6745 * sqrt(expected + 1), 0.067 * expected), 2) >= 2.5) AS counts,
            CASE WHEN counts THEN round((x - before) / greatest(before, 1), 2) END AS value,
            {_level(0.25, 0.5, 1.0)} AS level, {_WHEN_IT_COUNTS}""",
    ),
    "time_to_capacity": (
        "min", "'zone'",
        f"""SELECT g.* EXCLUDE (source), c.source, c.x, capacity FROM ({_gates()}) g
            JOIN ({_counted("present")}) c USING (place, interval_start) JOIN town USING (place)""",
        f"""inflow > outflow AS counts,
            CASE WHEN counts THEN round(greatest(capacity - x, 0) * 5 / (inflow - outflow), 0) END AS value,
            {_level(60, 30, 15, sign="<=")} AS level, {_WHEN_IT_COUNTS}""",
    ),
    "jam_suspect": (
        "-", "'line'",
        f"""SELECT s.*, l.effective_width, c.x / z.usable_area AS density FROM ({_both()}) s JOIN town l ON l.place = s.place
            JOIN town z ON z.place = CASE WHEN l.planned_direction = 'out' THEN l.to_zone ELSE l.from_zone END
            JOIN ({_counted("present")}) c ON c.place = z.place AND c.interval_start = s.interval_start""",
        f"""density >= 2.15 AS counts, least(density, 3.5) AS crowd,
            CASE WHEN counts THEN CASE WHEN x / (effective_width * 5) < 0.5 * 60 * crowd * 1.34 * (1 - exp(-1.913 * (1 / crowd - 1 / 5.4)))
                THEN 1.0 ELSE 0.0 END END AS value,
            CASE WHEN value >= 1 THEN 'critical' ELSE 'normal' END AS level, {_WHEN_IT_COUNTS}""",
    ),
    "net_inflow": ("p/min", "'zone'", _gates(), f"round((inflow - outflow) / 5, 1) AS value, {_NONE}, {_OK}"),
    "counterflow": (
        "ratio", "'line'", f"SELECT * FROM ({_both()}) JOIN (SELECT place, effective_width, planned_direction AS plan FROM town) USING (place)",
        f"""CASE WHEN plan = 'out' THEN count_in ELSE count_out END AS against, x / (effective_width * 5) >= 49 AS busy,
            CASE WHEN busy THEN round(against / x, 2) END AS value, {_level(0.05, 0.1, 0.2)} AS reached,
            CASE WHEN busy AND plan IS NOT NULL THEN reached ELSE 'normal' END AS level, CASE WHEN busy THEN 'ok' ELSE 'not_applicable' END AS status,
            CASE WHEN NOT busy THEN 'not_applicable' WHEN plan IS NULL AND reached <> 'normal' THEN 'no_plan' END AS reason""",
    ),
    "specific_flow": (
        "p/m/min", "'line'", f"SELECT * FROM ({_both()}) JOIN (SELECT place, effective_width FROM town) USING (place)",
        f"round(x / (effective_width * 5), 1) AS value, {_level(49, 66, 70)} AS level, {_OK}",
    ),
}  # fmt: skip
