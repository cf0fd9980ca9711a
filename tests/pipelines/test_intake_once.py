"""A delivery that two municipalities read alike is taken in once, and each gets what it would have got alone."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines import intake
from pipelines.intake import Found, once
from tests.pipelines.layouts import csv, source

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)
ROWS = [f"2026-06-20 {10 + i // 4}:{i % 4 * 15:02},B1,40,20," for i in range(8)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the deliveries that were really taken in."""
    names: list[str] = []
    real = intake.take_in

    def take_in(found: Found, *words: object, **more: object) -> intake.Taken:
        names.append(found.name)
        return real(found, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "take_in", take_in)
    monkeypatch.setattr(once, "_KNOWN", type(once._KNOWN)())
    return names


def delivery(folder: Path, *rows: str) -> Found:
    path = folder / "counts.csv"
    path.write_bytes(csv(*rows))
    return Found(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


def take(
    file: Found, *, until: datetime = NOON, after: datetime | None = None, k: int = 15, name: str = "counters"
) -> intake.Taken:
    declared = source().model_copy(update={"supplier": name})
    known = hashlib.sha256(file.path.read_bytes()).hexdigest()
    clock = ZoneInfo("Europe/Amsterdam")
    return once.take_in(file, known, declared, k=k, withhold_zero=False, tz=clock, after=after, until=until)


def test_the_second_municipality_gets_the_same_without_a_second_reading(tmp_path: Path, asked: list[str]) -> None:
    file = delivery(tmp_path, *ROWS)
    first, second, later = take(file), take(file), take(file, until=NOON + timedelta(hours=1))
    assert first.cells.num_rows and first.rows_held == 0
    assert second is first and later is first
    assert asked == ["counts.csv"]


def test_another_k_declaration_content_or_moment_is_read_anew(tmp_path: Path, asked: list[str]) -> None:
    file = delivery(tmp_path, *ROWS)
    take(file)
    take(file, k=50)
    take(file, name="another")
    take(file, until=NOON - timedelta(hours=1))
    take(file, after=NOON - timedelta(hours=2))
    take(delivery(tmp_path, *ROWS[:-1]))
    assert len(asked) == 6


def test_rows_that_had_to_wait_are_not_forgotten(tmp_path: Path, asked: list[str]) -> None:
    file, early = delivery(tmp_path, *ROWS), NOON - timedelta(hours=3)
    held, again = take(file, until=early), take(file, until=early)
    assert held.rows_held and again is held
    assert take(file).rows_held == 0
    assert len(asked) == 2


def test_a_refused_row_is_not_remembered(tmp_path: Path, asked: list[str]) -> None:
    file = delivery(tmp_path, *ROWS[:-1], ROWS[-1].replace("40", "many"))
    assert take(file).rows_refused == 1
    take(file)
    assert len(asked) == 2
    assert not once._KNOWN
