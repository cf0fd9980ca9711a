"""Situations under both judgements: walked by the code of the tick, matched by overlap as late data are (rule 19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from indicators.neighbours import Beside
from indicators.situations import FOREVER
from indicators.stories import Member, groups, match
from pipelines import situate
from pipelines.situation_rows import row_span
from pipelines.store import tables
from pipelines.whatif import opened
from pipelines.whatif.history import History, Side

Row = dict[str, Any]
Kind = Literal["gained", "split", "lost", "joined", "changed", "same"]
KINDS: tuple[Kind, ...] = ("gained", "split", "lost", "joined", "changed", "same")
MINUTE = timedelta(minutes=1)
_COMPARED = ("started_at", "signalled_at", "ended_at", "peak_level")


@dataclass(frozen=True)
class Pair:
    """A situation as it was and as it would have been; one of the two may be absent.

    ``gained``: nothing was there. ``split``: one more, out of one that was there. ``lost``: nothing is left. ``joined``: it is
    part of another. ``changed``: it is there under both, at other moments or another level.
    """

    kind: Kind
    before: Row | None
    after: Row | None

    @property
    def shown(self) -> Row:
        """The side that is there; of two the new one."""
        row = self.after or self.before
        assert row is not None
        return row

    def shift(self, column: str) -> float | None:
        """Minutes by which a moment comes later (negative: earlier); None where one of the two is not there."""
        if self.before is None or self.after is None:
            return None
        old, new = self.before[column], self.after[column]
        return None if old is None or new is None else (new - old) / MINUTE


def walk(history: History, concerned: str, side: Side) -> list[Row]:
    """Situations of the atoms in table ``concerned`` (indicator, place) as one side judges; rows of the table, pending ones left out."""
    con = history.con
    if not con.execute(f"SELECT 1 FROM {concerned} LIMIT 1").fetchall():
        return []
    for name in ("situations", "situations_superseded"):
        con.execute(f"DROP TABLE IF EXISTS {name}; {tables.ddl(name)}")
    con.execute("DROP TABLE IF EXISTS level_state; DROP TABLE IF EXISTS level_hours")
    history.only = "looked_at" if side == "after" else concerned
    for card in history.active:
        if card.role == "signal":
            opened.fill(history, card, side)
    history.side, history.only = side, concerned
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE days_to_walk AS
        SELECT '{history.slug}' AS municipality, indicator, place, CAST(unnest([$1, $2]) AS DATE) AS day FROM {concerned}""",
        [history.start, history.end],
    )  # fmt: skip
    cards, at = {c.id: c for c in history.active}, history.end + timedelta(days=1)
    situate.update(history.as_store, history.config, cards, {}, "days_to_walk", at=at, origin="backfill", run_id="whatif")
    return rows(history, "SELECT * FROM situations WHERE state <> 'pending' ORDER BY safety_risk, place, started_at")


def published(history: History, concerned: str) -> tuple[list[Row], list[Row]]:
    """Situations as they were published: those of the atoms in ``concerned``, and all others."""
    risks = ", ".join(f"('{c.id}', '{c.safety_risk}')" for c in history.active)
    atoms = f"SELECT (risk, place) FROM {concerned} JOIN (VALUES {risks}) r(indicator, risk) USING (indicator)"
    found = rows(history, f"""
        SELECT s.*, (safety_risk, place) IN ({atoms}) AS concerned FROM indicators.situations s
        WHERE municipality = '{history.slug}' AND state <> 'pending' ORDER BY safety_risk, place, started_at""")  # fmt: skip
    return [r for r in found if r["concerned"]], [r for r in found if not r["concerned"]]


def rows(history: History, sql: str) -> list[Row]:
    """The rows of a query as dicts, moments in UTC."""
    found = history.con.sql(sql).to_arrow_table().to_pylist()
    return [{k: v.astimezone(UTC) if isinstance(v, datetime) else v for k, v in row.items()} for row in found]


def pairs(before: Iterable[Row], after: Iterable[Row]) -> list[Pair]:
    """Both sides matched, per safety risk and place, in order of start."""
    found: list[Pair] = []
    old, new = _by_atom(before), _by_atom(after)
    for atom in sorted({*old, *new}):
        found += _matched(old.get(atom, []), new.get(atom, []))
    return sorted(found, key=lambda p: (p.shown["started_at"], p.shown["safety_risk"], p.shown["place"]))


def _by_atom(found: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    atoms: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        atoms.setdefault((row["safety_risk"], row["place"]), []).append(row)
    return atoms


def _matched(old: list[Row], new: list[Row]) -> list[Pair]:
    spans, old_spans = [row_span(r) for r in new], [row_span(r) for r in old]
    found: list[Pair] = []
    continued = match(spans, old_spans)
    for row, span, index in zip(new, spans, continued, strict=True):
        if index is None:
            found.append(Pair("split" if any(span.shared(s) > 0 for s in old_spans) else "gained", None, row))
        else:
            same = all(row[c] == old[index][c] for c in _COMPARED)
            found.append(Pair("same" if same else "changed", old[index], row))
    for index, (row, span) in enumerate(zip(old, old_spans, strict=True)):
        if index not in continued:
            found.append(Pair("joined" if any(span.shared(s) > 0 for s in spans) else "lost", row, None))
    return found


@dataclass(frozen=True)
class Signals:
    """Signals of a period: groups of situations first signalled in it. ``busiest``: most in one hour (UTC), and which hour."""

    count: int
    hours: float
    busiest: int
    busiest_at: datetime | None

    @property
    def an_hour(self) -> float:
        """Signals an hour."""
        return self.count / self.hours


def signals(found: Iterable[Row], beside: Beside, start: datetime, end: datetime) -> Signals:
    """Signals in [start, end); neighbouring situations open together are one."""
    members = [_member(number, row) for number, row in enumerate(found)]
    first: dict[str, int] = {}
    group_of = groups(members, beside)
    for member in members:
        group = group_of[member.situation_id]
        first[group] = min(first.get(group, FOREVER), member.signalled)
    inside = [moment for moment in first.values() if start.timestamp() <= moment < end.timestamp()]
    hours = Counter(moment // 3600 for moment in inside)
    hour, most = min(hours.items(), key=lambda item: (-item[1], item[0]), default=(None, 0))
    return Signals(
        len(inside), (end - start) / timedelta(hours=1), most, None if hour is None else datetime.fromtimestamp(hour * 3600, UTC)
    )


def _member(number: int, row: Mapping[str, Any]) -> Member:
    stop = FOREVER if row["ended_at"] is None else int(row["ended_at"].timestamp())
    return Member(
        str(number),
        row["place"],
        int(row["started_at"].timestamp()),
        stop,
        int((row["signalled_at"] or row["started_at"]).timestamp()),
    )
