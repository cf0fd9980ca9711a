"""What remains possible: bounds drawn in until nothing moves, in whole numbers, over all relations at once.

Where a relation touches a group of unknowns only in ways that form a tree, and factors are 1 or −1, the bounds are exact: every whole
number between them is possible. Elsewhere :mod:`pipelines.privacy.solve` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
EPS = 1e-7
_ROUNDS = 200


@dataclass
class System:
    """Unknowns with bounds (``inf``: no bound), and sums of them: term ``t`` says that sum ``of[t]`` holds ``coef[t]`` times ``at[t]``.

    ``low`` and ``high`` bound each sum. ``by_low`` and ``by_high`` name, per unknown, the sum that last moved a bound (−1: none).
    """

    lo: Floats
    hi: Floats
    of: Ints
    at: Ints
    coef: Floats
    low: Floats
    high: Floats
    by_low: Ints = field(init=False)
    by_high: Ints = field(init=False)
    broken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.by_low = np.full(len(self.lo), -1)
        self.by_high = np.full(len(self.lo), -1)

    def without(self, sums: set[int]) -> System:
        """The same without some sums."""
        gone = np.zeros(len(self.low), np.bool_)
        gone[list(sums)] = True
        keep = ~gone[self.of]
        low, high = np.where(gone, -np.inf, self.low), np.where(gone, np.inf, self.high)
        return System(self.lo.copy(), self.hi.copy(), self.of[keep], self.at[keep], self.coef[keep], low, high)


def narrow(start: System) -> System:
    """Draw the bounds in. Sums that cannot hold (their sources counted something else) are left out, and named in ``broken``."""
    start, broken = start.without(implied(_whole(start))), set[int]()
    while True:
        system = start.without(broken)
        found = _draw_in(system)
        if not found:
            settled = system.without(implied(system))
            settled.by_low, settled.by_high, settled.broken = system.by_low, system.by_high, broken
            return settled
        broken |= found


def _whole(s: System) -> System:
    """Bounds of sums drawn in to whole numbers, where every factor is one; in place."""
    whole = np.ones(len(s.low), np.bool_)
    np.logical_and.at(whole, s.of, s.coef == np.round(s.coef))
    s.low[whole], s.high[whole] = np.ceil(s.low[whole] - EPS), np.floor(s.high[whole] + EPS)
    return s


def implied(s: System) -> set[int]:
    """The sums that hold whatever the unknowns are within their bounds: they say nothing."""
    (least, open_least), (most, open_most) = _ends(s)[2:]
    says_low = np.isfinite(s.low) & ((open_least > 0) | (least < s.low - EPS))
    says_high = np.isfinite(s.high) & ((open_most > 0) | (most > s.high + EPS))
    return {int(n) for n in np.flatnonzero(~says_low & ~says_high)}


def _ends(s: System) -> tuple[Floats, Floats, tuple[Floats, Ints], tuple[Floats, Ints]]:
    """The least and the most of every term, and of every sum: what its finite terms make, and how many are not."""
    least = np.where(s.coef > 0, s.coef * s.lo[s.at], s.coef * s.hi[s.at])
    most = np.where(s.coef > 0, s.coef * s.hi[s.at], s.coef * s.lo[s.at])
    return least, most, _added(s.of, least, len(s.low)), _added(s.of, most, len(s.low))


def _draw_in(s: System) -> set[int]:
    """Until nothing moves; the sums that cannot hold, as soon as there are any."""
    for _ in range(_ROUNDS):
        least, most, (total_least, open_least), (total_most, open_most) = _ends(s)
        cannot = ((open_least == 0) & (total_least > s.high + EPS)) | ((open_most == 0) & (total_most < s.low - EPS))
        if cannot.any():
            return {int(n) for n in np.flatnonzero(cannot)}
        up = s.high[s.of] - _others(total_least[s.of], open_least[s.of], least, -np.inf)
        down = s.low[s.of] - _others(total_most[s.of], open_most[s.of], most, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            highest = np.floor(np.where(s.coef > 0, up / s.coef, down / s.coef) + EPS)
            lowest = np.ceil(np.where(s.coef > 0, down / s.coef, up / s.coef) - EPS)
        moved = _tighten(s.lo, s.by_low, s.at, s.of, lowest, better=np.greater)
        moved |= _tighten(s.hi, s.by_high, s.at, s.of, highest, better=np.less)
        if (crossed := s.lo > s.hi + EPS).any():
            return {int(n) for n in (*s.by_low[crossed], *s.by_high[crossed]) if n >= 0}
        if not moved:
            break
    return set()


def _added(of: Ints, part: Floats, sums: int) -> tuple[Floats, Ints]:
    """Sum of the finite parts a sum, and how many are not."""
    open_ = ~np.isfinite(part)
    return np.bincount(of, np.where(open_, 0.0, part), sums).astype(np.float64), np.bincount(of, open_, sums).astype(np.int64)


def _others(total: Floats, open_: Ints, own: Floats, none: float) -> Floats:
    """What the other terms of the sum make: without bound when one of them has none."""
    mine = ~np.isfinite(own)
    return np.where(open_ - mine > 0, none, total - np.where(mine, 0.0, own))


def _tighten(bound: Floats, by: Ints, at: Ints, of: Ints, offered: Floats, *, better: np.ufunc) -> bool:
    """Take the best offer for each unknown; whether any bound moved."""
    improves = better(offered, bound[at]) & np.isfinite(offered)
    if not improves.any():
        return False
    places, sums, offers = at[improves], of[improves], offered[improves]
    order = np.argsort(offers if better is np.greater else -offers, kind="stable")  # the best one is written last
    bound[places[order]], by[places[order]] = offers[order], sums[order]
    return True


def components(s: System) -> Ints:
    """A number for each unknown: those that hang together over sums have the same one. Known ones connect nothing."""
    group = np.arange(len(s.lo))
    live = s.hi[s.at] - s.lo[s.at] > EPS
    at, of = s.at[live], s.of[live]
    while len(at):
        least = np.full(len(s.low), len(s.lo))
        np.minimum.at(least, of, group[at])
        after = group.copy()
        np.minimum.at(after, at, least[of])
        after = after[after]
        if (after == group).all():
            break
        group = after
    return group


def is_exact(s: System, group: Ints) -> npt.NDArray[np.bool_]:
    """Per unknown, whether its bounds say all: its group is a tree with factors 1 and −1."""
    live = s.hi[s.at] - s.lo[s.at] > EPS
    at, of = s.at[live], s.of[live]
    size = len(s.lo)
    edges = np.bincount(group[at], minlength=size)
    sums = np.zeros(size, np.int64)
    if len(of):
        _, first = np.unique(of, return_index=True)
        np.add.at(sums, group[at[first]], 1)
    unknowns = np.bincount(group[np.unique(at)], minlength=size) if len(at) else np.zeros(size, np.int64)
    plain = np.ones(size, np.bool_)
    np.logical_and.at(plain, group[at], np.abs(s.coef[live]) == 1)
    tree = (edges == unknowns + sums - 1) & plain
    said: npt.NDArray[np.bool_] = (tree | (edges == 0))[group]
    return said
