"""Which edge gives a wished rate of signals: counted on judged history, with an interval by resampling blocks of days.

Pure numpy over a table of signals, local days × candidate edges. Candidates are in order of strictness: the first is reached
most often. Nothing here knows where the counts come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indicators import judged, levels
from indicators.levels import Slots, State

DAYS_A_MONTH = 365.25 / 12
BLOCK = 7  # days that are drawn together: what one weekday is like says something of the next
DRAWS = 1000
SEED = 20260620
LEAST_SIGNALS = 5.0  # expected over the days used: with fewer, chance decides
LEAST_DAYS = 28

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """``signals`` (days, candidates): times a band went on. ``exposure`` (days): the part of the places that counts on that day."""

    signals: Counts
    exposure: Floats

    def part(self, days: slice) -> Counted:
        """Some of the days."""
        return Counted(self.signals[days], self.exposure[days])

    def rates(self, weights: Floats | None = None) -> Floats:
        """Signals a month for each candidate; NaN when no day counts. ``weights`` (…, days): how often each day counts."""
        w = np.ones(len(self.exposure)) if weights is None else weights
        seen = w @ self.exposure
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = (w @ self.signals) / np.where(seen > 0, seen, np.nan)[..., None] * DAYS_A_MONTH
        return found


def chosen(rates: Floats, wished: float) -> NDArray[np.int64]:
    """The most sensitive candidate from which on all give at most the wished rate; -1 where even the last gives more."""
    over = rates > wished
    last = rates.shape[-1] - 1 - np.argmax(over[..., ::-1], axis=-1)
    found: NDArray[np.int64] = np.where(over.any(axis=-1), last + 1, 0)
    return np.where(found > rates.shape[-1] - 1, -1, found)


def interval(counted: Counted, wished: float) -> tuple[int, int]:
    """The candidates between which the choice lies in 90 of 100 histories drawn from blocks of days (a fixed seed)."""
    picks = chosen(counted.rates(_weights(len(counted.exposure))), wished)
    picks = np.where(picks < 0, counted.signals.shape[1] - 1, picks)
    low, high = np.quantile(picks, (0.05, 0.95), method="nearest")
    return int(low), int(high)


def rate_interval(counted: Counted, candidate: int) -> tuple[float, float]:
    """Between which the rate of a candidate lies in 90 of 100 such histories."""
    rates = counted.rates(_weights(len(counted.exposure)))[:, candidate]
    low, high = np.nanquantile(rates, (0.05, 0.95))
    return float(low), float(high)


def _weights(days: int) -> Floats:
    """(DRAWS, days): how often each day is drawn. Blocks may run over the end to the first days."""
    random = np.random.default_rng(SEED)
    blocks = -(-days // BLOCK)
    starts = random.integers(0, days, (DRAWS, blocks))
    drawn = ((starts[:, :, None] + np.arange(BLOCK)) % days).reshape(DRAWS, -1)[:, :days]
    weights = np.zeros((DRAWS, days))
    np.add.at(weights, (np.arange(DRAWS)[:, None], drawn), 1.0)
    return weights


def turned_on(
    starts: levels.Ints, seconds: levels.Ints, packed: NDArray[np.int16], for_seconds: Sequence[int], keep_seconds: int
) -> levels.Bools:
    """(slots, series): where a band went on, by the machines of :mod:`indicators.levels`; ``packed`` speaks of the lowest band.

    ``for_seconds``: of each series.
    """
    known, which = np.unique(np.asarray(for_seconds, dtype=np.int64), return_inverse=True)
    timing = np.repeat(known[:, None], 3, axis=1)
    settings = np.broadcast_to(which.astype(np.int32), packed.shape)
    slots = Slots(
        starts, np.broadcast_to(seconds[:, None], packed.shape), packed, settings, timing, np.full_like(timing, keep_seconds)
    )
    _, held = levels.run(State.rest(packed.shape[1]), slots)
    on = held.level > 0
    before = np.vstack([np.zeros((1, on.shape[1]), dtype=bool), on[:-1]])
    found: levels.Bools = on & ~before
    return found


def lowest(packed: NDArray[np.int16], band: int) -> NDArray[np.int16]:
    """Judged bits of one band as if it were the only one, the others calm."""
    bits = packed.astype(np.int32) >> judged.WIDTH * band & (1 << judged.WIDTH) - 1
    calm = sum(judged.CALM << judged.WIDTH * other for other in (1, 2))
    return (bits | calm).astype(np.int16)
