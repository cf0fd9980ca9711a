"""Three hands on rules 13 and 14: the array function, a loop per place, and set-based SQL, on the same random series."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.levels import N_BANDS, Slots, State, run
from tests import evidence
from tests.indicators.naive_levels import AT_ONCE, BETWEEN, CALM, CALM_UNKNOWN, REACHED, REACHED_UNKNOWN, UNKNOWN, Slot
from tests.indicators.test_levels import MINUTE, T0, arrays, as_lists, naive, series
from tests.oracle.held_sql import HELD

SEED = 20260614
Found = list[list[list[int]]]


def by_sql(con: duckdb.DuckDBPyConnection, slots: Slots, state: State) -> Found:
    """What :data:`HELD` says of ``slots`` after ``state``, in the shape of :func:`as_lists`."""
    t, p = np.nonzero(slots.seconds)
    setting = slots.settings[t, p]
    con.register("slots", pa.table({
        "p": p, "start": slots.starts[t], "seconds": slots.seconds[t, p], "packed": slots.packed[t, p],
        "for_seconds": slots.for_seconds[setting].tolist(), "keep_seconds": slots.keep_seconds[setting].tolist(),
    }, pa.schema([(c, pa.int64()) for c in ("p", "start", "seconds", "packed")]
                 + [(c, pa.list_(pa.int64())) for c in ("for_seconds", "keep_seconds")])))  # fmt: skip
    band, place = np.indices(state.on.shape)
    carried = {name: getattr(state, name).ravel() for name in ("since", "run", "run_start", "run_end")}
    con.register("carried", pa.table({"p": place.ravel(), "band": band.ravel(), "is_on": state.on.ravel() > 0, **carried}))
    rows = con.execute(HELD).fetchall()
    con.unregister("slots")
    con.unregister("carried")
    width = state.on.shape[1]
    return [[list(row[2:]) for row in rows[i : i + width]] for i in range(0, len(rows), width)]


def part_of(slots: Slots, start: int, stop: int) -> Slots:
    part = slice(start, stop)
    return replace(
        slots, starts=slots.starts[part], seconds=slots.seconds[part], packed=slots.packed[part], settings=slots.settings[part]
    )


def in_parts(con: duckdb.DuckDBPyConnection, slots: Slots, cuts: list[int]) -> Found:
    """The SQL begun anew at every cut from the state that the array function carries there."""
    state, found = State.rest(slots.seconds.shape[1]), []
    for start, stop in pairwise([0, *cuts, len(slots.starts)]):
        part = part_of(slots, start, stop)
        found += by_sql(con, part, state)
        state, _ = run(state, part)
    return found


@settings(deadline=None, max_examples=evidence.count(40, 2000))
@given(st.lists(series(), min_size=1, max_size=3).filter(any), st.data())
def test_rules_13_and_14_agree_with_set_based_sql_cut_at_any_point(places: list[list[Slot]], data: st.DataObject) -> None:
    slots = arrays(places)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(slots.starts)), max_size=2)) - {len(slots.starts)})
    _, held = run(State.rest(len(places)), slots)
    with duckdb.connect() as con:
        assert by_sql(con, slots, State.rest(len(places))) == as_lists(held)
        assert in_parts(con, slots, cuts) == as_lists(held)


LENGTHS, TIMINGS = (5, 15, 60), (0, 5, 15, 30, 45, 60, 120)
BITS = (REACHED, REACHED, REACHED, CALM, CALM, CALM, BETWEEN, UNKNOWN, UNKNOWN, CALM_UNKNOWN, REACHED_UNKNOWN | CALM,
        REACHED | AT_ONCE, UNKNOWN | AT_ONCE)  # fmt: skip


def random_series(rng: np.random.Generator) -> list[Slot]:
    """Stretches of equal slots, some without a row; interval and timing change on the way."""
    slots: list[Slot] = []
    at = T0 + int(rng.integers(0, 4)) * 15 * MINUTE
    length, timing = int(rng.choice(LENGTHS)), rng.choice(TIMINGS, (2, N_BANDS))
    for _ in range(rng.integers(1, 16)):
        if rng.random() < 0.1:
            length = int(rng.choice(LENGTHS))
        if rng.random() < 0.1:
            timing = rng.choice(TIMINGS, (2, N_BANDS))
        bands, absent = rng.choice(BITS, N_BANDS), rng.random() < 0.15
        for _ in range(rng.integers(1, 6)):
            if not absent:
                for_, keep = (tuple(int(x) for x in row) for row in timing)
                slots.append(Slot(at, length, tuple(int(b) for b in bands), for_, keep))  # type: ignore[arg-type]
            at += length * MINUTE
    return slots


def test_rules_13_and_14_three_hands_agree_on_many_series() -> None:
    """Every world: 60 series at once, cut at up to three places; the loop and the SQL know nothing of each other."""
    worlds, places, changes = evidence.count(6, 150), 60, 0
    with duckdb.connect() as con:
        for number in range(worlds):
            rng = np.random.default_rng(SEED + number)
            given_ = [random_series(rng) for _ in range(places)]
            slots = arrays(given_)
            _, held = run(State.rest(places), slots)
            ours = as_lists(held)
            assert ours == naive(given_, slots.starts), f"world {number}: the loop"
            cuts = sorted({int(c) for c in rng.integers(1, len(slots.starts), rng.integers(0, 4))})
            assert by_sql(con, slots, State.rest(places)) == ours, f"world {number}: the SQL"
            assert in_parts(con, slots, cuts) == ours, f"world {number}: the SQL, cut at {cuts}"
            changes += int((np.diff(held.level, axis=0) != 0).sum())
    assert changes > worlds * places, "hardly anything happened: the test says little"
    evidence.record("held-levels-three-hands", worlds * places, SEED, {"equal": worlds * places, "level_changes": changes})
