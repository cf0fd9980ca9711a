"""``drukte flags``: what a data officer types, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import cli, register
from pipelines.publish import publish
from pipelines.store import Store
from tests.pipelines.test_register import proposal
from tests.town import START, STEP, Town


@pytest.fixture
def flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A town with one proposal; gives a function that runs ``drukte flags …`` and returns (exit code, out, err)."""
    town = Town(tmp_path, only="density")
    with Store(tmp_path / "w") as store:
        town.zones(START + 4 * STEP, [(START + i * STEP, "square", 1000) for i in range(4)])
        town.tick(store, START + 5 * STEP)
        register.write(store, [proposal()])
        publish(store, START + 5 * STEP)

    def call(*words: str, config: bool = False) -> tuple[int, str, str]:
        more = ["--config", str(town.config_folder)] if config else []
        with pytest.raises(SystemExit) as stopped:
            cli.main(["flags", *words, "--workspace", str(tmp_path / "w"), *more])
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def test_list_shows_a_proposal_with_its_evidence(flags):
    code, out, _ = flags("list")
    assert code == 0
    assert (
        out
        == """abcd1234  proposed: frozen value
  tiny zones: square, 2026-06-01 00:15 - 2026-06-01 00:45  [no level + out of baselines]
  always the same
"""
    )
    assert "voorgesteld: bevroren waarde" in flags("list", "--lang", "nl")[1]
    [row] = json.loads(flags("list", "--json")[1])
    assert (row["flag_id"], row["state"], row["flagged_from"]) == ("abcd1234", "proposed", "2026-06-01T00:15:00+00:00")


def test_accept_says_when_it_acts_and_everybody_sees_it(flags):
    code, out, _ = flags("accept", "abcd1234", "--role", "data-officer", "--reason", "lens covered", "--effect", "no_level",
                         "--at", "2026-06-01T02:00Z", config=True)  # fmt: skip
    assert (code, out) == (0, "abcd1234: accepted by data-officer; the next run computes with it\n")
    listed = flags("list")[1]
    assert "abcd1234  accepted: frozen value" in listed and "[no level]" in listed
    assert "lens covered (data-officer, 2026-06-01 02:00)" in listed and "acts from the next run on" in listed


def test_reject_and_withdraw_leave_the_list_and_stay_on_record(flags):
    assert flags("reject", "abcd1234", "--role", "data-officer", "--reason", "street closed", config=True)[0] == 0
    assert flags("list")[1] == "nothing found\n" and "rejected" in flags("list", "--all")[1]
    assert flags("accept", "abcd1234", "--role", "data-officer", config=True)[0] == 0
    assert flags("withdraw", "abcd1234", "--role", "crowd-manager", config=True)[0] == 0
    assert "withdrawn" in flags("list", "--all")[1]


@pytest.mark.parametrize(("words", "told"), [
    (("accept", "nope", "--role", "data-officer"), "There is no flag `nope`"),
    (("accept", "abcd1234", "--role", "Jan Jansen"), "`Jan Jansen` is no role of tiny"),
    (("accept", "abcd1234", "--role", "data-officer", "--effect", "silence"), "There is no effect `silence`"),
    (("withdraw", "abcd1234", "--role", "data-officer"), "is proposed already: it cannot be withdrawn"),
])  # fmt: skip
def test_a_decision_that_cannot_be_taken_is_a_usage_error(flags, words, told):
    code, _, err = flags(*words, config=True)
    assert code == 2 and told in err
