"""The dead man's switch: is there a run, and are there data? Asked by another process than the runs, told over another path.

It reads only what was published, remembers what it told in a small file of its own, and opens no database of the pipeline: so it
works while a run hangs, holds the lock, or no longer starts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pipelines.alerts.model import Kind, Message
from schemas.settings.alerts import Watch


@dataclass(frozen=True)
class Told:
    """What the watch told last: kind → moment; empty while all is well."""

    since: dict[str, datetime] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True)
class Pulse:
    """``last_run``: the moment the newest published run was for; ``known``: per source until when its data are known."""

    last_run: datetime | None
    known: Mapping[str, datetime | None] = field(default_factory=dict)


def decide(told: Told, pulse: Pulse, watch: Watch, at: datetime) -> tuple[list[Message], Told]:
    """Messages at ``at`` (aware), and what is told after them. No data means: of no source; one that is silent is for the board."""
    no_run = pulse.last_run is None or at - pulse.last_run > watch.no_run_for
    newest = max((moment for moment in pulse.known.values() if moment), default=None)
    no_data = not no_run and (newest is None or at - newest > watch.no_data_for)
    wrong: dict[Kind, bool] = {"no_run": no_run, "no_data": no_data}
    messages: list[Message] = []
    for kind, is_wrong in wrong.items():
        last = told.since.get(kind)
        if is_wrong and (last is None or at - last >= watch.repeat):
            told = replace(told, since={**told.since, kind: at}, number=told.number + 1)
            messages.append(_message(kind, watch, told.number, at))
        elif not is_wrong and last is not None:
            told = replace(told, since={k: v for k, v in told.since.items() if k != kind})
            if not no_run and not no_data:
                told = replace(told, number=told.number + 1)
                messages.append(_message("recovered", watch, told.number, at))
    return messages, told


def _message(kind: Kind, watch: Watch, number: int, at: datetime) -> Message:
    return Message(f"watch.{kind}.{at:%Y%m%dT%H%M%S}-{number}", kind, "watch", watch.role, watch.channels, at, "normal")


def remembered(path: Path) -> Told:
    """What was told, from the watch's own file; nothing when it is not there or cannot be read: better told twice than never."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Told({kind: datetime.fromisoformat(at) for kind, at in data["since"].items()}, int(data["number"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Told()


def remember(path: Path, told: Told) -> None:
    """Write it aside and in one stroke."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_suffix(".new")
    aside.write_text(
        json.dumps({"since": {k: v.isoformat() for k, v in told.since.items()}, "number": told.number}), encoding="utf-8"
    )
    aside.replace(path)
