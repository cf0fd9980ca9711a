"""Cards made of other cards: the weighted severities of a municipality's chosen indicators, always with their named parts.

A part that is not known, or has no row at the place, makes the sum a range; weights are never re-normalised.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from indicators.card import Card
from indicators.effective import WEIGHT
from indicators.grammar import SEVERITY
from pipelines.store import Store
from schemas import statuses
from schemas.config import Config
from schemas.settings import LEVELS

STEPS = len(LEVELS) - 1  # severity of a level is its rank over this


def is_composite(card: Card) -> bool:
    """Whether the card is made of other cards."""
    return any(SEVERITY in given.from_ for given in card.inputs.values())


def parts(config: Config, card: Card) -> set[str]:
    """The indicators that the municipality weighs in a card, anywhere and at any time; empty when it has not chosen any."""
    settings = config.municipality.indicators.get(card.id)
    set_apart = (t.weights for t in config.municipality.thresholds if t.indicator == card.id)
    return {name for weights in (settings.weights if settings else {}, *set_apart) for name in weights}


def delay(config: Config) -> timedelta:
    """When a value made of others can be known: with the slowest source."""
    return max((s.delay for s in config.sources.values()), default=timedelta(0))  # `plan --without` the only one


def todo_name(card: Card) -> str:
    """The temporary table of the slots to do of a card: place, slot_start, interval_minutes."""
    return f"todo_{table_name(card)}"


def table_name(card: Card) -> str:
    """The card's id as a part of a table's name."""
    return card.id.replace(".", "_").replace("-", "_")


def todo(store: Store, config: Config, card: Card, others: list[Card]) -> None:
    """The slots of a composite card: those of its parts that are to do."""
    named = parts(config, card)
    slots = " UNION ".join(f"SELECT place, slot_start, interval_minutes FROM {todo_name(c)}" for c in others if c.id in named)
    slots = slots or "SELECT NULL::VARCHAR AS place, NULL::TIMESTAMPTZ AS slot_start, NULL::INTEGER AS interval_minutes LIMIT 0"
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {todo_name(card)} AS SELECT DISTINCT t.* FROM ({slots}) t JOIN in_force f
            ON f.place = t.place AND f.indicator = '{card.id}' AND f.interval_minutes = t.interval_minutes
            AND t.slot_start >= f.seg_start AND t.slot_start < f.seg_end
    """)


def severity(store: Store, config: Config, start: datetime, end: datetime) -> str:
    """SELECT: per slot of ``slot_settings`` the weighted severity, or its bounds, in the shape of an input of a card.

    Weights are those in force at the slot (kept with its settings). ``coverage`` is the weight of the parts that are known.
    """
    zone, slug = config.municipality.timezone, config.municipality.municipality
    values = store.relation(
        "indicator_values", start, end, "municipality, indicator, place, interval_start, interval_end, level, status, confidence"
    )
    rank = " ".join(f"WHEN '{level}' THEN {number}" for number, level in enumerate(LEVELS))
    weight = "CAST(weight AS DECIMAL(9,6))"
    return f"""
        WITH named AS (
            SELECT s.place, s.slot_start, s.interval_minutes, replace(key, '{WEIGHT}', '') AS indicator,
                   (settings -> 'values' ->> key)::DOUBLE AS weight
            FROM slot_settings s JOIN effective_settings e USING (config_hash), unnest(json_keys(settings -> 'values')) k(key)
            WHERE starts_with(key, '{WEIGHT}')),
        parts AS (
            SELECT n.*, CASE v.level {rank} END AS severity, v.confidence, v.status FROM named n LEFT JOIN {values} v
                ON v.municipality = '{slug}' AND v.indicator = n.indicator AND v.place = n.place AND v.interval_start = n.slot_start
                AND v.interval_end = n.slot_start + to_minutes(n.interval_minutes)),
        summed AS (
            SELECT place, slot_start, interval_minutes, coalesce(CAST(sum({weight}) FILTER (severity IS NOT NULL) AS DOUBLE), 0.0) AS coverage,
                   CAST(coalesce(sum({weight} * severity), 0) AS DOUBLE) / {STEPS} AS low,
                   CAST(sum({weight} * CASE WHEN severity IS NULL THEN {STEPS} ELSE severity END) AS DOUBLE) / {STEPS} AS high,
                   min(confidence) AS confidence,
                   {statuses.aggregate_sql(when_all_ok="missing")} AS worst
            FROM parts GROUP BY place, slot_start, interval_minutes HAVING count(status) > 0)
        SELECT '{slug}' AS municipality, 'indicators' AS dataset, 'indicators' AS source, 'severity' AS measure, place, interval_minutes,
               slot_start, slot_start + to_minutes(interval_minutes) AS slot_end, CAST(timezone('{zone}', slot_start) AS DATE) AS local_date,
               timezone('{zone}', slot_start) AS local_ts, coverage, CASE WHEN coverage > 0 THEN 'ok' ELSE worst END AS status,
               CASE WHEN low = high THEN low END AS value, CASE WHEN coverage > 0 THEN low END AS low,
               CASE WHEN coverage > 0 THEN high END AS high, coverage * coalesce(confidence, 0.0) AS confidence
        FROM summed"""
