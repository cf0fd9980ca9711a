"""A small card in YAML to be changed by tests, and rows to run cards on."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from indicators import card, evaluate
from indicators.grammar import Card
from schemas.settings import BANDS

START = datetime(2026, 6, 1, 12, tzinfo=UTC)

PLAIN = """\
id: crowding
version: 1
status: experimental
role: signal
safety_risk: overcrowding
title: {nl: Drukte, en: Crowding}
desired_effect: {nl: rust, en: calm}
question: {nl: hoe druk, en: how busy}
meaning: {nl: per m2, en: per m2}
limits: {nl: voorbeeld, en: example}
follow_up: {measure: meter, role: crowd-manager, lead_time: 15min}
owners: {definition: data-lead, action: crowd-manager}
applies_to: {kinds: [zone], attributes: [usable_area]}
inputs:
  present: {from: [zone_counts.present], monotone: up}
attributes: [usable_area]
formula: present / nullif(usable_area, 0)
min_coverage: 0.5
digits: 1
unit: p/m2
direction: up
exit_margin: 0.9
bands:
  any:
    elevated: {enter: 1.0, for: 10min, keep_for: 15min}
    high: {enter: 2.0, for: 5min, keep_for: 15min}
purposes: [crowd-safety]
references: [example]
explanation: {nl: "{place} {value}", en: "{place} {value}"}
"""

# Two inputs that pull in opposite ways, a condition on when it applies, and danger below: as the later cards will have.
TIME_LEFT = """\
id: time_left
version: 1
status: experimental
role: signal
safety_risk: overcrowding
title: {nl: Tijd, en: Time}
desired_effect: {nl: rust, en: calm}
question: {nl: hoe lang, en: how long}
meaning: {nl: min, en: min}
limits: {nl: voorbeeld, en: example}
follow_up: {measure: meter, role: crowd-manager, lead_time: 15min}
owners: {definition: data-lead, action: crowd-manager}
applies_to: {kinds: [zone], attributes: [capacity]}
inputs:
  present: {from: [zone_counts.present], monotone: down}
  before: {from: [zone_counts.present], monotone: up, ago: 15min}
attributes: [capacity]
let:
  gained: present - before
formula: (capacity - present) * interval_minutes / nullif(gained, 0)
applies_when: gained > 0
min_coverage: 0.5
digits: 0
unit: min
direction: down
exit_margin: 0.8
bands:
  any:
    elevated: {enter: 60, for: 15min, keep_for: 15min}
    high: {enter: 30, for: 15min, keep_for: 15min}
    critical: {enter: 15, for: 15min, keep_for: 15min}
purposes: [crowd-safety]
references: [example]
explanation: {nl: "{place} {value}", en: "{place} {value}"}
"""


def read(folder: Path, text: str = PLAIN, **changes: Any) -> Card:
    """The card of ``text`` with top-level keys replaced (None takes one out), read as a file of ``folder``."""
    data = {**yaml.safe_load(text), **changes}
    data = {key: value for key, value in data.items() if value is not None}
    path = folder / f"{data['id']}.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return card.load(path)


def row(
    card_: Card, place: str = "a", slot: int = 0, *, place_type: str | None = None, minutes: int = 15, **values: Any
) -> dict[str, Any]:
    """A row of ``cells``: ``status`` ok and full coverage unless given; an input given as one number or as (low, high)."""
    start = START + slot * timedelta(minutes=minutes)
    found: dict[str, Any] = {
        "municipality": "town", "place": place, "place_kind": "zone", "source": "s", "interval_start": start,
        "interval_end": start + timedelta(minutes=minutes), "local_date": date(2026, 6, 1), "local_time": time(14),
        "coverage": 1.0, "confidence": 0.9, "threshold_source": "card", "config_hash": "c", "status": "ok",
        "interval_minutes": minutes,
        **card_.defaults,
    }  # fmt: skip
    for name, band in (card_.bands_for(place_type) or {}).items():
        found |= {f"{name}_enter": band.enter, f"{name}_exit": card_.exit_of(band)}
    for name, value in values.items():
        if name in card_.inputs:
            low, high = value if isinstance(value, tuple) else (value, value)
            found |= {f"{name}_low": low, f"{name}_high": high}
        else:
            found[name] = value
    return found


def run(card_: Card, rows: list[dict[str, Any]], threads: int = 2) -> list[dict[str, Any]]:
    """What the SQL of the card gives, in the order of ``rows``; unknown columns of rows are a mistake."""
    types = evaluate.columns(card_)
    assert not {name for r in rows for name in r} - set(types)
    table = pa.table({"nr": range(len(rows)), **{name: [r.get(name) for r in rows] for name in types}})
    typed = ", ".join(f"{name}::{kind} AS {name}" for name, kind in types.items())
    with duckdb.connect(config={"threads": threads}) as con:
        con.execute("SET TimeZone='UTC'")
        con.register("given", table)
        con.execute(f"CREATE TABLE cells AS SELECT {typed} FROM given ORDER BY nr")
        return con.sql(evaluate.sql(card_)).to_arrow_table().to_pylist()  # type: ignore[no-any-return]


def levels_in_bands(card_: Card) -> tuple[str, ...]:
    """Bands the card has, lowest first."""
    return tuple(b for b in BANDS if any(b in bands for bands in card_.bands.values()))
