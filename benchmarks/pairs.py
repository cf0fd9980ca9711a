"""Measure two things in turns and say how they compare."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Side = Callable[[], float]  # runs once and returns seconds per unit


@dataclass(frozen=True)
class Pair:
    """What came out: medians of both sides, and the median and the range of the ratios of the rounds.

    ``a``, ``b``: seconds per ``unit``. ``ratio``: the median of B ÷ A over the rounds, not the ratio of the medians: in
    a round both met the same machine. ``low``, ``high``: the smallest and the largest ratio of a round.
    """

    what: str
    a_is: str
    b_is: str
    unit: str
    a: float
    b: float
    ratio: float
    low: float
    high: float
    rounds: int
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def seconds(call: Callable[[], object], units: int = 1) -> float:
    """How long one call takes, per unit of the work it does."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) / units


def measure(what: str, a_is: str, a: Side, b_is: str, b: Side, *, unit: str, rounds: int, note: str = "") -> Pair:
    """A B A B …; when there is more than one round, each side runs once before, uncounted."""
    if rounds > 1:
        a(), b()
    taken = [(a(), b()) for _ in range(rounds)]
    ratios = [in_b / in_a for in_a, in_b in taken]
    return Pair(
        what, a_is, b_is, unit, statistics.median(t for t, _ in taken), statistics.median(t for _, t in taken),
        statistics.median(ratios), min(ratios), max(ratios), rounds, note,
    )  # fmt: skip


def in_words(taken: float) -> str:
    """Seconds, short: ``12.3 ms``."""
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns")):
        if taken * factor >= 1 or name == "ns":
            return f"{taken * factor:.3g} {name}"
    raise AssertionError


def times(ratio: float) -> str:
    """A ratio in three digits: ``1.08``."""
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.3g}"


def table(pairs: list[Pair]) -> str:
    """One table as text, the notes below it."""
    lines = [("what", "A", "B", "per", "B ÷ A", "spread", "rounds")]
    lines += [
        (p.what, f"{p.a_is}: {in_words(p.a)}", f"{p.b_is}: {in_words(p.b)}", p.unit, times(p.ratio),
         f"{times(p.low)} to {times(p.high)}", str(p.rounds)) for p in pairs
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*text, "", *(f"{p.what}: {p.note}" for p in pairs if p.note)])
