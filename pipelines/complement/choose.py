"""The fewest further counts to withhold so that every small group stays safe: one small integer program per group of sums.

For each value that must remain possible the program holds a copy of all unknowns: a story in which every published sum holds and the
small group has that value. A count may be told otherwise in a story only when it is withheld; the least costly set that makes all
stories possible is withheld. Stories that no set makes possible (what is known was published before) are given up, dearly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from pipelines.privacy.narrow import EPS, Floats, Ints, System, components

OUTSIDE = 0  # a story in which a group is no group: nobody, or k and more
GIVEN_UP = 1e4
_MOST = 8_000  # unknowns in one program; more stories are told one after the other
_SECONDS = 20.0


@dataclass(frozen=True)
class Story:
    """What must be possible: ``unknown`` is ``value``, or :data:`OUTSIDE` 1…k−1."""

    unknown: int
    value: int


@dataclass(frozen=True)
class Offer:
    """What nobody has seen yet and may be withheld, or withheld with a wider range, at a cost.

    It lies between ``low`` and ``high`` (a number: both) where it is not taken, and is at least ``least`` where it is.
    """

    unknown: int
    low: float
    high: float
    cost: float
    least: float

    @property
    def group(self) -> bool:
        """Whether it is a small group: taken, it is not known to be one any more, and must not be found to be."""
        return self.low < self.high


def choose(system: System, offers: Sequence[Offer], stories: Sequence[Story], k: int, *, hops: int) -> set[int]:
    """The offers (by unknown) to withhold. ``system``: with every number that stands; ``hops``: how many sums away to look."""
    opened = system.without(set())
    opened.hi[[offer.unknown for offer in offers]] = np.inf
    group = components(opened)
    by_group: dict[int, list[Story]] = {}
    for story in stories:
        by_group.setdefault(int(group[story.unknown]), []).append(story)
    picked: set[int] = set()
    for number, told in by_group.items():
        part = _near(system, [o for o in offers if group[o.unknown] == number], [story.unknown for story in told], hops)
        size = max(_MOST // max(len(part.members), 1), 1)
        for first in range(0, len(told), size):
            picked |= _Program(part, told[first : first + size], k, picked).solved()
    return picked


def reach(system: System, k: int) -> float:
    """How far from its number a withheld count is told at most, in any story."""
    return float(k * (int((system.hi - system.lo > EPS).sum()) + 2))


@dataclass(frozen=True)
class _Part:
    """The unknowns near the stories, and the sums over them with what is known on the other side."""

    members: Ints
    lo: Floats
    hi: Floats
    rows: Ints
    columns: Ints
    coef: Floats
    low: Floats
    high: Floats
    offers: dict[int, Offer]  # position among the members → offer


def _near(system: System, offers: Sequence[Offer], about: Sequence[int], hops: int) -> _Part:
    """What hangs together with ``about``, over numbers on offer ``hops`` sums far; those further away stay as they are."""
    offered = {offer.unknown: offer for offer in offers}
    open_ = system.hi - system.lo > EPS
    live = open_.copy()
    live[list(offered)] = True
    group, inside = components(system), np.zeros(len(live), np.bool_)
    inside[list(about)] = True
    for _ in range(hops + 1):
        inside |= np.isin(group, group[inside & open_]) & open_
        touched = np.zeros(len(system.low), np.bool_)
        touched[system.of[inside[system.at]]] = True
        reached = system.at[touched[system.of] & live[system.at]]
        if inside[reached].all():
            break
        inside[reached] = True
    inside |= np.isin(group, group[inside & open_]) & open_
    members = np.flatnonzero(inside)
    sums = np.unique(system.of[inside[system.at]])
    here = np.isin(system.of, sums)
    fixed = here & ~inside[system.at]
    beside = np.bincount(system.of[fixed], (system.coef * system.lo[system.at])[fixed], len(system.low))
    inner = here & inside[system.at]
    place = {int(u): n for n, u in enumerate(members)}
    return _Part(
        members, system.lo[members], system.hi[members], np.searchsorted(sums, system.of[inner]), np.searchsorted(members, system.at[inner]),
        system.coef[inner], (system.low - beside)[sums], (system.high - beside)[sums], {place[u]: o for u, o in offered.items() if u in place},
    )  # fmt: skip


class _Program:
    """Columns: one yes or no per offer; one "given up" and one "k and more" per story; then a copy of the members per story."""

    def __init__(self, part: _Part, stories: Sequence[Story], k: int, free: set[int]):
        self.part, self.stories, self.k = part, stories, k
        self.offers = sorted(part.offers.items())
        self.free = free
        self.reach = float(k * (int((part.hi - part.lo > EPS).sum()) + 2))
        self.cells: list[tuple[Ints, Ints, Floats]] = []
        self.low: list[Floats] = []
        self.high: list[Floats] = []
        self.height = 0

    def solved(self) -> set[int]:
        """The unknowns to withhold."""
        many, told, size = len(self.offers), len(self.stories), len(self.part.members)
        if not many:
            return set()
        lo, hi = self.part.lo.copy(), self.part.hi.copy()
        for at, offer in self.offers:
            lo[at], hi[at] = min(offer.least, offer.low), offer.high + self.reach
        for number, story in enumerate(self.stories):
            self._story(number, story, many + 2 * told + number * size, lo)
        width = many + 2 * told + told * size
        cost = np.zeros(width)
        cost[:many] = [0.0 if offer.unknown in self.free else offer.cost for _, offer in self.offers]
        cost[many : many + told] = GIVEN_UP
        bounds = Bounds(
            np.concatenate([np.zeros(many + 2 * told), *[lo] * told]), np.concatenate([np.ones(many + 2 * told), *[hi] * told])
        )
        rows, columns, coefs = (np.concatenate(part) for part in zip(*self.cells, strict=True))
        matrix = coo_array((coefs, (rows, columns)), shape=(self.height, width)).tocsr()
        made = milp(cost, constraints=LinearConstraint(matrix, np.concatenate(self.low), np.concatenate(self.high)), bounds=bounds,
                    integrality=np.ones(width), options={"mip_rel_gap": 0.0, "time_limit": _SECONDS})  # fmt: skip
        if made.x is None:  # no answer: withhold all that may be
            return {offer.unknown for _, offer in self.offers}
        return {offer.unknown for (_, offer), yes in zip(self.offers, made.x[:many], strict=True) if yes > 0.5}

    def _add(self, rows: Ints, columns: Ints, coefs: Floats, low: Floats, high: Floats) -> None:
        self.cells.append((rows + self.height, columns, coefs))
        self.low.append(low)
        self.high.append(high)
        self.height += len(low)

    def _story(self, number: int, story: Story, first: int, lo: Floats) -> None:
        """One copy: every sum holds, numbers that are not withheld are as published, and the story is true unless it is given up."""
        part, many = self.part, len(self.offers)
        self._add(part.rows, part.columns + first, part.coef, part.low, part.high)
        at = np.array([a for a, _ in self.offers], np.int64)
        low, high, count = np.array([o.low for _, o in self.offers]), np.array([o.high for _, o in self.offers]), np.arange(many)
        both, columns, none = np.concatenate([count, count]), np.concatenate([at + first, count]), np.full(many, np.inf)
        self._add(both, columns, np.concatenate([np.ones(many), np.full(many, -self.reach)]), -none, high)
        self._add(both, columns, np.concatenate([np.ones(many), low - lo[at]]), low, none)
        self._told(number, story, first)

    def _told(self, number: int, story: Story, first: int) -> None:
        """The story itself; it need not be told of a group whose range is widened, which is told to be no group instead."""
        many, position = len(self.offers), int(np.searchsorted(self.part.members, story.unknown))
        it, gone, large, far = first + position, many + number, many + len(self.stories) + number, self.reach + 2 * self.k
        own = next((n for n, (at, offer) in enumerate(self.offers) if at == position and offer.group), None)
        if story.value == OUTSIDE:
            slack = [(gone, far), *([(own, -far)] if own is not None else [])]
            room = far if own is not None else 0.0
            lines = [[(it, 1.0), (large, -float(self.k)), *slack]], [[(it, 1.0), (large, -far), *((c, -f) for c, f in slack)]]
            ends = (-room, np.inf), (-np.inf, room)
        else:
            slack = [(gone, far), *([(own, far)] if own is not None else [])]
            lines = [[(it, 1.0), *slack]], [[(it, 1.0), *((c, -f) for c, f in slack)]]
            ends = (float(story.value), np.inf), (-np.inf, float(story.value))
        for [line], (low, high) in zip(lines, ends, strict=True):
            columns, coefs = (np.array(part) for part in zip(*line, strict=True))
            self._add(np.zeros(len(line), np.int64), columns, coefs, np.array([low]), np.array([high]))
