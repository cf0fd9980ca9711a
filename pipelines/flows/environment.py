"""Prefect's environment, set before Prefect is imported: its home in the workspace, quiet, nothing sent away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

RETENTION_SECONDS = 7 * 86400
HAND_RUNS_BYTES = 64_000_000  # some 2,500 runs; a temporary server does not live long enough to tidy up after itself

_QUIET = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",  # our own line says what went wrong; the run's state keeps the traceback
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # offline it would print a telemetry error
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",  # else a run every five minutes piles up for good
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RETENTION_SECONDS),
}


def home(workspace: Path, name: str) -> Path:
    """Prefect's home for one use (``run``, ``serve``) inside the workspace's private folder, created if needed."""
    folder = workspace.resolve() / "private" / "prefect" / name
    folder.mkdir(parents=True, exist_ok=True)
    folder.parents[1].chmod(0o700)
    return folder


def forget_old_hand_runs(folder: Path) -> None:
    """Start Prefect's own record of hand runs anew once it has grown large; what runs did stands in table ``runs``."""
    record = folder / "prefect.db"
    if record.exists() and record.stat().st_size > HAND_RUNS_BYTES:
        for file in folder.glob("prefect.db*"):
            file.unlink()


def settings(folder: Path) -> dict[str, str]:
    """Environment variables for a Prefect that lives in ``folder``. What the caller's environment sets already stays."""
    kept = {name: value for name, value in _QUIET.items() if name not in os.environ}
    return {**kept, "PREFECT_HOME": str(folder)}


def prepare(folder: Path) -> None:
    """Make this process's Prefect quiet and at home in ``folder``. Raises RuntimeError when Prefect is imported already."""
    if "prefect" in sys.modules:
        raise RuntimeError("Prefect was imported before its environment was set; import flows only after prepare().")
    os.environ.update(settings(folder))


def allow_temporary_server() -> None:
    """Without a PREFECT_API_URL a flow may start a server for its own length; a busy machine needs over 20 s for it."""
    os.environ["PREFECT_SERVER_EPHEMERAL_ENABLED"] = "true"
    os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "180"
