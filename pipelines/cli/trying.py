"""Verbs that try other settings on the town's own history: ``whatif`` and ``calibrate``. Nothing live is touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from indicators.card import Card
    from pipelines.calibrate import Wish
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

    slug = common.one(config, municipality)
    if place and place_type:
        raise UsageError("--place and --place-type together: keep one, they are different layers.")
    if (place or place_type) and not sets:
        raise UsageError("--place and --place-type go with --set. A file of thresholds names its own.")
    published, moment = common.published(workspace), common.moment(at) or common.now()
    base, cards = start.ready(config, slug, data)
    other = _other(base, cards, sets or [], thresholds, place, place_type, moment)
    tried = sets or thresholds  # else it is not known by which settings the past was judged
    answer = plain.compare(
        published, other, cards, at=moment, start=common.moment(from_), end=common.moment(to), base=base if tried else None,
        drawn=page is not None,
    )  # fmt: skip
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


def calibrate(
    indicator: Annotated[str, typer.Argument(help="The indicator, as `drukte indicators list` shows it.")],
    *,
    rate: Annotated[
        list[str],
        typer.Option(
            "--rate", metavar="[BAND=]N/UNIT", help="Wished signals of all places together: 4/month, high=1/month; repeatable."
        ),
    ],
    place: Place = None,
    place_type: PlaceType = None,
    for_: Annotated[
        str | None, typer.Option("--for", metavar="D", help="How long the edge must be reached (15min); else as in force.")
    ] = None,
    keep_for: Annotated[
        str | None, typer.Option("--keep-for", metavar="D", help="How long it must be calm again; else as in force.")
    ] = None,
    from_: From = None,
    to: To = None,
    at: At = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the proposal goes; proposal-INDICATOR.yaml here if not given."),
    ] = None,
    config: options.Config = options.DEFAULT_CONFIG,
    workspace: options.Workspace = options.DEFAULT_WORKSPACE,
    municipality: options.Municipality = None,
    data: options.Data = None,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Propose edges from the town's own history for a wished rate of signals, with the data behind them.

    Writes a proposal that a person has to decide on (owner, dates and reason are TODO); never a live value. Exit 5 when there is
    none: the history is too short, or the wish cannot be met.
    """
    from pipelines import calibrate as plain
    from pipelines import faults, start
    from pipelines.calibrate.text import as_data, fragment, lines
    from pipelines.cli import common
    from pipelines.whatif.say import Say

    settings, cards = start.ready(config, common.one(config, municipality), data)
    where = _selection(settings, cards, indicator, place, place_type)
    outcome = plain.propose(
        common.published(workspace), settings, cards, indicator, [_wish(text, cards[indicator]) for text in rate], where=where,
        at=common.moment(at) or common.now(), start=common.moment(from_), end=common.moment(to), for_=_duration("--for", for_),
        keep_for=_duration("--keep-for", keep_for),
    )  # fmt: skip
    say, path = Say(lang, settings, cards), out or Path(f"proposal-{indicator}.yaml")
    if as_json:
        common.dump(as_data(outcome))
    else:
        print("\n".join(lines(outcome, say, path)))
    if any(p.band for p in outcome.proposals):
        path.write_text(fragment(outcome, say, _command(indicator, rate, where)), encoding="utf-8")
        if not as_json:
            print(common.text("written", lang, path=path))
    if any(p.trouble for p in outcome.proposals):
        raise typer.Exit(faults.FOUND)


def _command(indicator: str, rate: list[str], where: dict[str, str | None]) -> str:
    """The command behind a proposal, so that whoever reads the file can do it again."""
    selection = [f"--{key.replace('_', '-')} {value}" for key, value in where.items() if value]
    return " ".join(["drukte calibrate", indicator, *(f"--rate {text}" for text in rate), *selection])


def _selection(
    settings: Config, cards: dict[str, Card], indicator: str, place: str | None, place_type: str | None
) -> dict[str, str | None]:
    """Where it is meant for. Raises UsageError for what is not there."""
    from indicators.chosen import chosen
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    if place and place_type:
        raise UsageError("--place and --place-type together: keep one, they are different layers.")
    used = chosen(settings, cards)
    types = {row.place.place_type for row in settings.places if row.place.place_type}
    for asked, there, kind in (
        (indicator, used, "indicator"),
        (place, settings.place_ids, "place"),
        (place_type, types, "place type"),
    ):
        if asked is not None and asked not in there:
            raise UsageError(f"{settings.municipality.municipality}: no {kind} `{asked}`. {did_you_mean(asked, there)}")
    if used[indicator].role != "signal":
        raise UsageError(f"`{indicator}` is context: it never signals, so there is no edge to propose.")
    return {"place": place, "place_type": place_type}


def _wish(text: str, card: Card) -> Wish:
    """``high=2/week`` as signals a month. Raises UsageError."""
    import re

    from indicators.calibration import DAYS_A_MONTH
    from pipelines.calibrate import Wish
    from pipelines.faults import UsageError

    found = re.fullmatch(r"(?:(elevated|high|critical)=)?(\d+(?:\.\d+)?)/(day|week|month|year)", text.strip())
    if not found or float(found[2]) <= 0:
        raise UsageError(
            f"--rate {text}: not understood. Write N/month, N/week, N/day or N/year, perhaps with a band: high=1/month."
        )
    band = found[1] or "elevated"
    if card.bands and not any(band in bands for bands in card.bands.values()):
        raise UsageError(f"--rate {text}: `{card.id}` has no band `{band}`.")
    days = {"day": 1.0, "week": 7.0, "month": DAYS_A_MONTH, "year": 365.25}[found[3]]
    return Wish(band, float(found[2]) * DAYS_A_MONTH / days)


def _duration(option: str, text: str | None) -> timedelta | None:
    from pipelines.faults import UsageError
    from schemas.settings import parse_duration

    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {str(error).replace(' |', '.')}") from None
