"""Values that other settings bring where none stood: a place whose type had no band, a moment before the first threshold.

Which slots they are is found as the tick finds them, from the cells that were counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import pyarrow as pa

from indicators.card import Card
from indicators.in_force import segments
from pipelines import composite, todo
from pipelines.store.rows import one
from pipelines.whatif.history import SHOWN, History, at_sql, opened
from pipelines.whatif.opened import evaluated
from schemas.config import Config

CHUNK = timedelta(days=31)
Stretch = tuple[datetime, datetime]
_SCHEMA = pa.schema([("place", pa.string()), ("low", pa.timestamp("us", "UTC")), ("high", pa.timestamp("us", "UTC"))])


def find(history: History, base: Config | None) -> None:
    """Compute the values that ``history.config`` brings beside those of ``base``; they stand in the tables of opened rows.

    Without ``base`` it is not known by which settings the past was judged: then wherever a card has no row at a place at all.
    Where they stand is added to ``affected``.
    """
    parts_first = sorted(history.active, key=composite.is_composite)
    for card in parts_first:
        if composite.is_composite(card):
            _made_of_fresh(history, card)
        else:
            places = {row.place.place for row in history.config.places}
            rows = [(place, *s) for place in sorted(places) for s in _more(history, base, card, place)]
            if rows:
                _compute(history, card, rows)


def _more(history: History, base: Config | None, card: Card, place: str) -> Iterator[Stretch]:
    """Stretches in which the card has settings at a place, and had none."""
    now = _covered(s for s in ((p.start, p.end) for p in segments(history.config, card, place, history.start, history.end)))
    if not now:
        return
    if base is None and history.has_rows(card, place):
        return
    then = _covered((p.start, p.end) for p in segments(base, card, place, history.start, history.end)) if base else []
    for low, high in now:
        at = low
        for begin, until in [*then, (high, high)]:
            if at < min(begin, high):
                yield at, min(begin, high)
            at = max(at, until)


def _covered(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches that touch as one, in order."""
    found: list[Stretch] = []
    for low, high in sorted(stretches):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _compute(history: History, card: Card, rows: list[tuple[str, datetime, datetime]]) -> None:
    con = history.con
    con.register("stretch_rows", pa.table(list(zip(*rows, strict=True)), schema=_SCHEMA))
    con.execute("CREATE OR REPLACE TEMP TABLE stretches AS FROM stretch_rows")
    con.unregister("stretch_rows")
    con.execute("CREATE TEMP TABLE IF NOT EXISTS waiting_slots (municipality VARCHAR, indicator VARCHAR, place VARCHAR, slot_start TIMESTAMPTZ,"
                " interval_minutes INTEGER, due_at TIMESTAMPTZ)")  # fmt: skip
    start, last = min(low for _, low, _ in rows), max(high for _, _, high in rows)
    while start < last:
        until = min(start + CHUNK, last)
        cells = history.relation("observations", start - CHUNK, until)
        con.execute(f"""CREATE OR REPLACE TEMP TABLE fresh_cells AS SELECT DISTINCT municipality, dataset, source, place, interval_start
                        FROM {cells} WHERE municipality = '{history.slug}'""")
        todo.find(history.as_store, history.config, card, "fresh_cells", history.at, until)
        con.execute(f"""CREATE OR REPLACE TEMP TABLE todo AS SELECT DISTINCT t.* FROM {composite.todo_name(card)} t JOIN stretches s
                        ON s.place = t.place AND t.slot_start >= s.low AND t.slot_start < s.high
                        WHERE t.slot_start >= {at_sql(start)} AND t.slot_start < {at_sql(until)}""")
        _write(history, card)
        start = until


def _made_of_fresh(history: History, card: Card) -> None:
    """A card made of others has a value where a part has one; the slots of its new parts have none yet."""
    named, con = composite.parts(history.config, card), history.con
    parts = [f"SELECT place, interval_start, interval_end FROM {opened(p, 'after')} WHERE level_before IS NULL"
             for p in history.active if p.id in named]  # fmt: skip
    if not parts:
        return
    con.execute(f"""CREATE OR REPLACE TEMP TABLE todo AS
        SELECT DISTINCT place, interval_start AS slot_start, date_diff('minute', interval_start, interval_end)::INTEGER AS interval_minutes
        FROM ({" UNION ALL ".join(parts)}) ANTI JOIN {history.stored(card, history.start, history.end)} USING (place, interval_start)""")
    _affect(history, card, f"({' UNION ALL '.join(parts)})")
    _write(history, card)


def _write(history: History, card: Card) -> None:
    """Compute what is to do, and note where it is."""
    con = history.con
    if not one(con.execute("SELECT count(*) FROM todo"))[0]:
        return
    history.side, history.only = "after", None
    sql = evaluated(history, card, history.at, None)
    columns = ", ".join(c for c in SHOWN if c != "level_before")
    con.execute(f"INSERT INTO {opened(card, 'after')} BY NAME SELECT {columns} FROM ({sql})")
    _affect(history, card, opened(card, "after"))


def _affect(history: History, card: Card, rows: str) -> None:
    """Note that the values of a card are others at the places of ``rows``."""
    history.con.execute(f"""INSERT INTO affected SELECT DISTINCT '{card.id}', place FROM {rows}
                            WHERE ('{card.id}', place) NOT IN (FROM affected)""")
