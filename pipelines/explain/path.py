"""The way through ``for`` and ``keep_for``: the one transition function, run again over values computed anew.

A held level depends on what went before, so the run begins where everything rests: after a slot at which a series that
began with every band on would be off again. From there on nothing earlier can matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from indicators import levels
from indicators.card import Card
from indicators.levels import Slots, State
from indicators.tallies import Rows
from pipelines import situate_load
from pipelines.explain import recompute
from pipelines.explain.found import BandStep, Check, Record, Step
from pipelines.explain.reading import Published
from schemas.config import Config
from schemas.settings import BANDS, LEVELS

_UTC = pa.timestamp("us", "UTC")
_AGAIN = pa.schema([
    ("municipality", pa.string()), ("indicator", pa.string()), ("place", pa.string()), ("source", pa.string()), ("interval_start", _UTC),
    ("interval_end", _UTC), ("judged", pa.int16()), ("level", pa.string()), ("value", pa.float64()), ("coverage", pa.float64()),
    ("confidence", pa.float64()), ("reason", pa.string()), ("config_hash", pa.string()),
])  # fmt: skip
LOOK_BACK = tuple(timedelta(days=n) for n in (1, 4, 16, 64, 256))


@dataclass(frozen=True)
class Way:
    """Values of some indicators at one place, computed anew, from a point of rest on. ``indicators`` names the series of ``rows``.

    ``from_rest`` is False when what is kept does not reach back to such a point: the held levels at its begin are not known.
    """

    stored: list[Record]
    again: list[Record]
    indicators: list[str]
    rows: Rows
    from_rest: bool


def way(
    read: Published, config: Config, cards: Mapping[str, Card], place: str, indicators: list[str], *, before: datetime, end: datetime | None
) -> Way:  # fmt: skip
    """The way of some indicators at a place from a rest before ``before`` up to ``end`` (exclusive, by start; None: as far as there are values)."""
    slug = config.municipality.municipality
    (first,) = read.rows(
        """SELECT min(interval_start) AS start FROM indicator_values WHERE municipality = $1 AND place = $2
           AND indicator IN (SELECT unnest($3::VARCHAR[]))""",
        [slug, place, indicators],
    )
    for look in LOOK_BACK:
        start = max(before - look, first["start"])
        stored, again = recompute.stretch(read, config, cards, place, indicators, start=start, end=end)
        rows = _rows(read, config, indicators, again)
        at_begin = start == first["start"]  # before its first value a series rests
        rest = int(start.timestamp()) if at_begin else _rests_from(rows, len(indicators), int(before.timestamp()))
        if rest is not None or look == LOOK_BACK[-1]:
            moment = start if rest is None else datetime.fromtimestamp(rest, before.tzinfo)
            kept = [[v for v in part if v["interval_start"] >= moment] for part in (stored, again)]
            return Way(kept[0], kept[1], indicators, _rows(read, config, indicators, kept[1]), rest is not None)
    raise AssertionError("the last look back returns")


class _Again(Published):
    """The published file with the values computed anew in place of those it holds."""

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """All values computed anew, whatever the bounds."""
        return (
            f"(SELECT {columns} FROM values_again)" if name == "indicator_values" else super().relation(name, start, end, columns)
        )


def _rows(read: Published, config: Config, indicators: list[str], again: list[Record]) -> Rows:
    """Values as the arrays that held levels run on, read as a run reads them."""
    read.table("values_again", again, _AGAIN)
    count = len(indicators)
    stop = max((int(v["interval_end"].timestamp()) for v in again), default=0)
    places = [next((v["place"] for v in again), "")] * count
    wanted: dict[str, list[Any]] = {"series": list(range(count)), "atom": [0] * count, "indicator": indicators, "place": places,
              "load_from": [0] * count, "restless": [True] * count}  # fmt: skip
    return situate_load.load(_Again(read.con), config, wanted, count, stop)


def _slots(rows: Rows, series: int) -> tuple[Slots, slice]:
    """One series as slots, and where it stands in ``rows``."""
    part = rows.part(series, 0, levels.NONE)
    column = (slice(None), None)
    seconds = (rows.end[part] - rows.start[part])[column]
    packed, settings = rows.packed[part][column], rows.settings[part][column]
    return Slots(rows.start[part], seconds, packed, settings, rows.for_seconds, rows.keep_seconds), part


def _cut(slots: Slots, t: int) -> Slots:
    return Slots(slots.starts[t : t + 1], slots.seconds[t : t + 1], slots.packed[t : t + 1], slots.settings[t : t + 1],
                 slots.for_seconds, slots.keep_seconds)  # fmt: skip


def _rests_from(rows: Rows, series: int, before: int) -> int | None:
    """The latest moment up to ``before`` at which every series rests, whatever was held when the rows begin."""
    resting: dict[int, list[tuple[int, bool]]] = {}
    moments: set[int] = set()
    for number in range(series):
        slots, part = _slots(rows, number)
        state = State.rest(1)
        state.on[:] = 1
        ends: list[tuple[int, bool]] = []
        for t in range(len(slots.starts)):
            if slots.starts[t] >= before:
                break
            state, _ = levels.run(state, _cut(slots, t))
            ends.append((int(rows.end[part][t]), bool(state.resting()[0])))
        resting[number] = ends
        moments |= {end for end, rests in ends if rests and end <= before}
    for moment in sorted(moments, reverse=True):
        if all(not ends or next((r for e, r in reversed(ends) if e <= moment), False) for ends in resting.values()):
            return moment
    return None


def steps(found: Way, indicator: str) -> list[Step]:
    """Slot by slot what one indicator reached and where its bands stood after it."""
    slots, part = _slots(found.rows, found.indicators.index(indicator))
    values = [v for v in found.again if v["indicator"] == indicator]
    state, way = State.rest(1), []
    for t, value in enumerate(values):
        before = state.on[:, 0].copy()
        state, _ = levels.run(state, _cut(slots, t))
        way.append(_step(value, state, before, found.rows, int(found.rows.settings[part][t])))
    return way


def _step(value: Record, state: State, before: levels.Ints, rows: Rows, settings: int) -> Step:
    bands = {}
    for number, name in enumerate(BANDS):
        on, run = bool(state.on[number, 0]), int(state.run[number, 0])
        if np.isnan(rows.enter[settings, number]) and not on:
            continue
        needed = (rows.keep_seconds if on else rows.for_seconds)[settings, number]
        bands[name] = BandStep(on, run / 60, int(needed) / 60, on != bool(before[number]))
    held = LEVELS[int(levels.held_level(state)[0])]
    columns: dict[str, Any] = {c: value[c] for c in ("interval_start", "interval_end", "value", "level", "status", "reason")}
    return Step(**columns, held=held, bands=bands)


def compared(found: Way, start: datetime) -> list[Check]:
    """Whether the values on the way from ``start`` on are stored as they come out; one line for each that is not."""
    again = {(v["indicator"], v["interval_start"]): v for v in found.again}
    wrong, compared = [], [v for v in found.stored if v["interval_start"] >= start]
    for value in compared:
        new = again.get((value["indicator"], value["interval_start"]))
        if new is None or any(new[c] != value[c] for c in recompute.COMPARED):
            name = f"{value['indicator']} {value['interval_start'].isoformat()}"
            wrong.append(Check("path", name, _short(value), None if new is None else _short(new), False))
    return wrong or [Check("path", "", None, None, True, len(compared))]


def _short(value: Record) -> str:
    return f"{value['value']} {value['level']} {value['status']} {value['reason'] or ''}".strip()
