"""What stands around the situations: trends, series with their baseline, the evening's context, sources by slot, blind spots.

Read after :func:`pipelines.board.queries.read` has made its temporary tables. A trend or a usual range that the file does
not give is absent, never guessed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa

from pipelines.board.queries import Row, Scope, rows

TREND_OVER = timedelta(hours=1)
TREND_SHARE = 0.1  # of the lowest edge: a smaller change counts as steady
AHEAD = timedelta(hours=12)  # what the calendar says of the coming hours is told too

# The newest known value against the one an hour before. `worse` is 1 towards a worse level, -1 away from it, 0 steady.
_TRENDS = """
with edges as (
  select config_hash, least(json_extract(settings, '/bands/elevated/enter')::double,
    json_extract(settings, '/bands/high/enter')::double, json_extract(settings, '/bands/critical/enter')::double) as lowest
  from effective_settings qualify row_number() over (partition by config_hash order by settings) = 1
), pairs as (
  select l.municipality, l.place, l.indicator, l.rank, l.value - b.value as change,
         coalesce(abs(e.lowest), abs(b.value)) as scale, if(c.direction = 'down', -1, 1) as sense
  from board_lanes l
  join board_values b on b.municipality = l.municipality and b.place = l.place and b.indicator = l.indicator
    and b.interval_start = l.interval_start - $over::interval and b.interval_end - b.interval_start = l.interval_end - l.interval_start
  left join board_cards c on c.indicator = l.indicator left join edges e on e.config_hash = l.config_hash
  where l.fresh and l.value is not null and b.value is not null
)
select municipality, place, indicator, rank, change,
       if(abs(change) < $share * scale or change = 0, 0, sense * sign(change))::integer as worse
from pairs
"""

# The leading indicator of each situation shown, slot by slot; `low`–`high` are bounds, `from20`–`to80` the middle 60 % of
# comparable days in the unit of the count. A card of one count divided by attributes has its range in its own unit.
_SERIES = """
with asked as (
  select distinct municipality, place, leading_indicator as indicator from situations
  where municipality in (select unnest($who)) and started_at <= $at and (state in ('open', 'pending') or ended_at between $begin and $at)
), usual as (
  select b.* from baselines b semi join asked using (municipality, place)
  where b.local_date between $begin::date - 1 and $at::date + 1 and b.day_type = 'weekday'
)
select v.municipality, v.place, v.indicator, any_value(v.unit) as unit, max_by(v.config_hash, v.interval_start) as config_hash, list({
    s: v.interval_start, e: v.interval_end, "value": v.value, low: v.value_low, high: v.value_high, "level": v.level, status: v.status,
    config: v.config_hash, p20: u.p20, p80: u.p80} order by v.interval_start) as points
from board_values v semi join asked using (municipality, place, indicator)
left join board_inputs i on i.indicator = v.indicator
left join usual u on u.municipality = v.municipality and u.place = v.place and u.source = v.source and list_contains(i.measures, u.measure)
  and u.interval_minutes = date_diff('minute', v.interval_start, v.interval_end)
  and u.local_date = v.local_date and u.local_time = v.local_time
where v.interval_start >= $begin
group by all
"""

_SETTINGS = "select config_hash, any_value(settings) as settings from effective_settings group by config_hash"

_GEOMETRY = """
select municipality, place, geometry from places where municipality in (select unnest($who)) and geometry is not null
  and valid_from <= $at and (valid_to is null or $at < valid_to)
qualify row_number() over (partition by municipality, place order by valid_from desc) = 1
order by municipality, place
"""

# How much of each source is known, slot by slot: all of it, a part, or nothing, and then the commonest cause.
_SOURCE_SLOTS = """
with cells as (
  select municipality, source, interval_start as s, max(interval_end) as e, count(*) as n, count(*) filter (status in ('ok', 'suppressed')) as known,
         mode(status) filter (status not in ('ok', 'suppressed')) as cause
  from observations where municipality in (select unnest($who)) and interval_start >= $begin and interval_end <= $at group by all
), looked as (
  select *, case when known = n then 'known' when known > 0 then 'partly'
                 when cause in ('outage', 'invalid') then cause else 'missing' end as look from cells
), marked as (
  select *, ifnull((look, s) <> lag((look, e)) over (partition by municipality, source order by s), true) as starts from looked
), numbered as (
  select *, sum(starts::integer) over (partition by municipality, source order by s) as run from marked
), runs as (
  select municipality, source, any_value(look) as look, min(s) as s, max(e) as e, sum(known)::bigint as known, sum(n)::bigint as n
  from numbered group by municipality, source, run
)
select municipality, source, list({look: look, starts: s, ends: e, known: known, n: n,
  x: board_share($begin, s, $at), w: board_share($begin, e, $at) - board_share($begin, s, $at)} order by s) as runs
from runs group by all order by municipality, source
"""

_BLIND = """
select municipality, blind_spot, place, indicator, explanation_nl, explanation_en from blind_spots
where municipality in (select unnest($who)) and (valid_from is null or valid_from <= $at) and (valid_to is null or $at < valid_to)
order by municipality, place nulls first, indicator nulls first
"""

_CONTEXT = "select key, text from about where starts_with(key, 'events:') or starts_with(key, 'context:')"


@dataclass(frozen=True)
class Around:
    """Rows with raw values, by municipality where that says so."""

    trends: list[Row]
    series: list[Row]
    geometry: list[Row]
    source_slots: list[Row]
    blind: list[Row]
    events: dict[str, list[Row]]
    context: dict[str, list[Row]]


def read(con: duckdb.DuckDBPyConnection, scope: Scope) -> Around:
    """Read all of it for ``scope``; :func:`pipelines.board.queries.read` went before on the same connection."""
    inputs = _single_inputs(con)
    con.register("board_inputs", pa.table({"indicator": list(inputs), "measures": [m for m, _ in inputs.values()]},
                                          schema=pa.schema({"indicator": pa.string(), "measures": pa.list_(pa.string())})))  # fmt: skip
    params = {**scope.params, "over": f"{TREND_OVER.seconds} seconds", "share": TREND_SHARE}
    settings = {row["config_hash"]: json.loads(row["settings"]) for row in rows(con, _SETTINGS, {}) if row["settings"]}
    series = [_scaled(row, inputs, settings) for row in rows(con, _SERIES, params)]
    told = {row["key"]: json.loads(row["text"]) for row in rows(con, _CONTEXT, {})}
    con.unregister("board_inputs")
    return Around(
        trends=rows(con, _TRENDS, params),
        series=series,
        geometry=rows(con, _GEOMETRY, params),
        source_slots=rows(con, _SOURCE_SLOTS, params),
        blind=rows(con, _BLIND, params),
        events={slug: _near(told.get(f"events:{slug}", []), scope) for slug in scope.municipalities},
        context={slug: _near(told.get(f"context:{slug}", []), scope) for slug in scope.municipalities},
    )


def _near(entries: list[Row], scope: Scope) -> list[Row]:
    """Those of the shown hours and of the coming ones, with moments as such."""
    dated = [{**e, "from": datetime.fromisoformat(e["from"]), "to": datetime.fromisoformat(e["to"])} for e in entries]
    return sorted(
        (e for e in dated if e["to"] > scope.begin and e["from"] < scope.at + AHEAD), key=lambda e: (e["from"], e["to"])
    )


def _single_inputs(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[list[str], list[str]]]:
    """Cards that are one count divided by attributes: indicator → (measures the count may be, names it is divided by)."""
    found = {}
    for card in rows(con, "select indicator, formula, card from board_cards where card is not null", {}):
        inputs = json.loads(card["card"]).get("inputs") or {}
        shape = re.fullmatch(r"(\w+)(?: / nullif\(([\w* ]+), 0\))?", card["formula"] or "")
        if shape and list(inputs) == [shape[1]]:
            divided_by = [name.strip() for name in (shape[2] or "").split("*") if name.strip()]
            found[card["indicator"]] = ([m.split(".")[-1] for m in inputs[shape[1]].get("from", ())], divided_by)
    return found


def _scaled(row: Row, inputs: dict[str, tuple[list[str], list[str]]], settings: dict[str, Row]) -> Row:
    """The row with its usual range in the card's own unit, and the edges in force at its last slot."""
    divided_by = inputs.get(row["indicator"], ([], []))[1]
    for point in row["points"]:
        divisor = _divisor(settings.get(point["config"]), divided_by)
        point["from20"], point["to80"] = (
            point[p] / divisor if divisor and point[p] is not None else None for p in ("p20", "p80")
        )
    bands = (settings.get(row["config_hash"]) or {}).get("bands") or {}
    return {**row, "edges": {name: bands[name]["enter"] for name in ("elevated", "high", "critical") if name in bands}}


def _divisor(settings: Row | None, names: list[str]) -> float | None:
    """What the count was divided by; None where that is not known."""
    if settings is None:
        return None
    known = {"interval_minutes": settings.get("interval_minutes"), **(settings.get("values") or {})}
    product = 1.0
    for name in names:
        if not isinstance(known.get(name), int | float):
            return None
        product *= known[name]
    return product or None
