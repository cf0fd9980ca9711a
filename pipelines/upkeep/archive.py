"""The file of a backup: a tar whose first member says what is in it, with a hash each, and whose last one hashes the first.

Reading trusts nothing in the file: only plain files that the first member announces, inside the workspace's own folders, of
the announced size and hash. A compressed copy (gzip, xz) is read too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Annotated

from pydantic import Field, StringConstraints, ValidationError

from pipelines.faults import DamagedError, UsageError
from schemas.settings.base import Strict

LAYOUT = 1  # of this file; a newer one is refused
HEADER, SEAL = "drukte-backup.json", "drukte-backup.sha256"
ROOMS = ("private", "published")
_BLOCK = 1 << 20
_HEADER_MOST = 256 << 20
_BROKEN = (tarfile.TarError, lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError, UnicodeError, ValueError)

Sha = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Write = Callable[[bytes], object]


class Member(Strict):
    """A file of the workspace: posix path below it, size, SHA-256 and mode bits."""

    name: str
    bytes: int = Field(ge=0)
    sha256: Sha
    mode: int = Field(ge=0, le=0o777)


class Header(Strict):
    """What a backup says about itself. ``format`` is the workspace's, ``taken_at`` the moment of the copy (ISO, with offset)."""

    drukte_backup: int
    format: int
    release: str
    taken_at: str
    last_run: str
    files: tuple[Member, ...]


def write(target: IO[bytes], header: Header, folder: Path) -> None:
    """Write the announced files of ``folder``. Raises :class:`OSError` when one is not what the header says."""
    text = header.model_dump_json(indent=1).encode()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, HEADER, text)
        for member in header.files:
            info = tarfile.TarInfo(member.name)
            info.size, info.mode = member.bytes, member.mode
            with (folder / member.name).open("rb") as file:
                checked = _Hashing(file)
                tar.addfile(info, checked)
            if checked.digest() != member.sha256:
                raise OSError(f"{member.name} changed while it was written. Take the backup again.")
        _add(tar, SEAL, hashlib.sha256(text).hexdigest().encode())


def create(path: Path) -> IO[bytes]:
    """A new file that nobody else may read. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]):
        self._file, self._sha = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._sha.update(block)
        return block

    def digest(self) -> str:
        return self._sha.hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


def read(path: Path, each: Callable[[Member], IO[bytes]] | None = None, admit: Callable[[Header], None] | None = None) -> Header:
    """Read a backup to its end and check every byte that counts.

    ``admit`` sees the header first and may refuse it; ``each`` gives the file a member is written to. Raises
    :class:`DamagedError`, :class:`UsageError` for what is no backup or of a newer layout, and what ``admit`` raises.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file.")
    try:
        with tarfile.open(path, "r:*") as tar:
            members = iter(tar)
            header, text = _header(tar, members, path)
            if admit:
                admit(header)
            for wanted in header.files:
                _take(tar, members, wanted, each, path)
            _sealed(tar, members, text, path)
            return header
    except _BROKEN as error:
        raise _damaged(path, f"it cannot be read to its end ({type(error).__name__})") from error


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(f"{path}: damaged, {what}. Nothing was restored. Take another copy of the backup, or an earlier one.")


def _header(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], path: Path) -> tuple[Header, bytes]:
    info = next(members, None)
    if info is None or info.name != HEADER or not info.isreg() or info.size > _HEADER_MOST:
        raise UsageError(f"{path}: not a backup made by `drukte backup`.")
    text = _content(tar, info)
    found = json.loads(text)
    layout = found.get("drukte_backup") if isinstance(found, dict) else None
    if isinstance(layout, int) and layout > LAYOUT:
        raise UsageError(f"{path}: a backup of layout {layout}, this release reads {LAYOUT}. Use the release that wrote it.")
    try:
        header = Header.model_validate(found)
    except ValidationError:
        raise _damaged(path, "its first member does not say what a backup holds") from None
    names = [member.name for member in header.files]
    wrong = next((name for name in names if not _inside(name)), None)
    if wrong is not None:
        raise _damaged(path, f"it names {wrong!r}, which lies outside {' and '.join(ROOMS)}")
    if len(set(names)) != len(names):
        raise _damaged(path, "it names a file twice")
    return header, text


def _inside(name: str) -> bool:
    """Whether a name is a plain path below one of the workspace's rooms, on any system."""
    parts = PurePosixPath(name).parts
    plain = "/".join(parts) == name and not any(c in name for c in "\\:\0")
    return plain and len(parts) > 1 and parts[0] in ROOMS and ".." not in parts


def _take(
    tar: tarfile.TarFile,
    members: Iterator[tarfile.TarInfo],
    wanted: Member,
    each: Callable[[Member], IO[bytes]] | None,
    path: Path,
) -> None:
    info = next(members, None)
    if info is None:
        raise _damaged(path, f"it ends before {wanted.name}")
    if info.name != wanted.name or not info.isreg() or info.size != wanted.bytes:
        raise _damaged(path, f"where {wanted.name} should stand, there is something else")
    sha = hashlib.sha256()
    with _opened(each, wanted) as put, _member(tar, info) as file:
        while block := file.read(_BLOCK):
            sha.update(block)
            put(block)
    if sha.hexdigest() != wanted.sha256:
        raise _damaged(path, f"{wanted.name} is not what was written")


@contextmanager
def _opened(each: Callable[[Member], IO[bytes]] | None, wanted: Member) -> Iterator[Write]:
    if each is None:
        yield lambda _block: None
        return
    with each(wanted) as file:
        yield file.write


def _member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    assert file is not None  # a plain file, as asked before
    return file


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    with _member(tar, info) as file:
        return file.read()


def _sealed(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], text: bytes, path: Path) -> None:
    info = next(members, None)
    if info is None or info.name != SEAL or not info.isreg() or info.size != 64:
        raise _damaged(path, "its end lacks")
    if _content(tar, info).decode("ascii") != hashlib.sha256(text).hexdigest():
        raise _damaged(path, "its first member is not what was written")
    if next(members, None) is not None:
        raise _damaged(path, "something follows after its end")
