"""`drukte plan --without SOURCE`: inputs by declaration, situations by judging again; nothing live is touched."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines import plan
from pipelines.plan.text import Lines
from pipelines.store import Store
from pipelines.store.aside import copied
from pipelines.tick import tick
from tests.town import START, STEP, Town

AT = START + 12 * STEP
CROWD = (1000, 1000, 4000, 4800, 4900, 4900, 2000, 1000, 900, 900)


def second_camera(town: Town, interval: str = "15min") -> None:
    """A source `backup` of rank 2 that counts the square too."""
    made = (town.config_folder / "sources" / "zones.yaml").read_text()
    made = (
        made.replace("source: zones", "source: backup").replace('"zones/*.csv"', '"backup/*.csv"').replace("rank: 1", "rank: 2")
    )
    made = made.replace("{square: square, alley: alley}", "{square: square}").replace("interval: 15min", f"interval: {interval}")
    (town.config_folder / "sources" / "backup.yaml").write_text(made)
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("[zones, gates]", "[zones, gates, backup]"))
    (town.data / "backup").mkdir(exist_ok=True)


def evening(town: Town) -> None:
    """A crowd in the square, a quiet alley and gate; one run at the end."""
    town.zones(
        AT, [(START + i * STEP, "square", n) for i, n in enumerate(CROWD)] + [(START + i * STEP, "alley", 40) for i in range(10)]
    )
    town.gates(AT, [(START + i * STEP, 300, 100) for i in range(10)])


def run(town: Town) -> None:
    with Store(town.folder / "w") as store:
        tick(store, town.config, catalogue(), at=AT)


def loss(town: Town, source: str, **how: object) -> plan.Loss:
    with copied(town.folder / "w") as store:
        return plan.without(store, town.config, catalogue(), source, **how)  # type: ignore[arg-type]


def told(found: plan.Loss) -> set[tuple[str, str, str, str | None]]:
    return {(r["indicator"], r["place"], r["loss"], r["to_source"]) for r in found.inputs}


def test_without_the_only_camera_its_indicators_are_lost_and_its_situations_would_not_have_been_seen(tmp_path: Path) -> None:
    town = Town(tmp_path)
    evening(town)
    run(town)
    files = [p for p in (tmp_path / "w").rglob("*") if p.is_file() and p.name != "lock"]
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    found = loss(town, "zones")
    assert {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files} == before
    assert {(i, p) for i, p, how, _ in told(found) if how == "lost"} == {
        ("density", "square"), ("density", "alley"), ("occupancy", "square"), ("unusualness", "square"), ("unusualness", "alley"),
    }  # fmt: skip
    assert found.situations_judged == len(found.situations) > 0
    assert {(r["change"], r["place"]) for r in found.situations} == {("not_seen", "square")}
    said = "\n".join(Lines("nl", town.config.tz).of_loss(found))
    assert "vervalt: density op alley, square" in said and "niet gezien: square" in said
    assert not loss(town, "gates").situations, "the gate saw no situation"


def test_a_second_camera_takes_over_and_sees_it_otherwise(tmp_path: Path) -> None:
    town = Town(tmp_path)
    second_camera(town)
    evening(town)
    half = [(START + i * STEP, "square", n * 3 // 4) for i, n in enumerate(CROWD)]
    town._write("backup", "b", AT, "time,place,present\n" + "".join(f"{t:%Y-%m-%dT%H:%M},{p},{v}\n" for t, p, v in half))
    run(town)
    found = loss(town, "zones")
    assert ("density", "square", "other_source", "backup") in told(found)
    assert ("density", "alley", "lost", None) in told(found)
    changed = {r["safety_risk"]: r for r in found.situations}
    assert changed["overcrowding"]["change"] == "differs"
    assert changed["overcrowding"]["would_be"]["peak_level"] != changed["overcrowding"]["peak_level"]
    assert {r["loss"] for r in loss(town, "backup").inputs} == {"reserve_lost"}
    assert not loss(town, "backup").situations


@pytest.mark.parametrize(("interval", "expected"), [("5min", "other_source"), ("60min", "too_coarse")])
def test_what_is_left_may_be_too_coarse(tmp_path: Path, interval: str, expected: str) -> None:
    town = Town(tmp_path)
    second_camera(town, interval)
    evening(town)
    run(town)
    assert ("density", "square", expected, "backup") in told(loss(town, "zones"))


def test_before_the_first_run_only_inputs_can_be_told(tmp_path: Path) -> None:
    town = Town(tmp_path)
    found = loss(town, "gates")
    assert not found.judged and {(i, how) for i, _, how, _ in told(found)} == {("specific_flow", "lost"), ("unusualness", "lost")}
    assert any("nog geen run" in line for line in Lines("nl", town.config.tz).of_loss(found))


def test_the_only_source_of_a_town_can_be_thought_away_too(tmp_path: Path) -> None:
    town = Town(tmp_path)
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("sources: [zones, gates]", "sources: [zones]"))
    evening(town)
    run(town)
    found = loss(town, "zones")
    assert {r["change"] for r in found.situations} == {"not_seen"} and {r["loss"] for r in found.inputs} == {"lost"}


def test_only_the_month_before_is_looked_at(tmp_path: Path) -> None:
    town = Town(tmp_path)
    evening(town)
    run(town)
    later = AT + timedelta(days=40)
    with Store(tmp_path / "w") as store:
        tick(store, town.config, catalogue(), at=later)
    none = loss(town, "zones")
    assert none.since == later - timedelta(days=31) and not none.situations
    said = "\n".join(Lines("en", town.config.tz).of_loss(none))
    assert "There were none." in said and "`--at 2026-06-01T02:30" in said, "not that all would be well without it"
    assert loss(town, "zones", at=AT).situations
