"""Which worked examples of a card are drawn: the one that says most about levels, then those that show what is not known.

Chosen by what comes out of the engine, for any card alike.
"""

from __future__ import annotations

from dataclasses import dataclass

from indicators import example_run, series
from indicators.example_run import NUMBERS, Row
from indicators.grammar import Card, Example

MOST_PANELS = 3
MOST_SLOTS = 24


@dataclass(frozen=True)
class Drawn:
    """An example with its slots as they come out, and its input as written: one token a slot and input."""

    number: int
    example: Example
    rows: list[Row]
    tokens: dict[str, list[str]]


def chosen(card: Card) -> list[Drawn]:
    """At most ``MOST_PANELS`` examples in the order of drawing; none when the card has none that fits."""
    with example_run.connection() as con:
        outcomes = example_run.outcomes(con, card.as_in_examples())
    pairs = zip(card.examples, outcomes, strict=True)
    left = [_drawn(number, example, rows) for number, (example, rows) in enumerate(pairs, 1) if len(rows) <= MOST_SLOTS]
    found: list[Drawn] = []
    seen: set[str] = set()
    while left and len(found) < MOST_PANELS:
        best = max(left, key=lambda d: _unknown_gain(d, seen) if found else _story(d))
        if found and not _unknown(best.rows) - seen:
            break
        found.append(best)
        left.remove(best)
        seen |= _unknown(best.rows)
    return found


def _drawn(number: int, example: Example, rows: list[Row]) -> Drawn:
    plain = [{**row, **{name: float(row[name]) for name in NUMBERS if row[name] is not None}} for row in rows]
    return Drawn(number, example, plain, {name: series.tokens(text) for name, text in example.inputs.items()})


def _story(drawn: Drawn) -> tuple[int, ...]:
    """What the first drawing is chosen by: levels that are held, levels at all, different values, the earlier example."""
    told = drawn.example.expect.held is not None and len(drawn.rows) > 3
    held, levels = ({row[name] for row in drawn.rows} - {"unknown"} for name in ("held", "level"))
    values = {row["value"] for row in drawn.rows} - {None}
    return int(told and len(held) > 1), len(held), len(levels), len(values), -drawn.number


def _unknown_gain(drawn: Drawn, seen: set[str]) -> tuple[int, ...]:
    """New ways of not knowing; of equal ones that in which a withheld count leaves the level open, the shortest, the earlier."""
    undecided = any(row["status"] == "suppressed" and row["low"] is not None and row["level"] == "unknown" for row in drawn.rows)
    return len(_unknown(drawn.rows) - seen), int(undecided), -len(drawn.rows), -drawn.number


def _unknown(rows: list[Row]) -> set[str]:
    """Ways of not (fully) knowing that occur: statuses, bounds only, and whether the level was still told."""
    return {f"{row['status']} {row['level'] == 'unknown'}" for row in rows if row["status"] != "ok" or row["value"] is None}
