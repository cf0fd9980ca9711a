"""What config and card *declare*, read as plain YAML: calendar, place map, ranks, k, zero runs, and the edges of the bands.

No formula and no engine setting is read; a municipality that layers own thresholds over the card is refused, since the oracle
judges by the card's bands alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pandas as pd
import yaml

from tests.oracle.naive import Calendar, Edges
from tests.oracle.reading import place_map
from tests.oracle.stretches import BANDS, Timing

_MINUTES = {"s": 1 / 60, "min": 1, "h": 60, "d": 1440}


def minutes(text: str) -> float:
    """``45min`` or ``2h`` in minutes."""
    number, unit = re.fullmatch(r"\s*(\d+)\s*(s|min|h|d)\s*", str(text)).groups()  # type: ignore[union-attr]
    return int(number) * _MINUTES[unit]


@dataclass(frozen=True)
class SourceFacts:
    """One source: ``places`` supplier's id → place; ``max_zero_run`` None where an absent row is missing."""

    places: dict[str, str]
    rank: int
    max_zero_run: timedelta | None


@dataclass(frozen=True)
class Facts:
    calendar: Calendar
    k: int
    interval: int
    sources: dict[str, SourceFacts]
    valid_from: dict[str, datetime]
    widths: dict[str, float]

    @property
    def ranks(self) -> dict[str, int]:
        return {name: source.rank for name, source in self.sources.items()}


def facts(config: Path, slug: str, years: range) -> Facts:
    """All that a municipality's file and its sources say that the oracle needs."""
    own: dict[str, Any] = _read(config / "municipalities" / f"{slug}.yaml")
    if any(t["indicator"] == "unusualness" for t in own.get("thresholds", [])):
        raise ValueError(f"{slug} sets own thresholds for unusualness: the oracle judges by the card's bands only")
    settings = (own.get("indicators") or {}).get("unusualness") or {}
    return Facts(
        calendar=_calendar(own, years),
        k=max(p["k"] for p in own["purposes"]),
        interval=int(minutes(settings.get("interval") or own.get("interval", "15min"))),
        sources={name: _source(config / "sources" / f"{name}.yaml") for name in own["sources"]},
        **_places(config / "municipalities" / own["places"]),
    )


def _places(path: Path) -> dict[str, dict[str, Any]]:
    """From when a place is expected, and its effective width (m) where it has one; one period a place is assumed."""
    found = [feature["properties"] for feature in _read(path)["features"]]
    if len({p["place"] for p in found}) < len(found):
        raise ValueError(f"{path.name}: a place with several periods is more than the oracle reads")
    return {
        "valid_from": {p["place"]: _instant(p["valid_from"]) for p in found},
        "widths": {p["place"]: float(p["effective_width"]) for p in found if p.get("effective_width")},
    }


def expected(slots: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Slots that start before their place is valid are not expected."""
    return slots[slots["start"] >= pd.to_datetime(slots["place"].map(facts.valid_from), utc=True)].reset_index(drop=True)


def digits(card: Path) -> int:
    """Digits that a card rounds its value to."""
    return int(_read(card)["digits"])


def bands(card: Path, interval: int) -> tuple[Edges, Timing]:
    """Edges and durations of the card's own bands: ``for`` is at least ``for_intervals`` intervals."""
    declared: dict[str, Any] = _read(card)
    chosen = declared["bands"].get("any", declared["bands"])
    found = [chosen[name] for name in BANDS]
    margin = declared.get("exit_margin")
    edges = Edges(
        enter=(float(found[0]["enter"]), float(found[1]["enter"])),
        # In decimals: 0.8 × 3 in binary lies above 2.4, and 2.40 would count as strictly inside.
        exit=tuple(float(b["exit"] if "exit" in b else Decimal(str(b["enter"])) * Decimal(str(margin))) for b in found),  # type: ignore[arg-type]
        digits=int(declared["digits"]),
    )
    timing = Timing(
        for_=tuple(max(minutes(b["for"]), b.get("for_intervals", 0) * interval) for b in found),  # type: ignore[arg-type]
        keep_for=tuple(minutes(b["keep_for"]) for b in found),  # type: ignore[arg-type]
    )
    return edges, timing


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _source(path: Path) -> SourceFacts:
    own = _read(path)
    absent = own.get("absent", "missing")
    run = None if absent == "missing" else timedelta(minutes=minutes(absent["max_zero_run"]))
    return SourceFacts(place_map(path), int(own["rank"]), run)


def _calendar(own: dict[str, Any], years: range) -> Calendar:
    zone = own["timezone"]
    country, _, part = own["holidays"].partition("-")
    days = set(holidays.country_holidays(country, subdiv=part or None, years=years))
    event_days = {day for listed in (own.get("event_days") or (), *(own.get("event_series") or {}).values()) for day in listed}
    if own.get("event_series") or any(event.get("series") for event in own.get("events") or ()):
        raise ValueError("editions are compared by tests/oracle/baselines.py, not by this oracle")
    for event in own.get("events") or ():
        if event.get("excluded_from_baseline", True):
            event_days |= _local_days(_instant(event["from"]), _instant(event["to"]), zone)
    flags = tuple(
        (flag["source"], place, _instant(flag["from"]), _instant(flag["to"]))
        for flag in own.get("flags") or () if "no_baseline" in flag["effect"] for place in flag["places"]
    )  # fmt: skip
    return Calendar(zone, frozenset(event_days), frozenset(days), flags)


def _instant(value: object) -> datetime:
    """YAML reads an unquoted stamp itself; a stamp without an offset is no instant."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"{value}: no offset")
    return moment.astimezone(UTC)


def _local_days(start: datetime, end: datetime, zone: str) -> set[date]:
    """The whole local days that [start, end) touches."""
    tz = ZoneInfo(zone)
    first, last = start.astimezone(tz).date(), (end - timedelta(microseconds=1)).astimezone(tz).date()
    return {first + timedelta(days=n) for n in range((last - first).days + 1)}
