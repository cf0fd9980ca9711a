"""The worked examples of a card as tables: what goes in and what must come out, an interval or several equal ones a column."""

from __future__ import annotations

from itertools import groupby

from indicators import series
from indicators.grammar import Card, Example
from pipelines.board.say import Voice
from pipelines.docs import markdown
from pipelines.docs.say import code, say, say_or, unit
from schemas.settings import format_duration

_CODES = {"level": "level", "keeps": "level", "at_once": "level", "held": "level", "status": "status", "reason": "reason"}


def section(card: Card, lang: str) -> str:
    """All examples of a card."""
    if not card.examples:
        return say("no_examples", lang) + "\n\n"
    told = (_example(card, number, example, lang) for number, example in enumerate(card.examples, 1))
    return say("examples_note", lang, id=card.id) + "\n\n" + "".join(told)


def _example(card: Card, number: int, example: Example, lang: str) -> str:
    slots = len(series.tokens(next(iter(example.inputs.values()))))
    rows: dict[str, list[str]] = {
        f"`{name}`": [said(token, lang) for token in series.tokens(text)] for name, text in example.inputs.items()
    }
    fixed, varying = _numbers(example, slots, lang)
    rows |= varying
    for column, text in example.expect.given().items():
        rows[f"**{_named(card, column, lang)}**"] = [_expected(column, token, lang) for token in series.spread(text, slots)]
    head, columns = _columns(rows)
    given = [
        *([f"`{example.place_type}`"] if example.place_type else []),
        f"{say('slots', lang)} {format_duration(example.interval)}",
        *fixed,
    ]
    lines = [[name, *(values[at] for at in columns)] for name, values in rows.items()]
    return f"**{number}. {markdown.one_line(example.name)}**  \n{' · '.join(given)}\n\n" + markdown.table(
        [say("slots", lang), *head], lines
    )


def _numbers(example: Example, slots: int, lang: str) -> tuple[list[str], dict[str, list[str]]]:
    """Attributes, parameters, baseline and coverage: those that hold for all slots, and those that vary."""
    given = {**example.attributes, **example.parameters, **example.baseline}
    named = {f"`{name}`": text for name, text in given.items()}
    if example.coverage != "1":
        named[say("row_coverage", lang)] = example.coverage
    spread = {name: [_number(token, lang) for token in series.spread(text, slots)] for name, text in named.items()}
    fixed = [f"{name} {values[0]}" for name, values in spread.items() if len(set(values)) == 1]
    return fixed, {name: values for name, values in spread.items() if len(set(values)) > 1}


def _columns(rows: dict[str, list[str]]) -> tuple[list[str], list[int]]:
    """Headings (``3`` or ``4–6``) and the slot to show, for neighbours that are equal in every row."""
    slots = list(zip(*rows.values(), strict=True))
    head, shown, at = [], [], 0
    for _, group in groupby(slots):
        length = len(list(group))
        head.append(f"{at + 1}" if length == 1 else f"{at + 1}–{at + length}")
        shown.append(at)
        at += length
    return head, shown


def _named(card: Card, column: str, lang: str) -> str:
    name = say_or(f"row_{column}", lang, column)
    return f"{name} ({unit(card.unit, lang).strip('()')})" if column == "value" and card.unit != "-" else name


def said(token: str, lang: str) -> str:
    """An input as people read it: a number, why there is none, or the bounds within which it lies."""
    cell = series.cells(token)[0]
    if cell.value is not None:
        return Voice(lang).number(cell.value)
    bounds = say("drawing_range", lang, low=Voice(lang).number(cell.low), high=Voice(lang).number(cell.high))
    if cell.low is None:
        return code("status", cell.status, lang).partition(" (")[0]
    return bounds if cell.status == "ok" else say("withheld_to", lang, bounds=bounds)


def _number(token: str, lang: str) -> str:
    """A number as written in the language; anything else as it stands in the card."""
    try:
        value = series.number(token)
    except ValueError:
        return token
    return say("nothing", lang) if value is None else Voice(lang).number(value)


def _expected(column: str, token: str, lang: str) -> str:
    if token == series.NOTHING:
        return say("nothing", lang)
    return code(_CODES[column], token, lang) if column in _CODES else _number(token, lang)
