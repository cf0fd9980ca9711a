"""Does a municipality's ``publication`` hold together: tables and columns that exist, classes not wider than the house's, known roles."""

from __future__ import annotations

from collections.abc import Iterator

from schemas import publicity
from schemas.config_model import Config
from schemas.mistakes import did_you_mean
from schemas.problems import Problem
from schemas.results import TABLES
from schemas.yamlfile import Path_


def problems(config: Config) -> Iterator[Problem]:
    """All mistakes, with file, line and key."""
    town = config.municipality
    if town.publication is None:
        return
    where = ("publication",)
    for key, role in _roles(config):
        if role not in town.roles:
            yield config.document.problem((*where, *key), f"role `{role}` is not declared", did_you_mean(role, town.roles))
    for name, rule in town.publication.tables.items():
        path: Path_ = (*where, "tables", name)
        if name not in TABLES:
            yield config.document.problem(path, f"there is no table `{name}`", did_you_mean(name, TABLES))
        elif rule.class_ and publicity.narrowest(rule.class_, publicity.of_table(name)) != rule.class_:
            yield config.document.problem(
                path, f"`{name}` is {publicity.of_table(name)}, not {rule.class_}", "A class may only be narrower."
            )
    for name, given in town.publication.columns.items():
        table, _, column = name.partition(".")
        path = (*where, "columns", name)
        if table not in TABLES or column not in TABLES[table].columns:
            known = [f"{t.name}.{c}" for t in TABLES.values() for c in t.columns]
            yield config.document.problem(path, f"there is no column `{name}`", did_you_mean(name, known))
        elif publicity.narrowest(given, publicity.of_column(column)) not in (given, None):
            yield config.document.problem(
                path, f"`{name}` is {publicity.of_column(column)}, not {given}", "A class may only be narrower."
            )
    for index, partner in enumerate(town.publication.partners):
        for number, place in enumerate(partner.places):
            if place not in config.place_ids:
                path = (*where, "partners", index, "places", number)
                yield config.document.problem(path, f"there is no place `{place}`", did_you_mean(place, config.place_ids))


def _roles(config: Config) -> Iterator[tuple[Path_, str]]:
    publication = config.municipality.publication
    assert publication
    yield ("owner",), publication.owner
    for name, rule in publication.tables.items():
        if rule.owner:
            yield ("tables", name, "owner"), rule.owner
    for index, partner in enumerate(publication.partners):
        yield ("partners", index, "role"), partner.role
        yield ("partners", index, "owner"), partner.owner
