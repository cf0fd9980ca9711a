"""The verb that puts a config in force: ``config accept``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from pipelines.store import Store
    from pipelines.versions import Version

    Step = Callable[[Store, str, datetime, str, str], Version]


def accept(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    role: Annotated[
        str | None, typer.Option("--role", metavar="ROLE", help="The role that decides, one of the file's `roles`.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, in a sentence.")] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="In force from this moment, with offset; else from the coming midnight."),
    ] = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="From the next interval; to be reviewed within three working days.")
    ] = False,
    review: Annotated[
        int | None, typer.Option("--review", metavar="N", help="Note the review of urgent version N (0: the one that waits).")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Only list the versions that were or will be in force.")] = False,
    at: Annotated[
        str | None, typer.Option("--at", metavar="T", help="The moment of the decision, with offset; else now.")
    ] = None,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")
    ] = 30.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Put the files in force: who, why, from when; the content is kept.

    From the first time on, changed files of the municipality act only after this step.
    """
    from pipelines.cli import common
    from pipelines.faults import UsageError

    slugs, moment = common.slugs(config, municipality), common.moment(at) or common.now()
    if show:
        _listed(_versions(workspace, slugs, wait), lang, as_json)
        return
    if role is None or reason is None:
        missing = [name for name, given in (("--role", role), ("--reason", reason)) if given is None]
        raise UsageError(f"config accept needs {' and '.join(missing)}: who decides, and why. Both are kept.")
    step = _reviewed(config, data, review) if review is not None else _accepted(config, data, common.moment(begin), urgent)
    with common.held(workspace, wait, moment) as store:
        done = [step(store, slug, moment, role, reason) for slug in slugs]
    if as_json:
        common.dump([asdict(version) for version in done])
    else:
        print("\n".join(_said(version, lang) for version in done))


def _accepted(config: Path, data: Path | None, begin: datetime | None, urgent: bool) -> Step:
    """Putting the files of a municipality in force."""
    from pipelines.versions import accept as plain

    def step(store: Store, slug: str, at: datetime, role: str, why: str) -> Version:
        return plain.accept(store, config, slug, data, at=at, role=role, why=why, begin=begin, urgent=urgent)

    return step


def _reviewed(config: Path, data: Path | None, number: int) -> Step:
    """Noting the review of an urgent version; 0 is the one that waits."""
    from pipelines import start
    from pipelines.versions import accept as plain

    def step(store: Store, slug: str, at: datetime, role: str, why: str) -> Version:
        settings, _ = start.ready(config, slug, data)
        return plain.review(store, settings, number or None, at=at, role=role, why=why)

    return step


def _versions(workspace: Path, slugs: list[str], wait: float) -> list[Version]:
    """The versions that a workspace has kept; looking changes nothing."""
    from pipelines import lock
    from pipelines.store import Store
    from pipelines.versions import ledger

    with lock.hold(workspace, wait), Store(workspace) as store:
        return [version for slug in slugs for version in ledger.versions(store, slug)]


def _listed(found: list[Version], lang: str, as_json: bool) -> None:
    from pipelines.cli import common

    if as_json:
        common.dump([asdict(version) for version in found])
    elif found:
        print(common.table(("", "", "", "", "", "", ""), [_row(version, lang) for version in found]))
    else:
        print(common.text("nothing_found", lang))


def _row(version: Version, lang: str) -> tuple[object, ...]:
    from schemas import words

    begin = f"{version.effective_from:%Y-%m-%d %H:%M}Z" if version.effective_from else "-"
    by = f"{version.accepted_by}: {version.accepted_because}" if version.accepted_by else ""
    seen = f"{version.reviewed_by}: {version.review_note}" if version.reviewed_by else version.review_by or ""
    how = words.word("config_how", version.how, lang)
    return version.municipality, version.number, begin, how, version.content_hash, seen, by


def _said(version: Version, lang: str) -> str:
    from pipelines.cli import common

    values = {"slug": version.municipality, "number": version.number, "role": version.accepted_by, "start": version.effective_from,
              "day": version.review_by, "reviewer": version.reviewed_by}  # fmt: skip
    if version.reviewed_by:
        return common.text("config_reviewed", lang, **values)
    return common.text("config_urgent" if version.how == "urgent" else "config_accepted", lang, **values)
