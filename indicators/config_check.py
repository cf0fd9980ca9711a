"""Does a municipality's configuration fit the indicator cards and dataset contracts? For ``drukte config check``.

:func:`check` gives mistakes: a run refuses to start with one of them. :func:`warnings` gives what a person should look
at. What needs no cards is checked on loading (``schemas/config_refs.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

from indicators import baseline, formula, layers, sense
from indicators.chosen import chosen
from indicators.effective import Resolver, active_at, resolver
from indicators.grammar import SEVERITY, Card
from indicators.layers import Candidate, Entry
from indicators.local_clock import public_holidays
from schemas import retention, vocabulary
from schemas.config import Config, PlaceRow
from schemas.datasets import DATASETS
from schemas.mistakes import did_you_mean
from schemas.problems import Outside, Problem
from schemas.settings import Band, Event, IndicatorSettings, Source, Threshold, format_duration, order_mistakes
from schemas.yamlfile import Path_

SOON = timedelta(days=30)


def check(config: Config, cards: Mapping[str, Card]) -> list[Problem]:
    """All mistakes that can only be told with the cards; each once, in the order of the files."""
    found = [
        *_calendar(config),
        *_sources(config),
        *_guards(config),
        *_indicators(config, cards),
        *_thresholds(config, cards),
        *_overlaps(config),
        *_weights(config, cards),
        *sense.mistakes(config, cards),
    ]
    if not found:  # what follows would only repeat it in other words
        for card in chosen(config, cards).values():
            found += [*_bands(config, card), *_intervals(config, card)]
    return list(dict.fromkeys(found))


def warnings(config: Config, cards: Mapping[str, Card], at: datetime) -> list[Problem]:
    """What is not wrong but asks for a person: reviews that are (nearly) due, indicators that judge no place at all."""
    town, today = config.municipality, at.astimezone(config.tz).date()
    dated: list[tuple[Path_, date]] = [(("purposes", i, "review_by"), p.review_by) for i, p in enumerate(town.purposes)]
    dated += [(("thresholds", i, "review_by"), t.review_by) for i, t in enumerate(town.thresholds)]
    reviews = [(config.document, path, day) for path, day in dated]
    for name, source in config.sources.items():
        document = config.source_documents[name]
        reviews += [(document, ("corrections", i, "review_by"), c.review_by) for i, c in enumerate(source.corrections)]
    found = []
    for document, path, day in reviews:
        if day < today + SOON:
            what = f"the review date {day} has passed" if day < today else f"the review is due by {day}"
            found.append(document.problem(path, what, "Review it, and write the new decided_on and review_by."))
    for name, card in chosen(config, cards).items():
        if not any(resolver(config, card).can_judge(row) for row in config.places):
            needed = ", ".join(card.applies_to.attributes) or "its parameters and bands"
            what, fix = f"`{name}` judges no place here", f"Give places of kind {'/'.join(card.applies_to.kinds)} {needed}."
            found.append(config.document.problem(("indicators", name), what, fix))
    return [*found, *_short_memory(config, cards), *sense.notes(config, cards)]


def _short_memory(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """Counts that go sooner than a baseline looks back (rule 18): which indicators then know less, or never anything."""
    read: dict[str, list[str]] = {}
    for name, card in chosen(config, cards).items():
        if card.baseline:
            named = {reference.partition(".")[0] for reference in next(iter(card.inputs.values())).from_}
            for dataset in sorted(named & {source.dataset for source in config.sources.values()}):
                read.setdefault(dataset, []).append(name)
    for dataset, names in read.items():
        adoption = retention.decides(config, "counts", dataset)
        weeks = adoption.kept("counts") // timedelta(weeks=1)
        if weeks * 7 >= baseline.REACH_DAYS:
            continue
        key = ("retention_of", "counts") if "counts" in adoption.retention_of else ("retention",)
        path = ("purposes", config.municipality.purposes.index(adoption), *key)
        most = 3 * min(weeks, baseline.VALID_DAYS)  # the same slot and one either side
        left = f"{weeks} of {baseline.REACH_DAYS // 7} weeks are left to compare with, {most} values at most"
        if most < baseline.MIN_VALUES:
            left += f" of the {baseline.MIN_VALUES} needed: {', '.join(names)} will always be unknown (baseline_short)"
        else:
            left += f": {', '.join(names)} know less of what is usual"
        what = (
            f"{dataset} is kept {format_duration(adoption.kept('counts'))}, a baseline looks back {baseline.REACH_DAYS}d; {left}"
        )
        yield config.document.problem(path, what, f"Keep counts {baseline.REACH_DAYS}d or longer, or accept it.")


def _guards(config: Config) -> Iterator[Problem]:
    """The conditions that watch over declared corrections are read like those of a card."""
    for name, source in config.sources.items():
        for number, entry in enumerate(source.corrections):
            for key, text in (("that", entry.guard.that), ("when", entry.guard.when)):
                try:
                    if text:
                        formula.parse_expression(text, entry.guard_names(source.measure_names), "condition")
                except ValueError as error:
                    what, _, fix = str(error).partition(" | ")
                    yield config.source_documents[name].problem(("corrections", number, "guard", key), what, fix)


def _calendar(config: Config) -> Iterator[Problem]:
    code = config.municipality.holidays
    try:
        public_holidays(code, 2026)
    except KeyError:
        fix = "Write a country such as NL, or country and subdivision such as AU-VIC (ISO 3166)."
        yield config.document.problem(("holidays",), f"no calendar of public holidays for `{code}`", fix)


def _sources(config: Config) -> Iterator[Problem]:
    allowed = {dataset for purpose in config.purposes.values() for dataset in purpose.datasets}
    kinds = {row.place.place: row.place.kind for row in config.places}
    for number, name in enumerate(config.municipality.sources):
        source, document = config.sources[name], config.source_documents[name]
        contract = DATASETS.get(source.dataset)
        if contract is None:
            yield document.problem(
                ("dataset",), f"there is no dataset `{source.dataset}`", did_you_mean(source.dataset, DATASETS)
            )
            continue
        if source.contract != contract.major:
            what = f"contract {source.contract} of `{contract.name}` is not known; this release has {contract.version}"
            yield document.problem(("contract",), what, f"Write {contract.major}, and see that the mapping fits it.")
        if source.dataset not in allowed:
            what = f"dataset `{source.dataset}` lies outside every adopted purpose"
            fix = f"Adopt a purpose that names it, or take the source out. {_to_decide(source.dataset)}"
            yield _outside(config.document.problem(("sources", number), what, fix))
        measures = _measures(source)
        for path, measure in measures:
            if measure not in contract.measures:
                yield document.problem(
                    path, f"`{measure}` is not a measure of {contract.name}", did_you_mean(measure, contract.measures)
                )
        yield from _exclusive(config, source, [m for _, m in measures])
        yield from _supports(config, source, [m for _, m in measures])
        for supplied, place in source.place.map.items():
            if kinds[place] not in contract.place_kinds:
                what = f"`{place}` is a {kinds[place]}; {contract.name} counts at a {' or '.join(contract.place_kinds)}"
                yield document.problem(("place", "map", supplied), what, "Choose another place, or another dataset.")


def _outside(problem: Problem) -> Outside:
    return Outside(problem.file, problem.line, problem.key, problem.what, problem.fix)


def _to_decide(name: str) -> str:
    """What nobody has weighed yet of something that no purpose names (rule 23)."""
    return (f"A review would have to decide what effect `{name}` serves, why it is needed and not too much, for whom it is, how long it is "
            "kept and under which k: drukte purpose review.")  # fmt: skip


def _measures(source: Source) -> list[tuple[Path_, str]]:
    found: list[tuple[Path_, str]] = [(("measures", name), name) for name in source.measures]
    return found + [(("pivot", "values", raw), name) for raw, name in (source.pivot.values if source.pivot else {}).items()]


def _exclusive(config: Config, source: Source, measures: list[str]) -> Iterator[Problem]:
    groups = [g for g in DATASETS[source.dataset].exclusive if set(g) & set(measures)]
    if len(groups) > 1:
        what = f"{' and '.join('/'.join(g) for g in groups)} of one source"
        fix = "Map one of them and list the other under `ignore`: a total beside its parts gives a withheld part back."
        document = config.source_documents[source.source]
        yield document.problem(("pivot", "values") if source.pivot else ("measures",), what, fix)


def _supports(config: Config, source: Source, measures: list[str]) -> Iterator[Problem]:
    """A mean comes with the number of contributors behind it, else nobody can tell whether it is about one person (rule 7)."""
    for measure in measures:
        column = vocabulary.columns().get(measure)
        if column and column.support and not set(column.support) & set(measures):
            wanted = [m for m in column.support if m in DATASETS[source.dataset].measures]
            fix = f"Map {' or '.join(wanted)} too, or list the column under `ignore`."
            what = f"`{measure}` without the count behind it"
            yield config.source_documents[source.source].problem(("measures", measure), what, fix)


def _indicators(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    listed = {name for purpose in config.purposes.values() for name in purpose.indicators}
    for name in config.municipality.indicators:
        if name not in cards:
            yield config.document.problem(("indicators", name), f"there is no indicator `{name}`", did_you_mean(name, cards))
    for name in chosen(config, cards):
        path: Path_ = ("indicators", name)
        own_card_fits = "." in name and set(cards[name].purposes) & set(config.purposes)
        if name not in listed and not own_card_fits:
            what = f"`{name}` lies outside every adopted purpose"
            yield _outside(
                config.document.problem(path, what, f"Adopt a purpose that names it, or switch it off. {_to_decide(name)}")
            )
        for given in cards[name].inputs.values():
            if given.from_ != (SEVERITY,) and not any(_feeds(source, given.from_) for source in config.sources.values()):
                what = f"no source delivers {' or '.join(given.from_)}, which `{name}` needs"
                yield config.document.problem(path, what, "Add such a source under `sources`, or switch the indicator off.")


def _feeds(source: Source, references: tuple[str, ...]) -> bool:
    """Whether a source delivers one of the measures, or all parts of a sum."""
    has = {measure for _, measure in _measures(source)}
    for dataset, _, measure in (r.partition(".") for r in references):
        contract = DATASETS.get(source.dataset)
        if contract and dataset == source.dataset and any(set(g) <= has for g in contract.groups(measure)):
            return True
    return False


def _thresholds(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    document = config.document
    for number, entry in enumerate(config.municipality.thresholds):
        path: Path_ = ("thresholds", number)
        if entry.indicator not in cards:
            what = f"there is no indicator `{entry.indicator}`"
            yield document.problem((*path, "indicator"), what, did_you_mean(entry.indicator, cards))
        elif entry.indicator not in chosen(config, cards):
            what = f"`{entry.indicator}` is not switched on"
            yield document.problem(
                (*path, "indicator"), what, f"Add `{entry.indicator}: {{}}` under `indicators`, or remove the entry."
            )
        else:
            yield from _entry(config, path, entry, cards[entry.indicator])


def _weights(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """Weights belong to an indicator made of others, and weigh indicators that are on."""
    used = chosen(config, cards)
    town = config.municipality
    found: list[tuple[Path_, str, Mapping[str, float]]] = [
        (("indicators", n, "weights"), n, s.weights) for n, s in town.indicators.items()
    ]
    found += [(("thresholds", i, "weights"), t.indicator, t.weights) for i, t in enumerate(town.thresholds)]
    for path, name, weights in found:
        if weights and name in used and not any(SEVERITY in given.from_ for given in used[name].inputs.values()):
            yield config.document.problem(path, f"`{name}` is not made of other indicators", "Take the weights out.")
        for part in weights:
            if part not in cards or part == name:
                yield config.document.problem((*path, part), f"there is no indicator `{part}` to weigh", did_you_mean(part, used))


def _entry(config: Config, path: Path_, entry: Threshold, card: Card) -> Iterator[Problem]:
    document, known = config.document, {name for bands in card.bands.values() for name in bands}
    for name, band in entry.bands.items():
        if known and name not in known:
            what = f"`{card.id}` has no band `{name}`"
            yield document.problem(
                (*path, "bands", name), what, f"It has {', '.join(n for n in layers.BAND_NAMES if n in known)}."
            )
        if band.at_once is not None:
            yield document.problem(
                (*path, "bands", name, "at_once"), "`at_once` belongs to the definition of the card", "Leave it out."
            )
    for key, value in entry.params.items():
        parameter = card.parameters.get(key)
        if parameter is None:
            what = f"`{card.id}` has no parameter `{key}`"
            yield document.problem((*path, "params", key), what, did_you_mean(key, card.parameters))
        elif not parameter.min <= value <= parameter.max:
            what = f"{value:g} lies outside {parameter.min:g} to {parameter.max:g} {parameter.unit}"
            yield document.problem((*path, "params", key), what, "Choose a value in that range.")


def _overlaps(config: Config) -> Iterator[Problem]:
    """Two entries for the same thing, between which nothing decides."""
    document = config.document
    for (one, a), (two, b) in combinations(enumerate(config.municipality.thresholds), 2):
        both = sorted({*a.bands} & {*b.bands}) + sorted({*a.params} & {*b.params})
        both += ["weights"] if a.weights and b.weights else []
        same_target = (a.indicator, a.place, a.place_type) == (b.indicator, b.place, b.place_type)
        if both and same_target and (a.event, a.when, a.effective_from) == (b.event, b.when, b.effective_from):
            what = f"sets {', '.join(both)} for the same selection and moment as line {document.line(('thresholds', one))}"
            yield document.problem(("thresholds", two), what, "Keep one of them, or give the later one its own effective_from.")


def _bands(config: Config, card: Card) -> Iterator[Problem]:
    """Band sets as they come out of the layers, at every moment and under every selector: complete, and in order."""
    works, seen = resolver(config, card), set()
    for row in config.places:
        if not works.can_apply(row):
            continue
        events, entries = config.events_of(row.place.place), works.entries_for(row)
        # A card without any bands has a row only where the town sets some; another one would leave a place out by mistake.
        own = card.role == "signal" and card.bands
        if own and not any(e.threshold.bands for e in entries) and card.bands_for(row.place.place_type) is None:
            what = f"`{card.id}` has no bands for place_type `{row.place.place_type}`"
            fix = f"Use {' or '.join(f'`{t}`' for t in card.bands)}, or set bands for this type under `thresholds`."
            yield Problem(row.file, row.line, "place_type", what, fix)
        whens = [None, *dict.fromkeys(e.threshold.when for e in entries if e.threshold.when)]
        for at in _moments(row, events, entries):
            for when in whens:
                _, active = active_at(events, entries, at, () if when is None else (when,))
                selection = (row.place.place_type, tuple(e.number for e in active))
                if selection not in seen:
                    seen.add(selection)
                    yield from _order(works, row, active)


def _moments(row: PlaceRow, events: tuple[Event, ...], entries: tuple[Entry, ...]) -> list[datetime]:
    """One moment in each stretch during which the same thresholds are in force."""
    found = {t for e in events for t in (e.from_, e.to)} | {e.threshold.effective_from for e in entries}
    low, high = row.place.valid_from, row.until or datetime.max.replace(tzinfo=UTC)
    return [low, *sorted(t for t in found if low < t < high)]


def _order(works: Resolver, row: PlaceRow, active: tuple[Entry, ...]) -> Iterator[Problem]:
    card = works.card
    candidates = {name: layers.band_candidates(card, name, row.place.place_type, active) for name in layers.BAND_NAMES}
    winners: dict[str, Candidate] = {name: found[-1] for name, found in candidates.items() if found}
    bands = {name: _with_exit(card, found[-1].value) for name, found in candidates.items() if found}
    for name, what, fix in order_mistakes(bands, card.direction):
        present = list(winners)
        below = present[max(present.index(name) - 1, 0)]
        blamed = next((n for n in (name, below) if winners[n].entry), None)  # a card's own order was checked with the card
        if blamed is not None:
            winner = winners[blamed]
            key = f"thresholds.{winner.entry.number}.bands.{blamed}"  # type: ignore[union-attr]
            yield Problem(winner.file, winner.line, key, f"{name}: {what}", fix)


def _with_exit(card: Card, value: object) -> Band:
    assert isinstance(value, Band)
    return value.model_copy(update={"exit": card.exit_of(value)})


def _intervals(config: Config, card: Card) -> Iterator[Problem]:
    """The interval in force must be made of whole intervals of each source that feeds the card at a place (rule 3)."""
    works = resolver(config, card)
    references = tuple(r for given in card.inputs.values() for r in given.from_)
    for source in config.sources.values():
        if not _feeds(source, references):
            continue
        length = source.stored_interval
        for row in config.places:
            if row.place.place not in source.place.map.values() or not works.can_apply(row):
                continue
            for path, interval in _lengths(config, works, row.place.place):
                if interval % length:
                    supplied = f"source `{source.source}` ({format_duration(length)})"
                    what = f"{format_duration(interval)} for `{card.id}` is not made of whole intervals of {supplied}"
                    yield config.document.problem(path, what, f"Say `interval: {format_duration(length)}`.")


def _lengths(config: Config, works: Resolver, place: str) -> Iterator[tuple[Path_, timedelta]]:
    """The intervals that come into force at a place, and where each is written."""
    settings = config.municipality.indicators.get(works.card.id, IndicatorSettings())
    path: Path_ = ("indicators", works.card.id)
    if place in settings.place_intervals:
        yield (*path, "place_intervals", place), settings.place_intervals[place]
    else:
        yield ((*path, "interval") if settings.interval else ("interval",)), settings.interval or config.municipality.interval
    for number, event in enumerate(config.municipality.events):
        if place in event.places and (event.places[place].interval or event.interval):
            where: Path_ = ("places", place, "interval") if event.places[place].interval else ("interval",)
            yield ("events", number, *where), works.interval(place, (event,))
