"""Rule 15: a gap never closes a situation, also when no row comes at all; and how sure we are of it beside the level."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.pipelines.situate_world import World, minutes

HOUR = 60


def test_rule_15_a_gap_at_the_peak_keeps_it_open_and_marks_it_unobserved() -> None:
    world = World()
    world.live("markt", "EEKK" + "?" * 7)
    assert "unobserved" not in world.one()["reasons"], "105 minutes are not two hours"
    world.live("markt", "?", minutes(11 * 15))
    row = world.one()
    assert (row["state"], row["level"], row["observed_until"]) == ("open", "critical", minutes(60))
    assert row["reasons"] == ["missing", "unobserved"]
    assert "Zonder zicht sinds 2026-04-27 21:00" in row["explanation_nl"]
    world.live("markt", "K", minutes(12 * 15))
    assert "unobserved" not in world.one()["reasons"]
    assert "Zonder zicht" not in world.one()["explanation_nl"]


def test_rule_15_days_without_any_row_do_not_close_it() -> None:
    world = World()
    world.live("markt", "EEE")
    later = minutes(3 * 24 * 60)
    world.live("markt", "E", later)
    row = world.one()
    assert (row["state"], row["started_at"], row["observed_until"]) == ("open", minutes(0), later + timedelta(minutes=15))


def test_rule_15_a_place_without_any_row_is_marked_unobserved_after_two_hours() -> None:
    """Its source or the place itself ended: nothing will ever make it dirty again."""
    world = World()
    world.live("markt", "EEE")  # seen until 0:45
    assert world.tick(minutes(2 * HOUR + 49)) == [], "the slot that ends two hours after it is not due yet"
    before = world.one()
    (change,) = world.tick(minutes(2 * HOUR + 50))
    row = world.one()
    assert (change["change"], row["state"], row["level"]) == ("unobserved", "open", "elevated")
    assert (row["reasons"], row["observed_until"], row["confidence"]) == (["unobserved"], minutes(45), 0)
    assert "Zonder zicht sinds 2026-04-27 20:45" in row["explanation_nl"]
    assert (row["situation_id"], row["signalled_at"], row["revision"]) == (
        before["situation_id"], before["signalled_at"], before["revision"] + 1,
    )  # fmt: skip
    for days in (1, 30, 400):
        assert world.tick(minutes(days * 24 * HOUR)) == [], "once is enough, and nothing but data or a person ends it"
    assert world.one() == row


def test_rule_15_the_clock_counts_from_the_sources_delay() -> None:
    world = World(delay=3 * HOUR)
    world.put("markt", "EEE")
    world.tick(minutes(45 + 3 * HOUR))
    assert world.tick(minutes(45 + 3 * HOUR + 119)) == []
    (change,) = world.tick(minutes(45 + 3 * HOUR + 120))
    assert change["change"] == "unobserved"


def test_rule_15_data_that_come_back_take_the_mark_away() -> None:
    world = World()
    world.live("markt", "EEE")
    world.tick(minutes(5 * HOUR))
    world.put("markt", "E", minutes(5 * HOUR))
    (change,) = world.tick(minutes(5 * HOUR + 20))
    assert (change["change"], change["reasons"], change["observed_until"]) == ("updated", [], minutes(5 * HOUR + 15))
    world.live("markt", "cc", minutes(5 * HOUR + 15))
    assert (world.one()["state"], world.one()["ended_at"]) == ("closed", minutes(5 * HOUR + 15))


def test_rule_15_a_late_row_of_before_does_not_take_the_mark_away() -> None:
    world = World()
    world.put("markt", "EE E")
    world.tick(minutes(65))
    world.tick(minutes(5 * HOUR))
    world.put("markt", "H", minutes(30))
    world.tick(minutes(5 * HOUR + 5))
    assert (world.one()["reasons"], world.one()["observed_until"]) == (["unobserved"], minutes(60))


def test_rule_14_a_run_that_is_pending_where_no_row_comes_is_given_up() -> None:
    world = World()
    world.live("markt", "cE")
    assert world.one()["state"] == "pending"
    world.tick(minutes(2 * HOUR + 35))
    assert world.one()["state"] == "pending", "two hours, not more"
    (change,) = world.tick(minutes(2 * HOUR + 36))
    assert (change["change"], world.situations()) == ("dissolved", [])


def test_rule_14_of_long_slots_two_may_be_missing_before_a_pending_run_is_given_up() -> None:
    world = World(for_=240)
    world.put("markt", "K", minutes=120)
    world.tick(minutes(125))
    world.tick(minutes(125 + 4 * HOUR))
    assert world.one()["state"] == "pending"
    world.tick(minutes(126 + 4 * HOUR))
    assert world.situations() == []


def test_rule_15_one_of_two_indicators_still_sees_it() -> None:
    world = World()
    for number, letter in enumerate("EEEEEEEEEEEEEE"):
        at = minutes(number * 15)
        world.put("markt", letter, at, indicator="occupancy")
        if number < 3:
            world.put("markt", letter, at)
        world.tick(at + timedelta(minutes=20))
    assert world.one()["reasons"] == []
    world.tick(minutes(14 * 15 + 2 * HOUR + 5))
    assert world.one()["reasons"] == ["unobserved"]


def test_rule_10_a_backfill_marks_what_ended_before_its_newest_data_and_nothing_after_them() -> None:
    world = World()
    world.put("markt", "EEE")
    world.put("plein", "EEEEEEEEEEEE")
    world.tick(minutes(400 * 24 * HOUR), origin="backfill")
    assert {row["place"]: row["reasons"] for row in world.situations()} == {"markt": ["unobserved"], "plein": []}
    world.tick(minutes(400 * 24 * HOUR))
    assert all(row["reasons"] == ["unobserved"] for row in world.situations()), "from there on it is the live run's to say"


def test_rule_15_what_a_person_closed_stays_closed() -> None:
    world = World()
    world.live("markt", "EEE")
    world.store.con.execute("UPDATE situations SET state = 'closed', ended_at = ?, end_reason = 'person'", [minutes(45)])
    world.live("markt", "E", minutes(45))
    assert (world.one()["state"], world.one()["end_reason"]) == ("closed", "person")


def test_rule_15_a_card_that_is_gone_closes_nothing() -> None:
    world = World()
    world.live("markt", "EEE")
    text = world.one()["explanation_nl"]
    world.cards = {name: card for name, card in world.cards.items() if name != "density"}
    world.live("markt", "cccc", minutes(45), indicator="occupancy")
    assert (world.one()["state"], world.one()["leading_indicator"], world.one()["explanation_nl"]) == ("open", "density", text)


def test_rule_15_late_data_do_not_take_away_what_a_person_closed() -> None:
    world = World()
    world.live("markt", "EEE")
    world.store.con.execute("UPDATE situations SET state = 'closed', ended_at = ?, end_reason = 'person'", [minutes(45)])
    world.put("markt", "ccc")
    assert world.tick(minutes(70)) == []
    assert world.one()["end_reason"] == "person"


# --- confidence (decision 0009) ---


def test_confidence_is_the_mean_of_the_known_times_the_share_known() -> None:
    world = World()
    world.put("markt", "EE", confidence=0.8)
    world.put("markt", "??", minutes(30))
    world.put("markt", "E", minutes(60), confidence=0.5)
    world.tick(minutes(80))
    assert world.one()["confidence"] == pytest.approx((0.8 + 0.8 + 0.5) / 3 * 3 / 5, abs=1e-4)


@pytest.mark.parametrize(
    ("missing", "fresh", "why"),
    [
        (0, 1, "nothing is missing"),
        (1, 1, "20 minutes old, stale after 35"),
        (2, 1, "35 minutes old when the second missing slot was due: not older"),
        (3, 35 / 50, "50 minutes old"),
        (7, 35 / 110, "an hour and three quarters"),
        (8, 0, "two hours: without sight"),
    ],
)
def test_confidence_falls_with_the_age_of_the_newest_known_data(missing: int, fresh: float, why: str) -> None:
    world = World()
    world.live("markt", "EEEE" + "?" * missing)
    assert world.one()["confidence"] == pytest.approx(0.9 * 4 / (4 + missing) * fresh, abs=1e-4), why


def test_confidence_is_against_the_sources_own_delay_and_interval() -> None:
    world = World(delay=90)
    world.put("markt", "EEEE" + "?" * 4)
    world.tick(minutes(8 * 15 + 90))
    assert world.one()["confidence"] == pytest.approx(0.9 * 4 / 8 * (30 + 90) / (60 + 90), abs=1e-4)


def test_confidence_of_a_second_choice_is_less_and_the_level_is_the_same() -> None:
    levels = set()
    for confidence in (0.95, 0.95 * 0.8):
        world = World()
        world.live("markt", "EEEE", confidence=confidence)
        assert world.one()["confidence"] == pytest.approx(confidence, abs=1e-4)
        levels.add(world.one()["level"])
    assert levels == {"elevated"}


def test_rule_22_confidence_does_not_depend_on_when_a_run_looked() -> None:
    once, often = World(), World()
    once.put("markt", "EEEE???")
    once.tick(minutes(7 * 15 + 19))
    often.live("markt", "EEEE???")
    often.tick(minutes(7 * 15 + 19))
    assert once.content() == often.content()
