"""Sealing over months: day files become month files once no baseline reaches them, and readers keep what they have open (decision 4.1)."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from pipelines.publish import publish
from pipelines.published import connect
from pipelines.store import Store
from pipelines.store.sealing import GRACE
from tests.pipelines.test_store import T0, put, stored

DAY = timedelta(days=1)


def files(store: Store) -> list[tuple[date, date, int]]:
    """(first day, last day, rows) of the sealed files of the values."""
    sql = "SELECT first_day, last_day, row_count FROM manifest WHERE table_name = 'indicator_values' ORDER BY first_day"
    return store.con.execute(sql).fetchall()


def on_disk(store: Store) -> set[str]:
    return {p.name for p in (store.sealed / "indicator_values").glob("*")}


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """156 days of rows, sealed as they go by in daily runs; and the number of files after each."""
    workspace, counts = tmp_path_factory.mktemp("aged") / "w", []
    with Store(workspace) as store:
        for day in range(156):
            insert(store, day)
            store.seal(T0 + day * DAY + timedelta(hours=12))
            store.drop_retired(T0 + day * DAY + timedelta(hours=12))  # as publishing does
            counts.append(len(on_disk(store)))
    return workspace, counts


def insert(store: Store, day: int) -> None:
    at = (T0 + day * DAY).isoformat()
    store.con.execute(f"""INSERT INTO indicator_values BY NAME SELECT 'm' AS municipality, 'i' AS indicator, 'a' AS place,
                          TIMESTAMPTZ '{at}' AS interval_start, {day}::DOUBLE AS value, TIMESTAMPTZ '{at}' AS recorded_at""")


def test_months_are_merged_once_no_baseline_reaches_them(aged: tuple[Path, list[int]]) -> None:
    workspace, counts = aged
    with Store(workspace) as store:
        known = files(store)
        assert [(f, e, n) for f, e, n in known if f != e] == [
            (date(2026, 1, 1), date(2026, 1, 31), 31),
            (date(2026, 2, 1), date(2026, 2, 28), 28),
        ]
        assert sum(n for _, _, n in known) + 2 == 156, "yesterday and today are hot"
        assert stored(store) == [("a", d, d) for d in range(156)]
    # 13 weeks of days, the month that waits to be merged, months, and what readers may still have open.
    assert max(counts) <= 13 * 7 + 31 + len(known) + 2


def test_a_merged_month_is_deleted_only_after_the_grace_period(aged: tuple[Path, list[int]]) -> None:
    """The run that merges keeps the day files, one a day later deletes them."""
    _, counts = aged
    drops = [(before, after) for before, after in pairwise(counts) if after < before]
    assert len(drops) == 2
    assert all(before - after >= 26 for before, after in drops)
    merged = counts.index(max(counts[:121]))
    assert counts[merged] > counts[merged - 1], "the month is there beside its days"


def test_who_has_an_older_publication_open_reads_on_in_the_grace_period(tmp_path: Path) -> None:
    merge = T0 + 130 * DAY
    with Store(tmp_path / "w") as store:
        for day in range(40):
            insert(store, day)
            store.seal(T0 + (day + 2) * DAY)
        before = publish(store, T0 + 41 * DAY)
        reader, sql = connect(before), "SELECT count(*), sum(value), count(DISTINCT interval_start) FROM indicator_values"
        told = reader.execute(sql).fetchall()
        assert told == [(40, sum(range(40)), 40)]
        assert store.seal(merge) > 0
        publish(store, merge)
        assert [f for f in files(store) if f[0] != f[1]]
        assert reader.execute(sql).fetchall() == told, "in the grace period"
        with connect(before) as newer:
            assert newer.execute(sql).fetchall() == told
        publish(store, merge + GRACE)
        assert reader.execute(sql).fetchall() == told, "at its very end"
        publish(store, merge + GRACE + timedelta(seconds=1))
        assert len(on_disk(store)) == len(files(store))
        with pytest.raises(duckdb.IOException):
            reader.execute(sql)
        with connect(before) as newer:
            assert newer.execute(sql).fetchall() == told
        reader.close()


def test_the_grace_period_begins_when_a_publication_without_the_file_comes_out(tmp_path: Path) -> None:
    """A run killed between sealing and publishing leaves a publication in force that names files given up; a week may pass then."""
    merge = T0 + 130 * DAY
    with Store(tmp_path / "w") as store:
        for day in range(40):
            insert(store, day)
            store.seal(T0 + (day + 2) * DAY)
        file, sql = publish(store, T0 + 41 * DAY), "SELECT count(*), sum(value) FROM indicator_values"
        assert store.seal(merge) > 0  # and killed
    with Store(tmp_path / "w") as store:
        store.seal(merge + 7 * DAY)
        reader = connect(file)
        assert reader.execute(sql).fetchall() == [(40, sum(range(40)))]
        publish(store, merge + 7 * DAY)
        assert reader.execute(sql).fetchall() == [(40, sum(range(40)))]
        publish(store, merge + 7 * DAY + GRACE + DAY)
        assert len(on_disk(store)) == len(files(store))
        reader.close()


def test_a_late_row_in_a_merged_month_keeps_its_readers_too(tmp_path: Path) -> None:
    late = T0 + 200 * DAY
    with Store(tmp_path / "w") as store:
        put(store, [("a", d, d) for d in range(40)], T0)
        store.seal(late)
        reader, sql = connect(publish(store, late)), "SELECT count(*), sum(value) FROM indicator_values"
        put(store, [("a", d, 1000 if d == 3 else d) for d in range(40)], late)
        store.seal(late)
        publish(store, late)
        assert reader.execute(sql).fetchall() == [(40, sum(range(40)))]
        with connect(tmp_path / "w" / "published" / "indicators.duckdb") as newer:
            assert newer.execute(sql).fetchall() == [(40, sum(range(40)) + 997)]
        assert [f for f in files(store) if f[0] != f[1]], "whole months again"
        reader.close()


def test_months_in_which_a_limit_lies_stay_day_files(tmp_path: Path) -> None:
    with Store(tmp_path / "w") as store:
        for day in range(70):
            insert(store, day)
        store.seal(T0 + 300 * DAY, {"indicator_values": {date(2026, 2, 10)}})
        assert [(f, e) for f, e, _ in files(store) if f != e] == [
            (date(2026, 1, 1), date(2026, 1, 31)),
            (date(2026, 3, 1), date(2026, 3, 31)),
        ]
        assert sum(f == e and f.month == 2 for f, e, _ in files(store)) == 28
        assert stored(store) == [("a", d, d) for d in range(70)]


def test_what_a_backfill_leaves_of_a_month_is_one_file_and_its_last_week_is_days(tmp_path: Path) -> None:
    with Store(tmp_path / "w") as store:
        for day in range(75):  # 1 January to 16 March
            insert(store, day)
        store.seal(T0 + 76 * DAY)
        months, part = (
            [(date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28))],
            (date(2026, 3, 1), date(2026, 3, 9)),
        )
        days = [(date(2026, 3, day), date(2026, 3, day)) for day in range(10, 17)]
        assert [(f, e) for f, e, _ in files(store)] == [*months, part, *days]
        assert stored(store) == [("a", d, d) for d in range(75)]
        with store.transaction():
            store.make_hot(["indicator_values"], "SELECT DATE '2026-03-05'")
        assert [(f, e) for f, e, _ in files(store)] == [*months, *days]
        store.seal(T0 + 76 * DAY)
        assert [(f, e) for f, e, _ in files(store)] == [*months, part, *days]
        store.seal(T0 + 300 * DAY)
        assert [(f, e) for f, e, _ in files(store)] == [*months, (date(2026, 3, 1), date(2026, 3, 31))]
        assert stored(store) == [("a", d, d) for d in range(75)]


def test_a_month_in_which_a_limit_lies_has_no_part_file_either(tmp_path: Path) -> None:
    with Store(tmp_path / "w") as store:
        for day in range(75):
            insert(store, day)
        store.seal(T0 + 76 * DAY, {"indicator_values": {date(2026, 3, 5)}})
        assert all(f == e for f, e, _ in files(store) if f.month == 3)
