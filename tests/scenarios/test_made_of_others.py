"""An indicator made of others: weighted severities with their named parts, a range where a part is not known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.store import Store
from tests.town import START, STEP, Town, rows

AT = START + 4 * STEP + timedelta(minutes=5)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Density weighs 0.6 and occupancy 0.4 in the square, which holds 1,000 m² and 5,000 people; the alley has no capacity."""
    made = Town(tmp_path)
    path = made.config_folder / "municipalities" / "tiny.yaml"
    weights = json.dumps({"weights": {"density": 0.6, "occupancy": 0.4}})
    path.write_text(
        path.read_text().replace("density: {}, occupancy: {}", f"density: {{}}, occupancy: {{}}, weighted_risk: {weights}")
    )
    purpose = made.config_folder / "purposes" / "crowd-safety.yaml"
    purpose.write_text(purpose.read_text().replace("[density, ", "[density, weighted_risk, "))
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "workspace") as made:
        yield made


def _weighted(store: Store, place: str) -> list[tuple[object, ...]]:
    sql = f"""SELECT value, value_low, value_high, level, status, reason, round(coverage, 6) FROM {{indicator_values}}
              WHERE indicator = 'weighted_risk' AND place = '{place}' ORDER BY interval_start"""
    return rows(store, sql)


def test_severities_are_weighed_and_a_part_not_known_makes_a_range(town: Town, store: Store) -> None:
    counts = {"square": (1000, 3600, 4800, "fault"), "alley": (100, 2000, 0, 100)}
    town.zones(AT, [(START + i * STEP, place, v) for place, values in counts.items() for i, v in enumerate(values)])
    town.tick(store, AT)
    # 1,000: normal, normal. 3,600: 3.6 p/m² is high (2/3), 0.72 is elevated (1/3). 4,800: critical, critical (0.96).
    assert _weighted(store, "square") == [
        (0.0, 0.0, 0.0, "normal", "ok", None, 1.0),
        (0.53, 0.53, 0.53, "normal", "ok", None, 1.0),
        (1.0, 1.0, 1.0, "normal", "ok", None, 1.0),
        (None, None, None, "unknown", "invalid", "invalid", 0.0),
    ]
    # The alley has no occupancy: whatever it would be, between 0 and 0.4.
    assert _weighted(store, "alley")[0] == (None, 0.0, 0.4, "normal", "ok", "range", 0.6)
    assert _weighted(store, "alley")[1] == (None, 0.6, 1.0, "normal", "ok", "range", 0.6)


def test_a_late_part_changes_the_whole(town: Town, store: Store) -> None:
    town.zones(AT - STEP, [(START, "alley", 100)], name="first")
    town.tick(store, AT)
    assert _weighted(store, "square")[0][4] == "missing"
    town.zones(AT, [(START, "square", 4800)], name="late")
    town.tick(store, AT + STEP)
    assert _weighted(store, "square")[0] == (1.0, 1.0, 1.0, "normal", "ok", None, 1.0)


def test_weights_are_the_municipalitys_own_and_in_the_fingerprint(town: Town, store: Store) -> None:
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace('"density": 0.6, "occupancy": 0.4', '"density": 0.5, "occupancy": 0.5'))
    town.zones(AT, [(START, "square", 3600)])
    town.tick(store, AT)
    assert _weighted(store, "square")[0][0] == 0.5
    hashes = "SELECT DISTINCT config_hash FROM {indicator_values} WHERE indicator = 'weighted_risk' AND place = 'square'"
    first = rows(store, hashes)
    path.write_text(path.read_text().replace('"density": 0.5, "occupancy": 0.5', '"density": 0.9, "occupancy": 0.1'))
    town.zones(AT + STEP, [(START + STEP, "square", 3600), (START + 4 * STEP, "square", 3600)], name="next")
    town.tick(store, AT + STEP)
    now = _weighted(store, "square")
    assert (now[1][0], now[4][0]) == (0.5, 0.63), "a slot judged before, if only as missing, keeps the weights it was judged by"
    assert len(rows(store, hashes)) > len(first)
