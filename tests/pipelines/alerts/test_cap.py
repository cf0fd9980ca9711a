"""CAP files by the rules of the CAP 1.2 schema (OASIS, 1 July 2010): order of elements, code lists, patterns, cardinality."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pipelines.alerts import cap
from pipelines.alerts.model import KINDS
from schemas.config import load
from schemas.settings.alerts import Channel

ROOT = Path(__file__).resolve().parents[3]
NS = "{urn:oasis:names:tc:emergency:cap:1.2}"
DATE = re.compile(r"\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
# name, least, most (0: any number); in the order of the schema.
ALERT = [("identifier", 1, 1), ("sender", 1, 1), ("sent", 1, 1), ("status", 1, 1), ("msgType", 1, 1), ("source", 0, 1), ("scope", 1, 1),
         ("restriction", 0, 1), ("addresses", 0, 1), ("code", 0, 0), ("note", 0, 1), ("references", 0, 1), ("incidents", 0, 1),
         ("info", 0, 0)]  # fmt: skip
INFO = [("language", 0, 1), ("category", 1, 0), ("event", 1, 1), ("responseType", 0, 0), ("urgency", 1, 1), ("severity", 1, 1),
        ("certainty", 1, 1), ("audience", 0, 1), ("eventCode", 0, 0), ("effective", 0, 1), ("onset", 0, 1), ("expires", 0, 1),
        ("senderName", 0, 1), ("headline", 0, 1), ("description", 0, 1), ("instruction", 0, 1), ("web", 0, 1), ("contact", 0, 1),
        ("parameter", 0, 0), ("resource", 0, 0), ("area", 0, 0)]  # fmt: skip
AREA = [("areaDesc", 1, 1), ("polygon", 0, 0), ("circle", 0, 0), ("geocode", 0, 0), ("altitude", 0, 1), ("ceiling", 0, 1)]
PARAMETER = [("valueName", 1, 1), ("value", 1, 1)]
CODES = {
    "status": "Actual Exercise System Test Draft", "msgType": "Alert Update Cancel Ack Error", "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None", "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown", "certainty": "Observed Likely Possible Unlikely Unknown",
}  # fmt: skip


def mistakes(root: ET.Element) -> Iterator[str]:
    """What the schema would refuse."""
    if root.tag != f"{NS}alert":
        yield f"root {root.tag}"
    yield from ordered(root, ALERT)
    for info in root.iter(f"{NS}info"):
        yield from ordered(info, INFO)
    for name, rules in (("area", AREA), ("parameter", PARAMETER)):
        for element in root.iter(f"{NS}{name}"):
            yield from ordered(element, rules)
    for element in root.iter():
        name, text = element.tag.removeprefix(NS), element.text or ""
        if name in CODES and text not in CODES[name].split():
            yield f"{name} {text}"
        if name in ("sent", "effective", "onset", "expires") and not DATE.fullmatch(text):
            yield f"{name} {text}"
        if name in ("identifier", "sender") and re.search(r"[\s,<&]", text):
            yield f"{name} {text}"
        if name == "polygon":
            points = text.split(" ")
            if (
                len(points) < 4
                or points[0] != points[-1]
                or not all(re.fullmatch(r"-?\d+(\.\d+)?,-?\d+(\.\d+)?", p) for p in points)
            ):
                yield f"polygon {text[:40]}"
        if name == "references" and not all(len(r.split(",")) == 3 and DATE.fullmatch(r.split(",")[2]) for r in text.split(" ")):
            yield f"references {text}"
    scope = root.findtext(f"{NS}scope")
    if scope == "Private" and not root.findtext(f"{NS}addresses"):
        yield "Private without addresses"


def ordered(parent: ET.Element, rules: list[tuple[str, int, int]]) -> Iterator[str]:
    names = [child.tag.removeprefix(NS) for child in parent]
    order = [name for name, _, _ in rules]
    if unknown := set(names) - set(order):
        yield f"{parent.tag}: {unknown}"
        return
    if names != sorted(names, key=order.index):
        yield f"{parent.tag}: order {names}"
    for name, least, most in rules:
        if names.count(name) < least or (most and names.count(name) > most):
            yield f"{parent.tag}: {names.count(name)} {name}"


CONFIG = load(ROOT / "config", "waterdam")
AT = datetime(2026, 6, 20, 19, 30, tzinfo=UTC)
CHANNEL = Channel.model_validate({"kind": "cap", "folder": "cap", "status": "Exercise"})


def facts(**changes: object) -> dict[str, object]:
    return {"id": "manager.x-1", "kind": "new", "rule": "manager", "role": "crowd-manager", "level": "high", "before": None,
            "at": AT.isoformat(), "group_id": "x", "situation_ids": ["x"], "places": ["havenplein", "noordbrug", "nowhere"],
            "safety_risk": "overcrowding", "confidence": 0.9, "measure": {"nl": "doseren"}, **changes}  # fmt: skip


def made(
    told: tuple[str, str] = ("Kop & <staart>", "Tekst\n\x00met één teken te veel"), earlier=(), **changes: object
) -> ET.Element:
    return ET.fromstring(cap.xml(facts(**changes), {"nl": told}, CONFIG, CHANNEL, list(earlier)))


@pytest.mark.parametrize("kind", [*KINDS, "no_run", "no_data", "recovered"])
@pytest.mark.parametrize("level", ["normal", "elevated", "high", "critical"])
def test_every_kind_and_level_is_sound(kind: str, level: str) -> None:
    for sure, risk in ((None, None), (0.4, "gridlock"), (1.0, "overcrowding")):
        root = made(kind=kind, level=level, confidence=sure, safety_risk=risk, earlier=[cap.Earlier("manager.x-0", AT)])
        assert list(mistakes(root)) == []


def test_it_says_where_by_drawing_and_by_name_what_to_assess_and_what_came_before() -> None:
    root = made()
    assert root.findtext(f"{NS}msgType") == "Alert"
    assert root.findtext(f"{NS}sent") == "2026-06-20T21:30:00+02:00"
    info = root.find(f"{NS}info")
    assert info is not None
    assert info.findtext(f"{NS}responseType") == "Assess", "a measure is a person's to decide"
    assert info.findtext(f"{NS}headline") == "Kop & <staart>"
    assert info.findtext(f"{NS}area/{NS}areaDesc") == "Havenplein, Noordbrug, nowhere"
    assert len(info.findall(f"{NS}area/{NS}polygon")) == 1, "a line has no area"
    first = info.findtext(f"{NS}area/{NS}polygon").split(" ")[0].split(",")
    assert 50 < float(first[0]) < 54 and 3 < float(first[1]) < 8, "latitude first"
    after = made(kind="raised", earlier=[cap.Earlier("manager.x-1", AT), cap.Earlier("manager.x-2", AT)])
    assert after.findtext(f"{NS}msgType") == "Update"
    sender = CONFIG.municipality.alerts.sender
    assert (
        after.findtext(f"{NS}references")
        == f"{sender},manager.x-1,2026-06-20T21:30:00+02:00 {sender},manager.x-2,2026-06-20T21:30:00+02:00"
    )
    assert made(kind="correction", earlier=[cap.Earlier("manager.x-1", AT)]).findtext(f"{NS}msgType") == "Cancel"
    assert made(kind="ended", level="normal").findtext(f"{NS}info/{NS}responseType") == "AllClear"


def test_the_check_itself_notices_faults() -> None:
    root = made()
    info = root.find(f"{NS}info")
    assert info is not None
    for name, text in (("urgency", "Soon"), ("expires", "2026-06-20T21:30:00Z")):
        element = info.find(f"{NS}{name}")
        kept, element.text = element.text, text
        assert list(mistakes(root)) == [f"{name} {text}"]
        element.text = kept
    info.append(info[0])
    assert any("order" in m for m in mistakes(root))
