"""A town with alert rules, in which one square gets crowded; and a receiver that keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.cli.conftest import drukte  # noqa: F401 - a fixture
from tests.town import Town

RULES = """
alerts:
  channels:
    desk: {kind: webhook, address_from: DRUKTE_DESK}
    mail: {kind: apprise, address_from: DRUKTE_MAIL}
    crisis: {kind: cap, folder: cap, status: Exercise, language: en}
  rules:
    - {rule: manager, role: crowd-manager, safety_risks: [overcrowding], from_level: elevated, channels: [desk, crisis]}
  sender: alerts@tiny.example
  guide: https://tiny.example/alerts.html
"""


def with_alerts(town: Town, text: str = RULES) -> Town:
    """The same town with rules."""
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text() + text)
    return town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """One square with density only, judged each quarter of an hour."""
    return with_alerts(Town(tmp_path / "town", only="density"))


@dataclass
class Receiver:
    """``got``: bodies in order of arrival; ``keys``: their Idempotency-Key; ``answer``: the status it gives."""

    address: str
    got: list[dict[str, object]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    answer: int = 200


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver on this machine; its address stands in DRUKTE_DESK."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.answer == 200:
                found.got.append(json.loads(body))
                found.keys.append(self.headers["Idempotency-Key"])
            self.send_response(found.answer)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/secret-token")
    monkeypatch.setenv("DRUKTE_DESK", found.address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
