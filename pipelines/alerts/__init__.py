"""Alerts: who is told what, when and over which channel, and that it got through. See docs/guide/alerts.en.md.

A tick asks twice. :func:`queue`, after judging, decides (:mod:`.decision`, a plain function), finds the words (:mod:`.compose`) and
writes them into the outbox; :func:`send`, after publishing, tries to deliver. Neither can break the tick: what goes wrong
becomes a note of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from indicators.card import Card
from indicators.situations import UNOBSERVED
from pipelines.alerts import outbox, remembered
from pipelines.alerts.compose import LANGUAGES, Words, compose
from pipelines.alerts.decision import decide
from pipelines.alerts.model import Ack, Message, Mute, Seen, State
from pipelines.alerts.outbox import Sent
from pipelines.notes import Note

if TYPE_CHECKING:
    from pipelines.store import Store
    from schemas.config import Config

__all__ = ["queue", "send", "wanted"]

Row = dict[str, Any]
SOURCES = timedelta(days=2)  # how far back the source of a situation's values is looked for


def wanted(config: Config) -> bool:
    """Whether the municipality has rules at all."""
    return bool(config.municipality.alerts.rules)


def queue(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> tuple[int, list[Note]]:
    """Decide at ``at`` (aware) what is to be told and put it into the outbox; how many messages, and what went wrong."""
    if not wanted(config):
        return 0, []
    return _guarded(lambda: _queue(store, config, cards, at), 0)


def send(store: Store, config: Config, at: datetime) -> tuple[Sent, list[Note]]:
    """Deliver what waits in the outbox."""
    if not config.municipality.alerts.channels:
        return Sent(), []
    return _guarded(lambda: outbox.send(store, config, at), Sent())


def _guarded(do: Callable[[], Any], otherwise: Any) -> tuple[Any, list[Note]]:
    """An alert that fails must not keep numbers from being published; it is said, by its kind only."""
    try:
        return do(), []
    except Exception as error:
        kind = type(error).__name__
        return otherwise, [Note("alerts", f"meldingen: een fout van drukte zelf ({kind}); er is misschien niets verteld",
                                f"alerts: a fault of drukte itself ({kind}); perhaps nothing was told")]  # fmt: skip


def _queue(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> int:
    slug = config.municipality.municipality
    with store.transaction() as con:
        found = con.execute("SELECT state FROM alert_state WHERE municipality = ?", [slug]).fetchall()
        before = remembered.load(found[0][0]) if found else State()
        rows = _rows(store, slug, before)
        seen = _seen(store, config, rows, at)
        made = decide(before, seen, config.municipality.alerts, _acks(store, slug), _mutes(store, slug), at, config.tz)
        by_id = {row["situation_id"]: row for row in rows}
        told = [(m, _words(m, by_id, config, cards), _facts(by_id.get(m.leading or ""))) for m in made.messages]
        kept = [(m, _words(m, by_id, config, cards)) for m in made.withheld]
        outbox.put(store, slug, told, kept, at)
        con.execute("INSERT OR REPLACE INTO alert_state VALUES (?, ?)", [slug, remembered.dump(made.state)])
        return len(made.messages)


def _words(message: Message, rows: Mapping[str, Row], config: Config, cards: Mapping[str, Card]) -> dict[str, Words]:
    return {lang: compose(message, rows, config, cards, lang) for lang in LANGUAGES}


def _facts(row: Row | None) -> dict[str, Any]:
    """What a machine wants to know of the leading situation."""
    if row is None:
        return {}
    known = row["observed_until"]
    return {"safety_risk": row["safety_risk"], "confidence": row["confidence"], "started_at": row["started_at"].isoformat(),
            "known_until": known.isoformat() if known else None}  # fmt: skip


def _rows(store: Store, slug: str, state: State) -> list[Row]:
    """Situations that are open, and those that a thread or a held message tells of."""
    followed = {name for thread in state.threads for name in thread.members}
    followed |= {name for held in state.held for name in held.message.situation_ids}
    done = store.con.execute(
        "SELECT * FROM situations WHERE municipality = ? AND (state = 'open' OR list_contains(?, situation_id)) ORDER BY situation_id",
        [slug, sorted(followed)],
    )
    names = [d[0] for d in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def _seen(store: Store, config: Config, rows: Sequence[Row], at: datetime) -> list[Seen]:
    delays = _delays(store, config, at) if rows else {}
    longest = max((s.delay for s in config.sources.values()), default=timedelta(0))
    filled = store.con.execute(
        "SELECT max(as_of) FROM runs WHERE municipality = ? AND verb = 'backfill'", [config.municipality.municipality]
    ).fetchall()[0][0]
    return [
        Seen(r["situation_id"], r["group_id"], r["safety_risk"], r["place"], r["state"], r["level"], r["peak_level"], r["started_at"],
             r["ended_at"], r["end_reason"], r["origin"], r["observed_until"], UNOBSERVED in r["reasons"],
             delays.get((r["leading_indicator"], r["place"]), longest), filled)
        for r in rows
    ]  # fmt: skip


def _delays(store: Store, config: Config, at: datetime) -> dict[tuple[str, str], timedelta]:
    """(indicator, place) → how long after an interval its data are due, by the source of its newest value (rule 4)."""
    slug = config.municipality.municipality
    values = store.relation("indicator_values", at - SOURCES, None, "municipality, indicator, place, interval_start, source")
    rows = store.con.execute(
        f"""SELECT v.indicator, v.place, max_by(v.source, v.interval_start) FROM {values} v
            JOIN situations s ON s.municipality = v.municipality AND s.place = v.place AND s.leading_indicator = v.indicator
            WHERE v.municipality = ? AND s.state = 'open' AND v.source IS NOT NULL GROUP BY ALL""",
        [slug],
    ).fetchall()
    return {(indicator, place): config.sources[source].delay for indicator, place, source in rows if source in config.sources}


def _acks(store: Store, slug: str) -> list[Ack]:
    rows = store.con.execute(
        "SELECT situation_id, level, role, acknowledged_at FROM acknowledgements WHERE municipality = ? ORDER BY ALL", [slug]
    ).fetchall()
    return [Ack(*row) for row in rows]


def _mutes(store: Store, slug: str) -> list[Mute]:
    rows = store.con.execute(
        """SELECT mute_id, muted_by, muted_at, muted_until, role, rule, safety_risk, place FROM mutes
           WHERE municipality = ? ORDER BY mute_id""",
        [slug],
    ).fetchall()
    return [Mute(*row) for row in rows]
