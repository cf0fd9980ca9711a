"""Rules 14-19 over the rows of one atom, from the first row to the last, as a person would do it. Oracle only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.indicators.naive_levels import Place, Slot

RANK = {"normal": 0, "elevated": 1, "high": 2, "critical": 3, "unknown": 0}
LATER = 10**12
NAMES = ["normal", "elevated", "high", "critical"]


@dataclass(frozen=True)
class Row:
    """A slot of one indicator, with what is judged and what is shown."""

    slot: Slot
    value: float | None
    level: str
    reason: str | None
    confidence: float | None

    @property
    def known(self) -> bool:
        return self.level != "unknown"


def situations(rows: dict[str, list[Row]], until: int, delay: int = 300) -> list[dict[str, Any]]:
    """All situations of an atom, given the rows of its indicators, in order of start: content columns.

    ``until``: the moment until which slots could be known by now; ``delay`` of the source, in seconds.
    """
    places = {name: Place() for name in rows}
    held: dict[tuple[str, int], int] = {}
    now = dict.fromkeys(rows, (0, 0, 0))
    found: list[dict[str, Any]] = []
    open_since, last_exit, previous_end, opened = 0, 0, 0, 0
    for start in sorted({r.slot.start for part in rows.values() for r in part}):
        for name, part in rows.items():
            row = next((r for r in part if r.slot.start == start), None)
            now[name] = places[name].take(row.slot if row else None)
            held[name, start] = now[name][0]
        level = max(h for h, _, _ in now.values())
        if level and not open_since:
            open_since = max(min(b for _, b, _ in now.values() if b), previous_end)
            opened, last_exit = start, 0
        if open_since:
            last_exit = max(last_exit, *(left for _, _, left in now.values()))
        if open_since and not level:
            found.append(_tell(rows, held, set(), (0, delay), started=open_since, opened=opened, last=start, ended=last_exit))
            previous_end, open_since = last_exit, 0
    on = {name for name, (h, _, _) in now.items() if h}
    if open_since:
        found.append(_tell(rows, held, on, (until, delay), started=open_since, opened=opened, last=LATER, ended=None))
    elif begun := {name: b for name in rows if (b := _under_way(places[name], rows[name][-1].slot.minutes, until))}:
        since = max(min(begun.values()), previous_end)
        found.append(_tell(rows, held, set(begun), (until, delay), started=since, opened=LATER, last=LATER, ended=None))
    return found


def _under_way(place: Place, minutes: int, until: int) -> int:
    """Start of the earliest run towards turning on that is not over by the clock: two hours, or two of the last interval."""
    longest = max(7200, 2 * minutes * 60)
    return min((m.counted[0].start for m in place.machines if m.counted and until - m.counted[-1].end <= longest), default=0)


def _tell(
    rows: dict[str, list[Row]], held: dict[tuple[str, int], int], active: set[str], clock: tuple[int, int], *, started: int,
    opened: int, last: int, ended: int | None,
) -> dict[str, Any]:  # fmt: skip
    """One situation over the slots from ``started`` to ``last``; levels held before ``opened`` are those of an earlier one.

    ``clock``: until when slots could be known, and the delay.
    """
    parts = {name: [r for r in part if started <= r.slot.start <= last] for name, part in rows.items()}
    levels = {name: [held[name, r.slot.start] if r.slot.start >= opened else 0 for r in part] for name, part in parts.items()}
    peaks = {name: max(found, default=0) for name, found in levels.items()}
    peak = max(peaks.values())
    took_part = [name for name in rows if peaks[name]] or [name for name in rows if name in active]
    watched = [name for name in rows if name in active] or took_part
    seen = max((r.slot.end for name in watched for r in parts[name] if r.known), default=0)
    due = max(clock[0], *(r.slot.end for name in watched for r in parts[name]))
    state = "closed" if ended is not None else "open" if peak else "pending"
    blind = state == "open" and due - seen >= 7200
    reasons = {r.reason for name in took_part for r in parts[name] if r.reason and (not r.known or r.slot.bands[0] & 1)}
    lead = min(took_part, key=lambda name: _order(name, parts[name], levels[name]))
    level = 0
    if state == "open":
        level = max(levels[name][-1] for name in active)
    return {
        "state": state, "started_at": started, "ended_at": ended, "level": NAMES[level], "peak_level": NAMES[peak],
        "observed_until": seen, "leading_indicator": lead, "reasons": sorted(reasons | ({"unobserved"} if blind else set())),
        "confidence": _confidence(parts[lead], clock[1], blind),
    }  # fmt: skip


def _order(name: str, part: list[Row], levels: list[int]) -> tuple[Any, ...]:
    """Highest held level, first reached; else highest instant level, first reached; else the name."""
    top = max(levels)
    when = next(r.slot.start for r, level in zip(part, levels, strict=True) if level == top) if top else LATER
    known = [r for r in part if r.known]
    rank = max((_rank(r) for r in known), default=0)
    worst = [r for r in known if _rank(r) == rank]
    value = max((r.value for r in worst if r.value is not None), default=None)
    first = next((r.slot.start for r in worst if r.value == value), LATER)
    return -top, when, -rank, first, name


def _rank(row: Row) -> int:
    return max((band + 1 for band, bits in enumerate(row.slot.bands) if bits & 1), default=0)


def _confidence(part: list[Row], delay: int, blind: bool) -> float | None:
    """Known confidences over all expected slots; less when the newest known data are stale, none without sight."""
    known = [r for r in part if r.known]
    given = [r.confidence for r in known if r.confidence is not None]
    if not given:
        return None
    last = part[-1].slot
    age = last.end + delay - known[-1].slot.end
    fresh = 0 if blind else min(1, (2 * last.minutes * 60 + delay) / max(age, 1))
    return round(sum(given) / len(given) * len(known) / len(part) * fresh, 4)
