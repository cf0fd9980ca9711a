"""Traps of the real open data that show only in the tables: what is zero, what is missing, what is unusual. Skipped without the data.

Two small cuts of the worked examples, each backfilled once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from indicators.card import catalogue
from pipelines import register
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
from tests.town import rows

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DRUKTE_OPEN_DATA") or ROOT.parent / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no open data at {DATA}: set DRUKTE_OPEN_DATA to the folder")
LINES = {"ost-nord": "Ost-Nord total", "ost-vbz": "Ost-VBZ Total"}
SENSORS = {"birrarung-marr": "7", "new-quay": "12", "city-square": "32"}


def backfilled(folder: Path, slug: str, source: str, kept: dict[str, str], delivery: Path, year: int) -> Store:
    """The worked example of a town with a few of its places, over one delivery, at the end of that year."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    declared = yaml.safe_load((path := config / "sources" / f"{source}.yaml").read_text())
    declared["place"] |= {"map": {supplier: place for place, supplier in kept.items()}, "unmapped": "filter"}
    path.write_text(json.dumps(declared))
    places = json.loads((path := config / "municipalities" / slug / "places.geojson").read_text())
    places["features"] = [f for f in places["features"] if f["properties"]["place"] in kept]
    path.write_text(json.dumps(places))
    town = yaml.safe_load((path := config / "municipalities" / f"{slug}.yaml").read_text())
    town |= {"sources": [source], "indicators": {"unusualness": {}}, "flags": []}
    for event in town.get("events", []):
        event["places"] = {p: v for p, v in event["places"].items() if p in kept}
    path.write_text(json.dumps(town, default=str))
    assert Path(declared["files"]).parent == delivery.parent.relative_to(folder / "data")
    store = Store(folder / "w")
    tick(store, load(config, slug, folder / "data"), catalogue(), at=datetime(year, 12, 1, tzinfo=UTC), verb="backfill")
    return store


@pytest.fixture(scope="module")
def hardbruecke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two of the lines until two weeks into the lockdown, over the night in which the clock went on."""
    folder = tmp_path_factory.mktemp("hardbruecke")
    whole = next((DATA / "zurich_hardbruecke_lines").glob("*.parquet"))
    frame = pd.read_parquet(whole)
    since = frame.Name.map(
        {LINES["ost-nord"]: "2020", LINES["ost-vbz"]: "2020-02-15"}
    )  # the one for its baselines, the other for its gap
    frame = frame[(frame.Timestamp >= since) & (frame.Timestamp < "2020-03-31")]
    cut = folder / "data" / "zurich_hardbruecke_lines" / whole.name
    cut.parent.mkdir(parents=True)
    frame.to_parquet(cut, index=False)
    store = backfilled(folder, "hardbruecke", "hardbruecke-history", LINES, cut, 2020)
    yield store
    store.close()


@pytest.fixture(scope="module")
def melbourne(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Three of the counters, over a summer."""
    folder = tmp_path_factory.mktemp("melbourne")
    whole = next((DATA / "melbourne_ped_long").glob("pedestrian_raw_*.csv"))
    cut = folder / "data" / "melbourne_ped_long" / whole.name
    cut.parent.mkdir(parents=True)
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    cut.write_text("".join(line for line in lines if line.split(",")[3] in SENSORS.values()), encoding="utf-8")
    store = backfilled(folder, "melbourne", "melbourne-pedestrians", SENSORS, cut, 2014)
    yield store
    store.close()


def by_status(store: Store, place: str, start: str, end: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for status, value in rows(store, f"""SELECT status, value FROM {{observations}} WHERE place = '{place}' AND measure LIKE 'count_%'
            AND interval_start >= TIMESTAMPTZ '{start}' AND interval_start < TIMESTAMPTZ '{end}'"""):  # fmt: skip
        found.setdefault(status, []).append(value)
    return found


# --- Hardbrücke -----------------------------------------------------------------------------------------------------


def test_trap_hardbruecke_an_absent_row_is_zero_or_an_outage(hardbruecke: Store) -> None:
    """The same absence twice: a night hour between rows is zero, a line that is gone all day is missing, and never the other way round."""
    night = by_status(hardbruecke, "ost-nord", "2020-02-05 03:00+01", "2020-02-05 05:00+01")
    assert set(night) == {"ok"} and 0 in night["ok"]
    gone = by_status(hardbruecke, "ost-vbz", "2020-03-15 04:00+01", "2020-03-15 23:00+01")
    assert set(gone) == {"missing"} and set(gone["missing"]) == {None}


def test_trap_hardbruecke_whole_lines_are_absent_for_days(hardbruecke: Store) -> None:
    """14 to 16 March: no level on those days instead of a calm one, and a proposal to somebody who decides."""
    levels = rows(hardbruecke, """SELECT DISTINCT level, value IS NULL FROM {indicator_values} WHERE place = 'ost-vbz'
        AND interval_start >= TIMESTAMPTZ '2020-03-14 05:00+01' AND interval_start < TIMESTAMPTZ '2020-03-16 21:30+01'""")  # fmt: skip
    assert levels == [("unknown", True)]
    told = [r for r in register.rows(hardbruecke.con) if r["flagged_places"] == ["ost-vbz"] and r["detector"] == "gone"]
    assert [(f"{r['flagged_from']:%m-%d %H}", f"{r['flagged_to']:%m-%d %H}") for r in told][-1:] == [("03-13 23", "03-16 23")]


def test_trap_hardbruecke_the_spring_hour_is_absent_and_nobody_lacks_it(hardbruecke: Store) -> None:
    """29 March has 92 quarters, every day around it 96: what the clock skipped is not missing."""
    days = rows(hardbruecke, """SELECT local_date, count(*), count(*) FILTER (status = 'missing') FROM {indicator_values}
        WHERE place = 'ost-nord' AND local_date BETWEEN DATE '2020-03-27' AND DATE '2020-03-30' GROUP BY ALL ORDER BY ALL""")  # fmt: skip
    assert [(f"{day:%d}", quarters, missing) for day, quarters, missing in days] == [
        ("27", 96, 0),
        ("28", 96, 0),
        ("29", 92, 0),
        ("30", 96, 0),
    ]


def test_trap_hardbruecke_values_of_platform_west_carry_a_note() -> None:
    """The operator calls its absolute values faulty: the register says so to whoever looks, and takes no level away."""
    town = yaml.safe_load((ROOT / "config" / "municipalities" / "hardbruecke.yaml").read_text())
    [note] = [flag for flag in town["flags"] if flag["effect"] == ["note"]]
    assert set(note["places"]) == {"west-nord", "west-sbb", "west-sued", "west-vbz"} and "operator" in note["reason"]


def test_trap_hardbruecke_a_fall_to_a_fifth_is_how_it_was_and_no_outage(hardbruecke: Store) -> None:
    """From 16 March: nothing is proposed as a fault of the line that kept counting, and few people are no crowd."""
    faults = [
        r for r in register.rows(hardbruecke.con) if "ost-nord" in r["flagged_places"] and f"{r['flagged_from']:%m-%d}" > "03-15"
    ]
    assert faults == []
    after = "place = 'ost-nord' AND local_date > DATE '2020-03-17'"
    levels = dict(rows(hardbruecke, f"SELECT level, count(*) FROM {{indicator_values}} WHERE {after} GROUP BY level"))
    assert levels["normal"] > 0.98 * sum(levels.values())


def test_trap_hardbruecke_new_years_night_enters_no_baseline(hardbruecke: Store) -> None:
    """Wednesday 1 January, midnight to three: no Wednesday night of the weeks after is compared with it."""
    [[busiest]] = rows(hardbruecke, """SELECT max(value) FROM {observations} WHERE place = 'ost-nord'
        AND interval_start BETWEEN TIMESTAMPTZ '2020-01-01 00:00+01' AND TIMESTAMPTZ '2020-01-01 03:00+01'""")  # fmt: skip
    [[highest, days]] = rows(hardbruecke, """SELECT max(p90), count(*) FROM {baselines} WHERE place = 'ost-nord' AND measure = 'passages'
        AND extract(isodow FROM local_date) = 3 AND local_time < TIME '03:00'""")  # fmt: skip
    assert days > 50 and highest < busiest


# --- Melbourne ------------------------------------------------------------------------------------------------------


def test_trap_melbourne_missing_hours_are_missing_and_sensors_come_and_go(melbourne: Store) -> None:
    """864 hours of one counter do not stand in the file, one of them the second autumn hour of all: none is a zero."""
    frame = pd.read_csv(next((DATA / "melbourne_ped_long").glob("pedestrian_raw_*.csv")), header=None)
    for place, sensor in SENSORS.items():
        found = by_status(melbourne, place, "2013-12-30 00:00+11", "2014-05-01 00:00+10")
        assert len(found["ok"]) == (frame[3] == int(sensor)).sum()
        assert len(found["ok"]) + len(found["missing"]) == 122 * 24 + 1 and set(found["missing"]) == {None}


def test_trap_melbourne_the_autumn_hour_occurs_once_where_there_were_two(melbourne: Store) -> None:
    first = by_status(melbourne, "new-quay", "2014-04-06 02:00+11", "2014-04-06 03:00+11")
    second = by_status(melbourne, "new-quay", "2014-04-06 02:00+10", "2014-04-06 03:00+10")
    assert list(first) == ["ok"] and second == {"missing": [None]}, "nobody makes up the hour that did not come"


@pytest.mark.parametrize(("place", "start", "end"), [
    ("birrarung-marr", "2014-02-22 20:00+11", "2014-02-23 04:00+11"),
    ("new-quay", "2014-04-13 08:00+10", "2014-04-13 11:00+10"),
])  # fmt: skip
def test_trap_melbourne_busy_nights_and_runs_stand_out(melbourne: Store, place: str, start: str, end: str) -> None:
    """White Night and a run along the docks: unusual, and a situation, without anything set for them."""
    found = rows(melbourne, f"""SELECT peak_level FROM situations WHERE place = '{place}'
        AND started_at < TIMESTAMPTZ '{end}' AND coalesce(ended_at, started_at) >= TIMESTAMPTZ '{start}'""")  # fmt: skip
    assert found == [("high",)]


def test_trap_melbourne_a_gap_of_weeks_is_told_not_filled(melbourne: Store) -> None:
    gone = [r for r in register.rows(melbourne.con) if r["detector"] == "gone" and r["flagged_places"] == ["birrarung-marr"]]
    assert gone and max((r["flagged_to"] - r["flagged_from"]) for r in gone) > timedelta(days=14)
