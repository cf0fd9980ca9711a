"""A generated town in a ring: zones with counts every five minutes, and a line from each to the next with both directions.

Observations and baselines are put into the working database by SQL: what is measured here comes after the intake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from benchmarks import by_hand
from benchmarks.world import _Plain
from indicators.card import Card, catalogue
from indicators.in_force import segments
from pipelines import compute, reference
from pipelines.store import Store
from schemas.config import Config, load

STEP = timedelta(minutes=5)
SLOTS_A_DAY = 288
START = datetime(2026, 6, 14, 22, tzinfo=UTC)  # a Monday begins, by the clock of the town
_BOTH = {"nl": "proef", "en": "trial"}
_VALUE = "CAST(value AS DECIMAL(18,6))"


def measured() -> dict[str, Card]:
    """The cards of the catalogue that are written by hand as well."""
    return {name: card for name, card in catalogue().items() if name in by_hand.CARDS}


class Town:
    """Settings and a workspace of a town with ``places`` places, half of them zones and half lines."""

    def __init__(self, folder: Path, *, places: int, cards: Mapping[str, Card]):
        self.zones = max(places // 2, 2)
        self.places, self.cards = 2 * self.zones, dict(cards)
        self.data = folder / "data"
        for name in ("zones", "lines"):
            (self.data / name).mkdir(parents=True)
        _write_settings(folder / "config", self.zones, self.cards)
        self.config: Config = load(folder / "config", "bench", self.data)
        self.workspace = folder / "workspace"

    def open(self) -> Store:
        """The town's store, with the settings as tables: ``town`` (a row a place) and ``town_hashes`` (a row a card and place)."""
        store = Store(self.workspace)
        reference.write(store, self.config, self.cards, START)
        return store

    def observe(self, store: Store, start: datetime, end: datetime, *, dirty: bool) -> int:
        """Put the observations of [start, end) into the working database; returns how many. ``dirty``: as changed cells too."""
        con = store.con
        con.execute(f"CREATE OR REPLACE TEMP VIEW counted AS {_counts(self.zones, start, end)}")
        con.execute(f"""
            INSERT INTO observations BY NAME
            SELECT 'bench' AS municipality, dataset, source, place, interval_start, interval_start + INTERVAL 5 MINUTES AS interval_end,
                   measure, {_VALUE} AS value, {_VALUE} AS value_low, {_VALUE} AS value_high, 'ok' AS status,
                   interval_start + INTERVAL 6 MINUTES AS recorded_at, interval_start + INTERVAL 5 MINUTES AS issued_at,
                   'none' AS content_hash, false AS invalid, false AS outage, false AS withheld
            FROM counted""")
        if dirty:
            con.execute(
                """INSERT INTO dirty_cells SELECT DISTINCT 'bench', dataset, source, place, interval_start FROM counted"""
            )
        return 3 * self.zones * int((end - start) / STEP)

    def deliver(self, store: Store, start: datetime) -> None:
        """Write the counts of one slot as deliveries, and say that all before it was taken in."""
        con = store.con
        con.execute(f"CREATE OR REPLACE TEMP VIEW counted AS {_counts(self.zones, start, start + STEP)}")
        for source, measures in (("zones", ("present",)), ("lines", ("count_in", "count_out"))):
            columns = ", ".join(f"CAST(max(value) FILTER (measure = '{m}') AS INTEGER) AS {m}" for m in measures)
            path = self.data / source / f"{source}_{start + STEP:%Y%m%dT%H%M}.csv"
            con.execute(f"""
                COPY (SELECT strftime(interval_start, '%Y-%m-%dT%H:%M') AS time, place, {columns} FROM counted WHERE source = '{source}'
                      GROUP BY ALL) TO '{path}' (HEADER)""")
        con.execute(f"""
            INSERT OR REPLACE INTO filled SELECT DISTINCT 'bench', source, place, TIMESTAMPTZ '{START.isoformat()}', TIMESTAMPTZ '{start.isoformat()}'
            FROM counted""")

    def know_baselines(self, store: Store, start: datetime, end: datetime) -> None:
        """Put baselines of the local days of [start, end) into the working database, as a nightly refresh would have."""
        local = [moment.astimezone(self.config.tz).date() for moment in (start, end - STEP)]
        days = f"""SELECT CAST(d AS DATE) AS local_date
            FROM range(TIMESTAMP '{local[0]}', TIMESTAMP '{local[1]}' + INTERVAL 1 DAY, INTERVAL 1 DAY) t(d)"""
        of = f"""SELECT 'bench' AS municipality, *, 5 AS interval_minutes FROM (
            SELECT 'zone_counts' AS dataset, 'zones' AS source, 'present' AS measure, 'zone-' || z AS place, z, 1.0 AS part
            FROM range({self.zones}) t(z)
            UNION ALL SELECT 'passage_counts', 'lines', 'passages', 'line-' || z, z, 0.25 FROM range({self.zones}) t(z))"""
        usual = f"round(part * {_size('z', self.zones)} * {_busy('local_time')}) + 15"
        store.con.execute(f"""
            INSERT INTO baselines BY NAME
            SELECT * EXCLUDE (z, part), 'weekday' AS day_type, 24 AS n, 8 AS valid_days,
                   0.8 * median AS p10, 0.9 * median AS p20, median AS p50, 1.1 * median AS p80, 1.2 * median AS p90, 1.3 * median AS p95,
                   1.0 AS level_factor, {_size("z", self.zones)} * part * 1.3 AS place_p95, 1 AS version, TIMESTAMPTZ '{start}' AS recorded_at
            FROM (SELECT p.*, d.local_date, local_time, ({usual})::DOUBLE AS median, 0.1 * ({usual}) AS mad
                  FROM ({of}) p, ({days}) d,
                       (SELECT TIME '00:00:00' + to_minutes(5 * m) AS local_time FROM range({SLOTS_A_DAY}) t(m))) p""")
        store.con.execute(f"""
            INSERT INTO baseline_done SELECT municipality, dataset, source, measure, place, interval_minutes, local_date
            FROM ({of}) p, ({days}) d""")

    def compute(self, store: Store, at: datetime) -> tuple[int, int]:
        """What is measured: the computing room, in a transaction, over everything that is dirty."""
        with store.transaction():
            return compute.values(store, self.config, self.cards, at=at, until=at, run_id="bench", assume_arrival=False)

    def describe(self, store: Store, at: datetime) -> None:
        """Tables of what the settings say, for those who write their SQL by hand."""
        rows = [(c.id, p.place.place, s[0].settings.config_hash, s[0].settings.threshold_source, c.definition_hash)
                for c in self.cards.values() for p in self.config.places
                if (s := segments(self.config, c, p.place.place, at, at + STEP))]  # fmt: skip
        names = ["indicator", "place", "config_hash", "threshold_source", "definition_hash"]
        store.con.register("rows_of", pa.table(list(zip(*rows, strict=True)), names) if rows else None)
        store.con.execute("CREATE OR REPLACE TABLE town_hashes AS FROM rows_of")
        store.con.unregister("rows_of")
        store.con.execute("""
            CREATE OR REPLACE TABLE town AS SELECT place, place_kind, place_type, usable_area, capacity, effective_width, from_zone, to_zone,
                   planned_direction FROM places""")


def _busy(clock: str) -> str:
    """SQL: how busy it is at a time of day, from 0 to 1."""
    return f"pow(sin(pi() * date_part('epoch', {clock}) / 86400.0), 2)"


def _size(number: str, zones: int) -> str:
    """SQL: how busy a zone gets; the last come above their edges in the middle of the day."""
    return f"(60 + 1340.0 * {number} / {zones})"


def _counts(zones: int, start: datetime, end: datetime) -> str:
    """SELECT dataset, source, place, measure, interval_start, value: whole numbers of at least 15, the same every time."""
    slots = f"""SELECT t AS interval_start, CAST(timezone('Europe/Amsterdam', t) AS TIME) AS clock
        FROM range(TIMESTAMPTZ '{start.isoformat()}', TIMESTAMPTZ '{end.isoformat()}', INTERVAL 5 MINUTES) s(t)"""
    kinds = """(VALUES ('zone_counts', 'zones', 'zone-', 'present', 1.0, 1), ('passage_counts', 'lines', 'line-', 'count_in', 0.14, 2),
        ('passage_counts', 'lines', 'line-', 'count_out', 0.11, 3)) k(dataset, source, prefix, measure, part, salt)"""
    noise = "0.8 + 0.4 * (hash(z, epoch(interval_start)::BIGINT, salt) % 1000) / 1000.0"
    return f"""
        SELECT dataset, source, prefix || z AS place, measure, interval_start,
               round(part * {_size("z", zones)} * {_busy("clock")} * ({noise})) + 15 AS value
        FROM ({slots}) s, range({zones}) t(z), {kinds}
        ORDER BY interval_start, measure, z"""


def _write_settings(folder: Path, zones: int, cards: Iterable[str]) -> None:
    for part in ("municipalities/bench", "sources", "purposes"):
        (folder / part).mkdir(parents=True)
    adopted = {
        "purpose": "crowd-safety", "legal_basis": "example only", "dpia": {"reference": "none", "date": "2026-01-01"},
        "decided_on": "2026-01-02", "review_by": "2027-01-02", "k": 15, "retention": "36500d", "audience": ["crowd-manager"],
        "owner": "data-officer",
    }  # fmt: skip
    files: dict[str, dict[str, Any]] = {
        "municipalities/bench.yaml": {
            "municipality": "bench", "name": _BOTH, "timezone": "Europe/Amsterdam", "holidays": "NL",
            "roles": {"crowd-manager": _BOTH, "data-officer": _BOTH}, "interval": "5min", "pace": "5min", "places": "bench/places.geojson",
            "data": "../../data", "sources": ["zones", "lines"], "indicators": {name: {} for name in cards}, "purposes": [adopted],
        },
        "sources/zones.yaml": _source("zones", "zone_counts", [f"zone-{z}" for z in range(zones)], ["present"]),
        "sources/lines.yaml": _source("lines", "passage_counts", [f"line-{z}" for z in range(zones)], ["count_in", "count_out"]),
        "purposes/crowd-safety.yaml": {
            "purpose": "crowd-safety", "title": _BOTH, "desired_effect": _BOTH, "datasets": ["zone_counts", "passage_counts"],
            "indicators": list(cards), "questions": [_BOTH], "k_floor": 1,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(yaml.dump(content, Dumper=_Plain, sort_keys=False))
    features = [
        {"type": "Feature", "geometry": None, "properties": {"valid_from": "2025-01-01T00:00:00Z"} | one}
        for one in _places(zones)
    ]
    (folder / "municipalities/bench/places.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _source(name: str, dataset: str, places: Sequence[str], measures: Sequence[str]) -> dict[str, Any]:
    return {
        "source": name, "title": _BOTH, "supplier": "nobody", "licence": "none", "dataset": dataset, "contract": 1,
        "files": f"{name}/*.csv", "reader": {"format": "csv"},
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"}, "interval": "5min",
        "place": {"columns": ["place"], "map": {slug: slug for slug in places}},
        "measures": {measure: {"column": measure} for measure in measures}, "delay": "5min", "absent": "missing", "rank": 1,
        "issued_at": {"from": "file_name", "pattern": r"_(\d{8}T\d{4})", "format": "%Y%m%dT%H%M", "clock": "utc"},
    } | ({"statistic": "instant"} if dataset == "zone_counts" else {})  # fmt: skip


def _places(zones: int) -> Iterable[dict[str, Any]]:
    for z in range(zones):
        yield {
            "place": f"zone-{z}", "kind": "zone", "name": f"zone {z}", "place_type": ("moving", "standing")[z % 2],
            "usable_area": 500 + z % 7 * 50, "capacity": 1000 + z % 11 * 50, "perimeter": "complete",
        }  # fmt: skip
    for z in range(zones):
        plan = {"planned_direction": ("in", "out")[z % 2]} if z % 3 else {}
        yield {
            "place": f"line-{z}", "kind": "line", "name": f"line {z}", "effective_width": 1 + z % 5 * 0.5, "from_zone": f"zone-{z}",
            "to_zone": f"zone-{(z + 1) % zones}", "direction_in": "onwards", **plan,
        }  # fmt: skip
