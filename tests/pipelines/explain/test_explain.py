"""Explain leads back to file and row, fills in the formula, shows the way through for and keep_for, and computes it all again."""

import shutil
from datetime import timedelta

import pytest

from indicators.card import catalogue
from pipelines.explain import NotFound, explain_situation, explain_value
from pipelines.explain.text import lines
from pipelines.store import Store
from tests.pipelines.explain.conftest import WHIT_MONDAY, World
from tests.town import START, STEP, Town


def in_words(found, world, lang="en"):
    return "\n".join(lines(found, world.town.config, lang))


def test_a_situation_leads_back_to_file_row_formula_and_threshold_line(evening):
    found = evening.situation("overcrowding", "square")
    assert found.agrees
    assert found.recomputed["value"] == found.value["value"] == 3.1
    assert found.value["level"] == "high"
    band = found.settings["bands"]["high"]
    assert (band["enter"], band["layer"]) == (3.0, "event")
    assert '"enter": 3.0' in (evening.town.folder / band["file"]).read_text().splitlines()[band["line"] - 1]
    (row,) = found.rows
    assert (row.value, row.status, row.file_check) == ("3100", "ok", "file_same")
    text = (evening.town.data / row.delivery).read_text().splitlines()[row.file_row - 1]
    assert text.endswith("square,3100"), "row numbers are line numbers of the file"
    assert f"{band['file']}:{band['line']}" in in_words(found, evening)


def test_the_formula_stands_in_names_and_in_numbers_with_every_step_between(evening, spring):
    (line, cap) = evening.situation("overcrowding", "square").formula
    assert (line.text, line.filled, line.result) == ("present / nullif(usable_area, 0)", "3100 / nullif(1000, 0)", "3.1")
    assert (cap.role, cap.holds) == ("cap", False)
    steps = {line.name: line for line in spring.value("unusualness", "square", WHIT_MONDAY).formula if line.role == "let"}
    assert list(steps) == ["expected", "excess", "spread"]
    g, median = (float(x) for x in steps["expected"].filled.split(" * "))
    assert float(steps["expected"].result) == pytest.approx(g * median, abs=1e-3)
    assert float(steps["excess"].result) == pytest.approx(950 - g * median, abs=1e-3)


def test_the_chain_shows_every_layer_with_owner_and_reason(evening):
    found = evening.situation("overcrowding", "square")
    high = [(c["layer"], c["won"], c["owner"]) for c in found.chain if (c["what"], c["name"]) == ("band", "high")]
    assert high == [("card", False, None), ("event", True, "crowd-manager")]
    area = [(c["layer"], c["value"], c["won"]) for c in found.chain if c["name"] == "usable_area"]
    assert area == [("place", 1000.0, False), ("event", 1000.0, True)]
    assert "tried at the last edition" in in_words(found, evening)


def test_for_not_reached_yet_is_counted_in_minutes_and_a_gap_counts_nothing(evening):
    found = evening.value("density", "square", START + 3 * STEP)
    assert (found.value["level"], found.held.held) == ("high", "elevated")
    assert (found.held.bands["high"].counted, found.held.bands["high"].needed) == (15, 30)
    assert "Held level after it: elevated (high 15 of 30 min)." in in_words(found, evening)
    way = [
        (s.level, s.held, s.bands["high"].counted, s.bands["high"].on)
        for s in evening.situation("overcrowding", "square").paths["density"]
    ]
    assert way[2:7] == [("elevated", "elevated", 0, False), ("high", "elevated", 15, False), ("unknown", "elevated", 15, False),
                        ("high", "high", 0, True), ("high", "high", 0, True)]  # fmt: skip
    assert "does not count (data are missing)" in in_words(found, evening)


def test_a_missing_value_says_why_and_what_did_not_come(evening):
    found = evening.value("density", "square", START + 4 * STEP)
    assert (found.value["status"], found.value["level"], found.value["coverage"]) == ("missing", "unknown", 0)
    assert [(r.status, r.file_check) for r in found.rows] == [("missing", "no_row")]
    assert found.formula[0].result is None
    said = in_words(found, evening)
    assert "No: data are missing. The level is unknown, not normal." in said
    assert "present: 0 of 1 rows known, 1 missing" in said


def test_revisions_are_told_of_the_value_its_observations_and_its_situation(evening):
    found = evening.situation("overcrowding", "square")
    assert [(v["value"], v["superseded_at"] is None) for v in found.revisions["value"]] == [(3.0, False), (3.1, True)]
    (earlier,) = found.revisions["observations"]
    assert (earlier["value"], earlier["lost"]) == ("3000", False)
    states = [(v["state"], v["level"]) for v in found.revisions["situation"]]
    assert states[0] == ("open", "high") and states[-1] == ("closed", "normal")
    assert found.situation["signalled_at"] == START + 6 * STEP + timedelta(minutes=10)


def test_rule_10_a_revision_that_was_issued_earlier_is_told_as_never_counted(tmp_path):
    town = Town(tmp_path)
    town.zones(START + 3 * STEP, [(START, "square", 900)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 4 * STEP)
        town.zones(START + 2 * STEP, [(START, "square", 700)], name="older")
        town.tick(store, START + 5 * STEP)
    found = World(town, tmp_path / "w" / "published" / "indicators.duckdb").value("density", "square", START)
    assert (found.value["value"], found.agrees) == (0.9, True)
    assert [(v["value"], v["lost"]) for v in found.revisions["observations"]] == [("700", True)]


def test_rule_18_a_holiday_shows_both_baselines_and_which_one_counted(spring):
    found = spring.value("unusualness", "square", WHIT_MONDAY)
    assert found.agrees
    kinds = {row["day_type"]: row for row in found.baseline}
    assert {name: row["used"] for name, row in kinds.items()} == {"weekday": False, "sunday": True}
    assert kinds["sunday"]["median"] > kinds["weekday"]["median"]
    assert f"* {kinds['sunday']['median']:g}" in found.formula[0].filled, (
        "the numbers in the formula are those of the baseline used"
    )
    assert all(row["is_holiday"] and not row["factor_at_clip"] for row in found.baseline)
    figures = {c.name for c in found.checks if c.what == "baseline"}
    assert {"sunday median", "weekday p95", "sunday level_factor"} <= figures
    assert "A holiday" in in_words(found, spring)
    noon = spring.value("unusualness", "square", WHIT_MONDAY + 8 * STEP)
    kinds = {row["day_type"]: row for row in noon.baseline}
    assert {name: row["used"] for name, row in kinds.items()} == {"weekday": True, "sunday": False}
    assert f"* {kinds['weekday']['median']:g}" in noon.formula[0].filled
    assert noon.agrees


def test_a_level_factor_at_its_clip_is_said(tmp_path):
    """Eight quiet Mondays, and a town that has since become twice as busy on all days: g stands at 1.25."""
    town, monday = Town(tmp_path, only="unusualness"), START
    rows = [(monday - timedelta(days=d) + i * STEP, "square", 400 if d > 9 else 800) for d in range(1, 64) for i in range(-2, 3)]
    town.zones(START + 2 * STEP, [*rows, *((START + i * STEP, "square", 800) for i in range(-2, 2))])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 3 * STEP, verb="backfill")
    world = World(town, tmp_path / "w" / "published" / "indicators.duckdb")
    found = world.value("unusualness", "square", START)
    assert [(r["level_factor"], r["factor_at_clip"]) for r in found.baseline] == [(1.25, True)]
    assert "at its limit: the baseline is behind" in in_words(found, world)
    assert found.agrees


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory):
    """Stewards (rank 2) count the square beside the cameras (rank 1), which miss the second quarter."""
    folder = tmp_path_factory.mktemp("two")
    town = Town(folder)
    zones, tiny = town.config_folder / "sources" / "zones.yaml", town.config_folder / "municipalities" / "tiny.yaml"
    text = (
        zones.read_text()
        .replace("source: zones", "source: stewards")
        .replace("zones/*.csv", "stewards/*.csv")
        .replace("rank: 1", "rank: 2")
    )
    zones.with_name("stewards.yaml").write_text(text)
    tiny.write_text(tiny.read_text().replace("sources: [zones, gates]", "sources: [zones, stewards, gates]"))
    town.zones(START + 3 * STEP, [(START, "square", 700), (START + 2 * STEP, "square", 720)])
    (town.data / "stewards").mkdir()
    shutil.copy(next((town.data / "zones").iterdir()), town.data / "stewards" / "s_20260601T0045.csv")
    file = town.data / "stewards" / "s_20260601T0045.csv"
    file.write_text("time,place,present\n" + "".join(f"{START + i * STEP:%Y-%m-%dT%H:%M},square,{650 + i}\n" for i in range(3)))
    with Store(folder / "w") as store:
        town.tick(store, START + 3 * STEP + timedelta(minutes=10))
    return World(town, folder / "w" / "published" / "indicators.duckdb")


def test_rule_09_the_source_that_counted_is_named_with_the_others_and_why(two_sources):
    first = two_sources.value("density", "square", START)
    (present,) = first.inputs
    assert [(c.source, c.rank, c.status, c.counted) for c in present.candidates] == [
        ("zones", 1, "ok", True),
        ("stewards", 2, "ok", False),
    ]
    assert present.why == "first_choice"
    second = two_sources.value("density", "square", START + STEP)
    (present,) = second.inputs
    assert [(c.source, c.status, c.counted) for c in present.candidates] == [
        ("zones", "missing", False),
        ("stewards", "ok", True),
    ]
    assert (present.why, present.shown) == ("others_lack", "651")
    assert second.confidence["inputs"]["present"]["source"] == pytest.approx(0.8)
    assert [(r.source, r.value) for r in second.rows] == [("stewards", "651")]
    assert first.agrees and second.agrees


def test_a_refused_row_is_found_in_its_file_with_the_check_that_refused_it(tmp_path):
    town = Town(tmp_path)
    town.gates(START + 2 * STEP, [(START, "many", 40), (START + STEP, 30, 40)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 3 * STEP)
    world = World(town, tmp_path / "w" / "published" / "indicators.duckdb")
    found = world.value("specific_flow", "gate", START)
    assert {(r.status, r.file_row, r.file_check) for r in found.rows} >= {("invalid", 2, "row_refused")}
    assert "refused (not_a_number)" in in_words(found, world)


def test_an_outage_leads_to_the_register_that_declared_it(tmp_path):
    flag = {"source": "gates", "places": ["gate"], "from": "2026-06-01T00:15:00Z", "to": "2026-06-01T00:30:00Z", "effect": ["outage"],
            "reason": "counter being mended", "owner": "data-officer"}  # fmt: skip
    town = Town(tmp_path, flags=[flag])
    town.gates(START + 3 * STEP, [(START, 30, 40), (START + 2 * STEP, 30, 40)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 4 * STEP)
    world = World(town, tmp_path / "w" / "published" / "indicators.duckdb")
    found = world.value("specific_flow", "gate", START + STEP)
    assert found.value["status"] == "outage"
    assert {(r.file_check, r.file_says) for r in found.rows} == {("outage_flag", "counter being mended")}
    assert "config/municipalities/tiny.yaml:" in in_words(found, world)


def test_rule_03_part_of_an_interval_is_no_total(tmp_path):
    """An hour of which two quarters are known: no value, and no number for the input in the formula."""
    town = Town(tmp_path)
    tiny = town.config_folder / "municipalities" / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace("interval: 15min", "interval: 60min"))
    town.gates(START + 4 * STEP, [(START, 311, 400), (START + STEP, 302, 400), (START + 4 * STEP, 300, 400)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 6 * STEP)
    world = World(town, tmp_path / "w" / "published" / "indicators.duckdb")
    found = world.value("specific_flow", "gate", START)
    assert (found.value["reason"], found.value["coverage"], found.agrees) == ("coverage", 0.5, True)
    assert (found.formula[0].filled, found.formula[0].result) == ("? / nullif(4 * 60, 0)", None)
    said = in_words(found, world)
    assert "passages = not enough of the interval known" in said and "passages: 4 of 8 rows known, 4 missing" in said
    assert "1413" not in said


def test_a_value_says_when_the_settings_of_today_are_others_than_those_it_was_judged_by(evening, tmp_path):
    shutil.copytree(evening.town.config_folder, tmp_path / "config")
    tiny = tmp_path / "config" / "municipalities" / "tiny.yaml"
    tiny.write_text(tiny.read_text().replace('"enter": 3.0', '"enter": 3.2'))
    from schemas.config import load

    config = load(tmp_path / "config", "tiny", evening.town.data)
    found = explain_value(evening.published, config, catalogue(), "density", "square", START + 3 * STEP)
    assert found.agrees and not found.same_config
    assert found.settings["bands"]["high"]["enter"] == 3.0
    said = "\n".join(lines(found, config, "en"))
    assert "Today's configuration would judge this interval by other settings" in said and "then: event" in said


def test_a_value_of_an_earlier_definition_is_computed_by_that_definition(evening):
    card = catalogue()["density"]
    newer = card.model_copy(update={"formula": "2 * present / nullif(usable_area, 0)", "version": 2})
    found = explain_value(evening.published, evening.town.config, {**catalogue(), "density": newer}, "density", "square", START)
    assert found.agrees and found.notes == ["earlier_definition"]
    assert found.formula[0].text == card.formula


@pytest.mark.parametrize(("change", "check"), [("append", "file_changed"), ("unlink", "file_gone")])
def test_a_file_changed_or_gone_is_said(evening, tmp_path, change, check):
    shutil.copytree(evening.town.data, tmp_path / "data")
    file = tmp_path / "data" / "zones" / "z_20260601T0130.csv"
    file.unlink() if change == "unlink" else file.write_text(file.read_text() + "\n")
    from schemas.config import load

    config = load(evening.town.config_folder, "tiny", tmp_path / "data")
    found = explain_value(evening.published, config, catalogue(), "density", "square", START)
    assert [r.file_check for r in found.rows] == [check]
    assert found.agrees, "the published file still agrees with itself"


def test_what_is_not_there_is_said_with_where_to_look(evening):
    with pytest.raises(NotFound, match="situations list"):
        explain_situation(evening.published, evening.town.config, catalogue(), "nothing")
    with pytest.raises(NotFound, match="no value of `density`"):
        evening.value("density", "gate", START)


def test_every_kind_of_value_of_the_evening_can_be_explained_in_both_languages(evening):
    for indicator, place, slots in (("density", "square", (0, 4, 8)), ("occupancy", "square", (3, 10)), ("unusualness", "square", (1, 4)),
                                    ("specific_flow", "gate", (1, 2))):  # fmt: skip
        for i in slots:
            found = evening.value(indicator, place, START + i * STEP)
            assert found.agrees
            assert all("{" not in in_words(found, evening, lang) for lang in ("nl", "en"))
