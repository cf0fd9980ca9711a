"""Read judged values for held levels: only of atoms that are not at rest or reach a band, as arrays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from indicators.judged import AT_ONCE, REACHED, WIDTH
from indicators.tallies import REASON_NONE, Rows
from schemas.settings import BANDS

if TYPE_CHECKING:
    from schemas.config import Config

STIRS = sum((REACHED | AT_ONCE) << WIDTH * band for band in range(len(BANDS)))  # bits without which rest stays rest
COLUMNS = """municipality, indicator, place, source, interval_start, interval_end, judged, level, value, coverage, confidence,
    reason, config_hash"""


class Stored(Protocol):
    """What is asked of the store."""

    con: duckdb.DuckDBPyConnection

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        """Rows of a table as SQL text in parentheses."""


def utc(seconds: int) -> datetime:
    """Epoch seconds as a moment."""
    return datetime.fromtimestamp(seconds, UTC)


def load(store: Stored, config: Config, wanted: dict[str, list[Any]], count: int, stop: int) -> Rows:
    """Values that start before ``stop`` of the series in ``wanted``; ``count`` series are numbered in all.

    ``wanted``: columns series (its number), atom (its number), indicator, place, load_from (epoch seconds) and restless
    (read all of it, also when nothing there reaches a band).
    """
    earliest = utc(min(wanted["load_from"], default=stop))
    relation = store.relation("indicator_values", earliest, utc(stop), COLUMNS)
    store.con.register("situate_series", pa.table(wanted))
    table = store.con.sql(
        f"""
        WITH found AS (
            SELECT s.series, s.atom, s.restless, v.*, epoch_us(interval_start) // 1000000 AS start_s
            FROM {relation} v JOIN situate_series s USING (indicator, place)
            WHERE municipality = ? AND start_s >= s.load_from),
        stirred AS (SELECT DISTINCT atom FROM found WHERE restless OR judged & {STIRS} <> 0)
        SELECT series, start_s, epoch_us(interval_end) // 1000000 AS end_s, judged, level <> 'unknown' AS known, value, coverage,
               confidence, reason, source, config_hash
        FROM found SEMI JOIN stirred USING (atom) ORDER BY series, start_s
        """,
        params=[config.municipality.municipality],
    ).to_arrow_table()
    store.con.unregister("situate_series")
    return _rows(store.con, config, table, count)


def _rows(con: duckdb.DuckDBPyConnection, config: Config, table: pa.Table, count: int) -> Rows:
    """The loaded table as arrays; texts as numbers into lists."""

    def array(name: str, kind: Any) -> Any:
        return table[name].to_numpy(zero_copy_only=False).astype(kind)

    def coded(name: str) -> tuple[Any, list[Any]]:
        column = table[name].combine_chunks().dictionary_encode()
        column = column if isinstance(column, pa.DictionaryArray) else column.combine_chunks()
        return column.indices.fill_null(REASON_NONE).to_numpy(zero_copy_only=False), column.dictionary.to_pylist()

    series = array("series", np.int64)
    settings, hashes = coded("config_hash")
    source, sources = coded("source")
    reason, reasons = coded("reason")
    delays = [config.sources[s].delay.total_seconds() if s in config.sources else 0 for s in sources]
    enter, for_seconds, keep_seconds = _settings(con, hashes)
    return Rows(
        offsets=np.searchsorted(series, np.arange(count + 1)),
        series=series,
        start=array("start_s", np.int64),
        end=array("end_s", np.int64),
        delay=np.array([*delays, 0], dtype=np.int64)[source],
        packed=array("judged", np.int16),
        settings=settings.astype(np.int32),
        known=array("known", np.bool_),
        value=array("value", np.float64),
        coverage=array("coverage", np.float64),
        confidence=array("confidence", np.float64),
        reason=reason.astype(np.int16),
        held=np.zeros(len(series), dtype=np.int8),
        reasons=tuple(reasons),
        enter=enter,
        for_seconds=for_seconds,
        keep_seconds=keep_seconds,
    )


def _settings(con: duckdb.DuckDBPyConnection, hashes: list[str]) -> tuple[Any, Any, Any]:
    """Arrays (hashes, 3): ``enter`` (NaN: the band does not exist), seconds of ``for`` and of ``keep_for``.

    A band that no longer exists is left at its first calm slot. Raises LookupError for a hash without settings.
    """
    fields = ", ".join(
        f"(settings ->> '$.bands.{band}.{name}')::DOUBLE"
        for name in ("enter", "for_minutes", "keep_for_minutes") for band in BANDS
    )  # fmt: skip
    rows = con.execute(
        f"SELECT config_hash, {fields} FROM effective_settings WHERE config_hash IN (SELECT unnest(?::VARCHAR[]))", [hashes]
    ).fetchall()
    known = {row[0]: row[1:] for row in rows}
    lost = [h for h in hashes if h not in known]
    if lost:
        raise LookupError(f"effective_settings has no row for config_hash {', '.join(map(str, lost[:3]))}. Restate these values.")
    numbers = np.array([known[h] for h in hashes], dtype=np.float64).reshape(-1, 3, len(BANDS))
    seconds = np.rint(np.nan_to_num(numbers[:, 1:]) * 60).astype(np.int64)
    return numbers[:, 0], seconds[:, 0], seconds[:, 1]
