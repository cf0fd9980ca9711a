"""Small drawings as SVG text: a situation's curve, and the map as it stands without a script. Numbers and fixed class names only.

The same drawings serve the board and the reports; colours and hatching come from the style sheet.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

Row = dict[str, Any]
Point = tuple[float, float]

WIDTH, HEIGHT, TOP, BOTTOM, RIGHT = 320.0, 84.0, 6.0, 16.0, 16.0
CLIP = 2.5  # times the highest edge: what lies beyond is drawn at the top, and told
USUAL = 0.6745  # half of all comparable days lie within this distance: what unusualness is measured in
MAP_WIDTH, MAP_MOST = 1000.0, 700.0
POINT_RADIUS = 9.0


def spark(series: Row, begin: datetime, at: datetime, letters: dict[str, str], said: str) -> Markup:
    """The curve of a series between ``begin`` and ``at``, with usual range, edges, gaps and its newest value.

    ``letters``: level → letter; ``said``: the drawing in words.
    """
    y, top = _scale(series)
    span = (at - begin).total_seconds()

    def x(moment: datetime) -> float:
        return max(0.0, min(1.0, (moment - begin).total_seconds() / span)) * (WIDTH - RIGHT)

    base = HEIGHT - BOTTOM
    parts = [f'<rect class="ground" x="0" y="{TOP:g}" width="{WIDTH - RIGHT:g}" height="{base - TOP:g}"/>']
    parts += [*_usual(series, x, y), *_gaps(series["points"], x, base)]
    above = -9.0
    for level, edge in reversed(series["edges"].items()):
        if edge <= top:
            at_y = y(edge)
            parts.append(f'<path class="edge {level}" d="M0 {at_y:.1f}H{WIDTH - RIGHT:g}"/>')
            if abs(at_y - above) < 9:
                continue  # its letter would lie over the one above
            above = at_y
            parts.append(
                f'<text class="edge-letter" x="{WIDTH - RIGHT + 4:g}" y="{at_y + 3.5:.1f}">{escape(letters[level])}</text>'
            )
    parts += _line(series["points"], x, y)
    head = Markup('<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(f"{WIDTH:g}", f"{HEIGHT:g}", said)
    return head + Markup("".join(parts)) + _axis(series, base) + Markup("</svg>")


def _axis(series: Row, base: float) -> Markup:
    labels = [(0.0, "start"), ((WIDTH - RIGHT) / 2, "middle"), (WIDTH - RIGHT, "end")]
    said = zip(labels, series.get("ticks", ()), strict=False)
    return Markup("").join(
        Markup('<text class="axis-label {}" x="{}" y="{}">{}</text>').format(anchor, f"{at:g}", f"{base + 12:g}", text)
        for (at, anchor), text in said
    )


def shown_value(point: Row) -> float | None:
    """The value of a slot as far as it may be drawn: what is withheld never is."""
    return point["value"] if point["status"] != "suppressed" else None


def usual_of(series: Row, point: Row) -> tuple[float, float] | None:
    """The usual range at a slot, in the unit of the value."""
    if series["indicator"] == "unusualness":
        return (-USUAL, USUAL)
    low, high = point.get("from20"), point.get("to80")
    return None if low is None or high is None else (low, high)


def _scale(series: Row) -> tuple[Any, float]:
    """From value to height, and the value at the top."""
    edges = list(series["edges"].values())
    known = [v for p in series["points"] if (v := shown_value(p)) is not None]
    known += [p["high"] for p in series["points"] if p["status"] == "ok" and p["value"] is None and p["high"] is not None]
    known += [r[1] for p in series["points"] if (r := usual_of(series, p))]
    clip = CLIP * max(edges) if edges else math.inf
    most = min(max(known, default=0.0), clip)
    reach = max(most, *(edges[:1] or [0.0]))
    top = max([reach, *(e for e in edges if e <= 1.4 * reach)]) * 1.06 or 1.0
    low = min([0.0, *(v for v in known if v < 0)])

    def y(value: float) -> float:
        share = (min(max(value, low), top) - low) / (top - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    return y, top


def _usual(series: Row, x: Any, y: Any) -> Iterator[str]:
    for point in series["points"]:
        if found := usual_of(series, point):
            low, high = y(found[0]), y(found[1])
            left, right = x(point["s"]), x(point["e"])
            yield f'<rect class="usual" x="{left:.1f}" y="{high:.1f}" width="{right - left + 0.2:.1f}" height="{max(low - high, 1.2):.1f}"/>'


def _gaps(points: list[Row], x: Any, base: float) -> Iterator[str]:
    for point in points:
        if point["level"] == "unknown":
            look = point["status"] if point["status"] in ("suppressed", "outage", "invalid") else "missing"
            left, right = x(point["s"]), x(point["e"])
            yield f'<rect class="look-{look}" x="{left:.1f}" y="{TOP:g}" width="{right - left + 0.2:.1f}" height="{base - TOP:.1f}"/>'


def _line(points: list[Row], x: Any, y: Any) -> Iterator[str]:
    """The values, broken where there is none; known bounds as bars; a dot at the newest value."""
    path, last, before = [], None, None
    for point in points:
        value = shown_value(point)
        if value is None:
            if point["status"] == "ok" and point["low"] is not None and point["high"] is not None:
                low, high = y(point["low"]), y(point["high"])
                yield (f'<rect class="between" x="{x(point["s"]):.1f}" y="{high:.1f}" width="{x(point["e"]) - x(point["s"]) + 0.2:.1f}"'
                       f' height="{max(low - high, 2):.1f}"/>')  # fmt: skip
            continue
        middle = x(point["s"] + (point["e"] - point["s"]) / 2)
        path.append(f"{'L' if before == point['s'] else 'M'}{middle:.1f} {y(value):.1f}")
        before, last = point["e"], (middle, y(value), point["level"])
    if path:
        yield f'<path class="line" d="{"".join(path)}"/>'
    if last:
        yield f'<circle class="last {last[2]}" cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="3.4"/>'


# The map


def geometry(text: str | None) -> Row | None:
    """A GeoJSON geometry of the file; None where it is no geometry that can be drawn."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) and [*_parts(found)] else None


def _parts(shape: Row) -> Iterator[tuple[str, list[Point]]]:
    """Its rings, lines and points, each as (kind, positions)."""
    kind, held = shape.get("type"), shape.get("coordinates")
    try:
        if kind == "Point":
            yield "point", [_position(held)]
        elif kind in ("LineString", "MultiPoint"):
            yield "line" if kind == "LineString" else "point", [_position(p) for p in held or ()]
        elif kind in ("Polygon", "MultiLineString"):
            for ring in held or ():
                yield "ring" if kind == "Polygon" else "line", [_position(p) for p in ring]
        elif kind == "MultiPolygon":
            for polygon in held or ():
                yield from _parts({"type": "Polygon", "coordinates": polygon})
    except (TypeError, ValueError, IndexError):
        return


def _position(held: Any) -> Point:
    return float(held[0]), float(held[1])


def middle(shape: Row) -> Point:
    """Where a mark of the shape stands: the middle of its box, (longitude, latitude)."""
    xs, ys = zip(*(p for _, part in _parts(shape) for p in part), strict=True)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


class Projection:
    """From (longitude, latitude) to a drawing of ``MAP_WIDTH``, true to scale in the middle."""

    def __init__(self, shapes: Iterable[Row]):
        positions = [p for shape in shapes for _, part in _parts(shape) for p in part]
        xs, ys = zip(*positions, strict=True)
        self.west, self.north = min(xs), max(ys)
        self.squeeze = math.cos(math.radians((min(ys) + max(ys)) / 2))
        wide, high = (max(xs) - min(xs)) * self.squeeze, max(ys) - min(ys)
        self.scale = min((MAP_WIDTH - 60) / max(wide, 1e-9), (MAP_MOST - 60) / max(high, 1e-9))
        self.left = (MAP_WIDTH - wide * self.scale) / 2
        self.height = high * self.scale + 60

    def __call__(self, position: Point) -> Point:
        """Its place in the drawing."""
        east, north = position
        return self.left + (east - self.west) * self.squeeze * self.scale, 30 + (self.north - north) * self.scale


def still_map(places: list[Row], said: str) -> Markup:
    """A map without a script. ``places``: shape, level, mark (letter and arrow), name; worst drawn last, on top."""
    drawn = [p for p in places if p["shape"]]
    if not drawn:
        return Markup("")
    to = Projection(p["shape"] for p in drawn)
    body = Markup("").join(_on_map(p, to) for p in reversed(drawn))
    marks = Markup("").join(_mark(p, to) for p in reversed(drawn) if p["mark"])
    return Markup('<svg class="still-map" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        f"{MAP_WIDTH:g}", f"{to.height:.0f}", said, body, marks
    )


def _on_map(place: Row, to: Projection) -> Markup:
    held = [(kind, [to(p) for p in part]) for kind, part in _parts(place["shape"])]
    rings = "".join(f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in part)}Z" for kind, part in held if kind == "ring")
    lines = "".join(f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in part)}" for kind, part in held if kind == "line")
    dots = "".join(
        f'<circle class="area {place["look"]}" cx="{x:.1f}" cy="{y:.1f}" r="{POINT_RADIUS:g}"/>'
        for kind, part in held
        if kind == "point"
        for x, y in part
    )
    level = place["look"]
    text = f'<path class="area {level}" d="{rings}"/>' if rings else ""
    text += f'<path class="way-edge" d="{lines}"/><path class="way {level}" d="{lines}"/>' if lines else ""
    return Markup("<g><title>{}</title>").format(place["said"]) + Markup(text + dots) + Markup("</g>")


def _mark(place: Row, to: Projection) -> Markup:
    x, y = to(middle(place["shape"]))
    box = Markup(
        '<g class="mark {}" transform="translate({} {})"><rect x="-17" y="-12" width="34" height="24" rx="4"/><text y="6">{}</text></g>'
    )
    return box.format(place["level"], f"{x:.1f}", f"{y:.1f}", place["mark"])
