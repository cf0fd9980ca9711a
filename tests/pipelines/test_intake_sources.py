"""Source declarations: the ones in config/sources load and read real files; mistakes in one are told with their fix."""

import csv
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest
from pydantic import ValidationError

from pipelines import intake
from schemas import yamlfile
from schemas.settings import Source
from tests.pipelines.layouts import LATE, source

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("DRUKTE_OPEN_DATA") or ROOT.parent / "shared" / "data")
DECLARED = sorted((ROOT / "config" / "sources").glob("*.yaml"))
open_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no open data at {DATA}: set DRUKTE_OPEN_DATA to the folder")


def declared(name):
    return yamlfile.load(Source, ROOT / "config" / "sources" / f"{name}.yaml")[0]


def taken(name):
    [found] = intake.find(declared(name), DATA)
    zone = ZoneInfo(declared(name).time.timezone)
    return intake.take_in(found, declared(name), k=15, withhold_zero=False, tz=zone, after=None, until=LATE)


@pytest.mark.parametrize("path", DECLARED, ids=lambda p: p.stem)
def test_every_declaration_in_the_repository_loads(path):
    found, _ = yamlfile.load(Source, path)
    assert found.source == path.stem
    assert not found.declared_columns() & {""} and set(found.place.map.values())


@pytest.mark.parametrize(("changes", "told"), [
    ({"reader": {"format": "csv", "encoding": "utf-9"}}, "not a known encoding"),
    ({"time": {"columns": ["at"], "format": "dd-mm-yyyy", "clock": "utc"}}, "no %-directive"),
    ({"time": {"columns": ["at"], "format": "%Q", "clock": "utc"}}, "`%Q` is not known"),
    ({"time": {"columns": ["at"], "format": "%Y", "clock": "local", "timezone": "Europe/Waterdam"}}, "not an IANA time zone"),
    ({"interval": "7min"}, "does not divide an hour"),
    ({"files": "../elsewhere/*.csv"}, "leaves the data folder"),
    ({"aggregate_to": "20min"}, "not a multiple"),
    ({"aggregate_to": "1h", "statistic": "mean"}, "Means do not add up"),
])  # fmt: skip
def test_a_mistake_in_a_declaration_says_what_to_do(changes, told):
    with pytest.raises(ValidationError, match=told):
        source(**changes)


def test_a_tab_may_be_the_delimiter():
    assert source(reader={"format": "csv", "delimiter": "\t"}).reader.delimiter == "\t"


@open_data
def test_melbourne_without_header_agrees_with_the_csv_module():
    """Oracle: the lines of the file by hand; k 15."""
    result = taken("melbourne-pedestrians")
    [path] = DATA.glob(declared("melbourne-pedestrians").files)
    with path.open(newline="") as lines:
        rows = list(csv.reader(lines))
    zone, places = ZoneInfo("Australia/Melbourne"), declared("melbourne-pedestrians").place.map
    expected = {}
    for number, (stamp, _, _, sensor, _, count) in enumerate(rows, start=1):
        start = datetime.strptime(stamp.strip(), "%d-%b-%Y %H:%M").replace(tzinfo=zone).astimezone(UTC)
        expected[places[sensor], start] = (number, None if 0 < int(count) < 15 else int(count))
    assert {(r["place"], r["interval_start"]): (r["row_number"], r["value"]) for r in result.cells.to_pylist()} == expected
    assert result.rows_in == len(rows) and result.rows_refused == result.rows_duplicate == 0


@open_data
def test_trap_melbourne_rows_without_an_id_or_of_an_hour_that_never_was():
    result = taken("melbourne-pedestrians-history")
    kinds = Counter(r["check_name"] for r in result.refused.to_pylist())
    assert kinds == {"place_missing": 1, "time_does_not_exist": 18}
    assert result.rows_in == result.records_read == result.cells.num_rows + 19
    statuses = Counter(result.cells.column("status").to_pylist())
    assert statuses["missing"] == 6 and statuses["suppressed"] == result.rows_suppressed


@open_data
def test_hardbruecke_keeps_both_directions_and_the_same_march_from_csv_and_parquet():
    month, history = taken("hardbruecke"), taken("hardbruecke-history")
    assert month.rows_refused == history.rows_refused == 0 and month.cells.num_rows == 2 * month.rows_in
    assert set(month.cells.column("place").to_pylist()) == set(declared("hardbruecke").place.map.values())
    with duckdb.connect() as con:
        for name, cells in (("month", month.cells), ("history", history.cells)):
            con.register(name, cells)
        columns = "place, interval_start, measure, value, status"
        assert con.execute(f"SELECT {columns} FROM month EXCEPT SELECT {columns} FROM history").fetchall() == []
