"""`config diff` and `config show --why`: what is generic, what is specific, what differs without a reason; and the chain behind a value."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, start
from pipelines.compare import sides
from pipelines.faults import UsageError
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)
from tests.indicators.a_town import threshold
from tests.schemas import a_config

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture(scope="module")
def towns() -> Any:
    return compare.two(("waterdam", *start.ready(CONFIG, "waterdam")), ("veenhaven", *start.ready(CONFIG, "veenhaven")))


def test_between_two_towns_a_threshold_of_one_stands_beside_what_holds_in_the_other(towns: compare.Comparison) -> None:
    found = {d.key: d for d in towns.differences if d.kind == "thresholds"}
    kade = found["density · place kade · elevated"]
    assert kade.a and kade.b
    assert (kade.a.specific, kade.b.specific) == (True, False)
    assert kade.a.value.startswith("enter 0.9, exit 0.75") and kade.b.value.startswith("enter 1.1, exit 0.99")
    assert kade.b.file == "indicators/catalogue/density.yaml" and kade.b.line > 1
    assert kade.a.reason == "The edge of the quay has no railing over its whole length."
    assert not kade.unexplained
    dark = found["density · place havenplein · time 21:30-06:00 · high"]
    assert dark.b and dark.b.value.startswith("enter 1.5")
    assert "growth · min_count" not in {k for k, d in found.items() if d.b}  # the indicator is off in Veenhaven


def test_weights_without_a_reason_are_named(towns: compare.Comparison) -> None:
    weights = [d for d in towns.differences if d.kind == "weights"]
    assert {d.key for d in weights} == {"weighted_risk · density", "weighted_risk · unusualness"}
    assert all(d.unexplained for d in weights)


def test_what_only_one_side_has_is_one_difference(towns: compare.Comparison) -> None:
    garage = [d for d in towns.differences if d.kind == "sources" and d.key.startswith("waterdam-garage")]
    assert len(garage) == 1 and garage[0].a and garage[0].b is None
    assert "dataset facility_occupancy" in garage[0].a.value


def test_a_town_is_the_same_as_itself() -> None:
    side = start.ready(CONFIG, "waterdam")
    made = compare.two(("a", *side), ("b", *side))
    assert made.differences == [] and len(made.same) > 150


def test_against_the_generic_only_what_was_decided_differs(tmp_path: Path) -> None:
    config = a_config.write(tmp_path)
    made = compare.with_generic("town", *start.ready(config, "town"))
    thresholds = [(d.key, d.a and d.a.value, d.b and d.b.value) for d in made.differences if d.kind == "thresholds"]
    assert thresholds == [(
        "density · place square · elevated", "enter 2, exit 1.8 p/m², for 10min, keep for 15min",
        "enter 2.5, exit 2.25 p/m², for 10min, keep for 15min",
    )]  # fmt: skip
    assert {f.key for f in made.same} >= {"density", "specific_flow", "interval"}
    assert ("crowd-safety · k", "15", "10") in [(d.key, d.a and d.a.value, d.b and d.b.value) for d in made.differences]


def test_two_folders_differ_by_exactly_the_decision_taken(tmp_path: Path) -> None:
    before = a_config.write(tmp_path / "before")
    after = a_config.write(tmp_path / "after", {"municipalities/town.yaml": [("enter: 2.0, exit: 1.8", "enter: 2.2, exit: 1.9")]})
    made = compare.two(sides.side(str(before), before, None), sides.side(f"{after}:town", before, None))
    assert [(d.kind, d.key) for d in made.differences] == [("thresholds", "density · place square · elevated")]


def test_a_git_revision_is_laid_beside_the_files(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    if not shutil.which("git"):
        pytest.skip("needs git")
    config = a_config.write(tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@t"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    file = config / "municipalities" / "town.yaml"
    file.write_text(file.read_text().replace("k: 15", "k: 20"))
    code, said, _ = drukte("config", "diff", "town", "--rev", "HEAD", "--config", config, "--json")
    assert code == 0
    (difference,) = json.loads(said)["differences"]
    assert (difference["key"], difference["a"]["value"], difference["b"]["value"]) == ("crowd-safety · k", "15", "20")
    code, _, errors = drukte("config", "diff", "town", "--rev", "nowhere", "--config", config)
    assert code == 2 and "there is no revision `nowhere`" in errors
    with pytest.raises(UsageError), sides.at_revision(config, "--upload-pack=x"):
        pass


def test_the_page_is_self_contained_and_escapes(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    text = a_config.TOWN
    config = a_config.write(tmp_path, {"municipalities/town.yaml": [("the ground is uneven", '"<script>alert(1)</script>"')]})
    assert "the ground is uneven" in text
    page = tmp_path / "deep" / "page.html"
    code, said, _ = drukte("config", "diff", "town", "--generic", "--config", config, "--page", page, "--lang", "nl")
    assert code == 0 and "Drempels" in said and "generiek" in said
    html = page.read_text(encoding="utf-8")
    assert "<script>" not in html and "&lt;script&gt;" in html and "http://" not in html


@pytest.mark.parametrize("words", [[], ["town", "--generic"], ["--generic", "--rev", "HEAD"]])
def test_one_thing_is_compared_with_one_other(words: list[str], tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    code, _, errors = drukte("config", "diff", "town", *words, "--config", a_config.write(tmp_path))
    assert code == 2 and "compares two things" in errors


def test_why_tells_the_whole_chain_of_a_value(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    at_place = threshold("elevated: {enter: 2.1, for: 10min, keep_for: 15min}", place="square")
    of_type = threshold("elevated: {enter: 2.3, for: 10min, keep_for: 15min}", place_type="standing")
    listed = a_config.TOWN[a_config.TOWN.index("thresholds:") : a_config.TOWN.index("flags:")]
    config = a_config.write(tmp_path, {"municipalities/town.yaml": [(listed, "thresholds:\n" + of_type + at_place)]})
    words = [
        "config",
        "show",
        "--why",
        "--config",
        config,
        "--indicator",
        "density",
        "--place",
        "square",
        "--at",
        "2026-06-01T12:00Z",
    ]
    code, said, _ = drukte(*words, "--json")
    assert code == 0
    settings = {(s["what"], s["name"]): s for s in json.loads(said)[0]["settings"]}
    chain = settings["band", "elevated"]["chain"]
    assert [(link["layer"], link["text"].split(",")[0]) for link in chain] == [
        ("place", "enter 2.1"), ("place_type", "enter 2.3"), ("card", "enter 2.5"),
    ]  # fmt: skip
    assert chain[0]["owner"] == "crowd-manager" and chain[0]["reason"] == "agreed for a test"
    assert chain[0]["line"] == a_config.line_of(config, "config/municipalities/town.yaml", "enter: 2.1")
    assert chain[2]["owner"] == "crowd-data-lead" and "example" in chain[2]["reason"].lower()
    assert [link["text"] for link in settings["privacy", "k"]["chain"]] == ["15", "10 or more"]
    text = drukte(*words)[1]
    assert "in force [place: config/municipalities/town.yaml:" in text and "instead of enter 2.3" in text
