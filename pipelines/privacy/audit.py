"""The audit: collect what is published, add up what can be added up, and ask of every withheld count what is still possible.

What is safe is said in :mod:`pipelines.privacy.unknowns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from indicators.grammar import Card
from pipelines.privacy import readback, relations, seen
from pipelines.privacy.narrow import Ints, System, narrow
from pipelines.privacy.unknowns import Unknowns, judge
from schemas.config import Config

_CHAIN = 8  # sums told of one derivation: those nearest to the cell


@dataclass(frozen=True)
class Term:
    """A published count in a sum: ``factor`` times what ``source`` counted. ``low`` and ``high`` as published; equal when a number is."""

    factor: float
    measure: str
    source: str
    place: str
    interval_start: datetime
    interval_end: datetime
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Sum:
    """One step of a derivation: the terms make something between ``low`` and ``high``, ``more`` when a rest may remain."""

    kind: str
    terms: tuple[Term, ...]
    low: float
    high: float
    rest: bool


@dataclass(frozen=True)
class Unsafe:
    """A withheld count, or a group left over, of which too few values remain possible: ``possible`` of those under k."""

    cell: Term
    what: str  # withheld, shown (in another published file) or group
    since: datetime | None
    possible: tuple[int, ...]
    derivation: tuple[Sum, ...]


@dataclass
class Report:
    """What the audit found for one municipality. ``apart``: pairs of sources whose numbers do not fit and were not added up."""

    municipality: str
    k: int
    files: tuple[Path, ...]
    counts: int = 0
    withheld: int = 0
    sums: int = 0
    solved: int = 0
    misfits: int = 0
    apart: tuple[tuple[str, str], ...] = ()
    unsafe: list[Unsafe] = field(default_factory=list)


def audit(
    published: Path, config: Config, cards: Mapping[str, Card], *, k: int | None = None, span: tuple[datetime, datetime] | None = None
) -> Report:  # fmt: skip
    """Attack everything under ``published`` that holds counts of the municipality. ``k``: another one than that in force.

    ``span``: only intervals that start in [from, to). Raises :class:`pipelines.privacy.solve.UndecidedError`.
    """
    town = config.municipality.municipality
    files = tuple(sorted(published.rglob("indicators.duckdb"), key=lambda f: (f.parent != published, f)))
    report = Report(town, k or config.k, files)
    with duckdb.connect() as con:
        con.execute("SET TimeZone='UTC'")
        seen.attach(con, files)
        scaled = tuple(s.source for s in config.sources.values() if s.uptime)
        zero_hidden = config.municipality.withhold_zero
        report.withheld = seen.collect(con, files, town, k=report.k, zero_hidden=zero_hidden, scaled=scaled, span=span)
        report.counts = _number(con, "SELECT count(*) FROM seen")
        if report.counts:
            _attack(con, config, cards, report)
    return report


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def _attack(con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], report: Report) -> None:
    relations.collect(con, report.municipality)
    relations.instances(con)
    readback.add(con, config, cards)
    report.sums = _number(con, "SELECT count(*) FROM sums")
    report.apart = tuple(con.execute("SELECT kind, scope FROM trust WHERE NOT (exact OR rest) ORDER BY ALL").fetchall())
    unknowns = _Described(con)
    system = narrow(unknowns.system)
    report.misfits = len(system.broken)
    judged = judge(unknowns, system, report.k)
    report.solved = judged.solved
    report.unsafe = [_unsafe(unknowns, system, u, possible, judged.group) for u, possible in judged.possible.items()]


class _Described(Unknowns):
    """The unknowns, and the words for them: which published counts they are."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        super().__init__(con)
        self.con = con

    def cell(self, unknown: int) -> tuple[Term, datetime | None]:
        """What an unknown is, and since when it was published; of a rest the margin it is left over from."""
        if unknown in self.rest_of:
            [term, *_] = self.sum(self.rest_of[unknown] - 1).terms
            return term, None
        row = self.con.execute(f"SELECT 1.0 AS coef, {_TERM}, since FROM unknowns u JOIN seen s USING (version) JOIN cells USING (cell)"
                               f" WHERE u.nr = {unknown}").fetchone()  # fmt: skip
        assert row is not None
        return Term(*row[:8]), row[8]

    def sum(self, number: int) -> Sum:
        """A sum in full."""
        row = self.con.execute(f"SELECT kind, low, high, rest FROM sums WHERE instance = {number + 1}").fetchone()
        assert row is not None
        terms = self.con.execute(f"SELECT coef, {_TERM} FROM terms t JOIN seen s USING (version) JOIN cells USING (cell)"
                                 f" WHERE t.instance = {number + 1} ORDER BY coef DESC, place, interval_start, measure").fetchall()  # fmt: skip
        return Sum(row[0], tuple(Term(*t) for t in terms), row[1], row[2], row[3])


_TERM = "measure, source, place, interval_start, interval_end, s.lo, s.hi"


def _unsafe(unknowns: _Described, system: System, unknown: int, possible: set[int], group: Ints) -> Unsafe:
    cell, since = unknowns.cell(unknown)
    what = "group" if not unknowns.small[unknown] else "shown" if unknowns.known[unknown] else "withheld"
    return Unsafe(cell, what, since, tuple(sorted(possible)), tuple(_derivation(unknowns, system, unknown, group)))


def _derivation(unknowns: _Described, system: System, unknown: int, group: Ints) -> list[Sum]:
    """The sums that drew its bounds in, then those that drew in the bounds of what stands in these; else all it hangs together with."""
    told: list[int] = []
    waiting, done = [unknown], set()
    while waiting and len(told) < _CHAIN:
        at = waiting.pop(0)
        done.add(at)
        for number in {int(system.by_low[at]), int(system.by_high[at])} - {-1, *told}:
            told.append(number)
            waiting += [int(u) for u in system.at[system.of == number] if int(u) not in done]
    if not told:
        told = sorted({int(n) for n in system.of[group[system.at] == group[unknown]]})[:_CHAIN]
    return [unknowns.sum(number) for number in told[:_CHAIN]]
