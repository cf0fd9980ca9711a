"""A worked example as a drawing: what was delivered, the value with the edges in force, the instant and the held level.

Every number and level comes out of the engine that runs on real data. A slot without a value is hatched over its full
height and has no bar; a zero is a line on the ground with a 0 above it; a withheld slot is the range it may lie in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from indicators.example_run import Row
from indicators.grammar import Card
from pipelines.board.say import Voice
from pipelines.docs import svg, worked_examples
from pipelines.docs.example_choice import Drawn
from pipelines.docs.say import say, unit
from schemas import vocabulary, words
from schemas.settings import BANDS, LEVELS

LEFT, PLOT, RIGHT = 108.0, 560.0, 164.0
WIDTH = LEFT + PLOT + RIGHT
HEIGHT, LOWER, STRIP, LINE = 132.0, 92.0, 20.0, 15.0  # of the first plot, of the others; of a strip, a line of text
SLOT_MOST = 70.0
CHARACTER = 6.3  # width of a character of 12 px, near enough to know whether a word fits
UNMEASURED = ("missing", "outage", "invalid", "suppressed")
RANGE = "range"  # measured, within bounds only: a class that somebody reports

RULES = """
.grid { stroke: var(--line); } .ground { stroke: var(--ink); stroke-width: 1.5; } .slot { stroke: var(--panel); stroke-opacity: .5; }
.enter { stroke: var(--ink); stroke-width: 1.4; stroke-opacity: .75; }
.exit { stroke: var(--ink); stroke-opacity: .6; stroke-dasharray: 5 4; }
.lead { stroke: var(--soft); stroke-opacity: .6; } .bar { stroke: var(--ink); stroke-opacity: .45; } .edge { stroke: var(--faint); fill: none; }
.normal { fill: var(--normal); } .elevated { fill: var(--elevated); } .high { fill: var(--high); } .critical { fill: var(--critical); }
.on-normal { fill: var(--on-normal); } .on-elevated { fill: var(--on-elevated); } .on-high { fill: var(--on-high); }
.on-critical { fill: var(--on-critical); }
.missing { fill: url(#p-missing); } .outage { fill: url(#p-outage); } .invalid { fill: url(#p-invalid); }
.suppressed { fill: url(#p-suppressed); } .range { fill: url(#p-range); }
.plain-bar { fill: var(--faint); } .bounds { stroke: var(--ink); stroke-opacity: .7; }
.value { paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-linejoin: round; }
.dots { fill: url(#p-dots); }
.plate { fill: var(--panel); fill-opacity: .92; } .plain { fill: none; stroke: var(--faint); stroke-dasharray: 2 3; }
""".strip()


def draw(card: Card, drawn: list[Drawn], lang: str) -> tuple[str, str] | None:
    """(SVG, what it shows in words) for the examples of a card that were chosen; None when there is none to draw."""
    if not drawn:
        return None
    panels: list[str] = []
    y, said = 14.0, []
    for one in drawn:
        panel = _Panel(card, one, Voice(lang), y, LOWER if panels else HEIGHT)
        panels += panel.draw()
        said.append(panel.in_words())
        y = panel.bottom + 22
    used = {why for one in drawn for row in one.rows if (why := _why(row))}
    legend, y = _legend(y, [s for s in (*UNMEASURED, RANGE) if s in used], bool(card.as_in_examples().bands), lang)
    title = say("drawing_title", lang, title=getattr(card.title, lang))
    return svg.page(WIDTH, y, title, " ".join(said), [*panels, *legend], RULES), " ".join(said)


def _look(row: Row) -> str:
    """What a slot looks like: its level, or why that is unknown."""
    return str(row["level"]) if row["level"] != "unknown" else _why(row) or "missing"


def _why(row: Row) -> str | None:
    """Why there is no single number; None when there is one, or none is called for."""
    if row["status"] in UNMEASURED:
        return str(row["status"])
    return RANGE if row["value"] is None and row["low"] is not None else None


def _held(row: Row) -> str:
    """The held level; where no band is on and nothing is known it is not called normal: unknown is not calm."""
    return _look(row) if row["held"] == "normal" and row["level"] == "unknown" else str(row["held"])


def _said(look: str, lang: str) -> str:
    return words.word("level", look if look in LEVELS else "unknown", lang)


@dataclass(frozen=True)
class _Edge:
    band: str
    enter: float
    exit: float


class _Panel:
    """One example, from ``top`` down; :attr:`bottom` is where it ends."""

    def __init__(self, card: Card, drawn: Drawn, voice: Voice, top: float, height: float):
        self.card, self.drawn, self.voice, self.lang = card, drawn, voice, voice.lang
        self.rows, self.slots = drawn.rows, len(drawn.rows)
        self.slot = min(SLOT_MOST, PLOT / self.slots)
        self.right = LEFT + self.slots * self.slot
        bands = card.as_in_examples().bands_for(drawn.example.place_type) or {}
        self.edges = [_Edge(name, bands[name].enter, card.exit_of(bands[name])) for name in BANDS if name in bands]
        self.title = svg.wrap(drawn.example.name, 100)
        self.low, self.high, self.step = self._scale()
        self.plot = top + 18 + LINE * len(self.title) + 16  # upper side of the plot
        self.height, self.ground = height, self.plot + height
        self.inputs = self.ground + 22
        self.strips = self.inputs + LINE * len(drawn.tokens) + 4
        self.bottom = self.strips + (2 * (STRIP + 4) if self.edges else 0)  # without bands there is no level to show
        self.top = top

    def draw(self) -> list[str]:
        """All elements, the lowest first."""
        plot = [*self._grid(), *self._bars(), *self._edge_lines(), *self._values()]
        return [*self._head(), *plot, *self._axis(), *self._inputs(), *self._levels()]

    def in_words(self) -> str:
        """What is to be seen, for who does not see it."""
        runs = {say("legend_value", self.lang): [self._value_said(row) for row in self.rows]}
        if self.edges:
            runs[say("drawing_instant", self.lang)] = [words.word("level", row["level"], self.lang) for row in self.rows]
            runs[say("drawing_held", self.lang)] = [_said(_held(row), self.lang) for row in self.rows]
        parts = (say("said_runs", self.lang, name=name, runs=_counted(values)) for name, values in runs.items())
        return " ".join([f"{say('drawing_example', self.lang, n=self.drawn.number)}:", *parts])

    def _value_said(self, row: Row) -> str:
        if row["value"] is not None:
            return self._number(row["value"])
        if row["low"] is not None:
            return self._range(row)
        return words.word("status", row["status"], self.lang)

    def _number(self, value: float) -> str:
        return self.voice.number(value, self.card.digits)

    def _range(self, row: Row) -> str:
        return say("drawing_range", self.lang, low=self.voice.number(row["low"]), high=self.voice.number(row["high"]))

    def _scale(self) -> tuple[float, float, float]:
        """Lowest and highest value of the axis, and the step between its marks."""
        values = [v for row in self.rows for v in (row["low"], row["high"]) if v is not None]
        low = min(0.0, *values) if values else 0.0
        high = max([*values, *(e.enter for e in self.edges), *(e.exit for e in self.edges)], default=1.0)
        step = _nice((high - low or 1.0) / 3.4)
        return math.floor(low / step) * step, (math.floor(high / step * 1.04) + 1) * step, step

    def x(self, slot: float) -> float:
        return LEFT + slot * self.slot

    def y(self, value: float) -> float:
        return self.ground - (value - self.low) / (self.high - self.low) * self.height

    def _head(self) -> list[str]:
        said = [svg.text(8, self.top + 12, say("drawing_example", self.lang, n=self.drawn.number), "bold")]
        said += [svg.text(LEFT, self.top + 12 + LINE * i, part, "bold") for i, part in enumerate(self.title)]
        return [*said, svg.text(LEFT, self.plot - 18, self._settings(), "small soft")]

    def _settings(self) -> str:
        """Interval, type of place and numbers that are the same in all slots."""
        example = self.drawn.example
        minutes = f"{say('drawing_interval', self.lang)} {example.interval.total_seconds() / 60:g} min"
        given = {**example.attributes, **example.parameters, **example.baseline}
        parts = [self._said(name, text) for name, text in given.items() if " " not in text and "x" not in text]
        return " · ".join([*([example.place_type] if example.place_type else []), minutes, *parts])

    def _said(self, name: str, text: str) -> str:
        """A number of the place, of the settings or of the baseline by its name in the formula, and with its unit."""
        column, parameter = vocabulary.columns().get(name), self.card.parameters.get(name)
        units = parameter.unit if parameter else column.unit if column else "-"
        try:
            number = self.voice.number(float(text))
        except ValueError:
            number = text
        return f"{name} {number}" + ("" if units in ("-", "ratio") else f" {unit(units, self.lang)}")

    def _grid(self) -> list[str]:
        found = [svg.text(8, self.plot + 4, unit(self.card.unit, self.lang), "small soft")]
        for mark in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + mark * self.step
            found.append(svg.line(LEFT, self.y(value), self.right, self.y(value), "grid"))
            found.append(svg.text(LEFT - 6, self.y(value) + 4, self.voice.number(round(value, 9)), "small soft end"))
        return found

    def _bars(self) -> list[str]:
        found = [part for index, row in enumerate(self.rows) for part in self._bar(index, row)]
        return [*found, svg.line(self.x(0), self.y(0.0), self.right, self.y(0.0), "ground")]

    def _values(self) -> list[str]:
        """The number above its bar, once for equal neighbours, where it fits."""
        found: list[str] = []
        for begin, end, said in _runs([self._label(row) for row in self.rows]):
            row = self.rows[begin]
            if said and len(said) * CHARACTER <= (end - begin) * self.slot + 8:
                top = row["high"] if row["value"] is None else max(0.0, row["value"])
                found.append(svg.text(self.x((begin + end) / 2), self.y(top) - 5, said, "value small middle"))
        return found

    def _label(self, row: Row) -> str:
        if row["value"] is not None:
            return self._number(row["value"])
        return self._range(row) if row["low"] is not None else ""

    def _bar(self, index: int, row: Row) -> list[str]:
        """A bar from zero, a range, or hatching over the full height."""
        x, width = self.x(index) + 1.5, self.slot - 3
        if row["value"] is not None:
            top, foot = sorted((self.y(row["value"]), self.y(0.0)))
            return [svg.rect(x, top, width, max(foot - top, 0.0), f"bar {_look(row) if self.edges else 'plain-bar'}")]
        if row["low"] is not None:
            top = self.y(row["high"])
            return [svg.rect(x, top, width, max(self.y(row["low"]) - top, 3.0), f"{_why(row)} bounds")]
        if row["status"] == "not_applicable":
            return [svg.rect(x, self.plot, width, self.height, "plain"),
                    svg.text(x + width / 2, self.y(0.0) - 5, say("drawing_not_applicable", self.lang), "small middle soft")]  # fmt: skip
        look = _look(row)
        return [
            svg.rect(x, self.plot, width, self.height, look),
            *_mark(x + width / 2, self.plot + self.height / 2, look, self.lang),
        ]

    def _edge_lines(self) -> list[str]:
        found: list[str] = []
        up = self.card.direction == "up"
        wanted = _apart([self.y(edge.enter) for edge in self.edges], STRIP - 4)
        for edge, at in zip(self.edges, wanted, strict=True):
            enter = self.y(edge.enter)
            found += [svg.line(LEFT, self.y(edge.exit), self.right, self.y(edge.exit), "exit"),
                      svg.line(LEFT, enter, self.right, enter, "enter"), svg.line(self.right, enter, self.right + 10, at, "lead")]  # fmt: skip
            found += self._chip(self.right + 12, at - 7, edge.band)
            said = say("drawing_edge", self.lang, sign="≥" if up else "≤", away="<" if up else ">",
                       enter=self.voice.number(edge.enter), exit=self.voice.number(edge.exit))  # fmt: skip
            found.append(svg.text(self.right + 32, at + 4, said, "small"))
        return found

    def _chip(self, x: float, y: float, level: str) -> list[str]:
        return [
            svg.rect(x, y, 16, 14, level, rx=2),
            svg.text(x + 8, y + 11, self.voice.letter(level), f"small bold middle on-{level}"),
        ]

    def _axis(self) -> list[str]:
        minutes = self.drawn.example.interval.total_seconds() / 60
        each = math.ceil(30 / self.slot)
        marks = [
            svg.text(self.x(slot), self.ground + 13, f"{slot * minutes:g}", "small soft middle")
            for slot in range(0, self.slots + 1, each)
        ]
        return [*marks, svg.text(LEFT - 24, self.ground + 13, say("drawing_time", self.lang), "small soft end")]

    def _inputs(self) -> list[str]:
        """What was delivered, as written in the card."""
        found: list[str] = []
        for number, (name, tokens) in enumerate(self.drawn.tokens.items()):
            y = self.inputs + LINE * number + 9
            found.append(svg.text(LEFT - 6, y, _short(name), "small soft end"))
            for begin, end, token in _runs(tokens):
                room = (end - begin) * self.slot + 4
                fitting = (s for s in (worked_examples.said(token, self.lang), token) if len(s) * CHARACTER <= room)
                said = next(fitting, "…")
                found.append(svg.text(self.x((begin + end) / 2), y, said, "small middle"))
        return found

    def _levels(self) -> list[str]:
        if not self.edges:
            return []
        found = self._strip(self.strips, "drawing_instant", [_look(row) for row in self.rows])
        for begin, end, why in _runs([(_why(row) or "") if row["level"] != "unknown" else "" for row in self.rows]):
            if why:
                found.append(svg.rect(self.x(begin), self.strips, (end - begin) * self.slot, STRIP, "dots"))
        return found + self._strip(self.strips + STRIP + 4, "drawing_held", [_held(row) for row in self.rows])

    def _strip(self, y: float, name: str, looks: list[str]) -> list[str]:
        found = [svg.text(LEFT - 6, y + 14, say(name, self.lang), "small end")]
        for begin, end, look in _runs(looks):
            x, width = self.x(begin), (end - begin) * self.slot
            found.append(svg.rect(x, y, width, STRIP, look))
            if look in LEVELS:
                word = words.word("level", look, self.lang)
                fits = (len(word) + 3) * CHARACTER < width
                said = f"{self.voice.letter(look)} {word}" if fits else self.voice.letter(look)
                found.append(svg.text(x + width / 2, y + 14, said, f"small bold middle on-{look}"))
            else:
                found += _mark(x + width / 2, y + STRIP / 2, look, self.lang)
        found += [svg.line(self.x(slot), y, self.x(slot), y + STRIP, "slot") for slot in range(1, self.slots)]
        return [*found, svg.rect(LEFT, y, self.right - LEFT, STRIP, "edge")]


def _mark(x: float, y: float, look: str, lang: str) -> list[str]:
    """The letter of a kind of not knowing, on a plate so that it can be read over hatching."""
    said = _letter(look, lang)
    width = 10 + 6 * len(said)
    return [svg.rect(x - width / 2, y - 8, width, 16, "plate", rx=2), svg.text(x, y + 4, said, "small bold middle")]


def _letter(look: str, lang: str) -> str:
    return "↕" if look == RANGE else Voice(lang).text(f"mark_{look}")


def _legend(y: float, used: list[str], bands: bool, lang: str) -> tuple[list[str], float]:
    """Lines of explanation, as many as are needed, and where they end."""
    items: list[tuple[str, list[str]]] = []
    if bands:
        items += [(say(f"legend_{kind}", lang), [svg.line(0, 8, 26, 8, kind)]) for kind in ("enter", "exit")]
    for look in used:
        label = {"suppressed": say("legend_suppressed", lang), RANGE: words.word("reason", RANGE, lang)}.get(look)
        label = label or words.word("status", look, lang)
        items.append((f"{_letter(look, lang)} {label}", [svg.rect(0, 0, 26, 16, look)]))
    x, found = LEFT, []
    for said, shape in items:
        width = 26 + 8 + len(said) * CHARACTER + 18
        if x + width > WIDTH and x > LEFT:
            x, y = LEFT, y + 22
        found.append(f'<g transform="translate({svg.number(x)} {svg.number(y)})">')
        found += [*shape, svg.text(34, 12, said, "small"), "</g>"]
        x += width
    return found, y + 30 if items else y


def _runs(values: list[str]) -> list[tuple[int, int, str]]:
    """Equal neighbours as (first slot, slot after the last, value)."""
    found, at = [], 0
    for value, group in groupby(values):
        length = len(list(group))
        found.append((at, at + length, value))
        at += length
    return found


def _counted(values: list[str]) -> str:
    """Equal neighbours as ``3 × normal``."""
    return ", ".join(f"{end - begin} × {value}" if end - begin > 1 else value for begin, end, value in _runs(values))


def _nice(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(round(factor * power, 12) for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _apart(wanted: list[float], least: float) -> list[float]:
    """Heights as near as possible to those wanted (rising bands, so falling heights), ``least`` apart."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [wanted[i] for i in order]
    for _ in placed:
        for i in range(len(placed) - 1):
            short = least - (placed[i + 1] - placed[i])
            if short > 0:
                placed[i], placed[i + 1] = placed[i] - short / 2, placed[i + 1] + short / 2
    found = [0.0] * len(wanted)
    for index, value in zip(order, placed, strict=True):
        found[index] = value
    return found


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
