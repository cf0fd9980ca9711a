"""What a card is judged on: per slot the settings in force, each input from the feed that counts, and the baseline.

All of it is views over the slots to do, so that one query reads, joins, evaluates and writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from indicators.card import Card
from pipelines import baselines, composite
from pipelines.slots import Feed, feeds, members, slots_sql
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config
from schemas.settings import BANDS

# A value of a source that is not the place's first choice is trusted less; shown beside the level, never in it.
SECOND_CHOICE = 0.8
# Of several inputs the worst status counts; of several feeds of one input the most useful.
_WORST_LAST = "['ok', 'suppressed', 'missing', 'outage', 'invalid']"
_USEFUL_FIRST = "['ok', 'invalid', 'outage', 'suppressed', 'missing']"


def prepare(store: Store, config: Config, card: Card, at: datetime, current: str | None) -> None:
    """View ``cells``: a row per slot of ``todo``, in the shape :func:`indicators.evaluate.sql` reads.

    ``current``: rows of ``indicator_values`` whose settings are kept (rule 21).
    """
    _settings(store, card, current)
    _cells(store, config, card, at)


def _settings(store: Store, card: Card, current: str | None) -> None:
    """View ``slot_settings``: per slot the settings to judge by, as columns the card's SQL can name."""
    names = [*card.attributes, *card.parameters]
    numbers = "".join(f""", (settings ->> '$.values.{n}')::DOUBLE AS "{n}" """ for n in names)
    for band in BANDS:
        for edge in ("enter", "exit"):
            numbers += f", (settings ->> '$.bands.{band}.{edge}')::DOUBLE AS {band}_{edge}"
    kept = "v.config_hash" if current else "NULL"
    join = f"LEFT JOIN {current} v ON v.place = t.place AND v.interval_start = t.slot_start" if current else ""
    store.con.execute(f"""
        CREATE OR REPLACE TEMP VIEW slot_settings AS
        WITH hashed AS (
            SELECT t.place, t.slot_start, t.interval_minutes, f.place_kind, coalesce({kept}, f.config_hash) AS config_hash,
                   CASE WHEN {kept} IS NULL THEN f.threshold_source ELSE {"v.threshold_source" if current else "NULL"} END AS threshold_source
            FROM todo t JOIN in_force f ON f.place = t.place AND f.indicator = '{card.id}'
                AND t.slot_start >= f.seg_start AND t.slot_start < f.seg_end
            {join})
        SELECT h.*, e.* EXCLUDE (config_hash) FROM hashed h JOIN (
            SELECT config_hash, settings ->> '$.place_type' AS place_type {numbers}
            FROM effective_settings WHERE indicator = '{card.id}') e USING (config_hash)
    """)


def _cells(store: Store, config: Config, card: Card, at: datetime) -> None:
    """View ``cells``: a row per slot to judge, in the shape :func:`indicators.evaluate.sql` reads."""
    con, slug = store.con, config.municipality.municipality
    start, last = one(con.execute("SELECT min(slot_start), max(slot_start) FROM todo"))
    end = last + timedelta(hours=1)
    inputs = list(card.inputs)
    for name in inputs:
        if composite.is_composite(card):
            composite.severity(store, config, f"input_{name}", start, end)
        else:
            _input(store, config, card, name, start, end, at)
    first, *others = inputs
    needed = [name for name in inputs if name not in card.optional]
    joins = " ".join(f"{'' if o in needed else 'LEFT '}JOIN input_{o} USING (place, slot_start, interval_minutes)" for o in others)
    ranks = ", ".join(f"list_position({_WORST_LAST}, input_{n}.status)" for n in needed)
    values = ", ".join(f"input_{n}.value AS {n}, input_{n}.low AS {n}_low, input_{n}.high AS {n}_high" for n in inputs)
    baseline = ""
    if card.baseline:
        joins += f""" LEFT JOIN known_for_slots b ON b.source = input_{first}.source AND b.measure = input_{first}.measure AND b.place = s.place
                AND b.interval_minutes = s.interval_minutes AND b.local_date = input_{first}.local_date
                AND b.local_time = CAST(input_{first}.local_ts AS TIME)"""
        baseline = ", " + ", ".join(f'b."{c}"' for c in card.baseline)
        days = f"CAST(timezone('{config.municipality.timezone}', slot_start) AS DATE)"
        dates = one(con.execute(f"SELECT min({days}), max({days}) FROM todo"))
        relation = "(SELECT * FROM baselines LIMIT 0)" if not dates or dates[0] is None else baselines.stored(store, *dates)
        con.execute(f"CREATE OR REPLACE TEMP TABLE known_for_slots AS SELECT * FROM {relation} WHERE municipality = '{slug}'")
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW cells AS
        SELECT '{slug}' AS municipality, s.place_kind, input_{first}.source, s.slot_start AS interval_start,
               input_{first}.slot_end AS interval_end, input_{first}.local_date, CAST(input_{first}.local_ts AS TIME) AS local_time,
               {_WORST_LAST}[greatest({ranks})] AS status, least({", ".join(f"input_{n}.coverage" for n in needed)}) AS coverage,
               least({", ".join(f"input_{n}.confidence" for n in needed)}) AS confidence, {values}, s.* EXCLUDE (place_kind)
               {baseline}
        FROM slot_settings s JOIN input_{first} USING (place, slot_start, interval_minutes) {joins}
    """)


def _input(store: Store, config: Config, card: Card, name: str, start: datetime, end: datetime, at: datetime) -> None:
    """View ``input_<name>``: one row a slot from the feed that counts, the first known of the card's ``from``, then of the lowest rank."""
    spec, con = card.inputs[name], store.con
    lengths = [m for (m,) in con.execute("SELECT DISTINCT interval_minutes FROM todo ORDER BY 1").fetchall()]
    found, ago = feeds(config, spec.from_), spec.ago or timedelta(0)
    _first_choice(store, config, name, found)
    wanted, shift = "todo", f"INTERVAL {int(ago.total_seconds())} SECONDS"
    if ago:
        wanted = f"earlier_{name}"
        earlier = f"SELECT place, slot_start - {shift} AS slot_start, interval_minutes FROM todo"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {wanted} AS {earlier}")
    slots = " UNION ALL ".join(
        f"SELECT *, {order} AS choice FROM ({slots_sql(store, config, feed, m, start - ago, end, at, wanted)})"
        for order, feed in enumerate(found) for m in lengths
    )  # fmt: skip
    whole = f"(status = 'ok' AND coverage >= {card.min_coverage})"
    best = f"""QUALIFY row_number() OVER (PARTITION BY place, slot_start, interval_minutes
            ORDER BY NOT {whole}, list_position({_USEFUL_FIRST}, status), choice) = 1"""
    moved = f"* REPLACE (slot_start + {shift} AS slot_start, slot_end + {shift} AS slot_end)" if ago else "*"
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW input_{name} AS
        SELECT {moved}, coverage * CASE WHEN choice <= best THEN 1.0 ELSE {SECOND_CHOICE} END AS confidence
        FROM ({slots}) LEFT JOIN first_choice_{name} USING (place) {best if len(found) > 1 else ""}
    """)


def _first_choice(store: Store, config: Config, name: str, found: list[Feed]) -> None:
    """``first_choice_<name>``: per place the feed that normally counts there; reports that come now and then do not set it."""
    best: dict[str, int] = {}
    for order, feed in enumerate(found):
        if not feed.sporadic:
            for place in members.places(config, feed):
                best.setdefault(place, order)
    rows = pa.table({"place": list(best), "best": list(best.values())}, pa.schema([("place", pa.string()), ("best", pa.int32())]))
    store.con.register("choice_rows", rows)
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE first_choice_{name} AS FROM choice_rows")
    store.con.unregister("choice_rows")
