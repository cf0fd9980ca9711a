"""`backfill --restate` (rule 21): revisions that are known from now on, inside the stretch only, and nothing signals."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indicators.card import catalogue
from pipelines.published import connect
from pipelines.store import Store
from pipelines.tick import tick
from tests.town import START, STEP, Town

AT = START + 12 * STEP
NOW = START + timedelta(days=2)
KNOWN = """SELECT interval_start, value, level, recorded_at FROM indicator_values_as_known(as_of := TIMESTAMPTZ '{}')
           WHERE indicator = 'density' AND place = 'square' ORDER BY ALL"""
SITUATIONS = """SELECT place, state, peak_level, origin, signalled_at FROM situations_as_known(as_of := TIMESTAMPTZ '{}')
                WHERE safety_risk = 'overcrowding' ORDER BY ALL"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """An evening filled in, at which 2,000 people in 1,000 m² were nothing special; then the square turns out to be half as large."""
    made = Town(tmp_path, only="density")
    made.zones(AT, [(START + i * STEP, "square", 2000) for i in range(10)])
    with Store(tmp_path / "w") as store:
        tick(store, made.config, catalogue(), at=AT, verb="backfill")
    path = made.config_folder / "municipalities" / "tiny" / "places.geojson"
    path.write_text(path.read_text().replace('"usable_area": 1000', '"usable_area": 500'))
    return made


def restate(town: Town, **how: Any) -> Any:
    with Store(town.folder / "w") as store:
        return tick(store, town.config, catalogue(), at=NOW, verb="backfill", restate=True, **how)


def known(town: Town, sql: str, at: datetime) -> list[tuple[Any, ...]]:
    con = connect(town.folder / "w" / "published" / "indicators.duckdb")
    found = con.execute(sql.format(at.isoformat())).fetchall()
    con.close()
    return found


def test_only_the_stretch_is_judged_anew_and_it_is_known_from_now_on(town: Town) -> None:
    before = known(town, KNOWN, AT)
    restate(town, since=START + 2 * STEP, until=START + 8 * STEP)
    after = known(town, KNOWN, NOW)
    assert [value for _, value, *_ in after] == [2.0] * 2 + [4.0] * 6 + [2.0] * 2
    assert [recorded == NOW for *_, recorded in after] == [False] * 2 + [True] * 6 + [False] * 2
    assert known(town, KNOWN, AT) == before, "what was known then stays"
    assert known(town, KNOWN, NOW - timedelta(seconds=1)) == before


def test_what_it_finds_was_not_known_then_and_does_not_signal(town: Town) -> None:
    done = restate(town, since=START)
    assert {s["origin"] for s in done.situations} == {"backfill"} and {s["change"] for s in done.situations} == {"opened"}
    assert known(town, SITUATIONS, NOW - timedelta(seconds=1)) == []
    assert [(row[0], row[3], row[4]) for row in known(town, SITUATIONS, NOW)] == [("square", "backfill", NOW)]


def test_the_same_again_changes_nothing(town: Town) -> None:
    restate(town, since=START)
    again = restate(town, since=START)
    assert (again.values_changed, again.situations) == (0, []) and again.slots_computed
