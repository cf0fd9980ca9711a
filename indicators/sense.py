"""Do a municipality's numbers make sense? Edges that no crowd can reach, edges far from the generic ones, and loosenings.

An edge outside what its unit can mean is a mistake. One that is far from the card's, or looser, is the town's to choose: it is told,
and its reason must say something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from indicators.chosen import chosen
from indicators.grammar import Card
from schemas.config import Config
from schemas.problems import Problem
from schemas.settings import Threshold

#: The largest edge that means anything, by the unit of a card. Density: over 8 p/m² nobody has been counted alive for long (Fruin 1993);
#: flow: 130 p/m/min is beyond the fastest columns; walking: 3 m/s is running.
MOST = {
    "p/m²": 10.0, "p/m/min": 130.0, "m/s": 3.0, "km/h": 200.0, "min": 1440.0, "ratio": 10.0, "points": 100.0, "class": 10.0,
    "p/min": 100_000.0, "p": 10_000_000.0, "-": 100.0,
}  # fmt: skip
FAR = 1.5  # times, or a part of, the generic edge
_ATTRIBUTES_THAT_LOOSEN = ("usable_area", "capacity", "effective_width")
_SAYS_NOTHING = re.compile(
    r"^[\W_]*(?:todo|tbd|n/?a|none|test|xx+|placeholder|to be (?:decided|determined|filled in)|nader te bepalen|n\.?t\.?b|volgt|later|geen)\b[\W_]*"
    r"(?:todo|tbd|reason|reden|here|hier|later|[\W_x])*$",
    re.IGNORECASE,
)


def mistakes(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """Edges beyond physical sense; a loosening, or a value far from the generic one, whose reason says nothing."""
    for number, entry in enumerate(config.municipality.thresholds):
        card = chosen(config, cards).get(entry.indicator)
        if card is None:
            continue
        most = MOST.get(card.unit)
        for name, band in entry.bands.items():
            for key, value in (("enter", band.enter), ("exit", band.exit)):
                if value is not None and (value < 0 or (most is not None and value > most)):
                    range_ = "is under 0" if most is None else f"lies outside 0 to {most:g}"
                    what = f"{value:g} {card.unit} makes no sense for `{card.id}`: it {range_}"
                    path = ("thresholds", number, "bands", name, key)
                    yield config.document.problem(path, what, "Correct the value, or its unit.")
        told = list(_told(config, card, entry))
        if told and (_SAYS_NOTHING.match(entry.reason) or len(entry.reason.split()) < 2):
            what = f"{told[0]}, and `{entry.reason}` gives no reason"
            yield config.document.problem(("thresholds", number, "reason"), what, "Say why this may be so here, in a sentence.")


def notes(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """What a person should look at: loosenings and far values with their reason, and events that loosen without one."""
    for number, entry in enumerate(config.municipality.thresholds):
        card = chosen(config, cards).get(entry.indicator)
        for what in _told(config, card, entry) if card else ():
            yield config.document.problem(("thresholds", number), what, f"Stated reason: {entry.reason}")
    for number, event in enumerate(config.municipality.events):
        for place, during in event.places.items():
            rows = config.rows_of(place)
            for name in _ATTRIBUTES_THAT_LOOSEN:
                own, changed = getattr(rows[-1].place, name) if rows else None, getattr(during, name)
                if own is not None and changed is not None and changed > own and not during.reason:
                    what = f"{name} {changed:g} during the event loosens what holds otherwise, {own:g}, without a reason"
                    path = ("events", number, "places", place, name)
                    yield config.document.problem(path, what, "Add `reason:` beside it, or correct it.")


def _told(config: Config, card: Card, entry: Threshold) -> Iterator[str]:
    """How the bands of an entry lie to the card's own, where that is worth a word."""
    sign = 1 if card.direction == "up" else -1
    for name, band in entry.bands.items():
        generic = [bands[name].enter for kind in _types(config, card, entry) if name in (bands := card.bands_for(kind) or {})]
        if not generic:
            continue
        loosest = max(generic, key=lambda e: sign * e)
        if sign * band.enter > sign * loosest:
            yield f"{name} of `{card.id}` is loosened: {band.enter:g} {card.unit} instead of {loosest:g}"
        elif any(e > 0 and not 1 / FAR <= band.enter / e <= FAR for e in generic):
            yield f"{name} of `{card.id}` is far from the generic {generic[0]:g} {card.unit}: {band.enter:g}"


def _types(config: Config, card: Card, entry: Threshold) -> set[str | None]:
    if entry.place:
        return {row.place.place_type for row in config.rows_of(entry.place)}
    if entry.place_type:
        return {entry.place_type}
    return {row.place.place_type for row in config.places if row.place.kind in card.applies_to.kinds}
