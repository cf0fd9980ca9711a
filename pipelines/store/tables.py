"""The working database's tables: those analysts read (from schemas.results) and the private ones of the ledger."""

from __future__ import annotations

from pathlib import Path

import duckdb

from schemas.results import TABLES, Table

FORMAT = 5  # raised with every change of a table that stands: pipelines/upkeep/steps.py

# Private tables: what has been taken in, which cells changed since they were last computed, how far the grid
# is filled, which sealed file holds which days, which part which hours, and which numbers are kept apart.
_PRIVATE = """
CREATE TABLE IF NOT EXISTS manifest (table_name VARCHAR, first_day DATE, last_day DATE, file VARCHAR, row_count BIGINT,
    PRIMARY KEY (table_name, first_day));
CREATE TABLE IF NOT EXISTS retired_files (file VARCHAR PRIMARY KEY, retired_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS parts (table_name VARCHAR, part_from TIMESTAMPTZ, part_until TIMESTAMPTZ, file VARCHAR, row_count BIGINT);
CREATE TABLE IF NOT EXISTS unpublished (recorded_from TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS seen_files (municipality VARCHAR, source VARCHAR, name VARCHAR, size_bytes BIGINT, mtime_ns BIGINT,
    delivery_id VARCHAR, taken_until TIMESTAMPTZ, complete BOOLEAN, PRIMARY KEY (municipality, source, name));
CREATE TABLE IF NOT EXISTS spans (municipality VARCHAR, source VARCHAR, delivery_id VARCHAR, span_start TIMESTAMPTZ,
    span_end TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS filled (municipality VARCHAR, source VARCHAR, place VARCHAR, filled_from TIMESTAMPTZ,
    filled_until TIMESTAMPTZ, PRIMARY KEY (municipality, source, place));
CREATE TABLE IF NOT EXISTS changed_days (municipality VARCHAR, source VARCHAR, local_date DATE);
CREATE TABLE IF NOT EXISTS misfits (municipality VARCHAR, source VARCHAR, place VARCHAR, interval_start TIMESTAMPTZ, content_hash VARCHAR);
CREATE TABLE IF NOT EXISTS look_again (municipality VARCHAR, source VARCHAR, place VARCHAR, look_from TIMESTAMPTZ,
    look_until TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS dirty_cells (municipality VARCHAR, dataset VARCHAR, source VARCHAR, place VARCHAR,
    interval_start TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS waiting_slots (municipality VARCHAR, indicator VARCHAR, place VARCHAR, slot_start TIMESTAMPTZ,
    interval_minutes INTEGER, due_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS dirty_levels (municipality VARCHAR, indicator VARCHAR, place VARCHAR, day TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS baseline_done (municipality VARCHAR, dataset VARCHAR, source VARCHAR, measure VARCHAR, place VARCHAR,
    interval_minutes INTEGER, local_date DATE);
CREATE TABLE IF NOT EXISTS held_slots (municipality VARCHAR, indicator VARCHAR, place VARCHAR, interval_start TIMESTAMPTZ,
    PRIMARY KEY (municipality, indicator, place, interval_start));
CREATE TABLE IF NOT EXISTS kept_apart (municipality VARCHAR, dataset VARCHAR, source VARCHAR, place VARCHAR, interval_start TIMESTAMPTZ,
    measure VARCHAR, value DECIMAL(18,6), was_high DECIMAL(18,6), low DECIMAL(18,6), high DECIMAL(18,6));
CREATE TABLE IF NOT EXISTS config_files (content_hash VARCHAR, folder VARCHAR, name VARCHAR, content BLOB,
    PRIMARY KEY (content_hash, name));
CREATE TABLE IF NOT EXISTS card_state (municipality VARCHAR, key VARCHAR, text VARCHAR, PRIMARY KEY (municipality, key));
CREATE TABLE IF NOT EXISTS alert_state (municipality VARCHAR PRIMARY KEY, state VARCHAR);
"""


class FormatError(Exception):
    """The workspace was written by a release with another format; nothing is guessed about it."""


def format_of(private: Path) -> int | None:
    """The format number of a workspace; None where there is none yet. Raises :class:`FormatError` for what is no number."""
    stamp = private / "format"
    if not stamp.exists():
        if (private / "working.duckdb").exists():
            raise FormatError(f"{private}: a working database without a format number. Restore it from a backup.")
        return None
    text = stamp.read_text(encoding="ascii", errors="replace").strip()
    if not text.isdigit():
        raise FormatError(f"{stamp}: no format number. Restore the workspace from a backup.")
    return int(text)


def check_format(private: Path) -> None:
    """Write the format number into a new workspace; refuse one of another release."""
    found = format_of(private)
    if found is None:
        write_format(private, FORMAT)
    elif found < FORMAT:
        what = f"{private.parent}: workspace format {found} of an earlier release, this one works on {FORMAT}"
        raise FormatError(f"{what}. Run `drukte migrate --workspace {private.parent}`: it takes a backup first.")
    elif found > FORMAT:
        what = f"{private.parent}: workspace format {found} of a newer release, this one works on {FORMAT}"
        raise FormatError(f"{what}. Use the release that wrote it, or restore a backup of before.")


def write_format(private: Path, number: int) -> None:
    """Write the format number in one stroke: after a kill it is the old or the new one."""
    aside = private / ".format.new"
    aside.write_text(f"{number}\n", encoding="ascii")
    aside.replace(private / "format")


def superseded_columns(table: Table) -> dict[str, str]:
    """Columns of the table that keeps earlier versions: the published ones and when each was superseded."""
    return {c: table.type_of(c) for c in (*table.columns, "superseded_at")}


def physical(name: str) -> dict[str, str]:
    """Columns and types of a physical table, by its name (``observations`` or ``observations_superseded``)."""
    if name.endswith("_superseded"):
        return superseded_columns(TABLES[name.removesuffix("_superseded")])
    return {c: TABLES[name].type_of(c) for c in TABLES[name].stored}


def names() -> list[str]:
    """All physical tables that come from the contracts."""
    return [*TABLES, *(f"{t.name}_superseded" for t in TABLES.values() if t.history)]


def ddl(name: str) -> str:
    """CREATE TABLE text of a physical table."""
    columns = ", ".join(f'"{c}" {t}' for c, t in physical(name).items())
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns})"


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Create every table that does not exist yet."""
    for name in names():
        con.execute(ddl(name))
    con.execute(_PRIVATE)
