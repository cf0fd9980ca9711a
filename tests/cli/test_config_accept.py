"""`config accept` on the command line: what it asks, says and keeps; files that break meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import running
from tests.cli.conftest import UNTIL, Drukte, data, write_town

WHY = "Agreed in the weekly meeting."


def found(text: str) -> Any:
    return data(text)


@pytest.fixture
def words(drukte: Drukte, tmp_path: Path) -> list[object]:
    town = write_town(tmp_path)
    shared: list[object] = ["--config", town.config_folder, "--workspace", tmp_path / "w"]
    assert drukte("backfill", *shared, "--to", UNTIL.isoformat())[0] == 0
    return shared


def test_an_acceptance_is_told_listed_and_shown_by_status(drukte: Drukte, words: list[object]) -> None:
    code, _, errors = drukte("config", "accept", *words)
    assert code == 2 and "--role and --reason" in errors
    code, said, _ = drukte(
        "config", "accept", *words, "--role", "crowd-manager", "--reason", WHY, "--urgent", "--at", UNTIL.isoformat()
    )
    assert code == 0 and "version 2 is in force urgently from 2026-06-01 02:15Z" in said
    listed = found(drukte("config", "accept", *words, "--list", "--json")[1])
    assert [(v["number"], v["how"], v["accepted_by"]) for v in listed] == [(1, "first", None), (2, "urgent", "crowd-manager")]
    later = (UNTIL + timedelta(hours=1)).isoformat()
    status = found(drukte("status", "--workspace", words[3], "--json", "--at", later)[1])
    assert [(c["config_version"], c["how"]) for c in status["config"]] == [(2, "urgent")]
    review = ["--review", "2", "--reason", WHY, "--at", later]
    code, _, errors = drukte("config", "accept", *words, *review, "--role", "crowd-manager")
    assert code == 2 and "another role" in errors
    code, said, _ = drukte("config", "accept", *words, *review, "--role", "data-officer")
    assert code == 0 and "reviewed by data-officer" in said
    code, said, _ = drukte("config", "diff", "tiny", "--in-force", *words)
    assert code == 0 and " 0 different" in said


def test_who_has_a_kept_version_runs_on_though_files_break_or_go(drukte: Drukte, words: list[object], capsys: Any) -> None:
    config, workspace = Path(str(words[1])), Path(str(words[3]))
    file = config / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("timezone:", "timzone:"))
    assert running._sound(config, workspace, ["tiny"], None) == (["tiny"], None)
    assert "tiny.yaml:" in capsys.readouterr().err
    assert running._settings(config, workspace, "tiny", None).timezone == "UTC"
    good, mistakes = running._sound(config, workspace / "empty", ["tiny"], None)
    assert good == [] and mistakes is not None
    file.unlink()
    assert running._asked(config, workspace, None) == ["tiny"]
    code, _, errors = drukte("run", "--config", config, "--workspace", workspace / "empty")
    assert code == 2 and "no municipalities" in errors
