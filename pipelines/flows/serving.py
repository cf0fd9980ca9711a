"""The process that polls for scheduled runs, a child of ``drukte serve``: ``python -m pipelines.flows.serving <JSON>``.

Each run is a process of its own that imports this process's main module again, so the flow lives elsewhere and the
start below stands under ``__main__``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import timedelta
from typing import Any

from pipelines.flows.deployments import Wanted, nightly


def main(text: str) -> None:
    """Serve the ticks and the night's flow until ended. ``text``: JSON with name, seconds, the flows' parameters and our server's process."""
    from prefect import serve
    from prefect.schedules import Interval

    from pipelines.flows.nightly import nightly_flow
    from pipelines.flows.tick import tick_flow

    settings: dict[str, Any] = json.loads(text)
    threading.Thread(target=_end_with, args=(os.getppid(), settings["server"]), daemon=True).start()
    ticks = Wanted(settings["name"], settings["seconds"], settings["parameters"])
    deployments: list[Any] = [
        flow.to_deployment(
            name=wanted.name,
            schedule=Interval(timedelta(seconds=wanted.seconds), anchor_date=wanted.anchor),
            parameters=wanted.parameters,
        )
        for flow, wanted in ((tick_flow, ticks), (nightly_flow, nightly(ticks)))
    ]
    # One run at a time, of either: the others wait their turn.
    serve(*deployments, limit=1, pause_on_shutdown=False, print_starting_message=False)


def _end_with(parent: int, server: int | None) -> None:
    """When ``drukte serve`` itself was killed: end its server and this process group, so that nothing goes on unseen."""
    while os.getppid() == parent:
        time.sleep(1.0)
    if server is not None:
        os.killpg(server, signal.SIGTERM)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1])
