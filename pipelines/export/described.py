"""The open data set as a Data Package v2: every column with its meaning, unit and type; an empty cell says that there is no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas import vocabulary, words
from schemas.config import Config
from schemas.datasets.package import NO_VALUE, PROFILE, SCHEMA_PROFILE
from schemas.results import TABLES

_TYPES = {"TIMESTAMPTZ": "datetime", "DATE": "date", "TIME": "time", "INTEGER": "integer", "BIGINT": "integer", "BOOLEAN": "boolean",
          "DOUBLE": "number"}  # fmt: skip


def package(
    config: Config, purpose: str, columns: Mapping[str, Sequence[str]], until: Mapping[str, datetime], at: datetime
) -> dict[str, Any]:
    """The descriptor of an export. ``until`` of a resource (our own property) says up to when it tells."""
    town = config.municipality
    title = config.purposes[purpose].title
    return {
        "$schema": PROFILE, "name": f"drukte-{town.municipality}", "id": f"urn:drukte:{town.municipality}:{purpose}",
        "title": f"{town.name.en}: {title.en}", "title_nl": f"{town.name.nl}: {title.nl}",
        "description": description(config, purpose, "en"), "description_nl": description(config, purpose, "nl"),
        "created": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "purpose": purpose, "k": town.k,
        "licenses": [{"path": town.published.licence}],
        "contributors": [{"title": town.name.en, "roles": ["publisher"]}],
        "statuses": {code: {"en": words.word("status", code, "en"), "nl": words.word("status", code, "nl")} for code in ("ok", *NO_VALUE)},
        "resources": [_resource(name, listed, until.get(name)) for name, listed in columns.items()],
    }  # fmt: skip


def description(config: Config, purpose: str, lang: str) -> str:
    """What it is for and what is not in it."""
    town = config.municipality
    effect = getattr(config.purposes[purpose].desired_effect, lang)
    told = {
        "nl": f"Aantallen en niveaus per plaats en tijdvak; niets over personen. Groepen onder {town.k} zijn achtergehouden: de waarde is dan "
              "leeg en de status zegt het. Leeg is niet nul.",
        "en": f"Numbers and levels per place and stretch of time; nothing about persons. Groups under {town.k} are withheld: the value is then "
              "empty and the status says so. Empty is not zero.",
    }  # fmt: skip
    return f"{effect} {told[lang]}"


def _resource(name: str, columns: Sequence[str], until: datetime | None) -> dict[str, Any]:
    table = TABLES[name]
    key = [c for c in table.key if c in columns]
    schema: dict[str, Any] = {
        "$schema": SCHEMA_PROFILE, "fields": [_field(name, c) for c in columns], "missingValues": [{"value": "", "label": "no value"}],
    }  # fmt: skip
    if name in ("indicator_values", "places") and len(key) == len(table.key):
        schema["primaryKey"] = key
    return {
        "name": name.replace("_", "-"), "type": "table", "title": table.en, "title_nl": table.nl, "path": f"{name}.csv", "scheme": "file",
        "format": "csv", "mediatype": "text/csv", "encoding": "utf-8", "dialect": {"delimiter": ",", "header": True},
        "parquet": f"{name}.parquet", **({"until": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")} if until else {}), "schema": schema,
    }  # fmt: skip


def _field(table: str, name: str) -> dict[str, Any]:
    word, kind = vocabulary.columns()[name], TABLES[table].type_of(name)
    json_type = "array" if kind.endswith("[]") else "number" if kind.startswith("DECIMAL") else _TYPES.get(kind, "string")
    return {"name": name, "type": json_type, "description": word.en, "description_nl": word.nl, "unit": word.unit}
