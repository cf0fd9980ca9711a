"""The board in a real Chromium: it renders, fits, stays inert, tells its age, and reads well without JavaScript."""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import board

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the board is not looked at in a browser")
AT = datetime(2025, 9, 20, 20, 5, tzinfo=UTC)
DARK = "--blink-settings=preferredColorScheme=0"

# Asks the framed page how it came out, at the width of a phone or a desk.
PROBE = """<!DOCTYPE html><iframe id="f" src="{page}" {more} width="{width}" height="2000"></iframe><pre id="out"></pre><script>
onload = function () {{
  var d = document.getElementById("f").contentDocument, w = d.defaultView, style = w.getComputedStyle(d.body);
  var boxes = [...d.querySelectorAll("main > section, article, .strip")];
  var wide = boxes.filter(e => e.getBoundingClientRect().right > {width} + 1);
  var fills = [...d.querySelectorAll("rect.fill, rect.look-missing, rect.look-outage, rect.look-suppressed")];
  var fill = ["missing", "outage", "suppressed", "none"].map(k => w.getComputedStyle(d.querySelector("rect.look-" + k)).fill);
  var head = [...d.querySelector("header").children].map(e => e.getBoundingClientRect());
  var meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  var over = head.filter((a, i) => head.some((b, j) => i < j && meet(a, b)));
  var thin = fills.filter(r => r.getBoundingClientRect().width < 1).length, age = d.getElementById("page-age").textContent;
  var told = [d.documentElement.scrollWidth, wide.length, style.backgroundColor, thin, new Set(fill).size, over.length, age];
  document.getElementById("out").textContent = told.join("|");
}};
</script>"""


def chromium(folder: Path, page: Path, *options: str) -> str:
    """What Chromium prints for ``page``."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'profile'}",
    ]
    run = subprocess.run(
        [str(CHROMIUM), *flags, *options, page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return run.stdout


def written(made, tmp_path: Path, change=None, at: datetime = AT) -> Path:
    return board.write(made(change), tmp_path / "board.html", lang="en", at=at)


def probe(made, tmp_path: Path, width: int, *options: str, more: str = "") -> list[str]:
    page = written(made, tmp_path)
    (tmp_path / "probe.html").write_text(PROBE.format(page=page.name, width=width, more=more), encoding="utf-8")
    flags = ["--dump-dom", "--allow-file-access-from-files", "--window-size=1400,2100", *options]
    return (
        chromium(tmp_path, tmp_path / "probe.html", *flags).split('<pre id="out">')[1].split("</pre>", maxsplit=1)[0].split("|")
    )


@pytest.mark.parametrize(
    ("width", "options", "ground"),
    [(1280, (), "rgb(244, 246, 247)"), (390, (), "rgb(244, 246, 247)"), (390, (DARK,), "rgb(14, 19, 23)")],
)
def test_page_fits_the_screen_in_light_and_dark(made, tmp_path, width, options, ground):
    scroll, too_wide, background, invisible, patterns, over, _ = probe(made, tmp_path, width, *options)
    assert int(scroll) <= width and too_wide == "0"
    assert background == ground and over == "0"  # nothing in the header lies over something else
    assert invisible == "0" and patterns == "4"  # every run is seen; each cause of unknown has its own pattern


@pytest.mark.parametrize(("name", "size", "options"), [("desk", (1280, 900), ()), ("night", (1280, 900), (DARK,))])
def test_screenshot_is_drawn(made, tmp_path, name, size, options):
    shot = tmp_path / f"{name}.png"
    chromium(tmp_path, written(made, tmp_path), f"--screenshot={shot}", f"--window-size={size[0]},{size[1]}", *options)
    header = shot.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", header[16:]) == size
    assert shot.stat().st_size > 40_000  # an empty page of this size takes less than 10 kB


def told_age(dom: str) -> str:
    return dom.split('id="page-age"')[1].split("</p>", maxsplit=1)[0].split(">")[1]


def test_page_tells_its_age_and_that_it_is_out_of_date(made, tmp_path):
    at = datetime.now(UTC) - timedelta(minutes=95)
    dom = chromium(tmp_path, written(made, tmp_path, at=at), "--dump-dom")
    assert told_age(dom).startswith("This page is 1 h 35 min old: out of date.") and '<html lang="en" class="stale">' in dom
    fresh = chromium(tmp_path, written(made, tmp_path, at=datetime.now(UTC) - timedelta(minutes=3)), "--dump-dom")
    assert told_age(fresh) == "This page is 3 min old." and "stale" not in fresh.split("<head>")[0]


def test_page_works_without_javascript(made, tmp_path):
    """A sandboxed frame runs no script; the page in it is drawn as well as with one."""
    *drawn, age = probe(made, tmp_path, 1280, more='sandbox="allow-same-origin"')
    assert age == "The page does not refresh by itself: compare the moment with the clock."
    assert drawn[1] == "0" and drawn[3:] == ["0", "4", "0"]


def test_hostile_place_names_are_inert(made, tmp_path):
    act = "document.title='pwned'"
    evil = f'<script>{act}</script><img src=x onerror="{act}"><svg onload="{act}">'

    def change(tables):
        for row in tables["places"]:
            row["name"] = evil
        for row in tables["situations"]:
            row["explanation_en"] = evil

    dom = chromium(tmp_path, written(made, tmp_path, change), "--dump-dom", "--virtual-time-budget=2000")
    assert "<title>Waterdam" in dom and "<title>pwned" not in dom
    assert "<img" not in dom and dom.count("<script") == 1 and "&lt;script&gt;" in dom
