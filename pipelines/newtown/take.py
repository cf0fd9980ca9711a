"""What a new town takes from the package of another: what is generic as it is, edges for a whole town or a type of place to be confirmed.

Edges of one place or event, the calendar, the register and every decision on a purpose stay behind: they are told, never copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from indicators.card import Card
from indicators.chosen import chosen, is_own
from pipelines import start, track
from pipelines.faults import UsageError
from pipelines.newtown import told
from pipelines.track import text as track_text
from pipelines.transfer import cut, split
from pipelines.transfer.package import About, LaidOut
from pipelines.transfer.say import say
from pipelines.transfer.split import Line
from schemas import yamlfile
from schemas.config import Config
from schemas.problems import Problem, Problems
from schemas.settings.base import Text

Thresholds = Literal["decide", "adopt", "generic"]


@dataclass(frozen=True)
class Taken:
    """``thresholds``: entries as in a file, with the reason they had there; ``cards``: own cards by file name, called after the new town.

    ``alerts``: as in the file; ``stories``: of its alerts, by the file name they get.

    ``concerns``: those raised there, by language; ``folder``: the config of the package, laid out aside.
    """

    about: About
    config: Config
    folder: Path
    lines: list[Line]
    indicators: tuple[str, ...]
    roles: dict[str, tuple[str, str]]
    thresholds: list[dict[str, Any]]
    weights: dict[str, tuple[Mapping[str, float], str]]
    cards: dict[str, str]
    detectors: Any
    alerts: Any
    stories: dict[str, str]
    concerns: dict[str, list[str]]
    notes: list[str]

    @property
    def name(self) -> Text:
        """The town that the package is of."""
        return self.about.name


def take(opened: LaidOut, slug: str) -> Taken:
    """Read a package for a new town ``slug``. Raises :class:`Problems` when its config does not hold together in this release."""
    there = opened.about.municipality
    if slug == there:
        raise UsageError(f"`{slug}` is the municipality of the package itself: choose another --slug.")
    try:
        config, cards = start.ready(opened.config_dir, there)
    except Problems as problems:
        raise Problems(Problem(f"in the package: {p.file}", p.line, p.key, p.what, p.fix) for p in problems.problems) from None
    used = chosen(config, cards)
    own = [name for name in used if is_own(config, name)]
    town = config.municipality
    _without_corrections(config, opened.config_dir)
    return Taken(
        about=opened.about, config=config, folder=opened.config_dir, lines=split.lines(config, cards),
        indicators=tuple(name for name in used if name not in own),
        roles={role: (text.nl, text.en) for role, text in town.roles.items()},
        thresholds=[_renamed(raw, own, slug) for raw, entry in zip(config.document.data.get("thresholds") or [], town.thresholds, strict=True)
                    if entry.layer not in ("place", "event")],
        weights={name: (s.weights, s.reason or "") for name, s in town.indicators.items() if s.weights},
        cards=_own_cards(opened.config_dir, own, slug), detectors=config.document.data.get("detectors"),
        alerts=config.document.data.get("alerts"), stories=_stories(opened.config_dir, there, slug, opened.about.name.en),
        concerns=_concerns(config, cards, opened), notes=_other_cards(opened, cards, used),
    )  # fmt: skip


def local(taken: Taken, lang: str = "en") -> list[str]:
    """Thresholds that were decided for one place or event there, as lines."""
    return [say(line.text, lang, **line.parts) for line in taken.lines if line.kind == "specific" and line.text == "threshold"]


def _without_corrections(config: Config, folder: Path) -> None:
    """What was wrong with the deliveries to another town says nothing about those to this one."""
    for name in config.sources:
        path = folder / "sources" / f"{name}.yaml"
        text = yamlfile.read_text(path, path.name)
        path.write_text(
            cut.without(
                text, config.source_documents[name], "corrections", "corrections: decided in another town, not taken over"
            )
        )


def _renamed(raw: Any, own: list[str], slug: str) -> dict[str, Any]:
    name = str(raw["indicator"])
    return {**raw, "indicator": f"{slug}.{name.partition('.')[2]}" if name in own else name}


def _own_cards(folder: Path, own: list[str], slug: str) -> dict[str, str]:
    """Own cards under the name of the new town, also where they name each other."""
    found = {}
    for name in own:
        path = folder / "indicators" / f"{name}.yaml"
        text = yamlfile.read_text(path, path.name)
        for other in own:
            text = re.sub(rf"(?<![\w.-]){re.escape(other)}(?![\w-])", f"{slug}.{other.partition('.')[2]}", text)
        found[f"indicators/{slug}.{name.partition('.')[2]}.yaml"] = text
    return found


def _stories(folder: Path, there: str, slug: str, origin: str) -> dict[str, str]:
    """The stories of the other town's alerts, for the folder of the new one."""
    paths = sorted((folder / "alerts" / there).glob("*.yaml"))
    return {f"alerts/{slug}/{path.name}": told.story(yamlfile.read_text(path, path.name), origin) for path in paths}


def _concerns(config: Config, cards: Mapping[str, Card], opened: LaidOut) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"nl": [], "en": []}
    for state in track.tracks(config, cards, opened.at, opened.stored):
        for concern in state.concerns:
            _, by, _, text = concern.lines[0]
            for lang, lines in found.items():
                line = say(
                    "concern_there", lang, town=opened.about.name.model_dump(), who=track_text.named(by, state, lang), text=text
                )
                lines.extend([line] if line not in lines else [])
    return found


def _other_cards(opened: LaidOut, cards: Mapping[str, Card], used: Mapping[str, Card]) -> list[str]:
    """Cards that mean something else in this release than in the package."""
    notes = []
    for name in used:
        packed = opened.files.get(f"catalogue/{name}.yaml")
        if packed is None:
            continue
        version = yamlfile.parse(packed.decode("utf-8-sig"), name).data.get("version")
        if version != cards[name].version:
            notes.append(say("other_card", "en", name=name, here=cards[name].version, there=version))
    return notes
