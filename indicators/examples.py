"""The worked examples of a card: run them, say what they leave out, and try them on small faults."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from indicators import card_check, example_run
from indicators import mutants as card_mutants
from indicators.example_run import Difference, Result, Row
from indicators.grammar import Card
from indicators.mutants import Mutant
from schemas.settings import BANDS

__all__ = ["Difference", "Mutant", "Result", "coverage", "mutants", "run"]


def run(card: Card) -> list[Result]:
    """Every example with the cells that came out differently; none when all is as expected."""
    with example_run.connection() as con:
        return example_run.results(con, card.as_in_examples())


def mutants(card: Card) -> list[Mutant]:
    """Small faults put into the card, each with the example that notices it (or the reason why none can)."""
    return card_mutants.judge(card.as_in_examples())


def coverage(card: Card) -> list[str]:
    """What no example touches, in words; empty when edges, branches and policies are all touched."""
    card = card.as_in_examples()
    with example_run.connection() as con:
        rows = example_run.outcomes(con, card)
    every = [row for part in rows for row in part]
    return [*_edges_left(card, rows), *_branches_left(card, every), *_policies_left(card, every), *_held_left(card, rows)]


def _edges_left(card: Card, rows: list[list[Row]]) -> Iterator[str]:
    """Per band the values on either side of its edges, as near as the card's digits allow."""
    for place_type, bands in card.bands.items():
        mine = [part for example, part in zip(card.examples, rows, strict=True) if card.bands_for(example.place_type) == bands]
        values = {Decimal(str(row["value"])) for part in mine for row in part if row["value"] is not None}
        for name in BANDS:
            if name not in bands:
                continue
            band = bands[name]
            for edge, at in (("enter", band.enter), ("exit", card.exit_of(band))):
                for value in _beside(at, card.digits, card.direction):
                    if value not in values:
                        yield f"{place_type} {name}: no example with value {value}, beside {edge} {at:g}"


def _beside(edge: float, digits: int, direction: str) -> tuple[Decimal, Decimal]:
    """The first value that reaches the edge and the last one that does not, at so many digits."""
    step, exact = Decimal(1).scaleb(-digits), Decimal(str(edge))
    if direction == "down":
        reaches = exact.quantize(step, ROUND_FLOOR)
        return reaches, reaches + step
    reaches = exact.quantize(step, ROUND_CEILING)
    return reaches, reaches - step


def _branches_left(card: Card, rows: list[Row]) -> Iterator[str]:
    reasons = {row["reason"] for row in rows}
    for field in ("requires", "material", "caps"):
        for item in getattr(card, field):
            if item.reason not in reasons:
                yield f"{field}: no example with reason {item.reason}"
    if card.applies_when is not None and "not_applicable" not in {row["status"] for row in rows}:
        yield "applies_when: no example where it does not apply"
    turned_on = {row["at_once"] for row in rows}
    highest = next((name for name in reversed(BANDS) if any(name in b for b in card.bands.values())), None)
    if any(band.at_once for bands in card.bands.values() for band in bands.values()) and highest not in turned_on:
        yield "at_once: no example that turns a band on at once"


def _policies_left(card: Card, rows: list[Row]) -> Iterator[str]:
    seen = {(row["status"], row["reason"]) for row in rows}
    policies = [
        ("missing", "missing", "a missing input"),
        ("outage", "outage", "an outage"),
        ("invalid", "invalid", "a refused row"),
        ("missing", "coverage", "too little coverage"),
    ]
    if card_check.can_be_withheld(card):
        policies.append(("suppressed", "suppressed", "a withheld count whose level is known"))
        if card.bands and card_check.has_bounds(card):
            policies.append(("suppressed", "undecided", "a withheld count that leaves the level open"))
    if card_check.can_be_a_range(card):
        policies.append(("ok", "range", "a count known within bounds whose level is known"))
        if card.bands:
            policies.append(("ok", "undecided", "a count known within bounds that leaves the level open"))
    for status, reason, words in policies:
        if (status, reason) not in seen:
            yield f"no example of {words}"


def _held_left(card: Card, rows: list[list[Row]]) -> Iterator[str]:
    """Per band an example that says what is held: turned on, waited for, and let go."""
    for place_type, bands in card.bands.items():
        held = [part for example, part in zip(card.examples, rows, strict=True)
                if example.expect.held and card.bands_for(example.place_type) == bands]  # fmt: skip
        for name in (b for b in BANDS if b in bands):
            levels = [[BANDS.index(row["held"]) + 1 if row["held"] in BANDS else 0 for row in part] for part in held]
            at = BANDS.index(name) + 1
            if not any(b >= at > a for part in levels for a, b in pairwise([0, *part])):
                yield f"{place_type} {name}: no example in which it is held"
            if not any(a >= at > b for part in levels for a, b in pairwise(part)):
                yield f"{place_type} {name}: no example in which it is let go"
