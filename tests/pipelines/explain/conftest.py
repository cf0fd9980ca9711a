"""An evening in the town of tests/town.py: an event, a gap, a revision, counts under k; and a holiday after a spring of counts."""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from indicators.card import catalogue
from pipelines.explain import Explanation, explain_situation, explain_value
from pipelines.store import Store
from tests.town import START, STEP, Town

PRESENT = [500, 900, 2600, 3000, None, 3200, 3150, 3100, 600, 500, 500]  # the fourth is revised to 3100, the fifth never comes
GATE = [(3, 40), (0, 0), (7, 2), (30, 20), (30, 20), (30, 20)]
FAIR = {"event": "fair", "name": {"nl": "Kermis", "en": "Fair"}, "class": "B", "from": "2026-06-01T00:00:00Z",
        "to": "2026-06-01T12:00:00Z", "places": {"square": {"usable_area": 1000, "capacity": 4000}}}  # fmt: skip
OWN = {"indicator": "density", "place": "square", "event": "fair", "effective_from": "2026-01-01T00:00:00Z", "owner": "crowd-manager",
       "decided_on": "2026-01-01", "review_by": "2027-01-01", "reason": "tried at the last edition",
       "bands": {"high": {"enter": 3.0, "for": "30min", "keep_for": "15min"}}}  # fmt: skip
# An own card: what a zone gains a minute, over the lines that lead to it.
NETTO = {
    "id": "tiny.netto",
    "formula": "(came - went) / nullif(interval_minutes, 0)",
    "attributes": None,
    "applies_to": {"kinds": ["zone"]},
    "inputs": {
        "came": {"from": ["passage_counts.inflow"], "monotone": "up"},
        "went": {"from": ["passage_counts.outflow"], "monotone": "down"},
    },
}


@dataclass
class World:
    """A town with a workspace; ``tampered`` gives a copy in which SQL was run on the published file."""

    town: Town
    published: Path

    def value(self, indicator: str, place: str, time: datetime) -> Explanation:
        """Explain a value."""
        return explain_value(self.published, self.town.config, catalogue(), indicator, place, time)

    def situation(self, risk: str, place: str) -> Explanation:
        """Explain the one situation of a risk at a place."""
        (name,) = self.ask(f"SELECT situation_id FROM situations WHERE safety_risk = '{risk}' AND place = '{place}'")
        return explain_situation(self.published, self.town.config, catalogue(), name)

    def ask(self, sql: str) -> list:
        """First column of a query on the published file."""
        with duckdb.connect() as con:
            con.execute(f"ATTACH '{self.published}' AS p (READ_ONLY); USE p")
            return [row[0] for row in con.execute(sql).fetchall()]

    def tampered(self, folder: Path, sql: str) -> "World":
        """The same with a changed published file."""
        shutil.copytree(self.published.parent, folder / "published")
        changed = World(self.town, folder / "published" / self.published.name)
        with duckdb.connect(str(changed.published)) as con:
            (count,) = con.execute(sql).fetchone()
        assert count, "the tampering must change something"
        return changed


def _rows(start: int, stop: int, fourth: int = 3000) -> list:
    return [(START + i * STEP, "square", fourth if i == 3 else PRESENT[i]) for i in range(start, stop) if PRESENT[i] is not None]


@pytest.fixture(scope="session")
def evening(tmp_path_factory) -> World:
    """The square fills over its edges at a fair and empties again; the gate's counts are small."""
    folder = tmp_path_factory.mktemp("evening")
    town = Town(folder, events=[FAIR], thresholds=[OWN])
    with Store(folder / "w") as store:
        town.zones(START + 6 * STEP, _rows(0, 6))
        town.gates(START + 6 * STEP, [(START + i * STEP, *counts) for i, counts in enumerate(GATE)])
        town.tick(store, START + 6 * STEP + timedelta(minutes=10))
        town.zones(START + 7 * STEP, _rows(3, 4, fourth=3100), name="revised")
        town.zones(START + 8 * STEP, _rows(6, 8))
        town.tick(store, START + 8 * STEP + timedelta(minutes=10))
        town.zones(START + 11 * STEP, _rows(8, 11))
        town.tick(store, START + 11 * STEP + timedelta(minutes=10))
    return World(town, folder / "w" / "published" / "indicators.duckdb")


WHIT_MONDAY = datetime.fromisoformat("2026-05-25T10:00:00+00:00")


@pytest.fixture(scope="session")
def spring(tmp_path_factory) -> World:
    """Nine weeks in which Sundays are busy at ten and Mondays at noon, then Whit Monday, busy at both."""
    folder = tmp_path_factory.mktemp("spring")
    town = Town(folder, only="unusualness")
    rows = []
    for week in range(9, 0, -1):
        for days, base in ((7 * week, 500), (7 * week + 1, 800)):  # the Monday, and the Sunday before it
            ten = WHIT_MONDAY - timedelta(days=days)
            rows += [(ten + i * STEP, "square", base + 10 * week + i) for i in range(-2, 3)]
            rows += [(ten + (8 + i) * STEP, "square", 1300 - base + 10 * week + i) for i in range(-2, 3)]
    rows += [(WHIT_MONDAY + i * STEP, "square", 950 + i) for i in (*range(-2, 3), *range(6, 11))]
    town.zones(WHIT_MONDAY + 12 * STEP, rows)
    with Store(folder / "w") as store:
        town.tick(store, WHIT_MONDAY + 12 * STEP, verb="backfill")
    return World(town, folder / "w" / "published" / "indicators.duckdb")
