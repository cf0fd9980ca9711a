"""Which slots of a card are to do: those in which a changed cell has a say, by the settings in force (``in_force``).

A slot that was asked for before it was due has no row yet. It waits in ``waiting_slots``: when its time comes it is to do
even if nothing comes in then, as of a place whose source never delivered (rule 22: one run or several end equal).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from indicators.card import Card
from pipelines import composite
from pipelines.slots import LONGEST, Feed, bucket, feeds, members
from pipelines.store import Store
from pipelines.store.rows import one
from schemas.config import Config

_NONE = "SELECT NULL::VARCHAR AS place, NULL::TIMESTAMPTZ AS slot_start, NULL::INTEGER AS interval_minutes LIMIT 0"
_Way = tuple[Feed, timedelta]  # a feed of an input, and how far the input looks back


def find(store: Store, config: Config, card: Card, changed: str, at: datetime, until: datetime) -> None:
    """``todo_<card>``: slots of the card that the changed cells touch, up to the clock, widened by how far an input looks back."""
    ways = _ways(config, card)
    lengths = store.con.execute("SELECT DISTINCT interval_minutes FROM in_force WHERE indicator = ?", [card.id]).fetchall()
    whole = {feed for feed, _ in ways if lengths == [(feed.step_minutes,)]}  # a changed cell is a slot
    reached = " UNION ALL ".join(_slots_reached(store, config, card, feed, changed, ago, feed in whole) for feed, ago in ways)
    once = "" if len(whole) == len(ways) and _come_once(store, config, ways, changed) else "DISTINCT"
    waited = _waited(config, card, at, until)
    if store.con.execute(f"SELECT 1 FROM ({waited}) LIMIT 1").fetchall():
        reached, once = " UNION ALL ".join(filter(None, (reached, waited))), "DISTINCT"
    name, now = composite.todo_name(card), f"TIMESTAMPTZ '{at.isoformat()}'"
    asked = f"SELECT {once} * FROM ({reached or _NONE})"
    if any(feed.reach or ago for feed, ago in ways):  # what is reported now also has a say in slots to come
        store.con.execute(f"CREATE OR REPLACE TEMP TABLE asked AS {asked}")
        store.con.execute(f"CREATE OR REPLACE TEMP TABLE {_ahead(card)} AS FROM asked WHERE slot_start >= {now}")
        asked = "FROM asked"
    else:
        store.con.execute(f"CREATE OR REPLACE TEMP TABLE {_ahead(card)} AS {_NONE}")
    store.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM ({asked}) WHERE slot_start < {now}")


def causes(store: Store, config: Config, card: Card, changed: str, also: tuple[str, ...]) -> str:
    """SELECT place, slot_start, interval_minutes and, of each changed cell that has a say in the slot, the columns ``also``."""
    ways = (
        _slots_reached(store, config, card, feed, changed, ago, whole=False, also="".join(f", {name}" for name in also))
        for feed, ago in _ways(config, card)
    )
    nothing = f"SELECT *, {', '.join(f'NULL AS {name}' for name in also)} FROM ({_NONE})"
    return " UNION ALL ".join(ways) or nothing


def _ahead(card: Card) -> str:
    """The temporary table of the slots of a card that have not begun."""
    return f"ahead_{composite.todo_name(card)}"


def span(store: Store, config: Config, at: datetime) -> tuple[datetime, datetime] | tuple[None, None]:
    """From the first to the last moment at which something is to do: a changed cell, or a slot whose wait is over."""
    first, last = one(store.con.execute(
        """SELECT min(t), max(t) FROM (SELECT interval_start AS t FROM dirty_cells WHERE municipality = $slug UNION ALL
           SELECT slot_start FROM waiting_slots WHERE municipality = $slug AND due_at <= $at)""",
        {"slug": config.municipality.municipality, "at": at},
    ))  # fmt: skip
    return first, last


def _waited(config: Config, card: Card, at: datetime, until: datetime) -> str:
    """SELECT of the card's slots whose wait is over, by the settings in force."""
    return f"""
        SELECT w.place, w.slot_start, w.interval_minutes FROM waiting_slots w JOIN in_force f
            ON f.place = w.place AND f.indicator = w.indicator AND f.interval_minutes = w.interval_minutes
            AND w.slot_start >= f.seg_start AND w.slot_start < f.seg_end
        WHERE w.municipality = '{config.municipality.municipality}' AND w.indicator = '{card.id}'
            AND w.due_at <= TIMESTAMPTZ '{at.isoformat()}' AND w.slot_start < TIMESTAMPTZ '{until.isoformat()}'"""


def wait(store: Store, config: Config, delays: Sequence[tuple[Card, timedelta]], at: datetime, until: datetime) -> None:
    """Keep the slots to do that are not due yet and have no row; let go of those that are done."""
    con, slug, now = store.con, config.municipality.municipality, f"TIMESTAMPTZ '{at.isoformat()}'"
    # Slots of long ago are due without working out when: of a long history that is nearly all.
    asked = " UNION ALL ".join(
        f"""SELECT '{card.id}' AS indicator, *, slot_start + to_minutes(interval_minutes) + INTERVAL {int(delay.total_seconds())} SECONDS
            AS due_at FROM (FROM {composite.todo_name(card)} UNION ALL FROM {_ahead(card)})
            WHERE slot_start > TIMESTAMPTZ '{(at - delay - LONGEST).isoformat()}'""" for card, delay in delays
    )  # fmt: skip
    con.execute(f"CREATE OR REPLACE TEMP TABLE early AS FROM ({asked}) WHERE due_at > {now}")
    con.execute(f"""
        DELETE FROM waiting_slots WHERE municipality = '{slug}' AND (due_at <= {now} AND slot_start < TIMESTAMPTZ '{until.isoformat()}'
            OR (indicator, place, slot_start) IN (SELECT (indicator, place, slot_start) FROM early))""")
    con.execute(f"""
        INSERT INTO waiting_slots BY NAME SELECT '{slug}' AS municipality, e.* FROM early e
        ANTI JOIN indicator_values v ON v.municipality = '{slug}' AND v.indicator = e.indicator AND v.place = e.place
            AND v.interval_start = e.slot_start""")


def cells_of(store: Store, config: Config, feed: Feed, changed: str, also: str = "") -> str:
    """SELECT place, interval_start (and ``also``) of the changed cells behind a feed, at the places it gives something for."""
    sources = ", ".join(f"'{s}'" for s in feed.sources)
    behind = f"SELECT place, interval_start{also} FROM {changed} WHERE source IN ({sources}) AND dataset = '{feed.dataset}'"
    if not feed.over_places:
        return behind
    table = members.register(store, config, feed)
    return f"SELECT m.place, c.* EXCLUDE (place) FROM ({behind}) c JOIN (SELECT DISTINCT place, member FROM {table}) m ON m.member = c.place"


def _pairs(config: Config, feed: Feed) -> frozenset[tuple[str, str]]:
    """Which places a feed counts for, and where it counts; none for a feed of the place itself."""
    return frozenset((m.place, m.member) for m in members.members(config, feed)) if feed.over_places else frozenset()


def _ways(config: Config, card: Card) -> list[_Way]:
    """The ways into the inputs of a card; those over the same cells of the same places are one."""
    found: dict[object, _Way] = {}
    for given in card.inputs.values():
        for feed in feeds(config, given.from_):
            pairs, ago = _pairs(config, feed), given.ago or timedelta(0)
            if pairs or not feed.over_places:
                found.setdefault((feed.dataset, feed.sources, pairs, feed.reach, ago), (feed, ago))
    return list(found.values())


def _come_once(store: Store, config: Config, ways: list[_Way], changed: str) -> bool:
    """Whether each slot comes from one changed cell: then nothing need be compared, the dearest step of a long history."""
    for feed, ago in ways:
        pairs = _pairs(config, feed)
        several = len({place for place, _ in pairs}) < len(pairs) or len(feed.sources) > 1
        if several or feed.reach or ago:
            return False
    at = [f"SELECT DISTINCT place FROM ({cells_of(store, config, feed, changed)})" for feed, _ in ways] if len(ways) > 1 else []
    places = store.con.execute(" UNION ALL ".join(at)).fetchall() if at else []
    return len(set(places)) == len(places)


def _slots_reached(
    store: Store, config: Config, card: Card, feed: Feed, changed: str, ago: timedelta, whole: bool, also: str = ""
) -> str:
    """SELECT place, slot_start, interval_minutes of the card's slots in which a changed cell of a feed has a say."""
    slot = "c.interval_start" if whole else bucket("f.interval_minutes", "c.interval_start", config)
    cells = (
        f"({cells_of(store, config, feed, changed, also)}) c JOIN in_force f ON f.place = c.place AND f.indicator = '{card.id}'"
    )
    if not feed.reach and not ago:
        return f"SELECT f.place, {slot} AS slot_start, f.interval_minutes{also} FROM {cells} AND {slot} >= f.seg_start AND {slot} < f.seg_end"
    # The cell's own slot, those it still holds in, and the one that looks back at it: of the length in force there, not at the cell.
    reach = f"INTERVAL {int(feed.reach.total_seconds()) + 60 * feed.step_minutes} SECONDS"  # a report holds from its end on
    until = f"{slot} + greatest({reach}, to_minutes(f.interval_minutes))"
    starts = f"unnest(range({slot}, {until}, to_minutes(f.interval_minutes)))" if feed.reach else slot
    if ago:
        starts = f"{slot} + INTERVAL {int(ago.total_seconds())} SECONDS"
    return f"""
        SELECT place, slot_start, interval_minutes{also} FROM (
            SELECT f.place, {starts} AS slot_start, f.interval_minutes{also}, f.seg_start, f.seg_end FROM {cells}
                AND {slot} >= f.seg_start - INTERVAL 3 DAYS AND {slot} < f.seg_end)
        WHERE slot_start >= seg_start AND slot_start < seg_end"""
