"""The served board: read-only, of this moment, in both languages, and never blank because something behind it failed."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from pipelines.board import serve
from tests.pipelines.board.evening import AT


class Clock:
    def __init__(self):
        self.at = AT

    def __call__(self):
        return self.at


@pytest.fixture
def asked(made):
    """(client, clock, published file)."""
    import asyncio

    file, clock = made(), Clock()
    app = serve.app(serve.Pages(file, None, clock), "en")

    def ask(method: str, path: str, **headers: str) -> httpx.Response:
        async def go() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://board") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(go())

    return ask, clock, file


def test_it_shows_the_board_of_the_moment_in_both_languages(asked):
    ask, clock, _ = asked
    first = ask("GET", "/")
    assert (
        first.status_code == 200 and '<html lang="en"' in first.text and 'href="nl"' in first.text and "data-live" in first.text
    )
    assert "connect-src 'self'" in first.text and '<html lang="nl"' in ask("GET", "/nl").text
    assert ask("GET", "/", **{"If-None-Match": first.headers["etag"]}).status_code == 304
    clock.at += timedelta(hours=2)
    later = ask("HEAD", "/")
    assert later.status_code == 200 and later.headers["etag"] != first.headers["etag"]  # the page then asks for itself anew
    assert "out of date" in ask("GET", "/").text  # what was fresh no longer is


def test_it_is_read_only_and_says_what_there_is(asked):
    ask, _, _ = asked
    assert [ask(method, "/").status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3
    assert ask("GET", "/elsewhere").status_code == 404 and ask("GET", "/../evening.duckdb").status_code == 404
    assert ask("GET", "/health").text == "ok\n"


def test_a_file_that_cannot_be_read_leaves_the_last_board_up(asked, capsys):
    ask, clock, file = asked
    assert ask("GET", "/").status_code == 200
    file.write_bytes(b"broken")
    clock.at += timedelta(minutes=5)
    again = ask("GET", "/")
    assert again.status_code == 200 and AT.isoformat() in again.text and "cannot be made anew" in capsys.readouterr().err
    refused = ask("GET", "/nl")
    assert refused.status_code == 503 and "cannot be made" in refused.text
    file.unlink()
    assert ask("GET", "/health").status_code == 503
