"""The store: replace leaves equal rows alone, sealing loses and doubles nothing, a killed run is repaired."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.publish import publish
from pipelines.published import connect
from pipelines.store import Store
from pipelines.store.tables import FormatError
from schemas.results import TABLES

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "w") as opened:
        yield opened


def put(store, rows, at, scope_places=("a", "b", "c")):
    """rows: (place, day number, value) → current indicator_values of those places."""
    columns = TABLES["indicator_values"].stored
    known = {"place", "interval_start", "value", "municipality", "indicator", "recorded_at"}
    nulls = ", ".join(f"CAST(NULL AS {TABLES['indicator_values'].type_of(c)}) AS {c}" for c in columns if c not in known)
    values = (
        ", ".join(f"('{p}', TIMESTAMPTZ '{(T0 + timedelta(days=d)).isoformat()}', {v}::DOUBLE)" for p, d, v in rows)
        or "(NULL, NULL, NULL)"
    )
    store.con.execute(
        f"CREATE OR REPLACE TEMP TABLE wanted AS SELECT * FROM (VALUES {values}) t(place, interval_start, value) WHERE place IS NOT NULL"
    )
    stamp = f"TIMESTAMPTZ '{at.isoformat()}'"
    with store.transaction():
        return store.replace(
            "indicator_values", f"SELECT 'm' AS municipality, 'i' AS indicator, place, interval_start, value, {nulls} FROM wanted",
            f"SELECT * FROM {store.relation('indicator_values')} WHERE place IN {tuple(scope_places)}", stamp, stamp,
        )  # fmt: skip


def stored(store):
    return store.con.execute(
        f"SELECT place, CAST(interval_start AS DATE) - DATE '2026-01-01', value FROM {store.relation('indicator_values')} ORDER BY ALL"
    ).fetchall()


def test_equal_rows_are_left_alone(store):
    assert put(store, [("a", 0, 1), ("b", 1, 2)], T0).inserted == 2
    changes = put(store, [("a", 0, 1), ("b", 1, 3), ("c", 1, 4)], T0 + timedelta(days=1))
    assert (changes.inserted, changes.changed, changes.removed) == (1, 1, 0)
    kept = store.con.execute("SELECT recorded_at FROM indicator_values WHERE place = 'a'").fetchone()
    assert kept == (T0,)
    assert put(store, [("a", 0, 1), ("b", 1, 3), ("c", 1, 4)], T0 + timedelta(days=2)).total == 0


def test_sealing_keeps_every_row_once_and_merges_months(store):
    rows = [("a", d, d) for d in range(100)]
    put(store, rows, T0)
    late = T0 + timedelta(days=300)
    assert store.seal(late) > 0
    assert stored(store) == rows
    assert store.seal(late) == 0, "nothing left to write"
    units = store.con.execute("SELECT count(*) FROM manifest WHERE table_name = 'indicator_values'").fetchone()
    assert units == (4,), "old days stand in one file a month"
    changed = [(p, d, -1 if d == 40 else v) for p, d, v in rows]
    put(store, changed, late)
    assert stored(store) == changed
    store.seal(late)
    assert stored(store) == changed


def test_published_file_shows_hot_and_sealed_and_what_was_known(store):
    put(store, [("a", 0, 1), ("a", 200, 5)], T0 + timedelta(days=200))
    store.seal(T0 + timedelta(days=201))
    put(store, [("a", 0, 2), ("a", 200, 5)], T0 + timedelta(days=202))
    with_hot = publish(store, T0 + timedelta(days=202))
    con = connect(with_hot)
    assert con.execute("SELECT value FROM indicator_values ORDER BY interval_start").fetchall() == [(2.0,), (5.0,)]
    early = (T0 + timedelta(days=201)).isoformat()
    sql = f"SELECT value FROM indicator_values_as_known(as_of := TIMESTAMPTZ '{early}') ORDER BY interval_start"
    assert con.execute(sql).fetchall() == [(1.0,), (5.0,)]
    tables = {t for (t,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert set(TABLES) <= tables
    bare = con.execute(
        """SELECT table_name, column_name FROM duckdb_columns()
           WHERE database_name = 'indicators' AND comment IS NULL AND NOT starts_with(table_name, 'hot_')"""
    ).fetchall()
    assert bare == []
    con.close()


def test_published_folder_can_move(store, tmp_path):
    put(store, [("a", 0, 1)], T0)
    store.seal(T0 + timedelta(days=10))
    file = publish(store, T0 + timedelta(days=10))
    moved = file.parent.rename(tmp_path / "elsewhere")
    con = connect(moved / file.name)
    assert con.execute("SELECT value FROM indicator_values").fetchall() == [(1.0,)]
    con.close()


def test_file_written_before_a_kill_is_a_leftover(tmp_path):
    with Store(tmp_path) as store:
        put(store, [("a", 0, 1)], T0)
    stray = tmp_path / "published" / "sealed" / "indicator_values" / "2026-01-01-dead.parquet"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"half")
    with Store(tmp_path) as store:
        assert not stray.exists()
        assert stored(store) == [("a", 0, 1.0)]


def test_workspace_of_another_format_is_refused(tmp_path):
    Store(tmp_path).close()
    (tmp_path / "private" / "format").write_text("999\n")
    with pytest.raises(FormatError, match="format 999"):
        Store(tmp_path)


def test_private_folder_is_closed_to_others(tmp_path):
    with Store(tmp_path) as store:
        assert store.private.stat().st_mode & 0o077 == 0
