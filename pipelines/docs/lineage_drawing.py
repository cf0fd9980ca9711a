"""Lineage as a drawing in four columns. Order and height follow the cards, so that lines cross as little as is simple to get."""

from __future__ import annotations

from dataclasses import dataclass

from indicators.grammar import Card
from pipelines.docs import svg
from pipelines.docs.say import code, say
from schemas import words

WIDTH = 980.0
# Per column: where its text begins, where lines come in, where they go out.
DATA, CARD, RISK, MEASURE = (8.0, 8.0, 196.0), (318.0, 310.0, 520.0), (616.0, 608.0, 800.0), (888.0, 880.0, 972.0)
TOP, PITCH, LINE = 46.0, 27.0, 14.0

HUES = 5  # of lines that leave a dataset: help in following them, never the only sign, and none of the colours of a level

RULES = """
svg { --t0: #1c6a86; --t1: #8a5a00; --t2: #6a4c93; --t3: #2e7d32; --t4: #5f6b73; }
@media (prefers-color-scheme: dark) { svg { --t0: #6cc3df; --t1: #d9a441; --t2: #b99be0; --t3: #81c784; --t4: #a7b3bb; } }
.t0 { stroke: var(--t0); } .t1 { stroke: var(--t1); } .t2 { stroke: var(--t2); } .t3 { stroke: var(--t3); } .t4 { stroke: var(--t4); }
.link { fill: none; stroke-opacity: .8; stroke-width: 1.5; } .plain { stroke: var(--soft); } .context { stroke-dasharray: 4 4; }
.key { stroke-width: 3; } .node { fill: var(--ink); } .head { font-weight: 600; fill: var(--soft); }
.band { fill: var(--hatch-ground); fill-opacity: .55; } .mono { font-family: "Liberation Mono", Consolas, Menlo, monospace; font-size: 11.5px; }
""".strip()


@dataclass(frozen=True)
class _Link:
    begin: tuple[float, float]
    end: tuple[float, float]
    context: bool
    cls: str = "plain"


def draw(ordered: list[Card], lang: str) -> tuple[str, str]:
    """(SVG, what it shows in words) for cards, those of one risk together."""
    middles = _card_heights(ordered)
    data, headings, low = _data_heights(ordered, middles)
    risks = {
        risk: _mean([middles[c.id] for c in ordered if c.safety_risk == risk])
        for risk in dict.fromkeys(c.safety_risk for c in ordered)
    }
    measures = _measure_heights(ordered, risks)
    height = max(low, *middles.values(), *measures.values()) + 24
    alt = say("lineage_alt", lang, data=len(data), cards=len(ordered), risks=len(risks), measures=len(measures))
    links = [_path(one) for one in _links(ordered, data, middles, risks, measures)]
    content = [*_heads(lang), *_bands(ordered, middles), *links, *_data(data, headings), *_cards(ordered, middles, lang),
               *_risks(risks, lang), *_measures(measures, lang)]  # fmt: skip
    return svg.page(WIDTH, height, say("lineage", lang), alt, content, RULES), alt


def _card_heights(ordered: list[Card]) -> dict[str, float]:
    """Middle of each indicator: one below the other, with air between risks and room for the words of a risk."""
    found, y, before = {}, TOP + 14, None
    for card in ordered:
        if before is not None and card.safety_risk != before:
            alone = sum(c.safety_risk == before for c in ordered) == 1
            y += 24 if alone else 12
        found[card.id], before = y, card.safety_risk
        y += PITCH
    return found


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _data_heights(ordered: list[Card], middles: dict[str, float]) -> tuple[dict[str, float], dict[str, float], float]:
    """Middle of each measure, of each dataset's heading, and the lowest; those that feed higher indicators stand higher."""
    fed: dict[str, list[float]] = {}
    for card in ordered:
        for reference in {r for given in card.inputs.values() for r in given.from_}:
            fed.setdefault(reference, []).append(middles[card.id])
    centre = {reference: _mean(found) for reference, found in fed.items()}
    sets: dict[str, list[str]] = {}
    for reference in sorted(fed, key=lambda r: (centre[r], r)):
        sets.setdefault(reference.partition(".")[0], []).append(reference)
    heights, headings, y = {}, {}, TOP + 14
    for dataset in sorted(sets, key=lambda d: (_mean([centre[r] for r in sets[d]]), d)):
        headings[dataset] = y
        for reference in sets[dataset]:
            y += 20
            heights[reference] = y
        y += 32
    return heights, headings, y - 32


def _measure_heights(ordered: list[Card], risks: dict[str, float]) -> dict[str, float]:
    """The ladder in its own order, spread over the height of the risks."""
    used = [m for m in words.codes("measure") if any(c.follow_up.measure == m for c in ordered)]
    first, last = min(risks.values()), max(risks.values())
    step = (last - first) / max(len(used) - 1, 1)
    return {measure: first + step * index for index, measure in enumerate(used)}


def _links(ordered: list[Card], data: dict[str, float], middles: dict[str, float], risks: dict[str, float],
           measures: dict[str, float]) -> list[_Link]:  # fmt: skip
    found, hues = [], _hues(data)
    for card in ordered:
        y, context = middles[card.id], card.role == "context"
        references = {r for given in card.inputs.values() for r in given.from_}
        # Lines come in one below the other, in the order in which they leave, so that they can be told apart.
        for index, reference in enumerate(sorted(references, key=lambda r: data[r])):
            at = y + 5 * (index - (len(references) - 1) / 2)
            hue = hues[reference.partition(".")[0]]
            found.append(_Link((DATA[2], data[reference]), (CARD[1], at), context, hue))
        found.append(_Link((CARD[2], y), (RISK[1], risks[card.safety_risk]), context))
    for risk, y in risks.items():
        for measure, at in measures.items():
            feeding = [c for c in ordered if c.safety_risk == risk and c.follow_up.measure == measure]
            if feeding:
                found.append(_Link((RISK[2], y), (MEASURE[1], at), all(c.role == "context" for c in feeding)))
    return found


def _hues(data: dict[str, float]) -> dict[str, str]:
    """The class of the lines of each dataset, from top to bottom."""
    datasets = dict.fromkeys(reference.partition(".")[0] for reference in sorted(data, key=lambda r: data[r]))
    return {dataset: f"t{index % HUES}" for index, dataset in enumerate(datasets)}


def _path(one: _Link) -> str:
    (x1, y1), (x2, y2) = one.begin, one.end
    bend = (x1 + x2) / 2
    points = [svg.number(v) for v in (x1, y1, bend, y1, bend, y2, x2, y2)]
    d = f"M{points[0]} {points[1]}C{points[2]} {points[3]} {points[4]} {points[5]} {points[6]} {points[7]}"
    return svg.path(d, f"link {one.cls}{' context' if one.context else ''}")


def _heads(lang: str) -> list[str]:
    titles = (
        say("lineage_data", lang),
        say("col_indicator", lang).capitalize(),
        say("risk", lang),
        say("col_measure", lang).capitalize(),
    )
    return [svg.text(column[0], 22, title, "head") for column, title in zip((DATA, CARD, RISK, MEASURE), titles, strict=True)]


def _bands(ordered: list[Card], middles: dict[str, float]) -> list[str]:
    """A ground behind the indicators of each risk."""
    found = []
    for risk in dict.fromkeys(c.safety_risk for c in ordered):
        inside = [middles[c.id] for c in ordered if c.safety_risk == risk]
        found.append(svg.rect(CARD[1], min(inside) - 13, CARD[2] - CARD[1], max(inside) - min(inside) + 26, "band", rx=4))
    return found


def _node(x: float, y: float) -> str:
    return svg.rect(x - 2.5, y - 2.5, 5, 5, "node")


def _data(heights: dict[str, float], headings: dict[str, float]) -> list[str]:
    hues, found = _hues(heights), []
    for dataset, y in headings.items():
        below = [at for reference, at in heights.items() if reference.partition(".")[0] == dataset]
        found.append(svg.line(DATA[0] + 4, min(below) - 7, DATA[0] + 4, max(below) + 7, f"key {hues[dataset]}"))
        found.append(svg.text(DATA[0], y + 4, dataset, "bold mono"))
    for reference, y in heights.items():
        found += [svg.text(DATA[0] + 14, y + 4, reference.partition(".")[2], "mono"), _node(DATA[2], y)]
    return found


def _cards(ordered: list[Card], middles: dict[str, float], lang: str) -> list[str]:
    found = []
    for card in ordered:
        y, title = middles[card.id], getattr(card.title, lang)
        said = title if len(title) <= 35 else f"{title[:34]}…"
        found += [svg.text(CARD[0], y + 4, said, "" if card.role == "signal" else "soft"), _node(CARD[2], y)]
    return found


def _risks(risks: dict[str, float], lang: str) -> list[str]:
    found = []
    for risk, y in risks.items():
        lines = svg.wrap(code("safety_risk", risk, lang), 28)
        top = y + 4 - LINE * (len(lines) - 1) / 2
        found += [
            _node(RISK[1], y),
            *(svg.text(RISK[0], top + LINE * i, part) for i, part in enumerate(lines)),
            _node(RISK[2], y),
        ]
    return found


def _measures(measures: dict[str, float], lang: str) -> list[str]:
    return [
        part
        for m, y in measures.items()
        for part in (_node(MEASURE[1], y), svg.text(MEASURE[0], y + 4, code("measure", m, lang), "bold"))
    ]
