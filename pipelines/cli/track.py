"""Verbs on the development track: ``track show``, ``track compare`` and ``track concern``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.track import TrackState
    from pipelines.track.stored import Stored

app = typer.Typer(
    help="The steps every initiative goes through: what is there, missing or overdue.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

At = Annotated[str | None, typer.Option("--at", metavar="T", help="As it stood at this moment, with offset; else now.")]
Page = Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page (HTML) too.")]
Purpose = Annotated[str | None, typer.Option("--purpose", metavar="ID", help="Only this purpose; all adopted ones if not given.")]


@app.command("show")
def show(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.OnlyMunicipality = None,
    purpose: Purpose = None,
    at: At = None,
    page: Page = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Each step with its evidence, what is missing or overdue, which roles agreed, and the concerns of stakeholders.

    What settings, cards and the workspace show is looked up; the rest stands in municipalities/<slug>/track.yaml.
    """
    from pipelines.cli import common
    from pipelines.track import as_json as plain
    from pipelines.track import text

    slugs = common.slugs(config, municipality) if municipality else common.known(config)
    states = [s for slug in slugs for s in _states(config, slug, workspace, common.moment(at) or common.now(), purpose)]
    _written(states, page, lang)
    if as_json:
        common.dump([plain(s) for s in states])
        return
    print("\n\n".join("\n".join(text.lines(s, lang)) for s in states) or common.text("nothing_found", lang))
    if page is not None:
        print(common.text("written", lang, path=page))


@app.command("compare")
def compare(
    sides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOWN]...", help="Municipalities (slugs) or transfer packages; all if not given."),
    ] = None,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    purpose: Purpose = None,
    at: At = None,
    page: Page = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Tracks of several municipalities side by side: how far each is, and what each step lacks."""
    from pipelines.cli import common
    from pipelines.track import as_json as plain
    from pipelines.track import text
    from pipelines.transfer import package

    moment = common.moment(at) or common.now()
    with ExitStack() as aside:
        states: list[TrackState] = []
        for side in sides or common.known(config):
            if Path(side).is_file():
                opened = aside.enter_context(package.laid_out(Path(side)))
                states += _of(opened.config_dir, opened.about.municipality, opened.at, purpose, opened.stored)
            else:
                (slug,) = common.slugs(config, [side])
                states += _states(config, slug, workspace, moment, purpose)
    _written(states, page, lang)
    if as_json:
        common.dump([plain(s) for s in states])
        return
    head, *rows = text.side_by_side(states, lang)
    print(common.table(head, rows))
    if page is not None:
        print(common.text("written", lang, path=page))


@app.command("concern")
def concern(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    municipality: options.Municipality = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="ROLE", help="Role, or stakeholder of track.yaml; never a name.")
    ] = None,
    told: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="The concern, the answer, or why it is not settled.")
    ] = None,
    answer: Annotated[int | None, typer.Option("--answer", metavar="N", help="This is the answer to concern N.")] = None,
    reopen: Annotated[int | None, typer.Option("--reopen", metavar="N", help="Concern N is not settled by its answer.")] = None,
    step: Annotated[
        str | None, typer.Option("--step", metavar="STEP", help="The step that it is about, as `track show --json` names it.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", metavar="ID", help="The purpose that it is about; else all of them.")
    ] = None,
    at: At = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Raise a concern of a stakeholder, answer it, or open it again; without --text, list them.

    Nothing is taken out: an answer is a line of its own, and both stay visible in the track, its pages and the transfer package.
    """
    from typing import Literal

    from pipelines import start
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.track import concern as log

    (slug,) = common.slugs(config, municipality)[:1]
    moment = common.moment(at) or common.now()
    if told is None and by is None and answer is None and reopen is None:
        _listed([s for s in _states(config, slug, None, moment, purpose) if s.concerns], lang, as_json)
        return
    if told is None or by is None:
        raise UsageError("a concern needs --by ROLE and --text TEXT; `drukte track concern --help` says what each is.")
    if answer is not None and reopen is not None:
        raise UsageError("choose one of --answer and --reopen.")
    settings, _ = start.ready(config, slug)
    what: Literal["raised", "answered", "reopened"] = "raised"
    if answer is not None or reopen is not None:
        what = "answered" if reopen is None else "reopened"
    today = moment.astimezone(settings.tz).date()
    number, path = log.add(settings, what, answer if reopen is None else reopen, by, told, today, step, purpose)
    if as_json:
        common.dump({"municipality": slug, "concern": number, "what": what, "file": str(path)})
        return
    from pipelines.track.say import say

    print(say(f"concern_{what}", lang, town=slug, n=number, who=by, path=path))


def _listed(states: list[TrackState], lang: options.Lang, as_json: bool) -> None:
    from pipelines.cli import common
    from pipelines.track import as_json as plain
    from pipelines.track import text
    from pipelines.track.say import say

    if as_json:
        common.dump([concern for s in states for concern in plain(s)["concerns"]])
        return
    lines = [line for s in states for c in s.concerns for line in text.concern_lines(c, s, lang)]
    print("\n".join(dict.fromkeys(lines)) or say("no_concerns", lang))


def _states(config: Path, slug: str, workspace: Path | None, at: datetime, purpose: str | None) -> list[TrackState]:
    from pipelines.track import stored

    return _of(config, slug, at, purpose, stored.read(workspace, slug, at))


def _of(config: Path, slug: str, at: datetime, purpose: str | None, there: Stored | None) -> list[TrackState]:
    from pipelines import start, track
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    settings, cards = start.ready(config, slug)
    if purpose is not None and purpose not in settings.purposes:
        raise UsageError(f"{slug} did not adopt a purpose `{purpose}`. {did_you_mean(purpose, settings.purposes)}")
    return track.tracks(settings, cards, at, there, purpose)


def _written(states: list[TrackState], page: Path | None, lang: str) -> None:
    from pipelines.track import page as pages

    if page is not None and states:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(pages.html(states, lang), encoding="utf-8")
