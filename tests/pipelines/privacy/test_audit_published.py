"""The audit over what drukte itself publishes: safe; and the same file spoiled in one number: caught, with the words for it."""

import shutil
from datetime import timedelta

import duckdb
import pytest

from pipelines import cli, start, status
from pipelines.privacy import nightly
from pipelines.store import Store
from tests.town import START, STEP, Town, rows


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Two hours of a town in which small numbers stand beside large ones; returns (town, workspace)."""
    folder = tmp_path_factory.mktemp("audited")
    town, at = Town(folder), START + timedelta(hours=2, minutes=10)
    square, alley = (3, 40, 0, 14, 15, 500, 1, 900), (20, 2, 9, 0, 60, 7, 30, 14)
    town.zones(
        at, [(START + i * STEP, p, n) for p, counts in (("square", square), ("alley", alley)) for i, n in enumerate(counts)]
    )
    town.gates(at, [(START + i * STEP, n, 40 - n) for i, n in enumerate((2, 25, 30, 0, 14, 15, 38, 20))])
    with Store(folder / "workspace") as store:
        town.tick(store, at)
        assert rows(store, "SELECT count(*) FROM {observations} WHERE status = 'suppressed'") == [(11,)]
    return town, folder / "workspace"


@pytest.fixture
def audit(filled, capsys):
    def run(*words, published=None):
        town, workspace = filled
        where = ("--published", published) if published else ("--workspace", workspace)
        with pytest.raises(SystemExit) as left:
            cli.main([str(w) for w in ("privacy", "audit", "--config", town.config_folder, *where, *words)])
        return int(left.value.code or 0), capsys.readouterr().out

    return run


def test_what_drukte_publishes_is_safe(audit):
    code, said = audit()
    assert code == 0 and "SAFE  Every withheld count can still be any number from 1 to 14." in said, said


def test_the_audit_of_the_night_is_told_by_status(filled, capsys):
    town, workspace = filled
    config, cards = start.ready(town.config_folder, "tiny", town.data)
    at = START + timedelta(hours=6)
    assert nightly.run(workspace, config, cards, at)["unsafe"] == 0
    with pytest.raises(SystemExit):
        cli.main(["status", "--workspace", str(workspace)])
    said = capsys.readouterr().out
    assert f"{at:%Y-%m-%dT%H:%M}Z" in said and "SAFE" in said
    later = nightly.run(workspace, config, cards, at + timedelta(days=30))
    assert later["counts"] == 0 and status.audits(workspace)["tiny"]["at"] == later["at"]


@pytest.mark.parametrize(("sql", "words"), [
    ("UPDATE hot_indicator_values SET value = 0.02, status = 'ok' WHERE indicator = 'density' AND place = 'alley' AND value_high = 0.03",
     ("alley", "the value of density", "can only be")),
    ("UPDATE hot_indicator_values SET value = 0.7, status = 'ok' WHERE indicator = 'specific_flow' AND value_low = 0.6",
     ("gate", "the value of specific_flow", "can only be 1, 2, 3, 4, 5, 6, 7")),
    ("UPDATE hot_indicator_values SET value_low = 0.02 WHERE indicator = 'density' AND place = 'alley' AND value_high = 0.03",
     ("alley", "the value of density", "can only be 8, 9, 10, 11, 12, 13, 14")),
])  # fmt: skip
def test_a_number_made_of_a_withheld_one_is_caught(audit, filled, tmp_path, sql, words):
    folder = tmp_path / "published"
    shutil.copytree(filled[1] / "published", folder)
    with duckdb.connect(str(folder / "indicators.duckdb")) as con:
        [changed] = con.execute(sql).fetchall()
        assert changed[0], "the spoiled row is there"
    code, said = audit(published=folder)
    assert code == 5 and all(w in said for w in ("UNSAFE", *words)), said


def test_the_audit_says_it_in_dutch_and_as_data(audit):
    assert "VEILIG" in audit("--lang", "nl")[1] and '"safe": true' in audit("--json")[1]


def test_a_stretch_may_be_asked_for(audit):
    code, said = audit("--from", "2026-06-01T01:00Z", "--to", "2026-06-01T01:15Z")
    assert code == 0 and "4 counts of persons published" in said, said


def test_a_publication_of_another_release_is_named_with_what_to_do(filled, tmp_path, capsys):
    folder = tmp_path / "published"
    shutil.copytree(filled[1] / "published", folder)
    with duckdb.connect(str(folder / "indicators.duckdb")) as con:
        con.execute("DROP TABLE held_changes")
    with pytest.raises(SystemExit) as left:
        cli.main(["privacy", "audit", "--config", str(filled[0].config_folder), "--published", str(folder)])
    assert left.value.code == 2 and "has no held_changes.released_at" in capsys.readouterr().err
