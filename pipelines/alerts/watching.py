"""The dead man's switch at work: read the pulse of a workspace, tell over the watch's own channels, call the heartbeat."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines import published, start
from pipelines.alerts import channels, watch
from pipelines.alerts.compose import compose_watch
from pipelines.alerts.model import Message
from pipelines.alerts.watch import Pulse
from schemas.config import Config


def look(config_dir: Path, workspace: Path, slug: str, at: datetime) -> tuple[str | None, list[str]]:
    """What is wrong now (``no_run``, ``no_data``, ``unwatched`` or None), and what could not be told or called. Raises :class:`Problems`."""
    config, _ = start.ready(config_dir, slug)
    rules = config.municipality.alerts.watch
    pulse = read(workspace, slug)
    memory = workspace / "private" / f"watch-{slug}.json"
    if rules is None:
        return "unwatched", [f"{config.file}: there is no `alerts: watch:`"]
    messages, told = watch.decide(watch.remembered(memory), pulse, rules, at)
    notes: list[str] = []
    reached = [notes_of for message in messages for notes_of in _tell(message, config, workspace, pulse)]
    notes += [note for note in reached if note]
    if not messages or len([n for n in reached if n]) < len(reached):
        watch.remember(memory, told)  # what reached nobody is told again at the next look
    wrong = next((kind for kind in ("no_run", "no_data") if kind in told.since), None)
    if wrong is None and rules.heartbeat_from:
        notes += _beat(rules.heartbeat_from)
    return wrong, notes


def read(workspace: Path, slug: str) -> Pulse:
    """The last run and the newest data that were published; nothing where the file is gone or cannot be read."""
    file = workspace / "published" / "indicators.duckdb"
    if not file.exists():
        return Pulse(None)
    try:
        con = published.connect(file)
    except duckdb.Error:
        return Pulse(None)
    try:
        run = con.execute("SELECT max(as_of) FROM runs WHERE municipality = ? AND verb = 'run'", [slug]).fetchall()[0][0]
        rows = con.execute(
            """SELECT source, max(interval_end) FROM observations WHERE municipality = ? AND status IN ('ok', 'suppressed')
               AND interval_start >= (SELECT max(as_of) FROM runs) - INTERVAL 2 DAY GROUP BY source""",
            [slug],
        ).fetchall()
    except duckdb.Error:
        return Pulse(None)
    finally:
        con.close()
    return Pulse(run, dict(rows))


def _tell(message: Message, config: Config, workspace: Path, pulse: Pulse) -> list[str | None]:
    """Per channel None when it took the message, else why not."""
    alerts = config.municipality.alerts
    last = pulse.last_run if message.kind == "no_run" else max((k for k in pulse.known.values() if k), default=None)
    found: list[str | None] = []
    for name in message.channels:
        channel = alerts.channels[name]
        lang = channel.language or config.municipality.languages[0]
        told = compose_watch(message, config, last, lang)
        facts: dict[str, Any] = {"id": message.message_id, "kind": message.kind, "rule": message.rule, "role": message.role,
                 "level": message.level,
                 "at": message.at.isoformat(), "places": [], "situation_ids": [], "safety_risk": None, "confidence": None,
                 "measure": {}}  # fmt: skip
        parcel = channels.Parcel(message.message_id, told.head, told.body, lang, facts)
        try:
            channels.deliver(parcel, channel, config, workspace / "published", [])
            found.append(None)
        except channels.NotDelivered as error:
            found.append(f"{name}: {error}")
    return found


def _beat(variable: str) -> list[str]:
    """Call the heartbeat's address: whoever waits for the calls raises the alarm when they stop."""
    import httpx

    address = os.environ.get(variable, "").strip()
    if not address:
        return [f"heartbeat: environment variable {variable} is not set"]
    try:
        answer = httpx.get(address, timeout=channels.SECONDS)
    except Exception as error:  # the text may quote the address
        return [f"heartbeat: {type(error).__name__}"]
    return [] if answer.is_success else [f"heartbeat: the receiver answered {answer.status_code}"]
