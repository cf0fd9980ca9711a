"""Small deliveries and source declarations for the tests of the intake: a line counter at a made-up bridge."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.intake import Found, Taken, take_in
from schemas.settings import Source

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LATE = datetime(2099, 1, 1, tzinfo=UTC)
MAP = {"B1": "bridge", "G2": "gate"}


def source(**changes) -> Source:
    """A declaration of ``at,counter,in,out,note`` per 15 minutes; keyword arguments replace whole keys, None drops one."""
    declared = {
        "source": "test-lines", "title": {"nl": "proef", "en": "trial"}, "supplier": "nobody", "licence": "CC0",
        "dataset": "passage_counts", "contract": 1, "files": "*.csv", "reader": {"format": "csv"},
        "time": {"columns": ["at"], "format": "%Y-%m-%d %H:%M", "clock": "local", "timezone": "Europe/Amsterdam"},
        "interval": "15min", "place": {"columns": ["counter"], "map": MAP},
        "measures": {"count_in": {"column": "in"}, "count_out": {"column": "out"}}, "ignore": ["note"],
        "delay": "5min", "issued_at": "none", "rank": 1,
    }  # fmt: skip
    declared |= changes
    return Source.model_validate({key: value for key, value in declared.items() if value is not None})


HEADER = "at,counter,in,out,note"
GOOD = [
    "2026-06-20 20:00,B1,40,20,",
    "2026-06-20 20:15,B1,50,0,",
    "2026-06-20 20:00,G2,100,200,",
    "2026-06-20 20:15,G2,7,300,",
]


def csv(*lines: str, header: str | None = HEADER) -> bytes:
    """Lines as a file."""
    return ("\n".join(lines if header is None else (header, *lines)) + "\n").encode()


def parquet(columns: dict) -> bytes:
    """Columns as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def take(content: bytes, tmp_path: Path, declared: Source | None = None, name: str = "delivery.csv", **options) -> Taken:
    """Take bytes in as one delivery (k 15, Amsterdam's clock, nothing held), and check rule 11 on the way."""
    path = tmp_path / name
    path.write_bytes(content)
    given = {"k": 15, "withhold_zero": False, "tz": AMSTERDAM, "after": None, "until": LATE} | options
    taken = take_in(Found(path, name, len(content), 0), declared or source(), **given)
    parts = taken.rows_accepted + taken.rows_suppressed + taken.rows_refused + taken.rows_duplicate
    assert taken.rows_in == parts, "rule 11: rows in = accepted + suppressed + refused + duplicate"
    return taken


def cells(taken: Taken) -> dict[tuple[str, str, str], tuple]:
    """(place, start in UTC, measure) → (status, value, low, high); fails when a cell stands twice."""
    rows = taken.cells.to_pylist()
    found = {
        (r["place"], f"{r['interval_start'].astimezone(UTC):%m-%dT%H:%M}", r["measure"]):
        (r["status"], r["value"], r["value_low"], r["value_high"]) for r in rows
    }  # fmt: skip
    assert len(found) == len(rows), "a cell stands twice"
    return found


def checks(taken: Taken) -> list[tuple[int, str, str]]:
    """(row number, column, check) of every refusal."""
    return [(r["row_number"], r["column_name"], r["check_name"]) for r in taken.refused.to_pylist()]
