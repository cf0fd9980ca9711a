"""The page that lays the four small sample towns side by side: what each decided, why, and what that does to the same indicator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from indicators.chosen import chosen
from indicators.grammar import Card
from pipelines.compare import facts
from pipelines.docs import markdown
from pipelines.docs.markdown import code, table
from pipelines.docs.say import LANGUAGES, say
from schemas import yamlfile
from schemas.config import Config, load, municipalities
from schemas.settings import format_duration

FOLDER = "docs/reference"
TOWNS = ("gildenburg", "duinoord", "walburg", "sluisdam")


@cache
def _texts() -> dict[str, dict[str, str]]:
    path = Path(__file__).with_name("sample_towns.yaml")
    return yamlfile.read(path, "pipelines/docs/sample_towns.yaml").data  # type: ignore[no-any-return]


def _say(key: str, lang: str) -> str:
    return markdown.one_line(_texts()[key][lang])


def files(config_dir: Path, cards: Mapping[str, Card]) -> dict[str, str]:
    """The page in each language; nothing for a config folder without the sample towns."""
    if not set(TOWNS) <= set(municipalities(config_dir)):
        return {}
    towns = [load(config_dir, slug) for slug in TOWNS]
    return {f"{FOLDER}/sample-towns.{lang}.md": markdown.MADE + "".join(_page(towns, cards, lang)) for lang in LANGUAGES}


def _page(towns: Sequence[Config], cards: Mapping[str, Card], lang: str) -> Iterator[str]:
    other = next(one for one in LANGUAGES if one != lang)
    yield f"# {_say('title', lang)}\n\n{say('other_language', lang, file=f'sample-towns.{other}.md')}\n\n{_say('intro', lang)}\n\n"
    yield f"```\n{_texts()['commands'][lang].strip()}\n```\n\n{_say('read', lang)}\n\n"
    names = [getattr(c.municipality.name, lang) for c in towns]
    yield f"## {_say('glance', lang)}\n\n" + table(["", *names], _glance(towns, cards, lang))
    yield f"## {_say('same', lang)}\n\n{_say('same_note', lang)}\n\n"
    yield table([_say("indicator", lang), *names], _edges(towns, cards, lang))
    for config, name in zip(towns, names, strict=True):
        slug = config.municipality.municipality
        yield f"## {name}\n\n{_say(slug, lang)}\n\n{_say('decided', lang)}\n\n"
        yield table([_say(key, lang) for key in ("what", "value", "generic", "reason")], _decided(config, cards))


def _glance(towns: Sequence[Config], cards: Mapping[str, Card], lang: str) -> Iterator[list[str]]:
    yield [_say("kind", lang), *(_say(f"kind_{c.municipality.municipality}", lang) for c in towns)]
    yield [_say("places", lang), *(_counted(c) for c in towns)]
    yield [_say("sources", lang), *(_sources(c) for c in towns)]
    yield [_say("rhythm", lang), *(format_duration(c.municipality.interval) for c in towns)]
    yield [
        _say("events", lang),
        *(", ".join(f"{e.class_} {getattr(e.name, lang)}" for e in c.municipality.events) for c in towns),
    ]
    yield [_say("kept", lang), *(f"k {c.municipality.k}, {format_duration(c.municipality.purposes[0].retention)}" for c in towns)]
    used = [set(chosen(c, cards)) for c in towns]
    shared = set.intersection(*used)
    yield [_say("everywhere", lang), *[", ".join(code(n) for n in cards if n in shared)] * len(towns)]
    yield [_say("only_some", lang), *(", ".join(code(n) for n in cards if n in own - shared) for own in used)]


def _counted(config: Config) -> str:
    kinds = Counter(config.rows_of(place)[-1].place.kind for place in config.place_ids)
    return ", ".join(f"{n} {kind}" for kind, n in kinds.items())


def _sources(config: Config) -> str:
    return ", ".join(f"{s.dataset} ({format_duration(s.stored_interval)})" for s in config.sources.values())


def _edges(towns: Sequence[Config], cards: Mapping[str, Card], lang: str) -> Iterator[list[str]]:
    """Indicators that a town decided on, with the edges of the lowest band in every town; the card's where it decided nothing."""
    decided = {entry.indicator for c in towns for entry in c.municipality.thresholds if entry.bands}
    for name in (n for n in cards if n in decided):
        yield [code(name), *(_edge(c, cards, name, lang) for c in towns)]


def _edge(config: Config, cards: Mapping[str, Card], name: str, lang: str) -> str:
    if name not in chosen(config, cards):
        return _say("off", lang)
    own = [(entry, band) for entry in config.municipality.thresholds if entry.indicator == name for band in list(entry.bands)[:1]]
    if not own:
        bands = cards[name].bands
        edges = dict.fromkeys(f"{band.enter:g}" for of_type in bands.values() for band in list(of_type.values())[:1])
        return f"{_say('generic', lang)}: {' / '.join(edges)}" if edges else _say("generic", lang)
    return "; ".join(f"{facts.threshold_key(entry, band).partition(' · ')[2]} {entry.bands[band].enter:g}" for entry, band in own)


def _decided(config: Config, cards: Mapping[str, Card]) -> Iterator[list[str]]:
    own = facts.of(config, cards)
    generic = facts.generic(config, cards, own.values())
    before = None
    for key, fact in own.items():
        if fact.kind not in ("thresholds", "weights"):
            continue
        beside = generic.get(key)
        yield [code(fact.key), fact.value, beside.value if beside else "", "″" if fact.reason == before else fact.reason or ""]
        before = fact.reason
