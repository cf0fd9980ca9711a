"""Deliveries that are asked for: a web address answers, a page and a day at a time. The clock is a parameter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx

from pipelines import readers
from pipelines.intake.found import Found
from pipelines.readers import UnreadableError
from schemas.settings.source import Endpoint, Source


def ask(source: Source, tz: ZoneInfo, at: datetime) -> Iterator[Found]:
    """Ask an endpoint for what it has at a moment; each answer is a delivery. A failure is one too, refused with its reason.

    Redirects are not followed: an address that moves is told, not trusted.
    """
    endpoint = source.endpoint
    if endpoint is None:
        return
    stamp = int(at.timestamp()) * 1_000_000_000
    with httpx.Client(timeout=endpoint.timeout.total_seconds(), follow_redirects=False) as client:
        for day in _days(endpoint, tz, at):
            for number in range(endpoint.pages.most if endpoint.pages else 1):
                request = _request(client, endpoint, day, number)
                name = str(request.url)
                try:
                    content = _answer(client, request, endpoint)
                except UnreadableError as error:
                    yield Found(Path(), name, 0, stamp, _failing(error))
                    break
                yield Found(Path(), name, len(content), stamp, lambda content=content: content)  # type: ignore[misc]
                if endpoint.pages is None or _records(content, source) < endpoint.pages.size:
                    break


def _days(endpoint: Endpoint, tz: ZoneInfo, at: datetime) -> list[str]:
    """The local days that are asked for, oldest first; one empty text when the address names no day."""
    if endpoint.window is None:
        return [""]
    first, last = (at - endpoint.window).astimezone(tz).date(), at.astimezone(tz).date()
    return [f"{first + timedelta(days=n):{endpoint.day_format}}" for n in range((last - first).days + 1)]


def _request(client: httpx.Client, endpoint: Endpoint, day: str, number: int) -> httpx.Request:
    query = {key: text.replace("{day}", day) for key, text in endpoint.query.items()}
    if endpoint.pages:
        query[endpoint.pages.parameter] = str(endpoint.pages.from_ + number * endpoint.pages.step)
    return client.build_request("GET", endpoint.url.replace("{day}", day), params=query or None)


def _answer(client: httpx.Client, request: httpx.Request, endpoint: Endpoint) -> bytes:
    lost = [name for name in endpoint.headers_from.values() if name not in os.environ]
    if lost:
        raise UnreadableError("unreachable", f"the environment variable {lost[0]} is not set. Set it where drukte runs.")
    request.headers.update({header: os.environ[name] for header, name in endpoint.headers_from.items()})
    found, most = bytearray(), endpoint.most_mb * 1_000_000
    try:
        with closing(client.send(request, stream=True)) as answer:
            if answer.status_code != httpx.codes.OK:
                raise UnreadableError(
                    "unreachable", f"the address answered {answer.status_code}. It is asked again at the next tick."
                )
            for part in answer.iter_bytes():
                found += part
                if len(found) > most:
                    told = f"the answer is over {endpoint.most_mb} MB. Raise `endpoint.most_mb:` if that is right."
                    raise UnreadableError("too_large", told)
    except httpx.HTTPError as error:
        told = f"the address did not answer ({type(error).__name__}). It is asked again at the next tick."
        raise UnreadableError("unreachable", told) from None
    return bytes(found)


def _records(content: bytes, source: Source) -> int:
    try:
        return readers.read(content, source.reader).records
    except UnreadableError:
        return 0


def _failing(error: UnreadableError) -> Callable[[], bytes]:
    def load() -> bytes:
        raise error

    return load
