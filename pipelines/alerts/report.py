"""What was told, read from the published file: for ``drukte alerts list``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import published
from pipelines.alerts.compose import say
from schemas import words

Row = dict[str, Any]

_ALERTS = """
SELECT * FROM alerts WHERE ($who IS NULL OR list_contains($who, municipality)) AND ($since IS NULL OR created_at >= $since)
ORDER BY created_at DESC, municipality, role, message_id, channel
"""
_MUTES = (
    "SELECT * FROM mutes WHERE ($who IS NULL OR list_contains($who, municipality)) AND muted_until > $at ORDER BY muted_until"
)
# Messages of a role in each hour of the clock; one over several channels counts once.
_HOURS = """
SELECT municipality, role, date_trunc('hour', created_at) AS hour, count(DISTINCT message_id) AS messages
FROM alerts WHERE delivery <> 'withheld' AND ($who IS NULL OR list_contains($who, municipality)) AND ($since IS NULL OR created_at >= $since)
GROUP BY ALL ORDER BY ALL
"""
_ACKS = """
SELECT * FROM acknowledgements WHERE ($who IS NULL OR list_contains($who, municipality))
AND ($since IS NULL OR acknowledged_at >= $since) ORDER BY acknowledged_at DESC, situation_id
"""


def collect(file: Path, who: list[str], since: datetime | None, at: datetime) -> dict[str, Any]:
    """``alerts``, ``acknowledgements``, ``mutes`` that last, and ``hours`` (messages per role and hour): lists of rows."""
    con = published.connect(file)
    try:
        zones = dict(
            con.execute("SELECT replace(key, 'time_zone:', ''), text FROM about WHERE starts_with(key, 'time_zone:')").fetchall()
        )
        named = who or None
        return {
            "alerts": _rows(con, _ALERTS, {"who": named, "since": since}),
            "acknowledgements": _rows(con, _ACKS, {"who": named, "since": since}),
            "mutes": _rows(con, _MUTES, {"who": named, "at": at}),
            "hours": _rows(con, _HOURS, {"who": named, "since": since}),
            "zones": zones,
        }
    finally:
        con.close()


def _rows(con: Any, sql: str, values: dict[str, Any]) -> list[Row]:
    done = con.execute(sql, values)
    names = [d[0] for d in done.description]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def lines(found: dict[str, Any], lang: str) -> list[str]:
    """As text: mutes first, then messages with what became of them."""
    told = [
        f"{_clock(m, 'muted_at', found)} - {_clock(m, 'muted_until', found)}  {m['mute_id']}: "
        + say("list_mute", lang, what=_named(m), role=m["muted_by"], note=m["note"])
        for m in found["mutes"]
    ]
    for row in found["alerts"]:
        head = row[f"text_{lang}"].partition("\n")[0]
        became = words.word("alert_delivery", row["delivery"], lang) + (f" ({row['note']})" if row["note"] else "")
        told.append(f"{_clock(row, 'created_at', found)}  {row['role']:<18} {row['channel']:<12} {became:<12} {head}")
    return told


def _named(mute: Row) -> str:
    return ", ".join(f"{key} {mute[key]}" for key in ("role", "rule", "safety_risk", "place") if mute[key]) or "*"


def _clock(row: Row, column: str, found: dict[str, Any]) -> str:
    zone = ZoneInfo(found["zones"].get(row["municipality"], "UTC"))
    return f"{row[column].astimezone(zone):%Y-%m-%d %H:%M}"
