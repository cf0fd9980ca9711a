"""Trend, curve, map, timeline and blind spots: right, told in words too, and absent where the file does not give them."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from pipelines.board import assets
from tests.pipelines.board.evening import AT, BEGIN, QUARTER, local, values
from tests.pipelines.board.reading import Seen, articles, block, plain, shown

VENDORED = [assets.HERE / "vendor", Path(__file__).parent / "vendor"]
SQUARE = {"type": "Polygon", "coordinates": [[[5.0, 52.0], [5.001, 52.0], [5.001, 52.001], [5.0, 52.001], [5.0, 52.0]]]}


def chart_of(html: str, name: str) -> str:
    """What the curve in a situation says."""
    (article,) = [a for a in articles(html) if f"<h4>{name}<" in a]
    return unescape(re.search(r'class="spark".*?aria-label="(.*?)"', article, re.S).group(1))


def data_of(html: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S).group(1))


# Trend


@pytest.mark.parametrize(
    ("series", "word"),
    [
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.7], "building"),  # 0.2 is more than a tenth of the lowest edge, 1.1
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.6], "steady"),
        ([0.9, 0.9, 0.9, 0.9, 0.9, 0.7], "easing"),
        ([0.5, "missing", 0.5, 0.5, 0.5, 0.9], None),  # not known an hour before
        ([0.5, 0.5, 0.5, "missing", "missing", "missing"], None),  # nothing fresh
    ],
)
def test_trend_is_the_change_over_an_hour_and_absent_where_it_is_not_known(made, series, word):
    rows = values("hof", "density", [None] * 26 + series)
    told = plain(block(shown(made, lambda t: t.update(indicator_values=rows, situations=[])), "Hofje"))
    assert [w for w in ("building", "steady", "easing") if w in told] == ([word] if word else [])


def test_less_is_worse_where_the_card_says_so(made):
    def change(tables):
        tables["indicator_values"] = values("hof", "density", [None] * 26 + [0.9, 0.9, 0.9, 0.9, 0.9, 0.5])
        next(row for row in tables["indicators"] if row["indicator"] == "density")["direction"] = "down"

    assert "building" in plain(block(shown(made, change), "Hofje"))


# Curve


def test_curve_says_range_edges_gaps_and_that_there_is_no_baseline(made):
    told = chart_of(shown(made), "Grote Markt")
    assert told == (
        "Density, Grote Markt: lowest 0.40, highest 3.80 (21:15), last 3.62 p/m²; elevated 1.1; high 2.15; critical 3.5; no baseline."
    )
    assert "9 of 32 intervals unknown" in chart_of(shown(made), "Vismarkt")


def with_baseline(tables):
    """Density of Grote Markt counts people on 500 m²; on comparable days 100 to 150 of them are there."""
    card = next(row for row in tables["indicators"] if row["indicator"] == "density")
    card["formula"], card["card"] = (
        "present / nullif(usable_area, 0)",
        json.dumps({"inputs": {"present": {"from": ["zone_counts.present"]}}}),
    )
    for row in tables["effective_settings"]:
        held = json.loads(row["settings"])
        row["settings"] = json.dumps({**held, "values": {"usable_area": 500}})
    for row in tables["indicator_values"]:
        row["local_time"] = (row["interval_start"] + timedelta(hours=2)).time()
    tables["baselines"] = [
        {"municipality": "waterdam", "dataset": "zone_counts", "source": "gates", "measure": "present", "place": "grote-markt",
         "interval_minutes": 15, "local_date": BEGIN.date(), "local_time": (BEGIN + timedelta(hours=2) + n * QUARTER).time(),
         "day_type": "weekday", "n": 24, "p20": 100.0, "p80": 150.0} for n in range(32)
    ]  # fmt: skip


def test_usual_range_stands_in_the_unit_of_the_card(made):
    html = shown(made, with_baseline)
    assert "usual 0.20 to 0.30" in chart_of(html, "Grote Markt") and "no baseline" in chart_of(html, "Kade")
    (chart,) = [c for c in data_of(html)["charts"].values() if c["u1"][-1] is not None and c["title"] == "Density"]
    assert chart["u0"][-1] == 0.2 and chart["u1"][-1] == 0.3 and chart["v"][-1] == 3.62


def test_rule_07_withheld_bounds_are_neither_drawn_nor_in_the_data(made):
    def change(tables):
        for row in tables["indicator_values"]:
            if row["place"] == "kade":
                row.update(
                    value=0.0777, value_low=0.0, value_high=0.0777, status="suppressed", reason="suppressed", level="normal"
                )

    html = shown(made, change)
    assert "0.0777" not in html and "not a single value" in chart_of(html, "Kade")
    assert all(v is None for c in data_of(html)["charts"].values() if c["title"] == "Density" for v in c["lo"])


# Map


def with_shapes(tables):
    for n, row in enumerate(tables["places"]):
        shape = json.loads(json.dumps(SQUARE))
        shape["coordinates"][0] = [[x + 0.002 * n, y] for x, y in shape["coordinates"][0]]
        line = {"type": "LineString", "coordinates": shape["coordinates"][0][:2]}
        row["geometry"] = json.dumps(line if row["place_kind"] == "line" else shape) if row["place"] != "poort" else None


def test_map_holds_every_place_with_a_shape_and_says_how_many_have_none(made):
    html = shown(made, with_shapes)
    (places,) = data_of(html)["maps"].values()
    assert len(places) == 8 and "1 places without a position are not on it." in plain(html)
    assert [p["n"] for p in places][:2] == ["Grote Markt", "Vismarkt"]  # worst first
    levels = {p["n"]: p["l"] for p in places}
    assert levels["Stadspark"] == levels["Korte Steeg"] == "unknown" and levels["Hofje"] == "normal"
    marks = {p["n"]: p["m"] for p in places}
    assert marks["Grote Markt"] == "C→" and marks["Kade"] == "H↗" and marks["Korte Steeg"] == "?" and marks["Hofje"] == ""
    still = re.search(r'<svg class="still-map".*?</svg>', html, re.S).group(0)
    assert still.count('class="area ') == 6 and still.count('class="way ') == 2
    assert "Map. Places by level: 1 critical, 2 high, 3 normal, 2 unknown" in unescape(still)


@pytest.mark.parametrize(
    "shape", ["{", "7", '"x"', '{"type": "Polygon", "coordinates": "evil"}', '{"type": "Point", "coordinates": ["a", 1]}']
)
def test_a_shape_that_is_none_is_left_out(made, shape):
    html = shown(made, lambda tables: [row.update(geometry=shape) for row in tables["places"]])
    assert data_of(html)["maps"] == {} and "still-map" not in html.split("</style>")[1].split("<script")[0]


# Timeline and blind spots


def with_calendar(tables):
    events = [{"event": "fair", "name_nl": "Kermis", "name_en": "Fair <b>", "from": "2025-09-20T16:00+02:00", "to": "2025-09-20T23:00+02:00",
               "phases": [{"phase": "ingress", "from": "2025-09-20T16:00+02:00", "to": "2025-09-20T20:00+02:00"}]}]  # fmt: skip
    notes = [{"kind": "weather_code", "code": "orange", "text_nl": "Storm", "text_en": "Storm", "from": local(23).isoformat(),
              "to": local(23, 30).isoformat()}]  # fmt: skip
    tables["about"] += [
        {"key": "events:waterdam", "text": json.dumps(events)},
        {"key": "context:waterdam", "text": json.dumps(notes)},
    ]


def timeline(html: str) -> dict[str, str]:
    rows = re.findall(
        r'<th role="rowheader" scope="row">(.*?)</th><td role="cell">(.*?)</td>',
        html.split('class="timeline"')[1].split("</table>", maxsplit=1)[0],
        re.S,
    )
    return {plain(head): unescape(cell) for head, cell in rows}


def test_timeline_has_events_context_situations_and_sources(made):
    told = timeline(shown(made, with_calendar))
    assert "ingress 16:00–20:00" in told["Fair <b>"] and '<p class="ahead">orange 23:00–23:30</p>' in told["Weather code"]
    assert "critical, 17:30 – now" in told["Grote Markt and 1 more overcrowded area"]
    assert "high, 16:30 – 19:30" in told["Stationsbrug saturated or blocked passage"]
    assert "rows up to 19:45, then none (yet)" in told["cameras"] and "rows up to 22:00" in told["gates"]


def test_weather_that_nobody_declared_is_not_known(made):
    assert "not known: nobody declared one" in timeline(shown(made))["Weather code"]


def with_blind_spots(tables):
    tables["blind_spots"] = [{"municipality": "waterdam", "blind_spot": "no_data", "place": f"p{n}", "explanation_en": f"p{n} & <i>",
                              "explanation_nl": "x"} for n in range(15)]  # fmt: skip


def test_blind_spots_are_told_by_kind_with_their_number(made):
    told = plain(shown(made, with_blind_spots))
    assert "Places without data: 15" in told and "p0 & <i>" in told and "and 3 more, in the table blind_spots" in told
    assert "This file lists no blind spots." in plain(shown(made))


def test_overview_has_a_line_for_each_group_worst_first(made):
    html = shown(made)
    lines = re.findall(
        r'<li class="(\w+)">.*?<a href="#(.*?)">(.*?)</a>(.*?)</li>', html.split('class="over"')[1].split("</ul>")[0], re.S
    )
    assert [(level, name) for level, _, name, _ in lines] == [("critical", "Grote Markt"), ("high", "Vismarkt")]
    ids = {a.get("id") for _, a in Seen(html).tags}
    assert all(to in ids for _, to, _, _ in lines)
    assert "and 1 more" in lines[0][3] and "without sight" in lines[1][3]


# What stands inside the file


@pytest.mark.parametrize("folder", VENDORED)
def test_vendored_libraries_are_those_that_their_readme_pins(folder):
    rows = re.findall(
        r"^\| (\S+) \| \S+ \| (\S+) \| \S+ \| (\w{64}) \|$", (folder / "README.md").read_text(encoding="utf-8"), re.M
    )
    assert {name for name, _, _ in rows} >= {p.name for p in folder.iterdir() if p.suffix in (".js", ".css")}
    for name, version, digest in rows:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        if name.endswith(".js"):
            assert version in (folder / name).read_text(encoding="utf-8")[:400], name


def test_two_languages_stand_beside_each_other_and_link(made, tmp_path):
    from pipelines import board

    database = made()
    first, second = board.write_both(database, tmp_path / "index.html", lang="en", at=AT)
    assert (first.name, second.name) == ("index.html", "index.nl.html")
    assert 'href="index.nl.html" lang="nl"' in first.read_text() and 'href="index.html" lang="en"' in second.read_text()
    assert '<html lang="en"' in first.read_text() and '<html lang="nl"' in second.read_text()


def test_a_board_that_cannot_be_drawn_leaves_the_last_one_and_says_so(made, tmp_path):
    from pipelines import board

    database = made()
    assert board.keep(database, AT) is None
    before = {p.name: p.read_bytes() for p in (tmp_path / "board").iterdir()}
    assert set(before) == {"index.html", "index.en.html"}
    database.write_bytes(b"broken")
    assert "could not be drawn, the last one stays" in board.keep(database, AT)
    assert {p.name: p.read_bytes() for p in (tmp_path / "board").iterdir()} == before


def test_data_of_the_page_cannot_end_their_element():
    held = assets.data({"x": "</script><!--<script>\u2028&"})
    assert "<" not in held and ">" not in held and json.loads(held)["x"] == "</script><!--<script>\u2028&"
