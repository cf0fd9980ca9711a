"""Write rebuilt situations into their table: ids kept by overlap, earlier versions kept, groups, what changed.

A current row that is equal in content stays as it is. Another goes to ``situations_superseded``; a situation that late
data dissolved leaves the current table, and its id is never given again (rules 10 and 19).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from indicators.card import Card
from indicators.neighbours import Beside
from indicators.sentences import LANGUAGES, Town, explain
from indicators.situations import FOREVER, UNOBSERVED, Version
from indicators.stories import Member, Stretch, groups, match
from schemas.results import TABLES
from schemas.settings import LEVELS

if TYPE_CHECKING:
    from schemas.config import Config

Row = dict[str, Any]

TABLE = TABLES["situations"]
COMPARED = (*TABLE.content, "group_id")
ENDED_BY_HAND = ("person", "retention")  # data neither end nor reopen what a person or retention ended
ARROW = {
    "VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "DOUBLE": pa.float64(), "INTEGER": pa.int32(),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
}  # fmt: skip


@dataclass(frozen=True)
class Rebuilt:
    """The situations of one safety risk at one place that start in [low, high): their versions, in order of time."""

    risk: str
    place: str
    low: int
    high: int
    versions: list[Version]


@dataclass
class Change:
    """What becomes of one situation: ``old`` (the row in the table, if any) gives way to ``new`` (none: dissolved).

    The last of ``new`` is the current row, those before it go to history with ``old``.
    """

    old: Row | None
    new: list[Row]

    @property
    def kind(self) -> str:
        """pending, opened, level, unobserved, updated, closed or dissolved."""
        if not self.new:
            return "dissolved"
        before, now = self.old, self.new[-1]
        if before is not None and before["state"] == now["state"]:
            if before["level"] != now["level"]:
                return "level"
            return "unobserved" if UNOBSERVED in now["reasons"] and UNOBSERVED not in before["reasons"] else "updated"
        return {"pending": "pending", "open": "opened", "closed": "closed"}[now["state"]]


def settle(
    con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], beside: Beside, rebuilt: list[Rebuilt], *,
    at: datetime, origin: str,
) -> list[Row]:  # fmt: skip
    """Make the current rows equal to what was rebuilt; returns the rows that changed, with ``change``. In a transaction."""
    slug = config.municipality.municipality
    writer = _Writer(config, cards, at, origin)
    stored = _stored(con, slug, rebuilt)
    changes: list[Change] = []
    for part in rebuilt:
        old = stored.get((part.risk, part.place), [])
        if part.versions or old:
            changes += writer.changes(part, old)
    _give_ids(con, slug, changes)
    _give_groups(con, slug, beside, changes, at)
    changes = [c for c in changes if c.old is None or not c.new or any(c.old[k] != c.new[-1][k] for k in COMPARED)]
    _write(con, changes, at)
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

    def __init__(self, config: Config, cards: Mapping[str, Card], at: datetime, origin: str):
        self.slug = config.municipality.municipality
        latest = sorted(config.places, key=lambda row: row.place.valid_from)
        self.town = Town(config.tz, config.k, {row.place.place: row.place.name for row in latest})
        self.cards, self.at, self.origin = cards, at, origin

    def changes(self, part: Rebuilt, old: list[Row]) -> list[Change]:
        """Each rebuilt situation with the stored one it continues; stored ones that nothing continues are dissolved.

        What a person or retention ended stays as it is.
        """
        situations: dict[int, list[Version]] = {}
        for version in part.versions:
            situations.setdefault(version.started, []).append(version)
        new = [situations[started] for started in sorted(situations)]
        spans, old_spans = [_span(v[-1]) for v in new], [_row_span(row) for row in old]
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
        if self.origin != "backfill":
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


def _give_groups(con: duckdb.DuckDBPyConnection, slug: str, beside: Beside, changes: list[Change], at: datetime) -> None:
    """Set the group of what changed, and add changes for situations that come into another group by it."""
    for change in changes:
        for row in change.new:
            row["group_id"] = row["group_id"] or row["situation_id"]
    moved = [c for c in changes if _membership(c.old) != _membership(c.new[-1] if c.new else None)]
    if not moved:
        return
    others = _possible_members(con, slug, changes, moved)
    own = [c.new[-1] for c in changes if c.new and c.new[-1]["state"] != "pending"]
    group_of = groups([_member(row) for row in (*others.values(), *own)], beside)
    for change in changes:
        for row in change.new:
            row["group_id"] = group_of.get(row["situation_id"], row["situation_id"])
    for name, row in others.items():
        if row["group_id"] != group_of[name]:
            changes.append(Change(row, [{**row, "group_id": group_of[name], "revision": row["revision"] + 1, "recorded_at": at}]))


def _possible_members(con: duckdb.DuckDBPyConnection, slug: str, changes: list[Change], moved: list[Change]) -> dict[str, Row]:
    """Other current situations whose group may be another now: open at the same time as what moved, or in a group with such."""
    touched = [row for c in moved for row in (c.old, c.new[-1] if c.new else None) if row is not None]
    stops = [row["ended_at"] for row in touched]
    start, stop = min(row["started_at"] for row in touched), None if None in stops else max(stops)
    rows = con.sql(
        """WITH open AS (SELECT * FROM situations WHERE municipality = $slug AND state <> 'pending'),
           near AS (SELECT group_id FROM open
                    WHERE (ended_at IS NULL OR ended_at > $start) AND ($stop IS NULL OR started_at < $stop))
           SELECT * FROM open WHERE group_id IN (FROM near) OR group_id IN (SELECT unnest($known))""",
        params={"slug": slug, "start": start, "stop": stop, "known": [row["group_id"] for row in touched]},
    ).to_arrow_table()
    own = {c.old["situation_id"] for c in changes if c.old is not None}
    return {row["situation_id"]: row for row in rows.to_pylist() if row["situation_id"] not in own}


def _membership(row: Row | None) -> tuple[Any, ...] | None:
    """What decides a situation's group: None when it is in none. Who was signalled first gives the name, and never changes."""
    return None if row is None or row["state"] == "pending" else (row["situation_id"], row["started_at"], row["ended_at"])


def _member(row: Row) -> Member:
    stop = FOREVER if row["ended_at"] is None else int(row["ended_at"].timestamp())
    started, signalled = int(row["started_at"].timestamp()), int(row["signalled_at"].timestamp())
    return Member(row["situation_id"], row["place"], started, stop, signalled)


def _write(con: duckdb.DuckDBPyConnection, changes: list[Change], at: datetime) -> None:
    """Old rows and all new ones but the last to history, the last into the table."""
    past: list[Row] = []
    for change in changes:
        chain = [row for row in (change.old, *change.new) if row is not None]
        ends = [row["recorded_at"] for row in chain[1:]] + ([] if change.new else [at])
        past += [{**row, "superseded_at": moment} for row, moment in zip(chain, ends, strict=False)]
    _insert(con, "situations_superseded", past, (*TABLE.columns, "superseded_at"))
    gone = [c.old["situation_id"] for c in changes if c.old is not None]
    if gone:
        con.execute("DELETE FROM situations WHERE situation_id IN (SELECT unnest(?))", [gone])
    _insert(con, "situations", [c.new[-1] for c in changes if c.new], TABLE.columns)


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: list[Row], columns: Iterable[str]) -> None:
    if not rows:
        return
    schema = pa.schema([(c, ARROW[TABLE.type_of(c)]) for c in columns])
    con.register("situation_rows", pa.Table.from_pylist(rows, schema))
    con.execute(f"INSERT INTO {table} BY NAME FROM situation_rows")
    con.unregister("situation_rows")


def _span(version: Version) -> Stretch:
    """From start to end, or to the last known data; never empty."""
    stop = max(version.ended or version.seen_until, version.started + 1)
    return Stretch(version.started, stop, version.state == "open")


def _row_span(row: Row) -> Stretch:
    start, stop = row["started_at"], row["ended_at"] or row["observed_until"] or row["started_at"]
    return Stretch(int(start.timestamp()), max(int(stop.timestamp()), int(start.timestamp()) + 1), row["state"] == "open")


def _utc(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
