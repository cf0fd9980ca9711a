"""Restore and migrate killed with SIGKILL at any moment: called again they come to the same as undisturbed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipelines.faults import UsageError
from pipelines.upkeep import migrate, restore
from tests import evidence
from tests.pipelines.upkeep.kept import state
from tests.pipelines.upkeep.test_migrate import AT, STORED

ROOT = Path(__file__).resolve().parents[3]
OLDEST = STORED[0]
CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from pipelines.upkeep import migrate, restore
what, file, workspace, at = sys.argv[1:]
print("ready", flush=True)
if what == "restore":
    restore.restore(Path(file), Path(workspace))
else:
    migrate.migrate(Path(workspace), datetime.fromisoformat(at), to=Path(file))
"""


def kill(what: str, file: Path, workspace: Path, after: float) -> bool:
    """Start it in a process of its own and kill that ``after`` seconds into the work; whether it was still at it."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(file), str(workspace), AT.isoformat()],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    ended = child.wait(timeout=60)
    child.stdout.close()
    return ended == -signal.SIGKILL


def test_restore_and_migrate_killed_at_any_moment_come_to_the_same(tmp_path: Path) -> None:
    rng, kills, killed = random.Random(23), evidence.count(1, 40), 0
    restore.restore(OLDEST, tmp_path / "plain")
    migrate.migrate(tmp_path / "plain", AT, to=tmp_path / "plain.tar")
    wanted = state(tmp_path / "plain")
    for number in range(kills):
        workspace = tmp_path / f"w{number}"
        killed += kill("restore", OLDEST, workspace, rng.uniform(0.0, 0.3))
        try:
            restore.restore(OLDEST, workspace)
        except UsageError as error:  # it had come to its end
            assert "is not empty" in str(error)
        assert not (workspace / ".restoring").exists() or (workspace / "private").exists()
        killed += kill("migrate", tmp_path / f"w{number}.tar", workspace, rng.uniform(0.0, 0.8))
        file = tmp_path / f"w{number}-again.tar" if (tmp_path / f"w{number}.tar").exists() else tmp_path / f"w{number}.tar"
        migrate.migrate(workspace, AT, to=file)
        assert state(workspace) == wanted
        assert restore.check(tmp_path / f"w{number}.tar").format < migrate.tables.FORMAT, "the backup of before"
    assert killed, "nothing was killed in the middle: the test says nothing"
    evidence.record("killed-upkeep", 2 * kills, 23, {"killed_in_the_middle": killed, "state": "equal"})
