"""`whatif` equals a full recompute with those thresholds: random worlds, random thresholds, every card of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines.store import Store
from pipelines.whatif import episodes, fresh, levels
from pipelines.whatif.history import History
from tests.evidence import proving, record
from tests.oracle.worlds import draw, past
from tests.oracle.worlds.formulas import FORMULAS
from tests.pipelines.whatif.a_trial import AT, SITUATIONS, VALUES, other, played, restated

PRESENT = (*FORMULAS, "weighted_risk")
WORLDS = [(seed, 12) for seed in range(1000, 1012)] if proving() else [(1003, 1)]
EQUAL: list[tuple[int, int]] = []  # values and situations of each comparison
WEEKS = [(seed, 4) for seed in range(2000, 2006)] if proving() else []  # with baselines: nine weeks each
TRIALS = 6 if proving() else 1


def _whatif(folder: Path, base, config) -> tuple[list, list]:
    file = folder / "workspace/published/indicators.duckdb"
    low, high = History.span(file, config.municipality.municipality)
    with History(file, config, catalogue(), low, high, AT) as history:
        fresh.find(history, base)
        levels.tally(history, low, high)
        levels.concerned(history)
        history.con.execute(
            "CREATE TABLE every AS SELECT DISTINCT indicator, place FROM indicators.indicator_values UNION FROM affected"
        )
        history.con.execute("CREATE OR REPLACE TEMP TABLE looked_at AS FROM every")
        after = episodes.walk(history, "every", "after")
        history.side, history.only = "after", None
        columns = ", ".join(VALUES)
        values = history.con.execute(f"SELECT {columns} FROM {history.relation('indicator_values')} ORDER BY ALL").fetchall()
    return values, after


def _computed(store: Store) -> tuple[list, list]:
    columns = ", ".join(VALUES)
    values = store.con.execute(f"SELECT {columns} FROM {store.relation('indicator_values')} ORDER BY ALL").fetchall()
    rows = (
        store.con.sql("SELECT * FROM situations WHERE state <> 'pending' ORDER BY safety_risk, place, started_at")
        .to_arrow_table()
        .to_pylist()
    )
    return values, rows


@pytest.mark.parametrize("seed, worlds", WORLDS + WEEKS)
def test_whatif_equals_a_full_recompute(seed: int, worlds: int, tmp_path: Path) -> None:
    town = past.town(seed, worlds) if (seed, worlds) in WEEKS else draw.town(seed, worlds, PRESENT)
    config = played(town, tmp_path)
    for trial in range(TRIALS):
        changed = other(config, tmp_path / "workspace/published/indicators.duckdb", 100 * seed + trial)
        assert changed is not config, "nothing sound was drawn"
        values, situations = _whatif(tmp_path, config, changed)
        with restated(tmp_path, changed, f"copy{trial}") as store:
            expected, found = _computed(store)
        differ = sorted(set(map(str, values)) ^ set(map(str, expected)))
        assert not differ, f"{len(differ)}: " + "\n".join(differ[:20])
        assert [[r[c] for c in SITUATIONS] for r in situations] == [[r[c] for c in SITUATIONS] for r in found]
        EQUAL.append((len(values), len(situations)))


@pytest.mark.skipif(not proving(), reason="the counts of `make prove` only")
def test_all_of_it_was_equal() -> None:
    assert len(EQUAL) == (len(WORLDS) + len(WEEKS)) * TRIALS
    found = {"values": sum(v for v, _ in EQUAL), "situations": sum(n for _, n in EQUAL), "mismatches": 0}
    record("whatif_equals_recompute", len(EQUAL), WORLDS[0][0], found)
