"""Stories of alerts: a strip of letters a situation, what people do meanwhile, and the messages that should have gone.

Letters, one a run: ``.`` nothing (or over), ``p`` pending, ``e`` ``h`` ``C`` open at that held level, ``g`` a gap: as before and no
new data, ``?`` without sight: as before, for over two hours, ``k`` ended by a person, ``x`` late data: it never was. ``hx4`` is four
times ``h``. In ``runs`` and ``data`` of a watch: ``r`` or ``d`` there was one, ``-`` there was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from indicators.series import tokens
from pipelines.alerts import watch
from pipelines.alerts.decision import decide
from pipelines.alerts.model import Ack, Message, Mute, Seen, State, rank
from schemas.settings.alerts import Alerts
from schemas.settings.base import Duration, Interval, Strict

STORIES = Path(__file__).with_name("stories")
LEVEL = {"e": "elevated", "h": "high", "C": "critical"}
LETTERS = {".", "p", "g", "?", "k", "x", *LEVEL}
RULE = {"rule": "manager", "role": "crowd-manager", "from_level": "high", "channels": ["mail"]}
USUAL: dict[str, Any] = {"channels": {"mail": {"kind": "apprise", "address_from": "MAIL"}}, "rules": [RULE]}


class Later(Strict):
    """From ``at`` on other settings, by key of ``alerts``."""

    at: str
    alerts: dict[str, Any]


class Story(Strict):
    """``alerts``: keys that replace those of the town (of the shipped stories: one rule, from high, one channel).

    ``do``: lines like ``20:10 ack overcrowding square by duty-officer`` or ``20:10 mute until 21:00 by duty-officer`` with, behind
    the moment, ``role``, ``rule``, ``risk`` or ``place`` and a name, to mute only that; ``20:30 unmute``. ``no_run``: moments at which
    no run was. ``together``: places that are neighbours. ``data_age``: how old the data are when a run sees them. ``filled_until``: with
    origin ``backfill``, the moment up to which history was filled.
    """

    title: str = Field(min_length=12, description="a sentence")
    why: str | None = None
    day: date = date(2026, 6, 20)
    start: str = Field(default="20:00", alias="from")
    every: Interval = Field(default="5min", validate_default=True)
    alerts: dict[str, Any] = Field(default_factory=dict)
    later: tuple[Later, ...] = ()
    situations: dict[str, str] = Field(default_factory=dict)
    together: tuple[tuple[str, ...], ...] = ()
    origin: Literal["live", "backfill", "replay"] = "live"
    filled_until: str | None = None
    data_age: Duration = Field(default="0min", validate_default=True)
    no_run: tuple[str, ...] = ()
    do: tuple[str, ...] = ()
    runs: str | None = None
    data: str | None = None
    expect: tuple[str, ...]


class StoryFile(Strict):
    """A file of stories."""

    stories: tuple[Story, ...] = Field(min_length=1)


class StoryError(ValueError):
    """A story that cannot be played: what is wrong with it."""


@dataclass
class _Row:
    """A situation of a strip while it is played; ``seen_at``: the run at which its data were known last."""

    number: int = 0
    seen: Seen | None = None
    since: int = 0


@dataclass
class _Stage:
    story: Story
    tz: ZoneInfo
    rows: dict[str, _Row] = field(default_factory=dict)
    acks: list[Ack] = field(default_factory=list)
    mutes: list[Mute] = field(default_factory=list)

    def at(self, clock: str) -> datetime:
        """A clock time of the story; one before its start is the day after. Of an hour that comes twice the first."""
        try:
            hour, minute = map(int, clock.split(":"))
            found = datetime(self.story.day.year, self.story.day.month, self.story.day.day, hour, minute, tzinfo=self.tz)
        except ValueError:
            raise StoryError(f"`{clock}` is not a clock time") from None
        return (found + timedelta(days=1) if clock < self.story.start else found).astimezone(UTC)

    def settle(self, name: str, letter: str, at: datetime) -> None:
        """Bring the situation of a strip to what its letter says."""
        if letter not in LETTERS:
            raise StoryError(f"{name}: `{letter}` is no letter of a strip")
        risk, place = name.split()
        row = self.rows.setdefault(name, _Row())
        known, seen = at - self.story.data_age, row.seen
        if letter in ".kx":
            if letter == "x":
                row.seen = None
            elif seen and seen.state != "closed":
                reason = "person" if letter == "k" else "data"
                row.seen = replace(
                    seen, state="closed", level="normal", ended_at=at, end_reason=reason, unobserved=False, observed_until=known
                )
            return
        if seen is None or (seen.state == "closed" and letter not in "g?"):
            row.number += 1
            name_of_it = f"{risk}-{place}-{row.number}"
            filled = self.at(self.story.filled_until) if self.story.filled_until else None
            seen = Seen(name_of_it, name_of_it, risk, place, "pending", "normal", "normal", known, origin=self.story.origin,
                        filled_until=filled)  # fmt: skip
        if letter == "g":
            return
        if letter == "?":
            row.seen = replace(seen, unobserved=True)
            return
        level = LEVEL.get(letter, "normal")
        peak = max(level, seen.peak_level, key=rank)
        state = "open" if letter in LEVEL else "pending"
        row.seen = replace(seen, state=state, level=level, peak_level=peak, observed_until=known, unobserved=False)

    def grouped(self) -> list[Seen]:
        """The situations there are; open ones of neighbours are one group, named after the one that began first."""
        alive = [r.seen for r in self.rows.values() if r.seen]
        open_ones = sorted((s for s in alive if s.state == "open"), key=lambda s: (s.started_at, s.situation_id))
        group: dict[str, str] = {}
        for first in open_ones:
            reach, grew = {first.place}, True
            while grew:
                near = {p for s in open_ones for t in self.story.together if s.place in reach and s.place in t for p in t}
                grown = reach | {s.place for s in open_ones if s.place in near}
                grew, reach = grown != reach, grown
            for one in (s for s in open_ones if s.place in reach):
                group.setdefault(one.situation_id, group.get(first.situation_id, first.situation_id))
        for row in self.rows.values():
            if row.seen and row.seen.situation_id in group:
                row.seen = replace(row.seen, group_id=group[row.seen.situation_id])
        return [r.seen for r in self.rows.values() if r.seen]

    def act(self, line: str) -> None:
        """Do what a line of ``do`` says."""
        moment, verb, *words = line.split()
        at = self.at(moment)
        if verb == "unmute":
            self.mutes = [replace(m, until=min(m.until, at)) for m in self.mutes]
        elif verb == "ack" and len(words) == 4 and words[2] == "by":
            row = self.rows.get(f"{words[0]} {words[1]}")
            if row is None or row.seen is None:
                raise StoryError(f"`{line}`: there is no such situation then")
            self.acks.append(Ack(row.seen.situation_id, row.seen.level, words[3], at))
        elif verb == "mute" and len(words) % 2 == 0 and words:
            named = dict(zip(words[::2], words[1::2], strict=True))
            if not {"until", "by"} <= set(named) <= {"until", "by", "role", "rule", "risk", "place"}:
                raise StoryError(f"`{line}`: a mute names until and by, and may name role, rule, risk or place")
            what = [named.get(key) for key in ("role", "rule", "risk", "place")]
            self.mutes.append(Mute(line, named["by"], at, self.at(named["until"]), *what))
        else:
            raise StoryError(f"`{line}` is not something that can be done")


def play(story: Story, town: dict[str, Any], tz: ZoneInfo) -> list[str]:
    """The messages of a story, a line each, in order; ``town``: its alerts, as in the file. Raises :class:`StoryError`."""
    if story.runs is not None:
        return list(_watched(story, town, tz))
    stage, state = _Stage(story, tz), State()
    strips = {name: tokens(text) for name, text in story.situations.items()}
    if not strips or len({len(s) for s in strips.values()}) != 1 or any(len(name.split()) != 2 for name in strips):
        raise StoryError("the strips of a story are named `risk place`, and are equally long")
    length = len(next(iter(strips.values())))
    said: list[str] = []
    skipped, doing = {stage.at(c) for c in story.no_run}, sorted(story.do, key=lambda line: stage.at(line.split()[0]))
    for number in range(length):
        at = stage.at(story.start) + number * story.every
        for name, letters in strips.items():
            stage.settle(name, letters[number], at)
        while doing and stage.at(doing[0].split()[0]) <= at:
            stage.act(doing.pop(0))
        if at in skipped:
            continue
        rules = _alerts(town, story, [late for late in story.later if stage.at(late.at) <= at])
        seen = [s for s in stage.grouped() if s.state != "pending" or any(s.situation_id in t.members for t in state.threads)]
        decision = decide(state, seen, rules, stage.acks, stage.mutes, at, tz)
        state = decision.state
        said += [_line(m, tz) for m in (*decision.messages, *decision.withheld)]
    return said


def _alerts(town: dict[str, Any], story: Story, later: list[Later]) -> Alerts:
    told = {**town, **story.alerts}
    for change in later:
        told |= change.alerts
    told["rules"] = [{**RULE, **rule} if town is USUAL else rule for rule in told.get("rules", ())]
    return Alerts.model_validate(told)


def _watched(story: Story, town: dict[str, Any], tz: ZoneInfo) -> Iterator[str]:
    """The story of a watch: a strip of runs, and one of data."""
    rules, stage, told = _alerts(town, story, []), _Stage(story, tz), watch.Told()
    runs, last_run, known = tokens(story.runs or ""), None, None
    data = tokens(story.data) if story.data else ["d"] * len(runs)
    if rules.watch is None or len(data) != len(runs):
        raise StoryError("a story of runs needs `alerts: {watch: …}`, and strips that are equally long")
    for number, (run, came) in enumerate(zip(runs, data, strict=True)):
        at = stage.at(story.start) + number * story.every
        last_run, known = (at if run == "r" else last_run), (at if came == "d" and run == "r" else known)
        messages, told = watch.decide(told, watch.Pulse(last_run, {"supplier": known}), rules.watch, at)
        yield from (_line(m, tz) for m in messages)


def _line(message: Message, tz: ZoneInfo) -> str:
    """``20:10 manager: new high square+street``; withheld messages name the reason, bundles how many they hold."""
    parts: list[str] = [message.withheld or "", message.kind]
    if message.kind in ("no_run", "no_data", "recovered"):
        return f"{message.at.astimezone(tz):%H:%M} {message.rule}: {message.kind}"
    parts += [message.level, f"of {len(message.bundle)}" if message.bundle else "+".join(message.places)]
    parts += [f"(message {message.over_budget} this hour)"] if message.over_budget else []
    who = message.role if message.bundle else message.rule
    return f"{message.at.astimezone(tz):%H:%M} {who}: {' '.join(p for p in parts if p)}"


def differences(story: Story, town: dict[str, Any], tz: ZoneInfo) -> list[str]:
    """What a story told otherwise than expected, line by line; empty when all is as expected."""
    import difflib

    try:
        got = play(story, town, tz)
    except ValueError as error:
        return [f"! {error}"]
    return [line for line in difflib.ndiff(_at_once(story.expect), _at_once(got)) if line[0] in "+-"]


def _at_once(lines: Iterable[str]) -> list[str]:
    """Lines with those of one moment in order of the alphabet: which of them comes first does not matter."""
    return [line for _, group in groupby(lines, key=lambda line: line[:5]) for line in sorted(group)]
