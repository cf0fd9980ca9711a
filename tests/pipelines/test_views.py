"""Views and macros for analysts: right on a small town, commented, and every example of the guide and notebook runs."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from pipelines import views
from pipelines.published import connect
from pipelines.store import Store
from tests.town import START, STEP, Town

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
EVENT = {"event": "fair", "name": {"nl": "Kermis", "en": "Fair"}, "class": "B", "from": "2026-06-01T01:00Z", "to": "2026-06-01T03:00Z",
         "places": {"square": {}}, "series": "fair", "expected_visitors": 500}  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """Three hours on a square of 1,000 m²: crowded from one to two; the quarter of 02:00 came an hour and a half late."""
    folder = tmp_path_factory.mktemp("views")
    town = Town(folder, k=1, events=[EVENT])
    people = {n: 4000 if 4 <= n < 8 else 500 for n in range(12)}
    rows = [(START + n * STEP, "square", count) for n, count in people.items() if n != 8]
    town.zones(START + timedelta(hours=3), rows)
    with Store(folder / "workspace") as store:
        town.tick(store, START + timedelta(hours=3, minutes=10))
        town.zones(START + timedelta(hours=3, minutes=30), [(START + 8 * STEP, "square", 600)], name="late")
        town.tick(store, START + timedelta(hours=3, minutes=40))
    return folder / "workspace" / "published" / "indicators.duckdb"


@pytest.fixture
def con(file):
    found = connect(file)
    yield found
    found.close()


def test_a_place_by_weekday_and_time(con):
    rows = con.execute(
        "SELECT weekday, left(CAST(local_time AS VARCHAR), 5), slots, known, p50, worst_level FROM by_weekday_and_time('density', 'square')"
    ).fetchall()
    assert (1, "01:00", 1, 1, 4.0, "high") in rows and (1, "00:00", 1, 1, 0.5, "normal") in rows
    assert (1, "03:15", 1, 0, None, None) in rows  # nothing came: counted, and not calm


def test_situations_by_event(con):
    found = con.execute(
        "SELECT event, series, place, at_event_place, peak_level FROM situations_by_event WHERE safety_risk = 'overcrowding'"
    ).fetchall()
    assert found == [("fair", "fair", "square", True, "high")]
    assert con.execute("SELECT event_class, expected_visitors, event_places FROM events").fetchall() == [("B", 500, ["square"])]


def test_thresholds_in_force_at_a_moment(con):
    now = con.execute("SELECT count(*) FROM thresholds_in_force(TIMESTAMPTZ '2026-06-01 02:00:00+00')").fetchone()[0]
    assert now == con.execute("SELECT count(*) FROM thresholds WHERE effective_to IS NULL").fetchone()[0] > 0


def test_quality_weighted_series_keeps_unknown_beside_it(con):
    rows = con.execute(
        "SELECT local_hour, slots, unknown_share, weighted_value FROM quality_weighted('density', 'square')"
    ).fetchall()
    assert rows[:2] == [(0, 4, 0.0, 0.5), (1, 4, 0.0, 4.0)]
    was = con.execute(
        "SELECT unknown_share, round(weight, 3) FROM quality_weighted('density', 'alley') WHERE local_hour = 0"
    ).fetchone()
    assert was is None or was[0] == 1.0  # nothing of the alley ever came


def test_what_changed_since_a_moment(con):
    since = START + timedelta(hours=3, minutes=15)
    found = con.execute(
        "SELECT interval_start, was_status, value, new FROM values_changed_since(?) WHERE indicator = 'density'", [since]
    ).fetchall()
    assert [(s, was, value, new) for s, was, value, new in found if value is not None] == [
        (START + 8 * STEP, "missing", 0.6, False)
    ]
    assert con.execute("SELECT count(*) FROM situations_changed_since(TIMESTAMPTZ '2030-01-01 00:00:00+00')").fetchone() == (0,)


def test_every_view_and_column_carries_a_comment(con):
    names = {shown.name for shown in views.SHOWN if not shown.parameters}
    told = dict(con.execute("SELECT view_name, comment FROM duckdb_views() WHERE database_name = 'indicators'").fetchall())
    assert names <= set(told) and all(told[name] for name in names)
    columns = con.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = 'indicators'"
    ).fetchall()
    assert [row for row in columns if row[0] in names and not row[2]] == []
    macros = dict(
        con.execute("SELECT function_name, comment FROM duckdb_functions() WHERE database_name = 'indicators'").fetchall()
    )
    assert all(macros[shown.name] for shown in views.SHOWN if shown.parameters)


QUERIES = re.findall(r"```sql\n(.*?)```", (GUIDE / "analyst.en.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("number", range(len(QUERIES)))
def test_example_queries_of_the_guide_run(con, number):
    for statement in filter(str.strip, QUERIES[number].split(";")):
        con.execute(statement).fetchall()


def test_example_queries_find_something(con):
    found = [con.execute(q.split(";")[0]).fetchall() for q in QUERIES]
    assert len(QUERIES) >= 9 and sum(bool(rows) for rows in found) == len(QUERIES)


def test_notebook_runs_from_top_to_bottom(file, monkeypatch):
    monkeypatch.setenv("DRUKTE_FILE", str(file))
    cells = json.loads((GUIDE / "analyst.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert all(not cell.get("outputs") for cell in cells)
    known: dict = {}
    exec(compile(code, "analyst.ipynb", "exec"), known)
    assert len(known["known"]) > 0 and len(known["usual"]) > 0


def test_both_guides_name_every_view():
    for lang in ("nl", "en"):
        text = (GUIDE / f"analyst.{lang}.md").read_text(encoding="utf-8")
        assert [shown.name for shown in views.SHOWN if shown.name not in text] == []
