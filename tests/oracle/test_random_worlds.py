"""Rule 12: a naive oracle written from the definitions agrees with the engine on random small worlds, for every indicator.

`make test` runs a few worlds, `make prove` 1,000 and writes ``docs/evidence/random_worlds.json``. There is no list of differences
to be excused: what was settled stands in decisions 0020 and 0021, and its smallest cases in ``test_found_by_worlds.py``. The oracle
is able to fail: rules made wrong on purpose are seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

import pandas as pd
import pytest

from tests.evidence import proving, record
from tests.oracle.worlds import compare, draw, judge, past
from tests.oracle.worlds.derived import AllSlots
from tests.oracle.worlds.formulas import FORMULAS
from tests.oracle.worlds.shapes import Town

PRESENT = (*FORMULAS, "weighted_risk")
# (seed, worlds): towns of an evening or a night, and towns with nine weeks of history. Seeds that follow each other have every pace
# of slots and sources; the first night has slots of twelve cells, of which one may be lost and enough is left.
NIGHTS = [(seed, 75) for seed in range(1013, 1025)] if proving() else [(1013, 13)]
WEEKS = [(seed, 10) for seed in range(2000, 2010)] if proving() else [(2003, 2)]
MUST = ("ok", "missing", "outage", "invalid")
# Sums of a kind of place of which no cell counts persons are never withheld; a severity has no edges.
NEVER_WITHHELD = {"parking_fill", "vehicle_crowding", "speed_drop", "emergency_route_blocked", "weighted_risk"}


@dataclass
class Tally:
    """What was compared, and the differences."""

    worlds: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    edges: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def add(self, town: Town, published: pd.DataFrame, expected: pd.DataFrame) -> None:
        self.worlds += town.worlds
        self.rows.update(expected["indicator"])
        self.statuses.update(expected["indicator"] + " " + expected["status"])
        with_reason = expected[expected["reason"].notna()]
        self.reasons.update(with_reason["indicator"] + " " + with_reason["reason"])
        self.edges.update(expected.loc[expected["edge"].eq(True), "indicator"])
        self.different += [f"seed {town.seed}: {_told(row)}" for row in compare.compare(published, expected).itertuples()]


def _told(row: object) -> str:
    names = ("indicator", "place", "start", "differs")
    pairs = ("status", "reason", "level", "value", "low", "high", "coverage")
    both = (f"{n} {getattr(row, n)}/{getattr(row, n + '_engine')}" for n in pairs)
    return " ".join(str(getattr(row, n)) for n in names) + ": " + ", ".join(both)


def _night(seed: int, worlds: int, folder: Path) -> tuple[Town, pd.DataFrame]:
    town = draw.town(seed, worlds, PRESENT)
    return town, compare.engine(town, folder)


def _weeks(seed: int, worlds: int, folder: Path) -> tuple[Town, pd.DataFrame]:
    """Rows of the days looked at."""
    town = past.town(seed, worlds)
    published, days = compare.engine(town, folder), past.looked_at(town)
    return town, published[[start.tz_convert(town.zone).date() in days for start in published["start"]]]


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Town, pd.DataFrame]]:
    folder = tmp_path_factory.mktemp("night")
    yield _night(*NIGHTS[0], folder)
    rmtree(folder)


@pytest.mark.parametrize("drawn", NIGHTS, ids=str)
def test_rule_12_rows_agree_on_random_worlds(
    drawn: tuple[int, int], one_night: tuple[Town, pd.DataFrame], tally: Tally, tmp_path: Path
) -> None:
    town, published = one_night if drawn == NIGHTS[0] else _night(*drawn, tmp_path)
    before = len(tally.different)
    tally.add(town, published, compare.naive(list(judge.rows(town))))
    rmtree(tmp_path)
    assert not (found := tally.different[before:]), f"{len(found)} differ (oracle/engine):\n" + "\n".join(found[:25])


@pytest.mark.parametrize("drawn", WEEKS, ids=str)
def test_rule_12_and_18_rows_with_a_history_agree(drawn: tuple[int, int], tally: Tally, tmp_path: Path) -> None:
    town, published = _weeks(*drawn, tmp_path)
    before = len(tally.different)
    tally.add(town, published, compare.naive(list(past.rows(town))))
    rmtree(tmp_path)
    assert not (found := tally.different[before:]), f"{len(found)} differ (oracle/engine):\n" + "\n".join(found[:25])


WRONG = {
    "strict": "more than the edge, not from it on", "zero_for_missing": "no row is nobody", "low_for_withheld": "withheld is nobody",
    "partial_total": "the sum of the lines that are there", "no_cap": "too coarse is no matter",
    "last_rank": "the worst source first", "order_of_names": "the last file by name wins", "k_withheld_too": "k is withheld too",
    "utc_clock": "midnight is that of UTC", "late_attributes": "attributes at the end of the slot",
    "scaled_up": "a slot of which a part is known is made whole",
}  # fmt: skip


@pytest.fixture(scope="module")
def drawn_night() -> tuple[Town, AllSlots]:
    town = draw.town(*NIGHTS[0][:1], min(NIGHTS[0][1], 13), PRESENT)
    return town, AllSlots(town)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_rule_is_seen(wrong: str, drawn_night: tuple[Town, AllSlots]) -> None:
    """In one of the worlds in which the engine and the right rules agree, a wrong rule gives another row."""
    town, right = drawn_night
    off = AllSlots(town, frozenset([wrong]))
    worlds = (f"w{number}-" for number in range(town.worlds))
    assert any(_rows(town, right, world) != _rows(town, off, world) for world in worlds), WRONG[wrong]


def _rows(town: Town, slots: AllSlots, world: str) -> set[tuple[object, ...]]:
    names = ("indicator", "place", "start", "status", "reason", "level", "value", "low", "high", "coverage")
    return {tuple(getattr(row, name) for name in names) for row in judge.rows(town, slots.wrong, slots, world)}


@pytest.mark.skipif(not proving(), reason="the counts of `make prove` only")
def test_every_indicator_met_every_status_and_its_edges(tally: Tally) -> None:
    lacking = [f"{i} {s}" for i in tally.rows for s in MUST if not tally.statuses[f"{i} {s}"]]
    lacking += [f"{i} suppressed" for i in tally.rows if i not in NEVER_WITHHELD and not tally.statuses[f"{i} suppressed"]]
    lacking += [f"{i} edge" for i in tally.rows if judge.card(i).signal and not tally.edges[i]]
    assert not lacking
    assert not tally.different
    per_indicator = {
        i: {"rows": n, "on an edge": tally.edges[i], "statuses": _of(tally.statuses, i), "reasons": _of(tally.reasons, i)}
        for i, n in sorted(tally.rows.items())
    }
    seeds = {"nights": [s for s, _ in NIGHTS], "nine weeks": [s for s, _ in WEEKS]}
    record("random_worlds", tally.worlds, NIGHTS[0][0], {
        "mismatches": len(tally.different), "seeds": seeds, "indicators": per_indicator,
    })  # fmt: skip


def _of(counted: Counter[str], indicator: str) -> dict[str, int]:
    return {key.split(" ")[1]: n for key, n in sorted(counted.items()) if key.split(" ")[0] == indicator}
