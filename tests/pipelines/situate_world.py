"""A small town for tests of situations: tables in memory, made-up cards, rows written as letters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from pipelines import situate, situation_groups
from schemas.results import TABLES
from tests.indicators.naive_levels import AT_ONCE, BETWEEN, CALM, REACHED, UNKNOWN, pack

T0 = datetime(2026, 4, 27, 18, 0, tzinfo=UTC)
MUNICIPALITY = "waterdam"
OFF = CALM
# letter: (bits of the three bands, value, level, status, reason)
LETTERS: dict[str, tuple[tuple[int, int, int], float | None, str, str, str | None]] = {
    "c": ((CALM, CALM, CALM), 1.0, "normal", "ok", None),
    "b": ((BETWEEN, CALM, CALM), 1.9, "normal", "ok", None),
    "E": ((REACHED, CALM, CALM), 2.5, "elevated", "ok", None),
    "H": ((REACHED, REACHED, CALM), 3.6, "high", "ok", None),
    "K": ((REACHED, REACHED, REACHED), 4.7, "critical", "ok", None),
    "!": ((REACHED | AT_ONCE, REACHED | AT_ONCE, CALM), 3.9, "high", "ok", None),
    "h": ((REACHED, REACHED | AT_ONCE, CALM), 3.9, "high", "ok", None),
    "S": ((REACHED, CALM, CALM), None, "elevated", "suppressed", "suppressed"),
    "?": ((UNKNOWN, UNKNOWN, UNKNOWN), None, "unknown", "missing", "missing"),
    "u": ((UNKNOWN, CALM, CALM), None, "unknown", "suppressed", "undecided"),
}


def card(name: str, risk: str = "overcrowding", role: str = "signal") -> Any:
    text = SimpleNamespace(
        nl="{place}: {value} {unit} sinds {since}. Vanaf {threshold} {unit} is {level}.",
        en="{place}: {value} {unit} since {since}. From {threshold} {unit} on it is {level}.",
    )
    return SimpleNamespace(id=name, role=role, safety_risk=risk, explanation=text, unit="p/m²", digits=1, direction="up")


CARDS = {
    c.id: c
    for c in (card("density"), card("occupancy"), card("flow", "saturated_passage"), card("share", "overcrowding", "context"))
}  # fmt: skip


class Store:
    """The calls of the store that situations need, over tables in memory."""

    def __init__(self, by_day: bool) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone='UTC'; SET threads=1")
        for name in ("indicator_values", "situations", "effective_settings", "places"):
            table = TABLES[name]
            columns = ", ".join(f'"{c}" {table.type_of(c)}' for c in table.stored)
            self.con.execute(f"CREATE TABLE {name} ({columns})")
        self.con.execute("CREATE TABLE situations_superseded AS SELECT *, NULL::TIMESTAMPTZ AS superseded_at FROM situations")
        day = "DATE" if by_day else "TIMESTAMPTZ"
        self.con.execute(f"CREATE TABLE dirty_levels (municipality VARCHAR, indicator VARCHAR, place VARCHAR, day {day})")

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        lower = f" AND interval_start >= TIMESTAMPTZ '{start.isoformat()}'" if start else ""
        upper = f" AND interval_start < TIMESTAMPTZ '{end.isoformat()}'" if end else ""
        return f"(SELECT {columns} FROM {name} WHERE true{lower}{upper})"

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.con.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.con.execute("ROLLBACK")
            raise
        self.con.execute("COMMIT")


class World:
    """A town whose rows are put and then judged; ``for``, ``keep_for`` (for all bands) and the source's delay are minutes.

    ``by_day``: what changed is told by the day, else by the hour.
    """

    def __init__(
        self,
        beside: dict[str, frozenset[str]] | None = None,
        for_: int = 30,
        keep: int = 30,
        delay: int = 5,
        by_day: bool = False,
    ):
        self.store = Store(by_day)
        self.beside = beside or {}
        self.hashes: set[str] = set()
        self.timing = for_, keep
        self.config: Any = SimpleNamespace(
            municipality=SimpleNamespace(municipality=MUNICIPALITY), tz=ZoneInfo("Europe/Amsterdam"), k=15,
            places=[SimpleNamespace(place=SimpleNamespace(place="markt", name="Grote Markt", valid_from=T0))],
            sources={"camera": SimpleNamespace(delay=timedelta(minutes=delay))},
        )  # fmt: skip
        self.cards: dict[str, Any] = CARDS
        for place, name in (("markt", "Grote Markt"), ("plein", "Stationsplein"), ("kade", "Kade")):
            self.store.con.execute("INSERT INTO places (municipality, place, name, valid_from) VALUES (?, ?, ?, ?)",
                                   [MUNICIPALITY, place, name, T0])  # fmt: skip

    def put(
        self, place: str, pattern: str, at: datetime = T0, *, indicator: str = "density", minutes: int = 15,
        confidence: float = 0.9,
    ) -> datetime:  # fmt: skip
        """Write a letter a slot from ``at`` on (a space: no row); returns the end of the last."""
        rows, length = [], timedelta(minutes=minutes)
        for i, letter in enumerate(pattern):
            start = at + i * length
            if letter != " ":
                rows.append(self.row(place, indicator, start, end=start + length, letter=letter, confidence=confidence))
        self.write(rows)
        return at + len(pattern) * length

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Put rows in place of those of the same slot, and mark their days."""
        if not rows:
            return
        con, table = self.store.con, TABLES["indicator_values"]
        names = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "TIMESTAMPTZ": pa.timestamp("us", "UTC"), "SMALLINT": pa.int16()}
        schema = pa.schema([(c, names[table.type_of(c)]) for c in rows[0]])
        con.register("put_rows", pa.Table.from_pylist(rows, schema))
        con.execute("DELETE FROM indicator_values v USING put_rows p WHERE v.indicator = p.indicator AND v.place = p.place "
                    "AND v.interval_start = p.interval_start")  # fmt: skip
        con.execute("INSERT INTO indicator_values BY NAME FROM put_rows")
        con.execute(
            """INSERT INTO dirty_levels
               SELECT DISTINCT municipality, indicator, place, time_bucket(INTERVAL 1 HOUR, interval_start) FROM put_rows"""
        )
        con.unregister("put_rows")

    def row(
        self, place: str, indicator: str, start: datetime, *, end: datetime, letter: str, confidence: float
    ) -> dict[str, Any]:
        """A row of indicator_values (the columns that situations read)."""
        bits, value, level, status, reason = LETTERS[letter]
        return {
            "municipality": MUNICIPALITY, "indicator": indicator, "place": place, "source": "camera", "interval_start": start,
            "interval_end": end, "value": value, "level": level, "status": status, "reason": reason, "coverage": 0.95,
            "confidence": confidence if level != "unknown" else None, "config_hash": self._settings(), "judged": pack(list(bits)),
        }  # fmt: skip

    def _settings(self) -> str:
        """The hash of the settings in force, kept as the pipeline keeps them."""
        for_, keep = self.timing
        name = f"for{for_}keep{keep}"
        if name in self.hashes:
            return name
        self.hashes.add(name)
        bands = {b: {"enter": e, "for_minutes": for_, "keep_for_minutes": keep} for b, e in
                 (("elevated", 2.0), ("high", 3.5), ("critical", 4.5))}  # fmt: skip
        self.store.con.execute(
            "INSERT INTO effective_settings VALUES (?, ?, NULL, NULL, ?)", [name, MUNICIPALITY, json.dumps({"bands": bands})]
        )
        return name

    def tick(self, at: datetime, origin: str = "live") -> list[dict[str, Any]]:
        with self.store.transaction():
            changed = situate.update(
                self.store, self.config, self.cards, self.beside, "dirty_levels", at=at, origin=origin, run_id="r"
            )
            self.store.con.execute("DELETE FROM dirty_levels")
        return changed

    def live(self, place: str, pattern: str, at: datetime = T0, **options: Any) -> None:
        """Put slot by slot, with a tick five minutes after each."""
        for letter in pattern:
            at = self.put(place, letter, at, **options)
            self.tick(at + timedelta(minutes=5))

    def situations(self, table: str = "situations") -> list[dict[str, Any]]:
        return self.store.con.sql(f"FROM {table} ORDER BY safety_risk, place, started_at, revision").to_arrow_table().to_pylist()

    def known(self, at: datetime) -> str:
        """SQL of the situations as a run stopped at a moment had published them."""
        return f"""(SELECT * EXCLUDE (superseded_at) FROM (FROM situations_superseded
                    UNION ALL BY NAME SELECT *, NULL::TIMESTAMPTZ AS superseded_at FROM situations)
                    WHERE recorded_at <= TIMESTAMPTZ '{at.isoformat()}'
                    AND (superseded_at IS NULL OR superseded_at > TIMESTAMPTZ '{at.isoformat()}'))"""

    def stories(self, situations: str = "situations") -> list[dict[str, Any]]:
        """The groups, as published."""
        sql = f"SELECT * FROM ({situation_groups.sql(situations)}) ORDER BY started_at, group_id"
        return self.store.con.sql(sql).to_arrow_table().to_pylist()

    def content(self) -> list[dict[str, Any]]:
        """Current rows as rule 22 compares them."""
        return [{k: row[k] for k in TABLES["situations"].content} for row in self.situations()]

    def one(self) -> dict[str, Any]:
        (row,) = self.situations()
        return row


def minutes(count: float) -> datetime:
    """A moment, in minutes after the first slot."""
    return T0 + timedelta(minutes=count)
