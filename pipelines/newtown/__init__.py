"""A municipality joins: from a drawing, lines, sources and a calendar to a complete config folder that `config check` finds sound.

Nothing that exists is overwritten. Which indicators the sources allow is asked of the same checks that a run starts with.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from slugify import slugify

from indicators import config_check, neighbours
from indicators.card import Card
from indicators.effective import resolver
from pipelines import blind, start
from pipelines.faults import UsageError
from pipelines.newtown import hand, ical, places, sources, write
from pipelines.newtown.decide import Ask
from pipelines.newtown.ical import Entry
from pipelines.newtown.places import Drawn
from pipelines.newtown.sources import Declared
from pipelines.newtown.take import Taken, Thresholds, take
from pipelines.newtown.write import Town
from pipelines.transfer import package
from schemas import config as settings
from schemas import yamlfile
from schemas.problems import Problem, Problems
from schemas.settings.base import SLUG

HOUSE = Path(__file__).resolve().parents[2] / "config"
_ROUNDS = 12


@dataclass(frozen=True)
class Asked:
    """What somebody who joins says. Files are only read; ``source`` are ids or paths, ``sample`` files of suppliers."""

    slug: str
    name: str
    legal_basis: str | None
    dpia: str | None
    today: date
    places: Path | None = None
    name_en: str | None = None
    cbs: str | None = None
    cbs_year: int | None = None
    timezone: str | None = None
    holidays: str | None = None
    languages: tuple[str, ...] = ()
    crs: str | None = None
    place_type: str = "moving"
    lines: Path | None = None
    source: tuple[str, ...] = ()
    sample: tuple[Path, ...] = ()
    decide: Mapping[str, str] = field(default_factory=dict)
    id_property: str | None = None
    data: Path | None = None
    calendar: Path | None = None
    event_class: str = "A"
    purpose: str | None = None
    k: int | None = None
    retention: str = "365d"
    dpia_date: date | None = None
    decided_on: date | None = None
    review_by: date | None = None
    owner: str | None = None
    package: Path | None = None
    thresholds: Thresholds = "decide"


@dataclass
class Made:
    """What was written, and what a person should look at. ``taken``: from a package; ``todo``: what `config check` still asks for."""

    files: list[Path]
    notes: list[str]
    indicators: list[str]
    without: dict[str, str]
    taken: Taken | None = None
    todo: list[Problem] = field(default_factory=list)


def init(asked: Asked, config_dir: Path, ask: Ask | None = None) -> Made:
    """Write the config of a new municipality below ``config_dir``. Raises :class:`UsageError` and :class:`Problems`; then nothing is written.

    From a package of another town it also begins when places, sources or decisions lack: each stands in the file as TODO.
    """
    if not SLUG.fullmatch(asked.slug):
        raise UsageError(f"`{asked.slug}` is not a slug: use a-z, 0-9 and '-', at most 63 characters.")
    target = config_dir / "municipalities" / f"{asked.slug}.yaml"
    for taken_name in (target, target.parent / asked.slug):
        if taken_name.exists():
            raise UsageError(
                f"{taken_name} exists already: nothing is overwritten. Choose another --slug, or edit what stands there."
            )
    if asked.package is None:
        if not asked.legal_basis or not asked.dpia:
            raise UsageError("a town decides on its purpose: give its legal basis and its DPIA.")
        return _init(_filled(asked, None), config_dir, ask, None)
    with package.laid_out(asked.package) as opened:
        taken = take(opened, asked.slug)
        return _init(_filled(asked, taken), config_dir, ask, taken)


def _filled(asked: Asked, taken: Taken | None) -> Asked:
    """What was not said: as in the package, else as is usual here."""
    there = taken.config.municipality if taken else None
    return replace(
        asked, timezone=asked.timezone or (there.timezone if there else "Europe/Amsterdam"),
        holidays=asked.holidays or (there.holidays if there else "NL"), languages=asked.languages or (there.languages if there else ("nl", "en")),
        purpose=asked.purpose or (there.purposes[0].purpose if there else "crowd-safety"),
        source=asked.source or (tuple(taken.config.sources) if taken and not asked.sample else ()),
    )  # fmt: skip


def _init(asked: Asked, config_dir: Path, ask: Ask | None, taken: Taken | None) -> Made:
    drawn = _drawn(asked)
    declared = _declared(asked, config_dir, drawn, ask, taken)
    town, notes = _town(asked, config_dir, drawn, declared, taken)
    with tempfile.TemporaryDirectory() as aside:
        tried = Path(aside) / (config_dir.resolve().name or "config")
        files = _lay_out(tried, config_dir, asked, drawn, declared, taken)
        cards = start.cards(tried)
        floor = int(yamlfile.read(tried / "purposes" / f"{town.purpose}.yaml").data["k_floor"])
        if drawn.features and any(not d.open for d in declared):
            _settle(town, tried, cards, floor, asked.today, taken)
            at = datetime(asked.today.year, asked.today.month, asked.today.day, tzinfo=UTC)
            notes += [str(n) for n in config_check.warnings(settings.load(tried, asked.slug), cards, at)]
        elif taken is not None:  # without places or ids nothing can be tried: as there, until they are decided
            town.indicators = [name for name in taken.indicators if name in cards]
            town.sources, town.drafts = [d.source for d in declared], {}
        _write(town, tried, cards)
        for name in files:
            _not_another(tried / name, config_dir / name)
        written = [_put(tried / name, config_dir / name) for name in [*files, f"municipalities/{asked.slug}.yaml"]]
    notes += [f"{name} is a draft: decide {', '.join(open_)}" for name, open_ in town.drafts.items()]
    made = Made([w for w in written if w], drawn.notes + notes, town.indicators, town.without, taken)
    made.todo = _open_decisions(config_dir, asked.slug) if taken else []
    return made


def _open_decisions(config_dir: Path, slug: str) -> list[Problem]:
    """What `config check` says of the files as they were written."""
    try:
        return start.checked(config_dir, slug)[2]
    except Problems as problems:
        return problems.problems


def _drawn(asked: Asked) -> Drawn:
    try:
        zone = ZoneInfo(str(asked.timezone))
    except (KeyError, ValueError, OSError):
        raise UsageError(f"`{asked.timezone}` is not an IANA time zone: write for example Europe/Amsterdam.") from None
    # Since when a place is as it is drawn, nobody said: long enough ago for a town to try itself on files of years back.
    valid_from = datetime(asked.today.year - 10, 1, 1, tzinfo=zone)
    if not asked.places and not asked.lines and asked.package:
        return Drawn()
    if not asked.places and not asked.lines:
        raise UsageError("a town has places: give a drawing (GeoJSON), a CSV of lines, or both.")
    drawn = places.read(asked.places, valid_from, asked.crs, asked.place_type) if asked.places else Drawn()
    if asked.lines:
        places.add_lines(drawn, asked.lines, valid_from)
    pairs = [(f["properties"], raw) for f, raw in zip(drawn.features, drawn.raw, strict=True)]
    untyped = [p["place"] for p, raw in pairs if p["kind"] == "zone" and not raw.get("place_type")]
    if untyped:
        edges = "stricter" if asked.place_type == "moving" else "wider"
        drawn.notes.append(
            f"zones without place_type count as `{asked.place_type}`, where edges are {edges}: {', '.join(untyped[:8])}"
        )
    worked = [p for p, raw in pairs if p.get("usable_area") and not raw.get("usable_area")]
    if worked:
        drawn.notes.append(
            f"usable_area of {len(worked)} zones is the whole drawn surface: take off stalls, terraces, trees and water"
        )
    return drawn


def _declared(asked: Asked, config_dir: Path, drawn: Drawn, ask: Ask | None, taken: Taken | None) -> list[Declared]:
    own = config_dir / "sources"
    there = [taken.folder / "sources"] if taken else []
    folders = [own, *there, HOUSE / "sources"]
    known = set(taken.config.sources) if taken else set()
    found = [sources.chosen(name, folders, asked.slug, drawn, asked.id_property, own, name in known) for name in asked.source]
    for sample in asked.sample:
        found.append(
            sources.drafted(sample, asked.slug, str(asked.timezone), drawn, asked.id_property, asked.decide, ask, asked.data)
        )
        sources.check_text(found[-1])
    if not taken and not any(not d.open for d in found):
        names = ", ".join(d.source for d in found) or "none was named"
        raise UsageError(
            f"no source is complete ({names}). Name one with --source, or decide what a sample leaves open; what fits the file stands behind "
            f"each, and `drukte source guess FILE` shows the whole draft.\n{sources.open_points(found)}".rstrip()
        )
    return found


def _town(asked: Asked, config_dir: Path, drawn: Drawn, declared: list[Declared], taken: Taken | None) -> tuple[Town, list[str]]:
    purpose = str(asked.purpose)
    floor = int(yamlfile.read(_purpose(config_dir, purpose, taken)).data["k_floor"])
    # Whoever gives basis and assessment has decided, today or on a day that is named; k goes with it, and is never another town's.
    decided = asked.decided_on or (asked.today if asked.legal_basis and asked.dpia else None)
    beside = config_dir.resolve() / "municipalities"
    data = os.path.relpath(asked.data.resolve(), beside) if asked.data else f"../data/{asked.slug}"
    town = Town(
        slug=asked.slug, name=(asked.name, asked.name_en or asked.name), timezone=str(asked.timezone), holidays=str(asked.holidays),
        languages=asked.languages, legal_basis=asked.legal_basis or None, dpia=asked.dpia or None,
        dpia_date=asked.dpia_date or (decided if asked.dpia else None), decided_on=decided,
        review_by=asked.review_by or (decided and decided + timedelta(days=365)), k=asked.k or (None if taken else floor),
        retention=asked.retention, purpose=purpose, owner=asked.owner or "privacy-officer", data=Path(data).as_posix(),
        cbs=(asked.cbs, asked.cbs_year or asked.today.year) if asked.cbs else None,
        sources=[d.source for d in declared if not d.open], drafts={d.source: d.open for d in declared if d.open},
        event_class=asked.event_class, drawn=bool(drawn.features),
        place_types=frozenset(str(f["properties"].get("place_type")) for f in drawn.features),
    )  # fmt: skip
    notes: list[str] = []
    if taken:
        notes += hand.on(town, taken, asked.thresholds, asked.owner, [f["properties"]["place"] for f in drawn.features])
    if asked.calendar:
        entries, told = ical.read(yamlfile.read_text(asked.calendar, asked.calendar.as_posix()), ZoneInfo(town.timezone))
        town.events, notes = _events(entries, drawn), notes + told
    return town, notes


def _purpose(config_dir: Path, purpose: str, taken: Taken | None = None) -> Path:
    for folder in (config_dir, *([taken.folder] if taken else []), HOUSE):
        if (folder / "purposes" / f"{purpose}.yaml").is_file():
            return folder / "purposes" / f"{purpose}.yaml"
    raise UsageError(f"there is no purpose `{purpose}`: write purposes/{purpose}.yaml, or take one of the house.")


def _events(entries: list[Entry], drawn: Drawn) -> list[tuple[str, Entry, list[str]]]:
    """Each entry with a slug, on whole hours, at the places its location names; at all of them where it names none."""
    slugs, found = set(), []
    for entry in entries:
        stem = f"{slugify(entry.name)[:48] or 'event'}-{entry.start:%Y-%m-%d}"
        slug = next(s for s in (stem, *(f"{stem}-{n}" for n in range(2, 1000))) if s not in slugs)
        slugs.add(slug)
        said = slugify(entry.location)
        named = [f["properties"] for f in drawn.features]
        there = [p["place"] for p in named if said and (p["place"] in said or slugify(p["name"]) in said)]
        hour = timedelta(hours=1)
        begin = entry.start.replace(minute=0, second=0)
        end = (entry.end + hour - timedelta(seconds=1)).replace(minute=0, second=0)
        whole = replace(entry, start=begin, end=max(end, begin + hour))
        found.append((slug, whole, there or [p["place"] for p in named]))
    return found


def _lay_out(
    tried: Path, config_dir: Path, asked: Asked, drawn: Drawn, declared: list[Declared], taken: Taken | None
) -> list[str]:
    """All files but the municipality's own, in a folder aside; returns their names."""
    collection = {"type": "FeatureCollection", "features": drawn.features}
    features = ",\n".join(json.dumps(f, ensure_ascii=False) for f in collection["features"])
    drawing = {f"municipalities/{asked.slug}/places.geojson": f'{{"type": "FeatureCollection", "features": [\n{features}\n]}}\n'}
    texts = drawing if features else {}
    texts |= {f"sources/{d.source}.yaml": d.text for d in declared}
    if taken:
        texts |= taken.cards | taken.stories
        names = (name for name in taken.config.purposes if name != asked.purpose)
        texts |= {f"purposes/{name}.yaml": _text(_purpose(config_dir, name, taken)) for name in names}
        texts |= {f"municipalities/{asked.slug}/joining.{lang}.md": hand.record(taken, lang) for lang in asked.languages}
    texts[f"purposes/{asked.purpose}.yaml"] = _text(_purpose(config_dir, str(asked.purpose), taken))
    for name, text in texts.items():
        (tried / name).parent.mkdir(parents=True, exist_ok=True)
        (tried / name).write_text(text, encoding="utf-8")
    own = config_dir / "indicators"
    if own.is_dir():
        shutil.copytree(own, tried / "indicators", dirs_exist_ok=True)
    return list(texts)


def _text(path: Path) -> str:
    return yamlfile.read_text(path, path.as_posix())


def _settle(town: Town, tried: Path, cards: Mapping[str, Card], floor: int, today: date, taken: Taken | None) -> None:
    """Write the municipality's file, and take out what its own checks refuse, until it is sound; decisions that lack are stood in for."""
    purpose = yamlfile.read(tried / "purposes" / f"{town.purpose}.yaml").data
    town.indicators = [name for name in cards if name in purpose["indicators"]]
    if taken:
        town.without = {name: f"not in use in {taken.name.en}" for name in town.indicators if name not in taken.indicators}
        town.indicators = [name for name in town.indicators if name in taken.indicators]
    _lengths(town, tried)
    for _ in range(_ROUNDS):
        _write(town.as_if_decided(floor, today), tried, cards)
        config, problems = _tried(tried, town, cards)
        out = {p.key.split(".")[1]: p for p in problems if p.key.startswith("indicators.")}
        if problems and not out:
            raise Problems(problems)
        for name, problem in out.items():
            town.without[name] = f"{problem.what}"
        town.indicators = [n for n in town.indicators if n not in out]
        if config is not None and not problems:
            break
    assert config is not None
    idle = {
        n: _needs(config, cards[n])
        for n in town.indicators
        if not any(resolver(config, cards[n]).can_judge(r) for r in config.places)
    }
    town.without |= idle
    town.indicators = [n for n in town.indicators if n not in idle]
    if not town.indicators:
        told = "; ".join(f"{name}: {needs}" for name, needs in list(town.without.items())[:6])
        raise UsageError(f"no indicator can be computed from these sources and places. {told}")
    for spot in blind.spots(config, cards):
        if spot["indicator"] in town.without and spot["lacks"]:
            town.without[spot["indicator"]] = spot["explanation_en"]
    town.neighbours = {place: sorted(found) for place, found in list(neighbours.pairs(config).items())[:200]}
    _write(town.as_if_decided(floor, today), tried, cards)
    config, problems = _tried(tried, town, cards)
    if problems:
        raise Problems(problems)


def _needs(config: Any, card: Card) -> str:
    works = resolver(config, card)
    if works.composite and not works.weights:
        return "weights of your own, for example {weights: {density: 0.6, unusualness: 0.4}}"
    required = [name for name, p in card.parameters.items() if p.required]
    if required or not card.bands:
        return f"{'parameters ' + ', '.join(required) if required else 'bands'} of your own, under thresholds"
    return f"places of kind {'/'.join(card.applies_to.kinds)} with {', '.join(card.applies_to.attributes) or 'data'}"


def _write(town: Town, tried: Path, cards: Mapping[str, Card]) -> None:
    (tried / "municipalities" / f"{town.slug}.yaml").write_text(write.text(town, cards), encoding="utf-8")


def _tried(tried: Path, town: Town, cards: Mapping[str, Card]) -> tuple[Any, list[Problem]]:
    try:
        config = settings.load(tried, town.slug)
    except Problems as problems:
        return None, problems.problems
    return config, config_check.check(config, cards)


def _lengths(town: Town, tried: Path) -> None:
    """The interval of the town: a quarter, or what all sources are whole parts of."""
    from schemas.settings import Source

    steps = [town.interval]
    for name in town.sources:
        source, _ = yamlfile.load(Source, tried / "sources" / f"{name}.yaml", f"{tried.name}/sources/{name}.yaml")
        steps.append(source.stored_interval)
    minutes = math.lcm(*(max(1, int(s.total_seconds() // 60)) for s in steps))
    town.interval = timedelta(minutes=min(minutes, 60))


def _not_another(source: Path, target: Path) -> None:
    if target.exists() and target.read_bytes() != source.read_bytes() and "purposes" not in target.parts:
        raise UsageError(f"{target} exists already with another content: nothing is overwritten. Rename or remove it first.")


def _put(source: Path, target: Path) -> Path | None:
    """Write a file that does not stand there yet; None when it does."""
    if target.exists():
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, aside)
    aside.replace(target)
    return target
