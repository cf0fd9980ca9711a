"""Other settings to try: thresholds that replace those of the same selection, as if they had been in force all along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import ValidationError

from indicators import config_check
from indicators.card import Card
from schemas import mistakes, yamlfile
from schemas.config import Config
from schemas.problems import Problem, Problems
from schemas.settings import Threshold
from schemas.yamlfile import Document, Path_

ALL_ALONG = datetime(1970, 1, 1, tzinfo=UTC)
# What a proposal still lacks is no part of trying it: `config check` asks for it when it is to hold.
BOOKKEEPING = {
    "owner": "nobody",
    "decided_on": date(2000, 1, 1),
    "review_by": date(2000, 1, 2),
    "reason": "only tried, not decided",
}


class _Overlay(Document):
    """A municipality's file with entries of elsewhere among its thresholds: each leads back to where it stands."""

    def __init__(self, base: Document, entries: Sequence[tuple[Document, Path_]]):
        super().__init__(base.file, base.data, {})
        self._base, self._entries = base, entries

    def _there(self, path: Path_) -> tuple[Document, Path_]:
        if len(path) > 1 and path[0] == "thresholds" and isinstance(path[1], int) and path[1] < len(self._entries):
            document, start = self._entries[path[1]]
            return document, (*start, *path[2:])
        return self._base, path

    def line(self, path: Path_) -> int:
        """Line in the file where the entry stands."""
        document, there = self._there(path)
        return document.line(there)

    def problem(self, path: Path_, what: str, fix: str) -> Problem:
        """A mistake, located where the entry stands."""
        document, there = self._there(path)
        return document.problem(there, what, fix)


@dataclass(frozen=True)
class Entry:
    """A threshold to try, and where it was read."""

    threshold: Threshold
    document: Document
    path: Path_


def all_along(config: Config) -> Config:
    """The settings with every threshold in force from the beginning; of those for one selection the latest counts."""
    order = sorted(enumerate(config.municipality.thresholds), key=lambda item: (item[1].effective_from, item[0]))
    return with_entries(config, [Entry(t, config.document, ("thresholds", n)) for n, t in order], keep=False)


def with_entries(config: Config, new: Sequence[Entry], *, keep: bool = True) -> Config:
    """The settings with ``new`` thresholds, the later before the earlier ones; with ``keep`` beside the town's own."""
    own = [Entry(t, config.document, ("thresholds", n)) for n, t in enumerate(config.municipality.thresholds)] if keep else []
    kept: list[Entry] = own
    for entry in new:
        tried = replace(entry, threshold=entry.threshold.model_copy(update={"effective_from": ALL_ALONG}))
        kept = [left for old in kept if (left := _without(old, tried)) is not None] + [tried]
    municipality = config.municipality.model_copy(update={"thresholds": tuple(e.threshold for e in kept)})
    return replace(config, municipality=municipality, document=_Overlay(config.document, [(e.document, e.path) for e in kept]))


def _without(old: Entry, new: Entry) -> Entry | None:
    """What is left of an entry where another for the same selection sets bands, parameters or weights; None when nothing is."""
    a, b = old.threshold, new.threshold
    selection = ("indicator", "place", "place_type", "event", "when")
    if any(getattr(a, name) != getattr(b, name) for name in selection):
        return old
    bands = {name: band for name, band in a.bands.items() if name not in b.bands}
    params = {name: value for name, value in a.params.items() if name not in b.params}
    weights = {} if b.weights else a.weights
    if not bands and not params and not weights:
        return None
    return replace(old, threshold=a.model_copy(update={"bands": bands, "params": params, "weights": weights}))


def checked(config: Config, cards: Mapping[str, Card]) -> Config:
    """The settings, if they are sound. Raises :class:`Problems`."""
    found = config_check.check(config, cards)
    if found:
        raise Problems(found)
    return config


def from_file(path: Path) -> list[Entry]:
    """Thresholds of a file: a list, or under ``thresholds:``, as they stand in a municipality's own file.

    Owner, dates and reason may be lacking or still to be filled in. Raises :class:`Problems`.
    """
    document = yamlfile.read(path)
    start: Path_ = ("thresholds",) if isinstance(document.data, dict) else ()
    listed = document.data.get("thresholds") if isinstance(document.data, dict) else document.data
    if not isinstance(listed, list) or not listed:
        raise Problems(
            [
                document.problem(
                    start, "no list of thresholds", "Write `thresholds:` and below it entries that begin with `- indicator:`."
                )
            ]
        )
    entries, found = [], []
    for number, item in enumerate(listed):
        where = (*start, number)
        data = {**item, **BOOKKEEPING, "effective_from": ALL_ALONG.isoformat()} if isinstance(item, dict) else item
        try:
            entries.append(Entry(Threshold.model_validate(data), document, where))
        except ValidationError as error:
            found += [document.problem((*where, *loc), what, fix) for loc, what, fix in mistakes.explain(Threshold, data, error)]
    if found:
        raise Problems(found)
    return entries
