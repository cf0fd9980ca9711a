"""Fixtures of the board's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines.board.evening import Tables, evening, publish


class Maker:
    """``made(change=None, name='evening')`` writes the evening to ``folder``, after ``change`` has had its way with the rows."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, change: Callable[[Tables], object] | None = None, name: str = "evening") -> Path:
        tables = evening()
        if change:
            change(tables)
        path = self.folder / f"{name}.duckdb"
        path.unlink(missing_ok=True)
        return publish(path, tables)


@pytest.fixture
def made(tmp_path: Path) -> Maker:
    return Maker(tmp_path)
