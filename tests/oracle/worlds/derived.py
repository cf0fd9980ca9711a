"""Measures worked out from others, by the text of their contract: sums over places, balances, shares, classes (rule 2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.datasets.field_observations import DENSITY_CLASSES
from tests.oracle.worlds.cells import BEST
from tests.oracle.worlds.shapes import Reset, Town
from tests.oracle.worlds.slots import Slot, Slots, nothing, together

HOLDS = timedelta(minutes=15)


class AllSlots(Slots):
    """All inputs of a town, the derived ones too."""

    def _get(self, reference: str, place: str, start: datetime, minutes: int) -> Slot | None:
        special = _DERIVED.get(reference)
        return special(self, place, start, minutes) if special else self.plain(reference, place, start, minutes)


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
    """The last report made before the end of the slot, and still holding then; times the area."""
    end, found = start + timedelta(minutes=minutes), None
    if s.town.period(zone, start) is None:
        return None
    for source in s.counted.get(("field_observations", zone, "density_class"), []):
        cadence = timedelta(minutes=source.minutes)
        for at, cell in sorted(s.cells[source.name, zone, "density_class"].items()):
            if at < end <= at + cadence + HOLDS and cell.status != "missing":
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
