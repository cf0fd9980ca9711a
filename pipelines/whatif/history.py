"""The published history under two sets of settings: as it was judged, and as other settings would have judged it.

Everything is read from ``published/indicators.duckdb`` and its sealed files; what is worked out stays in memory. A value stands
as it was stored. Only where the settings behind it differ, or the stored row does not tell how it is to be judged, is it
computed again from its inputs, by the text of the tick.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import pyarrow as pa

from indicators import rejudge
from indicators.card import Card
from pipelines import composite, compute, published
from pipelines.store.rows import one, temporary
from schemas.config import Config
from schemas.settings import BANDS

Side = Literal["before", "after"]
MANY_SEGMENTS = 8  # at one place: from there on segments are looked up by the day
DAY_MS = 86_400_000
MINUTES = "((epoch_us(interval_end) - epoch_us(interval_start)) // 60000000)::INTEGER"  # much quicker than by the calendar
SHOWN = (*rejudge.KEPT, "status", "level", "reason", "judged")
_EDGES = tuple(f"{band}_{edge}" for band in BANDS for edge in ("enter", "exit"))


_TYPES = {
    "place": "VARCHAR", "source": "VARCHAR", "interval_start": "TIMESTAMPTZ", "interval_end": "TIMESTAMPTZ", "value": "DOUBLE",
    "coverage": "DOUBLE", "confidence": "DOUBLE", "config_hash": "VARCHAR", "level_before": "VARCHAR", "status": "VARCHAR",
    "level": "VARCHAR", "reason": "VARCHAR", "judged": "SMALLINT",
}  # fmt: skip


def at_sql(moment: datetime) -> str:
    """A moment as SQL."""
    return f"TIMESTAMPTZ '{moment.astimezone(UTC).isoformat()}'"


def opened(card: Card, side: Side) -> str:
    """Name of the table of a card's rows that were computed again."""
    return f"opened_{side}_{_slug(card)}"


def changed_parts(card: Card) -> str:
    """Name of the table (place, interval_start) of the slots at which a part of a composite card has another level."""
    return f"changed_parts_{_slug(card)}"


def known(card: Card) -> str:
    """Name of the table of what a card's settings say, by their hash."""
    return f"known_{_slug(card)}"


def _slug(card: Card) -> str:
    return card.id.replace(".", "_").replace("-", "_")


class History:
    """Values of one municipality in [start, end); stands in for the store wherever only :meth:`relation` is read.

    ``side`` says whose judgement :meth:`relation` gives of indicator values, ``only`` names a table (indicator, place) to
    which they are narrowed. The table ``affected`` (indicator, place) holds where the settings in force are others.
    """

    def __init__(self, file: Path, config: Config, cards: Mapping[str, Card], start: datetime, end: datetime, at: datetime):
        self.config, self.start, self.end, self.at = config, start, end, at
        self.slug = config.municipality.municipality
        self.side: Side = "after"
        self.only: str | None = None
        self.known: dict[str, object] = {}  # as of a store
        self._there: frozenset[tuple[str, ...]] | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="drukte-whatif-")
        self.con = published.connect(file)
        self.con.execute(f"SET temp_directory = '{self._scratch.name}'")
        self.con.execute("SET preserve_insertion_order = false; SET enable_progress_bar = false")
        self.con.execute("USE memory")
        self.con.execute(
            f"CREATE TABLE effective_settings AS FROM indicators.effective_settings WHERE municipality = '{self.slug}'"
        )
        self.active = compute.active_cards(config, cards)
        compute.prepare_segments(self.as_store, config, self.active, start, end)
        self.con.execute("CREATE TEMP TABLE in_force_now AS FROM in_force")
        for card in self.active:
            self._settings(card)
        self._segments_by_day()
        self.other_values: set[str] = set()  # cards of which a value itself is another by the settings in force
        self.notes = self._compare_settings()

    @classmethod
    def span(cls, file: Path, slug: str) -> tuple[datetime, datetime] | None:
        """From the first to the last moment of which there are values; None without any."""
        con = published.connect(file)
        found = one(
            con.execute("SELECT min(interval_start), max(interval_end) FROM indicator_values WHERE municipality = ?", [slug])
        )
        con.close()
        return None if found[0] is None else (found[0].astimezone(UTC), found[1].astimezone(UTC))

    def __enter__(self) -> History:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.con.close()
        self._scratch.cleanup()

    @property
    def as_store(self) -> Any:
        """Itself, for functions that ask for a store and only read through it."""
        return self

    # What is read

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """SQL text, in parentheses, for rows of a table in [start, end); indicator values as judged by ``side``."""
        if name == "indicator_values":
            low, high = max(start or self.start, self.start), min(end or self.end, self.end)
            each = [f"SELECT {columns} FROM ({self.judged(c, self.side, low, high)})" for c in self.active if self._wanted(c)]
            return f"({' UNION ALL BY NAME '.join(each)})"
        by = "local_date" if name == "baselines" else "interval_start"
        lower = f"AND {by} >= {at_sql(start)}" if start else ""
        upper = f"AND {by} < {at_sql(end)}" if end else ""
        return f"(SELECT {columns} FROM indicators.{name} WHERE true {lower} {upper})"

    def given(self, name: str, made_of: object, rows: pa.Table | str) -> str:  # noqa: ARG002 - here it is made each time
        """A temporary table of Arrow or a query; returns ``name``."""
        temporary(self.con, name, rows)
        return name

    def judged(self, card: Card, side: Side, start: datetime, end: datetime) -> str:
        """SELECT of a card's values in [start, end) as judged by one side."""
        again = f"SELECT * FROM {opened(card, side)} WHERE interval_start >= {at_sql(start)} AND interval_start < {at_sql(end)}"
        rows = f"SELECT {', '.join(SHOWN)} FROM ({self.rejudged(card, side, start, end)}) WHERE NOT is_open UNION ALL BY NAME {again}"
        return f"SELECT '{self.slug}' AS municipality, '{card.id}' AS indicator, * FROM ({rows})"

    def stored(self, card: Card, start: datetime, end: datetime) -> str:
        """SQL, in parentheses, for the rows of a card in [start, end) as they were published."""
        only = f"AND place IN (SELECT place FROM {self.only} WHERE indicator = '{card.id}')" if self.only else ""
        return f"""(SELECT *, {MINUTES} AS interval_minutes FROM indicators.indicator_values
                    WHERE municipality = '{self.slug}' AND indicator = '{card.id}' {only}
                        AND interval_start >= {at_sql(start)} AND interval_start < {at_sql(end)})"""

    def rejudged(self, card: Card, side: Side, start: datetime, end: datetime) -> str:
        """SELECT of stored rows judged by the settings kept with them, or by those in force now."""
        kept = [c for c in rejudge.KEPT if c not in ("config_hash", "level_before")]
        columns = ", ".join(f"v.{c}" for c in (*kept, "value_low", "value_high", "status", "reason", "interval_minutes"))
        settings = ", ".join(f"s.{name}" for name in ("config_hash", *rejudge.numbers(card), *_EDGES))
        stored, settings_of = self.stored(card, start, end), known(card)
        if side == "before":
            other, joins = "FALSE", f"JOIN {settings_of} s ON s.config_hash = v.config_hash"
        else:
            parts = f"OR (v.place, v.interval_start) IN (FROM {changed_parts(card)})" if composite.is_composite(card) else ""
            other = f"s.basis <> b.basis {parts}"
            joins = f"""{self._in_force(card)} JOIN {settings_of} s ON s.config_hash = coalesce(f.config_hash, v.config_hash)
                JOIN {settings_of} b ON b.config_hash = v.config_hash"""
        rows = f"(SELECT {columns}, v.level AS level_before, {settings}, {other} AS other_value FROM {stored} v {joins})"
        return rejudge.sql(card, rows)

    def _in_force(self, card: Card) -> str:
        """A LEFT JOIN of stored rows ``v`` to the settings in force now, ``f``."""
        day = f"AND f.day = epoch_ms(v.interval_start) // {DAY_MS}" if self._by_day else ""
        return f"""LEFT JOIN in_force_days f ON f.indicator = '{card.id}' AND f.place = v.place {day}
            AND v.interval_start >= f.seg_start AND v.interval_start < f.seg_end AND f.interval_minutes = v.interval_minutes"""

    # What is made ready

    def has_rows(self, card: Card, place: str) -> bool:
        """Whether there are stored values of a card at a place."""
        if self._there is None:
            sql = f"SELECT DISTINCT indicator, place FROM indicators.indicator_values WHERE municipality = '{self.slug}'"
            self._there = frozenset(self.con.execute(sql).fetchall())
        return (card.id, place) in self._there

    def _wanted(self, card: Card) -> bool:
        if not self.only:
            return True
        return bool(self.con.execute(f"SELECT 1 FROM {self.only} WHERE indicator = ? LIMIT 1", [card.id]).fetchall())

    def _settings(self, card: Card) -> None:
        """Table of what a card's settings say, by their hash; ``basis`` is all of them that a value hangs on."""
        numbers = [f"(settings ->> '$.values.{name}')::DOUBLE AS {name}" for name in rejudge.numbers(card)]
        numbers += [f"(settings ->> '$.bands.{b}.{e}')::DOUBLE AS {b}_{e}" for b in BANDS for e in ("enter", "exit")]
        self.con.execute(f"""
            CREATE TEMP TABLE {known(card)} AS SELECT config_hash, settings ->> 'values' AS basis, {", ".join(numbers)}
            FROM effective_settings WHERE indicator = '{card.id}'""")
        columns = ", ".join(f"NULL::{t} AS {c}" for c, t in _TYPES.items())
        for side in ("before", "after"):
            self.con.execute(f"CREATE TEMP TABLE {opened(card, side)} AS SELECT {columns} LIMIT 0")
        self.con.execute(f"CREATE TEMP TABLE {changed_parts(card)} (place VARCHAR, interval_start TIMESTAMPTZ)")

    def _segments_by_day(self) -> None:
        """``in_force_days``: the segments, cut by the day (UTC) where there are many of them at a place."""
        most = one(self.con.execute("SELECT max(n) FROM (SELECT count(*) AS n FROM in_force GROUP BY indicator, place)"))[0] or 0
        self._by_day = most > MANY_SEGMENTS
        days = (
            f"unnest(range(epoch_ms(seg_start) // {DAY_MS}, epoch_ms(seg_end) // {DAY_MS} + 1)) AS day"
            if self._by_day
            else "0 AS day"
        )
        self.con.execute(f"CREATE TEMP TABLE in_force_days AS SELECT *, {days} FROM in_force")

    def _compare_settings(self) -> dict[str, int]:
        """Fill ``affected``: where a stored value would now be judged by other settings, or is made of such.

        Returns how many values are not judged as one would think: of another definition, without settings now, or then.
        """
        con = self.con
        con.execute("CREATE TEMP TABLE affected (indicator VARCHAR, place VARCHAR)")
        found = {"other_definition": 0, "not_in_force": 0, "lost_settings": 0}
        for card in self.active:
            con.execute(f"""
                CREATE OR REPLACE TEMP TABLE judged_by AS
                SELECT v.place, v.config_hash AS was, f.config_hash AS now, v.definition_hash, count(*) AS n
                FROM {self.stored(card, self.start, self.end)} v {self._in_force(card)} GROUP BY ALL""")
            con.execute(f"INSERT INTO affected SELECT DISTINCT '{card.id}', place FROM judged_by WHERE now <> was")
            *counts, others = one(
                con.execute(f"""
                SELECT coalesce(sum(n) FILTER (definition_hash <> '{card.definition_hash}'), 0), coalesce(sum(n) FILTER (now IS NULL), 0),
                       coalesce(sum(n) FILTER (b.config_hash IS NULL), 0), coalesce(bool_or(s.basis <> b.basis), FALSE)
                FROM judged_by j LEFT JOIN {known(card)} b ON b.config_hash = j.was LEFT JOIN {known(card)} s ON s.config_hash = j.now""")
            )
            found = {name: count + int(more) for (name, count), more in zip(found.items(), counts, strict=True)}
            self.other_values |= {card.id} if others else set()
        for card in self.active:
            if composite.is_composite(card):
                named = list(composite.parts(self.config, card))
                con.execute(
                    f"""INSERT INTO affected SELECT DISTINCT '{card.id}', a.place FROM affected a
                        WHERE list_contains(?, indicator) AND ('{card.id}', a.place) NOT IN (FROM affected)""", [named]
                )  # fmt: skip
        return found
