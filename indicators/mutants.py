"""Small faults put into a card on purpose: a card is well tested when each of them fails one of its examples.

A mutant that no example can tell from the card is listed in the card under ``equivalent_mutants``, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import duckdb
from sqlglot import exp

from indicators import card_check, example_run, formula
from indicators.example_run import AS_WRITTEN, Fill
from indicators.grammar import Card
from schemas.settings import Band
from schemas.settings.bands import BandName
from schemas.yamlfile import Path_

NEAR_ZERO = 1e-9
_SWAPS: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GTE: exp.GT, exp.GT: exp.GTE, exp.LTE: exp.LT, exp.LT: exp.LTE, exp.And: exp.Or, exp.Or: exp.And,
    exp.Greatest: exp.Least, exp.Least: exp.Greatest, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ, exp.Add: exp.Sub,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A fault, the first example that notices it (``refused`` when the card would not load), or why none can."""

    name: str
    killed_by: str | None
    equivalent: str | None

    @property
    def accounted_for(self) -> bool:
        """Noticed, or listed as equivalent; not both."""
        return (self.killed_by is None) == (self.equivalent is not None)


def judge(card: Card) -> list[Mutant]:
    """Every mutant of the card, run through all examples."""
    listed = {e.mutant: e.because for e in card.equivalent_mutants}
    made = [*_faults(card)]
    with example_run.connection() as con:
        found = [Mutant(name, _killer(con, mutated, fill), listed.get(name)) for name, mutated, fill in made]
    unknown = set(listed) - {name for name, _, _ in made}
    return found + [Mutant(f"listed, but not made: {name}", None, None) for name in sorted(unknown)]


def _killer(con: duckdb.DuckDBPyConnection, card: Card, fill: Fill) -> str | None:
    try:
        return next((result.name for result in example_run.results(con, card, fill) if not result.passed), None)
    except ValueError:
        return "refused"


Fault = tuple[str, Card, Fill]


def _faults(card: Card) -> Iterator[Fault]:
    yield from ((name, card, fill) for name, fill in _fills(card))
    for maker in (_edges, _durations, _guards, _numbers, _expressions):
        yield from ((name, mutated, AS_WRITTEN) for name, mutated in maker(card))


def _fills(card: Card) -> Iterator[tuple[str, Fill]]:
    """What is not measured written as if it were: of one input, or of what is known of the place."""
    for name in _deciding(card):
        yield f"{name} missing written as 0", Fill(name, missing_as_zero=True)
        if card_check.can_be_withheld(card, name):
            yield f"{name} withheld written as its least", Fill(name, withheld_as="low")
            yield f"{name} withheld written as its most", Fill(name, withheld_as="high")
        if card_check.can_be_a_range(card, name):
            yield f"{name} within bounds written as its least", Fill(name, range_as="low")
            yield f"{name} within bounds written as its most", Fill(name, range_as="high")
    for name in card.attributes:  # an unknown baseline is one with too few values, for which n stands
        yield f"{name} unknown written as 0", Fill(name, missing_as_zero=True)


def _deciding(card: Card) -> list[str]:
    """The inputs that can change an outcome: an optional one that stands in the explanation only cannot."""
    used = set().union(
        *(formula.parse_expression(text, names, kind).names for _, text, kind, names in card_check.expressions(card))
    )
    return [name for name in card.inputs if name in used or name not in card.optional]


def _with(card: Card, **changes: Any) -> Card:
    return card.model_copy(update=changes)


def _with_band(card: Card, place_type: str, name: BandName, **changes: Any) -> Card:
    bands = card.bands[place_type]
    band = bands[name].model_copy(update=changes)
    return _with(card, bands={**card.bands, place_type: {**bands, name: band}})


def _each_band(card: Card) -> Iterator[tuple[str, BandName, Band]]:
    for place_type, bands in card.bands.items():
        yield from ((place_type, name, bands[name]) for name in get_args(BandName) if name in bands)


def _edges(card: Card) -> Iterator[tuple[str, Card]]:
    """Each edge one digit up and down: the same as ``>`` for ``>=``, on rounded values."""
    step = Decimal(1).scaleb(-card.digits)
    for place_type, name, band in _each_band(card):
        exit_ = card.exit_of(band)
        for sign, by in (("+", step), ("-", -step)):
            moved = float(Decimal(str(band.enter)) + by)
            yield f"{place_type} {name} enter {sign} {step}", _with_band(card, place_type, name, enter=moved, exit=exit_)
            moved = float(Decimal(str(exit_)) + by)
            yield f"{place_type} {name} exit {sign} {step}", _with_band(card, place_type, name, exit=moved)


def _durations(card: Card) -> Iterator[tuple[str, Card]]:
    """``for`` and ``keep_for`` one slot of the finest example longer and shorter, ``for_intervals`` one more, one less."""
    step = min((e.interval for e in card.examples if e.expect.held), default=timedelta(minutes=15))
    minutes = f"{step.total_seconds() / 60:g}min"
    for place_type, name, band in _each_band(card):
        for field in ("for", "keep_for"):
            key = "for_" if field == "for" else field
            given: timedelta = getattr(band, key)
            yield f"{place_type} {name} {field} + {minutes}", _with_band(card, place_type, name, **{key: given + step})
            if given > step:
                yield f"{place_type} {name} {field} - {minutes}", _with_band(card, place_type, name, **{key: given - step})
        if band.for_intervals:
            for by in (1, -1):
                changed = _with_band(card, place_type, name, for_intervals=band.for_intervals + by)
                yield f"{place_type} {name} for_intervals {by:+d}", changed


def _guards(card: Card) -> Iterator[tuple[str, Card]]:
    """Each condition left out."""
    for field in ("requires", "material", "caps"):
        items = getattr(card, field)
        for index, item in enumerate(items):
            text = item.when if field == "caps" else item.that
            yield f"without {field}: {text}", _with(card, **{field: (*items[:index], *items[index + 1 :])})
    for name in card.optional:
        yield f"{name} not optional", _with(card, optional=tuple(other for other in card.optional if other != name))
    if card.applies_when is not None:
        yield "without applies_when", _with(card, applies_when=None)
    for place_type, name, band in _each_band(card):
        if band.at_once:
            yield f"{place_type} {name} without at_once", _with_band(card, place_type, name, at_once=None)
    yield "without min_coverage", _with(card, min_coverage=NEAR_ZERO)


def _numbers(card: Card) -> Iterator[tuple[str, Card]]:
    """Single numbers of the card one digit off, and bounds the wrong way round."""
    for sign, by in (("+", 0.01), ("-", -0.01)):
        yield f"min_coverage {sign} 0.01", _with(card, min_coverage=round(card.min_coverage + by, 2))
    yield "one digit more", _with(card, digits=card.digits + 1)
    yield "one digit less", _with(card, digits=card.digits - 1)
    for name in _deciding(card):
        given = card.inputs[name]
        turned = given.model_copy(update={"monotone": {"up": "down", "down": "up", "none": "up"}[given.monotone]})
        yield f"{name} turned round", _with(card, inputs={**card.inputs, name: turned})
    for name, value in card.defaults.items():
        for moved in _one_digit_off(f"{value:g}"):
            parameter = card.parameters[name].model_copy(update={"default": float(moved)})
            yield f"{name} {moved}", _with(card, parameters={**card.parameters, name: parameter})


def _one_digit_off(number: str) -> tuple[str, str]:
    value = Decimal(number)
    step = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return str(value + step), str(value - step)


def _expressions(card: Card) -> Iterator[tuple[str, Card]]:
    """Each expression with one sign, number, operand or argument changed; a text that stands twice is changed in both."""
    seen = set()
    for path, text, kind, names in card_check.expressions(card):
        key = (path[0], path[2] if path[0] == "bands" else path[1:], text)
        if key in seen:
            continue
        seen.add(key)
        tree = formula.parse_expression(text, names, kind).tree
        where = " ".join(str(part) for part in path if part not in ("that", "when", *card.bands))
        for changed in variants(tree):
            yield f"{where}: {changed}", _with_expression(card, path, changed)


def variants(tree: exp.Expr) -> Iterator[str]:
    """Texts of ``tree`` with one node changed."""
    for index, node in enumerate(_nodes(tree)):
        for change in _changes(node):
            copy = tree.copy()
            target = _nodes(copy)[index]
            if target is copy:
                yield change.sql("duckdb")
            else:
                target.replace(change)
                yield copy.sql("duckdb")


def _nodes(tree: exp.Expr) -> list[exp.Expr]:
    return [node for node in tree.walk() if isinstance(node, exp.Expr)]


def _changes(node: exp.Expr) -> Iterator[exp.Expr]:
    swap = _SWAPS.get(type(node))
    if swap is not None:
        yield swap(**{key: _copied(value) for key, value in node.args.items()})
    if isinstance(node, exp.Sub | exp.Div | exp.GT | exp.GTE | exp.LT | exp.LTE):
        yield type(node)(this=node.expression.copy(), expression=node.this.copy())
    if isinstance(node, exp.And | exp.Or | exp.Add | exp.Mul):
        yield from (node.this.copy(), node.expression.copy())
    if isinstance(
        node, exp.Nullif | exp.Sqrt | exp.Exp | exp.Ln | exp.Abs | exp.Round | exp.Floor | exp.Ceil | exp.Not | exp.Neg
    ):
        yield node.this.copy()
    if isinstance(node, exp.Case):
        yield from _fewer_branches(node)
    if isinstance(node, exp.Greatest | exp.Least):
        parts = [node.this, *node.expressions]
        for index in range(len(parts)):
            rest = [part.copy() for other, part in enumerate(parts) if other != index]
            yield type(node)(this=rest[0], expressions=rest[1:], ignore_nulls=node.args.get("ignore_nulls"))
    if isinstance(node, exp.Literal) and not isinstance(node.parent, exp.Nullif):
        yield from (exp.Literal.number(number) for number in _one_digit_off(node.this))


def _fewer_branches(node: exp.Case) -> Iterator[exp.Expr]:
    """The CASE without one of its branches; without the last one what stands after ELSE."""
    branches = node.args["ifs"]
    for index in range(len(branches)):
        rest = [branch.copy() for other, branch in enumerate(branches) if other != index]
        yield exp.Case(ifs=rest, default=node.args["default"].copy()) if rest else node.args["default"].copy()


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value.copy() if isinstance(value, exp.Expr) else value


def _with_expression(card: Card, path: Path_, text: str) -> Card:
    field = str(path[0])
    if field == "let":
        return _with(card, let={**card.let, str(path[1]): text})
    if field == "bands":
        band: BandName = path[2]  # type: ignore[assignment]
        for place_type in (p for p in card.bands if band in card.bands[p]):
            card = _with_band(card, place_type, band, at_once=text)
        return card
    if len(path) == 1:
        return _with(card, **{field: text})
    items = list(getattr(card, field))
    index = int(path[1])
    items[index] = items[index].model_copy(update={str(path[2]): text})
    return _with(card, **{field: tuple(items)})
