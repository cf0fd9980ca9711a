"""Zip and gzip, opened in memory and within limits: nothing is written out, and no more is unpacked than is allowed."""

from __future__ import annotations

import fnmatch
import gzip
import io
import lzma
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO

from pipelines.readers.raw import UnreadableError
from schemas.settings.source import Packed

_CHUNK = 1 << 20
_BROKEN = "cut off, damaged or another format. Ask for it again."


@dataclass(frozen=True)
class Member:
    """A file in a zip: its name, its stated size unpacked (bytes), and why it may not be opened, if so."""

    name: str
    size: int
    fault: str | None


def members(archive: IO[bytes], packed: Packed) -> list[Member]:
    """The members of a zip that are deliveries, by name. Raises :class:`UnreadableError` when it is no zip or holds too many."""
    try:
        infos = [info for info in zipfile.ZipFile(archive).infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, IndexError):  # the last: a member without a name
        raise UnreadableError("not_zip", f"not readable as a zip: {_BROKEN}") from None
    if len(infos) > packed.most_members:
        told = (
            f"the zip holds {len(infos)} files, more than {packed.most_members}. Raise `packed.most_members:` if that is right."
        )
        raise UnreadableError("too_many_members", told)
    wanted = [info for info in infos if fnmatch.fnmatchcase(info.filename.replace("\\", "/").rsplit("/", 1)[-1], packed.members)]
    names = [info.filename for info in wanted]
    return sorted((Member(i.filename, i.file_size, _fault(i, names, packed)) for i in wanted), key=lambda m: m.name)


def _fault(info: zipfile.ZipInfo, names: list[str], packed: Packed) -> str | None:
    parts = info.filename.replace("\\", "/").split("/")
    if info.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        return "path: the name of a packed file leaves the archive. Ask for a clean one."
    if names.count(info.filename) > 1:
        return "repeated_member: two packed files have one name. Ask which one holds."
    if info.flag_bits & 1:
        return "encrypted: the packed file is encrypted. Ask for it without a password."
    if info.file_size > packed.most_mb * 1_000_000:
        return f"too_large: unpacked it is over {packed.most_mb} MB. Raise `packed.most_mb:` if that is right."
    if info.file_size > packed.ratio * max(info.compress_size, 1_000):
        return f"ratio: it unpacks to more than {packed.ratio} times its size. Raise `packed.ratio:` if that is right."
    return None


def unzip(archive: IO[bytes], name: str, packed: Packed) -> bytes:
    """The content of one member. Raises :class:`UnreadableError`."""
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(name)
            with opened.open(info) as member:
                return _bounded(member, info.compress_size, packed)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        NotImplementedError,
        RuntimeError,
    ):
        raise UnreadableError("not_zip", f"a packed file cannot be read: {_BROKEN}") from None


def gunzip(content: bytes, packed: Packed) -> bytes:
    """The content of a gzip. Raises :class:`UnreadableError`."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as member:
            return _bounded(member, len(content), packed)
    except (zlib.error, EOFError, OSError):
        raise UnreadableError("not_gzip", f"not readable as gzip: {_BROKEN}") from None


def _bounded(member: IO[bytes] | gzip.GzipFile, size: int, packed: Packed) -> bytes:
    """What a member unpacks to, counted as it comes: a stated size can lie."""
    most = min(packed.most_mb * 1_000_000, packed.ratio * max(size, 1_000))
    found = io.BytesIO()
    while part := member.read(_CHUNK):
        found.write(part)
        if found.tell() > most:
            told = (
                f"unpacked it is over {most // 1_000_000 or 1} MB. Raise `packed.most_mb:` or `packed.ratio:` if that is right."
            )
            raise UnreadableError("too_large", told)
    return found.getvalue()
