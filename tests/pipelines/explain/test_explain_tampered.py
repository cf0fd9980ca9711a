"""Whatever is changed in the published file without the rest: explain says which of it no longer follows from the others."""

import random
from datetime import timedelta

import pytest

from indicators.card import catalogue
from pipelines.explain import explain_situation, path
from pipelines.explain.text import lines
from pipelines.store import Store
from tests.pipelines.explain.conftest import WHIT_MONDAY, World
from tests.town import START, STEP, Town

SLOT = f"indicator = 'density' AND place = 'square' AND interval_start = TIMESTAMPTZ '{START + 3 * STEP}'"
SITUATION = "safety_risk = 'overcrowding' AND place = 'square'"


def wrong(found):
    return {(check.what, check.name) for check in found.differences()}


@pytest.mark.parametrize("change, name", [
    ("value = 9.9", "value"), ("value_high = 9.9", "value_high"), ("level = 'normal'", "level"), ("level = 'critical'", "level"),
    ("status = 'missing'", "status"), ("reason = 'too_coarse'", "reason"), ("coverage = 0.5", "coverage"), ("confidence = 0.5", "confidence"),
])  # fmt: skip
def test_a_changed_value_does_not_follow_from_its_observations(evening, tmp_path, change, name):
    found = evening.tampered(tmp_path, f"UPDATE hot_indicator_values SET {change} WHERE {SLOT}").value(
        "density", "square", START + 3 * STEP
    )
    assert ("value", name) in wrong(found)
    said = "\n".join(lines(found, evening.town.config, "en"))
    assert "recomputed: does NOT agree" in said and f"value {name}: published" in said


@pytest.mark.parametrize("change, name", [
    ("peak_level = 'critical'", "peak_level"), ("peak_level = 'elevated'", "peak_level"), ("level = 'high'", "level"),
    ("state = 'open'", "state"), ("started_at = started_at - INTERVAL 15 MINUTES", "started_at"),
    ("ended_at = ended_at + INTERVAL 15 MINUTES", "ended_at"), ("confidence = 1.0", "confidence"),
    ("observed_until = observed_until - INTERVAL 15 MINUTES", "observed_until"), ("leading_indicator = 'occupancy'", "leading_indicator"),
    ("reasons = ['too_coarse']", "reasons"),
])  # fmt: skip
def test_a_changed_situation_does_not_follow_from_the_values(evening, tmp_path, change, name):
    world = evening.tampered(tmp_path, f"UPDATE situations SET {change} WHERE {SITUATION}")
    found = world.situation("overcrowding", "square")
    assert ("situation", name) in wrong(found)
    assert "herberekend: NIET gelijk" in "\n".join(lines(found, evening.town.config, "nl"))


def test_a_situation_that_no_value_leads_to_is_said(evening, tmp_path):
    moved = "started_at = started_at + INTERVAL 1 HOUR, ended_at = ended_at + INTERVAL 1 HOUR, observed_until = observed_until + INTERVAL 1 HOUR"
    found = evening.tampered(tmp_path, f"UPDATE situations SET {moved} WHERE {SITUATION}").situation("overcrowding", "square")
    assert ("situation", "started_at") in wrong(found)


def test_a_value_changed_on_the_way_is_said_of_the_situation_too(evening, tmp_path):
    later = f"indicator = 'density' AND place = 'square' AND interval_start = TIMESTAMPTZ '{START + 6 * STEP}'"
    found = evening.tampered(tmp_path, f"UPDATE hot_indicator_values SET level = 'normal' WHERE {later}").situation(
        "overcrowding", "square"
    )
    assert {what for what, _ in wrong(found)} == {"path"}


def test_a_changed_observation_does_not_agree_with_its_file(evening, tmp_path):
    cell = f"place = 'square' AND interval_start = TIMESTAMPTZ '{START + 3 * STEP}'"
    found = evening.tampered(
        tmp_path, f"UPDATE hot_observations SET value = 4000, value_low = 4000, value_high = 4000 WHERE {cell}"
    ).value("density", "square", START + 3 * STEP)
    assert [(r.file_check, r.file_says) for r in found.rows] == [("file_differs", "3100")]
    assert {what for what, _ in wrong(found)} == {"value", "path", "file"}


def test_a_value_and_its_observation_changed_together_still_do_not_agree_with_the_file(evening, tmp_path):
    cell = f"place = 'square' AND interval_start = TIMESTAMPTZ '{START + 3 * STEP}'"
    world = evening.tampered(
        tmp_path / "a", f"UPDATE hot_observations SET value = 3200, value_low = 3200, value_high = 3200 WHERE {cell}"
    )
    world = world.tampered(
        tmp_path / "b", f"UPDATE hot_indicator_values SET value = 3.2, value_low = 3.2, value_high = 3.2 WHERE {SLOT}"
    )
    found = world.value("density", "square", START + 3 * STEP)
    assert {what for what, _ in wrong(found)} == {"file"}


def test_settings_kept_with_a_value_that_were_changed_are_said(evening, tmp_path):
    hashed = f"config_hash = (SELECT config_hash FROM indicator_values WHERE {SLOT})"
    change = "UPDATE effective_settings SET settings = replace(settings, '\"enter\": 3.0', '\"enter\": 3.05')"
    found = evening.tampered(tmp_path, f"{change} WHERE {hashed}").value("density", "square", START + 3 * STEP)
    assert wrong(found) == {("settings", "bands")}, (
        "3.10 is still high: only the kept edge differs from the config of the same hash"
    )


DAY = "local_date = DATE '2026-05-25' AND local_time = TIME '10:00' AND place = 'square'"


def test_a_changed_baseline_does_not_follow_from_the_observations_and_moves_the_value(spring, tmp_path):
    world = spring.tampered(tmp_path, f"UPDATE hot_baselines SET median = median + 50 WHERE {DAY} AND day_type = 'sunday'")
    found = world.value("unusualness", "square", WHIT_MONDAY)
    assert {("baseline", "sunday median"), ("value", "value")} <= wrong(found)
    assert "published 895.0, comes out as 845.0" in "\n".join(lines(found, spring.town.config, "en"))


def test_a_figure_of_the_baseline_that_the_formula_does_not_use_is_checked_too(spring, tmp_path):
    world = spring.tampered(tmp_path, f"UPDATE hot_baselines SET p80 = 1.0 WHERE {DAY} AND day_type = 'weekday'")
    assert wrong(world.value("unusualness", "square", WHIT_MONDAY)) == {("baseline", "weekday p80")}


@pytest.fixture(scope="module")
def two_days(tmp_path_factory):
    """Two days of a square that fills and empties at random, with gaps, told in pieces, some of them late."""
    folder, draw = tmp_path_factory.mktemp("two_days"), random.Random(7)
    slow = {
        "elevated": {"enter": 1.5, "for": "45min", "keep_for": "30min"},
        "high": {"enter": 3.0, "for": "30min", "keep_for": "45min"},
    }
    own = {"indicator": "density", "place": "square", "effective_from": "2026-01-01T00:00:00Z", "owner": "crowd-manager",
           "decided_on": "2026-01-01", "review_by": "2027-01-01", "reason": "so that runs are counted", "bands": slow}  # fmt: skip
    town, rows, level = Town(folder, thresholds=[own]), [], 1500
    for i in range(192):
        level = max(0, min(5200, level + draw.randint(-900, 900)))
        if draw.random() > 0.12:
            rows.append((START + i * STEP, "square", level))
    with Store(folder / "w") as store:
        for number, first in enumerate(range(0, len(rows), 40)):
            part = rows[first : first + 40]
            late = 6 * STEP if number == 2 else timedelta(0)
            town.zones(part[-1][0] + STEP + late, part, name=f"z{number}")
            town.tick(store, part[-1][0] + 2 * STEP + late)
        town.tick(store, START + 200 * STEP)
    return World(town, folder / "w" / "published" / "indicators.duckdb")


def test_every_situation_of_two_random_days_follows_from_its_values(two_days):
    names = two_days.ask("SELECT situation_id FROM situations ORDER BY started_at")
    assert len(names) >= 3
    states = set()
    for name in names:
        found = explain_situation(two_days.published, two_days.town.config, catalogue(), name)
        assert found.agrees, [(c.what, c.name, c.stored, c.again) for c in found.differences()]
        states.add(found.situation["state"])
    assert "closed" in states


def test_the_held_level_does_not_depend_on_where_the_walk_begins(two_days, monkeypatch):
    """From the last rest before a slot it comes to the same as from the very first row."""
    last = two_days.ask("SELECT situation_id FROM situations ORDER BY started_at DESC")[0]
    way = explain_situation(two_days.published, two_days.town.config, catalogue(), last).paths["density"]
    counting = [step.interval_start for step in way if any(band.counted for band in step.bands.values())]
    assert len(counting) >= 3
    times = [*counting[:3], *(START + i * STEP for i in range(20, 190, 40))]

    def held():
        return [two_days.value("density", "square", time).held for time in times]

    near = held()
    monkeypatch.setattr(path, "LOOK_BACK", (timedelta(days=256),))
    assert near == held()
    assert len({step.held for step in near}) >= 2


def test_a_level_held_for_more_than_a_day_is_found_though_nothing_near_reaches_it(tmp_path):
    """Once over the edge, then a day and a half inside it and not inside its exit: kept, with no reason in sight."""
    town = Town(tmp_path)
    present = [2600, *[2400] * 140]
    town.zones(START + len(present) * STEP, [(START + i * STEP, "square", n) for i, n in enumerate(present)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + (len(present) + 1) * STEP)
    world = World(town, tmp_path / "w" / "published" / "indicators.duckdb")
    found = world.value("density", "square", START + 138 * STEP)
    assert (found.value["level"], found.held.held, found.from_rest, found.agrees) == ("normal", "elevated", True, True)
    assert world.situation("overcrowding", "square").agrees
