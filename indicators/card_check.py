"""What a card must hold beyond the grammar: codes that exist, names that are declared, expressions, bands, examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any, get_args

from indicators import formula, series
from indicators.grammar import ANY, SEVERITY, Card, Example
from schemas import words
from schemas.datasets import Contract, contract_of, references
from schemas.mistakes import did_you_mean
from schemas.problems import Problem
from schemas.results import TABLES
from schemas.settings import BANDS, LEVELS, Bands, order_mistakes
from schemas.settings.place import ATTRIBUTES, PlaceKind
from schemas.yamlfile import Document, Path_

BUILT_IN = ("interval_minutes",)
VALUE = "value"  # the rounded value, known once the formula has run
TEMPLATE_NAMES = ("value", "unit", "place", "since", "threshold", "level")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The engine makes columns with these endings, and reads those of TAKEN under their own names.
_ENDINGS = ("_low", "_high", "_enter", "_exit")
_TAKEN = {*TABLES["indicator_values"].columns, *BUILT_IN, "input_status", "raw_value", "judged", "obstacle"}

Found = Iterator[tuple[Path_, str, str]]


def problems(card: Card, document: Document, stem: str) -> list[Problem]:
    """All mistakes in a card read from ``document``, a file named ``stem``."""
    rules: tuple[Callable[[Card], Found], ...] = (
        _codes, _inputs, _known_names, _kinds, _names, _expressions, _bands, _templates, _examples, _parameters_in_examples,
    )  # fmt: skip
    found = [mistake for rule in rules for mistake in rule(card)]
    if card.id != stem:
        found.append((("id",), f"`{card.id}` in a file called `{stem}.yaml`", f"Name the file `{card.id}.yaml`."))
    return [document.problem(path, what, fix) for path, what, fix in found]


def baseline_columns() -> tuple[str, ...]:
    """Columns of ``baselines`` that a card may use: all figures, not the keys."""
    table = TABLES["baselines"]
    return tuple(c for c in table.columns if c not in {*table.key, "version", "recorded_at"})


def measure_kind(name: str) -> str | None:
    """Kind (rule 1) of a ``dataset.measure``, delivered or derived; None: not known."""
    if name == SEVERITY:
        return "ratio"
    found = contract_of(name)
    return found[0].kind_of(found[1]) if found else None


def place_kinds(name: str) -> tuple[str, ...]:
    """Kinds of place that have a ``dataset.measure``; other indicators there are at any."""
    found = contract_of(name)
    return found[0].kinds_with(found[1]) if found else get_args(PlaceKind)


def can_be_withheld(card: Card, name: str | None = None) -> bool:
    """Whether k can take a number of this card away: one of its inputs (or the one called ``name``) counts persons."""
    return any(contract.counts_persons(measure) for contract, measure in _measures(card, name))


def has_bounds(card: Card) -> bool:
    """Whether a withheld number of this card has bounds: a count has, a mean over too few has none."""
    counted = [c.kind_of(m) for c, m in _measures(card) if c.counts_persons(m)]
    return any(kind != "speed" for kind in counted)


def can_be_a_range(card: Card, name: str | None = None) -> bool:
    """Whether a number of this card may be known within bounds only, nothing being withheld: it comes from a class."""
    return any(m in c.derived and c.derived[m].how == "classes" for c, m in _measures(card, name))


def _measures(card: Card, name: str | None = None) -> list[tuple[Contract, str]]:
    named = [contract_of(r) for n, given in card.inputs.items() if name in (None, n) for r in given.from_]
    return [found for found in named if found]


def _codes(card: Card) -> Found:
    wanted: list[tuple[str, Path_, str]] = [
        ("safety_risk", ("safety_risk",), card.safety_risk),
        ("measure", ("follow_up", "measure"), card.follow_up.measure),
    ]
    for field in ("requires", "material", "caps"):
        wanted += [("reason", (field, i, "reason"), item.reason) for i, item in enumerate(getattr(card, field))]
    for group, path, code in wanted:
        if code not in words.codes(group):
            yield path, f"`{code}` is not a known {group}", f"Use one of: {', '.join(words.codes(group))}."


def _inputs(card: Card) -> Found:
    for name, given in card.inputs.items():
        for index, source in enumerate(given.from_):
            if measure_kind(source) is None:
                fix = did_you_mean(source, references(), f"Use one of: {', '.join(references())}.")
                yield ("inputs", name, "from", index), f"`{source}` is not a dataset.measure", fix
        known = [place_kinds(source) for source in given.from_ if measure_kind(source)]
        for kind in sorted(set(card.applies_to.kinds).difference(*known)) if known else ():
            fix = "Add a measure under `from` that has, or leave the kind out."
            yield ("applies_to", "kinds"), f"`{name}` has no data for `{kind}`", fix
        if name in card.optional and name == next(iter(card.inputs)):
            yield ("inputs", name), f"`{name}` is optional and comes first", "Begin with an input that every slot needs."
        if SEVERITY in given.from_ and (len(given.from_) > 1 or len(card.inputs) > 1):
            yield ("inputs", name), f"`{SEVERITY}` beside other inputs", "Let it be the card's only input."


def _known_names(card: Card) -> Found:
    for field, names, known in (
        (("attributes",), card.attributes, ATTRIBUTES),
        (("applies_to", "attributes"), card.applies_to.attributes, ATTRIBUTES),
        (("baseline",), card.baseline, baseline_columns()),
        (("optional",), card.optional, (*card.inputs, *card.attributes, *card.baseline)),
    ):
        for index, name in enumerate(names):
            if name not in known:
                yield (*field, index), f"`{name}` is not known here", f"Use one of: {', '.join(known)}."


def _kinds(card: Card) -> Found:
    """Rule 1: stocks and flows are not mixed without saying so."""
    kinds = {kind for given in card.inputs.values() for source in given.from_ if (kind := measure_kind(source))}
    if len(kinds) > 1 and card.mixes_kinds is None:
        fix = "Say in `mixes_kinds:` (nl, en) why that is right here, or take the other input out."
        yield ("inputs",), f"mixes {' and '.join(sorted(kinds))} without saying so", fix
    if len(kinds) == 1 and card.mixes_kinds is not None:
        yield ("mixes_kinds",), f"all inputs are of kind {kinds.pop()}", "Leave `mixes_kinds` out."


def _names(card: Card) -> Found:
    seen: set[str] = set()
    for path, name in _declared(card):
        if name in seen:
            yield path, f"`{name}` is declared twice", "Give one of them another name."
        elif name in _TAKEN or name.endswith(_ENDINGS) or not _NAME.fullmatch(name):
            yield path, f"`{name}` cannot be a name here", f"Choose a-z, 0-9 and _, not ending in {', '.join(_ENDINGS)}."
        seen.add(name)


def _declared(card: Card) -> Iterator[tuple[Path_, str]]:
    """Every name a card declares, with where it stands."""
    for field in ("inputs", "attributes", "parameters", "baseline", "let"):
        for index, name in enumerate(getattr(card, field)):
            yield (field, index if field in ("attributes", "baseline") else name), name


def expressions(card: Card) -> Iterator[tuple[Path_, str, formula.Kind, set[str]]]:
    """Every expression of a card: where it stands, its text, what it gives, and the names it may use."""
    names = {*card.inputs, *card.attributes, *card.parameters, *card.baseline, *BUILT_IN}
    for name, text in card.let.items():
        yield ("let", name), text, "number", set(names)
        names.add(name)
    yield ("formula",), card.formula, "number", names
    if card.applies_when is not None:
        yield ("applies_when",), card.applies_when, "condition", names
    for index, condition in enumerate(card.requires):
        yield ("requires", index, "that"), condition.that, "condition", names
    for index, condition in enumerate(card.material):
        yield ("material", index, "that"), condition.that, "condition", names | {VALUE}
    for index, cap in enumerate(card.caps):
        yield ("caps", index, "when"), cap.when, "condition", names | {VALUE}
    for place_type, bands in card.bands.items():
        for band, given in bands.items():
            if given.at_once is not None:
                yield ("bands", place_type, band, "at_once"), given.at_once, "condition", names | {VALUE}


def _expressions(card: Card) -> Found:
    used: set[str] = set()
    for path, text, kind, names in expressions(card):
        try:
            used |= formula.parse_expression(text, names, kind).names
        except ValueError as error:
            what, _, fix = str(error).partition(" | ")
            yield path, what, fix
            return  # what follows would only repeat it
    told = {name for _, text in card.explanation for name in re.findall(r"{(\w+)", text)}  # may stand beside the value only
    for path, name in _declared(card):
        if name not in used | told:
            yield path, f"`{name}` is declared and never used", "Leave it out, or use it in an expression or the explanation."


def _bands(card: Card) -> Found:
    if card.role == "signal" and not (card.bands or card.example_bands):
        fix = "Give bands; or example_bands, where a municipality must set its own; or set role: context."
        yield ("bands",), "a signal card without bands", fix
    if card.role == "context" and card.bands:
        yield ("bands",), "a context card with bands: it never opens a situation", "Leave them out, or set role: signal."
    if card.bands and card.example_bands:
        yield ("example_bands",), "example_bands beside generic bands", "Keep one of them."
    for field in ("bands", "example_bands"):
        for place_type, bands in getattr(card, field).items():
            for band, what, fix in order_mistakes(_with_exits(card, bands), card.direction):
                yield (field, place_type, band), what, fix
    for place_type, bands in card.bands.items():
        for band, given in bands.items():
            if given.at_once != card.at_once(band):
                yield ("bands", place_type, band), "at_once differs between types of place", "Give the band one at_once."
    for kind in sorted(set(card.applies_to.place_types) - set(card.applies_to.kinds)):
        yield (
            ("applies_to", "place_types", kind),
            f"types of `{kind}`, which the card is not for",
            "Leave them out, or add the kind.",
        )
    types = {t for given in card.applies_to.place_types.values() for t in given}
    if card.bands and ANY not in card.bands:
        for missing in sorted(types - set(card.bands)):
            yield ("bands",), f"no bands for place type `{missing}`", f"Add `{missing}:`, or `{ANY}:` for all."


def _with_exits(card: Card, bands: Bands) -> Bands:
    return {name: band.model_copy(update={"exit": card.exit_of(band)}) for name, band in bands.items()}


def _templates(card: Card) -> Found:
    known = {*TEMPLATE_NAMES, *card.inputs, *card.attributes, *card.parameters, *card.baseline, *card.let}
    for lang, text in card.explanation:
        try:
            names = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
        except ValueError as error:
            yield ("explanation", lang), f"not a template: {error}", "Write names as {value}."
            continue
        for name in sorted(names - known):
            yield ("explanation", lang), f"`{{{name}}}` is not known", f"Use one of: {', '.join(sorted(known))}."


def _examples(card: Card) -> Found:
    if card.status == "stable" and not card.examples:
        yield ("examples",), "a stable card without worked examples", "Add examples, or set status: experimental."
    for index, example in enumerate(card.examples):
        for path, what, fix in _example(card, example):
            yield ("examples", index, *path), what, fix


def _example(card: Card, example: Example) -> Found:
    for field, wanted in (("inputs", tuple(card.inputs)), ("attributes", card.attributes), ("baseline", card.baseline)):
        for name in sorted(set(wanted) ^ set(getattr(example, field))):
            what = f"`{name}` is missing" if name in wanted else f"`{name}` is not of this card"
            yield (field,), what, f"Give exactly: {', '.join(wanted)}."
    card = card.as_in_examples()
    if card.bands and card.bands_for(example.place_type) is None:
        yield ("place_type",), "no bands for this type of place", f"Use one of: {', '.join(card.bands)}."
    try:
        slots = {len(series.cells(text)) for text in example.inputs.values()}
    except ValueError as error:
        yield ("inputs",), *_split(error)
        return
    if len(slots) != 1:
        yield ("inputs",), "inputs of different length", "Give every input one token a slot."
        return
    yield from _example_series(example, slots.pop())


def _example_series(example: Example, slots: int) -> Found:
    """Every other series has a token a slot; numbers are numbers, expected words are known codes."""
    groups = ("attributes", "parameters", "baseline")
    rest = [((group, name), text) for group in groups for name, text in getattr(example, group).items()]
    for path, text in [*rest, (("coverage",), example.coverage)]:
        if mistake := _try(series.numbers, text, slots):
            yield path, *mistake
    known = {"level": words.codes("level"), "keeps": words.codes("level"), "at_once": (*BANDS, series.NOTHING), "held": LEVELS,
             "status": words.codes("status"), "reason": (*words.codes("reason"), series.NOTHING)}  # fmt: skip
    if not example.expect.given():
        yield ("expect",), "expects nothing", "Name at least a level."
    for column, text in example.expect.given().items():
        path = ("expect", column)
        if mistake := _try(series.spread if column in known else series.numbers, text, slots):
            yield path, *mistake
            continue
        for token in set(series.tokens(text)) - set(known.get(column, series.tokens(text))):
            yield path, f"`{token}` is not a {column}", f"Use one of: {', '.join(known[column])}."


def _parameters_in_examples(card: Card) -> Found:
    for index, example in enumerate(card.examples):
        for name in sorted(set(example.parameters) - set(card.parameters)):
            yield ("examples", index, "parameters", name), f"`{name}` is not a parameter of this card", "Correct the name."
        for name in sorted(set(card.parameters) - set(card.defaults) - set(example.parameters)):
            yield ("examples", index, "parameters"), f"`{name}` is required and not given", f"Add `{name}:`."


def _try(read: Callable[[str, int], Any], text: str, slots: int) -> tuple[str, str] | None:
    try:
        read(text, slots)
    except ValueError as error:
        return _split(error)
    return None


def _split(error: ValueError) -> tuple[str, str]:
    what, _, fix = str(error).partition(" | ")
    return what, fix
