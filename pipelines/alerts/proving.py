"""Alert rules against their stories: those that come with drukte, and a municipality's own by its own rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines.alerts import story
from schemas import yamlfile
from schemas.config import load
from schemas.problems import Problems

CLOCK = ZoneInfo("Europe/Amsterdam")
FOLDER = "alerts"


@dataclass(frozen=True)
class Result:
    """How a story went; ``differences`` are lines of expected (-) and told (+) messages, none when it holds."""

    file: str
    line: int
    title: str
    differences: list[str]


def results(config_dir: Path, slugs: list[str], *, shipped: bool = True) -> list[Result]:
    """Play all stories. Raises :class:`Problems` with the mistakes of story files and settings."""
    found: list[Result] = []
    problems: list[Any] = []
    for folder, shown, town, tz in _sets(config_dir, slugs, shipped=shipped):
        for path in sorted(folder.glob("*.yaml")):
            try:
                file, document = yamlfile.load(story.StoryFile, path, f"{shown}/{path.name}")
            except Problems as mistakes:
                problems += mistakes.problems
                continue
            for number, one in enumerate(file.stories):
                line = document.line(("stories", number))
                found.append(Result(document.file, line, one.title, story.differences(one, town, tz)))
    if problems:
        raise Problems(problems)
    return found


def _sets(config_dir: Path, slugs: list[str], *, shipped: bool) -> Iterator[tuple[Path, str, dict[str, Any], ZoneInfo]]:
    """Folders of stories with the alerts they are played by, as they stand in the file, and the clock."""
    if shipped:
        yield story.STORIES, "pipelines/alerts/stories", story.USUAL, CLOCK
    for slug in slugs:
        folder = config_dir / FOLDER / slug
        if folder.is_dir():
            config = load(config_dir, slug)
            yield folder, f"{config_dir.name}/{FOLDER}/{slug}", dict(config.document.data.get("alerts") or {}), config.tz
