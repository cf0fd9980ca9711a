"""What an explanation holds. All of it is plain data, for ``--json``; times are UTC, numbers carry the unit beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

Record = dict[str, Any]


class NotFound(Exception):
    """There is no such situation or value in the published database; the message says where to look."""


@dataclass
class Row:
    """One observation behind an input, and where it stands in the supplier's file. ``value`` is text: "<15" when withheld.

    ``file_check`` is a code of ``texts.yaml``; ``file_says`` is what the file gives now where that differs.
    """

    input: str
    source: str
    place: str
    interval_start: datetime
    interval_end: datetime
    measure: str
    value: str
    status: str
    delivery: str | None
    received_at: datetime | None
    issued_at: datetime | None
    recorded_at: datetime
    file_row: int | None = None
    file_check: str = ""
    file_says: str | None = None


@dataclass
class Behind:
    """A delivered measure at a place that has a say in an input: what it counts, times ``factor``."""

    place: str
    measure: str
    factor: float


@dataclass
class Candidate:
    """A way to an input here: a measure from a source (or from several over places), and what it had for this slot.

    ``status`` None: it counts too coarsely for the interval; ``none``: nothing was due or reported. ``sporadic``: comes when
    somebody reports.
    """

    source: str
    measure: str
    rank: int
    sporadic: bool
    status: str | None
    coverage: float | None
    counted: bool
    behind: list[Behind]


@dataclass
class InputFound:
    """An input of the card: what it was, and which source counted and why (``why``: a code of ``texts.yaml``).

    ``shown``: the number as text, "<15" or "0…14" when withheld, None when nothing is known, or not
    enough of the interval. ``minutes_ago``: the input looks
    at an earlier slot.
    """

    name: str
    references: tuple[str, ...]
    shown: str | None
    status: str
    coverage: float | None
    confidence: float | None
    source: str
    measure: str
    why: str
    candidates: list[Candidate]
    behind: list[Behind]
    minutes_ago: float


@dataclass
class Line:
    """One line of the formula: as written, with the numbers in it, and what came out ("0…0.5" for a range; None unknown).

    ``role``: let, formula, applies_when, requires, material or cap; ``holds`` for conditions; ``reason`` is their code.
    """

    role: str
    name: str
    text: str
    filled: str
    result: str | None
    holds: bool | None = None
    reason: str | None = None


@dataclass
class BandStep:
    """Where the machine of one band stands after a slot. ``counted`` of ``needed`` minutes towards its next change."""

    on: bool
    counted: float
    needed: float
    changed: bool


@dataclass
class Step:
    """One slot on the way to a held level. ``value`` is None when withheld or not known."""

    interval_start: datetime
    interval_end: datetime
    value: float | None
    level: str
    status: str
    reason: str | None
    held: str
    bands: dict[str, BandStep]


@dataclass
class Check:
    """One comparison of what is stored with what comes out again. ``what``: a code of ``texts.yaml``; ``name`` says of which.

    ``of``: how many comparisons this stands for, where they all agreed.
    """

    what: str
    name: str
    stored: Any
    again: Any
    agrees: bool
    of: int = 1


@dataclass
class Explanation:
    """Everything behind one value of an indicator, and the situation it led to; ``agrees``: all came out as stored."""

    sentence: dict[str, str]
    value: Record
    card: Record
    formula: list[Line]
    inputs: list[InputFound]
    parts: list[Record]
    rows: list[Row]
    settings: Record
    chain: list[Record]
    same_config: bool
    baseline_wanted: bool
    baseline: list[Record]
    paths: dict[str, list[Step]]
    from_rest: bool
    held: Step | None
    confidence: Record
    revisions: dict[str, list[Record]]
    recomputed: Record
    checks: list[Check]
    notes: list[str] = field(default_factory=list)
    situation: Record | None = None

    @property
    def agrees(self) -> bool:
        """Whether everything that was compared came out as it is stored."""
        return all(check.agrees for check in self.checks)

    def differences(self) -> Iterator[Check]:
        """The comparisons that failed."""
        return (check for check in self.checks if not check.agrees)

    def as_dict(self) -> Record:
        """For ``--json``."""
        return {**asdict(self), "agrees": self.agrees}
