"""``config show --why``: each value in force with its whole chain, from what decided it back to what it replaced."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indicators.card import Card
    from indicators.in_force import ChainLink
    from schemas.config import Config

Row = dict[str, Any]
_SHORT = 120  # characters of what a card refers to; `indicators show` and --json give all of it


def chains(settings: Config, card: Card, links: list[ChainLink]) -> list[Row]:
    """A row a setting: ``what``, ``name``, ``text`` of the value in force, and ``chain``, the one in force first."""
    found = []
    for (what, name), group in groupby(links, key=lambda link: (link.what, link.name)):
        chain = [_link(settings, card, link) for link in reversed(list(group))]
        found.append({"what": what, "name": name, "text": chain[0]["text"], "chain": chain})
    return [*found, _k(settings)]


def _link(settings: Config, card: Card, link: ChainLink) -> Row:
    row: Row = {key: value for key, value in asdict(link).items() if key not in ("what", "name", "value", "won")}
    if link.layer == "card":
        row |= {"owner": card.owners.definition, "reason": "; ".join(card.references)}
    elif link.what == "weight" and not link.reason:
        own = settings.municipality.indicators.get(card.id)
        row["reason"] = own and own.reason
    return row


def _k(settings: Config) -> Row:
    """The smallest group whose number may leave the gate: the largest over adopted purposes; and the floor each lies above."""
    adopted = sorted(enumerate(settings.municipality.purposes), key=lambda pair: -pair[1].k)
    chain: list[Row] = []
    for number, purpose in adopted:
        line = settings.document.line(("purposes", number, "k"))
        chain.append({"text": str(purpose.k), "layer": f"purpose {purpose.purpose}", "file": settings.file, "line": line, "owner": purpose.owner,
                      "decided_on": purpose.decided_on, "review_by": purpose.review_by, "reason": purpose.legal_basis})  # fmt: skip
        document, floor = settings.purpose_documents[purpose.purpose], settings.purposes[purpose.purpose].k_floor
        chain.append({"text": f"{floor} or more", "layer": "floor", "file": document.file, "line": document.line(("k_floor",)), "owner": None,
                      "reason": None})  # fmt: skip
    return {"what": "privacy", "name": "k", "text": chain[0]["text"], "chain": chain}


def said(rows: list[Row], lang: str) -> list[str]:
    """Chains as text."""
    from pipelines.cli.common import text

    lines = []
    for row in rows:
        lines.append(f"  {row['what']} {row['name']}: {row['text']}")
        for number, link in enumerate(row["chain"]):
            word = text("why_instead" if number else "why_in_force", lang)
            value = f" {link['text']}" if number else ""
            dates = f", {link['decided_on']}, review by {link['review_by']}" if link.get("decided_on") else ""
            by = f"  {link['owner']}{dates}" if link.get("owner") else ""
            reason = link.get("reason") or ""
            short = reason[:_SHORT] + "…" if link["layer"] == "card" and len(reason) > _SHORT else reason
            why = f": {short}" if short else ""
            lines.append(f"    {word}{value} [{link['layer']}: {link['file']}:{link['line']}]{by}{why}")
    return lines
