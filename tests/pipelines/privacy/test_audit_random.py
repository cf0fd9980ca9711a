"""The audit against enumeration: on small random worlds it calls unsafe exactly the cells that an outsider can narrow down.

The oracle knows nothing of relations, systems or solvers: a world says itself which of its numbers add up, and every assignment of the
hidden numbers is tried.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product

from pipelines.privacy import audit
from tests import evidence
from tests.pipelines.privacy.published import START, Cell, config, journey, primary, publish

K = 4
HOUR, HALF = timedelta(hours=1), timedelta(minutes=30)


@dataclass
class World:
    """Cells, and which of them add up: ``adds`` holds (whole, parts) by position."""

    cells: list[Cell] = field(default_factory=list)
    adds: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    places: list[dict[str, object]] = field(default_factory=list)

    def put(self, cell: Cell) -> int:
        self.cells.append(cell)
        return len(self.cells) - 1

    def total(self, like: Cell, parts: Sequence[int]) -> int:
        whole = self.put(replace(like, true=sum(self.cells[p].true for p in parts)))
        self.adds.append((whole, tuple(parts)))
        return whole


def drawn(rng: random.Random) -> World:
    """A gate by direction and in total, by the half hour and by the hour; four journeys with the margins of their stops."""
    world = World()
    if rng.random() < 0.8:
        _gate(world, rng)
    if rng.random() < 0.6:
        _journeys(world, rng)
    return world


def _gate(world: World, rng: random.Random) -> None:
    halves = []
    for n in range(2):
        at = START + n * HALF
        ways = [world.put(Cell(m, "gate", _few(rng), start=at, length=HALF)) for m in ("count_in", "count_out")]
        if rng.random() < 0.7:
            world.total(Cell("count_total", "gate", 0, "b", start=at, length=HALF), ways)
        halves.append(ways)
    for n, measure in enumerate(("count_in", "count_out")):
        if rng.random() < 0.6:
            world.total(Cell(measure, "gate", 0, "c", length=HOUR), [h[n] for h in halves])


def _journeys(world: World, rng: random.Random) -> None:
    stops = ("p", "q"), ("r", "s")
    trips = {}
    for a, b in product(*stops):
        world.places.append(journey(a, b))
        trips[a, b] = world.put(Cell("trips", f"{a}-to-{b}", _few(rng), "od", dataset="od_flows"))
    for side, (measure, ends) in enumerate(zip(("boarding", "alighting"), stops, strict=True)):
        for end in ends:
            if rng.random() < 0.8:
                world.total(
                    Cell(measure, end, 0, "stops", dataset="stop_counts"), [t for pair, t in trips.items() if pair[side] == end]
                )


def _few(rng: random.Random) -> int:
    return rng.choice((0, 1, 1, 2, 3, 3, 5, 9))


def ranges(world: World, rng: random.Random) -> list[Cell]:
    """Another strategy: some totals are withheld too, as the range that their published parts allow, or as wider ones."""
    cells = primary(world.cells, K)
    for whole, parts in world.adds:
        if rng.random() < 0.6 and cells[whole].true >= K:
            low, high = sum(_ends(cells[p])[0] for p in parts), sum(_ends(cells[p])[1] for p in parts)
            cells[whole] = cells[whole].hidden(max(low - rng.choice((0, 0, 1)), 0), max(high, K))
    return cells


def _ends(cell: Cell) -> tuple[int, int]:
    """The values that stand open before anything is added up."""
    if cell.status == "ok":
        return cell.true, cell.true
    return max(int(cell.low or 0), 1), int(cell.high or 0)


def by_trying(world: World, cells: list[Cell]) -> set[int]:
    """Positions of unsafe cells: all assignments of the hidden numbers that fit every sum, and what each cell can be in them."""
    hidden = [i for i, c in enumerate(cells) if c.status != "ok"]
    left = [(w, p) for w, p in world.adds if w in hidden or set(p) & set(hidden)]
    possible: dict[int, set[int]] = {i: set() for i in hidden}
    # Totals follow from their parts, so only the parts are tried.
    free = [i for i in hidden if i not in {w for w, _ in world.adds}]
    for values in product(*(range(_ends(cells[i])[0], _ends(cells[i])[1] + 1) for i in free)):
        number = {i: c.true for i, c in enumerate(cells)} | dict(zip(free, values, strict=True))
        number |= {w: sum(number[p] for p in parts) for w, parts in left if w in hidden}
        if all(number[w] == sum(number[p] for p in parts) for w, parts in left) and all(
            _ends(cells[i])[0] <= number[i] <= _ends(cells[i])[1] for i in hidden
        ):
            for i in hidden:
                possible[i].add(number[i])
    whole = set(range(1, K))
    small = {i for i in hidden if (cells[i].low, cells[i].high) == (0, K - 1)}
    return {i for i in hidden if (possible[i] & whole != whole if i in small else possible[i] <= whole and possible[i] != whole)}


def test_the_audit_finds_what_enumeration_finds(tmp_path):
    """Primary suppression alone is caught wherever it leaks, and nowhere else; ranges of totals too."""
    leaks = safe = 0
    count, seed = evidence.count(20, 600), 7
    rng = random.Random(seed)
    for n in range(count):
        world = drawn(rng)
        cells = primary(world.cells, K) if n % 2 else ranges(world, rng)
        expected = by_trying(world, cells)
        report = audit(publish(tmp_path / str(n), cells, world.places), config(K), {})
        told = {(u.cell.measure, u.cell.place, u.cell.source, u.cell.interval_start, u.cell.interval_end) for u in report.unsafe}
        keys = {(c.measure, c.place, c.source, c.start, c.start + c.length) for i, c in enumerate(cells) if i in expected}
        assert told == keys, (n, [(i, c.measure, c.place, c.source, c.true, c.status) for i, c in enumerate(cells)])
        leaks, safe = leaks + bool(expected), safe + (not expected)
    assert leaks > count / 5 and safe > count / 5, "the worlds leak now and then, and now and then do not"
    evidence.record(
        "privacy-audit-against-enumeration",
        count,
        seed,
        {"worlds that leak": leaks, "worlds that do not": safe, "disagreements": 0},
    )
