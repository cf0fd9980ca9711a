"""A municipality's own files of the track, read and checked against its config and the declared steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.track.steps import steps
from schemas import yamlfile
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems
from schemas.settings.track import Concerns, Track
from schemas.yamlfile import Document, Model, Path_

TRACK, CONCERNS = "track.yaml", "concerns.yaml"


@dataclass(frozen=True)
class Own:
    """What a town says itself; files that do not exist are empty, with the name they would have."""

    track: Track
    concerns: Concerns
    track_file: str
    concerns_file: str
    document: Document | None = None

    def at(self, *path: str | int) -> str:
        """``file:line`` of a key of track.yaml."""
        return f"{self.track_file}:{self.document.line(path)}" if self.document else self.track_file


def paths(config_dir: Path, slug: str) -> tuple[Path, Path]:
    """Where the two files stand, or would."""
    folder = config_dir / "municipalities" / slug
    return folder / TRACK, folder / CONCERNS


def own_of(config: Config) -> Own:
    """The town's own track and concerns. Raises :class:`Problems` with the mistakes of both files."""
    slug = config.municipality.municipality
    found: list[Problem] = []
    shown = [f"{config.folder.name}/municipalities/{slug}/{name}" for name in (TRACK, CONCERNS)]
    paths_ = paths(config.folder, slug)
    track, document = _one(Track(municipality=slug), paths_[0], shown[0], found)
    if document:
        found += _track(track, document, config)
    concerns, log = _one(Concerns(municipality=slug), paths_[1], shown[1], found)
    if log:
        found += _concerns(concerns, log, config, track)
    if found:
        raise Problems(found)
    return Own(track, concerns, shown[0], shown[1], document)


def _one(empty: Model, path: Path, shown: str, found: list[Problem]) -> tuple[Model, Document | None]:
    """A file read, or ``empty`` when there is none or it cannot be; its mistakes are added to ``found``."""
    if not path.is_file():
        return empty, None
    try:
        return yamlfile.load(type(empty), path, shown)
    except Problems as problems:
        found += problems.problems
        return empty, None


def _track(track: Track, document: Document, config: Config) -> Iterator[Problem]:
    town = config.municipality
    if track.municipality != town.municipality:
        yield document.problem(
            ("municipality",), f"`{track.municipality}` is another municipality", f"Write `{town.municipality}`."
        )
    known = {step.step: {item.item for item in step.items} for step in steps().steps}
    who = {**town.roles, **track.stakeholders}
    for number, initiative in enumerate(track.initiatives):
        at: Path_ = ("initiatives", number)
        if initiative.purpose not in config.purposes:
            what = f"`{initiative.purpose}` is not a purpose that the town adopted"
            yield document.problem((*at, "purpose"), what, did_you_mean(initiative.purpose, config.purposes))
        for name, taken in initiative.steps.items():
            here = (*at, "steps", name)
            if name not in known:
                yield document.problem(here, f"there is no step `{name}`", did_you_mean(name, known))
                continue
            for item in taken.evidence:
                if item not in known[name]:
                    told = did_you_mean(item, known[name])
                    yield document.problem((*here, "evidence", item), f"step `{name}` has no item `{item}`", told)
            named = [((*here, "agree", i), role) for i, role in enumerate(taken.agree)]
            named += [((*here, "agreed", i, "by"), a.by) for i, a in enumerate(taken.agreed)]
            named += [((*here, "evidence", k, i, "by"), d.by) for k, ds in taken.evidence.items() for i, d in enumerate(ds)]
            for path, role in named:
                if role not in who:
                    yield document.problem(path, f"`{role}` is neither a role nor a stakeholder", did_you_mean(role, who))


def _concerns(concerns: Concerns, document: Document, config: Config, track: Track) -> Iterator[Problem]:
    town = config.municipality
    if concerns.municipality != town.municipality:
        told = f"`{concerns.municipality}` is another municipality"
        yield document.problem(("municipality",), told, f"Write `{town.municipality}`.")
    raised: set[int] = set()
    who = {**town.roles, **track.stakeholders}
    names = [step.step for step in steps().steps]
    for number, entry in enumerate(concerns.log):
        at: Path_ = ("log", number)
        if (entry.what == "raised") == (entry.concern in raised):
            told = "was raised already" if entry.what == "raised" else "was not raised before this line"
            yield document.problem(
                (*at, "concern"), f"concern {entry.concern} {told}", "Give the number of the concern that is meant."
            )
        raised.add(entry.concern)
        if entry.by not in who:
            yield document.problem((*at, "by"), f"`{entry.by}` is neither a role nor a stakeholder", did_you_mean(entry.by, who))
        if entry.step and entry.step not in names:
            yield document.problem((*at, "step"), f"there is no step `{entry.step}`", did_you_mean(entry.step, names))
        if entry.purpose and entry.purpose not in config.purposes:
            what = f"`{entry.purpose}` is not a purpose that the town adopted"
            yield document.problem((*at, "purpose"), what, did_you_mean(entry.purpose, config.purposes))


def mistakes(config: Config) -> list[Problem]:
    """Mistakes in the town's own files of the track; for ``config check``."""
    try:
        own_of(config)
    except Problems as problems:
        return problems.problems
    return []
