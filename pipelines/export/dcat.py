"""The open data set as a DCAT-AP-NL 3.0 record (JSON-LD), ready to be harvested by a catalogue.

Fields that the profile requires (https://docs.geostandaarden.nl/dcat/dcat-ap-nl30/): of a catalogue title, description, publisher,
contact point and data set; of a data set title, description, identifier, creator, publisher, contact point, theme and access rights; of
a distribution access URL and licence. What is referred to carries its class, since the profile's SHACL shapes ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.export.described import description
from schemas.config import Config
from schemas.results import TABLES

EU = "http://publications.europa.eu/resource/authority"
PACKAGE = "https://datapackage.org/profiles/2.0/datapackage.json"  # what the files conform to
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
    "skos": "http://www.w3.org/2004/02/skos/core#", "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}  # fmt: skip
_FILES = (("csv", "text/csv", "CSV"), ("parquet", "application/vnd.apache.parquet", "PARQUET"))


def record(
    config: Config, purpose: str, columns: Mapping[str, Sequence[str]], until: Mapping[str, datetime], at: datetime
) -> dict[str, Any]:
    """A catalogue with one data set; file names are relative to where the record stands."""
    town = config.municipality
    name = f"urn:drukte:{town.municipality}:{purpose}"
    title = config.purposes[purpose].title
    agent, contact = _agent(config), _contact(config)
    titles = _texts(f"{town.name.nl}: {title.nl}", f"{town.name.en}: {title.en}")
    descriptions = _texts(description(config, purpose, "nl"), description(config, purpose, "en"))
    ends = max(until.values(), default=at)
    dataset = {
        "@id": name, "@type": "dcat:Dataset", "dct:title": titles, "dct:description": descriptions, "dct:identifier": name,
        "dct:creator": agent, "dct:publisher": agent, "dcat:contactPoint": contact,
        "dct:accessRights": _a("dct:RightsStatement", f"{EU}/access-right/PUBLIC"), "dcat:theme": _themes(),
        "dct:language": _languages(), "dct:conformsTo": _a("dct:Standard", PACKAGE), "dct:modified": _typed(at.isoformat(), "dateTime"),
        "dct:accrualPeriodicity": _a("dct:Frequency", f"{EU}/frequency/DAILY"),
        "dct:temporal": {"@type": "dct:PeriodOfTime", "dcat:endDate": _typed(ends.isoformat(), "dateTime")},
        "dcat:keyword": [{"@language": "nl", "@value": "drukte"}, {"@language": "en", "@value": "crowding"}],
        "dcat:distribution": [_distribution(config, name, table, *kind) for table in columns for kind in _FILES],
    }  # fmt: skip
    return {
        "@context": CONTEXT, "@id": f"{name}:catalogue", "@type": "dcat:Catalog", "dct:title": titles, "dct:description": descriptions,
        "dct:creator": agent, "dct:publisher": agent, "dcat:contactPoint": contact, "dcat:dataset": [dataset],
    }  # fmt: skip


def _distribution(config: Config, name: str, table: str, ending: str, media: str, kind: str) -> dict[str, Any]:
    file = f"{table}.{ending}"
    return {
        "@id": f"{name}:{file}", "@type": "dcat:Distribution", "dct:title": _texts(TABLES[table].nl, TABLES[table].en),
        "dcat:accessURL": _id(file), "dcat:downloadURL": _id(file), "dct:license": _a("dct:LicenseDocument", config.municipality.published.licence),
        "dct:format": _a("dct:MediaTypeOrExtent", f"{EU}/file-type/{kind}"), "dct:language": _languages(),
        "dcat:mediaType": _a("dct:MediaType", f"https://www.iana.org/assignments/media-types/{media}"),
        "dct:conformsTo": _a("dct:Standard", PACKAGE),
    }  # fmt: skip


def _agent(config: Config) -> dict[str, Any]:
    """The municipality, by its national identifier where its area code is known."""
    town = config.municipality
    known = f"https://identifier.overheid.nl/tooi/id/gemeente/{town.cbs.code.lower()}" if town.cbs else None
    return {
        "@id": known or f"urn:drukte:{town.municipality}",
        "@type": "foaf:Agent",
        "foaf:name": _texts(town.name.nl, town.name.en),
    }


def _contact(config: Config) -> dict[str, Any]:
    """A role, never a person."""
    town = config.municipality
    role = town.roles[town.published.owner]
    found: dict[str, Any] = {"@type": "vcard:Kind", "vcard:fn": f"{town.name.nl}, {role.nl}"}
    if town.published.contact:
        key = "vcard:hasEmail" if town.published.contact.startswith("mailto:") else "vcard:hasURL"
        found[key] = _id(town.published.contact)
    return found


def _id(uri: str) -> dict[str, str]:
    return {"@id": uri}


def _a(kind: str, uri: str) -> dict[str, str]:
    return {"@id": uri, "@type": kind}


def _themes() -> list[dict[str, Any]]:
    labels = {
        "TRAN": ("Vervoer", "Transport"),
        "JUST": ("Justitie, rechtsstelsel en openbare veiligheid", "Justice, legal system and public safety"),
    }
    return [{**_a("skos:Concept", f"{EU}/data-theme/{code}"), "skos:prefLabel": _texts(*label)} for code, label in labels.items()]


def _languages() -> list[dict[str, str]]:
    return [_a("dct:LinguisticSystem", f"{EU}/language/{code}") for code in ("NLD", "ENG")]


def _typed(value: str, kind: str) -> dict[str, str]:
    return {"@value": value, "@type": f"xsd:{kind}"}


def _texts(nl: str, en: str) -> list[dict[str, str]]:
    return [{"@language": "nl", "@value": nl}, {"@language": "en", "@value": en}]
