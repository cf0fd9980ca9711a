"""The development track: steps declared once, evidence looked up, what is missing or overdue, who agreed, and concerns that stay."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipelines import start, track
from pipelines.track import evidence, page, read
from pipelines.track.steps import steps
from pipelines.track.stored import Stored, Version
from schemas.problems import Problems
from tests.cli.conftest import Drukte, drukte  # noqa: F401  (a fixture)
from tests.schemas import a_config

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TRACK = """\
municipality: town
stakeholders:
  residents: {nl: bewoners, en: residents}
initiatives:
  - purpose: crowd-safety
    steps:
      stakeholders:
        agree: [crowd-manager, residents]
        agreed: [{by: crowd-manager, on: 2026-03-01}]
        evidence: {heard: [{what: minutes of the evening, where: archive 12, on: 2026-02-01, by: crowd-manager}]}
      privacy_ethics:
        evidence: {ethics: [{what: ethical review, where: archive 13, on: 2026-02-01, by: crowd-manager, review_by: 2026-05-01}]}
      operation: {due: 2026-05-15}
"""


def town(folder: Path, text: str = TRACK, changes: tuple[tuple[str, str], ...] = ()) -> Path:
    config = a_config.write(folder, {"municipalities/town.yaml": list(changes)})
    if text:
        (config / "municipalities" / "town" / "track.yaml").write_text(text, encoding="utf-8")
    return config


def state(config: Path, at: datetime = AT, there: Stored | None = None) -> track.TrackState:
    (found,) = track.tracks(*start.ready(config, "town"), at, there)
    return found


def step(found: track.TrackState, name: str) -> track.StepState:
    return next(s for s in found.steps if s.step.step == name)


def items(found: track.TrackState, name: str) -> dict[str, str]:
    its = step(found, name)
    return {item.item: shown.state for item, shown in zip(its.step.items, its.items, strict=True)}


VERSION = Version(config_version=1, how="accepted", content_hash="0", effective_from=AT, accepted_at=AT, accepted_by="crowd-manager",
                  accepted_because="agreed in the team", review_by=None, reviewed_at=None, reviewed_by=None, review_note=None)  # fmt: skip


def test_every_finder_is_used_and_every_step_can_be_shown() -> None:
    named = [item.find for s in steps().steps for item in s.items if item.find]
    assert sorted(named) == sorted(evidence.FINDERS)
    ids = [s.step for s in steps().steps]
    assert ids == [
        "desired_effect",
        "indicators",
        "stakeholders",
        "data_quality",
        "privacy_ethics",
        "pilot",
        "decision",
        "operation",
        "transfer",
    ]
    assert all(item.do.nl and item.do.en and item.title.nl for s in steps().steps for item in s.items)


def test_without_any_file_of_its_own_a_town_is_shown_by_its_settings(tmp_path: Path) -> None:
    found = state(town(tmp_path, ""))
    assert step(found, "desired_effect").state == "done"
    shown = {"legal_basis": "done", "dpia": "done", "small_groups": "done", "purpose_review": "missing", "ethics": "missing"}
    assert items(found, "privacy_ethics") == shown
    assert items(found, "data_quality") == {"sources": "done", "places": "done", "measured": "missing"}
    assert items(found, "transfer") == {"clean": "done", "handed_on": "missing"}
    basis = step(found, "privacy_ethics").items[0].found[0]
    line = a_config.line_of(tmp_path / "config", "config/municipalities/town.yaml", "legal_basis")
    assert basis.where == f"config/municipalities/town.yaml:{line}"


def test_what_is_typed_counts_with_who_agreed_and_what_is_overdue(tmp_path: Path) -> None:
    found = state(town(tmp_path))
    people = step(found, "stakeholders")
    assert {i.state for i in people.items} == {"done"}
    assert (people.state, people.waiting, [a.by for a in people.agreed]) == ("missing", ("residents",), ["crowd-manager"])
    ethics = step(found, "privacy_ethics")
    assert ethics.state == "overdue" and ethics.items[4].late == date(2026, 5, 1)
    running = step(found, "operation")
    assert running.state == "overdue" and items(found, "operation")["budget"] == "overdue"  # promised, and nothing shows it
    earlier = state(tmp_path / "config", datetime(2026, 4, 1, tzinfo=UTC))
    assert (items(earlier, "privacy_ethics")["ethics"], step(earlier, "operation").state) == ("done", "missing")
    early = state(tmp_path / "config", datetime(2026, 1, 15, tzinfo=UTC))
    assert items(early, "privacy_ethics")["ethics"] == "missing"  # not written yet


def test_a_review_of_the_use_shows_ethics_and_who_was_heard_until_it_is_void(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[3] / "config"
    config, cards = start.ready(folder, "waterdam")
    (found,) = track.tracks(config, cards, AT)
    assert step(found, "privacy_ethics").state == "done" and items(found, "stakeholders")["heard"] == "done"
    review = step(found, "privacy_ethics").items[3].found[0]
    assert "privacy-officer" in track.told(review, "en") and review.where == "config/reviews/waterdam.yaml"
    (adopted,) = config.municipality.purposes
    lower = config.municipality.model_copy(update={"purposes": (adopted.model_copy(update={"k": adopted.k - 1}),)})
    (void,) = track.tracks(dataclasses.replace(config, municipality=lower), cards, AT)
    assert items(void, "privacy_ethics")["purpose_review"] == items(void, "privacy_ethics")["ethics"] == "missing"


def test_a_review_that_is_over_makes_the_step_overdue(tmp_path: Path) -> None:
    config = town(tmp_path, "")
    late = state(config, datetime(2027, 1, 20, tzinfo=UTC))  # purpose by 2 January, threshold by 1 February
    assert items(late, "operation")["review"] == "overdue" and items(late, "privacy_ethics")["dpia"] == "overdue"
    later = state(config, datetime(2027, 2, 2, tzinfo=UTC))
    told = [track.told(f, "en") for f in step(later, "operation").items[2].found]
    assert told == ["crowd-safety: to be reviewed by 2027-01-02", "density (square): to be reviewed by 2027-02-01"]


def test_the_workspace_shows_pilot_and_decision(tmp_path: Path) -> None:
    config = town(tmp_path, "")
    urgent = VERSION.model_copy(update={"config_version": 2, "how": "urgent", "review_by": date(2026, 5, 28)})
    there = Stored(ran=(AT, AT), measured=(date(2026, 5, 1), date(2026, 5, 2)), last_outcome=AT, versions=(VERSION,))
    found = state(config, AT, there)
    assert {step(found, name).state for name in ("pilot", "decision", "data_quality")} == {"done"}
    assert "agreed in the team" in track.told(step(found, "decision").items[0].found[0], "nl")
    late = state(config, AT, there.model_copy(update={"versions": (VERSION, urgent)}))
    assert items(late, "decision") == {"in_force": "done", "reviewed": "overdue"}
    assert items(state(config), "decision") == {"in_force": "missing", "reviewed": "missing"}


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("privacy_ethics:", "privacy_ethic:", "initiatives.0.steps.privacy_ethic", "Did you mean `privacy_ethics`"),
        ("ethics: [{", "ethic: [{", "initiatives.0.steps.privacy_ethics.evidence.ethic", "Did you mean `ethics`"),
        ("agree: [crowd-manager, residents]", "agree: [jan]", "initiatives.0.steps.stakeholders.agree.0", "neither a role"),
        ("purpose: crowd-safety", "purpose: crowd-safty", "initiatives.0.purpose", "Did you mean `crowd-safety`"),
        ("municipality: town", "municipality: toen", "municipality", "another municipality"),
        ("stakeholders:\n", "stakeholder:\n", "stakeholder", "Did you mean `stakeholders`"),
        ("review_by: 2026-05-01", "review_by: 2025-05-01", "initiatives.0.steps.privacy_ethics.evidence.ethics.0", "not after"),
    ],
)
def test_a_mistake_in_the_track_is_told_by_config_check_and_stops_no_run(
    old: str, new: str, key: str, told: str, tmp_path: Path, drukte: Drukte  # noqa: F811
) -> None:  # fmt: skip
    assert old in TRACK
    config = town(tmp_path, TRACK.replace(old, new, 1))
    with pytest.raises(Problems) as caught:
        state(config)
    first = caught.value.problems[0]
    assert first.key == key and told in f"{first.what} {first.fix}"
    code, said, _ = drukte("config", "check", "--config", config)
    assert code == 2 and "town/track.yaml:" in said
    assert start.ready(config, "town")[0].municipality.municipality == "town"


def test_a_concern_is_raised_answered_and_opened_again_and_never_goes_away(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    config = town(tmp_path)
    words = ["track", "concern", "--config", config]
    code, said, _ = drukte(
        *words,
        "--by",
        "residents",
        "--text",
        'Is "anybody" followed: yes or no?',
        "--step",
        "privacy_ethics",
        "--at",
        "2026-04-01T12:00Z",
    )
    assert code == 0 and "concern 1" in said
    (now,) = state(config).concerns
    assert now.open and now.late == date(2026, 5, 1) and now.lines[0][3] == 'Is "anybody" followed: yes or no?'
    assert (
        drukte(
            *words, "--answer", 1, "--by", "crowd-manager", "--text", "No: only groups are counted.", "--at", "2026-05-04T12:00Z"
        )[0]
        == 0
    )
    (now,) = state(config).concerns
    assert not now.open and now.late is None
    assert (
        drukte(*words, "--reopen", 1, "--by", "residents", "--text", "And how do we know that?", "--at", "2026-05-20T12:00Z")[0]
        == 0
    )
    (now,) = state(config).concerns
    assert now.open and [line[0] for line in now.lines] == ["raised", "answered", "reopened"]
    assert items(state(config), "stakeholders")["heard"] == "done"
    text = (config / "municipalities" / "town" / "concerns.yaml").read_text(encoding="utf-8")
    assert text.count("- concern: 1") == 3 and text.startswith("# Concerns")
    said = drukte(*words, "--at", "2026-06-01T12:00Z", "--lang", "nl")[1]
    assert "bewoners" in said and "opnieuw geopend" in said
    shown = page.html([state(config)], "nl")
    assert "And how do we know that?" in shown and "&#34;anybody&#34;" in shown and "<script" not in shown and "//" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--by", "jan", "--text", "Something is wrong here."], "no role or stakeholder `jan`"),
        (["--by", "residents", "--text", "short"], "says too little"),
        (["--by", "residents", "--text", "Mail me at someone@example.org please"], "looks like e-mail addresses"),
        (["--by", "residents", "--text", "Something is wrong here.", "--step", "ethics"], "no step `ethics`"),
        (["--by", "residents", "--text", "Something is wrong here.", "--answer", "7"], "no concern 7"),
        (["--by", "residents", "--text", "Something is wrong here.", "--answer", "0"], "no concern 0"),
        (["--by", "residents"], "needs --by ROLE and --text"),
    ],
)
def test_a_concern_that_cannot_be_meant_is_refused_and_nothing_is_written(
    words: list[str], told: str, tmp_path: Path, drukte: Drukte  # noqa: F811
) -> None:  # fmt: skip
    config = town(tmp_path)
    code, _, errors = drukte("track", "concern", "--config", config, *words)
    assert code == 2 and told in errors
    assert not read.paths(config, "town")[1].exists()


def test_show_and_compare_tell_the_same_in_text_json_and_page(tmp_path: Path, drukte: Drukte) -> None:  # noqa: F811
    config = town(tmp_path)
    words = ["--config", config, "--workspace", tmp_path / "none", "--at", "2026-06-01T12:00Z"]
    code, said, _ = drukte("track", "show", *words, "--page", tmp_path / "p.html", "--lang", "nl")
    assert code == 0 and "te laat sinds 2026-05-01" in said and "! 5. Privacy en ethiek: te laat" in said
    assert "te laat" in (tmp_path / "p.html").read_text(encoding="utf-8")
    (data,) = json.loads(drukte("track", "show", *words, "--json")[1])
    assert {s["step"]: s["state"] for s in data["steps"]} == {s.step.step: s.state for s in state(config).steps}
    out = tmp_path / "town.zip"
    assert drukte("export", "transfer", *words, "--out", out)[0] == 0
    code, said, _ = drukte("track", "compare", "town", out, *words, "--page", tmp_path / "c.html")
    row = next(line for line in said.splitlines() if line.startswith("5. Privacy"))
    assert code == 0 and row.count("! overdue: use reviewed and signed; ethical review") == 2
    assert drukte("track", "show", *words, "--purpose", "crowd-safty")[0] == 2
