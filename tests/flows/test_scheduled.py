"""The flow for real: a *scheduled* run happens, a run by hand goes through the flow, and the terminal stays quiet.

A flow called directly does not show that schedules work: with SQLAlchemy 2.1 no scheduled run ever starts, and nothing
says so. So a server is started here, as `drukte serve` does, and a run is waited for.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import UNTIL, write_town
from tests.pipelines.test_lock import other_process

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0
DEVICE = "a4:83:e7:1c:"  # how the addresses of devices begin in a delivery that is to be refused
DRUKTE = [sys.executable, "-c", "from pipelines.cli import main; main()"]

pytestmark = pytest.mark.flow


def environment(**more: str) -> dict[str, str]:
    """Ours, without what a developer may have set for Prefect."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}, **more}


def drukte(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [*DRUKTE, *map(str, words)], cwd=ROOT, env=environment(**env), capture_output=True, text=True, check=False, timeout=400
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves Prefect's database: making its tables is half of what starting a server takes."""
    return tmp_path_factory.mktemp("prefect") / "prefect.db"


def copied(database: Path, to: Path) -> None:
    """Copy a database, with what is not yet in its own file."""
    to.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(database) as before, sqlite3.connect(to) as after:
        before.backup(after)
    before.close()
    after.close()


def started_before(made: Path, workspace: Path, use: str) -> None:
    """A workspace in which Prefect was at home before, as in every run but the first: it knows of two runs and no deployment."""
    if made.exists():
        copied(made, workspace / "private" / "prefect" / use / "prefect.db")


@pytest.fixture
def serving(tmp_path: Path, made: Path) -> Iterator[subprocess.Popen[str]]:
    """`serve` on a town whose pace is five seconds, that stands in tmp_path; ended at the end if it still lives."""
    town = write_town(tmp_path)
    started_before(made, tmp_path / "w", "serve")
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text() + "pace: 5s\n")
    with (tmp_path / "errors").open("w") as errors:
        child = subprocess.Popen(
            [*DRUKTE, "serve", "--config", str(town.config_folder), "--workspace", str(tmp_path / "w")],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
        )  # fmt: skip
    yield child
    if child.poll() is None:
        child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()


def said_until(child: subprocess.Popen[str], text: str) -> list[str]:
    """Lines up to the first that holds ``text``; fails after PATIENCE seconds or when the child ends."""
    lines: list[str] = []
    deadline = time.monotonic() + PATIENCE
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    while time.monotonic() < deadline:
        line = child.stdout.readline()
        if line:
            lines.append(line.rstrip("\n"))
            if text in line:
                return lines
        elif child.poll() is not None:
            break
        else:
            time.sleep(0.1)
    pytest.fail(f"`{text}` was not said; said were: {lines}; code {child.poll()}")


def processes_of(workspace: Path) -> list[str]:
    """Command lines of living processes that name the workspace, or have it as Prefect's home."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if str(workspace).encode() in text:
                found.append((folder / "cmdline").read_text(errors="replace").replace("\0", " ")[:120])
    return found


def runs(workspace: Path) -> list[tuple[datetime, str]]:
    """Moment and verb of the runs that were published."""
    from pipelines import published

    con = published.connect(workspace / "published" / "indicators.duckdb")
    try:
        return con.execute("SELECT as_of, verb FROM runs ORDER BY as_of").fetchall()
    finally:
        con.close()


def test_run_goes_through_the_flow_quietly_waits_and_exits_4(tmp_path: Path, made: Path) -> None:
    town, workspace = write_town(tmp_path), tmp_path / "w"
    devices = [f"{DEVICE}{n:02x}:5b:{n + 7:02x}" for n in range(20)]
    rows = "".join(f"2026-06-01T00:00,square,20,{device}\n" for device in devices)
    (town.data / "zones" / "devices_20260601T0203.csv").write_text("time,place,present,device\n" + rows)
    words = ["run", "--config", town.config_folder, "--workspace", workspace, "--at", UNTIL.isoformat()]
    with other_process(workspace, 120):
        held = drukte(*words)
        assert held.returncode == 4
        assert "holds this workspace" in held.stderr
    with other_process(workspace, 2):
        done = drukte(*words, "--wait", 120)
    assert done.returncode == 0
    assert [line for line in done.stderr.splitlines() if "NOT REVIEWED" not in line] == []
    assert done.stdout.startswith("tiny: 3 deliveries")
    assert (workspace / "private" / "prefect" / "run" / "prefect.db").exists()  # it did go through Prefect, at home here
    kept = {path: path.read_bytes() for path in workspace.rglob("*") if path.is_file()}
    assert any(b"drukte-tiny" in text and b"closed" in text for path, text in kept.items() if "prefect" in path.parts)
    told = [*kept.items(), ("output", done.stdout.encode()), ("errors", done.stderr.encode())]
    assert [
        where for where, text in told if DEVICE.encode() in text
    ] == []  # nothing of a refused delivery, in Prefect's own records neither
    assert runs(workspace) == [(UNTIL, "run")]
    # Somebody breaks the file in the evening: the version that ran goes on through the flow, and says so, with file and line.
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("timezone:", "timzone:"))
    again = drukte(*words, "--json")
    assert again.returncode == 0
    assert re.search(r"municipalities/tiny.yaml:\d+: timzone: unknown key. Did you mean `timezone`", again.stderr)
    [told] = json.loads(again.stdout)
    assert told["message_en"].startswith("nothing due: no new deliveries, no interval to compute")
    assert "CONFIG BROKEN" in told["message_en"] and "version 1" in told["message_en"]
    copied(workspace / "private" / "prefect" / "run" / "prefect.db", made)


def audited_when_asked(serving: subprocess.Popen[str], workspace: Path) -> None:
    """The flow of the night runs between ticks, when the server is asked for it out of its hours."""
    from pipelines.flows import deployments

    api = deployments.living(workspace)
    assert api
    found = deployments.ask(api, "tiny", "drukte-nightly")
    assert found and found["schedules"][0]["schedule"]["interval"] == 86400.0
    body = {"state": {"type": "SCHEDULED"}}
    asked = urllib.request.Request(
        f"{api}/deployments/{found['id']}/create_flow_run", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(asked, timeout=20).close()
    said_until(serving, "counts of persons published")


def test_a_scheduled_run_happens_and_serve_ends_quietly(serving: subprocess.Popen[str], tmp_path: Path) -> None:
    before = datetime.now(UTC)
    said = said_until(serving, "slots computed")
    assert any("looks every 5s" in line for line in said)
    (moment, verb), *_ = runs(tmp_path / "w")
    assert verb == "run"
    assert moment >= before - timedelta(seconds=10)
    said_until(serving, "nothing due: no new deliveries")  # the next scheduled run finds nothing, and says so
    check = ["serve", "--check", "--config", tmp_path / "config", "--workspace", tmp_path / "w"]
    same = drukte(*check)
    assert (same.returncode, same.stderr) == (0, "")
    assert "the server has what config wants" in same.stdout
    assert "s from this machine's" in same.stdout
    audited_when_asked(serving, tmp_path / "w")
    file = tmp_path / "config" / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("pace: 5s", "pace: 10s"))
    other = drukte(*check)
    assert other.returncode == 5
    assert "schedule: 5 s on the server, 10 s by config" in other.stdout
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(60) == 0
    assert serving.stdout is not None
    assert serving.stdout.read().splitlines()[-1] == "ended"
    assert (tmp_path / "errors").read_text() == ""
    assert processes_of(tmp_path / "w") == []


def test_a_killed_serve_takes_its_server_and_runs_with_it(serving: subprocess.Popen[str], tmp_path: Path) -> None:
    said_until(serving, "slots computed")
    serving.kill()
    serving.wait()
    deadline = time.monotonic() + 30
    while processes_of(tmp_path / "w") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert processes_of(tmp_path / "w") == []


def test_run_with_a_broken_municipality_runs_the_other_and_names_file_and_line(tmp_path: Path, made: Path) -> None:
    town, workspace = write_town(tmp_path), tmp_path / "w"
    started_before(made, workspace, "run")
    folder = town.config_folder / "municipalities"
    (folder / "broken.yaml").write_text((folder / "tiny.yaml").read_text().replace("pace", "pce") + "pce: 5min\n")
    done = drukte(
        "run",
        "--config",
        town.config_folder,
        "--workspace",
        workspace,
        "--municipality",
        "tiny,broken",
        "--at",
        UNTIL.isoformat(),
    )
    assert done.returncode == 2
    assert done.stdout.startswith("tiny: 2 deliveries")
    assert "config/municipalities/broken.yaml:" in done.stderr


def test_serve_uses_a_given_server_and_says_when_it_is_not_there(tmp_path: Path, made: Path) -> None:
    town = write_town(tmp_path)
    started_before(made, tmp_path / "w", "serve")
    words = ["serve", "--check", "--config", town.config_folder, "--workspace", tmp_path / "w"]
    gone = drukte(*words, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert gone.returncode == 1
    assert "PREFECT_API_URL" in gone.stderr
    there = drukte(*words)
    assert (there.returncode, there.stderr) == (0, "")
    assert "answers at http://127.0.0.1:" in there.stdout
    assert processes_of(tmp_path / "w") == []
