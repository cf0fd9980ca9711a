"""The verb ``plan``: what the next run would do, and what would be lost without a source. It changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipelines.cli import options


def plan(
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="T", help="The moment of that run, with offset; else now (--without: the last run)."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--without", metavar="SOURCE", help="Instead: what would be lost without this source.")
    ] = None,
    wait: Annotated[float, typer.Option("--wait", metavar="S", min=0, help="Seconds to wait for a run that is under way.")] = 0.0,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Say what the next run would compute, and why; nothing is changed.

    With --without: the indicators and places that need a source, and the situations of the last month judged again without it.
    """
    from dataclasses import asdict

    from pipelines import plan as plain
    from pipelines import start, versions
    from pipelines.cli import common
    from pipelines.plan.text import Lines
    from pipelines.store.aside import copied

    slugs, moment = common.slugs(config, municipality), common.moment(at)
    ready = {slug: start.ready(config, slug, data) for slug in slugs}
    if source:
        ready = {slug: pair for slug, pair in ready.items() if source in pair[0].sources} or _no_such(source, ready)
    found: list[dict[str, Any]] = []
    lines: list[str] = []
    for slug, (settings, cards) in ready.items():
        said = Lines(lang, settings.tz)
        with copied(workspace, wait) as store:
            if source:
                loss = plain.without(store, settings, cards, source, moment)
                found.append(asdict(loss))
                lines += said.of_loss(loss)
            else:
                then = moment or common.now()
                now = versions.in_force(store, config, slug, data, then)
                coming = plain.collect(store, now.config, now.cards, then)
                found.append(
                    {**asdict(coming), "nothing_due": coming.nothing_due, "config_notes": [asdict(n) for n in now.notes]}
                )
                lines += said.of_plan(coming)
                lines += [common.text("warning", lang, slug=slug, note=getattr(note, lang)) for note in now.notes]
    if as_json:
        common.dump(found)
    else:
        print("\n".join(lines))


def _no_such(source: str, ready: dict) -> dict:  # type: ignore[type-arg]
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    known = {name for settings, _ in ready.values() for name in settings.sources}
    raise UsageError(f"no source `{source}` here. {did_you_mean(source, known)}")
