"""The chain of layers as people read it, table ``thresholds``, days that are not ordinary, and speed."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from indicators.in_force import explain_chain, holidays_and_event_days, segments, threshold_rows
from schemas.results import TABLES
from tests.indicators.a_town import BASE, END, FAIR, NOON, SECOND, START, TOWN, at, card, edges, settings, threshold, town
from tests.schemas import a_config


def test_the_chain_names_every_layer_and_says_which_won(tmp_path: Path) -> None:
    config = town(
        tmp_path, threshold("elevated: {enter: 2.4, for: 1min, keep_for: 1min}"), BASE,
        threshold("elevated: {enter: 2.1, for: 1min, keep_for: 1min}", event="fair"),
        threshold("elevated: {enter: 9.9, for: 1min, keep_for: 1min}", effective_from="2026-12-01T00:00+01:00"),
    )  # fmt: skip
    chain = explain_chain(config, card(), "square", at(FAIR))
    bands = [(link.layer, link.value.enter, link.won) for link in chain if link.name == "elevated"]  # type: ignore[union-attr]
    assert bands == [("card", 2.5, False), ("municipality", 2.4, False), ("place", 2.2, False), ("event", 2.1, True)]
    lines = [link.line for link in chain if link.name == "elevated"][1:]
    assert lines == [a_config.line_of(config.folder, TOWN, f"enter: {e}") for e in (2.4, 2.2, 2.1)]
    area = [(link.layer, link.value, link.file, link.won) for link in chain if link.what == "attribute"]
    assert area == [("place", 1000, "config/municipalities/town/places.geojson", False), ("event", 800, TOWN, True)]
    assert [(link.layer, link.text, link.won) for link in chain if link.what == "interval"] == [("municipality", "15min", True)]
    assert chain[3].reason == "agreed for a test"
    assert "enter 2.1, exit 1.89 p/m2, for 1 min" in chain[3].text
    assert explain_chain(config, card(), "gate", at(FAIR)) == []


def test_the_link_that_won_is_what_is_in_force(tmp_path: Path) -> None:
    config = town(tmp_path, BASE, threshold(when='{time: "18:00-20:00"}', event="fair"), changes=(SECOND,))
    for moment in (NOON, FAIR, "2026-06-20T13:00+02:00", "2026-06-20T21:00+02:00"):
        won = {link.name: link.value for link in explain_chain(config, card(), "square", at(moment)) if link.won}
        now = settings(config, moment)
        assert {name: won[name] for name in now.bands} == now.bands
        assert (won["usable_area"], won["interval"]) == (now.values["usable_area"], now.interval)


def test_threshold_rows_say_what_is_in_force_at_every_moment(tmp_path: Path) -> None:
    fair = threshold("elevated: {enter: 2.1, for: 1min, keep_for: 1min}", event="fair")
    autumn = threshold("high: {enter: 3.2, for: 1min, keep_for: 1min}", effective_from="2026-09-01T00:00+02:00")
    config = town(tmp_path, BASE, fair, autumn)
    rows = threshold_rows(config, {"density": card()}, START, END)
    square = [r for r in rows if r["place"] == "square"]
    for moment in ("2026-02-01T00:00+01:00", NOON, FAIR, "2026-06-21T00:00+02:00", "2026-09-01T00:00+02:00"):
        now = [
            r
            for r in square
            if r["effective_from"] <= at(moment) and (r["effective_to"] is None or at(moment) < r["effective_to"])
        ]
        assert {r["band"]: r["enter"] for r in now} == edges(config, moment)
        assert len(now) == 2
    event = [r for r in rows if r["selector"] == "event fair"]
    assert [(r["band"], r["effective_from"], r["effective_to"]) for r in event] == [
        ("elevated", at("2026-06-20T16:00+02:00"), at("2026-06-21T00:00+02:00"))
    ]
    keys = [(r["indicator"], r["place"], r["band"], r["selector"], r["effective_from"]) for r in rows]
    assert len(set(keys)) == len(keys)
    assert len([r for r in square if r["band"] == "high"]) == 2  # the fair does not cut what it leaves alone


def test_threshold_rows_have_the_columns_of_the_table_and_a_row_per_selector(tmp_path: Path) -> None:
    config = town(tmp_path, BASE, threshold(place="square", when='{time: "18:00-23:00", weekdays: [fri, sat]}'))
    rows = threshold_rows(config, {"density": card()}, at(NOON), at(NOON))
    assert set(rows[0]) == set(TABLES["thresholds"].columns)
    assert [(r["band"], r["selector"]) for r in rows if r["place"] == "square"] == [
        ("elevated", "always"), ("high", "always"), ("elevated", "time 18:00-23:00, weekdays fri sat"),
    ]  # fmt: skip
    assert threshold_rows(config, {"density": card()}, datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)) == []


def test_rule_18_holidays_and_event_days(tmp_path: Path) -> None:
    config = town(tmp_path, changes=(SECOND, ("interval: 15min", "interval: 15min\nevent_days: [2026-04-27, 2026-12-31]")))
    holidays, events = holidays_and_event_days(config, date(2026, 4, 1), date(2026, 6, 30))
    assert {date(2026, 4, 5), date(2026, 4, 6), date(2026, 4, 27), date(2026, 5, 14), date(2026, 5, 25)} <= holidays
    assert events == {date(2026, 4, 27), date(2026, 6, 20)}  # both events end on or before that midnight
    assert holidays_and_event_days(config, date(2026, 12, 31), date(2027, 1, 1)) == ({date(2027, 1, 1)}, {date(2026, 12, 31)})


def test_rule_18_an_event_past_midnight_makes_both_local_days_event_days_unless_it_says_otherwise(tmp_path: Path) -> None:
    longer = ("to: 2026-06-21T00:00+02:00", "to: 2026-06-21T01:00+02:00")
    inside = date(2026, 6, 1), date(2026, 6, 30)
    assert holidays_and_event_days(town(tmp_path / "a", changes=(longer,)), *inside)[1] == {date(2026, 6, 20), date(2026, 6, 21)}
    kept = (longer, ("    class: B", "    class: B\n    excluded_from_baseline: false"))
    assert holidays_and_event_days(town(tmp_path / "b", changes=kept), *inside)[1] == set()


def test_a_thousand_places_times_four_cards_are_settled_quickly(tmp_path: Path) -> None:
    places = [{**a_config.PLACES[i % 2], "place": f"p{i}", "usable_area": 500 + i} for i in range(1000)]
    config = town(tmp_path, threshold(place_type="moving"), places=[*a_config.PLACES, *places])
    cards = [card() for _ in range(4)]
    began = time.process_time()
    found = [
        part for c in cards for p in config.place_ids for part in segments(config, c, p, at(NOON), at(NOON) + timedelta(days=1))
    ]
    assert len(found) >= 4000
    assert time.process_time() - began < 1.0  # about 0.15 s when nothing else runs


def test_years_of_a_selector_share_their_settings(tmp_path: Path) -> None:
    config = town(tmp_path, threshold(when='{time: "18:00-23:00"}'))
    parts = segments(config, card(), "alley", START, START + timedelta(days=850))
    assert len(parts) > 1600
    assert len({id(p.settings) for p in parts}) == 2
