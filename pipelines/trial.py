"""A file through a source declaration, to look at: what the first rows become and what is refused. Nothing is stored.

Withheld numbers are not shown, as they would not be kept; of a delivery on which the gate closes nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipelines import intake
from pipelines.faults import UsageError
from pipelines.intake import Taken, found
from schemas import config, words, yamlfile
from schemas.mistakes import did_you_mean
from schemas.problems import Problems
from schemas.settings import Source

# Withheld under this where no municipality says otherwise (a sensible k, domain facts).
USUAL_K = 15
_NUMBER = re.compile(r" [+-]?[0-9]+(?:[.,][0-9]+)?(?= |\.|$)")


@dataclass(frozen=True)
class Rules:
    """By whose rules a file is tried: k, whether zero is withheld, the clock, and the municipality (None: the usual ones)."""

    k: int
    withhold_zero: bool
    tz: ZoneInfo
    municipality: str | None


def declaration(folder: Path, named: str) -> Source:
    """A declaration by its id in ``<folder>/sources``, or by the path of its file. Raises :class:`Problems` or :class:`UsageError`."""
    path = Path(named) if named.endswith((".yaml", ".yml")) else folder / "sources" / f"{named}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in (folder / "sources").glob("*.yaml"))
        raise UsageError(f"{path}: there is no such source. {did_you_mean(named, known)}")
    return yamlfile.load(Source, path, path.as_posix())[0]


def rules(folder: Path, source: Source, slug: str | None) -> Rules:
    """The strictest rules of the municipalities that use a source, or of the one that is named."""
    using = []
    for town in [slug] if slug else config.municipalities(folder):
        try:
            found_config = config.load(folder, town)
        except Problems:
            if slug:
                raise
            continue
        if slug or source.source in found_config.sources:
            using.append(Rules(found_config.k, found_config.municipality.withhold_zero, found_config.tz, town))
    usual = Rules(USUAL_K, False, ZoneInfo(source.time.timezone or "UTC"), None)
    return max(using, key=lambda r: (r.k, r.withhold_zero), default=usual)


def run(path: Path, source: Source, by: Rules, until: datetime) -> Iterator[tuple[str, Taken]]:
    """Name and outcome of each delivery in a file (several in a zip). Raises :class:`UsageError` when there is no file."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file. Name the file to try.")
    file = found.Found(path, path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
    for delivery in found.deliveries(file, source):
        yield (
            delivery.name,
            intake.take_in(delivery, source, k=by.k, withhold_zero=by.withhold_zero, tz=by.tz, after=None, until=until),
        )


def rows(taken: Taken, by: Rules, most: int) -> list[dict[str, Any]]:
    """The first rows of a file as the dataset has them: place, local and UTC start, and per measure its value, or why it has none."""
    wide: dict[tuple[str, datetime], dict[str, Any]] = {}
    for cell in sorted(taken.cells.to_pylist(), key=lambda c: (c["row_number"], c["interval_start"], c["place"])):
        key = cell["place"], cell["interval_start"]
        if key not in wide and len(wide) == most:
            continue
        row = wide.setdefault(key, _row(cell, by))
        row["measures"][cell["measure"]] = _worth(cell)
    return list(wide.values())


def _row(cell: dict[str, Any], by: Rules) -> dict[str, Any]:
    start, end = cell["interval_start"], cell["interval_end"]
    return {"row": cell["row_number"], "place": cell["place"], "local_start": start.astimezone(by.tz), "interval_start": start,
            "interval_end": end, "measures": {}}  # fmt: skip


def _worth(cell: dict[str, Any]) -> dict[str, Any]:
    number = {name: _plain(cell[name]) for name in ("value", "value_low", "value_high")}
    return {"status": cell["status"], **number}


def _plain(value: Any) -> float | int | None:
    return None if value is None else int(value) if value == int(value) else float(value)


def worth(taken: Taken, source: Source) -> dict[str, dict[str, int]]:
    """Per measure how many cells of the whole file have each status: what a first page of rows does not show."""
    counted = taken.cells.group_by(["measure", "status"]).aggregate([([], "count_all")]).to_pylist()
    found = {(row["measure"], row["status"]): row["count_all"] for row in counted}
    return {m: {s: found[m, s] for s in words.codes("status") if (m, s) in found} for m in source.measure_names}


def accounting(taken: Taken) -> dict[str, int]:
    """The account of a delivery (rule 11)."""
    names = (
        "records_read",
        "rows_in",
        "rows_accepted",
        "rows_suppressed",
        "rows_refused",
        "rows_duplicate",
        "rows_filtered",
        "rows_held",
    )
    return {name: getattr(taken, name) for name in names}


def refused(taken: Taken, by: Rules) -> list[dict[str, Any]]:
    """The refused rows with their reasons; a number that would be withheld is not quoted."""
    return [{**row, "message": _discreet(row["message"], by.k)} for row in taken.refused.to_pylist()]


def _discreet(message: str, k: int) -> str:
    """A message without the numbers in it that lie under k, quoted from a cell."""
    head, mark, rest = (
        message.partition(":") if message.startswith(("more than", "a number below", "not one of")) else ("", "", message)
    )

    def keep(hit: re.Match[str]) -> str:
        return "" if abs(float(hit[0].strip().replace(",", "."))) < k else hit[0]

    if rest.startswith("the count") or head:
        rest = _NUMBER.sub(keep, rest)
    return f"{head}{mark}{rest}"
