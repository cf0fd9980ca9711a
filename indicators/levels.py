"""Held levels: the one transition function, the same for a tick and for years of history (rules 13-16).

Per series (an indicator at a place) and band a machine of two states. Off: a *run* of known slots at or beyond
``enter`` turns the band on once it lasted ``for``. On: a run of known slots strictly inside ``exit`` turns it off once
it lasted ``keep_for``. A slot that contradicts the run ends it. A gap (a slot of which that is not known, or no row)
neither lengthens nor ends it; a gap of more than two intervals restarts it, and never turns a band off.

Everything is numpy across series, with a loop over slots only. Moments are whole epoch seconds (UTC), durations whole
seconds: no rounding, no order of addition. A series at rest is all zeros, so that only what is busy need be kept.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicators import judged
from schemas.settings import BANDS

MAX_GAP_INTERVALS = 2
N_BANDS = len(BANDS)
_RANK = np.arange(1, N_BANDS + 1)[:, None]
NONE = np.iinfo(np.int64).max  # larger than any moment: lets a minimum pass over what is absent

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass
class State:
    """Where every machine stands; arrays of shape (3 bands, series). All zeros is rest.

    ``on``: 1 when the band is on. ``since``: start of the run that turned it on. ``run``: seconds counted towards the
    next change. ``run_start``, ``run_end``: start of the run's first and end of its last counted slot.
    """

    on: Ints
    since: Ints
    run: Ints
    run_start: Ints
    run_end: Ints

    @classmethod
    def rest(cls, series: int) -> State:
        """All machines at rest."""
        return cls(*(np.zeros((N_BANDS, series), dtype=np.int64) for _ in fields(cls)))

    def take(self, index: NDArray[Any]) -> State:
        """A copy of some series."""
        return State(*(part[:, index] for part in self._parts()))

    def put(self, index: NDArray[Any], other: State) -> None:
        """Write the series of ``other`` back at ``index``."""
        for mine, theirs in zip(self._parts(), other._parts(), strict=True):
            mine[:, index] = theirs

    def resting(self) -> Bools:
        """Per series: no band on and no run under way."""
        quiet: Bools = ((self.on | self.run) == 0).all(axis=0)
        return quiet

    def rows(self, series: int) -> list[list[int]]:
        """One series as plain numbers, a list per band; read back by :meth:`set_rows`."""
        return [[int(part[band, series]) for part in self._parts()] for band in range(N_BANDS)]

    def set_rows(self, series: int, rows: list[list[int]]) -> None:
        """Set one series from :meth:`rows`."""
        for column, part in enumerate(self._parts()):
            part[:, series] = [row[column] for row in rows]

    def _parts(self) -> list[Ints]:
        return [self.on, self.since, self.run, self.run_start, self.run_end]


@dataclass(frozen=True)
class Slots:
    """What is judged, in order of time. T starts by P series.

    ``starts`` (T): start of the slots, ascending, each once. ``seconds`` (T, P): length of the slot, 0 where the
    series has no row that starts there. ``packed`` (T, P): the SMALLINT of :mod:`indicators.judged`. ``settings``
    (T, P): row of ``for_seconds`` and ``keep_seconds`` (settings, 3) in force at the slot.
    """

    starts: Ints
    seconds: Ints
    packed: NDArray[np.int16]
    settings: NDArray[np.int32]
    for_seconds: Ints
    keep_seconds: Ints


@dataclass(frozen=True)
class Held:
    """What came out of it, each (T, P), after the slot.

    ``level``: 0 normal to 3 critical, the highest band that is on. ``begun``: the earliest start of a run that turned
    a band on, or of a run under way towards it; 0 when there is none (above 0 with level 0 is pending). ``left``: the
    latest start of a run that turned a band off at this slot; 0 when none went off.
    """

    level: NDArray[np.int8]
    begun: Ints
    left: Ints


def run(state: State, slots: Slots) -> tuple[State, Held]:
    """Take slots in, from ``state`` to a new state; the given state is not changed.

    Cut anywhere and continued from the state, the result is the same.
    """
    count, series = slots.packed.shape
    held = Held(np.zeros((count, series), np.int8), np.zeros((count, series), np.int64), np.zeros((count, series), np.int64))
    bits = [np.ascontiguousarray(np.moveaxis(part, -1, 1)) for part in judged.decode(slots.packed)]  # (T, 3, P)
    for_, keep = slots.for_seconds.T, slots.keep_seconds.T
    for t in range(count):
        now = judged.Judged(*(part[t] for part in bits))
        settings = slots.settings[t]
        state, left = _step(state, int(slots.starts[t]), slots.seconds[t], now, (for_[:, settings], keep[:, settings]))
        held.level[t] = held_level(state)
        held.begun[t] = begun(state)
        held.left[t] = left.max(axis=0)
    return state, held


def _step(state: State, start: int, seconds: Ints, now: judged.Judged, timing: tuple[Ints, Ints]) -> tuple[State, Ints]:
    """One slot for all series; returns the new state and per band the start of the run that turned it off (else 0).

    ``timing``: seconds of ``for`` and of ``keep_for``, each (3, P).
    """
    for_, keep = timing
    on = state.on > 0
    row = seconds > 0
    known = row & ~np.where(on, now.calm_unknown, now.reached_unknown)
    counts = known & np.where(on, now.calm, now.reached)

    # A gap is measured on the clock, so that a slot of unknown value and a slot without a row are the same. A known
    # slot ends the gap at its start, an unknown one is part of it.
    gap = start + np.where(known, 0, seconds) - state.run_end
    goes_on = (state.run > 0) & ~(row & (gap > MAX_GAP_INTERVALS * seconds)) & (counts | ~known)

    run_start = np.where(goes_on, state.run_start, counts * start)
    length = goes_on * state.run + counts * seconds
    run_end = np.where(counts, start + seconds, goes_on * state.run_end)

    at_once = row & now.at_once & ~on
    turns_on = ~on & counts & (length >= for_) | at_once
    turns_off = on & counts & (length >= keep)
    changed = turns_on | turns_off

    since = np.where(turns_on, np.where(length > 0, run_start, start), ~turns_off * state.since)
    stays = ~changed
    new = State((on ^ changed).astype(np.int64), since, length * stays, run_start * stays, run_end * stays)
    return new, np.where(turns_off, run_start, 0)


def held_level(state: State) -> NDArray[np.int8]:
    """Per series the highest band that is on, as 0 normal to 3 critical."""
    level: NDArray[np.int8] = (state.on * _RANK).max(axis=0).astype(np.int8)
    return level


def begun(state: State) -> Ints:
    """Per series the earliest start of a run that turned a band on or may do so; 0 when there is none."""
    moments = np.where(state.on > 0, state.since, np.where(state.run > 0, state.run_start, NONE)).min(axis=0)
    return np.where(moments == NONE, 0, moments)
