"""What the page draws: levels over the whole period, and the days on which situations differ, slot by slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from pipelines.whatif.episodes import Pair, rows
from pipelines.whatif.history import History, at_sql, known
from pipelines.whatif.levels import ALL_LEVELS, Share
from schemas.settings import BANDS

BINS = 240
STRIPS = 16
DAYS = 6
_ORDER = ("gained", "lost", "split", "joined", "changed")
_WORST = ("absent", "unknown", "normal", "elevated", "high", "critical")


@dataclass(frozen=True)
class Strip:
    """The worst level in each of :data:`BINS` equal parts of the period, by both judgements; "absent" where there is no value."""

    indicator: str
    place: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True)
class Day:
    """A local day of an indicator at a place. ``slots``: interval_start, interval_end, value, value_low, value_high, level_before,
    level, and ``<band>_before`` and ``<band>_after``, the edges. ``pair``: the situation that differs.
    """  # fmt: skip

    indicator: str
    place: str
    day: date
    pair: Pair
    slots: list[dict[str, Any]]


def strips(history: History, shares: Iterable[Share], start: datetime, end: datetime) -> list[Strip]:
    """The strips of what is most at another level, first."""
    found, history.only = [], None
    cards = {card.id: card for card in history.active}
    seconds = (end - start).total_seconds()
    for share in [s for s in shares if s.moved][:STRIPS]:
        inside = f"interval_start >= {at_sql(start)} AND interval_start < {at_sql(end)} AND place = '{share.place}'"
        rank = "list_position({0}, coalesce({1}, 'absent')) - 1"
        listed = "['" + "', '".join(_WORST) + "']"
        by_bin = history.con.execute(f"""
            SELECT floor({BINS} * (epoch(interval_start) - {start.timestamp()}) / {seconds})::INTEGER AS bin,
                   max({rank.format(listed, "level_before")}), max({rank.format(listed, "level")})
            FROM ({history.judged(cards[share.indicator], "after", history.start, history.end)}) WHERE {inside} GROUP BY bin""").fetchall()
        before, after = ["absent"] * BINS, ["absent"] * BINS
        for bin_, was, now in by_bin:
            before[bin_], after[bin_] = _WORST[was], _WORST[now]
        found.append(Strip(share.indicator, share.place, before, after))
    return found


def days(history: History, pairs: Iterable[Pair]) -> list[Day]:
    """The days on which situations that differ began, those that came or went first; each day of a place and risk once."""
    cards, history.only = {card.id: card for card in history.active}, None
    found: dict[tuple[str, str, date], Day] = {}
    for pair in sorted((p for p in pairs if p.kind in _ORDER), key=_importance):
        row = pair.shown
        card = cards.get(row["leading_indicator"])
        day = row["started_at"].astimezone(history.config.tz).date()
        if card is None or (row["safety_risk"], row["place"], day) in found or len(found) >= DAYS:
            continue
        low, high = (datetime.combine(d, time(), history.config.tz) for d in (day, day + timedelta(days=1)))
        edges = ", ".join(f"b.{band}_enter AS {band}_before, s.{band}_enter AS {band}_after" for band in BANDS)
        slots = rows(history, f"""
            SELECT r.interval_start, r.interval_end, r.value, v.value_low, v.value_high, coalesce(r.level_before, 'absent') AS level_before,
                   r.level, {edges}
            FROM ({history.judged(card, "after", low, high)}) r LEFT JOIN {history.stored(card, low, high)} v USING (place, interval_start)
            LEFT JOIN {known(card)} s ON s.config_hash = r.config_hash LEFT JOIN {known(card)} b ON b.config_hash = v.config_hash
            WHERE place = '{row["place"]}' ORDER BY r.interval_start""")  # fmt: skip
        found[row["safety_risk"], row["place"], day] = Day(card.id, row["place"], day, pair, slots)
    return list(found.values())


def _importance(pair: Pair) -> tuple[object, ...]:
    """What came or went first, the worst first; then what moved most."""
    moved = max((abs(shift) for c in ("started_at", "signalled_at") if (shift := pair.shift(c)) is not None), default=0.0)
    row = pair.shown
    return _ORDER.index(pair.kind), -ALL_LEVELS.index(row["peak_level"]), -moved, row["started_at"], row["place"]
