"""What a town would lose without a source: inputs, and the situations of the last month as they would have been.

Situations are not guessed at: on a copy of the workspace every slot in which the source had a say is computed again by a
configuration without it, settings and baselines as they stand, and the held levels are rerun. What then differs is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from indicators import neighbours
from indicators.card import Card
from indicators.situations import UNOBSERVED
from pipelines import composite, compute, situate, tick
from pipelines.plan import inputs
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

Row = dict[str, Any]
LOOK_BACK = timedelta(days=31)
TOLD = ("state", "level", "peak_level", "started_at", "ended_at", "leading_indicator")


@dataclass(frozen=True)
class Loss:
    """Everything is plain data; moments are UTC. ``since`` to ``at`` is the month of which the situations were judged again.

    ``judged``: False before the first run. ``inputs``: rows of :func:`pipelines.plan.inputs.lost`. ``situations``: those that were
    signalled and would not have been (``not_seen``), would have been otherwise (``differs``, with what it would have been under
    ``would_be``), or only then (``only_then``). ``data_end``: where the town's data end, when that is before the month.
    """

    municipality: str
    source: str
    since: datetime
    at: datetime
    inputs: list[Row] = field(default_factory=list)
    judged: bool = False
    situations_judged: int = 0
    situations: list[Row] = field(default_factory=list)
    data_end: datetime | None = None


def without(store: Store, config: Config, cards: Mapping[str, Card], source: str, at: datetime | None = None) -> Loss:
    """The loss of ``source``, looked at from ``at`` (aware; the last run when not given).

    ``store`` is a copy (:func:`pipelines.store.aside.copied`), and is used up by it. Raises KeyError for a source that is not there.
    """
    lesser = replace(config, sources={name: s for name, s in config.sources.items() if name != config.sources[source].source})
    slug = config.municipality.municipality
    (last,) = one(store.con.execute("SELECT max(as_of) FROM runs WHERE municipality = ?", [slug]))
    found = inputs.lost(config, lesser, cards, source)
    if last is None:
        moment = at or datetime.fromtimestamp(0, config.tz)
        return Loss(slug, source, moment - LOOK_BACK, moment, found)
    until = min(at or last, last)
    since = until - LOOK_BACK
    ended = _ended(store, slug, since)
    before = _situations(store, slug, since, until)
    _judge_again(store, config, lesser, cards, source, since, until, last)
    after = _situations(store, slug, since, until)
    return Loss(slug, source, since, until, found, True, len(before), [*_differences(before, after)], ended)


def _ended(store: Store, slug: str, since: datetime) -> datetime | None:
    """Where the data of a town end, when that is before the month looked at."""
    newest: datetime | None = one(store.con.execute(f"""SELECT max(interval_end) FROM {store.relation("observations")}
                                       WHERE municipality = '{slug}' AND delivery_id IS NOT NULL"""))[0]  # fmt: skip
    return newest if newest is not None and newest < since else None


def _judge_again(
    store: Store, config: Config, lesser: Config, cards: Mapping[str, Card], source: str, since: datetime, until: datetime, last: datetime
) -> None:  # fmt: skip
    """Compute the slots of the month that the source has a say in, without it; rerun held levels by the clock of the last run."""
    slug = config.municipality.municipality
    for table in ("dirty_cells", "dirty_levels", "waiting_slots"):
        store.con.execute(f"DELETE FROM {table} WHERE municipality = ?", [slug])
    store.con.execute(f"""
        INSERT INTO dirty_cells SELECT DISTINCT municipality, dataset, source, place, interval_start
        FROM {store.relation("observations", since, until)} WHERE municipality = '{slug}' AND source = '{source}'""")
    left = {card.id for card in compute.active_cards(lesser, cards)}
    for end in tick.chunks(store, config, last):
        with store.transaction():
            active = compute.reached(store, config, cards, at=last, until=end)
            compute.refresh_baselines(store, lesser, [card for card in active if card.id in left], last)
            for card in active:
                if composite.is_composite(card):
                    composite.todo(store, config, card, [c for c in active if not composite.is_composite(c)])
            compute.compute_cards(store, lesser, active, at=last, run_id="without", assume_arrival=False, restate=None)
            compute.let_go(store, config, active, at=last, until=end)
    with store.transaction():
        situate.update(store, lesser, cards, neighbours.pairs(lesser), "dirty_levels", at=last, origin="live", run_id="without")


def _situations(store: Store, slug: str, since: datetime, until: datetime) -> dict[str, Row]:
    """Situations that were signalled and went on inside the stretch, by id."""
    done = store.con.execute(
        """SELECT * FROM situations WHERE municipality = ? AND signalled_at IS NOT NULL AND state <> 'pending'
           AND started_at < ? AND coalesce(ended_at, ?) >= ? ORDER BY started_at, situation_id""",
        [slug, until, until, since],
    )
    names = [d[0] for d in done.description or ()]
    return {row["situation_id"]: row for row in (dict(zip(names, r, strict=True)) for r in done.fetchall())}


def _differences(before: Mapping[str, Row], after: Mapping[str, Row]) -> Iterator[Row]:
    """What became of each situation, by its id, which overlap keeps."""
    for name, row in before.items():
        other = after.get(name)
        if other is None:
            yield _told(row, "not_seen")
        elif would_be := {c: other[c] for c in TOLD if other[c] != row[c]} | _sight(row, other):
            yield {**_told(row, "differs"), "would_be": would_be}
    for name, row in after.items():
        if name not in before:
            yield _told(row, "only_then")


def _sight(row: Row, other: Row) -> Row:
    """Whether the situation would have lost sight (rule 15), or kept it."""
    now, then = UNOBSERVED in row["reasons"], UNOBSERVED in other["reasons"]
    return {"unobserved": then} if now != then else {}


def _told(row: Row, change: str) -> Row:
    named = ("situation_id", "group_id", "safety_risk", "place", "signalled_at", *TOLD)
    return {"change": change, **{name: row[name] for name in named}}
