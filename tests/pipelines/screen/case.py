"""A file of a counting supplier with something added: one case of the gate's corpus."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

START = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
PLACES = ("square", "alley")
INTERVALS = 48  # quarters: half a day of two zones


@dataclass(frozen=True)
class Case:
    """``adds``: column → its texts, dealt out row by row (a file of comma-separated values) or key → content (JSON lines).

    ``declared``: the added columns stand under `ignore`. ``deal``: ``row`` deals the texts out by row, ``place`` gives each place
    one of its own (as an attribute of a place would be), ``once`` puts the whole content into every message.
    """

    name: str
    form: str
    adds: Mapping[str, Any]
    deal: str = "row"
    declared: bool = True
    file: str = "counts"

    @property
    def text(self) -> str:
        """The file."""
        return _csv(self) if self.form == "csv" else _json(self)

    @property
    def ignore(self) -> tuple[str, ...]:
        """What the declaration lists beside the three columns it maps."""
        if not self.declared:
            return ()
        return tuple(self.adds) if self.form == "csv" else tuple(_leaves(self.adds))

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that nothing but this file has: of more than five letters or digits, and not of the counts."""
        found = {w for w in (_words(self.adds)) if len(w) > 5}
        return tuple(sorted(found | ({self.file} if self.file != "counts" else set())))


def column(
    name: str, header: str, texts: Sequence[str], *, declared: bool = True, file: str = "counts", deal: str = "row"
) -> Case:
    """A column more in a file of comma-separated values."""
    return Case(name, "csv", {header: tuple(texts)}, deal, declared, file)


def nested(name: str, content: Mapping[str, Any], *, each: bool = False, declared: bool = True) -> Case:
    """Something more in every message of JSON lines; ``each``: of the lists in it, every message has one item."""
    return Case(name, "json", content, "row" if each else "once", declared)


def rows() -> Iterator[tuple[datetime, str, int]]:
    """The counts themselves: time, place, present; the values differ from row to row."""
    for i in range(INTERVALS):
        for n, place in enumerate(PLACES):
            yield START + i * timedelta(minutes=15), place, 40 + (i * 7 + n * 13) % 29


def _csv(case: Case) -> str:
    dealt = {header: cycle(texts) for header, texts in case.adds.items()}
    lines = [",".join(_quoted(w) for w in ("time", "place", "present", *case.adds))]
    for at, place, present in rows():
        more = [
            case.adds[h][PLACES.index(place) % len(case.adds[h])] if case.deal == "place" else next(dealt[h]) for h in case.adds
        ]
        lines.append(",".join(_quoted(w) for w in (f"{at:%Y-%m-%dT%H:%M}", place, str(present), *more)))
    return "\n".join(lines) + "\n"


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'


def _json(case: Case) -> str:
    lines = []
    for n, (at, place, present) in enumerate(rows()):
        turn = PLACES.index(place) if case.deal == "place" else n
        added = case.adds if case.deal == "once" else _one(case.adds, turn)
        lines.append(json.dumps({"time": f"{at:%Y-%m-%dT%H:%M}", "place": place, "present": present, **added}))
    return "\n".join(lines) + "\n"


def _one(content: Any, turn: int) -> Any:
    if isinstance(content, Mapping):
        return {key: _one(value, turn) for key, value in content.items()}
    return content[turn % len(content)] if isinstance(content, list | tuple) else content


def _leaves(content: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield above + key


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            if ":" in key:  # a key that is an id; ordinary keys may well be named in a message
                yield key
            yield from _words(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _words(value)
    elif isinstance(content, str):
        yield content
    elif isinstance(content, float):
        yield repr(content)
