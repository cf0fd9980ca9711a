"""Alerts: ``test`` the rules against stories, ``list`` what was told, ``mute`` and ``unmute``, ``send`` what waits, ``watch``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.alerts.proving import Result
    from pipelines.store import Store
    from schemas.config import Config

app = typer.Typer(help="Alerts: who is told what, and whether it got through.", rich_markup_mode=None, no_args_is_help=True)

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment, with offset; else now.")]
Role = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="Who decides: a role of the municipality, never a person's name.")
]
Wait = Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")]


@app.command()
def test(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    shipped: Annotated[
        bool, typer.Option("--shipped/--own", help="Also the stories that come with drukte, or only your own.")
    ] = True,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Play the stories of alert rules and compare the messages with those expected; exit 5 when one differs.

    Your own stories stand in <config>/alerts/<municipality>/*.yaml and are played by your own rules.
    """
    from pipelines.alerts import proving
    from pipelines.cli import common
    from pipelines.faults import FOUND

    slugs = common.slugs(config, municipality) if municipality or len(common.there(config)) == 1 else common.there(config)
    found = proving.results(config, slugs, shipped=shipped)
    if as_json:
        common.dump([result.__dict__ for result in found])
    else:
        print("\n".join(_told(found, lang)))
    if any(result.differences for result in found):
        raise typer.Exit(FOUND)


def _told(found: list[Result], lang: str) -> list[str]:
    from pipelines.cli import common

    lines: list[str] = []
    for result in found:
        if result.differences:
            lines += [f"{result.file}:{result.line}: {result.title}", *(f"   {line}" for line in result.differences)]
    wrong = sum(bool(result.differences) for result in found)
    return [*lines, common.text("stories_wrong" if wrong else "stories_hold", lang, n=len(found), wrong=wrong)]


@app.command("list")
def list_alerts(
    *,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    since: Annotated[str | None, typer.Option("--since", metavar="T", help="Only those of this moment or later.")] = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """What was told to whom, newest first; what was withheld and why; the mutes that last; messages an hour against the budget."""
    from pipelines.alerts import report
    from pipelines.cli import common

    found = report.collect(common.published(workspace), common.split(municipality), common.moment(since), common.now())
    if as_json:
        common.dump(found)
    else:
        print("\n".join(report.lines(found, lang)) or common.text("nothing_found", lang))


@app.command()
def mute(
    *,
    until: Annotated[str, typer.Option("--until", metavar="T", help="When it ends, with offset; a day from now at most.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who reads it later.")],
    role: Role,
    for_role: Annotated[str | None, typer.Option("--for", metavar="ROLE", help="Only what this role is told.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only what this rule tells.")] = None,
    risk: Annotated[str | None, typer.Option("--risk", metavar="CODE", help="Only this safety risk.")] = None,
    place: Annotated[str | None, typer.Option("--place", metavar="SLUG", help="Only this place.")] = None,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 0.0,
    lang: options.Language = "en",
) -> None:
    """Tell nothing that matches all that is named, critical neither, until the end that is given. It is kept and published."""
    from pipelines.alerts import people
    from pipelines.cli import common

    moment, end = common.moment(at) or common.now(), common.moment(until)
    assert end
    with _open(config, workspace, municipality, moment, wait) as (store, settings):
        name = people.mute(
            store, settings, by=role, until=end, at=moment, note=reason, role=for_role, rule=rule, risk=risk, place=place
        )
    print(common.text("muted", lang, id=name, until=f"{end.astimezone(settings.tz):%Y-%m-%d %H:%M}"))


@app.command()
def unmute(
    mute_id: Annotated[str, typer.Argument(metavar="ID", help="As `drukte alerts list` shows it.")],
    *,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 0.0,
    lang: options.Language = "en",
) -> None:
    """End a mute now; what is still so is told at the next run."""
    from pipelines.alerts import people
    from pipelines.cli import common

    moment = common.moment(at) or common.now()
    with _open(config, workspace, municipality, moment, wait) as (store, settings):
        people.unmute(store, settings, mute_id, moment)
    print(common.text("unmuted", lang, id=mute_id))


@app.command()
def send(
    *,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    wait: Wait = 0.0,
    lang: options.Language = "en",
) -> None:
    """Try once more, between two runs, to deliver what waits; exit 5 when something still does."""
    from pipelines.alerts import outbox
    from pipelines.cli import common
    from pipelines.faults import FOUND

    moment = common.moment(at) or common.now()
    with _open(config, workspace, municipality, moment, wait) as (store, settings):
        done = outbox.send(store, settings, moment)
    print(common.text("alerts_sent", lang, sent=done.sent, waiting=done.waiting, failed=done.failed))
    if done.waiting or done.failed:
        raise typer.Exit(FOUND)


@app.command()
def watch(
    *,
    at: At = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    lang: options.Language = "en",
) -> None:
    """The dead man's switch: tell when no run ended, or no source gave data, for too long; exit 5 when so.

    Have another scheduler than the runs' call it every five minutes. It reads only what was published and waits for nothing.
    """
    from pipelines.alerts import watching
    from pipelines.cli import common
    from pipelines.faults import FOUND

    found = [
        watching.look(config, workspace, slug, common.moment(at) or common.now()) for slug in common.slugs(config, municipality)
    ]
    for slug, (wrong, notes) in zip(common.slugs(config, municipality), found, strict=True):
        print(f"{slug}: " + common.text(f"watch_{wrong or 'well'}", lang))
        for note in notes:
            print(f"   {note}")
    if any(wrong or notes for wrong, notes in found):
        raise typer.Exit(FOUND)


@contextmanager
def _open(
    config: Path, workspace: Path, municipality: list[str] | None, at: datetime, wait: float
) -> Iterator[tuple[Store, Config]]:
    """The store and the settings of one municipality; published at its end."""
    from pipelines import start
    from pipelines.cli import common

    common.published(workspace)
    settings, _ = start.ready(config, common.one(config, municipality))
    with common.held(workspace, wait, at) as store:
        yield store, settings
