"""The worked examples on open data fit the data they are about (skipped where the open data folder is absent)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from schemas import config as configs

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DRUKTE_OPEN_DATA") or ROOT.parent / "shared" / "data")
PARQUET = DATA / "melbourne_ped_long" / "pedestrian_2012-01_2014-04_all_sensors.parquet"
LIST = DATA / "melbourne_ped_long" / "Pedestrian_sensor_locations.csv"

open_data = pytest.mark.skipif(not PARQUET.is_file(), reason=f"no open data at {DATA}: set DRUKTE_OPEN_DATA to the folder")


@pytest.mark.open_data
@open_data
def test_a_melbourne_counter_is_valid_from_the_local_day_it_first_appears() -> None:
    config = configs.load(ROOT / "config", "melbourne")
    ids = next(iter(config.sources.values())).place.map
    first = dict(duckdb.sql(f"""
        SELECT CAST(sensor_id AS VARCHAR), CAST(min(timestamp) AS DATE) FROM '{PARQUET}' WHERE sensor_id IS NOT NULL GROUP BY ALL
    """).fetchall())  # fmt: skip
    assert len(first) == 33
    for number, place in ids.items():
        (row,) = config.rows_of(place)
        local = row.place.valid_from.astimezone(config.tz)
        assert (local.hour, local.minute) == (0, 0)
        if number in first:
            assert local.date() == first[number]
        else:  # on the supplier's list, not in these counts
            assert row.place.valid_from >= datetime(2014, 4, 30, 14, tzinfo=UTC)


@pytest.mark.open_data
@open_data
def test_a_melbourne_counter_stands_where_the_list_says() -> None:
    config = configs.load(ROOT / "config", "melbourne")
    listed = duckdb.sql(f"""SELECT CAST("Sensor ID" AS VARCHAR), Longitude, Latitude FROM read_csv('{LIST}')""").fetchall()
    ids = next(iter(config.sources.values())).place.map
    assert {number for number, _, _ in listed} == set(ids)
    for number, longitude, latitude in listed:
        (row,) = config.rows_of(ids[number])
        assert row.geometry is not None
        assert row.geometry["coordinates"] == pytest.approx([longitude, latitude], abs=1e-6)


def test_both_sources_of_an_example_serve_the_same_places() -> None:
    for slug, other in (("melbourne", "melbourne-pedestrians"), ("hardbruecke", "hardbruecke")):
        config = configs.load(ROOT / "config", slug)
        (source,) = config.sources.values()
        assert set(source.place.map.values()) == set(config.place_ids)
        text = (ROOT / "config" / "sources" / f"{other}.yaml").read_text(encoding="utf-8")
        assert all(place in text for place in config.place_ids)


def test_hardbruecke_says_that_its_widths_are_examples() -> None:
    config = configs.load(ROOT / "config", "hardbruecke")
    assert all(row.place.effective_width for row in config.places)
    text = (ROOT / "config" / "municipalities" / "hardbruecke.yaml").read_text(encoding="utf-8")
    assert "EXAMPLES, not" in text
