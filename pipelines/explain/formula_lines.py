"""The formula of a card with the numbers in it: each ``let`` step, the formula itself, and the conditions beside it."""

from __future__ import annotations

import re
from dataclasses import replace

from indicators.card import Card
from pipelines.explain.found import InputFound, Line, Record
from pipelines.explain.inputs import ranged

_NAME = re.compile(r"\b[a-z][a-z0-9_]*\b")
UNKNOWN = "?"


def lines(card: Card, steps: Record, again: Record, inputs: list[InputFound]) -> list[Line]:
    """Every expression of the card in order: as written, filled in, and what it gave. Withheld inputs stay "<k"."""
    names = _numbers(card, steps, again, inputs)
    found = [_line("let", name, text, names, names[name]) for name, text in card.let.items()]
    raw = ranged(steps["raw_low"], steps["raw_high"]) if again["value_low"] is not None else None
    found.append(_line("formula", card.id, card.formula, names, raw))
    if card.applies_when:
        found.append(_condition("applies_when", card.applies_when, names, _both(steps, "applies"), "not_applicable"))
    for condition in card.requires:
        # It comes before what may be wrong after it: with no obstacle, or a later one, it held.
        fails = steps["obstacle"] == condition.reason
        found.append(
            _condition("requires", condition.that, names, not fails if fails or not steps["obstacle"] else None, condition.reason)
        )
    for index, condition in enumerate(card.material):
        found.append(_condition("material", condition.that, names, _both(steps, f"material_{index}"), condition.reason))
    for index, cap in enumerate(card.caps):
        found.append(_condition("cap", cap.when, names, _both(steps, f"capped_{index}"), cap.reason, name=cap.at))
    return found


def _line(role: str, name: str, text: str, names: dict[str, str | None], result: str | None) -> Line:
    text = " ".join(text.split())
    filled = _NAME.sub(lambda hit: names[hit[0]] or UNKNOWN if hit[0] in names else hit[0], text)
    return Line(role, name, text, filled, result)


def _condition(role: str, text: str, names: dict[str, str | None], holds: bool | None, reason: str, *, name: str = "") -> Line:
    """A condition; not known while one of its numbers is not."""
    line = _line(role, name, text, names, None)
    return replace(line, holds=None if UNKNOWN in line.filled else holds, reason=reason)


def _numbers(card: Card, steps: Record, again: Record, inputs: list[InputFound]) -> dict[str, str | None]:
    """Text of every name that an expression may use; of what is only partly known nothing (rule 3)."""
    names: dict[str, str | None] = {one.name: one.shown for one in inputs}
    for name in (*card.attributes, *card.parameters, *card.baseline, "interval_minutes"):
        names[name] = ranged(steps[name], steps[name])
    for name in card.let:
        ends = (steps[name], steps[name]) if name in steps else (steps[f"{name}_low"], steps[f"{name}_high"])
        names[name] = None if name not in steps and steps["obstacle"] == "coverage" else ranged(*ends)
    names["value"] = ranged(again["value_low"], again["value_high"])
    return names


def _both(steps: Record, name: str) -> bool | None:
    """Whether a condition holds at both ends of what the value can be; None when they differ."""
    low, high = steps[f"{name}_low"], steps[f"{name}_high"]
    return low if low == high else None
