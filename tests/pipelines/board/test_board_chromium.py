"""The board in a real Chromium: it renders, fits, stays inert, tells its age, and is read by keyboard, engine and paper."""

from __future__ import annotations

import struct
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipelines import board
from tests.pipelines.board.browser import CHROMIUM, Browser
from tests.pipelines.board.conftest import Maker
from tests.pipelines.board.crowd import crowd
from tests.pipelines.board.evening import AT
from tests.pipelines.board.test_board_pictures import with_baseline, with_blind_spots, with_calendar, with_shapes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the board is not looked at in a browser")
AXE = Path(__file__).parent / "vendor" / "axe.min.js"

FIT = """(() => {
  const w = document.documentElement.clientWidth, boxes = [...document.querySelectorAll("main > section, article, .strip, .map")];
  const seen = e => e.checkVisibility(), box = e => e.getBoundingClientRect();
  const fills = [...document.querySelectorAll("rect.fill, rect.look-missing, rect.look-outage, rect.look-suppressed")].filter(seen);
  const head = [...document.querySelector("header").children].filter(seen).map(box);
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  return {
    wide: boxes.filter(e => seen(e) && box(e).right > w + 1).length, scroll: document.documentElement.scrollWidth <= w,
    ground: getComputedStyle(document.body).backgroundColor, thin: fills.filter(r => box(r).width < 0.5).length,
    patterns: new Set(["missing", "outage", "suppressed", "none"].map(k => getComputedStyle(document.querySelector("rect.look-" + k)).fill)).size,
    over: head.filter((a, i) => head.some((b, j) => i < j && meet(a, b))).length, age: document.getElementById("page-age").textContent
  };
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """The evening with shapes, baselines and a calendar, in English, with Dutch beside it."""
    folder = tmp_path_factory.mktemp("board")

    def change(tables):
        for one in (with_shapes, with_baseline, with_calendar, with_blind_spots):
            one(tables)

    return board.write_both(Maker(folder)(change), folder / "index.html", lang="en", at=AT)[0]


@pytest.mark.parametrize(
    ("width", "dark", "ground"),
    [(1280, False, "rgb(244, 246, 247)"), (390, False, "rgb(244, 246, 247)"), (390, True, "rgb(14, 19, 23)")],
)
def test_page_fits_the_screen_in_light_and_dark_and_asks_for_nothing(browser, page, width, dark, ground):
    browser.open(page, width=width, dark=dark)
    found = browser.ask(FIT)
    assert found["scroll"] and found["wide"] == 0 and found["over"] == 0  # nothing in the header lies over something else
    assert found["ground"] == ground
    assert found["thin"] == 0 and found["patterns"] == 4  # every run is seen; each cause of unknown has its own pattern
    assert browser.requests == [page.as_uri()] and browser.errors == []  # neither the network nor its own policy is touched


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (1280, True)])
def test_an_accessibility_engine_finds_nothing(browser, page, width, dark):
    browser.open(page, width=width, dark=dark)
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.ask(AXE.read_text(encoding="utf-8") + ";0")
    found = browser.ask("""axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => ({
      seen: r.passes.map(p => p.id), bad: r.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(
        n => n.target.join(" ") + " " + n.failureSummary).join(" | "))}))""")
    assert found["bad"] == []
    assert {"color-contrast", "svg-img-alt", "target-size", "heading-order"} <= set(found["seen"])


def test_what_is_said_of_a_replay_can_be_read(browser, made, tmp_path):
    browser.open(board.write(made(), tmp_path / "b.html", lang="en", at=AT, look=board.page.Look(played="Played.")))
    browser.ask(AXE.read_text(encoding="utf-8") + ";0")
    assert browser.ask("axe.run('header', {runOnly: ['wcag2aa']}).then(r => r.violations.map(v => v.id))") == []


def test_the_engine_would_find_something(browser, page):
    browser.open(page)
    browser.ask("document.querySelector('.over p').style.color = '#ddd'")
    browser.ask(AXE.read_text(encoding="utf-8") + ";0")
    assert browser.ask("axe.run({runOnly: ['wcag2aa']}).then(r => r.violations.map(v => v.id))") == ["color-contrast"]


def test_keyboard_reaches_map_and_situations_in_order_and_is_seen(browser, page):
    browser.open(page)
    stops = []
    for _ in range(16):
        browser.press("Tab")
        stops.append(
            browser.ask("""(() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.getAttribute("aria-label") || e.textContent.trim(), s.outlineStyle]; })()""")
        )
    said = [name for name, _ in stops]
    assert said[:4] == ["To the situations", "Nederlands", "", "Grote Markt"] and all(outline != "none" for _, outline in stops)
    assert any(name.startswith("Grote Markt: critical") for name in said), "|".join(said)  # its mark on the map
    browser.open(page)
    browser.press("Tab", 4)
    browser.press("Enter")
    assert browser.ask("document.querySelector(':target h4').textContent") == "Grote Markt"


def test_map_is_drawn_again_with_every_place_and_its_mark(browser, page):
    browser.open(page)
    assert browser.ask("document.querySelectorAll('.live-map path.leaflet-interactive').length") == 8
    pins = browser.ask(
        "[...document.querySelectorAll('.live-map .pin')].map(e => e.getAttribute('aria-label') + ' ' + e.querySelector('b').dataset.mark)"
    )
    assert any(pin.startswith("Grote Markt: critical, steady") and pin.endswith("C→") for pin in pins)
    fill = "getComputedStyle(document.querySelector('.live-map .area.unknown')).fill"
    assert "p-missing" in browser.ask(fill)  # unknown looks unknown there too
    assert browser.ask("getComputedStyle(document.querySelector('.still-map')).display") == "none"


def test_chart_opens_with_its_values(browser, page):
    browser.open(page)
    browser.ask("document.querySelector('article details.chart summary').click()")
    assert browser.ask("new Promise(done => setTimeout(() => done(document.querySelectorAll('.uplot canvas').length), 50))") == 1
    ink = browser.ask("""(() => { const c = document.querySelector(".uplot canvas");
      const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
      let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()""")
    assert ink > 2000


def test_page_works_without_javascript(browser, page):
    found = browser.open(page, script=False).ask(FIT)
    assert found["age"] == "Without JavaScript the page does not refresh by itself: compare the moment with the clock."
    assert found["wide"] == 0 and found["over"] == 0
    assert browser.ask("getComputedStyle(document.querySelector('.still-map')).display") != "none"
    assert browser.ask("document.querySelectorAll('.still-map .area, .still-map .way').length") == 8
    assert browser.ask("document.querySelector('#hold').closest('label').checkVisibility()") is False


def test_it_is_one_sheet_of_paper(browser, page, tmp_path):
    pdf = browser.open(page).pdf(tmp_path / "board.pdf").read_bytes()
    assert pdf.count(b"/Type /Page\n") == 1
    browser("Emulation.setEmulatedMedia", media="print", features=[])
    shown = (
        "['.over', '.timeline', '.still-map', '.data .list', '.briefing'].map(s => document.querySelector(s).checkVisibility())"
    )
    assert browser.ask(shown) == [True] * 5 and browser.ask("document.querySelector('.live-map').checkVisibility()") is False
    browser("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.parametrize(
    ("minutes", "told", "stale"), [(95, "This page is 1 h 35 min old: out of date.", True), (3, "This page is 3 min old.", False)]
)
def test_page_tells_its_age_and_that_it_is_out_of_date(browser, made, tmp_path, minutes, told, stale):
    out = board.write(made(), tmp_path / "b.html", lang="en", at=datetime.now(UTC) - timedelta(minutes=minutes))
    browser.open(out)
    assert browser.ask("document.getElementById('page-age').textContent").startswith(told)
    assert browser.ask("document.documentElement.classList.contains('stale')") is stale


def test_untouched_page_loads_itself_anew_and_keeps_what_was_open(browser, made, tmp_path):
    out = board.write(
        made(with_blind_spots), tmp_path / "b.html", lang="en", at=datetime.now(UTC), look=board.page.Look(played="Played.")
    )
    text = out.read_text(encoding="utf-8").replace('data-every="5"', 'data-every="0.3"')
    out.write_text(text.replace("Played.", "Old."), encoding="utf-8")
    browser.open(out)
    fold = "document.querySelector('.blind details[id]')"
    browser.ask(f"{fold}.open = true, window.mark = 1")
    out.write_text(text.replace("Played.", "New."), encoding="utf-8")
    until = time.monotonic() + 20
    while browser.ask("window.mark === undefined && document.readyState === 'complete'") is not True and time.monotonic() < until:
        time.sleep(0.1)
    assert browser.ask("document.getElementById('page-age').textContent") == "New." and browser.ask(f"{fold}.open") is True
    browser.ask("document.getElementById('hold').click(), window.mark = 2")
    assert browser.ask("new Promise(done => setTimeout(() => done(window.mark), 900))") == 2  # held: it stays
    browser.ask("sessionStorage.clear()")


def test_served_page_asks_first_and_a_server_that_is_away_leaves_it_up(browser, made):
    now = {"text": "", "status": 200}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(now["status"])
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("ETag", str(hash(now["text"])))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(now["text"].encode())

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_):
            return

    page_now = board.html(made(), lang="en", at=datetime.now(UTC), look=board.page.Look(live=True)).replace(
        'data-every="30"', 'data-every="0.2"'
    )
    now["text"] = page_now
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.open(f"http://127.0.0.1:{server.server_port}/")
        shown = "new Promise(done => setTimeout(() => done(document.getElementById('news').checkVisibility()), 900))"
        assert browser.ask(shown) is False and browser.errors == []
        now["status"] = 503
        assert browser.ask(shown) is True and browser.ask("document.querySelectorAll('article').length") > 0
        now.update(status=200, text=page_now.replace("<h1>", "<h1>New "))
        until = time.monotonic() + 20
        while not browser.ask("document.readyState === 'complete' && document.querySelector('h1').textContent.startsWith('New')"):
            assert time.monotonic() < until
            time.sleep(0.1)
        server.shutdown()


def test_hostile_names_are_inert_in_lists_map_and_charts(browser, made, tmp_path):
    act = "document.title='pwned'"
    evil = f'<script>{act}</script><img src=x onerror="{act}"><svg onload="{act}"></script>'

    def change(tables):
        with_shapes(tables)
        for row in tables["places"]:
            row["name"] = evil
        for row in tables["situations"]:
            row["explanation_en"] = evil
        for row in tables["indicators"]:
            row["title_en"] = evil

    browser.open(board.write(made(change), tmp_path / "b.html", lang="en", at=AT))
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    browser.ask(
        "document.querySelectorAll('.pin').forEach(p => { p.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})); p.click(); })"
    )
    assert browser.ask("new Promise(done => setTimeout(() => done(document.title), 200))").startswith("Waterdam")
    assert browser.ask("document.querySelectorAll('img, svg[onload]').length") == 0
    assert browser.ask("document.querySelectorAll('script').length") == 2


def test_a_thousand_places_open_in_seconds(browser, made, tmp_path):
    out = board.write(made(crowd), tmp_path / "b.html", lang="nl", at=AT)
    assert out.stat().st_size <= 3_000_000
    begun = datetime.now(UTC)
    browser.open(out, width=390)
    assert (datetime.now(UTC) - begun).total_seconds() < 8  # seconds on a busy test machine; about one on a phone of today
    assert browser.ask("document.querySelectorAll('.live-map path.leaflet-interactive').length") == 1000
    assert browser.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = browser.ask("[document.querySelectorAll('tbody.place').length, document.querySelectorAll('.rest tbody tr').length]")
    assert sum(found) == 1000


@pytest.mark.parametrize(("name", "size", "dark"), [("desk", (1280, 900), False), ("night", (1280, 900), True)])
def test_screenshot_is_drawn(browser, page, tmp_path, name, size, dark):
    shot = browser.open(page, width=size[0], height=size[1], dark=dark).shot(tmp_path / f"{name}.png").read_bytes()
    assert shot[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", shot[16:24]) == size
    assert len(shot) > 40_000  # an empty page of this size takes less than 10 kB
