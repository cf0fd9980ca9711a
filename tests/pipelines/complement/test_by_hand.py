"""One gate, worked out by hand: 40 in, 6 out and 46 in total, k = 15."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from pipelines.complement.choose import OUTSIDE, Offer, Story, choose
from pipelines.privacy.narrow import System
from tests.oracle.worlds.shapes import Delivery, Period, Row, Source, Town
from tests.pipelines.complement.worlds import BEGIN, HOUR, START, World, ran

LINE = {"kind": "line", "name": "gate", "effective_width": 2, "from_zone": "street", "to_zone": "square"}
ZONE = {"kind": "zone", "name": "zone", "place_type": "moving", "usable_area": 500}


def world(*sent: tuple[int, dict[str, dict[str, int]]]) -> World:
    """A gate; ``sent``: minutes after the hour and, by source, the numbers of its first quarter."""
    sources = {
        "ways": Source("ways", "passage_counts", ("count_in", "count_out"), ("gate",), 15, 1),
        "totals": Source("totals", "passage_counts", ("count_total",), ("gate",), 15, 2),
    }
    for minutes, told in sent:
        for name, numbers in told.items():
            row = Row(START, "gate", {m: str(n) for m, n in numbers.items()})
            sources[name].deliveries.append(Delivery(f"d{minutes}", START + HOUR + timedelta(minutes=minutes - 1), [row]))
    places = {"gate": [Period(BEGIN, LINE)], "street": [Period(BEGIN, ZONE)], "square": [Period(BEGIN, ZONE)]}
    town = Town(0, "UTC", "NL", 15, 15, START, START + HOUR, 0, places, [*sources.values()], indicators=("specific_flow",))
    return World(town, [START + HOUR + timedelta(minutes=minutes) for minutes, _ in sent])


WAYS, TOTAL = {"ways": {"count_in": 40, "count_out": 6}}, {"totals": {"count_total": 46}}
RANGES = "SELECT measure, value, value_low, value_high, status FROM {} WHERE interval_start = $1 ORDER BY measure"


def told(store, table="observations"):
    rows = store.con.execute(RANGES.format(table), [START]).fetchall()
    return {
        measure: (int(low), int(high)) if value is None else int(value)
        for measure, value, low, high, status in rows
        if status != "missing"
    }


@pytest.mark.parametrize(("sent", "expected"), [
    ([(10, WAYS | TOTAL)], {"count_in": 40, "count_out": (0, 14), "count_total": (41, 54)}),
    ([(10, WAYS), (20, TOTAL)], {"count_in": 40, "count_out": (0, 14), "count_total": (41, 54)}),
    ([(10, TOTAL), (20, WAYS)], {"count_in": (32, 45), "count_out": (0, 14), "count_total": 46}),
])  # fmt: skip
def test_rule_07_the_total_goes_first_and_what_was_published_stays(tmp_path, sent, expected):
    with ran(world(*sent), tmp_path) as (store, _):
        assert told(store) == expected


def test_rule_10_an_equal_delivery_of_a_withheld_number_is_a_duplicate(tmp_path):
    with ran(world((10, WAYS | TOTAL), (20, TOTAL)), tmp_path) as (store, _):
        assert told(store)["count_total"] == (41, 54)
        states = store.con.execute("SELECT state FROM deliveries WHERE source = 'totals' ORDER BY received_at").fetchall()
        assert states == [("accepted",), ("duplicate",)]
        assert "count_total" not in told(store, "observations_superseded")


def system(lo, hi, terms, totals):
    """Unknowns with bounds; each row of ``terms`` with its total is a sum."""
    of, at = np.nonzero(np.array(terms))
    coef = np.array(terms, np.float64)[of, at]
    ends = np.array(totals, np.float64)
    return System(np.array(lo, float), np.array(hi, float), of, at, coef, ends.copy(), ends.copy())


def test_the_fewest_numbers_are_withheld():
    """Two gates and their sums crosswise: one number in each row and column is not enough; four corners of which one is small are."""
    grid = system([3, 20, 20, 20, 23, 40, 23, 40], [3, 20, 20, 20, 23, 40, 23, 40],
                  [[1, 1, 0, 0, -1, 0, 0, 0], [0, 0, 1, 1, 0, -1, 0, 0], [1, 0, 1, 0, 0, 0, -1, 0], [0, 1, 0, 1, 0, 0, 0, -1]], [0] * 4)  # fmt: skip
    grid.lo[0], grid.hi[0] = 1, 14
    offers = [Offer(u, grid.lo[u], grid.hi[u], 1.0, 1.0) for u in range(1, 8)]
    picked = choose(grid, offers, [Story(0, 1), Story(0, 14)], 15, hops=9)
    assert len(picked) == 2 and picked == {4, 6}, "the two sums in which the small one stands"
    corners = choose(grid, [o for o in offers if o.unknown in (1, 2, 3)], [Story(0, 1), Story(0, 14)], 15, hops=9)
    assert corners == {1, 2, 3}


def test_a_group_left_over_is_nobody_or_no_small_group():
    left = system([50, 46, 0], [50, 46, np.inf], [[1, -1, -1]], [0])
    offers = [Offer(0, 50, 50, 1.0, 1.0), Offer(1, 46, 46, 1.1, 1.0)]
    assert choose(left, offers, [Story(2, OUTSIDE)], 15, hops=9) == {0}


def test_what_nothing_can_help_costs_nothing():
    """What was published before gives it away: no number is withheld in vain."""
    fixed = system([46, 40, 1, 30], [46, 40, 14, 30], [[1, -1, -1, 0]], [0])
    assert choose(fixed, [Offer(3, 30, 30, 1.0, 1.0)], [Story(2, 1), Story(2, 14)], 15, hops=9) == set()
