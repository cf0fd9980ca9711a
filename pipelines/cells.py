"""What a card is judged on: per slot the settings in force, each input from the feed that counts, and the baseline.

All of it is text: one query reads, joins, evaluates and writes.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pyarrow as pa

from indicators.card import Card
from pipelines import baselines, composite
from pipelines.slots import Asked, Feed, Slots, choice_sql, feeds, members
from pipelines.store import Store
from schemas import statuses
from schemas.config import Config
from schemas.settings import BANDS

# A value of a source that is not the place's first choice is trusted less; shown beside the level, never in it.
SECOND_CHOICE = 0.8


def inputs(config: Config, card: Card) -> dict[str, list[Feed]]:
    """The feeds of each input that can give something here, first choice first; none of a card made of others."""
    if composite.is_composite(card):
        return {}
    found = {name: feeds(config, spec.from_, card.min_coverage) for name, spec in card.inputs.items()}
    return {name: [f for f in every if not f.over_places or members.places(config, f)] or every for name, every in found.items()}


def want(config: Config, card: Card, slots: Slots, asked: Asked) -> None:
    """Tell which slots the card reads for those it is asked."""
    for name, found in inputs(config, card).items():
        for feed in found:
            slots.want(feed, asked, card.inputs[name].ago or timedelta(0))


def parts(store: Store, config: Config, card: Card, slots: Slots, asked: Asked, current: str | None) -> dict[str, str]:
    """SELECTs by name, each over those before it; the last, ``cells``, is what :func:`indicators.evaluate.sql` reads.

    ``cells`` has a row per slot of ``asked``. ``current``: rows of ``indicator_values`` whose settings are kept (rule 21).
    """
    found = {"slot_settings": _settings(store, card, asked, current)}
    if composite.is_composite(card):
        for name in card.inputs:
            found[f"input_{name}"] = composite.severity(store, config, asked.first, asked.last + timedelta(hours=1))
    for name, given in inputs(config, card).items():
        found[f"input_{name}"] = _input(store, config, card, name, given, slots, asked.lengths)
    if card.baseline:
        found["known_for_slots"] = _known_for_slots(store, config, asked)
    return found | {"cells": _cells(config, card)}


def _settings(store: Store, card: Card, asked: Asked, current: str | None) -> str:
    """Per slot the settings to judge by, as columns the card's SQL can name."""
    kept = "v.config_hash" if current else "NULL"
    join = f"LEFT JOIN {current} v ON v.place = t.place AND v.interval_start = t.slot_start" if current else ""
    return f"""
        SELECT h.*, e.* EXCLUDE (config_hash) FROM (
            SELECT t.place, t.slot_start, t.interval_minutes, f.place_kind, coalesce({kept}, f.config_hash) AS config_hash,
                   CASE WHEN {kept} IS NULL THEN f.threshold_source ELSE {"v.threshold_source" if current else "NULL"} END AS threshold_source
            FROM {asked.table} t JOIN in_force f ON f.place = t.place AND f.indicator = '{card.id}'
                AND t.slot_start >= f.seg_start AND t.slot_start < f.seg_end
            {join}) h JOIN {_as_columns(store, card)} e USING (config_hash)"""


def _as_columns(store: Store, card: Card) -> str:
    """Table with a row for each settings a card was ever judged by, their numbers as columns."""
    numbers = "".join(f""", (settings ->> '$.values.{n}')::DOUBLE AS "{n}" """ for n in (*card.attributes, *card.parameters))
    for band in BANDS:
        for edge in ("enter", "exit"):
            numbers += f", (settings ->> '$.bands.{band}.{edge}')::DOUBLE AS {band}_{edge}"
    ((count,),) = store.con.execute("SELECT count(*) FROM effective_settings").fetchall()
    sql = f"""SELECT config_hash, settings ->> '$.place_type' AS place_type {numbers}
              FROM effective_settings WHERE indicator = '{card.id}'"""
    return store.given(f"settings_{composite.table_name(card)}", (sql, count), sql)


def _cells(config: Config, card: Card) -> str:
    """A row per slot to judge: settings, inputs side by side, and the baseline."""
    first, *others = card.inputs
    needed = [name for name in card.inputs if name not in card.optional]
    joins = " ".join(
        f"{'' if o in needed else 'LEFT '}JOIN input_{o} USING (place, slot_start, interval_minutes)" for o in others
    )
    status = statuses.together_sql([f"input_{n}.status" for n in needed])
    values = ", ".join(f"input_{n}.value AS {n}, input_{n}.low AS {n}_low, input_{n}.high AS {n}_high" for n in card.inputs)
    baseline = ""
    if card.baseline:
        joins += f""" LEFT JOIN known_for_slots b ON b.source = input_{first}.source AND b.measure = input_{first}.measure AND b.place = s.place
                AND b.interval_minutes = s.interval_minutes AND b.local_date = input_{first}.local_date
                AND b.local_time = CAST(input_{first}.local_ts AS TIME)"""
        baseline = ", " + ", ".join(f'b."{c}"' for c in card.baseline)
    return f"""
        SELECT '{config.municipality.municipality}' AS municipality, s.place_kind, input_{first}.source, s.slot_start AS interval_start,
               input_{first}.slot_end AS interval_end, input_{first}.local_date, CAST(input_{first}.local_ts AS TIME) AS local_time,
               {status} AS status, least({", ".join(f"input_{n}.coverage" for n in needed)}) AS coverage,
               least({", ".join(f"input_{n}.confidence" for n in needed)}) AS confidence, {values}, s.* EXCLUDE (place_kind)
               {baseline}
        FROM slot_settings s JOIN input_{first} USING (place, slot_start, interval_minutes) {joins}"""


def _known_for_slots(store: Store, config: Config, asked: Asked) -> str:
    """The baselines of the local days and clock times of the slots to do."""
    zone = config.municipality.timezone
    first, last = (moment.astimezone(config.tz).date() for moment in (asked.first, asked.last))
    return f"""
        SELECT b.* FROM {baselines.stored(store, first, last)} b SEMI JOIN (
            SELECT DISTINCT CAST(timezone('{zone}', slot_start) AS TIME) AS local_time FROM (SELECT DISTINCT slot_start FROM {asked.table})
        ) USING (local_time)
        WHERE municipality = '{config.municipality.municipality}'"""


def of_several_days(store: Store, known_for_slots: str) -> bool:
    """Whether a slot may be judged against several kinds of day: Sundays on a holiday, earlier editions on an event day."""
    return bool(store.con.execute(f"SELECT 1 FROM ({known_for_slots}) WHERE day_type <> 'weekday' LIMIT 1").fetchall())


def _input(
    store: Store, config: Config, card: Card, name: str, found: list[Feed], slots: Slots, lengths: tuple[int, ...]
) -> str:  # fmt: skip
    """One row a slot from the feed that counts, the first known of the card's ``from``, then of the lowest rank."""
    shift = f"INTERVAL {int((card.inputs[name].ago or timedelta(0)).total_seconds())} SECONDS"
    second = _second_choices(store, config, found)
    given = " UNION ALL ".join(
        f"""SELECT '{feed.dataset}' AS dataset, '{feed.source}' AS source, '{feed.measure}' AS measure, place, {m} AS interval_minutes,
                   slot_start + {shift} AS slot_start, slot_start + {shift} + INTERVAL {m} MINUTES AS slot_end,
                   CAST(local_ts AS DATE) AS local_date, local_ts, coverage, status, value, low, high, {order} AS choice,
                   coverage * CASE WHEN {second[order]} THEN {SECOND_CHOICE} ELSE 1.0 END AS confidence
            FROM {slots.table(feed, m)}"""
        for order, feed in enumerate(found) for m in lengths
    )  # fmt: skip
    if not slots.meet(found, lengths):
        return given
    return f"""
        SELECT * FROM ({given}) QUALIFY row_number() OVER (PARTITION BY place, slot_start, interval_minutes
            ORDER BY {choice_sql(card.min_coverage)}, choice) = 1"""


def _second_choices(store: Store, config: Config, found: list[Feed]) -> list[str]:
    """Per feed SQL of whether another one normally counts at the place; reports that come now and then never do normally."""
    normal: dict[str, int] = {}
    texts = []
    for order, feed in enumerate(found):
        at = members.places(config, feed)
        if not feed.sporadic:
            normal |= {place: order for place in at if place not in normal}
        others = tuple(sorted(place for place in at if normal.get(place, -1) != order))
        if others:
            name = f"others_first_{hashlib.sha256('|'.join(others).encode()).hexdigest()[:12]}"
            rows = pa.table({"place": pa.array(others, pa.string())})
            texts.append(f"place IN (FROM {store.given(name, others, rows)})")
        else:
            texts.append("false")
    return texts
