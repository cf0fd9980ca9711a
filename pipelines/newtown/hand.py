"""What was taken from a package, put into the new town's file; and a record of it, beside that file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from pipelines.newtown import told
from pipelines.newtown.take import Taken, Thresholds, local
from pipelines.newtown.write import TODO, Further, Town
from pipelines.transfer.say import say


def on(town: Town, taken: Taken, how: Thresholds, owner: str | None, places: Collection[str]) -> list[str]:
    """Fill in what carries over; returns what a person should know. Edges and weights wait for a reason of this town, unless adopted.

    ``places``: those that are drawn, for alert rules that name some.
    """
    there = taken.config.municipality
    town.origin, town.roles, town.detectors = taken.name.en, taken.roles, taken.detectors
    town.interval, town.pace = there.interval, there.pace
    town.elsewhere = local(taken)
    town.owner = owner or ("privacy-officer" if "privacy-officer" in town.roles else None)
    if how != "generic":
        town.weights = {name: (weights, _why(why, taken, how)) for name, (weights, why) in taken.weights.items()}
        town.thresholds = [{**entry, "reason": _why(str(entry["reason"]), taken, how)} for entry in taken.thresholds]
    town.further = tuple(Further(p.purpose, p.audience, p.owner) for p in there.purposes if p.purpose != town.purpose)
    town.alerts = told.alerts(taken.alerts, taken.name.en, places)
    return [*taken.notes, *taken.concerns["en"]]


def _why(reason: str, taken: Taken, how: Thresholds) -> str:
    if how == "adopt":
        return f"As in {taken.name.en}: {reason or 'no reason was given there'}"
    return f"{TODO}: confirm it with a reason of this town, or take it out. {taken.name.en}: {reason or 'gave no reason'}"


def record(taken: Taken, lang: str) -> str:
    """What carried over, what waits and what is decided anew, as a page of text."""
    return "\n".join(_record(taken, lang)) + "\n"


def _record(taken: Taken, lang: str) -> Iterator[str]:
    yield f"# {say('carried', lang, town=taken.name.model_dump(), day=taken.about.as_of)}"
    for kind in ("generic", "confirm", "specific"):
        found: list[Any] = [line for line in taken.lines if line.kind == kind]
        if found:
            yield from ("", f"## {say(f'head_{kind}', lang)}", "")
            yield from (f"- {say(line.text, lang, **line.parts)} (`{line.where}`)" for line in found)
    if taken.concerns[lang]:
        yield from ("", f"## {say('concerns', lang)}", "")
        yield from (f"- {line}" for line in taken.concerns[lang])
