"""Three municipalities side by side in one workspace, from a config folder outside the repository; one joins while the others tick."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines import published, versions
from pipelines.store import Store
from pipelines.tick import tick
from schemas.problems import Problems
from tests.town import START, STEP, Town

QUARTERS = 8


def join(town: Town, slug: str, enter: float) -> None:
    """Another municipality in the same folder: the same sources, edges of its own."""
    own = town.config_folder / "municipalities"
    text = (own / "tiny.yaml").read_text(encoding="utf-8").replace("municipality: tiny", f"municipality: {slug}")
    text = text.replace("places: tiny/", f"places: {slug}/").replace("{nl: Tiny, en: Tiny}", f"{{nl: {slug}, en: {slug}}}")
    entry = (
        f'[{{"indicator": "density", "effective_from": "2025-01-01T00:00Z", "bands": {{"elevated": {{"enter": {enter}, "for": "0min", '
        '"keep_for": "15min"}}, "owner": "crowd-manager", "decided_on": "2025-01-01", "review_by": "2027-01-01", "reason": "agreed for a test"}]'
    )
    (own / f"{slug}.yaml").write_text(text.replace("thresholds: []", f"thresholds: {entry}"), encoding="utf-8")
    (own / slug).mkdir(exist_ok=True)
    (own / slug / "places.geojson").write_bytes((own / "tiny" / "places.geojson").read_bytes())


def evening(town: Town, workspace: Path, slugs_at: dict[int, list[str]]) -> Path:
    """Ticks every quarter for those who are there by then; a delivery before each."""
    with Store(workspace) as store:
        for quarter in range(1, QUARTERS + 1):
            at = START + quarter * STEP + timedelta(minutes=6)
            town.zones(at, [(START + (quarter - 1) * STEP, "square", 120 * quarter)], name=f"z{quarter}")
            for slug in max((s for s in slugs_at.items() if s[0] <= quarter), key=lambda s: s[0])[1]:
                if not (town.config_folder / "municipalities" / f"{slug}.yaml").exists():
                    join(town, slug, 0.3)
                now = versions.in_force(store, town.config_folder, slug, town.data, at)
                tick(store, now.config, now.cards, at=at, notes=now.notes)
        return store.published / "indicators.duckdb"


def rows(file: Path, sql: str) -> list[tuple[object, ...]]:
    with published.connect(file) as con:
        return con.execute(sql).fetchall()


LEVELS = "SELECT municipality, interval_start, value, level FROM indicator_values WHERE indicator = 'density' AND place = 'square' ORDER BY ALL"


def test_three_towns_tick_in_turn_and_one_joins_without_moving_the_others(tmp_path: Path) -> None:
    for name in ("two", "three"):
        join(Town(tmp_path / name / "elsewhere"), "strict", 0.2)
    two = evening(Town(tmp_path / "two" / "elsewhere"), tmp_path / "two" / "w", {1: ["tiny", "strict"]})
    late = {1: ["tiny", "strict"], 5: ["tiny", "strict", "late"]}
    three = evening(Town(tmp_path / "three" / "elsewhere"), tmp_path / "three" / "w", late)
    there = rows(three, LEVELS)
    assert [r for r in there if r[0] != "late"] == rows(two, LEVELS)
    assert {r[0] for r in there} == {"tiny", "strict", "late"}
    # 960 people on 1000 m²: each by its own edges. The one that joins later sees all that the deliveries hold.
    assert {(m, level) for m, _, value, level in there if value == 0.24} == {
        ("tiny", "normal"),
        ("strict", "elevated"),
        ("late", "normal"),
    }
    assert len([r for r in there if r[0] == "late"]) == QUARTERS
    for table in ("runs", "places", "thresholds", "purposes", "config_versions", "situations"):
        assert "late" in {m for (m,) in rows(three, f"SELECT DISTINCT municipality FROM {table}")}, table
    ids = [i for (i,) in rows(three, "SELECT situation_id FROM situations")]
    assert len(ids) == len(set(ids)) and len(ids) >= 2


def test_a_town_that_joins_with_a_broken_file_stops_nobody(tmp_path: Path) -> None:
    town = Town(tmp_path / "elsewhere")
    join(town, "late", 0.3)
    file = town.config_folder / "municipalities" / "late.yaml"
    file.write_text(file.read_text().replace("timezone:", "timzone:"))
    at: datetime = START + STEP
    with Store(tmp_path / "w") as store:
        with pytest.raises(Problems, match=r"late.yaml:\d+: timzone: unknown key. Did you mean `timezone`"):
            versions.in_force(store, town.config_folder, "late", town.data, at)
        now = versions.in_force(store, town.config_folder, "tiny", town.data, at)
        assert now.notes == () and now.mistakes == ()
