"""The page of all KPIs, in each language: what each asks, how it is computed, with which interval, and its worked examples."""

from __future__ import annotations

from collections.abc import Mapping

from indicators import kpi as kpi_cards
from indicators import series
from indicators.kpi import Kpi
from pipelines.board.say import Voice
from pipelines.docs import markdown
from pipelines.docs.markdown import code, one_line, table
from pipelines.docs.say import LANGUAGES, say, say_or, unit

FOLDER = "docs/reference"


def files(kpis: Mapping[str, Kpi]) -> dict[str, str]:
    """The page in each language."""
    return {f"{FOLDER}/kpis.{lang}.md": page(kpis, lang) for lang in LANGUAGES}


def page(kpis: Mapping[str, Kpi], lang: str) -> str:
    """Output first, then outcome: strictly apart."""
    other = next(one for one in LANGUAGES if one != lang)
    head = f"# {say('kpis', lang)}\n\n{say('other_language', lang, file=f'kpis.{other}.md')}\n\n{say('kpis_note', lang)}\n\n"
    ordered = sorted(kpis.values(), key=lambda kpi: (kpi.kind != "output", kpi.id))
    return markdown.MADE + head + "".join(_section(kpi, lang) for kpi in ordered)


def _section(kpi: Kpi, lang: str) -> str:
    def text(name: str) -> str:
        return one_line(getattr(getattr(kpi, name), lang))

    line = say(
        "kpi_line", lang, id=kpi.id, version=kpi.version, kind=say(f"kind_{kpi.kind}", lang), unit=unit(kpi.unit, lang),
        digits=kpi.digits, owner=kpi.owner,
    )  # fmt: skip
    told = [
        ("effect", text("desired_effect")),
        ("question", text("question")),
        ("meaning", text("meaning")),
        ("kpi_limits", text("limits")),
    ]
    if kpi.shown_with:
        told.append(("kpi_shown_with", ", ".join(map(code, kpi.shown_with))))
    cases = f"n = {one_line(kpi.n)}\n" if kpi.n else ""
    return (
        f"## {text('title')}\n\n{line}\n\n"
        + "".join(f"**{say(key, lang)}.** {said}\n\n" for key, said in told)
        + f"```sql\n{kpi.id} = {one_line(kpi.formula)}\n{cases}```\n\n"
        + table(
            [say(f"col_{name}", lang) for name in ("name", "is", "unit", "kind")],
            [_input(kpi, name, lang) for name in kpi.inputs],
        )
        + f"**{say('kpi_interval', lang)}.** {_method(kpi, lang)}. {one_line(getattr(kpi.interval.because, lang))}\n\n"
        + markdown.bullets(kpi.references)
        + _examples(kpi, lang)
    )


def _input(kpi: Kpi, name: str, lang: str) -> list[str]:
    given = kpi.inputs[name]
    return [code(name), getattr(given.meaning, lang), "" if given.unit == "-" else given.unit, say(f"is_{given.is_}", lang)]


def _method(kpi: Kpi, lang: str) -> str:
    return say(f"method_{kpi.interval.method}", lang, per=code(kpi.interval.per or ""), of=code(kpi.interval.of or ""))


def _examples(kpi: Kpi, lang: str) -> str:
    """All worked examples in one table: what is given, and what must come out."""
    outcome = [say_or(f"row_{name}", lang, name) for name in kpi_cards.COLUMNS[:-1]] + [say("kpi_cases", lang)]
    head = [say("drawing_example", lang, n="").strip(), *map(code, kpi.inputs), *(f"**{name}**" for name in outcome)]
    rows = []
    for example in kpi.examples:
        expected = (getattr(example.expect, name) for name in kpi_cards.COLUMNS)
        rows.append(
            [example.name, *(_said(example.given[name], lang) for name in kpi.inputs), *(_said(text, lang) for text in expected)]
        )
    return table(head, rows)


def _said(text: str | None, lang: str) -> str | None:
    """A number, a list of them, or that there is none; None for what an example does not compare."""
    if text is None:
        return None
    if text == kpi_cards.EMPTY:
        return say("kpi_none", lang)
    found = (series.number(token) for token in series.tokens(text))
    return "; ".join(say("nothing", lang) if value is None else Voice(lang).number(value) for value in found)
