"""``backup``, ``restore``, ``migrate``: what they say and with which code they end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipelines import lock
from pipelines.store import tables
from tests.cli.conftest import Drukte
from tests.town import Town


def test_there_and_back(filled: tuple[Town, Path], drukte: Drukte, tmp_path: Path) -> None:
    _, workspace = filled
    code, out, _ = drukte("backup", "--workspace", workspace, "--to", tmp_path / "b.tar", "--json")
    told = json.loads(out)
    assert (code, told["format"], Path(told["file"])) == (0, tables.FORMAT, tmp_path / "b.tar")
    assert drukte("restore", tmp_path / "b.tar", "--check", "--lang", "nl")[1].startswith(f"{tmp_path / 'b.tar'}: gaaf")
    code, out, _ = drukte("restore", tmp_path / "b.tar", "--workspace", tmp_path / "r")
    assert code == 0
    assert f"restored as it stood after run {told['last_run']}" in out
    status = [drukte("status", "--workspace", w)[1].rpartition("Disk")[0] for w in (tmp_path / "r", workspace)]
    assert status[0] == status[1]
    assert drukte("restore", tmp_path / "b.tar", "--workspace", tmp_path / "r")[0] == 2
    assert drukte("migrate", "--workspace", tmp_path / "r")[:2] == (
        0,
        f"nothing to do: format {tables.FORMAT} is this release's\n",
    )


def test_the_default_file_stands_beside_the_workspace(filled: tuple[Town, Path], drukte: Drukte, tmp_path: Path) -> None:
    shutil.copytree(filled[1], tmp_path / "here" / "w")
    code, out, _ = drukte("backup", "--workspace", tmp_path / "here" / "w")
    [file] = (tmp_path / "here").glob("w-*Z.tar")
    assert code == 0
    assert out.startswith(str(file))


def test_codes(filled: tuple[Town, Path], drukte: Drukte, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town, workspace = filled
    assert drukte("backup", "--workspace", tmp_path / "none")[0] == 2
    assert drukte("migrate", "--workspace", tmp_path / "none")[0] == 2
    assert drukte("backup", "--workspace", workspace, "--to", tmp_path / "b.tar")[0] == 0
    content = bytearray((tmp_path / "b.tar").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "damaged.tar").write_bytes(content)
    code, _, err = drukte("restore", tmp_path / "damaged.tar", "--workspace", tmp_path / "r")
    assert code == 5
    assert "Nothing was restored" in err
    shutil.copytree(workspace, tmp_path / "old")
    tables.write_format(tmp_path / "old" / "private", 1)
    for verb in ("run", "backfill"):
        code, _, err = drukte(verb, "--config", town.config_folder, "--workspace", tmp_path / "old")
        assert code == 2
        assert "drukte migrate" in err
    tables.write_format(tmp_path / "old" / "private", tables.FORMAT + 1)
    assert "newer release" in drukte("run", "--config", town.config_folder, "--workspace", tmp_path / "old")[2]
    monkeypatch.setattr(lock, "_acquire", lambda _file, path, _wait: (_ for _ in ()).throw(lock.HeldError(path, "process 7")))
    assert drukte("backup", "--workspace", workspace, "--to", tmp_path / "c.tar")[0] == 4
