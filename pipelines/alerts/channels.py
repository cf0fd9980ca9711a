"""How a message leaves the house: by Apprise, as JSON to a webhook, or as a CAP 1.2 file. Addresses come from the environment.

What went wrong is told without the address, which may hold a secret.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.alerts import cap
from pipelines.store.sealing import fsync
from schemas.config import Config
from schemas.settings.alerts import Channel

SECONDS = 10.0  # a channel that does not answer must not keep the next run waiting


class NotDelivered(Exception):
    """A channel did not take a message; the text says why, and holds no address."""


@dataclass(frozen=True)
class Parcel:
    """A message with its words: ``facts`` are what a machine reads (id, kind, level, times, places, situations)."""

    message_id: str
    head: str
    body: str
    lang: str
    facts: Mapping[str, Any]


def deliver(parcel: Parcel, channel: Channel, config: Config, published: Path, earlier: list[cap.Earlier]) -> None:
    """Send a message over a channel. Raises :class:`NotDelivered`. The same message twice has the same id, and the same CAP file."""
    if channel.kind == "cap":
        _file(parcel, channel, config, published, earlier)
        return
    address = os.environ.get(channel.address_from or "", "").strip()
    if not address:
        raise NotDelivered(f"environment variable {channel.address_from} is not set")
    try:
        if channel.kind == "apprise":
            _apprise(parcel, address)
        else:
            _webhook(parcel, address)
    except NotDelivered:
        raise
    except Exception as error:  # a library's own: the text may quote the address
        raise NotDelivered(f"{channel.kind}: {type(error).__name__}") from None


def _apprise(parcel: Parcel, address: str) -> None:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it would log addresses
    found = apprise.Apprise()
    if not found.add(address):
        raise NotDelivered("the address is none that Apprise knows")
    level = parcel.facts["level"]
    sort = {"critical": apprise.NotifyType.FAILURE, "normal": apprise.NotifyType.INFO}.get(level, apprise.NotifyType.WARNING)
    if not found.notify(body=parcel.body, title=parcel.head, notify_type=sort, body_format=apprise.NotifyFormat.TEXT):
        raise NotDelivered("Apprise says that the receiver did not take it")


def _webhook(parcel: Parcel, address: str) -> None:
    import httpx

    data = {"id": parcel.message_id, "title": parcel.head, "text": parcel.body, "language": parcel.lang, **parcel.facts}
    answer = httpx.post(address, json=data, headers={"Idempotency-Key": parcel.message_id}, timeout=SECONDS)
    if not answer.is_success:
        raise NotDelivered(f"the receiver answered {answer.status_code}")


def _file(parcel: Parcel, channel: Channel, config: Config, published: Path, earlier: list[cap.Earlier]) -> None:
    """Write it aside and in one stroke: whoever picks up files never sees half of one."""
    assert channel.folder
    folder = published / channel.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        final = folder / f"{parcel.message_id[:200]}.xml"
        aside = folder / f".{final.name}.new"
        aside.write_bytes(cap.xml(parcel.facts, {parcel.lang: (parcel.head, parcel.body)}, config, channel, earlier))
        fsync(aside)
        aside.replace(final)
    except OSError as error:
        raise NotDelivered(f"the file could not be written ({error.strerror})") from None
