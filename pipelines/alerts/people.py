"""What people decide about alerts: acknowledge a situation, mute for a while. Roles, never names; all of it is kept and published."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pipelines.faults import UsageError
from schemas.mistakes import did_you_mean

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

LONGEST_HOURS = 24


def acknowledge(
    store: Store, config: Config, situation: str, role: str, at: datetime, note: str | None = None
) -> tuple[str, int]:
    """Note that a role has seen a situation and those of its group that are open; the level, and how many. Raises :class:`UsageError`.

    In a transaction. It ends reminders at that level; whatever gets worse is told all the same.
    """
    _role(config, role)
    slug = config.municipality.municipality
    rows = store.con.execute(
        """SELECT g.situation_id, g.level FROM situations s JOIN situations g USING (municipality, group_id)
           WHERE s.municipality = ? AND s.situation_id = ? AND g.state = 'open' ORDER BY 1""",
        [slug, situation],
    ).fetchall()
    if not rows:
        raise UsageError(f"{slug} has no open situation `{situation}`. `drukte situations list --state open` shows them.")
    own = next((level for name, level in rows if name == situation), rows[0][1])
    store.con.executemany(
        "INSERT INTO acknowledgements VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(slug, name, role, level, at, note, at) for name, level in rows],
    )
    return str(own), len(rows)


def mute(
    store: Store, config: Config, *, by: str, until: datetime, at: datetime, note: str, role: str | None = None, rule: str | None = None,
    risk: str | None = None, place: str | None = None,
) -> str:  # fmt: skip
    """Tell nothing that matches what is named, until ``until``; returns the id of the mute. Raises :class:`UsageError`."""
    from schemas import words

    town = config.municipality
    _role(config, by)
    for name, known, what in ((role, list(town.roles), "role"), (rule, [r.rule for r in town.alerts.rules], "rule"),
                              (risk, list(words.codes("safety_risk")), "safety risk"), (place, list(config.place_ids), "place")):  # fmt: skip
        if name is not None and name not in known:
            raise UsageError(f"{town.municipality} has no {what} `{name}`. {did_you_mean(name, known)}")
    if not at < until:
        raise UsageError(f"The end of a mute lies after now ({at:%Y-%m-%d %H:%M}Z). Give a later --until.")
    if (until - at).total_seconds() > LONGEST_HOURS * 3600:
        raise UsageError(f"A mute lasts {LONGEST_HOURS} hours at most. What should never be told belongs in the rules.")
    stem = f"mute-{at:%Y%m%dT%H%M%S}"
    taken = store.con.execute(
        "SELECT count(*) FROM mutes WHERE municipality = ? AND starts_with(mute_id, ?)", [town.municipality, stem]
    ).fetchall()
    name = f"{stem}-{taken[0][0] + 1}"
    store.con.execute("INSERT INTO mutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      [town.municipality, name, role, rule, risk, place, by, at, until, note, at])  # fmt: skip
    return name


def unmute(store: Store, config: Config, mute_id: str, at: datetime) -> None:
    """End a mute now. Raises :class:`UsageError` when there is none that lasts."""
    slug = config.municipality.municipality
    ended = store.con.execute(
        "UPDATE mutes SET muted_until = ?, recorded_at = ? WHERE municipality = ? AND mute_id = ? AND muted_until > ? RETURNING mute_id",
        [at, at, slug, mute_id, at],
    ).fetchall()
    if not ended:
        raise UsageError(f"{slug} has no mute `{mute_id}` that still lasts. `drukte alerts list` shows them.")


def _role(config: Config, role: str) -> None:
    roles = config.municipality.roles
    if role not in roles:
        raise UsageError(f"{config.municipality.municipality} has no role `{role}`. {did_you_mean(role, roles)}")
