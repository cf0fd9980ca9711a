"""The pictures of an answer as SVG. Colours and hatching are those of the board; colour is never the only sign."""

from __future__ import annotations

from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import Any

from pipelines.whatif.answer import Answer
from pipelines.whatif.pictures import BINS, Day
from pipelines.whatif.say import Say
from schemas.settings import BANDS

WIDTH, LEFT, RIGHT = 1120, 230, 10
CLIP = 2.5  # times the highest edge: values beyond it are drawn at the top, and told
LEVELS = ("normal", "elevated", "high", "critical", "unknown")
PATTERNS = """<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="6" height="6" fill="var(--hatch-ground)"/>
<line x1="0" y1="0" x2="0" y2="6" stroke="var(--hatch)" stroke-width="2"/></pattern></defs></svg>"""
Slot = dict[str, Any]


def key(say: Say) -> str:
    """What the colours mean."""
    boxes = "".join(
        f'<span><svg viewBox="0 0 22 14" aria-hidden="true"><rect class="{level}" width="22" height="14"/></svg> {escape(say.level(level))}</span>'
        for level in LEVELS
    )
    return f"<div class=key>{boxes}</div>"


def strips(answer: Answer, say: Say) -> str:
    """Two strips for each indicator and place: as judged above, as it would be below."""
    step, top = 42, 22
    plot = WIDTH - LEFT - RIGHT
    height = top + step * len(answer.strips) + 4
    parts = [_months(answer.start, answer.end, plot, height, say)]
    for number, strip in enumerate(answer.strips):
        y = top + number * step
        parts.append(_label(say.title(strip.indicator), say.place(strip.place), y + 12))
        for offset, levels in ((0, strip.before), (17, strip.after)):
            parts += _runs(levels, LEFT, plot / BINS, y + offset)
    told = f"{say.text('page_strips')}: " + "; ".join(f"{say.title(s.indicator)}, {say.place(s.place)}" for s in answer.strips)
    return _svg(parts, height, told)


def _label(title: str, place: str, y: float) -> str:
    return (
        f'<text x="0" y="{y}">{escape(_short(place))}</text><text class="soft" x="0" y="{y + 15}">{escape(_short(title))}</text>'
    )


def _short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _runs(levels: list[str], x: float, width: float, y: float) -> list[str]:
    """Equal neighbours as one rectangle; the worse the level, the taller it stands, so that colour is not the only sign."""
    found, at = [], 0
    for level, run in groupby(levels):
        count = len(list(run))
        tall = {"normal": 8, "elevated": 11, "high": 13, "critical": 15}.get(level, 8)
        found.append(
            f'<rect class="{level}" x="{x + at * width:.1f}" y="{y + 15 - tall}" width="{count * width:.2f}" height="{tall}"/>'
        )
        at += count
    return found


def _months(start: datetime, end: datetime, plot: float, height: float, say: Say) -> str:
    """Lines at local midnights, weeks or months, as many as can be read."""
    tz, parts, last = say.config.tz, [], -100.0
    day = (start.astimezone(tz) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < end:
        x = LEFT + plot * (day - start) / (end - start)
        if x - last >= 78:
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{height}"/>')
            parts.append(f'<text class="soft" x="{x + 3:.1f}" y="12">{day:%Y-%m-%d}</text>')
            last = x
        day += timedelta(days=1)
    return "".join(parts)


def day(found: Day, say: Say) -> str:
    """A day: the value with old and new edges, two strips below it, and the situation as a bar at each."""
    height, top, bottom = 268, 8, 182
    plot = WIDTH - LEFT - RIGHT
    begin, end = found.slots[0]["interval_start"], found.slots[-1]["interval_end"]
    highest = _highest(found.slots)

    def x(moment: datetime) -> float:
        return LEFT + float(plot * ((min(max(moment, begin), end) - begin) / (end - begin)))

    def y(value: float) -> float:
        return float(bottom - (bottom - top) * min(max(value, 0.0), highest) / highest)

    told = say.text("up_to", value=say.number(round(_most(found.slots), 2)))
    beyond = f'<text class="soft" x="0" y="{top + 44}">{escape(told)}</text>'
    parts = [
        beyond if _most(found.slots) > highest else "",
        _scale(highest, y, say, found.indicator),
        _clock(begin, end, x, bottom, say),
        _bounds(found.slots, x, y),
        _line(found.slots, x, y),
    ]
    for band in BANDS:
        parts += [
            _edge(found.slots, f"{band}_{side}", f"edge {band} {mark}", x, y)
            for side, mark in (("before", "was"), ("after", "is"))
        ]
    for row, (side, level, situation) in enumerate(
        (("before", "level_before", found.pair.before), ("after", "level", found.pair.after))
    ):
        at = bottom + 30 + row * 29
        parts.append(f'<text class="soft" x="{LEFT - 8}" y="{at + 12}" text-anchor="end">{escape(say.text(side))}</text>')
        for slot in found.slots:
            parts += _runs(
                [slot[level]], x(slot["interval_start"]), x(slot["interval_end"]) - x(slot["interval_start"]) + 0.3, at
            )
        if situation:
            low, high = x(situation["started_at"]), x(situation["ended_at"] or end)
            look = "bar was" if side == "before" else "bar"
            parts.append(f'<rect class="{look}" x="{low:.1f}" y="{at + 17}" width="{max(high - low, 2):.1f}" height="5"/>')
    told = f"{say.place(found.place)}, {found.day}: {say.difference(found.pair)}"
    return _svg(parts, height, told)


def _highest(slots: list[Slot]) -> float:
    """Where the scale ends: above the values, but not so far above the edges that these could not be told apart."""
    edges = [
        s[f"{band}_{side}"] for s in slots for band in BANDS for side in ("before", "after") if s[f"{band}_{side}"] is not None
    ]
    most = _most(slots)
    near = [e for e in edges if e <= 2 * most]
    top = min(most, CLIP * max(near)) if near else most or max(edges, default=1.0)
    return float(1.08 * max([top, *near]) or 1.0)


def _most(slots: list[Slot]) -> float:
    return max((v for s in slots for v in (s["value"], s["value_high"]) if v is not None), default=0.0)


def _scale(highest: float, y: Any, say: Say, indicator: str) -> str:
    card = say.cards.get(indicator)
    parts = [f'<text class="soft" x="0" y="20">{escape(_short(say.title(indicator)))}</text>']
    parts += [f'<text class="soft" x="0" y="36">{escape(card.unit)}</text>'] if card and card.unit not in ("-", "–") else []
    for share in (0.0, 0.5, 1.0):
        value = highest / 1.08 * share
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
                     f'<text class="soft" x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{say.number(round(value, 2))}</text>')  # fmt: skip
    return "".join(parts)


def _clock(begin: datetime, end: datetime, x: Any, bottom: float, say: Say) -> str:
    parts, moment = [], begin
    while moment <= end:
        local = moment.astimezone(say.config.tz)
        if local.minute == 0 and local.hour % 3 == 0 and x(moment) < WIDTH - RIGHT - 18:
            parts.append(f'<text class="soft" x="{x(moment):.1f}" y="{bottom + 16}" text-anchor="middle">{local:%H:%M}</text>')
        moment += timedelta(minutes=15)
    return "".join(parts)


def _line(slots: list[Slot], x: Any, y: Any) -> str:
    """The known values, slot by slot; broken where there is none."""
    path, pen = [], "M"
    for slot in slots:
        if slot["value"] is None:
            pen = "M"
            continue
        path.append(f"{pen}{x(slot['interval_start']):.1f} {y(slot['value']):.1f}H{x(slot['interval_end']):.1f}")
        pen = "L"
    return f'<path class="value" d="{"".join(path)}"/>' if path else ""


def _bounds(slots: list[Slot], x: Any, y: Any) -> str:
    return "".join(
        f'<rect class="bounds" x="{x(s["interval_start"]):.1f}" y="{y(s["value_high"]):.1f}"'
        f' width="{x(s["interval_end"]) - x(s["interval_start"]):.1f}" height="{max(y(s["value_low"]) - y(s["value_high"]), 1.5):.1f}"/>'
        for s in slots if s["value"] is None and s["value_low"] is not None
    )  # fmt: skip


def _edge(slots: list[Slot], name: str, look: str, x: Any, y: Any) -> str:
    """An edge as a line that steps where it changes; left out where it lies above what is drawn."""
    top, path, pen = _highest(slots), [], "M"
    for edge, run in groupby(slots, key=lambda s: s[name]):
        found = list(run)
        if edge is None or edge > top:
            pen = "M"
            continue
        path.append(f"{pen}{x(found[0]['interval_start']):.1f} {y(edge):.1f}H{x(found[-1]['interval_end']):.1f}")
        pen = "L"
    return f'<path class="{look}" d="{"".join(path)}"/>' if path else ""


def _svg(parts: list[str], height: float, told: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(told, quote=True)}">{"".join(parts)}</svg>'
