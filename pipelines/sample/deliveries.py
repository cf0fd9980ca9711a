"""The two suppliers of Waterdam: counts cut into files, with the faults that real deliveries have.

``zones``: Parquet, a row a zone and five minutes, stamped at the end with offset. ``gates``: CSV with semicolons,
a row a line, quarter and direction, stamped at the start in local time. History comes as a file a week, the event
day as a file an hour and from 15:00 on as a file an interval. What each faulty file is for stands in
``data/sample/README.md``.
"""

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
from pipelines.sample.city import GATES, ZONES

SEED = 20260620

_SMALL_FROM = np.datetime64("2026-06-20T15:00", "s")
_LAST = np.datetime64("2026-06-21T01:00", "s")
_NEW_MODEL = np.datetime64("2026-05-01T00:00", "s")


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
        return f"{_compact(self.start)}-{_compact(self.end)[-4:]}"

    @property
    def folder(self) -> str:
        """Sub-folder of the supplier's folder."""
        return "history" if self.end <= counts.EVENT_DAY.astype("datetime64[s]") else "event-day"


# Zones: 40 minutes declared as a fault, 45 minutes of silence, and five counts put right afterwards.
DECLARED_OUTAGE, OUT_ZONE = Span.of("18:00", "18:40"), "WD-Z04"
SILENCE, SILENT_ZONE = Span.of("21:15", "22:00"), "WD-Z02"
REVISED, REVISED_ZONE = Span.of("18:30", "18:55"), "WD-Z01"
# Gates: one file each.
NIGHT = Span.of("03:00", "04:00")
BROKEN = Span.of("16:45", "17:00")
DOUBLE = Span.of("17:00", "17:15")
POISONED = Span.of("17:30", "17:45")
LATE = Span.of("19:30", "19:45")
# Roadworks at the park: no rows for this line. The municipalities' registers (`flags`) declare it.
ROADWORKS, CLOSED_GATE = Span(np.datetime64("2026-05-12T09:00", "s"), np.datetime64("2026-05-13T12:00", "s")), "T5"


def generate(folder: Path, seed: int = SEED) -> None:
    """Write all deliveries below ``folder`` (``zones/`` and ``gates/``), the same for the same seed."""
    for name, rows in _zones(seed):
        _write_parquet(folder / name, rows)
    for name, rows in _gates(seed):
        _write_csv(folder / name, rows)


def _spans(minutes: int) -> Iterator[Span]:
    """What the regular files cover: weeks, then hours of the event day, then single intervals."""
    event_day = counts.EVENT_DAY.astype("datetime64[s]")
    cuts = np.concatenate([
        np.arange(counts.FIRST_DAY.astype("datetime64[s]"), event_day, np.timedelta64(7 * 86400, "s")),
        np.arange(event_day, _SMALL_FROM, np.timedelta64(3600, "s")),
        np.arange(_SMALL_FROM, _LAST + np.timedelta64(1, "s"), np.timedelta64(60 * minutes, "s")),
    ])  # fmt: skip
    yield from (Span(start, end) for start, end in pairwise(cuts))


# --- zones ------------------------------------------------------------------------------------------------------


def _zones(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = _with_outages(_zone_rows(seed))
    first = _too_low(rows)
    for span in _spans(5):
        part = first[span.holds(first["local"].to_numpy())]
        yield _zone_name(span, _zone_tag(span), late=2), part
    revised = rows[REVISED.holds(rows["local"].to_numpy())]
    yield _zone_name(REVISED, "_revised", late=25), revised


def _zone_rows(seed: int) -> pd.DataFrame:
    """All zone rows as they should be; ``local`` is the start of the interval and not written."""
    clock = counts.Clock.of(5)
    people = counts.zone_counts(clock, seed)
    size = len(ZONES)
    end = clock.start + np.timedelta64(300, "s")
    offset = np.where(end < counts.SUMMER_TIME, "+01:00", "+02:00")
    stamp = np.char.add(np.datetime_as_string(counts.to_local(end)), offset)
    model = np.where(clock.local < _NEW_MODEL, "5.2", "5.3")
    return pd.DataFrame({
        "zone_id": np.tile([z.supplier_id for z in ZONES], len(stamp)),
        "timestamp": np.repeat(stamp, size),
        "head_count": pd.array(people.ravel(), dtype="Int32"),
        "sensor_state": "ok",
        "model_version": np.repeat(model, size),
        "local": np.repeat(clock.local, size),
    })  # fmt: skip


def _with_outages(rows: pd.DataFrame) -> pd.DataFrame:
    """One camera says that it is at fault and counts nothing; of another the rows are not there."""
    told = rows.copy()
    local = told["local"].to_numpy()
    out = DECLARED_OUTAGE.holds(local) & (told["zone_id"] == OUT_ZONE).to_numpy()
    told.loc[out, "head_count"] = pd.NA
    told.loc[out, "sensor_state"] = "fault"
    silent = SILENCE.holds(local) & (told["zone_id"] == SILENT_ZONE).to_numpy()
    return told[~silent]


def _too_low(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as first delivered, before the supplier put right a camera that saw 15 % too few."""
    told = rows.copy()
    low = REVISED.holds(told["local"].to_numpy()) & (told["zone_id"] == REVISED_ZONE).to_numpy()
    told.loc[low, "head_count"] = told.loc[low, "head_count"] * 85 // 100
    return told


def _zone_tag(span: Span) -> str:
    tags = {"_declared-outage": DECLARED_OUTAGE, "_camera-silent": SILENCE, "_too-low": REVISED}
    return "".join(tag for tag, where in tags.items() if where.start <= span.start and span.end <= where.end)


def _zone_name(span: Span, tag: str, late: int) -> str:
    issued = counts.to_utc(np.array([span.end]))[0] + np.timedelta64(late * 60, "s")
    return f"zones/{span.folder}/zones_{span.label}{tag}_issued-{_compact(issued, seconds=True)}Z.parquet"


def _write_parquet(path: Path, rows: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(rows.drop(columns="local"), preserve_index=False).replace_schema_metadata(None)
    text = {n: pa.string() for n in ("zone_id", "timestamp", "sensor_state", "model_version")}
    table = table.cast(pa.schema([(n, text.get(n, pa.int32())) for n in table.column_names]))
    pq.write_table(table, path, compression="zstd", write_statistics=False, store_schema=False)


# --- gates ------------------------------------------------------------------------------------------------------


def _gates(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = _gate_rows(seed)
    for span in _spans(15):
        part = rows[span.holds(rows["local"].to_numpy())]
        if span == BROKEN:
            yield _gate_name(span, "_broken-rows", late=7), _broken(part)
        elif span == POISONED:
            yield _gate_name(span, "_device-ids", late=7), _poisoned(part, seed)
            yield _gate_name(span, "_sent-again", late=40), part
        elif span == LATE:
            yield _gate_name(span, "_late", late=75), part
        else:
            yield _gate_name(span, "_under-k" if span == NIGHT else "", late=7), part
        if span == DOUBLE:
            yield _gate_name(span, "_double", late=20), part


def _gate_rows(seed: int) -> pd.DataFrame:
    """All gate rows; ``local`` is the start of the interval and not written."""
    clock = counts.Clock.of(15)
    passages = counts.gate_counts(clock, seed)
    wall = pd.Series(clock.local).dt
    size = len(GATES) * 2
    frame = pd.DataFrame({
        "datum": np.repeat(wall.strftime("%d-%m-%Y").to_numpy(), size),
        "tijd": np.repeat(wall.strftime("%H:%M").to_numpy(), size),
        "teller": np.tile(np.repeat([g.supplier_id for g in GATES], 2), len(clock.start)),
        "richting": np.tile(["in", "uit"], len(clock.start) * len(GATES)),
        "aantal": passages.ravel(),
        "local": np.repeat(clock.local, size),
    })  # fmt: skip
    closed = ROADWORKS.holds(frame["local"].to_numpy()) & (frame["teller"] == CLOSED_GATE).to_numpy()
    return frame[~closed]


def _broken(part: pd.DataFrame) -> pd.DataFrame:
    """A word for a number, a count below zero, and two rows at times that do not exist; the rest is good."""
    rows = part.astype({"aantal": str})
    rows.loc[(rows["teller"] == "T5") & (rows["richting"] == "in"), "aantal"] = "veel"
    rows.loc[(rows["teller"] == "T3") & (rows["richting"] == "uit"), "aantal"] = "-12"
    extra = pd.DataFrame({
        "datum": ["29-03-2026", "20-06-2026"], "tijd": ["02:30", "24:75"],  # the hour that spring skips; no clock says 24:75
        "teller": ["T1", "T2"], "richting": ["in", "uit"], "aantal": ["85", "40"],
    })  # fmt: skip
    return pd.concat([rows, extra], ignore_index=True)


def _poisoned(part: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The same counts with a device address in every row. The addresses are made up: 02 marks them as given out by nobody."""
    octets = np.random.Generator(np.random.PCG64(seed + 99)).integers(0, 256, size=(len(part), 5))
    return part.assign(apparaat=[":".join(["02", *(f"{o:02x}" for o in row)]) for row in octets])


def _gate_name(span: Span, tag: str, late: int) -> str:
    issued = span.end + np.timedelta64(late * 60, "s")
    return f"gates/{span.folder}/tellingen_{span.label}{tag}_aangemaakt-{_compact(issued)}.csv"


def _write_csv(path: Path, rows: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = rows.drop(columns="local", errors="ignore").to_csv(sep=";", index=False, lineterminator="\n")
    path.write_bytes(text.encode("utf-8"))


def _compact(when: np.datetime64, seconds: bool = False) -> str:
    """``20260620-1600``, or ``20260620T160000`` with seconds."""
    text = str(when.astype("datetime64[s]")).replace("-", "").replace(":", "")
    return text if seconds else text[:-2].replace("T", "-")
