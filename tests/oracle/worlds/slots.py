"""What an input of a card is in one slot: cells brought up (rule 3), sources ranked (rule 9), places put together (rule 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from schemas import vocabulary
from tests.oracle.worlds.cells import BEST, Cells, cells
from tests.oracle.worlds.shapes import Source, Town


class Slot(NamedTuple):
    """``known`` without numbers is a mean withheld, or a share of nobody."""

    status: str
    low: float | None
    high: float | None
    coverage: float


def nothing(status: str = "missing") -> Slot:
    return Slot(status, None, None, 0.0)


def best(found: list[Slot], least: float) -> Slot:
    """The first that is ok, and of which enough was measured; else the first of the best other status (rules 3, 5 and 9)."""
    enough = [s for s in found if s.status == "ok" and s.coverage >= least - 1e-12]
    return enough[0] if enough else min(found, key=lambda s: BEST.index(s.status))


class Slots:
    """Inputs of a town as delivered. :meth:`get` answers None where nothing counts the measure there, or nothing is expected."""

    def __init__(self, town: Town, wrong: frozenset[str] = frozenset()) -> None:
        self.town, self.wrong = town, wrong
        self.cells: Cells = cells(town, wrong)
        self._seen: dict[tuple[str, str, datetime, int, float], Slot | None] = {}
        self.least = 0.0  # the card's min_coverage: a source with less in a slot has no value there, so that the next one counts
        self._lines: dict[str, list[tuple[str, str]]] = {}

    @cached_property
    def counted(self) -> dict[tuple[str, str, str], list[Source]]:
        """(dataset, place, measure) → sources, the best rank first."""
        found: dict[tuple[str, str, str], list[Source]] = {}
        for source in sorted(self.town.sources, key=lambda s: s.rank, reverse="last_rank" in self.wrong):
            for place in source.places:
                for measure in source.measures:
                    found.setdefault((source.dataset, place, measure), []).append(source)
        return found

    def get(self, reference: str, place: str, start: datetime, minutes: int) -> Slot | None:
        key = (reference, place, start, minutes, self.least)
        if key not in self._seen:
            self._seen[key] = self._get(reference, place, start, minutes)
        return self._seen[key]

    def _get(self, reference: str, place: str, start: datetime, minutes: int) -> Slot | None:
        return self.plain(reference, place, start, minutes)

    def plain(self, reference: str, place: str, start: datetime, minutes: int) -> Slot | None:
        """A delivered measure of a place: of several sources the ok one of the lowest rank, else the best other status."""
        dataset, measure = reference.split(".")
        if self.town.period(place, start) is None:
            return None
        sources = self.counted.get((dataset, place, measure), [])
        found = [s for source in sources if (s := self._brought_up(source, place, measure, start, minutes))]
        return best(found, self.least) if found else None

    def _brought_up(self, source: Source, place: str, measure: str, start: datetime, minutes: int) -> Slot | None:
        kind = vocabulary.columns()[measure].kind
        if kind == "speed":
            return self._mean(source, place, measure, start, minutes)
        own = self.cells[source.name, place, measure]
        moments = [start + timedelta(minutes=source.minutes * i) for i in range(minutes // source.minutes)]
        found = [own[m] for m in moments if m in own]
        if not found:
            return None
        known = [c for c in found if c.status in ("ok", "suppressed")]
        share = len(known) / len(moments)
        if not known:
            return nothing(min((c.status for c in found), key=BEST.index))
        if kind in ("stock", "class"):
            return Slot(known[-1].status, known[-1].low, known[-1].high, share)
        factor = 1 / share if "scaled_up" in self.wrong else 1
        status = "suppressed" if any(c.status == "suppressed" for c in known) else "ok"
        return Slot(status, sum(c.low for c in known) * factor, sum(c.high for c in known) * factor, share)  # type: ignore[misc]

    def _mean(self, source: Source, place: str, measure: str, start: datetime, minutes: int) -> Slot | None:
        """A mean weighted by the number behind it; withheld without bounds where one part is.

        Of several cells one of which the number is not known has no part in it; one cell alone is as it was sent.
        """
        own = self.cells[source.name, place, measure]
        moments = [start + timedelta(minutes=source.minutes * i) for i in range(minutes // source.minutes)]
        behind = [self.cells[source.name, place, s] for s in vocabulary.columns()[measure].support if s in source.measures]
        found = [m for m in moments if m in own]
        weight = {m: [b[m].low for b in behind if m in b and b[m].status == "ok"] for m in found}
        known = [
            m for m in found if own[m].status == "suppressed" or (own[m].status == "ok" and (weight[m] or len(moments) == 1))
        ]
        if not known:
            lost = [own[m].status if own[m].status != "ok" else "missing" for m in found]
            return nothing(min(lost, key=BEST.index)) if lost else None
        share = len(known) / len(moments)
        if any(own[m].status == "suppressed" for m in known):
            return Slot("suppressed", None, None, share)
        if len(known) == 1:
            return Slot("ok", own[known[0]].low, own[known[0]].low, share)
        total = sum(sum(weight[m]) for m in known)  # type: ignore[arg-type]
        mean = sum(own[m].low * sum(weight[m]) for m in known) / total  # type: ignore[operator, arg-type]
        return Slot("ok", mean, mean, share)

    def own_sum(self, place: str, groups: tuple[tuple[str, ...], ...], start: datetime, minutes: int) -> Slot | None:
        """A sum of measures of one row: the first group that a source delivers, per source; coverage is over all its cells."""
        if self.town.period(place, start) is None:
            return None
        for group in groups:
            sources = [s for s in self.counted.get(("passage_counts", place, group[0]), []) if set(group) <= set(s.measures)]
            found = []
            for source in sources:
                parts = [p for m in group if (p := self._brought_up(source, place, m, start, minutes))]
                if parts:
                    found.append(_pooled(parts))
            if found:
                return best(found, self.least)
        return None

    # --- over places ------------------------------------------------------------------------------------------------

    def ways(self, zone: str, at: datetime, into: bool, kind: str = "line") -> list[tuple[str, str]]:
        """Lines (or relations) of a zone with the measure that goes into it, or out of it."""
        found = []
        for place in self._around(zone):
            period = self.town.period(place, at)
            if period is None or period.properties["kind"] != kind:
                continue
            one = "trips" if kind == "relation" else None
            if period.properties.get("to_zone") == zone and (kind == "line" or into):
                found.append((place, one or ("count_in" if into else "count_out")))
            if period.properties.get("from_zone") == zone and (kind == "line" or not into):
                found.append((place, one or ("count_out" if into else "count_in")))
        return found

    def _around(self, zone: str) -> list[str]:
        if not self._lines:
            for place, periods in self.town.places.items():
                for name in {p.properties.get(side) for p in periods for side in ("from_zone", "to_zone")} - {None}:
                    self._lines.setdefault(name, []).append(place)  # type: ignore[arg-type]
        return self._lines.get(zone, [])

    def total(self, members: Iterable[tuple[str, str]], start: datetime, minutes: int) -> Slot | None:
        """The sum over (place, reference): one not known and the sum is not; one withheld and it is a range."""
        found = [self.get(reference, place, start, minutes) for place, reference in members]
        if not found or all(s is None for s in found):
            return None
        return together([s or nothing() for s in found], lambda *v: sum(v), wrong=self.wrong)

    def parts(self, area: str, at: datetime, kinds: tuple[str, ...]) -> list[str]:
        period = self.town.period(area, at)
        names = period.properties.get("parts", ()) if period else ()
        return [p for p in names if (own := self.town.period(p, at)) and own.properties["kind"] in kinds]


def together(
    slots: list[Slot], value: Callable[..., float | None], wrong: frozenset[str] = frozenset(), *, rising: bool = True
) -> Slot:
    """One number of several: known when all are; the lowest of the lows and the highest of the highs."""
    unknown = [s for s in slots if s.low is None or s.status not in ("ok", "suppressed")]
    if "partial_total" in wrong and 0 < len(unknown) < len(slots):
        slots, unknown = [s for s in slots if s not in unknown], []
    if unknown:
        lost = [s.status for s in slots if s.status != "ok"]
        return nothing(min(lost, key=BEST.index)) if lost else Slot("ok", None, None, min(s.coverage for s in slots))
    status = "suppressed" if any(s.status == "suppressed" for s in slots) else "ok"
    coverage = min(s.coverage for s in slots)
    return Slot(status, value(*(s.low for s in slots)), value(*(s.high for s in slots)), coverage)


def _pooled(parts: list[Slot]) -> Slot:
    """A sum over the cells of one row's measures, as over the cells of a slot: what is known counts, and coverage tells the rest."""
    known = [p for p in parts if p.low is not None]
    if not known:
        return nothing(min((p.status for p in parts), key=BEST.index))
    status = "suppressed" if any(p.status == "suppressed" for p in known) else "ok"
    low, high = sum(p.low for p in known), sum(p.high for p in known)  # type: ignore[misc]
    return Slot(status, low, high, sum(p.coverage for p in parts) / len(parts))
