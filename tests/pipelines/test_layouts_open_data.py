"""The traps of the real open data, each by name; totals against a naive pandas reading of the same files. Skipped where they are not."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pipelines import intake
from schemas import yamlfile
from schemas.settings import Source
from tests.pipelines.layouts import LATE, take

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DRUKTE_OPEN_DATA") or ROOT.parent / "shared" / "data")
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no open data at {DATA}: set DRUKTE_OPEN_DATA to the folder")


def declared(name, **changes):
    found = yamlfile.load(Source, ROOT / "config" / "sources" / f"{name}.yaml")[0]
    return Source.model_validate(found.model_dump(by_alias=True, exclude_unset=True) | changes) if changes else found


def part(name, tmp_path, keep, **changes):
    """A part of a source's CSV, line by line as it came (``keep``: of its text), taken in with k 1; and pandas' reading of it."""
    source = declared(name, **changes)
    path = sorted(DATA.glob(source.files))[0]
    lines = path.read_text(encoding="utf-8").splitlines()
    chosen = "\n".join([lines[0], *(line for line in lines[1:] if keep(line))])
    taken = take(chosen.encode(), tmp_path, source, tz=ZoneInfo(source.time.timezone), k=1)
    return taken, pd.read_csv(tmp_path / "delivery.csv", sep=source.reader.delimiter)


def total(taken, measure):
    return sum(int(r["value"]) for r in taken.cells.to_pylist() if r["measure"] == measure and r["status"] == "ok")


def of_hour(taken, start, measure):
    at = datetime.fromisoformat(start).astimezone(UTC)
    return {
        r["place"]: (r["status"], r["value"])
        for r in taken.cells.to_pylist()
        if r["interval_start"] == at and r["measure"] == measure
    }


# --- Gent -----------------------------------------------------------------------------------------------------------


def test_trap_gent_twelve_filler_rows_of_the_spring_hour(tmp_path):
    taken, frame = part("gent-coupure", tmp_path, lambda line: "2022-03-27" in line)
    assert len(frame) == 288 and taken.records_read == 288, "288 rows a day, also on a day of 23 hours"
    assert taken.rows_filtered == 12 and taken.rows_refused == 0 and taken.rows_in == 23 * 4
    assert total(taken, "count_in") == frame.Hoofdrichting.sum() and total(taken, "count_out") == frame.Tegenrichting.sum()


def test_trap_gent_ordening_makes_two_rows_of_one_instant(tmp_path):
    """What happens to who trusts the column with the offset: twelve instants twice, and the real rows lost with the fillers."""
    time = {"columns": ["Ordening"], "format": "%Y-%m-%dT%H:%M:%S%z", "clock": "offset"}
    source = declared("gent-coupure")
    ignore = [*(c for c in source.ignore if c != "Ordening"), "Datum", "Uur5Minuten"]
    content = "\n".join(
        line for line in sorted(DATA.glob(source.files))[0].read_text().splitlines() if "2022-03-27" in line or line[:4] == "Code"
    )
    taken = take(content.encode(), tmp_path, declared("gent-coupure", time=time, ignore=ignore, aggregate_to=None), k=1)
    assert taken.rows_refused + taken.rows_duplicate > 12


def test_trap_gent_totaal_is_the_sum_of_both_directions(tmp_path):
    taken, frame = part("gent-coupure", tmp_path, lambda line: "2022-03-1" in line)
    assert (frame.Totaal == frame.Tegenrichting + frame.Hoofdrichting).all()
    assert total(taken, "count_in") + total(taken, "count_out") == frame.Totaal.sum()


# --- Telraam --------------------------------------------------------------------------------------------------------


def test_trap_telraam_hour_02_twice_and_hour_01_absent(tmp_path):
    taken, frame = part("telraam-berlin", tmp_path, lambda line: "2024-10-27" in line)
    twice = frame[frame.date_local == "2024-10-27 02:00:00"]
    assert len(twice) == 2 * twice.segment_id.nunique() and not (frame.hour == 1).any()
    assert taken.rows_refused == taken.rows_duplicate == 0, "told apart by their order"
    first, second = (of_hour(taken, f"2024-10-27T02:00:00{z}", "motor_vehicles") for z in ("+02:00", "+01:00"))
    assert set(first) == set(second) and len(first) == twice.segment_id.nunique()
    assert not of_hour(taken, "2024-10-27T01:00:00+02:00", "motor_vehicles"), "nobody makes up the hour that did not come"


def test_trap_telraam_uptime_below_half_is_no_count(tmp_path):
    taken, frame = part("telraam-berlin", tmp_path, lambda line: line.startswith("9000006276"))
    day = frame.hour.between(8, 15)
    assert total(taken, "count_total") == frame[(frame.uptime >= 0.5) & (day | (frame.ped_total > 0))].ped_total.sum()
    assert (frame.uptime < 0.5).any() and (frame[frame.uptime < 0.5].car_total > 0).any()


def test_trap_telraam_night_zeros_at_full_uptime_are_no_zeros(tmp_path):
    taken, frame = part("telraam-berlin", tmp_path, lambda line: "2024-11-13" in line)
    night = frame[(frame.hour < 6) & (frame.uptime > 0.9)]
    assert len(night) and (night.ped_total == 0).all() and (night.car_total == 0).all(), (
        "a street in Berlin without a car all night"
    )
    found = Counter(status for status, _ in of_hour(taken, "2024-11-13T03:00:00+01:00", "count_total").values())
    assert set(found) == {"missing"}


def test_trap_telraam_cars_and_heavy_vehicles_are_one_measure(tmp_path):
    taken, frame = part("telraam-berlin", tmp_path, lambda line: "2024-11-1" in line)
    assert total(taken, "motor_vehicles") == frame[frame.uptime >= 0.5][["car_total", "heavy_total"]].sum().sum()


def test_rule_07_telraam_k_applies_before_scaling():
    source = declared("telraam-berlin")
    [found] = intake.find(source, DATA)
    taken = intake.take_in(found, source, k=15, withhold_zero=False, tz=ZoneInfo("Europe/Berlin"), after=None, until=LATE)
    frame = pd.read_csv(found.path)
    frame = frame[frame.uptime >= 0.5]
    seen = frame.ped_total * frame.uptime.clip(upper=1)
    assert total(taken, "count_total") == frame.ped_total[seen >= 15].sum()
    statuses = Counter(r["status"] for r in taken.cells.to_pylist() if r["measure"] == "count_total")
    assert statuses["suppressed"] == ((seen > 0) & (seen < 15)).sum() > ((frame.ped_total > 0) & (frame.ped_total < 15)).sum()


# --- NDW ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1])
def test_trap_ndw_lanes_are_summed_into_the_road_and_speeds_weighted(number):
    source = declared("ndw-a10")
    found = intake.find(source, DATA)[number]
    taken = intake.take_in(found, source, k=15, withhold_zero=False, tz=ZoneInfo("Europe/Amsterdam"), after=None, until=LATE)
    frame = pd.read_csv(found.path)
    assert taken.rows_in == taken.rows_accepted == frame.groupby(["id_meetlocatie", "start_meetperiode"]).ngroups
    assert taken.records_read == len(frame) and total(taken, "vehicles") == frame.gem_intensiteit.sum()
    frame["product"] = frame.gem_intensiteit * frame.gem_snelheid.where(frame.gem_intensiteit > 0, 0)
    roads = frame.groupby(["id_meetlocatie", "start_meetperiode"])[["product", "gem_intensiteit"]].sum()
    means = sorted((roads["product"] / roads.gem_intensiteit).dropna())
    speeds = sorted(
        float(r["value"]) for r in taken.cells.to_pylist() if r["measure"] == "driving_speed" and r["value"] is not None
    )
    assert speeds == pytest.approx(means, abs=1e-6)


def test_trap_ndw_minus_one_is_no_speed(tmp_path):
    taken, frame = part("ndw-a10", tmp_path, lambda line: "2020-09-21 0" in line)
    assert (frame.gem_snelheid == -1).any() and all(
        r["value"] is None or r["value"] > 0 for r in taken.cells.to_pylist() if r["measure"] == "driving_speed"
    )


def test_trap_ndw_a_lane_name_ends_in_a_space_and_a_lane_changed_its_role():
    source = declared("ndw-a10")
    names = [set(pd.read_csv(f.path).rijstrook_rijbaan) for f in intake.find(source, DATA)]
    assert all("Hardshoulder " in found for found in names)
    assert source.place.renamed == {"RWS01_MONIBAS_0101hrl0175ra|Hardshoulder": "RWS01_MONIBAS_0101hrl0175ra|lane4"}


def test_trap_ndw_used_minutes_are_the_coverage(tmp_path):
    marks = [{"column": "gebruikte_minuten_intensiteit", "below": 60, "means": "missing", "measures": ["vehicles"]}]
    marks += [{"column": c, "equals": ["1"], "means": "invalid"} for c in ("data_error_intensiteit", "data_error_snelheid")]
    taken, frame = part("ndw-a10", tmp_path, lambda line: "2020-09-2" in line, marks=marks)
    short = frame[frame.gebruikte_minuten_intensiteit < 60].groupby(["id_meetlocatie", "start_meetperiode"]).ngroups
    missing = [r for r in taken.cells.to_pylist() if (r["measure"], r["status"]) == ("vehicles", "missing")]
    assert len(missing) == short > 0


# --- Bengaluru ------------------------------------------------------------------------------------------------------


def test_trap_bengaluru_journeys_add_up_to_exits_not_to_entries(tmp_path):
    """The sums of one day, of all pairs, in plain pandas; and the declared dozen as the intake gives them."""
    pairs = pd.read_parquet(next(DATA.glob(declared("bengaluru-journeys").files)), filters=[("Date", "==", "2025-08-04")])
    day = {}
    for name in ("entries", "exits"):
        taken, frame = part(f"bengaluru-{name}", tmp_path, lambda line: line.startswith("2025-08-04"))
        measure = {"entries": "boarding", "exits": "alighting"}[name]
        assert taken.rows_refused == 0 and total(taken, measure) == frame.Ridership.sum()
        day[name] = frame.Ridership.sum()
    assert day["exits"] == pairs.Ridership.sum() != day["entries"]
    assert abs(day["entries"] / day["exits"] - 1) < 0.03


def test_trap_bengaluru_two_fifths_of_the_cells_are_three_passengers_or_fewer(tmp_path):
    source = declared("bengaluru-journeys")
    pairs = pd.read_parquet(next(DATA.glob(source.files)), filters=[("Date", "==", "2025-08-04")])
    assert 0.35 < (pairs.Ridership <= 3).mean() < 0.5
    pairs.to_parquet(tmp_path / "pairs.parquet", index=False)
    taken = take(
        (tmp_path / "pairs.parquet").read_bytes(), tmp_path, source, name="day.parquet", tz=ZoneInfo("Asia/Kolkata"), k=15
    )
    ours = pairs[(pairs["Origin Station"] + "|" + pairs["Destination Station"]).isin(source.place.map)]
    assert total(taken, "trips") == ours[ours.Ridership >= 15].Ridership.sum()
    assert taken.rows_suppressed == (ours.Ridership < 15).sum() and taken.rows_filtered == len(pairs) - len(ours)


def test_trap_bengaluru_half_an_hour_off_the_whole_hours_of_utc(tmp_path):
    taken, _ = part("bengaluru-entries", tmp_path, lambda line: line.startswith("2025-08-04,8,"))
    assert {r["interval_start"] for r in taken.cells.to_pylist()} == {datetime(2025, 8, 4, 2, 30, tzinfo=UTC)}


# --- Hardbrücke and Melbourne ---------------------------------------------------------------------------------------


def test_trap_hardbruecke_rows_run_backwards_and_total_is_written_two_ways(tmp_path):
    taken, frame = part("hardbruecke", tmp_path, lambda line: "2020-03-29T" in line)
    assert frame.groupby("Name").Timestamp.apply(lambda s: s.is_monotonic_decreasing).all()
    assert {"Ost-VBZ Total", "West-VBZ total"} <= set(frame.Name) and taken.rows_refused == 0
    assert total(taken, "count_in") == frame.In.sum() and total(taken, "count_out") == frame.Out.sum()
    assert not frame.Timestamp.str.contains("T02:").any(), "the spring hour is absent"


def test_trap_melbourne_keys_on_the_id_since_names_are_re_used():
    path = next(DATA.glob(declared("melbourne-pedestrians-history").files))
    frame = pd.read_parquet(path).dropna(subset=["sensor_id"])
    assert frame.groupby("sensor_id").sensor_name.nunique().max() >= 1
    assert declared("melbourne-pedestrians-history").place.columns == ("sensor_id",)


def test_trap_melbourne_a_space_before_the_time_and_no_header(tmp_path):
    source = declared("melbourne-pedestrians")
    lines = [line for line in sorted(DATA.glob(source.files))[0].read_text().splitlines() if " 22-FEB-2014" in line]
    taken = take("\n".join(lines).encode(), tmp_path, source, tz=ZoneInfo("Australia/Melbourne"), k=1)
    assert lines[0].startswith(" ") and taken.rows_accepted == len(lines)
    assert total(taken, "count_total") == sum(int(line.rsplit(",", 1)[1]) for line in lines)
