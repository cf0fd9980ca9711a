"""Slots: observations brought up to the interval in force (rule 3), and measures worked out from several places.

A card names a measure; :func:`feeds` says which sources can give it here; :func:`slots_sql` gives one feed's slots, and
:class:`Slots` works them out once for all cards.
"""

from pipelines.slots.bring_up import bucket
from pipelines.slots.feeds import Feed, Given, delivered_measures, feeds
from pipelines.slots.kept import LONGEST, Asked, Slots, asked
from pipelines.slots.over_places import choice_sql
from pipelines.slots.read import slots_sql

__all__ = [
    "LONGEST",
    "Asked",
    "Feed",
    "Given",
    "Slots",
    "asked",
    "bucket",
    "choice_sql",
    "delivered_measures",
    "feeds",
    "slots_sql",
]
