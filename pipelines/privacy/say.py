"""The audit's findings in words: what can be worked out, and from which published numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from functools import cache
from math import isinf
from pathlib import Path
from typing import Any

from pipelines.privacy.audit import Report, Sum, Term, Unsafe
from schemas import vocabulary, yamlfile

_SHOWN = 25


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(Path(__file__).with_name("texts.yaml"), "pipelines/privacy/texts.yaml").data
    return found


def _say(key: str, lang: str, **values: object) -> str:
    return _texts()[key][lang].format(**values)


def lines(report: Report, tz: tzinfo, lang: str) -> Iterator[str]:
    """The report for one municipality, line by line; times on the town's clock."""
    yield _say("head", lang, town=report.municipality, counts=report.counts, withheld=report.withheld, k=report.k)
    yield "  " + _say("files", lang, files=", ".join(str(f) for f in report.files))
    if report.sums:
        yield "  " + _say("sums", lang, sums=report.sums, solved=report.solved)
    if report.misfits:
        yield "  " + _say("misfits", lang, n=report.misfits)
    for kind, scope in report.apart:
        yield "  " + _say("apart", lang, kind=_say(kind, lang), scope=scope.replace("|", ", "))
    if report.unsafe:
        yield _say("unsafe", lang, n=len(report.unsafe), k=report.k)
        for unsafe in report.unsafe[:_SHOWN]:
            yield from _unsafe(unsafe, tz, lang)
        if (more := len(report.unsafe) - _SHOWN) > 0:
            yield _say("and_more", lang, n=more)
    elif report.withheld:
        yield _say("clean", lang, most=report.k - 1)
    else:
        yield _say("nothing", lang)


def _unsafe(unsafe: Unsafe, tz: tzinfo, lang: str) -> Iterator[str]:
    cell = unsafe.cell
    found = [str(n) for n in unsafe.possible]
    said = _say(("is_none", "is_one")[len(found)] if len(found) < 2 else "is_some", lang, values=", ".join(found))
    when = f", {_say('since', lang, moment=f'{unsafe.since.astimezone(tz):%Y-%m-%d %H:%M}')}" if unsafe.since else ""
    yield f"\n  {cell.place}, {_span(cell, tz)}: {_say(unsafe.what, lang)} {_word(cell, lang)} ({cell.source}) {said}{when}"
    for number, step in enumerate(unsafe.derivation):
        yield f"    {_say('and' if number else 'because', lang)}: {_sum(step, cell, tz, lang)}"


def _sum(step: Sum, cell: Term, tz: tzinfo, lang: str) -> str:
    kind, _, indicator = step.kind.partition(":")
    label = _say(kind, lang, indicator=indicator)
    if kind == "value":
        told = _terms(step.terms, cell, tz, lang)
        key = "at_most" if isinf(step.low) else "at_least" if isinf(step.high) else "between"
        return f"{label}: {_say(key, lang, terms=told, low=f'{step.low:g}', high=f'{step.high:g}')}"
    left = [t for t in step.terms if t.factor > 0]
    right = [t for t in step.terms if t.factor < 0]
    rest = f" + {_say('rest', lang)}" if step.rest else ""
    return f"{label}: {_terms(left, cell, tz, lang)} = {_terms(right, cell, tz, lang)}{rest}"


def _terms(terms: Any, cell: Term, tz: tzinfo, lang: str) -> str:
    return " + ".join(_term(t, cell, tz, lang) for t in terms)


def _term(term: Term, cell: Term, tz: tzinfo, lang: str) -> str:
    """A count with its number, and of place, time and source what is not the cell's own."""
    factor = f"{abs(term.factor):g} × " if abs(term.factor) != 1 else ""
    if term.low is not None and term.low == term.high:
        number = f"{term.low:g}"
    elif term.high is None:
        number = f"[{_say('unknown', lang)}]"
    else:
        number = f"[{_say('hidden', lang)}: {term.low:g}–{term.high:g}]"
    where = "" if term.place == cell.place else f" {term.place}"
    same = (term.interval_start, term.interval_end) == (cell.interval_start, cell.interval_end)
    return f"{factor}{_word(term, lang)}{where}{'' if same else ' ' + _span(term, tz)} {number} ({term.source})"


def _word(term: Term, lang: str) -> str:
    return str(getattr(vocabulary.columns()[term.measure], lang))


def _span(term: Term, tz: tzinfo) -> str:
    start, end = term.interval_start.astimezone(tz), term.interval_end.astimezone(tz)
    return f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}"


def data(report: Report) -> dict[str, Any]:
    """The report as plain data, for ``--json``."""
    return {
        "municipality": report.municipality, "k": report.k, "files": [str(f) for f in report.files], "counts": report.counts,
        "withheld": report.withheld, "sums": report.sums, "solved": report.solved, "misfits": report.misfits,
        "not_added_up": [{"kind": kind, "sources": scope.split("|")} for kind, scope in report.apart],
        "safe": not report.unsafe, "unsafe": [_plain(u) for u in report.unsafe],
    }  # fmt: skip


def _plain(unsafe: Unsafe) -> dict[str, Any]:
    cell = {key: value for key, value in vars(unsafe.cell).items() if key not in ("factor", "low", "high")}
    steps = [
        {"kind": s.kind, "low": _finite(s.low), "high": _finite(s.high), "rest": s.rest, "terms": [vars(t) for t in s.terms]}
        for s in unsafe.derivation
    ]
    return {"what": unsafe.what, **cell, "since": unsafe.since, "possible": list(unsafe.possible), "derivation": steps}


def _finite(number: float | None) -> float | None:
    return None if number is None or isinf(number) else number
