"""Which rows of a table belong to a purpose: conditions in SQL, made of what ``purpose_reviews`` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines.store.sealing import quoted

# Table → what tells whose a row is. Those that are not named here belong to whoever the municipality's file belongs to.
BY_DATASET = ("observations", "baselines", "baseline_holds", "held_changes", "data_quality")
BY_INDICATOR = ("indicator_values", "thresholds", "effective_settings")
BY_SOURCE = ("deliveries", "corrections", "corrected", "flags")


@dataclass(frozen=True)
class Bound:
    """One municipality's use for one purpose."""

    municipality: str
    purpose: str
    order: int
    datasets: tuple[str, ...]
    indicators: tuple[str, ...]
    sources: tuple[str, ...]
    risks: tuple[str, ...]

    def holds(self, table: str) -> str:
        """SQL: whether a row of the municipality belongs to the purpose."""
        if table in BY_DATASET:
            return f"dataset IN ({_texts(self.datasets)})"
        if table in BY_INDICATOR:
            return f"indicator IN ({_texts(self.indicators)})"
        if table == "blind_spots":
            return f"(indicator IS NULL OR indicator = '' OR indicator IN ({_texts(self.indicators)}))"
        return f"source IN ({_texts(self.sources)})" if table in BY_SOURCE else "true"


def read(con: duckdb.DuckDBPyConnection, where: str = "true") -> list[Bound]:
    """What every municipality of a workspace uses for each of its purposes, in the order of adoption."""
    rows: list[Any] = con.execute(f"""
        SELECT municipality, purpose, adoption_order, datasets, used_indicators, sources, whole_risks FROM purpose_reviews WHERE {where}
        ORDER BY municipality, adoption_order
    """).fetchall()
    return [Bound(m, p, n, tuple(d), tuple(i), tuple(s), tuple(r)) for m, p, n, d, i, s, r in rows]


def first_of_several(con: duckdb.DuckDBPyConnection) -> list[Bound]:
    """The first purpose of each municipality that has further ones."""
    return read(con, "adoption_order = 1 AND municipality IN (SELECT municipality FROM purpose_reviews WHERE adoption_order > 1)")


def of_the_main_file(first: list[Bound], table: str) -> str:
    """SQL: what the main file holds of a table: of a municipality with further purposes only what belongs to its first one."""
    kept = [f"(municipality <> {quoted(b.municipality)} OR {b.holds(table)})" for b in first if b.holds(table) != "true"]
    return " AND ".join(kept)


def _texts(names: tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names) or "NULL"
