"""Broken configurations: each is refused with file, line, key, what is wrong and what to do; none of it ever runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import faults, start
from schemas.problems import Problem, Problems
from tests import evidence
from tests.pipelines import broken_configs, broken_one_file
from tests.schemas import a_config

CASES = list(broken_configs.cases())


def _refused(config: Path) -> list[Problem]:
    with pytest.raises(Problems) as caught:
        start.ready(config, "town")
    assert faults.in_words(caught.value)[0] == 2
    return caught.value.problems


def test_the_configuration_that_is_broken_below_is_sound(tmp_path: Path) -> None:
    config, cards = start.ready(broken_configs.write(tmp_path), "town")
    assert "town.crowding" in cards
    assert config.place_ids == ("square", "alley", "gate")
    assert len(CASES) >= 150


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name.replace(" ", "-"))
def test_a_broken_configuration_is_refused_with_file_line_key_and_what_to_do(case: broken_configs.Case, tmp_path: Path) -> None:
    config = broken_configs.write(tmp_path)
    line = broken_configs.break_(config, case)
    found = _refused(config)
    told = [p for p in found if case.blamed.rsplit("/", 1)[-1] in p.file and p.key == case.key and case.what in p.what]
    assert told, "\n".join(map(str, found))
    assert not line or any(p.line == line for p in told), "\n".join(map(str, found))
    for problem in found:
        assert problem.what and problem.fix, problem
        assert problem.line > 0 or problem.key == "", problem
        assert len(str(problem)) < 600, problem
    assert not list(Path.cwd().glob("proof*")), "something of the config was run"


ODD: list[Any] = [None, True, 0, -1, 10**30, 1.5, "", "x", "a/b", "../x", "nan", "1e999", "9" * 400, "\u0000", "é", [], {}, [[]], {"a": 1},
                  "2026-13-01", "0001-01-01T00:00+14:00", "99999999999d", "{value}", "'; DROP TABLE x; --", "!!python/name:os.system"]  # fmt: skip


def _paths(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [at, *(path for key, value in inside for path in _paths(value, (*at, key)))]


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return broken_configs.write(tmp_path_factory.mktemp("odd"))


@settings(max_examples=evidence.count(60, 20_000))
@given(draw=st.data())
def test_whatever_stands_at_whatever_place_it_is_read_or_refused_in_words(spoilt: Path, draw: st.DataObject) -> None:
    file = draw.draw(st.sampled_from([*broken_configs.FILES, broken_one_file.PLACES]))
    path = spoilt / file
    text = path.read_text(encoding="utf-8")
    data = json.loads(text) if file == broken_one_file.PLACES else yaml.safe_load(text)
    where = draw.draw(st.sampled_from([p for p in _paths(data) if p]))
    there = data
    for key in where[:-1]:
        there = there[key]
    there[where[-1]] = draw.draw(st.sampled_from(ODD))
    broken = json.dumps(data) if file == broken_one_file.PLACES else yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    path.write_text(broken, encoding="utf-8")
    try:
        start.ready(spoilt, "town")
    except Problems as problems:
        assert all(p.what and p.fix for p in problems.problems)
    finally:
        path.write_text(text, encoding="utf-8")


def test_a_link_that_leads_out_of_the_folder_is_not_followed_for_places(tmp_path: Path) -> None:
    config = a_config.write(tmp_path)
    inside = config / broken_one_file.PLACES
    inside.rename(tmp_path / "elsewhere.geojson")
    inside.symlink_to(tmp_path / "elsewhere.geojson")
    assert "outside the config folder" in str(_refused(config)[0])
