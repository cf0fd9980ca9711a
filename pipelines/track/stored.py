"""What a workspace shows of a municipality's track: when it ran, what was measured, recorded and decided. Never a count of people."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pipelines import published
from schemas.settings.base import Strict

_RAN = "SELECT min(as_of), max(as_of) FROM runs WHERE municipality = ? AND as_of <= ?"
_MEASURED = "SELECT min(local_date), max(local_date) FROM data_quality WHERE municipality = ? AND local_date <= CAST(? AS DATE)"
_OUTCOMES = "SELECT max(occurred_at) FROM outcomes WHERE municipality = ? AND occurred_at <= ?"
_VERSIONS = """
SELECT config_version, how, content_hash, effective_from, accepted_at, accepted_by, accepted_because, review_by, reviewed_at, reviewed_by,
       review_note
FROM config_versions WHERE municipality = ? AND accepted_at <= ? ORDER BY config_version
"""


class Version(Strict):
    """A row of the ledger of config (table ``config_versions``)."""

    config_version: int
    how: Literal["first", "changed", "accepted", "urgent"]
    content_hash: str
    effective_from: datetime | None
    accepted_at: datetime
    accepted_by: str | None
    accepted_because: str | None
    review_by: date | None
    reviewed_at: datetime | None
    reviewed_by: str | None
    review_note: str | None

    @property
    def decided(self) -> bool:
        """Whether a role put it in force; else the files acted as they stood."""
        return self.how in ("accepted", "urgent")


class Stored(Strict):
    """First and last moment, or day, of what there is; ``versions`` by number. A package carries it as JSON."""

    ran: tuple[datetime, datetime] | None = None
    measured: tuple[date, date] | None = None
    last_outcome: datetime | None = None
    versions: tuple[Version, ...] = ()


def read(workspace: Path | None, slug: str, at: datetime) -> Stored | None:
    """What the published file of a workspace holds up to ``at``; None where there is none."""
    file = workspace / "published" / "indicators.duckdb" if workspace else None
    if file is None or not file.exists():
        return None
    con = published.connect(file)
    try:
        ran, measured = (con.execute(sql, [slug, at]).fetchall()[0] for sql in (_RAN, _MEASURED))
        ((outcome,),) = con.execute(_OUTCOMES, [slug, at]).fetchall()
        done = con.execute(_VERSIONS, [slug, at])
        names = [d[0] for d in done.description or ()]
        versions = tuple(Version.model_validate(dict(zip(names, row, strict=True))) for row in done.fetchall())
    finally:
        con.close()
    return Stored(
        ran=ran if ran[0] else None, measured=measured if measured[0] else None, last_outcome=outcome, versions=versions
    )
