from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.levels import Held, Slots, State, run
from tests import evidence
from tests.indicators.naive_levels import (
    AT_ONCE,
    BETWEEN,
    CALM,
    CALM_UNKNOWN,
    REACHED,
    REACHED_UNKNOWN,
    UNKNOWN,
    Place,
    Slot,
    pack,
)

T0 = 1_767_225_600
MINUTE = 60


def arrays(places: list[list[Slot]]) -> Slots:
    """Slots of several places as the transition function takes them; every slot has settings of its own."""
    starts = np.array(sorted({s.start for place in places for s in place}), dtype=np.int64)
    shape = len(starts), len(places)
    seconds, packed, settings = np.zeros(shape, np.int64), np.zeros(shape, np.int16), np.zeros(shape, np.int32)
    for_, keep = [(0, 0, 0)], [(0, 0, 0)]
    for p, place in enumerate(places):
        for slot in place:
            t = int(np.searchsorted(starts, slot.start))
            seconds[t, p], packed[t, p], settings[t, p] = slot.minutes * MINUTE, pack(list(slot.bands)), len(for_)
            for_.append(slot.for_)
            keep.append(slot.keep)
    return Slots(starts, seconds, packed, settings, np.array(for_) * MINUTE, np.array(keep) * MINUTE)


def naive(places: list[list[Slot]], starts: np.ndarray) -> list[list[list[int]]]:
    """Per start and place (level, begun, left)."""
    machines = [Place() for _ in places]
    by_start = [{s.start: s for s in place} for place in places]
    return [[list(m.take(rows.get(int(t)))) for m, rows in zip(machines, by_start, strict=True)] for t in starts]


def as_lists(held: Held) -> list[list[list[int]]]:
    return np.stack([held.level.astype(np.int64), held.begun, held.left], axis=-1).tolist()


BITS = st.sampled_from([REACHED, REACHED, CALM, CALM, BETWEEN, UNKNOWN, CALM_UNKNOWN, REACHED_UNKNOWN | CALM, REACHED | AT_ONCE])
MINUTES = st.sampled_from([0, 5, 15, 30, 45, 60])


@st.composite
def series(draw: st.DrawFn) -> list[Slot]:
    """A place's rows: interval lengths change on the way, rows are absent, stretches repeat so that runs get long."""
    slots, at = [], T0
    length = draw(st.sampled_from([15, 60, 5]))
    timing = draw(st.tuples(*[MINUTES] * 3)), draw(st.tuples(*[MINUTES] * 3))
    for _ in range(draw(st.integers(1, 12))):
        kind = draw(st.integers(0, 9))
        if kind == 0:
            length = draw(st.sampled_from([15, 60, 5]))
        elif kind == 1:
            timing = draw(st.tuples(*[MINUTES] * 3)), draw(st.tuples(*[MINUTES] * 3))
        bands, present = draw(st.tuples(BITS, BITS, BITS)), draw(st.integers(0, 5)) > 0
        for _ in range(draw(st.integers(1, 5))):
            if present:
                slots.append(Slot(at, length, bands, *timing))
            at += length * MINUTE
    return slots


@settings(deadline=None, max_examples=evidence.count(100, 5000))
@given(st.lists(series(), min_size=1, max_size=4).filter(any))
def test_rules_13_to_16_agree_with_a_loop_per_place(places: list[list[Slot]]) -> None:
    slots = arrays(places)
    _, held = run(State.rest(len(places)), slots)
    assert as_lists(held) == naive(places, slots.starts)


@settings(deadline=None)
@given(st.lists(series(), min_size=1, max_size=3).filter(any), st.data())
def test_rule_14_cut_anywhere_with_carried_state_gives_the_same(places: list[list[Slot]], data: st.DataObject) -> None:
    slots = arrays(places)
    whole_state, whole = run(State.rest(len(places)), slots)
    cut = data.draw(st.integers(0, len(slots.starts)))
    state, before = run(State.rest(len(places)), _part(slots, 0, cut))
    thawed = State.rest(len(places))
    for p in range(len(places)):  # also through plain numbers, as a checkpoint keeps it
        thawed.set_rows(p, state.rows(p))
    state, after = run(thawed, _part(slots, cut, len(slots.starts)))
    assert as_lists(before) + as_lists(after) == as_lists(whole)
    assert [state.rows(p) for p in range(len(places))] == [whole_state.rows(p) for p in range(len(places))]


def _part(slots: Slots, start: int, stop: int) -> Slots:
    part = slice(start, stop)
    return replace(
        slots, starts=slots.starts[part], seconds=slots.seconds[part], packed=slots.packed[part], settings=slots.settings[part]
    )


@settings(deadline=None)
@given(series().filter(bool))
def test_rule_14_rest_is_all_zeros_so_that_only_busy_places_are_kept(place: list[Slot]) -> None:
    state, held = run(State.rest(1), arrays([place]))
    if held.level[-1, 0] == 0 and held.begun[-1, 0] == 0:
        assert state.resting().all()
        assert state.rows(0) == State.rest(1).rows(0)


# --- stories: one band is looked at, `for` 30 and `keep_for` 30 minutes, intervals of 15 ---


def story(pattern: str, for_: int = 30, keep: int = 30, minutes: int = 15, **changes: object) -> Held:
    """One letter a slot: R reached, b between the edges, c calm, ? unknown, ~ calm unknown, ! at once, space: no row."""
    bits = {"R": REACHED, "b": BETWEEN, "c": CALM, "?": UNKNOWN, "~": CALM_UNKNOWN, "!": REACHED | AT_ONCE}
    slots = [
        Slot(T0 + i * minutes * MINUTE, minutes, (bits[x], CALM, CALM), (for_,) * 3, (keep,) * 3)
        for i, x in enumerate(pattern)
        if x != " "
    ]
    return run(State.rest(1), arrays([slots]))[1]


def level(pattern: str, **options: int) -> str:
    """Held level after each row, as digits."""
    return "".join(str(x) for x in story(pattern, **options).level[:, 0])


@pytest.mark.parametrize(
    ("pattern", "expected", "why"),
    [
        ("cRRRcc", "001110", "on after 30 minutes, off after 30 minutes"),
        ("RbRbRR", "000001", "a slot between the edges ends a run under way"),
        ("RRcbcbcbcb", "0111111111", "flapping under keep_for never lets go"),
        ("RRcbcc", "011110", "the calm run starts again after a slot between the edges"),
        ("R?R", "001", "a gap neither advances nor resets: two known slots make 30 minutes"),
        ("R??R", "0001", "a gap of two intervals is not over max_gap"),
        ("R???R", "00000", "a gap over two intervals restarts a run under way"),
        ("R???RR", "000001", "and counts anew after it"),
        ("R  R", "01", "a row that is not there is the same gap"),
        ("R   R", "00", "also a long one"),
        ("RR????????????????????", "0111111111111111111111", "a gap never lets go of a band"),
        ("RRc??c", "011110", "a calm run goes on over a short gap"),
        ("RRc???c", "0111111", "but not over a long one"),
        ("RRc~c", "01110", "bounds that leave calm open are a gap for letting go"),
        ("R!", "01", "at once does not wait"),
        ("!", "1", "not even for a second slot"),
        ("?!", "01", "nor for a known slot before it"),
    ],
)
def test_rule_14_stories(pattern: str, expected: str, why: str) -> None:
    assert level(pattern) == expected, why


def test_rule_14_zero_for_turns_on_with_the_first_slot() -> None:
    assert level("cRc", for_=0, keep=0) == "010"


def test_rule_14_the_run_of_an_hour_counts_as_an_hour() -> None:
    assert level("Rcc", for_=45, keep=120, minutes=60) == "110"


def test_rule_19_the_runs_give_exact_moments() -> None:
    held = story("cbRRRbccb")
    assert held.level[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0]
    assert held.begun[3, 0] == T0 + 2 * 15 * MINUTE, "the start of the run that turned it on, not the slot at which it did"
    assert held.left[7, 0] == T0 + 6 * 15 * MINUTE, "the start of the calm run, not the slot at which it let go"


def test_rule_19_pending_is_a_run_under_way() -> None:
    held = story("cRb")
    assert held.begun[:, 0].tolist() == [0, T0 + 15 * MINUTE, 0]
    assert held.level.max() == 0


def test_rule_14_the_held_level_is_the_highest_band_that_is_on() -> None:
    row = Slot(T0, 15, (REACHED, REACHED, CALM), (60, 0, 0), (15,) * 3)
    _, held = run(State.rest(1), arrays([[row]]))
    assert held.level[0, 0] == 2, "high does not wait for elevated"


def test_rule_21_thresholds_changed_midway_hold_from_their_slot_on() -> None:
    def slots(for_later: int) -> list[Slot]:
        timing = [60, 60, for_later, for_later]
        return [Slot(T0 + i * 900, 15, (REACHED, CALM, CALM), (f,) * 3, (30,) * 3) for i, f in enumerate(timing)]

    assert run(State.rest(1), arrays([slots(60)]))[1].level[:, 0].tolist() == [0, 0, 0, 1]
    assert run(State.rest(1), arrays([slots(30)]))[1].level[:, 0].tolist() == [0, 0, 1, 1], "the minutes that were counted stay"
