"""One SELECT per card: values, bounds, levels, statuses, reasons and the bits that held levels run on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import card, evaluate, judged
from indicators.grammar import Card
from schemas.settings import BANDS
from tests.indicators import a_card

COUNTS = st.integers(0, 6000)
LEVELS = ("normal", *BANDS)


def half_up(value: float, digits: int) -> float:
    """Away from zero at a half, as a table shows it; told apart from what the SQL does."""
    scaled = math.floor(abs(value) * 10**digits + 0.5)
    return math.copysign(scaled / 10**digits, value)


def one(card_: Card, **values: Any) -> dict[str, Any]:
    return a_card.run(card_, [a_card.row(card_, **values)])[0]


def bits(row: dict[str, Any]) -> judged.Judged:
    return judged.decode(np.array(row["judged"], dtype=np.int16))


# --- against a naive reading of the definitions ---------------------------------------------------------------------


def naive(name: str, values: dict[str, float], minutes: int, place_type: str | None) -> tuple[float, str, str | None]:
    """Unrounded value, level and reason of a card, written from the domain facts and not from the card."""
    if name == "density":
        raw, edges = values["present"] / values["usable_area"], {"moving": (1.1, 2.15, 3.5), "standing": (2.5, 3.5, 4.5)}
        rank = sum(half_up(raw, 2) >= edge for edge in edges[place_type or ""])
        coarse = values["usable_area"] > 2500 or minutes > 15
        return raw, LEVELS[min(rank, 1) if coarse else rank], "too_coarse" if coarse and rank > 1 else None
    if name == "occupancy":
        raw = values["present"] / values["capacity"]
        return raw, LEVELS[sum(half_up(raw, 3) >= edge for edge in (0.7, 0.9, 0.95))], None
    if name == "specific_flow":
        raw = values["passages"] / (values["effective_width"] * minutes)
        return raw, LEVELS[sum(half_up(raw, 1) >= edge for edge in (49, 66, 70))], None
    usual = values["level_factor"] * values["median"]
    spread = max(values["level_factor"] * values["mad"], 0.6745 * math.sqrt(usual + 1), 0.067 * usual)
    raw = 0.6745 * (values["x"] - usual) / spread
    if values["x"] - usual < 0.15 * values["place_p95"]:
        return raw, "normal", "immaterial"
    return raw, LEVELS[sum(half_up(raw, 2) >= edge for edge in (2.0, 3.0))], None


INPUTS: dict[str, st.SearchStrategy[dict[str, float]]] = {
    "density": st.fixed_dictionaries({"present": COUNTS, "usable_area": st.sampled_from([500, 1000, 1234.5, 2500, 2500.5])}),
    "occupancy": st.fixed_dictionaries({"present": COUNTS, "capacity": st.sampled_from([1000, 3000, 5000, 777])}),
    "specific_flow": st.fixed_dictionaries({"passages": COUNTS, "effective_width": st.sampled_from([1.5, 2, 3.25, 7])}),
    "unusualness": st.fixed_dictionaries({
        "x": COUNTS, "median": st.integers(0, 4000).map(lambda m: m / 2), "mad": st.sampled_from([0, 0.5, 12, 67.45, 300]),
        "level_factor": st.sampled_from([0.8, 1.0, 1.0375, 1.25]), "place_p95": st.sampled_from([0, 40, 350.5, 1000, 4000]),
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", list(INPUTS))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_rule_12_values_agree_with_a_naive_computation_and_levels_exactly(name: str, data: st.DataObject) -> None:
    made = card.catalogue()[name]
    given_rows = data.draw(st.lists(INPUTS[name], min_size=20, max_size=60))
    minutes = data.draw(st.sampled_from([5, 15, 30, 60]))
    types = data.draw(st.lists(st.sampled_from(["moving", "standing"]), min_size=len(given_rows), max_size=len(given_rows)))
    extra = {"n": 24} if name == "unusualness" else {}
    rows = [a_card.row(made, place=f"p{i}", place_type=t, minutes=minutes, **v, **extra)
            for i, (v, t) in enumerate(zip(given_rows, types, strict=True))]  # fmt: skip
    for values, place_type, got in zip(given_rows, types, a_card.run(made, rows), strict=True):
        raw, level, reason = naive(name, values, minutes, place_type)
        assert math.isclose(got["raw_value"], raw, rel_tol=1e-9, abs_tol=1e-12)
        assert got["value"] == half_up(raw, made.digits)
        assert (got["level"], got["reason"], got["status"]) == (level, reason, "ok")
        assert got["value_low"] == got["value_high"] == got["value"]


# --- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(INPUTS))
@settings(max_examples=15, deadline=None)
@given(data=st.data(), k=st.integers(2, 400))
def test_rule_08_whatever_a_withheld_count_is_its_value_level_and_bits_lie_within_what_is_said(
    name: str, data: st.DataObject, k: int
) -> None:
    made = card.catalogue()[name]
    values = data.draw(INPUTS[name])
    extra = {"n": 24} if name == "unusualness" else {}
    counted = next(iter(made.inputs))
    shrink = {key: value / 100 for key, value in values.items() if key in ("usable_area", "capacity", "effective_width")}
    common = {**values, **shrink, **extra, "place_type": "moving"}
    withheld = a_card.row(made, **{**common, counted: (0, k - 1)}, status="suppressed")
    each = sorted({0, 1, k // 2, k - 1})
    known = [a_card.row(made, place=f"p{x}", **{**common, counted: x}) for x in each]
    said, *really = a_card.run(made, [withheld, *known])
    assert said["value"] is None and said["raw_value"] is None and said["status"] == "suppressed"
    assert said["reason"] == ("undecided" if said["level"] == "unknown" else "suppressed")
    for row in really:
        assert said["value_low"] <= row["value"] <= said["value_high"]
        assert said["level"] in ("unknown", row["level"])
        for open_, sure, is_ in (("reached_unknown", "reached", "reached"), ("calm_unknown", "calm", "calm")):
            unknown, told, true = (getattr(bits(r), f) for r, f in ((said, open_), (said, sure), (row, is_)))
            assert np.all(unknown | (told == true))
        assert np.all(bits(row).at_once | ~bits(said).at_once)
    assert (said["level"] == "unknown") == (len({row["level"] for row in really}) > 1)


def test_rule_08_two_inputs_that_pull_in_opposite_ways_turn_their_bounds_round(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, formula="(present - gone) / nullif(usable_area, 0)", inputs={
        "present": {"from": ["zone_counts.present"], "monotone": "up"},
        "gone": {"from": ["zone_counts.present"], "monotone": "down"},
    })  # fmt: skip
    row = one(made, present=(100, 114), gone=(0, 14), usable_area=10, status="suppressed")
    assert (row["value_low"], row["value_high"]) == (8.6, 11.4)
    known = one(made, present=100, gone=(0, 14), usable_area=10, status="suppressed")
    assert (known["value_low"], known["value_high"], known["level"]) == (8.6, 10.0, "high")


# --- status, reason, coverage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["missing", "outage", "invalid"])
@pytest.mark.parametrize("name", list(INPUTS))
def test_rule_05_no_input_is_no_value_and_an_unknown_level_with_that_status(name: str, status: str) -> None:
    made = card.catalogue()[name]
    counted = next(iter(made.inputs))
    row = one(made, **{counted: None}, status=status, place_type="moving", coverage=0.0)
    assert (row["value"], row["value_low"], row["value_high"], row["raw_value"]) == (None,) * 4
    assert (row["status"], row["reason"], row["level"]) == (status, status, "unknown")
    found = bits(row)
    exists = np.array([b in a_card.levels_in_bands(made) for b in BANDS])
    assert np.array_equal(found.reached_unknown, exists) and np.array_equal(found.calm_unknown, exists)
    assert not found.reached.any() and not found.at_once.any() and np.array_equal(found.calm, ~exists)


def test_rule_05_a_stale_number_beside_a_bad_status_is_not_used() -> None:
    row = one(card.catalogue()["density"], present=5000, usable_area=1000, status="outage", place_type="moving")
    assert (row["value"], row["value_high"], row["level"]) == (None, None, "unknown")


@pytest.mark.parametrize("coverage", [None, 0.0, 0.79])
def test_rule_03_under_min_coverage_there_is_no_value_scaled_or_not(coverage: float | None) -> None:
    row = one(card.catalogue()["density"], present=5000, usable_area=1000, coverage=coverage, place_type="moving")
    assert (row["value"], row["status"], row["reason"], row["level"]) == (None, "missing", "coverage", "unknown")


def test_rule_12_minus_zero_is_written_as_zero() -> None:
    row = one(card.catalogue()["unusualness"], x=500, n=24, median=500.01, mad=67.45, level_factor=1, place_p95=1000)
    assert row["raw_value"] < 0 and str(row["value"]) == "0.0"


def test_rule_12_a_row_alone_and_among_others_is_the_same_whatever_the_threads() -> None:
    made = card.catalogue()["unusualness"]
    rows = [a_card.row(made, place=f"p{i}", x=i * 7 % 900, n=24, median=i % 50 * 3.5, mad=i % 9 * 1.1,
                       level_factor=0.8 + i % 5 / 9, place_p95=400.0) for i in range(3000)]  # fmt: skip
    many = {row["place"]: row for row in a_card.run(made, rows, threads=2)}
    assert many == {row["place"]: row for row in a_card.run(made, rows[::-1], threads=1)}
    assert all(a_card.run(made, [rows[i]])[0] == many[f"p{i}"] for i in (0, 17, 2999))


def test_one_text_whatever_is_asked() -> None:
    made = card.catalogue()["density"]
    assert evaluate.sql(made, "cells") == evaluate.sql(made, "cells")
    assert evaluate.sql(made, "(SELECT * FROM today)").replace("(SELECT * FROM today)", "cells") == evaluate.sql(made, "cells")
    for word in ("coalesce", "now(", "random(", " 0)::"):
        assert word not in evaluate.sql(made).lower()


def test_what_passes_through_is_untouched() -> None:
    made = card.catalogue()["occupancy"]
    given_row = a_card.row(made, present=10, capacity=100)
    row = a_card.run(made, [given_row])[0]
    for name in evaluate.PASSED_THROUGH:
        assert row[name] == given_row[name]
    assert (row["indicator"], row["unit"], row["definition_hash"]) == ("occupancy", "ratio", made.definition_hash)


# --- conditions -----------------------------------------------------------------------------------------------------


def test_rule_16_where_the_condition_cannot_hold_it_is_normal_and_calm(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, a_card.TIME_LEFT)
    emptying = one(made, present=400, before=500, capacity=1000)
    assert (emptying["value"], emptying["level"], emptying["status"]) == (None, "normal", "not_applicable")
    assert emptying["reason"] == "not_applicable" and bits(emptying).calm.all() and not bits(emptying).reached.any()
    missing = one(made, present=400, before=None, capacity=1000, status="missing")
    assert (missing["level"], missing["status"]) == ("unknown", "missing")
    neither = one(made, present=400, before=400, capacity=1000)  # the formula has no answer, and needs none
    assert (neither["value"], neither["level"], neither["status"]) == (None, "normal", "not_applicable")
    filling = one(made, present=700, before=600, capacity=1000)
    assert (filling["value"], filling["level"], filling["status"]) == (45.0, "elevated", "ok")


def test_rule_16_a_withheld_count_may_leave_open_whether_it_applies(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, a_card.TIME_LEFT)
    row = one(made, present=(0, 14), before=10, capacity=15, status="suppressed")
    assert (row["level"], row["status"], row["reason"]) == ("unknown", "suppressed", "undecided")


RATIO = {
    "formula": "present / nullif(present + others, 0)", "digits": 2, "attributes": ["usable_area"],
    "inputs": {"present": {"from": ["zone_counts.present"], "monotone": "up"},
               "others": {"from": ["zone_counts.present"], "monotone": "down"}},
}  # fmt: skip
BUSY = "present + others >= 20 * usable_area"
BAND = {"any": {"elevated": {"enter": 0.5, "for": "5min", "keep_for": "5min", "at_once": BUSY}}}


def test_rule_08_a_condition_goes_its_own_way_and_is_settled_only_when_it_is_so_for_all_counts(tmp_path: Path) -> None:
    """Of two withheld counts the ratio is lowest at (0, 14) and highest at (14, 0); the sum is 14 at both, and may be 28."""
    open_ = {"present": (0, 14), "others": (0, 14), "usable_area": 1, "status": "suppressed"}
    made = a_card.read(tmp_path, **RATIO, applies_when=BUSY)
    assert (one(made, **open_)["level"], one(made, **open_)["reason"]) == ("unknown", "undecided")
    quiet = one(made, **{**open_, "usable_area": 2})
    assert (quiet["level"], quiet["status"]) == ("normal", "not_applicable")
    made = a_card.read(tmp_path, **RATIO, material=[{"that": BUSY, "reason": "immaterial"}])
    assert one(made, **open_)["level"] == "unknown" and one(made, **{**open_, "usable_area": 2})["level"] == "normal"
    made = a_card.read(tmp_path, **RATIO, requires=[{"that": "present + others <= 20 * usable_area", "reason": "support"}])
    assert one(made, **open_)["reason"] == "support" and one(made, **{**open_, "usable_area": 2})["reason"] == "undecided"
    made = a_card.read(tmp_path, **RATIO, caps=[{"when": BUSY, "at": "normal", "reason": "too_coarse"}])
    large = {"present": (14, 28), "others": (0, 14), "usable_area": 1, "status": "suppressed"}
    assert one(made, **large)["level"] == "unknown"  # 14 of 14 is not capped
    assert one(made, **{**large, "usable_area": 0.7})["level"] == "normal"  # 14 or more always is
    made = a_card.read(tmp_path, **RATIO, bands=BAND)
    assert not bits(one(made, **{**large, "usable_area": 0.75})).at_once.any()
    assert bits(one(made, **{**large, "usable_area": 0.7})).at_once[0]


def test_an_input_that_goes_neither_way_matters_only_where_the_card_applies(tmp_path: Path) -> None:
    neither = {"inputs": {"present": {"from": ["zone_counts.present"], "monotone": "none"}}}
    made = a_card.read(tmp_path, applies_when="present >= 20", **neither)
    few, some = (one(made, present=(0, most), usable_area=10, status="suppressed") for most in (14, 24))
    assert (few["level"], few["status"]) == ("normal", "not_applicable") and bits(few).calm.all()
    assert (some["level"], some["reason"]) == ("unknown", "undecided") and not bits(some).calm[:2].any()
    nothing = one(made, present=(0, 14), usable_area=None, status="suppressed")
    assert (nothing["level"], nothing["reason"]) == ("unknown", "attribute_missing")


def test_an_optional_input_may_be_unknown_and_its_comparison_then_does_not_hold(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, optional=["left"], caps=[{"when": "left > 50", "at": "elevated", "reason": "too_coarse"}], inputs={
        "present": {"from": ["zone_counts.present"], "monotone": "up"},
        "left": {"from": ["passage_counts.drift"], "monotone": "up"},
    })  # fmt: skip
    for left, level in ((None, "high"), (50, "high"), (51, "elevated")):
        row = one(made, present=200, left=left, usable_area=100)
        assert (row["value"], row["level"], row["status"]) == (2.0, level, "ok"), left


@pytest.mark.parametrize(("present", "level"), [(600, "normal"), (625, "elevated"), (700, "high"), (800, "critical")])
def test_rule_13_downward_the_lower_value_is_the_higher_level(tmp_path: Path, present: int, level: str) -> None:
    row = one(a_card.read(tmp_path, a_card.TIME_LEFT), present=present, before=525, capacity=1000)
    raw = (1000 - present) * 15 / (present - 525)
    assert math.isclose(row["raw_value"], raw) and row["value"] == half_up(raw, 0)
    assert row["level"] == level


def test_rule_13_downward_edges_and_exits(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, a_card.TIME_LEFT, formula="capacity - present + 0 * before", let=None, applies_when=None)

    def rows(*left: int) -> list[dict[str, Any]]:
        return a_card.run(made, [a_card.row(made, place=f"p{v}", present=1000 - v, before=0, capacity=1000) for v in left])

    assert [r["level"] for r in rows(61, 60, 31, 30, 16, 15)] == ["normal", "elevated", "elevated", "high", "high", "critical"]
    calm = [int(bits(r).calm.sum()) for r in rows(76, 75, 38, 37, 19, 18)]  # exits 75, 37.5 and 18.75
    assert calm == [3, 2, 2, 1, 1, 0]


def test_a_cap_at_normal_takes_every_level(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, caps=[{"when": "usable_area > 50", "at": "normal", "reason": "too_coarse"}])
    row = one(made, present=500, usable_area=100)
    assert (row["value"], row["level"], row["reason"]) == (5.0, "normal", "too_coarse") and bits(row).calm.all()
    assert one(made, present=500, usable_area=50)["level"] == "high"


def test_a_cap_on_something_not_known_takes_no_level(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, attributes=["usable_area", "capacity"],
                       caps=[{"when": "capacity > 50", "at": "elevated", "reason": "too_coarse"}])  # fmt: skip
    assert one(made, present=500, usable_area=100, capacity=None)["level"] == "high"
    assert one(made, present=500, usable_area=100, capacity=51)["level"] == "elevated"


def test_greatest_of_something_missing_is_missing(tmp_path: Path) -> None:
    """greatest(NULL, 1) is 1 in DuckDB: a missing capacity would have become a number."""
    formula = "present / nullif(greatest(usable_area, capacity), 0)"
    made = a_card.read(tmp_path, attributes=["usable_area", "capacity"], formula=formula)
    row = one(made, present=500, usable_area=100, capacity=None)
    assert (row["value"], row["level"], row["reason"]) == (None, "unknown", "attribute_missing")


@pytest.mark.parametrize(
    ("formula", "present"),
    [("ln(present)", 0), ("sqrt(0 - present)", 4), ("present / nullif(0 * present, 0)", 4), ("exp(present)", 5000)],
)
def test_a_formula_without_an_answer_is_undefined_not_infinite(tmp_path: Path, formula: str, present: int) -> None:
    made = a_card.read(tmp_path, formula=f"{formula} + 0 * usable_area")
    row = one(made, present=present, usable_area=1)
    assert row["value"] is None and row["value_low"] is None
    assert (row["level"], row["status"], row["reason"]) == ("unknown", "missing", "undefined")


def test_a_condition_without_an_answer_is_undefined_not_calm(tmp_path: Path) -> None:
    made = a_card.read(tmp_path, material=[{"that": "present / nullif(usable_area - 10, 0) > 1", "reason": "immaterial"}])
    row = one(made, present=100, usable_area=10)
    assert (row["level"], row["reason"]) == ("unknown", "undefined") and bits(row).calm_unknown[:2].all()


# --- bits -----------------------------------------------------------------------------------------------------------


def test_judged_by_hand() -> None:
    made = card.catalogue()["unusualness"]
    usual = {"n": 24, "median": 500, "mad": 67.45, "level_factor": 1, "place_p95": 1000}
    assert one(made, x=500, **usual)["judged"] == 4 + (4 << 5) + (4 << 10)
    assert one(made, x=700, **usual)["judged"] == 1 + (4 << 5) + (4 << 10)
    assert one(made, x=750, **usual)["judged"] == 1 + (0 << 5) + (4 << 10)  # high: kept, not reached
    assert one(made, x=1100, **usual)["judged"] == 17 + (17 << 5) + (4 << 10)
    assert one(made, x=None, status="missing", **usual)["judged"] == 10 + (10 << 5) + (4 << 10)  # no critical band: calm


@given(st.lists(st.lists(st.integers(0, 31), min_size=3, max_size=3), min_size=1, max_size=6))
def test_judged_decodes_what_is_packed(bands: list[list[int]]) -> None:
    packed = np.array([sum(b << 5 * i for i, b in enumerate(three)) for three in bands], dtype=np.int16)
    decoded = judged.decode(packed)
    for index, three in enumerate(bands):
        for band, value in enumerate(three):
            assert sum(int(part[index, band]) << bit for bit, part in enumerate(decoded)) == value
    assert judged.decode(packed.reshape(1, -1)).calm.shape == (1, len(bands), 3)
