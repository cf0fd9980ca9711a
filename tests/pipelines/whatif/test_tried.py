"""`whatif` on a town of two zones, by hand: what came, what went, what moved; nothing is written and nobody waits."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import cli, lock
from pipelines.store import Store
from tests.town import START, STEP, Town

UNTIL = START + timedelta(hours=8, minutes=5)
# A thousand square metres, standing: elevated from 2.5 p/m², ten minutes long. One slot of 2,600; later three, rising to 3,600.
COUNTS = [100, 2000, 2600, 2000, 100, 100, 100, 100, 2300, 2600, 3600, 2600, 2300, *[100] * 19]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Path]:
    folder = tmp_path_factory.mktemp("tried")
    town, workspace = Town(folder, only="density"), folder / "workspace"
    town.zones(UNTIL - timedelta(minutes=2), [(START + i * STEP, "square", n) for i, n in enumerate(COUNTS)])
    with pytest.raises(SystemExit) as left:
        cli.main(["backfill", "--config", str(town.config_folder), "--workspace", str(workspace), "--to", UNTIL.isoformat()])
    assert not left.value.code
    return town, workspace


@pytest.fixture
def whatif(filled: tuple[Town, Path], capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    town, workspace = filled

    def call(*words: object) -> tuple[int, str, str]:
        shared = ["--config", town.config_folder, "--workspace", workspace, "--at", UNTIL.isoformat()]
        with pytest.raises(SystemExit) as left:
            cli.main([str(w) for w in ("whatif", *words, *shared)])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def _data(answer: tuple[int, str, str]) -> dict:
    assert answer[0] == 0, answer[2]
    return json.loads(answer[1])


def _hour(minutes: int) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


def test_the_same_settings_change_nothing(whatif) -> None:
    found = _data(whatif("--json"))
    assert found["affected"] == 0 and found["differences"] == []
    assert found["signals"]["before"]["count"] == found["signals"]["after"]["count"] == 2


def test_a_higher_edge_loses_one_and_moves_the_other(whatif) -> None:
    found = _data(whatif("--set", "density.elevated.enter=3", "--place-type", "standing", "--json"))
    assert {k: n for k, n in found["situations"].items() if n} == {"lost": 1, "changed": 1}
    lost, moved = found["differences"]
    assert lost["before"]["started_at"] == _hour(30) and lost["after"] is None
    # From 3,600 on, and over when it is 2,600 again (exit 2.7); before it, 2,300 was not calm yet (exit 2.25).
    assert (moved["before"]["started_at"], moved["after"]["started_at"]) == (_hour(135), _hour(150))
    assert (moved["before"]["ended_at"], moved["after"]["ended_at"]) == (_hour(195), _hour(165))
    assert moved["shifts_minutes"] == {"started": 15, "signalled": 15, "ended": -30}
    assert found["signals"]["after"] | {"hours": 8.0} == found["signals"]["after"]
    assert (found["signals"]["before"]["count"], found["signals"]["after"]["count"]) == (2, 1)
    (hours,) = (h for h in found["hours_at_level"] if h["place"] == "square")
    assert (hours["before"]["elevated"], hours["after"]["elevated"], hours["after"]["high"], hours["moved"]) == (
        0.75,
        0.0,
        0.25,
        0.75,
    )


def test_a_longer_for_signals_later_and_a_lower_edge_gains(whatif) -> None:
    longer = _data(whatif("--set", "density.elevated.for=30min", "--place", "square", "--json"))
    assert [d["kind"] for d in longer["differences"]] == ["lost", "changed"]
    assert longer["differences"][1]["shifts_minutes"] == {"started": 0, "signalled": 15, "ended": 0}
    lower = _data(whatif("--set", "density.elevated.enter=2", "--place", "square", "--json"))
    shifts = [d["shifts_minutes"]["started"] for d in lower["differences"]]
    assert shifts == [-15, -15] and lower["situations"]["changed"] == 2


def test_settings_that_begin_later_are_tried_as_if_they_always_held(filled, tmp_path: Path, capsys) -> None:
    town, workspace = filled
    folder = tmp_path / "config"
    shutil.copytree(town.config_folder, folder)
    path = folder / "municipalities" / "tiny.yaml"
    later = {
        "indicator": "density", "place": "square", "effective_from": "2030-01-01T00:00Z", "owner": "crowd-manager",
        "decided_on": "2026-05-01", "review_by": "2031-05-01", "reason": "fewer signals while the square is rebuilt",
        "bands": {"elevated": {"enter": 3, "for": "10min", "keep_for": "15min"}},
    }  # fmt: skip
    path.write_text(path.read_text().replace("thresholds: []", f"thresholds: [{json.dumps(later)}]"))
    with pytest.raises(SystemExit) as left:
        cli.main(["whatif", "--json", "--config", str(folder), "--workspace", str(workspace), "--at", UNTIL.isoformat()])
    found = _data((int(left.value.code or 0), *capsys.readouterr()))
    assert {k: n for k, n in found["situations"].items() if n} == {"lost": 1, "changed": 1}


def test_a_file_of_thresholds_may_still_be_undecided(whatif, tmp_path: Path) -> None:
    path = tmp_path / "try.yaml"
    path.write_text("thresholds:\n  - indicator: density\n    place: square\n    bands: {elevated: {enter: 3, for: 10min, keep_for: 15min}}\n"
                    "    owner: TODO\n    decided_on: TODO\n    review_by: TODO\n    reason: TODO\n")  # fmt: skip
    assert _data(whatif("--thresholds", path, "--json"))["situations"]["lost"] == 1
    path.write_text("thresholds:\n  - indicator: density\n    bands: {elevated: {entr: 3, for: 10min, keep_for: 15min}}\n")
    code, _, err = whatif("--thresholds", path)
    assert code == 2 and f"{path}:3" in err and "Did you mean `enter`?" in err


@pytest.mark.parametrize("words, said", [
    (["--set", "densty.elevated.enter=2"], "Did you mean `density`?"),
    (["--set", "density.elevatd.enter=2"], "Did you mean `elevated`?"),
    (["--set", "density.elevated.entr=2"], "Did you mean `enter`?"),
    (["--set", "density.elevated.enter=two"], "is not a number"),
    (["--set", "density.elevated"], "not understood"),
    (["--set", "density.elevated.for=soon"], "is not a duration"),
    (["--set", "density.elevated.enter=4", "--place", "square"], "is not above elevated's"),
    (["--set", "density.elevated.enter=99"], "makes no sense"),
    (["--set", "density.elevated.exit=2"], "differs between the types of place"),
    (["--set", "density.elevated.enter=2", "--place", "sqare"], "Did you mean `square`?"),
    (["--place", "square"], "go with --set"),
    (["--from", "2020-01-01T00:00Z", "--to", "2020-01-02T00:00Z"], "no values"),
])  # fmt: skip
def test_what_cannot_be_tried_is_refused_in_words(whatif, words: list[str], said: str) -> None:
    code, out, err = whatif(*words)
    assert code == 2 and said in err and not out


def test_a_run_under_way_does_not_wait_and_nothing_is_written(filled, whatif) -> None:
    _, workspace = filled

    def state() -> list[tuple[str, str]]:
        return [
            (str(p), hashlib.sha256(p.read_bytes()).hexdigest())
            for p in sorted((workspace / "published").rglob("*"))
            if p.is_file()
        ]

    before = state()
    with lock.hold(workspace), Store(workspace) as store, store.transaction():
        assert _data(whatif("--set", "density.elevated.enter=3", "--place-type", "standing", "--json"))["situations"]["lost"] == 1
    assert state() == before


@pytest.mark.parametrize(
    "lang, said", [("nl", "Wat hadden deze drempels gedaan?"), ("en", "What would these thresholds have done?")]
)
def test_a_page_stands_alone(whatif, tmp_path: Path, lang: str, said: str) -> None:
    page = tmp_path / "page.html"
    code, out, err = whatif("--set", "density.elevated.enter=3", "--place-type", "standing", "--page", page, "--lang", lang)
    assert code == 0, err
    html = page.read_text(encoding="utf-8")
    assert said in html and said in out and html.count("<svg") > 5
    assert "http" not in html.replace("http://www.w3.org", "") and "<script" not in html
    assert 'class="edge elevated was"' in html and 'class="edge elevated is"' in html
