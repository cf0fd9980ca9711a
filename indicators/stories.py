"""Which situation goes on under which id when data come late, and which situations are one story (rule 19)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Stretch(NamedTuple):
    """From ``start`` to ``stop`` (half-open); ``under_way`` when it is open."""

    start: int
    stop: int
    under_way: bool

    def shared(self, other: Stretch) -> int:
        """Seconds in both."""
        return min(self.stop, other.stop) - max(self.start, other.start)


def match(new: Sequence[Stretch], old: Sequence[Stretch]) -> list[int | None]:
    """Which old stretch each new one continues (its place in ``old``), by overlap; both in order, each without overlaps.

    When late data cut a stretch in two or join two, what is open goes on as what was open: people are following that one.
    Else the longest overlap counts, then the earlier.
    """
    pairs, first = [], 0
    for i, stretch in enumerate(new):
        while first < len(old) and old[first].stop <= stretch.start:
            first += 1
        for j in range(first, len(old)):
            if old[j].start >= stretch.stop:
                break
            pairs.append((not (stretch.under_way and old[j].under_way), -stretch.shared(old[j]), i, j))
    found: list[int | None] = [None] * len(new)
    taken: set[int] = set()
    for _, _, i, j in sorted(pairs):
        if found[i] is None and j not in taken:
            found[i] = j
            taken.add(j)
    return found


class Member(NamedTuple):
    """A situation that may share a group; open over [started, stop) (``FOREVER`` while it is open)."""

    situation_id: str
    place: str
    started: int
    stop: int
    signalled: int

    @property
    def seniority(self) -> tuple[int, int, str]:
        """A group is called after its member that was signalled first, so that who joins later does not rename it."""
        return self.signalled, self.started, self.situation_id


def groups(members: Sequence[Member], beside: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """Group of every situation: those at the same or neighbouring places open together share the id of the most senior."""
    root = {m.situation_id: m for m in members}
    at: dict[str, list[Member]] = {}
    for member in members:
        at.setdefault(member.place, []).append(member)

    def find(member: Member) -> Member:
        while root[member.situation_id] is not member:
            member = root[member.situation_id]
        return member

    edges = {(p, p) for p in at} | {(p, q) for p in at for q in beside.get(p, ()) if p < q and q in at}
    for one, other in edges:
        longest: Member | None = None
        for member in sorted({*at[one], *at[other]}, key=lambda m: (m.started, m.situation_id)):
            if longest is not None and member.started < longest.stop:
                low, high = sorted((find(longest), find(member)), key=lambda m: m.seniority)
                root[high.situation_id] = low
            if longest is None or member.stop > longest.stop:
                longest = member
    return {m.situation_id: find(m).situation_id for m in members}
