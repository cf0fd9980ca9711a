"""Verbs on the catalogue, cards and KPIs: ``indicators list``, ``indicators show``, ``indicators test``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options

if TYPE_CHECKING:
    from indicators.card import Card
    from indicators.example_run import Result
    from indicators.kpi import Kpi

app = typer.Typer(help="The catalogue of indicator cards, and the KPIs of signals.", rich_markup_mode=None, no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The id of a card or KPI, as `drukte indicators list` shows it.")]


def _cards(config: Path) -> dict[str, Card]:
    from pipelines import start

    return start.cards(config)


def _kpis() -> dict[str, Kpi]:
    from indicators import kpi

    return kpi.catalogue()


def _one(config: Path, name: str) -> Card | Kpi:
    from pipelines.faults import UsageError
    from schemas.mistakes import did_you_mean

    known: dict[str, Card | Kpi] = {**_cards(config), **_kpis()}
    if name not in known:
        raise UsageError(f"There is no indicator `{name}`. {did_you_mean(name, list(known))}")
    return known[name]


@app.command("list")
def list_cards(
    *, config: options.Config = options.DEFAULT_CONFIG, lang: options.Language = "en", as_json: options.Json = False
) -> None:
    """All cards: what they measure and the safety risk they are about; and the KPIs that say how well signals work."""
    from pipelines.cli import common
    from schemas import words

    cards, kpis = _cards(config).values(), _kpis().values()
    if as_json:
        without = {"examples", "equivalent_mutants"}
        every: list[Card | Kpi] = [*cards, *kpis]
        common.dump([one.model_dump(mode="json", by_alias=True, exclude=without) for one in every])
        return
    rows: list[tuple[str, ...]] = [
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
    rows += [(kpi.id, f"v{kpi.version}", "", f"kpi ({kpi.kind})", kpi.unit, "", getattr(kpi.title, lang)) for kpi in kpis]
    print(common.table(("id", "", "status", "role", "unit", "risk", "title"), rows))


@app.command("show")
def show_card(
    indicator: Id,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """One card or KPI: question, formula, edges, limits, follow-up."""
    from indicators.kpi import Kpi
    from pipelines.cli import common

    found = _one(config, indicator)
    if as_json:
        common.dump(found.model_dump(mode="json", by_alias=True))
    else:
        print("\n".join(_kpi_lines(found, lang) if isinstance(found, Kpi) else _lines(found, lang)))


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


def _kpi_lines(kpi: Kpi, lang: str) -> list[str]:
    def said(text: object) -> str:
        return " ".join(str(getattr(text, lang)).split())

    lines = [f"{kpi.id} v{kpi.version} ({kpi.kind}): {said(kpi.title)}", ""]
    lines += [said(text) for text in (kpi.question, kpi.meaning, kpi.limits, kpi.desired_effect)]
    lines += ["", f"{kpi.id} = {kpi.formula}   [{kpi.unit}]"]
    lines += [f"  {name} [{given.unit}]: {said(given.meaning)}" for name, given in kpi.inputs.items()]
    lines += [f"  95 %: {kpi.interval.method}. {said(kpi.interval.because)}", "", f"→ {kpi.owner}"]
    lines += [f"  + {', '.join(kpi.shown_with)}"] if kpi.shown_with else []
    return [*lines, *(f"  {r}" for r in kpi.references)]


def _run(one: Card | Kpi) -> list[Result]:
    from indicators import examples, kpi

    return kpi.run(one) if isinstance(one, kpi.Kpi) else examples.run(one)


def _left_out(one: Card | Kpi) -> list[str]:
    """Edges, branches and policies of a card that no example touches."""
    from indicators import examples
    from indicators.card import Card

    return examples.coverage(one) if isinstance(one, Card) and one.examples else []


@app.command("test")
def run_examples(
    indicator: Annotated[str | None, typer.Argument(help="One card or KPI only.")] = None,
    *,
    config: options.Config = options.DEFAULT_CONFIG,
    lang: options.Language = "en",
    as_json: options.Json = False,
) -> None:
    """Run the worked examples of cards and KPIs through the engine (exit 5 when one does not hold)."""
    from pipelines import faults
    from pipelines.cli import common

    chosen: list[Card | Kpi] = [_one(config, indicator)] if indicator else [*_cards(config).values(), *_kpis().values()]
    results = {one.id: _run(one) for one in chosen}
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
        for one in chosen:
            for line in _left_out(one):
                print(common.text("example_lacking", lang, card=one.id, what=line))
    if any(wrong.values()):
        raise typer.Exit(faults.FOUND)
