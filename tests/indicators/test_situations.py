from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import judged
from indicators.levels import Slots, State, run
from indicators.situations import FOREVER
from indicators.stories import Member, Stretch, groups, match
from indicators.tallies import Rows, Tally, tally
from tests import evidence

SLOT = 900
T0 = 1_767_225_600


# --- ids ---


def stretches(*found: tuple[int, int]) -> list[Stretch]:
    return [Stretch(start, stop, False) for start, stop in found]


def test_rule_19_an_id_is_kept_by_overlap() -> None:
    assert match(stretches((0, 10), (20, 30)), stretches((5, 8), (22, 40))) == [0, 1]
    assert match(stretches((0, 10)), stretches((10, 20))) == [None], "touching is not overlap"
    assert match(stretches((0, 12), (12, 20)), stretches((0, 20))) == [0, None], "cut in two: the longer part goes on"
    assert match(stretches((0, 8), (10, 20)), stretches((0, 20))) == [None, 0], "also when it is the later"
    assert match(stretches((0, 20)), stretches((0, 10), (10, 20))) == [0], "grown together: of equals the first goes on"


def test_rule_19_what_is_open_goes_on_as_what_was_open() -> None:
    assert match([Stretch(0, 90, False), Stretch(95, 100, True)], [Stretch(0, 100, True)]) == [None, 0], "cut in two"
    assert match([Stretch(0, 100, True)], [Stretch(0, 90, False), Stretch(95, 100, True)]) == [1], "grown together"


@settings(deadline=None)
@given(*[st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=6)] * 2)
def test_rule_19_matching_takes_the_best_pair_first_and_no_stretch_twice(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def laid_out(drawn: list[tuple[int, int]]) -> list[Stretch]:
        at, found = 0, []
        for gap, length in drawn:
            found.append(Stretch(at + gap, at + gap + length, False))
            at += gap + length
        return found

    new, old = laid_out(one), laid_out(other)
    left = [(i, j) for i in range(len(new)) for j in range(len(old)) if new[i].shared(old[j]) > 0]
    expected: list[int | None] = [None] * len(new)
    while left:
        best = max(left, key=lambda pair: (new[pair[0]].shared(old[pair[1]]), -pair[0], -pair[1]))
        expected[best[0]] = best[1]
        left = [(i, j) for i, j in left if i != best[0] and j != best[1]]
    assert match(new, old) == expected


# --- groups ---

BESIDE = {"a": frozenset({"b"}), "b": frozenset({"a", "c"}), "c": frozenset({"b"})}


def test_rule_19_groups_join_neighbours_open_together() -> None:
    spans = [("a", 0, 10), ("b", 5, 20), ("c", 15, FOREVER), ("d", 5, 20)]
    members = [Member(str(i), place, start, stop, start) for i, (place, start, stop) in enumerate(spans)]
    assert groups(members, BESIDE) == {"0": "0", "1": "0", "2": "0", "3": "3"}


def test_rule_19_a_group_keeps_the_name_of_who_was_signalled_first() -> None:
    members = [Member("early", "a", 0, FOREVER, 50), Member("first", "b", 20, FOREVER, 30)]
    assert set(groups(members, BESIDE).values()) == {"first"}, "though the other began before it"


def test_rule_19_one_after_the_other_is_not_together() -> None:
    members = [Member("1", "a", 0, 10, 0), Member("2", "b", 10, 20, 10), Member("3", "a", 20, 30, 20)]
    assert groups(members, BESIDE) == {"1": "1", "2": "2", "3": "3"}


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 30), st.integers(1, 12), st.integers(0, 9)), max_size=14))
def test_rule_19_groups_agree_with_joining_until_nothing_changes(drawn: list[tuple[str, int, int, int]]) -> None:
    members = [
        Member(f"{i:02}", place, start, start + length, start + wait) for i, (place, start, length, wait) in enumerate(drawn)
    ]
    group = {m.situation_id: m for m in members}
    changed = True
    while changed:
        changed = False
        for one in members:
            for other in members:
                near = one.place == other.place or other.place in BESIDE.get(one.place, ())
                if near and one.started < other.stop and other.started < one.stop:
                    first = min(group[one.situation_id], group[other.situation_id], key=lambda m: m.seniority)
                    if group[one.situation_id] is not first or group[other.situation_id] is not first:
                        group[one.situation_id] = group[other.situation_id] = first
                        changed = True
    assert groups(members, BESIDE) == {name: m.situation_id for name, m in group.items()}


# --- tallies ---


def rows_of(slots: list[tuple[str, float, int]]) -> Rows:
    """One series of quarters: (c calm, E, H or ?; confidence; held level)."""
    n = len(slots)
    bits = {"c": 4 | 4 << 5, "E": 1 | 4 << 5, "H": 1 | 1 << 5, "?": judged.UNKNOWN * 33}
    values = {"c": 1.0, "E": 2.0, "H": 3.0, "?": np.nan}
    start = T0 + SLOT * np.arange(n)
    return Rows(
        offsets=np.array([0, n]), series=np.zeros(n, np.int64), start=start, end=start + SLOT, delay=np.zeros(n, np.int64),
        packed=np.array([bits[x] | 4 << 10 for x, _, _ in slots], np.int16), settings=np.zeros(n, np.int32),
        known=np.array([x != "?" for x, _, _ in slots]), value=np.array([values[x] for x, _, _ in slots]), coverage=np.ones(n),
        confidence=np.array([c for _, c, _ in slots]), reason=np.array([0 if x == "?" else -1 for x, _, _ in slots], np.int16),
        held=np.array([h for _, _, h in slots], np.int8), reasons=("missing",), enter=np.array([[1.5, 2.5, np.nan]]),
        for_seconds=np.zeros((1, 3), np.int64), keep_seconds=np.zeros((1, 3), np.int64),
    )  # fmt: skip


SLOTS = st.lists(
    st.tuples(st.sampled_from("cEH?"), st.sampled_from([0.1, 0.3, 0.7, 1.0]), st.integers(0, 3)), min_size=1, max_size=30
)


@settings(deadline=None)
@given(SLOTS, st.sets(st.integers(0, 30), max_size=4), st.sampled_from([1, -1]))
def test_rule_22_a_tally_is_the_same_in_any_split(slots: list[tuple[str, float, int]], cuts: set[int], sign: int) -> None:
    rows = rows_of(slots)
    whole = tally(rows, 0, T0, T0 + len(slots) * SLOT, sign)
    parts = Tally()
    for low, high in pairwise(sorted({0, len(slots), *(c for c in cuts if c <= len(slots))})):
        parts = parts.plus(tally(rows, 0, T0 + low * SLOT, T0 + high * SLOT, sign), sign)
    assert parts == whole
    assert Tally.from_dict(whole.as_dict()) == whole
    assert {f.name for f in fields(Tally)} == set(whole.as_dict())


def test_the_peak_is_the_worst_value_of_the_highest_level() -> None:
    found = tally(rows_of([("c", 1, 0), ("E", 1, 0), ("H", 1, 1), ("?", 1, 1), ("H", 1, 2)]), 0, T0, T0 + 5 * SLOT, 1)
    assert found.peak is not None
    assert (found.peak.rank, found.peak.value, found.peak.start, found.peak.edges) == (2, 3.0, T0 + 2 * SLOT, (1.5, 2.5, None))
    assert (found.slots, found.known, found.held, found.held_at, found.reasons) == (5, 4, 2, T0 + 4 * SLOT, ("missing",))


# --- another hand: held levels without gaps, set-based in DuckDB (the sparse form of the engine prototypes) ---

SPARSE = """
WITH runs AS (
    SELECT p, t, t - coalesce(max(CASE WHEN NOT hi THEN t END) OVER w, -1) AS hi_run,
           t - coalesce(max(CASE WHEN NOT lo THEN t END) OVER w, -1) AS lo_run
    FROM judged WINDOW w AS (PARTITION BY p ORDER BY t)),
reached AS (SELECT p, t, hi_run = $for AS ev FROM runs WHERE hi_run = $for OR lo_run = $keep),
changes AS (SELECT * FROM reached QUALIFY ev IS DISTINCT FROM coalesce(lag(ev) OVER (PARTITION BY p ORDER BY t), false))
SELECT p, CASE WHEN ev THEN t - $for + 1 ELSE t - $keep + 1 END AS moment, t AS decided, ev FROM changes ORDER BY p, t
"""


@settings(deadline=None, max_examples=evidence.count(40, 1000))
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 6))
def test_rule_14_agrees_with_set_based_sql_where_there_are_no_gaps(seed: int, for_: int, keep: int) -> None:
    rng = np.random.default_rng(seed)
    count, places = 60, 4
    value = np.repeat(rng.integers(0, 3, (count, places)), rng.integers(1, 5, count), axis=0)[:count]
    count = len(value)
    con = duckdb.connect()
    t, p = np.indices(value.shape)
    con.register("judged", {"p": p.ravel(), "t": t.ravel(), "hi": (value == 2).ravel(), "lo": (value == 0).ravel()})
    expected = con.execute(SPARSE, {"for": for_, "keep": keep}).fetchall()
    con.close()

    bits = np.array([judged.CALM, 0, judged.REACHED])[value] | judged.CALM << 5 | judged.CALM << 10
    slots = Slots(
        T0 + SLOT * np.arange(count), np.full(value.shape, SLOT), bits.astype(np.int16), np.zeros(value.shape, np.int32),
        np.full((1, 3), for_ * SLOT), np.full((1, 3), keep * SLOT),
    )  # fmt: skip
    _, held = run(State.rest(places), slots)
    on = np.diff(held.level, axis=0, prepend=0)
    found = [
        (
            int(place),
            int(((held.begun if on[at, place] > 0 else held.left)[at, place] - T0) // SLOT),
            int(at),
            bool(on[at, place] > 0),
        )
        for place, at in zip(*np.nonzero(on.T), strict=True)
    ]
    assert found == expected
