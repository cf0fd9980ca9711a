"""The event evening under `drukte serve`: a real Prefect server and its schedule, a clock that runs faster, and what goes wrong.

The test delivers files as the evening's clock passes, kills and restarts, and keeps what the receiver of alerts was sent.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipelines.flows import deployments
from tests.scenarios.evening_town import START, STEP, Evening

ROOT = Path(__file__).resolve().parents[2]
DRUKTE = [sys.executable, "-c", "from pipelines.cli import main; main()"]
PATIENCE = 300.0
HEAD_START = 60.0  # seconds for a server to start before the evening begins


@dataclass
class Receiver:
    """``got``: (key, kind, level, places) of each message taken, in order; ``refusing``: it answers 503 meanwhile."""

    address: str
    got: list[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=list)
    refusing: bool = False
    refused: int = 0


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver of alerts on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.refusing:
                found.refused += 1
            else:
                found.got.append(
                    (self.headers["Idempotency-Key"] + self.path, said["kind"], said["level"], tuple(said["places"]))
                )
            self.send_response(503 if found.refusing else 200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Served:
    """The evening as it is played: ``period`` seconds stand for five minutes. ``stops``: real stretches without a server."""

    evening: Evening
    receiver: Receiver
    period: float
    begun: float = 0.0
    child: subprocess.Popen[str] | None = None
    stops: list[tuple[float, float]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = math.ceil((time.time() + HEAD_START) / self.period) * self.period

    @property
    def workspace(self) -> Path:
        return self.evening.folder / "w"

    @property
    def now(self) -> datetime:
        """The evening's clock."""
        return START + timedelta(seconds=(time.time() - self.begun) * self.factor)

    @property
    def factor(self) -> float:
        return STEP.total_seconds() / self.period

    def environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        return {
            **ours, "PYTHONPATH": os.pathsep.join((str(Path(__file__).parent / "sped"), str(ROOT))),
            "DRUKTE_SPED": f"{self.begun},{START.isoformat()},{self.factor}",
            "DRUKTE_DESK": f"{self.receiver.address}/desk", "DRUKTE_ROOM": f"{self.receiver.address}/room",
        }  # fmt: skip

    def start(self) -> None:
        """Start `drukte serve` and wait until it polls for runs."""
        words = ["serve", "--config", str(self.evening.config), "--workspace", str(self.workspace)]
        errors = (self.evening.folder / "errors").open("a")
        self.child = subprocess.Popen(
            [*DRUKTE, *words],
            cwd=ROOT,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        errors.close()
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(self.child, ready), daemon=True).start()
        assert ready.wait(PATIENCE), self.said[-5:]

    def _listen(self, child: subprocess.Popen[str], ready: threading.Event) -> None:
        assert child.stdout
        for line in child.stdout:
            self.said.append(line.rstrip("\n"))
            if "looks every" in line or "Serving" in line:
                ready.set()

    @property
    def api(self) -> str:
        found = deployments.living(self.workspace)
        assert found, "no server lives"
        return found

    def lose_the_server(self) -> int:
        """Kill the Prefect server itself; `serve` ends and is started again, as the system's service manager does. Its exit code."""
        from_, api = time.time(), self.api
        port = api.split(":")[2].split("/")[0]
        for pid in _processes(f"--port\0{port}\0"):
            os.kill(pid, signal.SIGKILL)
        assert self.child
        code = self.child.wait(PATIENCE)
        self.start()
        self.stops.append((from_, time.time()))
        return code

    def restart(self) -> None:
        """End `serve` in order, and start it again."""
        from_ = time.time()
        self.end()
        self.start()
        self.stops.append((from_, time.time()))

    def end(self) -> None:
        assert self.child
        self.child.send_signal(signal.SIGTERM)
        assert self.child.wait(PATIENCE) == 0

    def kill_a_run(self) -> int:
        """Kill the process of a run that is under way, once there is one; its id."""
        file = self.workspace / "private" / "lock"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with file.open() as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    told = file.read_text().split()
                    if len(told) == 4:
                        time.sleep(0.3)
                        os.kill(int(told[1]), signal.SIGKILL)
                        return int(told[1])
            time.sleep(0.02)
        raise AssertionError("no run came")

    def flow_runs(self) -> list[dict[str, Any]]:
        """What the server has of runs that were planned until now, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            body = {"sort": "EXPECTED_START_TIME_ASC", "limit": 200, "offset": len(found)}
            page = _post(f"{self.api}/flow_runs/filter", body)
            found += page
            if len(page) < 200:
                return [
                    run for run in found if run["state_type"] != "SCHEDULED" or _real(run["expected_start_time"]) < time.time()
                ]

    def artifacts(self) -> int:
        return int(_post(f"{self.api}/artifacts/count", {}))

    def play(self, actions: list[tuple[datetime, Callable[[], object]]]) -> list[object]:
        """Deliver the files and do what is due, by the evening's clock, until some runs after the last; what the actions gave."""
        due: list[tuple[datetime, Callable[[], object]]] = [(f.at, _writer(f, self.evening.data)) for f in self.evening.files()]
        due = sorted([*due, *actions], key=lambda d: d[0])
        given = []
        for at, do in due:
            while self.now < at:
                time.sleep(0.05)
            result = do()
            given += [result] if result is not None else []
        end = self.evening.end + 4 * STEP
        while self.now < end:
            time.sleep(0.2)
        return given


def _writer(file: Any, data: Path) -> Callable[[], object]:
    return lambda: file.write(data)


def _processes(text: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and text.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _post(address: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def _real(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def took(run: dict[str, Any]) -> tuple[float, float]:
    """When a run that ended began and ended, in seconds since 1970."""
    return _real(run["start_time"]), _real(run["end_time"])


def waited(planned: datetime, moments: list[datetime], done: list[tuple[float, float]], begun: float, period: float) -> float:
    """Real seconds from a planned moment of the evening until the run that did its work had ended.

    Of a run whose end no server noted, since it was killed meanwhile, the end of the next one.
    """
    moment, factor = min(m for m in moments if m >= planned), STEP.total_seconds() / period
    real = begun + (moment - START).total_seconds() / factor
    return min(end for _, end in done if real <= end) - (begun + (planned - START).total_seconds() / factor)
