from __future__ import annotations

import pytest

from tests.pipelines.situate_world import World, minutes


def test_rule_19_one_stretch_from_first_enter_to_last_exit() -> None:
    world = World()
    world.live("markt", "cbEEHHKKEbcc")
    row = world.one()
    assert (row["state"], row["started_at"], row["ended_at"], row["end_reason"]) == ("closed", minutes(30), minutes(150), "data")
    assert (row["level"], row["peak_level"], row["leading_indicator"]) == ("normal", "critical", "density")
    assert row["situation_id"] == "waterdam-overcrowding-markt-20260427T1830"
    assert row["explanation_nl"] == (
        "Grote Markt: 4,7 p/m² sinds 2026-04-27 20:30. Vanaf 4,5 p/m² is kritiek. Voorbij sinds 2026-04-27 22:30."
    )
    assert row["explanation_en"].endswith("From 4.5 p/m² on it is critical. Over since 2026-04-27 22:30.")


def test_rule_19_the_id_is_given_when_pending_and_stays() -> None:
    world = World()
    world.live("markt", "cE")
    assert (world.one()["state"], world.one()["signalled_at"]) == ("pending", None)
    assert "Nog niet bevestigd" in world.one()["explanation_nl"]
    name = world.one()["situation_id"]
    world.live("markt", "E", minutes(30))
    row = world.one()
    assert (row["state"], row["situation_id"], row["signalled_at"]) == ("open", name, minutes(50))
    world.live("markt", "EEcc", minutes(45))
    assert (world.one()["state"], world.one()["situation_id"], world.one()["signalled_at"]) == ("closed", name, minutes(50))
    states = [r["state"] for r in world.situations("situations_superseded")]
    assert states == ["pending", "open", "open", "open", "open"], "every version is kept"
    assert [r["revision"] for r in world.situations("situations_superseded")] == [1, 2, 3, 4, 5]


def test_rule_19_a_pending_run_that_died_leaves_the_current_table() -> None:
    world = World()
    world.live("markt", "cEc")
    assert world.situations() == []
    (gone,) = world.situations("situations_superseded")
    assert (gone["state"], gone["superseded_at"]) == ("pending", minutes(50))


def test_rule_14_flapping_under_keep_for_never_closes() -> None:
    world = World()
    world.live("markt", "EEcEcbcEcbc")
    assert (world.one()["state"], world.one()["level"]) == ("open", "elevated")


def test_rule_19_the_same_again_changes_nothing() -> None:
    world = World()
    world.put("markt", "EEEE")
    world.tick(minutes(60))
    before = world.situations()
    world.put("markt", "EEEE")
    assert world.tick(minutes(75)) == []
    assert world.situations() == before
    assert world.situations("situations_superseded") == []


def test_rule_19_two_indicators_of_one_risk_are_one_situation() -> None:
    world = World()
    world.put("markt", "cEEEEEEcc")
    world.put("markt", "cccHHHccc", indicator="occupancy")
    world.tick(minutes(150))
    row = world.one()
    assert (row["leading_indicator"], row["peak_level"]) == ("occupancy", "high")
    assert (row["started_at"], row["ended_at"]) == (minutes(15), minutes(105))


def test_rule_19_another_risk_at_the_place_is_another_situation_in_the_same_group() -> None:
    world = World()
    world.put("markt", "EEEE")
    world.put("markt", "cEEE", indicator="flow")
    world.tick(minutes(60))
    rows = world.situations()
    assert [row["safety_risk"] for row in rows] == ["overcrowding", "saturated_passage"]
    assert len({row["group_id"] for row in rows}) == 1


def test_rule_17_context_never_opens_a_situation() -> None:
    world = World()
    world.put("markt", "KKKK", indicator="share")
    assert world.tick(minutes(60)) == []
    assert world.situations() == []


def test_rule_21_thresholds_changed_midway_hold_from_their_slot_on() -> None:
    world = World(for_=60)
    world.put("markt", "EE")
    world.timing = 45, 60
    world.put("markt", "E", minutes(30))
    world.tick(minutes(50))
    assert world.one()["state"] == "open", "three slots make 45 minutes"
    world.put("markt", "ccc", minutes(45))
    world.timing = 45, 30
    world.put("markt", "c", minutes(90))
    world.tick(minutes(110))
    assert (world.one()["state"], world.one()["ended_at"]) == ("closed", minutes(45))


def test_rule_14_the_fast_lane_opens_at_once() -> None:
    world = World()
    world.live("markt", "c!")
    assert (world.one()["state"], world.one()["level"], world.one()["started_at"]) == ("open", "high", minutes(15))


def test_rule_08_a_withheld_value_is_not_in_the_text() -> None:
    world = World()
    world.live("markt", "SSS")
    assert world.one()["state"] == "open"
    assert "achtergehouden (< 15)" in world.one()["explanation_nl"]
    assert world.one()["reasons"] == ["suppressed"]


def test_rule_10_a_backfill_gives_every_change_the_moment_it_was_due() -> None:
    world = World()
    world.put("markt", "cEEEKKEEcc")
    world.tick(minutes(9999), origin="backfill")
    past, row = world.situations("situations_superseded"), world.one()
    assert [(r["state"], r["level"], r["recorded_at"]) for r in [*past, row]] == [
        ("pending", "normal", minutes(35)),
        ("open", "elevated", minutes(50)),
        ("open", "critical", minutes(95)),
        ("open", "elevated", minutes(125)),
        ("closed", "normal", minutes(155)),
    ]
    assert [r["superseded_at"] for r in past] == [minutes(50), minutes(95), minutes(125), minutes(155)]
    assert (row["signalled_at"], row["origin"], row["revision"]) == (minutes(50), "backfill", 5)
    assert past[1]["explanation_nl"].startswith("Grote Markt: 2,5 p/m²"), "as it was known then"


def test_rule_10_a_backfill_in_two_parts_gives_the_same_versions() -> None:
    whole, parts = World(), World()
    for world, cuts in ((whole, [10]), (parts, [3, 6, 10])):
        done = 0
        for cut in cuts:
            world.put("markt", "cEEEKKEEcc"[done:cut], minutes(done * 15))
            world.tick(minutes(9999), origin="backfill")
            done = cut
    assert parts.content() == whole.content()
    for column in ("situation_id", "signalled_at", "recorded_at"):
        assert parts.one()[column] == whole.one()[column]


def test_rule_22_a_backfill_ends_closed_though_an_hour_of_another_indicator_is_due_after_the_close() -> None:
    world = World(for_=15, keep=15)
    world.put("markt", "Ecc")  # opens at 0:00 and closes at 0:15, which is known at 0:35
    world.put("markt", "c", indicator="occupancy", minutes=60)  # 0:00 to 1:00, known at 1:05
    world.tick(minutes(9999), origin="backfill")
    row = world.one()
    assert (row["state"], row["started_at"], row["ended_at"]) == ("closed", minutes(0), minutes(15))
    assert row["recorded_at"] == minutes(65), "not before what it follows"


def test_rule_10_a_backfill_of_a_source_slower_than_its_interval_keeps_the_versions_in_order() -> None:
    world = World(delay=60)
    world.put("markt", "cEEEE")
    world.tick(minutes(9999), origin="backfill")
    rows = [*world.situations("situations_superseded"), world.one()]
    assert [(r["state"], r["observed_until"], r["recorded_at"]) for r in rows] == [
        ("pending", minutes(30), minutes(90)),
        ("open", minutes(45), minutes(105)),
        ("open", minutes(75), minutes(135)),
    ]
    assert rows[-1]["signalled_at"] == minutes(105)


def test_rule_14_a_run_over_midnight_remembers_the_slots_before_it() -> None:
    world = World(for_=45)
    world.live("markt", "E", minutes(345), confidence=0.3)
    assert world.one()["state"] == "pending"
    world.live("markt", "E", minutes(360), confidence=0.9)
    assert (world.one()["state"], world.one()["started_at"]) == ("pending", minutes(345))
    assert world.one()["confidence"] == pytest.approx(0.6)
    world.live("markt", "E", minutes(375), confidence=0.9)
    assert (world.one()["state"], world.one()["started_at"]) == ("open", minutes(345))
    assert world.one()["confidence"] == pytest.approx(0.7)


@pytest.mark.parametrize("begin", [0, 315], ids=["evening", "over midnight"])
def test_rule_19_a_run_that_outlives_another_situation_begins_where_that_ended(begin: int) -> None:
    """High lets go while elevated still waits: the next situation does not overlap the one before, nor take its level."""
    world = World(for_=240, keep=30)
    world.live("markt", "chEEE", minutes(begin))
    first, second = world.situations()
    assert (first["state"], first["started_at"], first["ended_at"]) == ("closed", minutes(begin + 15), minutes(begin + 30))
    assert (second["state"], second["started_at"]) == ("pending", minutes(begin + 30))
    world.live("markt", "E" * 13, minutes(begin + 75))
    first, second = world.situations()
    assert (first["peak_level"], first["ended_at"]) == ("high", minutes(begin + 30))
    assert (second["state"], second["peak_level"], second["started_at"]) == ("open", "elevated", minutes(begin + 30))


def test_rule_19_the_end_is_the_last_exit_also_when_another_indicator_let_go_later() -> None:
    world = World()
    world.put("markt", "EEEEccc", minutes(270))  # lets go before midnight, calm since 23:30 UTC
    world.put("markt", "EEEc??c", minutes(270), indicator="occupancy")  # lets go after midnight, calm since 23:15 UTC
    world.tick(minutes(400))
    assert (world.one()["state"], world.one()["ended_at"]) == ("closed", minutes(330))


DAY = 24 * 60


def test_rule_22_a_rerun_reaches_the_last_dirty_day_though_the_first_is_as_it_was() -> None:
    world = World()
    world.put("markt", "ccc")
    world.tick(minutes(60))
    world.put("markt", "ccc")
    world.put("markt", "EEE", minutes(DAY))
    world.tick(minutes(DAY + 60))
    assert world.one()["started_at"] == minutes(DAY)


def test_rule_22_what_is_carried_after_the_rerun_stands() -> None:
    world = World()
    world.live("markt", "EEE", minutes(3 * DAY))
    world.put("markt", "ccEc")
    world.tick(minutes(3 * DAY + 90))
    world.live("markt", "E", minutes(4 * DAY))
    assert (world.one()["state"], world.one()["started_at"]) == ("open", minutes(3 * DAY))


def test_rule_22_a_situation_of_several_days_remembers_all_of_them() -> None:
    world = World()
    for day, confidence in enumerate((0.3, 0.6, 0.9)):
        world.put("markt", "EE", minutes(day * DAY), confidence=confidence)
    world.tick(minutes(3 * DAY))
    world.live("markt", "EE", minutes(3 * DAY), confidence=0.9)
    assert world.one()["confidence"] == pytest.approx(0.675)


def test_rule_14_calm_rows_of_a_new_day_close_what_was_carried() -> None:
    world = World()
    world.live("markt", "EEE")
    world.live("markt", "cc", minutes(DAY))
    assert (world.one()["state"], world.one()["ended_at"]) == ("closed", minutes(DAY))


def test_rule_19_of_equal_levels_the_indicator_that_held_it_first_leads() -> None:
    world = World()
    world.put("markt", "EEEEEE", minutes(315), indicator="occupancy")
    world.put("markt", "cEEEEE", minutes(315), indicator="density")
    world.tick(minutes(420))
    assert world.one()["leading_indicator"] == "occupancy"
