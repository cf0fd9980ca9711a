"""Rule 15: a role may end a situation, and says why; its counts go on, and only a new stretch opens a new one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import situation_closing
from pipelines.faults import UsageError
from pipelines.published import connect
from pipelines.store import Store
from tests.town import START, STEP, Town, rows

QUIET, BUSY = 100, 4000
SQL = "SELECT situation_id, state, end_reason, ended_at, revision, explanation_en FROM situations ORDER BY started_at"


def play(town: Town, store: Store, first: int, counts: list[int]) -> None:
    for number, count in enumerate(counts, first):
        at = START + number * STEP
        town.zones(at + STEP, [(at, "square", count), (at, "alley", 30)], name=f"z{number}")
        town.tick(store, at + STEP + timedelta(minutes=5))


def test_rule_15_a_role_ends_it_and_says_why_and_only_a_new_stretch_opens_again(tmp_path: Path) -> None:
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        play(town, store, 0, [BUSY] * 3)
        [(name, state, *_)] = rows(store, SQL)
        assert state == "open"
        moment = START + 3 * STEP + timedelta(minutes=6)
        with store.transaction():
            situation_closing.close(store, town.config, name, role="crowd-manager", reason="the counter is stuck", at=moment)
        play(town, store, 3, [BUSY] * 4)
        [found] = rows(store, SQL)
        assert found[:4] == (name, "closed", "person", moment)
        assert "Closed by crowd-manager: the counter is stuck" in found[5]
        play(town, store, 7, [QUIET] * 6 + [BUSY] * 3)
        first, second = rows(store, SQL)
        assert first == found, "what a person ended stays as it was"
        assert second[1] == "open" and second[0] != name
    with connect(tmp_path / "w" / "published" / "indicators.duckdb") as con:
        before = (moment - timedelta(minutes=1)).isoformat()
        told = con.execute(f"SELECT state FROM situations_as_known(as_of := TIMESTAMPTZ '{before}')").fetchall()
        assert told == [("open",)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reason": "ask piet@example.org"}, "never about a person"),
        ({"role": "jan"}, "has no role `jan`"),
        ({"reason": " "}, "--reason is empty"),
        ({"situation": "tiny-x"}, "no open situation"),
    ],
)
def test_a_mistake_changes_nothing(tmp_path: Path, change: dict[str, str], message: str) -> None:
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        play(town, store, 0, [BUSY] * 3)
        before = rows(store, SQL)
        said = {"situation": before[0][0], "role": "crowd-manager", "reason": "stuck", **change}
        with pytest.raises(UsageError, match=message), store.transaction():
            situation_closing.close(
                store, town.config, said["situation"], role=said["role"], reason=said["reason"], at=START + 4 * STEP
            )
        assert rows(store, SQL) == before
