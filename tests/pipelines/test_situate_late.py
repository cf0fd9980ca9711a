"""Rule 19: late data revise the story that was told; they do not begin another."""

from __future__ import annotations

from tests.pipelines.situate_world import World, minutes


def test_rule_19_late_data_moves_the_start_and_keeps_the_id() -> None:
    world = World()
    world.put("markt", "cc??EEE")
    world.tick(minutes(120))
    before = world.one()
    assert before["started_at"] == minutes(60)
    world.put("markt", "EE", minutes(30))
    world.tick(minutes(135))
    after = world.one()
    assert after["started_at"] == minutes(30)
    assert (after["situation_id"], after["signalled_at"]) == (before["situation_id"], before["signalled_at"])
    (old,) = world.situations("situations_superseded")
    assert (old["started_at"], old["superseded_at"], after["revision"]) == (minutes(60), minutes(135), 2)


def test_rule_19_a_situation_that_late_data_dissolve_leaves_and_its_id_is_not_used_again() -> None:
    world = World()
    world.put("markt", "EEE")
    world.tick(minutes(60))
    first = world.one()["situation_id"]
    world.put("markt", "ccc")
    (change,) = world.tick(minutes(75))
    assert (change["change"], world.situations()) == ("dissolved", [])
    world.put("markt", "EEE")
    world.tick(minutes(90))
    assert world.one()["situation_id"] == f"{first}-2"


def test_rule_19_late_data_that_cut_an_open_situation_in_two_leave_the_open_one_its_id() -> None:
    world = World()
    world.live("markt", "EEE??EEE")
    before = world.one()
    world.put("markt", "cc", minutes(45))
    changes = world.tick(minutes(130))
    past, now = world.situations()
    assert (now["situation_id"], now["signalled_at"], now["state"]) == (before["situation_id"], before["signalled_at"], "open")
    assert (now["started_at"], now["revision"]) == (minutes(75), before["revision"] + 1)
    assert (past["state"], past["started_at"], past["ended_at"]) == ("closed", minutes(0), minutes(45))
    assert past["signalled_at"] == before["signalled_at"], "it was told of then, as a part of the other"
    assert {c["situation_id"]: c["change"] for c in changes} == {now["situation_id"]: "updated", past["situation_id"]: "closed"}
    (known,) = world.store.con.sql(f"SELECT situation_id, state, started_at FROM {world.known(minutes(129))}").fetchall()
    assert known == (before["situation_id"], "open", minutes(0)), "as known before: one stretch"


def test_rule_19_late_data_that_join_two_stretches_keep_the_id_of_the_open_one() -> None:
    world = World()
    world.live("markt", "EEccEEE")
    closed, opened = world.situations()
    world.put("markt", "EE", minutes(30))
    changes = world.tick(minutes(115))
    row = world.one()
    assert (row["situation_id"], row["signalled_at"]) == (opened["situation_id"], opened["signalled_at"])
    assert (row["state"], row["started_at"]) == ("open", minutes(0))
    assert {c["situation_id"]: c["change"] for c in changes} == {
        opened["situation_id"]: "updated", closed["situation_id"]: "dissolved",
    }  # fmt: skip


def test_rule_19_late_data_that_join_two_past_stretches_keep_the_longer_one() -> None:
    world = World()
    world.live("markt", "EEccEEEEcc")
    _, longer = world.situations()
    world.put("markt", "EE", minutes(30))
    world.tick(minutes(160))
    row = world.one()
    assert (row["situation_id"], row["signalled_at"]) == (longer["situation_id"], longer["signalled_at"])
    assert (row["started_at"], row["ended_at"]) == (minutes(0), minutes(120))


def test_rule_19_late_data_that_would_have_closed_it_close_it_then_and_not_when_they_came() -> None:
    world = World()
    world.live("markt", "EEE??????")
    before = world.one()
    world.put("markt", "cccccc", minutes(45))
    (change,) = world.tick(minutes(150))
    row = world.one()
    assert (change["change"], row["situation_id"], row["signalled_at"]) == (
        "closed",
        before["situation_id"],
        before["signalled_at"],
    )
    assert (row["ended_at"], row["end_reason"], row["recorded_at"]) == (minutes(45), "data", minutes(150))


def test_rule_19_late_data_that_reopen_a_closed_one_are_a_revision_of_it() -> None:
    world = World()
    world.live("markt", "EEEccc")
    before = world.one()
    world.put("markt", "EEE", minutes(45))
    (change,) = world.tick(minutes(105))
    row = world.one()
    assert (change["change"], row["state"], row["situation_id"]) == ("opened", "open", before["situation_id"])
    assert (row["signalled_at"], row["ended_at"], row["end_reason"]) == (before["signalled_at"], None, None)


def test_rule_19_late_data_that_would_have_prevented_it_dissolve_it_and_history_keeps_it() -> None:
    world = World()
    world.live("markt", "E?EEE")
    before = world.one()
    world.put("markt", "ccccc")
    (change,) = world.tick(minutes(90))
    assert (change["change"], world.situations()) == ("dissolved", [])
    past = world.situations("situations_superseded")
    assert {row["situation_id"] for row in past} == {before["situation_id"]}
    assert (past[-1]["state"], past[-1]["superseded_at"]) == ("open", minutes(90))


def test_rule_19_late_data_that_lower_the_peak_tell_it_in_the_same_story() -> None:
    world = World()
    world.live("markt", "EEKKEE")
    before = world.one()
    world.put("markt", "EE", minutes(30))
    (change,) = world.tick(minutes(100))
    row = world.one()
    assert (before["peak_level"], row["peak_level"], change["change"]) == ("critical", "elevated", "updated")
    assert (row["situation_id"], row["signalled_at"]) == (before["situation_id"], before["signalled_at"])
    assert row["explanation_nl"].startswith("Grote Markt: 2,5 p/m²")


def test_rule_10_a_backfill_that_cuts_what_was_known_tells_so_from_now_on() -> None:
    world = World()
    world.put("markt", "EEE??EEEcc")
    world.tick(minutes(9000), origin="backfill")
    before = world.one()
    world.put("markt", "cc", minutes(45))
    world.tick(minutes(9999), origin="backfill")
    first, second = world.situations()
    assert {first["situation_id"], second["situation_id"]} > {before["situation_id"]}
    assert {first["signalled_at"], second["signalled_at"]} == {before["signalled_at"]}
    for moment in (60, 200, 9998):
        assert world.store.con.sql(f"SELECT count(*) FROM {world.known(minutes(moment))}").fetchall() == [(1,)]
