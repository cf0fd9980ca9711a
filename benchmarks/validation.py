"""Taking a delivery in: clean against faulty, and clean against only reading the bytes."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from benchmarks.pairs import Pair, measure, seconds
from benchmarks.world import STEP, stamp
from pipelines import validate
from pipelines.intake import Found, Taken, take_in
from schemas.datasets import DATASETS
from schemas.settings import Source

COUNTERS = 20
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
# Where every third row is faulty these take turns: (time, place, in, out), None as it was.
FAULTS: list[tuple[str | None, ...]] = [
    (None, None, "-7", None),
    (None, None, None, "many"),
    ("never", None, None, None),
    (None, "c-unknown", None, None),
    (None, None, "12.5", None),
]


def source() -> Source:
    """A declaration of ``time,place,in,out``."""
    both = {"nl": "proef", "en": "trial"}
    return Source.model_validate({
        "source": "lines", "title": both, "supplier": "nobody", "licence": "none", "dataset": "passage_counts", "contract": 1,
        "files": "*.csv", "reader": {"format": "csv"},
        "time": {"columns": ["time"], "format": "%Y-%m-%dT%H:%M", "clock": "utc"}, "interval": "15min",
        "place": {"columns": ["place"], "map": {f"c-{n}": f"line-{n}" for n in range(COUNTERS)}},
        "measures": {"count_in": {"column": "in"}, "count_out": {"column": "out"}}, "delay": "5min", "issued_at": "none", "rank": 1,
    })  # fmt: skip


def write(path: Path, rows: int, *, faulty: bool) -> Found:
    """A generated delivery; with ``faulty`` every third row is wrong, in one of five ways."""
    lines = ["time,place,in,out"]
    for n in range(rows):
        slot, counter = divmod(n, COUNTERS)
        row = [stamp(FIRST + STEP * slot), f"c-{counter}", str(15 + n * 7919 % 400), str(15 + n * 104729 % 300)]
        if faulty and n % 3 == 0:
            row = [wrong or right for wrong, right in zip(FAULTS[n // 3 % len(FAULTS)], row, strict=True)]
        lines.append(",".join(row))
    path.write_text("\n".join(lines) + "\n")
    return Found(path, path.name, path.stat().st_size, path.stat().st_mtime_ns)


def validation(*, rows: int = 200_000, rounds: int = 3) -> list[Pair]:
    """The contract alone, and all of taking a file in."""
    return [*contract(rows=rows * 10, rounds=rounds), *whole_file(rows=rows, rounds=rounds)]


def contract(*, rows: int, rounds: int) -> list[Pair]:
    """:func:`pipelines.validate.failures`: mapped counts against their contract with pandera, per row of two counts."""
    known, measures, step = DATASETS["passage_counts"], ("count_in", "count_out"), timedelta(minutes=15)
    clean = pd.DataFrame(
        {"place": pd.Series(["line-1"], dtype="str").repeat(rows).reset_index(drop=True), "interval_start": FIRST}
    )
    for number, name in enumerate(measures):
        clean[name] = pd.array(np.arange(rows) * (7919 + number) % 400, dtype="Int64")
    faulty = clean.copy()
    faulty.loc[::3, "count_in"] = -7
    wrong = (rows + 2) // 3

    def by_hand(frame: pd.DataFrame) -> float:
        return seconds(
            lambda: [((frame[m] < 0) | (frame[m] > 30_000)).to_numpy(dtype=bool, na_value=False) for m in measures], rows
        )

    def ours(frame: pd.DataFrame, failing: int) -> float:
        found: list[int] = []
        taken = seconds(lambda: found.append(len(validate.failures(frame, known, measures, step))), rows)
        if found != [failing]:
            raise AssertionError(f"{found[0]} failures, {failing} wanted")
        return taken

    note = f"{rows:,} rows of two counts; by hand two comparisons of each count, without types, reasons or rows."
    return [
        measure(f"contract, {name}", "pandas by hand", partial(by_hand, frame), "pandera", partial(ours, frame, failing),
                unit="row", rounds=rounds, note=f"{note} {failing:,} failures, each with its row and reason.")
        for name, frame, failing in (("clean", clean, 0), ("a third faulty", faulty, wrong))
    ]  # fmt: skip


def whole_file(*, rows: int, rounds: int) -> list[Pair]:
    """``intake.take_in`` of one file: screen, mapping, validation, accounting, withholding; nothing is stored."""
    declared = source()
    with tempfile.TemporaryDirectory() as folder:
        clean = write(Path(folder) / "clean.csv", rows, faulty=False)
        faulty = write(Path(folder) / "faulty.csv", rows, faulty=True)

        def taken(found: Found, refused: int) -> float:
            kept: list[Taken] = []
            spent = seconds(lambda: kept.append(_take(found, declared)))
            if (kept[0].state, kept[0].rows_in, kept[0].rows_refused) != ("accepted", rows, refused):
                raise AssertionError(f"{found.name}: {kept[0].state}, {kept[0].reason}, {kept[0].rows_refused} rows refused")
            return spent

        wrong = (rows + 2) // 3
        size = f"{rows:,} rows, {clean.size / 1e6:.1f} MB"
        return [
            measure(
                "taking in: faults", "clean", lambda: taken(clean, 0), "a third faulty", lambda: taken(faulty, wrong),
                unit="file", rounds=rounds, note=f"{size}; five kinds of fault in turn, all {wrong:,} faulty rows refused.",
            ),
            measure(
                "taking in: reading", "pandas.read_csv", lambda: seconds(lambda: pd.read_csv(clean.path)),
                "take_in", lambda: taken(clean, 0), unit="file", rounds=rounds,
                note=f"{size}; pandas only reads: no time zone, no check, no screen, no withholding.",
            ),
        ]  # fmt: skip


def _take(found: Found, declared: Source) -> Taken:
    late = FIRST + timedelta(days=36500)
    return take_in(found, declared, k=15, withhold_zero=False, tz=ZoneInfo("Europe/Amsterdam"), after=None, until=late)
