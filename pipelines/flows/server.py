"""A standing Prefect server: a given one, or a child of our own. Prefect's temporary server runs no schedules."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.flows import environment

START_SECONDS = 180.0
END_SECONDS = 15.0


class ServerError(Exception):
    """The Prefect server cannot be reached or did not start; the text says where to look."""


@dataclass(frozen=True)
class Server:
    """A server that answers: its API address, and its process (leader of its own group) if it is a child of ours."""

    api: str
    process: int | None


@contextmanager
def standing(workspace: Path) -> Iterator[Server]:
    """A standing server: that of PREFECT_API_URL if given, else a child that ends with the block. Raises :class:`ServerError`."""
    given = os.environ.get("PREFECT_API_URL")
    if given:
        if not healthy(given):
            raise ServerError(f"PREFECT_API_URL is set to {given}, but nothing healthy answers there. Correct or unset it.")
        yield Server(given, None)
        return
    folder = environment.home(workspace, "serve")
    log, port = folder / "server.log", _free_port()
    with log.open("ab") as output:
        child = _start(folder, port, output.fileno())
    try:
        api = f"http://127.0.0.1:{port}/api"
        _wait_until_healthy(api, child, log)
        yield Server(api, child.pid)
    finally:
        end(child)


def healthy(api: str) -> bool:
    """Whether a server answers at an API address."""
    try:
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError):
        return False


def end(child: subprocess.Popen[bytes], seconds: float = END_SECONDS) -> None:
    """End a child and whatever it started (it leads a process group of its own): TERM, and KILL after ``seconds``."""
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            break
        try:
            child.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue


def _start(folder: Path, port: int, output: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, **environment.settings(folder)}
    return subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)


def _wait_until_healthy(api: str, child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not healthy(api):
        if child.poll() is not None:
            raise ServerError(f"The Prefect server ended at its start (code {child.returncode}). Its output is in {log}.")
        if time.monotonic() > deadline:
            raise ServerError(f"The Prefect server did not answer within {START_SECONDS:.0f} s. Its output is in {log}.")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
