"""What the board reads from the published file, as SQL. Every query takes the moment of reading ``at`` and a scope.

Nothing is filled in: a place without a known, fresh value comes out as ``unknown`` here, so that no later step can
make it calm. Times are UTC; shares are 0–1; ages are minutes between the end of the interval and ``at``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from pipelines.situation_closing import SAID
from schemas import words

Row = dict[str, Any]

#: How far back the newest known value of a place is looked for; older is as good as absent on a board.
LOOK_BACK = timedelta(hours=24)


@dataclass(frozen=True)
class Scope:
    """Which municipalities, and the moments between which the strips run."""

    municipalities: tuple[str, ...]
    begin: datetime
    at: datetime

    @property
    def params(self) -> dict[str, Any]:
        """Named parameters that the queries share."""
        return {"who": list(self.municipalities), "begin": self.begin, "at": self.at}


def rows(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, Any]) -> list[Row]:
    """Run ``sql`` with those of ``params`` that it names."""
    used = {name: value for name, value in params.items() if f"${name}" in sql}
    found: list[Row] = con.sql(sql, params=used).to_arrow_table().to_pylist()
    return found


def municipalities(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Slugs of all municipalities in the file, in order."""
    sql = "select municipality from places union select municipality from purposes order by 1"
    return [row["municipality"] for row in rows(con, sql, {})]


def prepare(con: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    """Make what the other queries stand on: macros between a level and its rank (1–4, NULL is unknown), temporary tables."""
    for macro in _MACROS:
        con.execute(macro)
    params = {**scope.params, "since": scope.at - LOOK_BACK}
    tables = (("board_cards", _CARDS), ("board_values", _VALUES), ("board_lanes", _LANES), ("board_situations", _AS_AT))
    for name, sql in tables:
        con.execute(f"create or replace temp table {name} as {sql}", {k: v for k, v in params.items() if f"${k}" in sql})


_MACROS = (
    "create or replace temp macro board_rank(level) as list_position(['normal', 'elevated', 'high', 'critical'], level)",
    "create or replace temp macro board_level(rank) as list_extract(['normal', 'elevated', 'high', 'critical'], rank)",
    """create or replace temp macro board_share(since, moment, until) as
       round(100.0 * date_diff('second', since, moment) / date_diff('second', since, until), 2)::double""",
)

# The texts of a card come from its newest version; the value was rounded by its own when it was written.
_CARDS = """
select * from indicators
qualify row_number() over (partition by indicator order by version desc, definition_hash) = 1
"""

# How a sentence says that a situation is over, by data or by a person: left out of what is seen from before its end.
_OVER = {
    lang: " (" + re.escape(words.word("situation_note", "closed", lang)).replace(r"\{ended\}", "[^.]*") + "|"
    + re.escape(SAID[lang]).replace(r"\{role\}", "[^:]*").replace(r"\{reason\}", ".*") + ")$"
    for lang in ("nl", "en")
}  # fmt: skip

# A situation that ended after `at` was open then. Its level of that moment is not kept; the highest it came to never says too little.
_AS_AT = f"""
select * exclude (later) replace (if(later, 'open', state) as state, if(later, peak_level, level) as level,
                                  if(later, null, ended_at) as ended_at, if(later, null, end_reason) as end_reason,
                                  if(later, least(observed_until, $at), observed_until) as observed_until,
                                  if(later, regexp_replace(explanation_nl, '{_OVER["nl"]}', ''), explanation_nl) as explanation_nl,
                                  if(later, regexp_replace(explanation_en, '{_OVER["en"]}', ''), explanation_en) as explanation_en)
from (select *, state = 'closed' and started_at <= $at and ended_at > $at as later from situations where municipality in (select unnest($who)))
"""

# Slots that ended by `at`, of cards that may open situations. Context cards never set a level (rule 17).
_VALUES = """
select v.* from indicator_values v left join board_cards c using (indicator)
where v.municipality in (select unnest($who)) and c.role is distinct from 'context'
  and v.interval_start >= least($since, $begin) and v.interval_end <= $at
"""

# One lane per place and indicator: its newest row and its newest known row. Rule 4: known but older than stale_after
# (2 × interval + the source's delay) is unknown now. Where the file does not state the delay, none is granted.
_LANES = """
with delay as (
  select regexp_extract(key, '^source[.](.*)[.]delay_minutes$', 1) as source, try_cast(text as double) as delay_minutes
  from about where regexp_matches(key, '^source[.].*[.]delay_minutes$')
), newest as (
  select municipality, place, indicator, max_by(v, interval_end) as last,
         max_by(v, interval_end) filter (level <> 'unknown') as known
  from board_values v group by all
), aged as (
  select municipality, place, indicator, last, known, date_diff('second', known.interval_end, $at) / 60.0 as age,
         2 * date_diff('second', known.interval_start, known.interval_end) / 60.0 as twice, d.delay_minutes
  from newest left join delay d on d.source = known.source
), judged as (
  select *, ifnull(age <= twice or age <= twice + delay_minutes, false) as fresh from aged
)
select municipality, place, indicator, case when fresh then known.level else 'unknown' end as level,
       case when fresh then board_rank(known.level) end as rank,
       case when fresh then known.reason when last.level = 'unknown' then coalesce(last.reason, last.status)
            else 'stale' end as reason,
       fresh, age, known.level as known_level, known.value, known.unit, known.status, known.confidence,
       case when fresh then known.coverage when last.level = 'unknown' then last.coverage end as coverage,
       known.interval_start, known.interval_end, known.config_hash, known.threshold_source, last.interval_end as last_end
from judged
"""

# Newest interval of a place counts for the share of its indicators that are known; no lane at all is unknown too.
_PLACES = """
with held as (
  select municipality, place, max(board_rank(level)) as held_rank,
         bool_or(list_contains(reasons, 'unobserved')) as unobserved
  from board_situations where state = 'open' and started_at <= $at group by all
), here as (
  select * from places where municipality in (select unnest($who))
    and valid_from <= $at and (valid_to is null or $at < valid_to)
  qualify row_number() over (partition by municipality, place order by valid_from desc) = 1
), seen as (
  select municipality, place, max(rank) as now_rank, count(*) as lanes, count(*) filter (not fresh) as unknown
  from board_lanes group by all
), summed as (
  select p.municipality, p.place, p.name, p.place_kind, p.place_type, now_rank, held_rank, greatest(now_rank, held_rank) as worst,
         ifnull(unobserved, false) as unobserved, ifnull(lanes, 0) as lanes, ifnull(unknown, 0) as unknown
  from here p left join seen using (municipality, place) left join held using (municipality, place)
)
select *, ifnull(board_level(worst), 'unknown') as level, board_level(held_rank) as held_level,
       ifnull(board_level(now_rank), 'unknown') as now_level
from summed
order by municipality, case when worst > 1 then worst when worst is null then 1.9 when unknown > 0 then 1.5 else 1 end desc,
         name, place
"""

_LANE_ROWS = """
select l.*, c.title_nl, c.title_en, c.digits from board_lanes l left join board_cards c using (indicator)
order by municipality, place, rank desc nulls last, indicator
"""

# A strip: equal neighbouring slots melt into one run; x and w are per cent of the strip. What is unknown keeps its cause.
_RUNS = """
with cells as (
  select municipality, place, indicator, interval_start as s, interval_end as e, status <> 'ok' and level <> 'unknown' as bounds,
         case when level <> 'unknown' then level when status in ('suppressed', 'outage', 'invalid') then status
              else 'missing' end as look
  from board_values where interval_start >= $begin
), marked as (
  select *, ifnull((look, bounds, s) <> lag((look, bounds, e)) over lane, true) as starts from cells
  window lane as (partition by municipality, place, indicator order by s)
), numbered as (
  select *, sum(starts::integer) over (partition by municipality, place, indicator order by s) as run from marked
), runs as (
  select municipality, place, indicator, any_value(look) as look, any_value(bounds) as bounds, min(s) as s, max(e) as e
  from numbered group by municipality, place, indicator, run
)
select municipality, place, indicator, list({
  look: look, bounds: bounds, starts: s, ends: e,
  x: board_share($begin, s, $at), w: board_share($begin, e, $at) - board_share($begin, s, $at)} order by s) as runs
from runs group by all
"""

# Open and pending ones, and those that ended within the strip. The edge is that of the settings the newest value was judged by.
# Places with equal settings share a config_hash, which holds the numbers; layer, file and line are told only by the place's own.
_SITUATIONS = """
with shown as (
  select s.*, l.level as now_level, l.reason as now_reason, l.fresh, l.age, l.value, l.unit, l.status, l.coverage,
         l.interval_start, l.interval_end, l.config_hash, l.threshold_source,
         case when s.level in ('elevated', 'high', 'critical') then s.level else l.known_level end as band,
         case when s.state = 'closed' then s.peak_level else s.level end as shown_level
  from board_situations s
  left join board_lanes l on l.municipality = s.municipality and l.place = s.place and l.indicator = s.leading_indicator
  where s.municipality in (select unnest($who)) and s.started_at <= $at
    and (s.state in ('open', 'pending') or s.ended_at between $begin and $at)
), here as (
  select municipality, place, name from places where valid_from <= $at
  qualify row_number() over (partition by municipality, place order by valid_from desc) = 1
)
select s.*, h.name, ifnull(list_contains(s.reasons, 'unobserved'), false) as unobserved,
       c.title_nl, c.title_en, c.digits, c.direction, c.follow_up, c.follow_up_role, c.lead_time_minutes,
       json_extract(e.settings, '/bands/' || s.band || '/enter')::double as enter,
       json_extract_string(o.settings, '/bands/' || s.band || '/layer') as layer,
       json_extract_string(o.settings, '/bands/' || s.band || '/file') as file,
       json_extract(o.settings, '/bands/' || s.band || '/line')::integer as line,
       date_diff('second', s.observed_until, $at) / 60.0 as observed_age,
       board_share($begin, greatest($begin, s.started_at), $at) as x,
       board_share($begin, coalesce(s.ended_at, $at), $at) as x_end,
       max(board_rank(if(s.state = 'closed', s.peak_level, s.level)))
         over (partition by s.municipality, s.state, coalesce(s.group_id, s.situation_id)) as group_rank
from shown s left join here h using (municipality, place)
left join board_cards c on c.indicator = s.leading_indicator
left join effective_settings e on e.config_hash = s.config_hash
left join effective_settings o on o.config_hash = s.config_hash and o.municipality = s.municipality and o.place = s.place
order by group_rank desc nulls last, s.municipality, coalesce(s.group_id, s.situation_id),
         board_rank(if(s.state = 'closed', s.peak_level, s.level)) desc nulls last, s.started_at, s.situation_id
"""

_SOURCES = """
with sent as (
  select municipality, source, max_by(d, received_at) as last, count(*) filter (received_at > $since) as deliveries,
         sum(rows_in) filter (received_at > $since) as rows_in, sum(rows_refused) filter (received_at > $since) as rows_refused,
         sum(rows_suppressed) filter (received_at > $since) as rows_suppressed,
         count(*) filter (received_at > $since and state = 'closed') as closed,
         count(*) filter (received_at > $since and state = 'refused') as refused
  from deliveries d where municipality in (select unnest($who)) and received_at <= $at group by all
), measured as (
  select municipality, source, any_value(dataset) as dataset,
         count(*) filter (status in ('ok', 'suppressed')) / count(*) as coverage,
         max(interval_end) filter (status in ('ok', 'suppressed')) as measured_until
  from observations where municipality in (select unnest($who)) and interval_start >= $since and interval_end <= $at group by all
)
select *, date_diff('second', last.received_at, $at) / 60.0 as received_age,
       date_diff('second', measured_until, $at) / 60.0 as measured_age
from sent full join measured using (municipality, source)
order by municipality, source
"""

# Deliveries of the last day that did not go in whole, newest first, each with the checks its rows failed.
_TROUBLES = """
with checks as (
  select delivery_id, check_name, min(message) as message, count(*) as n from refused_rows group by all
), named as (
  select delivery_id, list({check_name: check_name, message: message} order by n desc, check_name)[:3] as checks
  from checks group by all
)
select d.*, checks, count(*) over () as in_all from deliveries d left join named using (delivery_id)
where municipality in (select unnest($who)) and received_at between $since and $at
  and (state in ('closed', 'refused', 'partial') or rows_refused > 0)
order by state = 'closed' desc, state = 'refused' desc, received_at desc, delivery_id limit 12
"""

_IDENTITY = """
select w.municipality, n.text as name, z.text as timezone, p.purposes, p.k,
       {nl: c_nl.text, en: c_en.text} as config_notes
from (select unnest($who) as municipality) w
left join about n on n.key = 'name:' || w.municipality
left join about z on z.key = 'time_zone:' || w.municipality
left join about c_nl on c_nl.key = 'config_note_nl:' || w.municipality
left join about c_en on c_en.key = 'config_note_en:' || w.municipality
left join (select municipality, list(title order by purpose) as purposes, max(k) as k from purposes group by all) p
  using (municipality)
order by w.municipality
"""

# Faults in the data that a detector proposed and nobody decided on.
_PROPOSALS = "select count(*) as n from flags where state = 'proposed' and municipality in (select unnest($who))"

_LAST_RUN = "select * from runs where municipality in (select unnest($who)) order by as_of desc, recorded_at desc, run_id limit 1"


@dataclass(frozen=True)
class Read:
    """All that the board shows, as rows with raw values; :mod:`pipelines.board.page` puts them in words."""

    identity: list[Row]
    places: list[Row]
    lanes: list[Row]
    runs: list[Row]
    situations: list[Row]
    sources: list[Row]
    troubles: list[Row]
    proposals: int
    last_run: Row | None


def read(con: duckdb.DuckDBPyConnection, scope: Scope) -> Read:
    """Read everything for ``scope`` from a connection whose current database is the published file."""
    prepare(con, scope)
    params = {**scope.params, "since": scope.at - LOOK_BACK}

    def ask(sql: str) -> list[Row]:
        return rows(con, sql, params)

    return Read(
        identity=ask(_IDENTITY),
        places=ask(_PLACES),
        lanes=ask(_LANE_ROWS),
        runs=ask(_RUNS),
        situations=ask(_SITUATIONS),
        sources=ask(_SOURCES),
        troubles=ask(_TROUBLES),
        proposals=ask(_PROPOSALS)[0]["n"],
        last_run=next(iter(ask(_LAST_RUN)), None),
    )
