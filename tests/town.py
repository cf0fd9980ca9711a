"""A town of two zones and a line in a temporary folder: the smallest world that uses every room."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

from indicators.card import catalogue
from pipelines.store import Store
from pipelines.tick import Summary, tick
from schemas.config import Config, load

START = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)  # a Monday; the town's clock is UTC, so local times read the same
STEP = timedelta(minutes=15)

_TOWN = """
    municipality: tiny
    name: {nl: Tiny, en: Tiny}
    timezone: {timezone}
    holidays: NL
    roles: {crowd-manager: {nl: crowdmanager, en: crowd manager}, data-officer: {nl: databeheerder, en: data officer}}
    interval: 15min
    places: tiny/places.geojson
    data: ../../data
    sources: [zones, gates]
    indicators: {density: {}, occupancy: {}, specific_flow: {}, unusualness: {}}
    purposes:
      - {purpose: crowd-safety, legal_basis: example only, dpia: {reference: none, date: 2026-01-01}, decided_on: 2026-01-02,
         review_by: 2027-01-02, k: {k}, retention: 365d, audience: [crowd-manager], owner: data-officer}
    thresholds: {thresholds}
    events: {events}
    flags: {flags}
"""
_SOURCE = """
    source: {name}
    title: {nl: {name}, en: {name}}
    supplier: nobody
    licence: none
    dataset: {dataset}
    contract: 1
    files: "{name}/*.csv"
    reader: {format: csv}
    time: {columns: [time], format: "%Y-%m-%dT%H:%M", clock: utc}
    interval: 15min
    place: {columns: [place], map: {map}}
    measures: {measures}
    {statistic}
    delay: 5min
    absent: {absent}
    issued_at: {from: file_name, pattern: "_(\\\\d{8}T\\\\d{4})", format: "%Y%m%dT%H%M", clock: utc}
    rank: 1
"""
_PURPOSE = """
    purpose: crowd-safety
    title: {nl: t, en: t}
    desired_effect: {nl: t, en: t}
    datasets: [zone_counts, passage_counts]
    indicators: [density, occupancy, specific_flow, unusualness]
    questions: [{nl: t, en: t}]
    k_floor: 1
"""
PLACES = {
    "square": {"kind": "zone", "name": "Square", "place_type": "standing", "usable_area": 1000, "capacity": 5000},
    "alley": {"kind": "zone", "name": "Alley", "place_type": "moving", "usable_area": 500},
    "gate": {"kind": "line", "name": "Gate", "effective_width": 4, "from_zone": "alley", "to_zone": "square"},
}


def fill(text: str, **values: object) -> str:
    """Replace ``{name}`` markers; the YAML's own braces stay."""
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return dedent(text)


class Town:
    """Write deliveries with :meth:`zones` and :meth:`gates`, run :meth:`tick`, read :meth:`rows`."""

    def __init__(self, folder: Path, *, k: int = 15, absent: str = "missing", timezone: str = "UTC", places: dict | None = None,
                 thresholds: object = (), events: object = (), flags: object = (), only: str = ""):  # fmt: skip
        self.folder, self.config_folder, self.data = folder, folder / "config", folder / "data"
        for part in ("municipalities/tiny", "sources", "purposes"):
            (self.config_folder / part).mkdir(parents=True, exist_ok=True)
        settings = {
            "thresholds": json.dumps(list(thresholds)),
            "events": json.dumps(list(events)),
            "flags": json.dumps(list(flags)),
        }
        town = fill(_TOWN, k=k, timezone=timezone, **settings)
        if only:
            town = town.replace(
                "indicators: {density: {}, occupancy: {}, specific_flow: {}, unusualness: {}}", f"indicators: {{{only}: {{}}}}"
            )
        (self.config_folder / "municipalities" / "tiny.yaml").write_text(town)
        (self.config_folder / "purposes" / "crowd-safety.yaml").write_text(dedent(_PURPOSE))
        zones = fill(_SOURCE, name="zones", dataset="zone_counts", map="{square: square, alley: alley}", measures="{present: {column: present}}",
                     statistic="statistic: instant", absent="missing")  # fmt: skip
        gates = fill(_SOURCE, name="gates", dataset="passage_counts", map="{gate: gate}",
                     measures="{count_in: {column: in}, count_out: {column: out}}", statistic="", absent=absent)  # fmt: skip
        (self.config_folder / "sources" / "zones.yaml").write_text(zones)
        (self.config_folder / "sources" / "gates.yaml").write_text(gates)
        features = [
            {
                "type": "Feature",
                "geometry": None,
                "properties": {"place": slug, "valid_from": "2025-01-01T00:00:00Z", **properties},
            }
            for slug, properties in (places or PLACES).items()
        ]
        (self.config_folder / "municipalities" / "tiny" / "places.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": features})
        )
        (self.data / "zones").mkdir(parents=True, exist_ok=True)
        (self.data / "gates").mkdir(parents=True, exist_ok=True)

    @property
    def config(self) -> Config:
        """Read anew, as a run does."""
        return load(self.config_folder, "tiny", self.data)

    def zones(self, issued: datetime, rows: list[tuple[datetime, str, object]], name: str = "z") -> Path:
        """A delivery of (interval start, zone, people present)."""
        text = "time,place,present\n" + "".join(f"{t:%Y-%m-%dT%H:%M},{p},{v}\n" for t, p, v in rows)
        return self._write("zones", name, issued, text)

    def gates(self, issued: datetime, rows: list[tuple[datetime, object, object]], name: str = "g") -> Path:
        """A delivery of (interval start, in, out) for the gate."""
        text = "time,place,in,out\n" + "".join(f"{t:%Y-%m-%dT%H:%M},gate,{i},{o}\n" for t, i, o in rows)
        return self._write("gates", name, issued, text)

    def _write(self, source: str, name: str, issued: datetime, text: str) -> Path:
        path = self.data / source / f"{name}_{issued:%Y%m%dT%H%M}.csv"
        path.write_text(text)
        return path

    def tick(self, store: Store, at: datetime, **options: object) -> Summary:
        """One run at ``at``."""
        return tick(store, self.config, catalogue(), at=at, **options)  # type: ignore[arg-type]


def rows(store: Store, sql: str) -> list[tuple]:
    """Rows of a query on the working database; ``{name}`` stands for a table, hot and sealed."""
    for name in ("observations_superseded", "indicator_values_superseded", "observations", "indicator_values", "baselines"):
        sql = sql.replace("{" + name + "}", store.relation(name))
    return store.con.execute(sql).fetchall()
