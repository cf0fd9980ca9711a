"""Going live is a step: versions of the config, what is in force from when, and files that break in the evening."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indicators.card import catalogue
from pipelines import published, versions
from pipelines.faults import UsageError
from pipelines.store import Store
from pipelines.tick import Summary, tick
from pipelines.versions import accept as step
from pipelines.versions import ledger
from schemas.problems import Problems
from tests.town import START, STEP, Town, rows

WHY = "Agreed in the weekly meeting of the event team."


def threshold(enter: float, since: datetime = START - timedelta(days=9)) -> dict[str, Any]:
    band = {"enter": enter, "exit": enter * 0.9, "for": "0min", "keep_for": "15min"}
    return {
        "indicator": "density", "effective_from": since.isoformat(), "bands": {"elevated": band}, "owner": "crowd-manager",
        "decided_on": "2026-05-01", "review_by": "2027-05-01", "reason": "the ground is uneven here",
    }  # fmt: skip


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path, thresholds=[threshold(0.5)])


@pytest.fixture
def store(town: Town) -> Iterator[Store]:
    with Store(town.folder / "w") as opened:
        yield opened


def change(town: Town, enter: float) -> None:
    Town(town.folder, thresholds=[threshold(enter)])


def spoil(town: Town) -> None:
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("timezone:", "timzone:"))


def run(town: Town, store: Store, at: datetime, people: int = 0) -> Summary:
    """A run as a schedule makes it; with ``people`` the counts of the quarters up to ``at`` come in first."""
    if people:
        slots = [START + i * STEP for i in range(int((at - START) / STEP))]
        town.zones(at - timedelta(minutes=1), [(t, "square", people) for t in slots], name="z")
    now = versions.in_force(store, town.config_folder, "tiny", town.data, at)
    done = tick(store, now.config, now.cards, at=at, notes=now.notes)
    done.notes = tuple(note for note in done.notes if note.kind != "unreviewed")  # the town is on trial: another test's matter
    return done


def go_live(town: Town, store: Store, at: datetime, **more: Any) -> versions.Version:
    return step.accept(
        store, town.config_folder, "tiny", town.data, at=at, **{"role": "crowd-manager", "why": WHY, **more}
    )  # fmt: skip


def density(store: Store) -> list[tuple[datetime, str]]:
    return rows(
        store, "SELECT interval_start, level FROM {indicator_values} WHERE indicator = 'density' AND place = 'square' ORDER BY 1"
    )


def in_table(store: Store) -> list[tuple[float, datetime, datetime | None]]:
    sql = """SELECT enter, effective_from, effective_to FROM thresholds
             WHERE indicator = 'density' AND place = 'square' AND band = 'elevated' AND layer <> 'card' ORDER BY effective_from"""
    return store.con.execute(sql).fetchall()


def test_until_somebody_accepts_changed_files_act_at_the_next_run_and_every_state_is_kept(town: Town, store: Store) -> None:
    at, later = START + timedelta(hours=1), START + timedelta(hours=2)
    run(town, store, at)
    change(town, 0.8)
    run(town, store, later)
    run(town, store, later + STEP)
    assert [(v.number, v.how) for v in ledger.versions(store, "tiny")] == [(1, "first"), (2, "changed")]
    assert in_table(store) == [(0.5, START - timedelta(days=9), later), (0.8, later, None)]


def test_rule_21_an_accepted_version_acts_from_its_moment_and_slots_before_are_judged_by_what_was_in_force(
    town: Town, store: Store
) -> None:
    begin = START + timedelta(hours=2)
    run(town, store, START + STEP)
    change(town, 0.9)
    version = go_live(town, store, START + STEP, begin=begin)
    assert (version.how, version.effective_from, version.accepted_by) == ("accepted", begin, "crowd-manager")
    assert [n.kind for n in run(town, store, START + 2 * STEP).notes] == ["planned"]
    # 700 people on 1000 m²: elevated by the old edge, not by the new one. All quarters become known after the change only.
    run(town, store, begin + timedelta(hours=1), people=700)
    found = density(store)
    assert {level for t, level in found if t < begin} == {"elevated"}
    assert {level for t, level in found if t >= begin} == {"normal"}
    assert len(found) == 12
    assert in_table(store) == [(0.5, START - timedelta(days=9), begin), (0.9, begin, None)]


def test_after_the_first_acceptance_changed_files_wait_and_every_run_says_so(town: Town, store: Store) -> None:
    run(town, store, START + STEP)
    begin = go_live(town, store, START + STEP, begin=START + timedelta(hours=1)).effective_from
    assert begin
    change(town, 0.1)
    done = run(town, store, begin + STEP, people=300)
    assert [n.kind for n in done.notes] == ["differs"]
    assert "drukte config accept" in done.message_en and "drukte config accept" in done.message_nl
    assert {level for _, level in density(store)} == {"normal"}
    go_live(town, store, begin + STEP, begin=begin + timedelta(hours=1))
    assert run(town, store, begin + timedelta(hours=2)).notes == ()
    assert [e for e, _, _ in in_table(store)] == [0.5, 0.1]


def test_an_urgent_version_acts_from_the_next_interval_and_is_reviewed_by_another_role(town: Town, store: Store) -> None:
    friday = datetime(2026, 6, 5, 19, 7, tzinfo=UTC)
    run(town, store, friday)
    version = go_live(town, store, friday, urgent=True)
    assert version.effective_from == datetime(2026, 6, 5, 19, 15, tzinfo=UTC)
    assert version.review_by == date(2026, 6, 10)  # Monday, Tuesday, Wednesday
    assert [n.kind for n in run(town, store, friday + timedelta(hours=1)).notes] == ["review"]
    assert [n.kind for n in run(town, store, friday + timedelta(days=6)).notes] == ["review_late"]
    config = town.config
    with pytest.raises(UsageError, match="another role"):
        step.review(store, config, None, at=friday, role="crowd-manager", why=WHY)
    done = step.review(store, config, None, at=friday + timedelta(days=2), role="data-officer", why=WHY)
    assert (done.reviewed_by, done.review_note) == ("data-officer", WHY)
    assert run(town, store, friday + timedelta(days=7)).notes == ()


def test_working_days_skip_holidays(town: Town, store: Store) -> None:
    thursday = datetime(2026, 4, 2, 12, tzinfo=UTC)  # before Good Friday and Easter Monday
    assert go_live(town, store, thursday, urgent=True).review_by == date(2026, 4, 9)


def test_a_broken_config_never_stops_the_evening(town: Town, store: Store) -> None:
    spoil(town)
    with pytest.raises(Problems):  # there is nothing to go on with
        run(town, store, START + STEP)
    change(town, 0.5)
    run(town, store, START + STEP)
    spoil(town)
    done = run(town, store, START + timedelta(hours=1), people=700)
    assert [n.kind for n in done.notes] == ["broken"]
    assert "tiny.yaml:" in done.message_en and "stays in force" in done.message_en
    assert {level for _, level in density(store)} == {"elevated"}
    (town.config_folder / "municipalities" / "tiny.yaml").unlink()
    assert [n.kind for n in run(town, store, START + timedelta(hours=2)).notes] == ["broken"]
    with published.connect(store.published / "indicators.duckdb") as con:
        assert "CONFIG BROKEN" in str(con.execute("SELECT text FROM about WHERE key = 'config_note_en:tiny'").fetchall())
        assert con.execute("SELECT config_version, how FROM config_versions").fetchall() == [(1, "first")]
    change(town, 0.5)
    assert run(town, store, START + timedelta(hours=3)).notes == ()


def test_a_kept_version_is_laid_out_again_whole(town: Town, store: Store) -> None:
    run(town, store, START + STEP)
    version = ledger.versions(store, "tiny")[0]
    config, cards = versions.kept(store, version, town.config_folder, None)
    assert config.data == town.data.resolve() and set(cards) == set(catalogue())
    damaged = config.folder / "sources" / "zones.yaml"
    damaged.write_text("nonsense")
    assert versions.kept(store, version, town.config_folder, None)[0].file == config.file == "config/municipalities/tiny.yaml"
    assert "nonsense" not in damaged.read_text()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"role": "crowd-manger"}, "Did you mean `crowd-manager`?"),
        ({"why": "because"}, "says too little"),
        ({"begin": START - timedelta(hours=1)}, "is over or going on"),
        ({"begin": START + timedelta(hours=3, minutes=5)}, "lies inside an interval"),
        ({"begin": START + timedelta(hours=3), "urgent": True}, "leave --from out"),
    ],
)
def test_an_acceptance_that_cannot_be_meant_is_refused(town: Town, store: Store, more: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("?", "[?]")):
        go_live(town, store, START + timedelta(hours=2), **more)
    assert ledger.versions(store, "tiny") == []


def test_the_same_files_are_not_accepted_twice_and_midnight_is_the_default(town: Town, store: Store) -> None:
    first = go_live(town, store, START + timedelta(hours=2))
    assert first.effective_from == START + timedelta(days=1)  # the town's clock is UTC
    with pytest.raises(UsageError, match="these files are version 1"):
        go_live(town, store, START + timedelta(hours=3))


def test_restating_judges_all_by_the_version_in_force_now(town: Town, store: Store) -> None:
    begin = START + timedelta(hours=2)
    run(town, store, START + STEP)
    change(town, 0.9)
    go_live(town, store, START + STEP, begin=begin)
    run(town, store, begin + timedelta(hours=1), people=700)
    now = versions.in_force(store, town.config_folder, "tiny", town.data, begin + timedelta(hours=1))
    tick(store, now.config, now.cards, at=begin + timedelta(hours=1), verb="backfill", restate=True)
    assert {level for _, level in density(store)} == {"normal"}
    assert [e for e, _, _ in in_table(store)] == [0.9]
