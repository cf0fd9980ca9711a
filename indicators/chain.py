"""The settings in force as people read them: the whole chain of layers behind each number, and table ``thresholds``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from indicators import layers
from indicators.chosen import chosen
from indicators.effective import BandInForce, Resolver, active_at, resolver
from indicators.grammar import Card
from indicators.layers import Candidate, Entry
from indicators.local_clock import holds
from schemas.config import Config, PlaceRow
from schemas.settings import Event, When, format_duration

ALWAYS = "always"


@dataclass(frozen=True)
class ChainLink:
    """One layer's word on one setting. ``won``: it is in force; else a later link on the same name overrides it.

    ``what``: band, parameter, attribute or interval. ``text``: the value as people read it.
    """

    what: str
    name: str
    layer: str
    value: BandInForce | float | timedelta
    text: str
    file: str
    line: int
    won: bool
    owner: str | None = None
    decided_on: date | None = None
    review_by: date | None = None
    reason: str | None = None


def explain_chain(config: Config, card: Card, place: str, at: datetime) -> list[ChainLink]:
    """Every layer's word on every setting of ``card`` at ``place`` for a slot that starts at ``at``.

    Per setting in rising precedence, the one in force last. Empty when the place is not valid then, or the card is not
    for its kind or type. A moment before this version of the config is explained by the one that was in force then.
    """
    if config.before is not None and config.since is not None and at < config.since:
        earlier = config.before()
        return explain_chain(earlier, card, place, at) if chosen(earlier, {card.id: card}) else []
    works = resolver(config, card)
    row = next((r for r in config.rows_of(place) if r.holds(at)), None)
    if row is None or not works.can_apply(row):
        return []
    entries = works.entries_for(row)
    held = {e.threshold.when for e in entries if e.threshold.when and holds(e.threshold.when, at, config.tz)}
    events, active = active_at(config.events_of(place), entries, at, held)
    interval = works.interval(place, events)
    links: list[ChainLink] = []
    for name in layers.BAND_NAMES:
        candidates = layers.band_candidates(card, name, row.place.place_type, active)
        bands = [(c, works.in_force(name, c, interval)) for c in candidates]
        links += [_decided("band", name, c, (band, _band_text(band, card.unit)), won=c is candidates[-1]) for c, band in bands]
    for key, parameter in card.parameters.items():
        found = layers.parameter_candidates(card, key, active)
        links += [
            _decided("parameter", key, c, (float(c.value), f"{c.value:g} {parameter.unit}"), won=c is found[-1])  # type: ignore[arg-type]
            for c in found
        ]
    return [*links, *_weights(works, active), *_attributes(works, row, events), *_intervals(works, place, events)]


def _decided(what: str, name: str, c: Candidate, value: tuple[BandInForce | float, str], *, won: bool) -> ChainLink:
    t = c.entry.threshold if c.entry else None
    by = (t.owner, t.decided_on, t.review_by, t.reason) if t else (None, None, None, None)
    return ChainLink(what, name, c.layer, *value, c.file, c.line, won, *by)


def _band_text(band: BandInForce, unit: str) -> str:
    text = (
        f"enter {band.enter:g}, exit {band.exit:g} {unit}, for {band.for_minutes:g} min, keep for {band.keep_for_minutes:g} min"
    )
    return f"{text}, at once when {band.at_once}" if band.at_once else text


def _weights(works: Resolver, active: tuple[Entry, ...]) -> Iterator[ChainLink]:
    """Each weight of a card made of others, layer by layer; a layer replaces all of them."""
    if not works.composite:
        return
    config, card = works.config, works.card
    line = config.document.line(("indicators", card.id, "weights"))
    found = layers.weight_candidates(card, active)
    if works.weights:
        found.insert(0, Candidate("municipality", works.weights, None, config.file, line))
    given = [(c, c.value) for c in found if isinstance(c.value, dict)]
    for name in dict.fromkeys(part for _, parts in given for part in parts):
        for c, parts in given:
            weight = parts.get(name, 0.0)
            yield _decided("weight", name, c, (weight, f"{weight:g}"), won=c is found[-1])


def _attributes(works: Resolver, row: PlaceRow, events: tuple[Event, ...]) -> Iterator[ChainLink]:
    own, in_force = row.place.attributes(), works.attributes(row, events)
    for name in works.uses:
        found = [("place", own[name], row.file, row.line)] if name in own else []
        for event in events:
            changed = getattr(event.places[row.place.place], name)
            if changed is not None:
                found.append(
                    ("event", float(changed), works.config.file, _line(works.config, event, "places", row.place.place, name))
                )
        found.sort(key=lambda f: (f[0] == "event", -f[1]))  # of two events the smallest counts
        for layer, value, file, line in found:
            last = (layer, value, file, line) == found[-1]
            yield ChainLink("attribute", name, layer, value, f"{value:g}", file, line, last and in_force[name] == value)


def _intervals(works: Resolver, place: str, events: tuple[Event, ...]) -> Iterator[ChainLink]:
    config = works.config
    town, line = config.municipality, config.document.line
    settings = town.indicators.get(works.card.id)
    found = [("municipality", town.interval, line(("interval",)))]
    if settings and settings.interval:
        found.append(("indicator", settings.interval, line(("indicators", works.card.id, "interval"))))
    if settings and place in settings.place_intervals:
        found.append(("place", settings.place_intervals[place], line(("indicators", works.card.id, "place_intervals", place))))
    during = []
    for event in events:
        if own := event.places[place].interval:
            during.append(("event", own, _line(config, event, "places", place, "interval")))
        elif event.interval:
            during.append(("event", event.interval, _line(config, event, "interval")))
    found += sorted(during, key=lambda f: -f[1])  # of two events the finest counts
    for number, (layer, length, at_line) in enumerate(found, 1):
        yield ChainLink(
            "interval", "interval", layer, length, format_duration(length), config.file, at_line, number == len(found)
        )


def _line(config: Config, event: Event, *keys: str) -> int:
    number = config.municipality.events.index(event)
    return config.document.line(("events", number, *keys))


def threshold_rows(config: Config, cards: Mapping[str, Card], start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Rows of table ``thresholds`` that hold at ``start`` or begin before ``end``, for the indicators that are switched on.

    One row per place, band and period of unchanged settings, with ``selector`` ``always`` or ``event <id>``; and one
    per band that a threshold with a selector by clock or calendar replaces while that selector holds. The periods do
    not depend on ``start`` and ``end``; ``effective_to`` is None while no end is known.
    """
    found: list[dict[str, Any]] = []
    for card in chosen(config, cards).values():
        works = resolver(config, card)
        for row in (r for place in config.place_ids for r in config.rows_of(place) if works.can_apply(r)):
            found += _rows(works, row)
    begun = [r for r in found if r["effective_from"] < end or r["effective_from"] <= start]
    return [r for r in begun if r["effective_to"] is None or r["effective_to"] > start]


def _rows(works: Resolver, row: PlaceRow) -> list[dict[str, Any]]:
    events, entries = works.config.events_of(row.place.place), works.entries_for(row)
    low, high = row.place.valid_from, row.until
    moments = {t for e in events for t in (e.from_, e.to)} | {e.threshold.effective_from for e in entries}
    inside = sorted(t for t in moments if low < t and (high is None or t < high))
    selectors = list(dict.fromkeys(e.threshold.when for e in entries if e.threshold.when))
    place = {"municipality": works.config.municipality.municipality, "indicator": works.card.id, "place": row.place.place}
    rows: list[dict[str, Any]] = []
    for begin, until in pairwise([low, *inside, high]):
        assert begin is not None
        for selector, name, band in _bands_by_selector(works, row, selectors, begin):
            columns = {key: value for key, value in vars(band).items() if key != "event"}
            content = {**place, "band": name, "selector": selector, **columns}
            _add(rows, content, begin, until)
    return rows


def _bands_by_selector(
    works: Resolver, row: PlaceRow, selectors: list[When], at: datetime
) -> Iterator[tuple[str, str, BandInForce]]:
    """Selector, band name and band at a moment: the usual ones, and what each clock or calendar selector makes different."""
    events, entries = works.config.events_of(row.place.place), works.entries_for(row)
    usual: dict[str, BandInForce] = {}
    for when in (None, *selectors):
        settings = works.at(row, events, entries, at, () if when is None else (when,))
        bands = settings.bands if settings else {}
        if when is None:
            usual = bands
        for name, band in bands.items():
            if when is not None and band != usual.get(name):
                yield describe(when), name, band
            elif when is None:
                yield f"event {band.event}" if band.event else ALWAYS, name, band


def _add(rows: list[dict[str, Any]], content: dict[str, Any], begin: datetime, until: datetime | None) -> None:
    """Append a row, or prolong the one before when it says the same."""
    for earlier in reversed(rows):
        if earlier["effective_to"] == begin and all(earlier[key] == value for key, value in content.items()):
            earlier["effective_to"] = until
            return
    rows.append({**content, "effective_from": begin, "effective_to": until})


def describe(when: When) -> str:
    """A selector in words that stay the same: ``time 18:00-23:00, weekdays fri sat, months 6 7``."""
    parts = [f"time {when.time}"] if when.time else []
    parts += [f"weekdays {' '.join(when.weekdays)}"] if when.weekdays else []
    parts += [f"months {' '.join(map(str, when.months))}"] if when.months else []
    return ", ".join(parts)
