"""What a municipality has decided, as facts that can be laid beside those of another: one key, one value, one reason, one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from indicators import layers
from indicators.card import Card
from indicators.chain import describe
from indicators.chosen import chosen, is_own
from schemas.config import Config, PlaceRow
from schemas.settings import Band, Threshold, format_duration
from schemas.settings.bands import BandName
from schemas.settings.place import ATTRIBUTES

KINDS = (
    "identity",
    "purposes",
    "sources",
    "indicators",
    "weights",
    "thresholds",
    "places",
    "events",
    "register",
    "alerts",
    "roles",
)
#: A difference in one of these is a decision that somebody took, and should say why.
DECIDED = frozenset({"weights", "thresholds", "places", "events", "purposes"})
#: Nothing generic can stand beside these.
ALWAYS_OWN = frozenset({"register", "alerts", "roles"})
_FACTS_OF_A_PLACE = ("kind", "place_type", *ATTRIBUTES, "from_zone", "to_zone", "planned_direction", "perimeter", "parts")


@dataclass(frozen=True)
class Fact:
    """``specific``: decided here; else it holds because nobody here decided otherwise (a card, a default)."""

    kind: str
    key: str
    value: str
    specific: bool
    file: str
    line: int
    reason: str | None = None
    owner: str | None = None


def of(config: Config, cards: Mapping[str, Card]) -> dict[tuple[str, str], Fact]:
    """All facts of a municipality by kind and key, in the order of :data:`KINDS`."""
    found = [*_identity(config), *_purposes(config), *_sources(config), *_indicators(config, cards), *_weights(config),
             *_thresholds(config, cards), *_places(config), *_events(config), *_register(config), *_alerts(config), *_roles(config)]  # fmt: skip
    return {(f.kind, f.key): f for f in found}


def generic(config: Config, cards: Mapping[str, Card], own: Iterable[Fact]) -> dict[tuple[str, str], Fact]:
    """What would hold for each fact that has a generic counterpart, had nobody here decided: cards, defaults, a purpose's floor."""
    found = [Fact("identity", key, "15min", False, "-", 0) for key in ("interval", "pace")]
    for adopted in config.municipality.purposes:
        document = config.purpose_documents[adopted.purpose]
        floor = config.purposes[adopted.purpose].k_floor
        found.append(Fact("purposes", f"{adopted.purpose} · k", str(floor), False, document.file, document.line(("k_floor",))))
    for name in chosen(config, cards):
        found.append(Fact("indicators", name, "on", False, layers.card_lines(name)[0], 1))
    for entry in config.municipality.thresholds:
        card = cards.get(entry.indicator)
        if card is not None:
            found += _generic_of(config, card, entry)
    keys = {(f.kind, f.key) for f in own}
    return {(f.kind, f.key): f for f in found if (f.kind, f.key) in keys}


def _generic_of(config: Config, card: Card, entry: Threshold) -> Iterator[Fact]:
    for band in entry.bands:
        text, file, line = inherited(config, card, entry, band)
        yield Fact("thresholds", threshold_key(entry, band), text, False, file, line)
    for name in entry.params:
        default = card.parameters[name].default
        file, lines = layers.card_lines(card.id)
        told = "not set" if default is None else f"{default:g} {card.parameters[name].unit}"
        yield Fact("thresholds", threshold_key(entry, name), told, False, file, lines.get(("parameters", name), 1))


def inherited(config: Config, card: Card, entry: Threshold, band: BandName) -> tuple[str, str, int]:
    """What the card says of a band where a threshold applies, with file and line; of several place types each."""
    types = {row.place.place_type for row in config.places if card.applies_to.kinds and row.place.kind in card.applies_to.kinds}
    if entry.place:
        types = {row.place.place_type for row in config.rows_of(entry.place)}
    elif entry.place_type:
        types = {entry.place_type}
    file, lines = layers.card_lines(card.id)
    told: dict[str, str] = {}
    at = 1
    for kind in sorted(types, key=str):
        bands = card.bands_for(kind) or {}
        if band in bands:
            told[kind or ""] = band_text(card, bands[band])
            at = lines.get((kind if kind in card.bands else "any", band), 1)
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), "no such band"), file, at
    return "; ".join(f"{kind}: {text}" for kind, text in told.items()), file, at


def threshold_key(entry: Threshold, name: str) -> str:
    """A threshold by what it is for: the same key in two towns is the same decision."""
    parts = [entry.indicator]
    parts += [f"event {entry.event}"] if entry.event else []
    parts += [f"place {entry.place}"] if entry.place else [f"type {entry.place_type}"] if entry.place_type else []
    parts += [describe(entry.when)] if entry.when else []
    return " · ".join([*parts, name])


def band_text(card: Card, band: Band) -> str:
    """A band as people read it, its exit worked out."""
    wait = f"for {format_duration(band.for_)}" + (f" and {band.for_intervals} intervals" if band.for_intervals else "")
    return f"enter {band.enter:g}, exit {card.exit_of(band):g} {card.unit}, {wait}, keep for {format_duration(band.keep_for)}"


def _identity(config: Config) -> Iterator[Fact]:
    town, line = config.municipality, config.document.line
    cbs = f"{town.cbs.code} ({town.cbs.year})" if town.cbs else "none"
    told = {"name": f"{town.name.nl} / {town.name.en}", "cbs": cbs, "timezone": town.timezone, "holidays": town.holidays,
            "languages": ", ".join(town.languages)}  # fmt: skip
    for key, value in told.items():
        yield Fact("identity", key, value, True, config.file, line((key,)))
    for key in ("interval", "pace"):
        value = format_duration(getattr(town, key))
        yield Fact("identity", key, value, value != "15min", config.file, line((key,)))


def _purposes(config: Config) -> Iterator[Fact]:
    for number, adopted in enumerate(config.municipality.purposes):
        told = {
            "k": str(adopted.k), "retention": format_duration(adopted.retention), "legal_basis": adopted.legal_basis,
            "dpia": f"{adopted.dpia.reference} ({adopted.dpia.date})", "review_by": str(adopted.review_by),
            "audience": ", ".join(adopted.audience), "withhold_zero": str(adopted.withhold_zero).lower(),
        }  # fmt: skip
        why = f"decided on {adopted.decided_on}"
        floor = config.purposes[adopted.purpose].k_floor
        for key, value in told.items():
            at = config.document.line(("purposes", number, key))
            specific = adopted.k != floor if key == "k" else True
            yield Fact("purposes", f"{adopted.purpose} · {key}", value, specific, config.file, at, why, adopted.owner)


def _sources(config: Config) -> Iterator[Fact]:
    for name, source in config.sources.items():
        document = config.source_documents[name]
        told: dict[str, Any] = {
            "dataset": source.dataset, "supplier": source.supplier, "interval": format_duration(source.stored_interval),
            "delay": format_duration(source.delay), "rank": source.rank, "places": len(set(source.place.map.values())),
        }  # fmt: skip
        for key, value in told.items():
            at = document.line(("place", "map") if key == "places" else (key,))
            yield Fact("sources", f"{name} · {key}", str(value), True, document.file, at)


def _indicators(config: Config, cards: Mapping[str, Card]) -> Iterator[Fact]:
    for name in chosen(config, cards):
        at = config.document.line(("indicators", name))
        own = is_own(config, name)
        yield Fact("indicators", name, "own card" if own else "on", own, config.file, at)
        settings = config.municipality.indicators.get(name)
        if settings and settings.interval:
            yield Fact(
                "indicators", f"{name} · interval", format_duration(settings.interval), True, config.file, at, settings.reason
            )
        for place, length in (settings.place_intervals if settings else {}).items():
            yield Fact(
                "indicators",
                f"{name} · interval at {place}",
                format_duration(length),
                True,
                config.file,
                at,
                settings.reason if settings else None,
            )


def _weights(config: Config) -> Iterator[Fact]:
    for name, settings in config.municipality.indicators.items():
        for part, weight in settings.weights.items():
            at = config.document.line(("indicators", name, "weights", part))
            yield Fact("weights", f"{name} · {part}", f"{weight:g}", True, config.file, at, settings.reason)


def _thresholds(config: Config, cards: Mapping[str, Card]) -> Iterator[Fact]:
    entries = sorted(enumerate(config.municipality.thresholds), key=lambda pair: pair[1].effective_from)
    for number, entry in entries:  # of two for the same the later one is told
        card = cards.get(entry.indicator)
        for level, band in entry.bands.items():
            at = config.document.line(("thresholds", number, "bands", level))
            text = band_text(card, band) if card else f"enter {band.enter:g}"
            yield Fact("thresholds", threshold_key(entry, level), text, True, config.file, at, entry.reason, entry.owner)
        for name, weight in entry.weights.items():
            at = config.document.line(("thresholds", number, "weights", name))
            yield Fact("weights", threshold_key(entry, name), f"{weight:g}", True, config.file, at, entry.reason, entry.owner)
        for name, value in entry.params.items():
            at = config.document.line(("thresholds", number, "params", name))
            unit = card.parameters[name].unit if card and name in card.parameters else ""
            yield Fact(
                "thresholds",
                threshold_key(entry, name),
                f"{value:g} {unit}".strip(),
                True,
                config.file,
                at,
                entry.reason,
                entry.owner,
            )


def _places(config: Config) -> Iterator[Fact]:
    for place in config.place_ids:
        row: PlaceRow = config.rows_of(place)[-1]
        for key in _FACTS_OF_A_PLACE:
            value = getattr(row.place, key, None)
            if value in (None, ()):
                continue
            text = (
                ", ".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, int | float) else str(value)
            )
            yield Fact("places", f"{place} · {key}", text, True, row.file, row.line, row.place.reason)


def _events(config: Config) -> Iterator[Fact]:
    for number, event in enumerate(config.municipality.events):
        line = config.document.line
        span = f"class {event.class_}, {event.from_:%Y-%m-%d %H:%M}Z to {event.to:%Y-%m-%d %H:%M}Z, {len(event.places)} places"
        yield Fact("events", event.event, span, True, config.file, line(("events", number)), event.name.en)
        for place, changed in event.places.items():
            for key, value in changed.model_dump(exclude_none=True, mode="json").items():
                if key != "reason":
                    at = line(("events", number, "places", place, key))
                    yield Fact("events", f"{event.event} · {place} · {key}", str(value), True, config.file, at, changed.reason)


def _register(config: Config) -> Iterator[Fact]:
    town, line = config.municipality, config.document.line
    for number, flag in enumerate(town.flags):
        key = f"flag {flag.source} {', '.join(flag.places)} from {flag.from_:%Y-%m-%d %H:%M}Z"
        yield Fact("register", key, ", ".join(flag.effect), True, config.file, line(("flags", number)), flag.reason, flag.owner)
    for number, reset in enumerate(town.resets):
        key = f"reset {reset.place} {reset.at:%Y-%m-%d %H:%M}Z"
        yield Fact("register", key, str(reset.present), True, config.file, line(("resets", number)), reset.reason, reset.owner)


def _alerts(config: Config) -> Iterator[Fact]:
    alerts, line = config.municipality.alerts, config.document.line
    for number, rule in enumerate(alerts.rules):
        told = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"rule"})
        value = "; ".join(f"{key} {_listed(given)}" for key, given in told.items())
        yield Fact("alerts", f"rule {rule.rule}", value, True, config.file, line(("alerts", "rules", number)))
    for name, channel in alerts.channels.items():
        yield Fact("alerts", f"channel {name}", channel.kind, True, config.file, line(("alerts", "channels", name)))
    if alerts.rules:
        yield Fact("alerts", "budget", f"{alerts.budget} an hour", True, config.file, line(("alerts", "budget")))
        yield Fact("alerts", "watch", "on" if alerts.watch else "off", True, config.file, line(("alerts", "watch")))


def _listed(given: Any) -> str:
    return ", ".join(map(str, given)) if isinstance(given, list) else str(given)


def _roles(config: Config) -> Iterator[Fact]:
    for role, text in config.municipality.roles.items():
        yield Fact("roles", role, f"{text.nl} / {text.en}", True, config.file, config.document.line(("roles", role)))
