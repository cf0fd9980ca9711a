"""What one rule has to tell of each group: follow what it told before, and see which change matters.

A :class:`Step` is a message that might go, with the thread as it is after it went and as it is when it did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.alerts.model import Ack, Kind, Message, Seen, Thread, rank
from schemas.settings.alerts import AlertRule, Alerts

RECENT = timedelta(minutes=30)  # rule 19: only live and recent situations notify


@dataclass(frozen=True)
class Step:
    """``after``: the thread once the message went (None: it is over); ``otherwise``: when it did not, or there is none."""

    message: Message | None
    after: Thread | None
    otherwise: Thread | None
    atoms: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def silent(cls, thread: Thread | None) -> Step:
        """Nothing to tell."""
        return cls(None, thread, thread)


@dataclass(frozen=True)
class Following:
    """A rule at a moment. ``waiting``: what was withheld before, as ``rule|situation`` (see :class:`State`)."""

    rule: AlertRule
    alerts: Alerts
    acks: Sequence[Ack]
    waiting: frozenset[str]
    at: datetime

    def steps(self, seen: Sequence[Seen], threads: Iterable[Thread]) -> Iterator[Step]:
        """Everything that the rule has to tell, or to remember."""
        about = [s for s in seen if self.is_about(s)]
        groups: dict[str, list[Seen]] = {}
        for situation in about:
            if situation.state == "open" and rank(situation.level) >= rank(self.rule.from_level):
                groups.setdefault(situation.group_id, []).append(situation)
        followed, gone = self._follow(groups, threads)
        for group_id in sorted(groups):
            thread = followed.get(group_id)
            yield self._begin(groups[group_id]) if thread is None else self._go_on(thread, groups[group_id])
        rows = {s.situation_id: s for s in about}
        for thread in gone:
            yield self._calm(thread, [rows[name] for name in thread.members if name in rows])

    def is_about(self, situation: Seen) -> bool:
        """Whether the rule names this risk and place, or names none."""
        rule = self.rule
        return (not rule.safety_risks or situation.safety_risk in rule.safety_risks) and (
            not rule.places or situation.place in rule.places
        )

    def tells_of(self, situation: Seen) -> bool:
        """Rule 19: seen live, and its newest data due within half an hour; or withheld before and still so."""
        if not situation.seen_live:
            return False
        known = situation.observed_until or situation.started_at
        return self.at - (known + situation.delay) <= RECENT or f"{self.rule.rule}|{situation.situation_id}" in self.waiting

    def _follow(self, groups: dict[str, list[Seen]], threads: Iterable[Thread]) -> tuple[dict[str, Thread], list[Thread]]:
        """Which thread tells of which group: the oldest of those that come together; threads of no group are apart.

        Where a group falls apart the thread stays with the worst part, and what was told of the other goes on in a thread of its own.
        """
        followed: dict[str, Thread] = {}
        gone: list[Thread] = []
        split: list[tuple[str, Thread]] = []
        for thread in sorted(threads, key=lambda t: (t.first_at, t.thread_id)):
            parts = sorted(
                (g for g, members in groups.items() if _shares(thread, members)), key=lambda g: (-_worst(groups[g]), g)
            )
            if not parts:
                gone.append(thread)
                continue
            older = followed.get(parts[0])
            followed[parts[0]] = _joined(older, thread) if older else thread
            split += [(part, thread) for part in parts[1:]]
        for part, thread in split:
            inherited = {n: m for n, m in thread.members.items() if n in {s.situation_id for s in groups[part]}}
            if inherited and part not in followed:
                level = max((m[2] for m in inherited.values()), key=rank)
                name = self._name(min(inherited))
                followed[part] = replace(thread, thread_id=name, members=inherited, level=level, sent=0, group_id=part)
        return followed, gone

    def _begin(self, group: list[Seen]) -> Step:
        """A group that the rule has told nothing of."""
        if not any(self.tells_of(s) for s in group):
            return Step.silent(None)
        lead = _leading(group)
        name = self._name(lead.situation_id)
        blind = all(s.unobserved for s in group)
        thread = Thread(
            name,
            self.rule.rule,
            self.rule.role,
            lead.group_id,
            _members(group),
            lead.level,
            self.at,
            self.at,
            self.at,
            blind=blind,
        )
        return Step(self._message(thread, "new", group, number=1), thread, None, _atoms(group))

    def _go_on(self, thread: Thread, group: list[Seen]) -> Step:
        """A group that was told of and is still as bad as the rule asks for."""
        lead, blind = _leading(group), all(s.unobserved for s in group)
        low = rank(lead.level) < rank(thread.level)
        known = [s for s in group if s.place in thread.places]
        thread = replace(
            thread, group_id=lead.group_id, calm_since=None, low_since=(thread.low_since or self.at) if low else None
        )
        thread = thread.with_members({k: v for k, v in _members(known).items() if k not in thread.members})
        kind = self._kind(thread, group, lead, blind)
        if kind is None:
            return Step.silent(thread)
        tells_all = kind in ("raised", "wider")
        after = replace(
            thread.with_members(_members(group if tells_all else known)),
            level=lead.level if kind in ("raised", "lowered") else thread.level,
            blind=blind if kind in ("unobserved", "seen_again", "raised") else thread.blind,
            low_since=None if kind == "lowered" else thread.low_since,
            wider_at=self.at if tells_all else thread.wider_at,
        )
        if kind != "reminder" and kind not in self.rule.tell:
            return Step.silent(after)
        sent = replace(after, sent=thread.sent + 1, last_at=self.at)
        return Step(self._message(thread, kind, group, number=sent.sent), sent, thread, _atoms(group))

    def _kind(self, thread: Thread, group: list[Seen], lead: Seen, blind: bool) -> Kind | None:
        """The change that matters most, if one does."""
        worse = [s for s in group if rank(s.level) > rank(thread.level) and self.tells_of(s)]
        new = [s for s in group if s.place not in thread.places and self.tells_of(s)]
        if worse:
            return "raised"
        if blind != thread.blind:
            return "unobserved" if blind else "seen_again"
        if new and self.at - thread.wider_at >= self.alerts.wider_every:
            return "wider"
        if thread.low_since and "lowered" in self.rule.tell and self.at - thread.low_since >= self.alerts.settle:
            return "lowered"
        if self.rule.repeat and self.at - thread.last_at >= self.rule.repeat and not self._acknowledged(thread, lead.level):
            return "reminder"
        return None

    def _acknowledged(self, thread: Thread, level: str) -> bool:
        return any(a.situation_id in thread.members and a.at <= self.at and rank(a.level) >= rank(level) for a in self.acks)

    def _calm(self, thread: Thread, rows: list[Seen]) -> Step:
        """Nothing of what was told is as bad as the rule asks for any more.

        Late data may show that it never was: the situation is gone from the table, or never reached that level. That is told at
        once; an end after it has lasted, unless a person ended it.
        """
        lasting = replace(thread, calm_since=thread.calm_since or self.at, low_since=None)
        never = all(s.state == "pending" or rank(s.peak_level) < rank(self.rule.from_level) for s in rows)
        by_person = bool(rows) and all(s.end_reason == "person" for s in rows)
        kind: Kind = "correction" if never and "correction" in self.rule.tell else "ended"
        if not never and not by_person and self.at - (lasting.calm_since or self.at) < self.alerts.settle:
            return Step.silent(lasting)
        if kind not in self.rule.tell:
            return Step.silent(None)
        message = self._message(thread, kind, rows, number=thread.sent + 1)
        return Step(message, None, lasting, frozenset(thread.atoms))

    def _message(self, thread: Thread, kind: Kind, group: list[Seen], number: int) -> Message:
        lead = _leading(group) if group else None
        level = lead.level if lead and lead.state == "open" else "normal"
        places = sorted({s.place for s in group}) or sorted(thread.places)
        new = [] if kind in ("new", "ended", "correction") else [p for p in places if p not in thread.places]
        return Message(
            f"{thread.thread_id}-{number}", kind, self.rule.rule, self.rule.role, self.rule.channels, self.at, level,
            leading=lead.situation_id if lead else min(thread.members), group_id=thread.group_id,
            situation_ids=tuple(sorted(s.situation_id for s in group) or sorted(thread.members)), places=tuple(places),
            new_places=tuple(new), before=None if kind == "new" else thread.level,
        )  # fmt: skip

    def _name(self, situation: str) -> str:
        """Names a thread: by its rule, the situation that led and the moment, so that a decision taken again gives it again."""
        return f"{self.rule.rule}.{situation}.{self.at:%Y%m%dT%H%M%S}"


def _shares(thread: Thread, members: list[Seen]) -> bool:
    """Whether a group is what a thread tells of: the group itself, a member, or what came after one at its place (an id may be new)."""
    return any(s.group_id == thread.group_id or s.situation_id in thread.members or s.atom in thread.atoms for s in members)


def _joined(older: Thread, younger: Thread) -> Thread:
    level = max(older.level, younger.level, key=rank)
    last = max(older.last_at, younger.last_at)
    return replace(
        older.with_members({**younger.members, **older.members}), level=level, last_at=last, blind=older.blind or younger.blind
    )


def _worst(group: Iterable[Seen]) -> int:
    return max(rank(s.level) for s in group)


def _leading(group: Sequence[Seen]) -> Seen:
    """As everywhere (decision 0009): an open one with the worst level, of those the earliest."""
    return min(
        group,
        key=lambda s: (s.state != "open", -rank(s.level if s.state == "open" else s.peak_level), s.started_at, s.situation_id),
    )


def _members(group: Iterable[Seen]) -> dict[str, tuple[str, str, str]]:
    return {s.situation_id: (s.safety_risk, s.place, s.level) for s in group}


def _atoms(group: Iterable[Seen]) -> frozenset[tuple[str, str]]:
    return frozenset(s.atom for s in group)
