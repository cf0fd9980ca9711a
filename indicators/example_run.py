"""Run the worked examples of a card through the very SQL and transition function that run on real data.

All examples of a card go through in one query: an example is a place, its slots follow each other from ``START`` on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from indicators import evaluate, judged, levels, series
from indicators.grammar import Card, Example
from schemas import statuses
from schemas.settings import BANDS, LEVELS

START = datetime(2026, 6, 1, 12, tzinfo=UTC)  # any whole hour: nothing depends on it
NUMBERS = ("value", "low", "high")

Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One cell that is not as expected; ``slot`` counts from 1, and is None where there are no slots (a KPI)."""

    slot: int | None
    column: str
    expected: str
    got: str

    def __str__(self) -> str:
        where = "" if self.slot is None else f"slot {self.slot}, "
        return f"{where}{self.column}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Result:
    """What came of one example."""

    name: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether every cell came out as expected."""
        return not self.differences


@dataclass(frozen=True)
class Fill:
    """How ``name`` is written down where it is not measured. A mutant writes something else (rule 8 broken on purpose)."""

    name: str = ""
    missing_as_zero: bool = False
    withheld_as: str | None = None  # "low" or "high": as if that end had been measured
    range_as: str | None = None  # the same for what is known within bounds and not withheld

    def cell(self, name: str, cell: series.Cell) -> series.Cell:
        """A cell of input ``name`` as the examples see it."""
        if name != self.name:
            return cell
        if self.missing_as_zero and cell.status in ("missing", "outage", "invalid"):
            return series.Cell("ok", 0.0, 0.0, 0.0)
        end = self.withheld_as if cell.status == "suppressed" else self.range_as if cell.low != cell.high else None
        if end:
            written = getattr(cell, end) or 0.0  # without bounds: 0
            return series.Cell("ok", written, written, written)
        return cell

    def number(self, name: str, value: float | None) -> float | None:
        """An attribute of the place as the examples see it."""
        return 0.0 if self.missing_as_zero and name == self.name and value is None else value


AS_WRITTEN = Fill()


def connection() -> duckdb.DuckDBPyConnection:
    """A database in memory to run examples in; the caller closes it."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("SET TimeZone='UTC'")
    return con


def results(con: duckdb.DuckDBPyConnection, card: Card, fill: Fill = AS_WRITTEN) -> list[Result]:
    """Every example of the card with its differences."""
    found = outcomes(con, card, fill)
    pairs = zip(card.examples, found, strict=True)
    return [Result(example.name, tuple(_compare(card, example, rows))) for example, rows in pairs]


def outcomes(con: duckdb.DuckDBPyConnection, card: Card, fill: Fill = AS_WRITTEN) -> list[list[Row]]:
    """Per example its slots as they come out: the columns of ``expect``, with ``judged`` beside them."""
    if not card.examples:
        return []
    rows = [_cells(card, index, fill) for index in range(len(card.examples))]
    out = _evaluate(con, card, [row for part in rows for row in part])
    parts = [[row for row in out if row["place"] == _place(index)] for index in range(len(rows))]
    for part, held in zip(parts, _held(card, parts), strict=True):
        for row, level in zip(part, held, strict=True):
            row["held"] = LEVELS[level]
    return parts


def _place(index: int) -> str:
    return f"example-{index}"


def slots_of(example: Example) -> int:
    """Number of slots of an example."""
    return len(series.tokens(next(iter(example.inputs.values()))))


def _cells(card: Card, index: int, fill: Fill) -> list[Row]:
    """The rows of ``cells`` for one example: one a slot."""
    example = card.examples[index]
    slots = slots_of(example)
    parameters = {**{name: str(v) for name, v in card.defaults.items()}, **example.parameters}
    numbers = {**example.attributes, **parameters, **example.baseline, "coverage": example.coverage}
    spread = {name: [fill.number(name, value) for value in series.numbers(text, slots)] for name, text in numbers.items()}
    inputs = {name: [fill.cell(name, cell) for cell in series.cells(text)] for name, text in example.inputs.items()}
    edges = _edges(card, example)
    rows = []
    for slot in range(slots):
        start = START + slot * example.interval
        now = {name: cells[slot] for name, cells in inputs.items()}
        needed = [cell.status for name, cell in now.items() if name not in card.optional]
        row = {"place": _place(index), "interval_start": start, "interval_end": start + example.interval,
               "local_date": start.date(), "local_time": start.time(), "interval_minutes": _minutes(example.interval),
               "status": statuses.together(needed), **edges}  # fmt: skip
        row |= {f"{name}_{end}": getattr(cell, end) for name, cell in now.items() for end in evaluate.ENDS}
        row |= {name: values[slot] for name, values in spread.items()}
        if not set(needed) <= set(statuses.KNOWN):
            row["coverage"] = 0.0  # nothing is covered of what is not known
        rows.append(row)
    return rows


def _edges(card: Card, example: Example) -> dict[str, float | None]:
    edges: dict[str, float | None] = {f"{band}_{edge}": None for band in BANDS for edge in ("enter", "exit")}
    for band, given in (card.bands_for(example.place_type) or {}).items():
        edges |= {f"{band}_enter": given.enter, f"{band}_exit": card.exit_of(given)}
    return edges


def _minutes(interval: timedelta) -> int:
    return int(interval.total_seconds() // 60)


def _evaluate(con: duckdb.DuckDBPyConnection, card: Card, rows: list[Row]) -> list[Row]:
    types = evaluate.columns(card)
    table = pa.table({name: [row.get(name) for row in rows] for name in types})
    typed = ", ".join(f"{name}::{kind} AS {name}" for name, kind in types.items())
    con.register("example_cells", table)
    text = evaluate.sql(card, f"(SELECT {typed} FROM example_cells)")
    out: list[Row] = con.sql(f"SELECT * FROM ({text}\n) ORDER BY place, interval_start").to_arrow_table().to_pylist()
    bits = judged.decode(np.array([row["judged"] for row in out], dtype=np.int16))
    for index, row in enumerate(out):
        row |= {"low": row["value_low"], "high": row["value_high"]}
        row["keeps"] = _highest(~bits.calm[index], bits.calm_unknown[index]) or "normal"
        row["at_once"] = _highest(bits.at_once[index])
    return out


def _highest(holds: judged.Bits, unknown: judged.Bits | None = None) -> str | None:
    """The highest band of which something holds, ``unknown`` where that is open, None where there is none."""
    for band in reversed(range(len(BANDS))):
        if unknown is not None and unknown[band]:
            return "unknown"
        if holds[band]:
            return BANDS[band]
    return None


def _held(card: Card, parts: list[list[Row]]) -> list[list[int]]:
    """Held level per example and slot, by the transition function that runs on real data."""
    starts = sorted({row["interval_start"] for rows in parts for row in rows})
    at = {start: index for index, start in enumerate(starts)}
    shape = (len(starts), len(parts))
    packed, seconds = np.zeros(shape, np.int16), np.zeros(shape, np.int64)
    for column, (example, rows) in enumerate(zip(card.examples, parts, strict=True)):
        for row in rows:
            packed[at[row["interval_start"]], column] = row["judged"]
            seconds[at[row["interval_start"]], column] = int(example.interval.total_seconds())
    durations = np.array([_durations(card, example) for example in card.examples], dtype=np.int64)
    slots = levels.Slots(
        starts=np.array([int(start.timestamp()) for start in starts], dtype=np.int64),
        seconds=seconds,
        packed=packed,
        settings=np.broadcast_to(np.arange(len(parts), dtype=np.int32), shape),
        for_seconds=durations[:, 0],
        keep_seconds=durations[:, 1],
    )
    _, held = levels.run(levels.State.rest(len(parts)), slots)
    return [[int(held.level[at[row["interval_start"]], column]) for row in rows] for column, rows in enumerate(parts)]


def _durations(card: Card, example: Example) -> tuple[list[int], list[int]]:
    """Seconds of ``for`` (at least ``for_intervals`` intervals) and ``keep_for`` per band; 0 where there is no band."""
    bands = card.bands_for(example.place_type) or {}
    wait, keep = [0] * len(BANDS), [0] * len(BANDS)
    for index, name in enumerate(BANDS):
        if name in bands:
            band = bands[name]
            wait[index] = int(max(band.for_, band.for_intervals * example.interval).total_seconds())
            keep[index] = int(band.keep_for.total_seconds())
    return wait, keep


def _compare(card: Card, example: Example, rows: list[Row]) -> Iterator[Difference]:
    for column, text in example.expect.given().items():
        for slot, (token, row) in enumerate(zip(series.spread(text, len(rows)), rows, strict=True), start=1):
            got = row[column]
            if not _agree(token, got, number=column in NUMBERS, digits=card.digits):
                yield Difference(slot, column, token, series.NOTHING if got is None else f"{got}")


def _agree(token: str, got: Any, *, number: bool, digits: int) -> bool:
    """Whether a token says what came out; numbers are compared as rounded by the card."""
    if token == series.NOTHING or got is None:
        return (token == series.NOTHING) == (got is None)
    if number:
        return math.isclose(float(token), got, abs_tol=10.0 ** -(digits + 3), rel_tol=0)
    return token == str(got)
