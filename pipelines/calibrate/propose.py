"""From counts to a proposal: the most sensitive edge that gives at most the wished rate, how sure, and a check on what came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from indicators import calibration
from indicators.calibration import DAYS_A_MONTH, Counted
from indicators.card import Card
from indicators.sense import FAR, MOST
from pipelines.calibrate.count import Basis, Rates, basis, rates
from pipelines.faults import UsageError
from pipelines.whatif import opened
from pipelines.whatif.answer import period
from pipelines.whatif.changes import ALL_ALONG, BOOKKEEPING, Entry, with_entries
from pipelines.whatif.history import History
from pipelines.whatif.sets import in_force
from schemas.config import Config
from schemas.settings import BANDS, Band, Threshold
from schemas.yamlfile import Document

CANDIDATES = 64
NEAR = 0.9  # of the wish: an edge that no more sensitive one can beat, and that stays under it, does not meet it
FIT = 0.7  # the part of the days that the hold-out check fits on


@dataclass(frozen=True)
class Wish:
    """Signals of a band, a month, all places asked for together."""

    band: str
    a_month: float


@dataclass(frozen=True)
class Check:
    """Fitted on the first part of the days: its edge, and the rate that it gave in the rest with its interval."""

    edge: float
    seen: float
    low: float
    high: float
    days_fit: int
    days_rest: int

    def fits(self, wished: float) -> bool:
        """Whether the wished rate lies in what was seen."""
        return self.low <= wished <= self.high


@dataclass(frozen=True)
class Proposal:
    """A band for the wish, or ``trouble``: a code of why there is none. ``notes``: codes of what to bear in mind.

    ``low`` and ``high`` bound the edge, ``rate_low`` and ``rate_high`` the rate (90 %). ``possible``: the rate if every value that is
    only known between bounds had reached the edge. ``others``: (for, enter) that give the same rate.
    """  # fmt: skip

    wish: Wish
    trouble: str | None = None
    band: Band | None = None
    low: float = 0.0
    high: float = 0.0
    rate: float = 0.0
    rate_low: float = 0.0
    rate_high: float = 0.0
    possible: float = 0.0
    check: Check | None = None
    per_place: dict[str, int] = field(default_factory=dict)
    others: tuple[tuple[timedelta, float], ...] = ()
    notes: tuple[str, ...] = ()
    now: Band | None = None
    generic: Band | None = None
    reachable: tuple[float, float] | None = None
    limits: tuple[float, float] = (0.0, float("inf"))


@dataclass(frozen=True)
class Outcome:
    """Proposals for one indicator over [start, end), and the history behind them."""

    indicator: str
    where: dict[str, str | None]
    start: datetime
    end: datetime
    basis: Basis
    proposals: tuple[Proposal, ...]


def propose(
    file: Path, config: Config, cards: Mapping[str, Card], indicator: str, wishes: Sequence[Wish], *, where: dict[str, str | None],
    at: datetime, start: datetime | None, end: datetime | None, for_: timedelta | None = None, keep_for: timedelta | None = None,
) -> Outcome:  # fmt: skip
    """Work out a proposal for each wish, the lower bands first. Raises :class:`UsageError` for what cannot be asked."""
    card = cards[indicator]
    places = _places(config, card, where)
    low, high = period(file, config.municipality.municipality, start, end, at)
    with History(file, config, cards, low, high, at) as history:
        found = basis(history, card, places)
    proposals: list[Proposal] = []
    for wish in sorted(wishes, key=lambda w: BANDS.index(w.band)):
        now = _one(in_force(config, card, wish.band, where, at))
        base = _timed(now, for_, keep_for, card, wish.band)
        limits = _limits(config, card, wish, where, at, proposals)
        proposal = _work_out(file, config, cards, card, wish, base, found, limits, (low, high, at))
        generic = _one([b for kind in _types(config, places) if (b := (card.bands_for(kind) or {}).get(wish.band))])  # type: ignore[call-overload]
        proposals.append(_compared(replace(proposal, now=now, generic=generic, limits=limits), card))
    return Outcome(indicator, where, low, high, found, tuple(proposals))


def _places(config: Config, card: Card, where: dict[str, str | None]) -> list[str]:
    wanted = [
        row.place.place for row in config.places
        if row.place.kind in card.applies_to.kinds and (where["place"] in (None, row.place.place))
        and (where["place_type"] in (None, row.place.place_type))
    ]  # fmt: skip
    if not wanted:
        raise UsageError(f"`{card.id}` is for no place asked for. It is for places of kind {', '.join(card.applies_to.kinds)}.")
    return list(dict.fromkeys(wanted))


def _types(config: Config, places: Sequence[str]) -> set[str | None]:
    return {row.place.place_type for row in config.places if row.place.place in places}


def _one(found: Sequence[Band]) -> Band | None:
    """The band, where all say the same."""
    return found[0] if found and all(b == found[0] for b in found) else None


def _timed(now: Band | None, for_: timedelta | None, keep_for: timedelta | None, card: Card, band: str) -> Band:
    """A band with the durations to count with."""
    if now is not None:
        for_, keep_for = now.for_ if for_ is None else for_, now.keep_for if keep_for is None else keep_for
    if for_ is None or keep_for is None:
        raise UsageError(
            f"{card.id}.{band}: no one `for` and `keep_for` is in force there. Give --for and --keep-for, or name a --place-type."
        )
    return Band.model_validate(
        {"enter": 0.0, "for": for_, "keep_for": keep_for, "for_intervals": now.for_intervals if now else 0}
    )


def _limits(
    config: Config, card: Card, wish: Wish, where: dict[str, str | None], at: datetime, before: Sequence[Proposal]
) -> tuple[float, float]:
    """Between which an edge keeps the order of the bands, and some sense: beyond zero on the side of danger."""
    sign = 1 if card.direction == "up" else -1
    most = MOST.get(card.unit, np.inf)
    inner, outer = (0.0, most) if sign > 0 else (most, 0.0)
    proposed = {p.wish.band: p.band.enter for p in before if p.band}
    index = BANDS.index(wish.band)
    for other in BANDS:
        edges = [proposed[other]] if other in proposed else [b.enter for b in in_force(config, card, other, where, at)]
        if edges and BANDS.index(other) < index:
            inner = max([inner, *edges]) if sign > 0 else min([inner, *edges])
        elif edges and BANDS.index(other) > index:
            outer = min([outer, *edges]) if sign > 0 else max([outer, *edges])
    return (inner, outer) if sign > 0 else (outer, inner)


def _work_out(
    file: Path, config: Config, cards: Mapping[str, Card], card: Card, wish: Wish, base: Band, found: Basis,
    limits: tuple[float, float], span: tuple[datetime, datetime, datetime],
) -> Proposal:  # fmt: skip
    days = len(found.used)
    expected = wish.a_month * days / DAYS_A_MONTH
    if days < calibration.LEAST_DAYS or expected < calibration.LEAST_SIGNALS:
        return Proposal(wish, "too_short")
    edges = _candidates(card, found, limits)
    if not edges:
        return Proposal(wish, "no_edges")
    strict = Threshold.model_validate({
        **BOOKKEEPING, "indicator": card.id, "effective_from": ALL_ALONG,
        "bands": {wish.band: Band.model_validate({**base.model_dump(by_alias=True), "enter": edges[0], "exit": None})}})  # fmt: skip
    tried = with_entries(config, [Entry(strict, Document("calibrate", {}, {}), ())]) if card.at_once(wish.band) else config  # type: ignore[arg-type]
    with History(file, tried, cards, *span) as history:
        if card.at_once(wish.band):  # type: ignore[arg-type]
            history.only = "affected"
            opened.fill(history, card, "after")
            history.only = None
        return _fitted(history, card, wish, base, found, edges)


def _candidates(card: Card, found: Basis, limits: tuple[float, float]) -> list[float]:
    """Edges to try, the most sensitive first: worst values of days that occurred, between the limits, closer together where they are rare."""
    sign = 1 if card.direction == "up" else -1
    worst = np.sort(found.extremes * sign)[::-1]
    ranks = np.unique(np.geomspace(1, len(worst), CANDIDATES).round().astype(int)) if len(worst) else np.zeros(0, dtype=int)
    edges = np.unique(np.round(worst[ranks - 1] * sign, card.digits))
    edges = edges[(edges > limits[0]) & (edges < limits[1])]
    return [float(e) for e in (edges if sign > 0 else edges[::-1])]


def _with_exits(card: Card, edges: Sequence[float]) -> list[tuple[float, float]]:
    return [(e, card.exit_of(Band.model_validate({"enter": e, "for": "0s", "keep_for": "0s"}))) for e in edges]


def _fitted(history: History, card: Card, wish: Wish, base: Band, found: Basis, edges: Sequence[float]) -> Proposal:
    both = _with_exits(card, edges)
    usual = _usual_interval(history, card)
    fors = [max(base.for_, base.for_intervals * usual), *(f for f in (usual, 2 * usual, 3 * usual) if f != base.for_)]
    counted, *others = rates(history, card, wish.band, found, both, fors, base.keep_for)
    at_most = counted.certain.rates()
    pick = int(calibration.chosen(at_most, wish.a_month))
    reachable = float(np.nanmin(at_most)), float(np.nanmax(at_most))
    if pick < 0 or reachable[1] < NEAR * wish.a_month:
        return Proposal(wish, "too_many" if pick < 0 else "too_few", reachable=reachable)
    low, high = calibration.interval(counted.certain, wish.a_month)
    rate_low, rate_high = calibration.rate_interval(counted.certain, pick)
    enter, exit_ = both[pick]
    band = Band.model_validate({**base.model_dump(by_alias=True), "enter": enter, "exit": exit_})
    notes = ("coarse",) if at_most[pick] < 0.5 * wish.a_month else ()
    possible = float(counted.possible.rates()[pick])
    below, above = sorted((edges[low], edges[high]))
    return Proposal(
        wish, None, band, below, above, rate=float(at_most[pick]), rate_low=rate_low, rate_high=rate_high,
        possible=possible, check=_held_out(counted, edges, wish), per_place={p: int(n[pick]) for p, n in counted.per_place.items()},
        others=_other_durations(dict(zip(fors[1:], others, strict=True)), wish, edges), reachable=reachable,
        notes=notes + (("withheld",) if possible > wish.a_month * 1.25 else ()),
    )  # fmt: skip


def _usual_interval(history: History, card: Card) -> timedelta:
    settings = history.config.municipality.indicators.get(card.id)
    return (settings and settings.interval) or history.config.municipality.interval


def _held_out(counted: Rates, edges: Sequence[float], wish: Wish) -> Check | None:
    """Fit on the first part, look at the rest; None when no candidate fits the first part."""
    cut = int(len(counted.certain.exposure) * FIT)
    fit, rest = counted.certain.part(slice(0, cut)), counted.certain.part(slice(cut, None))
    pick = int(calibration.chosen(fit.rates(), wish.a_month))
    if pick < 0:
        return None
    return Check(edges[pick], float(rest.rates()[pick]), *_around(rest, pick), cut, len(rest.exposure))


def _around(rest: Counted, pick: int) -> tuple[float, float]:
    return calibration.rate_interval(rest, pick)


def _other_durations(
    others: Mapping[timedelta, Rates], wish: Wish, edges: Sequence[float]
) -> tuple[tuple[timedelta, float], ...]:
    """Edges that give the wished rate with another ``for``: one, two and three intervals."""
    picks = ((for_, int(calibration.chosen(found.certain.rates(), wish.a_month))) for for_, found in others.items())
    return tuple((for_, edges[pick]) for for_, pick in picks if pick >= 0)


def _compared(proposal: Proposal, card: Card) -> Proposal:
    """Notes on how the proposal lies to what is in force and to the generic edge."""
    if proposal.band is None:
        return proposal
    sign, notes = (1 if card.direction == "up" else -1), list(proposal.notes)
    for name, other in (("generic", proposal.generic), ("now", proposal.now)):
        if other and sign * proposal.band.enter > sign * other.enter:
            notes.append(f"looser_{name}")
        elif name == "generic" and other and other.enter > 0 and not 1 / FAR <= proposal.band.enter / other.enter <= FAR:
            notes.append("far")
    if proposal.check and not proposal.check.fits(proposal.wish.a_month):
        notes.append("check_differs")
    return replace(proposal, notes=tuple(notes))
