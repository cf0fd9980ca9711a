"""Table ``config_versions``: every version of a municipality's config that was in force or is going to be, and who decided it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Literal

from pipelines.store import Store
from pipelines.versions import bundle
from pipelines.versions.bundle import Bundle

How = Literal["first", "changed", "accepted", "urgent"]
_ACCEPTED = "how IN ('accepted', 'urgent')"


@dataclass(frozen=True)
class Version:
    """One row. ``effective_from`` None: in force from before the first run on.

    ``how``: ``first`` and ``changed`` are files that acted as they stood; the others were accepted by a role.
    """

    municipality: str
    number: int
    content_hash: str
    how: How
    effective_from: datetime | None
    accepted_at: datetime
    accepted_by: str | None = None
    accepted_because: str | None = None
    review_by: date | None = None
    reviewed_at: datetime | None = None
    reviewed_by: str | None = None
    review_note: str | None = None


_COLUMNS = ", ".join("config_version" if f.name == "number" else f.name for f in fields(Version))


def versions(store: Store, slug: str, where: str = "true", *values: object) -> list[Version]:
    """Rows of a municipality by number."""
    sql = f"SELECT {_COLUMNS} FROM config_versions WHERE municipality = ? AND ({where}) ORDER BY config_version"
    return [Version(*row) for row in store.con.execute(sql, [slug, *values]).fetchall()]


def accepted_at(store: Store, slug: str, at: datetime) -> Version | None:
    """The accepted version in force at ``at``: the one that began last; of two from the same moment the later decision."""
    found = versions(store, slug, f"{_ACCEPTED} AND effective_from <= ?", at)
    return max(found, key=lambda v: (v.effective_from, v.number), default=None)


def before(store: Store, version: Version) -> Version | None:
    """What was in force until a version began; before the first accepted one the files acted as they stood."""
    if version.how not in ("accepted", "urgent"):
        return None
    earlier = versions(store, version.municipality, f"{_ACCEPTED} AND effective_from < ?", version.effective_from)
    if earlier:
        return max(earlier, key=lambda v: (v.effective_from, v.number))
    seen = versions(store, version.municipality, f"NOT {_ACCEPTED} AND accepted_at < ?", version.effective_from)
    return seen[-1] if seen else None


def last_seen(store: Store, slug: str) -> Version | None:
    """The latest state of the files that acted as they stood."""
    return next(reversed(versions(store, slug, f"NOT {_ACCEPTED}")), None)


def planned(store: Store, slug: str, at: datetime) -> list[Version]:
    """Accepted versions that begin after ``at``."""
    return versions(store, slug, f"{_ACCEPTED} AND effective_from > ?", at)


def unreviewed(store: Store, slug: str) -> list[Version]:
    """Urgent versions that nobody has reviewed yet."""
    return versions(store, slug, "how = 'urgent' AND reviewed_at IS NULL")


def note_seen(store: Store, slug: str, files: Bundle, at: datetime) -> Version:
    """The version that these files are; kept when it is new. Files of before the first accepted version act as they stand."""
    last = last_seen(store, slug)
    if last and last.content_hash == files.content_hash:
        return last
    how: How = "changed" if last else "first"
    return add(store, files, Version(slug, 0, files.content_hash, how, at if last else None, at))


def add(store: Store, files: Bundle, version: Version) -> Version:
    """Keep the files and the row; returns it with its number."""
    with store.transaction():
        bundle.keep(store, files)
        number = len(versions(store, version.municipality)) + 1
        row = [number if f.name == "number" else getattr(version, f.name) for f in fields(Version)]
        marks = ", ".join("?" for _ in row)
        store.con.execute(
            f"INSERT INTO config_versions ({_COLUMNS}, recorded_at) VALUES ({marks}, ?)", [*row, version.accepted_at]
        )
    return versions(store, version.municipality, "config_version = ?", number)[0]


def review(store: Store, version: Version, at: datetime, role: str, why: str) -> None:
    """Note that a role has looked at an urgent version."""
    store.con.execute(
        "UPDATE config_versions SET reviewed_at = ?, reviewed_by = ?, review_note = ? WHERE municipality = ? AND config_version = ?",
        [at, role, why, version.municipality, version.number],
    )
