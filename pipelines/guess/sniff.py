"""What kind of file it is: packed or not, format, encoding, delimiter, header, decimal sign, path to the records of a document.

Everything that cannot be told from the file itself is a :class:`Choice` with its candidates.
"""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipelines import readers
from pipelines.readers import Raw, UnreadableError, delimited, packed
from schemas.settings.source import Csv, Json, Packed, Parquet, Reader
from schemas.settings.source.reading import is_path

DELIMITERS = {",": '","', ";": '";"', "\t": '"\\t"', "|": '"|"'}
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}([.][0-9]{3})+")
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


@dataclass(frozen=True)
class Choice:
    """Something the file does not tell: the candidates, and what was read with meanwhile."""

    candidates: tuple[str, ...]
    why: str = ""


@dataclass
class Sniffed:
    """A file that can be read, and how: ``reader`` reads it, ``open`` are the settings of it that a person must choose."""

    reader: Reader
    raw: Raw
    packed: dict[str, str] | None = None
    open: dict[str, Choice] = field(default_factory=dict)


def sniff(content: bytes) -> Sniffed:
    """Tell a file apart. Raises :class:`UnreadableError` when it is none that can be declared."""
    content, how = _unpacked(content)
    if content.startswith(b"PAR1"):
        reader: Reader = Parquet(format="parquet")
        return Sniffed(reader, readers.read(content, reader), how)
    found = _document(content) if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") else _delimited(content)
    found.packed = how
    return found


def _unpacked(content: bytes) -> tuple[bytes, dict[str, str] | None]:
    if content.startswith(b"\x1f\x8b"):
        return packed.gunzip(content, Packed.model_validate({"as": "gzip"})), {"as": "gzip"}
    if not content.startswith(b"PK\x03\x04"):
        return content, None
    limits = Packed.model_validate({"as": "zip"})
    members = [m for m in packed.members(io.BytesIO(content), limits) if m.fault is None]
    if not members:
        raise UnreadableError("not_zip", "the zip holds no file that may be opened.")
    ending = members[0].name.rsplit(".", 1)[-1]
    return packed.unzip(io.BytesIO(content), members[0].name, limits), {"as": "zip", "members": f"*.{ending}"}


# --- delimited ------------------------------------------------------------------------------------------------------


def _delimited(content: bytes) -> Sniffed:
    choices: dict[str, Choice] = {}
    encoding = "utf-8"
    if not any(content.startswith(bom) for bom, _ in delimited.BOMS):
        try:
            content.decode("utf-8")
        except UnicodeDecodeError:
            encoding = "cp1252"
            choices["encoding"] = Choice(("cp1252", "latin-1", "cp850"), "it is not UTF-8")
    lines = delimited.lines_of(content, encoding)
    head = pa.array([line for line in lines.slice(0, 500).to_pylist() if line.strip()], pa.large_string())
    if not len(head):
        raise UnreadableError("empty", "the file is empty.")
    delimiter = _delimiter(head, choices)
    cells = [_cells(line, delimiter) for line in head.slice(0, 200).to_pylist()]
    header = _header(cells, choices)
    names = None if header else tuple(f"column_{i + 1}" for i in range(len(cells[0])))
    decimal = _decimal([cell for row in cells[1:] for cell in row], delimiter, choices)
    reader = Csv(
        format="csv", header=header, columns=names, delimiter=delimiter, encoding=encoding, decimal="," if decimal else "."
    )
    return Sniffed(reader, readers.read(content, reader), open=choices)


def _delimiter(head: pa.Array, choices: dict[str, Choice]) -> str:
    """The one that cuts every line into the same number of fields, more than one; the most fields win, a tie is a choice."""
    widths = {}
    for delimiter in DELIMITERS:
        counts = delimited.field_counts(head, delimiter)
        if counts.min() == counts.max() > 1:
            widths[delimiter] = int(counts[0])
    if not widths:
        first = {d: int(delimited.field_counts(head.slice(0, 1), d)[0]) for d in DELIMITERS}
        best = max(first, key=lambda d: first[d])
        if first[best] > 1:
            choices["delimiter"] = Choice(tuple(DELIMITERS.values()), "the lines do not come apart into equal numbers of fields")
        return best
    most = [d for d, width in widths.items() if width == max(widths.values())]
    if len(most) > 1:
        choices["delimiter"] = Choice(tuple(DELIMITERS[d] for d in most), "these cut the lines equally well")
    return most[0]


def _cells(line: str, delimiter: str) -> list[str]:
    import csv

    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _header(cells: list[list[str]], choices: dict[str, Choice]) -> bool:
    """Names stand above numbers; without a number anywhere nobody can tell."""
    first, below = cells[0], cells[1:]
    if any(_NUMBER.fullmatch(cell) for cell in first) or len(set(first)) < len(first) or "" in first:
        return False
    if any(_NUMBER.fullmatch(cell) for row in below for cell in row) or not below:
        return True
    choices["header"] = Choice(("true", "false"), "there is no number below the first line")
    return True


def _decimal(cells: list[str], delimiter: str, choices: dict[str, Choice]) -> bool:
    """Whether a comma stands before the fraction; 1.234 may be either."""
    comma = delimiter != "," and any(_COMMA.fullmatch(cell) for cell in cells)
    pointed = [cell for cell in cells if "." in cell and _NUMBER.fullmatch(cell)]
    if not comma and pointed and all(_GROUPED.fullmatch(cell) for cell in pointed):
        choices["decimal"] = Choice(
            ('"." (1.234 is a fraction)', '"," with thousands: "." (1.234 is over a thousand)'), "both can be"
        )
    return comma


# --- documents ------------------------------------------------------------------------------------------------------


def _document(content: bytes) -> Sniffed:
    text = content.decode("utf-8-sig", errors="replace")
    first, _, rest = text.lstrip().partition("\n")
    if first.strip().startswith("{") and rest.strip().startswith("{"):
        reader: Reader = Json(format="json", lines=True)
        return Sniffed(reader, readers.read(content, reader))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("not_json", "not readable as JSON: cut off, damaged or another format.") from None
    paths = _lists(document, "")
    chain = all(long.startswith(short) for short, long in itertools.pairwise(paths))
    chosen = paths[-1] if paths else ""
    if not is_path(chosen):
        raise UnreadableError(
            "layout", "a key on the way to its records is empty or holds a dot or a bracket, which no path can name."
        )
    choices = {} if chain else {"records": Choice(tuple(paths), "which of these lists holds a row a record?")}
    reader = Json(format="json", records=chosen)
    return Sniffed(reader, readers.read(content, reader), open=choices)


def _lists(value: Any, path: str, depth: int = 0) -> list[str]:
    """Paths of the lists of objects, shallow first, judged by the first items of each."""
    if depth > 6:
        return []
    if isinstance(value, list):
        if not any(isinstance(item, dict) for item in value[:20]):
            return []
        below = [found for item in value[:20] for found in _lists(item, f"{path}[]", depth + 1)]
        return list(dict.fromkeys([f"{path}[]", *below]))
    if isinstance(value, dict):
        at = f"{path}." if path else ""
        return list(dict.fromkeys(found for key, item in value.items() for found in _lists(item, f"{at}{key}", depth + 1)))
    return []
