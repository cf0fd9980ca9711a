"""Where observations stand in the suppliers' files: read again, withheld like every reading, and compared with what is stored."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import pyarrow.compute as pc

from pipelines import intake, register
from pipelines.explain.found import Record
from pipelines.explain.reading import Published
from pipelines.intake import found
from schemas.config import Config
from schemas.settings import Source

MOST_FILES = 8  # read again in search of a refused row or a declared outage


class Place(NamedTuple):
    """File, row, a code of ``texts.yaml``, and what the file says where it differs or why a row was refused."""

    delivery: str | None
    row: int | None
    check: str
    says: str | None = None


Key = tuple[str, str, datetime, str]
Told = dict[Key, Place]


def key(row: Record) -> Key:
    """What identifies an observation within a municipality."""
    return row["source"], row["place"], row["interval_start"], row["measure"]


def places(read: Published, config: Config, rows: list[Record]) -> Told:
    """Per observation its row in the file it came from, and whether the file still gives what is stored."""
    told: Told = {}
    for name, source in sorted({(row["delivery_name"], row["source"]) for row in rows if row["delivery_name"]}):
        told |= _in_file(config, name, [row for row in rows if (row["delivery_name"], row["source"]) == (name, source)])
    silent = [row for row in rows if row["status"] in ("invalid", "outage") and not row["delivery_name"]]
    for source in sorted({row["source"] for row in silent}):
        told |= _told_otherwise(read, config, [row for row in silent if row["source"] == source])
    return told


def _in_file(config: Config, name: str, rows: list[Record]) -> Told:
    source = config.sources.get(rows[0]["source"])
    if source is None:
        return {key(row): Place(name, None, "source_gone") for row in rows}
    file = next((f for f in intake.find(source, config.data) if f.name == name), None)
    if file is None:
        return {key(row): Place(name, None, "file_gone") for row in rows}
    if found.content_hash(file) != rows[0]["content_hash"]:
        return {key(row): Place(name, None, "file_changed") for row in rows}
    cells = _cells(config, source, file, rows)
    told = {key(row): _compared(name, row, cells.get(key(row))) for row in rows}
    return {key(row): _with_correction(config, source, row, told[key(row)]) for row in rows}


def _with_correction(config: Config, source: Source, row: Record, at: Place) -> Place:
    """A value that stands as the file gives it after a declared correction says which."""
    if at.check != "file_same":
        return at
    for number, entry in enumerate(source.corrections):
        places = tuple(entry.relabel.values()) or entry.places
        there = (not places or row["place"] in places) and entry.touches(row["measure"])
        if (
            there
            and (entry.from_ or row["interval_start"]) <= row["interval_start"]
            and (not entry.to or row["interval_start"] < entry.to)
        ):
            document = config.source_documents[source.source]
            where = f"{document.file}:{document.line(('corrections', number))}"
            return at._replace(check="file_corrected", says=f"{entry.correction}: {entry.reason} ({entry.owner}, {where})")
    return at


def _compared(name: str, row: Record, cell: Record | None) -> Place:
    if cell is None:
        return Place(name, None, "row_gone")
    if (cell["status"], cell["value"], cell["value_high"]) == (row["status"], row["value"], row["value_high"]):
        return Place(name, cell["row_number"], "file_same")
    if _beside(row, cell):
        return Place(name, cell["row_number"], "file_same")
    says = (
        f"<{int(cell['value_high']) + 1}" if cell["status"] == "suppressed" and cell["value_high"] is not None else cell["status"]
    )
    return Place(name, cell["row_number"], "file_differs", f"{cell['value'].normalize():f}" if cell["status"] == "ok" else says)


def _beside(row: Record, cell: Record) -> bool:
    """Whether a range stands for what the file gives (decision 0030), which is not told then; counts under k begin at 0."""
    low, high = row.get("value_low"), row.get("value_high")
    if row["status"] != "suppressed" or not low or high is None:
        return False
    return bool(cell["status"] == "suppressed" or (cell["status"] == "ok" and low <= cell["value"] <= high))


def _cells(config: Config, source: Source, file: intake.Found, rows: list[Record]) -> dict[Key, Record]:
    """What a file gives for the times of ``rows``, withheld under k."""
    taken = intake.take_in(
        file, source, k=config.k, withhold_zero=config.municipality.withhold_zero, tz=config.tz, after=None,
        until=max(row["interval_end"] for row in rows),
    )  # fmt: skip
    wanted = pc.greater_equal(taken.cells["interval_start"], min(row["interval_start"] for row in rows))
    return {key({**cell, "source": source.source}): cell for cell in taken.cells.filter(wanted).to_pylist()}


def _told_otherwise(read: Published, config: Config, rows: list[Record]) -> Told:
    """Where it stands that an interval has no value: in the register of outages, or in a row refused or declared an outage.

    Rows without a value do not name their delivery: it is looked for among those of the source that came shortly before. Only
    the name of the check is shown: a message may quote a count.
    """
    told: Told = {key(row): at for row in rows if row["status"] == "outage" and (at := _flagged(config, row))}
    source, left = config.sources.get(rows[0]["source"]), [row for row in rows if key(row) not in told]
    if source is None or not left:
        return told
    near = read.rows(
        """SELECT delivery_id, name FROM deliveries WHERE municipality = $1 AND source = $2
           AND received_at BETWEEN $3::TIMESTAMPTZ - INTERVAL 1 DAY AND $4 ORDER BY received_at DESC LIMIT $5""",
        [
            rows[0]["municipality"],
            source.source,
            min(r["recorded_at"] for r in left),
            max(r["recorded_at"] for r in left),
            MOST_FILES,
        ],
    )
    there = {f.name: f for f in intake.find(source, config.data)}
    for delivery in (d for d in near if d["name"] in there):
        cells = _cells(config, source, there[delivery["name"]], left)
        checks = _checks(read, delivery["delivery_id"])
        for row in left:
            cell = cells.get(key(row))
            if cell is not None and cell["status"] == row["status"]:
                told.setdefault(key(row), _why(delivery["name"], cell, checks.get(cell["row_number"])))
    return told


def _why(name: str, cell: Record, checks: str | None) -> Place:
    if cell["status"] == "outage":
        return Place(name, cell["row_number"], "outage_declared")
    return Place(name, cell["row_number"], "row_refused" if checks else "row_refused_too", checks)


def _flagged(config: Config, row: Record) -> Place | None:
    """The entry of the register that says the place was out of order then."""
    return _entry(config, row, "outage", "outage_flag")


def unjudged(config: Config, row: Record) -> Place | None:
    """The entry of the register by which an observation is not judged."""
    return _entry(config, row, "no_level", "not_judged") if row["status"] in ("ok", "suppressed") else None


def _entry(config: Config, row: Record, effect: str, said: str) -> Place | None:
    for number, flag in enumerate(config.municipality.flags):
        about = effect in flag.effect and flag.covers(row["source"], row["place"], row["measure"])
        if about and register.holds(flag, row["interval_start"], config.tz):
            in_file = f"{config.file}:{config.document.line(('flags', number))}"
            where = f"flags {flag.flag_id}" if isinstance(flag, register.Decided) else in_file
            return Place(where, None, said, f"{flag.reason} ({flag.owner})" if said == "not_judged" else flag.reason)
    return None


def _checks(read: Published, delivery_id: str) -> dict[int, str]:
    """Names of the checks that refused the rows of a delivery, by row."""
    found = read.rows(
        """SELECT row_number, string_agg(DISTINCT check_name, ', ' ORDER BY check_name) AS checks FROM refused_rows
           WHERE delivery_id = $1 GROUP BY row_number""",
        [delivery_id],
    )
    return {row["row_number"]: row["checks"] for row in found}
