"""Which group each version of a situation is in, as it was known when the version became known (rules 10 and 19)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb

from indicators.neighbours import Beside
from indicators.situations import FOREVER
from indicators.stories import Member, groups
from pipelines.situation_changes import Change, Row


def give_groups(con: duckdb.DuckDBPyConnection, slug: str, beside: Beside, changes: list[Change], at: datetime) -> None:
    """Set the group of every new row, and add changes for situations that come into another group by it.

    A backfill brings rows that became known one after the other: each is grouped with what was known by then.
    """
    for change in changes:
        for row in change.new:
            pending = row["state"] == "pending"
            row["group_id"] = row["situation_id"] if pending else row["group_id"] or row["situation_id"]
    moved = [c for c in changes if _membership(c.old) != _membership(c.new[-1] if c.new else None)]
    if not moved:
        return
    others = [Change(row, []) for row in _possible_members(con, slug, changes, moved)]
    gone = {id(c) for c in changes if not c.new}
    for part in _apart([*changes, *others], beside):
        _regroup(part, gone, beside, at)
    changes += [change for change in others if change.new]


def _regroup(part: list[Change], gone: set[int], beside: Beside, at: datetime) -> None:
    """Group again at every moment at which one of these situations became known otherwise; a new group is a new row."""
    rows = [row for change in part for row in (change.old, *change.new) if row is not None]
    if len(part) == 1 and all(row["group_id"] == row["situation_id"] for row in rows):
        return  # alone all the time
    for moment in sorted({row["recorded_at"] for change in part for row in change.new} | {at}):
        known = [
            (change, row) for change in part
            if (row := _known(change, moment)) and row["state"] != "pending" and not (id(change) in gone and moment >= at)
        ]  # fmt: skip
        group_of = groups([_member(row) for _, row in known], beside)
        for change, row in known:
            group = group_of[row["situation_id"]]
            if row["group_id"] == group or id(change) in gone:
                continue
            if row is not change.old and row["recorded_at"] == moment:
                row["group_id"] = group
            else:
                after = 0 if row is change.old else change.new.index(row) + 1
                change.new.insert(after, {**row, "group_id": group, "recorded_at": moment})
    for change in part:
        for number, row in enumerate(change.new, start=change.old["revision"] + 1 if change.old else 1):
            row["revision"] = number


def _known(change: Change, moment: datetime) -> Row | None:
    """The row of a situation that was the newest at a moment."""
    rows = [row for row in (change.old, *change.new) if row is not None and row["recorded_at"] <= moment]
    return rows[-1] if rows else None


def _apart(changes: list[Change], beside: Beside) -> list[list[Change]]:
    """Parts that have nothing to do with each other at any moment: what closes counts as open until that was known."""
    members, of = [], {}
    for change in changes:
        rows = [row for row in (change.old, *change.new) if row is not None]
        last = rows[-1]
        stop = FOREVER if last["ended_at"] is None else int(max(last["ended_at"], *(r["recorded_at"] for r in rows)).timestamp())
        start = int(min(row["started_at"] for row in rows).timestamp())
        members.append(Member(last["situation_id"], last["place"], start, stop, start))
        of[last["situation_id"]] = change
    parts: dict[str, list[Change]] = {}
    for name, part in groups(members, beside).items():
        parts.setdefault(part, []).append(of[name])
    return list(parts.values())


def _possible_members(con: duckdb.DuckDBPyConnection, slug: str, changes: list[Change], moved: list[Change]) -> list[Row]:
    """Other current situations that may change group, or lend theirs: open when what moved was, or in a group with a change."""
    touched = [row for c in moved for row in (c.old, *c.new) if row is not None]
    stops = [row["ended_at"] for row in touched]
    start, stop = min(row["started_at"] for row in touched), None if None in stops else max(stops)
    rows = con.sql(
        """WITH open AS (SELECT * FROM situations WHERE municipality = $slug AND state <> 'pending'),
           near AS (SELECT group_id FROM open
                    WHERE (ended_at IS NULL OR ended_at > $start) AND ($stop IS NULL OR started_at < $stop))
           SELECT * FROM open WHERE group_id IN (FROM near) OR group_id IN (SELECT unnest($known))""",
        params={"slug": slug, "start": start, "stop": stop, "known": [c.old["group_id"] for c in changes if c.old]},
    ).to_arrow_table()
    own = {c.old["situation_id"] for c in changes if c.old}
    return [row for row in rows.to_pylist() if row["situation_id"] not in own]


def _membership(row: Row | None) -> tuple[Any, ...] | None:
    """What decides a situation's group: None when it is in none. Who was signalled first gives the name, and never changes."""
    return None if row is None or row["state"] == "pending" else (row["situation_id"], row["started_at"], row["ended_at"])


def _member(row: Row) -> Member:
    stop = FOREVER if row["ended_at"] is None else int(row["ended_at"].timestamp())
    started, signalled = int(row["started_at"].timestamp()), int(row["signalled_at"].timestamp())
    return Member(row["situation_id"], row["place"], started, stop, signalled)
