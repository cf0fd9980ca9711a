"""Held levels and situations, slot by slot as rules 14, 15 and 19 are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

MAX_GAP_INTERVALS = 2
BANDS = ("elevated", "high")


@dataclass(frozen=True)
class Timing:
    """Minutes of known intervals per band: until it turns on, and until it turns off."""

    for_: tuple[float, float]
    keep_for: tuple[float, float]


@dataclass
class Machine:
    """One band: a run counts towards its next change, ``since`` is the start of the run that made the last one."""

    for_: float
    keep_for: float
    max_gap: float
    on: bool = False
    run: float = 0.0
    gap: float = 0.0
    run_start: pd.Timestamp | None = None

    def step(
        self, start: pd.Timestamp, minutes: float, reached: bool | None, calm: bool | None, at_once: bool
    ) -> pd.Timestamp | None:
        """Take one slot in; the start of the run that turned the band on or off, or None when nothing changed."""
        counts = calm if self.on else reached
        if counts is None:
            self.gap += minutes
            if self.gap > self.max_gap:
                self.run, self.run_start = 0.0, None
            return None
        self.gap = 0.0
        if not counts:
            self.run, self.run_start = 0.0, None
            return None
        if self.run_start is None:
            self.run_start = start
        self.run += minutes
        if self.run < (self.keep_for if self.on else self.for_) and not (at_once and not self.on):
            return None
        since, self.on, self.run, self.run_start = self.run_start, not self.on, 0.0, None
        return since


def situations(judged: pd.DataFrame, timing: Timing) -> pd.DataFrame:
    """Stretches per place: ``place, started_at, ended_at (NaT while open), peak_level, opened_slot``.

    ``judged``: rows of :func:`tests.oracle.naive.judge`, one per expected slot. A slot without a row is a gap too.
    """
    found = []
    for place, part in judged.sort_values("start").groupby("place"):
        found += _stretches(str(place), part, timing)
    columns = ["place", "started_at", "ended_at", "peak_level", "opened_slot"]
    result = pd.DataFrame(found, columns=columns)
    return result.assign(**{c: pd.to_datetime(result[c], utc=True) for c in ("started_at", "ended_at")})


def _stretches(place: str, part: pd.DataFrame, timing: Timing) -> list[dict[str, object]]:
    minutes = float(part["minutes"].iloc[0])
    machines = [Machine(f, k, MAX_GAP_INTERVALS * minutes) for f, k in zip(timing.for_, timing.keep_for, strict=True)]
    done: list[dict[str, object]] = []
    current: dict[str, object] | None = None
    expected = part["start"].iloc[0]
    for slot in part.itertuples():
        while expected < slot.start:  # no row: a gap for every machine
            for machine in machines:
                machine.step(expected, minutes, None, None, False)
            expected += timedelta(minutes=minutes)
        expected += timedelta(minutes=minutes)
        for band, machine in enumerate(machines):
            since = machine.step(slot.start, minutes, slot.reached[band], slot.calm[band], slot.at_once)
            if since is None:
                continue
            if machine.on and current is None:
                current = {"place": place, "started_at": since, "ended_at": None, "peak": band, "opened_slot": slot.start}
            elif machine.on:
                current["peak"] = max(band, current["peak"])
                current["started_at"] = min(since, current["started_at"])
            else:
                current["ended_at"] = max(since, current["ended_at"] or since)  # the last exit of all bands
        if current is not None and not any(machine.on for machine in machines):
            done.append(_closed(current))
            current = None
    if current is not None:
        done.append(_closed({**current, "ended_at": None}))
    return done


def _closed(stretch: dict[str, object]) -> dict[str, object]:
    peak = stretch.pop("peak")
    return {**stretch, "peak_level": BANDS[peak]}
