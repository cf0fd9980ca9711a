"""Write rebuilt situations into their table: ids kept by overlap, earlier versions kept, groups, what changed.

A current row that is equal in content stays as it is. Another goes to ``situations_superseded``; a situation that late
data dissolved leaves the current table, and its id is never given again (rules 10 and 19).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from indicators.card import Card
from indicators.neighbours import Beside
from indicators.sentences import LANGUAGES, Town, explain
from indicators.situations import FOREVER, Version
from indicators.stories import Stretch, match
from pipelines.situation_changes import ARROW, TABLE, Change, Row, write
from pipelines.situation_grouping import give_groups
from schemas.settings import LEVELS

if TYPE_CHECKING:
    from schemas.config import Config

COMPARED = (*TABLE.content, "group_id")
ENDED_BY_HAND = ("person", "retention")  # data neither end nor reopen what a person or retention ended


@dataclass(frozen=True)
class Rebuilt:
    """The situations of one safety risk at one place that start in [low, high): their versions, in order of time."""

    risk: str
    place: str
    low: int
    high: int
    versions: list[Version]


def settle(
    con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], beside: Beside, rebuilt: list[Rebuilt], *,
    at: datetime, origin: str, known_now: bool,
) -> list[Row]:  # fmt: skip
    """Make the current rows equal to what was rebuilt; returns the rows that changed, with ``change``. In a transaction.

    ``known_now``: only the last version of each becomes known, now; else all of them, each when it was due.
    """
    slug = config.municipality.municipality
    writer = _Writer(config, cards, at, origin, known_now)
    stored = _stored(con, slug, rebuilt)
    changes: list[Change] = []
    for part in rebuilt:
        old = stored.get((part.risk, part.place), [])
        if part.versions or old:
            changes += writer.changes(part, old)
    _give_ids(con, slug, changes)
    give_groups(con, slug, beside, changes, at)
    changes = [c for c in changes if c.old is None or not c.new or any(c.old[k] != c.new[-1][k] for k in COMPARED)]
    write(con, changes, at)
    return [{**(c.new[-1] if c.new else c.old or {}), "change": c.kind} for c in changes]


def _stored(con: duckdb.DuckDBPyConnection, slug: str, rebuilt: list[Rebuilt]) -> dict[tuple[str, str], list[Row]]:
    """Current rows that start inside the bounds of what was rebuilt, per risk and place, in order of start."""
    bounds = {
        "safety_risk": [r.risk for r in rebuilt], "place": [r.place for r in rebuilt], "low": [_utc(r.low) for r in rebuilt],
        "high": [None if r.high == FOREVER else _utc(r.high) for r in rebuilt],
    }  # fmt: skip
    con.register("situation_bounds", pa.table(bounds, pa.schema([
        ("safety_risk", pa.string()), ("place", pa.string()), ("low", ARROW["TIMESTAMPTZ"]), ("high", ARROW["TIMESTAMPTZ"]),
    ])))  # fmt: skip
    rows = con.sql(
        """SELECT s.* FROM situations s JOIN situation_bounds b USING (safety_risk, place)
           WHERE municipality = ? AND started_at >= low AND (high IS NULL OR started_at < high) ORDER BY started_at""",
        params=[slug],
    ).to_arrow_table()
    con.unregister("situation_bounds")
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows.to_pylist():
        found.setdefault((row["safety_risk"], row["place"]), []).append(row)
    return found


class _Writer:
    """Turns versions into rows of the table."""

    def __init__(self, config: Config, cards: Mapping[str, Card], at: datetime, origin: str, known_now: bool):
        self.slug = config.municipality.municipality
        latest = sorted(config.places, key=lambda row: row.place.valid_from)
        self.town = Town(config.tz, config.k, {row.place.place: row.place.name for row in latest})
        self.cards, self.at, self.origin, self.known_now = cards, at, origin, known_now

    def changes(self, part: Rebuilt, old: list[Row]) -> list[Change]:
        """Each rebuilt situation with the stored one it continues; stored ones that nothing continues are dissolved.

        What a person or retention ended stays as it is.
        """
        situations: dict[int, list[Version]] = {}
        for version in part.versions:
            situations.setdefault(version.started, []).append(version)
        new = [situations[started] for started in sorted(situations)]
        spans, old_spans = [_span(v[-1]) for v in new], [row_span(row) for row in old]
        continued = match(spans, old_spans)
        found = [Change(row, []) for i, row in enumerate(old) if i not in continued and row["end_reason"] not in ENDED_BY_HAND]
        for versions, span, index in zip(new, spans, continued, strict=True):
            row = None if index is None else old[index]
            if row is not None:
                if row["end_reason"] not in ENDED_BY_HAND:
                    found.append(Change(row, self._rows(part, versions, row)))
                continue
            cut = [r["signalled_at"] for r, s in zip(old, old_spans, strict=True) if r["signalled_at"] and span.shared(s) > 0]
            cut_from = cut[0] if cut and versions[-1].state == "closed" else None
            found.append(Change(None, self._rows(part, versions, None, cut_from)))
        return found

    def _rows(self, part: Rebuilt, versions: list[Version], old: Row | None, cut_from: datetime | None = None) -> list[Row]:
        """Rows of one situation, oldest first, with times at which they became known; ids and groups come later.

        ``cut_from``: when the situation of which late data cut this past stretch was signalled: it was told of then, as a part.
        """
        rows: list[Row] = []
        for recorded, version in [(self.at, versions[-1])] if cut_from else self._recorded(versions, old):
            row = self._content(part, version, old)
            earlier = rows[-1] if rows else old
            signalled = earlier["signalled_at"] if earlier else cut_from
            row["signalled_at"] = signalled or (recorded if version.state != "pending" else None)
            row["revision"] = earlier["revision"] + 1 if earlier else 1
            row["recorded_at"] = recorded
            rows.append(row)
        return rows

    def _recorded(self, versions: list[Version], old: Row | None) -> list[tuple[datetime, Version]]:
        """Versions with the moment each became known: now; in a backfill when its slot was due (rule 10).

        No version becomes known before those it follows: a long slot is due after a shorter one that starts later, and the
        last state must stay the last. What a backfill finds otherwise than was known by then becomes known now.
        """
        if self.known_now:
            return [(self.at, versions[-1])]
        if len(versions) > 1 and replace(versions[-1], known_at=0) == replace(versions[-2], known_at=0):
            versions = versions[:-1]
        moments = accumulate((v.known_at for v in versions), max)
        by_moment = {min(_utc(moment), self.at): v for moment, v in zip(moments, versions, strict=True)}
        if old is not None:
            by_moment = {moment: v for moment, v in by_moment.items() if moment > old["recorded_at"]}
        if versions[-1] not in by_moment.values():
            by_moment[self.at] = versions[-1]
        return sorted(by_moment.items(), key=lambda item: item[0])

    def _content(self, part: Rebuilt, version: Version, old: Row | None) -> Row:
        row: Row = {
            "situation_id": old["situation_id"] if old else None,
            "group_id": old["group_id"] if old else None,
            "municipality": self.slug,
            "safety_risk": part.risk,
            "place": part.place,
            "state": version.state,
            "level": LEVELS[version.level],
            "peak_level": LEVELS[version.peak_level],
            "started_at": _utc(version.started),
            "ended_at": None if version.ended is None else _utc(version.ended),
            "end_reason": None if version.ended is None else "data",
            "observed_until": _utc(version.seen_until) if version.seen_until else None,
            "origin": old["origin"] if old else self.origin,
            "leading_indicator": version.leading,
            "reasons": list(version.reasons),
            "confidence": version.confidence,
        }
        card = self.cards.get(version.leading)
        for lang in LANGUAGES:  # of a card that is gone the last explanation stands
            text = f"explanation_{lang}"
            row[text] = explain(version, card, part.place, self.town, lang) if card else (old or {}).get(text)
        return row


def _give_ids(con: duckdb.DuckDBPyConnection, slug: str, changes: list[Change]) -> None:
    """Give new situations an id that no situation ever had: municipality, risk, place and start (UTC), and a number if taken."""
    fresh = [c for c in changes if c.old is None]
    if not fresh:
        return
    stems = [f"{slug}-{row['safety_risk']}-{row['place']}-{row['started_at']:%Y%m%dT%H%M}" for row in (c.new[-1] for c in fresh)]
    waiting, given, number = list(zip(fresh, stems, strict=True)), set[str](), 1
    while waiting:
        names = [stem if number == 1 else f"{stem}-{number}" for _, stem in waiting]
        taken, left = _taken(con, names), []
        for (change, stem), name in zip(waiting, names, strict=True):
            if name in taken or name in given:
                left.append((change, stem))
                continue
            given.add(name)
            for row in change.new:
                row["situation_id"] = name
        waiting, number = left, number + 1


def _taken(con: duckdb.DuckDBPyConnection, names: list[str]) -> set[str]:
    """Those of ``names`` that a situation has or had."""
    rows = con.execute(
        """SELECT situation_id FROM situations WHERE situation_id IN (SELECT unnest($names))
           UNION SELECT situation_id FROM situations_superseded WHERE situation_id IN (SELECT unnest($names))""",
        {"names": names},
    ).fetchall()
    return {name for (name,) in rows}


def _span(version: Version) -> Stretch:
    """From start to end, or to the last known data; never empty."""
    stop = max(version.ended or version.seen_until, version.started + 1)
    return Stretch(version.started, stop, version.state == "open")


def row_span(row: Row) -> Stretch:
    """From start to end of a row of the table, or to the last known data; never empty."""
    start, stop = row["started_at"], row["ended_at"] or row["observed_until"] or row["started_at"]
    return Stretch(int(start.timestamp()), max(int(stop.timestamp()), int(start.timestamp()) + 1), row["state"] == "open")


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
