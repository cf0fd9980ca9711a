"""The shipped stories hold, a town may add its own, and the decision remembers all it needs as text."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from pipelines.alerts import decision, follow, proving, remembered, story
from pipelines.alerts.decision import decide
from pipelines.alerts.model import State
from schemas import yamlfile

FILES = [yamlfile.load(story.StoryFile, path)[0] for path in sorted(story.STORIES.glob("*.yaml"))]
STORIES = [one for file in FILES for one in file.stories]


def test_there_are_more_than_forty_stories_and_no_title_stands_twice() -> None:
    assert len(STORIES) >= 40
    assert len({one.title for one in STORIES}) == len(STORIES)


@pytest.mark.parametrize("one", STORIES, ids=lambda one: one.title)
def test_a_shipped_story_holds(one: story.Story) -> None:
    assert story.differences(one, story.USUAL, proving.CLOCK) == []


def test_what_is_remembered_as_text_decides_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every state of every story through its text and back; and the order in which situations are read does not count."""
    draw = random.Random(1)

    def through_text(state: State, seen: list, *rest: object) -> object:
        text = remembered.dump(state)
        assert json.loads(text) is not None
        shuffled = draw.sample(seen, len(seen))
        return decide(remembered.load(text), shuffled, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(story, "decide", through_text)
    wrong = [one.title for one in STORIES if story.differences(one, story.USUAL, proving.CLOCK)]
    assert wrong == []


def test_the_same_decision_again_tells_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(state: State, *rest: object) -> object:
        first = decide(state, *rest)  # type: ignore[arg-type]
        again = decide(first.state, *rest)  # type: ignore[arg-type]
        assert (again.messages, again.withheld) == ((), ())
        return first

    monkeypatch.setattr(story, "decide", twice)
    wrong = [one.title for one in STORIES if story.differences(one, story.USUAL, proving.CLOCK)]
    assert wrong == []


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        (follow, "RECENT", follow.RECENT * 100),
        (follow, "RECENT", follow.RECENT / 100),
        (decision, "HOUR", decision.HOUR / 4),
        (decision, "HOUR", decision.HOUR * 3),
        (decision, "BUNDLE_EVERY", decision.HOUR),
        (decision, "BUNDLE_EVERY", decision.HOUR / 60),
        (decision, "KINDS", tuple(reversed(decision.KINDS))),
        (decision, "_covers", lambda *_: False),
        (decision, "_is_quiet", lambda *_: False),
        (decision, "_once_a_role", lambda messages: (list(messages), [])),
        (follow, "_shares", lambda thread, members: any(s.situation_id in thread.members for s in members)),
        (follow, "_shares", lambda thread, members: members[0].group_id == thread.group_id),
        (
            follow,
            "_shares",
            lambda thread, members: any(s.situation_id in thread.members or s.atom in thread.atoms for s in members),
        ),
        (follow.Following, "_acknowledged", lambda *_: False),
    ],
)
def test_a_fault_in_the_decision_is_noticed_by_a_story(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, value: object
) -> None:
    monkeypatch.setattr(where, name, value)
    assert any(story.differences(one, story.USUAL, proving.CLOCK) for one in STORIES), f"no story notices {name} = {value}"


OWN = """
stories:
  - title: The square of this town is told from elevated on
    situations: {overcrowding square: ". e e"}
    expect: ["20:05 manager: new elevated square"]
"""


def test_a_town_has_stories_of_its_own_by_its_own_rules(town, drukte) -> None:  # type: ignore[no-untyped-def]
    folder = town.config_folder / "alerts" / "tiny"
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(OWN)
    assert drukte("alerts", "test", "--config", town.config_folder, "--own")[:2] == (0, "1 stories hold\n")
    (folder / "own.yaml").write_text(OWN.replace("new elevated", "new high"))
    code, said, _ = drukte("alerts", "test", "--config", town.config_folder)
    assert code == 5
    assert "config/alerts/tiny/own.yaml:3: The square of this town is told from elevated on" in said
    assert "- 20:05 manager: new high square" in said
    (folder / "own.yaml").write_text(OWN.replace("expect", "expct"))
    code, _, errors = drukte("alerts", "test", "--config", town.config_folder)
    assert code == 2
    assert "config/alerts/tiny/own.yaml:5" in errors
    assert "expect" in errors


def test_a_story_that_cannot_be_played_says_why(tmp_path: Path) -> None:
    def wrong(**changes: object) -> str:
        base = {"title": "a story that is told wrongly", "situations": {"overcrowding square": ". h"}, "expect": []}
        return " ".join(story.differences(story.Story.model_validate({**base, **changes}), story.USUAL, proving.CLOCK))

    assert "`Q` is no letter" in wrong(situations={"overcrowding square": ". Q"})
    assert "equally long" in wrong(situations={"overcrowding square": ". h", "overcrowding park": "."})
    assert "no clock time" in wrong(no_run=["half past"]) or "not a clock time" in wrong(no_run=["half past"])
    assert "can be done" in wrong(do=["20:00 shout"])
    assert "Input should be" in wrong(alerts={"budget": 0}) or "greater than" in wrong(alerts={"budget": 0})
