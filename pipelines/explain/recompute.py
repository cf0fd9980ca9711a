"""The same numbers again: the engine's own functions on the stored inputs and the settings kept with each value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from indicators import evaluate
from indicators.card import Card
from pipelines import cells, compute, slots
from pipelines.explain.found import Check, Record
from pipelines.explain.reading import Published, card_of
from pipelines.store.rows import temporary
from schemas.config import Config

COMPARED = ("value", "value_low", "value_high", "level", "status", "reason", "coverage", "confidence")
# A published value was due when it was computed; so long after it, it is due again.
_LONG_AFTER = timedelta(days=3650)
_UTC = pa.timestamp("us", "UTC")
_TODO = pa.schema([("place", pa.string()), ("slot_start", _UTC), ("interval_minutes", pa.int32())])
_IN_FORCE = pa.schema([
    ("indicator", pa.string()), ("place", pa.string()), ("place_kind", pa.string()), ("seg_start", _UTC), ("seg_end", _UTC),
    ("interval_minutes", pa.int32()), ("config_hash", pa.string()), ("threshold_source", pa.string()),
])  # fmt: skip


def minutes_of(value: Record) -> int:
    """Length of a value's interval."""
    return int((value["interval_end"] - value["interval_start"]).total_seconds() // 60)


def long_after(value: Record) -> datetime:
    """A moment at which the slot of a value is due."""
    return value["interval_end"] + _LONG_AFTER  # type: ignore[no-any-return]


def values(read: Published, config: Config, card: Card, stored: list[Record]) -> list[Record]:
    """Rows of ``indicator_values`` (with ``judged``) for the slots of ``stored`` rows of one card, computed anew.

    Each slot keeps the settings it was judged by. Leaves as temporary tables what computing has as parts of its text: ``cells``,
    ``input_<name>`` and ``known_for_slots``; and ``todo``.
    """
    todo = [{"place": v["place"], "slot_start": v["interval_start"], "interval_minutes": minutes_of(v)} for v in stored]
    read.table("todo", todo, _TODO)
    in_force = [
        {"indicator": card.id, "place": v["place"], "place_kind": v["place_kind"], "seg_start": v["interval_start"],
         "seg_end": v["interval_end"], "interval_minutes": minutes_of(v), "config_hash": v["config_hash"],
         "threshold_source": v["threshold_source"]} for v in stored
    ]  # fmt: skip
    read.table("in_force", in_force, _IN_FORCE)
    store: Any = read
    asked = slots.asked(store, {card.id: "todo"})[card.id]
    ready = slots.Slots(store, config, max(long_after(v) for v in stored))
    cells.want(config, card, ready, asked)
    parts = cells.parts(store, config, card, ready, asked, None)
    for name, text in parts.items():
        temporary(read.con, name, text)
    sql = compute.evaluated(store, card, "FROM known_for_slots")
    return read.rows(f"SELECT * FROM ({sql}) ORDER BY place, interval_start")


def stretch(
    read: Published, config: Config, cards: Mapping[str, Card], place: str, indicators: list[str], *, start: datetime, end: datetime | None
) -> tuple[list[Record], list[Record]]:  # fmt: skip
    """Stored values of some indicators at a place that start in [start, end), and the same computed anew."""
    found = read.rows(
        """SELECT * FROM indicator_values WHERE municipality = $1 AND place = $2 AND indicator IN (SELECT unnest($3::VARCHAR[]))
           AND interval_start >= $4 AND ($5 IS NULL OR interval_start < $5) ORDER BY indicator, interval_start""",
        [config.municipality.municipality, place, indicators, start, end],
    )
    again: list[Record] = []
    for key in dict.fromkeys((v["indicator"], v["definition_hash"]) for v in found):
        card = card_of(read, cards, *key)
        again += values(read, config, card, [v for v in found if (v["indicator"], v["definition_hash"]) == key])
    return found, sorted(again, key=lambda v: (v["indicator"], v["interval_start"]))


def steps(read: Published, card: Card, again: Record) -> Record:
    """Every step between input and level of the one slot in ``cells``, as named in :func:`indicators.evaluate.steps`.

    Of the two kinds of day of a holiday the one that counted: the one that gives the value.
    """
    found = read.rows(f"{evaluate.steps(card)} SELECT * FROM ranked")
    same = [s for s in found if all(s[c] == again[c] for c in ("value_low", "value_high") if again[c] is not None)]
    return (same or found)[0]


def compared(stored: Record, again: Record | None) -> list[Check]:
    """Column by column: what is published of a value, and what comes out."""
    if again is None:
        return [Check("value", "value", stored["value"], None, False)]
    return [Check("value", c, stored[c], again[c], stored[c] == again[c]) for c in COMPARED]
