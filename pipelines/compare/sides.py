"""What stands at either side of a comparison: a municipality of this folder, another folder, or the folder at a git revision."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from indicators.card import Card
from pipelines import start
from pipelines.faults import UsageError
from schemas import config as settings
from schemas.config import Config
from schemas.mistakes import did_you_mean

Side = tuple[str, Config, dict[str, Card]]


def side(operand: str, config_dir: Path, slug: str | None, title: str | None = None) -> Side:
    """``operand``: a slug of ``config_dir``, a folder (with ``slug``, or its only town), or ``FOLDER:SLUG``. Raises :class:`UsageError`."""
    known = settings.municipalities(config_dir) if (config_dir / "municipalities").is_dir() else []
    if operand in known:
        return (title or operand, *start.ready(config_dir, operand))
    folder, _, named = operand.rpartition(":") if ":" in operand and not Path(operand).is_dir() else (operand, "", slug or "")
    if not (Path(folder) / "municipalities").is_dir():
        raise UsageError(
            f"`{operand}` is neither a municipality of {config_dir} nor a config folder. {did_you_mean(operand, known)}"
        )
    there = settings.municipalities(Path(folder))
    if not named and len(there) != 1:
        raise UsageError(f"{folder} has {len(there)} municipalities: {', '.join(there)}. Name one: {folder}:SLUG.")
    return (title or operand, *start.ready(Path(folder), named or there[0]))


@contextmanager
def at_revision(config_dir: Path, revision: str) -> Iterator[Path]:
    """The config folder as it stood at a git revision, laid out aside. Raises :class:`UsageError` when git does not know it."""
    where = config_dir.resolve()
    if revision.startswith("-"):
        raise UsageError(f"`{revision}` is not a revision.")
    top = _git(where, "rev-parse", "--show-toplevel").decode().strip()
    inside = where.relative_to(Path(top).resolve()).as_posix()
    commit = (
        _git(where, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", told=f"there is no revision `{revision}`")
        .decode()
        .strip()
    )
    packed = _git(Path(top), "archive", "--format=tar", commit, "--", inside, told=f"{inside} did not exist at `{revision}`")
    with TemporaryDirectory() as aside:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(aside, filter="data")
        yield Path(aside) / inside


def _git(where: Path, *words: str, told: str | None = None) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(where), *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed: compare two folders instead.") from None
    if done.returncode:
        raise UsageError(f"{where}: {told or 'is not in a git repository: compare two folders instead'}.")
    return done.stdout
