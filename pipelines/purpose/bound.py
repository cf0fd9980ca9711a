"""Table ``purpose_reviews``: which purposes a workspace computes for, and whether their reviews cover what is used."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines.purpose import use
from pipelines.purpose.state import State
from schemas.results import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indicators.card import Card
    from pipelines.purpose.gate import Admitted
    from pipelines.store import Store
    from schemas.config import Config

TABLE = TABLES["purpose_reviews"]


def write(store: Store, config: Config, admitted: Admitted) -> None:
    """Replace this municipality's rows, when they are not what they were. Inside a transaction."""
    slug = config.municipality.municipality
    rows = [_row(config, admitted.cards, state, number) for number, state in enumerate(admitted.states, 1)]
    made_of = hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()
    state = [slug, "purpose_reviews", made_of]
    if store.con.execute("SELECT 1 FROM card_state WHERE (municipality, key, text) = (?, ?, ?)", state).fetchall():
        return
    store.con.execute("INSERT OR REPLACE INTO card_state VALUES (?, ?, ?)", state)
    store.con.execute("DELETE FROM purpose_reviews WHERE municipality = ?", [slug])
    columns = ", ".join(f'CAST("{c}" AS {TABLE.type_of(c)})' for c in TABLE.columns)
    store.con.register("purpose_rows", pa.Table.from_pylist(rows))
    store.con.execute(f"INSERT INTO purpose_reviews SELECT {columns} FROM purpose_rows")
    store.con.unregister("purpose_rows")


def _row(config: Config, cards: Mapping[str, Card], state: State, number: int) -> dict[str, Any]:
    review, template = state.review, config.purposes[state.purpose]
    return {
        "municipality": config.municipality.municipality, "purpose": state.purpose, "adoption_order": number, "standing": state.standing,
        "reviewed_on": review.reviewed_on if review else None, "review_by": state.review_by, "keeps_until": state.keeps_until,
        "review_version": review.version if review else None, "signed_by": [s.role for s in review.signed] if review else [],
        "owner": state.adoption.owner, "fingerprint": review.fingerprint if review else None,
        "beyond_review": [f"{b.kind} {b.what}" for b in state.beyond], "datasets": list(template.datasets),
        "used_indicators": list(use.indicators(config, cards, template)), "sources": list(use.sources(config, template)),
        "whole_risks": list(use.whole_risks(config, cards, template)),
    }  # fmt: skip
