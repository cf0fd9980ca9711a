"""Differences in which the engine does not do what the definitions say, as far as they are open.

Once one is mended (or the definition is changed), its entry goes, and a difference of that kind is a failure. An empty list is the aim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.oracle.worlds.shapes import Town


def before_the_place(row: Any, town: Town) -> bool:
    """A quarter of an hour ago the place was not there yet, and what was delivered about it then counts all the same."""
    began = town.places[row.place][0].start
    return row.indicator == "growth" and row.side == "right_only" and 0 <= (row.start - began).total_seconds() < 900


def flag_at_a_part(row: Any, town: Town) -> bool:
    """A range of a zone that enters no baseline does enter that of its area."""
    parts = {p for period in town.places[row.place] for p in period.properties.get("parts", ())}
    return row.indicator in WITH_HISTORY and any(f.place in parts and "no_baseline" in f.effect for f in town.flags)


def chosen_per_slot(row: Any, town: Town) -> bool:
    """Of two sources the engine takes one for the whole slot; by rule 9 each of its intervals has its own best source."""
    return row.status != "ok" and row.reason_engine == "coverage" and row.coverage > row.coverage_engine


def mean_without_number(row: Any, town: Town) -> bool:
    """A mean of which the number behind it is not known: the engine counts its interval as covered."""
    return row.indicator in ("speed_drop", "emergency_route_blocked") and row.coverage == 0 and row.reason_engine == "coverage"


WITH_HISTORY = ("unusualness", "busy_for_this_time", "mode_shift")
OPEN: tuple[Callable[[Any, Town], bool], ...] = (
    before_the_place,
    flag_at_a_part,
    chosen_per_slot,
    mean_without_number,
)


def name(row: Any, town: Town) -> str | None:
    """The open finding that explains a difference, or None."""
    return next((known.__name__ for known in OPEN if known(row, town)), None)
