"""From changed cells to indicator values: which slots are due, their inputs, the card's own SQL, the difference written.

One text of SQL for a tick and for years of history. A slot computed before keeps the settings that were in force then
(rule 21) unless it is restated.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from indicators import evaluate
from indicators.card import Card
from indicators.chosen import chosen
from indicators.in_force import segments
from pipelines import baselines, cells, composite, frozen, todo
from pipelines.frozen import Stretch
from pipelines.slots import Asked, Feed, Slots, asked, feeds
from pipelines.store import Store
from pipelines.store.changes import insert
from pipelines.store.rows import one
from schemas.config import Config
from schemas.results import TABLES

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAY_MS = 86_400_000  # whole numbers tell days (UTC) apart much quicker than dates do
_TEXT, _MOMENT = pa.string(), pa.timestamp("us", "UTC")
_SEGMENT = pa.schema([
    ("indicator", _TEXT), ("place", _TEXT), ("place_kind", _TEXT), ("seg_start", _MOMENT), ("seg_end", _MOMENT),
    ("interval_minutes", pa.int32()), ("config_hash", _TEXT), ("threshold_source", _TEXT),
])  # fmt: skip
_SETTING = pa.schema([(c, _TEXT) for c in ("config_hash", "municipality", "indicator", "place", "settings")])


@dataclass(frozen=True)
class _InForce:
    """What the temporary table ``in_force`` was made of, and over what span."""

    of: tuple[object, ...]
    start: datetime
    end: datetime


def card_feeds(config: Config, card: Card) -> dict[str, list[Feed]]:
    """The feeds of each input of a card here; an input that has none makes the card blind in this town."""
    return {name: feeds(config, spec.from_, card.min_coverage) for name, spec in card.inputs.items()}


def active_cards(config: Config, cards: Mapping[str, Card]) -> list[Card]:
    """The cards that the municipality switched on and that have a source for every input; those made of others come last."""
    used = chosen(config, cards).values()
    fed = [card for card in used if all(card_feeds(config, card).values())]
    return fed + [card for card in used if composite.is_composite(card) and composite.parts(config, card)]


def values(
    store: Store,
    config: Config,
    cards: Mapping[str, Card],
    *,
    at: datetime,
    until: datetime,
    run_id: str,
    assume_arrival: bool,
    restate: Stretch | None = None,
    released: Stretch | None = None,
) -> tuple[int, int]:
    """Compute all slots that dirty cells before ``until`` reach; returns (slots computed, values changed). Inside a transaction.

    Slots of the stretch ``restate`` are judged by today's settings, others keep those they were judged by.
    What stands in a frozen period stays, but for ``released`` slots.
    Leaves the first and last hours of which held levels must be rerun in ``dirty_levels`` and clears the dirt it worked off.
    """  # fmt: skip
    active = find(store, config, cards, at=at, until=until, released=released)
    done = compute_cards(store, config, active, at=at, run_id=run_id, assume_arrival=assume_arrival, restate=restate)
    let_go(store, config, active, at=at, until=until)
    return done


def find(
    store: Store, config: Config, cards: Mapping[str, Card], *, at: datetime, until: datetime, released: Stretch | None = None
) -> list[Card]:
    """The slots to do of each card that is in use, as temporary tables (:func:`composite.todo_name`); returns these cards.

    Baselines are brought up to date on the way: slots whose baseline changed are to do. The cards made of others come last.
    Inside a transaction.
    """
    active = reached(store, config, cards, at=at, until=until)
    refresh_baselines(store, config, active, at)
    for card in active:
        if composite.is_composite(card):
            composite.todo(store, config, card, [c for c in active if not composite.is_composite(c)])
    frozen.keep(store, config, active, at, released)
    return active


def reached(store: Store, config: Config, cards: Mapping[str, Card], *, at: datetime, until: datetime) -> list[Card]:
    """Those slots to do that follow from ``chunk``, the dirty cells before ``until``, by the settings ``in_force``; baselines aside."""
    con, slug = store.con, config.municipality.municipality
    con.execute(
        "CREATE OR REPLACE TEMP TABLE chunk AS SELECT DISTINCT * FROM dirty_cells WHERE municipality = ? AND interval_start < ?",
        [slug, until],
    )
    first, last = todo.span(store, config, at)
    if first is None or last is None:
        return []
    active = active_cards(config, cards)
    reach = max((f.reach for card in active for fs in card_feeds(config, card).values() for f in fs), default=HOUR)
    prepare_segments(store, config, active, first - HOUR, min(last, until) + reach + HOUR)
    for card in active:
        if not composite.is_composite(card):
            todo.find(store, config, card, "chunk", at, until)
    return active


def let_go(store: Store, config: Config, active: Sequence[Card], *, at: datetime, until: datetime) -> None:
    """Clear the dirt of the slots that were found; those that are not due yet wait. Inside the same transaction."""
    computed = [(card, _delay(config, card)) for card in active if not composite.is_composite(card)]
    if computed:
        todo.wait(store, config, computed, at, until)
    store.con.execute(
        "DELETE FROM dirty_cells WHERE municipality = ? AND interval_start < ?", [config.municipality.municipality, until]
    )


def prepare_segments(store: Store, config: Config, cards: list[Card], start: datetime, end: datetime) -> None:
    """``in_force``: per card and place, which settings hold from when to when, at least over [start, end); new ones are kept by their hash.

    Made for whole days with one on either side, and kept until something outside is asked: of 10,000 places that is a second a tick.
    """
    slug, con, asked_for = config.municipality.municipality, store.con, (config, *(card.definition_hash for card in cards))
    held = store.known.get("in_force")
    if isinstance(held, _InForce) and held.of == asked_for and held.start <= start and end <= held.end:
        return
    start, end = _midnight(start) - DAY, _midnight(end) + 2 * DAY
    kinds = {p.place.place: p.place.kind for p in config.places}
    found = [(card.id, place, kind, part.start, part.end, part.settings)
             for card in cards for place, kind in kinds.items() for part in segments(config, card, place, start, end)]  # fmt: skip
    rows = [(indicator, place, kind, first, last, int(now.interval.total_seconds() // 60), now.config_hash, now.threshold_source)
            for indicator, place, kind, first, last, now in found]  # fmt: skip
    settings = {
        now.config_hash: (now.config_hash, slug, indicator, place, now.as_json()) for indicator, place, _, _, _, now in found
    }
    con.register("segment_rows", _table(rows, _SEGMENT))
    con.execute("CREATE OR REPLACE TEMP TABLE in_force AS FROM segment_rows")
    con.unregister("segment_rows")
    con.register("setting_rows", _table(settings.values(), _SETTING))
    con.execute("INSERT INTO effective_settings BY NAME FROM setting_rows ANTI JOIN effective_settings USING (config_hash)")
    con.unregister("setting_rows")
    store.known["in_force"] = _InForce(asked_for, start, end)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _table(rows: Collection[tuple[object, ...]], shape: pa.Schema) -> pa.Table:
    return pa.table(list(zip(*rows, strict=True)), shape) if rows else shape.empty_table()


def refresh_baselines(store: Store, config: Config, cards: list[Card], at: datetime) -> None:
    """Bring baselines up to date for the slots to do; slots whose baseline changed are to do as well."""
    con, zone = store.con, config.municipality.timezone
    readers = [c for c in cards if c.baseline]
    if not readers:
        return
    used = {(f.source, f.measure): f for card in readers for f in baselines.compared_feeds(config, card)}
    # A day in UTC lies in two local days at most: those of its first and its last slot.
    wanted = " UNION ALL ".join(
        f"""FROM (VALUES {", ".join(f"('{f.source}', '{f.measure}')" for f in found)}) f(source, measure),
                 (SELECT place, interval_minutes, unnest([min(slot_start), max(slot_start)]) AS slot FROM {composite.todo_name(card)}
                  GROUP BY place, interval_minutes, epoch_ms(slot_start) // {DAY_MS})"""
        for card in readers if (found := baselines.compared_feeds(config, card))
    )  # fmt: skip
    late = " UNION ALL ".join(
        f"SELECT '{f.source}' AS source, '{f.measure}' AS measure, * FROM ({todo.cells_of(store, config, f, 'chunk')})"
        for f in used.values()
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE wanted_days AS
        SELECT DISTINCT * EXCLUDE (slot), CAST(timezone('{zone}', slot) AS DATE) AS local_date FROM ({wanted})
    """)
    con.execute(f"CREATE OR REPLACE TEMP VIEW late_cells AS {late}")
    oldest = dict(con.execute("SELECT source, min(interval_start) FROM chunk GROUP BY source").fetchall())
    changed = baselines.refresh(store, config, used.values(), "wanted_days", "late_cells", at, oldest)
    _slots_of_changed_baselines(store, config, cards, readers, changed)


def _slots_of_changed_baselines(store: Store, config: Config, cards: list[Card], readers: list[Card], changed: str) -> None:
    """Add the slots whose baseline row changed: their local clock, found again as instants (twice in an autumn night)."""
    con, zone = store.con, config.municipality.timezone
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE touched AS
        WITH clock AS (SELECT DISTINCT local_date, local_time, local_date + local_time AS local_ts FROM {changed}),
        instants AS (
            SELECT *, timezone('{zone}', local_ts) + to_minutes(shift) AS interval_start
            FROM clock CROSS JOIN (VALUES (-60), (-30), (0), (30), (60)) shifts(shift))
        SELECT source, measure, place, interval_minutes, interval_start FROM {changed}
        JOIN (FROM instants WHERE timezone('{zone}', interval_start) = local_ts) USING (local_date, local_time)
    """)
    first, last = one(con.execute("SELECT min(interval_start), max(interval_start) FROM touched"))
    if first is None:
        return
    held = one(con.execute("SELECT min(seg_start), max(seg_end) FROM in_force"))
    if held and held[0] is not None and (first < held[0] or last >= held[1]):
        prepare_segments(store, config, cards, min(first, held[0]), max(last + timedelta(hours=1), held[1]))
    for card in readers:
        read = ", ".join(f"('{f.source}', '{f.measure}')" for f in baselines.compared_feeds(config, card))
        con.execute(f"""
            INSERT INTO {composite.todo_name(card)}
            SELECT DISTINCT t.place, t.interval_start, f.interval_minutes
            FROM (FROM touched WHERE (source, measure) IN ({read})) t JOIN in_force f
                ON f.place = t.place AND f.indicator = '{card.id}' AND f.interval_minutes = t.interval_minutes
                AND t.interval_start >= f.seg_start AND t.interval_start < f.seg_end
            ANTI JOIN {composite.todo_name(card)} d ON d.place = t.place AND d.slot_start = t.interval_start
        """)


def compute_cards(
    store: Store,
    config: Config,
    cards: Sequence[Card],
    *,
    at: datetime,
    run_id: str,
    assume_arrival: bool,
    restate: Stretch | None,
) -> tuple[int, int]:
    """Write the values of the slots to do of each card; returns (slots, values changed). Those made of others come last."""
    found = asked(store, {card.id: composite.todo_name(card) for card in cards})
    slots, changed = Slots(store, config, at), 0
    due = [card for card in cards if card.id in found]
    first = _never_judged(store, config, found)
    for card in due:
        cells.want(config, card, slots, found[card.id])
    for card in due:
        writes = _write_first if card.id in first else _write_again
        changed += writes(store, config, card, slots, found[card.id], _Run(at, run_id, assume_arrival, restate))
    return sum(found[card.id].count for card in due), changed


@dataclass(frozen=True)
class _Run:
    """What all cards of a run have in common."""

    at: datetime
    run_id: str
    assume_arrival: bool
    restate: Stretch | None

    @property
    def now(self) -> str:
        """SQL."""
        return f"TIMESTAMPTZ '{self.at.isoformat()}'"

    def known(self, row: str, config: Config, card: Card) -> str:
        """SQL of the moment at which a row is known: what a backfill computes first counts as known when it was due (rule 10)."""
        due = f"{row}.interval_end + INTERVAL {int(_delay(config, card).total_seconds())} SECONDS"
        return f"least({self.now}, {due})" if self.assume_arrival else self.now


def _never_judged(store: Store, config: Config, found: Mapping[str, Asked]) -> set[str]:
    """The cards of which no slot to do has a row. Notes their hours in ``dirty_levels`` and makes their days hot, for all at once."""
    if not found:
        return set()
    con, slug, table = store.con, config.municipality.municipality, TABLES["indicator_values"]
    todo = " UNION ALL ".join(
        f"SELECT '{name}' AS indicator, place, slot_start AS interval_start FROM {a.table}" for name, a in found.items()
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW all_todo AS {todo}")
    low, high = min(a.first for a in found.values()), max(a.last for a in found.values()) + timedelta(hours=1)
    standing_rows = store.relation(table.name, low, high, "municipality, indicator, place, interval_start")
    judged = con.execute(f"""
        SELECT DISTINCT indicator FROM {standing_rows} SEMI JOIN all_todo USING (indicator, place, interval_start)
        WHERE municipality = '{slug}'""").fetchall()
    first = found.keys() - {name for (name,) in judged}
    listed = ", ".join(f"'{name}'" for name in sorted(first)) or "NULL"
    store.make_hot(
        [table.name, f"{table.name}_superseded"],
        f"SELECT DISTINCT CAST(interval_start AS DATE) FROM all_todo WHERE indicator IN ({listed})",
    )
    for name in sorted(first):
        con.execute(f"""
            INSERT INTO dirty_levels SELECT '{slug}', '{name}', place, time_bucket(INTERVAL 1 HOUR, unnest([min(slot_start), max(slot_start)]))
            FROM {found[name].table} GROUP BY place""")
    return first


def _dirty_levels(changed: str) -> str:
    return f"""
        INSERT INTO dirty_levels
        SELECT municipality, indicator, place, time_bucket(INTERVAL 1 HOUR, unnest([min(interval_start), max(interval_start)]))
        FROM {changed} GROUP BY municipality, indicator, place"""


def _write_first(store: Store, config: Config, card: Card, slots: Slots, due: Asked, run: _Run) -> int:
    """Write the values of a card's slots to do, none of which has one; returns how many."""
    if not _fed(config, card):
        return 0
    return insert(
        store, TABLES["indicator_values"], _values(store, config, card, slots, due, run, None), run.known("n", config, card)
    )


def _fed(config: Config, card: Card) -> bool:
    return composite.is_composite(card) or all(card_feeds(config, card).values())


def _values(store: Store, config: Config, card: Card, slots: Slots, due: Asked, run: _Run, kept: str | None) -> str:
    """SELECT of the values of a card's slots to do; those that stand in ``kept`` keep the settings they were judged by."""
    parts = cells.parts(store, config, card, slots, due, kept)
    steps = ", ".join(f"{name} AS ({text})" for name, text in parts.items())
    return f"WITH {steps} SELECT *, '{run.run_id}' AS run_id FROM ({evaluated(store, card, parts.get('known_for_slots', ''))})"


def _write_again(store: Store, config: Config, card: Card, slots: Slots, due: Asked, run: _Run) -> int:
    """Write the values of a card's slots to do that differ; returns how many. Without a source for an input they have none."""
    current = standing(store, config, card, due)
    kept = current  # slots of it keep the settings they were judged by
    if run.restate:
        low, high = (f"TIMESTAMPTZ '{moment.isoformat()}'" for moment in run.restate)
        kept = f"(FROM {current} WHERE interval_start < {low} OR interval_start >= {high})"
    fed = _fed(config, card)
    new = _values(store, config, card, slots, due, run, kept) if fed else f"SELECT * FROM {current} WHERE false"
    # What stood before a backfill changes now.
    recorded, gone, mine = run.known("n", config, card), run.known("o", config, card), f"o.run_id = '{run.run_id}'"
    revised, gone = (f"CASE WHEN {mine} THEN {moment} ELSE {run.now} END" for moment in (recorded, gone))
    changes = store.replace("indicator_values", new, f"SELECT * FROM {current}", recorded, gone, revised_at=revised)
    store.con.execute(_dirty_levels("changed_indicator_values"))
    return changes.total


def _delay(config: Config, card: Card) -> timedelta:
    """How long after its end a slot can be known: the longest stated delay of the card's sources."""
    return max((f.delay for found in card_feeds(config, card).values() for f in found), default=composite.delay(config))


def standing(store: Store, config: Config, card: Card, due: Asked) -> str:
    """SQL, in parentheses, for the current rows of the slots to do."""
    return f"""(SELECT v.* FROM {store.relation("indicator_values", due.first, due.last + timedelta(hours=1))} v
                SEMI JOIN {due.table} t ON t.place = v.place AND t.slot_start = v.interval_start
                WHERE v.municipality = '{config.municipality.municipality}' AND v.indicator = '{card.id}')"""


def evaluated(store: Store, card: Card, known_for_slots: str) -> str:
    """SELECT over ``cells`` of the rows of ``indicator_values`` (but run and moment); explain runs the same text.

    ``known_for_slots``: query of the baselines that ``cells`` was joined with; not read for a card without.
    """
    columns = [c for c in (*TABLES["indicator_values"].columns, "judged") if c not in ("run_id", "recorded_at")]
    # A row came and the register refuses it (rule 5); the reason says that it was the register.
    refused = "CASE status WHEN 'flagged' THEN 'invalid' ELSE status END AS status"
    rows = f"SELECT {', '.join(columns)}, raw_value FROM (SELECT * REPLACE ({refused}) FROM ({evaluate.sql(card, 'cells')}))"
    if not card.baseline or not cells.of_several_days(store, known_for_slots):
        return rows
    # A holiday is judged against its own weekday and against Sunday: the lower deviation counts (rule 18).
    # Where neither has a value, one that has a level, then one whose baseline was long enough (what is open then is open, and
    # not for want of a baseline), then by name: whatever the order of rows, the same (rule 22).
    lowest = "coalesce(raw_value, value_high) NULLS LAST, value_low, level = 'unknown', reason IS NOT DISTINCT FROM 'baseline_short', reason"
    return f"""{rows}
               QUALIFY row_number() OVER (PARTITION BY place, interval_start ORDER BY {lowest}) = 1"""
