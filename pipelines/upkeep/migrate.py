"""Bring a workspace of an earlier release to this one's format: a backup first, then step by step; killed, it goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines import lock
from pipelines.faults import UsageError
from pipelines.store import Store, tables
from pipelines.store.sealing import fsync
from pipelines.upkeep import backup, steps
from pipelines.upkeep.restore import republish


@dataclass(frozen=True)
class Migrated:
    """From which format to which, and where the backup of before is; None when nothing was to be done."""

    before: int
    after: int
    backup: Path | None


def migrate(workspace: Path, at: datetime, to: Path | None = None, wait: float = 0.0) -> Migrated:
    """Bring a workspace to this release's format; ``at`` is the moment (aware), ``to`` where its backup goes.

    Raises :class:`UsageError` without a workspace or when a step lacks, :class:`pipelines.store.tables.FormatError` for a newer
    workspace, :class:`pipelines.lock.HeldError`, and whatever keeps the backup from being made: then nothing was changed.
    """
    workspace = workspace.resolve()
    private = workspace / "private"
    found = tables.format_of(private) if private.is_dir() else None
    if found is None:
        raise UsageError(f"{workspace}: no workspace here. Name it with --workspace DIR.")
    with lock.hold(workspace, wait):
        mark = private / "migrating.json"
        under_way = json.loads(mark.read_text(encoding="utf-8")) if mark.exists() else None
        if found >= tables.FORMAT and not under_way:
            tables.check_format(private)  # a newer one is refused
            return Migrated(found, found, None)
        _steps_known(workspace, found)
        if not under_way:
            target = to or backup.default_target(workspace, at).with_suffix(f".format-{found}.tar")
            backup.write(workspace, target, at)
            under_way = {"before": found, "backup": str(target.absolute())}
            _note(mark, under_way)
        _take_steps(workspace, found)
        with Store(workspace) as store:
            republish(store)
        mark.unlink()
    return Migrated(under_way["before"], tables.FORMAT, Path(under_way["backup"]))


def _steps_known(workspace: Path, found: int) -> None:
    lacking = next((number for number in range(found, tables.FORMAT) if number not in steps.STEPS), None)
    if lacking is not None:
        what = f"{workspace}: workspace format {found}; this release knows no step from format {lacking} to {lacking + 1}"
        raise UsageError(f"{what}. Migrate it with the release in between, or fill a new workspace from the deliveries.")


def _note(mark: Path, under_way: dict[str, object]) -> None:
    aside = mark.with_name(f".{mark.name}.new")
    aside.write_text(json.dumps(under_way), encoding="utf-8")
    fsync(aside)
    aside.replace(mark)
    fsync(mark.parent)


def _take_steps(workspace: Path, found: int) -> None:
    private, sealed = workspace / "private", workspace / "published" / "sealed"
    for number in range(found, tables.FORMAT):
        con = duckdb.connect(str(private / "working.duckdb"))
        try:
            con.execute("SET TimeZone='UTC'")
            steps.STEPS[number](con, sealed)
            con.execute("CHECKPOINT")
        finally:
            con.close()
        tables.write_format(private, number + 1)
