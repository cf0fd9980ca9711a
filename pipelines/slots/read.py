"""One feed's slots as SQL, whatever is behind the feed: the place's own measures, or those of other places."""

from __future__ import annotations

from datetime import datetime

from pipelines.slots import bring_up, over_places
from pipelines.slots.feeds import Feed, Given
from pipelines.store import Store
from schemas.config import Config

_EMPTY = """SELECT NULL::VARCHAR AS place, NULL::TIMESTAMPTZ AS slot_start, NULL::DOUBLE AS coverage, NULL::VARCHAR AS status,
    NULL::DECIMAL(18,6) AS value, NULL::DECIMAL(18,6) AS low, NULL::DECIMAL(18,6) AS high LIMIT 0"""


def slots_sql(
    store: Store,
    config: Config,
    feed: Feed,
    minutes: int,
    start: datetime,
    end: datetime,
    at: datetime,
    wanted: str | None = None,
) -> str:
    """SELECT of one feed's slots that start in [start, end) and are due or complete at ``at``.

    Columns: municipality, dataset, source, measure, place, interval_minutes, slot_start, slot_end, local_date, local_ts,
    coverage, status, value, low, high. ``wanted`` (a relation place, slot_start, interval_minutes) says which slots are asked for;
    others may be among them.
    A feed over places makes a temporary table of its members first.
    """
    given = [g for g in feed.given if minutes % g.step_minutes == 0]
    slug, zone = config.municipality.municipality, config.municipality.timezone
    if not given:
        slots = _EMPTY
    elif feed.over_places:
        slots = over_places.slots(store, config, feed, given, minutes=minutes, span=(start, end), at=at, wanted=wanted)
    else:
        slots = "\nUNION ALL\n".join(_own(store, config, feed, g, minutes, (start, end), at, wanted) for g in given)
    return f"""
    SELECT '{slug}' AS municipality, '{feed.dataset}' AS dataset, '{feed.source}' AS source, '{feed.measure}' AS measure, place,
           {minutes} AS interval_minutes, slot_start, slot_start + INTERVAL {minutes} MINUTES AS slot_end,
           CAST(timezone('{zone}', slot_start) AS DATE) AS local_date, timezone('{zone}', slot_start) AS local_ts, coverage, status,
           value, low, high
    FROM ({slots})"""


def _own(
    store: Store,
    config: Config,
    feed: Feed,
    given: Given,
    minutes: int,
    span: tuple[datetime, datetime],
    at: datetime,
    wanted: str | None,
) -> str:
    """Slots of the place's own measures, added up."""
    slot = "o.interval_start" if given.step_minutes == minutes else bring_up.bucket(str(minutes), "o.interval_start", config)
    only = f"SEMI JOIN {bring_up.starts(wanted, minutes)} w ON w.slot_start = {slot}" if wanted else ""
    rows = f"SELECT o.*, {slot} AS slot_start FROM {bring_up.observations(store, config, feed.dataset, given, span)} o {only}"
    return bring_up.brought_up(rows, given, minutes, "place", len(given.measures), at)
