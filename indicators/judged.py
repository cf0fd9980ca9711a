"""How a judged slot is kept in one SMALLINT, so that held levels rerun without evaluating the card again.

Per band (0 elevated, 1 high, 2 critical) five bits from bit ``5 * band`` on:

====  =====================================================================
 +0   reached: at or beyond ``enter``, known
 +1   it is not known whether it is reached
 +2   calm: strictly inside ``exit``, known
 +3   it is not known whether it is calm
 +4   reached, and the card's ``at_once`` condition holds
====  =====================================================================

A band that does not exist is calm. Of a withheld count both ends are judged: what they agree on is known.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.settings import BANDS

WIDTH = 5
REACHED, REACHED_UNKNOWN, CALM, CALM_UNKNOWN, AT_ONCE = (1 << bit for bit in range(WIDTH))
UNKNOWN = REACHED_UNKNOWN | CALM_UNKNOWN

Bits = NDArray[np.bool_]


class Judged(NamedTuple):
    """Bool arrays of the shape given to :func:`decode` plus a last axis of 3: the bands, lowest first."""

    reached: Bits
    reached_unknown: Bits
    calm: Bits
    calm_unknown: Bits
    at_once: Bits


def decode(packed: NDArray[Any]) -> Judged:
    """Unpack an integer array of any shape."""
    shifts = WIDTH * np.arange(len(BANDS), dtype=np.int16)
    bands = packed.astype(np.int16)[..., None] >> shifts
    return Judged(*((bands >> bit & 1).astype(bool) for bit in range(WIDTH)))


def encode_sql(unknown: str) -> str:
    """SQL text of the SMALLINT.

    ``unknown`` is a condition: nothing is known of the slot. Per band ``b`` it reads the booleans ``reach_b_low``,
    ``reach_b_high``, ``calm_b_low``, ``calm_b_high``, ``once_b_low``, ``once_b_high`` (the two ends of what the value
    can be; equal when it is known) and ``b_enter`` (NULL: the band does not exist).
    """
    return "\n        + ".join(f"{1 << WIDTH * index} * {_band_sql(band, unknown)}" for index, band in enumerate(BANDS))


def _band_sql(band: str, unknown: str) -> str:
    def both(what: str) -> str:
        return f"({what}_{band}_low AND {what}_{band}_high)::SMALLINT"

    def one(what: str) -> str:
        return f"({what}_{band}_low <> {what}_{band}_high)::SMALLINT"

    known = " + ".join([
        f"{both('reach')} * {REACHED}", f"{one('reach')} * {REACHED_UNKNOWN}",
        f"{both('calm')} * {CALM}", f"{one('calm')} * {CALM_UNKNOWN}", f"{both('once')} * {AT_ONCE}",
    ])  # fmt: skip
    return f"CASE WHEN {band}_enter IS NULL THEN {CALM} WHEN {unknown} THEN {UNKNOWN}\n            ELSE {known} END"
