"""Held levels of many places at once, against a loop over places, slots and bands in plain Python."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.pairs import Pair, measure, seconds
from indicators.judged import AT_ONCE, CALM, CALM_UNKNOWN, REACHED, REACHED_UNKNOWN, UNKNOWN, WIDTH
from indicators.levels import MAX_GAP_INTERVALS, N_BANDS, Slots, State, run

START, QUARTER = 1_781_697_600, 900
ENTER, EXIT = (1.1, 2.15, 3.5), (1.0, 1.9, 3.1)
FOR, KEEP = (1800, 900, 0), (1800, 1800, 900)

Row = tuple[int, int, int, tuple[int, ...], tuple[int, ...]]  # start, seconds, packed bits, `for` and `keep_for` per band


def generated(places: int, slots: int) -> Slots:
    """A random walk per place over all three bands, with one slot in twenty unknown."""
    random = np.random.default_rng(11)
    value = np.abs(np.cumsum(random.normal(0, 0.5, (slots, places)), axis=0))
    unknown = random.random((slots, places)) < 0.05
    packed = np.zeros((slots, places), np.int16)
    for band in range(N_BANDS):
        known = (value >= ENTER[band]) * REACHED + (value < EXIT[band]) * CALM
        packed += (np.where(unknown, UNKNOWN, known) << WIDTH * band).astype(np.int16)
    whole = np.full((slots, places), QUARTER, np.int64)
    return Slots(START + QUARTER * np.arange(slots), whole, packed, np.zeros((slots, places), np.int32),
                 np.array([FOR]), np.array([KEEP]))  # fmt: skip


@dataclass
class Machine:
    """One band at one place."""

    on: bool = False
    since: int = 0
    run: int = 0
    run_start: int = 0
    run_end: int = 0

    def take(self, row: Row, band: int) -> int:
        """One slot; returns the start of the run that turned the band off, else 0."""
        start, length, packed, for_, keep = row
        bits = packed >> WIDTH * band
        known = not bits & (CALM_UNKNOWN if self.on else REACHED_UNKNOWN)
        gap = start + (0 if known else length) - self.run_end
        if self.run and gap > MAX_GAP_INTERVALS * length:
            self.run = 0
        if known and bits & (CALM if self.on else REACHED):
            if not self.run:
                self.run_start = start
            self.run += length
            self.run_end = start + length
            if self.run >= (keep if self.on else for_)[band]:
                return self._turn(start)
        elif known:
            self.run = 0
        if not self.on and bits & AT_ONCE:
            return self._turn(start)
        return 0

    def _turn(self, start: int) -> int:
        begun = self.run_start if self.run else start
        self.on, self.run = not self.on, 0
        self.since = begun
        return 0 if self.on else begun


def naive(series: list[list[Row]]) -> list[list[tuple[int, int, int]]]:
    """Per series and slot (level, begun, left), as in :class:`indicators.levels.Held`; plain Python in and out."""
    found = []
    for rows in series:
        machines = [Machine() for _ in range(N_BANDS)]
        held = []
        for row in rows:
            level, left, begun = 0, 0, 0
            for band, machine in enumerate(machines):
                left = max(left, machine.take(row, band))
                if machine.on:
                    level = band + 1
                if machine.on or machine.run:
                    first = machine.since if machine.on else machine.run_start
                    begun = min(begun, first) if begun else first
            held.append((level, begun, left))
        found.append(held)
    return found


def held_levels(*, places: int = 1000, slots: int = 96, naive_places: int = 20, rounds: int = 9) -> list[Pair]:
    """``levels.run`` over all places; the loop over a few of them, both per row (a place × slot)."""
    given = generated(places, slots)
    starts = given.starts.tolist()
    some: list[list[Row]] = [[(start, QUARTER, bits, FOR, KEEP) for start, bits in zip(starts, packed, strict=True)]
            for packed in given.packed.T[:naive_places].tolist()]  # fmt: skip
    _, held = run(State.rest(places), given)
    ours = np.stack([held.level.astype(np.int64), held.begun, held.left], axis=-1)[:, :naive_places].swapaxes(0, 1)
    if ours.tolist() != [[list(row) for row in place] for place in naive(some)]:
        raise AssertionError("the loop and levels.run disagree on held levels")
    pair = measure(
        "held levels",
        "plain loop", lambda: seconds(lambda: naive(some), naive_places * slots),
        "levels.run", lambda: seconds(lambda: run(State.rest(places), given), places * slots),
        unit="row", rounds=rounds,
        note=f"{places:,} places × {slots} slots in levels.run; the loop ran on {naive_places} of those places and is extrapolated"
        " per row. Both give level, begin and end of runs for the same rows; found equal.",
    )  # fmt: skip
    return [pair]
