"""Where deliveries are: files below a data folder or in an object store, and the members of packed ones. Nothing is moved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from pipelines.readers import UnreadableError, packed
from schemas.settings.source import Source


@dataclass(frozen=True)
class Found:
    """A delivery. ``name`` is its posix path below the data folder (of a packed one: archive, ``!``, member), or its address.

    ``mtime_ns`` changes when the file does; ``load`` gives the content of what is no plain file.
    """

    path: Path
    name: str
    size: int
    mtime_ns: int
    load: Callable[[], bytes] | None = field(default=None, compare=False)

    def read(self) -> bytes:
        """The content, unpacked. Raises OSError, or :class:`UnreadableError` for what may not be opened."""
        return self.path.read_bytes() if self.load is None else self.load()


def find(source: Source, data: Path) -> list[Found]:
    """The deliveries of a source, by name, those of an endpoint left out. A missing folder holds none."""
    return sorted((d for f in files(source, data) for d in deliveries(f, source)), key=lambda d: d.name)


def files(source: Source, data: Path) -> list[Found]:
    """The files of a source as they lie, packed ones unopened."""
    if source.files is None:
        return []
    if "://" in source.files:
        return _stored(source.files)
    paths = (p for p in data.glob(source.files) if p.is_file())
    return [Found(p, p.relative_to(data).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]


def deliveries(file: Found, source: Source) -> Iterator[Found]:
    """What a file holds: itself, or each member of a zip, or what a gzip unpacks to."""
    how = source.packed
    if how is None:
        yield file
    elif how.as_ == "gzip":
        yield replace(file, load=lambda: packed.gunzip(file.read(), how))
    else:
        try:
            members = packed.members(_opened(file), how)
        except (UnreadableError, OSError) as error:
            fault = (
                error if isinstance(error, UnreadableError) else UnreadableError("unreadable", "the file could not be opened.")
            )
            yield replace(file, load=_refused(fault))
            return
        for member in members:
            load = _refused(UnreadableError(*member.fault.split(": ", 1))) if member.fault else _member(file, member.name, source)
            yield replace(file, name=f"{file.name}!{member.name}", size=member.size, load=load)


def content_hash(file: Found) -> str:
    """SHA-256 of a delivery's content; empty when it cannot be read."""
    try:
        if file.load is not None:
            return hashlib.sha256(file.load()).hexdigest()
        with file.path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except (OSError, UnreadableError):
        return ""


def _opened(file: Found) -> Any:
    return file.path.open("rb") if file.load is None else BytesIO(file.load())


def _member(file: Found, name: str, source: Source) -> Callable[[], bytes]:
    def load() -> bytes:
        assert source.packed is not None
        with _opened(file) as archive:
            return packed.unzip(archive, name, source.packed)

    return load


def _refused(fault: UnreadableError) -> Callable[[], bytes]:
    def load() -> bytes:
        raise fault

    return load


def _stored(pattern: str) -> list[Found]:
    """Files in an object store, through fsspec. What changes when a file does stands in place of its time of change."""
    import fsspec

    try:
        store, path = fsspec.core.url_to_fs(pattern)
        there = store.glob(path, detail=True)
        if not there:  # a glob takes a listing that failed for an empty one: a store that is down would be one without files
            _listed(store, path)
    except Exception as error:  # each store has its own errors; none may stop a tick
        needs = f" ({error})" if isinstance(error, ImportError) else ""
        fault = UnreadableError(
            "unreachable", f"the object store does not answer{needs}. Check address, network and credentials."
        )
        return [Found(Path(), pattern, 0, 0, _refused(fault))]
    found = []
    for name, info in there.items():
        if info.get("type") != "file":
            continue
        state = repr(
            [
                info.get(k)
                for k in ("ETag", "etag", "md5Hash", "LastModified", "last_modified", "updated", "mtime", "created", "size")
            ]
        )
        mark = int.from_bytes(hashlib.sha256(state.encode()).digest()[:7], "big")
        found.append(Found(Path(), store.unstrip_protocol(name), int(info["size"]), mark, _from_store(store, name)))
    return found


def _listed(store: Any, pattern: str) -> None:
    """Ask for the folder above the first wildcard; raises what the store says, unless the folder is not there yet."""
    fixed = pattern[: min(pattern.find(c) for c in "*?[" if c in pattern)] if set("*?[") & set(pattern) else pattern
    with suppress(FileNotFoundError):
        store.ls(fixed.rpartition("/")[0])


def _from_store(store: Any, name: str) -> Callable[[], bytes]:
    def load() -> bytes:
        try:
            return bytes(store.cat_file(name))
        except Exception:
            raise UnreadableError("unreachable", "the object store did not give the file. It is asked again.") from None

    return load
