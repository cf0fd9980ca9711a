"""Write a town as the files that a municipality and its suppliers would write: config, places, CSV deliveries."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.oracle.worlds.shapes import Event, Own, Source, Town

SLUG = "worlds"
_TEXT = {"nl": "w", "en": "w"}
_FAR = {"decided_on": "2026-01-02", "review_by": "2036-01-02", "owner": "crowd-manager", "reason": "made for a test"}


def write(town: Town, folder: Path) -> tuple[Path, Path]:
    """Config folder and data folder, both below ``folder``."""
    config, data = folder / "config", folder / "data"
    for part in ("municipalities/" + SLUG, "sources", "purposes"):
        (config / part).mkdir(parents=True, exist_ok=True)
    _dump(config / "municipalities" / f"{SLUG}.yaml", _municipality(town))
    _dump(config / "municipalities" / SLUG / "places.geojson", _places(town))
    datasets = sorted({source.dataset for source in town.sources})
    _dump(config / "purposes" / "p.yaml", {
        "purpose": "p", "title": _TEXT, "desired_effect": _TEXT, "datasets": datasets, "indicators": list(town.indicators),
        "questions": [_TEXT], "k_floor": 1,
    })  # fmt: skip
    for source in town.sources:
        _dump(config / "sources" / f"{source.name}.yaml", _source(source))
        files(source, data / source.name)
    return config, data


def _dump(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML


def _at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _municipality(town: Town) -> dict[str, Any]:
    settings: dict[str, Any] = {name: {} for name in town.indicators}
    if town.weights:
        settings["weighted_risk"] = {"weights": town.weights}
    roles = ("crowd-manager", "duty-officer", "crowd-data-lead", "event-safety-lead", "data-officer", "traffic-manager",
             "public-transport-lead", "parking-manager")  # fmt: skip
    return {
        "municipality": SLUG, "name": _TEXT, "timezone": town.zone, "holidays": town.holidays,
        "roles": dict.fromkeys(roles, _TEXT), "interval": f"{town.interval}min", "places": f"{SLUG}/places.geojson",
        "data": "../../data", "sources": [s.name for s in town.sources], "indicators": settings,
        "purposes": [{
            "purpose": "p", "legal_basis": "none", "dpia": {"reference": "none", "date": "2026-01-01"}, "decided_on": "2026-01-02",
            "review_by": "2036-01-02", "k": town.k, "retention": "3650d", "audience": ["crowd-manager"], "owner": "crowd-manager",
        }],
        "events": [_event(event) for event in town.events],
        "event_days": town.event_days,
        "thresholds": [_own(own) for own in town.own],
        "flags": [{
            "source": f.source, "places": [f.place], "from": _at(f.start), "to": _at(f.end), "effect": list(f.effect),
            "reason": "made for a test", "owner": "data-officer",
        } for f in town.flags],
        "resets": [{"place": r.place, "at": _at(r.at), "present": r.present, "reason": "counted by hand", "owner": "crowd-manager"}
                   for r in town.resets],
    }  # fmt: skip


def _event(event: Event) -> dict[str, Any]:
    places = {p: c | ({"interval": f"{c['interval']}min"} if "interval" in c else {}) for p, c in event.places.items()}
    return {
        "event": event.slug, "name": _TEXT, "class": "B", "from": _at(event.start), "to": _at(event.end), "places": places,
        "phases": [{"phase": name, "from": _at(a), "to": _at(b)} for name, a, b in event.phases],
        **({"interval": f"{event.interval}min"} if event.interval else {}),
    }  # fmt: skip


def _own(own: Own) -> dict[str, Any]:
    selector = {k: v for k, v in (("place", own.place), ("place_type", own.place_type), ("event", own.event)) if v}
    bands = {name: {"enter": edge, "exit": edge, "for": "15min", "keep_for": "15min"} for name, edge in own.enter.items()}
    return {
        "indicator": own.indicator, "effective_from": _at(own.since), **selector, **_FAR,
        **({"bands": bands} if bands else {}), **({"params": own.params} if own.params else {}),
        **({"when": {"time": own.clock}} if own.clock else {}),
    }  # fmt: skip


def _places(town: Town) -> dict[str, Any]:
    features = []
    for slug, periods in town.places.items():
        for period in periods:
            end = {"valid_to": _at(period.end)} if period.end else {}
            properties = {"place": slug, "name": slug, "valid_from": _at(period.start), **end, **period.properties}
            features.append({"type": "Feature", "geometry": None, "properties": properties})
    return {"type": "FeatureCollection", "features": features}


def _source(source: Source) -> dict[str, Any]:
    offset = source.clock == "offset"
    return {
        "source": source.name, "title": _TEXT, "supplier": "nobody", "licence": "none", "dataset": source.dataset, "contract": 1,
        "files": f"{source.name}/*.csv", "reader": {"format": "csv"},
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M" + ("%z" if offset else ""), "clock": source.clock},
        "interval": f"{source.minutes}min", "place": {"columns": ["place"], "map": {p: p for p in source.places}},
        "measures": {m: {"column": m} for m in source.measures}, "sentinels": ["n/a"],
        "outage": {"column": "state", "equals": ["down"]},
        **({"statistic": "instant"} if source.dataset == "zone_counts" else {}),
        "absent": {"max_zero_run": f"{source.zero_run}min"} if source.zero_run else "missing", "delay": "5min",
        "issued_at": {"from": "file_name", "pattern": r"_(\d{8}T\d{4})", "format": "%Y%m%dT%H%M", "clock": "utc"},
        "rank": source.rank,
    }  # fmt: skip


def files(source: Source, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = ",".join(("time", "place", "state", *source.measures)) + "\n"
    for delivery in source.deliveries:
        lines = [
            f"{_stamp(row.start, source)},{row.place},{'down' if row.down else 'up'},"
            + ",".join(row.texts[m] for m in source.measures)
            for row in delivery.rows
        ]
        path = folder / f"{delivery.name}_{delivery.issued:%Y%m%dT%H%M}.csv"
        path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")


def _stamp(moment: datetime, source: Source) -> str:
    """UTC, or with the offset of another zone: the moment is the same."""
    text = f"{moment:%Y-%m-%dT%H:%M}"
    return text + "+0000" if source.clock == "offset" else text
