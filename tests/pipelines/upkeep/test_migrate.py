"""A workspace of an earlier release opens in this one; a migration takes a backup first and may be killed anywhere."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.faults import UsageError
from pipelines.published import connect
from pipelines.store import Store, tables
from pipelines.store.tables import FormatError
from pipelines.upkeep import migrate, restore, steps
from tests.pipelines.upkeep.kept import filled, state
from tests.releases import make
from tests.town import START

STORED = sorted(make.FOLDER.glob("*.tar.xz"))
AT = datetime.fromisoformat(make.TICKS[-1])
NEXT = """Say with a step in pipelines/upkeep/steps.py what becomes of the rows that stand, raise FORMAT in pipelines/store/tables.py,
and store a workspace of the release with `python -m tests.releases.make`."""


def brought_up(file: Path, workspace: Path) -> int:
    """A stored workspace restored and migrated; its format before."""
    header = restore.restore(file, workspace)
    migrate.migrate(workspace, AT, to=workspace.with_suffix(".before.tar"))
    return header.format


def test_every_format_has_a_stored_workspace_of_a_release() -> None:
    assert f"-format-{tables.FORMAT}." in "".join(p.name for p in STORED), NEXT
    assert all(p.stat().st_size <= make.MOST_BYTES for p in STORED)


def layout(store: Store) -> dict[str, list[tuple[str, str]]]:
    """Columns and types of every table, the ledger's too, in order."""
    sql = """SELECT table_name, list((column_name, data_type) ORDER BY column_index) FROM duckdb_columns()
             WHERE NOT internal AND database_name = 'working' GROUP BY 1"""
    return dict(store.con.execute(sql).fetchall())


@pytest.mark.parametrize("file", STORED, ids=lambda p: p.name)
def test_a_workspace_of_an_earlier_release_opens_in_this_one(file: Path, tmp_path: Path) -> None:
    brought_up(file, tmp_path / "w")
    with Store(tmp_path / "fresh") as fresh:
        wanted = layout(fresh)
    with Store(tmp_path / "w") as store:
        found = layout(store)
        for table, columns in wanted.items():
            assert found.get(table) == columns, f"{table} of {file.name} is not what this release works on. {NEXT}"
        values, situations = store.con.execute(
            f"""SELECT count(*), count(DISTINCT local_date), (SELECT count(*) FROM situations)
                FROM {store.relation("indicator_values")}"""
        ).fetchall()[0][::2]
    assert values > 1000
    assert situations >= 5
    with connect(tmp_path / "w" / "published" / "indicators.duckdb") as con:
        assert con.execute("SELECT count(*) FROM indicator_values").fetchall() == [(values,)]
        assert con.execute("SELECT count(*) FROM observations_history").fetchall()[0][0] > values


@pytest.mark.parametrize("file", STORED[:1], ids=lambda p: p.name)
def test_it_goes_on_with_the_next_delivery(file: Path, tmp_path: Path) -> None:
    from pipelines import start
    from pipelines.tick import tick

    brought_up(file, tmp_path / "w")
    data = make.event_day(tmp_path / "data", ("gates",))
    for path in sorted((data / "gates" / "event-day").iterdir())[:-8]:
        path.unlink()
    settings, cards = start.ready(make.CONFIG, make.TOWN, data)
    with Store(tmp_path / "w") as store:
        count = f"SELECT count(*) FROM {store.relation('indicator_values')} WHERE interval_start < TIMESTAMPTZ '{make.BEGINS}'"
        before = store.con.execute(count).fetchall()
        done = tick(store, settings, cards, at=AT + timedelta(minutes=15))
        assert done.slots_computed > 0
        assert store.con.execute("SELECT count(*) FROM data_quality").fetchall()[0][0] > 0
        after = f"SELECT count(*) FROM {store.relation('indicator_values')} WHERE interval_start < TIMESTAMPTZ '{make.BEGINS}'"
        assert store.con.execute(after).fetchall() == before


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


NOW = tables.FORMAT


def next_release(monkeypatch: pytest.MonkeyPatch, step: steps.Step) -> None:
    """A release to come: one format further, with a step that leads there."""
    monkeypatch.setattr(tables, "FORMAT", NOW + 1)
    monkeypatch.setattr(steps, "STEPS", {NOW: step})


def both_columns(con: object, sealed: Path) -> None:
    """What a release could change: a column worked out from what stands, in two tables, hot and sealed."""
    steps.add_column(con, sealed, "observations", "checked", "BOOLEAN", "status = 'ok'")  # type: ignore[arg-type]
    steps.add_column(con, sealed, "indicator_values", "twice", "DOUBLE", "2 * value")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("once")).folder / "w"


@pytest.fixture
def town(once: Path, tmp_path: Path) -> Path:
    """A workspace with hot and sealed days."""
    shutil.copytree(once, tmp_path / "w")
    return tmp_path / "w"


def migrated_rows(workspace: Path) -> list[tuple]:
    with Store(workspace) as store:
        return store.con.execute(f"""
            SELECT 'o', place, interval_start, measure, status, checked::VARCHAR FROM {store.relation("observations")} UNION ALL
            SELECT 'i', place, interval_start, indicator, value::VARCHAR, twice::VARCHAR FROM {store.relation("indicator_values")} ORDER BY ALL
        """).fetchall()


def test_a_step_reaches_hot_and_sealed_rows_and_a_backup_is_taken_first(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(tmp_path / "w")
    next_release(monkeypatch, both_columns)
    with pytest.raises(FormatError, match=rf"format {NOW} of an earlier release.*drukte migrate"):
        Store(tmp_path / "w")
    done = migrate.migrate(tmp_path / "w", START)
    assert (done.before, done.after) == (NOW, NOW + 1)
    rows = migrated_rows(tmp_path / "w")
    assert len(rows) == len(before["observations"]) + len(before["indicator_values"])
    assert {r[5] for r in rows if r[0] == "o" and r[4] == "ok"} == {"true"}
    assert all(r[5] is None if r[4] is None else float(r[5]) == 2 * float(r[4]) for r in rows if r[0] == "i")
    with connect(tmp_path / "w" / "published" / "indicators.duckdb") as con:
        assert con.execute("SELECT count(*) FROM observations").fetchall() == [(len(before["observations"]),)]
    assert migrate.migrate(tmp_path / "w", START).backup is None
    monkeypatch.setattr(tables, "FORMAT", NOW)
    monkeypatch.setattr(restore, "FORMAT", NOW)
    assert done.backup is not None
    restore.restore(done.backup, tmp_path / "back")
    assert state(tmp_path / "back") == before


def test_killed_anywhere_it_goes_on(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tmp_path / "w", tmp_path / "plain")
    next_release(monkeypatch, both_columns)
    migrate.migrate(tmp_path / "plain", START)
    wanted = migrated_rows(tmp_path / "plain")
    original, kills = steps.sealing.write_file, 0
    for after in range(4):  # before the first file, between two, after the last
        left = [after]

        def killing(*args: object, left: list[int] = left) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return original(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(steps.sealing, "write_file", killing)
        try:
            migrate.migrate(tmp_path / "w", START)
        except Killed:
            kills += 1
    assert kills >= 2
    for name in ("write_format", "check_format"):  # after the step, before its number; after the number, before publishing
        with monkeypatch.context() as kill:
            kill.setattr(tables, name, lambda *_: (_ for _ in ()).throw(Killed))
            if (tmp_path / "w" / "private" / "migrating.json").exists():
                with pytest.raises(Killed):
                    migrate.migrate(tmp_path / "w", START)
    migrate.migrate(tmp_path / "w", START)
    assert migrated_rows(tmp_path / "w") == wanted
    assert len(list(tmp_path.glob("*.tar"))) == 2, "one backup of each workspace"
    assert not (tmp_path / "w" / "private" / "migrating.json").exists()


@pytest.mark.parametrize("file", STORED[:-1], ids=lambda p: p.name)
def test_each_real_step_may_be_taken_twice(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the step and before its number is written."""
    restore.restore(file, tmp_path / "w")
    with monkeypatch.context() as kill:
        kill.setattr(tables, "write_format", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            migrate.migrate(tmp_path / "w", AT)
    migrate.migrate(tmp_path / "w", AT)
    brought_up(file, tmp_path / "plain")
    assert state(tmp_path / "w") == state(tmp_path / "plain")


def test_without_a_backup_or_a_step_nothing_changes(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(tmp_path / "w")
    with monkeypatch.context() as release:
        next_release(release, both_columns)
        with pytest.raises(UsageError, match="no such folder"):
            migrate.migrate(tmp_path / "w", START, to=tmp_path / "none" / "b.tar")
        release.setattr(tables, "FORMAT", NOW + 2)
        with pytest.raises(UsageError, match=f"no step from format {NOW + 1} to {NOW + 2}"):
            migrate.migrate(tmp_path / "w", START)
    assert state(tmp_path / "w") == before


def test_a_newer_workspace_is_refused(town: Path, tmp_path: Path) -> None:
    tables.write_format(tmp_path / "w" / "private", tables.FORMAT + 1)
    for open_it in (lambda: Store(tmp_path / "w"), lambda: migrate.migrate(tmp_path / "w", START)):
        with pytest.raises(FormatError, match="newer release"):
            open_it()
    (tmp_path / "w" / "private" / "format").write_text("two\n")
    with pytest.raises(FormatError, match="no format number"):
        Store(tmp_path / "w")
    with pytest.raises(UsageError, match="no workspace"):
        migrate.migrate(tmp_path / "none", START)
