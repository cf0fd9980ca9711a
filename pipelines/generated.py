"""Files made from the contracts: the data dictionary, the indicator pages and the JSON Schemas that editors use.

``python -m pipelines.generated`` writes them; ``--check`` only says which are not up to date (exit 5).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic import BaseModel

from indicators.card import Card, catalogue
from schemas import vocabulary, words
from schemas.datasets import DATASETS
from schemas.results import TABLES
from schemas.settings import Municipality, Places, Purpose, Source, format_duration

ROOT = Path(__file__).resolve().parent.parent
_MADE = "<!-- made by `python -m pipelines.generated` from the contracts; change those, not this page -->\n"


def files() -> dict[str, str]:
    """Path below the repository → content."""
    made = {"docs/reference/tables.md": _tables(), "docs/reference/datasets.md": _datasets()}
    for card in catalogue().values():
        for lang in ("nl", "en"):
            made[f"docs/reference/indicators/{card.id}.{lang}.md"] = _indicator(card, lang)
    models: dict[str, type[BaseModel]] = {
        "municipality": Municipality,
        "source": Source,
        "purpose": Purpose,
        "places": Places,
        "card": Card,
    }
    for name, model in models.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema(by_alias=True)}
        made[f"config/schema/{name}.schema.json"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return made


def stale(root: Path = ROOT) -> list[str]:
    """Files that are missing or differ from what the contracts make."""
    return [
        name for name, text in files().items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip


def write(root: Path = ROOT) -> list[str]:
    """Write what is stale; returns the names."""
    changed, made = stale(root), files()
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(made[name], encoding="utf-8")
    return changed


def _tables() -> str:
    meaning = vocabulary.columns()
    parts = [_MADE, "# Tables in `indicators.duckdb`\n", "Every column once: type, unit and meaning (nl / en).\n"]
    for table in TABLES.values():
        parts.append(f"\n## `{table.name}`\n\n{table.nl}. / {table.en}.\n\nKey: {', '.join(f'`{k}`' for k in table.key)}.")
        if table.history:
            parts.append(
                f" Every version stands in `{table.name}_history`; `{table.name}_as_known(as_of)` gives an earlier moment."
            )
        parts.append("\n\n| column | type | unit | betekenis | meaning |\n|---|---|---|---|---|\n")
        for name in table.columns:
            column = meaning[name]
            parts.append(f"| `{name}` | {table.type_of(name)} | {column.unit} | {column.nl} | {column.en} |\n")
    return "".join(parts)


def _datasets() -> str:
    meaning = vocabulary.columns()
    parts = [_MADE, "# Standard datasets\n"]
    for contract in DATASETS.values():
        quality = contract.quality
        parts.append(f"\n## `{contract.name}` {contract.version}\n\n{contract.meaning_nl} / {contract.meaning_en}\n\n")
        for name in contract.measures:
            parts.append(f"- `{name}` ({meaning[name].kind}, {meaning[name].unit}): {meaning[name].nl} / {meaning[name].en}\n")
        parts.append(
            f"\nRequirements: an interval of at most {format_duration(quality.cadence_max)}, {quality.completeness:.0%} complete,"
            f" at most {format_duration(quality.delay_max)} late. Fit for: {'; '.join(quality.fit_for)}."
            f" Not fit for: {'; '.join(quality.not_fit_for)}.\n"
        )
    return "".join(parts)


_HEADINGS = {
    "nl": {"risk": "Veiligheidsrisico", "effect": "Gewenst effect", "question": "Vraag", "meaning": "Betekenis",
           "limits": "Grenzen en bekende valse meldingen",
           "formula": "Berekening", "bands": "Banden", "follow": "Opvolging", "owners": "Verantwoordelijk", "refs": "Bronnen",
           "row": "| type plaats | band | in | uit | gedurende | loslaten na |", "lead": "benodigde tijd", "definition": "voor de definitie",
           "action": "voor het handelen", "value": "Waarde", "digits": "decimalen", "margin": "zonder eigen uit-rand: {} van de in-rand"},
    "en": {"risk": "Safety risk", "effect": "Desired effect", "question": "Question", "meaning": "Meaning",
           "limits": "Limits and known false alarms",
           "formula": "Computation", "bands": "Bands", "follow": "Follow-up", "owners": "Responsible", "refs": "References",
           "row": "| type of place | band | enter | exit | for | keep for |", "lead": "lead time", "definition": "for the definition",
           "action": "for acting", "value": "Value", "digits": "decimals", "margin": "without an exit of its own: {} of the entry edge"},
}  # fmt: skip


def _exit_factor(card: Card) -> float:
    return card.exit_margin if card.direction == "up" else 1 / card.exit_margin


def _indicator(card: Card, lang: str) -> str:
    """One page: what it is for, how it is computed, when it signals and who acts."""
    head = _HEADINGS[lang]
    text = {name: getattr(getattr(card, name), lang) for name in ("title", "desired_effect", "question", "meaning", "limits")}
    steps = "".join(f"{name} = {expression}\n" for name, expression in card.let.items())
    bands = "".join(
        f"| {kind} | {words.word('level', name, lang)} | {band.enter:g} | {'' if band.exit is None else f'{band.exit:g}'} |"
        f" {format_duration(band.for_)}{f', ≥ {band.for_intervals} ×' if band.for_intervals else ''} | {format_duration(band.keep_for)} |\n"
        for kind, group in card.bands.items() for name, band in group.items()
    )  # fmt: skip
    references = "".join(f"- {reference}\n" for reference in card.references)
    return (
        f"{_MADE}# {text['title']} (`{card.id}`, v{card.version}, {card.status}, {card.role})\n\n"
        f"**{head['risk']}.** {words.word('safety_risk', card.safety_risk, lang)}\n\n**{head['effect']}.** {text['desired_effect']}\n\n"
        f"**{head['question']}** {text['question']}\n\n**{head['meaning']}.** {text['meaning']}\n\n## {head['formula']}\n\n"
        f"```sql\n{steps}{card.id} = {card.formula}\n```\n\n{head['value']}: {card.unit}, {card.digits} {head['digits']}.\n\n## {head['bands']}\n\n"
        f"{head['row']}\n|---|---|---|---|---|---|\n{bands}\n{head['margin'].format(f'{_exit_factor(card):g}')}\n\n"
        f"## {head['follow']}\n\n{words.word('measure', card.follow_up.measure, lang)} — `{card.follow_up.role}`, {head['lead']} "
        f"{format_duration(card.follow_up.lead_time)}.\n\n**{head['owners']}.** `{card.owners.definition}` {head['definition']}, "
        f"`{card.owners.action}` {head['action']}.\n\n**{head['limits']}.** {text['limits']}\n\n## {head['refs']}\n\n{references}"
    )


def main() -> int:
    """Write or, with ``--check``, compare."""
    names = stale() if "--check" in sys.argv else write()
    for name in names:
        print(f"{'not up to date' if '--check' in sys.argv else 'written'}: {name}")
    if names and "--check" in sys.argv:
        print("Run `python -m pipelines.generated` and commit the result.")
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
