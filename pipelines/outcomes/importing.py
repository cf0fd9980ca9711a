"""Outcomes from a CSV file, as a spreadsheet writes it: all of it or nothing, mistakes with file, row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipelines.outcomes import Entry, add, mistakes
from schemas.mistakes import did_you_mean
from schemas.problems import Problem, Problems
from schemas.yamlfile import read_text

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

COLUMNS = ("situation_id", "kind", "measure", "role", "when", "effect", "safety_risk", "place", "text", "outcome_id")
NEEDED = ("kind", "role", "when")
_FIX = "Write 2026-06-20 21:15 on the town's clock, or 2026-06-20T21:15+02:00."


@dataclass(frozen=True)
class Imported:
    """How many rows were new or changed, and how many were known already."""

    new: int
    known: int


def import_csv(store: Store, config: Config, path: Path, at: datetime) -> Imported:
    """Take in a file; separators are commas or semicolons, times the town's clock or with an offset. In a transaction.

    ``outcome_id`` is filled only to correct an entry. Raises :class:`Problems` with every mistake; then nothing was taken in.
    """
    problems: list[Problem] = []
    entries: list[tuple[int, Entry, str | None]] = []
    for number, row in _rows(path):
        entry, found = _entry(row, config.tz)
        if entry is not None:
            found += [*mistakes(store, config, entry, at)]
            corrects = row.get("outcome_id")
            if corrects and not _known(store, config, corrects):
                found.append(("outcome_id", f"there is no outcome `{corrects}` to correct", "`drukte outcome list` shows them."))
            entries.append((number, entry, corrects))
        problems += [Problem(path.name, number, column, what, fix) for column, what, fix in found]
    if problems:
        raise Problems(problems)
    done = [add(store, config, entry, at, corrects)[1] for _, entry, corrects in entries]
    return Imported(sum(done), len(done) - sum(done))


def _known(store: Store, config: Config, name: str) -> bool:
    slug = config.municipality.municipality
    return bool(store.con.execute("SELECT 1 FROM outcomes WHERE municipality = ? AND outcome_id = ?", [slug, name]).fetchall())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Rows with the number a spreadsheet shows; empty cells are None. Raises :class:`Problems` for a wrong head."""
    text = read_text(path, path.name)
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    names = [name.strip().lower() for name in next(reader, [])]
    wrong = [Problem(path.name, 1, n, "is no column of this file", did_you_mean(n, COLUMNS)) for n in names if n not in COLUMNS]
    wrong += [Problem(path.name, 1, n, "stands twice", "Keep one.") for n in {n for n in names if names.count(n) > 1}]
    wrong += [
        Problem(path.name, 1, n, "this column is missing", f"Columns: {', '.join(COLUMNS)}.") for n in NEEDED if n not in names
    ]
    if wrong:
        raise Problems(wrong)
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            fix = "Put texts that hold the separator in quotes."
            raise Problems([Problem(path.name, reader.line_num, "", f"{len(row)} cells where the head has {len(names)}", fix)])
        yield reader.line_num, {name: cell.strip() or None for name, cell in zip(names, row, strict=True)}


def _entry(row: dict[str, str | None], tz: ZoneInfo) -> tuple[Entry | None, list[tuple[str, str, str]]]:
    moment = _moment(row.get("when"), tz)
    if isinstance(moment, str):
        return None, [("when", moment, _FIX)]
    entry = Entry(row.get("kind") or "", row.get("role") or "", moment, row.get("situation_id"), row.get("measure"), row.get("effect"),
                  row.get("safety_risk"), row.get("place"), row.get("text"))  # fmt: skip
    return entry, []


def _moment(text: str | None, tz: ZoneInfo) -> datetime | str:
    """A moment in UTC, or what is wrong with it: an hour that the clock shows twice, or never, needs its offset."""
    if text is None:
        return "is missing"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return f"`{text[:40]}` is not a moment"
    if found.tzinfo is None:
        local = found.replace(tzinfo=tz)
        if local.astimezone(UTC).astimezone(tz).replace(tzinfo=None) != found:
            return f"`{text}` is an hour that the clock skipped"
        if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
            return f"`{text}` is an hour that the clock showed twice; add the offset"
        found = local
    return found.astimezone(UTC)
