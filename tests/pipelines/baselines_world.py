"""Small random worlds for baselines: two places, months of cells, special days, both clock changes, faults of every kind."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pandas as pd
import pyarrow as pa

from pipelines import baselines
from pipelines.slots import Feed
from pipelines.store import Store
from tests.oracle.baselines import Baselines, Days, slots_of
from tests.pipelines.slots_world import World

DAY = timedelta(days=1)
K = 15
PLACES = {
    "square": {"kind": "zone", "place_type": "standing"},
    "gate": {"kind": "line", "from_zone": "square", "to_zone": "square"},
}
SOURCES = {
    "cameras": ("zone_counts", ["present"], ["square"]),
    "others": ("zone_counts", ["present"], ["square"]),
    "loops": ("passage_counts", ["count_in", "count_out"], ["gate"]),
}
FEEDS = {"cameras": ("square", "zone_counts.present"), "loops": ("gate", "passage_counts.passages")}
FIGURES = ("n", "valid_days", "median", "mad", "p10", "p20", "p50", "p80", "p90", "p95", "level_factor", "place_p95")


def write(store: Store, cells: list[dict[str, Any]]) -> None:
    """Put cells in place of those that stand, hot or sealed."""
    if not cells:
        return
    store.con.register("cell_rows", pa.Table.from_pylist(cells))
    store.make_hot(["observations"], "SELECT DISTINCT CAST(interval_start AS DATE) FROM cell_rows")
    same = " AND ".join(f"o.{c} = n.{c}" for c in ("source", "place", "interval_start", "measure"))
    store.con.execute(f"DELETE FROM observations o USING cell_rows n WHERE {same}")
    store.con.execute("INSERT INTO observations BY NAME SELECT * FROM cell_rows")
    store.con.unregister("cell_rows")


def cell(source: str, place: str, measure: str, start: datetime, step: int, value: float | str) -> dict[str, Any]:
    """One observation: a number, or ``suppressed`` or ``missing``."""
    known, withheld = not isinstance(value, str), value == "suppressed"
    number = float(value) if known else None
    return {
        "municipality": "t", "dataset": SOURCES[source][0], "source": source, "place": place, "interval_start": start,
        "interval_end": start + timedelta(minutes=step), "measure": measure, "value": number,
        "value_low": 0.0 if withheld else number, "value_high": K - 1.0 if withheld else number,
        "status": "ok" if known else value, "delivery_id": "d", "recorded_at": start,
    }  # fmt: skip


def refresh(store: Store, config: Any, feed: Feed, wanted: Iterable[tuple[str, int, date]], late: Iterable[dict[str, Any]],
            at: datetime) -> set[tuple[Any, ...]]:  # fmt: skip
    """One refresh; returns the keys (local_date, local_time) of changed rows."""
    wanted, late = list(wanted), list(late)
    columns = {"source": [feed.source] * len(wanted), "measure": [feed.measure] * len(wanted), "place": [w[0] for w in wanted],
               "interval_minutes": [w[1] for w in wanted], "local_date": pa.array([w[2] for w in wanted], pa.date32())}  # fmt: skip
    cells = {"source": [feed.source] * len(late), "measure": [feed.measure] * len(late), "place": [c["place"] for c in late],
             "interval_start": pa.array([c["interval_start"] for c in late], pa.timestamp("us", "UTC"))}  # fmt: skip
    with store.transaction():
        for name, made in (("test_wanted", columns), ("test_late", cells)):
            store.con.register("made_rows", pa.table(made))
            store.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM made_rows")
            store.con.unregister("made_rows")
        changed = baselines.refresh(store, config, [feed], "test_wanted", "test_late", at)
        return set(store.con.execute(f"SELECT local_date, local_time FROM {changed}").fetchall())


@dataclass
class Random:
    """A world made from a seed. ``cells`` are its observations in the end; ``days`` what the oracle is told of the calendar."""

    seed: int
    folder: Path
    zone: str = ""
    minutes: int = 60
    step: int = 60
    cells: dict[tuple[str, str, datetime], dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.rng = random.Random(self.seed)
        self.zone = rng.choice(["Europe/Amsterdam", "Australia/Melbourne", "Australia/Lord_Howe", "UTC"])
        self.minutes = rng.choice([60, 60, 30])
        self.step = rng.choice([self.minutes, 30])
        # The days asked for hold a clock change of one hemisphere or the other, King's Day on a Monday, or New Year.
        last = [date(2026, 4, 2), date(2026, 4, 11), date(2026, 5, 2), date(2025, 10, 10), date(2025, 10, 31), date(2026, 1, 3)]
        self.last = rng.choice(last)
        self.first = self.last - timedelta(days=rng.choice([60, 100, 190]))
        self.last_days = [self.last - n * DAY for n in range(rng.randint(7, 12))]
        self._calendar()
        self._cells()
        self.world = World(self.folder, PLACES, SOURCES, step=f"{self.step}min", timezone=self.zone, **self.town)
        self.store, self.config = self.world.store, self.world.config

    def _calendar(self) -> None:
        rng, tz = self.rng, ZoneInfo(self.zone)
        span = [self.first + n * DAY for n in range((self.last - self.first).days + 1)]
        plain = rng.sample(span, rng.randint(0, 4))
        start = rng.choice(self.last_days[:-1])
        length = rng.randint(1, 3)
        back = rng.choice([364, 365, 371])
        editions = [
            [start + n * DAY - k * back * DAY for n in range(rng.randint(1, 3) if k else length)]
            for k in range(rng.randint(1, 6))
        ]
        # The last edition is an event with its hours; the others stand in the list. A series within the weeks before as well.
        begin = datetime.combine(editions[0][0], datetime.min.time(), tz) + timedelta(hours=rng.choice([0, 9, 20]))
        end = datetime.combine(editions[0][-1], datetime.min.time(), tz) + timedelta(hours=rng.choice([21, 23]))
        market = [[d, d + DAY][: rng.randint(1, 2)] for d in span[5 :: rng.choice([13, 29])]]
        self.town = {
            "event_days": [str(d) for d in plain],
            "event_series": {"fair": [str(d) for e in editions[1:] for d in e], "market": [str(d) for e in market for d in e]},
            "events": [{"event": "fair-now", "name": {"nl": "f", "en": "f"}, "class": "B", "from": begin.isoformat(), "to": end.isoformat(),
                        "places": {}, "series": "fair"}],
        }  # fmt: skip
        self.flags = [
            (source, rng.choice(span[-40:]), rng.randint(0, 2)) for source in (*FEEDS, "others") for _ in range(rng.randint(0, 2))
        ]
        place = {"cameras": "square", "others": "square", "loops": "gate"}
        self.town["flags"] = [
            {"source": source, "places": [place[source]], "from": datetime.combine(d, datetime.min.time(), tz).isoformat(),
             "to": (datetime.combine(d + n * DAY, datetime.min.time(), tz) + timedelta(hours=3)).isoformat(), "effect": ["no_baseline"],
             "reason": "trial", "owner": "crowd-manager"}
            for source, d, n in self.flags
        ]  # fmt: skip
        years = range(self.first.year - 1, self.last.year + 2)
        listed = {d for e in (*editions, *market) for d in e}
        self.known = {
            source: Days(self.zone, frozenset(holidays.country_holidays("NL", years=years)), frozenset(plain) | listed,
                         frozenset(d + k * DAY for s, d, n in self.flags if s == source for k in range(n + 1)),
                         (_editions([d for e in editions for d in e]), _editions([d for e in market for d in e])))
            for source in FEEDS
        }  # fmt: skip
        self.editions = editions

    def _cells(self) -> None:
        """Cells of the span and of the days around earlier editions; some gone, withheld or missing, some days all gone."""
        rng, tz = self.rng, ZoneInfo(self.zone)
        wanted = {self.first + n * DAY for n in range((self.last - self.first).days + 1)}
        wanted |= {d + n * DAY for e in self.editions[1:] for d in e for n in (-1, 0, 1)}
        gone = set(rng.sample(sorted(wanted), len(wanted) // 12))
        share = rng.choice([0.0, 0.02, 0.2])
        for day in sorted(wanted - gone):
            moment, end = (datetime.combine(d, datetime.min.time(), tz).astimezone(UTC) for d in (day, day + DAY))
            # Intervals are counted from a local midnight as lengths of time: in Lord Howe's winter an hour begins at half past.
            moment += -(moment - datetime(2001, 1, 1, tzinfo=tz)) % timedelta(minutes=self.step)
            while moment < end:
                usual = 40 + 3 * moment.astimezone(tz).hour + (60 if day.weekday() == 5 else 0)
                for source, (place, _) in FEEDS.items():
                    for measure in SOURCES[source][1]:
                        roll = rng.random()
                        value: float | str = max(0, round(rng.gauss(usual, 12)))
                        if roll < share:
                            value = rng.choice(["suppressed", "missing"])
                        if roll < 0.995:
                            self.cells[(source, measure, moment)] = cell(source, place, measure, moment, self.step, value)
                moment += timedelta(minutes=self.step)

    def oracle(self, source: str) -> Baselines:
        """What the definitions give for one source."""
        own = [c for (s, _, _), c in self.cells.items() if s == source]
        cells = pd.DataFrame({"start": pd.to_datetime([c["interval_start"] for c in own], utc=True), "status": [c["status"] for c in own],
                              "value": [c["value"] for c in own]})  # fmt: skip
        slots = slots_of(cells, self.zone, self.minutes, self.step, len(SOURCES[source][1]), last=source == "cameras")
        return Baselines(slots, self.known[source], self.minutes)

    def feed(self, source: str) -> Feed:
        """The feed of a source."""
        return next(f for f in self.world.feeds(FEEDS[source][1]) if f.source == source)

    def stored(self, source: str) -> pd.DataFrame:
        """The engine's rows of one source."""
        return self.store.con.execute(
            f"""SELECT local_date AS day, CAST(60 * hour(local_time) + minute(local_time) AS INTEGER) AS minute, day_type, {", ".join(FIGURES)}
                FROM {self.store.relation("baselines")} WHERE source = $1 ORDER BY ALL""", [source]
        ).df()  # fmt: skip


def _editions(days: list[date]) -> list[list[date]]:
    """Runs of days that follow each other."""
    found: list[list[date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][-1] == DAY:
            found[-1].append(day)
        else:
            found.append([day])
    return found
