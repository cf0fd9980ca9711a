"""The files that make up a municipality's config, kept whole and known by their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines.store import Store
from schemas.config import Config

FOLDER = "config"  # below private/: kept versions, laid out again from the database when somebody removes them


@dataclass(frozen=True, eq=False)
class Bundle:
    """``files``: content by name below the config folder, which is called ``folder``."""

    folder: str
    files: dict[str, bytes]

    @cached_property
    def content_hash(self) -> str:
        """16 hex characters over names and contents; where the folder stands does not count."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]


def gather(config: Config) -> Bundle:
    """The files that a sound config was read from: its own, its places, sources, purposes and reviews, and all own cards."""
    top = config.folder
    own = top / "municipalities" / f"{config.municipality.municipality}.yaml"
    paths = [own, (own.parent / config.municipality.places).resolve()]
    paths += [top / "sources" / f"{name}.yaml" for name in config.sources]
    paths += [top / "purposes" / f"{name}.yaml" for name in config.purposes]
    paths += [top / "reviews" / f"{config.municipality.municipality}.yaml"] if config.reviews else []
    paths += sorted((top / "indicators").glob("*.yaml"))
    return Bundle(top.name, {path.relative_to(top).as_posix(): path.read_bytes() for path in paths})


def keep(store: Store, bundle: Bundle) -> None:
    """Keep the content, once."""
    con = store.con
    if con.execute("SELECT 1 FROM config_files WHERE content_hash = ? LIMIT 1", [bundle.content_hash]).fetchall():
        return
    rows = [(bundle.content_hash, bundle.folder, name, content) for name, content in bundle.files.items()]
    con.executemany("INSERT INTO config_files VALUES (?, ?, ?, ?)", rows)


def unpack(store: Store, content_hash: str, slug: str) -> Path:
    """The config folder with a kept content, written below ``private/`` if it does not stand there whole."""
    rows = store.con.execute("SELECT folder, name, content FROM config_files WHERE content_hash = ?", [content_hash]).fetchall()
    folder = store.private / FOLDER / slug / content_hash / (rows[0][0] if rows else "config")
    for _, name, content in rows:
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder
