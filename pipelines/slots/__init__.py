"""Slots: observations brought up to the interval in force (rule 3), and measures worked out from several places.

A card names a measure; :func:`feeds` says which sources can give it here; :func:`slots_sql` gives one feed's slots.
"""

from pipelines.slots.bring_up import bucket
from pipelines.slots.feeds import Feed, Given, delivered_measures, feeds
from pipelines.slots.read import meet, slots_sql

__all__ = ["Feed", "Given", "bucket", "delivered_measures", "feeds", "meet", "slots_sql"]
