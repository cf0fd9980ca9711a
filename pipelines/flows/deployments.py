"""What the server should have, what it has, and the same as ``prefect.yaml`` for workers. Asks over HTTP; Prefect is not imported."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.flows import environment
from pipelines.flows.server import ServerError, healthy

FLOWS = {"drukte-tick": "pipelines/flows/tick.py:tick_flow", "drukte-nightly": "pipelines/flows/nightly.py:nightly_flow"}
# Runs fall on whole multiples of the step on the clock, whenever serving started; nightly ones when least goes on in Europe.
ANCHOR = datetime(2020, 1, 1, tzinfo=UTC)
NIGHTLY = datetime(2020, 1, 1, 3, 37, tzinfo=UTC)
DAY_SECONDS = 86400.0
ADDRESS = "api"  # in Prefect's home: where a `drukte serve` that lives has its server
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?")

Found = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """One deployment: its name, how often it wakes, the flow's parameters, and which flow."""

    name: str
    seconds: float
    parameters: dict[str, Any]
    flow: str = "drukte-tick"
    anchor: datetime = ANCHOR


def nightly(ticks: Wanted) -> Wanted:
    """The deployment of the night that goes with that of the ticks."""
    return Wanted(ticks.name, DAY_SECONDS, ticks.parameters, "drukte-nightly", NIGHTLY)


def living(workspace: Path) -> str | None:
    """The API address of the `drukte serve` that lives in a workspace; None without one that answers."""
    file = environment.home(workspace, "serve") / ADDRESS
    address = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    return address if address and healthy(address) else None


def ask(api: str, name: str, flow: str = "drukte-tick") -> Found | None:
    """The deployment of a flow of ours with this name as the server has it; None when it has none. Raises :class:`ServerError`."""
    body = {"deployments": {"name": {"any_": [name]}}, "flows": {"name": {"any_": [flow]}}}
    request = urllib.request.Request(
        f"{api.rstrip('/')}/deployments/filter", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: list[Found] = json.loads(answer.read())
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise ServerError(f"{api} did not tell its deployments ({type(error).__name__}). See its log.") from None
    return found[0] if found else None


def differences(found: Found | None, wanted: Wanted) -> list[tuple[str, str, str]]:
    """What differs, as (what, on the server, by config); empty when all is as it should be."""
    if found is None:
        return [("deployment", "-", f"{wanted.flow}/{wanted.name}")]
    told: list[tuple[str, str, str]] = []
    schedules = [s for s in found.get("schedules") or [] if s.get("active", True)]
    steps = sorted(_seconds((s.get("schedule") or {}).get("interval")) or 0.0 for s in schedules)
    if steps != [wanted.seconds]:
        told.append(("schedule", ", ".join(f"{s:g} s" for s in steps) or "-", f"{wanted.seconds:g} s"))
    if found.get("paused"):
        told.append(("paused", "yes", "no"))
    has = found.get("parameters") or {}
    for key in sorted({*has, *wanted.parameters}):
        if has.get(key) != wanted.parameters.get(key):
            told.append((key, _short(has.get(key)), _short(wanted.parameters.get(key))))
    return told


def _seconds(interval: Any) -> float | None:
    """A length as the API gives it: a number of seconds, or ISO 8601."""
    if isinstance(interval, int | float):
        return float(interval)
    found = _SPAN.fullmatch(str(interval))
    return (
        sum(float(part or 0) * unit for part, unit in zip(found.groups(), (86400, 3600, 60, 1), strict=True)) if found else None
    )


def _short(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


def clock_skew(api: str) -> float | None:
    """Seconds by which the server's clock is ahead of this machine's, to a second or so; None when it does not tell the time."""
    try:
        before = time.time()
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=5) as answer:
            told, after = answer.headers.get("Date"), time.time()
    except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError):
        return None
    # The head is cut to whole seconds: half a second is the best guess.
    return parsedate_to_datetime(told).timestamp() + 0.5 - (before + after) / 2 if told else None


def prefect_yaml(wanted: Wanted) -> str:
    """``prefect.yaml`` for workers of a standing server: the same deployments, one run at a time, the others queued."""
    import yaml

    data = {
        "name": "drukte",
        "prefect-version": version("prefect"),
        "deployments": [{
            "name": one.name, "entrypoint": FLOWS[one.flow], "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
            "schedules": [{"interval": one.seconds, "anchor_date": one.anchor.isoformat(), "timezone": "UTC", "active": True}],
            "parameters": one.parameters, "work_pool": {"name": "drukte"},
        } for one in (wanted, nightly(wanted))],
    }  # fmt: skip
    head = "# Made by `drukte serve --prefect-yaml FILE`; `drukte serve --check --prefect-yaml FILE` says whether it is up to date.\n"
    return head + yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
