"""A small town with two hours of counts, filled once for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import cli
from tests.town import START, STEP, Town

UNTIL = START + timedelta(hours=2, minutes=5)
Drukte = Callable[..., tuple[int, str, str]]


def write_town(folder: Path) -> Town:
    """Counts of 0 to 700 people in a square and an alley, and of 0 to 210 passages at a gate, a quarter each."""
    town = Town(folder)
    zones = [(START + i * STEP, place, 100 * i) for i in range(8) for place in ("square", "alley")]
    town.zones(UNTIL - timedelta(minutes=2), zones)
    town.gates(UNTIL - timedelta(minutes=2), [(START + i * STEP, 30 * i, 20) for i in range(8)])
    return town


@pytest.fixture
def drukte(capsys: pytest.CaptureFixture[str]) -> Drukte:
    """Run a command in this process: (exit code, output, errors)."""

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main([str(w) for w in words])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Path]:
    """The town and a workspace in which its history has been filled."""
    folder = tmp_path_factory.mktemp("town")
    town, workspace = write_town(folder), folder / "workspace"
    with pytest.raises(SystemExit) as left:
        cli.main(["backfill", "--config", str(town.config_folder), "--workspace", str(workspace), "--to", UNTIL.isoformat()])
    assert not left.value.code
    return town, workspace


def data(text: str) -> object:
    """What `--json` printed."""
    return json.loads(text)
