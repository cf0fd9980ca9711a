"""Which run is due: the municipality's pace, or an event's faster one while it lasts.

One frequent schedule wakes the pipeline; this calendar decides what is due (decision 4.7). Runs fall on whole
multiples of the pace on the clock, so a run that came late does not shift the ones after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipelines.store.rows import one
from schemas.settings import Municipality

if TYPE_CHECKING:
    from pipelines.store import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pace(municipality: Municipality, at: datetime) -> timedelta:
    """How often a run is due at ``at``: the fastest of the municipality's pace and that of each event in [from, to)."""
    events = (e.pace for e in municipality.events if e.pace and e.from_ <= at < e.to)
    return min([municipality.pace, *events])


def due(municipality: Municipality, at: datetime, last_run_at: datetime | None) -> bool:
    """Whether a run is due at ``at``, given the moment the last run was for (None: there was none)."""
    return last_run_at is None or last_run_at < _on_the_clock(at, pace(municipality, at))


def last_run_at(store: Store, slug: str) -> datetime | None:
    """The latest moment a live run of a municipality was for, from the ledger; None before the first."""
    latest: datetime | None = one(
        store.con.execute("SELECT max(as_of) FROM runs WHERE municipality = ? AND verb = 'run'", [slug])
    )[0]
    return latest


def finest(municipalities: Iterable[Municipality], after: datetime) -> timedelta:
    """How often to wake so that no due moment is missed: the largest step that fits all paces of events after ``after``.

    With paces of 15 and 10 minutes that is 5. Events that ended before do not count.
    """
    paces = [p for m in municipalities for p in (m.pace, *(e.pace for e in m.events if e.pace and e.to > after))]
    return timedelta(seconds=math.gcd(*(int(p.total_seconds()) for p in paces)))


def _on_the_clock(at: datetime, step: timedelta) -> datetime:
    """The last whole multiple of ``step`` up to and including ``at``."""
    return at - (at - _EPOCH) % step
