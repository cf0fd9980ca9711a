"""Reference tables: places, thresholds, cards and purposes as they are in config now, for analysts beside the numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from indicators import in_force
from indicators.card import Card
from indicators.chosen import chosen
from indicators.neighbours import pairs
from pipelines import blind, threshold_history
from pipelines.store import Store
from schemas.config import Config
from schemas.results import TABLES
from schemas.settings.source.corrections import KINDS

ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def write(store: Store, config: Config, cards: Mapping[str, Card], at: datetime, *, restate: bool = False) -> None:
    """Replace this municipality's rows of ``places``, ``purposes`` and ``blind_spots``; add cards not seen before.

    Of ``thresholds`` what was in force until now (or until the accepted version began) stays, and ends there; unless all is
    restated. Does nothing while config and cards are what they were the last time. Inside a transaction.
    """
    slug = config.municipality.municipality
    fingerprint = _fingerprint(config, cards)
    key = f"reference:{slug}"
    if (fingerprint,) in store.con.execute(
        "SELECT text FROM card_state WHERE municipality = ? AND key = ?", [slug, key]
    ).fetchall() and not restate:
        return
    store.con.execute("INSERT OR REPLACE INTO card_state VALUES (?, ?, ?)", [slug, key, fingerprint])
    _read_again(store, config)
    rows = {
        "places": _places(config),
        "purposes": _purposes(config),
        "blind_spots": blind.spots(config, cards),
        "corrections": _corrections(config),
    }
    for name, new in rows.items():
        store.con.execute(f"DELETE FROM {name} WHERE municipality = ?", [slug])
        _insert(store, name, new)
    _thresholds(store, config, cards, None if restate else at)
    known = {h for (h,) in store.con.execute("SELECT definition_hash || text_hash FROM indicators").fetchall()}
    used = chosen(config, cards).values()
    new_cards = [_card(card) for card in used if card.definition_hash + card.text_hash not in known]
    for card in new_cards:
        store.con.execute(
            "DELETE FROM indicators WHERE indicator = ? AND definition_hash = ?", [card["indicator"], card["definition_hash"]]
        )
    _insert(store, "indicators", new_cards)
    facts = {f"time_zone:{slug}": config.municipality.timezone, f"name:{slug}": config.municipality.name.nl}
    facts |= {
        f"source.{s.source}.cadence_minutes": f"{s.stored_interval.total_seconds() / 60:g}" for s in config.sources.values()
    }
    facts |= {f"source.{s.source}.delay_minutes": f"{s.delay.total_seconds() / 60:g}" for s in config.sources.values()}
    facts |= calendar_facts(config)
    store.con.execute("DELETE FROM about WHERE list_contains(?, key)", [list(facts)])
    store.con.executemany("INSERT INTO about VALUES (?, ?)", list(facts.items()))


def calendar_facts(config: Config) -> dict[str, str]:
    """Events and context notes as JSON, for timelines and for the views ``events`` and ``context``."""
    own = config.municipality
    kept = {"event", "class_", "from_", "to", "series", "expected_visitors", "phases"}
    events = [
        {
            **e.model_dump(include=kept, mode="json", by_alias=True),
            "name_nl": e.name.nl,
            "name_en": e.name.en,
            "places": sorted(e.places),
        }
        for e in own.events
    ]
    notes = [
        {**n.model_dump(exclude={"text"}, mode="json", by_alias=True), "text_nl": n.text.nl, "text_en": n.text.en}
        for n in own.context
    ]
    return {f"events:{own.municipality}": json.dumps(events), f"context:{own.municipality}": json.dumps(notes)}


def _read_again(store: Store, config: Config) -> None:
    """Deliveries that were turned away wait again once their source's declaration has changed: it may be what was wrong."""
    slug = config.municipality.municipality
    for name, source in config.sources.items():
        declared, key = hashlib.sha256(source.model_dump_json().encode()).hexdigest(), f"declared:{name}"
        before = store.con.execute("SELECT text FROM card_state WHERE municipality = ? AND key = ?", [slug, key]).fetchall()
        if before and before[0][0] != declared:
            store.con.execute(
                """UPDATE seen_files SET complete = false, taken_until = NULL WHERE municipality = $1 AND source = $2 AND delivery_id IN (
                       SELECT delivery_id FROM deliveries WHERE municipality = $1 AND source = $2 AND state IN ('refused', 'closed'))""",
                [slug, name],
            )
        store.con.execute("INSERT OR REPLACE INTO card_state VALUES (?, ?, ?)", [slug, key, declared])


def _fingerprint(config: Config, cards: Mapping[str, Card]) -> str:
    """A hash of all that the reference tables are made from."""
    parts = [
        "3",
        str(config.since),
        config.municipality.model_dump_json(),
        *(p.model_dump_json() for p in config.purposes.values()),
    ]
    parts += [source.model_dump_json() for source in config.sources.values()]
    parts += [f"{row.place.model_dump_json()}{json.dumps(row.geometry)}{row.file}{row.line}" for row in config.places]
    parts += [f"{c.definition_hash}{c.text_hash}{c.model_dump_json()}" for c in cards.values()]
    # Lines of thresholds move when a comment is added above them.
    parts += [str(config.document.line(("thresholds", n))) for n in range(len(config.municipality.thresholds))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _thresholds(store: Store, config: Config, cards: Mapping[str, Card], at: datetime | None) -> None:
    """The thresholds from ``at`` on; those of a version that is written for the first time from where it begins. None: always."""
    slug = config.municipality.municipality
    if config.since and at:
        written = [slug, "thresholds_since", config.since.isoformat()]
        if not store.con.execute("SELECT 1 FROM card_state WHERE (municipality, key, text) = (?, ?, ?)", written).fetchall():
            store.con.execute("INSERT OR REPLACE INTO card_state VALUES (?, ?, ?)", written)
            at = config.since
    threshold_history.write(store, slug, in_force.threshold_rows(config, cards, *ALWAYS), at)


def _insert(store: Store, name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    table = TABLES[name]
    columns = ", ".join(f'"{c}"' for c in table.columns)
    casts = ", ".join(f'CAST("{c}" AS {table.type_of(c)})' for c in table.columns)
    store.con.register("reference_rows", pa.Table.from_pylist([{c: row.get(c) for c in table.columns} for row in rows]))
    store.con.execute(f"INSERT INTO {name} ({columns}) SELECT {casts} FROM reference_rows")
    store.con.unregister("reference_rows")


def _places(config: Config) -> list[dict[str, Any]]:
    beside = pairs(config)
    rows = []
    for row in config.places:
        place = row.place
        rows.append({
            **place.model_dump(exclude={"kind", "cbs", "neighbours"}),
            "municipality": config.municipality.municipality, "place_kind": place.kind,
            "neighbours": sorted(beside.get(place.place, ())), "cbs_code": place.cbs.code if place.cbs else None,
            "cbs_year": place.cbs.year if place.cbs else None, "geometry": json.dumps(row.geometry) if row.geometry else None,
            "file": row.file, "line": row.line,
        })  # fmt: skip
    return rows


def _purposes(config: Config) -> list[dict[str, Any]]:
    rows = []
    for number, adopted in enumerate(config.municipality.purposes):
        template = config.purposes[adopted.purpose]
        rows.append({
            **adopted.model_dump(include={"purpose", "legal_basis", "decided_on", "review_by", "k", "owner"}),
            "municipality": config.municipality.municipality, "title": template.title.nl, "desired_effect": template.desired_effect.nl,
            "dpia_reference": adopted.dpia.reference, "dpia_date": adopted.dpia.date, "retention_days": adopted.retention.days,
            "audience": list(adopted.audience), "datasets": list(template.datasets), "indicators": list(template.indicators),
            "file": config.file, "line": config.document.line(("purposes", number)),
        })  # fmt: skip
    return rows


def _card(card: Card) -> dict[str, Any]:
    texts = {f"{name}_{lang}": getattr(getattr(card, name), lang)
             for name in ("title", "desired_effect", "question", "meaning", "limits") for lang in ("nl", "en")}  # fmt: skip
    return {
        **texts, "indicator": card.id, "version": card.version, "status": card.status, "role": card.role, "safety_risk": card.safety_risk,
        "grain": "/".join(card.applies_to.kinds), "unit": card.unit, "follow_up": card.follow_up.measure,
        "follow_up_role": card.follow_up.role, "lead_time_minutes": card.follow_up.lead_time.total_seconds() / 60,
        "definition_owner": card.owners.definition, "formula": card.formula, "digits": card.digits, "direction": card.direction,
        "min_coverage": card.min_coverage, "purposes": list(card.purposes), "references": [str(r) for r in card.references],
        "definition_hash": card.definition_hash, "text_hash": card.text_hash, "card": card.model_dump_json(by_alias=True),
    }  # fmt: skip


def _corrections(config: Config) -> list[dict[str, Any]]:
    rows = []
    for name, source in config.sources.items():
        document = config.source_documents[name]
        for number, entry in enumerate(source.corrections):
            guard = entry.guard
            when = f" when {guard.when}" if guard.when else ""
            share = f" in {guard.share:.0%} of the rows" if guard.share < 1 else ""
            rows.append({
                **entry.model_dump(include={"correction", "reason", "owner", "decided_on", "review_by"}),
                "municipality": config.municipality.municipality, "source": name, "kind": entry.kind,
                "detail": entry.model_dump_json(include={*KINDS, "measures", "places"}, exclude_defaults=True),
                "guard": f"{guard.that}{when}{share}, else {guard.otherwise}", "effective_from": entry.from_, "effective_to": entry.to,
                "file": document.file, "line": document.line(("corrections", number)),
            })  # fmt: skip
    return rows
