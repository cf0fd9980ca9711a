"""What went in: per input the source that counted and why, and the observations behind it, also at other places."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from indicators.card import Card
from indicators.effective import WEIGHT
from pipelines import compute
from pipelines.explain import files, recompute
from pipelines.explain.found import Behind, Candidate, InputFound, Record, Row
from pipelines.explain.reading import Published
from pipelines.slots import Feed, members, slots_sql
from schemas.config import Config


def number(value: Any) -> str:
    """A number as text: up to six decimals, none that say nothing."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".") if value is not None else ""


def ranged(low: Any, high: Any, k: int | None = None) -> str | None:
    """A number, a range, "<k" where the bounds are those of a withheld count; None when nothing is known."""
    if low is None or high is None:
        return None
    if low == high:
        return number(low)
    return f"<{k}" if k is not None and low == 0 and high == k - 1 else f"{number(low)}…{number(high)}"


def shown(row: Record) -> str:
    """The value of an observation as it may be shown: "<15" for a withheld count, empty when there is none."""
    if row["status"] == "suppressed":
        return f"<{int(row['value_high']) + 1}" if row["value_high"] is not None else ""
    return number(row["value"])


def places_of(config: Config, feed: Feed, place: str, at: datetime) -> list[Behind]:
    """Which measure at which place is behind a feed at ``place`` for a slot that starts at ``at``, and how it counts."""
    if not feed.over_places:
        return [Behind(place, measure, 1.0) for given in feed.given for measure in given.measures]
    return [
        Behind(m.member, m.measure, m.factor) for m in members.members(config, feed)
        if m.place == place and m.valid_from <= at and (m.valid_to is None or at < m.valid_to)
    ]  # fmt: skip


def found(read: Published, config: Config, card: Card, value: Record, k: int) -> list[InputFound]:
    """The inputs of the one slot in ``todo``; needs what :func:`recompute.values` left."""
    inputs = []
    for name, spec in card.inputs.items():
        rows = read.rows(
            f"SELECT * FROM input_{name} WHERE place = $1 AND slot_start = $2", [value["place"], value["interval_start"]]
        )
        if not rows:
            continue
        row = rows[0]
        candidates = _candidates(read, config, card, name, value, row)
        counted = next((c for c in candidates if c.counted), None)
        enough = (row["coverage"] or 0) >= card.min_coverage  # rule 3: never a partial total
        inputs.append(InputFound(
            name=name, references=tuple(spec.from_), shown=ranged(row["low"], row["high"], k) if enough else None, status=row["status"],
            coverage=row["coverage"], confidence=row["confidence"], source=row["source"], measure=f"{row['dataset']}.{row['measure']}",
            why=_why(candidates), candidates=candidates, behind=counted.behind if counted else [], minutes_ago=_ago(card, name),
        ))  # fmt: skip
    return inputs


def _ago(card: Card, name: str) -> float:
    return (card.inputs[name].ago or timedelta(0)).total_seconds() / 60


def _candidates(
    read: Published, config: Config, card: Card, name: str, value: Record, counted: Record
) -> list[Candidate]:  # fmt: skip
    """The feeds that can give this input at the place, in order of precedence, with what each had for the slot."""
    listed = []
    for feed in (f for f in compute.card_feeds(config, card)[name] if value["place"] in members.places(config, f)):
        row = _slot(read, config, feed, value, timedelta(minutes=_ago(card, name)))
        is_it = (feed.source, feed.measure) == (counted["source"], counted["measure"])
        listed.append(Candidate(
            source=feed.source, measure=f"{feed.dataset}.{feed.measure}", rank=feed.rank, sporadic=feed.sporadic, status=row["status"],
            coverage=row["coverage"], counted=is_it, behind=places_of(config, feed, value["place"], value["interval_start"]),
        ))  # fmt: skip
    return listed


def _slot(read: Published, config: Config, feed: Feed, value: Record, ago: timedelta) -> Record:
    """Status and coverage of a feed for the slot; status None where it counts too coarsely, or nobody reported."""
    minutes = recompute.minutes_of(value)
    if not any(minutes % given.step_minutes == 0 for given in feed.given):
        return {"status": None, "coverage": None}
    store: Any = read
    start, end = value["interval_start"] - ago, value["interval_end"] - ago
    sql = slots_sql(store, config, feed, minutes, start, end, recompute.long_after(value))
    rows = read.rows(f"SELECT status, coverage FROM ({sql}) WHERE place = $1 AND slot_start = $2", [value["place"], start])
    return rows[0] if rows else {"status": "none", "coverage": None}


def _why(candidates: list[Candidate]) -> str:
    """Code of why the counted feed counted (rule 9)."""
    counted = next((n for n, c in enumerate(candidates) if c.counted), None)
    if counted is None or len(candidates) == 1:
        return "only_source"
    if candidates[counted].status != "ok":
        return "none_known"
    return "first_choice" if counted == 0 else "others_lack"


def observations(read: Published, config: Config, card: Card, value: Record, inputs: list[InputFound]) -> list[Row]:
    """The observations behind the inputs, each with its delivery and its row in the supplier's file."""
    listed: list[Row] = []
    for one in inputs:
        feeds = compute.card_feeds(config, card)[one.name]
        feed = next((f for f in feeds if (f.source, f"{f.dataset}.{f.measure}") == (one.source, one.measure)), None)
        if feed is None:  # made of other indicators: their values are the rows
            continue
        rows = _stored(read, feed, one, value)
        told = files.places(read, config, rows)
        for row in rows:
            inferred = row["delivery_id"] is None and row["status"] == "ok"
            otherwise = files.Place(row["delivery_name"], None, "absent_is_zero" if inferred else "no_row")
            at = files.unjudged(config, row) or told.get(files.key(row)) or otherwise
            listed.append(Row(
                one.name, row["source"], row["place"], row["interval_start"], row["interval_end"], row["measure"], shown(row), row["status"],
                at.delivery, row["received_at"], row["issued_at"], row["recorded_at"], at.row, at.check, at.says,
            ))  # fmt: skip
    return listed


def _stored(read: Published, feed: Feed, one: InputFound, value: Record) -> list[Record]:
    """The stored observations of a feed that have a say in the slot: inside it, and as far before as the feed reaches."""
    ago = timedelta(minutes=one.minutes_ago)
    return read.rows("""
        SELECT o.*, d.name AS delivery_name, d.content_hash, d.received_at, d.issued_at FROM observations o
        SEMI JOIN (SELECT unnest($2::VARCHAR[]) AS place, unnest($3::VARCHAR[]) AS measure) b ON b.place = o.place AND b.measure = o.measure
        LEFT JOIN deliveries d USING (delivery_id)
        WHERE o.municipality = $1 AND o.dataset = $4 AND o.source IN (SELECT unnest($5::VARCHAR[]))
            AND o.interval_end > $6 AND o.interval_end <= $7
        ORDER BY o.interval_start, o.place, o.measure, o.source
    """, [value["municipality"], [b.place for b in one.behind], [b.measure for b in one.behind], feed.dataset, list(feed.sources),
          value["interval_start"] - ago - feed.reach, value["interval_end"] - ago])  # fmt: skip


def parts(read: Published, value: Record, kept: Record) -> list[Record]:
    """Of a card made of other cards: the named indicators with their weight and what each was for this slot."""
    named = {name.removeprefix(WEIGHT): weight for name, weight in kept["values"].items() if name.startswith(WEIGHT)}
    rows = read.rows(
        """SELECT indicator, value, level, status, reason, confidence FROM indicator_values WHERE municipality = $1 AND place = $2
           AND interval_start = $3 AND interval_end = $4 AND indicator IN (SELECT unnest($5::VARCHAR[]))""",
        [value["municipality"], value["place"], value["interval_start"], value["interval_end"], list(named)],
    )
    by_name = {row["indicator"]: row for row in rows}
    nothing = {"value": None, "level": "unknown", "status": "missing", "reason": None, "confidence": None}
    return [{**nothing, **by_name.get(name, {}), "indicator": name, "weight": weight} for name, weight in named.items()]
