"""Do a municipality's alert rules hold together: roles, places, risks and channels that exist?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas import words
from schemas.config_model import Config
from schemas.mistakes import did_you_mean
from schemas.problems import Problem
from schemas.yamlfile import Path_


def problems(config: Config) -> Iterator[Problem]:
    """Mistakes under ``alerts``."""
    alerts, town = config.municipality.alerts, config.municipality
    seen: set[str] = set()
    for index, rule in enumerate(alerts.rules):
        path: Path_ = ("alerts", "rules", index)
        if rule.rule in seen:
            yield config.document.problem((*path, "rule"), f"`{rule.rule}` stands twice", "Give one of them another name.")
        seen.add(rule.rule)
        yield from _known(config, (*path, "role"), [rule.role], town.roles, "role", one=True)
        yield from _known(config, (*path, "places"), rule.places, config.place_ids, "place")
        yield from _known(config, (*path, "safety_risks"), rule.safety_risks, words.codes("safety_risk"), "safety risk")
        yield from _known(config, (*path, "channels"), rule.channels, alerts.channels, "channel")
        yield from _known(config, (*path, "fallback"), rule.fallback, alerts.channels, "channel")
    for role in alerts.budgets:
        yield from _known(config, ("alerts", "budgets", role), [role], town.roles, "role", one=True)
    if alerts.watch:
        yield from _known(config, ("alerts", "watch", "role"), [alerts.watch.role], town.roles, "role", one=True)
        yield from _known(config, ("alerts", "watch", "channels"), alerts.watch.channels, alerts.channels, "channel")


def _known(
    config: Config, path: Path_, names: Iterable[str], known: Iterable[str], what: str, *, one: bool = False
) -> Iterator[Problem]:
    there = list(known)
    for number, name in enumerate(names):
        if name not in there:
            where = path if one else (*path, number)
            yield config.document.problem(where, f"there is no {what} `{name}`", did_you_mean(name, there, "Declare it first."))
