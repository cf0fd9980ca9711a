"""Take the cells of a delivery into ``observations``: duplicates, revisions and statuses told apart (rules 5, 10, 11).

Everything happens in one transaction of the caller, together with the dirt it leaves behind: a run killed between
taking in and computing finds the dirt again.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipelines.store import Store, kept_apart
from pipelines.store.rows import one
from schemas.results import TABLES

KEY = TABLES["observations"].key
_KEYS = ", ".join(KEY)

# Rule 5, by what a cell has: a value that counts, a refused row, a declared outage, a withheld value, nothing.
STATUS = """CASE WHEN cand_value IS NOT NULL THEN 'ok' WHEN invalid THEN 'invalid' WHEN outage THEN 'outage'
                 WHEN withheld THEN 'suppressed' ELSE 'missing' END"""


# Cells to write: what changed, a newer equal value, or a flag to keep (a row came that was refused, out of order or blank).
_KEPT = "changed OR wins OR invalid OR outage OR blank"


@dataclass(frozen=True)
class Arrival:
    """Who delivers: the identity of a delivery and how its moment of arrival is known.

    ``recorded_at`` is a SQL expression over a cell: the tick's moment, or (backfill) the end of the interval plus
    the stated delay, never after the tick.
    """

    municipality: str
    dataset: str
    source: str
    delivery_id: str
    content_hash: str
    recorded_at: str


@dataclass(frozen=True)
class Taken:
    """Rows of the delivery that turned out to stand already with equal values: accepted and suppressed ones apart."""

    duplicate_accepted: int
    duplicate_suppressed: int
    cells_changed: int
    rows_frozen: int  # place and interval, kept aside


def record(store: Store, arrival: Arrival, cells: pa.Table, frozen: str | None = None) -> Taken:
    """Merge the cells of one delivery into the current observations; note dirt for cells whose content changed.

    ``cells``: row_number, place, interval_start, interval_end, measure, value, value_low, value_high, status, issued_at.
    A withheld count has bounds (``withheld_high``), a withheld mean has none. Losing revisions are kept in history, never
    current. ``frozen`` is a condition over cells: changes for which it holds are kept aside (:func:`apply`). Inside a transaction.
    """
    con = store.con
    if cells.num_rows == 0:
        return Taken(0, 0, 0, 0)
    con.register("delivered", cells)
    try:
        _incoming(store, arrival)
    finally:
        con.unregister("delivered")
    _merge(store, arrival)
    duplicates = _duplicates(store)
    changed = apply(store, "merged_cells", frozen)
    held = f"SELECT count(DISTINCT (place, interval_start)) FROM held_changes WHERE delivery_id = '{arrival.delivery_id}'"
    return Taken(*duplicates, changed, one(con.execute(held))[0] if frozen else 0)


def record_held(store: Store, arrival: Arrival, which: str) -> int:
    """Merge rows of ``held_changes`` of one delivery, those for which ``which`` holds; returns the cells whose content changed."""
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE incoming_cells AS
        SELECT {_KEYS}, interval_end, NULL::BIGINT AS row_number, value AS cand_value, withheld_high, withheld, invalid, outage, blank,
               {arrival.recorded_at} AS recorded_at, issued_at, content_hash, delivery_id
        FROM held_changes WHERE {which}""")
    _merge(store, arrival)
    return apply(store, "merged_cells")


def _incoming(store: Store, arrival: Arrival) -> None:
    """One row a key: at most one value (ok or withheld), and whether a refused or outage row came for it too."""
    store.con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE incoming_cells AS
        SELECT $municipality AS municipality, $dataset AS dataset, $source AS source, place, interval_start, measure,
               max(interval_end) AS interval_end, min(row_number) FILTER (status IN ('ok', 'suppressed')) AS row_number,
               CAST(max(value) FILTER (status = 'ok') AS DECIMAL(18,6)) AS cand_value,
               CAST(max(value_high) FILTER (status = 'suppressed') AS DECIMAL(18,6)) AS withheld_high,
               bool_or(status = 'suppressed') AS withheld, bool_or(status = 'invalid') AS invalid, bool_or(status = 'outage') AS outage,
               bool_or(status IN ('missing', 'not_applicable')) AS blank,
               max({arrival.recorded_at}) AS recorded_at, coalesce(max(issued_at), max({arrival.recorded_at})) AS issued_at,
               $content_hash AS content_hash, $delivery_id AS delivery_id
        FROM delivered GROUP BY place, interval_start, measure
        """,
        {"municipality": arrival.municipality, "dataset": arrival.dataset, "source": arrival.source,
         "content_hash": arrival.content_hash, "delivery_id": arrival.delivery_id},
    )  # fmt: skip


def _merge(store: Store, arrival: Arrival) -> None:
    """``merged_cells``: what each touched key becomes, beside what it was (columns ``was_*``).

    A value counts by (issued_at, content hash) of its delivery (rule 10); flags add up, whoever came first.
    """
    start, end = one(store.con.execute("SELECT min(interval_start), max(interval_end) FROM incoming_cells"))
    where = f"municipality = '{arrival.municipality}' AND dataset = '{arrival.dataset}' AND source = '{arrival.source}'"
    current = kept_apart.as_delivered(store.con, store.relation("observations", start, end))
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE merged_cells AS
        WITH cur AS (SELECT * FROM {current} WHERE {where}),
        paired AS (
            SELECT i.*, c.place IS NOT NULL AS stands, c.value AS was_value, c.withheld_high AS was_high,
                   coalesce(c.withheld, false) AS was_withheld, c.status AS was_status,
                   c.issued_at AS was_issued, c.content_hash AS was_hash, c.delivery_id AS was_delivery, c.recorded_at AS was_recorded,
                   coalesce(c.invalid, false) AS was_invalid, coalesce(c.outage, false) AS was_outage,
                   coalesce(c.blank, false) AS was_blank,
                   c.content_hash IS NOT NULL AND (c.status = 'ok' OR c.withheld) AS had_candidate,
                   i.cand_value IS NOT NULL OR i.withheld AS has_candidate
            FROM incoming_cells i LEFT JOIN cur c USING (place, interval_start, measure)),
        judged AS (
            SELECT *, has_candidate AND NOT (had_candidate AND (was_issued, was_hash) >= (issued_at, content_hash)) AS wins,
                   had_candidate AND cand_value IS NOT DISTINCT FROM CASE WHEN was_status = 'ok' THEN was_value END
                       AND withheld_high IS NOT DISTINCT FROM was_high AND withheld = was_withheld AS same
            FROM paired)
        SELECT municipality, dataset, source, place, interval_start, interval_end, measure, row_number, recorded_at, stands,
               CASE WHEN wins THEN cand_value WHEN had_candidate AND was_status = 'ok' THEN was_value END AS cand_value,
               CASE WHEN wins THEN withheld_high WHEN had_candidate THEN was_high END AS withheld_high,
               CASE WHEN wins THEN withheld ELSE had_candidate AND was_withheld END AS withheld,
               coalesce(invalid, false) OR was_invalid AS invalid, coalesce(outage, false) OR was_outage AS outage,
               coalesce(blank, false) OR was_blank AS blank,
               CASE WHEN wins THEN issued_at WHEN had_candidate THEN was_issued END AS issued_at,
               CASE WHEN wins THEN content_hash WHEN had_candidate THEN was_hash END AS content_hash,
               CASE WHEN wins AND NOT same THEN delivery_id WHEN had_candidate THEN was_delivery END AS delivery_id,
               wins, has_candidate, had_candidate, cand_value AS sent_value, withheld_high AS sent_high, withheld AS sent_withheld,
               delivery_id AS sent_by, was_value, was_high, was_withheld, was_status, was_recorded, same,
               coalesce(invalid, false) AS sent_invalid, same OR (NOT has_candidate AND coalesce(outage, false) AND was_outage) AS doubled
        FROM judged
    """)


def _duplicates(store: Store) -> tuple[int, int]:
    """Rows (place and interval) all of whose measures stood already, equal: (accepted ones, suppressed ones)."""
    found = one(
        store.con.execute("""
        SELECT count(*) FILTER (NOT withheld), count(*) FILTER (withheld) FROM (
            SELECT bool_and(doubled) AS doubled, bool_or(sent_withheld) AS withheld
            FROM merged_cells GROUP BY place, interval_start HAVING NOT bool_or(sent_invalid)) WHERE doubled
    """)
    )
    return found[0], found[1]


def apply(store: Store, merged: str, frozen: str | None = None) -> int:
    """Write merged cells: supersede, replace, keep losing revisions in history, note dirt. Returns cells whose content changed.

    ``merged`` holds the observation key, interval_end, cand_value, withheld_high, withheld, invalid, outage, blank, issued_at,
    content_hash, delivery_id, recorded_at, stands, wins, has_candidate, same, sent_* and was_* columns (see :func:`_merge`).
    Changes for which ``frozen`` holds are not written: what was sent is kept in ``held_changes``; what was inferred (of a cell
    that stands) would be so again.
    """
    con = store.con
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE next_cells AS
        SELECT *, {STATUS} AS status,
               CASE WHEN cand_value IS NOT NULL THEN cand_value
                    WHEN {STATUS} = 'suppressed' AND withheld_high IS NOT NULL THEN CAST(0 AS DECIMAL(18,6)) END AS value_low,
               CASE WHEN cand_value IS NOT NULL THEN cand_value WHEN {STATUS} = 'suppressed' THEN withheld_high END AS value_high,
               NOT stands OR {STATUS} IS DISTINCT FROM was_status
                   OR cand_value IS DISTINCT FROM CASE WHEN was_status = 'ok' THEN was_value END
                   OR withheld_high IS DISTINCT FROM was_high OR withheld IS DISTINCT FROM was_withheld AS changed,
               stands AND has_candidate AND NOT wins AND NOT same AS lost
        FROM {merged}
    """)
    if frozen:
        _hold(store, frozen)
    touched = f"SELECT DISTINCT CAST(interval_start AS DATE) FROM next_cells WHERE {_KEPT} OR lost"
    store.make_hot(["observations", "observations_superseded"], touched)
    changed, ends, replaced = one(
        con.execute(f"""SELECT count(*) FILTER (changed), count(*) FILTER (lost OR (stands AND changed)), count(*) FILTER (stands AND ({_KEPT}))
                        FROM next_cells""")
    )
    columns = ", ".join(TABLES["observations"].columns)
    if ends:
        _supersede(store, columns)
    if replaced:
        matches = " AND ".join(f"o.{k} = n.{k}" for k in KEY)
        con.execute(f"DELETE FROM observations o USING (FROM next_cells WHERE {_KEPT}) n WHERE {matches}")
    # An equal value from a newer delivery moves only the stamp: the row keeps the moment and delivery it became known by.
    con.execute(f"""
        INSERT INTO observations ({columns}, issued_at, content_hash, invalid, outage, blank, withheld_high, withheld)
        SELECT municipality, dataset, source, place, interval_start, interval_end, measure, cand_value, value_low, value_high, status,
               delivery_id, CASE WHEN changed THEN greatest(recorded_at, was_recorded) ELSE was_recorded END,
               issued_at, content_hash, invalid, outage, blank, withheld_high, withheld
        FROM next_cells WHERE {_KEPT}
    """)
    kept_apart.again(con, renewed="(FROM next_cells WHERE changed)")
    if changed:
        con.execute(
            "INSERT INTO dirty_cells SELECT DISTINCT municipality, dataset, source, place, interval_start FROM next_cells WHERE changed"
        )
    return int(changed)


def _supersede(store: Store, columns: str) -> None:
    """Keep the rows that ``next_cells`` replaces by others, and the revisions that lost."""
    store.con.execute(f"""
        INSERT INTO observations_superseded ({columns}, superseded_at)
        SELECT {", ".join("o." + c for c in TABLES["observations"].columns)}, greatest(n.recorded_at, o.recorded_at)
        FROM observations o JOIN next_cells n USING ({_KEYS}) WHERE n.changed
        UNION ALL
        SELECT municipality, dataset, source, place, interval_start, interval_end, measure, sent_value,
               coalesce(sent_value, CASE WHEN sent_high IS NOT NULL THEN CAST(0 AS DECIMAL(18,6)) END),
               coalesce(sent_value, sent_high), CASE WHEN sent_value IS NULL THEN 'suppressed' ELSE 'ok' END,
               sent_by, recorded_at, recorded_at
        FROM next_cells WHERE lost
    """)


def _hold(store: Store, frozen: str) -> None:
    """Take changes to a frozen period out of ``next_cells``; those that were sent go into ``held_changes`` as they came."""
    con = store.con
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE frozen_cells AS
        SELECT * FROM next_cells WHERE changed AND (stands OR sent_by IS NOT NULL) AND ({frozen})""")
    if not con.execute("SELECT 1 FROM frozen_cells LIMIT 1").fetchall():
        return
    con.execute(f"DELETE FROM next_cells n USING frozen_cells f WHERE {' AND '.join(f'n.{k} = f.{k}' for k in KEY)}")
    if not con.execute("SELECT 1 FROM frozen_cells WHERE sent_by IS NOT NULL LIMIT 1").fetchall():
        return  # nothing of a delivery, so that there are no incoming cells
    low = "CASE WHEN withheld_high IS NOT NULL THEN CAST(0 AS DECIMAL(18,6)) END"
    con.execute(f"""
        INSERT INTO held_changes BY NAME
        SELECT i.* EXCLUDE (row_number, cand_value), cand_value AS value, coalesce(cand_value, {low}) AS value_low,
               coalesce(cand_value, withheld_high) AS value_high, {STATUS} AS status
        FROM incoming_cells i SEMI JOIN frozen_cells f USING ({_KEYS})""")
