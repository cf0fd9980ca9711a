"""What other settings would have done to a period: worked out from the published file, with nothing written to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

from indicators import neighbours
from indicators.card import Card
from pipelines import published as reading
from pipelines.faults import UsageError
from pipelines.store.rows import one
from pipelines.whatif import episodes, fresh, levels, pictures
from pipelines.whatif.episodes import Pair, Signals
from pipelines.whatif.history import History
from pipelines.whatif.levels import Share
from pipelines.whatif.pictures import Day, Strip
from schemas.config import Config

DAY = timedelta(days=1)


@dataclass
class Answer:
    """The comparison over [start, end). ``pairs`` are the situations that touch it and whose settings differ somewhere.

    ``untouched``: situations where nothing could differ; they count in the signals of both. ``affected``: (indicator, place) with
    other settings. ``again``: values computed from their inputs, the others were judged as stored. ``notes``: codes of
    :file:`texts.yaml` with their numbers.
    """

    municipality: str
    start: datetime
    end: datetime
    pairs: list[Pair]
    untouched: int
    before: Signals
    after: Signals
    shares: list[Share]
    affected: int
    notes: dict[str, int] = field(default_factory=dict)
    strips: list[Strip] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[Pair]:
        """The pairs of one kind."""
        return [p for p in self.pairs if p.kind == kind]


def period(file: Path, slug: str, start: datetime | None, end: datetime | None, at: datetime) -> tuple[datetime, datetime]:
    """The period asked for as far as there are values that ended before ``at``. Raises :class:`UsageError`."""
    there = History.span(file, slug)
    if there is None:
        raise UsageError(f"{file} has no values of `{slug}`. Run `drukte backfill` first.")
    low, high = max(start or there[0], there[0]), min(end or there[1], there[1], at)
    if low >= high:
        told = f"{there[0]:%Y-%m-%d %H:%M}Z to {there[1]:%Y-%m-%d %H:%M}Z"
        raise UsageError(f"no values of `{slug}` in the period asked for: there are some from {told}.")
    return low, high


def widened(file: Path, slug: str, start: datetime, end: datetime, at: datetime) -> tuple[datetime, datetime]:
    """The period to judge: from before the first situation that reaches into [start, end), a day before and a day after it.

    What is carried into the first day is found in the day before: a run, or a situation under way.
    """
    con = reading.connect(file)
    found = one(con.execute(
        """SELECT min(started_at), max(coalesce(ended_at, $end)) FROM situations
           WHERE municipality = $slug AND started_at < $end AND coalesce(ended_at, $end) > $start""",
        {"slug": slug, "start": start, "end": end},
    ))  # fmt: skip
    con.close()
    low, high = min(start, found[0] or start) - DAY, min(max(end, found[1] or end) + DAY, at)
    return datetime.combine(low.date(), time(), low.tzinfo), max(high, end)


def compare(
    file: Path, config: Config, cards: Mapping[str, Card], *, at: datetime, start: datetime | None = None, end: datetime | None = None,
    base: Config | None = None, drawn: bool = False,
) -> Answer:  # fmt: skip
    """Judge the published history by ``config`` beside how it was judged. Raises :class:`UsageError`.

    ``at``: values that ended later are left out. ``base``: the town's own settings, which tell where there were no values.
    ``drawn``: with what a page needs.
    """
    slug, beside = config.municipality.municipality, neighbours.pairs(config)
    start, end = period(file, slug, start, end, at)
    low, high = widened(file, slug, start, end, at)
    with History(file, config, cards, low, high, at) as history:
        fresh.find(history, base)
        levels.tally(history, start, end)
        concerned = levels.concerned(history)
        shown, others = episodes.published(history, concerned)
        before, after = episodes.walk(history, concerned, "before"), episodes.walk(history, concerned, "after")
        _name(before, shown)
        pairs = [p for p in episodes.pairs(before, after) if _touches(p, start, end)]
        shares = levels.shares(history)
        answer = Answer(
            slug, start, end, pairs, sum(_inside(r, start, end) for r in others),
            episodes.signals([*before, *others], beside, start, end), episodes.signals([*after, *others], beside, start, end),
            shares, one(history.con.execute("SELECT count(*) FROM affected"))[0], history.notes,
        )  # fmt: skip
        if drawn:
            answer.strips, answer.days = pictures.strips(history, shares, start, end), pictures.days(history, pairs)
        return answer


def _name(before: list[episodes.Row], shown: list[episodes.Row]) -> None:
    """Give situations judged again the id under which they were published."""
    for pair in episodes.pairs(shown, before):
        if pair.after is not None:
            pair.after["situation_id"] = pair.before["situation_id"] if pair.before else None


def _touches(pair: Pair, start: datetime, end: datetime) -> bool:
    return any(_inside(row, start, end) for row in (pair.before, pair.after) if row is not None)


def _inside(row: episodes.Row, start: datetime, end: datetime) -> bool:
    return bool(row["started_at"] < end and (row["ended_at"] is None or row["ended_at"] > start))
