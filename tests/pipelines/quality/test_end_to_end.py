"""A counter dies on a busy afternoon: from the zeros to the proposal, the decision, the level, the board and the baseline, and back."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from indicators.card import catalogue
from pipelines import board, register
from pipelines import status as standing
from pipelines.explain import explain_value
from pipelines.store import Store
from tests.pipelines.quality.world import poisson, street
from tests.town import START, STEP, Town, rows

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEKS = 6
TODAY = START + 7 * WEEKS * DAY  # a Monday again
DEAD_FROM, DEAD_TO = TODAY + 14 * HOUR, TODAY + 16 * HOUR
UNUSUAL = """SELECT level, status, reason, value FROM {indicator_values} WHERE indicator = 'unusualness' AND interval_start >= TIMESTAMPTZ '%s'
             AND interval_start < TIMESTAMPTZ '%s' ORDER BY interval_start"""


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Six weeks of an ordinary street, computed."""
    folder = tmp_path_factory.mktemp("history")
    town = Town(folder, only="unusualness")
    counts = poisson(21, lambda h: max(16, street(h)), 7 * WEEKS)
    town.gates(TODAY, [(START + i * STEP, v, v) for i, v in enumerate(counts)], name="history")
    with Store(folder / "w") as store:
        town.tick(store, TODAY + STEP, verb="backfill")
        assert register.rows(store.con) == []  # nothing is wrong with an ordinary street
    return folder


class Evening:
    """The town of ``history`` with a day of its own."""

    def __init__(self, folder: Path, dead: bool = True):
        self.folder = folder
        self.town = Town.__new__(Town)
        self.town.folder, self.town.config_folder, self.town.data = folder, folder / "config", folder / "data"
        self.counts = [v if not dead or not DEAD_FROM <= TODAY + i * STEP < DEAD_TO else 0
                       for i, v in enumerate(poisson(22, lambda h: max(16, street(h)), 1))]  # fmt: skip

    def until(self, store: Store, first: int, last: int) -> None:
        """Deliver the hours first…last-1 at once, and run."""
        at = TODAY + last * HOUR
        self.town.gates(
            at, [(TODAY + i * STEP, v, v) for i, v in enumerate(self.counts) if 4 * first <= i < 4 * last], name="live"
        )
        self.town.tick(store, at + timedelta(minutes=5))


@pytest.fixture
def evening(history, tmp_path):
    shutil.copytree(history, tmp_path / "t")
    with Store(tmp_path / "t" / "w") as store:
        found = Evening(tmp_path / "t")
        found.until(store, 0, 12)
        yield found, store


def levels(store: Store, start, end) -> list[tuple]:
    return rows(store, UNUSUAL % (start.isoformat(), end.isoformat()))


def test_a_dead_counter_is_proposed_accepted_unknown_and_ends_by_itself(evening):
    it, store = evening
    it.until(store, 12, 15)  # until 15:00: dead for an hour
    [found] = register.rows(store.con)
    assert (found["state"], found["detector"], found["flagged_from"], found["ongoing"]) == (
        "proposed",
        "sudden_zeros",
        DEAD_FROM,
        True,
    )
    assert [level for level, *_ in levels(store, DEAD_FROM, DEAD_TO)] == ["normal"] * 4  # a zero reads as calm
    register.decide(
        store,
        it.town.config,
        found["flag_id"],
        "accept",
        role="crowd-manager",
        at=TODAY + 15.2 * HOUR,
        reason="seen on the camera",
    )
    it.until(store, 15, 16)
    assert levels(store, DEAD_FROM, DEAD_TO) == [("unknown", "invalid", "flagged", None)] * 8  # the next hour is held at once
    it.until(store, 16, 18)  # it counts again
    assert levels(store, DEAD_FROM, DEAD_TO) == [("unknown", "invalid", "flagged", None)] * 8
    assert {status for _, status, *_ in levels(store, DEAD_TO, DEAD_TO + 2 * HOUR)} == {"ok"}
    [ended] = register.rows(store.con)
    assert (ended["ongoing"], ended["flagged_to"], ended["state"]) == (False, DEAD_TO, "accepted")


def test_the_board_and_status_say_that_a_proposal_waits_and_explain_finds_the_decision(evening):
    it, store = evening
    it.until(store, 12, 15)
    published = it.folder / "w" / "published" / "indicators.duckdb"
    at = TODAY + 15.2 * HOUR
    html = board.write(published, it.folder / "board.html", lang="en", at=at).read_text()
    assert "1 stretch of data looks wrong and waits for a decision" in html
    assert standing.collect(it.folder / "w", at)["flags"] == [
        {"municipality": "tiny", "proposed": 1, "oldest": DEAD_FROM, "lasting": 1}
    ]
    [found] = register.rows(store.con)
    register.decide(store, it.town.config, found["flag_id"], "accept", role="crowd-manager", at=at)
    it.until(store, 15, 16)
    assert standing.collect(it.folder / "w", at)["flags"] == []
    store.close()
    told = explain_value(published, it.town.config, catalogue(), "unusualness", "gate", DEAD_FROM)
    assert told.agrees and {r.file_check for r in told.rows} == {"not_judged"}


def test_what_was_rejected_is_not_proposed_again_and_changes_nothing(evening):
    it, store = evening
    it.until(store, 12, 15)
    [found] = register.rows(store.con)
    register.decide(
        store, it.town.config, found["flag_id"], "reject", role="crowd-manager", at=TODAY + 15.2 * HOUR, reason="street closed"
    )
    it.until(store, 15, 24)
    it.town.tick(store, TODAY + DAY + HOUR)  # the day is over, and looked at as a whole
    [after] = register.rows(store.con)
    assert (after["state"], after["reason"], after["flagged_to"]) == ("rejected", "street closed", DEAD_TO)
    assert {reason for _, _, reason, _ in levels(store, DEAD_FROM, DEAD_TO)} <= {None, "immaterial"}


def test_late_counts_take_a_proposal_back(evening):
    it, store = evening
    it.until(store, 12, 15)
    assert len(register.rows(store.con)) == 1
    right = poisson(22, lambda h: max(16, street(h)), 1)
    at = TODAY + 15 * HOUR + STEP
    it.town.gates(at, [(DEAD_FROM + i * STEP, right[56 + i], right[56 + i]) for i in range(4)], name="mended")
    it.town.tick(store, at)
    assert register.rows(store.con) == []


@pytest.mark.parametrize("accepted", [True, False])
def test_rule_18_an_accepted_day_enters_no_baseline(evening, accepted):
    it, store = evening
    it.until(store, 12, 16)
    if accepted:
        [found] = register.rows(store.con)
        register.decide(store, it.town.config, found["flag_id"], "accept", role="crowd-manager", at=TODAY + 16.2 * HOUR)
    it.until(store, 16, 18)
    it.town.gates(TODAY + 7 * DAY + HOUR, [(TODAY + 7 * DAY, 30, 30)], name="next")
    it.town.tick(store, TODAY + 7 * DAY + HOUR)
    monday = (TODAY + 7 * DAY).date()
    sql = f"SELECT median, n FROM {{baselines}} WHERE local_date = DATE '{monday}' AND local_time = TIME '15:00'"
    [(median, n)] = rows(store, sql)
    [(low,)] = rows(store, sql.replace("median, n", "p10"))
    assert (low > 120) == accepted and median > 150 and n == (18 if accepted else 21)
