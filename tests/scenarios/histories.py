"""Random histories of small random towns: the same deliveries in any order, split, doubled, over stops and seals.

The towns are those of the oracle (:mod:`tests.oracle.worlds`): every kind of place, several sources at one place, two paces, events,
outages, refused and empty cells, revisions, a night in which the clock changes; and towns with nine weeks of history for baselines.
A history costs a second: taking in is a pure function of a file and its declaration, so each file is read once a town and what
came of it kept (:func:`reading_once`); and where not asked for it whole, a tick looks for no faults in the data and publishes nothing:
both follow from the tables.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from indicators.card import Card, catalogue
from indicators.grammar import SEVERITY
from pipelines import quality
from pipelines import tick as ticking
from pipelines.intake import arrivals
from pipelines.store import Store
from schemas.config import Config, load
from schemas.results import TABLES
from tests.oracle.worlds import deliver, draw, past
from tests.oracle.worlds.shapes import Delivery, Source, Town

COMPARED = ("observations", "indicator_values", "situations", "baselines")
LEFT_OUT = {"recorded_at", "run_id", "delivery_id", "revision", "situation_id", "group_id", "signalled_at"}
# Cards that stir each other's slots, a few at a time: a world is quick, and all worlds together hold every card.
GROUPS = (
    ("density", "growth", "arrival_share"), ("gate_balance", "specific_flow", "net_inflow"), ("density", "occupancy", "weighted_risk"),
    ("concentration", "walking_speed", "jam_suspect"), past.INDICATORS, ("gate_balance", "occupancy", "counterflow"),
    ("parking_fill", "stop_load", "vehicle_crowding"), ("speed_drop", "od_pressure", "emergency_route_blocked"),
    ("queue_time", "egress_time", "time_to_capacity"),
)  # fmt: skip
SOURCES = (1, 2, 2, 3)  # in one world
State = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Sent:
    """A delivery on its way: the rows of one source that come as one file."""

    source: Source
    delivery: Delivery

    def write(self, data: Path, name: str) -> None:
        """Put the file into a data folder."""
        one = replace(self.source, deliveries=[replace(self.delivery, name=name)])
        deliver.files(one, data / self.source.name)


@dataclass
class World:
    """A town with a workspace to begin from, and the deliveries that then come."""

    town: Town
    folder: Path
    config: Config
    sent: list[Sent]
    last: datetime


def with_past(seed: int) -> bool:
    """Whether the world of a seed has weeks of history behind it."""
    return GROUPS[seed % len(GROUPS)] is past.INDICATORS


def world(seed: int, folder: Path) -> World:
    """A town made from a seed, the same each time, and what happened in it before the histories begin."""
    town = past.town(seed, 1) if with_past(seed) else draw.town(seed, 1, GROUPS[seed % len(GROUPS)])
    datasets = _datasets(town)
    rng = random.Random(seed)
    _fewer_sources(town, datasets, rng)
    end = town.end + timedelta(hours=1)  # nothing is expected after it, however late the last tick
    town.places = {
        place: [*periods[:-1], replace(periods[-1], end=min(periods[-1].end or end, end))]
        for place, periods in town.places.items()
    }
    sent = [Sent(source, delivery) for source in town.sources for delivery in _issued(town, source)]
    before: list[Sent] = []
    if with_past(seed):  # the weeks until the last days have come before; what was late of them has not
        before = [s for s in sent if s.delivery.name.endswith(("-0", "-1"))]
        sent = [s for s in sent if s not in before]
    for source in town.sources:
        source.deliveries = []
    config_folder, data = deliver.write(town, folder)
    made = World(town, folder, load(config_folder, deliver.SLUG, data), sent, town.end + timedelta(days=3, hours=1))
    with Store(folder / "begin") as store:
        for one in before:
            one.write(data, one.delivery.name)
        if before:
            _tick(made, store, max(one.delivery.issued for one in before))
        store.con.execute("CHECKPOINT")
    shutil.copytree(data, folder / "before")
    return made


def _datasets(town: Town) -> set[str]:
    """Datasets that a card of the town reads."""
    cards = catalogue()
    used = [cards[name] for name in town.indicators]
    if any(SEVERITY in given.from_ for card in used for given in card.inputs.values()):
        used += [cards[name] for name in town.weights if name in town.indicators]
    return {reference.split(".")[0] for card in used for given in card.inputs.values() for reference in given.from_}


def _fewer_sources(town: Town, datasets: set[str], rng: random.Random) -> None:
    """Keep a few of the sources that the cards read, of each dataset one at least; the flags of the others go with them."""
    read = [s for s in town.sources if s.dataset in datasets]
    kept = [rng.choice([s for s in read if s.dataset == name]) for name in sorted({s.dataset for s in read})]
    rng.shuffle(kept)
    most = rng.choice(SOURCES)
    kept = kept[:most]
    others = [s for s in read if s not in kept and s.dataset in {k.dataset for k in kept}]
    kept += rng.sample(others, min(len(others), max(0, most - len(kept))))
    town.sources = [s for s in town.sources if s in kept]
    town.flags = [f for f in town.flags if f.source in {s.name for s in kept}]


def _issued(town: Town, source: Source) -> list[Delivery]:
    """Deliveries of a source: its three parts, each issued soon after its last row, and a revision some hours later."""
    found = []
    revisions = [d for d in source.deliveries if d.name.endswith(("-3", "-4"))]
    for number, delivery in enumerate(d for d in source.deliveries if d not in revisions[1:]):
        last = max(row.start for row in delivery.rows) + timedelta(minutes=source.minutes)
        late = town.end + timedelta(hours=number) if delivery.name.endswith(("-3", "-4")) else last
        found.append(replace(delivery, issued=late + timedelta(minutes=6 + number)))
    return found


# --- one history ------------------------------------------------------------------------------------------------------


def moments(world: World, rng: random.Random) -> list[datetime]:
    """When ticks are: during the window or days after it (older days are sealed then), always the last."""
    span = world.town.end - (early := max(world.town.start, world.town.end - timedelta(days=2)))
    some = [early + span * rng.random() for _ in range(rng.randint(0, 1))]
    some += [world.town.end + timedelta(hours=rng.choice((1, 5, 30, 60))) for _ in range(rng.randint(1 - len(some), 1))]
    return sorted({m.replace(second=0, microsecond=0) for m in some} | {world.last})


def history(world: World, rng: random.Random) -> list[tuple[datetime, list[tuple[Sent, str]]]]:
    """Per tick its moment and the files that come before it: out of order, some split, some doubled."""
    batches: list[tuple[datetime, list[tuple[Sent, str]]]] = [(moment, []) for moment in moments(world, rng)]
    for sent in world.sent:
        parts = [sent]
        if len(sent.delivery.rows) > 1 and rng.random() < 0.3:
            parts = _split(sent, rng.randrange(2))
        named = [(part, f"{'part' * (len(parts) > 1)}{n}-{sent.delivery.name}") for n, part in enumerate(parts)]
        if rng.random() < 0.15:
            named.append((sent, f"again-{sent.delivery.name}"))
        for one in named:
            rng.choice([files for moment, files in batches if moment >= sent.delivery.issued]).append(one)
    for _, files in batches:
        rng.shuffle(files)
    return batches


def _split(sent: Sent, variant: int) -> list[Sent]:
    """The delivery as two; the rows of one place and interval stay together (rule 11), and there are two ways to cut."""
    rng = random.Random(variant)
    keys = sorted({(row.start, row.place) for row in sent.delivery.rows})
    first = {key: rng.random() < 0.5 for key in keys}
    if len(set(first.values())) == 1:
        first[keys[0]] = not first[keys[0]]
    parts = ([row for row in sent.delivery.rows if first[row.start, row.place] is side] for side in (True, False))
    return [replace(sent, delivery=replace(sent.delivery, rows=rows)) for rows in parts]


def play(
    world: World, workspace: Path, batches: list[tuple[datetime, list[tuple[Sent, str]]]], *, whole: bool = False,
    before: Callable[[datetime], Any] | None = None, done: Callable[[ticking.Summary], Any] | None = None,
) -> list[tuple[datetime, State]]:  # fmt: skip
    """Let it happen in a new workspace; returns the moment of each tick and the tables after it.

    ``before`` is called with the moment of each tick when its files are there, ``done`` with what it did.
    """
    shutil.copytree(world.folder / "begin", workspace)
    shutil.rmtree(world.config.data)
    shutil.copytree(world.folder / "before", world.config.data)
    seen = []
    for at, files in batches:
        for index, (sent, name) in enumerate(files):
            sent.write(world.config.data, f"{index}-{name}")
        if before:
            before(at)
        with Store(workspace) as store:  # opened anew each time: a restart between any two ticks changes nothing
            summary = _tick(world, store, at, whole=whole)
            if done:
                done(summary)
            seen.append((at, state(store.con, stored(store))))
    return seen


def _tick(world: World, store: Store, at: datetime, *, whole: bool = False) -> ticking.Summary:
    """One run; what follows from the tables alone and is not compared is left out unless it is to be ``whole``."""
    store.con.execute("SET threads=1")  # so little data is done sooner by one
    rooms: tuple[tuple[Any, str], ...] = () if whole else ((ticking, "publish"), (quality, "look_now"), (quality, "close_days"))
    real = [getattr(room, name) for room, name in rooms]
    for room, name in rooms:
        setattr(room, name, _not_now)
    try:
        return ticking.tick(store, world.config, cards(), at=at)
    finally:
        for (room, name), step in zip(rooms, real, strict=True):
            setattr(room, name, step)


def _not_now(*_: Any) -> None:
    return None


def cards() -> dict[str, Card]:
    """The catalogue, read once."""
    if not _CARDS:
        _CARDS.update(catalogue())
    return _CARDS


_CARDS: dict[str, Card] = {}


@contextmanager
def reading_once() -> Iterator[dict[Any, Any]]:
    """Keep what came of each file: the same bytes under the same declaration give the same, whenever they are read."""
    real, kept = arrivals.intake.take_in, dict[Any, Any]()

    def take_in(found: Any, source: Any, **how: Any) -> Any:
        key = (found.path.read_bytes(), source.source, source.files, source.rank, how["k"], how["after"], str(how["tz"]))
        until, taken = kept.get(key, (None, None))
        if taken is not None and how["until"] >= until:
            return taken
        taken = real(found, source, **how)
        if taken.cells.num_rows and not taken.rows_held:  # all of it is due: later it is the same
            kept[key] = max(taken.cells["interval_end"].to_pylist()), taken
        return taken

    arrivals.intake.take_in = take_in
    try:
        yield kept
    finally:
        arrivals.intake.take_in = real


# --- what is compared -------------------------------------------------------------------------------------------------


def state(con: Any, relation: Any, tables: tuple[str, ...] = COMPARED) -> State:
    """The compared tables in order, without what rule 22 leaves out. ``relation``: name → SQL of its rows."""
    found = {}
    for name in tables:
        columns = ", ".join(c for c in TABLES[name].columns if c not in LEFT_OUT)
        found[name] = con.execute(f"SELECT {columns} FROM {relation(name)} ORDER BY ALL").fetchall()
    return found


def stored(store: Store) -> Callable[[str], str]:
    """The relations of :func:`state` in the working database; ``…_superseded`` for the earlier versions."""
    return lambda name: store.relation(name) if TABLES[name.removesuffix("_superseded")].sealed_by else name


def known(as_of: datetime, relation: Any) -> Any:
    """The relations of :func:`state` as they were known at a moment, worked out as the published macros do."""

    def at(name: str) -> str:
        columns = ", ".join(TABLES[name].columns)
        rows = f"""SELECT {columns}, superseded_at FROM {relation(name + "_superseded")}
                   UNION ALL BY NAME SELECT {columns}, NULL AS superseded_at FROM {relation(name)}"""
        moment = f"TIMESTAMPTZ '{as_of.isoformat()}'"
        return f"(FROM ({rows}) WHERE recorded_at <= {moment} AND (superseded_at IS NULL OR superseded_at > {moment}))"

    return at


def differences(one: State, other: State) -> str:
    """The first few rows that differ, for the message of a failing test."""
    out = []
    for name in one:
        left, right = set(map(repr, one[name])), set(map(repr, other[name]))
        out += [f"{name} only in the first: {r}" for r in sorted(left - right)[:3]]
        out += [f"{name} only in the second: {r}" for r in sorted(right - left)[:3]]
    return "\n".join(out)
