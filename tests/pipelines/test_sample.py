"""The sample city: the committed files are what the seed gives, and each fault is in the file that is named after it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines.intake import Found, Taken
from pipelines.sample import generate
from schemas.config import Config, load
from schemas.settings import Source
from tests import evidence

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
GATE_TAGS = ("under-k", "broken-rows", "double", "device-ids", "sent-again", "late")
TAGS = (*GATE_TAGS, "declared-outage", "camera-silent", "too-low", "revised")
HEADER = ["datum", "tijd", "teller", "richting", "aantal"]


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generate(folder)
    return folder


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != "README.md")


def one(tag: str) -> Path:
    found = list(SAMPLE.rglob(f"*_{tag}_*"))
    assert len(found) == 1, found
    return found[0]


def rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep=";", dtype=str)


def test_the_seed_gives_the_committed_files(again: Path) -> None:
    assert files(again) == files(SAMPLE)
    for name in files(SAMPLE):
        if name.endswith(".csv"):
            assert (again / name).read_bytes() == (SAMPLE / name).read_bytes(), name
        else:
            assert pq.read_table(again / name).equals(pq.read_table(SAMPLE / name)), name


def test_another_seed_gives_other_counts_under_the_same_names(again: Path, tmp_path: Path) -> None:
    generate(tmp_path, seed=7)
    assert files(tmp_path) == files(again)
    # A sign and a report hold no counts, and nobody goes to the island at night.
    chance = [name for name in files(again) if name.split("/")[0] not in ("pr-sign", "reports", "island")]
    changed = [name for name in chance if (tmp_path / name).read_bytes() != (again / name).read_bytes()]
    assert len(changed) > 0.9 * len(chance)


def test_it_stays_small() -> None:
    assert sum((SAMPLE / name).stat().st_size for name in files(SAMPLE)) <= 5_000_000


def test_the_readme_names_every_fault() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert [tag for tag in TAGS if f"`{tag}`" not in readme] == []
    words = {m[1] for n in files(SAMPLE) if (m := re.search(r"\d{4}_([a-z-]+)_(?:issued|aangemaakt)", n))}
    assert words == set(TAGS)


def test_history_is_fourteen_whole_weeks() -> None:
    table = pd.concat(pq.read_table(p).to_pandas() for p in (SAMPLE / "zones" / "history").iterdir())
    stamps = pd.to_datetime(table["timestamp"], utc=True)
    assert len(table) == 6 * stamps.nunique()
    ends = stamps.drop_duplicates().sort_values()
    assert ends.iloc[0].tz_convert("Europe/Amsterdam") == pd.Timestamp("2026-03-14T00:05", tz="Europe/Amsterdam")
    assert ends.iloc[-1].tz_convert("Europe/Amsterdam") == pd.Timestamp("2026-06-20T00:00", tz="Europe/Amsterdam")
    assert ends.diff().dropna().eq(pd.Timedelta("5min")).all()
    assert len(ends) == (98 * 24 - 1) * 12  # the spring day has 23 hours


def test_rule_03_the_hour_that_spring_skips_has_no_rows() -> None:
    week = rows(next((SAMPLE / "gates" / "history").glob("tellingen_2026-03-28_*")))
    day = week[week["datum"] == "29-03-2026"]
    assert len(day) == 92 * 10
    assert not day["tijd"].str.startswith("02").any()


def test_rule_04_the_device_addresses_belong_to_nobody() -> None:
    poisoned = rows(one("device-ids"))
    assert list(poisoned.columns) == [*HEADER, "apparaat"]
    assert poisoned["apparaat"].str.fullmatch(r"02(:[0-9a-f]{2}){5}").all()  # bit 2 of the first octet: locally administered
    assert poisoned["apparaat"].is_unique
    pd.testing.assert_frame_equal(poisoned.drop(columns="apparaat"), rows(one("sent-again")))
    others = [p for p in (SAMPLE / "gates").rglob("*.csv") if "_device-ids_" not in p.name]
    assert {p.read_text().split("\n", 1)[0] for p in others} == {";".join(HEADER)}


def test_rule_10_the_double_file_has_the_same_content() -> None:
    double = one("double")
    first = next(double.parent.glob("tellingen_20260620-1700-1715_aangemaakt-*"))
    assert double.read_bytes() == first.read_bytes()


def test_rule_10_the_revised_file_changes_one_zone_and_was_issued_later() -> None:
    first = pd.concat(pq.read_table(p).to_pandas() for p in sorted(SAMPLE.rglob("*_too-low_*")))
    revised = pq.read_table(one("revised")).to_pandas()
    both = first.merge(revised, on=["zone_id", "timestamp"], suffixes=("_first", "_revised"), validate="1:1")
    assert len(both) == len(first) == len(revised) == 30
    ours = both[both["head_count_first"].fillna(-1) != both["head_count_revised"].fillna(-1)]
    assert ours["zone_id"].tolist() == ["WD-Z01"] * 5
    assert (ours["head_count_first"] < ours["head_count_revised"]).all()
    issued = sorted(re.findall(r"issued-(\S+)Z", " ".join(p.name for p in (*SAMPLE.rglob("*_too-low_*"), one("revised")))))
    assert issued[-1] in one("revised").name


def test_the_late_file_came_75_minutes_after_its_interval() -> None:
    end, issued = re.search(r"(\d{4})_late_aangemaakt-20260620-(\d{4})", one("late").name).groups()  # type: ignore[union-attr]
    assert datetime.strptime(issued, "%H%M") - datetime.strptime(end, "%H%M") == timedelta(minutes=75)


def test_the_broken_rows_stand_beside_good_ones() -> None:
    broken = rows(one("broken-rows"))
    bad = broken["aantal"].isin(["veel", "-12"]) | (broken["datum"] == "29-03-2026") | (broken["tijd"] == "24:75")
    assert (int(bad.sum()), len(broken)) == (4, 12)
    assert broken.loc[~bad, "aantal"].str.fullmatch(r"\d+").all()


def test_rule_05_one_camera_declares_its_outage_and_one_is_silent() -> None:
    day = (p for p in (SAMPLE / "zones" / "event-day").iterdir() if "_revised_" not in p.name)
    evening = pd.concat(pq.read_table(p).to_pandas() for p in day)
    fault = evening[evening["sensor_state"] == "fault"]
    assert set(fault["zone_id"]) == {"WD-Z04"}
    assert fault["head_count"].isna().all()
    assert (fault["timestamp"].min()[11:16], fault["timestamp"].max()[11:16], len(fault)) == ("18:05", "18:40", 8)
    assert evening.loc[evening["sensor_state"] == "ok", "head_count"].notna().all()
    assert not evening.duplicated(["zone_id", "timestamp"]).any()
    present = evening.groupby("timestamp")["zone_id"].nunique()
    silent = present[present < 6]
    assert (silent.index.min()[11:16], silent.index.max()[11:16], len(silent)) == ("21:20", "22:00", 9)
    assert "WD-Z02" not in set(evening.loc[evening["timestamp"].isin(silent.index), "zone_id"])


def test_rule_07_at_night_every_line_has_cells_under_k() -> None:
    night = rows(one("under-k"))
    small = night[night["aantal"].astype(int).between(1, 14)]
    assert set(small["teller"]) >= {"T1", "T2", "T4"}


def test_a_tick_sees_no_count_before_it_was_made() -> None:
    for path in (p for supplier in ("zones", "gates") for p in (SAMPLE / supplier / "event-day").iterdir()):
        utc = re.search(r"issued-(\S{15})Z", path.name)
        if utc:
            issued = pd.Timestamp(utc[1], tz="UTC")
            last = pd.to_datetime(pq.read_table(path).to_pandas()["timestamp"], utc=True).max()
        else:
            local = re.search(r"aangemaakt-(\d{8}-\d{4})", path.name)[1]  # type: ignore[index]
            issued = pd.Timestamp(datetime.strptime(local, "%Y%m%d-%H%M"), tz="Europe/Amsterdam")
            stamps = rows(path).query("tijd != '24:75' and datum != '29-03-2026'")
            start = pd.to_datetime(stamps["datum"] + stamps["tijd"], format="%d-%m-%Y%H:%M").max()
            last = start.tz_localize("Europe/Amsterdam") + pd.Timedelta("15min")
        assert issued > last, path.name


# --- the same files through the intake --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["waterdam", "veenhaven"])
def config(request: pytest.FixtureRequest) -> Config:
    return load(ROOT / "config", request.param)


@pytest.fixture(scope="module")
def taken(sample_taken: list[tuple[Source, Found, Taken]]) -> dict[str, Taken]:
    """Name of a delivery, without folder and ending → what came of it."""
    return {Path(found.name).stem: taken for _, found, taken in sample_taken}


def of(taken: dict[str, Taken], tag: str) -> Taken:
    (name,) = [n for n in taken if f"_{tag}_" in n]
    return taken[name]


def cells(one_taken: Taken) -> pd.DataFrame:
    frame = one_taken.cells.to_pandas()
    frame[["value", "value_low", "value_high"]] = frame[["value", "value_low", "value_high"]].astype(float)
    frame["local"] = frame["interval_start"].dt.tz_convert("Europe/Amsterdam").dt.strftime("%H:%M")
    return frame


def test_both_municipalities_load_and_read_the_same_files(config: Config) -> None:
    assert config.k == 15
    assert config.data.resolve() == SAMPLE.resolve()
    assert {"waterdam-gates", "waterdam-zones"} <= set(config.sources)
    assert {"havenplein", "brugstraat", "parkpoort"} <= {row.place.place for row in config.places}


def test_rule_11_every_row_of_every_delivery_is_accounted_for(taken: dict[str, Taken]) -> None:
    assert len(taken) == len(files(SAMPLE)) - (0 if evidence.proving() else 33)  # the weeks left out
    for name, t in taken.items():
        assert t.rows_in == t.rows_accepted + t.rows_suppressed + t.rows_refused + t.rows_duplicate, name
        assert (t.issued_at is None) == (t.state == "closed"), name
        assert (t.rows_filtered, t.rows_held, t.rows_duplicate) == (0, 0, 0), name
    refused = {name: t.rows_refused for name, t in taken.items() if t.rows_refused and t.state != "closed"}
    assert refused == {Path(one("broken-rows")).stem: 4}


def test_rule_04_only_the_poisoned_delivery_closes_the_gate(taken: dict[str, Taken]) -> None:
    assert [n for n, t in taken.items() if t.state != "accepted"] == [one("device-ids").stem]
    closed = of(taken, "device-ids")
    assert closed.state == "closed"
    assert closed.cells.num_rows == 0
    assert "column 6: looks like device identifiers" in closed.reason
    assert "apparaat" not in closed.reason


def test_broken_rows_leave_the_good_rows_of_the_same_file(taken: dict[str, Taken]) -> None:
    broken = cells(of(taken, "broken-rows"))
    status = broken.groupby("place")["status"].agg(set).to_dict()
    assert status["parkpoort"] == status["station-uitgang"] == {"invalid"}
    assert all(status[p] == {"ok"} for p in ("brugstraat", "noordbrug", "visserssteeg"))
    assert set(broken["local"]) == {"16:45"}  # the rows at times that do not exist became no cell anywhere


def test_rule_07_counts_under_k_leave_no_number(taken: dict[str, Taken]) -> None:
    night = cells(of(taken, "under-k"))
    held = night[night["status"] == "suppressed"]
    assert len(held) > 10
    assert held["value"].isna().all()
    assert set(held["value_low"]) == {0}
    assert set(held["value_high"]) == {14}
    assert not night["value"].dropna().between(1, 14).any()


def test_rule_05_a_declared_outage_is_an_outage(taken: dict[str, Taken]) -> None:
    out = pd.concat(cells(t) for n, t in taken.items() if "_declared-outage" in n)
    stationsplein = out[out["place"] == "stationsplein"]
    assert stationsplein["measure"].value_counts().to_dict() == {"present": 8, "walking_speed": 8}
    assert set(stationsplein["status"]) == {"outage"}
    assert stationsplein["value"].isna().all()
    assert set(out.loc[out["place"] != "stationsplein", "status"]) == {"ok"}


def test_rule_10_a_double_is_known_by_its_content(taken: dict[str, Taken]) -> None:
    hashes = pd.Series({name: t.content_hash for name, t in taken.items()})
    again = hashes[hashes.duplicated(keep=False)]
    assert len(again) == 2
    assert any("_double_" in name for name in again.index)
