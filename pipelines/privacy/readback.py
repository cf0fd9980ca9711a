"""Published values read back: a density times its area is a count, an inflow times its minutes a balance.

The published number is rounded, its bounds and its level say something too: each value gives a sum between two ends over the counts it
was made of. What drukte computes it computes from what it published, so these sums tell nothing new; where a value was made of a
withheld number itself, they give it away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from indicators.grammar import Card
from pipelines import sql
from pipelines.privacy.linear import Affine, Fraction, fraction
from pipelines.slots import members
from pipelines.slots.feeds import feeds
from schemas import vocabulary
from schemas.config import Config
from schemas.settings import LEVELS


def add(con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card]) -> None:
    """Add to ``terms`` and ``sums`` what the values of each card say about withheld counts."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE hidden AS SELECT DISTINCT dataset, place, measure, hour, cell FROM seen JOIN cells USING (cell) WHERE NOT known"
    )
    for card in cards.values():
        made = fraction(card)
        behind = [*_behind(config, card, made)] if made else []
        if made and behind:
            con.register("behind", pa.Table.from_pylist(behind))
            _add_card(con, config.municipality.municipality, card, made)
            con.unregister("behind")


def _behind(config: Config, card: Card, made: Fraction) -> Iterator[dict[str, object]]:
    """For each input the counts that it is made of: input, place, dataset, source, member, measure, factor, kind, valid_from, valid_to.

    Nothing where an input is worked out in another way than by a sum, or looks back.
    """
    for name in {*made.over, *made.under} - {None}:
        assert name is not None
        if card.inputs[name].ago:
            return
        for feed in feeds(config, card.inputs[name].from_):
            if feed.sporadic or (feed.derived and feed.derived.how != "sum") or (feed.derived and feed.derived.per):
                continue
            kind = str(vocabulary.columns()[feed.given[0].measures[0]].kind)
            if feed.over_places:
                parts = [
                    (m.place, m.member, m.measure, m.factor, m.valid_from, m.valid_to) for m in members.members(config, feed)
                ]
            else:
                rows = [r for r in config.places if r.place.place in members.places(config, feed)]
                parts = [
                    (r.place.place, r.place.place, m, 1.0, r.place.valid_from, r.until)
                    for r in rows
                    for m in feed.given[0].measures
                ]
            for place, member, measure, factor, start, stop in parts:
                yield {"input": name, "feed": feed.source, "dataset": feed.dataset, "sources": list(feed.sources), "place": place, "member": member,
                       "measure": measure, "factor": float(factor), "kind": kind, "valid_from": start, "valid_to": stop}  # fmt: skip


def _add_card(con: duckdb.DuckDBPyConnection, municipality: str, card: Card, made: Fraction) -> None:
    """One card: its values with a hidden count behind them, as sums between two ends."""
    half = 0.5 * 10.0**-card.digits
    low, high = _ends(card, half)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE told AS
        SELECT row_number() OVER () AS nr, * FROM (
            SELECT v.place, v.source, v.interval_start, v.interval_end, v.recorded_at, v.superseded_at, s.settings, {low} AS low, {high} AS high
            FROM p0.indicator_values_history v JOIN (SELECT DISTINCT config_hash, settings FROM p0.effective_settings) s USING (config_hash)
            WHERE v.municipality = {sql.literal(municipality)} AND v.indicator = {sql.literal(card.id)} AND v.status IN ('ok', 'suppressed'))
        WHERE low IS NOT NULL OR high IS NOT NULL""")
    con.execute(f"CREATE OR REPLACE TEMP TABLE made_of AS {_made_of(len({*made.over, *made.under} - {None}))}")
    if set(made.under) == {None}:
        under, nothing = made.under[None], made.over.get(None, "0")
        _write(con, card, made.over, f"low * ({under}) - ({nothing})", f"high * ({under}) - ({nothing})", f"({under}) > 0")
    else:
        for end in ("low", "high"):
            both = {n: f"({made.over.get(n, '0')}) - {end} * ({made.under.get(n, '0')})" for n in {*made.over, *made.under}}
            nothing = f"-({both.get(None, '0')})"
            sides = (nothing, "NULL") if end == "low" else ("NULL", nothing)
            _write(con, card, both, *sides, f"{end} IS NOT NULL")


def _made_of(inputs: int) -> str:
    """SQL: the versions of counts behind each value (nr, input, version, factor), where all are there and one of them is hidden.

    A current value is made of current counts (those of a backfill may say that they came later), an earlier one of those of its time.

    Slots and counts meet by the hour: an equality to join by, where a range would compare each with each.
    """
    hours = "unnest(range(date_trunc('hour', interval_start), interval_end, INTERVAL 1 HOUR)) AS hour"
    return f"""
        WITH slots AS (SELECT *, {hours} FROM told),
        parts AS (SELECT t.nr, t.interval_start AS slot_start, t.interval_end AS slot_end, t.recorded_at, t.superseded_at, t.hour, b.*
                  FROM slots t JOIN behind b ON b.place = t.place AND list_has_any(string_split(t.source, '+'), b.sources)
                      AND t.interval_start >= b.valid_from AND (b.valid_to IS NULL OR t.interval_start < b.valid_to)),
        concerned AS (SELECT DISTINCT nr FROM parts p JOIN hidden h
                      ON h.dataset = p.dataset AND h.place = p.member AND h.measure = p.measure AND h.hour = p.hour),
        chosen AS (SELECT p.*, c.cell, c.source, c.interval_start, c.interval_end, s.version
                   FROM parts p JOIN concerned USING (nr)
                   JOIN cells c ON c.dataset = p.dataset AND c.place = p.member AND c.measure = p.measure AND c.hour = p.hour
                       AND c.interval_start >= p.slot_start AND c.interval_end <= p.slot_end AND list_contains(p.sources, c.source)
                   JOIN seen s ON s.cell = c.cell AND CASE WHEN p.superseded_at IS NULL THEN s.until IS NULL
                       ELSE s.since <= p.recorded_at AND coalesce(s.until > p.recorded_at, true) END),
        last AS (FROM chosen QUALIFY kind <> 'stock'
                    OR interval_start = max(interval_start) OVER (PARTITION BY nr, input, member, measure)),
        whole AS (SELECT nr, input, count(DISTINCT source) = 1 AND count(DISTINCT feed) = 1 AND (any_value(kind) = 'stock' OR
                      sum(epoch(interval_end - interval_start)) = epoch(any_value(slot_end - slot_start))) AS fits
                  FROM last GROUP BY nr, input, member, measure),
        sound AS (SELECT nr FROM whole GROUP BY nr HAVING bool_and(fits) AND count(DISTINCT input) = {inputs})
        SELECT nr, input, version, factor FROM last JOIN sound USING (nr) WHERE nr IN (SELECT nr FROM last JOIN hidden USING (cell))"""


def _ends(card: Card, half: float) -> tuple[str, str]:
    """SQL: the ends between which the unrounded value lies, by number or bounds, and by the level that was reached."""
    low, high = f"coalesce(v.value, v.value_low) - {half}", f"coalesce(v.value, v.value_high) + {half}"
    edge = " ".join(
        f"WHEN '{level}' THEN CAST(json_extract(s.settings, '$.bands.{level}.enter') AS DOUBLE)" for level in LEVELS[1:]
    )
    reached = f"CASE v.level {edge} END"
    if card.direction == "up":
        return f"greatest({low}, {reached} - {half})", high
    return low, f"least({high}, {reached} + {half})"


def _write(con: duckdb.DuckDBPyConnection, card: Card, factors: Affine, low: str, high: str, when: str) -> None:
    """Add one sum for each value told of."""
    by = " ".join(f"WHEN '{name}' THEN {factor}" for name, factor in factors.items() if name is not None)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE numbered AS
        SELECT *, (SELECT coalesce(max(instance), 0) FROM sums) + row_number() OVER (ORDER BY nr) AS instance
        FROM told WHERE nr IN (SELECT nr FROM made_of) AND {when}""")
    con.execute(f"""INSERT INTO terms SELECT instance, version, sum((CASE input {by} END) * factor) AS coef
                    FROM made_of JOIN numbered USING (nr) GROUP BY instance, version""")
    con.execute(f"INSERT INTO sums SELECT instance, 'value:{card.id}', false, {low}, {high} FROM numbered")
