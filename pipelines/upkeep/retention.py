"""What retention removes, hot and sealed (rule 23): rows older than a purpose allows go once a day, and a record of that stays.

A day is computed with all it rests on before anything of it goes, in a backfill too, so that its values are those of a live run.
Rows that come for a day already removed go at once, before anything is computed from them: beside what is gone they would tell
something else. Removed from sealed files means: a new file without them; the old one is deleted after the readers' grace period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from pipelines.store.rows import one
from pipelines.store.sealing import quoted
from pipelines.upkeep import ended
from schemas import retention
from schemas.datasets import DATASETS
from schemas.settings.purpose import DataClass

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

ANY = "*"  # a class of data that is not told apart by dataset or indicator


@dataclass(frozen=True)
class Rule:
    """Which class of data a table holds, the column that says how old a row is, and the one that says what it is of."""

    data_class: DataClass
    age: str
    subject: str | None = None

    @property
    def by_day(self) -> bool:
        """Whether the age is a local day, not a moment."""
        return self.age == "local_date"


RULES: dict[str, Rule] = {
    "observations": Rule("counts", "interval_start", "dataset"),
    "observations_superseded": Rule("counts", "interval_start", "dataset"),
    "indicator_values": Rule("indicators", "interval_start", "indicator"),
    "indicator_values_superseded": Rule("indicators", "interval_start", "indicator"),
    "baselines": Rule("indicators", "local_date", "dataset"),
    "held_changes": Rule("counts", "interval_start", "dataset"),
    "baseline_holds": Rule("indicators", "local_date", "dataset"),
    "data_quality": Rule("deliveries", "local_date"),
    "corrected": Rule("deliveries", "last_interval"),
    "deliveries": Rule("deliveries", "received_at"),
    "runs": Rule("deliveries", "as_of"),
    "kpis": Rule("situations", "period_end"),
    "alerts": Rule("situations", "created_at"),
    "acknowledgements": Rule("situations", "acknowledged_at"),
    "mutes": Rule("situations", "muted_until"),
}
# Elsewhere: situations and outcomes go by when they ended (pipelines/upkeep/ended.py), refused rows with their delivery.
BY_HAND = ("situations", "situations_superseded", "outcomes", "outcomes_superseded", "refused_rows")
# Settings, cards, places and the register of faults are decisions and knowledge, not measurements; a group is a view.
STAYS = ("situation_groups", "thresholds", "effective_settings", "indicators", "places", "blind_spots", "purposes",
         "purpose_reviews", "exports", "about", "flags", "corrections", "config_versions", "retention", "deletions")  # fmt: skip
LEDGER = {
    "baseline_done": Rule("indicators", "local_date", "dataset"),
    "held_slots": Rule("indicators", "interval_start", "indicator"),
    "misfits": Rule("counts", "interval_start"),
    "kept_apart": Rule("counts", "interval_start", "dataset"),
}  # private, not recorded

Limits = Mapping[tuple[str, str], date]  # (class, subject) → the first local day that is kept


def limits(config: Config, at: datetime) -> dict[tuple[str, str], date]:
    """The first local day that may be kept at a moment (aware), per class and dataset or indicator; ``ANY`` for all others."""
    today = at.astimezone(config.tz).date()
    purposes = config.purposes.values()
    subjects: dict[DataClass, set[str]] = {
        "counts": {*DATASETS, ANY}, "situations": {ANY}, "deliveries": {ANY},
        "indicators": {*DATASETS, *(i for p in purposes for i in p.indicators), ANY},
    }  # fmt: skip
    return {
        (data_class, subject): today - retention.kept(config, data_class, subject)
        for data_class, names in subjects.items() for subject in names
    }  # fmt: skip


def apply(store: Store, config: Config, at: datetime, run_id: str) -> int:
    """Remove what is too old at a moment (aware), if that has not been done for its day; returns the rows that went.

    Each file is a transaction of its own, and the new limits stand only when all is done: a killed run does the rest again.
    """
    slug = config.municipality.municipality
    wanted, stood = limits(config, at), in_force(store, slug)
    now = {key: max(day, stood.get(key, day)) for key, day in wanted.items()}  # what is gone does not come back
    if now == stood:
        return 0
    removal = _Removal(store, config, now, at, run_id, "retention")
    with store.transaction():
        removed = sum(removal.hot(name) for name in RULES)
        removed += sum(ended.remove(store, config, removal.instant, now, at, removal.record))
        for name, rule in LEDGER.items():
            store.con.execute(f"DELETE FROM {name} WHERE {removal.expired(rule)}")
    removed += sum(removal.sealed(name) for name in RULES)
    with store.transaction():
        _note_limits(store, config, now)
    return removed


def drop_late(store: Store, config: Config, at: datetime) -> int:
    """Remove rows just taken in for days that retention removed before, with the dirt they left; returns how many."""
    stood = in_force(store, config.municipality.municipality)
    if not stood:
        return 0
    removal = _Removal(store, config, stood, at, None, "late")
    with store.transaction():
        gone = sum(removal.hot(name) for name in ("observations", "observations_superseded"))
        if gone:
            store.con.execute(f"DELETE FROM dirty_cells WHERE {removal.expired(RULES['observations'])}")
    return gone


def in_force(store: Store, municipality: str) -> dict[tuple[str, str], date]:
    """The limits up to which removal was done; empty before the first time."""
    rows = store.con.execute(
        "SELECT data_class, subject, kept_from FROM retention WHERE municipality = ?", [municipality]
    ).fetchall()
    return {(data_class, subject): day for data_class, subject, day in rows}


def cuts(store: Store) -> dict[str, set[date]]:
    """Sealed table → days at which a limit of any municipality lies: a month around one stays in day files, so that a day can go."""
    found = dict(store.con.execute("SELECT data_class, list(DISTINCT kept_from) FROM retention GROUP BY ALL").fetchall())
    return {name: set(found.get(rule.data_class, ())) for name, rule in RULES.items()}


class _Removal:
    """One removal for one municipality, up to ``days``."""

    def __init__(self, store: Store, config: Config, days: Limits, at: datetime, run_id: str | None, why: str):
        self.store, self.config, self.days, self.at, self.run_id, self.why = store, config, days, at, run_id, why
        self.slug = config.municipality.municipality

    def instant(self, day: date) -> datetime:
        """The local midnight at which a day begins."""
        return datetime.combine(day, time(), self.config.tz)

    def expired(self, rule: Rule) -> str:
        """SQL: whether a row is of this municipality and too old."""
        of_class = {subject: day for (data_class, subject), day in self.days.items() if data_class == rule.data_class}
        newest, limit = self._literal(rule, max(of_class.values())), self._literal(rule, of_class[ANY])
        if rule.subject and len(set(of_class.values())) > 1:
            others = [(s, d) for s, d in sorted(of_class.items()) if d != of_class[ANY]]
            cases = " ".join(f"WHEN '{subject}' THEN {self._literal(rule, day)}" for subject, day in others)
            limit = f"CASE {rule.subject} {cases} ELSE {limit} END"
        return f"municipality = '{self.slug}' AND {rule.age} < {newest} AND {rule.age} < {limit}"

    def _literal(self, rule: Rule, day: date) -> str:
        return f"DATE '{day}'" if rule.by_day else f"TIMESTAMPTZ '{self.instant(day).isoformat()}'"

    def hot(self, name: str) -> int:
        """Remove rows from the working database; in a transaction."""
        con, rule = self.store.con, RULES[name]
        gone = self.expired(rule)
        told = one(
            con.execute(f"SELECT count(*), min(CAST({rule.age} AS DATE)), max(CAST({rule.age} AS DATE)) FROM {name} WHERE {gone}")
        )
        if not told[0]:
            return 0
        if name == "deliveries":
            rows = f"SELECT delivery_id FROM deliveries WHERE {gone}"
            [(refused,)] = con.execute(f"DELETE FROM refused_rows WHERE delivery_id IN ({rows})").fetchall()
            self.record("refused_rows", "deliveries", refused, *told[1:])
        con.execute(f"DELETE FROM {name} WHERE {gone}")
        self.record(name, rule.data_class, *told)
        return int(told[0])

    def sealed(self, name: str) -> int:
        """Take rows out of sealed files, file by file: one that holds nothing else goes, of another the rest becomes hot again."""
        rule, removed = RULES[name], 0
        files = self.store.con.execute(
            "SELECT file, row_count FROM manifest WHERE table_name = ? AND first_day <= ? ORDER BY first_day",
            [name, max(self.days.values())],
        ).fetchall()
        for file, count in files:
            source = f"read_parquet({quoted(self.store.sealed / file)})"
            told = one(self.store.con.execute(
                f"""SELECT count(*), min(CAST({rule.age} AS DATE)), max(CAST({rule.age} AS DATE)) FROM {source}
                    WHERE {self.expired(rule)}"""
            ))  # fmt: skip
            if told[0]:
                self._cut(name, file, f"NOT ({self.expired(rule)})" if told[0] < count else None, told)
                removed += told[0]
        return removed

    def _cut(self, name: str, file: str, rest: str | None, told: tuple[int, date, date]) -> None:
        with self.store.transaction():
            self.store.take_out(name, file, rest)
            self.record(name, RULES[name].data_class, *told)

    def record(self, table: str, data_class: str, rows: int, first: date | None, last: date | None) -> None:
        """A row that stays: what went, how much, and why."""
        if rows:
            newest = max(day for (of, _), day in self.days.items() if of == data_class)
            self.store.con.execute(
                "INSERT INTO deletions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [self.slug, data_class, table, self.why, newest, first, last, rows, self.run_id, self.at],
            )


def _note_limits(store: Store, config: Config, now: Limits) -> None:
    slug = config.municipality.municipality
    rows = [(slug, data_class, subject, *_said(config, data_class, subject), day) for (data_class, subject), day in now.items()]
    store.con.execute("DELETE FROM retention WHERE municipality = ?", [slug])
    store.con.executemany("INSERT INTO retention VALUES (?, ?, ?, ?, ?, ?)", rows)


def _said(config: Config, data_class: str, subject: str) -> Iterator[object]:
    adoption = retention.decides(config, data_class, subject)  # type: ignore[arg-type]
    yield adoption.purpose
    yield adoption.kept(data_class) // timedelta(days=1)  # type: ignore[arg-type]
