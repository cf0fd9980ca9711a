"""`drukte calibrate`: a proposal that `whatif` bears out, with the days left out, and plain words where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipelines import cli
from tests.town import START, STEP, Town

DAYS = 84
UNTIL = START + timedelta(days=DAYS, minutes=30)
# The square peaks once a day, the higher the rarer; a holiday is far above all, and so is a day with an event.
PEAKS = np.random.default_rng(3).permutation(np.linspace(1600, 3400, DAYS)).round().astype(int)
EVENT_DAY, FLAGGED_DAY, SILENT_DAY = 20, 30, 40


def _counts() -> list[tuple[datetime, str, object]]:
    rows: list[tuple[datetime, str, object]] = []
    for day in range(DAYS):
        for slot in range(0, 96, 2):
            if day == SILENT_DAY and slot > 10:
                continue
            peak = 4800 if day in (EVENT_DAY, FLAGGED_DAY) else int(PEAKS[day])
            count = peak if slot in (70, 72, 74) else 400
            rows += [(START + timedelta(days=day) + (slot + i) * STEP, "square", count) for i in (0, 1)]
    return rows


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Path]:
    folder = tmp_path_factory.mktemp("calibrate")
    day = START + timedelta(days=EVENT_DAY)
    event = {"event": "fair", "name": {"nl": "k", "en": "f"}, "class": "B", "from": f"{day:%Y-%m-%dT}10:00Z", "to": f"{day:%Y-%m-%dT}22:00Z",
             "places": {"square": {}}}  # fmt: skip
    day = START + timedelta(days=FLAGGED_DAY)
    flag = {"source": "zones", "places": ["square"], "from": f"{day:%Y-%m-%dT}00:00Z", "to": f"{day:%Y-%m-%dT}23:00Z", "effect": ["no_baseline"],
            "reason": "a march", "owner": "data-officer"}  # fmt: skip
    town, workspace = Town(folder, only="density", events=[event], flags=[flag]), folder / "workspace"
    town.zones(UNTIL - timedelta(minutes=5), _counts())
    with pytest.raises(SystemExit) as left:
        cli.main(["backfill", "--config", str(town.config_folder), "--workspace", str(workspace), "--to", UNTIL.isoformat()])
    assert not left.value.code
    return town, workspace


@pytest.fixture
def drukte(filled: tuple[Town, Path], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    town, workspace = filled

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            cli.main(
                [str(w) for w in (*words, "--config", town.config_folder, "--workspace", workspace, "--at", UNTIL.isoformat())]
            )
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def _propose(drukte, out: Path, *words: object) -> dict:
    code, said, err = drukte("calibrate", "density", *words, "--place", "square", "--out", out, "--json")
    assert code == 0, err + said
    return json.loads(said)


def test_the_edge_gives_at_most_the_wish_on_the_days_that_count(drukte, tmp_path: Path) -> None:
    found = _propose(drukte, tmp_path / "p.yaml", "--rate", "8/month")
    assert found["basis"]["left_out"] == {"event": 1, "flagged": 1, "unknown": 1}
    assert found["basis"]["days"] == DAYS - 3
    (p,) = found["proposals"]
    used = [int(PEAKS[d]) / 1000 for d in range(DAYS) if d not in (EVENT_DAY, FLAGGED_DAY, SILENT_DAY)]
    # Every day with a peak from the edge on is one signal, by hand.
    reached = sum(round(x, 2) >= p["proposal"]["enter"] for x in used)
    assert p["rate"] == pytest.approx(reached / len(used) * 365.25 / 12) and p["rate"] <= 8
    assert p["proposal"]["exit"] == pytest.approx(0.9 * p["proposal"]["enter"])
    assert p["enter_low"] <= p["proposal"]["enter"] <= p["enter_high"] and p["rate_low"] <= p["rate"] <= p["rate_high"]
    assert p["check"]["days_fit"] + p["check"]["days_rest"] == DAYS - 3


def test_whatif_bears_the_proposal_out_and_config_check_asks_for_the_rest(filled, drukte, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    (p,) = _propose(drukte, path, "--rate", "8/month")["proposals"]
    code, said, err = drukte("whatif", "--thresholds", path, "--json")
    assert code == 0, err
    signals = json.loads(said)["signals"]["after"]["count"]
    assert signals == p["signals_per_place"]["square"] + 2  # and the two days that were left out
    town, _ = filled
    municipality = town.config_folder / "municipalities" / "tiny.yaml"
    before = municipality.read_text()
    try:
        entry = path.read_text().split("thresholds:\n")[1]
        municipality.write_text(before.replace("thresholds: []", "thresholds:\n" + entry))
        with pytest.raises(SystemExit) as left:
            cli.main(["config", "check", "--config", str(town.config_folder)])
        assert left.value.code == 2
    finally:
        municipality.write_text(before)


@pytest.mark.parametrize("words, said", [
    (["--rate", "1/year"], "too short"),
    (["--rate", "8/month", "--to", (START + timedelta(days=20)).isoformat()], "too short"),
    (["--rate", "50/day"], "cannot be met"),
    (["--rate", "35/month"], "cannot be met"),  # one a day is all there ever was
])  # fmt: skip
def test_where_there_is_no_proposal_it_says_why(drukte, tmp_path: Path, words: list[str], said: str) -> None:
    path = tmp_path / "none.yaml"
    code, out, _ = drukte("calibrate", "density", *words, "--place", "square", "--out", path)
    assert code == 5 and said in out and not path.exists()


@pytest.mark.parametrize("words, said", [
    (["density", "--rate", "often"], "not understood"),
    (["density", "--rate", "0/month"], "not understood"),
    (["densty", "--rate", "4/month"], "Did you mean `density`?"),
    (["density", "--rate", "4/month", "--place", "sqare"], "Did you mean `square`?"),
    (["density", "--rate", "4/month"], "--place-type"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_in_words(drukte, words: list[str], said: str) -> None:
    code, _, err = drukte("calibrate", *words)
    assert code == 2 and said in err


def test_a_looser_edge_than_the_generic_one_says_that_it_needs_a_reason(drukte, tmp_path: Path) -> None:
    # Generic elevated is 2.5 p/m²: to have only two signals a month the edge has to lie above it.
    code, out, _ = drukte(
        "calibrate", "density", "--rate", "2/month", "--place", "square", "--out", tmp_path / "p.yaml", "--lang", "en"
    )
    assert code == 0 and "looser than the generic edge" in out
    assert "why it may be looser" in (tmp_path / "p.yaml").read_text()
