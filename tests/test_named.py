"""The list of rules and known traps, each with the tests named after it. A rule or trap without a test fails here."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
RULES = range(1, 23)  # of the house (DESIGN §3): data and judging; 23 and 24 are about purposes, tests/purpose

# What is known about the open data, and what other systems got wrong → tests.
TRAPS: dict[str, tuple[str, ...]] = {
    # Hardbrücke
    "rows of nobody are not published: absent is zero or outage": ("test_trap_hardbruecke_an_absent_row_is_zero_or_an_outage",),
    "rows run backwards within a day; Total and total": ("test_trap_hardbruecke_rows_run_backwards_and_total_is_written_two_ways",),
    "the spring hour is absent": ("test_trap_hardbruecke_the_spring_hour_is_absent_and_nobody_lacks_it",),
    "whole lines are absent for days": ("test_trap_hardbruecke_whole_lines_are_absent_for_days",),
    "absolute values of platform West are faulty": ("test_trap_hardbruecke_values_of_platform_west_carry_a_note",),
    "from one day to the next a fifth is left": ("test_trap_hardbruecke_a_fall_to_a_fifth_is_how_it_was_and_no_outage",),
    "New Year's night": ("test_trap_hardbruecke_new_years_night_enters_no_baseline",),
    # Melbourne
    "a space before the time, month names, no header": ("test_trap_melbourne_a_space_before_the_time_and_no_header",),
    "sensors come and go, missing hours are absent": ("test_trap_melbourne_missing_hours_are_missing_and_sensors_come_and_go",),
    "the autumn hour occurs once where there were two": ("test_trap_melbourne_the_autumn_hour_occurs_once_where_there_were_two",),
    "names are re-used, the id counts": ("test_trap_melbourne_keys_on_the_id_since_names_are_re_used",),
    "rows without an id or a count": ("test_trap_melbourne_rows_without_an_id_or_of_an_hour_that_never_was",),
    "a counter gone for weeks": ("test_trap_melbourne_a_gap_of_weeks_is_told_not_filled",),
    "busy nights": ("test_trap_melbourne_busy_nights_and_runs_stand_out",),
    # Telraam
    "counts are scaled by uptime": ("test_trap_telraam_uptime_below_half_is_no_count", "test_rule_07_telraam_k_applies_before_scaling"),
    "cars and heavy vehicles stand apart": ("test_trap_telraam_cars_and_heavy_vehicles_are_one_measure",),
    "hour 02 twice, hour 01 absent": ("test_trap_telraam_hour_02_twice_and_hour_01_absent",),
    "night rows say 0 at full uptime": ("test_trap_telraam_night_zeros_at_full_uptime_are_no_zeros",),
    # Bengaluru
    "two fifths of the cells are three passengers or fewer": ("test_trap_bengaluru_two_fifths_of_the_cells_are_three_passengers_or_fewer",),
    "sums equal exits and differ from entries": ("test_trap_bengaluru_journeys_add_up_to_exits_not_to_entries",),
    "half an hour off the whole hours of UTC": ("test_trap_bengaluru_half_an_hour_off_the_whole_hours_of_utc",),
    # NDW
    "lanes add up to the road": ("test_trap_ndw_lanes_are_summed_into_the_road_and_speeds_weighted",),
    "used minutes are the coverage": ("test_trap_ndw_used_minutes_are_the_coverage",),
    "-1 is no value": ("test_trap_ndw_minus_one_is_no_speed",),
    "a lane name ends in a space, a lane changed its role": ("test_trap_ndw_a_lane_name_ends_in_a_space_and_a_lane_changed_its_role",),
    # Gent
    "filler rows in the spring hour, 288 rows a day": ("test_trap_gent_twelve_filler_rows_of_the_spring_hour",
                                                       "test_trap_gent_ordening_makes_two_rows_of_one_instant"),
    "Totaal is the sum of both directions": ("test_trap_gent_totaal_is_the_sum_of_both_directions",),
    # What other systems got wrong
    "coalesce(count, 0)": ("test_trap_outage_withheld_missing_and_zero_are_never_the_same_zero",),
    "fewer than 15 published as 0": ("test_trap_fewer_than_k_is_never_published_as_zero",),
    "k applied after scaling": ("test_rule_07_k_applies_to_what_was_counted_before_it_was_scaled_up",),
    "-1 for suppressed cells, summed later": ("test_trap_minus_one_for_suppressed_cells_is_never_summed",),
    "differencing: totals and directions": ("test_rule_07_a_total_beside_its_directions_gives_the_withheld_one_back",),
    "differencing: nested areas": ("test_rule_02_one_line_not_known_is_never_a_partial_total_and_one_withheld_is_a_range",
                                   "test_rule_07_the_margins_of_journeys_give_a_journey_back"),
    "differencing: overlapping windows": ("test_rule_07_an_hour_beside_its_quarters_gives_a_quarter_back",),
    "differencing: revisions": ("test_a_revision_that_stands_beside_an_unchanged_total_is_found",
                                "test_a_total_that_was_published_once_is_known_for_ever"),
    "differencing: in - out": ("test_rule_07_people_before_and_after_give_a_direction_back",),
    "differencing: a ratio times its capacity": ("test_a_number_made_of_a_withheld_one_is_caught",),
    "bands in the wrong order": ("test_trap_bands_in_the_wrong_order_are_refused",),
    "a comfort scale as an alarm scale": ("test_trap_a_scale_of_comfort_is_no_scale_of_alarm",),
    "an outage that passes midnight": ("test_trap_an_outage_passes_midnight",),
    "a day of 23 or 25 hours": ("test_rule_3_a_day_has_as_many_quarters_as_its_clock",),
    "an hour that happens twice": ("test_rule_03_in_order_tells_the_two_passes_apart_forwards_and_backwards",),
    "a row for an hour that does not exist": ("test_rule_03_a_time_the_spring_clock_skips_is_refused",),
    "a true zero without complete coverage": ("test_rule_06_absent_is_zero_only_near_another_row_and_inside_the_span",),
    "a total without the number of counts it rests on": ("test_rule_03_under_min_coverage_there_is_no_value_scaled_or_not",
                                                         "test_trap_fewer_than_k_is_never_published_as_zero"),
    "a baseline built on event days": ("test_rule_18_kings_day_enters_no_baseline",),
    "a baseline built on the outage it should have flagged": ("test_rule_18_an_accepted_day_enters_no_baseline",),
    "ids that are text here and numbers there": ("test_trap_ids_that_are_text_in_one_file_and_numbers_in_another",),
    "re-used area codes": ("test_trap_area_codes_are_re_used_so_their_year_belongs_to_them",),
    "noise of one a message": ("test_trap_noise_of_one_a_message_drifts_upward_where_it_is_quiet",),
    "counts with records per person beside them": ("test_trap_messages_of_a_count_sensor_that_carry_per_person_records",),
}  # fmt: skip


@cache
def names() -> frozenset[str]:
    """Names of all test functions."""
    found = set()
    for path in TESTS.rglob("test_*.py"):
        found |= {
            node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
        }
    return frozenset(name for name in found if name.startswith("test_"))


def rules_of(name: str) -> set[int]:
    """The rules that a test is named after: ``test_rule_07_…``, ``test_rules_22_and_10_…``, ``test_rules_13_to_16_…``."""
    hit = re.match(r"test_rules?_(\d+)((?:_(?:and|to)_\d+)*)(?:_|$)", name)
    if hit is None:
        return set()
    found, last = {int(hit[1])}, int(hit[1])
    for how, number in re.findall(r"_(and|to)_(\d+)", hit[2]):
        found |= set(range(last, int(number) + 1)) if how == "to" else {int(number)}
        last = int(number)
    return found


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_test_named_after_it(rule: int) -> None:
    assert [name for name in names() if rule in rules_of(name)]


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_has_its_test(trap: str) -> None:
    assert set(TRAPS[trap]) <= names()


def test_every_test_of_a_trap_stands_in_the_list() -> None:
    """Also those of traps that nobody listed before: whoever finds one, adds it here."""
    assert {name for name in names() if name.startswith("test_trap_")} - {t for tests in TRAPS.values() for t in tests} == set()
