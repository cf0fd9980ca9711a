"""The strands of the evening, worked out by hand from the delivered files: each is there, and none on an ordinary day."""

from __future__ import annotations

from math import exp
from pathlib import Path

import pandas as pd
import pytest

from indicators.card import catalogue
from pipelines.intake import Found, Taken
from schemas.config import Config, load
from schemas.datasets import DATASETS
from schemas.settings import Source

ROOT = Path(__file__).parents[2]
FEAST = pd.Timestamp("2026-06-20T12:00", tz="Europe/Amsterdam")


@pytest.fixture(scope="module")
def town() -> Config:
    return load(ROOT / "config", "waterdam")


@pytest.fixture(scope="module")
def stored(sample_taken: list[tuple[Source, Found, Taken]]) -> pd.DataFrame:
    """Every cell that the intake lets through: source, place, measure, local start, status, value."""
    parts = [taken.cells.to_pandas().assign(source=source.source, issued=taken.issued_at) for source, _, taken in sample_taken]
    frame = pd.concat(parts, ignore_index=True)
    frame["value"] = frame["value"].astype(float)
    frame["issued"] = pd.to_datetime(frame["issued"], utc=True)
    frame["start"] = frame["interval_start"].dt.tz_convert("Europe/Amsterdam")
    return frame


def measured(stored: pd.DataFrame, place: str, measure: str, *, ordinary: bool = False) -> pd.Series:
    """Values by local start, on the evening or before it; of two versions the one issued last."""
    when = stored["start"] < FEAST if ordinary else stored["start"] >= FEAST
    rows = stored[when & (stored["place"] == place) & (stored["measure"] == measure)].sort_values("issued")
    return rows.groupby("start")["value"].last()


def at(series: pd.Series, clock: str) -> float:
    return float(series.loc[pd.Timestamp(f"2026-06-20T{clock}", tz="Europe/Amsterdam")])


def test_all_seven_datasets_and_every_card_are_in_use(town: Config) -> None:
    assert {s.dataset for s in town.sources.values()} == set(DATASETS)
    assert set(town.municipality.indicators) == set(catalogue())
    assert set(catalogue()) == {i for p in town.purposes.values() for i in p.indicators}


def test_every_delivery_was_issued_after_what_it_holds(town: Config, stored: pd.DataFrame) -> None:
    late = stored[stored["issued"].notna()]
    assert (late["issued"] >= late["interval_end"]).all()
    slowest = {name: s.delay for name, s in town.sources.items()}
    event = late[(late["start"] >= FEAST + pd.Timedelta("4h")) & (late["source"] != "waterdam-gates")]
    waited = event["issued"] - event["interval_end"]
    over = event[(waited > event["source"].map(slowest)) & (event["status"] == "ok")]
    assert set(over["source"]) <= {"waterdam-zones", "waterdam-reports"}, "the revised camera file, and a corrected report"


def test_a_mean_speed_is_withheld_with_the_few_it_is_about(stored: pd.DataFrame) -> None:
    zones = stored[stored["source"] == "waterdam-zones"]
    both = zones.pivot_table(index=["place", "start", "issued"], columns="measure", values="status", aggfunc="first")
    assert ((both["present"] == "suppressed") == (both["walking_speed"] == "suppressed")).all()
    assert (both["walking_speed"] == "suppressed").sum() > 4_000
    assert set(stored.loc[stored["status"] == "suppressed", "measure"]) & {"occupied", "vehicles", "driving_speed"} == set()


def test_people_slow_down_where_it_is_full(stored: pd.DataFrame) -> None:
    kade, square = (measured(stored, place, "walking_speed") for place in ("kade", "havenplein"))
    assert at(square, "21:00") < 0.3 and 0.45 < at(kade, "21:15") < 0.6
    assert measured(stored, "havenplein", "walking_speed", ordinary=True).min() > 1.0


def test_a_jam_at_the_bridge_that_flow_alone_reads_as_calm(stored: pd.DataFrame) -> None:
    density = measured(stored, "kade", "present") / 3_200
    flow = (measured(stored, "noordbrug", "count_in") + measured(stored, "noordbrug", "count_out")) / (4.0 * 15)
    jammed = []
    for quarter in ("20:30", "20:45", "21:00", "21:15", "21:30"):
        ends = pd.Timestamp(f"2026-06-20T{quarter}", tz="Europe/Amsterdam") + pd.Timedelta("10min")  # the last five minutes
        d = float(density.loc[ends])
        carried = 60 * d * 1.34 * (1 - exp(-1.913 * (1 / d - 1 / 5.4)))
        if d >= 2.15 and at(flow, quarter) < 0.5 * carried:
            jammed.append(quarter)
    assert jammed == ["20:45", "21:00", "21:15"]
    assert flow.max() < 20, "far under 49, where specific flow begins"


def test_late_guests_walk_against_the_way_out(stored: pd.DataFrame) -> None:
    against, along = (measured(stored, "brugstraat", m) for m in ("count_in", "count_out"))
    share, flow = against / (against + along), (against + along) / (2.5 * 15)
    assert at(flow, "21:00") > 49 and at(share, "21:00") > 0.2
    assert at(flow, "22:00") > 49 and 0.05 < at(share, "22:00") < 0.1


def test_the_island_empties_slowly_until_the_second_bridge_opens(town: Config, stored: pd.DataFrame) -> None:
    gates = {(p, m): measured(stored, p, m) for p in ("werfbrug", "werfsluis") for m in ("count_in", "count_out")}
    came, went = (sum(g for (_, measure), g in gates.items() if measure == m) for m in ("count_in", "count_out"))
    present = (came - went).cumsum()
    assert present.min() >= 0 and 0.8 < present.max() / 3_000 < 0.9
    egress = present * 5 / went
    assert at(egress, "21:30") > 90 and at(egress, "21:50") > 60, "one bridge of three metres"
    assert at(egress, "22:05") < 20 and at(gates["werfbrug", "count_out"], "21:50") == 0
    gained = (came - went).where(came > went)
    assert 30 < ((3_000 - present) * 5 / gained).min() < 60
    reset = town.municipality.resets[0]
    assert abs(float(present[present.index < reset.at].iloc[-1]) - reset.present) < 20
    island = stored[stored["source"] == "waterdam-island"]
    assert set(island["status"]) == {"ok"}, "no count of 1 to 14, which would make the balance a range"


def test_the_garage_fills_and_the_sign_says_full(stored: pd.DataFrame) -> None:
    taken = measured(stored, "parkeergarage-haven", "occupied")
    assert 0.85 < at(taken, "17:45") / 620 < 0.95 and at(taken, "18:15") / 620 > 0.95 and at(taken, "19:30") == 620
    assert measured(stored, "parkeergarage-haven", "occupied", ordinary=True).max() < 0.85 * 620
    change = measured(stored, "parkeergarage-haven", "entering") - measured(stored, "parkeergarage-haven", "leaving")
    pd.testing.assert_series_equal(change.iloc[1:], taken.diff().iloc[1:], check_names=False)
    sign = measured(stored, "pr-oost", "full_flag")
    assert at(sign, "18:30") == 0 and at(sign, "18:45") == 1
    assert pd.isna(at(sign, "20:15")), "a sign out of order says nothing"


def test_nothing_moves_on_the_calamity_route(stored: pd.DataFrame) -> None:
    speed, vehicles = (measured(stored, "kadeweg", m) for m in ("driving_speed", "vehicles"))
    assert at(speed, "20:00") > 0.8 * 45 and at(speed, "22:00") < 0.2 * 45 and at(vehicles, "22:00") >= 5
    quiet = stored[
        (stored["source"] == "waterdam-roads") & (stored["measure"] == "driving_speed") & (stored["status"] == "missing")
    ]
    assert len(quiet) and set(quiet["place"]) == {"stationsweg"}, "no vehicle is no speed"


def test_the_station_cannot_carry_everybody(stored: pd.DataFrame) -> None:
    def load(place: str, *, ordinary: bool) -> pd.Series:
        boarding, waiting, places = (
            measured(stored, place, m, ordinary=ordinary) for m in ("boarding", "waiting", "departing_capacity")
        )
        return ((boarding + waiting) / places).dropna()

    assert at(load("station-perron", ordinary=False), "22:15") > 1.5
    assert 0.8 <= load("pontsteiger", ordinary=False).max() < 1.0
    assert max(load(p, ordinary=True).max() for p in ("station-perron", "pontsteiger")) < 0.8


def test_more_are_on_their_way_to_the_fair_than_there_is_room_for(stored: pd.DataFrame) -> None:
    inbound = sum(measured(stored, p, "trips") for p in ("station-kermis", "garage-kermis", "pr-kermis"))
    room = 1_900 - measured(stored, "kermis", "present")
    assert at(inbound, "19:30") / at(room, "19:30") > 0.6 and at(inbound, "19:45") / at(room, "19:45") > 0.8


def test_reports_bridge_two_outages_and_one_is_put_right(stored: pd.DataFrame) -> None:
    reports = stored[stored["source"] == "waterdam-reports"].sort_values(["start", "issued"])
    told = [(f"{r.start:%H:%M}", r.place, int(r.value)) for r in reports.itertuples()]
    assert told[:3] == [("18:07", "stationsplein", 4), ("18:07", "stationsplein", 1), ("18:24", "stationsplein", 1)]
    assert [code for _, place, code in told if place == "marktveld"] == [3, 3, 3], (
        "1.1 to 2.14 p/m², as the camera saw just before"
    )


def test_the_area_has_zones_enough_to_speak_of_concentration(town: Config) -> None:
    parts = {row.place.place: row.place.parts for row in town.places if row.place.kind == "area"}
    kinds = {row.place.place: row.place.kind for row in town.places}
    assert [kinds[p] for p in parts["evenementgebied"]].count("zone") >= 10
    assert {kinds[p] for p in parts["binnenring"]} == {"line"}
