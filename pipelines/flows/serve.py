"""Serve a workspace on a schedule: a Prefect server, and a polling child whose runs do what the calendar says is due.

This process only looks after the two and never imports Prefect; so it ends in order and quietly, whatever a run that
is ended with it may have to say. Their output goes to ``private/prefect/serve/``, the runs' own lines to the terminal.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from pipelines import lock
from pipelines.flows import deployments, environment, server

FINISH_SECONDS = 20.0  # how long a run that is under way may go on after TERM
LOOK_SECONDS = 5.0  # between two looks at whether the server answers
AWAY_SECONDS = 60.0  # a server that has not answered for so long is gone; one that is only busy comes back sooner


class _EndedError(Exception):
    """TERM or Ctrl-C came."""


def serve(workspace: Path, name: str, every: timedelta, parameters: dict[str, Any], ready: Callable[[str], None]) -> None:
    """Serve until TERM or Ctrl-C; calls ``ready`` with the API address once runs are being polled for.

    ``parameters`` are those of :func:`pipelines.flows.tick.tick_flow`. Raises :class:`pipelines.lock.HeldError` when another
    `drukte serve` lives in this workspace, :class:`server.ServerError` when the server does not
    start or goes away, or the polling child ends by itself.
    """
    signal.signal(signal.SIGTERM, _raise)
    signal.signal(signal.SIGINT, _raise)
    with lock.hold(workspace, name="serve.lock"):
        try:
            with server.standing(workspace) as found:
                settings = {"name": name, "seconds": every.total_seconds(), "parameters": parameters, "server": found.process}
                _poll(workspace, found.api, settings, ready)
        except _EndedError:
            return


def _poll(workspace: Path, api: str, settings: dict[str, Any], ready: Callable[[str], None]) -> None:
    """Run the polling child until it ends by itself or the server goes away (an error), or we are told to end."""
    folder = environment.home(workspace, "serve")
    env = {**os.environ, **environment.settings(folder), "PREFECT_API_URL": api, "PREFECT_RUNNER_POLL_FREQUENCY": "5"}
    log, address = folder / "runs.log", folder / deployments.ADDRESS
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "pipelines.flows.serving", json.dumps(settings)],
            env=env, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True,
        )  # fmt: skip
    address.write_text(api, encoding="utf-8")
    try:
        ready(api)
        _until_it_ends(child, api)
        raise server.ServerError(f"Polling for scheduled runs ended by itself (code {child.returncode}). Its output is in {log}.")
    finally:
        address.unlink(missing_ok=True)
        _let_finish_and_end(workspace, child)


def _until_it_ends(child: subprocess.Popen[bytes], api: str) -> None:
    """Wait for the polling child; it lives on without runs when its server is gone, so the server is looked at too."""
    answered = looked = time.monotonic()
    while child.poll() is None:
        time.sleep(0.5)
        if time.monotonic() - looked < LOOK_SECONDS:
            continue
        if server.healthy(api):
            answered = time.monotonic()
        looked = time.monotonic()
        if looked - answered >= AWAY_SECONDS:
            raise server.ServerError(
                f"The Prefect server at {api} has not answered for {AWAY_SECONDS:.0f} s, so no run comes any more. Start serving again "
                "(the service unit does so by itself); until then `drukte run` does a run by hand."
            )


def _let_finish_and_end(workspace: Path, child: subprocess.Popen[bytes]) -> None:
    """End the child between two runs: whoever holds the workspace lock knows that none is under way."""
    try:
        with lock.hold(workspace, wait=FINISH_SECONDS):
            server.end(child)
    except lock.HeldError:
        server.end(child)  # the next run finds what this one left undone


def _raise(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _EndedError
