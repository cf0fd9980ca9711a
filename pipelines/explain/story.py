"""Does a situation follow from the values? Walked again from rest over values computed anew, and compared with what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from indicators import tallies
from indicators.card import Card
from indicators.situations import FOREVER, Clock, Series, Version, Walk
from pipelines import situate
from pipelines.explain import path
from pipelines.explain.found import Check, NotFound, Record
from pipelines.explain.path import Way
from pipelines.explain.reading import Published, card_of
from pipelines.situation_rows import ENDED_BY_HAND
from schemas.config import Config
from schemas.settings import LEVELS

AFTER = (timedelta(days=2), timedelta(days=16))  # a closed situation closes when its calm was long enough, later than it ended


def leading_slot(read: Published, situation: Record) -> datetime:
    """Start of the slot that was the signal: the first at the highest level the leading indicator reached in the situation."""
    found = read.rows("""
        SELECT interval_start FROM indicator_values WHERE municipality = $1 AND place = $2 AND indicator = $3
            AND interval_start >= $4 AND interval_start < $5
        ORDER BY list_position(['critical', 'high', 'elevated', 'normal', 'unknown'], level), interval_start LIMIT 1
    """, [situation["municipality"], situation["place"], situation["leading_indicator"], situation["started_at"],
          situation["observed_until"] or situation["started_at"] + timedelta(days=1)])  # fmt: skip
    if not found:
        raise NotFound(f"the values behind `{situation['situation_id']}` are no longer kept.")
    return found[0]["interval_start"]  # type: ignore[no-any-return]


def indicators_of(read: Published, cards: Mapping[str, Card], situation: Record) -> dict[str, Card]:
    """The signal cards of a risk that have values at the place: today's, and those kept with the values."""
    here = read.rows(
        """SELECT indicator, max_by(definition_hash, interval_start) AS definition FROM indicator_values
           WHERE municipality = $1 AND place = $2 GROUP BY indicator ORDER BY indicator""",
        [situation["municipality"], situation["place"]],
    )
    found = {
        row["indicator"]: cards.get(row["indicator"]) or card_of(read, cards, row["indicator"], row["definition"]) for row in here
    }
    return {name: card for name, card in found.items() if card.role == "signal" and card.safety_risk == situation["safety_risk"]}


def walked(
    read: Published, config: Config, cards: Mapping[str, Card], situation: Record, before: datetime
) -> tuple[Way, Version | None, Record]:
    """The way of the situation's indicators, the situation that comes out, and the parts its confidence is made of.

    ``before``: the way begins at a rest before it.
    """
    of_risk = indicators_of(read, cards, situation)
    ends = [situation["ended_at"] + more for more in AFTER] if situation["ended_at"] else []
    clock = _clock(read, config)
    for end in (*ends, None):
        way = path.way(read, config, cards, situation["place"], list(of_risk), before=before, end=end)
        version = _version(way, of_risk, int(situation["started_at"].timestamp()), clock)
        if version is not None and version.ended is not None:
            break
    return way, version, {} if version is None else _confidence(way, of_risk, version)


def _clock(read: Published, config: Config) -> Clock:
    """Until when slots could be known: as :func:`pipelines.situate.update` had it in the last run."""
    slug = config.municipality.municipality
    (last,) = read.rows("SELECT max_by(verb, as_of) AS verb, max(as_of) AS as_of FROM runs WHERE municipality = $1", [slug])
    (newest,) = read.rows("SELECT max(interval_end) AS moment FROM indicator_values WHERE municipality = $1", [slug])
    moment = newest["moment"] if last["verb"] in (None, "backfill") else last["as_of"]
    return situate.clock("backfill" if last["verb"] in (None, "backfill") else "live", int(moment.timestamp()))


def _version(way: Way, of_risk: Mapping[str, Card], started: int, clock: Clock) -> Version | None:
    """The last version of the situation that starts at ``started``, or overlaps it, after walking all days."""
    walk = Walk([[Series(name, -1 if of_risk[name].direction == "down" else 1) for name in way.indicators]])
    versions: list[Version] = []
    rows = way.rows
    days = np.unique(rows.start // situate.DAY)
    for day in days:
        index = np.flatnonzero(rows.start // situate.DAY == day)
        versions += walk.day(rows, index, (int(day) + 1) * situate.DAY, [0]).get(0, [])
    last = walk.current(0, rows, clock)
    if last is not None:
        versions.append(last)
    found = [v for v in versions if v.started == started]
    found = found or [v for v in versions if v.started <= started < (v.ended or FOREVER)]
    return found[-1] if found else None


def _confidence(way: Way, of_risk: Mapping[str, Card], version: Version) -> Record:
    """Slots of the leading indicator in the situation: how many, how many known, and the mean confidence of those."""
    number = way.indicators.index(version.leading)
    stop = FOREVER if version.ended is None else _closing(way, version) + 1
    sign = -1 if of_risk[version.leading].direction == "down" else 1
    found = tallies.tally(way.rows, number, version.started, stop, sign)
    mean = found.weight / tallies.PARTS / found.weighed if found.weighed else None
    return {
        "slots": found.slots,
        "known": found.known,
        "mean_of_known": mean,
        "freshness": found.freshness,
        "confidence": version.confidence,
    }


def _closing(way: Way, version: Version) -> int:
    """Start of the slot at which the last band went off: the first from the end on after which no series holds a level."""
    rows = way.rows
    held = dict.fromkeys(range(len(way.indicators)), 0)
    index = np.flatnonzero(rows.start >= version.started)
    for start in np.unique(rows.start[index]):
        for at in index[rows.start[index] == start]:
            held[int(rows.series[at])] = int(rows.held[at])
        if start >= (version.ended or 0) and not any(held.values()):
            return int(start)
    return version.seen_until


def compared(situation: Record, version: Version | None) -> tuple[list[Check], list[str]]:
    """Column by column: the situation as published and as it follows from the values; and codes of notes."""
    if version is None:
        return [Check("situation", "started_at", situation["started_at"], None, False)], []
    again: dict[str, Any] = {
        "state": version.state, "level": LEVELS[version.level], "peak_level": LEVELS[version.peak_level],
        "started_at": _utc(version.started), "ended_at": None if version.ended is None else _utc(version.ended),
        "leading_indicator": version.leading, "reasons": list(version.reasons), "confidence": version.confidence,
        "observed_until": _utc(version.seen_until) if version.seen_until else None,
    }  # fmt: skip
    by_hand = situation["end_reason"] in ENDED_BY_HAND
    names = ("started_at",) if by_hand else tuple(again)
    checks = [Check("situation", name, situation[name], again[name], situation[name] == again[name]) for name in names]
    return checks, ["ended_by_hand"] if by_hand else []


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
