"""Compute again, from their inputs, the rows that the stored value does not tell how to judge."""

from __future__ import annotations

from datetime import datetime, timedelta

from indicators import rejudge
from indicators.card import Card
from pipelines import cells, composite, compute
from pipelines.slots import Slots, asked
from pipelines.store.rows import one
from pipelines.whatif.history import SHOWN, History, Side, at_sql, changed_parts, opened

LONG_AFTER = timedelta(days=3650)  # a stored value was due when it was computed; so long after it, it is due again
CHUNK = timedelta(days=31)


def fill(history: History, card: Card, side: Side) -> int:
    """Compute the open rows of a card where ``history.only`` looks, a month at a time; returns how many there were.

    Those where nothing stood before (:mod:`pipelines.whatif.fresh`) are left as they are.
    """
    con, narrowed = history.con, history.only
    other = side == "after" and (composite.is_composite(card) or card.id in history.other_values)
    if not other and not rejudge.may_be_open(card):
        return 0
    if composite.is_composite(card) and side == "after":
        _find_changed_parts(history, card)
    con.execute(f"DELETE FROM {opened(card, side)} WHERE level_before IS NOT NULL")
    con.execute(f"""CREATE OR REPLACE TEMP TABLE open_rows AS SELECT place, interval_start AS slot_start, interval_end, level_before
                    FROM ({history.rejudged(card, side, history.start, history.end)}) WHERE is_open""")
    start, last, count = one(con.execute("SELECT min(slot_start), max(slot_start), count(*) FROM open_rows"))
    history.only, history.side = None, side
    if count and side == "before":
        _as_it_was(history, card)
    while start is not None and start <= last:
        _fill_month(history, card, side, start)
        start += CHUNK
    history.only = narrowed
    con.execute("CREATE OR REPLACE TEMP TABLE in_force AS FROM in_force_now")
    return int(count)


def _fill_month(history: History, card: Card, side: Side, start: datetime) -> None:
    con, until = history.con, start + CHUNK
    con.execute(f"""CREATE OR REPLACE TEMP TABLE todo AS
        SELECT place, slot_start, date_diff('minute', slot_start, interval_end)::INTEGER AS interval_minutes FROM open_rows
        WHERE slot_start >= {at_sql(start)} AND slot_start < {at_sql(until)}""")
    if not con.execute("SELECT 1 FROM todo LIMIT 1").fetchall():
        return
    kept = f"""(SELECT v.* FROM {history.stored(card, start, until)} v
                SEMI JOIN todo t ON t.place = v.place AND t.slot_start = v.interval_start)"""
    sql = evaluated(history, card, history.end + LONG_AFTER, kept if side == "before" else None)
    columns = ", ".join(f"e.{c}" for c in SHOWN if c != "level_before")
    con.execute(f"""INSERT INTO {opened(card, side)} BY NAME SELECT {columns}, level_before
                    FROM ({sql}) e JOIN open_rows o ON o.place = e.place AND o.slot_start = e.interval_start""")


def evaluated(history: History, card: Card, at: datetime, kept: str | None) -> str:
    """SELECT of the rows of the slots in ``todo``, computed as in a tick at ``at``. ``kept``: rows whose settings are kept."""
    store = history.as_store
    due = asked(store, {card.id: "todo"})[card.id]
    slots = Slots(store, history.config, at)
    cells.want(history.config, card, slots, due)
    parts = cells.parts(store, history.config, card, slots, due, kept)
    steps = ", ".join(f"{name} AS ({text})" for name, text in parts.items())
    return f"WITH {steps} SELECT * FROM ({compute.evaluated(store, card, parts.get('known_for_slots', ''))})"


def _as_it_was(history: History, card: Card) -> None:
    """``in_force`` for slots that keep the settings they were judged by: these come with the stored rows."""
    history.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE in_force AS
        SELECT '{card.id}' AS indicator, place, any_value(place_kind) AS place_kind, {at_sql(history.start)} AS seg_start,
               {at_sql(history.end)} AS seg_end, NULL::INTEGER AS interval_minutes, NULL::VARCHAR AS config_hash,
               NULL::VARCHAR AS threshold_source
        FROM {history.stored(card, history.start, history.end)} GROUP BY place""")


def _find_changed_parts(history: History, card: Card) -> None:
    """The slots at which a part of a card made of others has another level than was stored."""
    named = composite.parts(history.config, card)
    parts = [
        f"SELECT place, interval_start FROM ({history.judged(part, 'after', history.start, history.end)}) WHERE level IS DISTINCT FROM level_before"
        for part in history.active if part.id in named and not composite.is_composite(part)
    ]  # fmt: skip
    if parts:
        history.con.execute(f"INSERT INTO {changed_parts(card)} SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)})")
