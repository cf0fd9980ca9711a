"""Style and script of the page: our own files and the vendored libraries, with the hashes by which its policy admits them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

HERE = Path(__file__).parent
STYLES = ("vendor/leaflet.css", "vendor/uPlot.min.css", "board.css", "glance.css")
SCRIPTS = ("vendor/leaflet.js", "vendor/uPlot.iife.min.js", "board.js", "map.js", "chart.js", "fresh.js")


@cache
def assets(*, static: bool = False) -> dict[str, Any]:
    """``style``, ``script`` and ``…_hash`` for the template; ``static``: the style of a page that runs no script."""
    styles = STYLES[2:] if static else STYLES
    found = {"style": "\n".join(map(_style, styles))}
    if not static:
        found["script"] = "\n".join(map(_script, SCRIPTS))
    made: dict[str, Any] = {}
    for kind, text in found.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        made[kind], made[f"{kind}_hash"] = Markup(text), f"sha256-{digest}"
    return made


def data(value: Any) -> Markup:
    """``value`` as JSON that can stand inside a script element, whatever texts are in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _style(name: str) -> str:
    """A style sheet without what it would load (the board draws its own marks), and a library's without its comments."""
    text = (HERE / name).read_text(encoding="utf-8")
    if name.startswith("vendor/"):
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r"[\w-]+\s*:\s*url\((?!#)[^)]*\)[^;}]*;?", "", text)


def _script(name: str) -> str:
    """A script without its source map; addresses in its texts are written so that no reader of the page takes them for links."""
    text = (HERE / name).read_text(encoding="utf-8")
    text = re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.M)
    return re.sub(r"(https?):\/\/", r"\1:\\/\\/", text).replace("</script", "<\\/script")
