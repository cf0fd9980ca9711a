"""KPIs for people: lines on the terminal, and a page. The definition and its limits stand beside each number, never apart from it."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from indicators import kpi as kpi_cards
from pipelines.board.say import Voice
from pipelines.outcomes.counts import ALL
from pipelines.outcomes.kpis import KINDS, Row
from schemas import words, yamlfile


@cache
def _texts() -> dict[str, dict[str, str]]:
    return yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/outcomes/texts.yaml").data  # type: ignore[no-any-return]


def say(key: str, lang: str, **parts: object) -> str:
    """A text in a language, filled in."""
    return _texts()[key][lang].format(**parts)


def lines(rows: list[Row], town: str, lang: str) -> list[str]:
    """As text: output first, outcome under a head of its own."""
    if not rows:
        return []
    told = [_title(rows, town, lang)]
    for kind in KINDS:
        told += ["", say(kind, lang), say(f"{kind}_note", lang)]
        for name, group in groupby((r for r in rows if r["kind"] == kind), key=lambda r: r["kpi"]):
            told.append(f"  {getattr(kpi_cards.catalogue()[name].title, lang)} ({name})")
            for shown in (_shown(row, lang) for row in group):
                told.append(f"    {shown['risk']:<45} {shown['value']:<14} {shown['interval']:<26} n = {shown['n']}")
    return told


def page(rows: list[Row], town: str, lang: str) -> str:
    """The page, self-contained."""
    import jinja2

    kinds = []
    for kind in KINDS:
        kpis: list[dict[str, Any]] = []
        for name, group in groupby((r for r in rows if r["kind"] == kind), key=lambda r: r["kpi"]):
            card = kpi_cards.catalogue()[name]
            texts = {key: getattr(getattr(card, key), lang) for key in ("title", "question", "meaning", "limits")}
            kpis.append({**texts, "rows": [_shown(row, lang) for row in group]})
        kinds.append({"id": kind, "kpis": kpis})
    source = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(lang=lang, title=_title(rows, town, lang), kinds=kinds, t=lambda key: say(key, lang))


def _title(rows: list[Row], town: str, lang: str) -> str:
    return say("title", lang, town=town, first=rows[0]["period_start"], last=rows[0]["period_end"])


def _shown(row: Row, lang: str) -> dict[str, str]:
    voice, digits = Voice(lang), kpi_cards.catalogue()[row["kpi"]].digits
    unit = "" if row["unit"] in ("-", "ratio") else f" {row['unit']}"
    value = (
        say("no_cases" if row["n"] == 0 else "unknown", lang)
        if row["value"] is None
        else voice.number(row["value"], digits) + unit
    )
    bounds = row["value_low"] is not None and row["value_high"] is not None
    told = {"low": voice.number(row["value_low"], digits), "high": voice.number(row["value_high"], digits)}
    return {
        "risk": say(ALL, lang) if row["safety_risk"] == ALL else words.word("safety_risk", row["safety_risk"], lang),
        "value": value, "interval": say("interval", lang, **told) if bounds else say("no_interval", lang),
        "n": "–" if row["n"] is None else str(row["n"]),
    }  # fmt: skip
