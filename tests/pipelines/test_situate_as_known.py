"""Rule 10: the state at any earlier moment is what a run stopped then had published, groups and stories included."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import evidence
from tests.pipelines.situate_world import World
from tests.pipelines.test_situate_any_order import FIRST, PHASES, Key, histories, put

BESIDE = {"markt": frozenset({"plein"}), "plein": frozenset({"markt"})}
Published = tuple[list[tuple[Any, ...]], list[dict[str, Any]]]


def published(world: World, situations: str = "situations") -> Published:
    """All columns of the situations, and the stories made of them."""
    return world.store.con.sql(f"FROM {situations} ORDER BY ALL").fetchall(), world.stories(situations)


@settings(deadline=None, max_examples=evidence.count(3, 200), phases=PHASES)
@given(histories().filter(bool), st.data())
def test_rule_10_as_known_is_what_a_run_stopped_then_had_published(
    history: dict[Key, dict[str, Any]], data: st.DataObject
) -> None:
    """Rows come in any order, some wrong first; runs come at any pace, several at one moment, also when nothing came."""
    world, at = World(BESIDE), FIRST
    order = data.draw(
        st.permutations(list(history)) if data.draw(st.booleans()) else st.just(sorted(history, key=lambda k: k[2]))
    )
    wrong = data.draw(st.dictionaries(st.sampled_from(order), st.sampled_from("cEK?"), max_size=8))
    seen: dict[datetime, Published] = {}
    names: dict[str, tuple[str, datetime | None]] = {}
    while order or wrong:
        size, pause = data.draw(st.sampled_from([0, 1, 10, 20, 40])), data.draw(st.sampled_from([0, 5, 60, 60, 400]))
        now, order = order[:size], order[size:]
        put(world, ((key, {**history[key], "letter": wrong.get(key, history[key]["letter"])}) for key in now))
        if not order and not now:
            put(world, ((key, history[key]) for key in wrong))
            wrong = {}
        at += timedelta(minutes=pause)
        world.tick(at)
        seen[at] = published(world)
        for row in world.situations():
            atom = row["safety_risk"] + row["place"]
            _, signalled = names.setdefault(row["situation_id"], (atom, row["signalled_at"]))
            assert names[row["situation_id"]][0] == atom, "an id stays with its place and risk"
            assert signalled in (None, row["signalled_at"]), "signalled_at never changes"
            names[row["situation_id"]] = atom, row["signalled_at"]
    for moment, before in seen.items():
        assert published(world, world.known(moment)) == before
        until = world.known(moment + timedelta(minutes=4, seconds=59))
        assert world.store.con.sql(f"FROM {until} ORDER BY ALL").fetchall() == before[0], "until the next run"
    past = world.situations("situations_superseded")
    assert all(row["recorded_at"] <= row["superseded_at"] for row in past)


@settings(deadline=None, max_examples=evidence.count(6, 300), phases=PHASES)
@given(histories().filter(bool))
def test_rule_19_every_story_is_one_group_and_says_what_its_situations_say(history: dict[Key, dict[str, Any]]) -> None:
    world = World(BESIDE)
    put(world, history.items())
    world.tick(max(at for _, _, at in history) + timedelta(minutes=65))
    rows, stories = world.situations(), world.stories()
    assert sorted(s["group_id"] for s in stories) == sorted({row["group_id"] for row in rows})
    for story in stories:
        own = [row for row in rows if row["group_id"] == story["group_id"]]
        assert story["members"] == len(own)
        assert story["places"] == sorted({row["place"] for row in own})
        assert story["reasons"] == sorted({reason for row in own for reason in row["reasons"]})
        assert story["state"] == ("open" if any(r["state"] == "open" for r in own) else own[0]["state"])
        rank = ["normal", "elevated", "high", "critical"].index
        assert rank(story["level"]) == max(rank(row["level"]) for row in own)
        assert story["started_at"] == min(row["started_at"] for row in own)


LETTERS = st.sampled_from("cccbEEHK?S ")


@st.composite
def evenings(draw: st.DrawFn) -> dict[tuple[str, str], str]:
    """Quarters of three places from :data:`FIRST` on, as letters in stretches."""
    series = (("density", "markt"), ("density", "plein"), ("flow", "plein"), ("density", "kade"))
    return {key: "".join(draw(LETTERS) * draw(st.integers(1, 6)) for _ in range(draw(st.integers(0, 6)))) for key in series}


def told(world: World, situations: str) -> list[Any]:
    """What was signalled: place, risk, state, level, when; and which of them were one story. Stories are known by their first."""
    rows = world.store.con.sql(f"""
        SELECT s.place, s.safety_risk, s.state, s.level, s.peak_level, s.started_at, s.ended_at, s.signalled_at,
               (g.place, g.safety_risk, g.started_at)
        FROM {situations} s LEFT JOIN {situations} g ON g.situation_id = s.group_id
        WHERE s.state <> 'pending' ORDER BY ALL""").fetchall()
    return list(rows)


@settings(deadline=None, max_examples=evidence.count(3, 60), phases=PHASES)
@given(evenings().filter(lambda e: any(e.values())))
def test_rule_10_as_known_in_a_backfill_is_what_live_runs_had_told(evening: dict[tuple[str, str], str]) -> None:
    beside = {"markt": frozenset({"plein"}), "plein": frozenset({"markt", "kade"}), "kade": frozenset({"plein"})}
    live, filled = World(beside), World(beside)
    for (indicator, place), pattern in evening.items():
        filled.put(place, pattern, FIRST, indicator=indicator)
    slots = max(len(pattern) for pattern in evening.values())
    filled.tick(FIRST + timedelta(days=30), origin="backfill")
    for number in range(slots):
        at = FIRST + timedelta(minutes=15 * number)
        for (indicator, place), pattern in evening.items():
            live.put(place, pattern[number : number + 1], at, indicator=indicator)
        moment = at + timedelta(minutes=20)
        live.tick(moment)
        assert told(filled, filled.known(moment)) == told(live, "situations"), f"at {moment:%d %H:%M}"
