"""Alert rules, their stories and further purposes are handed on: what is generic stands there at once, what is specific waits as a TODO."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines import newtown, start
from pipelines.alerts import proving
from pipelines.transfer import package
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)
from tests.pipelines.transfer.test_round_trip import DECIDED, asked, packed, put
from tests.pipelines.transfer.test_round_trip import town as plain_town
from tests.schemas import a_config

HOUSE = Path(__file__).resolve().parents[3] / "config"
ALERTS = """
alerts:
  channels: {room: {kind: apprise, address_from: ROOM}, files: {kind: cap, folder: cap}}
  rules:
    - {rule: everywhere, role: crowd-manager, from_level: high, channels: [room], repeat: 30min}
    - {rule: here, role: crowd-manager, places: [square], from_level: critical, channels: [files], quiet: [{time: "01:00-07:00"}]}
  sender: crowd@town.example
  board: https://town.example/board
  watch: {role: crowd-manager, channels: [room]}
"""
STORY = """\
stories:
  - title: Told from high on, wherever it is
    situations: {overcrowding square: ". h h"}
    expect: ["20:05 everywhere: new high square"]
"""
SECOND = """\
  - {purpose: area-security, legal_basis: an example, dpia: {reference: S-1, date: 2026-01-01}, decided_on: 2026-01-02,
     review_by: 2027-01-02, k: 30, retention: 30d, audience: [crowd-manager], owner: crowd-manager}
"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("there")
    config = plain_town(folder, ALERTS)
    file = config / "municipalities" / "town.yaml"
    text = file.read_text(encoding="utf-8")
    begin = text.index("purposes:\n") + len("purposes:\n")
    end = begin + text[begin:].index("\n", text[begin:].index("owner:")) + 1
    file.write_text(text[:end] + SECOND + text[end:], encoding="utf-8")
    (config / "purposes" / "area-security.yaml").write_bytes((HOUSE / "purposes" / "area-security.yaml").read_bytes())
    (config / "alerts" / "town").mkdir(parents=True)
    (config / "alerts" / "town" / "evening.yaml").write_text(STORY, encoding="utf-8")
    return config, put(folder, packed(config))


def test_a_package_holds_every_purpose_the_rules_and_their_stories(there: tuple[Path, Path]) -> None:
    found = package.read(there[1]).files
    assert found["config/alerts/town/evening.yaml"].decode() == STORY
    assert b"k_floor: 25" in found["config/purposes/area-security.yaml"] and "documents/purpose-area-security.nl.md" in found
    assert b"address_from: ROOM" in found["config/municipalities/town.yaml"]


def test_the_next_town_gets_them_and_only_what_it_alone_can_say_is_open(there: tuple[Path, Path], tmp_path: Path) -> None:
    """Another drawing, with other names: the rule for one place waits, the others act."""
    drawing = tmp_path / "other.geojson"
    text = (there[0] / "municipalities" / "town" / "places.geojson").read_text(encoding="utf-8")
    drawing.write_text(text.replace('"square"', '"plaza"'), encoding="utf-8")
    made = newtown.init(asked(there[1], places=drawing, thresholds="adopt", **DECIDED), tmp_path / "cfg")
    second = ("legal_basis", "dpia.reference", "dpia.date", "decided_on", "review_by", "k", "retention")
    open_ = {p.key for p in made.todo if p.key != "place.map"}
    assert open_ == {*(f"purposes.1.{key}" for key in second), "alerts.sender", "alerts.rules.1.places.0"}
    assert "Town named square" in next(p.fix for p in made.todo if p.key.endswith("places.0"))
    assert "@town.example" not in (tmp_path / "cfg" / "municipalities" / "next.yaml").read_text(encoding="utf-8")


def test_decided_it_is_sound_and_its_stories_hold(there: tuple[Path, Path], tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    drawing = there[0] / "municipalities" / "town" / "places.geojson"
    cfg = tmp_path / "cfg"
    made = newtown.init(asked(there[1], places=drawing, thresholds="adopt", **DECIDED), cfg)
    assert {p.key.split(".")[0] for p in made.todo} == {"purposes", "alerts"}  # the place is there: only the sender is open
    file = cfg / "municipalities" / "next.yaml"
    text = file.read_text(encoding="utf-8")
    answers = {"legal_basis": "an example", "reference": "S-2", "date": "2026-05-01", "decided_on": "2026-05-01", "review_by": "2027-05-01",
               "k": "25", "retention": "30d", "sender": "crowd@next.example"}  # fmt: skip
    for key, value in answers.items():
        text = re.sub(rf"""({key}: )(["'])TODO.*?\2""", rf"\g<1>{value}", text)
    file.write_text(text, encoding="utf-8")
    config, _ = start.ready(cfg, "next")
    there_config, _ = start.ready(there[0], "town")
    assert [p.purpose for p in config.municipality.purposes] == ["crowd-safety", "area-security"] and config.k == 25
    assert config.municipality.alerts.rules == there_config.municipality.alerts.rules
    assert config.municipality.alerts.watch == there_config.municipality.alerts.watch
    assert [r.differences for r in proving.results(cfg, ["next"], shipped=False)] == [[]]
    # And on again, to a third town: nothing gets lost on the way.
    again = tmp_path / "again.zip"
    code, said, errors = drukte("export", "transfer", "--config", cfg, "--workspace", tmp_path / "none", "--out", again)
    assert code == 0, errors + said
    assert {"config/alerts/next/evening.yaml", "config/purposes/area-security.yaml"} <= set(package.read(again).files)


def test_a_name_in_a_story_is_refused_like_one_in_the_settings(tmp_path: Path) -> None:
    from pipelines.faults import GateError

    config = a_config.write(tmp_path)
    (config / "alerts" / "town").mkdir(parents=True)
    (config / "alerts" / "town" / "evening.yaml").write_text(STORY + "# mail someone@example.org\n", encoding="utf-8")
    with pytest.raises(GateError, match=r"config/alerts/town/evening.yaml:5: looks like e-mail"):
        packed(config)
