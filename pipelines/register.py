"""The register of known faults in data: what the settings say, what detectors propose, what a role decided.

Its one home is the table ``flags``. Entries of the municipality's file are copied into it; proposals come from
:mod:`pipelines.quality`; a decision is made with ``drukte flags``. An entry acts from the next run on: :func:`bring_in` adds
the accepted ones to the settings that the run computes with, and marks dirty what an entry that came or went is about.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import ValidationError

from indicators import local_clock
from pipelines.store import Store
from schemas.config import Config
from schemas.mistakes import did_you_mean
from schemas.results import TABLES
from schemas.settings import Flag, When
from schemas.settings.base import Slug
from schemas.settings.quality import EFFECTS

Row = dict[str, Any]
Decision = Literal["accept", "reject", "withdraw"]
# What a decision makes of an entry, and the states in which it can be taken.
BECOMES: dict[Decision, str] = {"accept": "accepted", "reject": "rejected", "withdraw": "withdrawn"}
_TAKEN_IN: dict[Decision, tuple[str, ...]] = {
    "accept": ("proposed", "rejected", "withdrawn"), "reject": ("proposed",), "withdraw": ("accepted",),
}  # fmt: skip

_UTC = pa.timestamp("us", "UTC")
_TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema([
    ("municipality", pa.string()), ("flag_id", pa.string()), ("state", pa.string()), ("source", pa.string()),
    ("flagged_places", _TEXTS), ("flagged_measures", _TEXTS), ("flagged_from", _UTC), ("flagged_to", _UTC), ("hours", pa.string()),
    ("ongoing", pa.bool_()), ("effects", _TEXTS), ("reason", pa.string()), ("detector", pa.string()), ("evidence_nl", pa.string()),
    ("evidence_en", pa.string()), ("owner", pa.string()), ("found_at", _UTC), ("decided_at", _UTC), ("acting_since", _UTC),
    ("file", pa.string()), ("line", pa.int32()),
])  # fmt: skip
# Ranges that came, went or ended in this run: why their slots are computed again (``drukte plan``).
_CHANGES = "flag_changes (source VARCHAR, place VARCHAR, flagged_from TIMESTAMPTZ, flagged_to TIMESTAMPTZ)"


class DecisionError(Exception):
    """A decision that cannot be taken; the message says what to do."""


class Decided(Flag):
    """An accepted entry that stands in the table only, as the settings would say it."""

    flag_id: Slug


def rows(con: Any, where: str = "true", parameters: Iterable[Any] = (), table: str = "flags") -> list[Row]:
    """Rows of the register as dicts, in the order of the stretch they are about."""
    done = con.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY flagged_from, source, flag_id", list(parameters))
    names = [d[0] for d in done.description]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def write(store: Store, entries: list[Row]) -> None:
    """Write rows, each in place of the one with its id. Inside a transaction."""
    if not entries:
        return
    store.con.register("flag_rows", pa.Table.from_pylist(entries, SCHEMA))
    store.con.execute("DELETE FROM flags f USING flag_rows n WHERE n.municipality = f.municipality AND n.flag_id = f.flag_id")
    store.con.execute(f"INSERT INTO flags SELECT {', '.join(TABLES['flags'].columns)} FROM flag_rows")
    store.con.unregister("flag_rows")


def bring_in(store: Store, config: Config, at: datetime) -> Config:
    """The settings to compute with: the municipality's own, and the accepted entries of the table. Inside a transaction.

    Entries that came or went since the last run leave their cells dirty, as late data would.
    """
    slug = config.municipality.municipality
    known = {r["flag_id"]: r for r in rows(store.con, "municipality = ?", [slug])}
    changed = _own_entries(config, known, at)
    for row in known.values():
        wanted = row["state"] == "accepted"
        if row["file"] is None and wanted != (row["acting_since"] is not None):
            row["acting_since"] = at if wanted else None
            changed.append(row)
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE {_CHANGES}")
    for row in changed:
        dirty(store, config, row, at)
    write(store, changed)
    return with_accepted(config, known.values(), at)


def in_force(store: Store, config: Config, at: datetime) -> Config:
    """The municipality's own settings with the entries that act now."""
    return with_accepted(config, rows(store.con, "municipality = ?", [config.municipality.municipality]), at)


def _own_entries(config: Config, known: dict[str, Row], at: datetime) -> list[Row]:
    """Copy the entries of the file into ``known``; returns those that came or went. One that only moved in the file did neither."""
    own = {row["flag_id"]: row for row in _from_file(config)}
    came = [row for key, row in own.items() if key not in known or known[key]["state"] != "accepted"]
    gone = [row for key, row in known.items() if row["file"] and key not in own and row["state"] == "accepted"]
    for row in came:
        row["acting_since"] = at
    for row in gone:
        row |= {"state": "withdrawn", "acting_since": None}
    known |= {row["flag_id"]: row for row in came}
    moved = [row for key, row in own.items() if key in known and row not in came and row["line"] != known[key]["line"]]
    for row in moved:
        known[row["flag_id"]] |= {"file": row["file"], "line": row["line"]}
    return came + gone


def _from_file(config: Config) -> list[Row]:
    town, found = config.municipality, []
    for number, flag in enumerate(town.flags):
        said = flag.model_dump(mode="json", exclude={"owner", "decided_on"})
        decided = datetime.combine(flag.decided_on, datetime.min.time(), config.tz) if flag.decided_on else None
        found.append({
            **_range(flag), "municipality": town.municipality, "flag_id": flag_id(town.municipality, said), "state": "accepted",
            "ongoing": False, "effects": list(flag.effect), "reason": flag.reason, "owner": flag.owner, "decided_at": decided,
            "file": config.file, "line": config.document.line(("flags", number)),
        })  # fmt: skip
    blank = dict.fromkeys(TABLES["flags"].columns)
    return [{**blank, **row} for row in found]


def _range(flag: Flag) -> Row:
    return {
        "source": flag.source, "flagged_places": list(flag.places), "flagged_measures": list(flag.measures),
        "flagged_from": flag.from_, "flagged_to": flag.to, "hours": flag.hours,
    }  # fmt: skip


def flag_id(*parts: object) -> str:
    """A short id made from what it stands for, so that the same data give the same id."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]


def with_accepted(config: Config, entries: Iterable[Row], at: datetime) -> Config:
    """The settings with the accepted entries that act and do not stand in the file."""
    added = tuple(
        as_flag(row, at) for row in entries if row["state"] == "accepted" and row["file"] is None and row["acting_since"]
    )
    if not added:
        return config
    town = config.municipality.model_copy(update={"flags": (*config.municipality.flags, *added)})
    return replace(config, municipality=town)


def as_flag(row: Row, at: datetime) -> Decided:
    """An entry of the table as the settings would say it; one that still lasts holds up to a day ahead."""
    until = max(row["flagged_to"], at + timedelta(days=1)) if row["ongoing"] else row["flagged_to"]
    return Decided.model_validate({
        "flag_id": row["flag_id"], "source": row["source"], "places": row["flagged_places"], "measures": row["flagged_measures"],
        "from": row["flagged_from"], "to": until, "hours": row["hours"], "effect": row["effects"],
        "reason": row["reason"] or row["evidence_en"], "owner": row["owner"],
    })  # fmt: skip


def holds(flag: Flag, at: datetime, tz: ZoneInfo) -> bool:
    """Whether a flag is about an interval that starts at ``at``."""
    return flag.from_ <= at < flag.to and (flag.hours is None or local_clock.holds(When(time=flag.hours), at, tz))


def dirty(store: Store, config: Config, row: Row, at: datetime) -> None:
    """Mark the cells that an entry is about; and have the grid look again at what was missing there, if it says why."""
    source = config.sources.get(row["source"])
    if source is None or set(row["effects"]) == {"note"}:
        return
    flag = as_flag({**row, "owner": row["owner"] or "nobody"}, at)
    places = list(flag.places) or sorted(set(source.place.map.values()))
    store.con.execute(
        f"""INSERT INTO dirty_cells SELECT DISTINCT municipality, dataset, source, place, interval_start
            FROM {store.relation("observations", flag.from_, flag.to)}
            WHERE municipality = ? AND source = ? AND list_contains(?, place)""",
        [config.municipality.municipality, row["source"], places],
    )
    store.con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {_CHANGES}")
    store.con.executemany(
        "INSERT INTO flag_changes VALUES (?, ?, ?, ?)", [[row["source"], place, flag.from_, flag.to] for place in places]
    )
    if "outage" in row["effects"] and row["state"] == "accepted":
        store.con.executemany(
            "INSERT INTO look_again VALUES (?, ?, ?, ?, ?)",
            [[config.municipality.municipality, row["source"], place, flag.from_, flag.to] for place in places],
        )


def decide(
    store: Store, config: Config, flag_id: str, decision: Decision, *, role: str, at: datetime, reason: str | None = None,
    effects: tuple[str, ...] = (), until: datetime | None = None,
) -> Row:  # fmt: skip
    """Accept, reject or withdraw an entry by a role; returns it as it stands then. It acts from the next run on.

    ``until`` ends its range there. Raises :class:`DecisionError`. In a transaction of its own.
    """
    slug = config.municipality.municipality
    known_role(config, role)
    found = rows(store.con, "municipality = ? AND flag_id = ?", [slug, flag_id])
    if not found:
        raise DecisionError(f"There is no flag `{flag_id}` in {slug}. `drukte flags list --all` shows them.")
    [row] = found
    if row["file"]:
        raise DecisionError(f"Flag `{flag_id}` stands in {row['file']}:{row['line']}. Change it there.")
    if row["state"] not in _TAKEN_IN[decision]:
        raise DecisionError(f"Flag `{flag_id}` is {row['state']} already: it cannot be {BECOMES[decision]}.")
    if reason is not None and len(reason) < 4:
        raise DecisionError(f"`{reason}` is no reason that another can follow. Say it in a few words.")
    unknown = [e for e in effects if e not in EFFECTS]
    if unknown:
        raise DecisionError(f"There is no effect `{unknown[0]}`. {did_you_mean(unknown[0], EFFECTS)}")
    if until is not None and until <= row["flagged_from"]:
        raise DecisionError(f"Flag `{flag_id}` begins at {row['flagged_from'].isoformat()}: it cannot end before that.")
    row |= {"state": BECOMES[decision], "owner": role, "decided_at": at, "reason": reason or row["reason"]}
    if effects:
        row["effects"] = list(dict.fromkeys(effects))
    if until is not None:
        row |= {"flagged_to": until, "ongoing": False}
    try:
        as_flag(row, at)
    except ValidationError as error:
        raise DecisionError(error.errors()[0]["msg"].removeprefix("Value error, ").replace(" |", ".")) from None
    with store.transaction():
        write(store, [row])
    return row


def known_role(config: Config, role: str) -> None:
    """Raises :class:`DecisionError` for what is no role of the municipality: a person's name above all."""
    if role not in config.municipality.roles:
        fix = did_you_mean(role, config.municipality.roles, f"Describe it under `roles` in {config.file}.")
        raise DecisionError(f"`{role}` is no role of {config.municipality.municipality}. {fix}")
