"""One story per group: who belongs to it, who leads, what is told; also as known at an earlier moment."""

from __future__ import annotations

from typing import Any

from tests.pipelines.situate_world import World, minutes

CHAIN = {"markt": frozenset({"plein"}), "plein": frozenset({"markt", "kade"}), "kade": frozenset({"plein"})}


def by_place(world: World) -> dict[str, dict[str, Any]]:
    return {row["place"]: row for row in world.situations()}


def test_rule_19_neighbours_open_together_share_a_group() -> None:
    world = World(CHAIN)
    world.put("markt", "ccEEE")
    world.put("plein", "cEEEE")
    world.put("ver", "cEEEE")
    world.tick(minutes(75))
    rows = by_place(world)
    assert rows["markt"]["group_id"] == rows["plein"]["group_id"] == rows["plein"]["situation_id"], "of equals the earliest"
    assert rows["ver"]["group_id"] == rows["ver"]["situation_id"]


def test_rule_19_who_joins_later_does_not_rename_the_story_though_it_began_earlier() -> None:
    world = World(CHAIN)
    world.put("markt", "ccEEE")
    world.tick(minutes(80))
    before = world.one()
    assert before["group_id"] == before["situation_id"]
    world.put("plein", "cEEEE")
    (changed,) = world.tick(minutes(85))
    rows = by_place(world)
    assert rows["plein"]["started_at"] < rows["markt"]["started_at"]
    assert changed["place"] == "plein"
    assert rows["markt"] == before, "the story that was told goes on, not even a revision"
    assert rows["plein"]["group_id"] == before["group_id"]


def test_rule_19_a_group_is_closed_under_neighbourhood_over_time() -> None:
    """Markt and kade are no neighbours and not open together: plein, open with both, makes them one story."""
    world = World(CHAIN)
    world.put("markt", "EEcc")
    world.put("kade", "cccccEEE")
    world.tick(minutes(125))
    assert len(world.stories()) == 2
    world.put("plein", "cEEEEEEE")
    world.tick(minutes(130))
    (story,) = world.stories()
    assert story["places"] == ["kade", "markt", "plein"]
    assert story["group_id"] == by_place(world)["markt"]["situation_id"]


def test_rule_19_late_data_that_dissolve_the_link_part_the_story() -> None:
    world = World(CHAIN)
    world.put("markt", "EEEE")
    world.put("plein", "cEEE")
    world.put("kade", "ccEE")
    world.tick(minutes(65))
    (story,) = world.stories()
    assert story["members"] == 3
    world.put("plein", "cccc")
    changes = world.tick(minutes(70))
    assert {c["place"]: c["change"] for c in changes} == {"plein": "dissolved", "kade": "updated"}
    assert [s["places"] for s in world.stories()] == [["markt"], ["kade"]]
    (before,) = world.stories(world.known(minutes(65)))
    assert before == story, "as it was known then it is one story still"


def test_rule_19_the_story_leads_with_the_worst_and_tells_all_places_and_reasons() -> None:
    world = World(CHAIN)
    world.put("markt", "EEEE?")
    world.put("plein", "cHHHH", confidence=0.5)
    world.put("kade", "ccEEE", indicator="flow")
    world.tick(minutes(80))
    (story,) = world.stories()
    rows = by_place(world)
    assert (story["place"], story["level"], story["peak_level"], story["state"]) == ("plein", "high", "high", "open")
    assert (story["situation_id"], story["confidence"]) == (rows["plein"]["situation_id"], rows["plein"]["confidence"])
    assert (story["places"], story["safety_risks"]) == (["kade", "markt", "plein"], ["overcrowding", "saturated_passage"])
    assert (story["reasons"], story["members"]) == (["missing"], 3)
    assert (story["started_at"], story["signalled_at"], story["ended_at"]) == (minutes(0), minutes(80), None)
    assert story["explanation_nl"].startswith(rows["plein"]["explanation_nl"])
    assert story["explanation_nl"].endswith("Ook: Grote Markt, Kade.")
    assert story["explanation_en"].endswith("Also: Grote Markt, Kade.")


def test_rule_19_of_equal_levels_the_earliest_leads_and_what_is_over_does_not() -> None:
    world = World(CHAIN)
    world.put("kade", "HHHcc")
    world.put("plein", "cEEEE")
    world.put("markt", "ccEEE")
    world.tick(minutes(80))
    (story,) = world.stories()
    assert (story["place"], story["level"], story["peak_level"]) == ("plein", "elevated", "high")
    assert story["explanation_nl"].endswith("Ook: Grote Markt."), "the quay is over"
    assert story["places"] == ["kade", "markt", "plein"], "but belongs to the story"


def test_rule_19_a_story_is_over_when_its_last_situation_is() -> None:
    world = World(CHAIN)
    world.put("markt", "EEEccc")
    world.put("plein", "cHHHcc")
    world.tick(minutes(95))
    (story,) = world.stories()
    assert (story["state"], story["ended_at"], story["place"], story["level"]) == ("closed", minutes(60), "plein", "normal")


def test_rule_19_what_is_pending_is_a_story_of_its_own() -> None:
    world = World(CHAIN)
    world.put("markt", "EEE")
    world.put("plein", "ccE")
    world.tick(minutes(50))
    assert [(s["state"], s["places"]) for s in world.stories()] == [("open", ["markt"]), ("pending", ["plein"])]
    world.live("plein", "E", minutes(45))
    assert [s["places"] for s in world.stories()] == [["markt", "plein"]]


def test_rule_19_a_revision_of_yesterday_keeps_its_group_though_something_else_opens_today() -> None:
    world = World(CHAIN)
    world.put("markt", "EEEEEcc")
    world.put("plein", "cEKKEcc")
    world.tick(minutes(120))
    (before,) = world.stories()
    world.put("plein", "EE", minutes(30))
    world.put("ver", "EEE", minutes(24 * 60))
    world.tick(minutes(24 * 60 + 60))
    first, second = world.stories()
    assert (first["group_id"], first["places"], first["peak_level"]) == (before["group_id"], ["markt", "plein"], "elevated")
    assert second["places"] == ["ver"]
