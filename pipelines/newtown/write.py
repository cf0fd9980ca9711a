"""The file of a new municipality as text: every key with what it means, and beside each indicator its generic edges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import yaml

from indicators.card import Card
from indicators.grammar import ANY
from pipelines.newtown.ical import Entry
from schemas.settings import format_duration

# Roles that the cards of the house name, and the two that a purpose needs.
ROLES = {
    "crowd-manager": ("crowdmanager tijdens evenementen", "crowd manager during events"),
    "event-safety-lead": ("coördinator evenementenveiligheid", "event safety lead"),
    "duty-officer": ("officier van dienst in de meldkamer", "duty officer in the control room"),
    "crowd-data-lead": ("verantwoordelijke voor de indicatoren", "lead for crowd data and indicators"),
    "data-officer": ("gegevensbeheerder openbare ruimte", "data officer for public space"),
    "privacy-officer": ("privacyfunctionaris", "privacy officer"),
}


@dataclass
class Town:
    """What was asked and worked out. ``without``: indicators that are not switched on → what they need."""

    slug: str
    name: tuple[str, str]
    timezone: str
    holidays: str
    languages: tuple[str, ...]
    legal_basis: str
    dpia: str
    dpia_date: date
    decided_on: date
    review_by: date
    k: int
    retention: str
    purpose: str
    owner: str
    data: str
    cbs: tuple[str, int] | None = None
    interval: timedelta = timedelta(minutes=15)
    sources: list[str] = field(default_factory=list)
    drafts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    indicators: list[str] = field(default_factory=list)
    without: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, Entry, list[str]]] = field(default_factory=list)
    event_class: str = "A"
    neighbours: dict[str, list[str]] = field(default_factory=dict)


def text(town: Town, cards: Mapping[str, Card]) -> str:
    """The whole file."""
    parts = [
        _identity(town),
        _roles(),
        _rhythm(town),
        _indicators(town, cards),
        _purposes(town),
        _events(town),
        _thresholds(town),
    ]
    return "\n".join(line for part in parts for line in (*part, ""))


def _quoted(value: str) -> str:
    plain = yaml.safe_dump(value, allow_unicode=True, width=10_000).splitlines()[0]
    return plain if plain[:1] in "'\"" else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _identity(town: Town) -> list[str]:
    lines = [
        f"# {town.name[1]}: written by `drukte config init`. Read it from top to bottom once, and decide what is marked DECIDE.",
        "# `drukte config check` tells a mistake with file, line, key and what to do; `drukte config show --why` which line decided each number.",
        f"municipality: {town.slug}",
        f"name: {{nl: {_quoted(town.name[0])}, en: {_quoted(town.name[1])}}}",
    ]
    if town.cbs:
        lines.append(f"cbs: {{code: {town.cbs[0]}, year: {town.cbs[1]}}}     # codes are re-used, so the year belongs to it")
    else:
        lines.append(
            "# cbs: {code: GM0000, year: 2026}     # DECIDE: the municipality's code of Statistics Netherlands, with its year"
        )
    lines.append(f"timezone: {town.timezone}     # days, hours and holidays are by this clock; inside, everything is UTC")
    lines.append(f"holidays: {town.holidays}     # a country, or country and part of it: NL, AU-VIC")
    return [*lines, f"languages: [{', '.join(town.languages)}]"]


def _roles() -> list[str]:
    head = ["# Roles, never persons' names. Cards of the house name crowd-manager, duty-officer and crowd-data-lead.", "roles:"]
    return head + [f"  {role}: {{nl: {nl}, en: {en}}}" for role, (nl, en) in ROLES.items()]


def _rhythm(town: Town) -> list[str]:
    length = format_duration(town.interval)
    lines = [
        "# Numbers are judged per interval, and a run is due at every pace; an event may be faster (below).",
        f"interval: {length}",
        f"pace: {length}",
        "",
        f"places: {town.slug}/places.geojson     # zones, lines and other places, with their attributes",
    ]
    lines += [
        f"#   beside each other, worked out from borders and lines: {a} - {', '.join(found)}"
        for a, found in town.neighbours.items()
    ]
    lines += [f"data: {_quoted(town.data)}     # where the sources look for their files, seen from this file", "sources:"]
    lines += [f"  - {name}" for name in town.sources]
    for name, open_ in town.drafts.items():
        lines.append(f"  # - {name}     # a draft: decide {', '.join(open_)} in sources/{name}.yaml, then take away the `#`")
    return lines


def _indicators(town: Town, cards: Mapping[str, Card]) -> list[str]:
    lines = ["# The indicators that these sources allow, each with its generic edges: examples, no norm. Own edges stand under thresholds.",
             "indicators:"]  # fmt: skip
    for name in town.indicators:
        lines += [f"  {name}: {{}}     # {cards[name].title.en}: {cards[name].question.en}", *_edges(cards[name])]
    if town.without:
        lines += ["  # Not switched on, and what each would need:"]
        lines += [f"  # {name}: {{}}     # {needs}" for name, needs in town.without.items()]
    return lines


def _edges(card: Card) -> list[str]:
    lines = []
    for kind, bands in card.bands.items():
        told = [
            f"{name} {'from' if card.direction == 'up' else 'below'} {band.enter:g} (for {format_duration(band.for_)})"
            for name, band in bands.items()
        ]
        lines.append(f"  #   {'' if kind == ANY else kind + ': '}{', '.join(told)} {card.unit}")
    needs = [f"{key} {p.default:g} {p.unit}" for key, p in card.parameters.items() if p.default is not None]
    return lines + ([f"  #   parameters: {', '.join(needs)}"] if needs else [])


def _purposes(town: Town) -> list[str]:
    return [
        f"# What the data may be used for: the generic purpose is purposes/{town.purpose}.yaml, this is the town's own decision on it.",
        "purposes:",
        f"  - purpose: {town.purpose}",
        f"    legal_basis: {_quoted(town.legal_basis)}",
        f"    dpia: {{reference: {_quoted(town.dpia)}, date: {town.dpia_date}}}",
        f"    decided_on: {town.decided_on}",
        f"    review_by: {town.review_by}     # `drukte status` names it a month ahead",
        f"    k: {town.k}     # the smallest group whose number may leave the gate; not under the purpose's floor",
        f"    retention: {town.retention}",
        "    audience: [crowd-manager, event-safety-lead, data-officer]",
        f"    owner: {town.owner}",
    ]


def _events(town: Town) -> list[str]:
    lines = [
        "# Days that tell nothing about an ordinary day: left out of every baseline, on top of the days with an event below.",
        "event_days: []     # for example [2026-04-27], King's Day",
        "",
        "# Events. class: A regular, B attention, C risk (the Dutch classes). They hold for intervals that start in [from, to).",
    ]
    if not town.events:
        return [*lines, "events: []", *_example_event()]
    lines.append("events:")
    for slug, entry, places in town.events:
        decide = "" if entry.class_ else "     # DECIDE: the calendar does not say"
        name = _quoted(entry.name)
        lines += [f"  - event: {slug}", f"    name: {{nl: {name}, en: {name}}}", f"    class: {entry.class_ or town.event_class}{decide}",
                  f"    from: {_local(town, entry.start)}", f"    to: {_local(town, entry.end)}"]  # fmt: skip
        lines += ["    # phases: ingress, show, egress inside [from, to): see the guide. A line may get planned_direction, a zone usable_area,",
                  "    # capacity or a finer interval, from start to end.", "    places:"]  # fmt: skip
        lines += [f"      {place}: {{}}" for place in places]
    return lines


def _local(town: Town, at: datetime) -> str:
    return at.astimezone(ZoneInfo(town.timezone)).isoformat(timespec="minutes")


def _example_event() -> list[str]:
    return [
        "#  - event: market-2026",
        "#    name: {nl: Markt, en: Market}",
        "#    class: A",
        "#    from: 2026-07-04T10:00+02:00",
        "#    to: 2026-07-04T18:00+02:00",
        "#    phases:",
        "#      - {phase: ingress, from: 2026-07-04T10:00+02:00, to: 2026-07-04T12:00+02:00}",
        "#    places:",
        "#      a-zone: {usable_area: 800}     # stalls take the rest",
    ]


def _thresholds(town: Town) -> list[str]:
    return [
        "# Own thresholds: an entry replaces whole bands of the card. Layers, the later wins: card, municipality, place type, place, event;",
        "# inside one the narrower `when:`. A value far from the generic one, or a loosening, is told by `config check`: its reason must carry it.",
        "thresholds: []",
        "#  - indicator: density",
        "#    place: a-zone                       # or place_type: moving, or event: …, or none of these: the whole town",
        '#    when: {time: "21:00-06:00", weekdays: [fri, sat], months: [6, 7, 8]}     # optional',
        f"#    effective_from: {town.decided_on}T00:00+00:00",
        "#    bands:",
        "#      elevated: {enter: 0.9, exit: 0.75, for: 10min, keep_for: 15min}",
        "#    owner: event-safety-lead",
        f"#    decided_on: {town.decided_on}",
        f"#    review_by: {town.review_by}",
        "#    reason: Why this edge, here.",
    ]


def purposes_of(cards: Iterable[Card]) -> set[str]:
    """Purposes that cards are meant for."""
    return {purpose for card in cards for purpose in card.purposes}
