"""Verbs that make runs happen: ``run``, ``backfill``, ``serve``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from pipelines.flows.deployments import Wanted
    from pipelines.tick import Progress
    from schemas.problems import Problem
    from schemas.settings import Municipality

MOST_SKEW = 5.0  # seconds between two clocks; more needs somebody to look at the time service

At = Annotated[str | None, typer.Option("--at", metavar="T", help="The moment to run for, with offset; else now.")]


def run(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    at: At = None,
    wait: Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")] = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """One tick: take in what is new, compute what is due, publish."""
    from pipelines import lock
    from pipelines.cli import common, evening
    from pipelines.store import tables

    moment = common.moment(at) or common.now()
    with lock.hold(workspace, wait):
        tables.check_format(workspace.resolve() / "private")  # before a server starts for nothing
        slugs = _asked(config, workspace, municipality)
        good, mistakes = _sound(config, workspace, slugs, data, moment)
        outcomes = _through_the_flow(config, workspace, good, data, moment) if good else []
    for outcome in outcomes:
        for note in outcome.get("notes", ()):
            print(common.text("warning", lang, slug=outcome["municipality"], note=note[lang]), file=sys.stderr)
    if as_json:
        common.dump(outcomes)
    for outcome in [] if as_json else outcomes:
        print(f"{outcome['municipality']}: {outcome[f'message_{lang}']}")
        for situation in outcome["situations"]:
            print("  " + evening.in_a_line(situation, lang))
    if mistakes:
        raise mistakes


def _asked(config: Path, workspace: Path, municipality: list[str] | None) -> list[str]:
    """The municipalities to run for; a config folder that is gone does not end what a workspace has kept of it."""
    from pipelines import versions
    from pipelines.cli import common
    from pipelines.faults import UsageError

    try:
        return common.slugs(config, municipality)
    except UsageError:
        kept = versions.known(workspace)
        asked = common.split(municipality) or (kept if not common.there(config) else [])
        if not asked or not set(asked) <= {*kept, *common.there(config)}:
            raise
        return asked


def _sound(
    config: Path, workspace: Path, slugs: list[str], data: Path | None, at: datetime | None = None
) -> tuple[list[str], Exception | None]:
    """The municipalities that can run, and the mistakes of the others: known before a server starts.

    Whose files hold mistakes can run where an earlier version is kept; its mistakes are then said on standard error. So it is
    with a use that was not reviewed; unless a role accepts versions here, that ends in an error: what was asked for did not run.
    """
    from pipelines import purpose, start, versions
    from pipelines.cli import common
    from schemas.problems import Problems

    at = at or common.now()
    good: list[str] = []
    found: list[Problem] = []
    for slug in slugs:
        try:
            purpose.refuse(*start.ready(config, slug, data), at, "run")
        except Problems as problems:
            kept = slug in versions.known(workspace)
            asked = problems.refused and not versions.accepted(workspace, slug, at)
            if asked or not kept:
                found += problems.problems
            if not kept:
                continue
            if not asked:
                print("\n".join(map(str, problems.problems)), file=sys.stderr)
        good.append(slug)
    return good, Problems(found) if found else None


def _through_the_flow(config: Path, workspace: Path, slugs: list[str], data: Path | None, at: datetime) -> list[dict[str, Any]]:
    """Call the flow in this process, with the API given by PREFECT_API_URL or a temporary server."""
    from pipelines.flows import environment

    home = environment.home(workspace, "run")
    environment.forget_old_hand_runs(home)
    environment.prepare(home)
    environment.allow_temporary_server()
    from pipelines.flows.tick import tick_flow

    outcomes: list[dict[str, Any]] = tick_flow(**_parameters(config, workspace, slugs, data), at=at.isoformat())
    return outcomes


def _parameters(config: Path, workspace: Path, slugs: list[str], data: Path | None) -> dict[str, Any]:
    """Parameters of the flow: text only, and whole paths, since a served run has another current folder."""
    return {
        "config": str(config.resolve()),
        "workspace": str(workspace.resolve()),
        "municipalities": slugs,
        "data": str(data.resolve()) if data else None,
    }


def backfill(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="T", help="Compute again what starts from this moment on, with offset.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="T", help="Fill up to this moment, with offset; else now.")] = None,
    restate: Annotated[
        bool, typer.Option("--restate", help="Judge what was computed before, from --from to --to, by today's settings too.")
    ] = False,
    role: Annotated[str | None, typer.Option("--role", metavar="ID", help="Who lets late changes into a frozen period …")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="… and why; with --restate.")] = None,
    wait: Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")] = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Fill history up to a moment, or compute a stretch of it again.

    Computes all deliveries as if each had come when it was due; situations found so never signal. What it changes of what stood
    before becomes a revision, known from now on. Late changes to a frozen period wait until a role lets them in.
    """
    from dataclasses import asdict

    from pipelines import lock, purpose, start, versions
    from pipelines.cli import common
    from pipelines.store import Store
    from pipelines.tick import tick

    slugs = common.slugs(config, municipality)
    ready = {slug: start.ready(config, slug, data) for slug in slugs}  # history can wait until broken files are mended
    release = _release(ready, role, reason, restate)
    clock, until, again = common.now(), common.moment(to), common.moment(since)
    # Computing again is done now, and says so; filling is done as at the moment up to which it fills.
    moment = max(clock, until or clock) if restate or again else until or clock
    for pair in ready.values():
        purpose.refuse(*pair, moment, "backfill")
    done = []
    with lock.hold(workspace, wait), Store(workspace) as store:
        for slug in slugs:
            now = versions.in_force(store, config, slug, data, moment, "backfill")
            with progress_bar(slug) as show:
                done.append(tick(store, now.config, now.cards, at=moment, verb="backfill", since=again, until=until, restate=restate,
                                 release=release, progress=show, notes=now.notes))  # fmt: skip
    if as_json:
        common.dump([asdict(summary) for summary in done])
    else:
        for summary in done:
            print(f"{summary.municipality}: {summary.message_nl if lang == 'nl' else summary.message_en}")


def _release(ready: dict[str, Any], role: str | None, reason: str | None, restate: bool) -> Any:
    """Who lets held changes in, and why; None when that was not asked. Raises :class:`UsageError`."""
    from pipelines.faults import UsageError
    from pipelines.frozen import Release
    from schemas.mistakes import did_you_mean

    if role is None and reason is None:
        return None
    if not (role and reason and restate):
        raise UsageError("Late changes enter a frozen period only with --restate, --role and --reason together.")
    for slug, (settings, _) in ready.items():
        if role not in settings.municipality.roles:
            raise UsageError(f"{slug} has no role `{role}`. {did_you_mean(role, settings.municipality.roles)}")
    return Release(role, reason)


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A bar on standard error for the length of the block; gives the function that moves it: (text, share 0-1)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(title),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        number = bar.add_task("", total=1.0)
        yield lambda text, share: bar.update(number, completed=share, description=text)


def serve(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare what the server has with what config wants, and stop; exit 5 when it differs."),
    ] = False,
    prefect_yaml: Annotated[
        Path | None,
        typer.Option("--prefect-yaml", metavar="FILE", help="Write the deployment for workers and stop; with --check compare."),
    ] = None,
    lang: options.Language = "en",
) -> None:
    """Run on a schedule until ended.

    A run is due at the municipality's pace, and at an event's while it lasts. Uses the Prefect API of PREFECT_API_URL,
    or starts a server of its own. Start it again after a pace was changed.
    """
    from pipelines import calendar
    from pipelines.cli import common
    from pipelines.flows import deployments
    from pipelines.flows import serve as serving
    from schemas.settings import format_duration

    slugs = common.slugs(config, municipality)
    settings = [_settings(config, workspace, slug, data) for slug in slugs]
    now = common.now()
    every = calendar.finest(settings, now)
    for one in settings:
        _say_pace(one, now, lang)
    wanted = deployments.Wanted("+".join(slugs), every.total_seconds(), _parameters(config, workspace, slugs, data))
    if check:
        _compare(workspace, wanted, prefect_yaml, lang)
        return
    if prefect_yaml:
        prefect_yaml.write_text(deployments.prefect_yaml(wanted), encoding="utf-8")
        print(common.text("written", lang, path=prefect_yaml))
        return
    ready = common.text("serving", lang, every=format_duration(every))
    serving.serve(workspace, wanted.name, every, wanted.parameters, lambda _api: print(ready, flush=True))
    print(common.text("served", lang))


def _compare(workspace: Path, wanted: Wanted, prefect_yaml: Path | None, lang: str) -> None:
    """Say what differs between the server and config, and how far the clocks are apart; exit 5 when something does.

    Where nobody serves and no server is given there is nothing to compare: then only whether a server starts.
    """
    import os

    from pipelines.cli import common
    from pipelines.faults import FOUND
    from pipelines.flows import deployments, server

    wrong: list[str] = []
    if prefect_yaml and (
        not prefect_yaml.exists() or prefect_yaml.read_text(encoding="utf-8") != deployments.prefect_yaml(wanted)
    ):
        wrong.append(common.text("yaml_stale", lang, path=prefect_yaml))
    living = deployments.living(workspace) if "PREFECT_API_URL" not in os.environ else None
    if living:
        wrong += _differences(living, wanted, lang)
    else:
        with server.standing(workspace) as found:
            print(common.text("server_answers", lang, api=found.api))
            if found.process is None:
                wrong += _differences(found.api, wanted, lang)
            else:
                print(common.text("nobody_serves", lang))
    print("\n".join(wrong) or common.text("served_as_wanted" if living or not found.process else "sound", lang))
    if wrong:
        raise typer.Exit(FOUND)


def _differences(api: str, wanted: Wanted, lang: str) -> list[str]:
    from pipelines.cli import common
    from pipelines.flows import deployments

    skew = deployments.clock_skew(api)
    if skew is not None:
        print(common.text("clock_skew", lang, seconds=skew))
    told = [
        difference
        for one in (wanted, deployments.nightly(wanted))
        for difference in deployments.differences(deployments.ask(api, one.name, one.flow), one)
    ]
    found = [common.text("served_otherwise", lang, what=what, has=has, wants=wants) for what, has, wants in told]
    if skew is not None and abs(skew) > MOST_SKEW:
        found.append(common.text("clock_wrong", lang, seconds=skew))
    return found


def _settings(config: Path, workspace: Path, slug: str, data: Path | None) -> Municipality:
    """A municipality's own file, for its pace; where the files hold mistakes, that of the version that goes on."""
    from pipelines import lock, start, versions
    from pipelines.cli import common
    from pipelines.store import Store
    from schemas.problems import Problems

    try:
        return start.ready(config, slug, data)[0].municipality
    except Problems as problems:
        with lock.hold(workspace, 60.0):
            if slug not in versions.known(workspace):
                raise
            print("\n".join(map(str, problems.problems)), file=sys.stderr)
            with Store(workspace) as store:
                return versions.in_force(store, config, slug, data, common.now()).config.municipality


def _say_pace(municipality: Municipality, now: datetime, lang: str) -> None:
    """The pace of a municipality, and of its events that are not over."""
    from pipelines.cli import common
    from schemas.settings import format_duration

    slug = municipality.municipality
    print(f"{slug}: " + common.text("pace", lang, every=format_duration(municipality.pace)))
    for event in municipality.events:
        if event.pace and event.to > now:
            values = {
                "name": getattr(event.name, lang),
                "every": format_duration(event.pace),
                "start": event.from_,
                "end": event.to,
            }
            print(f"{slug}: " + common.text("pace_event", lang, **values))
