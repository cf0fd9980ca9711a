"""A second purpose, other users and a stricter k, end to end: refused, reviewed, allowed with a file of its own, voided by a change."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from pipelines import lock, start
from pipelines.published import connect
from pipelines.purpose import files
from pipelines.store import Store
from pipelines.tick import Summary, tick
from schemas.problems import Problems
from tests.cli.conftest import UNTIL, drukte  # noqa: F401
from tests.purpose.reviewed import edit, review, stands
from tests.town import START, STEP, Town

SECOND = """
    purpose: area-security
    title: {nl: t, en: t}
    desired_effect: {nl: t, en: t}
    datasets: [zone_counts]
    indicators: [density, busy_for_this_time]
    questions: [{nl: t, en: t}]
    k_floor: 20
"""
ADOPTED = """
  - {purpose: area-security, legal_basis: example only, dpia: {reference: none, date: 2026-01-01}, decided_on: 2026-01-02,
     review_by: 2027-01-02, k: 25, retention: 30d, audience: [area-manager], owner: area-manager}
thresholds:"""


def once(town: Town, number: int) -> Summary:
    """Take in and publish, live."""
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    with lock.hold(town.folder / "w", 0), Store(town.folder / "w") as store:
        return tick(store, config, cards, at=UNTIL + number * STEP)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = Town(tmp_path_factory.mktemp("second"))
    made.zones(
        UNTIL - timedelta(minutes=2),
        [(START + i * STEP, p, n) for i in range(8) for p, n in (("square", 20), ("alley", 400 + i))],
    )
    made.gates(UNTIL - timedelta(minutes=2), [(START + i * STEP, 30, 40) for i in range(8)])
    review(made)
    once(made, 0)
    return made


def tables(file: Path, *names: str) -> dict[str, int]:
    with connect(file) as con:
        return {name: con.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in names}


def told(file: Path) -> list[list[tuple]]:
    """What stands in the tables that grow with time."""
    with connect(file) as con:
        return [
            con.sql(f"FROM {name} ORDER BY ALL").fetchall()
            for name in ("observations_history", "indicator_values", "data_quality")
        ]


def stands_by_itself(own: Path, main: Path) -> None:
    """The file holds what belongs to the purpose and nothing else, with all views and macros."""
    with connect(own) as con:
        assert con.sql("SELECT DISTINCT dataset FROM observations").fetchall() == [("zone_counts",)]
        assert {i for (i,) in con.sql("SELECT DISTINCT indicator FROM indicator_values").fetchall()} <= {
            "density",
            "busy_for_this_time",
        }
        assert con.sql("SELECT purpose, k, audience FROM purposes").fetchall() == [("area-security", 25, ["area-manager"])]
        assert con.sql("SELECT text FROM about WHERE key = 'purpose'").fetchall() == [("area-security",)]
        assert con.sql("SELECT count(*) FROM deliveries").fetchall() == [(0,)]
        assert con.sql("SELECT DISTINCT source FROM data_quality").fetchall() == [("zones",)]
        # views and macros of the main file stand in it too, and tell of this purpose only
        known = f"indicator_values_as_known(TIMESTAMPTZ '{UNTIL + 2 * STEP}')"
        assert con.sql(f"SELECT count(*) FROM {known}").fetchall() == con.sql("SELECT count(*) FROM indicator_values").fetchall()
        assert con.sql("SELECT DISTINCT dataset FROM observations_history").fetchall() == [("zone_counts",)]
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND view_name NOT IN ('data_quality_closed') ORDER BY ALL"
    macros = (
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE NOT internal AND function_type LIKE '%macro%' ORDER BY ALL"
    )
    for asked in (views, macros):
        with connect(own) as one, connect(main) as other:
            assert {*other.sql(asked).fetchall()} <= {*one.sql(asked).fetchall()}


def older_rows_read_as_the_others(town: Town, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are no longer recent stand in Parquet beside the file."""
    recent = told(own)
    monkeypatch.setattr(files, "RECENT", timedelta(days=-1))
    with lock.hold(town.folder / "w", 0), Store(town.folder / "w") as store:
        files.publish(store, UNTIL + 2 * STEP)
    monkeypatch.undo()
    assert told(own) == recent and all(recent)
    with connect(own) as con:
        assert con.sql("SELECT count(*) FROM recent_observations").fetchall() == [(0,)]


def test_from_refused_to_reviewed_to_a_file_of_its_own_to_void(
    town: Town,
    drukte,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main, own = (town.folder / "w" / "published" / part for part in ("indicators.duckdb", "area-security/indicators.duckdb"))
    words = ["--config", town.config_folder, "--data", town.data]
    assert drukte("purpose", "check", *words)[0] == 0
    before = tables(main, "observations", "indicator_values")

    # adopted, not reviewed: refused, live and on history, and told what a review would have to decide
    (town.config_folder / "purposes" / "area-security.yaml").write_text(dedent(SECOND))
    edit(town, "municipalities/tiny.yaml", ("\nthresholds:", ADOPTED), ("unusualness: {}}", "unusualness: {}, busy_for_this_time: {}}"),
         ("crowd-manager: {", "area-manager: {nl: gebiedsmanager, en: area manager}, crowd-manager: {"))  # fmt: skip
    code, _, errors = drukte("backfill", *words, "--workspace", town.folder / "w", "--to", UNTIL.isoformat())
    assert code == 3 and "`area-security` may not be used as it stands" in errors and "necessity, proportionality" in errors
    with pytest.raises(Problems) as problems:
        once(town, 1)
    assert problems.value.refused and not own.exists()
    assert drukte("purpose", "check", *words)[0] == 3
    code, said, _ = drukte("purpose", "diff", "crowd-safety", "area-security", *words)
    assert code == 0 and "OTHER USERS" in said and "area-manager" in said and "k: 15 -> 25" in said

    # reviewed by its own owner: it runs, and has a file of its own with its own data and nothing else
    review(town, "area-security", "area-manager")
    once(town, 2)
    stands_by_itself(own, main)
    with connect(main) as con:
        names = {i for (i,) in con.sql("SELECT DISTINCT indicator FROM indicator_values").fetchall()}
        assert "busy_for_this_time" not in names and "specific_flow" in names
        assert con.sql("SELECT purpose, standing FROM purpose_reviews ORDER BY adoption_order").fetchall() == [
            ("crowd-safety", "reviewed"), ("area-security", "reviewed")]  # fmt: skip
    assert tables(main, "observations")["observations"] >= before["observations"]

    older_rows_read_as_the_others(town, own, monkeypatch)

    # k at the gate is the larger of both from now on
    town.zones(UNTIL + 3 * STEP, [(UNTIL + STEP - timedelta(minutes=5), "square", 20)], name="later")
    once(town, 4)
    with connect(own) as con:
        late = con.sql("SELECT status, value_high FROM observations WHERE place = 'square' ORDER BY interval_start DESC")
        assert ("suppressed", 24) in late.fetchall()

    # a change beyond the review voids it: the audience of the second purpose grows
    edit(town, "municipalities/tiny.yaml", ("audience: [area-manager]", "audience: [area-manager, crowd-manager]"))
    assert [s.standing for s in stands(town)] == ["reviewed", "void"]
    with pytest.raises(Problems, match="does not cover audience `crowd-manager`"):
        once(town, 5)
    assert drukte("purpose", "check", *words)[0] == 3

    # taken out again: its file goes, the first purpose goes on
    text = (town.config_folder / "municipalities" / "tiny.yaml").read_text()
    begin, end = text.index("  - {purpose: area-security"), text.index("\nthresholds:")
    (town.config_folder / "municipalities" / "tiny.yaml").write_text(
        (text[:begin].rstrip() + text[end:]).replace(", busy_for_this_time: {}", "")
    )
    once(town, 6)
    assert not own.parent.exists() and main.exists()
