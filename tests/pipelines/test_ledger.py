"""The ledger: revisions, duplicates and statuses come out equal whatever the order of arrival."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import ledger
from pipelines.store import Store
from tests import evidence

T0 = datetime(2026, 6, 20, 18, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)
AT = datetime(2026, 6, 21, tzinfo=UTC)


def delivered(rows):
    """rows: (place, slot number, value or '<k' or '<mean' or 'invalid' or 'outage') → the table intake hands over.

    '<k' is a withheld count, '<mean' a withheld mean, which has no bounds.
    """
    out = []
    for number, (place, slot, value) in enumerate(rows, 1):
        start = T0 + slot * STEP
        plain = isinstance(value, int)
        status = "ok" if plain else "suppressed" if value in ("<k", "<mean") else value
        out.append({
            "row_number": number, "place": place, "interval_start": start, "interval_end": start + STEP, "measure": "count_total",
            "value": value if plain else None, "value_low": value if plain else 0 if value == "<k" else None,
            "value_high": value if plain else 14 if value == "<k" else None,
            "status": status, "issued_at": None,
        })  # fmt: skip
    utc = pa.timestamp("us", "UTC")
    return pa.Table.from_pylist(out, pa.schema({
        "row_number": pa.int64(), "place": pa.string(), "interval_start": utc, "interval_end": utc, "measure": pa.string(),
        **dict.fromkeys(("value", "value_low", "value_high"), pa.decimal128(18, 6)), "status": pa.string(), "issued_at": utc,
    }))  # fmt: skip


def send(store, name, issued, rows, at=AT):
    """One delivery issued ``issued`` minutes after T0."""
    table = delivered(rows)
    stamp = pa.array([T0 + timedelta(minutes=issued)] * table.num_rows, pa.timestamp("us", "UTC"))
    table = table.set_column(table.schema.get_field_index("issued_at"), "issued_at", stamp)
    arrival = ledger.Arrival("m", "passage_counts", "s", name, f"hash-{name}", f"TIMESTAMPTZ '{at.isoformat()}'")
    with store.transaction():
        return ledger.record(store, arrival, table)


def current(store):
    rows = store.con.execute("""SELECT place, interval_start, value, value_low, value_high, status FROM observations
                                ORDER BY place, interval_start""").fetchall()
    return [(p, int((t - T0) / STEP), *rest) for p, t, *rest in rows]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path) as opened:
        yield opened


def test_rule_10_later_issue_wins_whatever_came_first(store):
    send(store, "new", 60, [("a", 0, 30)])
    send(store, "old", 30, [("a", 0, 20)])
    assert [r[2] for r in current(store)] == [30]
    history = store.con.execute("SELECT value, recorded_at = superseded_at FROM observations_superseded").fetchall()
    assert [(float(v), never_current) for v, never_current in history] == [(20.0, True)]


def test_rule_10_equal_value_is_a_duplicate_and_still_moves_the_stamp(store):
    send(store, "a", 10, [("a", 0, 20)])
    again = send(store, "c", 30, [("a", 0, 20)])
    assert (again.duplicate_accepted, again.cells_changed) == (1, 0)
    send(store, "b", 20, [("a", 0, 25)])
    assert [r[2] for r in current(store)] == [20], "a delivery between the two may not win over the newer equal one"


def test_rule_05_order_of_statuses(store):
    send(store, "a", 10, [("p", 0, "<k"), ("p", 1, "outage"), ("p", 2, "invalid"), ("p", 3, "invalid")])
    send(store, "b", 20, [("p", 0, "outage"), ("p", 1, "invalid"), ("p", 2, 40), ("p", 3, "<k")])
    assert [r[5] for r in current(store)] == ["outage", "invalid", "ok", "invalid"]


def test_rule_07_suppressed_keeps_bounds_and_no_value(store):
    send(store, "a", 10, [("p", 0, "<k")])
    assert current(store) == [("p", 0, None, 0, 14, "suppressed")]


def test_rule_07_a_withheld_mean_has_no_bounds_and_is_not_missing(store):
    send(store, "a", 10, [("p", 0, "<mean"), ("p", 1, 40)])
    assert current(store) == [("p", 0, None, None, None, "suppressed"), ("p", 1, 40, 40, 40, "ok")]
    again = send(store, "b", 20, [("p", 0, "<mean"), ("p", 1, 40)])
    assert (again.duplicate_suppressed, again.duplicate_accepted, again.cells_changed) == (1, 1, 0)


def test_rule_10_a_row_without_a_value_is_no_duplicate_of_a_withheld_mean(store):
    send(store, "a", 10, [("p", 0, "<mean")])
    again = send(store, "b", 20, [("p", 0, "missing")])
    assert (again.duplicate_suppressed, again.duplicate_accepted) == (0, 0)
    assert current(store) == [("p", 0, None, None, None, "suppressed")]


def test_rule_10_a_withheld_mean_is_revised_and_revises(store):
    send(store, "b", 20, [("p", 0, "<mean"), ("p", 1, 40)])
    send(store, "c", 30, [("p", 0, 41), ("p", 1, "<mean")])
    send(store, "a", 10, [("p", 0, 42), ("p", 1, "<k")])
    assert [r[2:] for r in current(store)] == [(41, 41, 41, "ok"), (None, None, None, "suppressed")]
    history = store.con.execute("""SELECT interval_start, value, value_low, value_high, status FROM observations_superseded
                                   ORDER BY interval_start, recorded_at = superseded_at, status""").fetchall()
    assert sorted((int((t - T0) / STEP), v, low, high, s) for t, v, low, high, s in history if s == "suppressed") == [
        (0, None, None, None, "suppressed"), (1, None, 0, 14, "suppressed")]  # fmt: skip


def test_only_a_changed_winner_dirties(store):
    send(store, "a", 10, [("p", 0, 20), ("p", 1, 21)])
    store.con.execute("DELETE FROM dirty_cells")
    send(store, "b", 20, [("p", 0, 20), ("p", 1, 99)])
    dirty = store.con.execute("SELECT interval_start FROM dirty_cells").fetchall()
    assert dirty == [(T0 + STEP,)]


def test_sealed_day_is_rewritten_by_a_late_revision(store):
    send(store, "a", 10, [("p", 0, 20), ("p", 1, 21)])
    assert store.seal(AT + timedelta(days=10)) > 0
    assert store.con.execute("SELECT count(*) FROM observations").fetchone() == (0,)
    send(store, "b", 20, [("p", 0, 50)], at=AT + timedelta(days=10))
    rows = store.con.execute(f"SELECT value FROM {store.relation('observations')} ORDER BY interval_start").fetchall()
    assert [float(v) for (v,) in rows] == [50.0, 21.0]


value = st.one_of(st.integers(15, 18), st.sampled_from(["<k", "<mean", "invalid", "outage"]))
rows = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), value), min_size=1, max_size=4, unique_by=lambda r: r[:2])
deliveries = st.lists(st.tuples(st.integers(0, 3), rows), min_size=1, max_size=5)


@settings(max_examples=evidence.count(8, 300), deadline=None)
@given(deliveries, st.randoms(use_true_random=False))
def test_rule_22_observations_do_not_depend_on_order_or_doubling(tmp_path_factory, batches, random):
    named = [(f"d{i}", issued, rows) for i, (issued, rows) in enumerate(batches)]
    shuffled = [*named, random.choice(named)]
    random.shuffle(shuffled)
    states = []
    for order in (named, shuffled):
        with Store(tmp_path_factory.mktemp("w")) as store:
            for delivery in order:
                send(store, *delivery)
            states.append(current(store))
    assert states[0] == states[1]
