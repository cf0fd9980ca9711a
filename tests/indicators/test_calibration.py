"""Edges for a wished rate: the choice, its interval and the machines, on small cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indicators import calibration, judged
from indicators.calibration import DAYS_A_MONTH, Counted


def _counted(*days: list[int]) -> Counted:
    return Counted(np.array(days, dtype=np.int64), np.ones(len(days)))


def test_rates_are_signals_a_month_of_the_days_that_count() -> None:
    found = Counted(np.array([[2, 1], [0, 0], [1, 0]]), np.array([1.0, 1.0, 0.5]))
    assert found.rates() == pytest.approx([3 / 2.5 * DAYS_A_MONTH, 1 / 2.5 * DAYS_A_MONTH])


def test_the_most_sensitive_edge_that_gives_at_most_the_wish() -> None:
    assert calibration.chosen(np.array([9.0, 4.0, 3.0, 1.0]), 4.0) == 1
    # The second gives fewer than the third: what a more sensitive one happens to give does not count.
    assert calibration.chosen(np.array([9.0, 2.0, 5.0, 1.0]), 4.0) == 3
    assert calibration.chosen(np.array([9.0, 8.0]), 4.0) == -1
    assert calibration.chosen(np.array([3.0, 2.0]), 4.0) == 0


@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 10)), st.floats(0, 10))
def test_from_the_choice_on_none_gives_more(rates: np.ndarray, wished: float) -> None:
    pick = int(calibration.chosen(rates, wished))
    if pick < 0:
        assert rates[-1] > wished
    else:
        assert (rates[pick:] <= wished).all() and (pick == 0 or rates[pick - 1] > wished)


def test_the_same_question_gives_the_same_interval_and_sure_days_a_narrow_one() -> None:
    steady = _counted(*[[1, 0]] * 60)
    assert calibration.rate_interval(steady, 0) == pytest.approx((DAYS_A_MONTH, DAYS_A_MONTH))
    random = np.random.default_rng(1).integers(0, 3, (60, 2))
    uneven = Counted(random, np.ones(60))
    low, high = calibration.rate_interval(uneven, 0)
    assert calibration.rate_interval(uneven, 0) == (low, high)
    assert low < float(uneven.rates()[0]) < high


def test_a_band_goes_on_after_for_and_counts_once_until_it_was_calm() -> None:
    calm, reached, unknown = judged.CALM, judged.REACHED, judged.UNKNOWN
    packed = np.array([[calm, reached, reached, unknown, reached, calm, reached, calm]], dtype=np.int16).T
    packed = calibration.lowest(packed, 0)
    starts, seconds = np.arange(8) * 900, np.full(8, 900)
    on = calibration.turned_on(starts, seconds, packed, [1800], 900)
    assert on[:, 0].tolist() == [False, False, True, False, False, False, False, False]
    at_once = calibration.turned_on(starts, seconds, packed, [0], 900)
    assert at_once[:, 0].tolist() == [False, True, False, False, False, False, True, False]
    both = calibration.turned_on(starts, seconds, np.hstack([packed, packed]), [1800, 0], 900)
    assert (both == np.hstack([on, at_once])).all()


def test_one_band_alone() -> None:
    high = judged.REACHED << judged.WIDTH
    found = judged.decode(calibration.lowest(np.array([high | judged.REACHED], dtype=np.int16), 1))
    assert found.reached[0].tolist() == [True, False, False] and found.calm[0].tolist() == [False, True, True]
