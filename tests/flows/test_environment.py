"""Prefect's environment, without starting it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.flows import environment

ROOT = Path(__file__).resolve().parents[2]


def test_home_lies_in_the_private_folder(tmp_path: Path) -> None:
    folder = environment.home(tmp_path, "run")
    assert folder == tmp_path / "private" / "prefect" / "run"
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700


def test_what_the_caller_set_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("PREFECT_SERVER_ANALYTICS_ENABLED", raising=False)
    settings = environment.settings(tmp_path)
    assert "PREFECT_LOGGING_LEVEL" not in settings
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert settings["PREFECT_HOME"] == str(tmp_path)


def test_it_refuses_to_come_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prefect", object())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="before"):
        environment.prepare(tmp_path)


def test_nothing_but_the_flow_itself_imports_prefect() -> None:
    modules = "pipelines.flows.serve, pipelines.flows.server, pipelines.flows.serving, pipelines.tick"
    code = f"import {modules}, sys; print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_large_record_of_hand_runs_is_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "HAND_RUNS_BYTES", 10)
    (tmp_path / "other").write_text("stays")
    for name, size in (("prefect.db", 10), ("prefect.db-wal", 5)):
        (tmp_path / name).write_bytes(b"x" * size)
    environment.forget_old_hand_runs(tmp_path)
    assert (tmp_path / "prefect.db").exists()  # not over the limit yet
    (tmp_path / "prefect.db").write_bytes(b"x" * 11)
    environment.forget_old_hand_runs(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["other"]
