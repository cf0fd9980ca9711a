"""The board over HTTP, read-only: made anew from the published file when someone asks, so that its ages are those of now."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipelines import board
from pipelines.board.page import Look
from pipelines.board.say import LANGUAGES

HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass
class Pages:
    """Pages of a published file by language, one made at a time and kept for the minute it tells of.

    ``clock`` gives the moment to look from. When the file cannot be read, the last page goes on; it tells its own age.
    """

    published: Path
    municipality: str | None
    clock: Callable[[], datetime]
    _kept: dict[str, tuple[object, bytes]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, lang: str) -> bytes:
        """The page in a language. Raises what reading raised when there is no page yet."""
        at = self.clock()
        with self._lock:
            try:
                found = self.published.stat()
                key = (found.st_ino, found.st_mtime_ns, at.replace(second=0, microsecond=0))
                if self._kept.get(lang, (None,))[0] != key:
                    look = Look(sibling=next(name for name in LANGUAGES if name != lang), live=True)
                    html = board.html(self.published, lang=lang, at=at, municipality=self.municipality, look=look)
                    self._kept[lang] = (key, html.encode())
            except Exception as error:
                if lang not in self._kept:
                    raise
                print(f"The board cannot be made anew, the last one is shown: {error}", file=sys.stderr, flush=True)
            return self._kept[lang][1]


def app(pages: Pages, lang: str) -> Starlette:
    """Routes: ``/`` in ``lang``, ``/nl`` and ``/en``, ``/health``. Anything but GET and HEAD is refused."""

    def answer(request: Request) -> Response:
        tongue = request.path_params.get("lang") or lang
        if tongue not in LANGUAGES:
            return PlainTextResponse("There is / and, by language, /nl and /en.\n", 404, HEADERS)
        try:
            body = pages.of(tongue)
        except Exception as error:
            return PlainTextResponse(f"The board cannot be made: {error}\n", 503, HEADERS)
        mark = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": mark}
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/html; charset=utf-8", headers=headers)

    def health(_request: Request) -> Response:
        there = pages.published.exists()
        return PlainTextResponse("ok\n" if there else "nothing published\n", 200 if there else 503, HEADERS)

    return Starlette(routes=[Route("/", answer), Route("/health", health), Route("/{lang}", answer)])


def serve(pages: Pages, lang: str, host: str, port: int) -> None:
    """Serve until Ctrl-C or TERM."""
    import uvicorn

    uvicorn.run(app(pages, lang), host=host, port=port, log_level="warning", access_log=False, server_header=False)
