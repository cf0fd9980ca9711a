"""An answer as lines of text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.cli.common import table
from pipelines.whatif.answer import Answer
from pipelines.whatif.episodes import KINDS, Pair
from pipelines.whatif.levels import ALL_LEVELS, Share
from pipelines.whatif.say import Say

MOST = 20  # rows of a table on the terminal


def lines(answer: Answer, say: Say) -> Iterator[str]:
    """Headline, situations that differ, hours at each level, and what to bear in mind."""
    yield from headline(answer, say)
    for kind in ("gained", "split", "lost", "joined", "changed"):
        found = answer.of_kind(kind)
        if found:
            yield f"\n{say.text(f'kind_{kind}').capitalize()} ({len(found)})"
            yield from _cut([_row(p, say) for p in found], _head(say), say)
    moved = [share for share in answer.shares if share.moved]
    if moved:
        yield f"\n{say.text('levels_title')}"
        levels = [level for level in ALL_LEVELS[1:] if any(s.before[level] or s.after[level] for s in moved)]
        yield from _cut([_hours(s, levels, say) for s in moved], _hours_head(levels, say), say)
    yield ""
    yield from notes(answer, say)


def headline(answer: Answer, say: Say) -> Iterator[str]:
    """What the whole comes to."""
    name = getattr(say.config.municipality.name, say.lang)
    yield say.text("title")
    yield say.text("period", name=name, start=say.moment(answer.start), end=say.moment(answer.end))
    if not answer.affected:
        yield say.text("nothing_other")
        return
    yield say.text("affected", n=answer.affected)
    before, after = answer.before, answer.after
    yield say.text(
        "signals", before=before.count, after=after.count, before_an_hour=say.number(before.an_hour, 4),
        after_an_hour=say.number(after.an_hour, 4), before_most=before.busiest, after_most=after.busiest,
    )  # fmt: skip
    yield say.text("kinds", **{kind: len(answer.of_kind(kind)) for kind in KINDS}, untouched=answer.untouched)


def notes(answer: Answer, say: Say) -> Iterator[str]:
    """What to bear in mind."""
    yield say.text("signals_note")
    for name, count in answer.notes.items():
        if count:
            yield say.text(f"note_{name}", n=f"{count:,}" if say.lang == "en" else f"{count:,}".replace(",", "."))
    yield say.text("note_limits")
    yield say.text("note_live")


def _cut(rows: Sequence[Sequence[object]], head: Sequence[str], say: Say) -> Iterator[str]:
    yield table(head, rows[:MOST])
    if len(rows) > MOST:
        yield say.text("more", n=len(rows) - MOST)


def _head(say: Say) -> list[str]:
    return [say.text(f"head_{name}") for name in ("place", "risk", "start", "end", "peak", "leading", "difference")]


def _row(pair: Pair, say: Say) -> list[str]:
    row = pair.shown
    return [
        say.place(row["place"]), say.voice.code("safety_risk", row["safety_risk"]), say.moment(row["started_at"]),
        say.moment(row["ended_at"]), say.level(row["peak_level"]), say.title(row["leading_indicator"]), say.difference(pair),
    ]  # fmt: skip


def _hours_head(levels: Sequence[str], say: Say) -> list[str]:
    return [
        say.text("head_indicator"),
        say.text("head_place"),
        say.text("head_moved"),
        *(say.level(level) for level in levels),
        "",
    ]


def _hours(share: Share, levels: Sequence[str], say: Say) -> list[str]:
    pairs = (f"{say.number(share.before[level], 2)} → {say.number(share.after[level], 2)}" if share.before[level] or share.after[level] else "–"
             for level in levels)  # fmt: skip
    return [say.title(share.indicator), say.place(share.place), say.number(share.moved, 2), *pairs, ""]
