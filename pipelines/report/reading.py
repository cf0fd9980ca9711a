"""What the report of an event reads from the published file, as SQL. Unknown stays apart from calm in every count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.board.queries import rows
from pipelines.published import connect
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems

Row = dict[str, Any]

_EVENT = "SELECT * FROM events WHERE event = $event AND ($town IS NULL OR municipality = $town) ORDER BY municipality"

# Open or closed situations that went on during the event, with the card that led and who acts by it.
_SITUATIONS = """
WITH cards AS (SELECT * FROM indicators
               QUALIFY row_number() OVER (PARTITION BY indicator ORDER BY version DESC, definition_hash) = 1),
named AS (SELECT municipality, place, name FROM places
          QUALIFY row_number() OVER (PARTITION BY municipality, place ORDER BY valid_from DESC) = 1)
SELECT s.*, n.name, c.title_nl, c.title_en, c.follow_up, c.follow_up_role, c.lead_time_minutes,
       list_contains(s.reasons, 'unobserved') AS unobserved,
       date_diff('second', s.started_at, least(coalesce(s.ended_at, $at), $at)) / 60.0 AS minutes
FROM situations s LEFT JOIN cards c ON c.indicator = s.leading_indicator LEFT JOIN named n USING (municipality, place)
WHERE s.municipality = $town AND s.state <> 'pending' AND s.started_at < $until AND (s.ended_at IS NULL OR s.ended_at > $since)
ORDER BY list_position(['normal', 'elevated', 'high', 'critical'], coalesce(s.peak_level, s.level)) DESC, s.started_at, s.situation_id
"""

# Cells of each source during the event, by what became of them; late: a value that replaced a row that was missing.
_QUALITY = """
WITH late AS (
  SELECT o.source, count(*) AS late FROM observations_history h JOIN observations o
    USING (municipality, dataset, source, place, interval_start, measure)
  WHERE h.superseded_at IS NOT NULL AND h.status = 'missing' AND o.status IN ('ok', 'suppressed') AND o.municipality = $town
    AND o.interval_start >= $since AND o.interval_start < $until GROUP BY o.source)
SELECT o.source, any_value(o.dataset) AS dataset, count(*) AS expected, count(*) FILTER (status = 'ok') AS ok,
       count(*) FILTER (status = 'suppressed') AS suppressed, count(*) FILTER (status = 'missing') AS missing,
       count(*) FILTER (status = 'outage') AS outage, count(*) FILTER (status = 'invalid') AS invalid, any_value(l.late) AS late
FROM observations o LEFT JOIN late l USING (source)
WHERE o.municipality = $town AND o.interval_start >= $since AND o.interval_start < $until
GROUP BY o.source ORDER BY o.source
"""

_TROUBLES = """
SELECT received_at, source, name, state, reason, rows_in, rows_refused FROM deliveries
WHERE municipality = $town AND received_at >= $since AND received_at <= $until + INTERVAL 2 HOURS
  AND (state IN ('closed', 'refused') OR rows_refused > 0) ORDER BY received_at LIMIT 20
"""

# Per place the share of its judged slots that were unknown, the darkest first.
_UNSEEN = """
WITH named AS (SELECT municipality, place, name FROM places
          QUALIFY row_number() OVER (PARTITION BY municipality, place ORDER BY valid_from DESC) = 1),
judged AS (
  SELECT place, interval_start, max(interval_end) AS interval_end, bool_and(level = 'unknown') AS unknown FROM indicator_values v
  SEMI JOIN (SELECT indicator FROM indicators WHERE role = 'signal') c USING (indicator)
  WHERE municipality = $town AND interval_start >= $since AND interval_start < $until GROUP BY place, interval_start)
SELECT place, any_value(name) AS name, count(*) AS slots, count(*) FILTER (unknown) AS dark,
       min(interval_start) FILTER (unknown) AS first, max(interval_end) FILTER (unknown) AS last
FROM judged LEFT JOIN (FROM named WHERE municipality = $town) n USING (place) GROUP BY place HAVING count(*) FILTER (unknown) > 0
ORDER BY count(*) FILTER (unknown) / count(*) DESC, place
"""

_SILENT = """
SELECT DISTINCT explanation_nl, explanation_en, blind_spot FROM blind_spots
WHERE municipality = $town AND blind_spot IN ('no_data', 'level_capped', 'too_coarse')
ORDER BY ALL
"""

_EDITIONS = """
SELECT * FROM events WHERE municipality = $town AND series = $series AND event <> $event AND starts_at < $since ORDER BY starts_at DESC
"""

_EDITION = """
SELECT count(*) AS situations, count(DISTINCT coalesce(group_id, situation_id)) AS stories,
       list_extract(['normal', 'elevated', 'high', 'critical'],
                    max(list_position(['normal', 'elevated', 'high', 'critical'], peak_level))) AS peak,
       count(*) FILTER (peak_level IN ('high', 'critical')) AS high
FROM situations WHERE municipality = $town AND state <> 'pending' AND started_at < $until AND (ended_at IS NULL OR ended_at > $since)
"""

_SHARE = """
SELECT count(*) AS slots, count(*) FILTER (level = 'unknown') AS unknown FROM indicator_values v
SEMI JOIN (SELECT indicator FROM indicators WHERE role = 'signal') c USING (indicator)
WHERE municipality = $town AND interval_start >= $since AND interval_start < $until
"""

_FOLLOW_UP = """
SELECT * FROM outcomes WHERE municipality = $town AND occurred_at >= $since AND occurred_at < $until + INTERVAL 12 HOURS
ORDER BY occurred_at, outcome_id
"""


@dataclass(frozen=True)
class Found:
    """Rows with raw values; ``editions`` pairs an earlier edition with its figures (None where the file holds nothing of it)."""

    event: Row
    since: datetime
    until: datetime
    situations: list[Row]
    quality: list[Row]
    troubles: list[Row]
    unseen: list[Row]
    silent: list[Row]
    own: Row
    editions: list[tuple[Row, Row | None]]
    outcomes: list[Row]


def read(published: Path, event: str, municipality: str | None, at: datetime) -> Found:
    """Everything about an event as far as it was known to the published file, up to ``at``. Raises :class:`Problems`."""
    con = connect(published)
    try:
        return _found(con, published.name, event, municipality, at)
    finally:
        con.close()


def _found(con: duckdb.DuckDBPyConnection, file: str, event: str, municipality: str | None, at: datetime) -> Found:
    held = rows(con, _EVENT, {"event": event, "town": municipality})
    if len(held) != 1:
        known = [r["event"] for r in rows(con, "SELECT DISTINCT event FROM events ORDER BY event", {})]
        what = f"there is no event `{event}`" if not held else f"several municipalities have an event `{event}`"
        fix = did_you_mean(event, known) if not held else "Name one with --municipality SLUG."
        raise Problems([Problem(file, 0, "event", what, fix or "Events stand in the municipality's file, under `events:`.")])
    it = held[0]
    since, until = it["starts_at"], min(it["ends_at"], at)
    scope = {"town": it["municipality"], "event": event, "series": it["series"], "since": since, "until": until, "at": at}

    def ask(sql: str, **more: Any) -> list[Row]:
        return rows(con, sql, {**scope, **more})

    editions = ask(_EDITIONS) if it["series"] else []
    told = [(e, _figures(ask, since=e["starts_at"], until=e["ends_at"])) for e in editions]
    own = _figures(ask, since=since, until=until)
    return Found(
        event=it, since=since, until=until, situations=ask(_SITUATIONS), quality=ask(_QUALITY), troubles=ask(_TROUBLES),
        unseen=ask(_UNSEEN), silent=ask(_SILENT), own=own or {}, editions=told, outcomes=ask(_FOLLOW_UP),
    )  # fmt: skip


def _figures(ask: Any, **span: datetime) -> Row | None:
    """Output figures of an edition; None where no slot of it was ever judged."""
    share = ask(_SHARE, **span)[0]
    return {**ask(_EDITION, **span)[0], **share} if share["slots"] else None
