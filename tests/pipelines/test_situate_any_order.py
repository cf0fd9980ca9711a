"""Rule 22 for situations: whatever the order, split, revision or repetition of rows, the current state is that of an oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests import evidence
from tests.indicators.naive_levels import Slot
from tests.pipelines.naive_situations import Row, situations
from tests.pipelines.situate_world import LETTERS, T0, World, minutes

FIRST = T0.replace(hour=21)  # so that midnight (UTC) falls early in the series
SERIES = (("density", "markt"), ("occupancy", "markt"), ("flow", "markt"), ("density", "plein"))
Key = tuple[str, str, datetime]
# Shrinking a town takes minutes: `make test` shows the failing example as it came and keeps it, `make prove` shrinks it.
PHASES = tuple(Phase) if evidence.proving() else (Phase.explicit, Phase.reuse, Phase.generate, Phase.target)


@st.composite
def histories(draw: st.DrawFn) -> dict[Key, dict[str, Any]]:
    """Rows of all series over a day or two: letters in stretches, some rows absent, the interval and the timing change."""
    found: dict[Key, dict[str, Any]] = {}
    for indicator, place in SERIES:
        at, length = FIRST, draw(st.sampled_from([30, 60]))
        timing = draw(st.sampled_from([(30, 30), (60, 30), (0, 120), (120, 60), (240, 30)]))
        for _ in range(draw(st.integers(0, 9))):
            if draw(st.integers(0, 7)) == 0:
                length, timing = draw(st.sampled_from([(60, (60, 60)), (30, (30, 60)), (15, (15, 15))]))
            letter = draw(st.sampled_from("cccbEEHK!hS??u  "))
            for _ in range(draw(st.integers(1, 8))):
                if letter != " ":
                    found[indicator, place, at] = {"letter": letter, "minutes": length, "timing": timing}
                at += timedelta(minutes=length)
    return found


def put(world: World, rows: Iterable[tuple[Key, dict[str, Any]]]) -> None:
    """Write rows all at once; of a slot given twice the last counts."""
    made = {}
    for (indicator, place, start), row in rows:
        world.timing = row["timing"]
        end = start + timedelta(minutes=row["minutes"])
        made[indicator, place, start] = world.row(place, indicator, start, end=end, letter=row["letter"], confidence=0.8)
    world.write(list(made.values()))


def expected(history: dict[Key, dict[str, Any]], until: datetime, delay: int = 5) -> list[dict[str, Any]]:
    """What the oracle says of every atom, as comparable rows. ``until``: the moment up to which slots could be known."""
    atoms: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for (indicator, place, at), row in sorted(history.items(), key=lambda item: item[0]):
        bands, value, level, _, reason = LETTERS[row["letter"]]
        for_, keep = row["timing"]
        slot = Slot(int(at.timestamp()), row["minutes"], bands, (for_,) * 3, (keep,) * 3)
        risk = "saturated_passage" if indicator == "flow" else "overcrowding"
        atoms[risk, place][indicator].append(Row(slot, value, level, reason, None if level == "unknown" else 0.8))
    clock = int(until.timestamp()), delay * 60
    found = [
        {"safety_risk": risk, "place": place, **row} for (risk, place), part in atoms.items() for row in situations(part, *clock)
    ]
    return sorted(found, key=_key)


def newest_end(history: dict[Key, dict[str, Any]]) -> datetime:
    """End of the last slot of all."""
    return max((at + timedelta(minutes=row["minutes"]) for (_, _, at), row in history.items()), default=FIRST)


def shown(world: World) -> list[dict[str, Any]]:
    """The current table in the shape of :func:`expected`."""
    columns = (
        "safety_risk", "place", "state", "started_at", "ended_at", "level", "peak_level", "observed_until", "leading_indicator",
        "reasons", "confidence",
    )  # fmt: skip
    rows = [{c: _plain(row[c]) for c in columns} for row in world.situations()]
    return sorted(rows, key=_key)


def _plain(value: Any) -> Any:
    return int(value.timestamp()) if isinstance(value, datetime) else value


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["safety_risk"], row["place"], row["started_at"]


@settings(deadline=None, max_examples=evidence.count(15, 500), phases=PHASES)
@given(histories(), st.integers(0, 12))
def test_rules_14_to_19_agree_with_an_oracle_per_place(history: dict[Key, dict[str, Any]], after: int) -> None:
    world = World()
    put(world, history.items())
    until = newest_end(history) + timedelta(minutes=15 * after)  # the clock may have gone on without any row
    world.tick(until + timedelta(minutes=5))
    assert shown(world) == expected(history, until)


@settings(deadline=None, max_examples=evidence.count(8, 300), phases=PHASES)
@given(histories().filter(bool), st.booleans(), st.data())
def test_rule_22_any_order_split_and_revision_gives_the_same(
    history: dict[Key, dict[str, Any]], by_day: bool, data: st.DataObject
) -> None:
    whole, world = World(), World(by_day=by_day)
    put(whole, history.items())
    whole.tick(minutes(9999))
    order = data.draw(st.permutations(list(history)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order)), max_size=5)) | {0, len(order)})
    wrong = data.draw(st.dictionaries(st.sampled_from(order), st.sampled_from("cEK?"), max_size=8))
    for number, (start, stop) in enumerate(pairwise(cuts)):  # some rows come wrong first, some twice
        put(world, ((key, {**history[key], "letter": wrong.get(key, history[key]["letter"])}) for key in order[start:stop]))
        world.tick(minutes(9000 + number))
    put(world, ((key, history[key]) for key in {*wrong, *order[: len(order) // 4]}))
    world.tick(minutes(9998))
    assert world.content() == whole.content()
    ids = [row["situation_id"] for row in world.situations()]
    assert len(set(ids)) == len(ids)


@settings(deadline=None, max_examples=evidence.count(5, 100), phases=PHASES)
@given(histories().filter(bool), st.integers(1, 3), st.sampled_from([65, 90, 180, 300]))
def test_rule_22_live_slot_by_slot_gives_what_one_run_gives(history: dict[Key, dict[str, Any]], size: int, after: int) -> None:
    whole, world = World(), World()
    put(whole, history.items())
    end = newest_end(history) + timedelta(minutes=after)
    whole.tick(end)
    times = sorted({at for _, _, at in history})
    for i in range(0, len(times), size):
        put(world, ((key, row) for key, row in history.items() if key[2] in times[i : i + size]))
        world.tick(times[min(i + size, len(times)) - 1] + timedelta(minutes=65))
    world.tick(end)  # equal at the same moment: what is without sight by then depends on the clock (rule 15)
    assert world.content() == whole.content()


@settings(deadline=None, max_examples=evidence.count(8, 300), phases=PHASES)
@given(histories().filter(bool), st.sampled_from([5, 90]), st.data())
def test_rule_22_a_backfill_in_parts_ends_where_one_run_ends(
    history: dict[Key, dict[str, Any]], delay: int, data: st.DataObject
) -> None:
    whole, world = World(delay=delay), World(delay=delay)
    put(whole, history.items())
    whole.tick(minutes(9999), origin="backfill")
    assert shown(whole) == expected(history, newest_end(history), delay)
    cut = data.draw(st.sampled_from(sorted({at for _, _, at in history})))
    for late in (False, True):
        put(world, ((key, row) for key, row in history.items() if (key[2] > cut) == late))
        world.tick(minutes(9999), origin="backfill")
    assert world.content() == whole.content()
    for table in ("situations", "situations_superseded"):
        assert all(row["signalled_at"] is not None for row in world.situations(table) if row["state"] != "pending")
    past = world.situations("situations_superseded")
    assert all(row["recorded_at"] < row["superseded_at"] for row in past), "versions follow each other"
