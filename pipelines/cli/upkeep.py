"""Verbs for whoever keeps the machine: ``backup``, ``restore``, ``migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options

Wait = Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")]


def backup(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="The file to write; else beside the workspace, with the moment in its name."),
    ] = None,
    wait: Wait = 30.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """A copy of the workspace, taken between two runs.

    Runs are held up only while files are set aside. The config folder and the delivered files are not in it.
    """
    from pipelines.cli import common
    from pipelines.upkeep import backup as plain

    at = common.now()
    target = to or plain.default_target(workspace, at)
    header = plain.write(workspace, target, at, wait)
    size = sum(member.bytes for member in header.files)
    if as_json:
        common.dump({"file": target, "bytes": size, **header.model_dump(exclude={"files"}), "files": len(header.files)})
    else:
        print(common.text("backed_up", lang, file=target, files=len(header.files), size=size / 1e6, run=header.last_run or "-"))


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `drukte backup` wrote.")],
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    check: Annotated[bool, typer.Option("--check", help="Only read the file and check its hashes; write nothing.")] = False,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Put a backup back, in a new or empty folder.

    Every file is checked against its hash first; a damaged one restores nothing (exit 5).
    """
    from pipelines.cli import common
    from pipelines.store.tables import FORMAT
    from pipelines.upkeep import restore as plain

    header = plain.check(file) if check else plain.restore(file, workspace)
    if as_json:
        common.dump(
            {**header.model_dump(exclude={"files"}), "files": len(header.files), "workspace": None if check else workspace}
        )
        return
    said = "backup_sound" if check else "restored" if header.format == FORMAT else "restored_older"
    print(
        common.text(
            said, lang, file=file, workspace=workspace, taken=header.taken_at, run=header.last_run or "-", format=header.format
        )
    )


def migrate(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Where the backup of before goes; else beside the workspace.")
    ] = None,
    wait: Wait = 30.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Bring a workspace of an earlier release to this one.

    Takes a backup first. Killed, it goes on when called again.
    """
    from dataclasses import asdict

    from pipelines.cli import common
    from pipelines.upkeep import migrate as plain

    done = plain.migrate(workspace, common.now(), to, wait)
    if as_json:
        common.dump(asdict(done))
    else:
        print(common.text("migrated" if done.backup else "migrated_nothing", lang, **asdict(done)))
