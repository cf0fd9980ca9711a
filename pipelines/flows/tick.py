"""The flow behind ``drukte run`` and ``drukte serve``: the same plain tick, one municipality of a workspace after another.

Set Prefect's environment (:mod:`pipelines.flows.environment`) before importing this module.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from pipelines import board, calendar, faults, lock, versions
from pipelines.publish import FILE
from pipelines.store import Store
from pipelines.tick import tick

Outcome = dict[str, Any]
"""``municipality``, ``at``, ``due``; when it ran the fields of :class:`pipelines.tick.Summary` with both messages."""


@task(name="tick", cache_policy=NO_CACHE)
def tick_task(store: Store, folders: tuple[str, str | None], slug: str, at: datetime, only_due: bool) -> Outcome:
    """Take in, compute, judge and publish for one municipality; with ``only_due`` just when its calendar says so.

    ``folders``: config, and the data folder if it is another than the municipality's own.
    """
    config, data = folders
    found = versions.in_force(store, Path(config), slug, Path(data) if data else None, at)
    if only_due and not calendar.due(found.config.municipality, at, calendar.last_run_at(store, slug)):
        return {"municipality": slug, "at": at, "due": False}
    done = tick(store, found.config, found.cards, at=at, notes=found.notes)
    return {**asdict(done), "due": True, "message_nl": done.message_nl, "message_en": done.message_en}


@flow(name="drukte-tick", persist_result=False)
def tick_flow(
    *, config: str, workspace: str, municipalities: list[str], data: str | None = None, at: str | None = None, wait: float = 0.0
) -> list[Outcome]:
    """One run for each municipality. ``at`` (ISO with offset): the moment to run for; without it, the run is a scheduled one.

    A scheduled run is for the moment it was planned for (or now, when that has passed), does only what the calendar
    says is due, and says on standard output what it did. A municipality that fails does not keep the others from
    running; the first error is raised at the end. Raises :class:`pipelines.lock.HeldError` when the workspace stays taken.
    """
    moment = datetime.fromisoformat(at) if at else _scheduled()
    outcomes: list[Outcome] = []
    failures: list[Exception] = []
    with lock.hold(Path(workspace), wait), Store(Path(workspace)) as store:
        for slug in municipalities:
            try:
                outcomes.append(tick_task(store, (config, data), slug, moment, only_due=at is None))
                _leave_artifact(outcomes[-1])
            except Exception as error:
                failures.append(error)
                if at is None:
                    _say(moment, slug, *faults.in_words(error)[1])
    trouble = board.keep(Path(workspace) / "published" / FILE, moment) if any(o["due"] for o in outcomes) else None
    if trouble:
        _say(moment, "board", trouble)
    if at is None:
        for outcome in outcomes:
            _say(moment, outcome["municipality"], outcome["message_en"] if outcome["due"] else "nothing due")
    if failures:
        raise failures[0]
    return outcomes


def _leave_artifact(outcome: Outcome) -> None:
    """What the run did, for who looks at the server: the line of table ``runs`` in both languages, refusals and levels below it.

    A server that does not take it must not fail a run that is done.
    """
    if not outcome["due"]:
        return
    lines = [outcome["message_en"], "", outcome["message_nl"], ""]
    lines += [
        f"- {d['source']}: {d['name']}: {d['state']}, {d['rows_refused']} refused"
        for d in outcome["deliveries"]
        if d["rows_refused"] or d["reason"]
    ]
    lines += [f"- {s['place']}, {s['safety_risk']}: {s['change']}, {s['level']}" for s in outcome["situations"]]
    with contextlib.suppress(Exception):
        create_markdown_artifact(
            key=f"drukte-{outcome['municipality']}", markdown="\n".join(lines), description=outcome["run_id"]
        )


def _scheduled() -> datetime:
    """The planned moment; a run that comes late is for now, and those behind it then find nothing due."""
    planned: datetime = flow_run.scheduled_start_time
    return max(planned, datetime.now(UTC))


def _say(at: datetime, slug: str, *lines: str) -> None:
    """A terminal that has gone away must not fail a run that is done."""
    with contextlib.suppress(OSError):
        for line in lines:
            print(f"{at:%Y-%m-%d %H:%M:%S}Z {slug}: {line}", flush=True)
