"""A municipality's whole configuration: its own file, and the sources, purposes and places that it names.

:func:`load` reads everything, checks it against itself and raises all mistakes at once. What needs the indicator
cards to be checked stands in ``indicators/config_check.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from schemas import config_refs, geojson, publication_refs, yamlfile
from schemas.config_model import Config, PlaceRow
from schemas.datasets import conversions
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems
from schemas.settings import Municipality, Place, Purpose, Reviews, Source
from schemas.settings.base import SLUG
from schemas.yamlfile import Document, Model

Read = TypeVar("Read")


__all__ = ["Config", "PlaceRow", "load", "municipalities"]


def municipalities(config_dir: Path) -> list[str]:
    """Slugs of the municipalities that have a file of their own, sorted."""
    return sorted(path.stem for path in (config_dir / "municipalities").glob("*.yaml"))


def load(config_dir: Path, slug: str, data: Path | None = None) -> Config:
    """Read the configuration of a municipality.

    ``data`` replaces the folder below which its sources look for files. Raises :class:`Problems` with every mistake
    that can be told: also those in sources, purposes and places when the municipality's own file has mistakes.
    """
    reading = _Reading(config_dir.resolve())
    path = reading.folder / "municipalities" / f"{slug}.yaml"
    if not SLUG.fullmatch(slug) or not path.is_file():
        fix = did_you_mean(slug, municipalities(reading.folder))
        raise Problems([Problem(reading.shown(path), 0, "", f"there is no municipality `{slug}`", fix)])
    document = yamlfile.read(path, reading.shown(path))
    municipality = reading.attempt(lambda: yamlfile.build(Municipality, document))
    named = document.data if isinstance(document.data, dict) else {}
    sources = reading.named(Source, "sources", _texts(named.get("sources")), document, lambda i: ("sources", i))
    adopted = named.get("purposes")
    wanted = [a.get("purpose") if isinstance(a, dict) else None for a in (adopted if isinstance(adopted, list) else [])]
    purposes = reading.named(Purpose, "purposes", _texts(wanted), document, lambda i: ("purposes", i, "purpose"))
    drawn = named.get("places") and not yamlfile.is_undecided(named["places"])
    places = reading.attempt(lambda: reading.places_of(document, path.parent)) if drawn else ()
    reviews = reading.attempt(lambda: reading.reviews(slug))
    if reading.problems or municipality is None or places is None:
        raise Problems(reading.problems)
    config = Config(
        folder=reading.folder, municipality=municipality, document=document, file=document.file,
        sources={name: conversions.brought_up(model) for name, (model, _) in sources.items()},
        source_documents={name: source_document for name, (_, source_document) in sources.items()},
        purposes={name: model for name, (model, _) in purposes.items()},
        purpose_documents={name: purpose_document for name, (_, purpose_document) in purposes.items()}, places=places,
        data=(data or path.parent / municipality.data).resolve(), reviews=reviews,
    )  # fmt: skip
    problems = [p for model, source_document in sources.values() for p in conversions.mistakes(model, source_document)]
    problems += config_refs.problems(config, slug)
    problems += publication_refs.problems(config)
    if problems:
        raise Problems(problems)
    return config


def _texts(values: Any) -> list[str | None]:
    """Names in a list as it stands in the file; None where something else stands (which the model refuses)."""
    return [v if isinstance(v, str) else None for v in values] if isinstance(values, list) else []


class _Reading:
    """One reading of a config folder: gathers mistakes instead of stopping at the first."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: list[Problem] = []

    def shown(self, path: Path) -> str:
        """A file name as people know it: from the name of the config folder on."""
        return Path(os.path.relpath(path, self.folder.parent)).as_posix()

    def attempt(self, read: Callable[[], Read]) -> Read | None:
        """The result of ``read``, or None after noting what is wrong."""
        try:
            return read()
        except Problems as problems:
            self.problems += problems.problems
            return None

    def named(
        self, model: type[Model], folder: str, names: list[str | None], document: Document, where: Callable[[int], yamlfile.Path_]
    ) -> dict[str, tuple[Model, Document]]:
        """Models and documents of the files ``<folder>/<name>.yaml``; an unknown name is a mistake of ``document``."""
        found: dict[str, tuple[Model, Document]] = {}
        for index, name in enumerate(names):
            if name is None or not SLUG.fullmatch(name):
                continue  # which the model refuses; nothing outside the folder is read
            path = self.folder / folder / f"{name}.yaml"
            if not path.is_file():
                known = [p.stem for p in (self.folder / folder).glob("*.yaml")]
                what = f"there is no {folder[:-1]} `{name}` ({self.shown(path)})"
                self.problems.append(document.problem(where(index), what, did_you_mean(name, known)))
                continue
            pair = self.attempt(lambda path=path: yamlfile.load(model, path, self.shown(path)))  # type: ignore[misc]
            if pair is not None:
                found[name] = pair
        return found

    def reviews(self, slug: str) -> Reviews | None:
        """The reviews of a municipality's purposes, if there is a record of any (``reviews/<slug>.yaml``)."""
        path = self.folder / "reviews" / f"{slug}.yaml"
        if not path.is_file():
            return None
        found, document = yamlfile.load(Reviews, path, self.shown(path))
        if found.municipality != slug:
            what = f"`{found.municipality}` is not the name of this file"
            raise Problems(
                [document.problem(("municipality",), what, "A review of another municipality holds nothing here: remove it.")]
            )
        return found

    def places_of(self, document: Document, beside: Path) -> tuple[PlaceRow, ...]:
        """The places that the municipality's file names, which lie inside the config folder."""
        path = beside / str(document.data["places"])
        if not path.resolve().is_relative_to(self.folder):
            what = "the file of places lies outside the config folder"
            raise Problems([document.problem(("places",), what, "Put it beside this file: <slug>/places.geojson.")])
        if not path.is_file():
            what = f"there is no file `{document.data['places']}` beside this one"
            raise Problems([document.problem(("places",), what, "Write the name of a GeoJSON file: <slug>/places.geojson.")])
        return self.places(path)

    def places(self, path: Path) -> tuple[PlaceRow, ...]:
        """The rows of a GeoJSON file, each with the moment until which it holds."""
        file = self.shown(path)
        read, lines = geojson.read(path, file)
        starts: dict[str, list[datetime]] = {}
        for feature in read.features:
            starts.setdefault(feature.properties.place, []).append(feature.properties.valid_from)
        return tuple(
            PlaceRow(f.properties, f.geometry, file, line, _until(f.properties, starts[f.properties.place]))
            for f, line in zip(read.features, lines, strict=True)
        )


def _until(place: Place, starts: list[datetime]) -> datetime | None:
    """End of a place's period: its own, or where the next period of the place begins."""
    ends = [t for t in starts if t > place.valid_from] + ([place.valid_to] if place.valid_to else [])
    return min(ends, default=None)
