"""A town is handed on, and the next one begins from its package: what carries over, what is asked anew, and exactly what then differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, newtown, start, transfer
from pipelines.faults import GateError, UsageError
from pipelines.screen import prose
from pipelines.track import evidence
from pipelines.track.stored import Stored
from pipelines.transfer import overview, package
from schemas import config as settings
from schemas import yamlfile
from schemas.problems import Problems
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)
from tests.indicators.a_town import threshold
from tests.pipelines import broken_configs
from tests.schemas import a_config

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TODAY = date(2026, 6, 1)
RESETS = """\
resets:
  - place: square
    at: 2026-04-01T12:00+02:00
    present: 2420
    reason: counted by hand
    owner: crowd-manager
"""


def town(folder: Path, more: str = "") -> Path:
    """A town with thresholds for the whole town, a type of place and a place, an event, an outage and a count by hand."""
    whole = threshold("elevated: {enter: 1.2, for: 10min, keep_for: 15min}", place_type="moving")
    text = a_config.TOWN.replace("thresholds:\n", "thresholds:\n" + whole, 1)
    config = a_config.write(folder)
    (config / "municipalities" / "town.yaml").write_text(text + RESETS + more, encoding="utf-8")
    (config / "municipalities" / "town" / "concerns.yaml").write_text(
        "municipality: town\nlog:\n- {concern: 1, what: raised, by: crowd-manager, on: 2026-05-01, text: Is anybody followed?}\n"
    )
    return config


def packed(config: Path, at: datetime = AT, there: Stored | None = None) -> transfer.Made:
    return transfer.make(*start.ready(config, "town"), at, there, "town.zip")


def put(folder: Path, made: transfer.Made) -> Path:
    path = folder / "town.zip"
    path.write_bytes(made.content)
    return path


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The config of the town, and its package."""
    folder = tmp_path_factory.mktemp("there")
    config = town(folder)
    return config, put(folder, packed(config))


def asked(path: Path, **more: Any) -> newtown.Asked:
    given: Mapping[str, Any] = {
        "slug": "next",
        "name": "Next",
        "legal_basis": None,
        "dpia": None,
        "today": TODAY,
        "package": path,
    }
    return newtown.Asked(**{**given, **more})


DECIDED = {"legal_basis": "an example", "dpia": "D-2", "k": 20, "dpia_date": date(2026, 5, 1), "review_by": date(2027, 5, 1),
           "decided_on": date(2026, 5, 1), "owner": "crowd-manager"}  # fmt: skip


def test_a_package_holds_all_kinds_and_no_counts(there: tuple[Path, Path]) -> None:
    found = package.read(there[1])
    names = set(found.files)
    assert {
        "README.nl.md",
        "README.en.md",
        "checklist.nl.md",
        "documents/purpose-crowd-safety.en.md",
        "documents/decisions.nl.md",
    } <= names
    assert {"config/municipalities/town.yaml", "config/municipalities/town/places.geojson", "config/municipalities/town/concerns.yaml",
            "config/sources/gates.yaml", "config/purposes/crowd-safety.yaml", "catalogue/density.yaml", "kpis/lead_time.yaml",
            "schema/places.schema.json", "schema/track.schema.json"} <= names  # fmt: skip
    assert "catalogue/parking_fill.yaml" not in names  # not in use
    text = found.files["config/municipalities/town.yaml"].decode()
    assert "2420" not in text and "they are counts" in text
    assert not any(b"2420" in content for content in found.files.values())
    with package.laid_out(there[1]) as opened:
        config, _ = start.ready(opened.config_dir, "town")
    assert config.municipality.resets == () and len(config.municipality.flags) == 1 and config.k == 15
    checklist = found.files["checklist.en.md"].decode()
    assert "Is anybody followed?" in checklist and "- [ ] ethical review (missing)" in checklist
    assert "- threshold density · type moving · elevated" in checklist
    assert "{" not in found.files["README.en.md"].decode()


def test_the_same_town_on_the_same_day_gives_the_same_bytes(there: tuple[Path, Path], tmp_path: Path) -> None:
    again = packed(town(tmp_path), AT.replace(hour=3))
    assert again.content == there[1].read_bytes()
    assert packed(town(tmp_path / "b"), AT.replace(day=9)).content != again.content  # dates are judged as of another day


def test_without_answers_each_decision_is_a_todo_that_config_check_names(
    there: tuple[Path, Path], tmp_path: Path, drukte: Drukte  # noqa: F811
) -> None:  # fmt: skip
    config = tmp_path / "cfg"
    code, said, errors = drukte("config", "init", "--from", there[1], "--config", config, "--slug", "next", "--name", "Next")
    assert (code, errors) == (0, "")
    assert "Carries over" in said and "k (here: 15)" in said and "concern in Stad" not in said and "concern in Town" in said
    code, found, _ = drukte("config", "check", "--config", config)
    assert code == 2
    keys = {line.split(": ")[1] for line in found.splitlines()}
    purpose = ("legal_basis", "dpia.reference", "dpia.date", "decided_on", "review_by", "k", "owner")
    entry = ("effective_from", "decided_on", "review_by", "reason")
    assert keys == {"places", "place.map", *(f"purposes.0.{k}" for k in purpose), *(f"thresholds.0.{k}" for k in entry)}
    text = (config / "municipalities" / "next.yaml").read_text(encoding="utf-8").splitlines()
    for line in found.splitlines():
        if "/next.yaml:" in line:
            number = int(line.split(":")[1])
            assert "TODO" in text[number - 1] and "still to be decided" in line and line in said
    assert any("density · place square · elevated" in line and line.startswith("#") for line in text)
    code, data, _ = drukte(
        "config", "init", "--from", there[1], "--config", tmp_path / "b", "--slug", "next", "--name", "N", "--json"
    )
    assert code == 0 and len(json.loads(data)["todo"]) == len(found.splitlines())


def test_with_answers_the_next_town_is_sound_and_differs_by_exactly_the_decisions_taken(
    there: tuple[Path, Path], tmp_path: Path
) -> None:
    drawing = there[0] / "municipalities" / "town" / "places.geojson"
    made = newtown.init(asked(there[1], places=drawing, thresholds="adopt", **DECIDED), tmp_path / "cfg")
    assert made.todo == []
    config, cards, mistakes = start.checked(tmp_path / "cfg", "next")
    assert mistakes == []
    entry = config.municipality.thresholds[0]
    assert (entry.reason, str(entry.decided_on)) == ("As in Town: agreed for a test", "2026-05-01")
    differs = compare.two(("town", *start.ready(there[0], "town")), ("next", config, cards)).differences
    told = {(d.kind, d.key): (d.a and d.a.value, d.b and d.b.value) for d in differs}
    assert set(told) == {
        ("identity", "name"), ("purposes", "crowd-safety · dpia"), ("purposes", "crowd-safety · k"), ("purposes", "crowd-safety · review_by"),
        ("thresholds", "density · place square · elevated"), ("events", "fair"), ("events", "fair · square · usable_area"),
        ("register", "flag gates gate from 2026-04-30 22:00Z"), ("register", "reset square 2026-04-01 10:00Z"),
    }  # fmt: skip
    assert told["purposes", "crowd-safety · k"] == ("15", "20")
    record = (tmp_path / "cfg" / "municipalities" / "next" / "joining.nl.md").read_text(encoding="utf-8")
    assert "Gaat mee" in record and "Is anybody followed?" in record


def test_edges_can_be_left_behind_or_wait_for_a_reason(there: tuple[Path, Path], tmp_path: Path) -> None:
    drawing = there[0] / "municipalities" / "town" / "places.geojson"
    with_places = replace(asked(there[1], **DECIDED), places=drawing)
    newtown.init(replace(with_places, thresholds="generic"), tmp_path / "a")
    assert start.ready(tmp_path / "a", "next")[0].municipality.thresholds == ()
    made = newtown.init(with_places, tmp_path / "b")
    assert [p.key for p in made.todo] == ["thresholds.0.reason"]
    assert made.todo[0].fix.startswith("Confirm it with a reason of this town")


def test_own_cards_take_the_name_of_the_new_town(tmp_path: Path) -> None:
    config = broken_configs.write(tmp_path)
    path = put(tmp_path, packed(config))
    drawing = config / "municipalities" / "town" / "places.geojson"
    made = newtown.init(asked(path, places=drawing, thresholds="adopt", **DECIDED), tmp_path / "cfg")
    assert made.todo == []
    assert "next.crowding" in start.ready(tmp_path / "cfg", "next")[1]


@pytest.mark.parametrize("slug", ["town", "Next"])
def test_a_slug_that_cannot_be_meant_is_refused(there: tuple[Path, Path], slug: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        newtown.init(asked(there[1], slug=slug), tmp_path / "cfg")
    assert not (tmp_path / "cfg").exists()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# ask someone@example.org about this", "e-mail addresses"), ("# call +31 6 1234 5678", "phone numbers"),
        ("# mobile 06-12345678", "phone numbers"), ("# or 020 1234567 at night", "phone numbers"), ("# seen: 12-ABC-3", "licence plates"),
        ("# beacon 00:1B:44:11:3A:B7", "device identifiers"), ("# as mevrouw De Vries said", "names of persons"),
    ],
)  # fmt: skip
def test_a_text_that_looks_like_person_level_content_is_refused_with_file_and_line(text: str, kind: str, tmp_path: Path) -> None:
    config = town(tmp_path, text + "\n")
    with pytest.raises(GateError) as refused:
        packed(config)
    line = len((config / "municipalities" / "town.yaml").read_text().splitlines())
    told = str(refused.value)
    assert f"config/municipalities/town.yaml:{line}: looks like {kind}" in told
    assert text.rsplit(maxsplit=1)[-1] not in told  # never quoted


@pytest.mark.parametrize("slug", settings.municipalities(ROOT / "config"))
def test_no_sample_holds_anything_that_looks_like_a_person(slug: str) -> None:
    config = settings.load(ROOT / "config", slug)
    assert prose.problems(evidence.texts(config), evidence.codes(config)) == []


def test_the_command_refuses_with_3_overwrites_nothing_and_names_the_next_step(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    config, out = town(tmp_path), tmp_path / "out" / "p.zip"
    words = ["export", "transfer", "--config", config, "--workspace", tmp_path / "none", "--out", out]
    code, said, _ = drukte(*words, "--at", "2026-06-01T12:00Z")
    assert code == 0 and "config init --from" in said and package.read(out).about.as_of == TODAY
    assert drukte(*words)[0] == 2  # exists already
    (config / "municipalities" / "town.yaml").write_text(a_config.TOWN + "# mail someone@example.org\n")
    code, _, errors = drukte(*words[:-1], tmp_path / "q.zip")
    assert code == 3 and "town.yaml:" in errors and "someone" not in errors and not (tmp_path / "q.zip").exists()


def test_an_overview_of_several_packages(there: tuple[Path, Path], tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    drawing = there[0] / "municipalities" / "town" / "places.geojson"
    name = "<b>Next</b>"
    newtown.init(asked(there[1], places=drawing, thresholds="adopt", name=name, **DECIDED), tmp_path / "cfg")
    other = tmp_path / "next.zip"
    other.write_bytes(transfer.make(*start.ready(tmp_path / "cfg", "next"), AT, None, "next.zip").content)
    for lang in ("nl", "en"):
        page = overview.html(overview.towns([there[1], other]), lang)
        assert "&lt;b&gt;Next" in page and "<b>Next" not in page and "//" not in page and "<script" not in page
        for text in ("crowd-safety", "zones", "density", "lead_time", "Is anybody followed?", "D-2"):
            assert text in page
    code, said, _ = drukte("export", "overview", there[1], other, "--out", tmp_path / "o.html", "--lang", "nl")
    assert code == 0 and "geschreven" in said and "Gemeenten, doelen" in (tmp_path / "o.html").read_text(encoding="utf-8")
    code, _, errors = drukte("export", "overview", there[1], there[1], "--out", tmp_path / "p.html")
    assert code == 2 and "two packages of town" in errors


def test_a_todo_is_named_wherever_it_stands() -> None:
    from schemas.settings import Purpose

    text = a_config.PURPOSE.replace("k_floor: 10", "k_floor: TODO").replace("title: {nl: t", 'title: {nl: "TODO: think"')
    with pytest.raises(Problems) as caught:
        yamlfile.build(Purpose, yamlfile.parse(text, "p.yaml"))
    assert [(p.line, p.key, p.what, p.fix) for p in caught.value.problems] == [
        (2, "title.nl", "still to be decided (TODO)", "Think"),
        (8, "k_floor", "still to be decided (TODO)", "Write what holds here in its place."),
    ]
