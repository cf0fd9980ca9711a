"""Who is told what, as another town arranged it: rules, channels, watch and stories, with what only the new town can say left open."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pipelines.newtown.write import TODO
from schemas.settings.alerts import Alerts


def alerts(there: Any, origin: str, places: Collection[str]) -> dict[str, Any]:
    """The ``alerts:`` of another town, as in its file, for a town with these ``places``; empty when it had none.

    A channel names a variable of the environment and no address, so it carries over. A rule for places that are not here waits for
    ours; the sender is somebody else's, and so are the addresses of guide and board, which fall away.
    """
    if not there:
        return {}
    kept = {key: value for key, value in there.items() if key not in ("guide", "board")}
    if kept.get("sender", Alerts().sender) != Alerts().sender:
        kept["sender"] = f"{TODO}: write who sends the messages of this town, for example crowd@this-town.example"
    kept["rules"] = [_rule(rule, origin, places) for rule in kept.get("rules") or ()]
    return kept


def _rule(rule: dict[str, Any], origin: str, places: Collection[str]) -> dict[str, Any]:
    named = rule.get("places") or ()
    if all(place in places for place in named):
        return rule
    return {**rule, "places": [f"{TODO}: name the places of this town; {origin} named {', '.join(named)}"]}


def story(text: str, origin: str) -> str:
    """A file of stories under a line that says where it comes from."""
    head = (
        f"# Taken over from {origin}: look whether these messages are what you want, and give the stories places of your own.\n"
    )
    return head + text
