"""What is in force, and from when to when (rules 20 and 21)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from indicators.in_force import segments
from schemas.config import Config
from tests.indicators.a_town import BASE, END, FAIR, NOON, SECOND, START, TOWN, at, card, edges, settings, threshold, town
from tests.schemas import a_config


def test_rule_20_without_own_thresholds_the_card_decides_by_place_type(tmp_path: Path) -> None:
    config = town(tmp_path)
    assert edges(config, NOON) == {"elevated": 2.5, "high": 3.5}
    assert edges(config, NOON, "alley") == {"elevated": 1.0, "high": 2.0}
    band = settings(config, NOON).bands["elevated"]
    assert (band.exit, band.for_minutes, band.keep_for_minutes) == (2.25, 10, 15)  # exit margin 0.9
    assert (band.layer, band.file, band.owner, band.reason) == ("card", "indicators/catalogue/density.yaml", "data-lead", None)


def test_rule_20_each_layer_replaces_whole_bands_of_the_one_below(tmp_path: Path) -> None:
    layered = (
        threshold("elevated: {enter: 2.4, exit: 2.0, for: 1min, keep_for: 2min}, high: {enter: 3.4, for: 1min, keep_for: 1min}"),
        threshold("elevated: {enter: 2.3, for: 3min, keep_for: 3min}", place_type="standing"),
        threshold("elevated: {enter: 2.1, for: 4min, keep_for: 4min}", place="square"),
        threshold("high: {enter: 3.1, for: 5min, keep_for: 5min}", event="fair"),
    )
    for count, wanted in enumerate([(2.5, 3.5), (2.4, 3.4), (2.3, 3.4), (2.1, 3.4), (2.1, 3.1)]):
        config = town(tmp_path / str(count), *layered[:count])
        assert tuple(edges(config, FAIR).values()) == wanted
    assert edges(config, NOON) == {"elevated": 2.1, "high": 3.4}  # no event
    band = settings(config, NOON).bands["elevated"]
    assert (band.exit, band.for_minutes, band.keep_for_minutes) == (1.89, 4, 4)  # nothing of the replaced band is left
    assert {b.layer for b in settings(config, FAIR).bands.values()} == {"place", "event"}


def test_rule_20_the_order_in_the_file_does_not_matter_between_layers(tmp_path: Path) -> None:
    own, general = threshold("elevated: {enter: 2.1, for: 4min, keep_for: 4min}", place="square"), threshold()
    assert edges(town(tmp_path / "a", own, general), NOON) == edges(town(tmp_path / "b", general, own), NOON)
    assert edges(town(tmp_path / "c", own, general), NOON, "alley")["elevated"] == 2.2


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ('{time: "18:00-23:00"}', None),
        ('{time: "18:00-23:00", weekdays: [sat]}', '{time: "19:00-20:00"}'),
        ('{time: "18:00-23:00"}', '{time: "12:00-24:00"}'),
        ("{weekdays: [sat]}", "{weekdays: [fri, sat]}"),
        ("{months: [6]}", "{months: [5, 6, 7]}"),
    ],
)
def test_rule_20_inside_a_layer_the_narrower_selector_wins(narrow: str, wide: str | None, tmp_path: Path) -> None:
    one = threshold("elevated: {enter: 2.2, for: 1min, keep_for: 1min}", when=narrow)
    other = threshold("elevated: {enter: 2.3, for: 1min, keep_for: 1min}", **({"when": wide} if wide else {}))
    for folder, order in (("a", (one, other)), ("b", (other, one))):
        assert edges(town(tmp_path / folder, *order), "2026-06-20T19:30+02:00")["elevated"] == 2.2


def test_rule_20_a_higher_layer_wins_from_a_narrower_selector_below(tmp_path: Path) -> None:
    config = town(
        tmp_path,
        threshold(when="{weekdays: [fri]}"),
        threshold("elevated: {enter: 2.3, for: 1min, keep_for: 1min}", place="square"),
    )
    assert edges(config, NOON)["elevated"] == 2.3


def test_rule_20_of_two_events_the_stricter_edge_counts(tmp_path: Path) -> None:
    fair, market = (
        threshold(f"elevated: {{enter: {e}, for: 1min, keep_for: 1min}}", event=n) for n, e in (("fair", 2.2), ("market", 2.3))
    )
    config = town(tmp_path, fair, market, changes=(SECOND,))
    assert edges(config, "2026-06-20T13:00+02:00")["elevated"] == 2.3  # the market alone
    assert edges(config, FAIR)["elevated"] == 2.2
    assert edges(config, "2026-06-20T21:00+02:00")["elevated"] == 2.2  # the fair alone
    downward = card(direction="down", bands={"any": {"elevated": {"enter": 3.0, "for": "1min", "keep_for": "1min"}}})
    assert edges(config, FAIR, chosen=downward)["elevated"] == 2.3
    assert settings(config, FAIR, chosen=downward).bands["elevated"].exit == round(2.3 / 0.9, 9)


def test_rule_20_inside_one_event_the_entry_for_the_place_goes_before_the_one_for_all(tmp_path: Path) -> None:
    config = town(
        tmp_path, threshold("elevated: {enter: 2.3, for: 1min, keep_for: 1min}", event="fair", place="square"),
        threshold("elevated: {enter: 2.2, for: 1min, keep_for: 1min}", event="fair"),
    )  # fmt: skip
    assert edges(config, FAIR)["elevated"] == 2.3  # although the other one is stricter: they are of one event


def test_rule_21_an_entry_holds_from_its_effective_from_and_a_later_one_replaces_it(tmp_path: Path) -> None:
    later = threshold("elevated: {enter: 2.3, for: 1min, keep_for: 1min}", effective_from="2026-06-01T00:00+02:00")
    config = town(tmp_path, later, threshold(effective_from="2026-03-01T00:00+01:00"))
    parts = segments(config, card(), "square", START, at("2026-06-19T00:00+02:00"))
    assert [(p.start, p.end, p.settings.bands["elevated"].enter) for p in parts] == [
        (START, at("2026-03-01T00:00+01:00"), 2.5),
        (at("2026-03-01T00:00+01:00"), at("2026-06-01T00:00+02:00"), 2.2),
        (at("2026-06-01T00:00+02:00"), at("2026-06-19T00:00+02:00"), 2.3),
    ]


def test_rule_02_an_event_sets_attributes_and_only_while_it_lasts(tmp_path: Path) -> None:
    config = town(tmp_path, changes=(SECOND,))
    parts = segments(config, card(), "square", at("2026-06-20T00:00+02:00"), at("2026-06-22T00:00+02:00"))
    assert [(p.start, p.settings.values["usable_area"]) for p in parts] == [
        (at("2026-06-20T00:00+02:00"), 1000),
        (at("2026-06-20T12:00+02:00"), 600),  # from 16:00 on of two events: the smallest room left
        (at("2026-06-20T20:00+02:00"), 800),
        (at("2026-06-21T00:00+02:00"), 1000),
    ]


def test_rule_03_the_interval_in_force_is_the_events_then_the_places_then_the_indicators(tmp_path: Path) -> None:
    def minutes(config: Config, moment: str, place: str) -> float:
        return settings(config, moment, place).interval.total_seconds() / 60

    plain = town(tmp_path / "a", changes=(SECOND,))
    assert [minutes(plain, NOON, "square"), minutes(plain, FAIR, "square"), minutes(plain, FAIR, "alley")] == [15, 3, 5]
    both = town(tmp_path / "d", changes=(SECOND, ("    class: B", "    class: B\n    interval: 5min")))
    assert minutes(both, FAIR, "square") == 3  # of two events the finest
    indicator = (("density: {}", "density: {interval: 30min}"),)
    own = town(tmp_path / "b", changes=indicator)
    assert [minutes(own, NOON, "square"), minutes(own, FAIR, "square")] == [30, 30]
    placed = town(tmp_path / "c", changes=(("density: {}", "density: {interval: 30min, place_intervals: {alley: 60min}}"),))
    assert [minutes(placed, NOON, "square"), minutes(placed, NOON, "alley")] == [30, 60]


def test_for_is_at_least_so_many_intervals_in_force(tmp_path: Path) -> None:
    chosen = card(bands={"any": {"elevated": {"enter": 1, "for": "20min", "for_intervals": 2, "keep_for": "5min"}}})
    config = town(tmp_path, changes=(SECOND,))
    assert settings(config, NOON, "alley", chosen).bands["elevated"].for_minutes == 30
    assert settings(config, FAIR, "alley", chosen).bands["elevated"].for_minutes == 20


def test_rule_16_where_a_card_does_not_apply_there_is_no_segment(tmp_path: Path) -> None:
    bare = {"place": "pier", "kind": "zone", "name": "Pier", "place_type": "moving"}
    config = town(tmp_path, places=[*a_config.PLACES, bare])
    assert segments(config, card(), "gate", START, END) == []  # another kind
    assert segments(config, card(), "pier", START, END) == []  # no usable_area
    assert segments(config, card(), "nowhere", START, END) == []
    moving = card(applies_to={"kinds": ["zone"], "place_types": {"zone": ["moving"]}, "attributes": ["usable_area"]})
    assert segments(config, moving, "square", START, END) == []
    assert len(segments(config, moving, "alley", START, END)) == 1


def test_an_attribute_that_only_an_event_gives_makes_a_card_apply_during_it(tmp_path: Path) -> None:
    places = [{k: v for k, v in a_config.PLACES[0].items() if k != "usable_area"}, *a_config.PLACES[1:]]
    (part,) = segments(town(tmp_path, places=places), card(), "square", START, END)
    assert (part.start, part.end) == (at("2026-06-20T16:00+02:00"), at("2026-06-21T00:00+02:00"))
    assert part.settings.values == {"usable_area": 800}


def test_rule_16_a_card_for_a_phase_has_rows_in_that_phase_only(tmp_path: Path) -> None:
    phases = (
        "    places:\n      square: {usable_area: 800}\n",
        "    phases: [{phase: show, from: 2026-06-20T16:00+02:00, to: 2026-06-20T22:00+02:00},"
        " {phase: egress, from: 2026-06-20T22:00+02:00, to: 2026-06-20T23:00+02:00}]\n    places:\n      square: {}\n",
    )
    chosen = card(applies_to={"kinds": ["zone"], "phases": ["egress"]})
    (part,) = segments(town(tmp_path, changes=(phases,)), chosen, "square", START, END)
    assert (part.start, part.end) == (at("2026-06-20T22:00+02:00"), at("2026-06-20T23:00+02:00"))


def _meaning(nl: str = "m") -> dict[str, Any]:
    return {"unit": "ratio", "min": 0, "max": 1, "meaning": {"nl": nl, "en": nl}}


def test_a_parameter_comes_from_the_layers_and_a_required_one_must_be_set(tmp_path: Path) -> None:
    chosen = card(parameters={"share": {"default": 0.2, **_meaning()}, "wanted": {"required": True, **_meaning()}})
    assert segments(town(tmp_path / "a"), chosen, "square", START, END) == []
    config = town(tmp_path / "b", threshold(params="{wanted: 0.5}", place="square"), threshold(params="{share: 0.3}"))
    assert settings(config, NOON, chosen=chosen).values == {"usable_area": 1000, "share": 0.3, "wanted": 0.5}
    assert segments(config, chosen, "alley", START, END) == []


def test_a_signal_card_without_bands_for_a_type_has_no_segment_and_a_context_card_has(tmp_path: Path) -> None:
    config = town(tmp_path)
    only_moving = {"moving": {"elevated": {"enter": 1, "for": "1min", "keep_for": "1min"}}}
    assert segments(config, card(bands=only_moving), "square", START, END) == []
    (part, *_) = segments(config, card(bands={}, role="context"), "alley", START, END)
    assert part.settings.bands == {}


def test_rule_02_a_place_has_segments_while_it_is_valid(tmp_path: Path) -> None:
    spring = {
        **a_config.PLACES[1],
        "valid_from": "2026-04-01T00:00+02:00",
        "usable_area": 400,
        "valid_to": "2026-05-01T00:00+02:00",
    }
    parts = segments(town(tmp_path, places=[*a_config.PLACES, spring]), card(), "alley", datetime(2025, 6, 1, tzinfo=UTC), END)
    assert [(p.start, p.end, p.settings.values["usable_area"]) for p in parts] == [
        (at(a_config.SINCE), at("2026-04-01T00:00+02:00"), 500),
        (at("2026-04-01T00:00+02:00"), at("2026-05-01T00:00+02:00"), 400),
    ]


def _hash(folder: Path, *thresholds: str, **options: Any) -> str:
    return settings(town(folder, *(thresholds or (BASE,)), **options), NOON).config_hash


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds": (threshold("elevated: {enter: 2.21, for: 10min, keep_for: 15min}", place="square"),)},
        {"thresholds": (threshold("elevated: {enter: 2.2, exit: 2.0, for: 10min, keep_for: 15min}", place="square"),)},
        {"thresholds": (threshold("elevated: {enter: 2.2, for: 11min, keep_for: 15min}", place="square"),)},
        {"thresholds": (threshold("elevated: {enter: 2.2, for: 10min, keep_for: 16min}", place="square"),)},
        {"changes": (("    k: 15", "    k: 16"),)},
        {"changes": (("interval: 15min", "interval: 30min"),)},
        {"places": [{**a_config.PLACES[0], "usable_area": 1001}, *a_config.PLACES[1:]]},
    ],
)
def test_rule_21_the_hash_changes_with_what_can_change_a_number_or_level(options: dict[str, Any], tmp_path: Path) -> None:
    base = _hash(tmp_path / "base")
    assert len(base) == 16
    assert _hash(tmp_path / "other", *options.pop("thresholds", (BASE,)), **options) != base


@pytest.mark.parametrize(
    "options",
    [
        {"changes": (("reason: agreed for a test", "reason: agreed again, at another table"),)},
        {"changes": (("name: {nl: Stad, en: Town}", "# a line more\nname: {nl: Stadje, en: Little town}"),)},
        {"changes": (("audience: [crowd-manager]", "audience: [everyone]"),)},
        {"thresholds": (threshold("elevated: {enter: 2.2, for: 10min, keep_for: 15min}", place_type="standing"),)},
        {"thresholds": (threshold("elevated: {enter: 2.20, exit: 1.98, for: 600s, keep_for: 15min}", place="square"),)},
        {"places": [{**a_config.PLACES[0], "capacity": 4000, "name": "Other name"}, *a_config.PLACES[1:]]},
        {"thresholds": (BASE, threshold(place_type="moving"))},
    ],
)
def test_rule_21_the_hash_does_not_change_with_texts_lines_layers_or_attributes_not_used(
    options: dict[str, Any], tmp_path: Path
) -> None:
    assert _hash(tmp_path / "other", *options.pop("thresholds", (BASE,)), **options) == _hash(tmp_path / "base")


def test_rule_21_places_with_equal_numbers_keep_settings_of_their_own(tmp_path: Path) -> None:
    twin = {**a_config.PLACES[1], "place": "lane"}
    config = town(tmp_path, places=[*a_config.PLACES, twin])
    alley, lane = settings(config, NOON, "alley"), settings(config, NOON, "lane")
    assert alley.as_json() == lane.as_json()
    assert alley.config_hash != lane.config_hash  # `effective_settings` names one place a hash


def test_stretches_that_do_not_differ_are_one_segment(tmp_path: Path) -> None:
    unrelated = card(attributes=[], applies_to={"kinds": ["zone"]})
    config = town(tmp_path, threshold(place="alley"), threshold(place_type="moving", when="{weekdays: [mon]}"))
    assert [(p.start, p.end) for p in segments(config, unrelated, "square", START, END)] == [(START, END)]
    assert len(segments(config, card(), "square", START, END)) == 3  # the fair changes its area


def test_settings_are_kept_as_json_with_layer_file_and_line(tmp_path: Path) -> None:
    config = town(tmp_path, BASE)
    kept = json.loads(settings(config, NOON).as_json())
    line = a_config.line_of(config.folder, TOWN, "enter: 2.2")
    assert kept["bands"].pop("high")["layer"] == "card"
    assert kept == {
        "interval_minutes": 15, "place_type": "standing", "k": 15, "values": {"usable_area": 1000.0},
        "bands": {"elevated": {"enter": 2.2, "exit": 1.98, "for_minutes": 10.0, "keep_for_minutes": 15.0, "at_once": None,
                               "layer": "place", "file": TOWN, "line": line}},
    }  # fmt: skip
    entry = a_config.line_of(config.folder, TOWN, "- indicator: density")
    assert settings(config, NOON).threshold_source.startswith(f"place: {TOWN}:{entry}; card: indicators/catalogue/density.yaml:")
