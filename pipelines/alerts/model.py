"""What the decision about alerts reads and gives: situations as they stand, what was told, messages. Plain data, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from schemas.settings import LEVELS

Kind = Literal[
    "new", "raised", "wider", "unobserved", "seen_again", "lowered", "ended", "correction", "reminder", "digest", "no_run", "no_data",
    "recovered"
]  # fmt: skip
#: Of two that would be told of one group at one moment the first stands.
KINDS: tuple[Kind, ...] = (
    "new",
    "raised",
    "unobserved",
    "correction",
    "wider",
    "seen_again",
    "lowered",
    "ended",
    "reminder",
    "digest",
)
#: Why a message that would have gone did not.
Withheld = Literal["quiet", "muted", "same_story", "budget"]


def rank(level: str) -> int:
    """Place of a level in the order of levels."""
    return LEVELS.index(level)


@dataclass(frozen=True)
class Seen:
    """A situation as it is stored now. ``delay``: how long after an interval its data are due (rule 4).

    ``filled_until``: the moment the newest backfill was for, of a situation that one found.
    """

    situation_id: str
    group_id: str
    safety_risk: str
    place: str
    state: str
    level: str
    peak_level: str
    started_at: datetime
    ended_at: datetime | None = None
    end_reason: str | None = None
    origin: str = "live"
    observed_until: datetime | None = None
    unobserved: bool = False
    delay: timedelta = timedelta(0)
    filled_until: datetime | None = None

    @property
    def seen_live(self) -> bool:
        """Found by a run; or found in history by a backfill, and a run has seen since that it goes on."""
        if self.origin != "backfill":
            return self.origin == "live"
        return bool(self.filled_until and self.observed_until and self.observed_until > self.filled_until)

    @property
    def atom(self) -> tuple[str, str]:
        """What a situation is of (rule 19)."""
        return self.safety_risk, self.place


@dataclass(frozen=True)
class Ack:
    """A role has taken note of a situation, at the level it had then."""

    situation_id: str
    level: str
    role: str
    at: datetime


@dataclass(frozen=True)
class Mute:
    """Nothing is told that matches all that is named, from ``at`` until ``until``: a decision of ``by``, a role."""

    mute_id: str
    by: str
    at: datetime
    until: datetime
    role: str | None = None
    rule: str | None = None
    safety_risk: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Message:
    """Something to be told. ``message_id`` follows from what is told, so that a repeated decision gives it again.

    ``leading`` is the situation that lends level, sentence and measure; ``situation_ids`` are all of the group that the rule is
    about. ``before``: the level told last. ``over_budget``: it goes although the role's hour is full. ``bundle``: of a digest.
    """

    message_id: str
    kind: Kind
    rule: str
    role: str
    channels: tuple[str, ...]
    at: datetime
    level: str
    leading: str | None = None
    group_id: str | None = None
    situation_ids: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    new_places: tuple[str, ...] = ()
    before: str | None = None
    withheld: Withheld | None = None
    over_budget: int | None = None
    bundle: tuple[Message, ...] = ()

    @property
    def pressing(self) -> bool:
        """What no budget holds back: danger that is critical, and sight lost of it."""
        return self.level == "critical" and self.kind in ("new", "raised", "unobserved")


@dataclass(frozen=True)
class Thread:
    """One story as told by one rule: the group it follows, and what was last told of it.

    ``members``: situation → (risk, place, level told). ``calm_since`` and ``low_since``: since when it is calmer than told, without
    that being told.
    """

    thread_id: str
    rule: str
    role: str
    group_id: str
    members: dict[str, tuple[str, str, str]]
    level: str
    first_at: datetime
    last_at: datetime
    wider_at: datetime
    sent: int = 1
    blind: bool = False
    calm_since: datetime | None = None
    low_since: datetime | None = None

    @property
    def atoms(self) -> set[tuple[str, str]]:
        """Risk and place of all members."""
        return {(risk, place) for risk, place, _ in self.members.values()}

    @property
    def places(self) -> set[str]:
        """Places told of."""
        return {place for _, place, _ in self.members.values()}

    def with_members(self, more: dict[str, tuple[str, str, str]]) -> Thread:
        """The same with more members; of those known the new row holds."""
        return replace(self, members={**self.members, **more})


@dataclass(frozen=True)
class Held:
    """A message that the budget holds back until it is bundled."""

    message: Message
    since: datetime


@dataclass(frozen=True)
class State:
    """What is remembered of a municipality from run to run.

    ``told``: (moment, role) of messages of the last hour. ``waiting``: what was withheld, so that it is noted once and told as soon
    as nothing withholds it, however old its data are by then. ``digests``: role → moment of its last bundle.
    """

    threads: tuple[Thread, ...] = ()
    told: tuple[tuple[datetime, str], ...] = ()
    held: tuple[Held, ...] = ()
    waiting: frozenset[str] = frozenset()
    digests: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """Messages to be sent, those withheld with the reason, and the state after."""

    messages: tuple[Message, ...]
    withheld: tuple[Message, ...]
    state: State


def plain(value: Any) -> Any:
    """For JSON: moments as text, tuples and sets as lists."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"not for JSON: {type(value).__name__}")
