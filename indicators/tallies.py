"""What is remembered of the slots of a stretch: how many, how many known, the worst of them, how sure.

A tally of a stretch is the tally of its first part and of its second part added: an open situation carries one from
day to day and never needs its first day again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indicators import judged
from schemas.settings import BANDS

PARTS = 1_000_000  # confidences are added as whole millionths: the sum is the same in any split and order
REASON_NONE = -1
STALE_INTERVALS = 2  # data are stale when older than this many intervals and the source's delay (rule 4)


@dataclass(frozen=True)
class Rows:
    """Indicator values of several series, ordered by ``series`` (numbered from 0) and start; arrays of one length N.

    ``offsets`` (S + 1): where each series begins. Moments are epoch seconds, ``delay`` the seconds after ``end`` at
    which the source is due. ``settings`` is a row of ``enter``/``for_seconds``/``keep_seconds`` (settings, 3).
    ``value``, ``coverage`` and ``confidence`` are NaN where there is none. ``reason`` is a place in ``reasons``, or
    -1. ``held`` (the held level after the slot, 0-3) is filled in while held levels run.
    """

    offsets: NDArray[np.int64]
    series: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    delay: NDArray[np.int64]
    packed: NDArray[np.int16]
    settings: NDArray[np.int32]
    known: NDArray[np.bool_]
    value: NDArray[np.float64]
    coverage: NDArray[np.float64]
    confidence: NDArray[np.float64]
    reason: NDArray[np.int16]
    held: NDArray[np.int8]
    reasons: tuple[str, ...]
    enter: NDArray[np.float64]
    for_seconds: NDArray[np.int64]
    keep_seconds: NDArray[np.int64]

    def part(self, series: int, start: int, stop: int) -> slice:
        """The rows of a series that start in [start, stop)."""
        low, high = self.offsets[series], self.offsets[series + 1]
        first, last = np.searchsorted(self.start[low:high], (start, stop))
        return slice(int(low + first), int(low + last))


@dataclass(frozen=True)
class Peak:
    """The worst known slot: ``rank`` 0-3 is its instant level, ``edges`` the ``enter`` of the bands in force then.

    ``value`` is None where it is withheld, an edge where the band does not exist.
    """

    rank: int
    value: float | None
    start: int
    coverage: float | None
    edges: tuple[float | None, ...]

    def worse_than(self, other: Peak, sign: int) -> bool:
        """By instant level, then by value (``sign`` -1: lower is worse; withheld is least), then the earlier slot."""

        def key(peak: Peak) -> tuple[int, float]:
            return peak.rank, -np.inf if peak.value is None else sign * peak.value

        return key(self) > key(other) or (key(self) == key(other) and self.start < other.start)


@dataclass(frozen=True)
class Tally:
    """Sums over slots of one series.

    ``slots`` expected, ``known`` of them; ``weighed`` have a confidence, ``weight`` is its sum in millionths.
    ``until``: end of the last slot, ``seen_until``: of the last known one; ``due``: when all of them could be known (end
    and the source's delay). ``seconds`` and ``delay``: length and delay of the last slot. ``reasons``: codes of slots that
    were not plainly calm. ``held``: highest held level, ``held_at``: start of the slot at which it was first so.
    """

    slots: int = 0
    known: int = 0
    weighed: int = 0
    weight: int = 0
    until: int = 0
    seen_until: int = 0
    due: int = 0
    seconds: int = 0
    delay: int = 0
    reasons: tuple[str, ...] = ()
    held: int = 0
    held_at: int = 0
    peak: Peak | None = None

    def plus(self, later: Tally, sign: int) -> Tally:
        """The tally of these slots and of those after them."""
        peak = self.peak
        if peak is None or (later.peak is not None and later.peak.worse_than(peak, sign)):
            peak = later.peak
        rises = later.held > self.held
        return Tally(
            slots=self.slots + later.slots,
            known=self.known + later.known,
            weighed=self.weighed + later.weighed,
            weight=self.weight + later.weight,
            until=max(self.until, later.until),
            seen_until=max(self.seen_until, later.seen_until),
            due=max(self.due, later.due),
            seconds=later.seconds if later.slots else self.seconds,
            delay=later.delay if later.slots else self.delay,
            reasons=tuple(sorted({*self.reasons, *later.reasons})),
            held=later.held if rises else self.held,
            held_at=later.held_at if rises else self.held_at,
            peak=peak,
        )

    @property
    def freshness(self) -> float:
        """1 while the newest known data are no older than ``stale_after`` (rule 4), then ``stale_after`` ÷ their age.

        The age is that at the moment the last expected slot was due, so that it is the same whenever it is computed.
        """
        age, stale_after = self.until + self.delay - self.seen_until, STALE_INTERVALS * self.seconds + self.delay
        return 1.0 if age <= stale_after else stale_after / age

    @property
    def confidence(self) -> float | None:
        """Completeness × source status × freshness, 0-1 (decision 0009); None when nothing known has a confidence.

        A value's own confidence is its coverage × its source's status (first choice or not). Here its mean over the known
        slots × the share of expected slots that are known × :attr:`freshness`.
        """
        if not self.weighed:
            return None
        return round(self.weight / PARTS / self.weighed * self.known / self.slots * self.freshness, 4)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, read back by :meth:`from_dict`."""
        return {**vars(self), "peak": self.peak and dict(vars(self.peak))}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Tally:
        """The tally that :meth:`as_dict` wrote, also after a way through JSON."""
        peak = data["peak"]
        found = None if peak is None else Peak(**{**peak, "edges": tuple(peak["edges"])})
        return cls(**{**data, "reasons": tuple(data["reasons"]), "peak": found})


def tally(rows: Rows, series: int, start: int, stop: int, sign: int, *, pending: bool = False) -> Tally:
    """Tally of the slots of a series that start in [start, stop). ``sign`` is -1 where lower is more dangerous.

    ``pending``: the situation is not open yet; a level held there belongs to the one before it.
    """
    part = rows.part(series, start, stop)
    if part.start == part.stop:
        return Tally()
    known = rows.known[part]
    weighed = known & ~np.isnan(rows.confidence[part])
    rank = ranks(rows.packed[part])
    held = np.zeros_like(rows.held[part]) if pending else rows.held[part]
    top = int(held.argmax())
    spoken = rows.reason[part][(rank > 0) | ~known]
    return Tally(
        slots=part.stop - part.start,
        known=int(known.sum()),
        weighed=int(weighed.sum()),
        weight=int(np.rint(rows.confidence[part][weighed] * PARTS).astype(np.int64).sum()),
        until=int(rows.end[part].max()),
        seen_until=int(rows.end[part][known].max()) if known.any() else 0,
        due=int((rows.end[part] + rows.delay[part]).max()),
        seconds=int(rows.end[part.stop - 1] - rows.start[part.stop - 1]),
        delay=int(rows.delay[part.stop - 1]),
        reasons=tuple(sorted(rows.reasons[i] for i in np.unique(spoken) if i != REASON_NONE)),
        held=int(held[top]),
        held_at=int(rows.start[part][top]) if held[top] else 0,
        peak=_peak(rows, part, known, rank, sign),
    )


def ranks(packed: NDArray[np.int16]) -> NDArray[np.int8]:
    """The highest band known to be reached, 0 none to 3 critical, of :mod:`indicators.judged` bits."""
    found: NDArray[np.int8] = (judged.decode(packed).reached * np.arange(1, len(BANDS) + 1)).max(axis=-1).astype(np.int8)
    return found


def _peak(rows: Rows, part: slice, known: NDArray[np.bool_], rank: NDArray[np.int8], sign: int) -> Peak | None:
    if not known.any():
        return None
    highest = known & (rank == rank[known].max())
    value = np.where(np.isnan(rows.value[part]), -np.inf, sign * rows.value[part])
    at = part.start + int(np.where(highest, value, -np.inf).argmax())
    if not highest[at - part.start]:  # all withheld: the first of them
        at = part.start + int(highest.argmax())
    return Peak(
        rank=int(rank[at - part.start]),
        value=_number(rows.value[at]),
        start=int(rows.start[at]),
        coverage=_number(rows.coverage[at]),
        edges=tuple(_number(edge) for edge in rows.enter[rows.settings[at]]),
    )


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
