"""What a card is judged on: per slot the settings in force, each input from the feed that counts, and the baseline.

All of it is views over the slots to do, so that one query reads, joins, evaluates and writes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from indicators.card import Card
from pipelines import baselines, composite
from pipelines.slots import Feed, feeds, meet, members, slots_sql
from pipelines.store import Store
from pipelines.store.rows import one
from schemas import statuses
from schemas.config import Config
from schemas.settings import BANDS

# A value of a source that is not the place's first choice is trusted less; shown beside the level, never in it.
SECOND_CHOICE = 0.8


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
    joins = " ".join(
        f"{'' if o in needed else 'LEFT '}JOIN input_{o} USING (place, slot_start, interval_minutes)" for o in others
    )
    status = statuses.together_sql([f"input_{n}.status" for n in needed])
    values = ", ".join(f"input_{n}.value AS {n}, input_{n}.low AS {n}_low, input_{n}.high AS {n}_high" for n in inputs)
    baseline = ""
    if card.baseline:
        joins += f""" LEFT JOIN known_for_slots b ON b.source = input_{first}.source AND b.measure = input_{first}.measure AND b.place = s.place
                AND b.interval_minutes = s.interval_minutes AND b.local_date = input_{first}.local_date
                AND b.local_time = CAST(input_{first}.local_ts AS TIME)"""
        baseline = ", " + ", ".join(f'b."{c}"' for c in card.baseline)
        _known_for_slots(store, config)
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW cells AS
        SELECT '{slug}' AS municipality, s.place_kind, input_{first}.source, s.slot_start AS interval_start,
               input_{first}.slot_end AS interval_end, input_{first}.local_date, CAST(input_{first}.local_ts AS TIME) AS local_time,
               {status} AS status, least({", ".join(f"input_{n}.coverage" for n in needed)}) AS coverage,
               least({", ".join(f"input_{n}.confidence" for n in needed)}) AS confidence, {values}, s.* EXCLUDE (place_kind)
               {baseline}
        FROM slot_settings s JOIN input_{first} USING (place, slot_start, interval_minutes) {joins}
    """)


def _known_for_slots(store: Store, config: Config) -> None:
    """View ``known_for_slots``: the baselines of the local days and clock times of the slots to do."""
    local = f"timezone('{config.municipality.timezone}', slot_start)"
    first, last = one(store.con.execute(f"SELECT min(CAST({local} AS DATE)), max(CAST({local} AS DATE)) FROM todo"))
    relation = baselines.stored(store, first, last) if first else "baselines"
    store.con.execute(f"""
        CREATE OR REPLACE TEMP VIEW known_for_slots AS
        SELECT b.* FROM {relation} b SEMI JOIN (SELECT DISTINCT CAST({local} AS TIME) AS local_time FROM todo) USING (local_time)
        WHERE municipality = '{config.municipality.municipality}'
    """)


def of_several_days(store: Store) -> bool:
    """Whether a slot may be judged against several kinds of day: Sundays on a holiday, earlier editions on an event day."""
    return bool(store.con.execute("SELECT 1 FROM known_for_slots WHERE day_type <> 'weekday' LIMIT 1").fetchall())


def _input(store: Store, config: Config, card: Card, name: str, start: datetime, end: datetime, at: datetime) -> None:
    """View ``input_<name>``: one row a slot from the feed that counts, the first known of the card's ``from``, then of the lowest rank."""
    spec, con = card.inputs[name], store.con
    lengths = [m for (m,) in con.execute("SELECT DISTINCT interval_minutes FROM todo ORDER BY 1").fetchall()]
    ago, every = spec.ago or timedelta(0), feeds(config, spec.from_)
    found = [f for f in every if not f.over_places or members.places(config, f)] or every
    several = meet(store, config, found, start - ago, end)
    second = _second_choices(store, config, name, found)
    wanted, shift = "todo", f"INTERVAL {int(ago.total_seconds())} SECONDS"
    if ago:
        wanted = f"earlier_{name}"
        earlier = f"SELECT place, slot_start - {shift} AS slot_start, interval_minutes FROM todo"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {wanted} AS {earlier}")
    slots = " UNION ALL ".join(
        f"SELECT *, {order} AS choice, {second[order]} AS second_choice FROM ({slots_sql(store, config, feed, m, start - ago, end, at, wanted)})"
        for order, feed in enumerate(found) for m in lengths
    )  # fmt: skip
    whole = f"(status = 'ok' AND coverage >= {card.min_coverage})"
    best = f"""QUALIFY row_number() OVER (PARTITION BY place, slot_start, interval_minutes
            ORDER BY NOT {whole}, {statuses.first_sql("status")}, choice) = 1"""
    moved = f"* REPLACE (slot_start + {shift} AS slot_start, slot_end + {shift} AS slot_end)" if ago else "*"
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW input_{name} AS
        SELECT {moved}, coverage * CASE WHEN second_choice THEN {SECOND_CHOICE} ELSE 1.0 END AS confidence
        FROM ({slots}) {best if several else ""}
    """)


def _second_choices(store: Store, config: Config, name: str, found: list[Feed]) -> list[str]:
    """Per feed SQL of whether another one normally counts at the place; reports that come now and then never do normally."""
    normal: dict[str, int] = {}
    texts = []
    for order, feed in enumerate(found):
        at = members.places(config, feed)
        if not feed.sporadic:
            normal |= {place: order for place in at if place not in normal}
        others = [place for place in at if normal.get(place, -1) != order]
        if others:
            table = f"others_first_{name}_{order}"
            store.con.register("other_rows", pa.table({"place": pa.array(others, pa.string())}))
            store.con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS FROM other_rows")
            store.con.unregister("other_rows")
        texts.append(f"place IN (FROM {table})" if others else "false")
    return texts
