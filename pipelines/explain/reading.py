"""The published database, with the calls of a store that computing needs; nothing can be written through it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from indicators.card import Card
from pipelines.explain.found import NotFound, Record
from pipelines.store.rows import temporary


class Published:
    """Stands in for :class:`pipelines.store.Store` wherever only :meth:`relation` and temporary tables are used."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.con = con

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """SQL text, in parentheses, for rows with sealing time in [start, end)."""
        by = "local_date" if name == "baselines" else "interval_start"
        lower = f"AND {by} >= TIMESTAMPTZ '{start.isoformat()}'" if start else ""
        upper = f"AND {by} < TIMESTAMPTZ '{end.isoformat()}'" if end else ""
        return f"(SELECT {columns} FROM indicators.{name} WHERE true {lower} {upper})"

    def given(self, name: str, made_of: object, rows: pa.Table | str) -> str:  # noqa: ARG002 - here it is made each time
        """A temporary table of Arrow or a query; returns ``name``."""
        temporary(self.con, name, rows)
        return name

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[Record]:
        """The rows of a query as dicts."""
        result = self.con.execute(sql, list(parameters))
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def table(self, name: str, rows: list[Record], schema: pa.Schema) -> None:
        """Make a temporary table from rows."""
        self.con.register("rows_given", pa.Table.from_pylist(rows, schema))
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM rows_given")
        self.con.unregister("rows_given")


def card_of(read: Published, cards: Mapping[str, Card], indicator: str, definition_hash: str) -> Card:
    """The card as it was used: today's, or the one kept with the numbers when the definition has changed since.

    Raises :class:`NotFound` when it is not kept, or written in a grammar of another release.
    """
    card = cards.get(indicator)
    if card is not None and card.definition_hash == definition_hash:
        return card
    kept = read.rows("SELECT card FROM indicators WHERE indicator = $1 AND definition_hash = $2", [indicator, definition_hash])
    if not kept:
        raise NotFound(
            f"the definition `{definition_hash}` of `{indicator}` behind this value is not kept in the published file."
        )
    try:
        return Card.model_validate_json(kept[0]["card"])
    except ValidationError as error:
        what = f"the definition `{definition_hash}` of `{indicator}` was written by another release"
        raise NotFound(f"{what} and cannot be read by this one. Explain it with the release named in table `about`.") from error
