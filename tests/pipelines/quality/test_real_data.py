"""Detectors on open data with known faults: what they find, and that they find little else (`make prove`; skipped without the data)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from indicators.card import catalogue
from pipelines import register
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
from tests import evidence

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the open data are not here"),
    pytest.mark.skipif(not evidence.proving(), reason="minutes of open data: in `make prove`"),
]
TOWN = {
    "name": {"nl": "t", "en": "t"}, "roles": {"data-officer": {"nl": "r", "en": "r"}}, "indicators": {"unusualness": {}}, "data": ".",
    "places": "town/places.geojson", "sources": ["counts"],
    "purposes": [{"purpose": "open-data", "legal_basis": "open", "dpia": {"reference": "none", "date": "2026-01-15"}, "k": 1,
                  "decided_on": "2026-01-15", "review_by": "2027-01-15", "retention": "3650d", "audience": ["data-officer"],
                  "owner": "data-officer"}],
}  # fmt: skip
SOURCE = {
    "source": "counts", "title": {"nl": "t", "en": "t"}, "supplier": "s", "licence": "open", "dataset": "passage_counts", "contract": 1,
    "delay": "1h", "issued_at": "none", "rank": 1,
}  # fmt: skip
SEGMENTS = ["9000002554", "9000003088", "9000004831", "9000005444", "9000005951", "9000006276"]


def found(folder: Path, zone: str, holidays: str, interval: str, places: dict[str, str], source: dict) -> list[register.Row]:
    """Proposals after a backfill of all there is."""
    for part in ("municipalities/town", "sources", "purposes"):
        (folder / part).mkdir(parents=True)
    town = TOWN | {"municipality": "town", "timezone": zone, "holidays": holidays, "interval": interval, "pace": interval}
    (folder / "municipalities" / "town.yaml").write_text(json.dumps(town))
    (folder / "sources" / "counts.yaml").write_text(json.dumps(SOURCE | source))
    purpose = Path(__file__).resolve().parents[3] / "config" / "purposes" / "open-data.yaml"
    (folder / "purposes" / "open-data.yaml").write_text(purpose.read_text())
    features = [{"type": "Feature", "geometry": None,
                 "properties": {"place": p, "kind": "line", "name": p, "valid_from": since}} for p, since in places.items()]  # fmt: skip
    (folder / "municipalities" / "town" / "places.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    with Store(folder / "w") as store:
        config = load(folder, "town", DATA)
        tick(store, config, catalogue(), at=datetime.fromisoformat("2026-01-01T00:00Z"), verb="backfill")
        return register.rows(store.con)


def in_words(rows: list[register.Row], zone: str) -> list[tuple[str, str, str, str]]:
    tz = ZoneInfo(zone)
    return [(r["detector"], r["flagged_places"][0], f"{r['flagged_from'].astimezone(tz):%Y-%m-%d %H:%M}",
             f"{r['flagged_to'].astimezone(tz):%Y-%m-%d %H:%M}") for r in rows]  # fmt: skip


def test_gent_an_hour_of_false_zeros_on_a_weekday_evening_and_nothing_else(tmp_path):
    """2022-03-23: 46 cyclists at 17:00, then eleven times 0, then 87 at 18:05. The filler zeros of the spring hour are no fault."""
    rows = found(tmp_path, "Europe/Brussels", "BE", "15min", {"coupure": "2022-03-01T00:00:00+01:00"}, {
        "files": "gent_coupure_bike_5min_nl/*.csv", "reader": {"format": "csv", "delimiter": ";"}, "interval": "5min",
        "time": {"columns": ["Ordening"], "format": "%Y-%m-%dT%H:%M:%S%z", "clock": "offset"},
        "place": {"columns": ["Code"], "map": {"COU": "coupure"}}, "measures": {"count_total": {"column": "Totaal"}},
        "ignore": ["Locatie", "Datum", "Uur5Minuten"], "sums": [{"total": "Totaal", "parts": ["Tegenrichting", "Hoofdrichting"]}],
    })  # fmt: skip
    told = in_words(rows, "Europe/Brussels")
    assert told == [("sudden_zeros", "coupure", "2022-03-23 17:15", "2022-03-23 18:00")]
    evidence.record("detectors_gent", 8928, None, {"proposals": [list(row) for row in told]})


def test_telraam_nights_that_no_one_measured_and_a_count_scaled_from_six_seconds(tmp_path):
    """Four of six sensors say 0 at night at full uptime; on 2024-11-28 an hour of 0.2 % uptime was scaled up to 600 walkers."""
    rows = found(tmp_path, "Europe/Berlin", "DE-BE", "60min", {f"s{s}": "2024-10-01T00:00:00+02:00" for s in SEGMENTS}, {
        "files": "berlin_telraam_hourly/*.csv", "reader": {"format": "csv"}, "interval": "1h",
        "time": {"columns": ["date_local"], "format": "%Y-%m-%d %H:%M:%S", "clock": "local", "timezone": "Europe/Berlin",
                 "repeated": "in_order"},
        "place": {"columns": ["segment_id"], "map": {s: f"s{s}" for s in SEGMENTS}},
        "measures": {"count_total": {"column": "ped_total"}, "cyclists": {"column": "bike_total"}},
        "ignore": ["id_street", "hour", "uptime", "hardware_version", "car_total", "heavy_total", "v85",
                   *(f"car_speed{n}" for n in range(0, 80, 10))],
    })  # fmt: skip
    nights = {r["flagged_places"][0] for r in rows if r["detector"] == "night_zeros"}
    assert nights == {"s9000002554", "s9000004831", "s9000005444", "s9000006276"}
    assert all(re.fullmatch(r"1[6-9]:00-0[678]:00", r["hours"]) for r in rows if r["detector"] == "night_zeros")
    dumps = [w for w in in_words(rows, "Europe/Berlin") if w[0] == "counter_dump"]
    assert dumps == [("counter_dump", "s9000005951", "2024-11-28 08:00", "2024-11-28 09:00")]
    assert not [r for r in rows if r["detector"] in ("frozen", "sums")] and len(rows) <= 20
    evidence.record("detectors_telraam", 8784, None, {"proposals": [list(row) for row in in_words(rows, "Europe/Berlin")]})
