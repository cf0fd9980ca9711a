"""Verbs on the catalogue: ``indicators list``, ``indicators show``, ``indicators test``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from indicators.card import Card

app = typer.Typer(help="The catalogue of indicator cards.", rich_markup_mode=None, no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="A card's id, as `drukte indicators list` shows it.")]


def _cards(config: Path) -> dict[str, Card]:
    from pipelines import start

    return start.cards(config)


def _one(config: Path, name: str) -> Card:
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    cards = _cards(config)
    if name not in cards:
        raise UsageError(f"There is no indicator `{name}`. {did_you_mean(name, list(cards))}")
    return cards[name]


@app.command("list")
def list_cards(
    *, config: options.Config = options.DEFAULT_CONFIG, lang: options.Language = "en", as_json: options.Json = False
) -> None:
    """All cards: what they measure and the safety risk they are about."""
    from pipelines.cli import common
    from schemas import words

    cards = _cards(config).values()
    if as_json:
        common.dump([card.model_dump(mode="json", by_alias=True, exclude={"examples", "equivalent_mutants"}) for card in cards])
        return
    rows = [
        (
            card.id,
            f"v{card.version}",
            card.status,
            card.role,
            card.unit,
            words.word("safety_risk", card.safety_risk, lang),
            getattr(card.title, lang),
        )
        for card in cards
    ]
    print(common.table(("id", "", "status", "role", "unit", "risk", "title"), rows))


@app.command("show")
def show_card(
    indicator: Id,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """One card: question, formula, edges, limits, follow-up."""
    from pipelines.cli import common

    card = _one(config, indicator)
    if as_json:
        common.dump(card.model_dump(mode="json", by_alias=True))
    else:
        print("\n".join(_lines(card, lang)))


def _lines(card: Card, lang: str) -> list[str]:
    from schemas import words
    from schemas.settings import format_duration

    def said(name: str) -> str:
        return " ".join(str(getattr(getattr(card, name), lang)).split())

    lines = [f"{card.id} v{card.version} ({card.status}, {card.role}): {said('title')}", ""]
    lines += [said(name) for name in ("question", "meaning", "limits", "desired_effect")]
    lines += ["", *(f"{name} = {text}" for name, text in card.let.items()), f"{card.id} = {card.formula}   [{card.unit}]"]
    lines += [f"  {name}: {', '.join(one.from_)}" for name, one in card.inputs.items()]
    lines += [
        f"  {name}: {p.default if p.default is not None else '-'} {p.unit}, {getattr(p.meaning, lang)}"
        for name, p in card.parameters.items()
    ]
    for place_type, bands in card.bands.items():
        for name, band in bands.items():
            times = f"{format_duration(band.for_)} / {format_duration(band.keep_for)}"
            lines.append(f"  {place_type} {words.word('level', name, lang)}: {band.enter:g}, {card.exit_of(band):g}, {times}")
    measure = words.word("measure", card.follow_up.measure, lang)
    lines += [
        "",
        f"→ {measure}, {card.follow_up.role}, {format_duration(card.follow_up.lead_time)}",
        *(f"  {r}" for r in card.references),
    ]
    return lines


@app.command("test")
def run_examples(
    indicator: Annotated[str | None, typer.Argument(help="One card only.")] = None,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Run the worked examples of the cards through the engine (exit 5 when one does not hold)."""
    from indicators import examples
    from pipelines import faults
    from pipelines.cli import common

    cards = [_one(config, indicator)] if indicator else list(_cards(config).values())
    results = {card.id: examples.run(card) for card in cards}
    wrong = {name: [r for r in found if not r.passed] for name, found in results.items()}
    if as_json:
        common.dump(
            {
                name: [{"example": r.name, "differences": [str(d) for d in r.differences]} for r in found]
                for name, found in results.items()
            }
        )
    else:
        for name, found in results.items():
            key = "card_wrong" if wrong[name] else "card_sound"
            print(common.text(key, lang, card=name, n=len(found), wrong=len(wrong[name])))
            for result in wrong[name]:
                print("\n".join([f"  {result.name}", *(f"    {d}" for d in result.differences)]))
    if any(wrong.values()):
        raise typer.Exit(faults.FOUND)
