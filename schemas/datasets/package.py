"""A standard dataset as a Data Package v2 descriptor (https://datapackage.org): what a supplier, or anyone else, can check against.

One resource, one CSV: a row per place and interval, a column per measure. A cell holds a number, or the word for why there is
none; those words are the schema's missing values, so that zero, missing, withheld and outage stay apart in any tool.
"""

from __future__ import annotations

import re
from typing import Any

from schemas import vocabulary, words
from schemas.datasets.contract import Contract, dtype_of
from schemas.datasets.released import RULE

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
SCHEMA_PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
KEY = ("municipality", "place", "interval_start")
LICENCE = {"name": "Apache-2.0", "path": "https://www.apache.org/licenses/LICENSE-2.0", "title": "Apache License 2.0"}
NO_VALUE = ("missing", "suppressed", "outage", "invalid", "not_applicable")  # statuses that may stand in a cell
_TYPES = {"VARCHAR": "string", "TIMESTAMPTZ": "datetime", "Int64": "integer", "float64": "number"}


def columns(contract: Contract) -> tuple[str, ...]:
    """The columns of the CSV, in order."""
    return ("municipality", "place", "interval_start", "interval_end", *contract.measures)


def descriptor(contract: Contract) -> dict[str, Any]:
    """The descriptor of a dataset. Texts are English as the standard has them, with the Dutch beside them (``…_nl``).

    ``unit``, ``kind``, ``counts`` of a field and ``quality``, ``exclusive``, ``derived`` of the package are properties of our own.
    """
    quality = contract.quality
    return {
        "$schema": PROFILE,
        "name": contract.name,
        "title": contract.name.replace("_", " "),
        "description": f"{contract.meaning_en} {_only_one(contract, 'en')}".strip(),
        "description_nl": f"{contract.meaning_nl} {_only_one(contract, 'nl')}".strip(),
        "version": f"{contract.version}.0",
        "contract": contract.major,
        "licenses": [LICENCE],
        "contributors": [{"title": "drukte", "roles": ["creator"]}],
        "keywords": ["crowd safety", "mobility", contract.name, *contract.place_kinds],
        "place_kinds": list(contract.place_kinds),
        "exclusive": [list(group) for group in contract.exclusive],
        "sporadic": contract.sporadic,
        "quality": {
            "cadence_max_minutes": quality.cadence_max.total_seconds() / 60, "completeness": quality.completeness,
            "delay_max_minutes": quality.delay_max.total_seconds() / 60,
            "fit_for": list(quality.fit_for), "not_fit_for": list(quality.not_fit_for),
        },
        "derived": {name: {"unit": d.unit, "kind": d.kind, "place_kinds": list(d.place_kinds), "description": d.en, "description_nl": d.nl}
                    for name, d in contract.derived.items()},
        "rule_of_versions": RULE,
        "resources": [_resource(contract)],
    }  # fmt: skip


def _only_one(contract: Contract, lang: str) -> str:
    """In words: of these groups of measures a source delivers one."""
    if not contract.exclusive:
        return ""
    groups = " / ".join(" + ".join(group) for group in contract.exclusive)
    return {"en": f"A source delivers one of: {groups}.", "nl": f"Een bron levert een van: {groups}."}[lang]


def _resource(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name, "type": "table", "path": f"{contract.name}.csv", "scheme": "file", "format": "csv",
        "mediatype": "text/csv", "encoding": "utf-8", "dialect": {"delimiter": ",", "header": True},
        "schema": {
            "$schema": SCHEMA_PROFILE,
            "fields": [_field(contract, name) for name in columns(contract)],
            "primaryKey": list(KEY),
            "missingValues": [{"value": "", "label": "not delivered"},
                              *({"value": code, "label": words.word("status", code, "en")} for code in NO_VALUE)],
        },
    }  # fmt: skip


def _field(contract: Contract, name: str) -> dict[str, Any]:
    word = vocabulary.columns()[name]
    field: dict[str, Any] = {
        "name": name, "type": _type(contract, name), "title": _short(word.en), "title_nl": _short(word.nl),
        "description": word.en, "description_nl": word.nl, "unit": word.unit,
    }  # fmt: skip
    if name in contract.measures:
        return {**field, "kind": word.kind, "counts": word.counts, "constraints": _limits(contract, name)}
    slug = {"pattern": "^[a-z0-9-]{1,63}$"} if word.type == "VARCHAR" else {}
    return {**field, "constraints": {"required": True, **slug}}


def _short(meaning: str) -> str:
    """A meaning up to its first pause: what it is called."""
    return re.split(r"[,;:(]", meaning)[0].strip()


def _type(contract: Contract, name: str) -> str:
    return _TYPES[dtype_of(name) if name in contract.measures else vocabulary.columns()[name].type]


def _limits(contract: Contract, measure: str) -> dict[str, Any]:
    """The range of a number: of a flow what is plausible in the longest interval the dataset takes."""
    if measure in contract.codes:
        return {"enum": list(contract.codes[measure])}
    longest = contract.quality.cadence_max.total_seconds() / 60 if vocabulary.columns()[measure].kind == "flow" else 1
    most = contract.quality.plausible[measure] * longest
    return {"minimum": 0, "maximum": int(most) if _type(contract, measure) == "integer" else most}
