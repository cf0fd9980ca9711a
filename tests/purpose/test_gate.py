"""A use that no review covers does not run; one that is past its date goes on for a stated while; a card of one's own is left out."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from pipelines import purpose, start, versions
from pipelines.purpose.gate import Verb
from pipelines.store import Store
from pipelines.tick import tick
from schemas.problems import Problems
from tests.purpose.reviewed import NOON, edit, review, stands
from tests.scenarios.test_new_indicator import CARD
from tests.town import START, STEP, Town

OWN = "municipalities/tiny.yaml"
GENERIC = "purposes/crowd-safety.yaml"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path, only="density")
    edit(made, GENERIC, ("indicators: [density, occupancy, specific_flow, unusualness]", "indicators: [density, occupancy]"))
    return made


def admitted(town: Town, verb: Verb = "run", at: datetime = NOON) -> list[str]:
    """The kinds of notes of an admitted run."""
    return [note.kind for note in purpose.admit(*start.ready(town.config_folder, "tiny", town.data), at, verb).notes]


def refused(town: Town, verb: Verb = "run", at: datetime = NOON) -> str:
    """What is said of a refused run; every problem is one of use, so that the exit code is 3."""
    with pytest.raises(Problems) as problems:
        admitted(town, verb, at)
    assert problems.value.refused
    return str(problems.value)


def test_without_any_review_a_town_tries_out_loudly_and_nothing_leaves_the_house(town: Town) -> None:
    assert admitted(town) == admitted(town, "backfill") == ["unreviewed"]
    with pytest.raises(Problems, match="nothing of `crowd-safety` leaves the house"):
        purpose.leaves_the_house(*start.ready(town.config_folder, "tiny"), NOON)
    review(town)
    assert admitted(town) == []
    assert purpose.leaves_the_house(*start.ready(town.config_folder, "tiny"), NOON).standing == "reviewed"


def test_a_review_without_its_owner_is_none(town: Town) -> None:
    review(town, "crowd-safety", "crowd-manager")
    assert stands(town)[0].standing == "unsigned"
    assert admitted(town) == ["unsigned"]


ADDED = {
    "an indicator switched on": (OWN, ("indicators: {density: {}}", "indicators: {density: {}, occupancy: {}}"), "indicator `occupancy`"),
    "a dataset in the generic purpose": (GENERIC, ("[zone_counts, passage_counts]", "[zone_counts, passage_counts, od_flows]"),
                                         "dataset `od_flows`"),
    "an indicator in the generic purpose": (GENERIC, ("[density, occupancy]", "[density, occupancy, growth]"), "indicator `growth`"),
    "a column": ("sources/zones.yaml", ("{present: {column: present}}", "{present: {column: present}, walking_speed: {column: v}}"),
                 "column `zone_counts.walking_speed`"),
    "a place": ("municipalities/tiny/places.geojson", ('"place": "alley", "valid_from"', '"place": "alley2", "valid_from"'), "place `alley2`"),
}  # fmt: skip
WEAKER = {
    "k lowered": (OWN, ("k: 15", "k: 14"), "k 14 (reviewed: 15)"),
    "another audience": (
        OWN,
        ("audience: [crowd-manager]", "audience: [crowd-manager, data-officer]"),
        "audience `data-officer`",
    ),
    "kept for longer": (OWN, ("retention: 365d", "retention: 366d"), "retention counts 366d (reviewed: 365d)"),
}
STILL = {
    "a threshold": (OWN, ("thresholds: []", "thresholds: " + json.dumps([{
        "indicator": "density", "effective_from": "2026-06-01T00:00Z", "bands": {"elevated": {"enter": 0.5, "exit": 0.4, "for": "15min",
        "keep_for": "15min"}}, "owner": "crowd-manager", "decided_on": "2026-05-01", "review_by": "2027-05-01", "reason": "a try-out"}]))),
    "a text": (GENERIC, ("title: {nl: t, en: t}", "title: {nl: titel, en: title}")),
    "a larger k": (OWN, ("k: 15", "k: 16")),
    "kept for less long": (OWN, ("retention: 365d", "retention: 364d")),
    "an indicator switched off again": (GENERIC, ("[density, occupancy]", "[density]")),
}  # fmt: skip


@pytest.mark.parametrize("name", ADDED)
def test_what_is_added_is_refused_live_and_can_be_tried_on_history(town: Town, name: str) -> None:
    review(town)
    file, change, told = ADDED[name]
    if name == "a place":
        edit(town, "sources/zones.yaml", ("alley: alley", "alley: alley2"))
        edit(town, file, ('"from_zone": "alley"', '"from_zone": "alley2"'), ('"place": "alley"', '"place": "alley2"'))
    else:
        edit(town, file, change)
    said = refused(town)
    assert (
        told in said
        and "A review would have to decide" in said
        and re.match(r"config/municipalities/tiny.yaml:\d+: purposes.0", said)
    )
    assert admitted(town, "backfill") == ["tried_out"]
    with pytest.raises(Problems):
        purpose.leaves_the_house(*start.ready(town.config_folder, "tiny"), NOON)
    review(town)
    assert admitted(town) == []


@pytest.mark.parametrize("name", WEAKER)
def test_what_takes_protection_away_is_refused_everywhere(town: Town, name: str) -> None:
    review(town)
    file, change, told = WEAKER[name]
    edit(town, file, change)
    assert told in refused(town)
    assert told in refused(town, "backfill") and told in refused(town, "replay")


@pytest.mark.parametrize("name", STILL)
def test_thresholds_texts_and_less_of_anything_stay_covered(town: Town, name: str) -> None:
    review(town)
    edit(town, STILL[name][0], STILL[name][1])
    assert admitted(town) == []


def test_outside_every_purpose_is_refused_by_code_three_with_what_a_review_would_decide(town: Town) -> None:
    edit(town, GENERIC, ("datasets: [zone_counts, passage_counts]", "datasets: [zone_counts]"))
    with pytest.raises(
        Problems, match=r"lies outside every adopted purpose.*A review would have to decide what effect"
    ) as problems:
        start.ready(town.config_folder, "tiny")
    assert problems.value.refused
    edit(town, OWN, ("k: 15", "k: 15, colour: red"))
    with pytest.raises(Problems) as problems:
        start.ready(town.config_folder, "tiny")
    assert not problems.value.refused  # a slip is a slip


def test_a_record_that_was_changed_by_hand_is_no_record(town: Town) -> None:
    review(town)
    edit(town, "reviews/tiny.yaml", ("k: 15", "k: 10"))
    with pytest.raises(Problems, match="`covers` is not what was signed"):
        start.ready(town.config_folder, "tiny")


def test_dates_warn_sixty_days_ahead_then_grace_then_no_more(town: Town) -> None:
    edit(town, OWN, ("owner: data-officer}", "owner: data-officer, grace: {keeps: 10d, owner: crowd-manager}}"))
    review(town)

    def at(day: str) -> datetime:
        return datetime.fromisoformat(f"{day}T12:00+00:00")

    assert admitted(town, at=at("2026-11-02")) == []
    assert admitted(town, at=at("2026-11-03")) == ["due"]
    assert admitted(town, at=at("2027-01-02")) == ["due"]
    assert admitted(town, at=at("2027-01-03")) == admitted(town, at=at("2027-01-12")) == ["grace"]
    note = purpose.admit(*start.ready(town.config_folder, "tiny"), at("2027-01-05"), "run").notes[0]
    assert "decided by crowd-manager" in note.en and "2027-01-12" in note.nl
    assert "its review date 2027-01-02 has passed" in refused(town, at=at("2027-01-13"))
    assert admitted(town, "backfill", at("2027-01-13")) == ["expired"]
    edit(town, GENERIC, ("[density, occupancy]", "[density, occupancy, growth]"))
    assert "indicator `growth`" in refused(town, at=at("2027-01-05"))  # a new use, in grace


def test_an_event_is_seen_out_though_the_grace_ends_in_it(tmp_path: Path) -> None:
    event = {"event": "fair", "name": {"nl": "kermis", "en": "fair"}, "class": "B", "from": "2027-01-29T10:00Z", "to": "2027-02-03T20:00Z",
             "places": {"square": {}}}  # fmt: skip
    town = Town(tmp_path, events=[event])
    review(town)
    assert stands(town)[0].keeps_until.isoformat() == "2027-02-03"
    assert admitted(town, at=datetime(2027, 2, 3, 19, tzinfo=UTC)) == ["grace"]
    assert refused(town, at=datetime(2027, 2, 4, 1, tzinfo=UTC))


def test_a_later_date_in_the_file_alone_lengthens_nothing(town: Town) -> None:
    review(town)
    edit(town, OWN, ("review_by: 2027-01-02", "review_by: 2030-01-02"))
    assert stands(town)[0].review_by.isoformat() == "2027-01-02"


def test_a_card_of_ones_own_is_tried_on_history_and_left_out_of_live_runs_until_reviewed(tmp_path: Path) -> None:
    town = Town(tmp_path)
    review(town)
    (town.config_folder / "indicators").mkdir()
    (town.config_folder / "indicators" / "tiny.empty_places.yaml").write_text(dedent(CARD))
    town.zones(START + STEP, [(START, "square", 4900)])
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    values = "SELECT count(*) FROM indicator_values WHERE indicator = 'tiny.empty_places'"
    with Store(tmp_path / "live") as store:
        done = tick(store, config, cards, at=START + 2 * STEP)
        assert [n.kind for n in done.notes] == ["left_out"] and "tiny.empty_places" in done.message_en
        assert store.con.execute(values).fetchone() == (0,)
        row = store.con.execute("SELECT standing, beyond_review, used_indicators FROM purpose_reviews").fetchall()
        assert row[0][:2] == ("void", ["indicator tiny.empty_places"]) and "tiny.empty_places" not in row[0][2]
    with Store(tmp_path / "history") as store:
        tick(store, config, cards, at=START + 2 * STEP, verb="backfill")
        assert store.con.execute(values).fetchone() == (1,)
    review(town)
    assert admitted(town) == []


def test_what_was_reviewed_goes_on_while_the_files_ask_for_more(town: Town, tmp_path: Path) -> None:
    review(town)
    with Store(tmp_path / "w") as store:
        assert versions.in_force(store, town.config_folder, "tiny", town.data, NOON).version.number == 1
        edit(town, OWN, ("k: 15", "k: 10"))
        found = versions.in_force(store, town.config_folder, "tiny", town.data, NOON + timedelta(hours=1))
        assert (found.config.k, found.version.number, [n.kind for n in found.notes]) == (15, 1, ["refused"])
        assert "USE REFUSED" in found.notes[0].en and "k 10 (reviewed: 15)" in found.notes[0].en
    with Store(tmp_path / "new") as store, pytest.raises(Problems) as problems:
        versions.in_force(store, town.config_folder, "tiny", town.data, NOON)
    assert problems.value.refused


def test_the_tick_itself_asks_so_no_caller_gets_round_it(town: Town, tmp_path: Path) -> None:
    review(town)
    edit(town, OWN, ("k: 15", "k: 10"))
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    with Store(tmp_path / "w") as store:
        with pytest.raises(Problems):
            tick(store, config, cards, at=NOON)
        assert store.con.execute("SELECT count(*) FROM runs").fetchone() == (0,)
