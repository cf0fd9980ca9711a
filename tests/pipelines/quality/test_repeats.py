"""Frozen values and sensors that are off at night: what fires, and what a living place does of itself."""

from __future__ import annotations

import pytest

from pipelines.quality import nights, repeats
from pipelines.quality.findings import Looked, record
from schemas.settings.quality import Frozen, NightZeros
from tests.pipelines.quality.world import ABSENT, DAY, DAY_ONE, HOUR, SMALL, World, poisson, street
from tests.town import START, STEP


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.store.close()


PAST = 30  # days of history before the day that is looked at


def frozen(world: World, day: list, past: list | None = None, **settings):
    history = poisson(7, street, PAST) if past is None else past
    world.counts(START, history + day)
    begin = START + len(history) * STEP
    return repeats.frozen(world.store, world.config, world.source, Frozen(**settings), begin, begin + DAY), begin


def with_run(value: int, length: int, at: int = 40) -> list:
    day = poisson(8, street, 1)
    day[at : at + length] = [value] * length
    return day


def test_a_count_that_stands_still_is_found(world):
    found, begin = frozen(world, with_run(97, 9))
    [one] = found
    assert (one.detector, one.measures, one.start - begin, one.end - one.start) == ("frozen", ("count_in",), 10 * HOUR, 9 * STEP)
    assert one.facts["n"] == 9 and one.facts["rarity"] >= 7


@pytest.mark.parametrize(("why", "day"), [
    ("three alike happen", with_run(97, 3)),
    ("an hour alike at small numbers happens", with_run(16, 5)),
    ("zeros are another matter", with_run(0, 30)),
    ("a living street", poisson(9, street, 1)),
    ("what was withheld may differ", with_run(SMALL, 30)),
    ("a gap is no repetition", with_run(ABSENT, 30)),
])  # fmt: skip
def test_what_repeats_itself_by_chance_is_not_frozen(world, why, day):
    assert frozen(world, day)[0] == [], why


def test_a_place_that_often_stands_still_is_not_frozen(world):
    """A supplier that rounds to hundreds repeats itself: the place's own past says how often."""
    coarse = [100 * round(2 * int(v) / 100) for v in poisson(10, lambda h: 2 * street(h), PAST)]
    assert frozen(world, [100] * 8 + poisson(11, street, 1)[8:], past=coarse)[0] == []


def test_a_garage_that_counts_one_for_hours_each_night_is_not_frozen(world):
    """Small even flows, as of a sample or a smoothed count: the place's own longest run says what is ordinary."""
    even = [1 if q < 40 else 5 + q % 7 for _ in range(PAST) for q in range(96)]
    assert frozen(world, [1] * 44 + [6, 7] * 26, past=even)[0] == []
    assert len(frozen_again(world, [1] * 90 + [6, 7] * 3)) == 1


def frozen_again(world: World, day: list) -> list:
    """Another day after that of :func:`frozen`."""
    begin = START + (PAST + 1) * DAY
    world.counts(begin, day)
    return repeats.frozen(world.store, world.config, world.source, Frozen(), begin, begin + DAY)


def test_a_counter_that_froze_before_is_found_again(world):
    found, begin = frozen(world, with_run(97, 9))
    assert len(frozen_again(world, with_run(98, 9))) == 0  # that it froze yesterday would pass for its habit
    looked = Looked(("frozen",), "gates", frozenset({"gate"}), begin, begin + DAY)
    record(world.store, world.config, looked, found, begin + DAY)
    assert len(repeats.frozen(world.store, world.config, world.source, Frozen(), begin + DAY, begin + 2 * DAY)) == 1


def test_a_place_without_a_past_has_no_habits_yet(world):
    assert frozen(world, with_run(97, 9), past=poisson(7, street, 5))[0] == []


def test_no_false_alarm_in_a_year_of_ordinary_counts(world):
    """365 days of one line by the quarter; the chance of any is set at one in ten million stretches."""
    world.counts(START, poisson(12, street, 365))
    found = repeats.frozen(world.store, world.config, world.source, Frozen(), START + 2 * DAY, START + 365 * DAY)
    assert found == []


def small_day(world: World, values: list[int], name: str = "g"):
    """A day of small counts in quarters, delivered as a file and stored as withheld."""
    world.town.gates(START + DAY, [(START + i * STEP, v, v) for i, v in enumerate(values)], name=name)
    path = next((world.town.data / "gates").glob("*.csv"))
    for measure in ("count_in", "count_out"):
        world.counts(START, [SMALL] * len(values), measure)
    world.store.con.execute(
        "INSERT INTO deliveries (delivery_id, source, name) VALUES ('d1', 'gates', ?)", [f"gates/{path.name}"]
    )
    return repeats.frozen_withheld(world.store, world.config, world.source, Frozen(), DAY_ONE, DAY_ONE)


def test_rule_07_a_frozen_small_count_is_found_and_not_told(world):
    found = small_day(world, [7] * 96)
    assert [(f.measures, f.end - f.start, f.facts["n"]) for f in found] == [(("count_in",), DAY, 96), (("count_out",), DAY, 96)]
    assert all(7 not in f.facts.values() for f in found)


def test_small_counts_that_differ_are_a_quiet_street(world):
    assert small_day(world, [5, 7] * 48) == []


def test_a_day_of_nothing_that_a_town_withholds_is_no_repetition(world):
    assert small_day(world, [0] * 96) == []


def test_a_file_that_is_gone_tells_nothing(world):
    world.counts(START, [SMALL] * 96)
    world.store.con.execute("INSERT INTO deliveries (delivery_id, source, name) VALUES ('d1', 'gates', 'gates/gone.csv')")
    assert repeats.frozen_withheld(world.store, world.config, world.source, Frozen(), DAY_ONE, DAY_ONE) == []


def night(world: World, mean, days: int = 21, seed: int = 13):
    world.counts(START, poisson(seed, mean, days))
    return nights.night_zeros(world.store, world.config, world.source, NightZeros(), DAY_ONE + (days - 1) * DAY)


def switched(hour: int) -> float:
    """Off from 21:00 to 05:00, whatever passes then."""
    return 0.0 if hour >= 21 or hour < 5 else max(street(hour), 8)


def test_a_sensor_that_is_off_at_night_is_found_with_its_hours(world):
    [found] = night(world, switched)
    assert (found.hours, found.measures, found.ongoing) == ("21:00-05:00", (), True)
    assert found.facts["days"] == 21


@pytest.mark.parametrize(("why", "mean"), [
    ("a truly quiet night fades", lambda h: street(h) / 4),
    ("a village path is 0 most of the time", lambda h: 0.3 if 8 <= h < 20 else 0.0),
    ("somebody passes at night", lambda h: max(street(h), 0.3)),
])  # fmt: skip
def test_a_quiet_night_is_no_fault(world, why, mean):
    assert night(world, mean) == [], why


@pytest.mark.parametrize(("shares", "block"), [
    ({h: 0.0 if h in (22, 23, 0, 1, 2, 3, 4) else 1.0 for h in range(24)}, "22:00-05:00"),
    ({h: 0.0 if h in (22, 23, 0, 1, 2, 3, 4) else 0.4 if h in (5, 21) else 1.0 for h in range(24)}, "22:00-05:00"),
    ({h: 0.0 if h in (22, 23, 0, 1, 2, 3, 4) else 0.4 if h in (5, 6) else 1.0 for h in range(24)}, None),
    ({h: 0.0 if h in (22, 23, 0) else 1.0 for h in range(24)}, None),
    (dict.fromkeys(range(24), 0.0), None),
    ({}, None),
])  # fmt: skip
def test_the_block_of_hours(shares, block):
    assert nights.off(shares, NightZeros()) == block
