"""Which whole numbers are possible, where bounds alone do not say: an exact solver over one group of unknowns at a time.

A solution found for one number shows for every unknown of the group that its number in it is possible too, so few are needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from pipelines.privacy.narrow import EPS, Floats, Ints, System

_OPTIMAL, _INFEASIBLE = 0, 2


class UndecidedError(Exception):
    """The solver gave no answer: neither a solution nor the proof that there is none."""


@dataclass(frozen=True)
class Part:
    """One group: its unknowns, their bounds, and the sums over them with what is known on the other side."""

    members: Ints
    lo: Floats
    hi: Floats
    matrix: csr_array
    low: Floats
    high: Floats


def parts(s: System, group: Ints, wanted: Collection[int]) -> Iterator[tuple[int, Part]]:
    """The groups asked for, one at a time. Each sum belongs to the one group of its open unknowns."""
    live = s.hi[s.at] - s.lo[s.at] > EPS
    known = np.bincount(s.of[~live], (s.coef * s.lo[s.at])[~live], len(s.low))
    low, high = s.low - known, s.high - known
    of, at, coef = s.of[live], s.at[live], s.coef[live]
    order = np.argsort(group[at], kind="stable")
    of, at, coef, groups = of[order], at[order], coef[order], group[at][order]
    for number in sorted(wanted):
        here = slice(*np.searchsorted(groups, [number, number + 1]))
        members, columns = np.unique(at[here], return_inverse=True)
        sums, rows = np.unique(of[here], return_inverse=True)
        matrix = csr_array((coef[here], (rows, columns)), shape=(len(sums), len(members)))
        yield number, Part(members, s.lo[members], s.hi[members], matrix, low[sums], high[sums])


def possible(part: Part, asked: Mapping[int, frozenset[int]]) -> dict[int, set[int]]:
    """Of the numbers ``asked`` for each unknown of a group, those that some whole-number solution of it has.

    Raises :class:`UndecidedError`.
    """
    place = {u: int(np.searchsorted(part.members, u)) for u in asked}
    found: dict[int, set[int]] = {u: set() for u in asked}
    for unknown, numbers in asked.items():
        for number in sorted(numbers - found[unknown]):
            if number in found[unknown]:
                continue
            lo, hi = part.lo.copy(), part.hi.copy()
            lo[place[unknown]] = hi[place[unknown]] = number
            solution = _solve(np.zeros(len(lo)), part, lo, hi)
            if solution is None:
                continue
            for other, wanted in asked.items():
                if (there := round(solution[place[other]])) in wanted:
                    found[other].add(there)
    return found


def span(part: Part, unknown: int) -> tuple[float, float]:
    """The least and the most that one unknown can be; ``inf`` where there is no end. Raises :class:`UndecidedError`."""
    aim = (part.members == unknown).astype(np.float64)
    at = int(np.searchsorted(part.members, unknown))
    least = _solve(aim, part, part.lo, part.hi)
    most = _solve(-aim, part, part.lo, part.hi) if np.isfinite(part.hi[at]) else None
    return (part.lo[at] if least is None else round(least[at])), (part.hi[at] if most is None else round(most[at]))


def _solve(aim: Floats, part: Part, lo: Floats, hi: Floats) -> Floats | None:
    """The whole-number solution in which ``aim`` is least; None when there is no solution."""
    sums = LinearConstraint(part.matrix, part.low, part.high)
    made = milp(aim, constraints=sums, bounds=Bounds(lo, hi), integrality=np.ones(len(lo)))
    if made.status == _INFEASIBLE:
        return None
    if made.status != _OPTIMAL or made.x is None:
        raise UndecidedError(made.message)
    return np.asarray(made.x, np.float64)
