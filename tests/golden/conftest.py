"""Stories are played once a session; ordinary weeks before them are filled once and copied."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.golden import play, story


@dataclass(frozen=True)
class Played:
    story: story.Story
    folder: Path
    seen: list[play.Seen]

    def at(self, told: str) -> play.Seen:
        """What was published at a moment of the story."""
        return next(s for s in self.seen if self.story.clock.tell(s.at) == told)


@pytest.fixture(scope="session")
def pasts(tmp_path_factory) -> play.Pasts:
    return play.Pasts(tmp_path_factory.mktemp("past"))


@pytest.fixture(scope="session")
def played(pasts, tmp_path_factory) -> Callable[[str], Played]:
    @cache
    def by_name(name: str) -> Played:
        one = story.read(name)
        folder = tmp_path_factory.mktemp(name) / "live"
        return Played(one, folder, play.live(one, folder, pasts.before(one.history)))

    return by_name


@pytest.fixture(scope="session")
def filled(pasts, tmp_path_factory) -> Callable[[str], Played]:
    """The same stories with all files at once and one backfill."""

    @cache
    def by_name(name: str) -> Played:
        one = story.read(name)
        folder = tmp_path_factory.mktemp(name) / "filled"
        return Played(one, folder, [play.filled(one, folder, pasts.before(one.history))])

    return by_name
