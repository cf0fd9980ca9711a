"""The verbs on a small town: what they say, what they leave, their exit codes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import lock, published
from tests.cli.conftest import UNTIL, Drukte, data, write_town
from tests.pipelines.test_lock import other_process
from tests.town import Town

Filled = tuple[Town, Path]


def found(text: str) -> Any:
    return data(text)


def test_backfill_says_what_it_did_and_nothing_the_second_time(drukte: Drukte, tmp_path: Path) -> None:
    town = write_town(tmp_path)
    words = ["--config", town.config_folder, "--workspace", tmp_path / "w", "--to", UNTIL.isoformat()]
    code, said, _ = drukte("backfill", *words)
    assert code == 0
    assert said.startswith("tiny: 2 deliveries")
    assert "0 values changed" not in said
    assert "nothing due" in drukte("backfill", *words)[1]
    assert "niets te doen" in drukte("--lang", "nl", "backfill", *words)[1]
    assert found(drukte("backfill", "--json", *words)[1])[0]["deliveries"] == []


def test_backfill_exits_4_while_another_run_holds_the_workspace_and_waits_when_told(drukte: Drukte, tmp_path: Path) -> None:
    town = write_town(tmp_path)
    words = ["backfill", "--config", town.config_folder, "--workspace", tmp_path / "w", "--to", UNTIL.isoformat()]
    with other_process(tmp_path / "w", 60) as child:
        code, _, errors = drukte(*words)
        assert code == 4
        assert f"process {child.pid}" in errors
    with other_process(tmp_path / "w", 0.5):
        assert drukte(*words, "--wait", 60)[0] == 0
    with lock.hold(tmp_path / "w"):
        pass  # it let go


def test_situations_list(drukte: Drukte, filled: Filled) -> None:
    code, said, _ = drukte("situations", "list", "--workspace", filled[1])
    assert code == 0
    assert "overcrowded area" in said
    assert "p/m²" in said
    assert "te druk gebied" in drukte("situations", "list", "--workspace", filled[1], "--lang", "nl")[1]
    rows = found(drukte("situations", "list", "--workspace", filled[1], "--json")[1])
    assert {r["place"] for r in rows} == {"alley"}
    assert found(drukte("situations", "list", "--workspace", filled[1], "--json", "--state", "closed")[1]) == []
    assert "nothing found" in drukte("situations", "list", "--workspace", filled[1], "--municipality", "elsewhere")[1]


def test_status_tells_freshness_and_turns_stale(drukte: Drukte, filled: Filled) -> None:
    code, said, _ = drukte("status", "--workspace", filled[1], "--at", (UNTIL + timedelta(minutes=1)).isoformat())
    assert code == 0
    assert "6 min old" in said
    assert "overcrowded area" in said
    assert "Disk:" in said
    later = found(drukte("status", "--workspace", filled[1], "--json", "--at", (UNTIL + timedelta(days=30)).isoformat())[1])
    assert {s["source"]: s["known_until"] for s in later["sources"]} == {"zones": None, "gates": None}
    assert [r["verb"] for r in later["runs"]] == ["backfill"]


def test_status_names_reviews_that_are_due(drukte: Drukte, filled: Filled) -> None:
    def reviews(at: str) -> list[str]:
        return [r["what"] for r in found(drukte("status", "--workspace", filled[1], "--json", "--at", at)[1])["reviews"]]

    assert reviews("2026-06-01T03:00Z") == []
    assert reviews("2026-12-01T03:00Z") == ["purpose crowd-safety"]  # to be reviewed by 2027-01-02


def test_explain_agrees_and_leads_to_the_file(drukte: Drukte, filled: Filled) -> None:
    town, workspace = filled
    situation = found(drukte("situations", "list", "--workspace", workspace, "--json")[1])[0]["situation_id"]
    words = ["--config", town.config_folder, "--workspace", workspace]
    code, said, errors = drukte("explain", situation, *words)
    assert (code, errors) == (0, "")
    assert "zones/z_" in said
    value = ["--indicator", "density", "--place", "alley", "--time", "2026-06-01T01:50Z"]
    assert drukte("explain", *value, *words)[0] == 0
    assert drukte("explain", "no-such-situation", *words)[0] == 2
    assert drukte("explain", *words)[0] == 2
    assert drukte("explain", "--indicator", "density", *words)[0] == 2


def test_explain_exits_5_when_the_number_cannot_be_made_again(drukte: Drukte, tmp_path: Path) -> None:
    town, workspace = write_town(tmp_path), tmp_path / "w"
    words = ["--config", town.config_folder, "--workspace", workspace]
    assert drukte("backfill", *words, "--to", UNTIL.isoformat())[0] == 0
    import duckdb

    con = duckdb.connect(str(workspace / "published" / "indicators.duckdb"))
    con.execute("UPDATE hot_indicator_values SET value = value + 1 WHERE place = 'alley'")
    con.close()
    value = ["--indicator", "density", "--place", "alley", "--time", "2026-06-01T01:50Z"]
    assert drukte("explain", *value, *words)[0] == 5


def test_board_is_written_where_asked(drukte: Drukte, filled: Filled, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "board.html"
    code, said, _ = drukte("board", "--workspace", filled[1], "--out", out, "--at", UNTIL.isoformat())
    assert code == 0
    assert str(out) in said
    assert "Alley" in out.read_text(encoding="utf-8")
    assert drukte("board", "--workspace", filled[1], "--municipality", "elsewhere", "--at", UNTIL.isoformat())[0] == 2


def test_config_check_finds_a_mistake_with_file_and_line(drukte: Drukte, tmp_path: Path) -> None:
    town = write_town(tmp_path)
    code, said, _ = drukte("config", "check", "--config", town.config_folder)
    assert code == 0
    assert said.splitlines()[0] == "sound"
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("timezone:", "timzone:"))
    code, said, _ = drukte("config", "check", "--config", town.config_folder)
    assert code == 2
    assert "config/municipalities/tiny.yaml:" in said
    assert "Did you mean `timezone`?" in said
    code, said, errors = drukte("backfill", "--config", town.config_folder, "--workspace", tmp_path / "w")
    assert (code, said) == (2, "")
    assert "tiny.yaml:" in errors


def test_config_show_names_layer_file_and_line(drukte: Drukte, filled: Filled) -> None:
    words = ["config", "show", "--config", filled[0].config_folder]
    code, said, _ = drukte(*words, "--place", "square", "--indicator", "density", "--at", UNTIL.isoformat())
    assert code == 0
    assert "= band elevated: enter 2.5" in said
    assert "card: indicators/catalogue/density.yaml:" in said
    code, _, errors = drukte(*words, "--place", "squar")
    assert code == 2
    assert "square" in errors


def test_indicators(drukte: Drukte, filled: Filled, tmp_path: Path) -> None:
    assert "specific_flow" in drukte("indicators", "list")[1]
    assert "m²" in drukte("indicators", "show", "density", "--lang", "nl")[1]
    code, _, errors = drukte("indicators", "show", "densty")
    assert code == 2
    assert "density" in errors
    code, said, _ = drukte("indicators", "test", "density")
    assert code == 0
    assert "examples hold" in said


def test_kpis_stand_beside_the_indicators(drukte: Drukte) -> None:
    listed = drukte("indicators", "list")[1]
    assert "density" in listed and "false_alarm_ratio" in listed and "kpi (output)" in listed
    assert "Wilson" in drukte("indicators", "show", "false_alarm_ratio", "--lang", "nl")[1]
    code, said, _ = drukte("indicators", "test", "lead_time")
    assert code == 0 and said.startswith("lead_time: ") and "examples hold" in said


def test_indicators_test_exits_5_for_an_example_that_does_not_hold(drukte: Drukte, tmp_path: Path) -> None:
    house = Path(__file__).resolve().parents[2] / "indicators" / "catalogue" / "density.yaml"
    own = tmp_path / "indicators"
    own.mkdir()
    text = house.read_text(encoding="utf-8").replace("id: density", "id: tiny.density", 1)
    formula = "present / nullif(usable_area, 0)"
    assert formula in text
    (own / "tiny.density.yaml").write_text(text.replace(formula, "2 * present / nullif(usable_area, 0)", 1), encoding="utf-8")
    code, said, _ = drukte("indicators", "test", "tiny.density", "--config", tmp_path)
    assert code == 5
    assert "expected" in said
    assert "tiny.density: not touched by an example: moving elevated: no example with value" in said


def test_reading_verbs_need_no_lock(drukte: Drukte, filled: Filled) -> None:
    with other_process(filled[1], 60):
        assert drukte("status", "--workspace", filled[1])[0] == 0
        assert drukte("situations", "list", "--workspace", filled[1])[0] == 0
    con = published.connect(filled[1] / "published" / "indicators.duckdb")
    assert con.execute("SELECT count(*) FROM situations").fetchone()
    con.close()


@pytest.mark.parametrize("verb", ["run", "backfill", "serve"])
def test_a_config_without_municipalities_is_a_usage_error(drukte: Drukte, tmp_path: Path, verb: str) -> None:
    code, _, errors = drukte(verb, "--config", tmp_path, "--workspace", tmp_path / "w")
    assert code == 2
    assert "--config" in errors
