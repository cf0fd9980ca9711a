"""How the suppliers of Waterdam cut their counts into files: weeks of history, then ever smaller parts of the event day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.sample import counts

SMALL_FROM = np.datetime64("2026-06-20T15:00", "s")
LAST = np.datetime64("2026-06-21T01:00", "s")
NOON = np.datetime64("2026-06-20T12:00", "s")
_DAY = counts.EVENT_DAY.astype("datetime64[s]")


@dataclass(frozen=True)
class Span:
    """A half-open stretch of local time that one file covers."""

    start: np.datetime64
    end: np.datetime64

    @classmethod
    def of(cls, start: str, end: str) -> Span:
        """A span on the event day, by clock times."""
        return cls(np.datetime64(f"2026-06-20T{start}", "s"), np.datetime64(f"2026-06-20T{end}", "s"))

    def holds(self, local: counts.Times) -> np.ndarray:
        """Which of the local times lie in the span."""
        return np.asarray((local >= self.start) & (local < self.end))

    @property
    def label(self) -> str:
        """For file names: days in the history, clock times on the event day."""
        if self.end <= counts.EVENT_DAY.astype("datetime64[s]"):
            return f"{self.start.astype('datetime64[D]')}_{self.end.astype('datetime64[D]') - 1}"
        return f"{compact(self.start)}-{compact(self.end)[-4:]}"

    @property
    def folder(self) -> str:
        """Sub-folder of the supplier's folder."""
        return "history" if self.end <= counts.EVENT_DAY.astype("datetime64[s]") else "event-day"


def spans(minutes: int) -> Iterator[Span]:
    """What regular files with history cover: weeks, then hours of the event day, then single intervals."""
    cuts = np.concatenate([
        np.arange(counts.FIRST_DAY.astype("datetime64[s]"), _DAY, np.timedelta64(7 * 86400, "s")),
        np.arange(_DAY, SMALL_FROM, np.timedelta64(3600, "s")),
        np.arange(SMALL_FROM, LAST + np.timedelta64(1, "s"), np.timedelta64(60 * minutes, "s")),
    ])  # fmt: skip
    yield from (Span(start, end) for start, end in pairwise(cuts))


def quarters(first: np.datetime64 = _DAY, history: np.datetime64 | None = None) -> Iterator[Span]:
    """What the smaller suppliers send: history by four weeks, the event day from ``first`` to 15:00, then a file a quarter."""
    weeks = [] if history is None else list(np.arange(history.astype("datetime64[s]"), _DAY, np.timedelta64(28 * 86400, "s")))
    cuts = [*weeks, first, *np.arange(SMALL_FROM, LAST + np.timedelta64(1, "s"), np.timedelta64(900, "s"))]
    yield from (Span(start, end) for start, end in pairwise(cuts))


def parts(rows: pd.DataFrame, cut: Iterator[Span]) -> Iterator[tuple[Span, pd.DataFrame]]:
    """The rows of each span, by their ``local`` start."""
    local = rows["local"].to_numpy()
    for span in cut:
        yield span, rows[span.holds(local)]


def frame(clock: counts.Clock, keys: dict[str, list[str]], values: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row an interval and key, with ``local`` the interval's start; each value has shape (intervals, keys)."""
    size = len(next(iter(keys.values())))
    found: dict[str, np.ndarray] = {name: np.tile(np.array(given), len(clock.start)) for name, given in keys.items()}
    found |= {name: given.ravel() for name, given in values.items()}
    return pd.DataFrame({**found, "local": np.repeat(clock.local, size), "start": np.repeat(clock.start, size)})


def write_csv(path: Path, rows: pd.DataFrame, delimiter: str = ";") -> None:
    """A text file without the columns that are ours only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = rows.drop(columns=["local", "start"], errors="ignore").to_csv(sep=delimiter, index=False, lineterminator="\n")
    path.write_bytes(text.encode("utf-8"))


def write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Texts, 32-bit whole numbers and single-precision means, whatever this machine's pandas calls them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(rows.drop(columns=["local", "start"], errors="ignore"), preserve_index=False)
    kinds = [(f.name, pa.float32() if pa.types.is_floating(f.type) else pa.int32() if pa.types.is_integer(f.type) else pa.string())
             for f in table.schema]  # fmt: skip
    table = table.replace_schema_metadata(None).cast(pa.schema(kinds))
    pq.write_table(table, path, compression="zstd", write_statistics=False, store_schema=False)


def compact(when: np.datetime64, seconds: bool = False) -> str:
    """``20260620-1600``, or ``20260620T160000`` with seconds."""
    text = str(when.astype("datetime64[s]")).replace("-", "").replace(":", "")
    return text if seconds else text[:-2].replace("T", "-")
