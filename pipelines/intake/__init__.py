"""Take one delivery in: screen, map, validate, withhold. A function of bytes, declaration and clock; it stores nothing."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipelines import readers, validate, withhold
from pipelines.intake import corrections, mapping, refusals, sums, verdict
from pipelines.intake.found import Found, find
from pipelines.readers import Raw, UnreadableError
from pipelines.readers.engine import in_memory
from pipelines.screen import of_file_name, screen
from pipelines.screen import reason as gate_reason
from schemas.datasets import DATASETS
from schemas.settings.source import IssuedAt, Source

__all__ = ["CELLS", "Found", "Taken", "find", "issued_at", "take_in"]

_UTC = pa.timestamp("us", tz="UTC")
_NUMBER = pa.decimal128(18, 6)  # counts and codes are whole, means are not
CELLS = pa.schema([
    ("row_number", pa.int64()), ("place", pa.string()), ("interval_start", _UTC), ("interval_end", _UTC),
    ("measure", pa.string()), ("value", _NUMBER), ("value_low", _NUMBER), ("value_high", _NUMBER),
    ("status", pa.string()), ("issued_at", _UTC),
])  # fmt: skip


@dataclass(frozen=True)
class Taken:
    """What became of a delivery.

    ``state``: ``accepted`` (possibly with refused rows), ``refused`` (as a whole) or ``closed`` (by the gate); ``reason`` says
    why in a code and words, without content. Rule 11: ``rows_in`` = accepted + suppressed + refused + duplicate, one row per
    place and kept interval (a line whose place or interval cannot be read is one row); ``records_read``, ``rows_filtered`` and
    ``rows_held`` stand outside. ``cells`` (:data:`CELLS`): value and bounds are in the unit of the measure; the bounds equal the
    value when ok, are [0, k−1] for a suppressed count, NULL otherwise. ``refused``: :data:`refusals.REFUSED`.
    """

    state: Literal["accepted", "refused", "closed"]
    reason: str | None
    content_hash: str
    issued_at: datetime | None
    records_read: int = 0
    rows_in: int = 0
    rows_accepted: int = 0
    rows_suppressed: int = 0
    rows_refused: int = 0
    rows_duplicate: int = 0
    rows_filtered: int = 0
    rows_held: int = 0
    cells: pa.Table = field(default_factory=CELLS.empty_table)
    refused: pa.Table = field(default_factory=refusals.REFUSED.empty_table)
    corrected: pa.Table = field(default_factory=corrections.CORRECTED.empty_table)
    misfits: pa.Table = field(default_factory=sums.MISFITS.empty_table)


def issued_at(source: Source, name: str) -> datetime | None:
    """The time of issue (UTC) that a file name carries; None when the source does not state it there, or it cannot be read."""
    stated = source.issued_at
    if not isinstance(stated, IssuedAt) or stated.pattern is None:
        return None
    hit = re.search(stated.pattern, name)
    if hit is None or not hit.groups():
        return None
    try:
        read = datetime.strptime(hit[1], stated.format)
    except ValueError:
        return None
    if stated.clock == "offset":
        return read.astimezone(UTC) if read.tzinfo else None
    zone = ZoneInfo(stated.timezone) if stated.timezone else UTC
    return read.replace(tzinfo=zone).astimezone(UTC)


def take_in(
    found: Found, source: Source, *, k: int, withhold_zero: bool, tz: ZoneInfo, after: datetime | None, until: datetime
) -> Taken:
    """Take a delivery in, for the intervals that end in (``after``, ``until``].

    Later intervals are held, earlier ones were counted in an earlier reading. ``tz`` is the municipality's clock, on whose whole
    intervals a row must begin. Never raises for what a file may contain.
    """
    try:
        content = found.read()
    except OSError:
        return Taken("refused", "unreadable: the file could not be opened. Check that it is complete and may be read.", "", None)
    except UnreadableError as error:
        return Taken("refused", f"{error.code}: {error}", "", None)
    known = hashlib.sha256(content).hexdigest()
    issued = issued_at(source, found.name)
    records = 0
    try:
        raw = readers.read(content, source.reader)
        records = raw.records
        findings = sorted([*of_file_name(found.name), *screen(raw, source)])
        if findings:
            return Taken("closed", gate_reason(findings, source, raw), known, None, records)
        _refuse_what_does_not_fit(raw, source, issued)
        with in_memory(len(content)) as con:
            con.execute("SET TimeZone = 'UTC'")
            return _judged(con, raw, source, known, issued, k=k, withhold_zero=withhold_zero, tz=tz, after=after, until=until)
    except UnreadableError as error:
        return Taken("refused", f"{error.code}: {error}", known, issued, records)


def _refuse_what_does_not_fit(raw: Raw, source: Source, issued: datetime | None) -> None:
    """Raises :class:`UnreadableError` when a column or the time of issue lacks, or the source contradicts its dataset."""
    mistake = validate.contract_mistake(source, DATASETS.get(source.dataset), source.measure_names)
    if mistake:
        raise UnreadableError("contract", f"{mistake}. Correct config/sources/{source.source}.yaml.")
    missing = mapping.missing_columns(raw, source)
    if missing:
        named = ", ".join(f"`{name}`" for name in missing)
        told = f"declared column {named} is missing. Ask the supplier, or correct the declaration."
        raise UnreadableError("missing_column", told)
    used = {n for n in raw.names if n and (n in source.mapped_columns() or source.unpivoted(n))}
    twice = sorted(n for n in used if raw.names.count(n) > 1)
    if twice:
        told = f"declared column `{twice[0]}` stands more than once. Ask the supplier which one holds."
        raise UnreadableError("repeated_column", told)
    if isinstance(source.issued_at, IssuedAt) and source.issued_at.pattern and issued is None:
        told = "the file name does not carry its time of issue as declared. Correct `issued_at:` or the name."
        raise UnreadableError("issued_at", told)


def _judged(
    con: duckdb.DuckDBPyConnection, raw: Raw, source: Source, known: str, issued: datetime | None, *,
    k: int, withhold_zero: bool, tz: ZoneInfo, after: datetime | None, until: datetime,
) -> Taken:  # fmt: skip
    raw = corrections.columns(con, raw, source) if source.corrections else raw
    mapping.records(con, raw, source, tz, issued)
    verdict.judge(con, source, DATASETS[source.dataset], tz, after, until)
    measures = source.measure_names
    scaled = 1 / source.uptime.at_least if source.uptime else 1.0
    withheld = withhold.withheld(
        "kept", k=k, withhold_zero=withhold_zero, measures=measures, seen="seen", few="few", scaled=scaled
    )
    con.execute(f"CREATE TEMP TABLE stored AS {withheld}")
    first = after is None
    cells = con.sql(_CELLS).to_arrow_table().cast(CELLS)
    refused = refusals.table(con, raw, source, with_bad_lines=first)
    bad_lines = raw.bad.num_rows if first else 0
    corrected = corrections.told(con, source) if source.corrections else corrections.CORRECTED.empty_table()
    misfits = sums.misfits(con, raw, source) if source.sums else sums.MISFITS.empty_table()
    newest = con.execute("SELECT max(issued_at) FROM record").fetchall()[0][0]
    return Taken(
        "accepted", None, known, issued or (newest.astimezone(UTC) if newest else None), raw.records,
        cells=cells, refused=refused, corrected=corrected, misfits=misfits, **_counts(con, bad_lines, first),
    )  # fmt: skip


def _counts(con: duckdb.DuckDBPyConnection, bad_lines: int, first: bool) -> dict[str, int]:
    """Rows by what became of them; ``rows_in`` is counted on its own, so that a row lost on the way would show."""
    [row] = con.execute(
        """
        WITH due AS (SELECT count(*) FILTER (NOT waits) AS lost, count(*) FILTER (waits) AS waiting FROM troubled),
        small AS (SELECT DISTINCT place, slot, occ, true AS is_small FROM stored WHERE status = 'suppressed'),
        rows AS (SELECT count(*) FILTER (first AND NOT refused AND is_small IS NULL) AS accepted,
                        count(*) FILTER (first AND NOT refused AND is_small) AS suppressed,
                        count(*) FILTER (refused) AS refused, count(*) FILTER (NOT refused AND NOT first) AS duplicate
                 FROM judged LEFT JOIN small USING (place, slot, occ))
        SELECT (SELECT count(DISTINCT (place, slot, occ)) FROM cell) + lost, accepted, suppressed, refused + lost, duplicate,
               (SELECT count(*) FROM record WHERE NOT kept), (SELECT count(DISTINCT (place, slot, occ)) FROM held) + waiting
        FROM due, rows"""
    ).fetchall()
    rows_in, accepted, suppressed, refused, duplicate, filtered, held = map(int, row)
    return {
        "rows_in": rows_in + bad_lines, "rows_accepted": accepted, "rows_suppressed": suppressed,
        "rows_refused": refused + bad_lines, "rows_duplicate": duplicate, "rows_filtered": filtered if first else 0,
        "rows_held": held,
    }  # fmt: skip


# Kept cells, and an invalid one for each refused cell that no good row of the same delivery replaces (rule 5: ok, then invalid).
_CELLS = """
    WITH good AS (SELECT place, slot, occ FROM judged WHERE first AND NOT refused),
    lost AS (SELECT place, slot, occ FROM judged WHERE refused)
    SELECT row_number, place, slot AS interval_start, slot_end AS interval_end, measure, value, value_low, value_high, status,
           issued_at
    FROM stored SEMI JOIN good USING (place, slot, occ)
    UNION ALL
    SELECT min(row_number), place, slot, slot_end, measure, NULL, NULL, NULL, 'invalid', max(issued_at)
    FROM cell SEMI JOIN lost USING (place, slot, occ) ANTI JOIN good USING (place, slot)
    GROUP BY place, slot, slot_end, measure
    ORDER BY place, interval_start, measure"""
