"""The page of one indicator, in one language: everything its card says, in the order in which people ask.

A field of the grammar that has no place here yet still comes out, under "further in the card": nothing a card says is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from indicators import layers
from indicators.grammar import ANY, Card, Input
from pipelines.board.say import Voice
from pipelines.docs import example_choice, example_drawing, markdown, worked_examples
from pipelines.docs.markdown import one_line, table
from pipelines.docs.say import LANGUAGES, code, say, say_or, unit
from schemas import vocabulary
from schemas.datasets import contract_of
from schemas.settings import BANDS, Bands, Text, format_duration

FOLDER = "docs/reference/indicators"
# Fields with a place of their own below; the others are shown as they stand.
SHOWN = {
    "id", "version", "status", "replaces", "role", "safety_risk", "title", "desired_effect", "question", "meaning", "limits",
    "follow_up", "owners", "applies_to", "inputs", "mixes_kinds", "attributes", "parameters", "baseline", "optional", "let",
    "formula", "applies_when", "requires", "material", "caps", "missing_data", "min_coverage", "digits", "unit", "direction",
    "exit_margin", "bands", "example_bands", "purposes", "references", "explanation", "examples", "equivalent_mutants",
}  # fmt: skip


def files(card: Card) -> dict[str, str]:
    """The pages and drawings of a card, by path below the repository."""
    made, drawn = {}, example_choice.chosen(card)
    for lang in LANGUAGES:
        drawing = example_drawing.draw(card, drawn, lang)
        if drawing:
            made[f"{FOLDER}/{card.id}.{lang}.svg"] = drawing[0]
        made[f"{FOLDER}/{card.id}.{lang}.md"] = page(card, lang, drawing[1] if drawing else None)
    return made


def page(card: Card, lang: str, drawing: str | None) -> str:
    """The page; ``drawing`` is what the drawing beside it shows, in words."""
    before = (_head, _purpose)
    after = (_computation, _conditions, _bands, _follow_up, _limits, _examples, _mutants, _more, _traced)
    told = [*(part(card, lang) for part in before), _drawn(card, lang, drawing), *(part(card, lang) for part in after)]
    return markdown.MADE + "".join(told)


def _text(card: Card, name: str, lang: str) -> str:
    return one_line(getattr(getattr(card, name), lang))


def _heading(key: str, lang: str, **parts: object) -> str:
    return f"## {say(key, lang, **parts)}\n\n"


def _head(card: Card, lang: str) -> str:
    other = next(one for one in LANGUAGES if one != lang)
    kinds = ", ".join(say_or(f"kind_{kind}", lang, kind) for kind in card.applies_to.kinds)
    line = say("card_line", lang, id=card.id, version=card.version, status=say(f"status_{card.status}", lang),
               role=say(f"role_{card.role}", lang), unit=unit(card.unit, lang), kinds=kinds)  # fmt: skip
    warned = f"> {say('experimental', lang)}\n\n" if card.status == "experimental" else ""
    replaced = f"{say('replaces', lang)}: `{card.replaces}`\n\n" if card.replaces else ""
    link = say("other_language", lang, file=f"{card.id}.{other}.md")
    return f"# {_text(card, 'title', lang)}\n\n{line} · {link}\n\n{warned}{replaced}"


def _purpose(card: Card, lang: str) -> str:
    parts = [(say("risk", lang), code("safety_risk", card.safety_risk, lang)),
             (say("effect", lang), _text(card, "desired_effect", lang)),
             (say("question", lang), _text(card, "question", lang)),
             (say("meaning", lang), _text(card, "meaning", lang))]  # fmt: skip
    return "".join(f"**{name}.** {text}\n\n" for name, text in parts)


def _drawn(card: Card, lang: str, said: str | None) -> str:
    if said is None:
        return ""
    alt = said.replace("[", "(").replace("]", ")")
    return f"{_heading('drawn', lang)}![{alt}]({card.id}.{lang}.svg)\n\n{say('drawn_note', lang)}\n\n"


def _computation(card: Card, lang: str) -> str:
    steps = "".join(f"{name} = {one_line(text)}\n" for name, text in card.let.items())
    direction = say(f"direction_{card.direction}", lang)
    mixes = f"**{say('mixes', lang)}.** {one_line(getattr(card.mixes_kinds, lang))}\n\n" if card.mixes_kinds else ""
    head = [say(f"col_{name}", lang) for name in ("name", "is", "from", "unit", "kind", "effect")]
    return (
        f"{_heading('computation', lang)}```sql\n{steps}{card.id} = {one_line(card.formula)}\n```\n\n"
        f"{say('value_line', lang, unit=unit(card.unit, lang).strip('()'), digits=card.digits, direction=direction)}\n\n"
        f"### {say('what_goes_in', lang)}\n\n{table(head, _names(card, lang))}{mixes}"
    )


def _names(card: Card, lang: str) -> Iterator[list[str | None]]:
    """Every name an expression may use: what it is and where it comes from."""
    for name, given in card.inputs.items():
        for number, reference in enumerate(given.from_):
            yield [
                markdown.code(name) if number == 0 else None,
                *_measure(reference, given, lang),
                say(f"monotone_{given.monotone}", lang),
            ]
    for group, names in (("attribute", card.attributes), ("baseline", card.baseline)):
        for name in names:
            column = vocabulary.columns().get(name)
            said = say(f"from_{group}", lang) + (f" ({say('optional', lang)})" if name in card.optional else "")
            yield [
                markdown.code(name),
                getattr(column, lang, None),
                said,
                _plain_unit(column.unit if column else "-"),
                None,
                None,
            ]
    for name, parameter in card.parameters.items():
        value = Voice(lang).number(parameter.default) if parameter.default is not None else say("required", lang)
        low, high = Voice(lang).number(parameter.min), Voice(lang).number(parameter.max)
        said = say("from_parameter", lang, default=value, low=low, high=high)
        yield [markdown.code(name), getattr(parameter.meaning, lang), said, _plain_unit(parameter.unit), None, None]
    if any("interval_minutes" in text for text in _expressions(card)):
        yield [markdown.code("interval_minutes"), say("is_interval", lang), None, "min", None, None]


def _plain_unit(name: str) -> str:
    return "" if name == "-" else name.replace("m2", "m²")


def _measure(reference: str, given: Input, lang: str) -> list[str | None]:
    """What a ``dataset.measure`` is, where it comes from, its unit and kind."""
    found = contract_of(reference)
    if found is None:  # severities of other cards
        return [say("from_cards", lang), markdown.code(reference), None, None]
    contract, name = found
    meaning = contract.derived.get(name) or vocabulary.columns()[name]
    link = f"[`{reference}`](../datasets.md#{contract.name})"
    source = say("from_ago", lang, **{"from": link, "ago": format_duration(given.ago)}) if given.ago else link
    return [
        getattr(meaning, lang),
        source,
        _plain_unit(contract.unit_of(name)),
        say_or(f"kind_of_{contract.kind_of(name)}", lang, ""),
    ]


def _expressions(card: Card) -> Iterator[str]:
    yield from card.let.values()
    yield from (card.formula, card.applies_when or "")
    yield from (item.that for item in (*card.requires, *card.material))
    yield from (cap.when for cap in card.caps)
    yield from (band.at_once for bands in card.bands.values() for band in bands.values() if band.at_once)


def _conditions(card: Card, lang: str) -> str:
    head = [say(f"col_{name}", lang) for name in ("condition", "otherwise", "reason")]
    return _heading("conditions", lang) + table(head, [*_applies(card, lang), *_must_hold(card, lang)])


def _applies(card: Card, lang: str) -> Iterator[list[str | None]]:
    """Where the card has a row at all."""
    wanted, otherwise = card.applies_to, say("no_row", lang)
    yield [say("places_only", lang, kinds=", ".join(say_or(f"kind_{k}", lang, k) for k in wanted.kinds)), otherwise, None]
    for kind, types in wanted.place_types.items():
        yield [say("types_only", lang, kind=say_or(f"kind_{kind}", lang, kind), types=", ".join(types)), otherwise, None]
    if wanted.attributes:
        yield [say("attributes_only", lang, names=", ".join(f"`{n}`" for n in wanted.attributes)), otherwise, None]
    if wanted.phases:
        yield [say("phases_only", lang, phases=", ".join(wanted.phases)), otherwise, None]
    if wanted.max_interval:
        yield [say("interval_only", lang, length=format_duration(wanted.max_interval)), otherwise, None]


def _must_hold(card: Card, lang: str) -> Iterator[list[str | None]]:
    unknown, normal = say("unknown_level", lang), say("level_normal", lang)
    unmeasured = ", ".join(code("status", status, lang) for status in ("missing", "outage", "invalid"))
    yield [say("inputs_known", lang), unknown, unmeasured]
    share = Voice(lang).percent(card.min_coverage)
    yield [say("coverage_least", lang, share=share), unknown, code("reason", "coverage", lang)]
    for condition in card.requires:
        yield [markdown.code(one_line(condition.that)), unknown, code("reason", condition.reason, lang)]
    if card.applies_when:
        yield [markdown.code(one_line(card.applies_when)), normal, code("reason", "not_applicable", lang)]
    for condition in card.material:
        yield [markdown.code(one_line(condition.that)), normal, code("reason", condition.reason, lang)]
    for cap in card.caps:
        most = say("level_at_most", lang, level=code("level", cap.at, lang))
        yield [say("cap_not", lang, when=markdown.code(one_line(cap.when))), most, code("reason", cap.reason, lang)]


def _bands(card: Card, lang: str) -> str:
    said = _heading("bands", lang)
    if card.bands:
        margin = Voice(lang).percent(card.exit_margin if card.direction == "up" else 1 / card.exit_margin)
        said += _band_table(card, card.bands, lang) + say("margin", lang, margin=margin) + "\n\n"
    else:
        said += say("context_bands" if card.role == "context" else "no_bands", lang) + "\n\n"
    if card.example_bands:
        said += f"{say('example_bands', lang)}:\n\n{_band_table(card, card.example_bands, lang)}"
    return said + f"**{say('sources', lang)}**\n\n" + markdown.bullets(card.references)


def _band_table(card: Card, groups: dict[str, Bands], lang: str) -> str:
    """The bands by type of place, with what turns one on at once where there is such a condition."""
    voice = Voice(lang)
    once = any(card.at_once(name) for name in BANDS)  # type: ignore[arg-type]
    rows = []
    for place_type, bands in groups.items():
        for name in (n for n in BANDS if n in bands):
            band = bands[name]
            waits = format_duration(band.for_)
            waits = say("for_intervals", lang, time=waits, n=band.for_intervals) if band.for_intervals else waits
            rows.append([say("any_type", lang) if place_type == ANY else markdown.code(place_type),
                         f"{voice.letter(name)} {code('level', name, lang)}", voice.number(band.enter), voice.number(card.exit_of(band)),
                         waits, format_duration(band.keep_for), *([band.at_once and markdown.code(band.at_once)] if once else [])])  # fmt: skip
    names = ("place_type", "band", "enter", "exit", "for", "keep", *(["at_once"] if once else []))
    return table([say(f"col_{name}", lang) for name in names], rows)


def _follow_up(card: Card, lang: str) -> str:
    follow, purposes = card.follow_up, ", ".join(f"`{name}`" for name in card.purposes)
    measure = code("measure", follow.measure, lang)
    line = say("follow_line", lang, measure=measure, role=follow.role, lead=format_duration(follow.lead_time))
    owners = say("owners_line", lang, definition=card.owners.definition, action=card.owners.action)
    return (
        f"{_heading('follow_up', lang)}{line} {owners} {say('purposes_line', lang, purposes=purposes)}\n\n"
        f"**{say('sentence', lang)}.** {one_line(getattr(card.explanation, lang))}\n\n"
    )


def _limits(card: Card, lang: str) -> str:
    return f"{_heading('limits', lang)}{_text(card, 'limits', lang)}\n\n"


def _examples(card: Card, lang: str) -> str:
    return _heading("examples", lang, n=len(card.examples)) + worked_examples.section(card, lang)


def _mutants(card: Card, lang: str) -> str:
    if not card.equivalent_mutants:
        return ""
    rows = [[markdown.code(one.mutant), one.because] for one in card.equivalent_mutants]
    head = [say("col_mutant", lang), say("col_because", lang)]
    return f"{_heading('mutants', lang)}{say('mutants_note', lang)}\n\n{table(head, rows)}"


def _more(card: Card, lang: str) -> str:
    """Fields of the grammar without a place of their own on this page, where the card gives them."""
    lines = []
    for name in sorted(set(type(card).model_fields) - SHOWN):
        value = getattr(card, name)
        if value != type(card).model_fields[name].get_default(call_default_factory=True):
            plain = card.model_dump(mode="json", by_alias=True)[name]
            said = getattr(value, lang) if isinstance(value, Text) else markdown.code(json.dumps(plain, ensure_ascii=False))
            lines.append(f"`{name}`: {said}")
    return f"{_heading('more', lang)}{markdown.bullets(lines)}" if lines else ""


def _traced(card: Card, lang: str) -> str:
    said = say("traced", lang, file=layers.card_lines(card.id)[0], definition_hash=card.definition_hash)
    return f"---\n\n{said}\n"
