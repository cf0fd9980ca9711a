"""A full disk and a workspace that may not be written: a clear error with what to do, and nothing is lost."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from pipelines import faults
from pipelines.published import connect
from pipelines.store import Store
from tests import evidence
from tests.scenarios.test_killed import COMPARED
from tests.town import START, STEP, Town, rows

ROOT = Path(__file__).resolve().parents[2]
DRUKTE = [sys.executable, "-c", "from pipelines.cli import main; main()"]
AT = START + timedelta(days=3)


@pytest.fixture(scope="module")
def ticked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of one day, and two more days that wait; beside it `b`, in which nothing goes wrong."""
    folder = tmp_path_factory.mktemp("ticked")
    made = Town(folder)
    for day in range(3):
        slots = [START + timedelta(days=day) + i * STEP for i in range(0, 96, 6)]
        made.zones(
            slots[-1] + STEP, [(t, place, 2000 + 10 * (i % 50)) for i, t in enumerate(slots) for place in ("square", "alley")]
        )
        made.gates(slots[-1] + STEP, [(t, 40 + i, 20) for i, t in enumerate(slots)])
    with Store(folder / "w") as store:
        made.tick(store, START + timedelta(days=1))
    shutil.copytree(folder / "w", folder / "b")
    with Store(folder / "b") as store:
        made.tick(store, AT)
    return folder


@pytest.fixture
def town(ticked: Path, tmp_path: Path) -> Town:
    shutil.copytree(ticked, tmp_path, dirs_exist_ok=True)
    return Town(tmp_path)


def words(town: Town) -> list[str]:
    return ["backfill", "--config", str(town.config_folder), "--workspace", str(town.folder / "w"), "--to", AT.isoformat()]


def state(workspace: Path) -> list[list[tuple]]:
    with Store(workspace) as store:
        return [rows(store, sql) for sql in COMPARED[:2]]


def still_readable(workspace: Path) -> None:
    con = connect(workspace / "published" / "indicators.duckdb")
    [(twice, until)] = con.execute(
        "SELECT count(*) - count(DISTINCT (indicator, place, interval_start)), max(interval_end) FROM indicator_values"
    ).fetchall()
    con.close()
    assert twice == 0 and until is not None


@pytest.mark.parametrize("limit", [60_000, 700_000, 2_000_000] if evidence.proving() else [700_000])
def test_a_file_that_cannot_grow_stops_the_run_and_the_next_finishes_it(town: Town, limit: int) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [*DRUKTE, *words(town)], cwd=ROOT, preexec_fn=small, capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode == 0:
        pytest.skip("everything fitted")
    assert done.returncode == faults.FAULT, done.stderr
    assert "file too large" in done.stderr and "Make room and run again" in done.stderr and "Traceback" not in done.stderr
    still_readable(town.folder / "w")
    with Store(town.folder / "w") as store:
        town.tick(store, AT)
    assert state(town.folder / "w") == state(town.folder / "b")


def apart(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with mounts of its own; skips where that is not allowed."""
    unshare = shutil.which("unshare")
    if (
        not unshare
        or subprocess.run([unshare, "--mount", "--map-root-user", "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("no mounts of one's own here")
    return subprocess.run([unshare, "--mount", "--map-root-user", "sh", "-c", dedent(script)], cwd=ROOT, capture_output=True, text=True,
                          check=False, timeout=300, env={**os.environ, "DRUKTE_WORDS": ""})  # fmt: skip


def command(town: Town) -> str:
    return f"'{sys.executable}' -c 'from pipelines.cli import main; main()' {' '.join(words(town))}"


def test_a_full_disk_stops_the_run_and_loses_nothing(town: Town) -> None:
    workspace, size = (
        town.folder / "w",
        sum(f.stat().st_size for f in (town.folder / "w").rglob("*") if f.is_file()) // 1024 + 40,
    )
    done = apart(f"""
        cp -a {workspace} {workspace}.kept
        mount -t tmpfs -o size={size}k tmpfs {workspace} && cp -a {workspace}.kept/. {workspace}/ || exit 99
        {command(town)}; echo "code $?"
        mount -o remount,size=200m {workspace}
        {command(town)}; echo "code $?"
        rm -rf {workspace}.after; cp -a {workspace} {workspace}.after
    """)
    if done.returncode == 99:
        pytest.skip("no memory disk here")
    assert "code 1" in done.stdout and "code 0" in done.stdout, done.stdout + done.stderr
    assert "no space left on device" in done.stderr and "Make room and run again" in done.stderr
    with Store(Path(f"{workspace}.after")) as store:
        town.tick(store, AT)  # a run adds what is missing up to now, as it did in `b`
    assert state(Path(f"{workspace}.after")) == state(town.folder / "b")


def test_a_workspace_that_may_not_be_written_says_so_and_stays(town: Town) -> None:
    workspace = town.folder / "w"
    before = {p: p.read_bytes() for p in workspace.rglob("*") if p.is_file()}
    done = apart(f"mount --bind {workspace} {workspace} && mount -o remount,ro,bind {workspace} || exit 99; {command(town)}")
    if done.returncode == 99:
        pytest.skip("no mounts of one's own here")
    assert done.returncode == faults.USAGE, done.stderr
    assert "read-only file system" in done.stderr and "--workspace DIR" in done.stderr and "Traceback" not in done.stderr
    assert {p: p.read_bytes() for p in workspace.rglob("*") if p.is_file()} == before
