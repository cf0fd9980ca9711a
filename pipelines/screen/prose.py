"""Person-level content in texts that people write (settings, reasons, log entries): by line, with the same shapes as a delivery.

A finding says file, line and kind, never the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise

import pyarrow as pa

from pipelines.screen import shapes
from schemas.problems import Problem

NAMES = "names of persons"
_FIX = "Write the role or the organisation instead; settings hold no persons and no way to reach them."
_WORDS = re.compile(r"[^\s\"'`,;()\[\]{}<>|]+")
# Could hold any of the shapes: an at sign, or at least two digits; a decimal number (a coordinate, an edge) holds none.
_MAY = re.compile(r"@|[0-9].*[0-9]")
_NUMBER = re.compile(r"^-?[0-9]+(?:\.[0-9]+)?$")
# A form of address, then a word with a capital: Dutch, English and German. The shapes of a delivery know no names.
_ADDRESSED = re.compile(
    r"(?:^|[^A-Za-z])(?:[Dd]hr|[Mm]evr|[Mm]w|[Dd]e [Hh]eer|[Mm]evrouw|[Mm]eneer|Mr|Mrs|Ms|Herr|Frau)\.?\s+(?:[A-Z]\.\s*)*"
    r"(?:(?:van|de|der|den|von|ten|ter)\s+)*[A-Z][a-zà-ÿ]+"
)


def problems(files: Mapping[str, str], known: Iterable[str] = ()) -> list[Problem]:
    """What closes the gate in these texts by file name, each line and kind once. ``known``: codes that only look like something."""
    codes = frozenset(known)
    return [
        Problem(file, line, "", f"looks like {kind}", _FIX)
        for file, text in files.items()
        for line, kind in _by_line(text, codes)
    ]


def _by_line(text: str, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        kinds = [NAMES] if _ADDRESSED.search(line) else []
        kinds += [kind for candidate in _candidates(line, known) for kind in _kinds(candidate)]
        yield from ((number, kind) for kind in dict.fromkeys(kinds))


def _candidates(line: str, known: frozenset[str]) -> list[str]:
    """Words of a line, and each two that follow each other (a phone number is often written in two)."""
    if not _MAY.search(line):
        return []
    words = [word.strip(".:!?*#") for word in _WORDS.findall(line)]
    words = [word for word in words if word and word not in known]
    alone = [c for c in (*words, *(f"{a} {b}" for a, b in pairwise(words))) if _MAY.search(c)]
    found = [c for c in alone if not _NUMBER.match(c.replace(" ", "")) or _digits(c)]
    return [*found, *re.findall(r"\+[0-9][0-9 ()-]{7,}", line)]


def _digits(text: str) -> bool:
    """Whether a text of digits is long enough for a phone or a device, and starts like one (a count does not)."""
    plain = text.replace(" ", "")
    return plain.isdigit() and (len(plain) == 15 or (plain.startswith("0") and len(plain) >= 10))


@cache
def _kinds(candidate: str) -> tuple[str, ...]:
    """Kinds of one text; places may carry a UUID, and a plate needs a whole word (``AB 12`` is not one)."""
    found = shapes.kinds_in(pa.array([candidate]), is_place=True, is_time=True)
    return tuple(kind for kind in found if not (kind == "licence plates" and " " in candidate))
