"""The two large suppliers of Waterdam: counts cut into files, with the faults that real deliveries have.

``zones``: Parquet, a row a zone and five minutes, stamped at the end with offset. ``gates``: CSV with semicolons,
a row a line, quarter and direction, stamped at the start in local time. History comes as a file a week, the event
day as a file an hour and from 15:00 on as a file an interval. What each faulty file is for stands in
``data/sample/README.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.sample import counts, ground, roads, transit
from pipelines.sample.city import GATES, ZONES
from pipelines.sample.files import Span, compact, spans, write_csv, write_parquet

SEED = 20260620

_NEW_MODEL = np.datetime64("2026-05-01T00:00", "s")


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
    """Write all deliveries below ``folder``, a folder a supplier, the same for the same seed."""
    for name, rows in _zones(seed):
        write_parquet(folder / name, rows)
    for name, rows in _gates(seed):
        write_csv(folder / name, rows)
    for write in (roads.write, transit.write, ground.write):
        write(folder, seed)


# --- zones ------------------------------------------------------------------------------------------------------


def _zones(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = _with_outages(_zone_rows(seed))
    first = _too_low(rows)
    for span in spans(5):
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
        "mean_speed": counts.walking_speeds(clock, people, seed).ravel(),
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
    told.loc[out, "mean_speed"] = np.nan
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
    return f"zones/{span.folder}/zones_{span.label}{tag}_issued-{compact(issued, seconds=True)}Z.parquet"


# --- gates ------------------------------------------------------------------------------------------------------


def _gates(seed: int) -> Iterator[tuple[str, pd.DataFrame]]:
    rows = _gate_rows(seed)
    for span in spans(15):
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
    return f"gates/{span.folder}/tellingen_{span.label}{tag}_aangemaakt-{compact(issued)}.csv"
