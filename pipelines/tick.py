"""The way of the data, top to bottom: take in what is new, fill the grid, compute what is due, judge, publish.

A tick is idempotent: what has been taken in or computed is known from the ledger, so the same tick again finds
nothing to do, and one that was killed is finished by the next. Backfill and replay are the same code with another
idea of when a delivery became known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from indicators import neighbours
from indicators.card import Card
from pipelines import (
    alerts,
    baselines,
    complement,
    compute,
    frozen,
    grid,
    old_rows,
    purpose,
    quality,
    reference,
    register,
    situate,
    todo,
)
from pipelines.intake import arrivals
from pipelines.notes import Note
from pipelines.outcomes import kpis
from pipelines.publish import publish
from pipelines.purpose import bound, files
from pipelines.slots import delivered_measures
from pipelines.store import Store, parts
from pipelines.store.rows import one
from pipelines.upkeep import retention
from schemas.config import Config

Verb = Literal["run", "backfill", "replay"]
ORIGIN = {"run": "live", "backfill": "backfill", "replay": "replay"}
BEGINNING = datetime.min.replace(tzinfo=UTC)
CHUNK = timedelta(days=31)  # history is computed a month at a time, so that memory does not grow with its length

Progress = Callable[[str, float], None]


@dataclass
class Summary:
    """What one tick did. ``deliveries`` and ``situations`` are rows as published; the messages say it in words."""

    run_id: str
    municipality: str
    at: datetime
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    slots_computed: int = 0
    values_changed: int = 0
    situations: list[dict[str, Any]] = field(default_factory=list)
    notes: tuple[Note, ...] = ()
    alerts: int = 0

    @property
    def nothing_due(self) -> bool:
        """Whether the tick found nothing to do."""
        return not (self.deliveries or self.slots_computed or self.situations or self.alerts)

    @property
    def message_nl(self) -> str:
        """One line in Dutch."""
        if self.nothing_due:
            return "; ".join(["niets te doen: geen nieuwe leveringen, geen tijdvak aan de beurt", *(n.nl for n in self.notes)])
        done = (f"{len(self.deliveries)} leveringen, {self.slots_computed} tijdvakken berekend, {self.values_changed} waarden gewijzigd, "
                f"{len(self.situations)} situaties gewijzigd" + (f", {self.alerts} meldingen" if self.alerts else ""))  # fmt: skip
        return "; ".join([done, *(n.nl for n in self.notes)])

    @property
    def message_en(self) -> str:
        """One line in English."""
        if self.nothing_due:
            return "; ".join(["nothing due: no new deliveries, no interval to compute", *(n.en for n in self.notes)])
        done = (f"{len(self.deliveries)} deliveries, {self.slots_computed} slots computed, {self.values_changed} values changed, "
                f"{len(self.situations)} situations changed" + (f", {self.alerts} alerts" if self.alerts else ""))  # fmt: skip
        return "; ".join([done, *(n.en for n in self.notes)])


def tick(
    store: Store,
    config: Config,
    cards: Mapping[str, Card],
    *,
    at: datetime,
    verb: Verb = "run",
    since: datetime | None = None,
    until: datetime | None = None,
    restate: bool = False,
    release: frozen.Release | None = None,
    progress: Progress | None = None,
    notes: Sequence[Note] = (),
) -> Summary:
    """One run for one municipality at the moment ``at`` (aware): everything that is new and due, then publish.

    ``verb`` decides when a delivery without an arrival time counts as received (rule 10) and the origin of situations.
    ``since`` has everything from that moment on, and before ``until``, computed again; with ``restate`` slots of that stretch are
    judged by today's settings (rule 21), and with ``release`` late changes to a frozen period in it enter the tables. What a
    backfill changes of what stood before becomes known now: earlier versions are kept, and nothing signals. ``notes``: what
    there is to say of the config, told with the run. The caller holds the workspace lock. Raises :class:`schemas.problems.Problems`
    for a use that no review covers.
    """
    show = progress or (lambda _text, _share: None)
    admitted = purpose.admit(config, cards, at, verb)
    cards = admitted.cards
    summary = Summary(_run_id(store, config, verb, at), config.municipality.municipality, at, notes=(*notes, *admitted.notes))
    if restate:
        config = replace(config, since=None, before=None)
    _begin(store, config, admitted, summary, verb, restate=restate and since is None)
    config, summary.deliveries = taken_in(store, config, cards, at, verb, show)
    summary.notes += old_rows.notes(store, config, summary.deliveries, at)
    stretch = (since or BEGINNING, until or at) if restate else None
    if stretch and release:
        with store.transaction():
            frozen.release(store, config, stretch, at, release)
    kept = complement.protect(store, config, cards, at)
    summary.notes += kept.notes
    if since or restate:
        _compute_again(store, config, since, until or at)
    released = stretch if release else None
    summary.slots_computed, summary.values_changed = compute_due(
        store, config, cards, at, verb, summary.run_id, stretch, show, released
    )
    with store.transaction():
        complement.restore(store, config, kept.levels)
    if verb != "backfill":  # a backfill computes the days that it has slots of
        with store.transaction():
            baselines.refresh_today(store, config, compute.active_cards(config, cards), at)
    quality.close_days(store, config, cards, at)
    show("situations", 0.9)
    summary.situations = judge(store, config, cards, at, verb, summary.run_id, again=bool(since or restate))
    retention.apply(store, config, at, summary.run_id)
    if verb == "run":  # history and replays tell nobody (rule 19)
        _close_months(store, config, cards, at)
        summary.alerts, wrong = alerts.queue(store, config, cards, at)
        summary.notes += tuple(wrong)
    _note_run(store, summary, verb)
    show("publish", 0.95)
    _publish(store, at)
    if verb == "run":
        summary.notes += tuple(alerts.send(store, config, at)[1])
    show("done", 1.0)
    return summary


def _begin(store: Store, config: Config, admitted: purpose.Admitted, summary: Summary, verb: Verb, *, restate: bool) -> None:
    """What a run says of itself before it does anything; ``restate``: all history is judged by today's settings, which are written first."""
    with store.transaction():
        parts.note_run(store.con, summary.at, everything=verb == "backfill")
        if restate:
            reference.write(store, config, admitted.cards, summary.at, restate=True)
        _tell(store, summary)
        bound.write(store, config, admitted)


def _publish(store: Store, at: datetime) -> None:
    """Seal days that are over, then publish for every purpose."""
    store.seal(at, retention.cuts(store))
    publish(store, at)
    files.publish(store, at)


def taken_in(
    store: Store, own: Config, cards: Mapping[str, Card], at: datetime, verb: Verb, show: Progress
) -> tuple[Config, list[dict[str, Any]]]:
    """All that comes before computing: what waits is taken in and looked at; the settings to compute with, and the deliveries.

    ``own`` is the municipality's configuration; the register of known faults adds to it.
    """
    with store.transaction():
        reference.write(store, own, cards, at)
        config = register.bring_in(store, own, at)
    deliveries = take_in(store, config, at, verb, show)
    store.size_up()
    retention.drop_late(store, config, at)
    with store.transaction():
        quality.note_changes(store, config)
    if verb != "backfill":
        quality.look_now(store, config, cards, at)
        config = register.in_force(store, own, at)
    return config, deliveries


def take_in(store: Store, config: Config, at: datetime, verb: Verb, show: Progress) -> list[dict[str, Any]]:
    """Take in every new or grown file of every source, then add the rows that were due and did not come.

    A backfill fills the grid up to the last interval that any source delivered: from there on it is the live run's to
    say what is missing, else old open data would be followed by years of missing rows.
    """
    sources = config.sources.values()
    taken = [row for source in sources for row in arrivals.take_in(store, config, source, at, verb, show)]
    until = arrivals.last_delivered(store, config) if verb == "backfill" else at
    for source in sources:
        if until is not None:
            due = min(at, until + source.delay) if verb == "backfill" else at
            with store.transaction():
                grid.fill(store, config, source, delivered_measures(source), due, assume_arrival=verb == "backfill")
    return taken


def _compute_again(store: Store, config: Config, since: datetime | None, until: datetime) -> None:
    """Mark all cells of [since, until) dirty."""
    slug = config.municipality.municipality
    store.con.execute(f"""
        INSERT INTO dirty_cells SELECT DISTINCT municipality, dataset, source, place, interval_start
        FROM {store.relation("observations", since, until)} WHERE municipality = '{slug}'
    """)


def compute_due(
    store: Store, config: Config, cards: Mapping[str, Card], at: datetime, verb: Verb, run_id: str,
    restate: frozen.Stretch | None, show: Progress, released: frozen.Stretch | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Work off the dirty cells, oldest month first; each chunk is one transaction, its dirt cleared in it."""
    computed = changed = 0
    begun: datetime | None = None
    for until in chunks(store, config, at):
        begun = begun or until
        with store.transaction():
            done, differ = compute.values(store, config, cards, at=at, until=until, run_id=run_id,
                                          assume_arrival=verb == "backfill", restate=restate, released=released)  # fmt: skip
        computed, changed = computed + done, changed + differ
        show(f"{until:%Y-%m-%d}", 0.3 + 0.6 * ((until - begun + CHUNK) / (max(at, until) - begun + 2 * CHUNK)))
    return computed, changed


def chunks(store: Store, config: Config, at: datetime) -> Iterator[datetime]:
    """The ends of the stretches to be worked off, oldest first, until nothing is to do; the caller lets go of each."""
    first, last = todo.span(store, config, at)
    while first is not None and last is not None:
        yield min(first + CHUNK, last + timedelta(hours=1))
        first, last = todo.span(store, config, at)


def judge(
    store: Store, config: Config, cards: Mapping[str, Card], at: datetime, verb: Verb, run_id: str, *, again: bool = False
) -> list[dict[str, Any]]:
    """Rerun held levels from the first day that changed and bring the situations up to date.

    ``again``: what a backfill finds was not known when it was due, since it is computed a second time; it becomes known now.
    """
    beside = neighbours.pairs(config)
    with store.transaction():
        changes = situate.update(
            store, config, cards, beside, "dirty_levels", at=at, origin=ORIGIN[verb], run_id=run_id, again=again
        )
        store.con.execute("DELETE FROM dirty_levels WHERE municipality = ?", [config.municipality.municipality])
    return changes


def _close_months(store: Store, config: Config, cards: Mapping[str, Card], at: datetime) -> None:
    """Once a local day: the KPIs of this month and the one before."""
    slug, today = config.municipality.municipality, at.astimezone(config.tz).date()
    done = one(store.con.execute("SELECT max(recorded_at) FROM kpis WHERE municipality = ?", [slug]))[0]
    if done is None or done.astimezone(config.tz).date() < today:
        with store.transaction():
            kpis.refresh(store, config, cards, at)


def _run_id(store: Store, config: Config, verb: Verb, at: datetime) -> str:
    stem = f"{verb}-{config.municipality.municipality}-{at:%Y%m%dT%H%M%S}"
    earlier = one(store.con.execute("SELECT count(*) FROM runs WHERE starts_with(run_id, ?)", [stem]))
    return f"{stem}-{earlier[0] + 1}" if earlier and earlier[0] else stem


def _tell(store: Store, summary: Summary) -> None:
    """What there is to say of the config, for status and board; what was said before no longer holds."""
    keys = {lang: f"config_note_{lang}:{summary.municipality}" for lang in ("nl", "en")}
    store.con.execute("DELETE FROM about WHERE list_contains(?, key)", [list(keys.values())])
    for lang, key in keys.items() if summary.notes else ():
        store.con.execute("INSERT INTO about VALUES (?, ?)", [key, "\n".join(getattr(note, lang) for note in summary.notes)])


def _note_run(store: Store, summary: Summary, verb: Verb) -> None:
    store.con.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [summary.run_id, summary.municipality, verb, summary.at, summary.at, len(summary.deliveries), summary.slots_computed,
         summary.values_changed, len(summary.situations), summary.message_en],
    )  # fmt: skip
