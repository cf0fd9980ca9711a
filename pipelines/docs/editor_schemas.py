"""JSON Schemas that editors use while somebody writes a card or a config file."""

from __future__ import annotations

import json

from pydantic import BaseModel

from indicators.grammar import Card
from indicators.kpi import Kpi
from schemas.settings import Municipality, Places, Purpose, Source
from schemas.settings.track import Concerns, Track

FOLDER = "config/schema"
MODELS: dict[str, type[BaseModel]] = {
    "municipality": Municipality,
    "source": Source,
    "purpose": Purpose,
    "places": Places,
    "card": Card,
    "kpi": Kpi,
    "track": Track,
    "concerns": Concerns,
}


def files() -> dict[str, str]:
    """One schema a kind of file."""
    made = {}
    for name, model in MODELS.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        made[f"{FOLDER}/{name}.schema.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made
