"""A town made of dicts, with observations put straight into the store: for what the slots of a feed should be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.slots import Feed, feeds, slots_sql
from pipelines.store import Store
from schemas.config import Config, load

START = datetime(2026, 6, 1, 18, tzinfo=UTC)
STEP = timedelta(minutes=15)
K = 15

_SOURCE: dict[str, Any] = {
    "title": {"nl": "s", "en": "s"}, "supplier": "nobody", "licence": "none", "contract": 1, "reader": {"format": "csv"},
    "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"}, "absent": "missing", "delay": "5min",
    "issued_at": "none",
}  # fmt: skip


class World:
    """``sources``: id → (dataset, measures, places) or a dict with more; ``places``: slug → properties."""

    def __init__(self, folder: Path, places: dict[str, dict[str, Any]], sources: dict[str, tuple[str, Sequence[str], Sequence[str]]],
                 *, step: str = "15min", ranks: dict[str, int] | None = None, timezone: str = "UTC", **town: Any):  # fmt: skip
        config = folder / "config"
        for part in ("municipalities/t", "sources", "purposes"):
            (config / part).mkdir(parents=True, exist_ok=True)
        datasets = sorted({dataset for dataset, _, _ in sources.values()})
        self._dump(config / "municipalities/t.yaml", {
            "municipality": "t", "name": {"nl": "T", "en": "T"}, "timezone": timezone, "holidays": "NL",
            "roles": {"crowd-manager": {"nl": "c", "en": "c"}}, "places": "t/places.geojson", "sources": list(sources),
            "indicators": {"density": {}},
            "purposes": [{"purpose": "p", "legal_basis": "none", "dpia": {"reference": "none", "date": "2026-01-01"},
                          "decided_on": "2026-01-02", "review_by": "2027-01-02", "k": K, "retention": "365d",
                          "audience": ["crowd-manager"], "owner": "crowd-manager"}],
            **town,
        })  # fmt: skip
        self._dump(config / "purposes/p.yaml", {
            "purpose": "p", "title": {"nl": "t", "en": "t"}, "desired_effect": {"nl": "t", "en": "t"}, "datasets": datasets,
            "indicators": ["density"], "questions": [{"nl": "t", "en": "t"}], "k_floor": 1,
        })  # fmt: skip
        for name, (dataset, measures, at) in sources.items():
            statistic = {"statistic": "instant"} if dataset == "zone_counts" else {}
            self._dump(config / f"sources/{name}.yaml", {
                **_SOURCE, **statistic, "source": name, "dataset": dataset, "files": f"{name}/*.csv", "interval": step,
                "place": {"columns": ["place"], "map": {p: p for p in at}}, "measures": {m: {"column": m} for m in measures},
                "rank": (ranks or {}).get(name, 1),
            })  # fmt: skip
        features = [
            {"type": "Feature", "geometry": None,
             "properties": {"name": slug, "valid_from": "2025-01-01T00:00:00Z", **p, "place": slug.split("#")[0]}}
            for slug, p in places.items()
        ]  # fmt: skip
        self._dump(config / "municipalities/t/places.geojson", {"type": "FeatureCollection", "features": features})
        self.config: Config = load(config, "t", folder / "data")
        self.store = Store(folder / "workspace")
        self.step = STEP if step == "15min" else timedelta(minutes=int(step.removesuffix("min")))
        self._rows: list[dict[str, Any]] = []

    @staticmethod
    def _dump(path: Path, data: Any) -> None:
        path.write_text(json.dumps(data))  # JSON is YAML

    def put(self, source: str, place: str, measure: str, *values: Any, start: datetime = START) -> None:
        """Values of following intervals: a number, ``"<k"`` withheld, ``"missing"``, ``"outage"``, or None for no row."""
        dataset = self.config.sources[source].dataset
        for index, value in enumerate(values):
            if value is None:
                continue
            begin = start + index * self.step
            withheld, known = value == "<k", not isinstance(value, str)
            number = float(value) if known else None
            self._rows.append({
                "municipality": "t", "dataset": dataset, "source": source, "place": place, "interval_start": begin,
                "interval_end": begin + self.step, "measure": measure, "value": number,
                "value_low": number if known else 0.0 if withheld else None,
                "value_high": number if known else K - 1.0 if withheld else None,
                "status": "ok" if known else "suppressed" if withheld else value, "delivery_id": "d", "recorded_at": begin + self.step,
            })  # fmt: skip

    def flush(self) -> None:
        """Write what was put."""
        self.store.con.register("put_rows", pa.Table.from_pylist(self._rows))
        self.store.con.execute("INSERT INTO observations BY NAME SELECT * FROM put_rows")
        self.store.con.unregister("put_rows")
        self._rows = []

    def feeds(self, *references: str) -> list[Feed]:
        """The feeds of an input."""
        return feeds(self.config, references)

    def slots(
        self, reference: str, minutes: int = 15, *, at: datetime | None = None, hours: int = 12
    ) -> dict[str, list[tuple[Any, ...]]]:
        """Per place the slots of the only feed of a reference, in order: (status, value, low, high, coverage)."""
        if self._rows:
            self.flush()
        (feed,) = self.feeds(reference)
        end = START + timedelta(hours=hours)
        sql = slots_sql(self.store, self.config, feed, minutes, START, end, at or end)
        found: dict[str, list[tuple[Any, ...]]] = {}
        for place, status, value, low, high, coverage in self.store.con.execute(
            f"SELECT place, status, value::DOUBLE, low::DOUBLE, high::DOUBLE, coverage FROM ({sql}) ORDER BY place, slot_start"
        ).fetchall():
            found.setdefault(place, []).append((status, value, low, high, coverage))
        return found
