"""The flow of the night: an attack on what was published. Baselines, sealing and retention are part of a day's first tick.

Set Prefect's environment (:mod:`pipelines.flows.environment`) before importing this module.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from pipelines import faults, start
from pipelines.privacy import nightly


@flow(name="drukte-nightly", persist_result=False)
def nightly_flow(
    *, config: str, workspace: str, municipalities: list[str], data: str | None = None, at: str | None = None
) -> list[dict[str, Any]]:
    """Audit each municipality's publications; ``at`` (ISO with offset): the moment to look back from, else now.

    Nothing is done during an event: a tick must never wait for it. One municipality that fails does not keep the others from being
    audited. Raises :class:`RuntimeError` when anything that was withheld can be worked out, so that the run counts as failed.
    """
    moment = datetime.fromisoformat(at) if at else datetime.now(UTC)
    found: list[dict[str, Any]] = []
    failures: list[Exception] = []
    for slug in municipalities:
        try:
            settings, cards = start.ready(Path(config), slug, Path(data) if data else None)
            if any(event.from_ <= moment < event.to for event in settings.municipality.events):
                _say(moment, slug, "an event goes on: audited the next night")
                continue
            found.append({"municipality": slug, **nightly.run(Path(workspace), settings, cards, moment)})
        except Exception as error:
            failures.append(error)
            _say(moment, slug, *faults.in_words(error)[1])
            continue
        _leave_artifact(found[-1])
        _say(moment, slug, *found[-1]["lines_en"])
    if failures:
        raise failures[0]
    if unsafe := [one["municipality"] for one in found if one["unsafe"]]:
        raise RuntimeError(f"What was withheld can be worked out in {', '.join(unsafe)}: `drukte privacy audit` says from what.")
    return found


def _leave_artifact(found: dict[str, Any]) -> None:
    """For who looks at the server; one that does not take it must not fail the audit."""
    with contextlib.suppress(Exception):
        create_markdown_artifact(
            key=f"drukte-audit-{found['municipality']}", markdown="\n\n".join([*found["lines_en"], *found["lines_nl"]])
        )


def _say(at: datetime, slug: str, *lines: str) -> None:
    with contextlib.suppress(OSError):
        for line in lines:
            print(f"{at:%Y-%m-%d %H:%M:%S}Z {slug}: {line}", flush=True)
