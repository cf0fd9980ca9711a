"""Which version of a municipality's config is in force, and what a run starts from (rule 21, docs/decisions/0015).

Until a person accepts a version, the files act as they stand and each state of them is kept. From the first ``config accept`` on
only accepted versions act, each from its stated moment. Files that do not hold together never stop a run that has something to
go on with: the last good version stays in force, and every run says so.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path

from indicators.card import Card
from pipelines import purpose, start
from pipelines.notes import Note
from pipelines.store import Store
from pipelines.versions import bundle, ledger
from pipelines.versions.ledger import Version
from pipelines.versions.notes import note
from schemas.config import Config
from schemas.problems import Problem, Problems

__all__ = ["InForce", "Version", "accepted", "in_force", "kept", "known", "over_time"]

Sound = tuple[Config, dict[str, Card]]


@dataclass(frozen=True)
class InForce:
    """What a run goes by: config and cards, what a person must know of it, and the mistakes in files that could not be used."""

    config: Config
    cards: dict[str, Card]
    version: Version | None
    notes: tuple[Note, ...] = ()
    mistakes: tuple[Problem, ...] = ()


def in_force(store: Store, config_dir: Path, slug: str, data: Path | None, at: datetime, verb: purpose.Verb = "run") -> InForce:
    """The config in force at ``at``. Keeps files not seen before while nobody has accepted a version.

    Files whose use no review covers for a run of ``verb`` are like files with mistakes: they do not act. Raises :class:`Problems`
    when they do not, and no earlier version is known.
    """
    standing = ledger.accepted_at(store, slug, at)
    try:
        sound: Sound | None = _covered(start.ready(config_dir, slug, data), at, verb)
        mistakes: tuple[Problem, ...] = ()
    except Problems as problems:
        sound, mistakes = None, tuple(problems.problems)
    if standing is None:
        return _as_the_files_stand(store, config_dir, slug, data, at, sound, mistakes)
    found = [] if sound else [_broken(mistakes, standing)]
    if sound and bundle.gather(sound[0]).content_hash != standing.content_hash:
        found.append(note("differs", number=standing.number))
    found += _pending(store, slug, at)
    return InForce(*_since(store, standing, config_dir, data), standing, tuple(found), mistakes)


def _covered(sound: Sound, at: datetime, verb: purpose.Verb) -> Sound:
    """The same, where a review covers it. Raises :class:`Problems`."""
    purpose.refuse(*sound, at, verb)
    return sound


def _since(store: Store, version: Version, config_dir: Path, data: Path | None) -> Sound:
    """A version that knows what was in force before it; that is only read when a slot of before is to be judged."""
    config, cards = kept(store, version, config_dir, data)
    before = ledger.before(store, version) if version.effective_from else None
    if before is not None:
        earlier = cache(lambda: _since(store, before, config_dir, data)[0])
        config = dataclasses.replace(config, since=version.effective_from, before=earlier)
    return config, cards


def _as_the_files_stand(
    store: Store, config_dir: Path, slug: str, data: Path | None, at: datetime, sound: Sound | None, mistakes: tuple[Problem, ...]
) -> InForce:  # fmt: skip
    """While a version is planned, what ran last stays: the files may be that plan already."""
    pending, last = tuple(_pending(store, slug, at)), ledger.last_seen(store, slug)
    waits = last is not None and bool(ledger.planned(store, slug, at))
    if sound and not waits:
        return InForce(*sound, ledger.note_seen(store, slug, bundle.gather(sound[0]), at), pending)
    if last is None:
        raise Problems(mistakes)
    notes = pending if sound else (_broken(mistakes, last), *pending)
    return InForce(*kept(store, last, config_dir, data), last, notes, mistakes)


def over_time(
    store: Store, config_dir: Path, slug: str, data: Path | None, since: datetime, until: datetime
) -> list[tuple[datetime, Version, Sound]]:
    """What was in force at ``since``, and what came into force after it up to ``until``: (from when, version, settings and cards).

    As a run at each moment knew it: an accepted version from its moment on, before the first one the files as runs saw them.
    Empty where no version is kept. Raises :class:`Problems` for a version that this release cannot read.
    """
    rows = ledger.versions(store, slug)
    begins = {v.effective_from or v.accepted_at for v in rows}
    found: list[tuple[datetime, Version, Sound]] = []
    for moment in [since, *sorted(m for m in begins if since < m <= until)] if rows else []:
        seen = [v for v in rows if v.how in ("first", "changed") and v.accepted_at <= moment]
        version = ledger.accepted_at(store, slug, moment) or (seen[-1] if seen else rows[0])
        if not found or found[-1][1] != version:
            config, cards = _since(store, version, config_dir, data)
            found.append((moment, version, (_read_through(config), cards)))
    return found


def _read_through(config: Config) -> Config:
    """The same, with all that was in force before it read: the workspace is let go of."""
    if config.before is None:
        return config
    earlier = _read_through(config.before())
    return dataclasses.replace(config, before=lambda: earlier)


def known(workspace: Path) -> list[str]:
    """Municipalities of which a workspace has kept a version, sorted. The caller holds the lock."""
    if not (workspace / "private" / "working.duckdb").exists():
        return []
    with Store(workspace) as store:
        return [slug for (slug,) in store.con.execute("SELECT DISTINCT municipality FROM config_versions ORDER BY 1").fetchall()]


def accepted(workspace: Path, slug: str, at: datetime) -> bool:
    """Whether a version that a role accepted is in force at a moment. The caller holds the lock; the workspace is known."""
    with Store(workspace) as store:
        return ledger.accepted_at(store, slug, at) is not None


def kept(store: Store, version: Version, config_dir: Path, data: Path | None) -> Sound:
    """Settings and cards of a version as it was kept; its data folder is seen from where the files stand now."""
    folder = bundle.unpack(store, version.content_hash, version.municipality)
    config, cards = start.ready(folder, version.municipality, data)
    if data is None:
        beside = config_dir.resolve() / "municipalities"
        config = dataclasses.replace(config, data=(beside / config.municipality.data).resolve())
    return config, cards


def _broken(mistakes: tuple[Problem, ...], instead: Version) -> Note:
    told = partial(note, number=instead.number, count=len(mistakes), first=str(mistakes[0]))
    kind = "refused" if Problems(mistakes).refused else "broken"
    return told(kind, since=f"{instead.effective_from or instead.accepted_at:%Y-%m-%d %H:%M}Z")


def _pending(store: Store, slug: str, at: datetime) -> list[Note]:
    """Versions that are planned, and urgent ones that await their review."""
    found = [
        note("planned", number=v.number, start=f"{v.effective_from:%Y-%m-%d %H:%M}Z") for v in ledger.planned(store, slug, at)
    ]
    for version in ledger.unreviewed(store, slug):
        late = version.review_by is not None and version.review_by < at.date()
        found.append(
            note("review_late" if late else "review", number=version.number, role=version.accepted_by, day=version.review_by)
        )
    return found
