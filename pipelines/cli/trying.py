"""Verbs that try other settings on the town's own history: ``whatif`` and ``calibrate``. Nothing live is touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from datetime import datetime

    from indicators.card import Card
    from schemas.config import Config

SET = "density.elevated.enter=1.8 (or exit, for, keep_for), growth.params.min_count=200, weighted_risk.weights.density=0.5; repeatable."
From = Annotated[
    str | None, typer.Option("--from", metavar="T", help="From this moment, with offset; else from the first value.")
]
To = Annotated[str | None, typer.Option("--to", metavar="T", help="Until this moment; else until the last value.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="T", help="The moment to look from: values that ended later do not count; else now.")
]
Place = Annotated[str | None, typer.Option("--place", metavar="SLUG", help="For this place.")]
PlaceType = Annotated[str | None, typer.Option("--place-type", metavar="TYPE", help="For this type of place.")]


def whatif(
    *,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help=SET),
    ] = None,
    thresholds: Annotated[
        Path | None, typer.Option("--thresholds", metavar="FILE", help="Thresholds to try, as in the municipality's own file.")
    ] = None,
    place: Place = None,
    place_type: PlaceType = None,
    from_: From = None,
    to: To = None,
    at: At = None,
    page: Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write a page with pictures too (HTML).")] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Other thresholds on the town's own history: situations gained, lost, earlier, later; time at each level.

    With --set or --thresholds these come beside the settings of --config, as if they had always been in force. With --config
    alone its thresholds as they stand now count for all of the past. Works on the published file, also while a run goes on.
    """
    from pipelines import start
    from pipelines import whatif as plain
    from pipelines.cli import common
    from pipelines.faults import UsageError
    from pipelines.whatif import page as pages
    from pipelines.whatif.say import Say
    from pipelines.whatif.text import lines

    slugs = common.slugs(config, municipality)
    if len(slugs) > 1:
        raise UsageError("One municipality at a time: name one with --municipality.")
    if place and place_type:
        raise UsageError("--place and --place-type together: keep one, they are different layers.")
    if (place or place_type) and not sets:
        raise UsageError("--place and --place-type go with --set. A file of thresholds names its own.")
    published, moment = common.published(workspace), common.moment(at) or common.now()
    base, cards = start.ready(config, slugs[0], data)
    other = _other(base, cards, sets or [], thresholds, place, place_type, moment)
    answer = plain.compare(
        published, other, cards, at=moment, start=common.moment(from_), end=common.moment(to), base=base, drawn=page is not None
    )
    say = Say(lang, other, cards)
    if page is not None:
        pages.write(answer, say, page)
    if as_json:
        common.dump(plain.as_data(answer))
    else:
        print("\n".join(lines(answer, say)))
        if page is not None:
            print(common.text("written", lang, path=page))


def _other(
    base: Config, cards: dict[str, Card], sets: list[str], thresholds: Path | None, place: str | None, place_type: str | None, at: datetime
) -> Config:  # fmt: skip
    """The settings to try."""
    from pipelines.whatif import changes
    from pipelines.whatif.sets import applied

    if not sets and thresholds is None:
        return changes.checked(changes.all_along(base), cards)
    other = changes.with_entries(base, changes.from_file(thresholds)) if thresholds else base
    if sets:
        other = applied(other, cards, sets, place=place, place_type=place_type, at=at)
    return changes.checked(other, cards)
