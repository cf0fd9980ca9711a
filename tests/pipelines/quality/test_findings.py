"""What becomes of a finding in the register: proposed once, followed, dropped, and never at odds with a decision."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pipelines import register
from pipelines.quality import joined
from pipelines.quality.findings import Finding, Looked, record
from tests.pipelines.quality.world import DAY, HOUR, World
from tests.town import START

ALL = ("sudden_zeros", "gone", "frozen", "counter_dump", "night_zeros", "sums")


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.store.close()


def zeros(start: float, end: float, ongoing: bool = False, detector: str = "sudden_zeros", **more: object) -> Finding:
    facts = {"expected": 120}
    return Finding(detector, "gates", "gate", START + start * HOUR, START + end * HOUR, ongoing, facts=facts, **more)


def look(world: World, *findings: Finding, start: float = 0, end: float = 24, at: float = 24) -> list[register.Row]:
    looked = Looked(ALL, "gates", frozenset({"gate"}), START + start * HOUR, START + end * HOUR)
    record(world.store, world.config, looked, findings, START + at * HOUR)
    return register.rows(world.store.con)


def decide(world: World, decision: register.Decision) -> None:
    [row] = register.rows(world.store.con)
    register.decide(world.store, world.config, row["flag_id"], decision, role="data-officer", at=START + DAY)


def test_a_finding_is_proposed_once_with_its_evidence(world):
    look(world, zeros(10, 12))
    [row] = look(world, zeros(10, 12))
    assert (row["state"], row["effects"]) == ("proposed", ["no_level", "no_baseline"])
    assert row["evidence_en"] == "0 since 2026-06-01 10:00 (2 h), where on comparable days hardly ever less than 120 was counted."
    assert row["evidence_nl"].startswith("0 sinds 2026-06-01 10:00 (2 uur)")


def test_it_keeps_its_id_while_its_edges_move(world):
    [first] = look(world, zeros(10, 12, ongoing=True))
    [second] = look(world, zeros(9.5, 14))
    assert second["flag_id"] == first["flag_id"] and second["flagged_from"] == START + 9.5 * HOUR and not second["ongoing"]


def test_what_was_cut_off_keeps_its_beginning(world):
    look(world, zeros(2, 20, ongoing=True))
    [row] = look(world, zeros(12, 30, ongoing=True, cut=True), start=12, end=36)
    assert (row["flagged_from"], row["flagged_to"]) == (START + 2 * HOUR, START + 30 * HOUR)


def test_what_is_not_there_any_more_is_dropped_where_it_was_looked_for(world):
    look(world, zeros(10, 12))
    assert len(look(world, start=24, end=48)) == 1  # another day was looked at
    assert look(world) == []


@pytest.mark.parametrize("decision", ["reject", "accept"])
def test_a_decision_stands_whatever_is_found(world, decision):
    look(world, zeros(10, 12))
    decide(world, decision)
    for found in ((), (zeros(10, 12),), (zeros(10, 13),)):
        [row] = look(world, *found)
        assert (row["state"], row["flagged_to"]) == (register.BECOMES[decision], START + 12 * HOUR)


def test_what_goes_on_far_beyond_a_decision_is_proposed_anew(world):
    look(world, zeros(10, 12))
    decide(world, "reject")
    assert sorted(r["state"] for r in look(world, zeros(10, 20))) == ["proposed", "rejected"]


def test_a_decision_on_what_lasts_follows_it_to_its_end(world):
    look(world, zeros(10, 12, ongoing=True))
    decide(world, "reject")
    [row] = look(world, zeros(10, 20, ongoing=True))
    assert (row["state"], row["flagged_to"], row["ongoing"]) == ("rejected", START + 20 * HOUR, True)
    [row] = look(world, zeros(10, 21))
    assert (row["flagged_to"], row["ongoing"]) == (START + 21 * HOUR, False)


def test_a_silence_without_a_baseline_left_has_not_ended(world):
    look(world, zeros(10, 12, ongoing=True))
    decide(world, "accept")
    looked = Looked(ALL, "gates", frozenset({"gate"}), START, START + DAY, frozenset({"gate"}))
    record(world.store, world.config, looked, [], START + DAY)
    assert register.rows(world.store.con)[0]["ongoing"]
    [row] = look(world)
    assert not row["ongoing"]


def test_what_the_register_holds_by_hand_is_not_proposed(world):
    by_hand = {
        "municipality": "tiny", "flag_id": "hand", "state": "accepted", "source": "gates", "flagged_places": [], "flagged_measures": [],
        "flagged_from": START + 9 * HOUR, "flagged_to": START + 12 * HOUR, "hours": None, "ongoing": False, "effects": ["note"],
        "reason": "street closed", "detector": None, "evidence_nl": None, "evidence_en": None, "owner": "data-officer", "found_at": None,
        "decided_at": START, "acting_since": START, "file": "f", "line": 1,
    }  # fmt: skip
    register.write(world.store, [by_hand])
    assert len(look(world, zeros(10, 13))) == 1
    assert len(look(world, zeros(11, 20))) == 2  # most of it lies outside


def test_what_the_supplier_declares_itself_needs_no_proposal(world):
    assert look(world, zeros(10, 12, detector="gone", declared=True)) == []


def test_findings_of_one_fault_are_one(world):
    found = joined([zeros(10, 12), zeros(12, 14, ongoing=True), zeros(20, 21), zeros(11, 12, detector="gone")])
    assert [(f.detector, (f.start - START) / HOUR, (f.end - START) / HOUR, f.ongoing) for f in found] == [
        ("sudden_zeros", 10, 14, True), ("sudden_zeros", 20, 21, False)]  # fmt: skip


def test_hours_that_are_seen_no_longer_stay_true_for_their_days(world):
    night = Finding(
        "night_zeros", "gates", "gate", START, START + DAY, True, hours="21:00-05:00", facts={"days": 21, "hours": "21:00-05:00"}
    )
    look(world, night)
    [row] = look(world, start=24, end=48, at=48)
    assert (row["state"], row["ongoing"], row["flagged_to"]) == ("proposed", False, START + DAY)


def test_the_lengths_of_detectors_are_settings_of_the_municipality(world):
    from schemas.settings import Detectors

    own = Detectors.model_validate({"sudden_zeros": {"min_duration": "1h", "effect": ["note"]}, "frozen": {"on": False}})
    assert own.sudden_zeros.min_duration == timedelta(hours=1) and not own.frozen.on and own.gone.on
