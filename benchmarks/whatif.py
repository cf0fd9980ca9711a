"""`drukte whatif` over a year of 1,000 zones, beside reading the same values once."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.pairs import Pair, in_words, measure, seconds
from benchmarks.world import NOON, World
from indicators.in_force import segments
from pipelines import published, reference
from pipelines.publish import FILE, publish
from pipelines.store import Store
from pipelines.whatif import compare
from pipelines.whatif.sets import applied

AIM = 60.0  # seconds, on two cores
ASKED = ("density.elevated.enter=1.25", "density.elevated.for=30min")


def whatif(*, zones: int = 1000, days: int = 365, rounds: int = 1) -> list[Pair]:
    """Another edge for every zone; one zone in a hundred comes near it in the middle of the day."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), zones=zones, indicators=("density",))
        first = (NOON - timedelta(days=days)).replace(hour=0)
        with Store(world.workspace) as store:
            reference.write(store, world.config, world.cards, NOON)
            _know_settings(store, world, first)
            month = first
            while month < NOON:
                _values(store, world, month, min(month + timedelta(days=31), NOON))
                store.seal(NOON + timedelta(days=200))
                month += timedelta(days=31)
            publish(store, NOON)
        file = world.workspace / "published" / FILE
        other = applied(world.config, world.cards, ASKED, place=None, place_type=None, at=NOON)
        answers: list[int] = []

        def judge() -> float:
            return seconds(lambda: answers.append(len(compare(file, other, world.cards, at=NOON, base=world.config).pairs)))

        rows = _count(file)
        pair = measure(
            "whatif",
            "read each value once",
            lambda: seconds(lambda: _read(file)),
            "whatif",
            judge,
            unit="question",
            rounds=rounds,
        )
        verdict = "met" if pair.b < AIM else "not met"
        note = (f"{zones} zones, {days} days of quarters, {rows:,} values; {max(answers)} situations compared. The aim is about {AIM:.0f} s;"
                f" {verdict} here, at this load ({in_words(pair.b)}).")  # fmt: skip
        return [Pair(**pair.as_dict() | {"note": note})]


def _know_settings(store: Store, world: World, start: datetime) -> None:
    """Keep the settings each zone is judged by, and a table of their hashes."""
    card = world.cards["density"]
    found = [(row.place.place, s.settings) for row in world.config.places
             for s in segments(world.config, card, row.place.place, start, start + timedelta(minutes=15))]  # fmt: skip
    store.con.executemany("INSERT INTO effective_settings VALUES (?, 'bench', 'density', ?, ?)",
                          [(s.config_hash, place, s.as_json()) for place, s in found])  # fmt: skip
    store.con.execute("CREATE TEMP TABLE hashes (place VARCHAR, config_hash VARCHAR, threshold_source VARCHAR)")
    store.con.executemany("INSERT INTO hashes VALUES (?, ?, ?)", [(p, s.config_hash, s.threshold_source) for p, s in found])


def _values(store: Store, world: World, start: datetime, end: datetime) -> None:
    """Judged densities of [start, end) as a backfill would have written them."""
    card = world.cards["density"]
    size = f"(0.1 + 1.2 * (row_number() OVER (ORDER BY place) / {world.zones}.0) ** 40)"
    store.con.execute(f"""
        INSERT INTO indicator_values BY NAME
        WITH zone AS (SELECT *, {size} AS size FROM hashes),
        slot AS (SELECT t AS interval_start, timezone('Europe/Amsterdam', t) AS local
                 FROM range(TIMESTAMPTZ '{start.isoformat()}', TIMESTAMPTZ '{end.isoformat()}', INTERVAL 15 MINUTES) s(t)),
        judged AS (
            SELECT *, round(size * sin(pi() * (hour(local) + minute(local) / 60.0) / 24) ** 2
                            * (0.75 + 0.5 * (hash(place, interval_start) % 1000) / 1000), 2) AS value FROM zone, slot)
        SELECT 'bench' AS municipality, 'density' AS indicator, place, 'zone' AS place_kind, 'zones' AS source, interval_start,
               interval_start + INTERVAL 15 MINUTES AS interval_end, CAST(local AS DATE) AS local_date, CAST(local AS TIME) AS local_time, value,
               value AS value_low, value AS value_high, 'p/m²' AS unit, CASE WHEN value >= 1.1 THEN 'elevated' ELSE 'normal' END AS level,
               'ok' AS status, 1.0 AS coverage, 1.0 AS confidence, threshold_source, '{card.definition_hash}' AS definition_hash, config_hash,
               'bench' AS run_id, interval_start + INTERVAL 20 MINUTES AS recorded_at, 0 AS judged
        FROM judged""")


def _read(file: Path) -> None:
    con = published.connect(file)
    con.execute("SELECT place, level, count(*), max(value), max(interval_end) FROM indicator_values GROUP BY ALL").fetchall()
    con.close()


def _count(file: Path) -> int:
    con = published.connect(file)
    ((found,),) = con.execute("SELECT count(*) FROM indicator_values").fetchall()
    con.close()
    return int(found)
