"""`config accept` on the command line: what it asks, says and keeps; files that break meanwhile."""

from __future__ import annotations

import json
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


def test_show_and_explain_read_the_version_in_force_not_the_files(drukte: Drukte, words: list[object]) -> None:
    """Rule 21: an edited file changes nothing until it is accepted; earlier moments keep the threshold, file and line of then."""
    first = Path(str(words[1])) / "municipalities" / "tiny.yaml"
    asked = ["--indicator", "density", "--place", "square", "--json"]
    before = found(drukte("config", "show", *words, *asked, "--at", UNTIL.isoformat())[1])[0]["settings"]
    who = ["--role", "crowd-manager", "--reason", WHY, "--urgent", "--at"]
    assert drukte("config", "accept", *words, *who, UNTIL.isoformat())[0] == 0
    content, band = first.read_text(), {"enter": 0.3, "exit": 0.2, "for": "0min", "keep_for": "15min"}
    said = {"indicator": "density", "effective_from": "2026-01-01T00:00:00Z", "bands": {"elevated": band}, "owner": "crowd-manager",
            "decided_on": "2026-05-01", "review_by": "2027-05-01", "reason": "narrower than it was"}  # fmt: skip
    assert "thresholds: []" in content
    first.write_text("# a line more\n" + content.replace("thresholds: []", f"thresholds: {json.dumps([said])}"))
    later, then = (UNTIL + timedelta(hours=4)).isoformat(), (UNTIL + timedelta(hours=1)).isoformat()

    code, out, notes = drukte("config", "show", *words, *asked, "--at", then)
    assert code == 0 and found(out)[0]["settings"] == before
    assert "version 2" in notes and "differ" in notes
    assert drukte("config", "accept", *words, *who, (UNTIL + timedelta(hours=2)).isoformat())[0] == 0
    new = found(drukte("config", "show", *words, *asked, "--at", later)[1])[0]["settings"]
    assert [s["text"] for s in new if s["won"] and s["name"] == "elevated"] != [
        s["text"] for s in before if s["won"] and s["name"] == "elevated"
    ]
    assert found(drukte("config", "show", *words, *asked, "--at", then)[1])[0]["settings"] == before

    value = ["--indicator", "density", "--place", "square", "--time", (UNTIL - timedelta(minutes=20)).isoformat()]
    code, out, _ = drukte("explain", *words, *value)
    assert code == 0 and "0.3" not in out.split("THRESHOLDS")[1].split("OTHER SETTINGS")[0]
    assert "tiny.yaml" in out
