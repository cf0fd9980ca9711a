"""What is to be sent stands in table ``alerts`` first, a row a channel; only then is it sent, and the row says what became of it.

At least once, never silently not: a message is committed before it is sent, and marked *sending* before each try. A run that is
killed between a try and its record leaves *sending*, and the next sends it again under the same id: a receiver that keeps ids
(a webhook by its ``Idempotency-Key``, a CAP file by its name) then has it once; a person may get the same number twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.alerts import cap, channels
from pipelines.alerts.channels import NotDelivered, Parcel
from pipelines.alerts.compose import Words
from pipelines.alerts.model import Message

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config
    from schemas.settings.alerts import Channel

BACK_OFF = tuple(timedelta(minutes=m) for m in (0, 1, 2, 5, 10, 15))
TOO_OLD = timedelta(hours=2)  # news that did not get through by then is no news
FALL_BACK_AFTER = 2  # tries
PATIENCE = 20.0  # seconds of a run, for all messages
COLUMNS = ("municipality", "message_id", "channel", "rule", "role", "kind", "level", "group_id", "situation_ids", "places", "created_at",
           "delivery", "attempts", "sent_at", "note", "text_nl", "text_en", "recorded_at", "payload", "next_try_at")  # fmt: skip

Deliver = Callable[[Parcel, "Channel", "Config", Any, list[cap.Earlier]], None]


@dataclass(frozen=True)
class Sent:
    """How many messages got through, wait for another try, and were given up."""

    sent: int = 0
    waiting: int = 0
    failed: int = 0


def put(
    store: Store, slug: str, messages: Iterable[tuple[Message, dict[str, Words], dict[str, Any]]],
    withheld: Iterable[tuple[Message, dict[str, Words]]], at: datetime,
) -> int:  # fmt: skip
    """Write messages (with words by language and facts about the leading situation) into the outbox; a known id stays as it is.

    In a transaction. Returns how many rows came.
    """
    rows = [
        _row(slug, m, told, channel, at, "queued", _payload(m, told, facts))
        for m, told, facts in messages
        for channel in m.channels
    ]
    rows += [_row(slug, m, told, "-", at, "withheld", None) for m, told in withheld]
    known = {
        (i, c) for i, c in store.con.execute("SELECT message_id, channel FROM alerts WHERE municipality = ?", [slug]).fetchall()
    }
    new = [row for row in rows if (row[1], row[2]) not in known]
    if new:
        marks = ", ".join("?" for _ in COLUMNS)
        store.con.executemany(f"INSERT INTO alerts ({', '.join(COLUMNS)}) VALUES ({marks})", new)
    return len(new)


def _row(
    slug: str, m: Message, told: dict[str, Words], channel: str, at: datetime, delivery: str, payload: str | None
) -> tuple[Any, ...]:
    texts = [f"{told[lang].head}\n{told[lang].body}" for lang in ("nl", "en")]
    # What is withheld has the id that the message gets when it goes after all.
    name = m.message_id if delivery == "queued" else f"{m.message_id}.{m.withheld}.{at:%H%M%S}"
    return (slug, name, channel, m.rule, m.role, m.kind, m.level, m.group_id, list(m.situation_ids), list(m.places), at, delivery, 0, None,
            m.withheld, *texts, at, payload, at if delivery == "queued" else None)  # fmt: skip


def _payload(m: Message, told: dict[str, Words], facts: dict[str, Any]) -> str:
    known = {
        "id": m.message_id, "kind": m.kind, "rule": m.rule, "role": m.role, "level": m.level, "before": m.before, "at": m.at.isoformat(),
        "group_id": m.group_id, "situation_ids": list(m.situation_ids), "places": list(m.places), "safety_risk": None, "confidence": None,
        "measure": {lang: told[lang].measure for lang in told}, **facts,
    }  # fmt: skip
    return json.dumps({"facts": known, "told": {lang: (told[lang].head, told[lang].body) for lang in told}}, ensure_ascii=False)


def send(store: Store, config: Config, at: datetime, deliver: Deliver = channels.deliver, patience: float = PATIENCE) -> Sent:
    """Try to send what waits and is due at ``at``; each try and its end are a transaction of their own."""
    slug, until = config.municipality.municipality, time.monotonic() + patience
    tally = {"sent": 0, "queued": 0, "failed": 0}
    tried: set[tuple[str, str]] = set()
    while time.monotonic() < until:
        row = _next(store, slug, at, tried)
        if row is None:
            break
        tried.add((row["message_id"], row["channel"]))
        tally[_try(store, config, row, at, deliver)] += 1
    return Sent(tally["sent"], tally["queued"], tally["failed"])


def _next(store: Store, slug: str, at: datetime, tried: set[tuple[str, str]]) -> dict[str, Any] | None:
    """The oldest message that is due; worst first among those of one run."""
    done = store.con.execute(
        """SELECT * FROM alerts WHERE municipality = ? AND delivery IN ('queued', 'sending') AND next_try_at <= ?
           ORDER BY created_at, list_position(['critical', 'high', 'elevated', 'normal'], level), message_id, channel""",
        [slug, at],
    )
    names = [d[0] for d in done.description or ()]
    rows = (dict(zip(names, row, strict=True)) for row in done.fetchall())
    return next((row for row in rows if (row["message_id"], row["channel"]) not in tried), None)


def _try(store: Store, config: Config, row: dict[str, Any], at: datetime, deliver: Deliver) -> str:
    """One try; what became of the row: ``sent``, ``queued`` or ``failed``."""
    alerts = config.municipality.alerts
    channel = alerts.channels.get(row["channel"])
    if at - row["created_at"] > TOO_OLD or channel is None:
        why = (
            f"no channel `{row['channel']}` any more"
            if channel is None
            else f"given up after {row['attempts']} tries: {row['note'] or ''}"
        )
        return _note(store, row, at, "failed", row["attempts"], why)
    attempts = row["attempts"] + 1
    _note(store, row, at, "sending", attempts, row["note"])
    payload = json.loads(row["payload"])
    lang = channel.language or config.municipality.languages[0]
    head, body = payload["told"][lang]
    parcel = Parcel(row["message_id"], head, body, lang, payload["facts"])
    try:
        deliver(parcel, channel, config, store.published, _earlier(store, row))
    except NotDelivered as error:
        later = at + BACK_OFF[min(attempts, len(BACK_OFF) - 1)]
        ended = _note(store, row, at, "queued", attempts, str(error), later)
        if attempts >= FALL_BACK_AFTER:
            _fall_back(store, config, row, at)
        return ended
    perhaps = "sent again after a run that was killed: perhaps twice" if row["delivery"] == "sending" else None
    return _note(store, row, at, "sent", attempts, perhaps)


def _note(
    store: Store, row: dict[str, Any], at: datetime, delivery: str, attempts: int, note: str | None, later: datetime | None = None
) -> str:
    with store.transaction() as con:
        con.execute(
            """UPDATE alerts SET delivery = ?, attempts = ?, note = ?, sent_at = ?, next_try_at = ?
               WHERE municipality = ? AND message_id = ? AND channel = ?""",
            [delivery, attempts, note, at if delivery == "sent" else None, later or row["next_try_at"], row["municipality"],
             row["message_id"], row["channel"]],
        )  # fmt: skip
    return delivery


def _fall_back(store: Store, config: Config, row: dict[str, Any], at: datetime) -> None:
    """Put the message beside itself for the rule's other channels, once."""
    rule = next((r for r in config.municipality.alerts.rules if r.rule == row["rule"]), None)
    others = [name for name in (rule.fallback if rule else ()) if name != row["channel"]]
    with store.transaction() as con:
        for name in others:
            con.execute(
                """INSERT INTO alerts BY NAME
                   SELECT * REPLACE ($other AS channel, 'queued' AS delivery, 0 AS attempts, $note AS note, $at AS next_try_at) FROM alerts
                   WHERE municipality = $slug AND message_id = $id AND channel = $channel AND NOT EXISTS (
                       FROM alerts b WHERE b.municipality = $slug AND b.message_id = $id AND b.channel = $other)""",
                {"slug": row["municipality"], "id": row["message_id"], "channel": row["channel"], "other": name,
                 "note": f"instead of {row['channel']}", "at": at},
            )  # fmt: skip


def _earlier(store: Store, row: dict[str, Any]) -> list[cap.Earlier]:
    """Messages of the same story that this channel took before."""
    story = row["message_id"].rpartition("-")[0]
    found = store.con.execute(
        """SELECT message_id, created_at FROM alerts WHERE municipality = ? AND channel = ? AND delivery = 'sent'
           AND starts_with(message_id, ?) AND message_id <> ? ORDER BY created_at, message_id""",
        [row["municipality"], row["channel"], f"{story}-", row["message_id"]],
    ).fetchall()
    return [cap.Earlier(*pair) for pair in found] if story else []
