"""The data dictionary, both languages on a page: tables, standard datasets with their requirements, and the vocabulary."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from pipelines.docs import markdown
from pipelines.docs.markdown import code, table
from schemas import vocabulary, yamlfile
from schemas.datasets import DATASETS, Contract, Derived
from schemas.results import TABLES
from schemas.settings import format_duration

FOLDER = "docs/reference"
WORDS = Path(vocabulary.__file__).with_name("words.yaml")


def files() -> dict[str, str]:
    """The pages by path below the repository."""
    return {f"{FOLDER}/tables.md": tables(), f"{FOLDER}/datasets.md": datasets(), f"{FOLDER}/vocabulary.md": words()}


def tables() -> str:
    """Every table that analysts read, column by column."""
    meaning = vocabulary.columns()
    parts = [markdown.MADE, "# Tables in `indicators.duckdb`\n\n",
             "Every column with type, unit and meaning (nl / en). The same texts stand as comments in the database.\n\n"]  # fmt: skip
    for made in TABLES.values():
        parts.append(f"## `{made.name}`\n\n{made.nl}. / {made.en}.\n\nKey: {', '.join(code(k) for k in made.key)}.")
        if made.history:
            parts.append(
                f" Every version stands in `{made.name}_history`; `{made.name}_as_known(as_of)` gives an earlier moment."
            )
        rows = [[code(name), made.type_of(name), meaning[name].unit, meaning[name].nl, meaning[name].en] for name in made.columns]
        parts.append("\n\n" + table(["column", "type", "unit", "betekenis", "meaning"], rows))
    return "".join(parts)


def datasets() -> str:
    """Every standard dataset: what it holds, what it must meet, what it is and is not fit for."""
    parts = [markdown.MADE, "# Standard datasets\n\n",
             "What a supplier's file is mapped to (`config/sources/`). Cards name `dataset.measure`, delivered or derived.\n\n"]  # fmt: skip
    return "".join([*parts, *(_dataset(contract) for contract in DATASETS.values())])


def _dataset(contract: Contract) -> str:
    kinds = ", ".join(contract.place_kinds)
    said = f"## `{contract.name}`\n\nContract {contract.version}. {contract.meaning_nl} / {contract.meaning_en}\n\nCounted at: {kinds}.\n\n"
    said += table(
        ["delivered", "unit", "kind", "counts", "plausible up to", "betekenis", "meaning"],
        map(_measure(contract), contract.measures),
    )
    derived = [_derived(name, one) for name, one in contract.derived.items()]
    said += table(["derived", "unit", "kind", "at a", "made of", "betekenis", "meaning"], derived)
    for group in contract.exclusive:
        others = [code(m) for g in contract.exclusive if g != group for m in g]
        said += f"- {', '.join(map(code, group))}: not from one source together with {', '.join(others)}\n"
    said += "\n" if contract.exclusive else ""
    if contract.sporadic:
        said += f"Rows come when somebody reports: none is expected, and one holds for {format_duration(contract.holds)}.\n\n"
    return said + "**Requirements**\n\n" + markdown.bullets(_quality(contract))


def _measure(contract: Contract) -> Any:
    def row(name: str) -> list[str]:
        column = vocabulary.columns()[name]
        most = contract.quality.plausible.get(name)
        per = " a minute" if column.kind == "flow" else ""
        support = f"none; support: {', '.join(code(s) for s in column.support)}" if column.support else column.counts
        limit = "" if most is None else f"{most:,g}{per}"
        return [code(name), column.unit, column.kind or "", support, limit, column.nl, column.en]

    return row


def _derived(name: str, one: Derived) -> list[str]:
    groups = " or else ".join(" + ".join(map(code, group)) for group in one.groups)
    how = [] if one.how == "sum" else [f"as {one.how.replace('_', ' ')}"]
    over = [] if one.over == "own" else [f"over {one.over.replace('_', ' ')}"]
    per = [f"with {code(one.per)}"] if one.per else []
    classes = ["; ".join(f"class {key}: {low:g} to {high:g}" for key, (low, high) in one.classes.items())] if one.classes else []
    made = "; ".join([groups, *how, *over, *per, *classes])
    return [code(name), one.unit, one.kind, ", ".join(one.place_kinds), made, one.nl, one.en]


def _quality(contract: Contract) -> list[str]:
    """The stated requirements; a field of a later release is shown under its own name."""
    quality = contract.quality
    told = {
        "cadence_max": f"an interval of at most {format_duration(quality.cadence_max)}",
        "completeness": f"{quality.completeness:.0%} of the expected rows",
        "delay_max": f"at most {format_duration(quality.delay_max)} after the end of an interval",
        "fit_for": f"fit for: {'; '.join(quality.fit_for)}",
        "not_fit_for": f"**not** fit for: {'; '.join(quality.not_fit_for)}",
    }
    rest = {name: value for name, value in vars(quality).items() if name not in {*told, "plausible"}}
    return [*told.values(), *(f"{name}: {_plain(value)}" for name, value in rest.items())]


def _plain(value: Any) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def words() -> str:
    """Every column of the vocabulary once, with where it is used; and every code in words."""
    used: dict[str, list[str]] = {}
    for home, names in [*((t.name, t.columns) for t in TABLES.values()), *((c.name, c.measures) for c in DATASETS.values())]:
        for name in names:
            used.setdefault(name, []).append(home)
    rows = []
    for name, column in sorted(vocabulary.columns().items()):
        counts = "" if column.counts == "none" else column.counts
        where = ", ".join(map(code, used.get(name, [])))
        rows.append(
            [code(name), column.type, column.unit, column.kind, counts, column.class_ or "-", column.nl, column.en, where]
        )
    head = ["column", "type", "unit", "kind", "counts", "class", "betekenis", "meaning", "in"]
    parts = [
        markdown.MADE,
        "# Vocabulary\n\n## Columns\n\n",
        "Every column has one meaning, wherever it stands.\n\n",
        table(head, rows),
    ]
    parts.append("## Codes in words\n\n")
    for group, codes in yamlfile.read(WORDS, "schemas/words.yaml").data.items():
        parts.append(
            f"### `{group}`\n\n"
            + table(["code", "nl", "en"], [[code(key), said["nl"], said["en"]] for key, said in codes.items()])
        )
    return "".join(parts)
