"""`drukte plan`: what it says is what the next run does, and it changes nothing."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from indicators.card import Card, catalogue
from pipelines import plan
from pipelines.lock import HeldError
from pipelines.plan.text import Lines
from pipelines.store import Store
from pipelines.store.aside import copied
from pipelines.tick import Summary, tick
from tests.pipelines.test_lock import other_process
from tests.town import START, STEP, Town

MINUTE = timedelta(minutes=1)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def planned(town: Town, at: datetime, cards: dict[str, Card] | None = None) -> plan.Plan:
    with copied(town.folder / "w") as store:
        return plan.collect(store, town.config, cards or catalogue(), at)


def run(town: Town, at: datetime, cards: dict[str, Card] | None = None, **how: object) -> Summary:
    with Store(town.folder / "w") as store:
        return tick(store, town.config, cards or catalogue(), at=at, **how)  # type: ignore[arg-type]


def counts(found: plan.Plan) -> dict[tuple[str, str], int]:
    """Slots by indicator and reason."""
    told: dict[tuple[str, str], int] = {}
    for row in found.slots:
        key = row["indicator"], row["reason"]
        told[key] = told.get(key, 0) + row["slots"]
    return told


def agrees(town: Town, at: datetime) -> plan.Plan:
    """The plan, after the run has been held against it."""
    found = planned(town, at)
    done = run(town, at)
    assert found.slots_to_compute == done.slots_computed
    assert found.nothing_due == done.nothing_due
    named = ("delivery_id", "state", "rows_in", "rows_accepted", "rows_refused", "rows_duplicate")
    assert [[d[n] for n in named] for d in found.deliveries] == [[d[n] for n in named] for d in done.deliveries]
    return found


def zones(town: Town, slots: range, name: str, issued: datetime, people: int = 1000) -> Path:
    return town.zones(issued, [(START + i * STEP, place, people) for i in slots for place in ("square", "alley")], name=name)


def test_each_slot_is_told_with_its_reason_and_the_run_does_just_that(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    found = agrees(town, START + 4 * STEP + 6 * MINUTE)
    assert counts(found) == {("density", "new_data"): 8, ("occupancy", "new_data"): 4, ("unusualness", "new_data"): 8}
    # Nothing came for slots 4 and 5; then late data for one, in a delivery that revises another and brings the next.
    assert counts(agrees(town, START + 6 * STEP + 6 * MINUTE))[("density", "now_due")] == 4
    town.zones(START + 7 * STEP, [(START + 3 * STEP, "square", 4000), (START + 4 * STEP, "square", 900), (START + 6 * STEP, "square", 800)],
               name="late")  # fmt: skip
    found = agrees(town, START + 7 * STEP + 6 * MINUTE)
    told = {
        (r["reason"], r["name"].split("/")[-1] if r["name"] else None): r["slots"]
        for r in found.slots
        if r["indicator"] == "density"
    }
    late = f"late_{START + 7 * STEP:%Y%m%dT%H%M}.csv"
    assert told == {("revised_data", late): 1, ("late_data", late): 1, ("new_data", late): 1, ("now_due", None): 1}
    assert agrees(town, START + 7 * STEP + 6 * MINUTE).nothing_due


def test_nothing_is_changed_and_no_copy_is_left(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    run(town, START + 4 * STEP)
    zones(town, range(4, 6), "b", START + 6 * STEP)

    def everything() -> dict[str, str]:
        files = (p for p in (town.folder / "w").rglob("*") if p.is_file() and p.name != "lock")
        return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    before = everything()
    assert planned(town, START + 6 * STEP).slots
    assert everything() == before


def test_a_workspace_that_is_not_there_yet_is_planned_for_and_not_made(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    assert planned(town, START + 4 * STEP).slots_to_compute
    assert not (town.folder / "w").exists()


def test_a_delivery_issued_later_is_told_and_not_counted(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    found = planned(town, START + 2 * STEP)
    assert not found.deliveries and [r["issued_at"] for r in found.later] == [START + 4 * STEP]


def test_baselines_that_a_late_row_changes_are_told_with_the_slots_that_read_them(tmp_path: Path) -> None:
    town = Town(tmp_path, only="unusualness")
    mondays = [START + timedelta(days=7 * week) for week in range(8)]
    for week, monday in enumerate(mondays):
        known = [(monday + i * STEP, "square", 1000 + 10 * week) for i in range(12) if (week, i) != (2, 6)]
        town.zones(monday + 13 * STEP, known, name=f"w{week}")
    end = mondays[-1] + timedelta(days=1)
    run(town, end)
    town.zones(end, [(mondays[2] + 6 * STEP, "square", 9000)], name="late")
    found = agrees(town, end + 20 * MINUTE)
    assert ("unusualness", "baseline") in counts(found)
    assert {(r["source"], r["reason"]) for r in found.baselines} >= {("zones", "late_data")}


def test_rule_21_a_changed_text_recomputes_nothing(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    run(town, START + 4 * STEP + 6 * MINUTE)
    cards = dict(catalogue())
    texts = cards["density"].title.model_copy(update={"en": "How full it is"})
    cards["density"] = cards["density"].model_copy(update={"title": texts})
    found = planned(town, START + 4 * STEP + 7 * MINUTE, cards)
    assert found.nothing_due and not found.settings and not found.definitions
    assert run(town, START + 4 * STEP + 7 * MINUTE, cards).slots_computed == 0


def test_rule_21_changed_thresholds_count_from_now_on_and_a_new_definition_is_offered(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    at = START + 4 * STEP + 6 * MINUTE
    run(town, at)
    path = town.config_folder / "municipalities" / "tiny" / "places.geojson"
    path.write_text(path.read_text().replace('"usable_area": 1000', '"usable_area": 500'))
    cards = dict(catalogue())
    cards["occupancy"] = cards["occupancy"].model_copy(update={"version": 2, "digits": 1})
    found = planned(town, at + MINUTE, cards)
    assert found.nothing_due
    assert [(r["indicator"], r["slots"], r["places"]) for r in found.settings] == [("density", 4, ["square"])]
    assert [(r["indicator"], r["slots"], r["old_version"], r["new_version"]) for r in found.definitions] == [
        ("occupancy", 4, 1, 2)
    ]
    said = "\n".join(Lines("en", town.config.tz).of_plan(found))
    start, end = START.isoformat(timespec="minutes"), (START + 4 * STEP).isoformat(timespec="minutes")
    offer = f"`drukte backfill --restate --from {start} --to {end}`"
    assert f"occupancy: definition v1 -> v2: 4 slots could be recomputed by {offer}" in said
    assert f"density: 4 slots at square, {offer}" in said
    run(town, at + 2 * MINUTE, cards, verb="backfill", restate=True, since=START, until=START + 4 * STEP)
    after = planned(town, at + 3 * MINUTE, cards)
    assert not after.settings and not after.definitions and after.nothing_due


def test_a_run_that_is_under_way_is_waited_for_or_told(town: Town) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    run(town, START + 4 * STEP)
    with other_process(town.folder / "w", 60), pytest.raises(HeldError), copied(town.folder / "w"):
        pass


def test_the_plan_of_a_run_that_was_killed_is_what_it_left(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    zones(town, range(4), "a", START + 4 * STEP)
    monkeypatch.setattr("pipelines.tick.compute_due", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(town, START + 4 * STEP + 6 * MINUTE)
    monkeypatch.undo()
    found = agrees(town, START + 4 * STEP + 6 * MINUTE)
    assert not found.deliveries and counts(found)[("density", "new_data")] == 8
