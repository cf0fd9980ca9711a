"""What people are told about retention: mistakes in settings, what short memories cost, and what goes when."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from indicators import config_check
from indicators.card import catalogue
from pipelines.cli import reading
from pipelines.publish import FILE
from pipelines.status import collect
from pipelines.store import Store
from schemas import retention
from schemas.problems import Problems
from tests.pipelines.upkeep.kept import DAY, deliver
from tests.town import START, Town


def kept(folder: Path, said: str, **options: str) -> Town:
    town = Town(folder, **options)  # type: ignore[arg-type]
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("retention: 365d", said))
    return town


def notes(town: Town) -> list[str]:
    return [str(p) for p in config_check.warnings(town.config, catalogue(), START) if "baseline" in str(p)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("retention: 84d", None), ("retention: 365d, retention_of: {counts: 84d}", None),
        ("retention: 365d, retention_of: {counts: 60d}", "60d, a baseline looks back 84d; 8 of 12 weeks are left to compare with, 24 values"),
        ("retention: 40d", "5 of 12 weeks are left to compare with, 15 values at most: unusualness know less"),
        ("retention: 34d", "12 values at most of the 15 needed: unusualness will always be unknown (baseline_short)"),
        ("retention: 1d", "0 of 12 weeks are left to compare with, 0 values"),
    ],
)  # fmt: skip
def test_config_check_says_what_a_short_memory_costs(tmp_path: Path, said: str, told: str | None) -> None:
    found = notes(kept(tmp_path, said))
    if told is None:
        assert found == []
        return
    assert found
    assert all(told in note and "config/municipalities/tiny.yaml:" in note for note in found)
    assert ("retention_of.counts" in found[0]) == ("retention_of" in said)


def test_no_note_where_no_indicator_compares(tmp_path: Path) -> None:
    assert notes(kept(tmp_path, "retention: 10d", only="density")) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("retention: 12h", "12h is not a number of whole days"), ("retention: 365d, retention_of: {counts: 90min}", "90min is not a number"),
        ("retention: 30d, retention_of: {counts: 31d}", "counts are kept 31d, longer than the purpose's 30d"),
        ("retention: 30d, retention_of: {count: 10d}", "counts"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(Problems) as problems:
        _ = kept(tmp_path, said).config
    assert told in str(problems.value.problems[0])
    assert str(problems.value.problems[0]).startswith("config/municipalities/tiny.yaml:")


def test_what_several_purposes_use_is_kept_as_long_as_the_longest_says(tmp_path: Path) -> None:
    town = kept(tmp_path, "retention: 30d")
    purposes = town.config_folder / "purposes"
    text = (purposes / "crowd-safety.yaml").read_text()
    more = text.replace("purpose: crowd-safety", "purpose: more").replace("[zone_counts, passage_counts]", "[zone_counts]")
    (purposes / "more.yaml").write_text(
        more.replace("indicators: [density, occupancy, specific_flow, unusualness]", "indicators: [density]")
    )
    path = town.config_folder / "municipalities" / "tiny.yaml"
    line = next(part for part in path.read_text().split("\n") if "purpose: crowd-safety" in part)
    whole = path.read_text()
    entry = whole[whole.index(line) : whole.index("owner: data-officer}") + len("owner: data-officer}")]
    path.write_text(
        whole.replace(
            entry, entry + "\n" + entry.replace("crowd-safety", "more").replace("30d", "90d, retention_of: {counts: 20d}")
        )
    )
    config = town.config
    assert retention.kept(config, "counts", "zone_counts") == timedelta(days=30)
    assert retention.kept(config, "indicators", "density") == timedelta(days=90)
    assert retention.kept(config, "indicators", "unusualness") == timedelta(days=30)
    assert retention.kept(config, "indicators", "gone") == timedelta(days=90), "what no purpose names: the longest"
    assert retention.decides(config, "situations").purpose == "more"


def test_status_tells_what_goes_within_a_month(tmp_path: Path) -> None:
    town = kept(tmp_path, "retention: 20d, retention_of: {counts: 5d}", only="density")
    for day in range(4):
        deliver(town, day, range(10, 11))
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 3 * DAY + timedelta(hours=12))
    found = collect(tmp_path / "w", START + 3 * DAY + timedelta(hours=12))["retention"]
    by_class = {row["data_class"]: row for row in found}
    assert list(by_class) == ["counts", "indicators", "situations", "deliveries"]
    counts, values = by_class["counts"], by_class["indicators"]
    assert (counts["purpose"], counts["retention_days"], str(counts["kept_from"])) == ("crowd-safety", 5, "2026-05-30")
    assert (str(counts["oldest"]), str(counts["goes_on"])) == ("2026-06-01", "2026-06-07")
    assert counts["rows_going"] > 100
    assert str(values["goes_on"]) == "2026-06-22"
    said = reading._going(found, "nl")
    assert "tellingen" in said
    assert "de eerste op 2026-06-07" in said
    json.dumps(found, default=str)
    assert (tmp_path / "w" / "published" / FILE).exists()
    with Store(tmp_path / "w") as store:  # and so it is
        for at, gone in ((6, False), (7, True)):
            town.tick(store, START + at * DAY - timedelta(hours=1))
            told = store.con.execute("SELECT count(*) FROM deletions WHERE table_name = 'observations'").fetchall()
            assert bool(told[0][0]) == gone, at
