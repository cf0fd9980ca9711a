"""The four towns that differ in earnest: sound, reviewed, with a reason for each difference, and their evenings come out as told."""

from __future__ import annotations

import itertools
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indicators import config_check
from indicators.card import Card
from pipelines import compare, published, purpose, start
from pipelines.cli import main
from pipelines.compare import facts
from pipelines.docs.sample_towns import TOWNS
from pipelines.sample import four, towns
from schemas.config import Config
from tests import evidence
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)

Ready = tuple[Config, dict[str, Card]]
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data" / "sample-towns"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: What somebody who was there would expect to find, with the worst level it came to.
EVENING = {
    "gildenburg": {
        ("smidsteeg", "against_one_way", "high"), ("smidsteeg", "saturated_passage", "high"),
            ("langestraat-west", "overcrowding", "elevated"),
        ("botermarkt", "overcrowding", "elevated"), ("grote-markt-zuid", "overcrowding", "high"),
            ("fietskelder-markt", "overloaded_hub", "high"),
    },
    "duinoord": {
        ("strand-midden", "overcrowding", "critical"), ("p-strandweg", "overloaded_hub", "critical"),
            ("strandweg", "gridlock", "critical"),
        ("tramhalte-pier", "overloaded_hub", "critical"), ("reddingsweg", "blocked_emergency_route", "high"),
            ("strand-noord", "overcrowding", "elevated"),
    },
    "walburg": {
        ("pontonbrug", "saturated_passage", "critical"), ("pontonbrug", "against_one_way", "critical"),
            ("dijkvoet", "overcrowding", "high"),
        ("waalkade", "overcrowding", "critical"), ("stevenshof", "overcrowding", "critical"),
            ("elzendorp-straat", "against_one_way", "elevated"),
    },
    "sluisdam": {
        ("stadion", "failed_egress", "high"), ("stationsplein", "overcrowding", "high"),
            ("station-kwartier", "overloaded_hub", "high"),
        ("wachtvak-station", "overloaded_hub", "elevated"), ("trap-station", "saturated_passage", "critical"),
            ("kwartierweg", "gridlock", "critical"),
    },
}  # fmt: skip
#: And what the generic edges would have told all evening: not a word of it here.
SILENT = {
    "gildenburg": {("langestraat-knip", "against_one_way")},
    "duinoord": {("strand-midden", "saturated_passage")},
    "walburg": {("via-finish", "rapid_build_up")},
    "sluisdam": {("stadion", "overcrowding"), ("uitvakbrug", "against_one_way")},
}
RUN = TOWNS if evidence.proving() else ("gildenburg", "walburg")


@pytest.fixture(scope="module")
def ready() -> dict[str, Ready]:
    return {slug: start.ready(ROOT / "config", slug) for slug in TOWNS}


def test_their_files_are_what_the_figures_give(tmp_path: Path) -> None:
    towns.write(tmp_path, four.TOWNS)
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.csv"))
    assert made == sorted(p.relative_to(DATA) for p in DATA.rglob("*.csv"))
    assert [name for name in made if (tmp_path / name).read_bytes() != (DATA / name).read_bytes()] == []


@pytest.mark.parametrize("slug", TOWNS)
def test_each_is_sound_reviewed_and_says_why(slug: str, ready: dict[str, Ready]) -> None:
    config, cards = ready[slug]
    assert config_check.check(config, cards) == []
    silent = [
        note for note in config_check.warnings(config, cards, NOW) if "reason" in note.what and "Stated reason" not in note.what
    ]
    assert silent == []
    assert all(state.covered for state in purpose.states(config, cards, NOW))
    kinds = {config.rows_of(place)[-1].place.kind for place in config.place_ids}
    assert {"zone", "line", "area"} <= kinds and len(config.place_ids) >= 12
    assert config.municipality.events and len(config.municipality.thresholds) >= 7
    described = (ROOT / "config" / "municipalities" / f"{slug}.yaml").read_text(encoding="utf-8")
    assert "All numbers are examples" in described and "(verzonnen" in described
    assert all(
        "Example" in (row.place.reason or "Example")
        for row in config.places
        if row.place.usable_area or row.place.effective_width
    )


def test_any_two_of_them_part_over_decisions_that_have_a_reason(ready: dict[str, Ready]) -> None:
    for a, b in itertools.combinations(TOWNS, 2):
        made = compare.two((a, *ready[a]), (b, *ready[b]))
        told = [d for d in made.differences if d.kind == "thresholds"]
        assert len(told) >= 10, (a, b)
        assert [d.key for d in told if d.unexplained] == [], (a, b)


def test_the_same_indicator_has_another_answer_in_each(ready: dict[str, Ready]) -> None:
    """Not the same town four times: nowhere do two share an own edge, and what they leave out differs."""
    own = {slug: {(f.key, f.value) for f in facts.of(*ready[slug]).values() if f.kind == "thresholds"} for slug in TOWNS}
    assert all(not own[a] & own[b] for a, b in itertools.combinations(TOWNS, 2))
    assert len({frozenset(c.municipality.indicators) for c, _ in ready.values()}) == len(TOWNS)


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day of the event of each town in one workspace."""
    folder = tmp_path_factory.mktemp("towns")
    for sample in four.TOWNS:
        if sample.slug in RUN:
            day = str(sample.first)[:8] + f"{int(sample.first[8:]) + 1:02d}"
            there = folder / sample.slug
            there.mkdir()
            for file in (DATA / sample.slug).glob(f"*{day}*.csv"):
                shutil.copy(file, there)
            for file in (DATA / sample.slug).glob("meldingen_*.csv"):
                shutil.copy(file, there)
            words = [
                "backfill",
                "--config",
                ROOT / "config",
                "--municipality",
                sample.slug,
                "--data",
                there,
                "--workspace",
                folder / "w",
            ]
            with pytest.raises(SystemExit) as left:
                main([str(w) for w in words])
            assert not left.value.code
    return folder / "w"


@pytest.mark.parametrize("slug", RUN)
def test_its_evening_comes_out_as_somebody_who_was_there_would_tell_it(slug: str, side_by_side: Path) -> None:
    with published.connect(side_by_side / "published" / "indicators.duckdb") as con:
        rows = con.execute(
            "SELECT place, safety_risk, peak_level FROM situations WHERE municipality = ? AND state <> 'pending'", [slug]
        )
        found = rows.fetchall()
        refused = con.execute("SELECT count(*) FROM refused_rows").fetchone()
    assert EVENING[slug] - set(found) == set()
    assert SILENT[slug] & {(place, risk) for place, risk, _ in found} == set()
    assert refused == (0,)


def test_another_edge_is_tried_on_one_while_the_others_stand_beside_it(side_by_side: Path, drukte: Drukte) -> None:  # noqa: F811
    words = ["whatif", "--config", ROOT / "config", "--municipality", "walburg", "--workspace", side_by_side, "--json"]
    code, said, _ = drukte(*words, "--set", "specific_flow.critical.enter=60", "--place", "pontonbrug")
    assert code == 0
    (told,) = json.loads(said)[
        "hours_at_level"
    ]  # before its own edges began, the card's would not let 60 be critical: they come along
    assert (told["indicator"], told["place"]) == ("specific_flow", "pontonbrug")
    assert told["before"]["critical"] > 0 == told["after"]["critical"]
