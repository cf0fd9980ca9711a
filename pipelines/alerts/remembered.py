"""The state of alerts as JSON text and back: what one run leaves for the next."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipelines.alerts.model import Held, Message, State, Thread, plain

MOMENTS = {"first_at", "last_at", "wider_at", "calm_since", "low_since", "at", "since"}


def dump(state: State) -> str:
    """The state as text; the same state always gives the same text."""
    return json.dumps(asdict(state), default=plain, sort_keys=True, ensure_ascii=False)


def load(text: str | None) -> State:
    """A state from its text; a new one without."""
    if not text:
        return State()
    data = json.loads(text)
    return State(
        threads=tuple(_thread(t) for t in data["threads"]),
        told=tuple((datetime.fromisoformat(at), role) for at, role in data["told"]),
        held=tuple(Held(_message(h["message"]), datetime.fromisoformat(h["since"])) for h in data["held"]),
        waiting=frozenset(data["waiting"]),
        digests={role: datetime.fromisoformat(at) for role, at in data["digests"].items()},
    )


def _thread(data: dict[str, Any]) -> Thread:
    members = {name: (m[0], m[1], m[2]) for name, m in data["members"].items()}
    return Thread(**{**_moments(data), "members": members})


def _message(data: dict[str, Any]) -> Message:
    lists = {name: tuple(data[name]) for name in ("channels", "situation_ids", "places", "new_places")}
    return Message(**{**_moments(data), **lists, "bundle": tuple(_message(m) for m in data["bundle"])})


def _moments(data: dict[str, Any]) -> dict[str, Any]:
    return {k: datetime.fromisoformat(v) if k in MOMENTS and v is not None else v for k, v in data.items()}
