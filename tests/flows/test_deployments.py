"""What the server has against what config wants, without a server: the answers are as Prefect 3.8 gives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.flows import deployments
from pipelines.flows.deployments import Wanted
from pipelines.flows.server import ServerError

WANTED = Wanted("tiny", 900.0, {"config": "/c", "workspace": "/w", "municipalities": ["tiny"], "data": None})
HAS: dict[str, Any] = {
    "name": "tiny", "paused": False, "parameters": dict(WANTED.parameters),
    "schedules": [{"active": True, "schedule": {"interval": 900.0, "anchor_date": "2020-01-01T00:00:00Z", "timezone": "UTC"}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"schedules": [{"active": True, "schedule": {"interval": "PT15M"}}]}, []),
        ({"schedules": [{"active": True, "schedule": {"interval": 300.0}}]}, [("schedule", "300 s", "900 s")]),
        ({"schedules": [{"active": False, "schedule": {"interval": 900.0}}]}, [("schedule", "-", "900 s")]),
        ({"schedules": HAS["schedules"] * 2}, [("schedule", "900 s, 900 s", "900 s")]),
        ({"paused": True}, [("paused", "yes", "no")]),
        ({"parameters": {**WANTED.parameters, "municipalities": ["tiny", "b"]}}, [("municipalities", '["tiny", "b"]', '["tiny"]')]),
        ({"parameters": {**WANTED.parameters, "at": "2026-06-01"}}, [("at", "2026-06-01", "-")]),
    ],
)  # fmt: skip
def test_what_differs_is_told_with_both_sides(change: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    assert deployments.differences({**HAS, **change}, WANTED) == told


def test_a_server_without_the_deployment_differs() -> None:
    assert deployments.differences(None, WANTED) == [("deployment", "-", "drukte-tick/tiny")]
    assert deployments.differences(None, deployments.nightly(WANTED)) == [("deployment", "-", "drukte-nightly/tiny")]


def test_prefect_yaml_holds_the_same_deployment_queued_one_at_a_time() -> None:
    text = deployments.prefect_yaml(WANTED)
    ticks, night = yaml.safe_load(text)["deployments"]
    for made, seconds in ((ticks, 900.0), (night, 86400.0)):
        assert made["parameters"] == WANTED.parameters
        assert made["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
        assert made["schedules"][0]["interval"] == seconds
        file, function = made["entrypoint"].split(":")
        assert f"def {function}(" in (Path(__file__).resolve().parents[2] / file).read_text(encoding="utf-8")
    assert text == deployments.prefect_yaml(WANTED)


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server that answers as told: ``ahead`` seconds of its clock, ``found`` deployments."""
    told: dict[str, Any] = {"ahead": 0.0, "found": [HAS], "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            import time

            return formatdate(time.time() + told["ahead"], usegmt=True)

        def do_GET(self) -> None:
            self._answer(True)

        def do_POST(self) -> None:
            told["asked"].append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(told["found"])

        def _answer(self, data: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(data).encode())

        def log_message(self, *args: object) -> None:
            """Quiet."""

    made = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}/api", told
    made.shutdown()
    made.server_close()


def test_the_server_is_asked_for_our_flow_and_its_clock_is_measured(server: tuple[str, dict[str, Any]]) -> None:
    api, told = server
    assert deployments.ask(api, "tiny") == HAS
    assert told["asked"] == [{"deployments": {"name": {"any_": ["tiny"]}}, "flows": {"name": {"any_": ["drukte-tick"]}}}]
    told["found"] = []
    assert deployments.ask(api, "tiny") is None
    for ahead in (0.0, 120.0, -45.0):
        told["ahead"] = ahead
        assert deployments.clock_skew(api) == pytest.approx(ahead, abs=1.0)


def test_a_server_that_is_gone_is_said_and_no_address_lives_on(tmp_path: Path) -> None:
    assert deployments.clock_skew("http://127.0.0.1:9/api") is None
    with pytest.raises(ServerError, match="did not tell its deployments"):
        deployments.ask("http://127.0.0.1:9/api", "tiny")
    assert deployments.living(tmp_path) is None
    home = tmp_path / "private" / "prefect" / "serve"
    (home / deployments.ADDRESS).write_text("http://127.0.0.1:9/api")
    assert deployments.living(tmp_path) is None
