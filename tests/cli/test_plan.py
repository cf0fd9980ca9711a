"""The verb `plan` on the command line."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.cli.conftest import UNTIL, Drukte, data, write_town
from tests.pipelines.test_lock import other_process


def found(text: str) -> Any:
    return data(text)


def test_plan_says_what_backfill_then_leaves_nothing_of(drukte: Drukte, tmp_path: Path) -> None:
    town = write_town(tmp_path)
    words = ["--config", town.config_folder, "--workspace", tmp_path / "w"]
    code, said, _ = drukte("plan", *words, "--at", UNTIL.isoformat())
    assert code == 0 and "Deliveries that wait" in said and "new data" in said
    assert "Leveringen die wachten" in drukte("--lang", "nl", "plan", *words, "--at", UNTIL.isoformat())[1]
    assert not (tmp_path / "w").exists()
    [planned] = found(drukte("plan", *words, "--at", UNTIL.isoformat(), "--json")[1])
    [done] = found(drukte("backfill", *words, "--to", UNTIL.isoformat(), "--json")[1])
    assert planned["slots_to_compute"] == done["slots_computed"] == sum(row["slots"] for row in planned["slots"])
    [after] = found(drukte("plan", *words, "--at", UNTIL.isoformat(), "--json")[1])
    assert after["nothing_due"] and not after["slots"]
    assert "Nothing due" in drukte("plan", *words, "--at", UNTIL.isoformat())[1]


def test_plan_without_a_source_and_without_one_that_is_not_there(drukte: Drukte, filled: tuple[Any, Path]) -> None:
    town, workspace = filled
    words = ["plan", "--config", town.config_folder, "--workspace", workspace, "--without"]
    code, said, _ = drukte(*words, "zones")
    assert code == 0 and "tiny without source zones" in said and "lost: density at alley, square" in said
    [loss] = found(drukte(*words, "zones", "--json")[1])
    assert loss["source"] == "zones" and loss["judged"]
    code, _, errors = drukte(*words, "zoness")
    assert code == 2 and "Did you mean `zones`?" in errors


def test_plan_exits_4_while_a_run_holds_the_workspace(drukte: Drukte, filled: tuple[Any, Path]) -> None:
    town, workspace = filled
    words = ["plan", "--config", town.config_folder, "--workspace", workspace]
    with other_process(workspace, 60):
        assert drukte(*words)[0] == 4
    assert drukte(*words, "--at", UNTIL.isoformat())[0] == 0


def test_late_changes_are_let_in_by_role_and_reason_together(drukte: Drukte, filled: tuple[Any, Path]) -> None:
    town, workspace = filled
    words = [
        "backfill",
        "--config",
        town.config_folder,
        "--workspace",
        workspace,
        "--to",
        (UNTIL + timedelta(days=1)).isoformat(),
    ]
    for wrong in (["--role", "data-officer"], ["--role", "data-officer", "--reason", "counted again"]):
        code, _, errors = drukte(*words, *wrong)
        assert code == 2 and "--restate, --role and --reason together" in errors
    code, _, errors = drukte(*words, "--restate", "--role", "data-oficer", "--reason", "counted again")
    assert code == 2 and "Did you mean `data-officer`?" in errors
