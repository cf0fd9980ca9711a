"""Retention removes what is too old, hot and sealed, leaves the rest as it would be without it, and says what went."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.published import connect
from pipelines.store import Store
from pipelines.upkeep import ended, retention
from schemas.results import TABLES
from tests.pipelines.upkeep.kept import DAY, deliver, state, unpublished
from tests.town import START, Town, rows

NOON = timedelta(hours=12, minutes=5)
DAYS, KEPT = 10, 4


def town_that_keeps(folder: Path, retention: str, of: str = "{}") -> Town:
    town = Town(folder, only="density")
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("retention: 365d", f"retention: {retention}, retention_of: {of}"))
    return town


def run(town: Town, days: range, step: int = 1) -> None:
    for day in days:
        deliver(town, day, range(10, 12))
        if day % step == 0 or day == days[-1]:
            with Store(town.folder / "w") as store, nullcontext() if day == days[-1] else unpublished():
                town.tick(store, START + day * DAY + NOON)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Town]:
    """The same counts, kept for four days by one and for long by the other; run each third day."""
    folder = tmp_path_factory.mktemp("towns")
    found = {"short": town_that_keeps(folder / "short", f"{KEPT}d"), "long": town_that_keeps(folder / "long", "3650d")}
    for town in found.values():
        run(town, range(DAYS), 3)
    return found


def test_every_table_is_kept_by_a_class_or_stays_for_a_reason() -> None:
    named = {name.removesuffix("_superseded") for name in (*retention.RULES, *retention.BY_HAND)}
    assert named | set(retention.STAYS) == set(TABLES)
    assert not named & set(retention.STAYS)


def test_what_is_left_is_what_there_would_be_without_retention(towns: dict[str, Town]) -> None:
    first = (START + (DAYS - 1 - KEPT) * DAY).date()
    found, whole = (state(towns[name].folder / "w", all_columns=False) for name in ("short", "long"))
    for table, age in (("observations", "interval_start"), ("indicator_values", "interval_start")):
        at = [c for c in TABLES[table].content if c not in ("group_id", "situation_id")].index(age)
        config_hash = [i for i, c in enumerate(TABLES[table].content) if c == "config_hash"]
        mine, other = ([tuple(v for i, v in enumerate(r) if i not in config_hash) for r in s[table]] for s in (found, whole))
        assert mine == [r for r in other if r[at].date() >= first], table
        assert 0 < len(mine) < len(other)


def test_nothing_older_is_left_anywhere(towns: dict[str, Town]) -> None:
    first = (START + (DAYS - 1 - KEPT) * DAY).date()
    workspace = towns["short"].folder / "w"
    with Store(workspace) as store:
        for name, rule in retention.RULES.items():
            hot = store.con.execute(f"SELECT min(CAST({rule.age} AS DATE)) FROM {name}").fetchall()[0][0]
            assert hot is None or hot >= first, name
            for (file,) in store.con.execute("SELECT file FROM manifest WHERE table_name = ?", [name]).fetchall():
                sql = f"SELECT min(CAST({rule.age} AS DATE)) FROM read_parquet('{workspace}/published/sealed/{file}')"
                assert store.con.execute(sql).fetchall()[0][0] >= first, file
        waiting = {f for (f,) in store.con.execute("SELECT file FROM retired_files").fetchall()}
        known = waiting | {f for (f,) in store.con.execute("SELECT file FROM manifest").fetchall()}
        assert {p.relative_to(store.sealed).as_posix() for p in store.sealed.glob("*/*")} == known
        assert all(date.fromisoformat(f.partition("/")[2][:10]) >= first - 4 * DAY for f in waiting), (
            "gone after the grace period"
        )
    with connect(workspace / "published" / "indicators.duckdb") as con:
        assert con.execute("SELECT min(interval_start)::DATE FROM observations_history").fetchall()[0][0] >= first
        assert (
            con.execute("SELECT min(ended_at)::DATE FROM situations_history WHERE ended_at IS NOT NULL").fetchall()[0][0] >= first
        )


def test_a_record_stays_of_what_went(towns: dict[str, Town]) -> None:
    short, whole = towns["short"].folder / "w", towns["long"].folder / "w"
    with (
        connect(short / "published" / "indicators.duckdb") as con,
        connect(whole / "published" / "indicators.duckdb") as all_of_it,
    ):
        for table in ("observations", "indicator_values", "situations", "deliveries"):
            [(gone, earliest)] = con.execute(
                "SELECT sum(rows_removed), min(first_day) FROM deletions WHERE table_name = ? AND removal = 'retention'", [table]
            ).fetchall()
            [(left,)] = con.execute(f"SELECT count(*) FROM {table}").fetchall()
            [(there,)] = all_of_it.execute(f"SELECT count(*) FROM {table}").fetchall()
            assert gone + left == there, table
            assert gone > 0
            assert earliest == START.date()
        limit = con.execute("SELECT DISTINCT kept_from, retention_days, purpose FROM retention").fetchall()
        assert limit == [((START + (DAYS - 1 - KEPT) * DAY).date(), KEPT, "crowd-safety")]
        assert all_of_it.execute("SELECT count(*) FROM deletions").fetchall() == [(0,)]


def test_a_backfill_computes_all_before_anything_goes(towns: dict[str, Town], tmp_path: Path) -> None:
    town = town_that_keeps(tmp_path, f"{KEPT}d")
    for day in range(DAYS):
        deliver(town, day, range(10, 12))
    with Store(tmp_path / "w") as store, unpublished():
        town.tick(store, START + (DAYS - 1) * DAY + NOON, verb="backfill")
        sql = "SELECT place, interval_start, value, level FROM {indicator_values} ORDER BY ALL"
        mine = rows(store, sql)
    with Store(towns["short"].folder / "w") as store:
        live = rows(store, sql)
    assert mine == [r for r in live if r[1] <= mine[-1][1] and r[1] >= mine[0][1]]
    assert len({r[1].date() for r in mine}) == KEPT + 1


def test_rows_that_come_for_a_day_that_is_gone_change_nothing(tmp_path: Path) -> None:
    town = town_that_keeps(tmp_path, f"{KEPT}d")
    run(town, range(8), 7)
    before = state(tmp_path / "w", all_columns=False)
    old = START + timedelta(hours=10)
    town.zones(START + 7 * DAY + NOON, [(old, "square", 4900), (old + 7 * DAY, "square", 100)], name="late")
    with Store(tmp_path / "w") as store, unpublished():
        town.tick(store, START + 7 * DAY + NOON + timedelta(minutes=5))
        [(removed, why)] = store.con.execute("SELECT rows_removed, removal FROM deletions WHERE removal = 'late'").fetchall()
        assert (removed, why) == (1, "late")
        assert store.con.execute("SELECT rows_accepted FROM deliveries WHERE name LIKE '%late%'").fetchall() == [(2,)]
        assert store.con.execute("SELECT count(*) FROM dirty_cells").fetchall() == [(0,)]
    after = state(tmp_path / "w", all_columns=False)
    first = START + (7 - KEPT) * DAY
    assert [r for r in after["observations"] if first > r[4]] == []
    assert after["situations"] != [] or before["situations"] == []


def test_each_class_goes_at_its_own_time(tmp_path: Path) -> None:
    town = town_that_keeps(tmp_path, "6d", "{counts: 2d, deliveries: 4d}")
    run(town, range(9), 8)
    last = START + 8 * DAY
    with Store(tmp_path / "w") as store:
        found = {
            name: rows(store, f"SELECT min({age})::DATE FROM {name if name == 'deliveries' else '{' + name + '}'}")[0][0]
            for name, age in (
                ("observations", "interval_start"),
                ("indicator_values", "interval_start"),
                ("deliveries", "received_at"),
            )
        }
        assert store.con.execute("SELECT count(*) FROM refused_rows ANTI JOIN deliveries USING (delivery_id)").fetchall() == [
            (0,)
        ]
    assert found == {
        "observations": (last - 2 * DAY).date(), "indicator_values": (last - 6 * DAY).date(), "deliveries": (last - 4 * DAY).date()
    }  # fmt: skip


def test_an_open_situation_whose_values_are_gone_is_ended_and_says_why(tmp_path: Path) -> None:
    """Rule 15: a gap never closes it, retention does; and what comes later is a situation of its own."""
    town = town_that_keeps(tmp_path, "20d", "{indicators: 3d}")
    busy = [(START + timedelta(hours=10, minutes=15 * n), place, 4800) for n in range(4) for place in ("square", "alley")]
    town.zones(START + timedelta(hours=11), busy)
    with Store(tmp_path / "w") as store, unpublished():
        town.tick(store, START + timedelta(hours=11, minutes=10))
        [(state_, first)] = store.con.execute(
            "SELECT DISTINCT state, min(situation_id) FROM situations WHERE place = 'square' GROUP BY 1"
        ).fetchall()
        assert state_ == "open"
        town.tick(store, START + 3 * DAY)
        assert store.con.execute("SELECT DISTINCT state FROM situations WHERE place = 'square'").fetchall() == [("open",)]
        town.tick(store, START + 4 * DAY + NOON)
        told = store.con.execute("SELECT state, end_reason, ended_at FROM situations WHERE situation_id = ?", [first]).fetchall()
        assert told == [("closed", "retention", START + timedelta(hours=11))]
        again = START + 5 * DAY
        town.zones(again + timedelta(hours=11), [(t + 5 * DAY, p, v) for t, p, v in busy], name="again")
        town.tick(store, again + timedelta(hours=11, minutes=10))
        now = store.con.execute(
            "SELECT situation_id, started_at FROM situations WHERE place = 'square' AND state = 'open'"
        ).fetchall()
        assert [s for _, s in now] == [again + timedelta(hours=10)]
        assert first not in [i for i, _ in now]


def test_two_municipalities_in_one_workspace_each_keep_their_own(tmp_path: Path) -> None:
    short, long = town_that_keeps(tmp_path / "short", f"{KEPT}d"), town_that_keeps(tmp_path / "long", "3650d")
    (long.config_folder / "municipalities" / "tiny.yaml").rename(long.config_folder / "municipalities" / "other.yaml")
    text = long.config_folder / "municipalities" / "other.yaml"
    text.write_text(text.read_text().replace("municipality: tiny", "municipality: other"))
    from indicators.card import catalogue
    from pipelines.tick import tick
    from schemas.config import load

    with Store(tmp_path / "w") as store, unpublished():
        for day in range(9):
            deliver(short, day, range(10, 12))
            deliver(long, day, range(10, 12))
            if day in (4, 8):
                at = START + day * DAY + NOON
                short.tick(store, at)
                tick(store, load(long.config_folder, "other", long.data), catalogue(), at=at)
        found = dict(rows(store, "SELECT municipality, min(interval_start)::DATE FROM {observations} GROUP BY 1"))
        days = rows(store, "SELECT municipality, count(DISTINCT interval_start::DATE) FROM {observations} GROUP BY 1 ORDER BY 1")
    assert found == {"tiny": (START + (8 - KEPT) * DAY).date(), "other": START.date()}
    assert days == [("other", 9), ("tiny", KEPT + 1)]


class Killed(BaseException):
    pass


def test_killed_between_two_files_it_does_the_rest_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = town_that_keeps(tmp_path, "3650d")
    run(town, range(7), 6)
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("retention: 3650d", "retention: 2d"))
    cut, left = retention._Removal._cut, [2]

    def killing(self: object, *args: object) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        cut(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(retention._Removal, "_cut", killing)
    with Store(tmp_path / "w") as store, unpublished(), pytest.raises(Killed):
        town.tick(store, START + 6 * DAY + NOON + timedelta(minutes=15))
    monkeypatch.undo()
    with Store(tmp_path / "w") as store, unpublished():
        town.tick(store, START + 6 * DAY + NOON + timedelta(minutes=15))
        assert rows(store, "SELECT min(interval_start)::DATE FROM {observations}") == [((START + 4 * DAY).date(),)]
        twice = rows(store, "SELECT count(*) - count(DISTINCT (place, measure, interval_start)) FROM {observations}")
        assert twice == [(0,)]


def test_versions_of_what_stays_stay(tmp_path: Path) -> None:
    town = town_that_keeps(tmp_path, "20d", "{counts: 2d, indicators: 2d, deliveries: 2d}")
    run(town, range(4))
    with Store(tmp_path / "w") as store:
        orphans = "SELECT count(*) FROM situations_superseded ANTI JOIN situations USING (situation_id)"
        assert store.con.execute("SELECT count(*) FROM situations").fetchall()[0][0] >= 4
        assert store.con.execute("SELECT count(*) FROM situations_superseded").fetchall()[0][0] > 0
        assert store.con.execute(orphans).fetchall() == [(0,)]
    assert ended.SEEN


def test_explain_does_not_call_a_baseline_wrong_whose_counts_are_gone(tmp_path: Path) -> None:
    from indicators.card import catalogue
    from pipelines.explain import NotFound, explain_value
    from pipelines.explain.text import lines

    town = Town(tmp_path, only="unusualness")
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("retention: 365d", "retention: 365d, retention_of: {counts: 40d}"))
    known = [
        (START - timedelta(days=7 * w) + timedelta(minutes=15 * i), "square", 1000 + 10 * i + w)
        for w in range(10)
        for i in range(8)
    ]
    at = START + timedelta(hours=2, minutes=5)
    town.zones(at, known)
    with Store(tmp_path / "w") as store:
        town.tick(store, at)
    place = tmp_path / "w" / "published" / "indicators.duckdb"
    found = explain_value(place, town.config, catalogue(), "unusualness", "square", START + timedelta(minutes=45))
    assert found.baseline
    assert found.notes == ["worn_baseline"]
    assert found.agrees
    assert "were removed when their retention ended" in "\n".join(lines(found, town.config, "en"))
    with pytest.raises(NotFound, match="no longer kept"):
        explain_value(
            place, town.config, catalogue(), "unusualness", "square", START - timedelta(days=63) + timedelta(minutes=45)
        )


def test_a_late_row_leaves_baselines_alone_that_rest_on_what_is_gone(tmp_path: Path) -> None:
    """Of what is left they would come out otherwise; what was held back stands in ``baseline_holds``."""
    town = Town(tmp_path, only="unusualness")
    path = town.config_folder / "municipalities" / "tiny.yaml"
    path.write_text(path.read_text().replace("retention: 365d", "retention: 365d, retention_of: {counts: 70d}"))
    known = [
        (START - timedelta(days=7 * w) + timedelta(minutes=15 * i), "square", 1000 + 10 * i + w)
        for w in range(20)
        for i in range(4)
    ]
    at = START + timedelta(hours=2, minutes=5)
    town.zones(at, known)
    figures = (
        "SELECT local_date, local_time, n, median FROM {baselines} WHERE local_date < DATE '2026-06-01' AND n > 20 ORDER BY ALL"
    )
    with Store(tmp_path / "w") as store, unpublished():
        town.tick(store, at, verb="backfill")
        before = rows(store, figures)
        assert len(before) > 20
        town.zones(
            at + timedelta(minutes=1),
            [(START - timedelta(days=56) + timedelta(minutes=15 * i), "square", 4000) for i in range(4)],
            name="late",
        )
        town.tick(store, at + timedelta(minutes=15))
        assert rows(store, "SELECT count(*) FROM {observations} WHERE value = 4000") == [(4,)]
        assert rows(store, figures) == before
        assert store.con.execute("SELECT count(*) > 0 FROM baseline_holds").fetchall() == [(True,)]
