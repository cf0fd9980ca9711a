"""The open data set of a municipality: what the classes allow, as late as they say, as CSV and Parquet with two descriptions of it.

Read from the published file, where small groups and what gives them back are withheld already. Nothing of an event comes out while it
goes on, where the municipality says so. A table or column without a class stops everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from indicators.card import Card
from pipelines import published as reading
from pipelines import purpose
from pipelines.export import dcat, described, log
from pipelines.store.sealing import quoted
from schemas import publicity
from schemas.config import Config
from schemas.problems import Outside, Problems
from schemas.results import TABLES


@dataclass(frozen=True)
class Export:
    """What was written: ``files``, the rows of each table, and until when each table tells."""

    folder: Path
    municipality: str
    purpose: str
    files: list[Path]
    rows: dict[str, int]
    until: dict[str, datetime]
    content_hash: str

    @property
    def row_count(self) -> int:
        """Of all tables together."""
        return sum(self.rows.values())


def write(
    out: Path, file: Path, config: Config, cards: Mapping[str, Card], at: datetime, note: Callable[[Export], None] | None = None
) -> Export:
    """Write ``<out>/<municipality>/`` in one stroke, replacing an earlier export; ``at`` (aware) is the moment it is made for.

    ``note`` logs it before it is let out: when that fails nothing is.
    Raises :class:`Problems`, all :class:`Outside`, when no review covers the purpose and when a column has no class.
    """
    state = purpose.leaves_the_house(config, cards, at)
    slug = config.municipality.municipality
    con = reading.connect(file)
    try:
        columns = allowed(con, config)
        final = out / slug
        aside = log.aside(final)
        until = {name: cutoff(config, name, at) for name in columns if name in publicity.TOLD_UNTIL}
        rows = {name: _table(con, aside, name, shown, slug, until.get(name)) for name, shown in columns.items()}
    finally:
        con.close()
    package = described.package(config, state.purpose, columns, until, at)
    record = dcat.record(config, state.purpose, columns, until, at)
    for name, content in (("datapackage.json", package), ("dcat.jsonld", record)):
        (aside / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    made = Export(aside, slug, state.purpose, [], rows, until, log.content_hash(aside.iterdir()))
    if note:
        note(made)
    return replace(made, folder=final, files=log.release(aside, final))


def allowed(con: duckdb.DuckDBPyConnection, config: Config) -> dict[str, list[str]]:
    """Public table → its public columns, as they stand in the published file. Raises :class:`Problems` for one without a class."""
    rules, found, undecided = config.municipality.published, {}, []
    there = con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'indicators' ORDER BY column_index"
    ).fetchall()
    for name in TABLES:
        given = rules.tables[name].class_ if name in rules.tables else None
        house = publicity.of_table(name)
        if house is None:
            undecided.append(name)
            continue
        if publicity.narrowest(house, given or house) != "public":
            continue
        shown = []
        for column in (c for t, c in there if t == name):
            own = publicity.of_column(column)
            if own is None:
                undecided.append(f"{name}.{column}")
            elif publicity.narrowest(own, rules.columns.get(f"{name}.{column}", own)) == "public":
                shown.append(column)
        if shown:  # a file of an earlier release may lack a table
            found[name] = shown
    if undecided:
        fix = "Decide who may see it: `class:` in schemas/vocabulary.yaml, a table's in schemas/publicity.py."
        raise Problems(
            Outside(config.file, 0, "publication", f"`{name}` has no class, so nothing is exported", fix) for name in undecided
        )
    return found


def cutoff(config: Config, table: str, at: datetime) -> datetime:
    """Until when rows of a table come out at a moment: its delay ago, and not past the start of an event that goes on."""
    rules = config.municipality.published
    latest = at - rules.delay_of(table)
    if rules.silent(table):
        latest = min([latest, *(event.from_ for event in config.municipality.events if event.from_ <= at < event.to)])
    return latest


def _table(con: duckdb.DuckDBPyConnection, folder: Path, name: str, columns: list[str], slug: str, until: datetime | None) -> int:
    """Write one table twice; returns its rows."""
    own = f"municipality = {quoted(slug)}" if "municipality" in TABLES[name].columns else "true"
    late = f" AND {publicity.TOLD_UNTIL[name]} <= TIMESTAMPTZ '{until.isoformat()}'" if until else ""
    listed = ", ".join(f'"{c}"' for c in columns)
    rows = f"SELECT {listed} FROM {name} WHERE {own}{late} ORDER BY ALL"
    con.execute(f"COPY ({rows}) TO {quoted(folder / f'{name}.parquet')} (FORMAT parquet)")
    plain = ", ".join(f'{_as_text(TABLES[name].type_of(c), c)} AS "{c}"' for c in columns)
    con.execute(f"COPY (SELECT {plain} FROM ({rows}) ORDER BY ALL) TO {quoted(folder / f'{name}.csv')} (HEADER)")
    [(count,)] = con.execute(f"SELECT count(*) FROM read_parquet({quoted(folder / f'{name}.parquet')})").fetchall()
    return int(count)


def _as_text(kind: str, column: str) -> str:
    """How a column stands in a CSV: instants in UTC with Z, lists as JSON."""
    if kind == "TIMESTAMPTZ":
        return f"""strftime("{column}" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ')"""
    return f'CAST(to_json("{column}") AS VARCHAR)' if kind.endswith("[]") else f'"{column}"'


def utc(moment: datetime) -> str:
    """ISO with Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
