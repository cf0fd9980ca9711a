"""`drukte demo` from begin to end: every fault of the sample city is told, and the two towns come to different levels."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import published

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the demo says on standard output, and its workspace."""
    workspace = tmp_path_factory.mktemp("demo") / "w"
    done = subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "demo", "--workspace", str(workspace)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, workspace


def part(told: tuple[str, Path], number: int) -> str:
    """One numbered part of the story."""
    return re.split(r"^\d\. ", told[0], flags=re.M)[number]


@pytest.mark.parametrize(
    "line",
    [
        r"late: gates/\S+_late\S* filled \d+ cells of 19:30–19:45",
        r"revised: zones/\S+_revised\S* replaced 5 values of 18:30–18:55",
        r"double: gates/\S+_double\S* brought 5 rows",
        r"outage: stationsplein 18:00–18:40, declared by the source",
        r"silent: marktveld 21:15–22:00 without rows",
        r"small groups: \d+ values of 20-06 withheld; all that is stored is 0–14",
        r"poisoned: a file of waterdam-gates \(\d+ records\) did not pass the gate: .+column \d",
        r"broken rows: gates/\S+_broken-rows\S*: 4 refused",
    ],
)
def test_each_fault_is_told_in_words(told: tuple[str, Path], line: str) -> None:
    assert re.search(line, part(told, 3)), part(told, 3)


def test_nothing_of_the_poisoned_delivery_is_said_or_stored(told: tuple[str, Path]) -> None:
    poisoned = next((ROOT / "data" / "sample" / "gates").rglob("*device-ids*"))
    devices = set(re.findall(r"02(?::[0-9a-f]{2}){5}", poisoned.read_text(encoding="utf-8")))
    assert devices
    everything = [told[0].encode(), *(f.read_bytes() for f in told[1].rglob("*") if f.is_file())]
    assert not [device for device in devices for content in everything if device.encode() in content]


def test_the_two_towns_come_to_different_explained_levels(told: tuple[str, Path]) -> None:
    situations, differences = part(told, 4), part(told, 5)
    assert re.search(
        r"waterdam +closed critical +havenplein: overcrowded area, 2026-06-20 18:35–22:\d\d\n +Havenplein: ", situations
    )
    assert re.search(r"waterdam +closed critical +brugstraat: saturated or blocked passage", situations)
    assert re.search(r"veenhaven +closed high +brugstraat: saturated or blocked passage", situations)
    assert "stadspark" not in situations
    assert re.search(
        r"marktveld: overcrowded area\n +waterdam +high .*config/municipalities/waterdam.yaml:\d+.*\n +veenhaven +elevated ",
        differences,
    )


def test_it_says_where_to_look_and_the_board_is_there(told: tuple[str, Path]) -> None:
    where = part(told, 6)
    assert str(told[1] / "published" / "indicators.duckdb") in where
    assert (told[1] / "published" / "board" / "index.html").stat().st_size > 10_000
    assert re.search(r"explain waterdam-\S+ --workspace", where)


def test_what_was_in_force_is_kept_from_the_first_run_on(told: tuple[str, Path]) -> None:
    with published.connect(told[1] / "published" / "indicators.duckdb") as con:
        rows = con.execute("SELECT municipality, config_version, how FROM config_versions ORDER BY municipality").fetchall()
    assert rows == [("veenhaven", 1, "first"), ("waterdam", 1, "first")]


def test_it_empties_only_a_workspace_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "demo", "--workspace", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert (tmp_path / "thesis.txt").exists()
