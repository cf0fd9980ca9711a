"""The sample city taken in once for all tests that look at what becomes of its deliveries."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.intake import Found, Taken, find, take_in
from schemas.config import load
from schemas.settings import Source
from tests import evidence

ROOT = Path(__file__).resolve().parents[2]
UNTIL = datetime(2026, 6, 21, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample_taken() -> list[tuple[Source, Found, Taken]]:
    """The deliveries of Waterdam, each taken in on its own; of the history the last two weeks, all when proving. Only look at it."""
    town = load(ROOT / "config", "waterdam")
    weeks = "" if evidence.proving() else "2026-06-06"
    return [
        (source, found, take_in(found, source, k=town.k, withhold_zero=False, tz=town.tz, after=None, until=UNTIL))
        for source in town.sources.values() for found in find(source, town.data)
        if not (week := re.search(r"history/.*?_(\d{4}-\d{2}-\d{2})_", found.name)) or week[1] >= weeks
    ]  # fmt: skip
