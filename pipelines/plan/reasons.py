"""Why a slot is to be computed: the changed cells that have a say in it, and whether it was computed before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from indicators.card import Card
from pipelines import composite, todo
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

Row = dict[str, Any]
#: In this order; words for them stand in ``schemas/words.yaml``.
REASONS = ("flag", "revised_data", "late_data", "new_data", "now_due", "baseline", "parts")
HOUR = timedelta(hours=1)


def of_chunk(store: Store, config: Config, active: Sequence[Card], at: datetime) -> list[Row]:
    """A row per indicator, reason and delivery of the slots that :func:`pipelines.compute.find` found; no slot counts twice."""
    _causes(store, config, at)
    return [row for card in active for row in _of_card(store, config, card)]


def _causes(store: Store, config: Config, at: datetime) -> None:
    """``caused``: the changed cells of ``chunk``, each with the delivery that it came with and whether it was known before."""
    con, slug = store.con, config.municipality.municipality
    start, end = one(con.execute("SELECT min(interval_start), max(interval_start) FROM chunk"))
    end = end + HOUR if end else None
    cell = "dataset, source, place, interval_start"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE caused AS
        WITH sent AS (
            SELECT {cell}, arg_max(delivery_id, recorded_at) AS delivery_id FROM {store.relation("observations", start, end)}
            WHERE municipality = '{slug}' AND delivery_id IS NOT NULL GROUP BY ALL),
        earlier AS (
            SELECT {cell}, bool_or(status IN ('ok', 'suppressed')) AS revised
            FROM {store.relation("observations_superseded", start, end)}
            WHERE municipality = '{slug}' AND superseded_at >= TIMESTAMPTZ '{at.isoformat()}' AND recorded_at < superseded_at GROUP BY ALL)
        SELECT c.*, delivery_id, coalesce(revised, false) AS revised,
               EXISTS (FROM flag_changes f WHERE f.source = c.source AND f.place = c.place
                   AND c.interval_start >= f.flagged_from AND c.interval_start < f.flagged_to) AS flagged
        FROM chunk c LEFT JOIN sent USING ({cell}) LEFT JOIN earlier USING ({cell})""")


def _of_card(store: Store, config: Config, card: Card) -> list[Row]:
    name = composite.todo_name(card)
    start, end = one(store.con.execute(f"SELECT min(slot_start), max(slot_start) FROM {name}"))
    if start is None:
        return []
    if composite.is_composite(card):
        why = "SELECT place, slot_start, interval_minutes, NULL AS delivery_id, 'parts' AS reason FROM todo"
    else:
        why = _why(store, config, card, store.relation("indicator_values", start, end + HOUR))
    found = store.con.execute(f"""
        WITH todo AS (FROM {name}), why AS ({why})
        SELECT w.reason, w.delivery_id, d.source, d.name, count(*), list_sort(list(DISTINCT place)), min(slot_start),
               max(slot_start + to_minutes(interval_minutes))
        FROM why w LEFT JOIN deliveries d USING (delivery_id) GROUP BY ALL""").fetchall()
    names = ("reason", "delivery_id", "source", "name", "slots", "places", "from", "to")
    return [{"indicator": card.id, **dict(zip(names, row, strict=True))} for row in found]


def _why(store: Store, config: Config, card: Card, values: str) -> str:
    """SELECT place, slot_start, interval_minutes, delivery_id, reason of each slot of ``todo``."""
    cells = todo.causes(store, config, card, "caused", ("delivery_id", "revised", "flagged"))
    key = "place, slot_start, interval_minutes"
    return f"""
        WITH touched AS (
            SELECT {key}, bool_or(revised) AS revised, bool_or(flagged) AS flagged, max(delivery_id) AS delivery_id FROM ({cells}) GROUP BY ALL),
        standing AS (
            SELECT DISTINCT place, interval_start AS slot_start FROM {values}
            WHERE municipality = '{config.municipality.municipality}' AND indicator = '{card.id}')
        SELECT t.*, CASE WHEN c.flagged IS NOT TRUE THEN c.delivery_id END AS delivery_id, CASE
            WHEN c.flagged THEN 'flag'
            WHEN c.delivery_id IS NOT NULL AND s.place IS NULL THEN 'new_data'
            WHEN c.delivery_id IS NOT NULL AND c.revised THEN 'revised_data'
            WHEN c.delivery_id IS NOT NULL THEN 'late_data'
            WHEN c.place IS NULL AND s.place IS NOT NULL THEN 'baseline'
            ELSE 'now_due' END AS reason
        FROM todo t LEFT JOIN touched c USING ({key}) LEFT JOIN standing s USING (place, slot_start)"""


def together(found: list[Row]) -> list[Row]:
    """Rows of several chunks as one per indicator, reason and delivery; by reason, indicator and time."""
    merged: dict[tuple[Any, ...], Row] = {}
    for row in found:
        key = row["indicator"], row["reason"], row["delivery_id"]
        into = merged.setdefault(key, {**row, "slots": 0})
        into["slots"] += row["slots"]
        into["places"] = sorted({*into["places"], *row["places"]})
        into["from"], into["to"] = min(into["from"], row["from"]), max(into["to"], row["to"])
    return sorted(merged.values(), key=lambda r: (REASONS.index(r["reason"]), r["indicator"], r["from"], r["name"] or ""))
