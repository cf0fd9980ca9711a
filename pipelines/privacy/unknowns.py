"""Published counts as unknowns of one system of sums, and which of them can be narrowed down.

A count withheld for being under k is *safe* when every value 1…k−1 remains possible. A group of people that adding and subtracting
leaves over (journeys that are not listed, a quarter that was not counted) is a cell too: it is exposed when it must lie in 1…k−1 and
not all of these remain.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from pipelines.privacy import solve
from pipelines.privacy.narrow import EPS, Floats, Ints, System, components, is_exact

Flags = npt.NDArray[np.bool_]


class Unknowns:
    """The rows of ``seen`` that a sum holds or that are shown elsewhere, and the rests, as unknowns of a system.

    ``small``: withheld for being under k. ``known``: its number was published. ``versions``: the row of ``seen`` (0: a rest).
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        con.execute("""
            CREATE OR REPLACE TEMP TABLE unknowns AS
            SELECT row_number() OVER (ORDER BY version) - 1 AS nr, version, lo, hi, small, withheld, known FROM seen
            WHERE version IN (SELECT version FROM terms) OR (small AND known)""")
        rows = con.execute("SELECT version, lo, hi, small, known FROM unknowns ORDER BY nr").fetchnumpy()
        rests = np.asarray(
            con.execute("SELECT instance FROM sums WHERE rest ORDER BY instance").fetchnumpy()["instance"], np.int64
        )
        first, many = len(rows["lo"]), len(rests)
        self.versions = np.append(_filled(rows["version"], 0), np.zeros(many, np.int64)).astype(np.int64)
        self.small = np.append(_filled(rows["small"], False), np.zeros(many, np.bool_)).astype(np.bool_)
        self.known = np.append(_filled(rows["known"], False), np.zeros(many, np.bool_)).astype(np.bool_)
        self.rest_of: dict[int, int] = {first + i: int(n) for i, n in enumerate(rests)}
        lo = np.append(_filled(rows["lo"], 0.0), np.zeros(many))
        hi = np.append(_filled(rows["hi"], np.inf), np.full(many, np.inf))
        terms = con.execute(
            "SELECT instance - 1 AS nr, u.nr AS at, coef FROM terms JOIN unknowns u USING (version) ORDER BY ALL"
        ).fetchnumpy()
        sums = con.execute("SELECT low, high FROM sums ORDER BY instance").fetchnumpy()
        self.system = System(
            lo, hi, np.append(terms["nr"], rests - 1).astype(np.int64), np.append(terms["at"], np.arange(first, first + many)).astype(np.int64),
            np.append(terms["coef"], np.full(many, -1.0)), _filled(sums["low"], -np.inf), _filled(sums["high"], np.inf),
        )  # fmt: skip

    def widened(self, unknowns: Collection[int], lo: Floats, hi: Floats) -> Unknowns:
        """The same with other bounds, where ``unknowns`` are not told to be small groups."""
        other = copy(self)
        other.small, other.known = self.small.copy(), self.known.copy()
        other.small[[*unknowns]] = other.known[[*unknowns]] = False
        other.system = self.system.without(set())
        other.system.lo, other.system.hi = lo.copy(), hi.copy()
        return other

    def need(self, unknown: int, k: int) -> set[int]:
        """The values that must remain possible: those under k that its stated bounds allow."""
        high = self.system.hi[unknown]
        if self.small[unknown] and not self.known[unknown]:
            return set(range(1, int(min(high, k - 1)) + 1))
        return set(range(1, k))


def _filled(column: Any, default: Any) -> Any:
    return np.ma.filled(column, default)


@dataclass(frozen=True)
class Judged:
    """``possible``: of each unsafe unknown the values under k that remain. ``group``: what hangs together.

    ``solved``: how many groups the solver was asked about.
    """

    possible: dict[int, set[int]]
    group: Ints
    solved: int


def judge(unknowns: Unknowns, system: System, k: int, among: Flags | None = None) -> Judged:
    """Which unknowns are unsafe in a narrowed system; only those ``among``. Raises :class:`pipelines.privacy.solve.UndecidedError`."""
    group = components(system)
    exact = is_exact(system, group)
    hidden = ~unknowns.known | unknowns.small
    if among is not None:
        hidden &= among
    few = (system.lo >= 1) & (system.hi <= k - 1)
    found = {int(u): _values(system, int(u), k) for u in np.flatnonzero(hidden & (unknowns.small | few))}
    open_ = {u for u in found if not exact[u] and unknowns.need(u, k) <= found[u]}
    loose = {int(u) for u in np.flatnonzero(hidden & ~unknowns.small & ~few & ~exact & ~_free(system, group))}
    by_group: dict[int, list[int]] = {}
    for unknown in sorted(open_ | loose):
        by_group.setdefault(int(group[unknown]), []).append(unknown)
    for number, part in solve.parts(system, group, by_group):
        for unknown in by_group[number]:
            if unknown in loose:
                low, high = solve.span(part, unknown)
                found |= {unknown: set(range(int(low), int(high) + 1))} if low >= 1 and high <= k - 1 else {}
        found |= solve.possible(part, {u: frozenset(found[u]) for u in by_group[number] if u in found})
    unsafe = {u: found[u] for u in sorted(found) if not unknowns.need(u, k) <= found[u]}
    return Judged(unsafe, group, len(by_group))


def _free(system: System, group: Ints) -> Flags:
    """Unknowns of groups in which nothing is known (a source that is out): with a number all its multiples are possible."""
    live = system.hi - system.lo > EPS
    told = live & ((system.lo > EPS) | np.isfinite(system.hi))
    at = live[system.at]
    known = np.bincount(system.of[~at], (system.coef * system.lo[system.at])[~at], len(system.low))
    nothing = (np.abs(system.low - known) <= EPS) & (np.abs(system.high - known) <= EPS)
    told[system.at[at & ~nothing[system.of]]] = True
    bound = np.zeros(len(live), np.bool_)
    bound[group[told]] = True
    free: Flags = ~bound[group]
    return free


def _values(system: System, unknown: int, k: int) -> set[int]:
    """The values under k between the bounds of an unknown."""
    return set(range(int(max(system.lo[unknown], 1)), int(min(system.hi[unknown], k - 1)) + 1))
