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


def test_a_proof_that_was_cut_is_taken_up_again_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = evidence.Pieces("anything", tmp_path / "pieces")
    monkeypatch.setenv("DRUKTE_PROVE", "1")
    pieces.note("5000", 30)
    assert not pieces.resumed("5000"), "every proof is whole unless said otherwise"
    monkeypatch.setenv("DRUKTE_PROVE_RESUME", "1")
    assert pieces.resumed("5000") and not pieces.resumed("5001")
    found, [commit] = pieces.all()
    assert found == {"5000": 30} and commit
