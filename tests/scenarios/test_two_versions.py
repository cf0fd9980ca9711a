"""Two suppliers on different major versions of a contract, side by side: what comes after the declaration sees one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines.store import Store
from schemas import datasets
from schemas.config import load
from schemas.datasets import conversions, released
from schemas.datasets.conversions import Conversion
from schemas.datasets.zone_counts import ZONE_COUNTS
from schemas.problems import Problems
from tests.town import START, STEP, Town, rows

# The version of before: another name for a measure, a speed in km/h, one measure that is no more.
OLD = Conversion(
    "zone_counts", 1, renamed={"people": "present", "speed": "walking_speed"}, times={"speed": (5, 18)}, dropped=("dwell",)
)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """zone_counts is at version 2; the cameras of the square still deliver version 1, those of the alley version 2."""
    promised = released.promise(ZONE_COUNTS)
    before = {
        **promised,
        "version": "1.0",
        "measures": dict.fromkeys(["people", "speed", "dwell"], promised["measures"]["present"]),
    }
    monkeypatch.setitem(datasets.DATASETS, "zone_counts", replace(ZONE_COUNTS, version="2.0"))
    monkeypatch.setattr(conversions, "CONVERSIONS", (OLD,))
    monkeypatch.setattr(released, "snapshots", lambda _folder: {"zone_counts": [before]})
    town = Town(tmp_path)
    sources = town.config_folder / "sources"
    text = (sources / "zones.yaml").read_text()
    for name, contract, mapped, measures in (
        ("old", 1, "{sq: square}", "{people: {column: n}, speed: {column: kmh}, dwell: {column: stay}}"),
        ("new", 2, "{al: alley}", "{present: {column: n}, walking_speed: {column: ms}}"),
    ):
        own = text.replace("source: zones", f"source: {name}").replace('"zones/*.csv"', f'"{name}/*.csv"')
        own = own.replace("contract: 1", f"contract: {contract}").replace("{square: square, alley: alley}", mapped)
        (sources / f"{name}.yaml").write_text(own.replace("{present: {column: present}}", measures))
        (town.data / name).mkdir()
    municipality = town.config_folder / "municipalities" / "tiny.yaml"
    municipality.write_text(municipality.read_text().replace("sources: [zones, gates]", "sources: [old, new]"))
    return town


def test_both_are_taken_in_and_judged_as_one_dataset(town: Town, tmp_path: Path) -> None:
    stamp, end = f"{START:%Y-%m-%dT%H:%M}", START + STEP
    (town.data / "old" / f"a_{end:%Y%m%dT%H%M}.csv").write_text(f"time,place,n,kmh,stay\n{stamp},sq,4500,3.6,9\n")
    (town.data / "new" / f"a_{end:%Y%m%dT%H%M}.csv").write_text(f"time,place,n,ms\n{stamp},al,400,1.5\n")
    with Store(tmp_path / "w") as store:
        town.tick(store, end + timedelta(minutes=5))
        found = rows(store, "SELECT source, dataset, place, measure, value::DOUBLE, status FROM {observations} ORDER BY ALL")
        levels = rows(store, "SELECT place, source, value FROM {indicator_values} WHERE indicator = 'density' ORDER BY ALL")
        closed = store.con.execute("SELECT name, reason FROM deliveries WHERE state <> 'accepted'").fetchall()
    assert closed == [], "the column of the measure that is no more is ignored, not undeclared"
    assert found == [
        ("new", "zone_counts", "alley", "present", 400.0, "ok"), ("new", "zone_counts", "alley", "walking_speed", 1.5, "ok"),
        ("old", "zone_counts", "square", "present", 4500.0, "ok"), ("old", "zone_counts", "square", "walking_speed", 1.0, "ok"),
    ]  # fmt: skip
    assert levels == [("alley", "new", 0.8), ("square", "old", 4.5)]


def test_a_source_may_name_only_what_its_own_version_has(town: Town) -> None:
    path = town.config_folder / "sources" / "old.yaml"
    path.write_text(path.read_text().replace("people:", "present:"))
    with pytest.raises(Problems) as told:
        load(town.config_folder, "tiny", town.data)
    [problem] = told.value.problems
    assert "`present` is not a measure of zone_counts 1.0, the version this source delivers" in str(problem)
    assert str(problem).startswith("config/sources/old.yaml:")


def test_a_version_that_nothing_brings_up_is_refused_by_name(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from indicators import config_check
    from indicators.card import catalogue

    monkeypatch.setattr(conversions, "CONVERSIONS", ())
    problems = config_check.check(town.config, catalogue())
    assert any("contract 1 of `zone_counts` is not known; this release has 2.0" in str(p) for p in problems)


def test_steps_follow_each_other_and_leave_this_version_alone(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    older = Conversion("zone_counts", 1, renamed={"aantal": "people"})
    newer = replace(OLD, major=2, classes={})
    monkeypatch.setitem(datasets.DATASETS, "zone_counts", replace(ZONE_COUNTS, version="3.0"))
    monkeypatch.setattr(conversions, "CONVERSIONS", (newer, older))
    source = town.config.sources["new"]
    first = source.model_copy(update={"contract": 1, "measures": {"aantal": source.measures["present"]}})
    up = conversions.brought_up(first)
    assert (up.contract, list(up.measures)) == (3, ["present"])
    assert conversions.brought_up(up) == up


def test_codes_are_told_in_the_new_ones_and_pivots_too(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas.settings import Source
    from schemas.settings.source import Measure, Pivot

    step = Conversion("zone_counts", 1, renamed={"grade": "level"}, classes={"grade": {1: 2, 2: 4}}, times={"people": (1, 2)})
    source: Source = town.config.sources["new"].model_copy(update={"contract": 1})
    words = source.model_copy(update={"measures": {"grade": Measure(column="g", classes={"VOL": 2, "OK": 3})}})
    assert conversions._applied(step, words).measures["level"].classes == {"1": 2, "2": 4, "VOL": 4, "OK": 3}
    pivot = Pivot(column="kind", values={"N": "people", "G": "grade"}, value_from="v")
    told = conversions._applied(step, source.model_copy(update={"pivot": pivot, "measures": {}}))
    assert told.pivot is not None
    assert told.pivot.values == {"N": "people", "G": "level"}
    assert (told.measures["people"].over, told.measures["level"].classes) == (2, {"1": 2, "2": 4})
