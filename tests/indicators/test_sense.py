"""Numbers that mean something: edges no crowd can reach are refused, loosenings and far values must say why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indicators import config_check, sense
from indicators.card import catalogue
from indicators.effective import WEIGHT
from indicators.in_force import explain_chain, segments
from tests.indicators.a_town import threshold, town

AT = datetime(2026, 6, 1, tzinfo=UTC)


def _bands(enter: float, exit_: float | None = None) -> str:
    return f"elevated: {{enter: {enter}{f', exit: {exit_}' if exit_ is not None else ''}, for: 1min, keep_for: 1min}}"


@pytest.mark.parametrize(
    ("enter", "exit_", "key"), [(11, 10, "enter"), (25.0, 20, "enter"), (3.0, -1, "exit"), (-2, -3, "enter")]
)
def test_an_edge_outside_physical_sense_is_refused(enter: float, exit_: float, key: str, tmp_path: Path) -> None:
    found = config_check.check(town(tmp_path, threshold(_bands(enter, exit_), place="square")), catalogue())
    (problem,) = [p for p in found if p.key == f"thresholds.0.bands.elevated.{key}"]
    assert "makes no sense for `density`" in problem.what and "0 to 10" in problem.what


@pytest.mark.parametrize("reason", ["to be decided", "to be filled in", "placeholder", "n.t.b. later", "xxxxxxxxxx"])
def test_a_loosening_or_a_far_value_needs_a_reason_that_says_something(reason: str, tmp_path: Path) -> None:
    def keys(enter: float, text: str) -> list[str]:
        entry = threshold(_bands(enter, enter * 0.9), place="square").replace("agreed for a test", f'"{text}"')
        return [p.key for p in config_check.check(town(tmp_path / str(enter), entry), catalogue())]

    assert keys(3.0, reason) == ["thresholds.0.reason"]  # looser than 2.5, where people stand
    assert keys(1.2, reason) == ["thresholds.0.reason"]  # stricter, but less than two thirds of it
    assert keys(2.4, reason) == []  # near, and stricter
    assert keys(3.1, "stewards keep the ground free") == []


def test_loosenings_and_far_values_are_told_with_their_reason(tmp_path: Path) -> None:
    def told(enter: float) -> list[str]:
        config = town(tmp_path / str(enter), threshold(_bands(enter, enter * 0.9), place="square"))
        return [w.what for w in config_check.warnings(config, catalogue(), AT)]

    assert told(2.4) == []
    assert told(3.0) == ["elevated of `density` is loosened: 3 p/m² instead of 2.5"]
    assert told(1.2) == ["elevated of `density` is far from the generic 2.5 p/m²: 1.2"]


def test_an_event_that_loosens_a_place_without_a_reason_is_told(tmp_path: Path) -> None:
    larger = (("square: {usable_area: 800}", "square: {usable_area: 1800}"),)
    (note,) = config_check.warnings(town(tmp_path / "a", changes=larger), catalogue(), AT)
    assert note.key == "events.0.places.square.usable_area" and "loosens" in note.what
    reasoned = (("square: {usable_area: 800}", "square: {usable_area: 1800, reason: the stalls are gone}"),)
    assert config_check.warnings(town(tmp_path / "b", changes=reasoned), catalogue(), AT) == []


def test_every_generic_edge_makes_sense() -> None:
    for card in catalogue().values():
        assert card.unit in sense.MOST, f"{card.id}: give {card.unit} a largest value"
        for bands in card.bands.values():
            assert all(0 <= band.enter <= sense.MOST[card.unit] for band in bands.values())


def test_weights_come_in_layers_too(tmp_path: Path) -> None:
    cards = catalogue()
    on = (("  density: {}", "  density: {}\n  occupancy: {}\n  weighted_risk: {weights: {density: 0.6, occupancy: 0.4}}"),)
    own = threshold(place="square").replace("indicator: density", "indicator: weighted_risk")
    own = own[: own.index("    bands:")] + "    weights: {density: 0.9, occupancy: 0.1}\n" + own[own.index("    owner:") :]
    config = town(tmp_path, own, changes=on)

    def weights(place: str) -> dict[str, float]:
        (part,) = segments(config, cards["weighted_risk"], place, AT, AT + timedelta(hours=1))
        return {name.removeprefix(WEIGHT): value for name, value in part.settings.values.items() if name.startswith(WEIGHT)}

    assert weights("square") == {"density": 0.9, "occupancy": 0.1}
    assert weights("alley") == {"density": 0.6, "occupancy": 0.4}
    won = {
        (link.name, link.layer): link.won
        for link in explain_chain(config, cards["weighted_risk"], "square", AT)
        if link.what == "weight"
    }
    assert won == {
        ("density", "municipality"): False,
        ("density", "place"): True,
        ("occupancy", "municipality"): False,
        ("occupancy", "place"): True,
    }


def test_weights_that_weigh_nothing_are_refused(tmp_path: Path) -> None:
    on = (("  density: {}", "  density: {weights: {densty: 1.0}}"),)
    found = {p.key: p.what for p in config_check.check(town(tmp_path, changes=on), catalogue())}
    assert found["indicators.density.weights"] == "`density` is not made of other indicators"
    assert found["indicators.density.weights.densty"] == "there is no indicator `densty` to weigh"
