"""What explain says of a baseline: earlier editions beside the weekday, and one that a freeze holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from indicators.card import catalogue
from pipelines.explain import Explanation, explain_value
from pipelines.explain.text import lines
from pipelines.store import Store
from tests.town import START, STEP, Town, rows


def grown(town: Town, more: str) -> None:
    """Add to the municipality's file."""
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text() + more)


def mondays(town: Town, weeks: int) -> None:
    """Two hours of so many Mondays before START, and of START itself."""
    known = [(START - timedelta(days=7 * w) + i * STEP, "square", 1000 + 10 * i + w) for w in range(weeks + 1) for i in range(8)]
    town.zones(START + 8 * STEP, known)


def explained(town: Town, folder: Path) -> Explanation:
    return explain_value(
        folder / "published" / "indicators.duckdb", town.config, catalogue(), "unusualness", "square", START + 3 * STEP
    )


def in_words(found: Explanation, town: Town, lang: str) -> str:
    return "\n".join(lines(found, town.config, lang))


def test_editions_are_shown_also_where_they_are_too_few_to_count(tmp_path):
    town, last = Town(tmp_path, only="unusualness"), (START - timedelta(days=7)).date()
    grown(town, f"event_series: {{fair: [{last}, {START.date()}]}}\n")
    mondays(town, 9)
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 9 * STEP)
    found = explained(town, tmp_path / "w")
    kinds = {row["day_type"]: (row["n"], row["used"]) for row in found.baseline}
    assert kinds["edition"] == (3, False) and kinds["weekday"][1]
    assert found.agrees
    assert "earlier editions of the event  not used: too few values" in in_words(found, town, "en")
    assert "eerdere edities van het evenement  niet gebruikt: te weinig waarden" in in_words(found, town, "nl")


def test_a_baseline_that_a_freeze_holds_is_not_computed_again_and_says_so(tmp_path):
    town = Town(tmp_path, only="unusualness")
    grown(
        town,
        f"freezes: [{{places: [square], until: {START.date()}, reason: evaluation, owner: crowd-manager, decided_on: 2026-06-02}}]\n",
    )
    mondays(town, 9)
    late = [(START - timedelta(days=7) + i * STEP, "square", 9000) for i in range(8)]
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 9 * STEP)
        before = rows(store, "SELECT * FROM {baselines} ORDER BY ALL")
        assert explained(town, tmp_path / "w").notes == []
        town.zones(START + 10 * STEP, late, name="late")
        town.tick(store, START + 11 * STEP)
        after = rows(store, "SELECT * FROM {baselines} ORDER BY ALL")
        assert [r for r in after if r in before] == before
    found = explained(town, tmp_path / "w")
    assert found.agrees and found.notes == ["held_baseline"]
    assert not [c for c in found.checks if c.what == "baseline"]
    assert "The baseline is held" in in_words(found, town, "en")
    held = (tmp_path / "w" / "published" / "indicators.duckdb", "SELECT local_date, frozen_until FROM baseline_holds")
    import duckdb

    with duckdb.connect(str(held[0]), read_only=True) as con:
        assert con.execute(held[1]).fetchall() == [(late[0][0].date(), START.date())]
