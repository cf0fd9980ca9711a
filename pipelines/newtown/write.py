"""The file of a new municipality as text: every key with what it means, and beside each indicator its generic edges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
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


AUDIENCE = ("crowd-manager", "event-safety-lead", "data-officer")
TODO = "TODO"


@dataclass(frozen=True)
class Further:
    """A purpose that another town adopted beside the first: who saw it and answered for it there; all else is decided anew."""

    purpose: str
    audience: tuple[str, ...]
    owner: str


@dataclass
class Town:
    """What was asked and worked out. ``without``: indicators that are not switched on → what they need.

    What nobody has decided is None, and TODO in the file. ``thresholds`` are entries without their dates, ``weights`` of an indicator
    with a reason, ``elsewhere`` what another town decided for places of its own, ``origin`` that town.
    """

    slug: str
    name: tuple[str, str]
    timezone: str
    holidays: str
    languages: tuple[str, ...]
    legal_basis: str | None
    dpia: str | None
    dpia_date: date | None
    decided_on: date | None
    review_by: date | None
    k: int | None
    retention: str
    purpose: str
    owner: str | None
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
    drawn: bool = True
    origin: str = ""
    roles: dict[str, tuple[str, str]] = field(default_factory=lambda: dict(ROLES))
    pace: timedelta | None = None
    weights: dict[str, tuple[Mapping[str, float], str]] = field(default_factory=dict)
    thresholds: list[dict[str, Any]] = field(default_factory=list)
    place_types: frozenset[str] = frozenset()
    elsewhere: list[str] = field(default_factory=list)
    detectors: Any = None
    alerts: dict[str, Any] = field(default_factory=dict)
    further: tuple[Further, ...] = ()

    def as_if_decided(self, floor: int, today: date) -> Town:
        """A copy with something sound wherever a decision lacks, to try the rest on; it is never what is written."""
        said = "stands in for a reason"
        return replace(
            self, legal_basis=self.legal_basis or said, dpia=self.dpia or said, dpia_date=self.dpia_date or today,
            decided_on=self.decided_on or today, review_by=self.review_by or today + timedelta(days=365), k=self.k or floor,
            owner=self.owner or next(iter(self.roles)), further=(), alerts={},
            weights={name: (weights, said if why.startswith(TODO) else why) for name, (weights, why) in self.weights.items()},
            thresholds=[{**t, "reason": said if str(t["reason"]).startswith(TODO) else t["reason"]} for t in self.thresholds],
        )  # fmt: skip


def text(town: Town, cards: Mapping[str, Card]) -> str:
    """The whole file."""
    parts = [
        _identity(town),
        _roles(town),
        _rhythm(town),
        _indicators(town, cards),
        _purposes(town),
        _events(town),
        _thresholds(town),
        _alerts(town),
    ]
    return "\n".join(line for part in parts if part for line in (*part, ""))


def _quoted(value: str) -> str:
    plain = yaml.safe_dump(value, allow_unicode=True, width=10_000).splitlines()[0]
    return plain if plain[:1] in "'\"" else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _identity(town: Town) -> list[str]:
    lines = [
        f"# {town.name[1]}: written by `drukte config init`{f' from the package of {town.origin}' if town.origin else ''}. Read it from top to "
        f"bottom once, and decide what is marked DECIDE{' or TODO' if town.origin else ''}.",
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


def _roles(town: Town) -> list[str]:
    head = ["# Roles, never persons' names. Cards of the house name crowd-manager, duty-officer and crowd-data-lead.", "roles:"]
    return head + [f"  {role}: {{nl: {_inline(nl)}, en: {_inline(en)}}}" for role, (nl, en) in town.roles.items()]


def _inline(value: str) -> str:
    """A text inside braces: in quotes where it holds more than words."""
    return value if re.fullmatch(r"[\w ()/-]+", value) and not value.startswith("-") else _quoted(value)


def _or_todo(value: object, what: str) -> str:
    """A value, or TODO with what is to be decided."""
    return f'"{TODO}: {what}"' if value is None else str(value)


def _rhythm(town: Town) -> list[str]:
    length = format_duration(town.interval)
    lines = [
        "# Numbers are judged per interval, and a run is due at every pace; an event may be faster (below).",
        f"interval: {length}",
        f"pace: {format_duration(town.pace or town.interval)}",
        "",
        f"places: {town.slug}/places.geojson     # zones, lines and other places, with their attributes"
        if town.drawn
        else f'places: "{TODO}: draw them, and write the name of the file: {town.slug}/places.geojson"',
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
        lines += [
            f"  {name}: {_weights(town, name)}     # {cards[name].title.en}: {cards[name].question.en}",
            *_edges(cards[name]),
        ]
    if town.without:
        lines += ["  # Not switched on, and what each would need:"]
        lines += [f"  # {name}: {{}}     # {needs}" for name, needs in town.without.items()]
    return lines


def _weights(town: Town, name: str) -> str:
    if name not in town.weights:
        return "{}"
    weights, why = town.weights[name]
    told = ", ".join(f"{part}: {weight:g}" for part, weight in weights.items())
    return f"{{weights: {{{told}}}{f', reason: {_quoted(why)}' if why else ''}}}"


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
        f"    legal_basis: {_or_todo(town.legal_basis and _quoted(town.legal_basis), 'write the law or rule that allows it here')}",
        "    dpia:     # the data protection impact assessment, and its day",
        f"      reference: {_or_todo(town.dpia and _quoted(town.dpia), 'write where the assessment of this town is kept')}",
        f"      date: {_or_todo(town.dpia_date, 'write its day, as 2026-04-27')}",
        f"    decided_on: {_or_todo(town.decided_on, 'write the day of the decision, as 2026-04-27')}",
        f"    review_by: {_or_todo(town.review_by, 'write a day, for example a year later')}     # `drukte status` names it a month ahead",
        "    # the smallest group whose number may leave the gate; not under the purpose's floor",
        f"    k: {_or_todo(town.k, 'write a whole number, as decided with the assessment')}",
        f"    retention: {town.retention}",
        f"    audience: [{', '.join(r for r in AUDIENCE if r in town.roles) or next(iter(town.roles))}]",
        f"    owner: {_or_todo(town.owner, 'write the role that answers for the purpose')}",
        *(line for further in town.further for line in _further(town, further)),
    ]


def _further(town: Town, further: Further) -> list[str]:
    """A further purpose of another town: a decision of its own, that no answer on the first one takes."""
    return [
        f"  # {town.origin} uses the data for this too (purposes/{further.purpose}.yaml). Decide on it apart, or take the entry out.",
        f"  - purpose: {further.purpose}",
        f'    legal_basis: "{TODO}: write the law or rule that allows it here, or take this purpose out"',
        f'    dpia: {{reference: "{TODO}: write where its assessment is kept", date: "{TODO}: write its day, as 2026-04-27"}}',
        f'    decided_on: "{TODO}: write the day of the decision, as 2026-04-27"',
        f'    review_by: "{TODO}: write a day, for example a year later"',
        f'    k: "{TODO}: write a whole number, as decided with the assessment"',
        f'    retention: "{TODO}: write how long, as 90d"',
        f"    audience: [{', '.join(further.audience)}]",
        f"    owner: {further.owner}",
    ]


def _alerts(town: Town) -> list[str]:
    if not town.alerts:
        return []
    block = yaml.safe_dump({"alerts": town.alerts}, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    return [
        f"# Who is told what, as in {town.origin}. An address never stands here: a channel names the variable that holds it.",
        "# `drukte alerts test` plays the stories in alerts/ by these rules.",
        *block.rstrip().splitlines(),
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
    entries = [e for e in town.thresholds if e["indicator"] in town.indicators or "." in e["indicator"]]
    entries = [e for e in entries if not town.drawn or e.get("place_type") in (None, *town.place_types)]
    lines = [
        "# Own thresholds: an entry replaces whole bands of the card. Layers, the later wins: card, municipality, place type, place, event;",
        "# inside one the narrower `when:`. A value far from the generic one, or a loosening, is told by `config check`: its reason must carry it.",
        "thresholds:" if entries else "thresholds: []",
    ]
    for entry in entries:
        lines += ["", *_entry(town, entry)] if lines[-1] != "thresholds:" else _entry(town, entry)
    if not entries:
        lines += _example_threshold(town)
    if town.elsewhere:
        lines += [
            "",
            f"# Decided in {town.origin} for one place or event, and not taken over. Look whether you have such a place:",
        ]
        lines += [f"#   {line}" for line in town.elsewhere]
    if town.detectors:
        lines += ["", *yaml.safe_dump({"detectors": town.detectors}, sort_keys=False, allow_unicode=True).rstrip().splitlines()]
    return lines


def _entry(town: Town, entry: Mapping[str, Any]) -> list[str]:
    """A threshold that was taken over, under this town's dates."""
    begin = datetime(*town.decided_on.timetuple()[:3], tzinfo=ZoneInfo(town.timezone)) if town.decided_on else None
    dated = {
        "effective_from": begin.isoformat(timespec="minutes")
        if begin
        else f"{TODO}: write from when on, as 2026-07-01T00:00+02:00",
        "decided_on": str(town.decided_on or f"{TODO}: write the day of the decision"),
        "review_by": str(town.review_by or f"{TODO}: write a day, for example a year later"),
    }
    first = yaml.safe_dump([{**entry, **dated}], sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)
    return [f"  {line}" for line in first.rstrip().splitlines()]


def _example_threshold(town: Town) -> list[str]:
    return [
        "#  - indicator: density",
        "#    place: a-zone                       # or place_type: moving, or event: …, or none of these: the whole town",
        '#    when: {time: "21:00-06:00", weekdays: [fri, sat], months: [6, 7, 8]}     # optional',
        f"#    effective_from: {town.decided_on or '2026-07-01'}T00:00+00:00",
        "#    bands:",
        "#      elevated: {enter: 0.9, exit: 0.75, for: 10min, keep_for: 15min}",
        "#    owner: event-safety-lead",
        f"#    decided_on: {town.decided_on or '2026-06-15'}",
        f"#    review_by: {town.review_by or '2027-06-15'}",
        "#    reason: Why this edge, here.",
    ]


def purposes_of(cards: Iterable[Card]) -> set[str]:
    """Purposes that cards are meant for."""
    return {purpose for card in cards for purpose in card.purposes}
