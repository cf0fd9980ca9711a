"""Plain SVG text for drawings that are read by people: few elements, fixed decimals, so the same drawing is the same bytes.

Colours, letters and hatching are those of the board: one look, in light and dark, and never colour alone.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from pathlib import Path

CSS = Path(__file__).parents[1] / "board" / "board.css"
PALETTE = (
    "panel", "ink", "soft", "line", "faint", "hatch-ink", "hatch-ground",
    "normal", "on-normal", "elevated", "on-elevated", "high", "on-high", "critical", "on-critical",
)  # fmt: skip

_RULES = """
text { font: 12px "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, system-ui, sans-serif; fill: var(--ink); }
.small { font-size: 11px; } .soft { fill: var(--soft); } .bold { font-weight: 600; }
.middle { text-anchor: middle; } .end { text-anchor: end; }
.panel { fill: var(--panel); } .rule { stroke: var(--line); } .axis { stroke: var(--soft); }
""".strip()

_HATCHES = """
<pattern id="p-missing" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="7" height="7" fill="var(--hatch-ground)"/><rect width="2.4" height="7" fill="var(--hatch-ink)"/></pattern>
<pattern id="p-suppressed" width="6" height="6" patternUnits="userSpaceOnUse">
<rect width="6" height="6" fill="var(--hatch-ground)"/><circle cx="2" cy="2" r="1.4" fill="var(--hatch-ink)"/></pattern>
<pattern id="p-outage" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
<rect width="7" height="7" fill="var(--hatch-ground)"/><rect width="2.2" height="7" fill="var(--hatch-ink)"/>
<rect width="7" height="2.2" fill="var(--hatch-ink)"/></pattern>
<pattern id="p-invalid" width="6" height="6" patternUnits="userSpaceOnUse">
<rect width="6" height="6" fill="var(--hatch-ground)"/><rect width="2" height="6" fill="var(--hatch-ink)"/></pattern>
<pattern id="p-range" width="6" height="6" patternUnits="userSpaceOnUse">
<rect width="6" height="6" fill="var(--hatch-ground)"/><rect width="6" height="1.4" fill="var(--hatch-ink)"/></pattern>
<pattern id="p-dots" width="6" height="6" patternUnits="userSpaceOnUse"><circle cx="3" cy="3" r="1" fill="var(--hatch-ink)"/></pattern>
""".strip()


@cache
def colours() -> tuple[dict[str, str], dict[str, str]]:
    """The board's colours by name, for light and for dark."""
    blocks = re.findall(r":root \{(.*?)\}", CSS.read_text(encoding="utf-8"), re.S)[:2]
    light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return {name: light[name] for name in PALETTE}, {name: dark[name] for name in PALETTE}


def _style(rules: str) -> str:
    light, dark = (" ".join(f"--{name}: {value};" for name, value in found.items()) for found in colours())
    return f"<style>\nsvg {{ {light} }}\n@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}\n{_RULES}\n{rules}\n</style>"


def page(width: float, height: float, title: str, description: str, content: list[str], rules: str = "") -> str:
    """A whole SVG file on a ground of its own. ``title`` and ``description`` are what a screen reader says."""
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">'
    said = f'<title id="title">{escape(title)}</title>\n<desc id="description">{escape(description)}</desc>'
    ground = rect(0, 0, width, height, "panel")
    return "\n".join([head, said, _style(rules), f"<defs>\n{_HATCHES}\n</defs>", ground, *content, "</svg>\n"])


def number(value: float) -> str:
    """A coordinate with at most one decimal."""
    said = f"{value:.1f}".removesuffix(".0")
    return "0" if said == "-0" else said


def _tag(name: str, cls: str, attributes: dict[str, float], content: str | None = None) -> str:
    parts = "".join(f' {key}="{number(value)}"' for key, value in attributes.items())
    cls = f' class="{cls}"' if cls else ""
    return f"<{name}{cls}{parts}/>" if content is None else f"<{name}{cls}{parts}>{content}</{name}>"


def rect(x: float, y: float, width: float, height: float, cls: str, rx: float = 0) -> str:
    """A rectangle of a class."""
    return _tag("rect", cls, {"x": x, "y": y, "width": width, "height": height, **({"rx": rx} if rx else {})})


def line(x1: float, y1: float, x2: float, y2: float, cls: str) -> str:
    """A straight line of a class."""
    return _tag("line", cls, {"x1": x1, "y1": y1, "x2": x2, "y2": y2})


def text(x: float, y: float, said: str, cls: str = "") -> str:
    """A text, anchored at its start unless the class says otherwise."""
    return _tag("text", cls, {"x": x, "y": y}, escape(said, quote=False))


def path(d: str, cls: str) -> str:
    """A path of a class."""
    return f'<path class="{cls}" d="{d}"/>'


def wrap(said: str, width: int) -> list[str]:
    """Lines of at most ``width`` characters, broken at spaces."""
    lines = [""]
    for word in said.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines
