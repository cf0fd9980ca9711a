"""The verb that puts a config in force: ``config accept``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.versions import Version


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
    from dataclasses import asdict

    from pipelines import lock, start
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.publish import publish
    from pipelines.store import Store
    from pipelines.versions import accept as step
    from pipelines.versions import ledger

    slugs, moment, since = common.slugs(config, municipality), common.moment(at) or common.now(), common.moment(begin)
    missing = [name for name, given in (("--role", role), ("--reason", reason)) if not given]
    if missing and not show:
        raise UsageError(f"config accept needs {' and '.join(missing)}: who decides, and why. Both are kept.")
    done: list[Version] = []
    with lock.hold(workspace, wait), Store(workspace) as store:
        for slug in slugs:
            if show:
                done += ledger.versions(store, slug)
                continue
            assert role is not None and reason is not None
            if review is not None:
                settings, _ = start.ready(config, slug, data)
                done.append(step.review(store, settings, review or None, at=moment, role=role, why=reason))
            else:
                done.append(step.accept(store, config, slug, data, at=moment, role=role, why=reason, begin=since, urgent=urgent))
        if not show:
            publish(store, moment)
    if as_json:
        common.dump([asdict(v) for v in done])
    elif show:
        print(
            common.table(("", "", "", "", "", "", ""), [_row(v, lang) for v in done])
            if done
            else common.text("nothing_found", lang)
        )
    else:
        for version in done:
            print(_said(version, lang))


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
