"""How a workspace stands: freshness per source, open situations, last runs, review dates, room on disk.

What retention removes within a month is told too. Everything is read from the published file, so it never waits for a run.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from pipelines import published as reading
from pipelines.upkeep import going, rights

LOOK_BACK = timedelta(days=8)  # a source silent for longer is simply silent
REVIEW_AHEAD = timedelta(days=60)
AUDITS = "audit.json"  # in private/, written by the nightly audit

Row = dict[str, Any]

# Stale after twice the interval plus the source's stated delay (rule 4).
_SOURCES = """
WITH newest AS (
    SELECT municipality, source, max(interval_end) AS known_until,
           max_by(date_diff('minute', interval_start, interval_end), interval_end) AS interval_minutes
    FROM observations WHERE interval_start >= $since AND interval_end <= $at AND status IN ('ok', 'suppressed') GROUP BY ALL),
arrived AS (
    SELECT municipality, source, max(received_at) AS received_at, count(*) AS deliveries,
           count(*) FILTER (state IN ('refused', 'closed')) AS turned_away, sum(rows_refused) AS rows_refused,
           -- A file cannot be issued after it came: then a clock is wrong, the supplier's or ours.
           max(date_diff('second', received_at, issued_at) / 60.0) FILTER (received_how = 'observed' AND received_at >= $since) AS skew
    FROM deliveries WHERE received_at <= $at GROUP BY ALL),
delay AS (SELECT regexp_extract(key, '^source[.](.*)[.]delay_minutes$', 1) AS source, try_cast(text AS DOUBLE) AS delay_minutes
          FROM about WHERE regexp_matches(key, '^source[.].*[.]delay_minutes$'))
SELECT municipality, source, known_until, date_diff('second', known_until, $at) / 60.0 AS age_minutes,
       2 * interval_minutes + delay_minutes AS stale_after_minutes, age_minutes <= stale_after_minutes AS fresh,
       received_at, deliveries, turned_away, rows_refused, if(skew >= 1, skew, NULL) AS clock_ahead_minutes
FROM arrived LEFT JOIN newest USING (municipality, source) LEFT JOIN delay USING (source)
WHERE municipality IN (SELECT unnest($who)) ORDER BY municipality, source
"""

_SITUATIONS = """
SELECT * FROM situations WHERE state IN ('open', 'pending') AND started_at <= $at AND municipality IN (SELECT unnest($who))
ORDER BY state, list_position(['critical', 'high', 'elevated', 'normal'], level), started_at, situation_id
"""

_RUNS = """
SELECT municipality, run_id, verb, as_of, message FROM runs WHERE municipality IN (SELECT unnest($who)) AND as_of <= $at
QUALIFY row_number() OVER (PARTITION BY municipality ORDER BY as_of DESC, run_id DESC) <= 3
ORDER BY municipality, as_of DESC, run_id DESC
"""

# How many proposals about faults in the data wait for a decision, per municipality.
_PROPOSALS = """
SELECT municipality, count(*) AS proposed, min(flagged_from) AS oldest, count(*) FILTER (ongoing) AS lasting FROM flags
WHERE state = 'proposed' AND municipality IN (SELECT unnest($who)) GROUP BY municipality ORDER BY municipality
"""

_REVIEWS = """
SELECT municipality, what, review_by, owner, file, line FROM (
    SELECT DISTINCT municipality, 'threshold ' || indicator || ' ' || band AS what, review_by, owner, file, line
    FROM thresholds WHERE layer <> 'card' AND (effective_to IS NULL OR effective_to > $at)
    UNION ALL SELECT municipality, 'purpose ' || purpose, review_by, owner, file, line FROM purposes)
WHERE review_by <= $review AND municipality IN (SELECT unnest($who)) ORDER BY review_by, municipality, file, line, what
"""


_IN_REVIEW = """
SELECT municipality, source, delivery_id, name, count(*) AS changes, min(interval_start) AS changes_from, max(interval_end) AS changes_to
FROM held_changes h LEFT JOIN (SELECT delivery_id, name FROM deliveries) USING (delivery_id)
WHERE municipality IN (SELECT unnest($who)) AND recorded_at <= $at AND (released_at IS NULL OR released_at > $at) GROUP BY ALL ORDER BY ALL
"""

_CONFIG = """
SELECT municipality, config_version, how, effective_from, accepted_by, review_by FROM config_versions
WHERE municipality IN (SELECT unnest($who)) AND (effective_from IS NULL OR effective_from <= $at) AND accepted_at <= $at
QUALIFY row_number() OVER (
    PARTITION BY municipality ORDER BY how IN ('accepted', 'urgent') DESC, effective_from DESC NULLS LAST, config_version DESC) = 1
ORDER BY municipality
"""

_CONFIG_NOTES = """
SELECT split_part(key, ':', 2) AS municipality, regexp_extract(key, '^config_note_(..)', 1) AS lang, unnest(split(text, chr(10))) AS note
FROM about WHERE starts_with(key, 'config_note_') AND municipality IN (SELECT unnest($who)) ORDER BY municipality, lang
"""


def collect(workspace: Path, at: datetime, municipalities: list[str] | None = None) -> dict[str, Any]:
    """``sources``, ``situations``, ``runs``, ``flags`` (proposals), ``reviews``, ``in_review`` (lists of rows), ``audit`` (the last nightly
    one per municipality) and ``disk`` (bytes), as seen at ``at`` (aware).

    ``municipalities``: None is all that the published file holds. Raises :class:`duckdb.Error` without a published file.
    """
    con = reading.connect(workspace / "published" / "indicators.duckdb")
    try:
        here = [m for (m,) in con.execute("SELECT DISTINCT municipality FROM runs ORDER BY 1").fetchall()]
        who = municipalities or here
        params: dict[str, Any] = {"at": at, "who": who}
        return {
            "at": at,
            "municipalities": params["who"],
            "sources": _rows(con, _SOURCES, {**params, "since": at - LOOK_BACK}),
            "situations": _rows(con, _SITUATIONS, params),
            "runs": _rows(con, _RUNS, params),
            "flags": _rows(con, _PROPOSALS, {"who": params["who"]}),
            "config": _rows(con, _CONFIG, params),
            "config_notes": _rows(con, _CONFIG_NOTES, {"who": params["who"]}),
            "reviews": _rows(con, _REVIEWS, {**params, "review": (at + REVIEW_AHEAD).date()}),
            "retention": going.collect(con, municipalities or here),
            "in_review": _rows(con, _IN_REVIEW, params),
            "audit": {town: told for town, told in audits(workspace).items() if town in params["who"]},
            "disk": disk(workspace),
            "rights": rights.found(workspace),
        }
    finally:
        con.close()


def audits(workspace: Path) -> dict[str, dict[str, Any]]:
    """Municipality → its last nightly audit; empty where there was none, or where this user may not look."""
    try:
        found: dict[str, dict[str, Any]] = json.loads((workspace / "private" / AUDITS).read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError):
        return {}
    return found


def disk(workspace: Path) -> dict[str, int]:
    """Bytes of the published and the private folder, and what is free beside them."""
    sizes = {
        name: sum(f.stat().st_size for f in (workspace / name).rglob("*") if f.is_file()) for name in ("published", "private")
    }
    return {**sizes, "free": shutil.disk_usage(workspace).free}


def _rows(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> list[Row]:
    done = con.execute(sql, params)
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]
