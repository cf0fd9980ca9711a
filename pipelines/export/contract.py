"""The standard datasets as Data Packages: a folder each, with the descriptor and some rows of the sample city as an example."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines import intake
from schemas import config as settings
from schemas.config import Config
from schemas.datasets import DATASETS, package
from schemas.datasets.contract import dtype_of

ROOT = Path(__file__).resolve().parents[2]
TOWN = "waterdam"
ROWS = 60  # of an example, at most
END = datetime(2100, 1, 1, tzinfo=UTC)  # all of a file is due by then


def write(out: Path, names: Iterable[str]) -> list[Path]:
    """Write ``<out>/<dataset>/datapackage.json`` and its CSV for each dataset; returns the files. Replaces an earlier export.

    Without the sample city beside the code (an installed package) the CSV has a header only.
    """
    written = []
    for name in names:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = json.dumps(package.descriptor(DATASETS[name]), indent=2, ensure_ascii=False)
        for file, text in (("datapackage.json", descriptor + "\n"), (f"{name}.csv", example(name))):
            (folder / file).write_text(text, encoding="utf-8", newline="")
            written.append(folder / file)
    return written


def example(name: str) -> str:
    """Rows of the sample city in the standard layout, as CSV: taken in as a run would, counts under k withheld."""
    contract = DATASETS[name]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(package.columns(contract))
    rows = _rows(name) if (ROOT / "data" / "sample").is_dir() else {}
    for (place, start), row in sorted(rows.items(), key=lambda item: (item[0][1], item[0][0]))[-ROWS:]:
        cells = [row.get(measure, "") for measure in contract.measures]
        lines.writerow([TOWN, place, _instant(start), _instant(row["end"]), *cells])
    return text.getvalue()


@cache
def _town() -> Config:
    return settings.load(ROOT / "config", TOWN)


def _rows(name: str) -> dict[tuple[str, datetime], dict[str, Any]]:
    """(place, interval start) → measure → cell, of the last delivery of a dataset, and those before it until there are enough."""
    config = _town()
    found: dict[tuple[str, datetime], dict[str, Any]] = {}
    source = next(s for s in config.sources.values() if s.dataset == name)
    for file in reversed(intake.find(source, config.data)):
        taken = intake.take_in(
            file, source, k=config.k, withhold_zero=config.municipality.withhold_zero, tz=config.tz, after=None, until=END
        )
        _add(found, taken.cells)
        if len(found) >= ROWS:
            break
    return found


def _add(found: dict[tuple[str, datetime], dict[str, Any]], cells: pa.Table) -> None:
    for cell in cells.to_pylist():
        row = found.setdefault((cell["place"], cell["interval_start"]), {"end": cell["interval_end"]})
        row[cell["measure"]] = _cell(cell["measure"], cell["value"], cell["status"])


def _cell(measure: str, value: Any, status: str) -> str:
    """A number, or why there is none."""
    if value is None:
        return status
    return str(int(value)) if dtype_of(measure) == "Int64" else f"{float(value):g}"


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
