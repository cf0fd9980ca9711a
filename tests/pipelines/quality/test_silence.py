"""Sudden zeros, dead lines and counter dumps: what fires, and what is only quiet."""

from __future__ import annotations

import pytest

from pipelines.quality import delivering, runs, whole_days
from schemas.settings.quality import CounterDump, Gone, SuddenZeros
from tests.pipelines.quality.world import ABSENT, DAY, DAY_ONE, HOUR, SMALL, World, poisson, street
from tests.town import START, STEP


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.store.close()


def p10(hour: int) -> float:
    """Of both directions in a quarter, on a day that is quiet for the street."""
    return max(0.0, 2 * street(hour) * 0.6 - 2)


def outages(world: World, values, days: int = 2, **settings):
    """Findings of the second day of the gate, with ``values`` put at hour → counts of that hour on."""
    counts = poisson(1, street, days)
    for hour, put in values.items():
        counts[96 * (days - 1) + 4 * hour : 96 * (days - 1) + 4 * hour + len(put)] = put
    world.both(START, counts)
    world.usual(DAY_ONE, days, p10)
    world.slots(START, START + days * DAY)
    return runs.outages(world.store, SuddenZeros(**settings), Gone(), "gates", START)


def test_zeros_at_a_busy_hour_are_found_with_their_hours(world):
    [found] = outages(world, {14: [0] * 8})
    assert (found.detector, found.start, found.end, found.ongoing) == (
        "sudden_zeros",
        START + DAY + 14 * HOUR,
        START + DAY + 16 * HOUR,
        False,
    )
    assert found.facts["expected"] >= 50


def test_rows_that_do_not_come_are_a_line_gone(world):
    [found] = outages(world, {10: [ABSENT] * 26})
    assert (found.detector, found.end - found.start) == ("gone", 6.5 * HOUR)


@pytest.mark.parametrize("others", [True, False])
def test_a_source_that_is_silent_as_a_whole_is_not_told_for_each_of_its_places(world, others):
    found = outages(world, {10: [ABSENT] * 26})
    if others:
        world.both(START + DAY, [40] * 96, place="other")
    assert len(delivering(world.store, world.config, found)) == others


def test_zeros_until_now_still_last(world):
    [found] = outages(world, {20: [0] * 16})
    assert found.ongoing and found.start == START + DAY + 20 * HOUR and found.end == START + 2 * DAY


@pytest.mark.parametrize(("why", "values"), [
    ("a quiet night", {0: [0] * 20}),
    ("half an hour is needed", {14: [0]}),
    ("what is missing is not read as calm: it can wait", {10: [ABSENT] * 20}),
    ("a sensor that stops at dusk", {18: [ABSENT] * 24}),
    ("withheld is somebody", {14: [SMALL] * 8}),
    ("a closed street has somebody now and then", {12: [0, SMALL, 0, 1, SMALL, 0, 2, SMALL] * 2}),
])  # fmt: skip
def test_what_is_only_quiet_is_no_outage(world, why, values):
    assert outages(world, values) == [], why


def test_a_lockdown_is_no_outage(world):
    """Counts fall to a tenth from one day to the next: evenings are then 0 now and then, and nobody is told."""
    world.both(START, poisson(2, street, 1) + poisson(3, lambda h: street(h) / 10, 3))
    world.usual(DAY_ONE, 4, p10)
    world.slots(START, START + 4 * DAY)
    found = runs.outages(world.store, SuddenZeros(), Gone(), "gates", START + 2 * DAY)
    assert found == []


def test_rule_18_a_short_baseline_expects_nothing(world):
    world.both(START, [0] * 96)
    world.usual(DAY_ONE, 1, p10, n=8)
    world.slots(START, START + DAY)
    assert runs.outages(world.store, SuddenZeros(), Gone(), "gates", START) == []


def test_one_direction_that_counts_is_no_outage(world):
    world.counts(START, [0] * 96, "count_in")
    world.counts(START, poisson(4, street, 1), "count_out")
    world.usual(DAY_ONE, 1, p10)
    world.slots(START, START + DAY)
    assert runs.outages(world.store, SuddenZeros(), Gone(), "gates", START) == []


def dumps(world: World, gap: int, value: int, after: int | None = None):
    """A gap of so many quarters from 10:00 on, then one count in each direction."""
    counts = poisson(5, street, 1)
    counts[40 : 40 + gap] = [ABSENT] * gap
    counts[40 + gap] = value
    if after is not None:
        counts[41 + gap] = after
    world.both(START, counts)
    world.usual(DAY_ONE, 1, p10, p95=220)
    world.slots(START, START + DAY)
    return runs.dumps(world.store, CounterDump(), "gates", START, START + DAY)


def test_what_a_counter_saved_up_is_found(world):
    [found] = dumps(world, gap=12, value=1100)
    assert (found.start, found.end) == (START + 13 * HOUR, START + 13 * HOUR + STEP)
    assert found.facts == {"times": 10, "gap": "3"}


@pytest.mark.parametrize(("why", "gap", "value", "after"), [
    ("back at its usual counts", 12, 110, None),
    ("a short gap saves little", 4, 1100, None),
    ("a crowd stays: the next count is as high", 12, 1100, 1000),
])  # fmt: skip
def test_a_high_count_after_a_gap_can_be_true(world, why, gap, value, after):
    assert dumps(world, gap, value, after) == [], why


def silent_days(world: World, received: dict[str, list[int]], first: int, last: int):
    """Rows of ``data_quality``: cells received per place and day."""
    for place, days in received.items():
        for number, cells in enumerate(days):
            world.store.con.execute(
                "INSERT INTO data_quality (municipality, dataset, source, place, local_date, expected, received, outage)"
                " VALUES ('tiny', 'passage_counts', 'gates', ?, ?, 192, ?, 0)", [place, DAY_ONE + number * DAY, cells],
            )  # fmt: skip
    found = whole_days.gone(world.store, world.config, world.source, Gone(), DAY_ONE + first * DAY, DAY_ONE + last * DAY)
    return [(f.place, (f.start - START) // DAY, (f.end - START) // DAY, f.ongoing) for f in found]


def test_whole_lines_gone_are_one_finding_over_their_days(world):
    received = {"gate": [192] * 9 + [0, 0, 0] + [192], "other": [192] * 13}
    assert silent_days(world, received, 9, 12) == [("gate", 9, 12, False)]


@pytest.mark.parametrize(("why", "received"), [
    ("the source as a whole is silent: another matter", {"gate": [192] * 9 + [0], "other": [192] * 9 + [0]}),
    ("it comes now and then", {"gate": [192, 0, 0, 192, 0, 0, 192, 0, 192, 0], "other": [192] * 10}),
    ("a few rows came", {"gate": [192] * 9 + [3], "other": [192] * 10}),
])  # fmt: skip
def test_a_line_that_is_not_gone(world, why, received):
    assert silent_days(world, received, 9, 9) == [], why
