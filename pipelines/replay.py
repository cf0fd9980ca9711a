"""An evening again, tick by tick, as it was known then: the same tick and board, in a workspace of its own.

History before it is filled once and kept beside the replay, so that the evening can be played again and again. Config and
cards are those given: today's files, or version by version those that were in force in the workspace of live runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indicators.card import Card
from pipelines import board, calendar
from pipelines.board.say import LANGUAGES
from pipelines.faults import UsageError
from pipelines.publish import FILE
from pipelines.store import Store
from pipelines.tick import Progress, Summary, tick
from schemas import yamlfile
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems
from schemas.settings.scenario import Late, Outage, Scenario

MARK, HISTORY, PARTS = ".replay", ".history", ("private", "published")
Settings = tuple[Config, Mapping[str, Card]]
Ready = Mapping[str, Settings]
Later = Mapping[str, Sequence[tuple[datetime, Settings]]]


@dataclass(frozen=True)
class Evening:
    """What is played: [start, end], with a scenario laid over it or none.

    ``later``: settings that come into force meanwhile, by municipality, in order.
    """

    start: datetime
    end: datetime
    scenario: Scenario | None = None
    later: Later = field(default_factory=dict)


def scenario_of(path: Path, ready: Ready, start: datetime) -> Scenario:
    """A scenario file, checked against the settings it is laid over. Raises :class:`Problems` with file and line."""
    scenario, document = yamlfile.load(Scenario, path)
    sources = {name for config, _ in ready.values() for name in config.sources}
    places = {row.place.place for config, _ in ready.values() for row in config.places}
    found: list[Problem] = []
    for number, step in enumerate(scenario.steps):
        at = ("steps", number)
        if isinstance(step, Outage | Late) and step.source not in sources:
            fix = did_you_mean(step.source, sorted(sources))
            found.append(document.problem((*at, "source"), f"there is no source `{step.source}`", fix))
        for place in () if isinstance(step, Late) else step.places:
            if place not in places:
                found.append(
                    document.problem((*at, "places"), f"there is no place `{place}`", did_you_mean(place, sorted(places)))
                )
        if step.from_ < start:
            fix = f"Begin it at or after {start.isoformat()}, or replay from earlier."
            found.append(document.problem((*at, "from"), "the step begins before the replay", fix))
    if found:
        raise Problems(found)
    return scenario


def prepare(workspace: Path, ready: Ready, start: datetime, show: Callable[[str], Progress]) -> bool:
    """A workspace filled with the history up to ``start``; True when it was kept from an earlier replay.

    ``show`` gives, for a municipality, what draws its progress. Raises :class:`UsageError` for a folder that is not a replay's.
    """
    mark, kept = workspace / MARK, workspace / HISTORY
    others = [p for p in workspace.glob("*") if p.name != "private"] + [*workspace.glob("private/*.duckdb")]
    if others and not mark.exists():
        raise UsageError(
            f"{workspace} is not the workspace of a replay, and a replay touches no other. Name one with --workspace DIR."
        )
    told = json.dumps({"from": start.isoformat(), "settings": _fingerprint(ready)}, indent=1)
    if kept.exists() and mark.exists() and mark.read_text(encoding="utf-8") == told:
        _copy(kept, workspace)
        return True
    for folder in (kept, workspace / "published"):
        shutil.rmtree(folder, ignore_errors=True)
    _empty(workspace / "private")
    workspace.mkdir(parents=True, exist_ok=True)
    mark.write_text("filling", encoding="utf-8")
    with Store(workspace) as store:
        for slug, (config, cards) in ready.items():
            tick(store, config, cards, at=start, verb="backfill", progress=show(slug))
    _copy(workspace, kept)
    mark.write_text(told, encoding="utf-8")
    return False


def play(
    workspace: Path, ready: Ready, evening: Evening, *, speed: float | None, lang: str, tell: Callable[[datetime, Summary], None],
    wait: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic,
) -> int:  # fmt: skip
    """Tick through the evening as the calendar of each municipality says; returns the ticks.

    ``speed``: minutes of the evening in a minute (60: an hour a minute), and the board is drawn at each; None plays as fast as it
    goes, for nobody to look at, and draws the last one. ``tell`` hears of each tick. The published file is complete after
    each, so that a reader sees what was known at that moment.
    """
    begun, ran = clock(), 0
    with Store(workspace) as store:
        for at, slugs in moments(ready, evening.start, evening.end, evening.later):
            if speed:
                wait(max(0.0, (at - evening.start).total_seconds() / speed - (clock() - begun)))
            for slug in slugs:
                config, cards = in_force(ready, evening.later, slug, at)
                tell(at, tick(store, replace(config, scenario=evening.scenario), cards, at=at, verb="replay"))
                ran += 1
            if speed:
                _draw(store.published, evening, at, speed, lang)
        if not speed:
            _draw(store.published, evening, evening.end, speed, lang)
    return ran


def in_force(ready: Ready, later: Later, slug: str, at: datetime) -> Settings:
    """The settings of a municipality at a moment."""
    return next((settings for begin, settings in reversed(later.get(slug, ())) if begin <= at), ready[slug])


def moments(ready: Ready, start: datetime, end: datetime, later: Later | None = None) -> Iterator[tuple[datetime, list[str]]]:
    """Each moment after ``start`` up to ``end`` at which a run is due, with whose."""
    later = later or {}
    known = [*ready.values(), *(settings for changes in later.values() for _, settings in changes)]
    step = calendar.finest([config.municipality for config, _ in known], start)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    at, last = start - (start - epoch) % step + step, dict.fromkeys(ready, start)
    while at <= end:
        due = [slug for slug in ready if calendar.due(in_force(ready, later, slug, at)[0].municipality, at, last[slug])]
        last.update(dict.fromkeys(due, at))
        if due:
            yield at, due
        at += step


def _draw(published: Path, evening: Evening, at: datetime, speed: float | None, lang: str) -> None:
    """The board of a moment, which says that it is played."""
    titles = {tongue: getattr(evening.scenario.title, tongue) if evening.scenario else "" for tongue in LANGUAGES}
    played = {tongue: board.played(tongue, title, speed) for tongue, title in titles.items()}
    board.write_both(published / FILE, published / "board" / "index.html", lang=lang, at=at, played=played)


def _fingerprint(ready: Ready) -> str:
    """A hash of what history was filled with."""
    parts: list[Any] = []
    for slug, (config, cards) in sorted(ready.items()):
        parts += [
            slug,
            str(config.data),
            config.municipality.model_dump_json(),
            *(s.model_dump_json() for s in config.sources.values()),
        ]
        parts += [f"{r.place.model_dump_json()}{json.dumps(r.geometry)}" for r in config.places]
        parts += [f"{c.definition_hash}" for c in cards.values()]
        parts += sorted(f"{p}|{p.stat().st_size}|{p.stat().st_mtime_ns}" for p in config.data.rglob("*") if p.is_file())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _copy(source: Path, target: Path) -> None:
    """The parts of a workspace from one folder to another, replacing what is there; the lock that is held stays."""
    target.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if part == "private":
            (target / part).mkdir(mode=0o700, exist_ok=True)
            _empty(target / part)
        else:
            shutil.rmtree(target / part, ignore_errors=True)
        if (source / part).exists():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*lock"))


def _empty(private: Path) -> None:
    for path in private.glob("*") if private.exists() else ():
        if path.name.endswith("lock"):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
