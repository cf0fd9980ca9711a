"""The evidence of properties: nothing is written but in `make prove`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import evidence


def test_small_counts_and_no_file_outside_prove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRUKTE_PROVE", raising=False)
    assert evidence.count(3, 300) == 3
    evidence.record("anything", 3, 1, "equal", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_full_counts_and_a_file_in_prove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRUKTE_PROVE", "1")
    assert evidence.count(3, 300) == 300
    evidence.record("orders", 300, 7, {"mismatches": 0}, tmp_path)
    written = json.loads((tmp_path / "orders.json").read_text())
    assert written.pop("commit")
    assert written == {"property": "orders", "count": 300, "seed": 7, "result": {"mismatches": 0}}
