"""Does a configuration hold together? Names that must exist, times that must fit, order in time. No cards needed.

Each check yields :class:`schemas.problems.Problem`: file, line, key, what is wrong, what to do.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from schemas import alert_refs
from schemas.config_model import Config, PlaceRow
from schemas.datasets import DATASETS
from schemas.mistakes import did_you_mean
from schemas.problems import Problem
from schemas.settings import Event, When, format_duration
from schemas.yamlfile import Path_

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def problems(config: Config, slug: str) -> list[Problem]:
    """All mistakes in how the files of a configuration refer to each other."""
    checks = (_names(config, slug), _roles(config), _purposes(config), _places(config), _sources(config), _intervals(config),
              _events(config), _thresholds(config), _flags(config), _patterns(config), alert_refs.problems(config))  # fmt: skip
    return [problem for check in checks for problem in check]


def _names(config: Config, slug: str) -> Iterator[Problem]:
    town, document = config.municipality, config.document
    stated = [(slug, document, "municipality", town.municipality)]
    stated += [(name, config.source_documents[name], "source", source.source) for name, source in config.sources.items()]
    stated += [(name, config.purpose_documents[name], "purpose", purpose.purpose) for name, purpose in config.purposes.items()]
    for name, where, key, given in stated:
        if given != name:
            yield where.problem((key,), f"`{given}` is not the name of this file", f"Write `{name}`, or rename the file.")
    yield from _twice(config, "sources", town.sources)
    yield from _twice(config, "purposes", (p.purpose for p in town.purposes))
    yield from _twice(config, "events", (e.event for e in town.events))
    for index, language in enumerate(town.languages):
        if language not in ("nl", "en"):
            yield document.problem(("languages", index), f"there are no texts in `{language}`", "Choose from nl and en.")


def _twice(config: Config, key: str, names: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield config.document.problem((key, index), f"`{name}` stands twice", "Keep one of them.")
        seen.add(name)


def _roles(config: Config) -> Iterator[Problem]:
    town = config.municipality
    owners: list[tuple[Path_, str]] = []
    for key in ("purposes", "thresholds", "flags", "resets", "freezes", "frozen_periods"):
        owners += [((key, i, "owner"), entry.owner) for i, entry in enumerate(getattr(town, key))]
    owners += [(("purposes", i, "grace", "owner"), a.grace.owner) for i, a in enumerate(town.purposes) if a.grace]
    for path, owner in owners:
        if owner not in town.roles:
            fix = did_you_mean(owner, town.roles, "Describe it under `roles`.")
            yield config.document.problem(path, f"role `{owner}` is not declared", fix)
    for name, source in config.sources.items():
        for i, entry in enumerate(source.corrections):
            if entry.owner not in town.roles:
                fix = did_you_mean(entry.owner, town.roles, f"Describe it under `roles` in {config.file}.")
                path = ("corrections", i, "owner")
                yield config.source_documents[name].problem(path, f"role `{entry.owner}` is not declared", fix)


def _purposes(config: Config) -> Iterator[Problem]:
    for index, adoption in enumerate(config.municipality.purposes):
        floor = config.purposes[adoption.purpose].k_floor
        if adoption.k < floor:
            what = f"k {adoption.k} lies below the floor of purpose `{adoption.purpose}`, {floor}"
            yield config.document.problem(("purposes", index, "k"), what, f"Write {floor} or more.")


def _places(config: Config) -> Iterator[Problem]:
    known = set(config.place_ids)
    zones = {row.place.place for row in config.places if row.place.kind in ("zone", "facility", "stop")}
    for number, row in enumerate(config.places):
        place = row.place
        key = f"features.{number}.properties"
        others = [(f"neighbours.{i}", name, known, "place") for i, name in enumerate(place.neighbours)]
        ends = [(end, getattr(place, end), zones, "zone") for end in ("from_zone", "to_zone", "approach_zone")]
        parts = [(f"parts.{i}", name, known - {place.place}, "other place") for i, name in enumerate(place.parts)]
        for name, other, allowed, kind in [*others, *ends, *parts]:
            if other is not None and other not in allowed:
                yield Problem(row.file, row.line, f"{key}.{name}", f"there is no {kind} `{other}`", did_you_mean(other, allowed))
    for place_id in config.place_ids:
        yield from _periods(config.rows_of(place_id))
    for index, reset in enumerate(config.municipality.resets):
        yield from _unknown_place(config, ("resets", index, "place"), reset.place)


def _periods(rows: tuple[PlaceRow, ...]) -> Iterator[Problem]:
    for earlier, later in itertools.pairwise(rows):
        name = later.place.place
        if later.place.valid_from == earlier.place.valid_from:
            what = f"place `{name}` stands twice with the same valid_from (also on line {earlier.line})"
            yield Problem(later.file, later.line, "place", what, "Rename one, or give the later period its own valid_from.")
        if later.place.kind != earlier.place.kind:
            what = f"place `{name}` is a {earlier.place.kind} before (line {earlier.line}) and a {later.place.kind} now"
            yield Problem(later.file, later.line, "kind", what, "Give the new place a slug of its own.")


def _sources(config: Config) -> Iterator[Problem]:
    known = set(config.place_ids)
    for name, source in config.sources.items():
        for supplied, place in source.place.map.items():
            if place not in known:
                fix = did_you_mean(place, known, f"Add it to {config.municipality.places}, or take it out of the map.")
                yield config.source_documents[name].problem(("place", "map", supplied), f"there is no place `{place}`", fix)
        given = set(source.place.map.values())
        for number, entry in enumerate(source.corrections):
            for place in (*entry.places, *entry.relabel):
                if place not in given:
                    what = f"the source gives nothing for `{place}`"
                    yield config.source_documents[name].problem(("corrections", number), what, did_you_mean(place, given))
            for place in sorted(set(entry.relabel.values()) - known):
                what = f"there is no place `{place}`"
                yield config.source_documents[name].problem(("corrections", number), what, did_you_mean(place, known))


def _patterns(config: Config) -> Iterator[Problem]:
    """A pattern for file names must be one, with one group: it is only used when a delivery comes, which may be at night."""
    for name, source in config.sources.items():
        pattern = source.issued_at.pattern if source.issued_at != "none" else None
        if pattern is None:
            continue
        path: Path_ = ("issued_at", "pattern")
        fix = "Write the moment in the name as one group, for example _(\\d{8}T\\d{4})."
        try:
            groups = re.compile(pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            yield config.source_documents[name].problem(path, f"`{pattern[:60]}` is not a regular expression: {error}", fix)
            continue
        if groups != 1:
            yield config.source_documents[name].problem(path, f"`{pattern[:60]}` has {groups} groups, one group is needed", fix)


def _intervals(config: Config) -> Iterator[Problem]:
    town, document = config.municipality, config.document
    lengths: list[tuple[Path_, timedelta]] = [(("interval",), town.interval)]
    for name, settings in town.indicators.items():
        path: Path_ = ("indicators", name)
        lengths += [((*path, "interval"), settings.interval)] if settings.interval else []
        for place, length in settings.place_intervals.items():
            lengths.append(((*path, "place_intervals", place), length))
            yield from _unknown_place(config, (*path, "place_intervals", place), place)
    for index, event in enumerate(town.events):
        lengths += [(("events", index, "interval"), event.interval)] if event.interval else []
        lengths += [(("events", index, "places", p, "interval"), c.interval) for p, c in event.places.items() if c.interval]
    for path, length in lengths:
        if not _divides_an_hour(length):
            what = f"{format_duration(length)} does not divide an hour into whole minutes"
            yield document.problem(path, what, "Choose for example 5min, 15min or 60min.")
    for name, source in config.sources.items():  # that its lengths divide an hour was checked on reading it
        if source.stored_interval % MINUTE:
            what = f"{format_duration(source.stored_interval)} is not a whole number of minutes"
            fix = "Say `aggregate_to:`, for example 1min or 15min."
            yield config.source_documents[name].problem(("aggregate_to" if source.aggregate_to else "interval",), what, fix)


def _divides_an_hour(length: timedelta) -> bool:
    return length % MINUTE == timedelta(0) and HOUR % length == timedelta(0)


def _unknown_place(config: Config, path: Path_, place: str) -> Iterator[Problem]:
    if place not in config.place_ids:
        yield config.document.problem(path, f"there is no place `{place}`", did_you_mean(place, config.place_ids))


def _events(config: Config) -> Iterator[Problem]:
    town = config.municipality
    usual = max(i for s in town.indicators.values() for i in (s.interval or town.interval, *s.place_intervals.values()))
    for index, event in enumerate(town.events):
        path: Path_ = ("events", index)
        for place in event.places:
            yield from _unknown_place(config, (*path, "places", place), place)
            rows = config.rows_of(place)
            if rows and not any(r.place.valid_from < event.to and (r.until is None or r.until > event.from_) for r in rows):
                what = f"place `{place}` does not exist during the event"
                fix = f"Correct the event, or valid_from near {rows[0].file}:{rows[0].line}."
                yield config.document.problem((*path, "places", place), what, fix)
        for moment, at in _moments(event):
            if _divides_an_hour(usual) and not _on_whole(config, at, usual):
                local, length = at.astimezone(config.tz).isoformat(timespec="minutes"), format_duration(usual)
                fix = f"Choose a whole multiple of {length} on the local clock."
                yield config.document.problem((*path, *moment), f"{local} lies inside an interval of {length}", fix)


def _moments(event: Event) -> Iterator[tuple[Path_, datetime]]:
    yield ("from",), event.from_
    yield ("to",), event.to
    for number, phase in enumerate(event.phases):
        yield ("phases", number, "from"), phase.from_
        yield ("phases", number, "to"), phase.to


def _on_whole(config: Config, at: datetime, length: timedelta) -> bool:
    local = at.astimezone(config.tz)
    since_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return since_hour % length == timedelta(0)


def _thresholds(config: Config) -> Iterator[Problem]:
    town, document = config.municipality, config.document
    types = {row.place.place_type for row in config.places if row.place.place_type}
    events = {event.event: event for event in town.events}
    for index, entry in enumerate(town.thresholds):
        path: Path_ = ("thresholds", index)
        if entry.place:
            yield from _unknown_place(config, (*path, "place"), entry.place)
        if entry.place_type and entry.place_type not in types:
            what = f"no place has place_type `{entry.place_type}`"
            yield document.problem((*path, "place_type"), what, did_you_mean(entry.place_type, types))
        if entry.event and entry.event not in events:
            yield document.problem((*path, "event"), f"there is no event `{entry.event}`", did_you_mean(entry.event, events))
        elif entry.event and entry.place and entry.place in config.place_ids and entry.place not in events[entry.event].places:
            what = f"event `{entry.event}` is not at place `{entry.place}`"
            fix = did_you_mean(entry.place, events[entry.event].places, "Add the place to the event.")
            yield document.problem((*path, "place"), what, fix)
        if entry.when:
            for where, what, fix in _selector_mistakes(entry.when):
                yield document.problem((*path, "when", *where), what, fix)


def _selector_mistakes(when: When) -> Iterator[tuple[Path_, str, str]]:
    if when.narrowness == 0 or when.weekdays == () or when.months == ():
        yield (), "a selector that selects nothing", "Name time, weekdays or months, or leave `when` out."
    for number, month in enumerate(when.months or ()):
        if not 1 <= month <= 12:
            yield ("months", number), f"`{month}` is not a month", "Write 1 to 12."
    if when.time:
        start, end = when.time.split("-")
        wrong = [t for t in (start, end) if int(t[3:]) > 59 or int(t[:2]) > 23]
        if start in wrong or (wrong and end != "24:00"):
            yield ("time",), f"`{when.time}` is not a stretch of the clock", "Write for example 18:00-23:00."
        elif start == end:
            yield ("time",), f"`{when.time}` is empty", "Leave `time` out to mean the whole day."


def _flags(config: Config) -> Iterator[Problem]:
    for index, flag in enumerate(config.municipality.flags):
        path: Path_ = ("flags", index)
        if flag.source not in config.sources:
            yield config.document.problem((*path, "source"), f"`{flag.source}` is not one of this municipality's sources",
                                          did_you_mean(flag.source, config.sources))  # fmt: skip
        for number, place in enumerate(flag.places):
            yield from _unknown_place(config, (*path, "places", number), place)
        contract = DATASETS.get(config.sources[flag.source].dataset) if flag.source in config.sources else None
        known = contract.measures if contract else flag.measures
        for number, measure in enumerate(flag.measures):
            if measure not in known:
                told = f"the source has no measure `{measure}`"
                yield config.document.problem((*path, "measures", number), told, did_you_mean(measure, known))
        if flag.to <= flag.from_:
            yield config.document.problem((*path, "to"), "`to` is not after `from`", "A flagged range ends after it begins.")
    for key in ("freezes", "frozen_periods"):
        for index, freeze in enumerate(getattr(config.municipality, key)):
            for number, place in enumerate(freeze.places):
                yield from _unknown_place(config, (key, index, "places", number), place)
