"""A generated town in a temporary folder: zones in a row, one source of counts every 15 minutes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from indicators.card import catalogue
from pipelines.store import Store
from pipelines.tick import Summary, Verb, tick
from schemas.config import load

STEP = timedelta(minutes=15)
SLOTS_A_DAY = 96
NOON = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)  # where history ends: a Wednesday, far from midnight, so that no tick seals a day
DELAY = timedelta(minutes=5)
AREA = 500  # m²
_BOTH = {"nl": "proef", "en": "trial"}


def stamp(moment: datetime) -> str:
    """As in the deliveries."""
    return f"{moment:%Y-%m-%dT%H:%M}"


class World:
    """Settings and deliveries of a town with ``zones`` zones; history ends at :data:`NOON`, ticks go on from there.

    In the middle of the day two thirds of the zones are above elevated; with ``steep`` (30) three in a hundred.
    """

    def __init__(self, folder: Path, *, zones: int, indicators: Sequence[str], steep: int = 1):
        self.data, self.zones, self._steep = folder / "data", zones, steep
        self.workspace = folder / "workspace"
        self.now = NOON
        _write_settings(folder / "config", zones, indicators)
        (self.data / "zones").mkdir(parents=True)
        self.config = load(folder / "config", "bench", self.data)
        self.cards = catalogue()
        self._random = np.random.default_rng(7)

    def deliver(self, start: datetime, slots: int) -> Path:
        """One delivery of consecutive slots from ``start`` on, issued when the last one ended."""
        busy = (
            np.sin(np.pi * np.array([((start + STEP * t).hour + (start + STEP * t).minute / 60) / 24 for t in range(slots)])) ** 2
        )
        size = 60 + 1340 * np.linspace(0, 1, self.zones) ** self._steep
        counts = (busy[:, None] * size * self._random.uniform(0.8, 1.2, (slots, self.zones))).astype(int) + 15
        lines = ["time,place,present"]
        for t in range(slots):
            moment = stamp(start + STEP * t)
            lines += [f"{moment},zone-{z},{counts[t, z]}" for z in range(self.zones)]
        path = self.data / "zones" / f"zones_{start + STEP * slots:%Y%m%dT%H%M}.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def deliver_history(self, days: int, each: int = 1) -> list[Path]:
        """A delivery for every ``each`` days, up to :data:`NOON`."""
        starts = range(days, 0, -each)
        return [self.deliver(NOON - timedelta(days=day), SLOTS_A_DAY * min(each, day)) for day in starts]

    def tick(self, store: Store, verb: Verb = "run") -> Summary:
        """One run at the world's present moment, on settings read before."""
        return tick(store, self.config, self.cards, at=self.now + DELAY, verb=verb)

    def next_delivery(self) -> None:
        """The town's clock goes one slot on, and its counts arrive."""
        self.deliver(self.now, 1)
        self.now += STEP


def _write_settings(folder: Path, zones: int, indicators: Sequence[str]) -> None:
    for part in ("municipalities/bench", "sources", "purposes"):
        (folder / part).mkdir(parents=True)
    slugs = [f"zone-{z}" for z in range(zones)]
    adopted = {
        "purpose": "crowd-safety", "legal_basis": "example only", "dpia": {"reference": "none", "date": "2026-01-01"},
        "decided_on": "2026-01-02", "review_by": "2027-01-02", "k": 15, "retention": "36500d", "audience": ["crowd-manager"],
        "owner": "data-officer",
    }  # fmt: skip
    files: dict[str, dict[str, Any]] = {
        "municipalities/bench.yaml": {
            "municipality": "bench", "name": _BOTH, "timezone": "Europe/Amsterdam", "holidays": "NL",
            "roles": {"crowd-manager": _BOTH, "data-officer": _BOTH}, "interval": "15min", "places": "bench/places.geojson",
            "data": "../../data", "sources": ["zones"], "indicators": {name: {} for name in indicators}, "purposes": [adopted],
        },
        "sources/zones.yaml": {
            "source": "zones", "title": _BOTH, "supplier": "nobody", "licence": "none", "dataset": "zone_counts", "contract": 1,
            "files": "zones/*.csv", "reader": {"format": "csv"},
            "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"}, "interval": "15min",
            "place": {"columns": ["place"], "map": {slug: slug for slug in slugs}}, "measures": {"present": {"column": "present"}},
            "statistic": "instant", "delay": "5min", "absent": "missing", "rank": 1,
            "issued_at": {"from": "file_name", "pattern": r"_(\d{8}T\d{4})", "format": "%Y%m%dT%H%M", "clock": "utc"},
        },
        "purposes/crowd-safety.yaml": {
            "purpose": "crowd-safety", "title": _BOTH, "desired_effect": _BOTH, "datasets": ["zone_counts"],
            "indicators": list(indicators), "questions": [_BOTH], "k_floor": 1,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(yaml.dump(content, Dumper=_Plain, sort_keys=False))
    features = [
        {"type": "Feature", "geometry": None,
         "properties": {"place": slug, "valid_from": "2025-01-01T00:00:00Z", "kind": "zone", "name": slug, "place_type": "moving",
                        "usable_area": AREA}}
        for slug in slugs
    ]  # fmt: skip
    (folder / "municipalities/bench/places.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


class _Plain(yaml.SafeDumper):
    """Without anchors, which config files may not have."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
