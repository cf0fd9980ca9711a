"""From a signal back to the rows: which numbers, which formula, which threshold, which deliveries; and the same number again.

Reads the published database, the config and the supplier's files; recomputes with the very SQL of a tick on the
stored inputs. Withheld cells stay withheld: "< k".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from indicators.card import Card
from pipelines import arrivals, compute, intake
from pipelines.explain_text import Explanation, Row, sentence
from pipelines.published import connect
from schemas.config import Config


class NotFound(Exception):
    """There is no such situation or value in the published database; the message says where to look."""


class _Published:
    """The published database with the two calls of a store that computing needs; nothing can be written through it."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.con = con

    def relation(self, name: str, start: datetime | None = None, end: datetime | None = None, columns: str = "*") -> str:
        by = "local_date" if name == "baselines" else "interval_start"
        lower = f"AND {by} >= TIMESTAMPTZ '{start.isoformat()}'" if start else ""
        upper = f"AND {by} < TIMESTAMPTZ '{end.isoformat()}'" if end else ""
        return f"(SELECT {columns} FROM indicators.{name} WHERE true {lower} {upper})"


def explain_situation(published: Path, config: Config, cards: Mapping[str, Card], situation_id: str) -> Explanation:
    """Explain a situation through the slot of its leading indicator at its peak, with its path up to there."""
    con = connect(published)
    try:
        found = _dicts(con, "SELECT * FROM situations WHERE situation_id = $1", [situation_id])
        if not found:
            raise NotFound(f"no situation `{situation_id}`. `drukte situations list` shows those there are.")
        situation = found[0]
        # The first slot at the highest level the leading indicator reached inside the situation: that is the signal.
        peak = _dicts(con, """
            SELECT interval_start FROM indicator_values WHERE municipality = $1 AND place = $2 AND indicator = $3
                AND interval_start >= $4 AND interval_start < $5
            ORDER BY list_position(['critical', 'high', 'elevated', 'normal', 'unknown'], level), interval_start LIMIT 1
        """, [situation["municipality"], situation["place"], situation["leading_indicator"], situation["started_at"],
              situation["observed_until"] or situation["started_at"] + timedelta(days=1)])  # fmt: skip
        if not peak:
            raise NotFound(f"the values behind `{situation_id}` are no longer kept.")
        return _explain(
            con, config, cards, situation["leading_indicator"], situation["place"], peak[0]["interval_start"], situation
        )
    finally:
        con.close()


def explain_value(
    published: Path, config: Config, cards: Mapping[str, Card], indicator: str, place: str, time: datetime
) -> Explanation:
    """Explain the value of an indicator at a place for the interval that holds ``time``."""
    con = connect(published)
    try:
        return _explain(con, config, cards, indicator, place, time, None)
    finally:
        con.close()


def _explain(
    con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], indicator: str, place: str, time: datetime,
    situation: dict[str, Any] | None,
) -> Explanation:  # fmt: skip
    slug = config.municipality.municipality
    found = _dicts(con, """SELECT * FROM indicator_values WHERE municipality = $1 AND indicator = $2 AND place = $3
                           AND interval_start <= $4 AND interval_end > $4""", [slug, indicator, place, time])  # fmt: skip
    if not found:
        raise NotFound(
            f"no value of `{indicator}` at `{place}` for {time.isoformat()}. Not due, no such place, or the card does not apply there."
        )
    value = found[0]
    notes: list[str] = []
    card = _card(con, cards, value, notes)
    settings = json.loads(
        _dicts(con, "SELECT settings FROM effective_settings WHERE config_hash = $1", [value["config_hash"]])[0]["settings"]
    )
    again = _recompute(con, config, card, value)
    agrees = bool(again) and all(again[c] == value[c] for c in ("value", "value_low", "value_high", "level", "status", "reason"))
    cell = _dicts(con, "SELECT * FROM cells ORDER BY ALL LIMIT 1", [])
    inputs = {name: _shown(cell[0], name, settings["k"]) for name in card.inputs} if cell else {}
    return Explanation(
        situation=situation, value=value, sentence=sentence(config, card, value, inputs),
        formula="\n".join([*(f"{n} = {e}" for n, e in card.let.items()), f"{card.id} = {card.formula}"]), settings=settings["values"],
        inputs=inputs, thresholds=settings["bands"], threshold_source=value["threshold_source"] or "",
        rows=_rows(con, config, value, settings["k"]), baseline=_baseline(con, card, value),
        path=_path(con, value, situation), recomputed=again, agrees=agrees, notes=notes,
    )  # fmt: skip


def _dicts(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
    result = con.execute(sql, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _card(con: duckdb.DuckDBPyConnection, cards: Mapping[str, Card], value: dict[str, Any], notes: list[str]) -> Card:
    """The card as used: today's, or the stored one when the definition has changed since."""
    card = cards.get(value["indicator"])
    if card is not None and card.definition_hash == value["definition_hash"]:
        return card
    stored = _dicts(
        con,
        "SELECT card FROM indicators WHERE indicator = $1 AND definition_hash = $2",
        [value["indicator"], value["definition_hash"]],
    )
    if not stored:
        raise NotFound(f"the definition `{value['definition_hash']}` behind this value is not kept in the published database.")
    notes.append("judged by an earlier definition of the card, kept with the numbers")
    return Card.model_validate_json(stored[0]["card"])


def _recompute(con: duckdb.DuckDBPyConnection, config: Config, card: Card, value: dict[str, Any]) -> dict[str, Any]:
    """Run the tick's own SQL for this one slot on the stored inputs and the settings of that moment."""
    store: Any = _Published(con)
    minutes = int((value["interval_end"] - value["interval_start"]).total_seconds() // 60)
    slot = pa.table({"place": [value["place"]], "slot_start": pa.array([value["interval_start"]], pa.timestamp("us", "UTC")),
                     "interval_minutes": pa.array([minutes], pa.int32())})  # fmt: skip
    con.register("one_slot", slot)
    con.execute("CREATE OR REPLACE TEMP TABLE todo AS FROM one_slot")
    con.unregister("one_slot")
    con.execute(
        """CREATE OR REPLACE TEMP TABLE in_force AS SELECT $1 AS indicator, place, $2 AS place_kind, slot_start AS seg_start,
           slot_start + INTERVAL 1 HOUR AS seg_end, interval_minutes, $3 AS config_hash, $4 AS threshold_source FROM todo""",
        [card.id, value["place_kind"], value["config_hash"], value["threshold_source"]],
    )
    # Late enough that the slot is due: it has been published.
    later = value["interval_end"] + timedelta(days=3650)
    rows = _dicts(con, compute.evaluated(store, config, card, later, None), [])
    return rows[0] if rows else {}


def _shown(cell: dict[str, Any], name: str, k: int) -> Any:
    """An input as it may be shown: a number, a range, "<k", or None when nothing is known."""
    if cell[name] is not None:
        return float(cell[name])
    low, high = cell[f"{name}_low"], cell[f"{name}_high"]
    if high is None:
        return None
    return f"<{k}" if low == 0 and high == k - 1 else f"{float(low):g}…{float(high):g}"


def _rows(con: duckdb.DuckDBPyConnection, config: Config, value: dict[str, Any], k: int) -> list[Row]:
    """The observations of the slot, each with its delivery and its row in the supplier's file."""
    found = _dicts(con, """
        SELECT o.*, d.name AS delivery_name, d.content_hash FROM observations o LEFT JOIN deliveries d USING (delivery_id)
        WHERE o.municipality = $1 AND o.place = $2 AND o.source = $3 AND o.interval_start >= $4 AND o.interval_end <= $5
        ORDER BY o.interval_start, o.measure
    """, [value["municipality"], value["place"], value["source"], value["interval_start"], value["interval_end"]])  # fmt: skip
    numbers = _file_rows(config, found)
    rows = []
    for row in found:
        shown = f"{float(row['value']):g}" if row["value"] is not None else f"<{k}" if row["status"] == "suppressed" else ""
        number, check = numbers.get((row["delivery_name"], row["interval_start"], row["measure"]), (None, "no row: nothing came"))
        if row["delivery_id"] is None and row["status"] == "ok":
            check = "absent row, zero as the source declares"
        rows.append(
            Row(row["source"], row["interval_start"], row["measure"], shown, row["status"], row["delivery_name"], number, check)
        )
    return rows


def _file_rows(config: Config, found: list[dict[str, Any]]) -> dict[tuple[str, datetime, str], tuple[int | None, str]]:
    """Row numbers in the suppliers' files, read again; says so when a file is gone or no longer the same."""
    numbers: dict[tuple[str, datetime, str], tuple[int | None, str]] = {}
    for name in {row["delivery_name"] for row in found if row["delivery_name"]}:
        rows = [row for row in found if row["delivery_name"] == name]
        source = config.sources[rows[0]["source"]]
        file = next((f for f in intake.find(source, config.data) if f.name == name), None)
        if file is None:
            verdict = "the file is no longer in the data folder"
        elif arrivals.content_hash(file) != rows[0]["content_hash"]:
            verdict = "the file was changed after it was taken in"
        else:
            verdict = "same file, same content"
        if file is not None and verdict.startswith("same"):
            cells = intake.take_in(
                file, source, k=config.k, withhold_zero=config.municipality.withhold_zero, tz=config.tz, after=None,
                until=max(r["interval_end"] for r in rows),
            ).cells  # fmt: skip
            wanted = pc.and_(
                pc.equal(cells["place"], rows[0]["place"]),
                pc.greater_equal(cells["interval_start"], min(r["interval_start"] for r in rows)),
            )
            for cell in cells.filter(wanted).select(["interval_start", "measure", "row_number"]).to_pylist():
                numbers[(name, cell["interval_start"], cell["measure"])] = (cell["row_number"], verdict)
        for row in rows:
            numbers.setdefault((name, row["interval_start"], row["measure"]), (None, verdict))
    return numbers


def _baseline(con: duckdb.DuckDBPyConnection, card: Card, value: dict[str, Any]) -> list[dict[str, Any]]:
    if not card.baseline:
        return []
    return _dicts(con, """
        SELECT day_type, n, valid_days, median, mad, p20, p80, p95, level_factor, place_p95 FROM baselines
        WHERE municipality = $1 AND place = $2 AND source = $3 AND local_date = $4 AND local_time = $5
            AND interval_minutes = $6 ORDER BY day_type
    """, [value["municipality"], value["place"], value["source"], value["local_date"], value["local_time"],
          int((value["interval_end"] - value["interval_start"]).total_seconds() // 60)])  # fmt: skip


def _path(con: duckdb.DuckDBPyConnection, value: dict[str, Any], situation: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Slots from two before the situation (or value) to two after the explained one: the way through ``for``."""
    length = value["interval_end"] - value["interval_start"]
    begin = (situation["started_at"] if situation else value["interval_start"]) - 2 * length
    return _dicts(con, """
        SELECT interval_start, value, level, status, reason FROM indicator_values
        WHERE municipality = $1 AND indicator = $2 AND place = $3 AND interval_start >= $4 AND interval_start <= $5 ORDER BY interval_start
    """, [value["municipality"], value["indicator"], value["place"], begin, value["interval_start"] + 2 * length])  # fmt: skip
