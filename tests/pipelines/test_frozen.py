"""Frozen periods (decision 0017): late changes wait, are counted and listed, and enter only with a role and a reason."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines import plan, status
from pipelines.frozen import Release
from pipelines.plan.text import Lines
from pipelines.store import Store
from pipelines.store.aside import copied
from pipelines.tick import Summary, tick
from schemas.problems import Problems
from tests import evidence
from tests.town import START, STEP, Town, rows

END = START + 4 * STEP
FROZEN = END + timedelta(minutes=30)
LATER = FROZEN + timedelta(hours=1)
BY = Release("data-officer", "counted again by hand")
CELLS = "SELECT place, interval_start, measure, value, status FROM {observations} ORDER BY ALL"
VALUES = "SELECT indicator, place, interval_start, value, level, status FROM {indicator_values} ORDER BY ALL"


def frozen(folder: Path, **changed: object) -> Town:
    town = Town(folder)
    entry = {"from": START.isoformat(), "to": END.isoformat(), "frozen_at": FROZEN.isoformat(), "reason": "evaluated",
             "owner": "data-officer", "decided_on": "2026-06-01", **changed}  # fmt: skip
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text() + f"frozen_periods: {json.dumps([entry])}\n")
    return town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = frozen(tmp_path)
    made.zones(END, [(START + i * STEP, "square", 1000) for i in range(4)], name="first")
    run(made, FROZEN)
    return made


def run(town: Town, at, **how) -> Summary:
    with Store(town.folder / "w") as store:
        return tick(store, town.config, catalogue(), at=at, **how)


def tables(town: Town, before=END) -> tuple:
    """Observations and values of the frozen period."""
    with Store(town.folder / "w") as store:
        inside = [[r for r in rows(store, sql) if next(c for c in r if hasattr(c, "tzinfo")) < before] for sql in (CELLS, VALUES)]
        return tuple(inside)


def test_a_late_change_waits_and_is_counted_and_listed(town: Town) -> None:
    before = tables(town)
    # One value changed, one equal, one after the period.
    town.zones(LATER, [(START + STEP, "square", 4900), (START + 2 * STEP, "square", 1000), (END, "square", 700)], name="late")
    done = run(town, LATER)
    assert tables(town) == before
    [delivery] = done.deliveries
    assert (delivery["rows_in"], delivery["rows_accepted"], delivery["rows_duplicate"]) == (3, 2, 1)
    assert delivery["reason"].startswith("frozen: 1 rows")
    with copied(town.folder / "w") as store:
        found = plan.collect(store, town.config, catalogue(), LATER)
    assert [(r["changes"], r["places"], r["from"]) for r in found.in_review] == [(1, ["square"], START + STEP)]
    assert "1 changes at square in delivery" in "\n".join(Lines("en", town.config.tz).of_plan(found))
    assert [r["changes"] for r in status.collect(town.folder / "w", LATER)["in_review"]] == [1]


def test_a_plan_tells_of_a_waiting_delivery_that_it_will_be_held(town: Town) -> None:
    town.zones(LATER, [(START + STEP, "square", 4900)], name="late")
    with copied(town.folder / "w") as store:
        found = plan.collect(store, town.config, catalogue(), LATER)
    assert [r["changes"] for r in found.in_review] == [1] and not [s for s in found.slots if s["from"] < END]


def test_it_enters_only_with_a_role_and_a_reason_becomes_known_then_and_signals_nothing(town: Town) -> None:
    town.zones(LATER, [(START + i * STEP, "square", 4900) for i in range(1, 4)], name="late")
    run(town, LATER)
    before, now = tables(town), LATER + timedelta(days=1)
    run(town, now, verb="backfill", restate=True, since=START, until=END)
    assert tables(town) == before, "restated without a role: what is frozen stays"
    done = run(town, now + STEP, verb="backfill", restate=True, since=START, until=END, release=BY)
    cells, _ = tables(town)
    assert [r[3] for r in cells if r[0] == "square"] == [1000, 4900, 4900, 4900]
    assert done.situations and {s["origin"] for s in done.situations} == {"backfill"}
    with Store(town.folder / "w") as store:
        assert rows(store, "SELECT DISTINCT released_by, release_reason, released_at FROM held_changes") == [
            (BY.role, BY.reason, now + STEP)
        ]
        kept = rows(store, f"SELECT count(*) FROM {{observations_superseded}} WHERE superseded_at = TIMESTAMPTZ '{now + STEP}'")
        assert kept == [(3,)]
        assert rows(store, f"SELECT DISTINCT signalled_at >= TIMESTAMPTZ '{now + STEP}' FROM situations") == [(True,)]


def test_what_reaches_into_it_from_outside_changes_nothing_there(tmp_path: Path) -> None:
    town = frozen(tmp_path, **{"from": (START + STEP).isoformat()})  # growth looks a quarter of an hour back
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("unusualness: {}}", "growth: {}}", 1))
    purpose = town.config_folder / "purposes" / "crowd-safety.yaml"
    purpose.write_text(purpose.read_text().replace("unusualness]", "growth]"))
    town.zones(END, [(START + i * STEP, "square", 3000 + 900 * i) for i in range(4)], name="first")
    run(town, FROZEN)
    before = tables(town)[1]
    town.zones(LATER, [(START, "square", 2600)], name="late")
    run(town, LATER)
    after = tables(town)[1]
    assert {r[:3] for r in set(before) ^ set(after)} == {(i, "square", START) for i in ("density", "occupancy")}
    with Store(town.folder / "w") as store:
        assert rows(store, "SELECT indicator, interval_start FROM held_slots") == [("growth", START + STEP)]


def test_rule_22_on_either_side_of_a_freeze_the_order_does_not_matter(tmp_path: Path) -> None:
    def deliveries(town: Town, late: bool):
        if late:
            for n, (name, value) in enumerate((("x", 1000), ("y", 4900), ("z", 3000))):
                yield lambda n=n, name=name, value=value: town.zones(
                    LATER + n * STEP, [(START + i * STEP, "square", value + i) for i in range(n, 4)] + [(END + n * STEP, "square", 9)], name=name
                )  # fmt: skip
        else:
            for n, name in enumerate("abc"):
                yield lambda n=n, name=name: town.zones(
                    END + n * timedelta(minutes=5), [(START + i * STEP, "square", 1000 * n + 10 * i) for i in range(n, 4)], name=name
                )  # fmt: skip

    found = []
    for seed in range(evidence.count(2, 20)):
        rng, town = random.Random(seed), frozen(tmp_path / str(seed))
        for late, last in ((False, FROZEN), (True, LATER + 4 * STEP)):
            sent = list(deliveries(town, late))
            rng.shuffle(sent)
            for write in sent:
                write()
                if rng.random() < 0.6:
                    run(town, last - rng.randint(0, 3) * timedelta(minutes=2))
            run(town, last)
        states = [tables(town, LATER + 9 * STEP)]
        run(town, LATER + timedelta(days=1), verb="backfill", restate=True, since=START, until=END, release=BY)
        states.append(tables(town, LATER + 9 * STEP))
        found.append(states)
    assert all(states == found[0] for states in found)
    assert found[0][0] != found[0][1], "letting the changes in changed something"


def test_a_period_frozen_before_it_is_over_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="frozen_at"):
        _ = frozen(tmp_path, frozen_at=START.isoformat()).config
