"""The config in force, for who reads: from what was published and the files that were kept, without a run (decision 0015)."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from indicators.card import Card
from pipelines import lock, start
from pipelines.notes import Note
from pipelines.published import connect
from pipelines.store import Store
from pipelines.versions import bundle, ledger
from pipelines.versions.ledger import Version
from pipelines.versions.notes import note
from schemas.config import Config
from schemas.problems import Problems

Found = tuple[Config, dict[str, Card], tuple[Note, ...]]
WAIT = 30.0  # seconds for a run that is under way, where a version must be fetched from the private database


class _Ledger:
    """Stands in for a store where only the table of versions is read."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self.con = con


def standing(workspace: Path, config_dir: Path, slug: str, data: Path | None, at: datetime) -> Found:
    """Config and cards in force at ``at``, and what there is to say of it.

    From the first ``config accept`` on that is the accepted version, which knows those before it; until then, and where nothing
    was published, the files. Where a version cannot be read (only ``published/`` is at hand) the files as well, and a note says so.
    Raises :class:`Problems` for files with mistakes.
    """
    file = workspace / "published" / "indicators.duckdb"
    if not file.exists():
        return (*start.ready(config_dir, slug, data), ())
    con = connect(file)
    try:
        versions = _chain(con, slug, at)
    finally:
        con.close()
    if not versions:
        return (*start.ready(config_dir, slug, data), ())
    if not (workspace / "private").is_dir():
        return (*start.ready(config_dir, slug, data), (note("unread", number=versions[0].number),))
    config, cards = _since(workspace, versions, config_dir, data)
    return config, cards, _said(versions[0], config_dir, slug, data)


def _chain(con: duckdb.DuckDBPyConnection, slug: str, at: datetime) -> list[Version]:
    """The accepted version in force at ``at``, and those before it, newest first."""
    store: Any = _Ledger(con)
    version, found = ledger.accepted_at(store, slug, at), []
    while version is not None:
        found.append(version)
        version = ledger.before(store, version) if version.effective_from else None
    return found


def _since(workspace: Path, versions: list[Version], config_dir: Path, data: Path | None) -> tuple[Config, dict[str, Card]]:
    version, *earlier = versions
    config, cards = start.ready(_folder(workspace, version), version.municipality, data)
    if data is None:
        config = dataclasses.replace(config, data=(config_dir.resolve() / "municipalities" / config.municipality.data).resolve())
    if earlier:
        before = cache(lambda: _since(workspace, earlier, config_dir, data)[0])
        config = dataclasses.replace(config, since=version.effective_from, before=before)
    return config, cards


def _folder(workspace: Path, version: Version) -> Path:
    """Where the files of a version lie, as they were; from the private database where nobody has used them yet."""
    slug, content = version.municipality, version.content_hash
    for folder in sorted((workspace / "private" / bundle.FOLDER / slug / content).glob("*")):
        try:
            if bundle.gather(start.ready(folder, slug)[0]).content_hash == content:
                return folder
        except (Problems, OSError):
            continue
    with lock.hold(workspace, WAIT), Store(workspace) as store:
        return bundle.unpack(store, content, slug)


def _said(version: Version, config_dir: Path, slug: str, data: Path | None) -> tuple[Note, ...]:
    """Which version it is, and whether the files say something else by now."""
    since = f"{version.effective_from:%Y-%m-%d %H:%M}Z" if version.effective_from else "-"
    told = [note("stands", number=version.number, role=version.accepted_by, since=since)]
    try:
        same = bundle.gather(start.ready(config_dir, slug, data)[0]).content_hash == version.content_hash
    except Problems:
        same = False
    return tuple(told) if same else (*told, note("differs", number=version.number))
