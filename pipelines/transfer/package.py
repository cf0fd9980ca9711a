"""The file of a transfer package: a zip whose first member says what is in it, with a hash each.

The bytes depend on nothing but the content: members in order of name, not compressed (libraries pack differently), no clock. Reading
trusts nothing in the file: only plain members that the first one announces, below the folders of a package, of the announced size and
hash, within limits; a name that leads anywhere else is refused before a byte is written.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from pipelines.faults import DamagedError, UsageError
from pipelines.readers import packed
from pipelines.readers.raw import UnreadableError
from pipelines.track.stored import Stored
from schemas.settings.base import Slug, Strict, Text
from schemas.settings.source import Packed

LAYOUT = 1  # of this file; a newer one is refused
HEADER = "drukte-transfer.json"
CONFIG, STORED = "config", "documents/workspace.json"
FOLDERS = (CONFIG, "catalogue", "kpis", "schema", "documents")
TEXTS = (".yaml", ".geojson", ".json", ".md", ".html")
LIMITS = Packed.model_validate({"as": "zip", "most_members": 2_000, "most_mb": 32, "ratio": 100})
_MOST = 128_000_000  # bytes of a whole package

Sha = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Member(Strict):
    """A file of the package: posix path, size and SHA-256."""

    name: str
    bytes: int = Field(ge=0)
    sha256: Sha


class About(Strict):
    """What a package says about itself. ``as_of``: the local day for which dates in its documents were judged."""

    drukte_transfer: int
    release: str
    municipality: Slug
    name: Text
    as_of: date
    config_hash: str
    files: tuple[Member, ...]


@dataclass(frozen=True)
class Package:
    """A package in memory."""

    about: About
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class LaidOut:
    """A package whose config stands in a folder aside, for as long as the context lasts."""

    about: About
    files: Mapping[str, bytes]
    config_dir: Path

    @property
    def at(self) -> datetime:
        """A moment of the day for which the package was made: noon UTC, which is that day nearly everywhere."""
        return datetime.combine(self.about.as_of, time(12), tzinfo=UTC)

    @property
    def stored(self) -> Stored | None:
        """What the workspace showed when the package was made. Raises :class:`DamagedError`."""
        try:
            return TypeAdapter(Stored | None).validate_json(self.files.get(STORED, b"null"))
        except ValidationError:
            raise DamagedError(
                f"{STORED} in the package of {self.about.municipality} is not readable. Ask for it again."
            ) from None


def pack(files: Mapping[str, bytes], about: About) -> bytes:
    """The bytes of a package; ``about.files`` is worked out here."""
    members = tuple(Member(name=n, bytes=len(c), sha256=hashlib.sha256(c).hexdigest()) for n, c in sorted(files.items()))
    header = about.model_copy(update={"files": members}).model_dump_json(indent=1).encode() + b"\n"
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ((HEADER, header), *sorted(files.items())):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, content)
    return found.getvalue()


def read(path: Path) -> Package:
    """The package in a file, every byte checked. Raises :class:`UsageError` for what is no package or a newer one, :class:`DamagedError`."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file. Name a package made by `drukte export transfer`.")
    if path.stat().st_size > _MOST:
        raise UsageError(f"{path}: larger than {_MOST // 1_000_000} MB, which no package is.")
    with path.open("rb") as file:
        found = _members(path, file)
        header = found.pop(HEADER, None)
        if header is None:
            raise UsageError(f"{path}: not a transfer package ({HEADER} lacks). Make one with `drukte export transfer`.")
        try:
            header_text = packed.unzip(file, HEADER, LIMITS)
        except UnreadableError as error:
            raise _damaged(path, f"{HEADER}: {error}") from None
        about = _about(path, header_text)
        files = dict(_checked(path, file, about, set(found)))
    return Package(about, files)


def _members(path: Path, file: io.BufferedReader) -> dict[str, packed.Member]:
    try:
        listed = packed.members(file, LIMITS)
    except UnreadableError as error:
        raise UsageError(f"{path}: not a transfer package: {error}") from None
    odd = next((m for m in listed if m.fault or not _inside(m.name)), None)
    if odd is not None:
        raise _damaged(path, odd.fault or f"a member ({ascii(odd.name)[:80]}) lies outside the folders of a package")
    if sum(m.size for m in listed) > _MOST:
        raise _damaged(path, f"it unpacks to more than {_MOST // 1_000_000} MB")
    return {m.name: m for m in listed}


def _inside(name: str) -> bool:
    """Whether a name is a plain path of a text below one of the package's folders, or at its top, on any system."""
    parts = PurePosixPath(name).parts
    plain = "/".join(parts) == name and name.isascii() and name.isprintable() and not any(c in name for c in '\\:*?"<>|')
    known = len(parts) == 1 or (len(parts) <= 5 and parts[0] in FOLDERS)
    return plain and known and not any(p.startswith(".") or p.endswith((".", " ")) for p in parts) and name.endswith(TEXTS)


def _about(path: Path, text: bytes) -> About:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(path, f"{HEADER} is not readable") from None
    layout = found.get("drukte_transfer") if isinstance(found, dict) else None
    if isinstance(layout, int) and layout > LAYOUT:
        raise UsageError(
            f"{path}: a package of layout {layout}, this release reads {LAYOUT}. Use the release that wrote it, or a newer one."
        )
    try:
        return About.model_validate(found)
    except ValidationError:
        raise _damaged(path, f"{HEADER} does not say what a package holds") from None


def _checked(path: Path, file: io.BufferedReader, about: About, there: set[str]) -> Iterator[tuple[str, bytes]]:
    announced = [member.name for member in about.files]
    if len({name.casefold() for name in announced}) != len(announced) or set(announced) != there:
        raise _damaged(path, f"its members are not the ones that {HEADER} announces")
    for member in about.files:
        try:
            content = packed.unzip(file, member.name, LIMITS)
        except UnreadableError as error:
            raise _damaged(path, f"{member.name}: {error}") from None
        if len(content) != member.bytes or hashlib.sha256(content).hexdigest() != member.sha256:
            raise _damaged(path, f"{member.name} is not what was written")
        yield member.name, content


def _damaged(path: Path, what: str) -> DamagedError:
    return DamagedError(f"{path}: damaged or forged, {what}. Nothing was written. Ask for the package again.")


@contextmanager
def laid_out(path: Path) -> Iterator[LaidOut]:
    """The package, its config in a temporary folder called ``config``. Raises as :func:`read`."""
    found = read(path)
    with TemporaryDirectory() as aside:
        for name, content in found.files.items():
            if name.startswith(f"{CONFIG}/"):
                target = Path(aside) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        yield LaidOut(found.about, found.files, Path(aside) / CONFIG)
