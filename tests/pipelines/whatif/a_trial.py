"""Random other thresholds for a random small world, and the full recompute that `whatif` has to equal."""

from __future__ import annotations

import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indicators.card import Card, catalogue
from pipelines import published
from pipelines.store import Store
from pipelines.tick import tick
from pipelines.whatif import changes
from schemas.config import Config, load
from schemas.problems import Problems
from schemas.settings import BANDS, Band, Threshold
from schemas.yamlfile import Document
from tests.oracle.worlds import deliver
from tests.oracle.worlds.shapes import Town

AT = datetime(2030, 1, 1, tzinfo=UTC)
VALUES = ("indicator", "place", "interval_start", "interval_end", "value", "level", "status", "reason", "coverage", "confidence",
          "config_hash", "judged")  # fmt: skip
SITUATIONS = ("safety_risk", "place", "state", "level", "peak_level", "started_at", "ended_at", "observed_until", "leading_indicator",
              "reasons", "confidence")  # fmt: skip


def played(town: Town, folder: Path) -> Config:
    """The world's history in ``folder/workspace``; its settings."""
    config_folder, data = deliver.write(town, folder)
    config = load(config_folder, deliver.SLUG, data)
    with Store(folder / "workspace") as store:
        tick(store, config, catalogue(), at=AT, verb="backfill")
    return config


def restated(folder: Path, config: Config, name: str) -> Store:
    """A copy of the workspace in which everything was computed again by other settings; the caller closes it."""
    shutil.copytree(folder / "workspace", folder / name)
    store = Store(folder / name)
    tick(store, config, catalogue(), at=AT, verb="backfill", since=datetime(2020, 1, 1, tzinfo=UTC), restate=True)
    return store


def other(config: Config, file: Path, seed: int) -> Config:
    """The settings with one to four thresholds drawn near the values that occurred, sound; at last those of the town itself."""
    rng, cards = random.Random(seed), catalogue()
    names = _with_bands(config, cards)
    for _ in range(100):
        drawn = [_threshold(rng, config, cards[name], file) for name in rng.sample(names, rng.randint(1, min(4, len(names))))]
        document = Document("drawn", {}, {})
        made = changes.with_entries(config, [changes.Entry(t, document, ()) for t in drawn])
        made = _weighed(rng, made)
        try:
            return changes.checked(made, cards)
        except Problems:
            continue
    return config


def _weighed(rng: random.Random, config: Config) -> Config:
    """Now and then with the weights of the composite card the other way round."""
    risk = config.municipality.indicators.get("weighted_risk")
    if risk is None or not risk.weights or rng.random() < 0.6:
        return config
    weights = dict(zip(risk.weights, reversed(list(risk.weights.values())), strict=True))
    drawn = Threshold.model_validate({
        "indicator": "weighted_risk", "effective_from": "1970-01-01T00:00Z", "weights": weights, "owner": "crowd-manager",
        "decided_on": "2026-01-01", "review_by": "2036-01-01", "reason": "drawn for a test"})  # fmt: skip
    return changes.with_entries(config, [changes.Entry(drawn, Document("drawn", {}, {}), ())])


def _with_bands(config: Config, cards: dict[str, Card]) -> list[str]:
    return [name for name in config.municipality.indicators if cards[name].bands]


def _threshold(rng: random.Random, config: Config, card: Card, file: Path) -> Threshold:
    con = published.connect(file)
    values = [v for (v,) in con.execute(
        "SELECT value_low FROM indicator_values WHERE indicator = ? AND value_low IS NOT NULL ORDER BY ALL", [card.id]).fetchall()]  # fmt: skip
    con.close()
    names = [b for b in BANDS if any(b in bands for bands in card.bands.values())]
    edges = sorted({round(rng.choice(values or [1.0]) * rng.choice((0.9, 1.0, 1.0, 1.1)), card.digits) for _ in names})
    edges = edges if card.direction == "up" else edges[::-1]
    bands = {}
    for name, enter in zip(names[-len(edges) :], edges, strict=True):
        minutes = rng.choice((0, 5, 15, 20, 45))
        bands[name] = Band.model_validate(
            {"enter": enter, "for": f"{minutes}min", "keep_for": f"{rng.choice((0, 5, 15, 30))}min"}
        )
    places = [r.place for r in config.places if r.place.kind in card.applies_to.kinds]
    where: dict[str, Any] = {}
    if places and rng.random() < 0.4:
        where["place"] = rng.choice(places).place
    if rng.random() < 0.15:
        where["when"] = {"time": rng.choice(("18:00-23:00", "22:00-04:00"))}
    params = {}
    if card.parameters and rng.random() < 0.3:
        name, parameter = rng.choice(sorted(card.parameters.items()))
        params[name] = round(rng.uniform(parameter.min, min(parameter.max, 3 * (parameter.default or parameter.max))), 2)
    return Threshold.model_validate({
        "indicator": card.id, "effective_from": "1970-01-01T00:00Z", "bands": bands, "params": params, "owner": "crowd-manager",
        "decided_on": "2026-01-01", "review_by": "2036-01-01", "reason": "drawn for a test", **where})  # fmt: skip
