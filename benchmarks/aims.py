"""What each benchmark should come to on two free cores, and whether it did: the aims of the project, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.pairs import Pair, in_words, times


@dataclass(frozen=True)
class Aim:
    """``wanted`` in words; ``found`` says what was measured, ``holds`` whether that is good enough."""

    wanted: str
    found: Callable[[Pair], str]
    holds: Callable[[Pair], bool]


def _ratio(most: float) -> Aim:
    return Aim(f"at most {most:g} ×", lambda p: f"{times(p.ratio)} ×", lambda p: p.ratio <= most)


def _time(most: float) -> Aim:
    return Aim(f"at most {in_words(most)}", lambda p: in_words(p.b), lambda p: p.b <= most)


def _rows(least: float) -> Aim:
    return Aim(f"{least:,.0f} rows/s", lambda p: f"{1 / p.b:,.0f} rows/s", lambda p: 1 / p.b >= least)


AIMS = {
    "tick, 100 × the history": _ratio(1.2),
    "file to published, 1,000 zones": _time(0.3),
    "file to published, 1,000 zones, two thirds in a situation": _time(0.3),
    "file to published, 10,000 zones": _time(1.5),
    "file to published, 10,000 zones, two thirds in a situation": _time(1.5),
    "contract, clean": _rows(2_000_000),
    "contract, a third faulty": _rows(500_000),
    "backfill: SQL": _rows(300_000),
    "reading the last 4 hours": _ratio(1.1),
    "the last 4 hours": _time(0.01),
    "a year of one zone": _time(0.05),
    "whatif": _time(60),
}


def verdicts(pairs: list[Pair]) -> str:
    """A table of the pairs that have an aim: what was wanted, what came out, met or not."""
    judged = [(pair, AIMS[pair.what]) for pair in pairs if pair.what in AIMS]
    lines = [("aim", "wanted", "measured", "")]
    lines += [(p.what, aim.wanted, aim.found(p), "met" if aim.holds(p) else "NOT met") for p, aim in judged]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
