"""Which indicators at which places a source feeds, and what is left to them without it: rule 9 by declaration, not by data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from indicators.card import Card
from indicators.chosen import chosen
from indicators.effective import Resolver, resolver
from indicators.grammar import SEVERITY
from pipelines import composite
from pipelines.blind import Sight
from pipelines.slots import Feed, members
from schemas.config import Config, PlaceRow

Row = dict[str, Any]
#: The worst first; sentences for them stand in ``texts.yaml``.
LOSSES = ("lost", "too_coarse", "part_lost", "coarser", "other_source", "reserve_lost")
MINUTE = timedelta(minutes=1)


def lost(config: Config, lesser: Config, cards: Mapping[str, Card], source: str) -> list[Row]:
    """A row per indicator, place and input that ``source`` feeds; ``lesser`` is the configuration without it.

    ``loss``: ``lost`` (nothing feeds a needed input any more), ``too_coarse`` (what is left counts no slots of the interval in
    force), ``part_lost`` (an input that may lack, or a part of a weighted sum), ``coarser``, ``other_source`` (the next by
    rank), ``reserve_lost`` (it was not the first choice). ``interval_minutes`` is the one in force outside events.
    """
    both = Sight(config), Sight(lesser)
    rows = [row for row in config.places if row.until is None] or list(config.places)
    used = chosen(config, cards).values()
    found = [
        one for card in used if not composite.is_composite(card)
        for works in (resolver(config, card),) for row in rows if works.can_judge(row)
        for one in _at_place(both, works, row, source)
    ]  # fmt: skip
    gone = {(r["indicator"], r["place"]) for r in found if r["loss"] in ("lost", "too_coarse")}
    for card in used:
        if composite.is_composite(card):
            found += _of_parts(config, card, gone)
    return sorted(found, key=lambda r: (LOSSES.index(r["loss"]), r["indicator"], r["place"], r["input"]))


def _at_place(both: tuple[Sight, Sight], works: Resolver, row: PlaceRow, source: str) -> Iterator[Row]:
    card, place = works.card, row.place.place
    minutes = works.interval(place, ()) // MINUTE
    for name, given in card.inputs.items():
        if SEVERITY in given.from_:
            continue
        before, after = ([f for f, places in sight.of(given.from_) if place in places] for sight in both)
        fed = [feed for feed in before if source in feed.sources and _counts(both[0].config, feed, place, source)]
        if not fed:
            continue
        loss, left = _loss(before, after, fed, minutes, needed=name not in card.optional)
        yield {
            "indicator": card.id, "place": place, "input": name, "loss": loss, "from_source": fed[0].source,
            "to_source": left.source if left else None, "interval_minutes": minutes,
            "from_minutes": min(g.step_minutes for g in fed[0].given if g.source == source),
            "to_minutes": left.step_minutes if left else None,
        }  # fmt: skip


def _counts(config: Config, feed: Feed, place: str, source: str) -> bool:
    """Whether the source itself counts for the place, or for one of those the place is made of."""
    counted = set(config.sources[source].place.map.values())
    if not feed.over_places:
        return place in counted
    return any(m.member in counted for m in members.members(config, feed) if m.place == place)


def _loss(before: list[Feed], after: list[Feed], fed: list[Feed], minutes: int, *, needed: bool) -> tuple[str, Feed | None]:
    """What is lost, and the feed that counts then."""
    if not after:
        return ("lost" if needed else "part_lost"), None
    left = after[0]
    if before[0] is not fed[0]:
        return "reserve_lost", left
    if all(minutes % feed.step_minutes for feed in after):
        return "too_coarse", left
    return ("coarser" if left.step_minutes > fed[0].step_minutes else "other_source"), left


def _of_parts(config: Config, card: Card, gone: set[tuple[str, str]]) -> Iterator[Row]:
    """A card made of others where one of those it weighs is gone."""
    named = composite.parts(config, card)
    for place in sorted({place for indicator, place in gone if indicator in named}):
        rows = config.rows_of(place)
        if not rows or not resolver(config, card).can_apply(rows[-1]):
            continue
        for part in sorted(i for i, p in gone if p == place and i in named):
            yield {"indicator": card.id, "place": place, "input": part, "loss": "part_lost", "from_source": part, "to_source": None,
                   "interval_minutes": None, "from_minutes": None, "to_minutes": None}  # fmt: skip
