"""What an input of a card is in one slot: cells brought up (rule 3), sources ranked (rule 9), places put together (rule 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas import vocabulary
from schemas.datasets.field_observations import DENSITY_CLASSES
from tests.oracle.worlds.cells import BEST, Cells, cells
from tests.oracle.worlds.shapes import Reset, Source, Town

HOLDS = timedelta(minutes=15)


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
    """All inputs of a town. :meth:`get` answers None where nothing counts the measure there, or nothing is expected."""

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
        special = _DERIVED.get(reference)
        return special(self, place, start, minutes) if special else self.plain(reference, place, start, minutes)

    def plain(self, reference: str, place: str, start: datetime, minutes: int) -> Slot | None:
        """A delivered measure of a place: of several sources the ok one of the lowest rank, else the best other status."""
        dataset, measure = reference.split(".")
        if self.town.period(place, start) is None:
            return None
        sources = self.counted.get((dataset, place, measure), [])
        found = [s for source in sources if (s := self._brought_up(source, place, measure, start, minutes))]
        return best(found, self.least) if found else None

    def _brought_up(self, source: Source, place: str, measure: str, start: datetime, minutes: int) -> Slot | None:
        own = self.cells[source.name, place, measure]
        moments = [start + timedelta(minutes=source.minutes * i) for i in range(minutes // source.minutes)]
        found = [own[m] for m in moments if m in own]
        if not found:
            return None
        known = [c for c in found if c.status in ("ok", "suppressed")]
        share = len(known) / len(moments)
        if not known:
            return nothing(min((c.status for c in found), key=BEST.index))
        kind = vocabulary.columns()[measure].kind
        if kind == "speed":
            return self._mean(source, place, measure, moments)
        if kind in ("stock", "class"):
            return Slot(known[-1].status, known[-1].low, known[-1].high, share)
        factor = 1 / share if "scaled_up" in self.wrong else 1
        status = "suppressed" if any(c.status == "suppressed" for c in known) else "ok"
        return Slot(status, sum(c.low for c in known) * factor, sum(c.high for c in known) * factor, share)  # type: ignore[misc]

    def _mean(self, source: Source, place: str, measure: str, moments: list[datetime]) -> Slot:
        """A mean weighted by the number behind it; withheld without bounds where one part is."""
        own = self.cells[source.name, place, measure]
        behind = [s for s in vocabulary.columns()[measure].support if s in source.measures]
        known = [m for m in moments if own[m].status in ("ok", "suppressed")]
        share = len(known) / len(moments)
        if any(own[m].status == "suppressed" for m in known):
            return Slot("suppressed", None, None, share)
        weight = {m: sum(self.cells[source.name, place, s][m].low or 0 for s in behind) for m in known}
        total = sum(weight.values())
        if not total:
            return nothing()
        mean = sum(own[m].low * weight[m] for m in known) / total  # type: ignore[operator]
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


# --- derived measures, by the text of their contract ------------------------------------------------------------------


def _passages(s: Slots, place: str, start: datetime, minutes: int) -> Slot | None:
    """Both directions of one source, or its total; of several sources one counts for both (rule 9)."""
    return s.own_sum(place, (("count_in", "count_out"), ("count_total",)), start, minutes)


def _flow(into: bool) -> Callable[[Slots, str, datetime, int], Slot | None]:
    def slot(s: Slots, zone: str, start: datetime, minutes: int) -> Slot | None:
        return s.total([(p, f"passage_counts.{m}") for p, m in s.ways(zone, start, into)], start, minutes)

    return slot


def _trips(into: bool) -> Callable[[Slots, str, datetime, int], Slot | None]:
    def slot(s: Slots, zone: str, start: datetime, minutes: int) -> Slot | None:
        return s.total([(p, f"od_flows.{m}") for p, m in s.ways(zone, start, into, "relation")], start, minutes)

    return slot


def _planned(against: bool) -> Callable[[Slots, str, datetime, int], Slot | None]:
    def slot(s: Slots, line: str, start: datetime, minutes: int) -> Slot | None:
        back = (s.town.attribute(line, "planned_direction", start) == "out") != against
        return s.get(f"passage_counts.{'count_out' if back else 'count_in'}", line, start, minutes)

    return slot


def _area_present(s: Slots, area: str, start: datetime, minutes: int) -> Slot | None:
    return s.total([(p, "zone_counts.present") for p in s.parts(area, start, ("zone", "facility"))], start, minutes)


def _approach(s: Slots, line: str, start: datetime, minutes: int) -> Slot | None:
    """Density in the zone in front of a line: the declared one, else where its planned direction (or `in`) comes from."""
    period = s.town.period(line, start)
    if period is None:
        return None
    own = period.properties
    zone = own.get("approach_zone") or own.get("to_zone" if own.get("planned_direction") == "out" else "from_zone")
    found = s.get("zone_counts.present", zone, start, minutes) if zone else None
    area = s.town.attribute(zone, "usable_area", start) if zone else None
    if found is None or not area:
        return None
    return found if found.low is None else found._replace(low=found.low / area, high=found.high / area)  # type: ignore[operator]


def _spread(s: Slots, area: str, start: datetime, minutes: int) -> tuple[list[Slot], list[float]] | Slot | None:
    """Counts and areas of an area's zones, a lost slot where one is not known, or None where there are under ten."""
    zones = s.parts(area, start, ("zone", "facility"))
    if len(zones) < 10:
        return None
    found = [s.get("zone_counts.present", z, start, minutes) or nothing() for z in zones]
    if all(s.get("zone_counts.present", z, start, minutes) is None for z in zones):
        return None
    areas = [s.town.attribute(z, "usable_area", start) for z in zones]
    if "partial_total" in s.wrong:
        areas, found = (
            [a for x, a in zip(found, areas, strict=True) if x.low is not None],
            [x for x in found if x.low is not None],
        )
    whole = together(found, lambda *v: sum(v), s.wrong)
    if whole.low is None:
        return whole
    if whole.status == "suppressed" or whole.low == 0:  # it may lie in the busiest part or outside it; nobody is nowhere
        return Slot(whole.status, None, None, whole.coverage)
    return found, areas


def _busiest(s: Slots, area: str, start: datetime, minutes: int) -> Slot | None:
    found = _spread(s, area, start, minutes)
    if found is None or isinstance(found, Slot):
        return found
    slots, areas = found
    left, people = 0.1 * sum(areas), 0.0
    for count, size in sorted(((x.low, a) for x, a in zip(slots, areas, strict=True)), key=lambda p: -p[0] / p[1]):  # type: ignore[operator]
        taken = min(left, size)
        people, left = people + count * taken / size, left - taken  # type: ignore[operator]
    share = people / sum(x.low for x in slots)  # type: ignore[misc]
    return Slot("ok", share, share, min(x.coverage for x in slots))


def _hoover(s: Slots, area: str, start: datetime, minutes: int) -> Slot | None:
    found = _spread(s, area, start, minutes)
    if found is None or isinstance(found, Slot):
        return found
    slots, areas = found
    people, ground = sum(x.low for x in slots), sum(areas)  # type: ignore[misc]
    index = 0.5 * sum(abs(x.low / people - a / ground) for x, a in zip(slots, areas, strict=True))  # type: ignore[operator]
    return Slot("ok", index, index, min(x.coverage for x in slots))


def _walking_share(s: Slots, place: str, start: datetime, minutes: int) -> Slot | None:
    """People on foot of all passages; more on foot raises it, more others lower it."""
    period = s.town.period(place, start)
    lines = s.parts(place, start, ("line",)) if period and period.properties["kind"] == "area" else [place]
    modes = ("count_total", "cyclists", "motor_vehicles")
    found = [[s.get(f"passage_counts.{m}", line, start, minutes) for m in modes] for line in lines]
    if not found or any(x is None for row in found for x in row):
        return None
    flat: list[Slot] = [x for row in found for x in row if x]
    whole = together(flat, lambda *v: sum(v), s.wrong)
    if whole.low is None:
        return whole

    def share(foot: str, others: str) -> float | None:
        walking = sum(getattr(row[0], foot) for row in found)
        rest = sum(getattr(x, others) for row in found for x in row[1:])
        return walking / (walking + rest) if walking + rest else None

    low, high = share("low", "high"), share("high", "low")
    return Slot(whole.status, low, high, whole.coverage)


def _by_class(s: Slots, zone: str, start: datetime, minutes: int) -> Slot | None:
    """The last report made in the slot, or made before and still holding at its end; times the area."""
    end, found = start + timedelta(minutes=minutes), None
    if s.town.period(zone, start) is None:
        return None
    for source in s.counted.get(("field_observations", zone, "density_class"), []):
        cadence = timedelta(minutes=source.minutes)
        for at, cell in sorted(s.cells[source.name, zone, "density_class"].items()):
            if (start <= at < end or (at < start and end <= at + cadence + HOLDS)) and cell.status != "missing":
                found = cell if cell.status == "ok" or found is None else found
    area = s.town.attribute(zone, "usable_area", start)
    if found is None:
        return None
    if found.status != "ok" or area is None:
        return nothing(found.status if found.status != "ok" else "missing")
    low, high = DENSITY_CLASSES[int(found.low)]  # type: ignore[arg-type]
    return Slot("ok", low * area, high * area, 1.0)


def _by_sign(s: Slots, place: str, start: datetime, minutes: int) -> Slot | None:
    found = s.plain("facility_occupancy.full_flag", place, start, minutes)
    room = s.town.attribute(place, "capacity", start)
    if found is None or found.status != "ok":
        return found
    if room is None:
        return nothing()
    return found._replace(low=room * found.low, high=room)  # type: ignore[operator]


def _balance(s: Slots, zone: str, start: datetime, minutes: int) -> Slot | None:
    """In minus out since the last zero moment or reset, never under nobody; the gaps on the way make it unknown."""
    period = s.town.period(zone, start)
    if period is None or period.properties.get("perimeter") != "complete":
        return None
    if (
        s.get("passage_counts.inflow", zone, start, minutes) is None
        and s.get("passage_counts.outflow", zone, start, minutes) is None
    ):
        return None
    since, base = _zero(s, zone, start)
    found = run(s, zone, since, start + timedelta(minutes=minutes), minutes, base)
    return found if found.low is None else found._replace(low=max(0, found.low), high=max(0, found.high))  # type: ignore[type-var]


def run(s: Slots, zone: str, since: datetime, end: datetime, minutes: int, base: float) -> Slot:
    """The balance over slots from one moment to another, unclipped."""
    low = high = base
    withheld, coverage, at = False, 1.0, since
    while at < end:
        ways = [s.get(f"passage_counts.{w}", zone, at, minutes) or nothing() for w in ("inflow", "outflow")]
        lost = [w.status for w in ways if w.low is None]
        if lost:
            return _lost(s, zone, end - timedelta(minutes=minutes), minutes)
        low, high = low + ways[0].low - ways[1].high, high + ways[0].high - ways[1].low  # type: ignore[operator]
        withheld |= any(w.status == "suppressed" for w in ways)
        coverage = min(coverage, *(w.coverage for w in ways))
        at += timedelta(minutes=minutes)
    return Slot("suppressed" if withheld else "ok", low, high, coverage)


def _lost(s: Slots, zone: str, start: datetime, minutes: int) -> Slot:
    """A balance that is not known any more: the status is that of the slot's own counts where they are what is lost."""
    ways = [s.get(f"passage_counts.{w}", zone, start, minutes) or nothing() for w in ("inflow", "outflow")]
    if all(w.low is not None for w in ways):
        return nothing()
    return nothing(min((w.status for w in ways if w.status != "ok"), key=BEST.index))


def _zero(s: Slots, zone: str, start: datetime) -> tuple[datetime, float]:
    """The last zero moment or reset at or before a slot's start, and the people there then."""
    moment = last_zero(s.town, zone, start, s.wrong)
    resets: list[Reset] = [r for r in s.town.resets if r.place == zone and moment < r.at <= start]
    return (resets[-1].at, resets[-1].present) if (resets := sorted(resets, key=lambda r: r.at)) else (moment, 0)


def last_zero(town: Town, zone: str, start: datetime, wrong: frozenset[str] = frozenset()) -> datetime:
    """The last time at or before ``start`` that the local clock showed ``zero_at``."""
    hour, minute = map(int, town.period(zone, start).properties["zero_at"].split(":"))  # type: ignore[union-attr]
    tz = ZoneInfo("UTC") if "utc_clock" in wrong else town.tz
    day = start.astimezone(tz).date()
    for back in (0, 1, 2):
        date = day - timedelta(days=back)
        moment = datetime(date.year, date.month, date.day, hour, minute, tzinfo=tz).astimezone(start.tzinfo)
        if moment <= start:
            return moment
    raise AssertionError("no zero moment within two days")


_DERIVED: dict[str, Callable[[Slots, str, datetime, int], Slot | None]] = {
    "passage_counts.passages": _passages,
    "passage_counts.inflow": _flow(True),
    "passage_counts.outflow": _flow(False),
    "passage_counts.with_plan": _planned(False),
    "passage_counts.against_plan": _planned(True),
    "passage_counts.present": _balance,
    "passage_counts.walking_share": _walking_share,
    "od_flows.inbound": _trips(True),
    "od_flows.outbound": _trips(False),
    "zone_counts.area_present": _area_present,
    "zone_counts.approach_density": _approach,
    "passage_counts.drift": lambda *_: None,  # not needed for a value
    "zone_counts.busiest_share": _busiest,
    "zone_counts.hoover": _hoover,
    "field_observations.present": _by_class,
    "facility_occupancy.occupied_by_sign": _by_sign,
}
