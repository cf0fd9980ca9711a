"""What a card says of its inputs is true: raising an `up` input never lowers the value, and a `down` input never raises it.

Bounds rest on that (rule 8): whatever lies within them, the value is within what is said, and a level that is said is its level.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators import card, judged
from indicators.grammar import SEVERITY, Card
from schemas.datasets import contract_of
from tests import evidence
from tests.indicators import a_card

CARDS = {name: made.as_in_examples() for name, made in card.catalogue().items()}
Rng = np.random.Generator
Row = dict[str, Any]
ROWS = 400

ATTRIBUTES = {
    "usable_area": (3, 6000), "capacity": (5, 20_000), "effective_width": (0.3, 20), "free_flow_speed": (15, 120),
    "expected_visitors": (20, 50_000),
}  # fmt: skip


def moving(made: Card) -> list[str]:
    """The inputs of which a card says that the value goes their way, or the other way."""
    return [name for name, given_ in made.inputs.items() if given_.monotone != "none"]


def amount(rng: Rng, made: Card, name: str) -> float:
    """An input as it may come: counts from 0 to tens of thousands, small ones often; speeds, shares, densities, classes."""
    found = contract_of(made.inputs[name].from_[0])
    kind, unit = (found[0].kind_of(found[1]), found[0].unit_of(found[1])) if found else ("ratio", "ratio")
    if kind in ("stock", "flow"):
        return float(0 if rng.random() < 0.1 else int(10 ** rng.uniform(0, 4.5)) - 1)
    if kind == "class":
        return float(rng.integers(0, 9))
    return round(rng.uniform(0, {"m/s": 3, "km/h": 130, "p/m²": 9}.get(unit, 1)), 3)


def more(rng: Rng, made: Card, name: str, than: float) -> float:
    """A larger amount: a little, or much."""
    found = contract_of(made.inputs[name].from_[0])
    if found and found[0].kind_of(found[1]) in ("stock", "flow", "class"):
        return than + float(rng.integers(1, 20) if rng.random() < 0.7 else int(10 ** rng.uniform(0, 4)))
    return round(than + rng.uniform(0.001, 1), 3)


def surroundings(rng: Rng, made: Card) -> Row:
    """Attributes, parameters, baseline, interval and type of place; what is optional is unknown now and then."""
    given_: Row = {
        name: round(float(np.exp(rng.uniform(*np.log(ATTRIBUTES[name])))), 1) for name in made.attributes if name in ATTRIBUTES
    }
    given_ |= {"planned": float(rng.integers(0, 2))} if "planned" in made.attributes else {}
    figures = sorted(int(10 ** rng.uniform(0, 3.5)) - 1 for _ in range(6))
    named: Row = dict(zip(("p20", "p50", "median", "p80", "p90", "p95"), figures, strict=True))
    named |= {
        "n": int(rng.integers(10, 30)),
        "mad": rng.uniform(0, 200),
        "level_factor": rng.uniform(0.8, 1.25),
        "place_p95": figures[-1],
    }
    given_ |= {name: float(named.get(name, figures[2])) for name in made.baseline}
    for name, parameter in made.parameters.items():
        default = parameter.min if parameter.default is None else parameter.default
        given_[name] = rng.uniform(parameter.min, parameter.max) if rng.random() < 0.3 else default
    given_ |= {name: None for name in made.optional if name in given_ and rng.random() < 0.2}
    types: list[str | None] = [*made.bands] or [None]
    return given_ | {"minutes": int(rng.choice([1, 5, 15, 60])), "place_type": types[rng.integers(len(types))]}


def inside(rng: Rng, low: float, high: float) -> float:
    """An amount within bounds, often at one of them; whole where both are."""
    if rng.random() < 0.5:
        return low if rng.random() < 0.5 else high
    return float(rng.integers(int(low), int(high) + 1)) if low.is_integer() and high.is_integer() else rng.uniform(low, high)


@pytest.mark.parametrize("name", [name for name, made in CARDS.items() if moving(made)])
@settings(max_examples=evidence.count(2, 100), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rule_08_the_value_goes_the_way_that_the_card_says_or_stays(name: str, seed: int) -> None:
    made, rng = CARDS[name], np.random.default_rng(seed)
    rows, moved = [], [counted for counted in moving(made) for _ in range(ROWS)]
    for index, counted in enumerate(moved):
        amounts, around = cast(Row, {n: amount(rng, made, n) for n in made.inputs}), surroundings(rng, made)
        raised = {**amounts, counted: more(rng, made, counted, amounts[counted])}
        rows += [a_card.row(made, place=f"{index}{end}", **around, **given_) for end, given_ in (("a", amounts), ("b", raised))]
    got = a_card.run(made, rows)
    compared = dict.fromkeys(moved, 0)
    for counted, before, after in zip(moved, got[::2], got[1::2], strict=True):
        if before["value"] is None or after["value"] is None:
            continue
        compared[counted] += 1
        low, high = (before, after) if made.inputs[counted].monotone == "up" else (after, before)
        assert low["value"] <= high["value"], (counted, before, after)
        assert low["raw_value"] <= high["raw_value"] + 1e-9 * abs(high["raw_value"]), (counted, before, after)
    assert min(compared.values()) > 5  # the property was not empty


@pytest.mark.parametrize("name", CARDS)
@settings(max_examples=evidence.count(2, 100), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_rule_08_what_is_said_of_bounds_is_so_for_everything_within_them(name: str, seed: int) -> None:
    made, rng, points = CARDS[name], np.random.default_rng(seed), 5
    rows = []
    for index in range(ROWS // 2):
        around = surroundings(rng, made)
        lows = {n: 0.0 if rng.random() < 0.4 else amount(rng, made, n) for n in made.inputs}
        bounds: Row = {n: (low, low if rng.random() < 0.3 else more(rng, made, n, low)) for n, low in lows.items()}
        rows.append(a_card.row(made, place=f"said{index}", status="suppressed", **around, **bounds))
        for point in range(points):
            within: Row = {n: inside(rng, *ends) for n, ends in bounds.items()}
            rows.append(a_card.row(made, place=f"{index}-{point}", **around, **within))
    got = a_card.run(made, rows)
    bits = judged.decode(np.array([row["judged"] for row in got], dtype=np.int16))
    for at in range(0, len(got), points + 1):
        said = got[at]
        for index in range(at + 1, at + 1 + points):
            row = got[index]
            assert said["level"] in ("unknown", row["level"]), (rows[at], rows[index], said, row)
            if said["value_low"] is not None and row["value"] is not None:
                assert said["value_low"] <= row["value"] <= said["value_high"], (rows[at], rows[index])
            assert np.all(bits.reached_unknown[at] | (bits.reached[at] == bits.reached[index]))
            assert np.all(bits.calm_unknown[at] | (bits.calm[at] == bits.calm[index]))
            assert np.all(bits.at_once[index] | ~bits.at_once[at])


def test_cards_that_go_neither_way_are_few_and_known() -> None:
    neither = {name for name, made in CARDS.items() if any(given_.monotone == "none" for given_ in made.inputs.values())}
    assert neither == {"concentration", "mode_shift", "vehicle_crowding"}
    assert not any(SEVERITY in given_.from_ for name in neither for given_ in CARDS[name].inputs.values())
