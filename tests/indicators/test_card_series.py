"""The notation of worked examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators import series
from indicators.series import Cell


def test_the_notation_by_hand() -> None:
    assert series.cells("90x2 _ 140 <15 outage invalid -1.5") == [
        Cell("ok", 90, 90, 90), Cell("ok", 90, 90, 90), Cell("missing"), Cell("ok", 140, 140, 140),
        Cell("suppressed", None, 0, 14), Cell("outage"), Cell("invalid"), Cell("ok", -1.5, -1.5, -1.5),
    ]  # fmt: skip
    assert series.cells("430..1080 <0.2..0.5x2 withheld") == [
        Cell("ok", None, 430, 1080), *[Cell("suppressed", None, 0.2, 0.5)] * 2, Cell("suppressed"),
    ]  # fmt: skip
    assert series.tokens("normalx2 _x3 too_coarse <15x2") == ["normal", "normal", "_", "_", "_", "too_coarse", "<15", "<15"]


def test_one_token_holds_for_all_slots() -> None:
    assert series.numbers("1", 3) == [1, 1, 1]
    assert series.numbers("1 2x2", 3) == [1, 2, 2]
    assert series.numbers("_", 2) == [None, None]


@pytest.mark.parametrize("text", ["9O", "<0", "< 15", "normal", "3..", "<..5", "-1..5"])
def test_what_is_not_notation_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        series.cells(text)
    with pytest.raises(ValueError, match="empty"):
        series.cells("  ")


def test_a_series_of_another_length_is_said() -> None:
    with pytest.raises(ValueError, match="2 tokens for 3 slots"):
        series.spread("1 2", 3)


@given(st.lists(st.tuples(st.sampled_from(["0", "17", "2.5", "_", "<15", "outage"]), st.integers(1, 5)), min_size=1))
def test_repeats_are_the_same_as_written_out(parts: list[tuple[str, int]]) -> None:
    short = " ".join(f"{token}x{times}" for token, times in parts)
    long = " ".join(" ".join([token] * times) for token, times in parts)
    assert series.cells(short) == series.cells(long)
