"""From held levels to situations: one stretch from first enter to last exit, per place and safety risk (rule 19).

Pure: the rows of a day and what was carried from the day before go in; versions of situations and what is carried on
come out. Nothing depends on when or in which order the rows became known (rule 22).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from indicators import levels
from indicators.levels import Held, Slots, State
from indicators.tallies import Peak, Rows, Tally, ranks, tally

UNOBSERVED_AFTER = 2 * 3600  # seconds without known data after which an open situation is marked (rule 15)
UNOBSERVED = "unobserved"
FOREVER = int(np.iinfo(np.int64).max)

# From a source's delay in seconds to the moment until which its slots could be known: what the clock says when no row does.
Clock = Callable[[int], int]


class Series(NamedTuple):
    """An indicator at the place of an atom. ``sign`` is -1 where lower values are more dangerous."""

    indicator: str
    sign: int


@dataclass(frozen=True)
class Version:
    """A situation as it was known at the slot that gave ``known_at`` (end of that slot and the source's delay).

    Versions come in order of their slots. ``known_at`` need not: a long slot is due after a shorter one that starts later.

    Moments are epoch seconds. ``level`` is the held level now, ``peak_level`` the highest so far (0-3), ``blind`` says
    that an open situation is unobserved. ``ended`` is None while it is not closed. ``peak`` is the worst slot of the
    leading indicator.
    """

    state: str
    level: int
    peak_level: int
    started: int
    ended: int | None
    seen_until: int
    blind: bool
    leading: str
    reasons: tuple[str, ...]
    confidence: float | None
    peak: Peak | None
    known_at: int


@dataclass
class Episode:
    """A situation under way: ``left`` is the latest start of a run that turned a band off (0 when none did)."""

    started: int
    left: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)


@dataclass
class Carry:
    """What an atom carries besides its machines. No situation begins before ``not_before``, the end of the last one."""

    episode: Episode | None = None
    not_before: int = 0


class Walk:
    """Held levels and situations of many atoms, day by day. ``atoms`` lists the series of each; the order is kept.

    Series are numbered through: those of atom ``a`` are ``first[a]`` up to ``first[a + 1]``.
    """

    def __init__(self, atoms: Sequence[Sequence[Series]]):
        self.atoms = [tuple(series) for series in atoms]
        self.first = np.concatenate([[0], np.cumsum([len(series) for series in self.atoms])]).astype(np.int64)
        self.state = State.rest(int(self.first[-1]))
        self.carries: dict[int, Carry] = {}

    def series_of(self, atom: int) -> range:
        """Numbers of the series of an atom."""
        return range(int(self.first[atom]), int(self.first[atom + 1]))

    def restless(self) -> levels.Bools:
        """Per atom: whether there is anything to carry."""
        found: levels.Bools = np.logical_or.reduceat(~self.state.resting(), self.first[:-1])
        found[list(self.carries)] = True
        return found

    def begins(self, atom: int) -> int:
        """Start of the situation that is open or pending here, as it stands; 0 at rest."""
        carry = self.carries.get(atom, Carry())
        if carry.episode:
            return carry.episode.started
        begun = _first(levels.begun(self._machines(atom)))
        return max(begun, carry.not_before) if begun else 0

    def day(self, rows: Rows, index: Any, stop: int, atoms: Iterable[int]) -> dict[int, list[Version]]:
        """Take in the rows ``index`` of one day, that ends at ``stop``, for the ``atoms`` under way.

        Returns the versions of the situations that opened, changed level or closed, in order. Quiet atoms (at rest,
        and nothing reached) cost nothing.
        """
        busy = self._busy(rows, index, atoms)
        if not busy:
            return {}
        columns = np.concatenate([np.asarray(self.series_of(a)) for a in busy])
        index = index[np.isin(rows.series[index], columns)]
        slots = _dense(rows, index, columns)
        if not len(slots.starts):
            return {}
        before = self.state.take(columns)
        state, held = levels.run(before, slots)
        self.state.put(columns, state)
        level = levels.held_level(before)
        _note_held(rows, index, columns, slots, held)
        versions: dict[int, list[Version]] = {}
        low = 0
        for atom in busy:
            high = low + len(self.atoms[atom])
            part = Held(held.level[:, low:high], held.begun[:, low:high], held.left[:, low:high])
            if part.level.any() or atom in self.carries:
                versions[atom] = self._walk(atom, rows, slots.starts, part, before=int(level[low:high].max()), stop=stop)
            low = high
        return versions

    def current(self, atom: int, rows: Rows, clock: Clock) -> Version | None:
        """The situation that is open or pending after the last slot; ``rows`` reach back to the start of a pending one.

        ``clock`` counts where rows no longer come (a source or place that ended): an open situation stays open, without
        sight; a run towards one is over as after any long gap.
        """
        carry = self.carries.get(atom, Carry())
        machines = self._machines(atom)
        series = self.atoms[atom]
        if carry.episode:
            on = [s.indicator for s, level in zip(series, levels.held_level(machines), strict=True) if level]
            return _version(carry.episode, int(levels.held_level(machines).max()), on, clock=clock)
        self._end_runs(atom, machines, rows, clock)
        begun = levels.begun(machines)
        if not begun.any():
            return None
        pending = Episode(max(_first(begun), carry.not_before))
        self._extend(pending, atom, rows, pending.started, FOREVER, pending=True)
        return _version(pending, 0, [s.indicator for s, start in zip(series, begun, strict=True) if start])

    def _end_runs(self, atom: int, machines: State, rows: Rows, clock: Clock) -> None:
        """End runs towards turning on that the clock has passed by, also where no row came to say so."""
        for column, number in enumerate(self.series_of(atom)):
            part = rows.part(number, 0, FOREVER)
            if part.start < part.stop:
                last = part.stop - 1
                longest = max(UNOBSERVED_AFTER, levels.MAX_GAP_INTERVALS * int(rows.end[last] - rows.start[last]))
                machines.run[clock(int(rows.delay[last])) - machines.run_end[:, column] > longest, column] = 0

    def freeze(self, atom: int) -> str | None:
        """All that an atom carries as text, equal exactly when it is equal; None at rest."""
        carry = self.carries.get(atom)
        machines = self._machines(atom)
        resting = machines.resting()
        if carry is None and resting.all():
            return None
        data: dict[str, Any] = {
            "bands": {s.indicator: machines.rows(i) for i, s in enumerate(self.atoms[atom]) if not resting[i]},
            "not_before": carry.not_before if carry else 0,
        }
        if carry and carry.episode:
            tallies = {name: t.as_dict() for name, t in carry.episode.tallies.items()}
            data["episode"] = {"started": carry.episode.started, "left": carry.episode.left, "tallies": tallies}
        return json.dumps(data, sort_keys=True)

    def thaw(self, atom: int, text: str | None) -> None:
        """Set an atom to what :meth:`freeze` wrote. Series it does not have now are left out: see :func:`frozen_series`."""
        numbers = {s.indicator: n for s, n in zip(self.atoms[atom], self.series_of(atom), strict=True)}
        self.carries.pop(atom, None)
        self.state.put(np.asarray(self.series_of(atom)), State.rest(len(numbers)))
        if text is None:
            return
        data = json.loads(text)
        for indicator, machines in data["bands"].items():
            self.state.set_rows(numbers[indicator], machines)
        found = data.get("episode")
        if found:
            tallies = {name: Tally.from_dict(t) for name, t in found["tallies"].items()}
            self.carries[atom] = Carry(Episode(found["started"], found["left"], tallies), data["not_before"])
        elif data["not_before"]:
            self.carries[atom] = Carry(None, data["not_before"])

    def reaches_back(self, atom: int) -> int:
        """Start of the earliest run towards turning on, of which the rows are still needed; 0 when there is none."""
        machines = self._machines(atom)
        return _first(machines.run_start[machines.on == 0])

    def _machines(self, atom: int) -> State:
        return self.state.take(np.asarray(self.series_of(atom)))

    def _busy(self, rows: Rows, index: Any, atoms: Iterable[int]) -> list[int]:
        """Atoms that are not at rest, or have a slot that reaches a band."""
        reached = np.zeros(self.state.on.shape[1], dtype=bool)
        reached[rows.series[index][ranks(rows.packed[index]) > 0]] = True
        stirred = np.logical_or.reduceat(reached, self.first[:-1]) | self.restless()
        return [atom for atom in atoms if stirred[atom]]

    def _walk(self, atom: int, rows: Rows, starts: levels.Ints, held: Held, *, before: int, stop: int) -> list[Version]:
        """Versions of one atom over a day that began at held level ``before``.

        Leaves the episode under way, tallied up to ``stop``, in the carry.
        """
        carry = self.carries.setdefault(atom, Carry())
        level = held.level.max(axis=1)
        done, mark = int(starts[0]), 0
        versions: list[Version] = []
        for t in np.flatnonzero(np.diff(level, prepend=before)):
            start = int(starts[t])
            if carry.episode is None:
                carry.episode, done = Episode(max(_first(held.begun[t]), carry.not_before)), start
                versions += self._run_up(carry.episode, atom, rows, start)
            self._extend(carry.episode, atom, rows, done, start + 1)
            carry.episode.left = max(carry.episode.left, int(held.left[mark : t + 1].max()))
            done, mark = start + 1, int(t) + 1
            on = [s.indicator for s, now in zip(self.atoms[atom], held.level[t], strict=True) if now]
            versions.append(_version(carry.episode, int(level[t]), on, self._known_at(atom, rows, start)))
            if not level[t]:
                carry.not_before, carry.episode = carry.episode.left, None
        if carry.episode is not None:
            self._extend(carry.episode, atom, rows, done, stop)
            carry.episode.left = max(carry.episode.left, int(held.left[mark:].max(initial=0)))
        self._forget(atom, carry)
        return versions

    def _run_up(self, episode: Episode, atom: int, rows: Rows, opened: int) -> list[Version]:
        """Tally the slots before the one that opened it; returns the version at its first slot, when it became pending."""
        first = Episode(episode.started)
        self._extend(first, atom, rows, episode.started, min(episode.started + 1, opened), pending=True)
        self._extend(episode, atom, rows, episode.started, opened, pending=True)
        names = [name for name, t in first.tallies.items() if t.peak and t.peak.rank]
        return [_version(first, 0, names, self._known_at(atom, rows, episode.started))] if names else []

    def _extend(self, episode: Episode, atom: int, rows: Rows, start: int, stop: int, *, pending: bool = False) -> None:
        """Add the slots that start in [start, stop) to the tallies of an episode."""
        for series, number in zip(self.atoms[atom], self.series_of(atom), strict=True):
            more = tally(rows, number, start, stop, series.sign, pending=pending)
            if more.slots:
                episode.tallies[series.indicator] = episode.tallies.get(series.indicator, Tally()).plus(more, series.sign)

    def _known_at(self, atom: int, rows: Rows, start: int) -> int:
        """When the slots of an atom that start at ``start`` could be known."""
        parts = [rows.part(number, start, start + 1) for number in self.series_of(atom)]
        return max(int(rows.end[p.start] + rows.delay[p.start]) for p in parts if p.start < p.stop)

    def _forget(self, atom: int, carry: Carry) -> None:
        """Drop what can no longer matter, so that equal futures have equal carries."""
        begun = _first(levels.begun(self._machines(atom)))
        if carry.episode is None and (not begun or begun >= carry.not_before):
            del self.carries[atom]


def frozen_series(text: str) -> tuple[str, ...]:
    """Indicators that a frozen atom speaks of."""
    data = json.loads(text)
    return tuple(sorted({*data["bands"], *data.get("episode", {}).get("tallies", ())}))


def _first(begun: Any) -> int:
    """The earliest moment that is not 0; 0 when there is none."""
    present = begun[begun > 0]
    return int(present.min()) if present.size else 0


def _dense(rows: Rows, index: Any, columns: Any) -> Slots:
    """Rows as slots × series ``columns`` (ascending)."""
    starts = np.unique(rows.start[index])
    at = np.searchsorted(starts, rows.start[index]), np.searchsorted(columns, rows.series[index])
    shape = len(starts), len(columns)
    seconds, packed, settings = np.zeros(shape, np.int64), np.zeros(shape, np.int16), np.zeros(shape, np.int32)
    seconds[at] = rows.end[index] - rows.start[index]
    packed[at] = rows.packed[index]
    settings[at] = rows.settings[index]
    return Slots(starts, seconds, packed, settings, rows.for_seconds, rows.keep_seconds)


def _note_held(rows: Rows, index: Any, columns: Any, slots: Slots, held: Held) -> None:
    """Write the held level after each slot beside its row."""
    at = np.searchsorted(slots.starts, rows.start[index]), np.searchsorted(columns, rows.series[index])
    rows.held[index] = held.level[at]


def _version(
    episode: Episode, level: int, active: Sequence[str], known_at: int | None = None, clock: Clock | None = None
) -> Version:
    """An episode as it stands. ``active``: indicators that hold it open (or pending); none when it has just closed."""
    tallies = episode.tallies
    peak_level = max((t.held for t in tallies.values()), default=0)
    took_part = [name for name, t in tallies.items() if t.held] or list(active)
    leading = min(took_part, key=lambda name: _precedence(name, tallies.get(name, Tally())))
    lead = tallies.get(leading, Tally())
    state = "open" if level else "closed" if peak_level else "pending"
    watched = [tallies[name] for name in (active or took_part) if name in tallies]
    seen_until = max((t.seen_until for t in watched), default=episode.started)
    due_until = max((t.until for t in watched), default=seen_until)
    if clock is not None:
        due_until = max(due_until, clock(max((t.delay for t in watched), default=0)))
    blind = state == "open" and due_until - seen_until >= UNOBSERVED_AFTER
    reasons = {reason for name in took_part if name in tallies for reason in tallies[name].reasons}
    due = max((t.due for t in tallies.values()), default=episode.started)
    return Version(
        state=state,
        level=level,
        peak_level=peak_level,
        started=episode.started,
        ended=episode.left if state == "closed" else None,
        seen_until=seen_until,
        blind=blind,
        leading=leading,
        reasons=tuple(sorted(reasons | {UNOBSERVED})) if blind else tuple(sorted(reasons)),
        confidence=lead.confidence and (0.0 if blind else lead.confidence),
        peak=lead.peak,
        known_at=due if known_at is None else known_at,
    )


def _precedence(indicator: str, found: Tally) -> tuple[int, int, int, int, str]:
    """The leading indicator has the highest held level, first reached; while pending the highest instant level."""
    rank, start = (found.peak.rank, found.peak.start) if found.peak else (0, FOREVER)
    return -found.held, found.held_at or FOREVER, -rank, start, indicator
