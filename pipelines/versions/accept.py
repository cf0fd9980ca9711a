"""Going live is a step: a version is put in force by a role, for a reason, from a stated moment (rule 21)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from indicators.local_clock import public_holidays
from pipelines import purpose, start
from pipelines.faults import UsageError
from pipelines.store import Store
from pipelines.versions import bundle, ledger
from pipelines.versions.ledger import Version
from schemas.config import Config
from schemas.mistakes import did_you_mean

REVIEW_DAYS = 3  # working days within which an urgent version is reviewed
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def accept(
    store: Store, config_dir: Path, slug: str, data: Path | None, *, at: datetime, role: str, why: str,
    begin: datetime | None = None, urgent: bool = False,
) -> Version:  # fmt: skip
    """Put the files in force from ``begin`` on (None: the coming midnight of the town; urgent: the next interval).

    Raises :class:`Problems` for files with mistakes and for a use that no review covers, :class:`UsageError` for a role that is
    not declared, a reason that says nothing, a moment in the past or inside an interval, and files that are in force already.
    """
    config, cards = start.ready(config_dir, slug, data)
    purpose.refuse(config, cards, at, "run")
    _by(config, role, why)
    if urgent and begin is not None:
        raise UsageError("--urgent acts from the next interval: leave --from out, or leave --urgent out.")
    begin = next_interval(config, at) if urgent else begin or _midnight(config, at)
    _on_time(config, begin, at)
    files = bundle.gather(config)
    there = ledger.accepted_at(store, slug, begin)
    if there and there.content_hash == files.content_hash:
        raise UsageError(
            f"{slug}: these files are version {there.number}, in force from {there.effective_from:%Y-%m-%d %H:%M}Z on."
        )
    review = _working_days_after(config, at, REVIEW_DAYS) if urgent else None
    how: ledger.How = "urgent" if urgent else "accepted"
    return ledger.add(store, files, Version(slug, 0, files.content_hash, how, begin, at, role, why.strip(), review))


def review(store: Store, config: Config, number: int | None, *, at: datetime, role: str, why: str) -> Version:
    """Note that another role has looked at an urgent version. Raises :class:`UsageError` when there is none, or it is the same role."""
    slug = config.municipality.municipality
    _by(config, role, why)
    waiting = ledger.unreviewed(store, slug)
    found = [v for v in waiting if number in (None, v.number)]
    if not found:
        listed = ", ".join(str(v.number) for v in waiting) or "none"
        raise UsageError(f"{slug}: no urgent version {number or ''} awaits a review (waiting: {listed}).".replace("  ", " "))
    if found[0].accepted_by == role:
        raise UsageError(f"{slug}: `{role}` decided on version {found[0].number} itself; another role reviews it.")
    ledger.review(store, found[0], at, role, why.strip())
    return ledger.versions(store, slug, "config_version = ?", found[0].number)[0]


def _by(config: Config, role: str, why: str) -> None:
    roles = config.municipality.roles
    if role not in roles:
        raise UsageError(f"role `{role}` is not declared in {config.file}. {did_you_mean(role, roles)}")
    if len(why.strip()) < 8:
        raise UsageError("--reason says too little: write in a sentence why this goes live, for whoever reads it in a year.")


def finest(config: Config) -> timedelta:
    """The shortest interval that a municipality judges by, events included."""
    town = config.municipality
    lengths = [town.interval, *(s.interval for s in town.indicators.values() if s.interval)]
    lengths += [i for s in town.indicators.values() for i in s.place_intervals.values()]
    lengths += [i for e in town.events for i in (e.interval, *(p.interval for p in e.places.values())) if i]
    return min(lengths)


def next_interval(config: Config, at: datetime) -> datetime:
    """Where the next interval begins, strictly after ``at``."""
    step = finest(config)
    return at + step - (at - _EPOCH) % step


def _midnight(config: Config, at: datetime) -> datetime:
    tomorrow = at.astimezone(config.tz).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=config.tz).astimezone(UTC)


def _on_time(config: Config, begin: datetime, at: datetime) -> None:
    soonest, step = next_interval(config, at), finest(config)
    if begin < soonest:
        raise UsageError(
            f"--from {begin:%Y-%m-%dT%H:%MZ} is over or going on; the soonest is {soonest:%Y-%m-%dT%H:%MZ}. What was signalled stays as "
            "it was; `drukte backfill --restate` judges history anew."
        )
    if (begin - _EPOCH) % step:
        minutes = int(step.total_seconds() // 60)
        raise UsageError(f"--from {begin:%Y-%m-%dT%H:%MZ} lies inside an interval: choose a whole multiple of {minutes} minutes.")


def _working_days_after(config: Config, at: datetime, count: int) -> date:
    """The local day that lies so many working days later; weekends and public holidays do not count."""
    day = at.astimezone(config.tz).date()
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5 and day not in public_holidays(config.municipality.holidays, day.year)
    return day
