"""An answer as one self-contained page: headline, level strips of the whole period, days that differ, tables."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from pipelines.whatif import drawing
from pipelines.whatif.answer import Answer
from pipelines.whatif.episodes import Pair
from pipelines.whatif.levels import ALL_LEVELS
from pipelines.whatif.pictures import BINS
from pipelines.whatif.say import Say
from pipelines.whatif.text import headline, notes

STYLE = Path(__file__).with_name("page.css")


def write(answer: Answer, say: Say, path: Path) -> Path:
    """Write the page; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html(answer, say), encoding="utf-8")
    return path


def html(answer: Answer, say: Say) -> str:
    """The page; needs an answer that was ``drawn``."""
    title, period, *told = headline(answer, say)
    parts = [f"<h1>{escape(title)}</h1><p class=soft>{escape(period)}</p>", _numbers(answer, say) if answer.affected else ""]
    parts += [f"<p>{escape(line)}</p>" for line in told]
    if answer.days:
        days = [_figure(drawing.day(d, say), _day_title(d.pair, d.indicator, say)) for d in answer.days]
        parts += [_head("page_days", "page_days_note", say), drawing.key(say), *days]
    if answer.strips:
        parts += [_strips_head(answer, say), _figure(drawing.strips(answer, say), "")]
    parts += [
        _situations(answer, say),
        _hours(answer, say),
        *(f"<p class=soft>{escape(line)}</p>" for line in notes(answer, say)),
    ]
    body = "\n".join(part for part in parts if part)
    return f"""<!doctype html>
<html lang="{say.lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE.read_text(encoding="utf-8")}</style></head><body>{drawing.PATTERNS}<main>
{body}
</main></body></html>
"""


def _numbers(answer: Answer, say: Say) -> str:
    kinds = [(say.text(f"kind_{k}"), str(len(answer.of_kind(k)))) for k in ("gained", "lost", "changed")]
    cells = [(say.text("signals_short"), f"{answer.before.count} → {answer.after.count}"),
             (say.text("an_hour_short"), f"{say.number(answer.before.an_hour, 4)} → {say.number(answer.after.an_hour, 4)}"),
             (say.text("busiest_short"), f"{answer.before.busiest} → {answer.after.busiest}"), *kinds]  # fmt: skip
    return (
        "<div class=numbers>"
        + "".join(f"<div><b>{escape(n)}</b><span>{escape(what)}</span></div>" for what, n in cells)
        + "</div>"
    )


def _head(title: str, note: str, say: Say) -> str:
    return f"<h2>{escape(say.text(title))}</h2><p class=soft>{escape(say.text(note))}</p>"


def _strips_head(answer: Answer, say: Say) -> str:
    span = say.voice.duration((answer.end - answer.start).total_seconds() / 60 / BINS)
    note = escape(say.text("page_strips_note", span=span))
    return f"<h2>{escape(say.text('page_strips'))}</h2><p class=soft>{note}</p>{drawing.key(say)}"


def _day_title(pair: Pair, indicator: str, say: Say) -> str:
    row = pair.shown
    said = f"{say.place(row['place'])}, {say.moment(row['started_at'])[:10]}: {say.title(indicator)}"
    return f"<b>{escape(said)}</b> <span class=soft>{escape(_what(pair, say))}</span>"


def _what(pair: Pair, say: Say) -> str:
    kind, said = say.text(f"kind_{pair.kind}"), say.difference(pair)
    return kind if said == kind else f"{kind}: {said}"


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{f'<figcaption>{caption}</figcaption>' if caption else ''}{svg}</figure>"


def _situations(answer: Answer, say: Say) -> str:
    found = [p for p in answer.pairs if p.kind != "same"]
    if not found:
        return f"<h2>{escape(say.text('page_situations'))}</h2><p>{escape(say.text('nothing_differs'))}</p>"
    names = ("difference", "place", "risk", "start", "end", "peak", "leading")
    head = "".join(f"<th>{escape(say.text(f'head_{n}'))}</th>" for n in names)
    rows = []
    for p in found:
        row = p.shown
        risk = say.voice.code("safety_risk", row["safety_risk"])
        cells = [_what(p, say), say.place(row["place"]), risk, say.moment(row["started_at"]),
                 say.moment(row["ended_at"]), say.level(row["peak_level"]), say.title(row["leading_indicator"])]  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>")
    return f"<h2>{escape(say.text('page_situations'))}</h2><section><table><tr>{head}</tr>{''.join(rows)}</table></section>"


def _hours(answer: Answer, say: Say) -> str:
    moved = [s for s in answer.shares if s.moved]
    if not moved:
        return ""
    levels = [level for level in ALL_LEVELS if any(s.before[level] or s.after[level] for s in moved)]
    head = "".join(f"<th class=n>{escape(say.level(level))}</th>" for level in levels)
    rows = "".join(
        f"<tr><td>{escape(say.title(s.indicator))}</td><td>{escape(say.place(s.place))}</td><td class=n>{say.number(s.moved, 2)}</td>"
        + "".join(f"<td class=n>{_both(s.before[level], s.after[level], say)}</td>" for level in levels) + "</tr>"
        for s in moved
    )  # fmt: skip
    first = "".join(f"<th>{escape(say.text(f'head_{n}'))}</th>" for n in ("indicator", "place"))
    return (f"<h2>{escape(say.text('levels_title'))}</h2><section><table><tr>{first}<th class=n>{escape(say.text('head_moved'))}</th>{head}</tr>"
            f"{rows}</table></section>")  # fmt: skip


def _both(before: float, after: float, say: Say) -> Any:
    same = say.number(after, 2)
    return same if before == after else f"{say.number(before, 2)} → {same}"
