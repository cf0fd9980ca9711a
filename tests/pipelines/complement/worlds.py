"""Random towns in which the same people are counted in several ways: by direction and in total, by the quarter and the hour, at stops
and on journeys, before and after, twice; delivered at once or bit by bit, with revisions. All through drukte itself.

A town has several worlds beside each other, each with places of its own; they share sources, as places do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from indicators.card import catalogue
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import Config, load
from tests.oracle.worlds.deliver import SLUG, write
from tests.oracle.worlds.shapes import Delivery, Own, Period, Row, Source, Town

START = datetime(2026, 6, 1, 18, 0, tzinfo=UTC)
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
BEGIN = START - timedelta(days=9)


@dataclass
class World:
    """A town with its true numbers: (source, measure, place, interval start) → number, as last sent; and when it is run."""

    town: Town
    ticks: list[datetime] = field(default_factory=list)
    true: dict[tuple[str, str, str, datetime], int] = field(default_factory=dict)


def drawn(seed: int, *, side: int = 1, publications: int = 1, revisions: bool = False, calm: bool = False) -> World:
    """Worlds from a seed, ``side`` by side. ``publications``: in how many runs their counts come in. ``calm``: no level is ever reached."""
    rng = random.Random(seed)
    draw = _Draw(rng, rng.choice((3, 4, 5, 6)), publications, revisions, calm)
    for number in range(side):
        draw.mark = f"-{number}"
        draw.gate()
        if rng.random() < 0.5:
            draw.journeys()
    return draw.world()


class _Draw:
    def __init__(self, rng: random.Random, k: int, publications: int, revisions: bool, calm: bool):
        self.rng, self.k, self.publications, self.revisions, self.calm = rng, k, publications, revisions, calm
        self.mark = ""
        self.rows: dict[str, list[tuple[int, Row]]] = {}  # source → (publication, row)
        self.sources: dict[str, Source] = {}
        self.places: dict[str, dict[str, object]] = {}
        self.true: dict[tuple[str, str, str, datetime], int] = {}

    def few(self) -> int:
        """Small more often than not."""
        return self.rng.choice((0, 1, 1, 2, self.k - 1, self.k, self.k + 3, 20, 60))

    def put(self, source: str, place: str, at: datetime, numbers: dict[str, int], when: int | None = None) -> None:
        """A row of a source, delivered in a publication."""
        when = self.rng.randrange(self.publications) if when is None else when
        place += self.mark
        self.rows.setdefault(source, []).append((when, Row(at, place, {m: str(n) for m, n in numbers.items()})))
        for measure, number in numbers.items():
            self.true[source, measure, place, at] = number

    def source(
        self, name: str, dataset: str, measures: tuple[str, ...], places: tuple[str, ...], minutes: int, rank: int = 1
    ) -> None:
        found = self.sources.setdefault(name, Source(name, dataset, measures, (), minutes, rank))
        found.places += tuple(place + self.mark for place in places)

    def gate(self) -> None:
        """A gate into a square: directions by the quarter, perhaps totals, hours, a second counter, the people on the square."""
        rng, mark, quarters = self.rng, self.mark, [START + n * QUARTER for n in range(4)]
        self.places |= {
            f"gate{mark}": {"kind": "line", "effective_width": 2, "from_zone": f"street{mark}", "to_zone": f"square{mark}"},
            f"street{mark}": {"kind": "zone", "place_type": "moving", "usable_area": 500},
            f"square{mark}": {
                "kind": "zone",
                "place_type": "standing",
                "usable_area": 100,
                "perimeter": "complete",
                "zero_at": "05:00",
            },
        }
        self.source("ways", "passage_counts", ("count_in", "count_out"), ("gate",), 15)
        ways = {at: (self.few(), self.few()) for at in quarters}
        sides = {name: rng.random() < share for name, share in (("totals", 0.7), ("hours", 0.6), ("again", 0.3), ("people", 0.5))}
        for at, (into, out) in ways.items():
            self.put("ways", "gate", at, {"count_in": into, "count_out": out})
        if sides["again"]:
            self.source("again", "passage_counts", ("count_in", "count_out"), ("gate",), 15, 2)
            for at, (into, out) in ways.items():
                self.put("again", "gate", at, {"count_in": into, "count_out": out})
        self._revise(ways, sides)
        if sides["totals"]:
            self.source("totals", "passage_counts", ("count_total",), ("gate",), 15, 3)
            for at, both in ways.items():
                self.put("totals", "gate", at, {"count_total": sum(both)})
        if sides["hours"]:
            self.source("hours", "passage_counts", ("count_in", "count_out"), ("gate",), 60, 4)
            into, out = (sum(both[side] for both in ways.values()) for side in (0, 1))
            self.put("hours", "gate", START, {"count_in": into, "count_out": out})
        if sides["people"]:
            self.source("people", "zone_counts", ("present",), ("square",), 15)
            present = rng.choice((0, 200)) + sum(out for _, out in ways.values())
            for at, (into, out) in ways.items():
                present += into - out
                self.put("people", "square", at, {"present": present})

    def _revise(self, ways: dict[datetime, tuple[int, int]], sides: dict[str, bool]) -> None:
        """Some quarters are sent first with another number, with their total and not always with their hour."""
        if not self.revisions or self.publications < 2:
            return
        for at in self.rng.sample(sorted(ways), self.rng.randrange(3)):
            before = self.few(), self.few()
            here = at, f"gate{self.mark}"
            self.rows["ways"] = [(max(n, 1) if (row.start, row.place) == here else n, row) for n, row in self.rows["ways"]]
            self.rows["ways"].append((0, Row(at, f"gate{self.mark}", {"count_in": str(before[0]), "count_out": str(before[1])})))
            if sides["totals"]:
                self.rows.setdefault("totals", []).append((0, Row(at, f"gate{self.mark}", {"count_total": str(sum(before))})))

    def journeys(self) -> None:
        """Journeys between stops by the hour, with who boards and who alights."""
        stops = ("p", "q"), ("r", "s")
        mark = self.mark
        self.places |= {stop + mark: {"kind": "stop"} for side in stops for stop in side}
        pairs = {(a, b): f"{a}-to-{b}" for a, b in product(*stops)}
        self.places |= {
            name + mark: {"kind": "relation", "from_zone": a + mark, "to_zone": b + mark} for (a, b), name in pairs.items()
        }
        self.source("trips", "od_flows", ("trips",), tuple(pairs.values()), 60)
        trips = {pair: self.few() for pair in pairs}
        when = self.rng.randrange(self.publications)
        for pair, name in pairs.items():
            self.put("trips", name, START, {"trips": trips[pair]}, when)
        for side, (source, measure) in enumerate((("boards", "boarding"), ("alights", "alighting"))):
            self.source(source, "stop_counts", (measure,), stops[side], 60)
            for stop in stops[side]:
                self.put(source, stop, START, {measure: sum(n for pair, n in trips.items() if pair[side] == stop)})

    def world(self) -> World:
        """Deliveries are issued when they are published; the last hour is over then."""
        end = START + HOUR
        moments = [end + timedelta(minutes=10 * (n + 1)) for n in range(self.publications)]
        for name, source in self.sources.items():
            for number, moment in enumerate(moments):
                rows = [row for when, row in self.rows.get(name, ()) if when == number]
                last = {(row.start, row.place): row for row in rows}
                if last:
                    source.deliveries.append(Delivery(name, moment - timedelta(minutes=1), [*last.values()]))
        edges = {
            "specific_flow": self.rng.choice((0.2, 1.0, 3.0)), "density": self.rng.choice((0.3, 1.0, 2.0)),
        }  # fmt: skip
        edges = dict.fromkeys(edges, 1e5) if self.calm else edges
        own = [Own(name, BEGIN, {"elevated": edge, "high": edge * 4, "critical": edge * 9}) for name, edge in edges.items()]
        places = {slug: [Period(BEGIN, {"name": slug, **properties})] for slug, properties in self.places.items()}
        town = Town(0, "UTC", "NL", 15, self.k, START, end, 0, places, [*self.sources.values()], own=own,
                    indicators=("specific_flow", "density"))  # fmt: skip
        return World(town, moments, self.true)


@contextmanager
def ran(world: World, folder: Path, *, beside: bool = True) -> Iterator[tuple[Store, Config]]:
    """The world run through drukte, one publication after the other; not ``beside``: counts under k are withheld, and nothing else."""
    config_folder, data = write(world.town, folder)
    file = config_folder / "municipalities" / f"{SLUG}.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "withhold_beside": beside}))
    config = load(config_folder, SLUG, data)
    with Store(folder / "workspace") as store:
        for moment in world.ticks:
            tick(store, config, catalogue(), at=moment, verb="replay")
        yield store, config
