"""What the next run would do: deliveries that wait, slots to compute with their reason, baselines, and what is only offered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import duckdb

from indicators.card import Card
from pipelines import baselines, compute, frozen, intake, tick
from pipelines.intake import arrivals
from pipelines.plan import offered, reasons
from pipelines.store import Store
from schemas.config import Config

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """Everything is plain data; moments are UTC.

    ``deliveries``: rows of the table, as they would be written. ``later``: files that say they are issued after the moment asked
    for. ``slots``: per indicator, reason and delivery how many, at which places, from when to when; a slot counts once, so that
    ``slots_to_compute`` is their sum. ``baselines``: local days that would be computed, and those whose numbers would change.
    ``settings`` and ``definitions``: what was changed since, which a run does not apply to slots judged before (rule 21).
    ``asked``: sources behind an endpoint, whose answer only the run will know. ``in_review``: late changes to frozen periods, per
    delivery, those of the waiting deliveries among them; ``slots_in_review``: slots that are not computed again since they are frozen.
    """

    municipality: str
    at: datetime
    slots_to_compute: int = 0
    deliveries: list[Row] = field(default_factory=list)
    later: list[Row] = field(default_factory=list)
    slots: list[Row] = field(default_factory=list)
    baselines: list[Row] = field(default_factory=list)
    settings: list[Row] = field(default_factory=list)
    definitions: list[Row] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    in_review: list[Row] = field(default_factory=list)
    slots_in_review: int = 0

    @property
    def nothing_due(self) -> bool:
        """Whether the next run would find nothing to do."""
        return not (self.deliveries or self.slots)


def collect(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> Plan:
    """The plan of a run at ``at`` (aware). ``store`` is a copy (:func:`pipelines.store.aside.copied`), and is used up by it."""
    config, asked = _without_asking(config)
    store.con.execute("CREATE OR REPLACE TEMP TABLE baselines_before AS FROM baseline_done")
    config, deliveries = tick.taken_in(store, config, cards, at, "run", lambda _text, _share: None)
    slots: list[Row] = []
    for until in tick.chunks(store, config, at):
        with store.transaction():
            active = compute.find(store, config, cards, at=at, until=until)
            slots += reasons.of_chunk(store, config, active, at)
            compute.let_go(store, config, active, at=at, until=until)
    active = compute.active_cards(config, cards)
    with store.transaction():
        baselines.refresh_today(store, config, active, at)
    slots = reasons.together(slots)
    return Plan(
        config.municipality.municipality, at, sum(row["slots"] for row in slots), [_named(row) for row in deliveries],
        _later(store, config, at), slots, _baselines(store, config, at), offered.settings(store, config, active),
        offered.definitions(store, active), asked, frozen.waiting(store, config.municipality.municipality),
        frozen.slots_waiting(store, config.municipality.municipality),
    )  # fmt: skip


def _without_asking(config: Config) -> tuple[Config, list[str]]:
    """The configuration with its endpoints left alone, and their sources: only the run itself asks them."""
    asked = [name for name, source in config.sources.items() if source.endpoint is not None]
    silent = {name: source.model_copy(update={"endpoint": None}) for name, source in config.sources.items() if name in asked}
    return (replace(config, sources={**config.sources, **silent}) if asked else config), asked


def _named(row: Row) -> Row:
    left_out = ("municipality", "content_hash", "new_rows")
    return {name: value for name, value in row.items() if name not in left_out}


def _later(store: Store, config: Config, at: datetime) -> list[Row]:
    """Files that are there but, by their own word, not issued yet."""
    found = []
    for source in config.sources.values():
        for file in arrivals.new_files(store, config, source):
            issued = intake.issued_at(source, file.name)
            if issued is not None and issued > at:
                found.append({"source": source.source, "name": file.name, "issued_at": issued})
    return found


def _baselines(store: Store, config: Config, at: datetime) -> list[Row]:
    """Per source and measure: place-days computed for the first time, and computed days whose numbers late rows change."""
    where = f"municipality = '{config.municipality.municipality}'"
    keys = "source, measure, place, interval_minutes, local_date"
    return rows(store.con.execute(f"""
        WITH new AS (SELECT {keys} FROM baseline_done WHERE {where} EXCEPT SELECT {keys} FROM baselines_before WHERE {where}),
        written AS (SELECT DISTINCT {keys} FROM baselines WHERE {where} AND recorded_at = TIMESTAMPTZ '{at.isoformat()}'),
        told AS (SELECT *, 'first_time' AS reason FROM new
                 UNION ALL SELECT *, 'late_data' FROM written ANTI JOIN new USING ({keys}))
        SELECT source, measure, reason, count(*) AS days, count(DISTINCT place) AS places, min(local_date) AS first_date,
               max(local_date) AS last_date
        FROM told GROUP BY source, measure, reason ORDER BY ALL"""))  # fmt: skip


def rows(done: duckdb.DuckDBPyConnection) -> list[Row]:
    """The rows of a result, by name."""
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]
