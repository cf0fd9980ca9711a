"""KPIs of a period: the cards' own SQL over the period's counts. Output and outcome strictly apart, each with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from indicators import kpi as kpi_cards
from indicators.card import Card
from pipelines.outcomes import counts
from pipelines.outcomes.counts import Tables
from schemas import retention

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

Row = dict[str, Any]
KINDS = ("output", "outcome")


def of_period(
    con: duckdb.DuckDBPyConnection, config: Config, cards: Mapping[str, Card], first: date, last: date, tables: Tables | None = None
) -> list[Row]:  # fmt: skip
    """Rows of table ``kpis`` (but ``recorded_at``) for local days ``first`` to ``last``: output before outcome, ``all`` before each risk."""
    counts.count(con, config, cards, first, last, tables)
    found: list[Row] = []
    for name, card in kpi_cards.catalogue().items():
        given = ", ".join(f"{n}::DOUBLE{'[]' if i.is_ == 'median' else ''} AS {n}" for n, i in card.inputs.items())
        rows = con.execute(
            f"SELECT safety_risk, value, low, high, n FROM ({kpi_cards.sql(card, f'(SELECT safety_risk, {given} FROM kpi_counts)')}\n)"
        )
        found += [
            {"municipality": config.municipality.municipality, "kpi": name, "kind": card.kind, "safety_risk": risk, "period_start": first,
             "period_end": last, "n": n, "value": value, "value_low": low, "value_high": high, "unit": card.unit}
            for risk, value, low, high, n in rows.fetchall()
        ]  # fmt: skip
    order = list(kpi_cards.catalogue())
    return sorted(
        found, key=lambda r: (KINDS.index(r["kind"]), order.index(r["kpi"]), r["safety_risk"] != counts.ALL, r["safety_risk"])
    )


def refresh(store: Store, config: Config, cards: Mapping[str, Card], at: datetime, months: int = 2) -> None:
    """Fill table ``kpis`` with the calendar months that end with the one of ``at`` (local), the running one up to now. In a transaction."""
    for first in _months(at.astimezone(config.tz).date(), months):
        _fill(store, config, cards, first, at)


def refresh_at(store: Store, config: Config, cards: Mapping[str, Card], moments: list[datetime], at: datetime) -> None:
    """Fill the months in which something was written down. In a transaction."""
    for first in sorted({m.astimezone(config.tz).date().replace(day=1) for m in moments}):
        _fill(store, config, cards, first, at)


def _fill(store: Store, config: Config, cards: Mapping[str, Card], first: date, at: datetime) -> None:
    last = min((first + timedelta(days=31)).replace(day=1) - timedelta(days=1), at.astimezone(config.tz).date())
    if first < at.astimezone(config.tz).date() - retention.kept(config, "situations"):
        return  # part of the month is gone by now: what was worked out while it was there stands
    start, end = counts.span(config, first, last)
    values = store.relation("indicator_values", start, end, "municipality, indicator, interval_start, level")
    rows = of_period(store.con, config, cards, first, last, Tables(values=values))
    slug = config.municipality.municipality
    store.con.execute("DELETE FROM kpis WHERE municipality = ? AND period_start = ?", [slug, first])
    columns = [*rows[0], "recorded_at"]
    store.con.executemany(
        f"INSERT INTO kpis ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})",
        [(*row.values(), at) for row in rows],
    )


def _months(day: date, number: int) -> list[date]:
    found = [day.replace(day=1)]
    while len(found) < number:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found
