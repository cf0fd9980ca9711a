"""A story: a YAML file read into who is where, what is delivered when, and what people should see at which moment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from indicators.series import spread, tokens
from schemas.settings import parse_duration
from tests.golden.clock import TOLD, Clock
from tests.golden.ordinary import usual

HERE = Path(__file__).parent
STORIES = HERE / "stories"
ZONE = ZoneInfo("Europe/Amsterdam")
QUARTER = timedelta(minutes=15)
AFTER_COUNTING, AFTER_SENDING = timedelta(minutes=3), timedelta(minutes=2)
LINES = ("bridge", "north-gate", "south-gate")
MEASURES = {"cameras": ("present",), "gates": ("in", "out")}
KEYS = {"title", "story", "day", "from", "until", "places", "indicators", "history", "every", "interval", "town", "decided_later",
        "people", "earlier_editions", "deliveries", "runs", "moments", "values"}  # fmt: skip
NO_ROW, FAULT, BROKEN = "_", "fault", "broken"

Counts = dict[tuple[str, str], dict[datetime, str]]  # (place, measure) → slot → what its sensor says


@dataclass(frozen=True)
class Delivery:
    """A supplier's file: the slots in [start, stop) of a source, sent at ``sent`` (UTC)."""

    source: str
    start: datetime
    stop: datetime
    sent: datetime
    counts: Counts = field(repr=False)


@dataclass(frozen=True)
class Moment:
    """What the people in the control room should see at ``at``: all situations that are not closed, and no other."""

    at: datetime
    told: str
    why: str
    open: tuple[str, ...]


@dataclass(frozen=True)
class Story:
    """``start`` to ``stop``: when is counted. ``every``: how often files are sent, and a run is done if ``runs`` does not say less.

    ``history``: the day until which ordinary weeks went before; None for a town without a past.
    ``values``: whether the values stand beside the levels in the expected result.
    """

    slug: str
    title: str
    text: str
    clock: Clock
    start: datetime
    stop: datetime
    every: timedelta
    interval: timedelta
    places: tuple[str, ...]
    indicators: tuple[str, ...]
    history: date | None
    values: bool
    town: dict[str, Any]
    decided_later: tuple[tuple[datetime, dict[str, Any]], ...]
    deliveries: tuple[Delivery, ...]
    runs: tuple[datetime, ...]
    moments: tuple[Moment, ...]

    def town_at(self, at: datetime) -> dict[str, Any]:
        """What is different in the town, as decided by ``at``."""
        found = {key: list(value) if isinstance(value, list) else value for key, value in self.town.items()}
        for when, more in self.decided_later:
            for key, value in more.items() if when <= at else ():
                found[key] = [*found.get(key, []), *value] if isinstance(value, list) else value
        return found


def names() -> list[str]:
    """All stories."""
    return sorted(path.stem for path in STORIES.glob("*.yaml"))


def read(slug: str) -> Story:
    """Read a story. Raises ValueError with what does not fit."""
    return from_data(slug, load(slug))


def load(slug: str) -> dict[str, Any]:
    """The story as it stands in its file."""
    return dict(yaml.safe_load((STORIES / f"{slug}.yaml").read_text(encoding="utf-8")))


def from_data(slug: str, data: dict[str, Any]) -> Story:
    """A story from what stands in its file. Raises ValueError with what does not fit."""
    unknown = set(data) - KEYS
    if unknown:
        raise ValueError(f"{slug}: unknown {', '.join(sorted(unknown))}")
    day = data["day"] if isinstance(data["day"], date) else date.fromisoformat(data["day"])
    clock = Clock(day, ZONE)
    start = clock.at(data["from"])
    stop = clock.at(data["until"], start + timedelta(minutes=1))
    every, interval = parse_duration(data.get("every", "30min")), parse_duration(data.get("interval", "15min"))
    slots = [start + i * interval for i in range((stop - start) // interval)]
    counts = _people(data["people"], clock, slots, interval)
    sent = list(_editions(data.get("earlier_editions")))
    sent += list(_deliveries(data.get("deliveries", ()), clock, slots, every=every, interval=interval, counts=counts))
    moments = tuple(_moments(data["moments"], clock, start))
    later = tuple((clock.at(d["at"], start), _timed(d["town"], clock)) for d in data.get("decided_later", ()))
    regular = [at + AFTER_COUNTING + AFTER_SENDING for at in _beats(start, stop, every)]
    runs = {*(regular[-1:] if data.get("runs") == "at the moments" else regular), *(m.at for m in moments)}
    return Story(
        slug, data["title"], data["story"], clock, start, stop, every, interval, tuple(data["places"]),
        tuple(data["indicators"]), data.get("history"), data.get("values", True),
        _timed(data.get("town", {}), clock), later, tuple(sorted(sent, key=lambda d: d.sent)),
        tuple(sorted(runs)), moments,
    )  # fmt: skip


def _beats(start: datetime, stop: datetime, every: timedelta) -> list[datetime]:
    return [start + i * every for i in range(1, (stop - start) // every + 1)]


def _people(told: dict[str, Any], clock: Clock, slots: list[datetime], interval: timedelta) -> Counts:
    counts: Counts = {}
    for place, rows in told.items():
        measures = {m: rows[m] for m in MEASURES["gates"]} if place in LINES else {"present": rows}
        for measure, series in measures.items():
            counts[place, measure] = _series(f"{place} {measure}", series, clock, slots, interval)
    return counts


def _series(name: str, told: Any, clock: Clock, slots: list[datetime], interval: timedelta) -> dict[datetime, str]:
    """Slot → token. ``told`` is a row for all, or rows by the time at which they begin, without holes between them."""
    if not isinstance(told, dict):
        return dict(zip(slots, spread(str(told), len(slots)), strict=True))
    found: dict[datetime, str] = {}
    at = slots[0]
    for when, row in told.items():
        if clock.at(when, at) != at:
            raise ValueError(f"{name}: the row of {when} should begin at {clock.tell(at)}")
        for token in tokens(str(row)):
            found[at], at = token, at + interval
    if at != slots[-1] + interval:
        raise ValueError(f"{name}: the rows end at {clock.tell(at)}, the story at {clock.tell(slots[-1] + interval)}")
    return found


def _editions(told: Any) -> Iterator[Delivery]:
    """Files of the same day in earlier years: a curve for all, and per day how busy it was beside it (1: just so)."""
    for day, factor in told["days"].items() if told else ():
        clock = Clock(day, ZONE)
        start = clock.at("00:00")
        slots = [start + i * QUARTER for i in range(96)]
        counts = _people(told["people"], clock, slots, QUARTER)
        counts = {key: {s: str(round(factor * int(token))) for s, token in row.items()} for key, row in counts.items()}
        yield Delivery("cameras", start, slots[-1] + QUARTER, slots[-1] + QUARTER + AFTER_COUNTING, counts)


def _deliveries(
    told: Any, clock: Clock, slots: list[datetime], *, every: timedelta, interval: timedelta, counts: Counts
) -> Iterator[Delivery]:
    """A file of each source after every beat; slots of which the story says otherwise are sent then, or never.

    ``again``: they are sent once more; ``people``: they are sent once more, with other counts.
    """
    start, stop = slots[0], slots[-1] + interval
    taken: dict[str, set[datetime]] = {source: set() for source in MEASURES}
    for other in told:
        first, last = (clock.at(t, start) for t in other["of"].split(" - "))
        span = [slot for slot in slots if first <= slot < last]
        if "people" not in other and not other.get("again"):
            taken[other["source"]] |= set(span)
        if other["sent"] != "never":
            mine = _people(other["people"], clock, span, interval) if "people" in other else counts
            yield Delivery(other["source"], first, last, clock.at(other["sent"], start), _part(other["source"], mine, span))
    for beat in _beats(start, stop, every):
        for source, gone in taken.items():
            span = [slot for slot in slots if beat - every <= slot < beat and slot not in gone]
            part = _part(source, counts, span)
            if part:
                yield Delivery(source, span[0], span[-1] + interval, beat + AFTER_COUNTING, part)


def _part(source: str, counts: Counts, slots: list[datetime]) -> Counts:
    found = {key: {s: row[s] for s in slots} for key, row in counts.items() if key[1] in MEASURES[source]}
    return {key: row for key, row in found.items() if row}


def _moments(told: Any, clock: Clock, start: datetime) -> Iterator[Moment]:
    for one in told:
        yield Moment(clock.at(one["at"], start), one["at"], one["why"], tuple(one["open"]))


def _timed(town: Any, clock: Clock) -> Any:
    """Told times anywhere in the settings as instants with their offset, as config files want them."""
    if isinstance(town, dict):
        return {key: _timed(value, clock) for key, value in town.items()}
    if isinstance(town, list):
        return [_timed(value, clock) for value in town]
    if isinstance(town, date):
        return town.isoformat()
    if isinstance(town, str) and TOLD.fullmatch(town):
        return clock.at(town).astimezone(clock.zone).isoformat()
    return town


_USUAL = re.compile(r"(?:([\d.]+)\*)?usual")


def said(token: str, place: str, measure: str, slot: datetime) -> str | None:
    """What stands in the supplier's file for a token; None for no row at all."""
    if token == NO_ROW:
        return None
    if token in (FAULT, BROKEN):
        return {FAULT: "0", BROKEN: "n/a"}[token]
    if found := _USUAL.fullmatch(token):
        return str(round(float(found[1] or 1) * usual(place, measure, slot.astimezone(ZONE))))
    return str(int(token))
