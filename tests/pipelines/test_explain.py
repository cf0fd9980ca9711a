"""Explain leads back to file and row, recomputes with the tick's own SQL, and notices when something does not agree."""

from datetime import timedelta

import duckdb
import pytest

from indicators.card import catalogue
from pipelines.explain import NotFound, explain_situation, explain_value
from pipelines.explain_text import lines
from pipelines.store import Store
from tests.town import START, STEP, Town


@pytest.fixture
def evening(tmp_path):
    """The square fills over its edges and stays full for an hour; the gate's counts are small."""
    own = {"indicator": "density", "place": "square", "effective_from": "2026-01-01T00:00:00Z", "owner": "crowd-manager",
           "decided_on": "2026-01-01", "review_by": "2027-01-01", "reason": "tried at the last edition",
           "bands": {"high": {"enter": 3.0, "for": "0min", "keep_for": "15min"}}}  # fmt: skip
    town = Town(tmp_path, thresholds=[own])
    present = [500, 900, 2600, 3100, 3200, 3150, 3100, 600]
    end = START + len(present) * STEP
    town.zones(end, [(START + i * STEP, "square", v) for i, v in enumerate(present)])
    town.gates(end, [(START + i * STEP, 3, 40) for i in range(len(present))])
    with Store(tmp_path / "w") as store:
        town.tick(store, end + timedelta(minutes=10))
    return town, tmp_path / "w" / "published" / "indicators.duckdb"


def test_a_situation_leads_back_to_file_row_formula_and_threshold_line(evening):
    town, published = evening
    con = duckdb.connect()
    con.execute(f"ATTACH '{published}' AS p (READ_ONLY)")
    situations = con.execute(
        "SELECT situation_id, place, peak_level FROM p.situations WHERE safety_risk = 'overcrowding'"
    ).fetchall()
    con.close()
    assert [(p, level) for _, p, level in situations] == [("square", "high")]
    found = explain_situation(published, town.config, catalogue(), situations[0][0])
    assert found.agrees
    assert found.recomputed["value"] == found.value["value"] == 3.1
    assert found.value["level"] == "high"
    assert found.thresholds["high"]["enter"] == 3.0
    file, line = found.thresholds["high"]["file"], found.thresholds["high"]["line"]
    assert '"enter": 3.0' in (town.folder / file).read_text().splitlines()[line - 1]
    (row,) = found.rows
    assert (row.value, row.status, row.file_check) == ("3100", "ok", "same file, same content")
    text = (town.data / row.delivery).read_text().splitlines()[row.file_row - 1]
    assert text.endswith("square,3100"), "row numbers are line numbers of the file"
    shown = "\n".join(lines(found, town.config, "en"))
    assert "recomputed: agrees" in shown and f"{file}:{line}" in shown and "present / nullif(usable_area, 0)" in shown


def test_rule_07_a_withheld_count_stays_withheld_in_the_explanation(evening):
    town, published = evening
    found = explain_value(published, town.config, catalogue(), "specific_flow", "gate", START)
    assert found.agrees and found.value["value"] is None
    assert {(r.measure, r.value) for r in found.rows} == {("count_in", "<15"), ("count_out", "40")}
    assert " 3" not in " ".join(r.value for r in found.rows)


def test_a_tampered_number_does_not_agree(evening):
    town, published = evening
    con = duckdb.connect(str(published))
    con.execute("UPDATE hot_indicator_values SET value = 9.9 WHERE indicator = 'density' AND value = 3.1")
    con.close()
    found = explain_value(published, town.config, catalogue(), "density", "square", START + 3 * STEP)
    assert not found.agrees
    assert "does NOT agree" in "\n".join(lines(found, town.config, "en"))


def test_a_file_changed_or_gone_is_said(evening):
    town, published = evening
    file = next((town.data / "zones").iterdir())
    file.write_text(file.read_text() + "\n")
    assert (
        explain_value(published, town.config, catalogue(), "density", "square", START)
        .rows[0]
        .file_check.startswith("the file was changed")
    )
    file.unlink()
    assert (
        explain_value(published, town.config, catalogue(), "density", "square", START)
        .rows[0]
        .file_check.startswith("the file is no longer")
    )


def test_what_is_not_there_is_said_with_where_to_look(evening):
    town, published = evening
    with pytest.raises(NotFound, match="situations list"):
        explain_situation(published, town.config, catalogue(), "nothing")
    with pytest.raises(NotFound, match="no value of `density`"):
        explain_value(published, town.config, catalogue(), "density", "gate", START)
