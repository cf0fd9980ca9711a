"""The sample city taken in once for all tests that look at what becomes of its deliveries."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.intake import Found, Taken, find, take_in
from schemas.config import load
from schemas.settings import Source

ROOT = Path(__file__).resolve().parents[2]
UNTIL = datetime(2026, 6, 21, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample_taken() -> list[tuple[Source, Found, Taken]]:
    """Every delivery of Waterdam, taken in on its own. Some 20 seconds: only look at it."""
    town = load(ROOT / "config", "waterdam")
    return [
        (source, found, take_in(found, source, k=town.k, withhold_zero=False, tz=town.tz, after=None, until=UNTIL))
        for source in town.sources.values() for found in find(source, town.data)
    ]  # fmt: skip
