"""Where counts of persons can be added up at all: places counted in more ways than one. Most towns have none, and pay nothing."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from functools import lru_cache

from pipelines.slots import delivered_measures
from pipelines.withhold import person_measures
from schemas.config import Config
from schemas.settings.place import LEADING_SOMEWHERE

_AT_STOPS, _IN_ZONES = {"boarding", "alighting"}, {"present"}


@lru_cache(maxsize=8)
def places(config: Config) -> frozenset[str]:
    """Places of which a published count can stand in a sum with another one (:mod:`pipelines.privacy.relations`)."""
    counted: dict[str, set[str]] = defaultdict(set)
    sources: dict[str, list[str]] = defaultdict(list)
    for source in config.sources.values():
        measures = set(person_measures(delivered_measures(source)))
        for place in set(source.place.map.values()) if measures else ():
            counted[place] |= measures
            sources[place].append(source.source)
    found = {place for place, several in sources.items() if len(several) > 1 and not counted[place] <= _AT_STOPS}
    found |= {place for place, measures in counted.items() if {"count_total", "count_in"} <= measures}
    for row in config.places:
        if row.place.kind in LEADING_SOMEWHERE and row.place.place in counted:
            ends = {zone for zone in (row.place.from_zone, row.place.to_zone) if zone and counted[zone] & (_AT_STOPS | _IN_ZONES)}
            found |= {row.place.place, *ends} if ends else set()
    return frozenset(found)


@lru_cache(maxsize=8)
def longest(config: Config) -> timedelta:
    """The longest interval of any source."""
    return max((s.stored_interval for s in config.sources.values()), default=timedelta(hours=1))
