"""Situations and deliveries of a published file in words, for the terminal."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipelines.cli import common

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

_LEVELS = "['normal', 'elevated', 'high', 'critical']"


def rows(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any] | None = None) -> list[Row]:
    """The rows of a query as dicts."""
    done = con.execute(sql, params or {})
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def zones(con: duckdb.DuckDBPyConnection) -> dict[str, ZoneInfo]:
    """Local clock per municipality, as the published file states it."""
    found = con.execute("SELECT replace(key, 'time_zone:', ''), text FROM about WHERE starts_with(key, 'time_zone:')").fetchall()
    return {slug: ZoneInfo(name) for slug, name in found}


def local(row: Row, zone: ZoneInfo) -> Row:
    """The row with every moment on the local clock."""
    return {k: v.astimezone(zone) if isinstance(v, datetime) else v for k, v in row.items()}


def situations(con: duckdb.DuckDBPyConnection, municipalities: list[str], since: datetime | None, state: str | None) -> list[Row]:
    """Situations, worst first, of all municipalities if none is named; those that ended at or before ``since`` are left out."""
    return rows(con, f"""
        SELECT * FROM situations
        WHERE (len($who) = 0 OR municipality IN (SELECT unnest($who)))
          AND ($since IS NULL OR ended_at IS NULL OR ended_at > $since) AND ($state IS NULL OR state = $state)
        ORDER BY municipality, list_position({_LEVELS}, coalesce(peak_level, level)) DESC, started_at, situation_id
    """, {"who": municipalities, "since": since, "state": state})  # fmt: skip


def in_a_line(situation: Row, lang: str, zone: ZoneInfo | None = None) -> str:
    """``open high (peak critical)  havenplein: overcrowded area, 2026-06-20 18:35–22:30``; UTC without a zone."""
    from schemas import words

    row = local(situation, zone) if zone else situation
    level, peak, state = row["level"], row["peak_level"], words.word("state", row["state"], lang)
    shown = words.word("level", peak if row["state"] == "closed" else level, lang)
    if row["state"] != "closed" and peak and peak != level:
        shown += f" ({words.word('level', peak, lang)})"
    risk = words.word("safety_risk", row["safety_risk"], lang)
    return f"{state} {shown}  {row['place']}: {risk}, {span(row, lang)}{'' if zone else ' UTC'}"


def span(row: Row, lang: str) -> str:
    """From–to of a situation; the end's day only when it differs."""
    start, end = row["started_at"], row["ended_at"]
    if end is None:
        return f"{start:%Y-%m-%d %H:%M}– ({common.text('still_going', lang)})"
    day = "" if end.date() == start.date() else f"{end:%Y-%m-%d} "
    return f"{start:%Y-%m-%d %H:%M}–{day}{end:%H:%M}"


# A cell whose earlier version was missing came late; one whose earlier version had another value was revised.
_REPLACED = """
    WITH earlier AS (
        SELECT municipality, dataset, source, place, interval_start, measure, status AS was, value AS was_value
        FROM observations_history WHERE superseded_at IS NOT NULL AND municipality = $who AND interval_start >= $since),
    now AS (SELECT * FROM observations WHERE municipality = $who AND interval_start >= $since AND status = 'ok')
    SELECT CASE WHEN was = 'missing' THEN 'late' ELSE 'revised' END AS kind, d.name, count(*) AS cells,
           min(interval_start) AS start, max(interval_end) AS "end", any_value(d.received_at) AS received
    FROM earlier JOIN now USING (municipality, dataset, source, place, interval_start, measure)
    JOIN deliveries d USING (delivery_id)
    WHERE was = 'missing' OR (was = 'ok' AND was_value <> now.value)
    GROUP BY kind, d.name ORDER BY start, kind
"""

# Stretches: a run of slots of one place in which all that a source counts has one status. A mean is missing wherever nobody is.
_STRETCHES = """
    WITH slots AS (SELECT DISTINCT place, interval_start, interval_end FROM observations
                   WHERE municipality = $who AND interval_start >= $since
                   GROUP BY source, place, interval_start, interval_end HAVING bool_and(status = $status)),
    marked AS (SELECT *, lag(interval_end) OVER w IS DISTINCT FROM interval_start AS first FROM slots
               WINDOW w AS (PARTITION BY place ORDER BY interval_start)),
    numbered AS (SELECT *, count(*) FILTER (first) OVER (PARTITION BY place ORDER BY interval_start) AS run FROM marked)
    SELECT place, min(interval_start) AS start, max(interval_end) AS "end" FROM numbered GROUP BY place, run ORDER BY start, place
"""


def faults(con: duckdb.DuckDBPyConnection, who: str, since: datetime, lang: str, zone: ZoneInfo) -> list[str]:
    """What was wrong with the deliveries of a municipality since a moment, and what became of it, a line each."""
    scope = {"who": who, "since": since}

    def said(key: str, found: list[Row]) -> list[str]:
        return [common.text(key, lang, **local(row, zone)) for row in found]

    replaced = rows(con, _REPLACED, scope)
    deliveries = rows(
        con, "SELECT * FROM deliveries WHERE municipality = $who AND received_at >= $since ORDER BY received_at, name", scope
    )
    lines = said("fault_late", [r for r in replaced if r["kind"] == "late"])
    lines += said("fault_revised", [r for r in replaced if r["kind"] == "revised"])
    lines += said("fault_duplicate", [{**d, "rows": d["rows_duplicate"]} for d in deliveries if d["state"] == "duplicate"])
    for status in ("outage", "missing"):
        lines += said(f"fault_{status}", rows(con, _STRETCHES, {**scope, "status": status}))
    lines += said("fault_withheld", _withheld(con, scope))
    lines += said("fault_closed", [{**d, "records": d["records_read"]} for d in deliveries if d["state"] == "closed"])
    for delivery in (d for d in deliveries if d["rows_refused"] and d["state"] != "closed"):
        lines += said("fault_broken", [{**delivery, "refused": delivery["rows_refused"], "accepted": delivery["rows_accepted"]}])
        lines += ["   " + line for line in said("fault_row", _refused(con, delivery["delivery_id"]))]
    return lines


def _withheld(con: duckdb.DuckDBPyConnection, scope: dict[str, Any]) -> list[Row]:
    return rows(con, """
        SELECT max(CAST(interval_start AS DATE)) AS date, count(*) AS cells, min(value_low) AS low, max(value_high) AS high
        FROM observations WHERE municipality = $who AND interval_start >= $since AND status = 'suppressed' HAVING count(*) > 0
    """, scope)  # fmt: skip


def _refused(con: duckdb.DuckDBPyConnection, delivery: str) -> list[Row]:
    return rows(con, """
        SELECT row_number AS "row", column_name AS "column", message FROM refused_rows
        WHERE delivery_id = $delivery ORDER BY ALL LIMIT 6
    """, {"delivery": delivery})  # fmt: skip


# For each place and risk: per municipality the worst level it reached, and the edges in force where it reached it.
_DIFFERENCES = f"""
    WITH worst AS (
        SELECT municipality, place, safety_risk, peak_level, leading_indicator, started_at, ended_at FROM situations
        WHERE started_at >= $since AND state <> 'pending'
        QUALIFY row_number() OVER (PARTITION BY municipality, place, safety_risk
            ORDER BY list_position({_LEVELS}, peak_level) DESC, started_at) = 1),
    asked AS (
        SELECT DISTINCT w.place, w.safety_risk, w.leading_indicator AS indicator, m.municipality,
               min(w.started_at) OVER p AS began, max(coalesce(w.ended_at, w.started_at)) OVER p AS ended
        FROM worst w CROSS JOIN (SELECT unnest($towns) AS municipality) m WINDOW p AS (PARTITION BY w.place, w.safety_risk)),
    judged AS (
        SELECT a.*, max_by(v.config_hash, (v.value, v.interval_start)) AS config_hash, max(v.value) AS value,
               any_value(v.unit) AS unit
        FROM asked a JOIN indicator_values v
            ON v.municipality = a.municipality AND v.place = a.place AND v.indicator = a.indicator
            AND v.interval_start >= a.began AND v.interval_start < a.ended AND v.value IS NOT NULL
        GROUP BY ALL)
    SELECT j.place, j.safety_risk, j.municipality, j.indicator, w.peak_level, j.value, j.unit, e.settings,
           count(DISTINCT coalesce(w.peak_level, 'none')) OVER (PARTITION BY j.place, j.safety_risk) AS outcomes
    FROM judged j LEFT JOIN worst w ON w.municipality = j.municipality AND w.place = j.place AND w.safety_risk = j.safety_risk
    LEFT JOIN effective_settings e USING (config_hash)
    QUALIFY outcomes > 1 ORDER BY j.place, j.safety_risk, list_position($towns, j.municipality)
"""


def differences(con: duckdb.DuckDBPyConnection, towns: tuple[str, ...], since: datetime, lang: str) -> list[str]:
    """Where ``towns`` that read the same counts came to different levels, with the edges that made the difference."""
    from schemas import words

    lines: list[str] = []
    for row in rows(con, _DIFFERENCES, {"since": since, "towns": list(towns)}):
        head = f"{row['place']}: {words.word('safety_risk', row['safety_risk'], lang)}"
        if head not in lines:
            lines.append(head)
        level = words.word("level", row["peak_level"], lang) if row["peak_level"] else common.text("no_situation", lang)
        reached = common.text("reached", lang, indicator=row["indicator"], value=row["value"], unit=row["unit"])
        lines.append(f"   {row['municipality']:<10} {level:<14} {reached} {_edges(row['settings'], lang)}")
    return lines


def _edges(settings: str | None, lang: str) -> str:
    """``elevated 0.7 (card), high 0.9 (place: config/…/waterdam.yaml:112)``."""
    import json

    from schemas import words
    from schemas.settings import BANDS

    bands = json.loads(settings)["bands"] if settings else {}
    said = []
    for name, band in ((name, bands[name]) for name in BANDS if name in bands):
        where = f"{band['layer']}: {band['file']}:{band['line']}" if band["layer"] != "card" else "card"
        said.append(f"{words.word('level', name, lang)} {band['enter']:g} ({where})")
    return ", ".join(said)
