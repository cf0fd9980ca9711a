"""``data_quality``: each day of a source and place beside what its dataset requires, closed days stored and open ones worked out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import register
from pipelines.quality import measured
from pipelines.store import Store
from tests.pipelines.quality.world import DAY_ONE, World
from tests.pipelines.test_register import proposal
from tests.town import START, STEP, Town, rows

DAY = timedelta(days=1)
COLUMNS = "expected, received, missing, coverage, delay_minutes, delay_how, on_time, meets_requirement, shortfall"


@pytest.fixture
def world(tmp_path: Path):
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        yield town, store


def square(town: Town, quarters: range, issued, name: str = "z", value=None) -> None:
    town.zones(issued, [(START + i * STEP, "square", value or 500 + i) for i in quarters], name=name)


def of(store: Store, day: int = 0, columns: str = COLUMNS) -> tuple:
    measured = store.relation("data_quality")
    sql = f"SELECT {columns} FROM {measured} WHERE place = 'square' AND local_date = DATE '{START.date() + day * DAY}'"
    [found] = store.con.execute(sql).fetchall()
    return found


def published(town: Town, sql: str) -> list[tuple]:
    con = duckdb.connect(str(town.folder / "w" / "published" / "indicators.duckdb"), read_only=True)
    try:
        return con.execute(sql).fetchall()
    finally:
        con.close()


def by_hand(folder: Path, change: str = "") -> tuple:
    """The row of a day of quarters at the gate, in and out, each known at its end but for what ``change`` (SQL) makes of it."""
    world = World(folder)
    world.both(START, [100] * 96)
    world.store.con.execute(
        "INSERT INTO deliveries (delivery_id, received_how, issued_at) VALUES ('d1', 'observed', ?)", [START + STEP]
    )
    world.store.con.execute(change)
    measured.close(world.store, world.config, world.source, DAY_ONE, DAY_ONE, START + DAY)
    more = "delay_max_minutes, issue_delay_minutes, cadence_minutes, required_cadence_minutes"
    [row] = world.store.con.execute(f"SELECT {COLUMNS}, {more} FROM data_quality").fetchall()
    world.store.close()
    return row


def test_a_whole_day_in_time_meets_the_requirement(tmp_path):
    """Every other quarter a quarter late: median 7.5 minutes, and all within the fifteen allowed."""
    late = "UPDATE observations SET recorded_at = recorded_at + INTERVAL 15 MINUTES WHERE minute(interval_start) % 30 = 0"
    row = by_hand(tmp_path, late)
    assert row[:9] == (192, 192, 0, 1.0, 7.5, "observed", 1.0, True, [])
    assert row[9:] == (15, -47.5 * 15, 15, 60)


def test_rule_10_a_revision_does_not_make_the_first_arrival_late(tmp_path):
    """Every count was replaced two days later: how late it came first is what counts."""
    row = by_hand(tmp_path, """
        INSERT INTO observations_superseded BY NAME
            SELECT * EXCLUDE (issued_at, content_hash, invalid, outage, blank, withheld_high, withheld),
                   recorded_at + INTERVAL 2 DAYS AS superseded_at FROM observations;
        UPDATE observations SET recorded_at = recorded_at + INTERVAL 2 DAYS, value = 101, delivery_id = 'd2'""")  # fmt: skip
    assert row[4:9] == (0.0, "observed", 1.0, True, []) and row[9] == 0


def test_what_comes_late_is_not_met_and_says_by_how_much(world):
    town, store = world
    square(town, range(96), START + DAY + STEP)
    town.tick(store, START + DAY + 2 * STEP)
    expected, received, _, coverage, delay, how, on_time, met, why = of(store)
    assert (expected, received, coverage, how, met, why) == (96, 96, 1.0, "observed", False, ["delay"])
    assert (delay, on_time) == (742.5, 0.0)  # the last quarter waited half an hour, the first a whole day
    assert of(store, columns="issue_delay_minutes") == (727.5,)


def test_what_lacks_is_counted_once_its_day_is_over(world):
    town, store = world
    square(town, range(48), START + 48 * STEP)
    town.tick(store, START + 49 * STEP)
    assert rows(store, "SELECT count(*) FROM data_quality") == [(0,)]
    assert published(town, "SELECT expected, received FROM data_quality WHERE place = 'square'") == [(48, 48)]  # so far
    town.tick(store, START + DAY + STEP)
    assert of(store)[:4] == (96, 48, 48, 0.5) and of(store)[7:] == (False, ["coverage", "delay"])


def test_rule_10_an_assumed_arrival_is_said_and_not_judged(tmp_path):
    """A backfill of a source that does not state its time of issue: whether the delay was kept is not known."""
    town = Town(tmp_path, only="density")
    path = town.config_folder / "sources" / "zones.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("issued_at:")] + "issued_at: none\nrank: 1\n")
    with Store(tmp_path / "w") as store:
        square(town, range(96), START + DAY)
        town.tick(store, START + 3 * DAY, verb="backfill")
        assert of(store) == (96, 96, 0, 1.0, None, "assumed", None, None, ["delay_assumed"])


def test_late_data_measure_a_closed_day_again(world):
    town, store = world
    square(town, range(48), START + 48 * STEP)
    town.tick(store, START + DAY + STEP)
    square(town, range(48, 96), START + DAY + 2 * STEP, name="late")
    town.tick(store, START + DAY + 3 * STEP)
    assert of(store)[:4] == (96, 96, 0, 1.0)


def test_what_the_register_refuses_is_no_coverage(world):
    town, store = world
    square(town, range(96), START + DAY)
    town.tick(store, START + DAY + STEP)
    register.write(store, [proposal(flagged_to=START + 13 * STEP)])
    register.decide(store, town.config, "abcd1234", "accept", role="data-officer", at=START + DAY + STEP)
    town.tick(store, START + DAY + 2 * STEP)
    assert of(store, columns="received, flagged, coverage, meets_requirement, shortfall") == (
        96,
        12,
        84 / 96,
        False,
        ["coverage", "delay", "flagged"],
    )


def test_days_are_the_towns_own_and_are_published_once(tmp_path):
    """Amsterdam in June: the local day begins at 22:00 UTC; a day is closed or open, never both."""
    town = Town(tmp_path, only="density", timezone="Europe/Amsterdam")
    with Store(tmp_path / "w") as store:
        square(town, range(200), START + 200 * STEP)
        town.tick(store, START + 201 * STEP)
    days = published(town, "SELECT local_date, expected FROM data_quality WHERE place = 'square' ORDER BY 1")
    assert [(d - START.date()).days for d, _ in days] == [0, 1, 2] and [n for _, n in days] == [88, 96, 16]


def test_reports_are_not_expected(tmp_path):
    from tests.pipelines.test_grid import add_source

    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        report = add_source(town, "stewards", "field_observations", ["square"], ["density_class"], interval="1min")
        report(START + timedelta(minutes=8), (START + timedelta(minutes=7), "square", 3))
        town.tick(store, START + timedelta(minutes=8))
        town.tick(store, START + DAY + STEP)
        assert of(store, columns="expected, received, coverage, meets_requirement") == (None, 1, None, True)
