"""Rule 18 in the house: the day's refresh, editions, freezes, and what a late row reaches."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines import baselines
from pipelines.baselines import counts, figures
from pipelines.slots import slots_sql
from pipelines.store import Store
from tests.pipelines.baselines_world import FEEDS, Random, cell, refresh, write
from tests.pipelines.slots_world import World
from tests.town import Town, rows

UTC_DAY = timedelta(days=1)
AT = datetime(2026, 11, 1, tzinfo=UTC)
MONDAY = date(2026, 10, 12)  # no holiday on a Monday in the twelve weeks before
ROWS = "SELECT * EXCLUDE (recorded_at) FROM {baselines} ORDER BY ALL"


def hourly(world: World, days: list[date], usual: int = 100, source: str = "cameras") -> list[dict]:
    """Cells of the square, a count an hour that differs a little from day to day."""
    place, measure = ("square", "present")
    made = [
        cell(source, place, measure, datetime(d.year, d.month, d.day, h, tzinfo=UTC), 60, usual + h + d.toordinal() % 7)
        for d in days for h in range(24)
    ]  # fmt: skip
    write(world.store, made)
    return made


def a_world(folder: Path, **town: object) -> World:
    sources = {"cameras": ("zone_counts", ["present"], ["square"]), "others": ("zone_counts", ["present"], ["square"])}
    return World(folder, {"square": {"kind": "zone", "place_type": "standing"}}, sources, step="60min", **town)


def weeks(n: int, before: date = MONDAY) -> list[date]:
    return [before - back * UTC_DAY for back in range(1, 7 * n + 1)]


def feed_of(world: World, source: str = "cameras"):
    return next(f for f in world.feeds("zone_counts.present") if f.source == source)


# ---- the day's refresh -------------------------------------------------------------------------------------------------


def midnight_town(folder: Path, *, refreshed: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[list, list, set]:
    """Six weeks taken in, then ticks over a midnight; returns baselines, values, and the days known before their first slot."""
    town = Town(folder, only="unusualness")
    start = datetime(2026, 6, 1, tzinfo=UTC)
    end = start + timedelta(days=42)
    moment, rng = start, random.Random(1)
    counts_ = []
    while moment < end + timedelta(minutes=45):
        counts_.append((moment, "square", rng.randint(300, 500)))
        moment += timedelta(minutes=15)
    before = [c for c in counts_ if c[0] < end - timedelta(minutes=45)]
    town.zones(before[-1][0] + timedelta(minutes=15), before, name="history")
    rest = counts_[len(before) :]
    ready: set[date] = set()
    with Store(folder / "w") as store, monkeypatch.context() as patched:
        if not refreshed:
            patched.setattr(baselines, "refresh_today", lambda *_: 0)
        town.tick(store, before[-1][0] + timedelta(minutes=20))
        for number in range(2, len(rest), 3):  # three slots a delivery: the last ones of a day come when it is over
            moment = rest[number][0]
            town.zones(moment + timedelta(minutes=15), rest[number - 2 : number + 1], name=f"n{number}")
            town.tick(store, moment + timedelta(minutes=21))
            done = {d for (d,) in rows(store, "SELECT DISTINCT local_date FROM baseline_done WHERE place = 'square'")}
            started = {d for (d,) in rows(store, "SELECT DISTINCT CAST(interval_start AS DATE) FROM {indicator_values}")}
            ready |= done - started
        shown = f"SELECT * EXCLUDE (recorded_at) FROM {{baselines}} WHERE local_date <= DATE '{end.date()}' ORDER BY ALL"
        values = rows(
            store, "SELECT place, interval_start, value, value_low, level, status, reason FROM {indicator_values} ORDER BY ALL"
        )
        return rows(store, shown), values, ready


def test_a_day_refreshed_when_it_begins_equals_one_computed_by_its_ticks(tmp_path, monkeypatch):
    refreshed = midnight_town(tmp_path / "a", refreshed=True, monkeypatch=monkeypatch)
    ticks = midnight_town(tmp_path / "b", refreshed=False, monkeypatch=monkeypatch)
    assert refreshed[:2] == ticks[:2]
    assert refreshed[2] == {date(2026, 7, 13)}  # before the first slot of that day had a value
    assert ticks[2] == set()
    assert any(value is not None for _, _, value, *_ in refreshed[1])


def test_refresh_day_computes_tomorrow_for_every_place_and_counts_that_follow_change_it(tmp_path):
    world = a_world(tmp_path, interval="60min", indicators={"unusualness": {}})
    with world.store as store:
        hourly(world, weeks(9)[1:])
        cards = [catalogue()["unusualness"]]
        with store.transaction():
            assert baselines.refresh_day(store, world.config, cards, MONDAY, AT) == 2  # the square, by each of two sources
            assert baselines.refresh_day(store, world.config, cards, MONDAY, AT) == 0
        before = rows(store, ROWS)
        assert {n for (n,) in rows(store, "SELECT n FROM {baselines}")} == {24}
        late = hourly(world, weeks(9)[:1], usual=500)
        changed = refresh(store, world.config, feed_of(world), [], late, AT)
        assert {day for day, _ in changed} == {MONDAY}  # its p95 and its factor
        after = rows(store, ROWS)
        assert [r[:13] for r in before] == [r[:13] for r in after] and before != after
        again = World(tmp_path / "again", {"square": {"kind": "zone", "place_type": "standing"}},
                      {"cameras": ("zone_counts", ["present"], ["square"])}, step="60min")  # fmt: skip
        with again.store as other:
            hourly(again, weeks(9)[1:])
            hourly(again, weeks(9)[:1], usual=500)
            refresh(other, again.config, feed_of(again), [("square", 60, MONDAY)], [], AT)
            assert rows(other, ROWS) == after


# ---- keys and scope ----------------------------------------------------------------------------------------------------


def test_two_measures_of_one_source_and_place_stand_apart(tmp_path):
    world = World(tmp_path, {"stop": {"kind": "stop"}}, {"bus": ("stop_counts", ["boarding", "waiting"], ["stop"])}, step="60min")
    with world.store as store:
        for measure, usual in (("boarding", 10), ("waiting", 70)):
            for day in weeks(8):
                world.put("bus", "stop", measure, *[usual] * 24, start=datetime(day.year, day.month, day.day, tzinfo=UTC))
        world.flush()
        for measure in ("boarding", "waiting"):
            (feed,) = world.feeds(f"stop_counts.{measure}")
            refresh(store, world.config, feed, [("stop", 60, MONDAY)], [], AT)
        found = rows(store, "SELECT measure, local_time, count(*), min(median) FROM {baselines} GROUP BY ALL ORDER BY ALL")
        assert len(found) == 48
        assert {(measure, count, median) for measure, _, count, median in found} == {("boarding", 1, 10.0), ("waiting", 1, 70.0)}


def test_a_flag_leaves_days_out_of_the_baselines_of_its_own_source_only(tmp_path):
    start = datetime(2026, 10, 5, 10, tzinfo=UTC)
    flag = {"source": "others", "places": ["square"], "from": start.isoformat(), "to": (start + timedelta(hours=1)).isoformat(),
            "effect": ["no_baseline"], "reason": "trial", "owner": "crowd-manager"}  # fmt: skip
    world = a_world(tmp_path, flags=[flag])
    with world.store as store:
        for source in ("cameras", "others"):
            hourly(world, weeks(6), source=source)
            refresh(store, world.config, feed_of(world, source), [("square", 60, MONDAY)], [], AT)
        found = rows(store, "SELECT source, valid_days FROM {baselines} WHERE local_time = TIME '12:00'")
        assert sorted(found) == [("cameras", 6), ("others", 5)]


@pytest.mark.parametrize("seed", range(6))
def test_the_counts_read_are_the_whole_known_slots(tmp_path, seed):
    """The lean way to read counts of the place itself gives just what the slots of a feed say."""
    world = Random(seed, tmp_path)
    with world.store as store:
        write(store, list(world.cells.values()))
        for source, (place, _) in FEEDS.items():
            feed, minutes = world.feed(source), world.minutes
            store.con.execute(f"CREATE OR REPLACE TEMP TABLE baseline_places AS SELECT 1 AS no, '{place}' AS place")
            counts.start(store, world.config, feed)
            first, last = world.last - timedelta(days=50), world.last - timedelta(days=1)
            counts.add(store, world.config, feed, minutes, [first + n * UTC_DAY for n in range((last - first).days + 1)])
            read = rows(store, "SELECT local_date, minute, x FROM baseline_slots ORDER BY ALL")
            start, end = (counts.instant(d, world.config) for d in (first - UTC_DAY, last + 2 * UTC_DAY))
            sql = slots_sql(store, world.config, feed, minutes, start, end, AT)
            slots = rows(store, f"""SELECT local_date, 60 * hour(local_ts) + minute(local_ts), CAST(value AS DOUBLE) FROM ({sql})
                WHERE status = 'ok' AND coverage = 1 AND local_date BETWEEN DATE '{first}' AND DATE '{last}' ORDER BY ALL""")  # fmt: skip
            assert read == slots and len(read) > 500


def test_a_baseline_of_a_measure_over_places_is_that_of_its_slots(tmp_path):
    """The people in an area of two zones: the sum, and nothing where one of them is not known."""
    places = {"a": {"kind": "zone", "place_type": "standing"}, "b": {"kind": "zone", "place_type": "standing"},
              "area": {"kind": "area", "parts": ["a", "b"]}}  # fmt: skip
    world = World(tmp_path, places, {"cameras": ("zone_counts", ["present"], ["a", "b"])}, step="60min")
    with world.store as store:
        for day in weeks(8):
            for zone, usual in (("a", 10), ("b", 70)):
                values = [usual] * 24 if zone == "a" or day != MONDAY - 7 * UTC_DAY else [usual, "missing"] + [usual] * 22
                world.put("cameras", zone, "present", *values, start=datetime(day.year, day.month, day.day, tzinfo=UTC))
        world.flush()
        (feed,) = world.feeds("zone_counts.area_present")
        refresh(store, world.config, feed, [("area", 60, MONDAY), ("a", 60, MONDAY)], [], AT)
        found = rows(store, "SELECT place, hour(local_time), n, median FROM {baselines} ORDER BY 2")
        # The hour from one o'clock of one Monday is not known, nor is the evening before the first Monday.
        assert [(place, median) for place, _, _, median in found] == [("area", 80.0)] * 24
        assert [n for _, _, n, _ in found] == [22, 23, 23] + [24] * 21


# ---- editions ----------------------------------------------------------------------------------------------------------

FAIR = [MONDAY, date(2025, 10, 13), date(2024, 10, 12)]


def test_a_late_row_of_years_ago_reaches_the_editions_after_it_and_nothing_else(tmp_path):
    world = a_world(tmp_path, event_series={"fair": [str(d) for d in FAIR]})
    with world.store as store:
        hourly(world, [*weeks(8), FAIR[1], FAIR[2]])
        refresh(
            store,
            world.config,
            feed_of(world),
            [("square", 60, MONDAY), ("square", 60, FAIR[1]), ("square", 60, weeks(1)[0])],
            [],
            AT,
        )
        found = rows(store, "SELECT local_date, day_type, max(n), max(valid_days) FROM {baselines} GROUP BY ALL ORDER BY ALL")
        assert (MONDAY, "edition", 6, 2) in found and (FAIR[1], "edition", 3, 1) in found
        late = [cell("cameras", "square", "present", datetime(2024, 10, 12, 12, tzinfo=UTC), 60, 9_000)]
        write(store, late)
        changed = refresh(store, world.config, feed_of(world), [], late, AT)
        assert {(day, time.hour) for day, time in changed} == {(d, h) for d in FAIR[:2] for h in (11, 12, 13)}
        kinds = rows(store, "SELECT day_type FROM {baselines} WHERE p95 > 5000")
        assert set(kinds) == {("edition",)}


def test_only_the_days_needed_are_read_of_years_ago(tmp_path, monkeypatch):
    world = a_world(tmp_path, event_series={"fair": ["2026-10-12", "2016-06-15", "2017-06-15", "2017-06-16"]})
    with world.store as store:
        hourly(world, weeks(2))
        read: list[tuple[datetime, datetime]] = []
        relation = store.relation
        monkeypatch.setattr(store, "relation", lambda name, start=None, end=None, columns="*": (
            read.append((start, end)) if name == "observations" else None) or relation(name, start, end, columns))  # fmt: skip
        refresh(store, world.config, feed_of(world), [("square", 60, MONDAY)], [], AT)
        old = [(start.date(), (end - start).days) for start, end in read if start.year < 2026]
        assert old == [(date(2016, 6, 14), 3), (date(2017, 6, 14), 3)]


def saturdays(folder: Path, *, series: bool) -> list[tuple]:
    """Every other Saturday a busy market: the values of a market day at noon."""
    town = Town(folder, only="unusualness")
    days = [date(2026, 6, 6) + 7 * n * UTC_DAY for n in range(14)]
    path, listed = town.config_folder / "municipalities" / "tiny.yaml", f"[{', '.join(map(str, days[::2]))}]"
    path.write_text(path.read_text() + (f"event_series: {{market: {listed}}}\n" if series else f"event_days: {listed}\n"))
    start = datetime(2026, 6, 1, tzinfo=UTC)
    steps = [start + n * timedelta(minutes=15) for n in range(96 * (days[12] - start.date()).days + 60)]
    market = set(days[::2])
    town.zones(steps[-1] + timedelta(minutes=15), [(m, "square", (3000 if m.date() in market else 1000) + m.day) for m in steps])
    with Store(folder / "w") as store:
        town.tick(store, steps[-1] + timedelta(minutes=20))
        kinds = rows(
            store,
            f"SELECT day_type, n FROM {{baselines}} WHERE local_date = DATE '{days[12]}' AND local_time = TIME '12:00' ORDER BY 1",
        )
        value = rows(store, f"""SELECT value, level, reason FROM {{indicator_values}} WHERE indicator = 'unusualness'
                                AND place = 'square' AND interval_start = TIMESTAMPTZ '{days[12]} 12:00:00+00'""")  # fmt: skip
        return [kinds, value]


def test_an_edition_is_judged_by_the_lower_deviation(tmp_path):
    """Six earlier markets give enough values; as plain event days they are compared with Saturdays without a market only."""
    kinds, ((value, level, _),) = saturdays(tmp_path / "with", series=True)
    assert kinds == [("edition", 18), ("weekday", 18)]
    assert abs(value) < 1 and level == "normal"
    kinds, ((value, level, _),) = saturdays(tmp_path / "without", series=False)
    assert kinds == [("weekday", 18)]
    assert value > 10 and level == "high"


# ---- freezes -----------------------------------------------------------------------------------------------------------


def frozen(config, until: date | None):
    """The same config with a freeze of the square, or none."""
    from schemas.settings import Freeze

    freeze = Freeze(places=("square",), until=until or MONDAY, reason="evaluation", owner="crowd-manager", decided_on=MONDAY)
    return replace(config, municipality=config.municipality.model_copy(update={"freezes": (freeze,) if until else ()}))


DAYS = [MONDAY + n * UTC_DAY for n in range(0, 21, 7)]
HOLDS = "SELECT local_date, frozen_until FROM baseline_holds ORDER BY ALL"


def a_freeze(folder: Path) -> World:
    world = a_world(folder)
    hourly(world, [d for d in weeks(8, DAYS[-1]) if d < DAYS[-1]])
    refresh(world.store, world.config, feed_of(world), [("square", 60, d) for d in DAYS], [], AT)
    return world


def of_day(store: Store, day: date) -> list[tuple]:
    return rows(store, f"SELECT * EXCLUDE (recorded_at) FROM {{baselines}} WHERE local_date = DATE '{day}' ORDER BY ALL")


def late_row(world: World) -> list[dict]:
    return hourly(world, [MONDAY - 7 * UTC_DAY], usual=250)


def test_rule_18_a_freeze_holds_its_days_and_lists_what_it_held_back(tmp_path):
    world = a_freeze(tmp_path)
    with world.store as store:
        before = {d: of_day(store, d) for d in DAYS}
        changed = refresh(store, frozen(world.config, DAYS[1]), feed_of(world), [], late_row(world), AT)
        assert {day for day, _ in changed} == {DAYS[2]}
        assert [of_day(store, d) == before[d] for d in DAYS] == [True, True, False]
        assert rows(store, HOLDS) == [(MONDAY - 7 * UTC_DAY, DAYS[1])]


def test_a_frozen_day_never_computed_is_computed(tmp_path):
    world = a_freeze(tmp_path)
    with world.store as store:
        refresh(store, frozen(world.config, DAYS[2]), feed_of(world), [("square", 60, MONDAY + UTC_DAY)], [], AT)
        assert of_day(store, MONDAY + UTC_DAY)
        assert rows(store, HOLDS) == []


@pytest.mark.parametrize("steps", [(1, None), (2, 1, None), (1, 0, None), (0, 2, None), (2, 0, None)])
def test_lifted_at_once_or_in_steps_all_is_as_if_never_frozen(tmp_path, steps):
    """``steps``: the freeze ends on which day when the late row comes, then after each change of the config."""
    world, plain = a_freeze(tmp_path / "frozen"), a_freeze(tmp_path / "plain")
    with world.store as store, plain.store as other:
        refresh(other, plain.config, feed_of(plain), [], late_row(plain), AT)
        late = late_row(world)
        for step in steps:
            until = None if step is None else DAYS[step]
            refresh(store, frozen(world.config, until), feed_of(world), [], late, AT)
            late = []
            held = rows(store, HOLDS)
            ends = min([DAYS[s] for s in steps[: steps.index(step) + 1] if s is not None])
            assert held == ([] if until is None else [(MONDAY - 7 * UTC_DAY, ends)])
            assert [of_day(store, d) == of_day(other, d) for d in DAYS] == [until is None or d > ends for d in DAYS]


# ---- clock changes -----------------------------------------------------------------------------------------------------


def test_both_instants_of_a_repeated_half_hour_are_judged_again(tmp_path):
    """Lord Howe puts its clock back by half an hour: a baseline row that changes there has two readers."""
    town = Town(tmp_path, only="unusualness", timezone="Australia/Lord_Howe")
    back = date(2026, 4, 5)  # 02:00 +11 becomes 01:30 +10:30: 01:30 and 01:45 come twice
    start = datetime(2026, 2, 22, 13, tzinfo=UTC)  # midnight there
    steps = [start + n * timedelta(minutes=15) for n in range(96 * 42)]
    rng = random.Random(3)
    counted = [(m, "square", rng.randint(300, 500)) for m in steps]
    late = (datetime(2026, 3, 28, 14, 30, tzinfo=UTC), "square", 4000)  # a week before, 01:30 there
    town.zones(steps[-1] + timedelta(minutes=15), [c for c in counted if c[0] != late[0]])
    end = steps[-1] + timedelta(minutes=20)
    with Store(tmp_path / "w") as store:
        town.tick(store, end)
        there = f"indicator = 'unusualness' AND place = 'square' AND local_date = DATE '{back}' AND local_time = TIME '01:30'"
        twice = [t for (t,) in rows(store, f"SELECT interval_start FROM {{indicator_values}} WHERE {there} ORDER BY 1")]
        assert [f"{t:%H:%M}" for t in (x.astimezone(UTC) for x in twice)] == ["14:30", "15:00"]
        assert rows(store, f"SELECT n FROM {{baselines}} WHERE local_date = DATE '{back}' AND local_time = TIME '01:30'") == [
            (14,)
        ]
        town.zones(end, [late], name="late")
        town.tick(store, end + timedelta(minutes=5))
        again = (end + timedelta(minutes=5)).isoformat()
        new = rows(store, f"SELECT count(*) FROM {{indicator_values}} WHERE {there} AND recorded_at = TIMESTAMPTZ '{again}'")
        assert new == [(2,)]


def test_memory_is_bounded_by_batches_that_change_nothing(tmp_path, monkeypatch):
    """A day at a time, or all at once: the same rows."""
    found = []
    for batch in (1, 10_000):
        monkeypatch.setattr(figures, "BATCH", batch)
        world = a_world(tmp_path / str(batch))
        with world.store as store:
            hourly(world, weeks(10))
            refresh(store, world.config, feed_of(world), [("square", 60, MONDAY - n * UTC_DAY) for n in range(5)], [], AT)
            found.append(rows(store, ROWS))
    assert found[0] == found[1] and len(found[0]) == 5 * 24
