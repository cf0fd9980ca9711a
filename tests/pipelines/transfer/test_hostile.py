"""Packages that nobody of ours made: none writes a byte outside, none grows, each is refused in words."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.faults import DamagedError, UsageError
from pipelines.transfer import package
from pipelines.transfer.package import HEADER, About
from schemas.settings import Text
from tests import evidence

ABOUT = About(
    drukte_transfer=1,
    release="0",
    municipality="town",
    name=Text(nl="n", en="n"),
    as_of=date(2026, 6, 1),
    config_hash="0",
    files=(),
)
FILES = {"config/municipalities/town.yaml": b"municipality: town\n", "README.en.md": b"# hello\n"}
SOUND = package.pack(FILES, ABOUT)


def built(
    members: list[tuple[str | zipfile.ZipInfo, bytes]],
    *,
    announced: dict[str, bytes] | None = None,
    how: int = zipfile.ZIP_STORED,
) -> bytes:
    """A zip whose header announces its members, or others."""
    listed = announced if announced is not None else {(n if isinstance(n, str) else n.filename): c for n, c in members}
    files = [{"name": n, "bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in listed.items()]
    header = json.dumps({**ABOUT.model_dump(mode="json"), "files": files}).encode()
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", how) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in [(HEADER, header), *members]:
            archive.writestr(name, content)
    return found.getvalue()


def refused(content: bytes, folder: Path) -> str:
    path = folder / "p.zip"
    path.write_bytes(content)
    with pytest.raises((DamagedError, UsageError)) as caught, package.laid_out(path):
        pass
    assert [p.name for p in folder.iterdir()] == ["p.zip"]
    return str(caught.value)


def test_what_was_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(SOUND)
    found = package.read(tmp_path / "p.zip")
    assert dict(found.files) == FILES and found.about.municipality == "town"
    with package.laid_out(tmp_path / "p.zip") as opened:
        assert [p.name for p in (opened.config_dir / "municipalities").iterdir()] == ["town.yaml"]
        folder = opened.config_dir
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    ["../evil.yaml", "config/../../evil.yaml", "/etc/evil.yaml", "C:/evil.yaml", "config\\..\\evil.yaml", "config//evil.yaml", "other/evil.yaml",
     "config/.git/evil.yaml", "config/evil.py", "config/evil", "config/a/b/c/d/evil.yaml", "config/éé.yaml", "config/./evil.yaml",
     "config/con:x.yaml"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    told = refused(built([(name, b"x: 1\n")]), tmp_path)
    assert "damaged or forged" in told
    assert len(told) < 400


def link() -> bytes:
    info = zipfile.ZipInfo("config/link.yaml")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return built([(info, b"/etc/passwd")])


def encrypted() -> bytes:
    raw = bytearray(SOUND)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.find(mark)
        while start >= 0:
            raw[start + at] |= 1
            start = raw.find(mark, start + 4)
    return bytes(raw)


CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"municipality: town\n", "not a transfer package"),
    "empty": (lambda: b"", "not a transfer package"),
    "cut off": (lambda: SOUND[:-40], "not a transfer package"),
    "without a header": (lambda: _plain({"a.yaml": b"x"}), "lacks"),
    "a header that is none": (lambda: _plain({HEADER: b"[1, 2]"}), "does not say"),
    "a header that is no JSON": (lambda: _plain({HEADER: b"{" * 100_000}), "not readable"),
    "of a newer release": (lambda: _plain({HEADER: b'{"drukte_transfer": 99}'}), "layout 99"),
    "another content": (lambda: built([("config/a.yaml", b"x: 2")], announced={"config/a.yaml": b"x: 1"}), "not what was written"),
    "more than announced": (lambda: built([("config/a.yaml", b""), ("config/b.yaml", b"")], announced={"config/a.yaml": b""}), "announces"),
    "less than announced": (lambda: built([], announced={"config/a.yaml": b"x"}), "announces"),
    "two of one name": (lambda: built([("config/a.yaml", b"x"), ("config/a.yaml", b"y")], announced={"config/a.yaml": b"y"}), "one name"),
    "two names of one file elsewhere": (lambda: built([("config/a.yaml", b"x"), ("config/A.yaml", b"y")]), "announces"),
    "a bomb": (lambda: built([("config/a.yaml", b"0" * 30_000_000)], how=zipfile.ZIP_DEFLATED), "times its size"),
    "a file too large": (lambda: built([("config/a.yaml", b"0" * 33_000_000)]), "over 32 MB"),
    "encrypted": (encrypted, "encrypted"),
}  # fmt: skip


def _plain(files: dict[str, bytes]) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return found.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_a_forged_or_damaged_package_is_refused_in_words(case: str, tmp_path: Path) -> None:
    make, told = CASES[case]
    assert told in refused(make(), tmp_path)


def test_a_link_is_written_as_a_plain_file(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_bytes(link())
    with package.laid_out(tmp_path / "p.zip") as opened:
        assert (opened.config_dir / "link.yaml").is_file() and not (opened.config_dir / "link.yaml").is_symlink()


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    assert "more than 2000" in refused(built([(f"config/{n}.yaml", b"") for n in range(2_001)]), tmp_path)


@settings(max_examples=evidence.count(150, 20_000))
@given(at=st.integers(0, len(SOUND) - 1), byte=st.integers(0, 255))
def test_a_byte_changed_anywhere_is_noticed_or_changes_nothing_that_counts(
    at: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "one-byte.zip"
    path.write_bytes(SOUND[:at] + bytes([byte]) + SOUND[at + 1 :])
    try:
        found = package.read(path)
    except (DamagedError, UsageError):
        return
    assert dict(found.files) == FILES
