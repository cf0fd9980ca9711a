"""Which messages go now: (state before, situations now, rules, acknowledgements, mutes, moment) → messages and state after.

A plain function: nothing is read, nothing is sent, and the same gives the same. In three steps: each rule says what it has to tell
(:mod:`pipelines.alerts.follow`); quiet hours and mutes withhold, and what two rules would tell one role of one group is told once;
the budget of a role bundles what is too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.alerts.follow import Following, Step
from pipelines.alerts.model import KINDS, Ack, Decision, Held, Message, Mute, Seen, State, Thread, Withheld, rank
from schemas.settings.alerts import AlertRule, Alerts, Quiet

HOUR = timedelta(hours=1)
BUNDLE_EVERY = timedelta(minutes=15)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def decide(
    state: State, seen: Sequence[Seen], alerts: Alerts, acks: Sequence[Ack], mutes: Sequence[Mute], at: datetime, tz: ZoneInfo
) -> Decision:  # fmt: skip
    """Messages that go at ``at`` (aware) and those withheld; ``seen``: situations that are open, or that a thread tells of."""
    threads: list[Thread] = []
    offered: list[Message] = []
    withheld: list[Message] = []
    waiting: set[str] = set()
    for rule in alerts.rules:
        own = [t for t in state.threads if t.rule == rule.rule]
        for step in Following(rule, alerts, acks, state.waiting, at).steps(seen, own):
            reason = _withheld(step, rule, mutes, at, tz)
            kept = step.otherwise if reason or step.message is None else step.after
            threads += [kept] if kept else []
            if step.message is None:
                continue
            if reason is None:
                offered.append(step.message)
                continue
            marks = _marks(step.message)
            waiting |= marks
            if not marks <= state.waiting:
                withheld.append(replace(step.message, withheld=reason))
    kept_messages, same = _once_a_role(offered)
    messages, dropped, after = _within_budget(state, kept_messages, alerts, at)
    return Decision(
        tuple(messages), (*withheld, *same, *dropped), replace(after, threads=tuple(threads), waiting=frozenset(waiting))
    )


def _withheld(step: Step, rule: AlertRule, mutes: Sequence[Mute], at: datetime, tz: ZoneInfo) -> Withheld | None:
    if step.message is None:
        return None
    if any(_covers(mute, step, rule, at) for mute in mutes):
        return "muted"
    level = max(step.message.level, step.message.before or "normal", key=rank)
    if any(_is_quiet(quiet, level, at.astimezone(tz)) for quiet in rule.quiet):
        return "quiet"
    return None


def _covers(mute: Mute, step: Step, rule: AlertRule, at: datetime) -> bool:
    """Whether a mute holds for all that a message is about: where it spreads beyond the mute, it is told."""
    if not mute.at <= at < mute.until or mute.role not in (None, rule.role) or mute.rule not in (None, rule.rule):
        return False
    return all(mute.safety_risk in (None, risk) and mute.place in (None, place) for risk, place in step.atoms)


def _is_quiet(quiet: Quiet, level: str, local: datetime) -> bool:
    if quiet.through is not None and rank(level) >= rank(quiet.through):
        return False
    start, end = quiet.time.split("-")
    clock = f"{local:%H:%M}"
    after_midnight = start > end and clock < end
    inside = start <= clock < end if start <= end else clock >= start or after_midnight
    day = _DAYS[(local.weekday() - after_midnight) % 7]
    return inside and (quiet.weekdays is None or day in quiet.weekdays)


def _marks(message: Message) -> set[str]:
    """How a withheld message is remembered: each situation, so that age does not count afterwards, and what was to be told."""
    told = f"{message.rule}|{message.group_id}|{message.kind}|{message.level}"
    return {told, *(f"{message.rule}|{name}" for name in message.situation_ids)}


def _once_a_role(messages: Iterable[Message]) -> tuple[list[Message], list[Message]]:
    """Of what several rules would tell one role of one group only the message that matters most, over the channels of all."""
    best: dict[tuple[str, str | None], Message] = {}
    dropped: list[Message] = []
    for message in sorted(messages, key=_order):
        first = best.setdefault((message.role, message.group_id), message)
        if first is not message:
            channels = tuple(dict.fromkeys((*first.channels, *message.channels)))
            best[message.role, message.group_id] = replace(first, channels=channels)
            dropped.append(replace(message, withheld="same_story"))
    return list(best.values()), dropped


def _order(message: Message) -> tuple[int, int, str, str]:
    return -rank(message.level), KINDS.index(message.kind), message.role, message.message_id


def _within_budget(
    state: State, messages: list[Message], alerts: Alerts, at: datetime
) -> tuple[list[Message], list[Message], State]:  # fmt: skip
    """Let go what fits into each role's hour and what is pressing; the rest is held, and told in a bundle each quarter of an hour.

    A reminder that does not fit is dropped: it comes again. A bundle of one is the message itself.
    """
    told = [(moment, role) for moment, role in state.told if at - moment < HOUR]
    held, digests = list(state.held), dict(state.digests)
    going: list[Message] = []
    dropped: list[Message] = []
    for message in sorted(messages, key=_order):
        count = sum(role == message.role for _, role in told)
        full = count >= alerts.budget_of(message.role)
        if full and message.kind == "reminder":
            dropped.append(replace(message, withheld="budget"))
            continue
        if full and not message.pressing:
            held.append(Held(message, at))
            continue
        told.append((at, message.role))
        going.append(replace(message, over_budget=count + 1) if full else message)
    for role in sorted({h.message.role for h in held}):
        count = sum(r == role for _, r in told)
        if count >= alerts.budget_of(role) and role in digests and at - digests[role] < BUNDLE_EVERY:
            continue
        bundle = tuple(h.message for h in held if h.message.role == role)
        held = [h for h in held if h.message.role != role]
        digests[role] = at
        told.append((at, role))
        over = count + 1 if count >= alerts.budget_of(role) else None
        going.append(_digest(role, bundle, at, over) if len(bundle) > 1 else replace(bundle[0], at=at, over_budget=over))
    digests = {role: moment for role, moment in digests.items() if at - moment < HOUR}
    return going, dropped, State(told=tuple(told), held=tuple(held), digests=digests)


def _digest(role: str, bundle: tuple[Message, ...], at: datetime, over: int | None) -> Message:
    worst = max(bundle, key=lambda m: (rank(m.level), m.message_id))
    return Message(
        f"bundle.{role}.{at:%Y%m%dT%H%M%S}", "digest", worst.rule, role, tuple(dict.fromkeys(c for m in bundle for c in m.channels)), at,
        worst.level, leading=worst.leading, group_id=worst.group_id,
        situation_ids=tuple(sorted({s for m in bundle for s in m.situation_ids})),
        places=tuple(sorted({p for m in bundle for p in m.places})), over_budget=over, bundle=bundle,
    )  # fmt: skip
