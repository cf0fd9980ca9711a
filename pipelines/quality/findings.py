"""What detectors find, and what becomes of it in the register: proposed, followed while it lasts, dropped when it was nothing.

A finding keeps its entry by overlap, so that late data move its edges and not its identity. What a role decided stands: a
detector can only say that it still lasts, or when it ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from pipelines import register
from pipelines.register import Row
from pipelines.store import Store
from schemas.config import Config
from schemas.words import word

COVERED = 0.5  # of a finding: what the register holds already for so much of it need not be proposed again
SILENCE = ("sudden_zeros", "gone")
DECIDED = ("accepted", "rejected", "withdrawn")


@dataclass(frozen=True)
class Finding:
    """A fault at one place. ``facts`` fill the sentence of evidence; none of them is a withheld number.

    ``cut``: it may have begun before the stretch that was looked at. ``declared``: the supplier says so itself.
    """

    detector: str
    source: str
    place: str
    start: datetime
    end: datetime
    ongoing: bool
    measures: tuple[str, ...] = ()
    hours: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    cut: bool = False
    declared: bool = False


@dataclass(frozen=True)
class Looked:
    """What was looked at: entries of these detectors and places that overlap the stretch and were not found are not there.

    At ``silent`` places nothing was counted to the end: a silence that lasts there has not ended, though nothing more may be
    expected (after three months no baseline is left).
    """

    detectors: tuple[str, ...]
    source: str
    places: frozenset[str]
    start: datetime
    end: datetime
    silent: frozenset[str] = frozenset()

    def at(self, row: Row) -> bool:
        """Whether an entry would have been found."""
        return self._about(row) and bool(row["flagged_to"] > self.start and row["flagged_from"] < self.end)

    def lasts(self, row: Row) -> bool:
        """Whether an entry about silence lasts although it was not found."""
        return bool(row["ongoing"] and row["detector"] in SILENCE and set(row["flagged_places"]) <= self.silent)

    def after(self, row: Row) -> bool:
        """Whether an entry that lasted until now would have been followed into what was looked at."""
        return self._about(row) and bool(row["flagged_to"] <= self.start and row["flagged_from"] < self.end)

    def _about(self, row: Row) -> bool:
        return row["detector"] in self.detectors and row["source"] == self.source and set(row["flagged_places"]) <= self.places


def record(store: Store, config: Config, looked: Looked, findings: Iterable[Finding], at: datetime) -> int:
    """Bring the register up to date with what was found; returns the number of new proposals. Inside a transaction."""
    slug = config.municipality.municipality
    known = register.rows(store.con, "municipality = ? AND source = ?", [slug, looked.source])
    seen: set[str] = set()
    written: list[Row] = []
    new = 0
    for finding in findings:
        match = _match(known, finding)
        if match is None:
            if not finding.declared and not _covered(known, finding):
                row = _proposal(config, finding, at, {r["flag_id"] for r in known})
                written.append(row)
                known.append(row)
                seen.add(row["flag_id"])
                new += 1
            continue
        seen.add(match["flag_id"])
        if _follow(store, config, match, finding, at):
            written.append(match)
    for row in known:
        if row["flag_id"] in seen or not (looked.at(row) or looked.after(row)) or looked.lasts(row):
            continue
        if row["state"] == "proposed" and not row["hours"] and looked.at(row):
            store.con.execute("DELETE FROM flags WHERE municipality = ? AND flag_id = ?", [slug, row["flag_id"]])
        elif row["ongoing"]:  # hours are proposed for the days in which they were seen: those stay true when they are no longer
            _end(store, config, row, row["flagged_to"], at)
            written.append(row)
    register.write(store, written)
    return new


def _match(known: list[Row], finding: Finding) -> Row | None:
    """The entry of a finding: of the same detector, place and measures, and touching it; one that a role decided on comes first."""
    found = [
        row for row in known
        if row["detector"] == finding.detector and row["flagged_places"] == [finding.place]
        and tuple(row["flagged_measures"]) == finding.measures and row["hours"] == finding.hours
        and row["flagged_from"] <= finding.end and row["flagged_to"] >= finding.start
    ]  # fmt: skip
    decided = [r for r in found if r["state"] in DECIDED and (r["ongoing"] or _share(finding, [r]) >= COVERED)]
    proposed = [r for r in found if r["state"] == "proposed"]
    return next(iter([*decided, *proposed]), None)


def _covered(known: list[Row], finding: Finding) -> bool:
    """Whether the register knows of it in other words: by hand, or from another detector."""
    about = [
        row for row in known
        if row["state"] in DECIDED and (not row["flagged_places"] or finding.place in row["flagged_places"])
        and not row["hours"] and (row["state"] != "withdrawn" or row["file"] is None)
    ]  # fmt: skip
    return _share(finding, about) >= COVERED


def _share(finding: Finding, rows: list[Row]) -> float:
    """How much of a finding the longest of these entries covers."""
    lengths = [min(finding.end, r["flagged_to"]) - max(finding.start, r["flagged_from"]) for r in rows]
    return max(lengths, default=timedelta(0)) / (finding.end - finding.start)


def _follow(store: Store, config: Config, row: Row, finding: Finding, at: datetime) -> bool:
    """Let an entry follow what was found; whether it changed."""
    before = dict(row)
    if row["state"] == "proposed":
        start = min(row["flagged_from"], finding.start) if finding.cut else finding.start
        row |= {"flagged_from": start, "flagged_to": finding.end, "ongoing": finding.ongoing, "hours": finding.hours,
                **_evidence(config, finding, start)}  # fmt: skip
    elif row["ongoing"] and finding.ongoing:
        row["flagged_to"] = max(row["flagged_to"], finding.end)
    elif row["ongoing"]:
        _end(store, config, row, finding.end, at)
    return row != before


def _end(store: Store, config: Config, row: Row, end: datetime, at: datetime) -> None:
    """It lasts no longer: what came after its end is judged again."""
    if row["state"] == "accepted":
        register.dirty(store, config, {**row, "flagged_from": end, "flagged_to": at}, at)
    row |= {"flagged_to": end, "ongoing": False}


def _proposal(config: Config, finding: Finding, at: datetime, taken: set[str]) -> Row:
    slug = config.municipality.municipality
    settings = getattr(config.municipality.detectors, finding.detector)
    parts = slug, finding.detector, finding.source, finding.place, finding.measures, finding.start.isoformat()
    # What went on beyond a decision begins where that one did: another entry, another id.
    key = next(k for n in count() if (k := register.flag_id(*parts, n)) not in taken)
    return {
        "municipality": slug, "flag_id": key, "state": "proposed", "source": finding.source, "flagged_places": [finding.place],
        "flagged_measures": list(finding.measures), "flagged_from": finding.start, "flagged_to": finding.end, "hours": finding.hours,
        "ongoing": finding.ongoing, "effects": list(settings.effect), "reason": None, "detector": finding.detector,
        **_evidence(config, finding, finding.start), "owner": None, "found_at": at, "decided_at": None, "acting_since": None,
        "file": None, "line": None,
    }  # fmt: skip


def _evidence(config: Config, finding: Finding, start: datetime) -> Row:
    """The sentence in both languages; times on the local clock."""
    since = start.astimezone(config.tz).strftime("%Y-%m-%d %H:%M")
    hours, minutes = divmod(round((finding.end - start).total_seconds() / 60), 60)
    facts = {"since": since, "length": f"{hours}:{minutes:02}" if minutes else str(hours), **finding.facts}
    return {f"evidence_{lang}": word("detector_evidence", finding.detector, lang).format(**facts) for lang in ("nl", "en")}
