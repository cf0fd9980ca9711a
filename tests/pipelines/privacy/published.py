"""A published file written by hand: counts, as a supplier's own numbers behind a rule of withholding that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb

from schemas.results import TABLES

START = datetime(2026, 6, 1, 18, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Cell:
    """One count as it is in truth, and as it is published: ``status``, ``low``, ``high``; ``None``: no number."""

    measure: str
    place: str
    true: int
    source: str = "a"
    start: datetime = START
    length: timedelta = QUARTER
    dataset: str = "passage_counts"
    since: datetime = START + timedelta(hours=1)
    until: datetime | None = None
    status: str = "ok"
    low: float | None = None
    high: float | None = None

    def withheld(self, k: int) -> Cell:
        """As primary suppression publishes it."""
        return replace(self, status="suppressed", low=0, high=k - 1) if 0 < self.true < k else self

    def hidden(self, low: float | None, high: float | None) -> Cell:
        """Withheld with other bounds."""
        return replace(self, status="suppressed", low=low, high=high)


def line(name: str, origin: str | None = None, to: str | None = None) -> dict[str, object]:
    """A line between two zones."""
    return {"place": name, "place_kind": "line", "from_zone": origin, "to_zone": to}


def journey(origin: str, to: str) -> dict[str, object]:
    """A journey between two stops."""
    return {"place": f"{origin}-to-{to}", "place_kind": "relation", "from_zone": origin, "to_zone": to}


def publish(folder: Path, cells: Iterable[Cell], places: Sequence[dict[str, object]] = ()) -> Path:
    """Write ``indicators.duckdb`` with these counts (and empty tables for the rest); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "indicators.duckdb")) as con:
        con.execute("SET TimeZone='UTC'")
        for name, extra in (("observations_history", ("superseded_at",)), ("held_changes", ()), ("places", ()), ("effective_settings", ()),
                            ("indicator_values_history", ("superseded_at",))):  # fmt: skip
            table = TABLES[name.removesuffix("_history")]
            columns = [f'"{c}" {table.type_of(c)}' for c in (*table.columns, *extra)]
            con.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        for c in cells:
            value = c.true if c.status == "ok" else None
            con.execute(
                "INSERT INTO observations_history BY NAME SELECT 'tiny' AS municipality, ? AS dataset, ? AS source, ? AS place, ? AS interval_start,"
                " ? AS interval_end, ? AS measure, ? AS value, ? AS value_low, ? AS value_high, ? AS status, ? AS recorded_at, ? AS superseded_at",
                [c.dataset, c.source, c.place, c.start, c.start + c.length, c.measure, value,
                 value if c.status == "ok" else c.low, value if c.status == "ok" else c.high, c.status, c.since, c.until],
            )  # fmt: skip
        for place in places:
            row = {"municipality": "tiny", "valid_from": START - timedelta(days=9), **place}
            con.execute(f"INSERT INTO places BY NAME SELECT {', '.join(f'? AS {c}' for c in row)}", [*row.values()])
    return folder


def config(k: int, *, withhold_zero: bool = False) -> SimpleNamespace:
    """What the audit asks of a municipality's settings."""
    town = SimpleNamespace(municipality="tiny", withhold_zero=withhold_zero)
    return SimpleNamespace(municipality=town, k=k, sources={}, places=())


Strategy = Callable[[Sequence[Cell], int], list[Cell]]


def primary(cells: Sequence[Cell], k: int) -> list[Cell]:
    """The known-bad strategy: each count under k is withheld, whatever stands beside it."""
    return [c.withheld(k) for c in cells]
