"""A whole configuration: read, put in order, and checked against itself without any card."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import config as configs
from schemas import geojson
from schemas.problems import Problem, Problems
from tests.schemas import a_config

TOWN = "config/municipalities/town.yaml"
GATES = "config/sources/gates.yaml"
PLACES = "config/municipalities/town/places.geojson"


def _mistakes(config: Path) -> list[Problem]:
    with pytest.raises(Problems) as caught:
        configs.load(config, "town")
    return caught.value.problems


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_sound_configuration_is_read_with_everything_it_names(tmp_path: Path) -> None:
    config = configs.load(a_config.write(tmp_path), "town")
    assert config.file == TOWN
    assert list(config.sources) == ["zones", "gates"]
    assert list(config.purposes) == ["crowd-safety"]
    assert config.place_ids == ("square", "alley", "gate")
    assert config.k == 15
    assert config.tz.key == "Europe/Amsterdam"
    assert config.source_documents["gates"].file == GATES
    assert [(p.file, p.line) for p in config.places] == [(PLACES, 2), (PLACES, 3), (PLACES, 4)]


def test_the_data_folder_is_seen_from_the_municipality_file_unless_an_option_says_otherwise(tmp_path: Path) -> None:
    config_dir = a_config.write(
        tmp_path, {"municipalities/town.yaml": [("interval: 15min", "interval: 15min\ndata: ../../data")]}
    )
    assert configs.load(config_dir, "town").data == (tmp_path / "data").resolve()
    assert configs.load(config_dir, "town", tmp_path / "elsewhere").data == (tmp_path / "elsewhere").resolve()


def test_a_config_folder_of_another_name_is_shown_by_that_name(tmp_path: Path) -> None:
    moved = a_config.write(tmp_path).rename(tmp_path / "instellingen")
    assert configs.load(moved, "town").file == "instellingen/municipalities/town.yaml"
    assert configs.municipalities(moved) == ["town"]


def test_rule_02_a_later_period_replaces_the_earlier_one_from_its_valid_from(tmp_path: Path) -> None:
    later = {
        **a_config.PLACES[0],
        "usable_area": 700,
        "valid_from": "2026-04-01T00:00+02:00",
        "valid_to": "2026-10-01T00:00+02:00",
    }
    config = configs.load(a_config.write(tmp_path, places=[later, *a_config.PLACES]), "town")
    first, second = config.rows_of("square")
    assert (first.place.usable_area, first.until) == (1000, _at("2026-04-01T00:00+02:00"))
    assert (second.place.usable_area, second.until) == (700, _at("2026-10-01T00:00+02:00"))

    def areas(at: str) -> list[float | None]:
        return [r.place.usable_area for r in config.places_at(_at(at)) if r.place.place == "square"]

    assert areas("2025-12-31T23:59+01:00") == []
    assert areas("2026-03-31T23:59+02:00") == [1000]
    assert areas("2026-04-01T00:00+02:00") == [700]
    assert areas("2026-10-01T00:00+02:00") == []
    assert config.rows_of("nowhere") == ()


def test_rule_20_an_event_applies_to_intervals_that_start_in_its_half_open_span(tmp_path: Path) -> None:
    config = configs.load(a_config.write(tmp_path), "town")

    def events(place: str, at: str) -> list[str]:
        return [e.event for e in config.events_at(place, _at(at))]

    assert events("square", "2026-06-20T15:45+02:00") == []
    assert events("square", "2026-06-20T16:00+02:00") == ["fair"]
    assert events("square", "2026-06-20T23:45+02:00") == ["fair"]
    assert events("square", "2026-06-21T00:00+02:00") == []
    assert events("alley", "2026-06-20T16:00+02:00") == []


FAIR = "  - event: fair\n"
SECOND_FAIR = """\
  - event: fair
    name: {nl: a, en: a}
    class: A
    from: 2026-07-01T16:00+02:00
    to: 2026-07-01T18:00+02:00
    places: {square: {}}
"""
# (what is changed in which file, the file it is told of, text on the line told, key, part of what, part of the fix)
CASES: dict[str, tuple[dict[str, list[tuple[str, str]]], str, str, str, str, str]] = {
    "another name than the file": (
        {"municipalities/town.yaml": [("municipality: town", "municipality: towm")]},
        TOWN, "municipality:", "municipality", "`towm` is not the name of this file", "Write `town`"),
    "source of another name than its file": (
        {"sources/gates.yaml": [("source: gates", "source: gats")]},
        GATES, "source:", "source", "not the name of this file", "Write `gates`"),
    "purpose of another name than its file": (
        {"purposes/crowd-safety.yaml": [("purpose: crowd-safety", "purpose: crowd")]},
        "config/purposes/crowd-safety.yaml", "purpose:", "purpose", "not the name of this file", "Write `crowd-safety`"),
    "unknown source": (
        {"municipalities/town.yaml": [("[zones, gates]", "[zones, gate]")]},
        TOWN, "sources:", "sources.1", "there is no source `gate`", "Did you mean `gates`?"),
    "unknown purpose": (
        {"municipalities/town.yaml": [("- purpose: crowd-safety", "- purpose: crowd-savety")]},
        TOWN, "- purpose:", "purposes.0.purpose", "there is no purpose `crowd-savety`", "Did you mean `crowd-safety`?"),
    "undeclared role": (
        {"municipalities/town.yaml": [("    owner: crowd-manager\n    decided_on", "    owner: crowd-manger\n    decided_on")]},
        TOWN, "crowd-manger", "thresholds.0.owner", "role `crowd-manger` is not declared", "Did you mean `crowd-manager`?"),
    "unknown place in a threshold": (
        {"municipalities/town.yaml": [("    place: square", "    place: sqare")]},
        TOWN, "sqare", "thresholds.0.place", "there is no place `sqare`", "Did you mean `square`?"),
    "unknown place in an event": (
        {"municipalities/town.yaml": [("      square: {usable", "      suqare: {usable")]},
        TOWN, "suqare", "events.0.places.suqare", "there is no place `suqare`", "Did you mean `square`?"),
    "unknown place in a flag": (
        {"municipalities/town.yaml": [("places: [gate]", "places: [gat]")]},
        TOWN, "[gat]", "flags.0.places.0", "there is no place `gat`", "Did you mean `gate`?"),
    "unknown source in a flag": (
        {"municipalities/town.yaml": [("- source: gates", "- source: gats")]},
        TOWN, "- source: gats", "flags.0.source", "`gats` is not one of this municipality's sources", "Did you mean `gates`?"),
    "flag that ends before it begins": (
        {"municipalities/town.yaml": [("to: 2026-05-02T00:00", "to: 2026-04-30T00:00")]},
        TOWN, "2026-04-30", "flags.0.to", "not after `from`", "ends after it begins"),
    "unknown place type": (
        {"municipalities/town.yaml": [("    place: square", "    place_type: standin")]},
        TOWN, "standin", "thresholds.0.place_type", "no place has place_type `standin`", "Did you mean `standing`?"),
    "unknown event": (
        {"municipalities/town.yaml": [("    place: square", "    event: fare")]},
        TOWN, "event: fare", "thresholds.0.event", "there is no event `fare`", "Did you mean `fair`?"),
    "event that is not at the place": (
        {"municipalities/town.yaml": [("    place: square", "    event: fair\n    place: alley")]},
        TOWN, "place: alley", "thresholds.0.place", "not at place `alley`", "Add the place to the event. Known here: square."),
    "same event twice": (
        {"municipalities/town.yaml": [("thresholds:\n", SECOND_FAIR + "thresholds:\n")]},
        TOWN, "  - event: fair", "events.1", "`fair` stands twice", "Keep one"),
    "event inside an interval": (
        {"municipalities/town.yaml": [("from: 2026-06-20T16:00", "from: 2026-06-20T16:05")]},
        TOWN, "16:05", "events.0.from", "lies inside an interval of 15min", "whole multiple of 15min"),
    "event at a place of another time": (
        {"municipalities/town.yaml": [("2026-06-20T16", "2025-06-20T16"), ("2026-06-21T00", "2025-06-21T00")]},
        TOWN, "square: {usable", "events.0.places.square", "does not exist during the event", "Correct the event"),
    "interval that does not divide an hour": (
        {"municipalities/town.yaml": [("interval: 15min", "interval: 25min")]},
        TOWN, "interval:", "interval", "25min does not divide an hour", "5min, 15min or 60min"),
    "source that is finer than a minute": (
        {"sources/gates.yaml": [("interval: 15min", "interval: 30s")]},
        GATES, "interval:", "interval", "30s is not a whole number of minutes", "aggregate_to"),
    "k below the floor": (
        {"municipalities/town.yaml": [("    k: 15", "    k: 9")]},
        TOWN, "k: 9", "purposes.0.k", "k 9 lies below the floor of purpose `crowd-safety`, 10", "Write 10 or more"),
    "source that maps to an unknown place": (
        {"sources/gates.yaml": [("G: gate", "G: gaet")]},
        GATES, "G: gaet", "place.map.G", "there is no place `gaet`", "Did you mean `gate`?"),
    "language without texts": (
        {"municipalities/town.yaml": [("holidays: NL", "holidays: NL\nlanguages: [nl, fr]")]},
        TOWN, "languages:", "languages.1", "no texts in `fr`", "nl and en"),
    "selector that selects nothing": (
        {"municipalities/town.yaml": [("    place: square", "    place: square\n    when: {}")]},
        TOWN, "when:", "thresholds.0.when", "selects nothing", "Name time"),
    "hour that does not exist": (
        {"municipalities/town.yaml": [("    place: square", '    place: square\n    when: {time: "22:00-25:00"}')]},
        TOWN, "when:", "thresholds.0.when.time", "not a stretch of the clock", "18:00-23:00"),
    "month that does not exist": (
        {"municipalities/town.yaml": [("    place: square", "    place: square\n    when: {months: [6, 13]}")]},
        TOWN, "when:", "thresholds.0.when.months.1", "`13` is not a month", "1 to 12"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.replace(" ", "-"))
def test_a_broken_reference_is_told_with_file_line_key_and_fix(case: str, tmp_path: Path) -> None:
    changes, file, marker, key, what, fix = CASES[case]
    config = a_config.write(tmp_path, changes)
    (problem,) = [p for p in _mistakes(config) if p.key == key]
    assert problem.file == file
    expected = a_config.line_of(config, file, marker)
    if case == "same event twice":  # the second of the two lines
        expected = [n for n, line in enumerate((tmp_path / file).read_text().splitlines(), 1) if line == marker][1]
    assert problem.line == expected
    assert what in problem.what
    assert fix in problem.fix
    assert str(problem).startswith(f"{file}:{expected}: {key}: ")


@pytest.mark.parametrize("good", ["22:00-24:00", "22:00-04:00", "00:00-06:30"])
def test_a_selector_may_end_at_midnight_or_after(good: str, tmp_path: Path) -> None:
    changes = [("    place: square", f'    place: square\n    when: {{time: "{good}"}}')]
    town = configs.load(a_config.write(tmp_path, {"municipalities/town.yaml": changes}), "town").municipality
    assert good in {own.when.time for own in town.thresholds if own.when}


def test_mistakes_in_several_files_are_told_at_once(tmp_path: Path) -> None:
    config = a_config.write(tmp_path, {
        "municipalities/town.yaml": [("timezone: Europe/Amsterdam", "timezone: Europe/Amsterdm"), ("k: 15", "kk: 15")],
        "sources/gates.yaml": [("delay: 5min", "delay: soon")],
        "purposes/crowd-safety.yaml": [("k_floor: 10", "k_floor: many")],
        "municipalities/town/places.geojson": [('"usable_area": 500', '"usable_area": -5')],
    })  # fmt: skip
    found = {(p.file.rsplit("/", 1)[1], p.key) for p in _mistakes(config)}
    assert found == {
        ("town.yaml", "timezone"), ("town.yaml", "purposes.0.kk"), ("gates.yaml", "delay"),
        ("crowd-safety.yaml", "k_floor"), ("places.geojson", "features.1.properties.usable_area"),
    }  # fmt: skip


def test_an_unknown_municipality_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        configs.load(a_config.write(tmp_path), "twon")
    assert "Did you mean `town`?" in str(caught.value)


def _changed(**values: Any) -> list[dict[str, Any]]:
    """The places of the example, the first one (line 2) with other properties; None takes one away."""
    first = {k: v for k, v in {**a_config.PLACES[0], **values}.items() if v is not None}
    return [first, *a_config.PLACES[1:]]


_GATE_AS_ZONE = {"place": "gate", "kind": "zone", "name": "G", "place_type": "moving", "valid_from": "2026-02-01T00:00Z"}
_TO_A_LINE = [*a_config.PLACES[:2], {**a_config.PLACES[2], "to_zone": "gate"}]


@pytest.mark.parametrize(
    ("places", "expected", "what", "fix"),
    [
        (_changed(place_type=None), (2, "properties"), "a zone without place_type", "`moving` or `standing`"),
        (_changed(place="Town Square"), (2, "properties.place"), "is not a slug", "a-z"),
        (_changed(usable_aera=3), (2, "properties.usable_aera"), "unknown key", "Did you mean `usable_area`?"),
        (_changed(valid_from="2026-01-01T00:00"), (2, "properties.valid_from"), "has no offset", "Add it: 2026-01-01T00:00"),
        (_changed(neighbours=["ally"]), (2, "properties.neighbours.0"), "no place `ally`", "Did you mean `alley`?"),
        (_TO_A_LINE, (4, "properties.to_zone"), "there is no zone `gate`", "Known here: alley"),
        ([*a_config.PLACES, a_config.PLACES[1]], (5, "place"), "same valid_from (also on line 3)", "Rename one"),
        ([*a_config.PLACES, _GATE_AS_ZONE], (5, "kind"), "is a line before (line 4) and a zone now", "a slug of its own"),
    ],
)
def test_rule_02_a_wrong_place_is_told_with_its_line(
    places: list[dict[str, Any]], expected: tuple[int, str], what: str, fix: str, tmp_path: Path
) -> None:
    (problem,) = _mistakes(a_config.write(tmp_path, places=places))
    assert (problem.file, problem.line) == (PLACES, expected[0])
    assert problem.key.endswith(expected[1])
    assert what in problem.what
    assert fix in problem.fix


FEATURE = (
    '{"type": "Feature", "geometry": %s, "properties":'
    ' {"place": "a", "kind": "line", "name": "A", "valid_from": "2026-01-01T00:00Z"}}'
)
COLLECTION = '{"type": "FeatureCollection", "features": [\n%s\n]}'


@pytest.mark.parametrize(
    ("text", "line", "what", "fix"),
    [
        (COLLECTION % '{"type": "Feature",}', 2, "not readable as JSON", "Check commas"),
        (
            COLLECTION % (FEATURE % '{"type": "Point", "coordinates": [121000.0, 487000.0]}'),
            2,
            "not a longitude and latitude",
            "EPSG:4326",
        ),
        (COLLECTION % (FEATURE % '{"type": "Point"}'), 2, "a geometry without coordinates", "or write null"),
        (
            COLLECTION % (FEATURE % "null").replace('"name": "A"', '"name": "A",\n\t"name": "B"'),
            3,
            "this key stands twice",
            "Keep one",
        ),
        ("[]", 1, "expected keys and values", "Start with"),
    ],
)
def test_a_broken_geojson_file_is_told_with_its_line(text: str, line: int, what: str, fix: str, tmp_path: Path) -> None:
    (tmp_path / "p.geojson").write_text(text)
    with pytest.raises(Problems) as caught:
        geojson.read(tmp_path / "p.geojson", "p.geojson")
    (problem,) = caught.value.problems
    assert problem.line == line
    assert what in problem.what
    assert fix in problem.fix


def test_lines_are_found_however_the_json_is_laid_out(tmp_path: Path) -> None:
    features = [json.loads(FEATURE % "null") for _ in range(3)]
    for number, feature in enumerate(features):
        feature["properties"] |= {"place": f"p{number}", "name": 'a "place": inside'}
    for indent in (None, 1, 4):
        text = json.dumps({"type": "FeatureCollection", "features": features}, indent=indent)
        (tmp_path / "p.geojson").write_text(text.replace('"place": "p1"', '"pl\\u0061ce": "p1"'))
        places, lines = geojson.read(tmp_path / "p.geojson", "p.geojson")
        assert [f.properties.place for f in places.features] == ["p0", "p1", "p2"]
        wanted = [n for n, line in enumerate(text.splitlines(), 1) for _ in range(line.count('"place": "p'))]
        assert lines == wanted
