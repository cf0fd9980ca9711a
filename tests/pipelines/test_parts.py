"""Parts: a publication does not write resting hot rows again, and shows the same rows as if it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.publish import publish
from pipelines.published import connect
from pipelines.store import Store, parts
from pipelines.store.sealing import GRACE
from schemas.results import TABLES
from tests import evidence
from tests.pipelines.test_store import T0

HOUR = timedelta(hours=1)
COLUMNS = ", ".join(TABLES["indicator_values"].columns)


@pytest.fixture(autouse=True, scope="module")
def few() -> Iterator[None]:
    """Twelve rows make a part."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "ROWS", 12)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "w") as opened:
        yield opened


def run(
    store: Store, hour: int, changes: Sequence[tuple[int, int | None]] = (), *, backfill: bool = False
) -> duckdb.DuckDBPyConnection:
    """As a run does: six new rows for the hour that ended, then ``changes`` (hour, new value or gone); opens what it published."""
    record(store, hour, changes, backfill=backfill)
    at = T0 + (hour + 1) * HOUR
    store.seal(at)
    return connect(publish(store, at))


def record(store: Store, hour: int, changes: Sequence[tuple[int, int | None]] = (), *, backfill: bool = False) -> None:
    """A run that is killed before it publishes."""
    at = T0 + (hour + 1) * HOUR
    stamp = T0 if backfill else at
    with store.transaction() as con:
        parts.note_run(con, at, everything=backfill)
    with store.transaction() as con:
        rows = [(hour, place, hour) for place in range(6)]
        for old, value in changes:
            con.execute("DELETE FROM indicator_values WHERE place = 'p0' AND interval_start = ?", [T0 + old * HOUR])
            rows += [] if value is None else [(old, 0, value)]
        for number, place, value in rows:
            con.execute(
                "INSERT INTO indicator_values BY NAME SELECT 'm' AS municipality, 'i' AS indicator, ? AS place, ? AS interval_start,"
                " ?::DOUBLE AS value, ?::TIMESTAMPTZ AS recorded_at",
                [f"p{place}", T0 + number * HOUR, value, stamp],
            )


def filled(store: Store, hours: int) -> None:
    """Some hours, and a publication of all of them."""
    for hour in range(hours):
        record(store, hour)
    run(store, hours).close()


def same(store: Store, con: duckdb.DuckDBPyConnection) -> bool:
    """What a reader sees is what is stored, each row once."""
    wanted = f"SELECT {COLUMNS} FROM {store.relation('indicator_values')} ORDER BY ALL"
    return con.execute("FROM indicator_values ORDER BY ALL").fetchall() == store.con.execute(wanted).fetchall()


def files(store: Store) -> list[str]:
    return [file for (file,) in store.con.execute("SELECT file FROM parts ORDER BY file").fetchall()]


def in_the_file(con: duckdb.DuckDBPyConnection) -> int:
    return con.execute("SELECT count(*) FROM hot_indicator_values").fetchall()[0][0]


def test_resting_hours_stand_in_parts_that_are_not_written_again(store: Store) -> None:
    stamps: dict[str, int] = {}
    for hour in range(9):
        with run(store, hour) as con:
            assert same(store, con)
            assert in_the_file(con) <= 3 * 6, "few rows are in the file itself, however many are hot"
        now = {file: (store.sealed / file).stat().st_mtime_ns for file in files(store)}
        assert all(now[file] == stamp for file, stamp in stamps.items()), "a part that holds is the same file"
        stamps = now
    assert len(stamps) == 4


def test_a_late_change_and_a_row_that_goes_are_seen_at_once(store: Store) -> None:
    filled(store, 7)
    before = files(store)
    assert len(before) == 3
    with run(store, 8, [(1, 99)]) as con:
        assert same(store, con)
        assert con.execute(
            "SELECT value FROM indicator_values WHERE interval_start = ? AND place = 'p0'", [T0 + HOUR]
        ).fetchall() == [(99.0,)]
    with run(store, 9, [(4, None)]) as con:
        assert same(store, con)
    with run(store, 10) as con:
        assert same(store, con)
        assert len(set(files(store)) & set(before)) == len(before) - 2, "the two parts that changed, and no other, were made anew"


def test_a_backfill_records_in_the_past_and_is_seen_too(store: Store) -> None:
    filled(store, 7)
    with run(store, 8, [(1, 99)], backfill=True) as con:
        assert same(store, con)


def test_a_publication_outside_a_run_trusts_no_part(store: Store) -> None:
    filled(store, 7)
    store.con.execute("UPDATE indicator_values SET value = -1 WHERE interval_start = ?", [T0 + HOUR])
    with connect(publish(store, T0 + 9 * HOUR)) as con:
        assert same(store, con)


def test_parts_become_day_files_and_their_readers_read_on(store: Store) -> None:
    filled(store, 7)
    reader, sql = connect(store.published / "indicators.duckdb"), "SELECT count(*), sum(value) FROM indicator_values"
    told = reader.execute(sql).fetchall()
    with run(store, 60) as con:
        assert same(store, con)
    assert not [file for file in files(store) if "2026-01-01" in file], "the day is sealed"
    assert reader.execute(sql).fetchall() == told, "in the grace period"
    store.drop_retired(T0 + 61 * HOUR)
    store.drop_retired(T0 + 62 * HOUR + GRACE)
    with pytest.raises(duckdb.IOException):
        reader.execute(sql)
    reader.close()


def test_a_part_written_before_a_kill_is_a_leftover(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store, 3)
    monkeypatch.setattr(parts, "_note", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(store, 4, [(1, 5)])
    monkeypatch.undo()
    store.close()
    with Store(store.workspace) as again:
        on_disk = {f"indicator_values/{p.name}" for p in (again.sealed / "indicator_values").glob("part-*")}
        retired = {file for (file,) in again.con.execute("SELECT file FROM retired_files").fetchall()}
        assert on_disk == {*files(again), *retired}
        with run(again, 5) as con:
            assert same(again, con), "what the killed run changed is seen"


def test_who_asks_for_recent_rows_opens_no_sealed_file(store: Store) -> None:
    filled(store, 7)
    for hour in (60, 61):
        record(store, hour)
    con = run(store, 62)
    plans = [
        con.execute(
            f"EXPLAIN SELECT count(*) FROM indicator_values WHERE interval_start >= TIMESTAMPTZ '{since.isoformat()}'"
        ).fetchall()[0][1]
        for since in (T0 + 60 * HOUR, T0)
    ]
    assert [plan.count("Read Parquet") for plan in plans] == [1, 2], "the parts alone; parts and sealed days"
    con.close()


@settings(max_examples=evidence.count(5, 60))
@given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 9)), st.sampled_from(["live", "live", "backfill", "killed"])),
                min_size=3, max_size=7))  # fmt: skip
def test_whatever_happens_readers_see_what_is_stored(tmp_path_factory: pytest.TempPathFactory, events: list) -> None:
    with Store(tmp_path_factory.mktemp("p") / "w") as store:
        hour = 0
        for which, value, how in events:
            hour += 1 + which % 5
            changes = [(which % hour, value)] if how == "live" else [(which % hour, value), (hour - 1, None)]
            if how == "killed":  # after its rows were committed, before it published
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr(parts, "published", lambda _con: 1 / 0)
                    with pytest.raises(ZeroDivisionError):
                        run(store, hour, changes)
                continue
            with run(store, hour, changes, backfill=how == "backfill") as con:
                assert same(store, con)
