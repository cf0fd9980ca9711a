"""Alert rules: who is told of which safety risk, from which held level, over which channel, and when not.

A channel's address or secret never stands in a file: the channel names the environment variable that holds it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from schemas.settings.bands import BandName, Weekday
from schemas.settings.base import Duration, Interval, RoleId, Slug, Strict

Tell = Literal["raised", "lowered", "wider", "unobserved", "seen_again", "ended", "correction"]
TELL: tuple[Tell, ...] = ("raised", "wider", "unobserved", "seen_again", "ended", "correction")
_VARIABLE = r"^[A-Z][A-Z0-9_]{2,63}$"


class Channel(Strict):
    """A way to reach people or a machine.

    ``apprise``: an address of the Apprise library (mail, Teams, Signal, text message …) in the variable ``address_from``.
    ``webhook``: an https address in ``address_from`` gets each message as JSON, with the id of the message in the header
    ``Idempotency-Key``. ``cap``: a CAP 1.2 file a message in ``folder``, below ``published/`` of the workspace.
    """

    kind: Literal["apprise", "webhook", "cap"]
    address_from: str | None = Field(default=None, pattern=_VARIABLE, description="environment variable that holds the address")
    folder: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    language: Literal["nl", "en"] | None = Field(default=None, description="the municipality's first language if not given")
    status: Literal["Actual", "Exercise", "System", "Test"] = Field(default="Actual", description="of CAP files")

    @model_validator(mode="after")
    def _where(self) -> Channel:
        if self.kind == "cap":
            if not self.folder or self.address_from:
                raise ValueError("a CAP channel writes into a folder | Give `folder: cap`, and no address_from.")
        elif not self.address_from or self.folder:
            raise ValueError(
                f"a channel of kind {self.kind} needs an address | Give `address_from: NAME_OF_A_VARIABLE`, no folder."
            )
        return self


class Quiet(Strict):
    """Hours on the local clock in which nothing is told under ``through``; what is still so afterwards is told then.

    ``time`` may pass midnight; the night belongs to the day on which it began. Without ``through`` nothing is told at all.
    """

    time: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")
    weekdays: tuple[Weekday, ...] | None = None
    through: BandName | None = None


class AlertRule(Strict):
    """Tells ``role`` of situations of these risks (none named: all) at these places (all), from a held level on.

    ``new`` is always told; ``tell`` says which later changes are. ``repeat``: again so long after the last message, while
    nobody has acknowledged. ``fallback``: channels used when a message has not got through after some tries.
    """

    rule: Slug
    role: RoleId
    safety_risks: tuple[str, ...] = ()
    places: tuple[Slug, ...] = ()
    from_level: BandName = "high"
    channels: tuple[Slug, ...] = Field(min_length=1)
    fallback: tuple[Slug, ...] = ()
    tell: tuple[Tell, ...] = TELL
    repeat: Interval | None = None
    quiet: tuple[Quiet, ...] = ()


class Watch(Strict):
    """The dead man's switch: tells ``role`` when no run ended, or no source gave data, for too long.

    It is another process than the runs (`drukte alerts watch`), and should use another channel than they do. ``heartbeat_from``:
    a variable with an address that is called while all is well, for a watcher elsewhere that notices when the calls stop.
    """

    role: RoleId
    channels: tuple[Slug, ...] = Field(min_length=1)
    no_run_for: Interval = Field(default="30min", validate_default=True)
    no_data_for: Interval = Field(default="45min", validate_default=True)
    repeat: Interval = Field(default="1h", validate_default=True)
    heartbeat_from: str | None = Field(default=None, pattern=_VARIABLE)


class Alerts(Strict):
    """``budget``: messages an hour a role can look at; over it, what is not critical is bundled, and the bundle says so.

    ``settle``: so long a situation must stay calmer before that is told. ``wider_every``: at most so often a group is told to have
    spread. ``sender`` names the sender of CAP files; ``guide`` and ``board`` are the addresses that a message points to.
    """

    channels: dict[Slug, Channel] = Field(default_factory=dict)
    rules: tuple[AlertRule, ...] = ()
    budget: int = Field(default=6, ge=1, le=1000)
    budgets: dict[RoleId, int] = Field(default_factory=dict)
    settle: Duration = Field(default="15min", validate_default=True)
    wider_every: Duration = Field(default="15min", validate_default=True)
    sender: str = Field(default="drukte", pattern=r"^[^\s,<&]{1,200}$")
    guide: str | None = Field(default=None, pattern=r"^https?://\S+$")
    board: str | None = Field(default=None, pattern=r"^(https?|file)://\S+$")
    watch: Watch | None = None

    def budget_of(self, role: str) -> int:
        """Messages an hour for a role."""
        return self.budgets.get(role, self.budget)
