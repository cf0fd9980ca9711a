"""One run at a time: exit 4 for the second, and --wait."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import lock

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def other_process(workspace: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the workspace for some seconds; it has the lock when the block begins."""
    code = (
        "import sys, time; from pathlib import Path; from pipelines import lock\n"
        "with lock.hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(float(sys.argv[2]))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(workspace), str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with other_process(tmp_path, 60) as child, pytest.raises(lock.HeldError) as refused, lock.hold(tmp_path):
        pass
    assert f"process {child.pid}" in str(refused.value)


def test_waiting_gets_it_when_the_other_ends(tmp_path: Path) -> None:
    with other_process(tmp_path, 0.7):
        start = time.monotonic()
        with lock.hold(tmp_path, wait=30):
            assert 0.2 < time.monotonic() - start < 20


def test_waiting_gives_up_after_its_seconds(tmp_path: Path) -> None:
    with other_process(tmp_path, 60):
        start = time.monotonic()
        with pytest.raises(lock.HeldError), lock.hold(tmp_path, wait=0.5):
            pass
        assert 0.5 <= time.monotonic() - start < 10


def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path) -> None:
    with other_process(tmp_path, 60) as child:
        child.kill()
        child.wait()
        with lock.hold(tmp_path):
            assert (tmp_path / "private" / "lock").read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_the_holder_enters_again_and_lets_go_only_at_the_outer_end(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        with lock.hold(tmp_path):
            pass
        assert refused_elsewhere(tmp_path)
    assert not refused_elsewhere(tmp_path)


def test_two_workspaces_do_not_wait_for_each_other_and_private_is_private(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "a"), lock.hold(tmp_path / "b"):
        assert (tmp_path / "a" / "private").stat().st_mode & 0o777 == 0o700


def refused_elsewhere(workspace: Path) -> bool:
    """Whether another process is refused the workspace."""
    code = "import sys; from pathlib import Path; from pipelines import lock\nwith lock.hold(Path(sys.argv[1])): pass"
    done = subprocess.run([sys.executable, "-c", code, str(workspace)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "HeldError" in done.stderr
    return done.returncode != 0
