"""The register of known faults: from a file or a decision to level, baseline and explanation, and back again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines import register
from pipelines.explain import explain_value
from pipelines.store import Store
from tests.town import START, STEP, Town, rows

DENSITY = "SELECT level, status, reason, value FROM {indicator_values} WHERE indicator = 'density' AND place = 'square' ORDER BY interval_start"


def flag(**changes: object) -> dict:
    """An entry of the file over the second and third quarter at the square."""
    return {
        "source": "zones", "places": ["square"], "from": (START + STEP).isoformat(), "to": (START + 3 * STEP).isoformat(),
        "effect": ["no_level"], "reason": "lens was covered", "owner": "data-officer", "decided_on": "2026-06-01",
    } | changes  # fmt: skip


def proposal(**changes: object) -> register.Row:
    """What a detector proposes over the same quarters."""
    return {
        "municipality": "tiny", "flag_id": "abcd1234", "state": "proposed", "source": "zones", "flagged_places": ["square"],
        "flagged_measures": [], "flagged_from": START + STEP, "flagged_to": START + 3 * STEP, "hours": None, "ongoing": False,
        "effects": ["no_level", "no_baseline"], "reason": None, "detector": "frozen", "evidence_nl": "steeds gelijk",
        "evidence_en": "always the same", "owner": None, "found_at": START + 5 * STEP, "decided_at": None, "acting_since": None,
        "file": None, "line": None,
    } | changes  # fmt: skip


def write_flags(town: Town, *flags: dict) -> None:
    path = town.config_folder / "municipalities" / "tiny.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("flags:")] + f"flags: {json.dumps(list(flags))}\n")


@pytest.fixture
def evening(tmp_path: Path):
    """Four quarters of 100, 200, 300 and 400 people on the square, computed at the fifth."""
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        town.zones(START + 4 * STEP, [(START + i * STEP, "square", 1000 * (i + 1)) for i in range(4)])
        town.tick(store, START + 5 * STEP)
        yield town, store


def levels(store: Store) -> list[str]:
    return [level for level, *_ in rows(store, DENSITY)]


def test_no_level_is_unknown_with_its_reason_and_shows_no_value(evening):
    town, store = evening
    before = rows(store, DENSITY)
    write_flags(town, flag())
    town.tick(store, START + 6 * STEP)
    after = rows(store, DENSITY)
    assert after[1] == ("unknown", "invalid", "flagged", None) and after[2] == after[1]
    assert (after[0], after[3]) == (before[0], before[3])
    assert rows(store, "SELECT status FROM {observations} WHERE place = 'square' ORDER BY interval_start")[1] == ("ok",)


def test_an_entry_that_goes_gives_the_numbers_back(evening):
    town, store = evening
    before = rows(store, DENSITY)
    write_flags(town, flag())
    town.tick(store, START + 6 * STEP)
    write_flags(town)
    town.tick(store, START + 7 * STEP)
    assert rows(store, DENSITY)[:4] == before
    assert [(r["state"], r["acting_since"]) for r in register.rows(store.con)] == [("withdrawn", None)]


@pytest.mark.parametrize("when", ["before", "after"])
def test_rule_22_an_entry_acts_alike_before_and_after_the_data(tmp_path, when):
    both = flag(), flag(effect=["outage"]) | {"from": (START + 4 * STEP).isoformat(), "to": (START + 6 * STEP).isoformat()}
    town = Town(tmp_path, only="density", flags=both if when == "before" else [])
    with Store(tmp_path / "w") as store:
        town.zones(START + 4 * STEP, [(START + i * STEP, "square", 1000 * (i + 1)) for i in range(4)])
        town.tick(store, START + 6 * STEP)
        write_flags(town, *both)
        town.tick(store, START + 7 * STEP)
        found = rows(store, DENSITY)
        assert [(status, reason) for _, status, reason, _ in found] == [
            ("ok", None), ("invalid", "flagged"), ("invalid", "flagged"), ("ok", None), ("outage", "outage"), ("outage", "outage"),
        ]  # fmt: skip


def test_a_note_changes_nothing(evening):
    town, store = evening
    before = rows(store, DENSITY)
    write_flags(town, flag(effect=["note"]))
    town.tick(store, START + 6 * STEP)
    assert rows(store, DENSITY)[:4] == before


@pytest.mark.parametrize(("changes", "touched"), [
    ({"places": []}, [1, 2]), ({"measures": ["walking_speed"]}, []), ({"places": ["alley"]}, []), ({"source": "gates", "places": []}, []),
    ({"hours": "00:15-00:30"}, [1]), ({"hours": "23:00-00:30"}, [1]), ({"hours": "22:00-00:15"}, []),
])  # fmt: skip
def test_a_flag_is_about_its_places_measures_and_hours_only(evening, changes, touched):
    town, store = evening
    write_flags(town, flag(**changes))
    town.tick(store, START + 6 * STEP)
    assert [i for i, (_, _, reason, _) in enumerate(rows(store, DENSITY)[:4]) if reason == "flagged"] == touched


def test_a_proposal_does_nothing_until_a_role_accepts_it(evening):
    town, store = evening
    before = rows(store, DENSITY)
    register.write(store, [proposal()])
    town.tick(store, START + 6 * STEP)
    assert rows(store, DENSITY)[:4] == before
    row = register.decide(
        store, town.config, "abcd1234", "accept", role="data-officer", at=START + 7 * STEP, reason="seen on the spot"
    )
    assert (row["state"], row["owner"], row["decided_at"]) == ("accepted", "data-officer", START + 7 * STEP)
    assert rows(store, DENSITY)[:4] == before  # from the next run on
    town.tick(store, START + 8 * STEP)
    assert [r[2] for r in rows(store, DENSITY)[:4]] == [None, "flagged", "flagged", None]


def test_an_accepted_flag_survives_a_restart_and_can_be_withdrawn(tmp_path):
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        town.zones(START + 4 * STEP, [(START + i * STEP, "square", 1000 * (i + 1)) for i in range(4)])
        register.write(store, [proposal()])
        register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START + 5 * STEP)
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 6 * STEP)
        assert [r[2] for r in rows(store, DENSITY)[:4]] == [None, "flagged", "flagged", None]
        register.decide(store, town.config, "abcd1234", "withdraw", role="crowd-manager", at=START + 7 * STEP)
        town.tick(store, START + 8 * STEP)
        assert [r[2] for r in rows(store, DENSITY)[:4]] == [None] * 4


def test_what_is_accepted_while_it_lasts_holds_for_what_comes_next(evening):
    town, store = evening
    register.write(store, [proposal(ongoing=True)])
    register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START + 5 * STEP)
    town.zones(START + 6 * STEP, [(START + 4 * STEP, "square", 5000)], name="late")
    town.tick(store, START + 6 * STEP)
    assert [r[2] for r in rows(store, DENSITY)] == [None, "flagged", "flagged", "flagged", "flagged"]


def test_hours_are_left_out_of_levels_not_of_days(evening):
    town, store = evening
    register.write(store, [proposal(hours="21:00-05:00")])
    with pytest.raises(register.DecisionError, match="no_baseline for some hours of the day"):
        register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START, effects=("no_baseline",))


@pytest.mark.parametrize(("arguments", "told"), [
    ({"role": "Jan Jansen"}, "`Jan Jansen` is no role of tiny"), ({"role": "data-oficer"}, "Did you mean `data-officer`?"),
    ({"flag_id": "nope"}, "There is no flag `nope` in tiny"), ({"effects": ("no_levl",)}, "Did you mean `no_level`?"),
    ({"reason": "ok"}, "no reason that another can follow"), ({"until": START}, "it cannot end before that"),
    ({"decision": "withdraw"}, "Flag `abcd1234` is proposed already: it cannot be withdrawn"),
])  # fmt: skip
def test_a_decision_that_cannot_be_taken_says_what_to_do(evening, arguments, told):
    town, store = evening
    register.write(store, [proposal()])
    given = {"flag_id": "abcd1234", "decision": "accept", "role": "data-officer", "at": START} | arguments
    with pytest.raises(register.DecisionError, match=told):
        register.decide(store, town.config, **given)
    assert register.rows(store.con)[0]["state"] == "proposed"


def test_an_entry_of_the_file_is_changed_in_the_file(evening):
    town, store = evening
    write_flags(town, flag())
    town.tick(store, START + 6 * STEP)
    [entry] = register.rows(store.con)
    with pytest.raises(register.DecisionError, match=r"stands in config/municipalities/tiny.yaml:\d+"):
        register.decide(store, town.config, entry["flag_id"], "withdraw", role="data-officer", at=START)


def test_explain_leads_to_the_entry_and_agrees(evening):
    town, store = evening
    register.write(store, [proposal()])
    register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START + 5 * STEP, reason="seen on the spot")
    town.tick(store, START + 6 * STEP)
    store.close()
    published = town.folder / "w" / "published" / "indicators.duckdb"
    found = explain_value(published, town.config, catalogue(), "density", "square", START + STEP)
    assert found.agrees
    [row] = [r for r in found.rows if r.interval_start == START + STEP]
    assert (row.delivery, row.file_check, row.file_says) == ("flags abcd1234", "not_judged", "seen on the spot (data-officer)")


def test_rule_18_a_flagged_part_keeps_its_whole_out_of_the_baseline(tmp_path):
    """Whatever a feed is made of: a flag at a member is a flag at the place that it counts for."""
    from pipelines.baselines import counts
    from pipelines.slots import feeds

    town = Town(tmp_path, flags=[flag(source="gates", places=["gate"], effect=["no_baseline"])])
    [feed] = feeds(town.config, ("passage_counts.inflow",))
    with Store(tmp_path / "w") as store:
        store.con.execute("CREATE TEMP TABLE baseline_places AS SELECT 1 AS no, 'square' AS place")
        counts.start(store, town.config, feed)
        assert store.con.execute("SELECT no, local_date FROM baseline_flagged").fetchall() == [(1, START.date())]


def test_flags_stay_in_order_of_time(evening):
    _, store = evening
    register.write(store, [proposal(flag_id=f"a{i}", flagged_from=START - timedelta(hours=i)) for i in range(3)])
    assert [r["flag_id"] for r in register.rows(store.con)] == ["a2", "a1", "a0"]


def test_plan_says_that_the_register_is_why(evening):
    from pipelines.plan import coming
    from pipelines.store import aside

    town, store = evening
    register.write(store, [proposal()])
    register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START + 5 * STEP)
    store.close()
    with aside.copied(town.folder / "w") as copy:
        plan = coming.collect(copy, town.config, catalogue(), START + 5 * STEP)
    told = [(row["indicator"], row["reason"], row["delivery_id"], row["slots"]) for row in plan.slots if row["reason"] == "flag"]
    assert told == [("density", "flag", None, 2)]
