"""A message as a CAP 1.2 alert (OASIS Common Alerting Protocol): one XML file, for crisis systems.

A level is a signal, not an outcome: the response asked for is always *Assess* (or *AllClear*), never a measure, which a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from schemas import words
from schemas.config import Config
from schemas.settings.alerts import Channel

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
HOLDS = timedelta(hours=2)
LANGUAGE = {"nl": "nl-NL", "en": "en-GB"}
SEVERITY = {"critical": "Severe", "high": "Moderate", "elevated": "Minor", "normal": "Minor"}
URGENCY = {"critical": "Immediate", "high": "Expected", "elevated": "Expected", "normal": "Past"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Earlier(NamedTuple):
    """A message of the same story that was sent before."""

    message_id: str
    sent: datetime


def xml(
    facts: Mapping[str, Any], told: Mapping[str, tuple[str, str]], config: Config, channel: Channel, earlier: list[Earlier]
) -> bytes:  # fmt: skip
    """The file. ``facts``: as :class:`pipelines.alerts.channels.Parcel`; ``told``: head and body by language."""
    alerts = config.municipality.alerts
    alert = ET.Element("alert", xmlns=NAMESPACE)
    over = facts["kind"] in ("ended", "correction", "recovered")
    sent = datetime.fromisoformat(facts["at"])
    kind = "Cancel" if facts["kind"] == "correction" and earlier else "Update" if earlier else "Alert"
    head = {
        "identifier": facts["id"], "sender": alerts.sender, "sent": _clock(sent, config), "status": channel.status,
        "msgType": kind, "scope": "Private", "addresses": facts["role"],
    }  # fmt: skip
    if earlier:
        head["references"] = " ".join(f"{alerts.sender},{e.message_id},{_clock(e.sent, config)}" for e in earlier)
    for name, text in head.items():
        _add(alert, name, text)
    for lang, (title, body) in told.items():
        _info(alert, facts, lang, title, body, config, over=over)
    ET.indent(alert)
    written: bytes = ET.tostring(alert, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + written + b"\n"


def _info(
    alert: ET.Element, facts: Mapping[str, Any], lang: str, title: str, body: str, config: Config, *, over: bool
) -> None:  # fmt: skip
    info, alerts = ET.SubElement(alert, "info"), config.municipality.alerts
    sent, level, risk = datetime.fromisoformat(facts["at"]), facts["level"], facts["safety_risk"]
    blind = facts["kind"] in ("unobserved", "no_run", "no_data")
    sure = facts["confidence"]
    fields = [
        ("language", LANGUAGE[lang]), ("category", "Transport" if risk in ("gridlock", "blocked_emergency_route") else "Safety"),
        ("event", words.word("safety_risk", risk, lang) if risk else title[:100]), ("responseType", "AllClear" if over else "Assess"),
        ("urgency", "Unknown" if blind else "Past" if over else URGENCY[level]),
        ("severity", "Unknown" if blind else SEVERITY[level]),
        ("certainty", "Unknown" if blind or sure is None else "Observed" if sure >= 0.8 else "Likely" if sure > 0.5 else "Possible"),
        ("expires", _clock(sent + HOLDS, config)), ("senderName", getattr(config.municipality.name, lang)),
        ("headline", title[:160]), ("description", body), ("instruction", facts["measure"].get(lang) or None),
        ("web", alerts.board or alerts.guide),
    ]  # fmt: skip
    for name, text in fields:
        if text:
            _add(info, name, text)
    for name in ("level", "kind", "rule"):
        parameter = ET.SubElement(info, "parameter")
        _add(parameter, "valueName", f"drukte:{name}")
        _add(parameter, "value", facts[name])
    if facts["places"]:
        area = ET.SubElement(info, "area")
        rows = {row.place.place: row for row in config.places_at(sent)}
        _add(area, "areaDesc", ", ".join(rows[p].place.name if p in rows else p for p in facts["places"]))
        for place in facts["places"]:
            for ring in _rings(rows[place].geometry if place in rows else None):
                _add(area, "polygon", " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ring))


def _rings(geometry: Mapping[str, Any] | None) -> Iterator[list[tuple[float, float]]]:
    """Outer rings (longitude, latitude) of an area; a line has none."""
    if geometry and geometry["type"] in ("Polygon", "MultiPolygon"):
        parts = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        for part in parts:
            ring = [(float(point[0]), float(point[1])) for point in part[0]]
            if len(ring) >= 4 and ring[0] == ring[-1]:
                yield ring


def _clock(moment: datetime, config: Config) -> str:
    """As CAP wants it: whole seconds and an offset, never Z."""
    text = moment.astimezone(config.tz).replace(microsecond=0).isoformat()
    return text.replace("+00:00", "-00:00")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _NOT_XML.sub("", text)
