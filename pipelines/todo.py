"""Which slots of a card are to do: those in which a changed cell has a say, by the settings in force (``in_force``)."""

from __future__ import annotations

from datetime import datetime, timedelta

from indicators.card import Card
from pipelines import composite
from pipelines.slots import Feed, bucket, feeds, members
from pipelines.store import Store
from schemas.config import Config

_NONE = "SELECT NULL::VARCHAR AS place, NULL::TIMESTAMPTZ AS slot_start, NULL::INTEGER AS interval_minutes LIMIT 0"
_Way = tuple[Feed, timedelta]  # a feed of an input, and how far the input looks back


def find(store: Store, config: Config, card: Card, changed: str, at: datetime) -> None:
    """``todo_<card>``: slots of the card that the changed cells touch, up to the clock, widened by how far an input looks back."""
    ways = _ways(config, card)
    lengths = store.con.execute("SELECT DISTINCT interval_minutes FROM in_force WHERE indicator = ?", [card.id]).fetchall()
    whole = {feed for feed, _ in ways if lengths == [(feed.step_minutes,)]}  # a changed cell is a slot
    reached = " UNION ALL ".join(_slots_reached(store, config, card, feed, changed, ago, feed in whole) for feed, ago in ways)
    once = "" if len(whole) == len(ways) and _come_once(store, config, ways, changed) else "DISTINCT"
    store.con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {composite.todo_name(card)} AS
        SELECT {once} * FROM ({reached or _NONE}) WHERE slot_start < TIMESTAMPTZ '{at.isoformat()}'
    """)


def cells_of(store: Store, config: Config, feed: Feed, changed: str) -> str:
    """SELECT place, interval_start of the changed cells behind a feed, at the places it gives something for."""
    sources = ", ".join(f"'{s}'" for s in feed.sources)
    behind = f"SELECT place, interval_start FROM {changed} WHERE source IN ({sources}) AND dataset = '{feed.dataset}'"
    if not feed.over_places:
        return behind
    table = members.register(store.con, config, feed)
    return f"SELECT m.place, c.interval_start FROM ({behind}) c JOIN (SELECT DISTINCT place, member FROM {table}) m ON m.member = c.place"


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


def _slots_reached(store: Store, config: Config, card: Card, feed: Feed, changed: str, ago: timedelta, whole: bool) -> str:
    """SELECT place, slot_start, interval_minutes of the card's slots in which a changed cell of a feed has a say."""
    slot = "c.interval_start" if whole else bucket("f.interval_minutes", "c.interval_start", config)
    cells = f"({cells_of(store, config, feed, changed)}) c JOIN in_force f ON f.place = c.place AND f.indicator = '{card.id}'"
    if not feed.reach and not ago:
        return f"SELECT f.place, {slot} AS slot_start, f.interval_minutes FROM {cells} AND {slot} >= f.seg_start AND {slot} < f.seg_end"
    # The cell's own slot, those it still holds in, and the one that looks back at it, each by the settings in force then.
    until = f"{slot} + greatest(INTERVAL {int(feed.reach.total_seconds())} SECONDS, to_minutes(f.interval_minutes))"
    starts = f"unnest(range({slot}, {until}, to_minutes(f.interval_minutes)))" if feed.reach else slot
    if ago:
        starts = f"{slot} + INTERVAL {int(ago.total_seconds())} SECONDS"
    return f"""
        SELECT t.* FROM (SELECT f.place, {starts} AS slot_start, f.interval_minutes FROM {cells}
            AND {slot} >= f.seg_start - INTERVAL 2 DAYS AND {slot} < f.seg_end) t
        JOIN in_force f ON f.place = t.place AND f.indicator = '{card.id}' AND f.interval_minutes = t.interval_minutes
            AND t.slot_start >= f.seg_start AND t.slot_start < f.seg_end"""
