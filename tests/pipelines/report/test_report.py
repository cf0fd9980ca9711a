"""The report of an event and the handover: right, complete about what is not known, inert, and in both languages."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import duckdb
import pytest

from pipelines import views
from pipelines.cli import main
from pipelines.report import evening as report
from pipelines.report import handover
from schemas import yamlfile
from schemas.problems import Problems
from schemas.results import HISTORY
from tests.pipelines.board.evening import AT, evening, local, publish
from tests.pipelines.board.reading import Seen, plain
from tests.pipelines.board.test_board_pictures import with_blind_spots, with_shapes

EVENTS = [
    {"event": "fair-2025", "name_nl": "Kermis 2025", "name_en": "Fair 2025", "class": "B", "series": "fair", "expected_visitors": 9000,
     "from": "2025-09-20T16:00+02:00", "to": "2025-09-20T23:00+02:00", "places": ["grote-markt", "kade"],
     "phases": [{"phase": "ingress", "from": "2025-09-20T16:00+02:00", "to": "2025-09-20T20:00+02:00"},
                {"phase": "egress", "from": "2025-09-20T22:30+02:00", "to": "2025-09-20T23:00+02:00"}]},
    {"event": "fair-2024", "name_nl": "Kermis 2024", "name_en": "Fair 2024", "class": "B", "series": "fair", "places": [],
     "from": "2024-09-21T16:00+02:00", "to": "2024-09-21T23:00+02:00"},
]  # fmt: skip


@pytest.fixture
def made(tmp_path):
    """``made(change=None)``: the evening as a published file, with history, views and events."""

    def make(change=None):
        tables = evening()
        with_shapes(tables)
        with_blind_spots(tables)
        tables["about"].append({"key": "events:waterdam", "text": json.dumps(EVENTS)})
        for row in tables["situations"]:
            row["recorded_at"] = row["signalled_at"] or row["started_at"]
        if change:
            change(tables)
        path = tmp_path / "published" / "indicators.duckdb"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        publish(path, tables)
        with duckdb.connect(str(path)) as con:
            for table in HISTORY:
                con.execute(
                    f"CREATE VIEW {table.name}_history AS SELECT *, CAST(NULL AS TIMESTAMPTZ) AS superseded_at FROM {table.name}"
                )
                con.execute(f"""CREATE MACRO {table.name}_as_known(as_of) AS TABLE SELECT * EXCLUDE (superseded_at) FROM {table.name}_history
                    WHERE recorded_at <= as_of AND (superseded_at IS NULL OR superseded_at > as_of)""")
            for statement in views.statements("main"):
                con.execute(statement)
        return path

    return make


def told(made, change=None, *, lang="en", at=AT, event="fair-2025") -> str:
    return report.html(made(change), event, lang=lang, at=at)


def test_report_tells_situations_signals_measures_and_quality(made):
    html = told(made)
    text = plain(html)
    for fact in (
        "Fair 2025", "class B", "9,000 visitors expected", "The event is still going on: this report goes up to 22:05.",
        "4 situations in 3 connected groups; the peak level was critical.", "Up to high or critical: 3.", "It became critical at: ",
        "Still open at the end: 3.", "signalled 18:32, 17 min after it began", "meter · crowd-manager · needs 20 min",
        "16:30 – 19:30", "Grote Markt: density 3.62 p/m², beyond the edge since 18:15", "partly without sight",
        "No follow-up was recorded. That does not say that nothing was done.", "gate closed (person-level or undeclared content)",
    ):  # fmt: skip
        assert fact in text, fact
    assert "cameras15100 %" in text and 'table class="timeline"' in html
    assert "ingress 16:00–20:00" in unescape(html)


def test_report_says_what_was_not_seen_and_counts_unknown_apart(made):
    text = plain(told(made))
    assert "Vismarkt: 37 % of the time unknown, between 19:45 and 22:00" in text  # 9 of 24 quarters
    assert re.search(r"Of the moments judged \d+ % were unknown; anything may have happened there.", text)
    assert "p0 & <i>" in text  # blind spots of the settings


def test_editions_are_compared_and_one_without_data_is_not_calm(made):
    html = told(made)
    rows = re.findall(r"<tr><th scope=\"row\">(Fair \d+.*?)</tr>", html, re.S)
    assert len(rows) == 2 and "(this one)" in rows[0] and "no data" in rows[1] and "critical" in rows[0]
    alone = told(
        made,
        lambda t: t["about"].__setitem__(-1, {"key": "events:waterdam", "text": json.dumps([{**EVENTS[0], "series": None}])}),
    )
    assert "No earlier edition is known" in plain(alone)


def test_what_was_done_is_told_as_recorded_without_a_claim(made):
    def change(tables):
        one = tables["situations"][0]["situation_id"]
        tables["outcomes"] = [{"outcome_id": "o1", "situation_id": one, "municipality": "waterdam", "kind": "follow_up", "follow_up": "meter",
                               "role": "crowd-manager", "occurred_at": local(18, 40), "effect": "eased"}]  # fmt: skip

    text = plain(told(made, change))
    assert "18:40Grote Marktmeasure taken: metercrowd-managerit eased" in text
    assert "does not say that it was because of it" in text and "No follow-up was recorded" not in text


def test_withheld_numbers_are_not_told(made):
    def change(tables):
        for row in tables["indicator_values"]:
            if row["place"] == "hof":
                row.update(value=None, value_low=0.0, value_high=0.0777, status="suppressed", reason="suppressed", level="normal")

    assert "0.0777" not in told(made, change) and "0.08" not in told(made, change)


def test_report_is_one_inert_file(made):
    evil = "</style><script>document.title=1</script><img src=x onerror=alert(1)>"

    def change(tables):
        for row in tables["places"]:
            row["name"] = evil
        for row in tables["situations"]:
            row["explanation_en"] = evil
        for row in tables["deliveries"]:
            row["reason"] = evil

    html = told(made, change)
    seen = Seen(html)
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in seen.tags} and "onerror=alert(1)" in "".join(seen.text)
    assert not re.search(r"@import|https?://|url\((?!#)", html) and "default-src 'none'" in html


def test_report_in_dutch_and_of_an_event_that_is_not_there(made):
    text = plain(told(made, lang="nl"))
    assert "Kermis 2025" in text and "Wat niet gezien is" in text and "doseren · crowd-manager" in text
    with pytest.raises(Problems, match="fair-2025"):
        told(made, event="fare-2025")


def test_without_chromium_it_says_so(made, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "BROWSERS", ())
    assert report.pdf(tmp_path / "x.html", tmp_path / "x.pdf", "en") == report.texts()["pdf_none"]["en"]


def test_command_writes_html_and_paper(made, tmp_path, capsys):
    made()
    with pytest.raises(SystemExit) as left:
        main(["report", "fair-2025", "--workspace", str(tmp_path), "--at", AT.isoformat(), "--lang", "en"])
    said = capsys.readouterr().out
    folder = tmp_path / "published" / "report"
    assert not left.value.code and (folder / "fair-2025.en.html").exists()
    paper = folder / "fair-2025.en.pdf"
    assert paper.read_bytes()[:5] == b"%PDF-" if paper.exists() else "No Chromium found" in said or "made no PDF" in said
    with pytest.raises(SystemExit) as left:
        main(["report", "--workspace", str(tmp_path)])
    assert left.value.code == 2


def test_every_text_stands_in_both_languages():
    for key, both in yamlfile.read(report.Path(report.__file__).with_name("texts.yaml"), "texts").data.items():
        assert set(both) == {"nl", "en"}, key
        assert set(re.findall(r"{(\w+)}", both["nl"])) == set(re.findall(r"{(\w+)}", both["en"])), key


# Handover


def test_handover_is_ten_lines_at_most_worst_first(made):
    found = handover.of(made(), lang="en", at=AT)
    assert len(found.lines) <= 10
    assert (
        found.lines[0].startswith("HANDOVER Waterdam, as of Sat 20 Sep 2025 22:05")
        and "3 situations in 2 groups" in found.lines[1]
    )
    assert (
        found.lines[2]
        == "CRITICAL: Grote Markt (and 1 more) – overcrowded area, since 17:30, steady; measure: meter (crowd-manager)"
    )
    assert found.lines[3].startswith("HIGH: Vismarkt") and "without sight" in found.lines[3]
    assert any(line.startswith("Data: cameras measured up to 19:45") for line in found.lines)
    assert found.lines[-1] == "Ahead: Fair 2025: egress (22:30)"
    assert "[without sight, data up to 19:45]" in found.block and "beyond the edge since 18:15" in found.block


def test_handover_tells_what_changed_in_the_last_half_hour_only(made):
    def change(tables):
        tables["situations"][1].update(recorded_at=AT - timedelta(minutes=10), started_at=local(21, 40))
        tables["situations"][0]["recorded_at"] = AT - timedelta(minutes=31)

    lines = handover.of(made(change), lang="en", at=AT).lines
    assert "New: Kade (overcrowded area)" in lines and "Over: none" in lines


def test_many_groups_still_make_ten_lines(made):
    def change(tables):
        one = tables["situations"][0]
        tables["situations"] = [
            {**one, "situation_id": str(n), "group_id": f"g{n}", "started_at": local(18) + timedelta(minutes=n)}
            for n in range(30)
        ]

    lines = handover.of(made(change), lang="nl", at=AT).lines
    assert len(lines) == 10 and any(re.fullmatch(r"En nog \d+ groepen\.", line) for line in lines)


def test_geojson_holds_every_open_situation_with_its_shape(made):
    found = handover.of(made(), lang="en", at=AT).features
    assert found["type"] == "FeatureCollection" and json.loads(json.dumps(found)) == found
    by_name = {f["properties"]["name"]: f for f in found["features"]}
    assert set(by_name) == {"Grote Markt", "Kade", "Vismarkt"}
    assert by_name["Grote Markt"]["geometry"]["type"] == "Polygon" and by_name["Vismarkt"]["properties"]["unobserved"] is True
    assert by_name["Grote Markt"]["properties"]["level"] == "critical" and by_name["Kade"]["properties"]["trend"] == "building"
