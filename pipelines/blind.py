"""What a town cannot see: places without data, cards without a source, attributes that lack, intervals that are too coarse.

A board shows what is measured; this is the rest, so that nobody takes silence for calm. It follows from settings and cards
alone: what holds outside events, for as long as a place is as it is declared. Of one card at one place only the first
obstacle is told; where a place has no data at all, that is the only thing told about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import duckdb

from indicators import card_check, formula
from indicators.chosen import chosen
from indicators.effective import Resolver, resolver
from indicators.grammar import SEVERITY, Cap, Card
from pipelines.slots import Feed, feeds
from pipelines.slots.members import members
from schemas import words
from schemas.config import Config, PlaceRow
from schemas.settings import format_duration

#: Kinds, the widest first; their sentences stand in ``schemas/words.yaml``.
KINDS = (
    "no_source",
    "not_possible",
    "not_chosen",
    "no_data",
    "no_input",
    "attribute_missing",
    "events_only",
    "setting_missing",
    "too_coarse",
    "level_capped",
)
MINUTE = timedelta(minutes=1)

Row = dict[str, Any]


def spots(config: Config, cards: Mapping[str, Card]) -> list[Row]:
    """Rows of table ``blind_spots`` for one municipality, the widest kind first, then by place and indicator."""
    sight = Sight(config)
    used = chosen(config, cards)
    found = [*_not_used(sight, {name: c for name, c in cards.items() if name not in used}), *_without_data(sight, used)]
    dark = {(row["place"], row["valid_from"]) for row in found if row["blind_spot"] == "no_data"}
    lit = [row for row in config.places if (row.place.place, row.place.valid_from) not in dark]
    for card in used.values():
        found += _at_places(sight, card, lit)
    return sorted(
        found, key=lambda r: (KINDS.index(r["blind_spot"]), r["place"] or "", r["indicator"] or "", str(r["valid_from"]))
    )


class Sight:
    """Where a municipality's sources count, as far as inputs of cards ask for it."""

    def __init__(self, config: Config):
        self.config = config
        self.counted = {name: frozenset(source.place.map.values()) for name, source in config.sources.items()}
        self._feeds: dict[tuple[str, ...], list[tuple[Feed, frozenset[str]]]] = {}
        self._set: dict[tuple[str, str | None, tuple[int, ...]], bool] = {}

    def of(self, references: tuple[str, ...]) -> list[tuple[Feed, frozenset[str]]]:
        """Each feed of an input ``from: references`` with the places that it reaches."""
        if references not in self._feeds:
            self._feeds[references] = [(feed, self._places(feed)) for feed in feeds(self.config, references)]
        return self._feeds[references]

    def _places(self, feed: Feed) -> frozenset[str]:
        """Where the feed gives a value; a place made of others only where each of those is counted: no partial totals."""
        there: frozenset[str] = frozenset().union(*(self.counted[g.source] for g in feed.given))
        if not feed.over_places:
            return there
        found = members(self.config, feed)
        return frozenset(m.place for m in found) - {m.place for m in found if m.member not in there}

    def settings_complete(self, works: Resolver, row: PlaceRow) -> bool:
        """Whether parameters, weights and bands are set; the same for all places of a type with the same thresholds."""
        key = (works.card.id, row.place.place_type, tuple(e.number for e in works.entries_for(row)))
        if key not in self._set:
            self._set[key] = works.can_judge(row)
        return self._set[key]


def _not_used(sight: Sight, others: Mapping[str, Card]) -> Iterator[Row]:
    """Cards that are not switched on, for a kind of place there is here: for want of a source or attribute, or by choice."""
    config = sight.config
    kinds = {row.place.kind for row in config.places}
    for card in others.values():
        if "." in card.id or not kinds & set(card.applies_to.kinds):
            continue
        lacking = [references for references in _inputs(card) if not feeds(config, references)]
        if lacking:
            yield _row(config, "no_source", card=card, lacks=[" / ".join(references) for references in lacking])
            continue
        works = resolver(config, card)
        obstacles = [_obstacle(sight, works, row) for row in config.places if works.can_apply(row)]
        if not obstacles:  # links, but none is marked as the type of link the card is for
            types = [t for kind, narrowed in card.applies_to.place_types.items() if kind in kinds for t in narrowed]
            yield _row(config, "not_possible", card=card, lacks=types)
        elif all(o and o[0] not in ("setting_missing", "events_only") for o in obstacles):
            yield _row(
                config, "not_possible", card=card, lacks=list(dict.fromkeys(name for o in obstacles if o for name in o[1]))
            )
        else:
            yield _row(config, "not_chosen", card=card)


def _inputs(card: Card) -> list[tuple[str, ...]]:
    """What each input is read from; other indicators are not data."""
    return [given.from_ for given in card.inputs.values() if SEVERITY not in given.from_]


def _without_data(sight: Sight, used: Mapping[str, Card]) -> Iterator[Row]:
    """Places about which no source says anything, not even through other places."""
    reached = set().union(*sight.counted.values()) if sight.counted else set()
    for references in (references for card in used.values() for references in _inputs(card)):
        reached |= {place for _, places in sight.of(references) for place in places}
    for row in sight.config.places:
        if row.place.place not in reached:
            yield _row(sight.config, "no_data", at=row)


def _at_places(sight: Sight, card: Card, rows: Iterable[PlaceRow]) -> Iterator[Row]:
    works = resolver(sight.config, card)
    left = []
    for row in (r for r in rows if works.can_apply(r)):
        obstacle = _obstacle(sight, works, row)
        if obstacle:
            yield _row(sight.config, obstacle[0], at=row, card=card, lacks=obstacle[1])
        else:
            left.append(row)
    for cap in card.caps:
        for row in _capped(works, cap, left):
            reason = {lang: words.word("reason", cap.reason, lang) for lang in ("nl", "en")}
            yield _row(sight.config, "level_capped", at=row, card=card, lacks=[cap.at], reason=reason)


def _obstacle(sight: Sight, works: Resolver, row: PlaceRow) -> tuple[str, list[str]] | None:
    """The first thing that keeps a card from judging a place, and what is lacking; None when nothing does."""
    card, place = works.card, row.place.place
    inputs = _inputs(card)
    unseen = [references for references in inputs if not any(place in places for _, places in sight.of(references))]
    if unseen:
        return "no_input", [" / ".join(references) for references in dict.fromkeys(unseen)]
    needed = [name for name in works.uses if name not in card.optional]
    ever, usually = works.attributes(row, sight.config.events_of(place)), works.attributes(row, ())
    if lacking := [name for name in needed if name not in ever]:
        return "attribute_missing", lacking
    if lacking := [name for name in needed if name not in usually]:
        return "events_only", lacking
    interval = works.interval(place, ())
    most = card.applies_to.max_interval
    if most and interval > most:
        return "too_coarse", [f"{format_duration(interval)} > {format_duration(most)}"]
    for references in inputs:
        steps = [g.step_minutes for feed, places in sight.of(references) if place in places for g in feed.given]
        if all(interval // MINUTE % step for step in steps):
            return "too_coarse", [f"{format_duration(min(steps) * MINUTE)} > {format_duration(interval)}"]
    return None if sight.settings_complete(works, row) else ("setting_missing", _unset(works, row))


def _unset(works: Resolver, row: PlaceRow) -> list[str]:
    """Settings without which a card says nothing at a place: parameters without a default, weights, bands."""
    card = works.card
    given = {name for entry in works.entries_for(row) for name in entry.threshold.params}
    unset = [name for name, parameter in card.parameters.items() if parameter.required and name not in given]
    if works.composite and not works.weights_in_force(works.entries_for(row)):
        unset.append("weights")
    return unset or ["bands"]


def _capped(works: Resolver, cap: Cap, rows: list[PlaceRow]) -> list[PlaceRow]:
    """Places at which a cap always holds: those caps that depend on the place and the interval alone."""
    card = works.card
    names = ("interval_minutes", *card.attributes)
    used = next(expression for path, expression in _cap_expressions(card) if card.caps[path] is cap)
    if not rows or not used.names <= set(names):
        return []
    columns = ", ".join(f'"{name}"' for name in names)
    values = []
    for index, row in enumerate(rows):
        known = {"interval_minutes": works.interval(row.place.place, ()) // MINUTE, **works.attributes(row, ())}
        values.append(f"({index}, {', '.join(str(known.get(name, 'NULL::DOUBLE')) for name in names)})")
    condition = formula.render(used.tree, {})
    with duckdb.connect() as con:
        text = f"SELECT i FROM (VALUES {', '.join(values)}) t(i, {columns}) WHERE ({condition}) IS TRUE ORDER BY i"
        return [rows[index] for (index,) in con.execute(text).fetchall()]


def _cap_expressions(card: Card) -> Iterator[tuple[int, formula.Expression]]:
    for path, text, kind, names in card_check.expressions(card):
        if path[0] == "caps":
            yield int(path[1]), formula.parse_expression(text, names, kind)


def _row(
    config: Config, kind: str, *, at: PlaceRow | None = None, card: Card | None = None, lacks: list[str] | None = None,
    reason: Mapping[str, str] | None = None,
) -> Row:  # fmt: skip
    """One row; ``lacks`` names what would have to come."""
    town = config.municipality

    def said(lang: str) -> str:
        missing = ", ".join(_in_words(kind, name, lang) for name in lacks or ())
        parts = {"place": at.place.name if at else "", "indicator": getattr(card.title, lang) if card else "", "lacks": missing}
        return words.word("blind_spot", kind, lang).format(**parts, reason=(reason or {}).get(lang, ""))

    return {
        "municipality": town.municipality, "blind_spot": kind, "place": at.place.place if at else None,
        "indicator": card.id if card else None, "lacks": lacks or [], "explanation_nl": said("nl"), "explanation_en": said("en"),
        "valid_from": at.place.valid_from if at else None, "valid_to": at.until if at else None,
        "file": at.file if at else config.file, "line": at.line if at else config.document.line(("indicators",)),
    }  # fmt: skip


def _in_words(kind: str, name: str, lang: str) -> str:
    return words.word("level", name, lang) if kind == "level_capped" else name
