"""What a run leaves as it is, and ``drukte backfill --restate`` would change: other settings, another definition (rule 21)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indicators.card import Card
from pipelines import compute
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

Row = dict[str, Any]
_COLUMNS = "municipality, indicator, place, interval_start, interval_end, config_hash, definition_hash"


def settings(store: Store, config: Config, active: Sequence[Card]) -> list[Row]:
    """Slots judged by other settings than those in force for them today; per indicator, with places and span."""
    _judged(store, config)
    first, last = one(store.con.execute("SELECT min(first_start), max(last_end) FROM judged"))
    if first is None:
        return []
    compute.prepare_segments(store, config, list(active), first, last)
    # Where one fingerprint is all that is in force over the whole stretch there is nothing to look for.
    store.con.execute("""
        CREATE OR REPLACE TEMP TABLE suspects AS
        SELECT DISTINCT j.indicator, j.place FROM judged j JOIN in_force f USING (indicator, place)
        WHERE f.config_hash <> j.config_hash AND f.seg_start < j.last_end AND f.seg_end > j.first_start""")
    return _rows(store, f"""
        SELECT v.indicator, count(*) AS slots, list_sort(list(DISTINCT v.place)) AS places, min(interval_start) AS "from",
               max(interval_end) AS "to", list_sort(list(DISTINCT f.config_hash)) AS config_hashes
        FROM {store.relation("indicator_values", None, None, _COLUMNS)} v
        SEMI JOIN suspects s ON s.indicator = v.indicator AND s.place = v.place
        JOIN in_force f ON f.indicator = v.indicator AND f.place = v.place
            AND v.interval_start >= f.seg_start AND v.interval_start < f.seg_end
        WHERE v.municipality = '{config.municipality.municipality}' AND v.config_hash <> f.config_hash
        GROUP BY v.indicator ORDER BY v.indicator""")  # fmt: skip


def _judged(store: Store, config: Config) -> None:
    """``judged``: per indicator, place and fingerprints, from when to when and how many."""
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE judged AS
        SELECT indicator, place, config_hash, definition_hash, count(*) AS slots, min(interval_start) AS first_start,
               max(interval_end) AS last_end
        FROM {store.relation("indicator_values", None, None, _COLUMNS)} WHERE municipality = '{config.municipality.municipality}'
        GROUP BY ALL""")


def definitions(store: Store, active: Sequence[Card]) -> list[Row]:
    """Slots computed by an earlier definition of a card; needs ``judged`` of :func:`settings`."""
    now = {card.id: card for card in active}
    found = _rows(store, """
        SELECT j.indicator, i.version AS old_version, j.definition_hash AS old_hash, sum(slots)::BIGINT AS slots,
               min(first_start) AS "from", max(last_end) AS "to"
        FROM judged j LEFT JOIN indicators i USING (indicator, definition_hash) GROUP BY ALL ORDER BY ALL""")  # fmt: skip
    return [
        {**row, "new_version": now[row["indicator"]].version, "new_hash": now[row["indicator"]].definition_hash}
        for row in found
        if row["indicator"] in now and now[row["indicator"]].definition_hash != row["old_hash"]
    ]


def _rows(store: Store, sql: str) -> list[Row]:
    done = store.con.execute(sql)
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]
