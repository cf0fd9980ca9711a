"""What a contract may change: every difference is found, told, and asks for the right version (docs/guide/contracts.en.md)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import vocabulary
from schemas.datasets import DATASETS, conversions, released
from schemas.datasets.contract import Contract, dtype_of
from schemas.datasets.released import compare, mistakes, promise

ZONES, STOPS = DATASETS["zone_counts"], DATASETS["stop_counts"]


@pytest.mark.parametrize("name", DATASETS)
def test_contract_is_what_was_released(name: str) -> None:
    wrong = mistakes(DATASETS[name], released.snapshots().get(name, []), conversions.converts)
    assert not wrong, "\n".join(wrong)


def test_a_snapshot_is_named_after_what_it_holds() -> None:
    for path in released.FOLDER.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        assert path.name == f"{told['name']}-{told['version']}.json"
        assert told["name"] in DATASETS, "a dataset that is gone has no successor"


def changed(**other: Any) -> Contract:
    return replace(ZONES, **other)


def quality(**other: Any) -> Contract:
    return replace(ZONES, quality=replace(ZONES.quality, **other))


AREA = ZONES.derived["area_present"]
# By hand, from the guide: a change, and whether it breaks what was promised.
CASES: dict[str, tuple[Contract, bool]] = {
    "measure gone": (changed(measures=("present",)), True),
    "measure renamed": (changed(measures=("present", "occupied")), True),
    "measure added": (changed(measures=(*ZONES.measures, "waiting")), False),
    "place kind gone": (changed(place_kinds=("zone",)), True),
    "place kind added": (changed(place_kinds=(*ZONES.place_kinds, "stop")), False),
    "range narrower": (quality(plausible={"present": 400_000, "walking_speed": 4}), True),
    "range wider": (quality(plausible={"present": 600_000, "walking_speed": 4}), False),
    "only codes": (changed(codes={"present": (0, 1)}), True),
    "derived gone": (changed(derived={}), True),
    "derived added": (changed(derived={**ZONES.derived, "more": AREA}), False),
    "derived in another unit": (changed(derived={**ZONES.derived, "area_present": replace(AREA, unit="%")}), True),
    "derived made otherwise": (changed(derived={**ZONES.derived, "area_present": replace(AREA, how="hoover")}), True),
    "derived also of another": (changed(derived={**ZONES.derived, "area_present": replace(AREA, groups=(*AREA.groups, ("waiting",)))}), False),
    "derived of another first": (changed(derived={**ZONES.derived, "area_present": replace(AREA, groups=(("waiting",), *AREA.groups))}), True),
    "derived at fewer places": (changed(derived={**ZONES.derived, "area_present": replace(AREA, place_kinds=())}), True),
    "no longer together": (changed(exclusive=(("present",), ("walking_speed",))), True),
    "new one not together": (changed(measures=(*ZONES.measures, "waiting"), exclusive=(("present",), ("waiting",))), False),
    "stricter completeness": (quality(completeness=0.99), True),
    "laxer completeness": (quality(completeness=0.9), False),
    "stricter delay": (quality(delay_max=timedelta(minutes=5)), True),
    "laxer delay": (quality(delay_max=timedelta(minutes=30)), False),
    "finer cadence": (quality(cadence_max=timedelta(minutes=15)), True),
    "coarser cadence": (quality(cadence_max=timedelta(hours=2)), False),
    "sporadic": (changed(sporadic=True), True),
    "holds": (changed(holds=timedelta(hours=1)), True),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_change_is_found_and_asks_for_the_right_version(case: str) -> None:
    contract, breaking = CASES[case]
    found = compare(promise(ZONES), promise(contract))
    assert found
    assert any(c.breaking for c in found) == breaking
    told = mistakes(contract, [promise(ZONES)])
    assert ("make it version 2.0" in told[0]) == breaking
    assert ("make it version 1.2" in told[0]) != breaking
    assert "docs/guide/contracts.en.md" in told[0]


@pytest.mark.parametrize("case", CASES)
def test_a_minor_step_is_enough_for_what_breaks_nothing_only(case: str, tmp_path: Path) -> None:
    contract, breaking = CASES[case]
    minor, major = replace(contract, version="1.2"), replace(contract, version="2.0")
    assert len(mistakes(minor, [promise(ZONES)])) == 1 + sum(c.breaking for c in compare(promise(ZONES), promise(contract)))
    assert "no snapshot" in mistakes(major, [promise(ZONES)])[0]
    assert any("nothing brings major version 1" in m for m in mistakes(major, [promise(ZONES)], lambda *_: False))
    released.release({"zone_counts": ZONES}, tmp_path)
    if breaking:
        with pytest.raises(ValueError, match=r"make it version 2\.0"):
            released.release({"zone_counts": minor}, tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
    else:
        assert [p.name for p in released.release({"zone_counts": minor}, tmp_path)] == ["zone_counts-1.2.json"]
        assert mistakes(minor, released.snapshots(tmp_path)["zone_counts"]) == []
        assert "older than what was released" in mistakes(ZONES, released.snapshots(tmp_path)["zone_counts"])[0]


def test_texts_are_free() -> None:
    assert compare(promise(ZONES), promise(replace(ZONES, meaning_en="people in a zone"))) == []


@pytest.mark.parametrize(
    ("key", "value"), [("type", "DOUBLE"), ("unit", "m"), ("kind", "flow"), ("counts", "vehicle"), ("support", ["waiting"])]
)
def test_what_the_vocabulary_says_of_a_measure_is_promised_too(key: str, value: object) -> None:
    new = copy.deepcopy(promise(ZONES))
    new["measures"]["present"][key] = value
    [change] = compare(promise(ZONES), new)
    assert change.breaking
    assert f"{key} of `present`" in change.what


def test_codes_may_come_and_not_go() -> None:
    [name] = STOPS.codes
    fewer = replace(STOPS, codes={name: STOPS.codes[name][1:]})
    assert [c.breaking for c in compare(promise(STOPS), promise(fewer))] == [True]
    assert [c.breaking for c in compare(promise(fewer), promise(STOPS))] == [False]


def rows(contract: Contract, draw: Callable[[st.SearchStrategy[Any]], Any]) -> pd.DataFrame:
    """A row that a contract takes, with every measure anywhere in its range, or without a value."""
    found: dict[str, Any] = {"place": ["p"], "interval_start": [pd.Timestamp("2026-06-01T12:00Z")]}
    for measure in contract.measures:
        most = contract.quality.plausible.get(measure, 0) * (15 if vocabulary.columns()[measure].kind == "flow" else 1)
        whole = st.sampled_from(contract.codes[measure]) if measure in contract.codes else st.integers(0, int(most))
        value = draw(st.none() | (whole if dtype_of(measure) == "Int64" else st.floats(0, most)))
        found[measure] = pd.array([pd.NA if value is None else value], dtype=dtype_of(measure)) if dtype_of(measure) == "Int64" else [
            float("nan") if value is None else value]  # fmt: skip
    return pd.DataFrame(found)


@given(data=st.data(), case=st.sampled_from(sorted(c for c, (_, breaking) in CASES.items() if not breaking)))
def test_what_was_right_before_a_minor_step_is_right_after_it(data: st.DataObject, case: str) -> None:
    frame, interval = rows(ZONES, data.draw), timedelta(minutes=15)
    ZONES.schema(ZONES.measures, interval).validate(frame)
    CASES[case][0].schema(ZONES.measures, interval).validate(frame)
