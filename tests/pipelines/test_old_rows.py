"""Rows that nothing will judge are told: who tries a town on a file of years ago does not look for them in vain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pipelines.store import Store
from tests.town import START, STEP, Town

ROWS = [(START + i * STEP, "square", 100 + i) for i in range(4)]


def test_ordinary_rows_are_not_talked_about(tmp_path: Path) -> None:
    town = Town(tmp_path / "t")
    town.zones(START + timedelta(hours=1), ROWS)
    with Store(tmp_path / "w") as store:
        assert "counts" not in town.tick(store, START + timedelta(hours=2)).message_en


def test_rows_older_than_what_is_kept_are_told_with_what_to_do(tmp_path: Path) -> None:
    town = Town(tmp_path / "t")
    town.zones(START + timedelta(hours=1), ROWS)
    with Store(tmp_path / "w") as store:
        done = town.tick(store, START + timedelta(days=4000), verb="backfill")
    assert "4 counts from before" in done.message_en and "`backfill --to`" in done.message_en
    assert "4 tellingen van voor" in done.message_nl


def test_rows_from_before_their_place_are_told_with_place_and_day(tmp_path: Path) -> None:
    town = Town(tmp_path / "t")
    file = next((town.config_folder / "municipalities" / "tiny").glob("*.geojson"))
    text = file.read_text(encoding="utf-8")
    begin = f"{START + 2 * STEP:%Y-%m-%dT%H:%MZ}"
    import re

    file.write_text(re.sub(r'("valid_from": ")[^"]*', rf"\g<1>{begin}", text), encoding="utf-8")
    town.zones(START + timedelta(hours=1), ROWS)
    with Store(tmp_path / "w") as store:
        done = town.tick(store, START + timedelta(hours=2))
    assert f"2 counts are from before their place exists (square from {START:%Y-%m-%d} on)" in done.message_en
    assert done.slots_computed > 0  # the two later ones are judged
