"""What a value was judged against: the baseline with all its figures, and the settings in force with their chain of layers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from indicators import baseline
from indicators.card import Card
from indicators.in_force import explain_chain, holidays_and_event_days, segments
from pipelines import baselines
from pipelines.explain import recompute
from pipelines.explain.found import Check, InputFound, Record
from pipelines.explain.reading import Published
from schemas.config import Config

TOLERANCE = 1e-9  # relative; figures of a baseline are DOUBLE
FIGURES = ("n", "valid_days", "median", "mad", "p10", "p20", "p50", "p80", "p90", "p95", "level_factor", "place_p95")
_KEY = "source, measure, place, interval_minutes, local_date, local_time, day_type"
_BOOKKEEPING = {"municipality", "recorded_at", "version"}


def rows_used(read: Published, config: Config, card: Card, value: Record, steps: Record) -> list[Record]:
    """The baseline rows that computing joined to the slot, with ``used``, ``factor_at_clip`` and ``is_holiday``.

    A holiday has two: the lower deviation counts. Needs ``cells`` and ``known_for_slots`` as :func:`recompute.values` left them.
    """
    if not card.baseline:
        return []
    figures = ", ".join(f'"{c}"' for c in card.baseline)
    rows = read.rows(
        f"""SELECT b.* FROM baselines b SEMI JOIN (FROM known_for_slots SEMI JOIN cells USING ({figures})) k USING ({_KEY})
            WHERE b.municipality = '{value["municipality"]}' AND b.source = $1 AND b.place = $2 AND b.local_date = $3 AND b.local_time = $4
                AND b.interval_minutes = (SELECT any_value(interval_minutes) FROM cells) ORDER BY b.day_type DESC""",
        [value["source"], value["place"], value["local_date"], value["local_time"]],
    )
    holidays, events = holidays_and_event_days(config, value["local_date"], value["local_date"])
    used = [all(row[c] == steps[c] for c in card.baseline) for row in rows]
    first = used.index(True) if True in used else None
    return [
        {**{k: v for k, v in row.items() if k not in _BOOKKEEPING}, "used": number == first,
         "factor_at_clip": row["level_factor"] in (baseline.FACTOR_LOW, baseline.FACTOR_HIGH),
         "is_holiday": value["local_date"] in holidays, "is_event_day": value["local_date"] in events}
        for number, row in enumerate(rows)
    ]  # fmt: skip


def baseline_checks(
    read: Published, config: Config, card: Card, value: Record, inputs: list[InputFound], found: list[Record]
) -> list[Check]:
    """Every figure of the baseline rows as stored, and as it comes out of the stored observations and today's calendar."""
    feeds = baselines.compared_feeds(config, card) if found and inputs else []
    feed = next((f for f in feeds if (f.source, f"{f.dataset}.{f.measure}") == (inputs[0].source, inputs[0].measure)), None)
    if feed is None:
        return []
    minutes = recompute.minutes_of(value)
    store: Any = read
    sql = baselines.computed(store, config, feed, minutes, value["place"], value["local_date"])
    again = {row["day_type"]: row for row in read.rows(f"SELECT * FROM ({sql}) WHERE local_time = $1", [value["local_time"]])}
    return [
        Check("baseline", f"{row['day_type']} {name}", row[name], new, _equal(row[name], new))
        for row in found for name in FIGURES for new in [again.get(row["day_type"], {}).get(name)]
    ]  # fmt: skip


def is_held(read: Published, used: list[Record]) -> bool:
    """Whether a freeze keeps late changes out of these baseline rows."""
    held = """SELECT 1 FROM baseline_holds WHERE source = $1 AND measure = $2 AND place = $3 AND local_date < $4 AND frozen_until >= $4"""
    return bool(used) and bool(read.rows(held, [used[0][c] for c in ("source", "measure", "place", "local_date")]))


def is_worn(read: Published, value: Record, used: list[Record]) -> bool:
    """Whether retention has removed counts that these baseline rows rest on, those behind their level factor included."""
    gone = """SELECT 1 FROM deletions WHERE municipality = $1 AND table_name = 'observations' AND removal = 'retention'
              AND last_day >= $2 - CAST($3 AS INTEGER)"""
    reach = 2 * baseline.REACH_DAYS + 1
    return bool(used) and bool(read.rows(gone, [value["municipality"], used[0]["local_date"], reach]))


def _equal(old: float | None, new: float | None) -> bool:
    return old == new or (old is not None and new is not None and math.isclose(old, new, rel_tol=TOLERANCE))


def kept_settings(read: Published, value: Record) -> Record:
    """The settings a value was judged by, as kept under its ``config_hash``."""
    (row,) = read.rows("SELECT settings FROM effective_settings WHERE config_hash = $1", [value["config_hash"]])
    return json.loads(row["settings"])  # type: ignore[no-any-return]


def chain(config: Config, card: Card, value: Record, kept: Record) -> tuple[list[Record], bool, list[Check]]:
    """Every layer's word on every setting in today's config; whether the same settings hold there; and whether they are as kept."""
    start = value["interval_start"]
    links = [asdict(link) for link in explain_chain(config, card, value["place"], start)]
    now = segments(config, card, value["place"], start, start + timedelta(minutes=1))
    if not now or now[0].settings.config_hash != value["config_hash"]:
        return links, False, []
    today = json.loads(now[0].settings.as_json())
    bands = {name: {k: v for k, v in band.items() if k not in ("layer", "file", "line")} for name, band in today["bands"].items()}
    before = {name: {k: v for k, v in band.items() if k not in ("layer", "file", "line")} for name, band in kept["bands"].items()}
    pairs = {"bands": (before, bands), "values": (kept["values"], today["values"]), "k": (kept["k"], today["k"])}
    return links, True, [Check("settings", name, old, new, old == new) for name, (old, new) in pairs.items()]
