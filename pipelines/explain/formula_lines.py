"""The formula of a card with the numbers in it: each ``let`` step, the formula itself, and the conditions beside it."""

from __future__ import annotations

import re

from indicators.card import Card
from pipelines.explain.found import InputFound, Line, Record
from pipelines.explain.inputs import ranged

_NAME = re.compile(r"\b[a-z][a-z0-9_]*\b")
UNKNOWN = "?"


def lines(card: Card, steps: Record, again: Record, inputs: list[InputFound]) -> list[Line]:
    """Every expression of the card in order: as written, filled in, and what it gave. Withheld inputs stay "<k"."""
    names = _numbers(card, steps, again, inputs)

    def line(role: str, name: str, text: str, result: str | None, holds: bool | None = None, reason: str | None = None) -> Line:
        text = " ".join(text.split())
        filled = _NAME.sub(lambda hit: names[hit[0]] or UNKNOWN if hit[0] in names else hit[0], text)
        return Line(role, name, text, filled, result, holds, reason)

    found = [line("let", name, text, names[name]) for name, text in card.let.items()]
    raw = ranged(steps["raw_low"], steps["raw_high"]) if again["value_low"] is not None else None
    found.append(line("formula", card.id, card.formula, raw))
    if card.applies_when:
        found.append(line("applies_when", "", card.applies_when, None, _both(steps, "applies"), "not_applicable"))
    for condition in card.requires:
        holds = (
            None
            if _inputs_lack(steps)
            else (False if steps["obstacle"] == condition.reason else True if not steps["obstacle"] else None)
        )
        found.append(line("requires", "", condition.that, None, holds, condition.reason))
    for index, condition in enumerate(card.material):
        found.append(line("material", "", condition.that, None, _both(steps, f"material_{index}"), condition.reason))
    for index, cap in enumerate(card.caps):
        found.append(line("cap", cap.at, cap.when, None, _both(steps, f"capped_{index}"), cap.reason))
    return found


def _numbers(card: Card, steps: Record, again: Record, inputs: list[InputFound]) -> dict[str, str | None]:
    """Text of every name that an expression may use."""
    names: dict[str, str | None] = {one.name: one.shown for one in inputs}
    for name in (*card.attributes, *card.parameters, *card.baseline, "interval_minutes"):
        names[name] = ranged(steps[name], steps[name])
    for name in card.let:
        ends = (steps[name], steps[name]) if name in steps else (steps[f"{name}_low"], steps[f"{name}_high"])
        names[name] = ranged(*ends)
    names["value"] = ranged(again["value_low"], again["value_high"])
    return names


def _inputs_lack(steps: Record) -> bool:
    return steps["input_status"] not in ("ok", "suppressed") or steps["obstacle"] == "coverage"


def _both(steps: Record, name: str) -> bool | None:
    """Whether a condition holds at both ends of what the value can be; None when they differ or it is not known."""
    low, high = steps[f"{name}_low"], steps[f"{name}_high"]
    return None if low != high or _inputs_lack(steps) else low
