"""Compact series, the notation of worked examples: ``90x2 _ 140 <15`` is 90, 90, missing, 140, withheld under 15.

Tokens stand between spaces; ``x2`` behind one repeats it. In inputs: a number, ``_`` (missing), ``<k`` (withheld, so
0 to k-1), ``outage`` or ``invalid``. Elsewhere: a number or a code, and ``_`` for nothing there. A series that is only
zeros needs quotes in YAML, ``"0x2"``: without them it is the hexadecimal number 2. ``430..1080`` is known within bounds only,
as a class that a steward reports; ``<430..444`` is so because a part of it is withheld, and ``withheld`` is withheld without
bounds, as a mean over too few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTHING = "_"
_REPEATED = re.compile(r"(.+?)(?:x([1-9]\d*))?")
_WITHHELD = re.compile(r"<([1-9]\d*)")
_RANGE = re.compile(r"(<?)(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)")
_WORDS = {NOTHING: "missing", "outage": "outage", "invalid": "invalid", "withheld": "suppressed"}


@dataclass(frozen=True)
class Cell:
    """One input in one slot; ``low`` and ``high`` bound a withheld count or a range, else are equal to ``value`` when it is ok."""

    status: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


def tokens(text: str) -> list[str]:
    """The tokens of a series, repeats written out. Raises ValueError (``what | fix``) when there are none."""
    found = []
    for part in text.split():
        match = _REPEATED.fullmatch(part)
        assert match is not None  # any text without spaces matches
        found += [match[1]] * int(match[2] or 1)
    if not found:
        raise ValueError("an empty series | Write one token a slot, for example `90x2 _ 140 <15`.")
    return found


def number(token: str) -> float | None:
    """A number, or None for ``_``. Raises ValueError for anything else."""
    if token == NOTHING:
        return None
    try:
        return float(token)
    except ValueError:
        raise ValueError(f"`{token}` is not a number | Write a number, or `_` for nothing there.") from None


def numbers(text: str, slots: int) -> list[float | None]:
    """A series of numbers over ``slots`` slots; a single token holds for all of them."""
    return [number(token) for token in spread(text, slots)]


def cells(text: str) -> list[Cell]:
    """A series of inputs. Raises ValueError for a token that is none of the notation."""
    return [_cell(token) for token in tokens(text)]


def _cell(token: str) -> Cell:
    if token in _WORDS:
        return Cell(_WORDS[token])
    if withheld := _WITHHELD.fullmatch(token):
        return Cell("suppressed", None, 0.0, float(withheld[1]) - 1)
    if bounds := _RANGE.fullmatch(token):
        return Cell("suppressed" if bounds[1] else "ok", None, float(bounds[2]), float(bounds[3]))
    value = number(token)
    return Cell("ok", value, value, value)


def spread(text: str, slots: int) -> list[str]:
    """Tokens over ``slots`` slots. Raises ValueError when there are neither one nor that many."""
    found = tokens(text)
    if len(found) == 1:
        return found * slots
    if len(found) != slots:
        raise ValueError(f"{len(found)} tokens for {slots} slots | Give one a slot, as the inputs have (`90x2` repeats).")
    return found
