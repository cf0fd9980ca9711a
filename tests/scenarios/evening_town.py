"""A town on an event evening: three suppliers, counts of every place each five minutes, and what goes wrong with their files.

Sizes are free: a thousand places in the proof, twenty in the small one. What is due to be told is known beforehand: squares
that fill up for three quarters of an hour, each in its turn (:func:`crowded`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

START = datetime(2026, 6, 20, 14, 0, tzinfo=UTC)  # 16:00 on the town's clock
STEP = timedelta(minutes=5)
SLOTS = 96
MIN = timedelta(minutes=1)
AREA = 500.0
FULL, CALM = 1900, 60  # people on a square: 3.8 and 0.12 p/m²

_TOWN = """
    municipality: evening
    name: {nl: Avondstad, en: Evening Town}
    timezone: Europe/Amsterdam
    holidays: NL
    roles: {crowd-manager: {nl: crowdmanager, en: crowd manager}, duty-officer: {nl: officier van dienst, en: duty officer}}
    interval: 5min
    pace: 15min
    places: evening/places.geojson
    data: ../../data
    sources: [cameras, gates, phones]
    indicators: {density: {}, occupancy: {}, specific_flow: {}, growth: {}}
    purposes:
      - {purpose: crowd-safety, legal_basis: example only, dpia: {reference: none, date: 2026-01-01}, decided_on: 2026-01-02,
         review_by: 2027-01-02, k: 15, retention: 365d, audience: [crowd-manager], owner: crowd-manager}
    events:
      - {event: evening, name: {nl: Avond, en: Evening}, class: C, from: 2026-06-20T16:00+02:00, to: 2026-06-21T00:15+02:00,
         pace: 5min, places: {}}
    alerts:
      channels:
        desk: {kind: webhook, address_from: DRUKTE_DESK}
        room: {kind: webhook, address_from: DRUKTE_ROOM, language: en}
      budget: 1000
      rules:
        - {rule: manager, role: crowd-manager, safety_risks: [overcrowding], from_level: high, channels: [desk]}
        - {rule: duty, role: duty-officer, safety_risks: [overcrowding], from_level: critical, channels: [room], fallback: [desk]}
"""
_SOURCE = """
    source: @name@
    title: {nl: @name@, en: @name@}
    supplier: nobody
    licence: none
    dataset: @dataset@
    contract: 1
    files: "@name@/*.csv"
    reader: {format: csv}
    time: {columns: [time], format: "%Y-%m-%dT%H:%M", clock: utc}
    interval: 5min
    place: {columns: [place], map: @map@}
    measures: @measures@
    @statistic@
    delay: 2min
    absent: missing
    issued_at: {from: file_name, pattern: "_(\\\\d{8}T\\\\d{4})", format: "%Y%m%dT%H%M", clock: utc}
    rank: @rank@
"""
_PURPOSE = """
    purpose: crowd-safety
    title: {nl: t, en: t}
    desired_effect: {nl: t, en: t}
    datasets: [zone_counts, passage_counts]
    indicators: [density, occupancy, specific_flow, growth]
    questions: [{nl: t, en: t}]
    k_floor: 1
"""
_KINDS = {
    "cameras": ("zone_counts", "{present: {column: present}}", "statistic: instant", 1),
    "phones": ("zone_counts", "{present: {column: present}}", "statistic: instant", 2),
    "gates": ("passage_counts", "{count_in: {column: in}, count_out: {column: out}}", "", 1),
}


@dataclass(frozen=True)
class File:
    """A delivery: when it comes, of whom, under which name, and what stands in it."""

    at: datetime
    source: str
    name: str
    text: str

    def write(self, data: Path) -> None:
        """Put it there in one stroke."""
        aside = data / self.source / f".{self.name}.part"
        aside.write_text(self.text, encoding="utf-8")
        aside.replace(data / self.source / f"{self.name}.csv")


@dataclass(frozen=True)
class Evening:
    """``folder`` gets config and data; three fifths of the ``places`` are squares, the rest lines."""

    folder: Path
    places: int
    slots: int = SLOTS

    @property
    def squares(self) -> list[str]:
        return [f"square-{n}" for n in range(self.places * 3 // 5)]

    @property
    def lines(self) -> list[str]:
        return [f"line-{n}" for n in range(self.places - len(self.squares))]

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def end(self) -> datetime:
        """When the last interval has come in."""
        return START + self.slots * STEP + 3 * MIN

    def write(self) -> None:
        """Config of the town."""
        for part in ("municipalities/evening", "sources", "purposes"):
            (self.config / part).mkdir(parents=True, exist_ok=True)
        (self.config / "municipalities" / "evening.yaml").write_text(dedent(_TOWN))
        (self.config / "purposes" / "crowd-safety.yaml").write_text(dedent(_PURPOSE))
        for name, (dataset, measures, statistic, rank) in _KINDS.items():
            text = dedent(_SOURCE)
            places = json.dumps({p: p for p in (self.lines if name == "gates" else self.squares)})
            known = {"name": name, "dataset": dataset, "measures": measures, "statistic": statistic, "rank": rank, "map": places}
            for mark, value in known.items():
                text = text.replace(f"@{mark}@", str(value))
            (self.config / "sources" / f"{name}.yaml").write_text(text)
            (self.data / name).mkdir(parents=True, exist_ok=True)
        square = {"kind": "zone", "place_type": "moving", "usable_area": AREA, "capacity": 2500}
        line = {"kind": "line", "effective_width": 6, "direction_in": "in"}
        features = [_feature(n, square) for n in self.squares] + [_feature(n, line) for n in self.lines]
        (self.config / "municipalities" / "evening" / "places.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": features})
        )

    def crowded(self) -> dict[str, range]:
        """Square → the slots in which it is full: three quarters of an hour, the next one an hour and a quarter after it."""
        last = max(self.slots - 24, 0)
        return {f"square-{i}": range(begin, begin + 9) for i, begin in enumerate(range(6, last + 1, 5))} or {
            "square-0": range(1, 4)
        }

    def files(self) -> Iterator[File]:
        """All that comes, the faults among it, by arrival."""
        made = [file for slot in range(self.slots) for file in (self._cameras(slot), self._gates(slot), self._phones(slot))]
        return iter(sorted([*map(self._faulty, made), *self._more()], key=lambda f: (f.at, f.source, f.name)))

    def _cameras(self, slot: int, revised: int = 0) -> File:
        full = {place for place, slots in self.crowded().items() if slot in slots}
        rows = [
            f"{_time(slot)},{p},{(FULL if p in full else CALM + (slot * 7 + i) % 40) + revised}"
            for i, p in enumerate(self.squares)
        ]
        return _file("cameras", slot, "time,place,present", rows)

    def _phones(self, slot: int) -> File:
        full = {place for place, slots in self.crowded().items() if slot in slots}
        rows = [f"{_time(slot)},{p},{FULL - 40 if p in full else CALM}" for p in self.squares[::2]]
        return _file("phones", slot, "time,place,present", rows)

    def _gates(self, slot: int) -> File:
        rows = [f"{_time(slot)},{p},{20 + (slot + i) % 60},{15 + (slot * 3 + i) % 50}" for i, p in enumerate(self.lines)]
        return _file("gates", slot, "time,place,in,out", rows)

    def _faulty(self, file: File) -> File:
        """Gates are silent for three quarters of an hour and then send all; cameras come ten minutes late for half an hour."""
        share = (file.at - START) / (self.slots * STEP)
        if file.source == "gates" and 0.25 <= share < 0.34:
            return File(START + 0.34 * self.slots * STEP, file.source, file.name, file.text)
        if file.source == "cameras" and 0.42 <= share < 0.48:
            return File(file.at + 10 * MIN, file.source, file.name, file.text)
        return file

    def _more(self) -> list[File]:
        """Files that should not have come: broken, with devices in them, twice, and one that corrects another."""
        at = {n: START + int(self.slots * n / 100) * STEP + 4 * MIN for n in (15, 22, 46, 53)}
        slot = {n: int(self.slots * n / 100) - 1 for n in at}
        broken = File(at[15], "cameras", f"broken_{at[15]:%Y%m%dT%H%M}", "time,place,people\n2026-06-20T16:00,square-0,12\n")
        doubled = self._cameras(slot[22])
        twice = File(at[22], "cameras", doubled.name.replace("count", "again"), doubled.text)
        corrected = self._cameras(slot[46] - 12, revised=3)
        revision = File(at[46], "cameras", f"revised_{at[46]:%Y%m%dT%H%M}", corrected.text)
        people = "time,place,present,device\n" + "".join(
            f"{_time(slot[53])},square-0,20,{MARKER}{n:02x}:5b:{n + 7:02x}\n" for n in range(20)
        )
        return [broken, twice, revision, File(at[53], "cameras", f"devices_{at[53]:%Y%m%dT%H%M}", people)]


MARKER = "a4:83:e7:1c:"  # how the addresses of devices begin in the file that is to be refused


def _feature(place: str, properties: dict[str, object]) -> dict[str, object]:
    known = {"place": place, "name": place.replace("-", " ").title(), "valid_from": "2025-01-01T00:00:00Z", **properties}
    return {"type": "Feature", "geometry": None, "properties": known}


def _time(slot: int) -> str:
    return f"{START + slot * STEP:%Y-%m-%dT%H:%M}"


def _file(source: str, slot: int, head: str, rows: list[str]) -> File:
    at = START + (slot + 1) * STEP + MIN
    return File(at, source, f"count_{at:%Y%m%dT%H%M}", "\n".join([head, *rows]) + "\n")
