"""A backup restores to an equal state on another path; a damaged, foreign or newer one restores nothing."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import tarfile
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines import lock
from pipelines.faults import DamagedError, UsageError
from pipelines.published import connect
from pipelines.store import Store
from pipelines.store.tables import FORMAT, FormatError
from pipelines.upkeep import archive, backup, restore
from tests import evidence
from tests.pipelines.upkeep.kept import DAY, deliver, filled, state
from tests.town import START, Town

ROOT = Path(__file__).resolve().parents[3]
NOON = START + timedelta(hours=12, minutes=5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Town, Path]:
    """The town and a backup of its workspace."""
    folder = tmp_path_factory.mktemp("made")
    town = filled(folder)
    for name in (
        "published/board/index.html",
        "published/open-data/counts.csv",
        "private/accepted/tiny.yaml",
        "private/prefect/run/prefect.db",
    ):
        (folder / "w" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "w" / name).write_text(name)
    (folder / "w" / "private" / "accepted" / "tiny.yaml").chmod(0o640)
    backup.write(folder / "w", folder / "copy.tar", NOON + 2 * DAY)
    return town, folder / "copy.tar"


def test_restores_to_an_equal_state_on_another_path(made: tuple[Town, Path], tmp_path: Path) -> None:
    town, file = made
    header = restore.restore(file, tmp_path / "else" / "where")
    kept = state(town.folder / "w")
    assert header.last_run == kept["runs"][-1][0]
    assert kept["situations"] and len(kept["indicator_values"]) > 100, "nothing to compare"
    assert state(tmp_path / "else" / "where") == kept


def test_what_was_restored_reads_its_own_sealed_files_and_goes_on(made: tuple[Town, Path], tmp_path: Path) -> None:
    shutil.copytree(made[0].folder, tmp_path / "a")
    town = Town(tmp_path / "a")
    with Store(tmp_path / "a" / "w") as store:
        restore.republish(store)
    backup.write(tmp_path / "a" / "w", tmp_path / "copy.tar", NOON)
    with connect(tmp_path / "a" / "w" / "published" / "indicators.duckdb") as con:
        before = con.execute("FROM indicator_values ORDER BY ALL").fetchall()
    original = tmp_path / "a" / "moved away"
    (tmp_path / "a" / "w").rename(original)
    restore.restore(tmp_path / "copy.tar", tmp_path / "b")
    with duckdb.connect(
        str(tmp_path / "b" / "published" / "indicators.duckdb"), read_only=True
    ) as con:  # without the helper's root
        con.execute("SET TimeZone='UTC'")
        assert con.execute("FROM indicator_values ORDER BY ALL").fetchall() == before
    deliver(town, 3)
    town.zones(START + 3 * DAY, [(START + timedelta(hours=9), "square", 4500)], name="late")  # into a sealed day
    for workspace in (original, tmp_path / "b"):
        with Store(workspace) as store:
            assert town.tick(store, NOON + 3 * DAY).values_changed
    assert state(original, all_columns=False) == state(tmp_path / "b", all_columns=False)


def test_every_file_comes_back_but_locks_and_the_server_s_own_record(made: tuple[Town, Path], tmp_path: Path) -> None:
    restore.restore(made[1], tmp_path / "r")

    def there(workspace: Path) -> dict[str, tuple[int, bytes]]:
        paths = [p for p in workspace.rglob("*") if p.is_file() and "lock" not in p.name and "prefect" not in p.parts]
        return {
            p.relative_to(workspace).as_posix(): (p.stat().st_mode & 0o777, p.read_bytes())
            for p in paths
            if p.suffix != ".duckdb"  # compared cell by cell elsewhere
        }

    found, wanted = there(tmp_path / "r"), there(made[0].folder / "w")
    assert found == wanted
    assert {
        "published/board/index.html",
        "published/open-data/counts.csv",
        "private/accepted/tiny.yaml",
        "private/format",
    } <= set(found)
    assert not (tmp_path / "r" / "private" / "prefect").exists()


def test_private_stays_closed_and_modes_come_back(made: tuple[Town, Path], tmp_path: Path) -> None:
    restore.restore(made[1], tmp_path / "r")
    assert (tmp_path / "r" / "private").stat().st_mode & 0o777 == 0o700
    assert made[1].stat().st_mode & 0o777 == 0o600
    for path in (made[0].folder / "w" / "private" / "working.duckdb", made[0].folder / "w" / "private" / "format"):
        again = tmp_path / "r" / path.relative_to(made[0].folder / "w")
        assert again.stat().st_mode & 0o777 == path.stat().st_mode & 0o777


TICKER = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from indicators.card import catalogue
from pipelines import lock
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
folder, cards = Path(sys.argv[1]), catalogue()
config = load(folder / "config", "tiny", folder / "data")
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    with lock.hold(folder / "w", wait=60), Store(folder / "w") as store:
        tick(store, config, cards, at=datetime.fromisoformat(sys.argv[3]) + number * timedelta(hours=8))
"""


def test_taken_while_runs_go_on_it_is_the_state_after_one_of_them(tmp_path: Path) -> None:
    town, ticks, copies = Town(tmp_path / "a"), evidence.count(4, 60), evidence.count(2, 20)
    for day in range(ticks // 3 + 1):
        deliver(town, day)
    command = [sys.executable, "-c", TICKER, str(tmp_path / "a"), str(ticks), (START + timedelta(hours=12)).isoformat()]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout and child.stdout.readline() == "ready\n"
    while not (tmp_path / "a" / "w" / "published" / "indicators.duckdb").exists():
        assert child.poll() is None
    running = 0
    headers = []
    for number in range(copies):
        running += child.poll() is None
        headers.append(backup.write(tmp_path / "a" / "w", tmp_path / f"{number}.tar", NOON, wait=60))
    assert child.wait(timeout=120) == 0
    child.stdout.close()
    assert running, "no backup was taken while runs went on: the test says nothing"
    at, plain = START + timedelta(hours=12), {}
    for number in range(ticks):
        with Store(tmp_path / "plain") as store:
            run = town.tick(store, at + number * timedelta(hours=8)).run_id
        if run in {h.last_run for h in headers}:
            plain[run] = state(tmp_path / "plain")
    for number, header in enumerate(headers):
        restore.restore(tmp_path / f"{number}.tar", tmp_path / f"r{number}")
        found, wanted = state(tmp_path / f"r{number}"), plain[header.last_run]
        for table in set(wanted) - {"about", "seen_files"}:  # the moment of publication, and of each file on this disk
            assert found[table] == wanted[table], table
    evidence.record("backup-while-ticking", copies, None, {"taken_while_a_run_was_under_way_or_due": running, "state": "equal"})


def test_nothing_is_written_over(made: tuple[Town, Path], tmp_path: Path) -> None:
    town, file = made
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        restore.restore(file, tmp_path / "full")
    with pytest.raises(UsageError, match="not empty"):
        restore.restore(file, town.folder / "w")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["note.txt"]
    with pytest.raises(UsageError, match="exists already"):
        backup.write(town.folder / "w", file, NOON)
    with pytest.raises(UsageError, match="inside the workspace"):
        backup.write(town.folder / "w", town.folder / "w" / "published" / "copy.tar", NOON)
    with pytest.raises(UsageError, match="no workspace"):
        backup.write(tmp_path / "none", tmp_path / "copy.tar", NOON)
    assert not (tmp_path / "none").exists()


def test_a_run_that_holds_the_workspace_is_waited_for_or_named(made: tuple[Town, Path], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines import lock\n"
        "with lock.hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(made[0].folder / "w")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout and child.stdout.readline() == "held\n"
        with pytest.raises(lock.HeldError):
            backup.write(made[0].folder / "w", tmp_path / "copy.tar", NOON, wait=0.2)
        child.communicate("")
    assert not list(tmp_path.iterdir()), "a backup that was not taken leaves no file"
    backup.write(made[0].folder / "w", tmp_path / "copy.tar", NOON)


def test_any_damage_is_found_or_harmless(made: tuple[Town, Path], tmp_path: Path) -> None:
    _, file = made
    content, rng, cases = file.read_bytes(), random.Random(11), evidence.count(60, 1500)
    damaged = tmp_path / "damaged.tar"
    whole = restore.check(file)
    for number in range(cases):
        changed = bytearray(content)
        spot = rng.randrange(6000) if number % 2 else rng.randrange(len(content))
        if number % 5 == 0:
            changed = changed[:spot]
        else:
            changed[spot] ^= 1 << rng.randrange(8)
        damaged.write_bytes(changed)
        try:
            assert restore.check(damaged).files == whole.files  # what the tar ignores: owner, times, what pads a block
        except (DamagedError, UsageError):
            continue
    for part in ("working.duckdb", "2026-06-01"):  # in the content itself nothing is harmless
        member = next(m for m in whole.files if part in m.name)
        spot = content.index((made[0].folder / "w" / member.name).read_bytes()[:4096]) + member.bytes // 2
        damaged.write_bytes(content[:spot] + bytes([content[spot] ^ 255]) + content[spot + 1 :])
        with pytest.raises(DamagedError, match="is not what was written"):
            restore.restore(damaged, tmp_path / "r")
        assert not (tmp_path / "r").exists(), "a damaged backup leaves nothing behind"
    evidence.record("damaged-backups", cases, 11, {"unnoticed": 0})


def forged(path: Path, header: dict[str, object], members: list[tarfile.TarInfo | tuple[str, bytes]]) -> Path:
    """A tar with such a header, and a right hash of it at its end."""
    text = json.dumps(header).encode()
    with tarfile.open(path, "w") as tar:
        for given in [(archive.HEADER, text), *members, (archive.SEAL, archive.hashlib.sha256(text).hexdigest().encode())]:
            if isinstance(given, tarfile.TarInfo):
                tar.addfile(given)
                continue
            info = tarfile.TarInfo(given[0])
            info.size = len(given[1])
            tar.addfile(info, io.BytesIO(given[1]))
    return path


def announced(*names: str, content: bytes = b"x", **other: object) -> dict[str, object]:
    sha = archive.hashlib.sha256(content).hexdigest()
    files = [{"name": n, "bytes": len(content), "sha256": sha, "mode": 0o644} for n in names]
    told = {"drukte_backup": archive.LAYOUT, "format": FORMAT, "release": "0", "taken_at": "", "last_run": "", "files": files}
    return {**told, **other}


@pytest.mark.parametrize(
    "name",
    ["../outside", "/tmp/outside", "private/../../outside", "published", "elsewhere/file", "private//x", "private/./x",
     "private\\..\\x", "C:/private/x", ".restoring/private/lock", "private/a\0b"],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    file = forged(tmp_path / "evil.tar", announced(name), [(name, b"x")])
    with pytest.raises(DamagedError):
        restore.restore(file, tmp_path / "r" / "w")
    assert sorted(p.name for p in tmp_path.rglob("*")) in (["evil.tar"], ["evil.tar", "r"])


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def test_only_plain_files_that_were_announced_each_once(tmp_path: Path) -> None:
    one = ("private/a", b"x")
    cases = {
        "a link": (announced("private/a"), [link("private/a", "/etc/passwd", tarfile.SYMTYPE)]),
        "a hard link": (announced("private/a", "private/b"), [one, link("private/b", "private/a", tarfile.LNKTYPE)]),
        "a link before": (announced("private/a"), [link("private", "/tmp", tarfile.SYMTYPE), one]),
        "one more": (announced("private/a"), [one, ("private/b", b"x")]),
        "one less": (announced("private/a", "private/b"), [one]),
        "named twice": (announced("private/a", "private/a"), [one, one]),
        "another size": (announced("private/a"), [("private/a", b"xx")]),
    }
    for name, (header, members) in cases.items():
        file = forged(tmp_path / f"{name}.tar", header, members)
        with pytest.raises(DamagedError):
            restore.check(file)
        with pytest.raises(DamagedError):
            restore.restore(file, tmp_path / "w")
        assert not (tmp_path / "w").exists(), name


def test_what_is_newer_or_no_backup_is_told_apart(tmp_path: Path) -> None:
    newer = forged(tmp_path / "newer.tar", announced("private/a", format=FORMAT + 1), [("private/a", b"x")])
    with pytest.raises(FormatError, match="newer release"):
        restore.restore(newer, tmp_path / "w")
    layout = forged(tmp_path / "layout.tar", {"drukte_backup": archive.LAYOUT + 1, "all": "other"}, [])
    with pytest.raises(UsageError, match="layout"):
        restore.check(layout)
    with tarfile.open(tmp_path / "other.tar", "w") as tar:
        tar.add(__file__, "test.py")
    with pytest.raises(UsageError, match="not a backup"):
        restore.check(tmp_path / "other.tar")
    with pytest.raises(UsageError, match="no such file"):
        restore.check(tmp_path / "none.tar")
    assert not (tmp_path / "w").exists()


def test_a_restore_that_was_killed_starts_anew(made: tuple[Town, Path], tmp_path: Path) -> None:
    killed = tmp_path / "w"
    for rest in (".restoring/private", ".restoring/published/sealed/x", "published/sealed"):
        (killed / rest).mkdir(parents=True)
    (killed / ".restoring" / "private" / "working.duckdb").write_bytes(b"half")
    restore.restore(made[1], killed)
    assert state(killed) == state(made[0].folder / "w")
    assert not (killed / ".restoring").exists()


def test_a_workspace_that_is_not_whole_is_told_when_the_backup_is_made(made: tuple[Town, Path], tmp_path: Path) -> None:
    workspace = shutil.copytree(made[0].folder / "w", tmp_path / "w")
    sealed = sorted((workspace / "published" / "sealed" / "observations").iterdir())[0]
    shutil.move(sealed, tmp_path / "kept")
    with pytest.raises(DamagedError, match=rf"{sealed.name} is missing"):
        backup.write(workspace, tmp_path / "copy.tar", NOON)
    sealed.write_bytes((tmp_path / "kept").read_bytes()[:-100])
    with pytest.raises(DamagedError, match="cannot be read"):
        backup.write(workspace, tmp_path / "copy.tar", NOON)
    assert not (tmp_path / "copy.tar").exists()
    assert not (workspace / "private" / ".backup").exists()


def test_rows_of_a_killed_run_are_in_the_copy(made: tuple[Town, Path], tmp_path: Path) -> None:
    """What was committed but stands in the database's log only."""
    workspace = shutil.copytree(made[0].folder / "w", tmp_path / "w")
    code = (
        "import os, sys, duckdb; con = duckdb.connect(sys.argv[1]); con.execute(\"SET checkpoint_threshold='1GB'\")\n"
        "con.execute(\"INSERT INTO card_state VALUES ('tiny', 'by hand', 'kept')\"); os._exit(9)"
    )
    database = workspace / "private" / "working.duckdb"
    subprocess.run([sys.executable, "-c", code, str(database)], check=False)
    assert database.with_name("working.duckdb.wal").exists(), "nothing in the log: the test says nothing"
    backup.write(workspace, tmp_path / "copy.tar", NOON)
    restore.restore(tmp_path / "copy.tar", tmp_path / "r")
    assert ("tiny", "by hand", "kept") in state(tmp_path / "r")["card_state"]
