"""Every benchmark runs, at a tiny size, and gives ratios. What they are is not asked: machines differ."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import pairs
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.aims import AIMS, verdicts
from benchmarks.held_levels import held_levels

ROOT = Path(__file__).resolve().parents[1]

TINY = {
    "held-levels": {"places": 30, "slots": 20, "naive_places": 3, "rounds": 1},
    "tick": {"few": 1, "many": 2, "zones": 2, "rounds": 1, "baselines": (1, 0)},
    "published": {"sizes": (4,), "rounds": 1},
    "validation": {"rows": 600, "rounds": 1},
    "backfill": {"days": 2, "zones": 2, "rounds": 1},
    "cards": {"places": 12, "hours": 2, "rounds": 1, "pandas_rounds": 1},
    "slot": {"sizes": (12,), "hours": 1, "rounds": 1, "tick_rounds": 1},
    "help": {"rounds": 1},
    "volume": {"zones": 2, "months": 2, "rounds": 1},
    "whatif": {"zones": 3, "days": 2},
    "reading": {"days": 1, "zones": 2, "queries": 2, "rounds": 1, "indicators": ["density"]},
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_and_gives_ratios(name):
    found = BENCHMARKS[name](**TINY[name])
    assert found
    for pair in found:
        assert math.isfinite(pair.ratio) and pair.ratio > 0 and pair.low <= pair.ratio <= pair.high
        assert pair.a > 0 and pair.b > 0 and pair.note
        assert pair.what in pairs.table(found)


def test_sides_take_turns_and_the_median_of_the_ratios_counts():
    turns = []

    def side(name, times):
        return lambda: turns.append(name) or times.pop(0)

    pair = pairs.measure("x", "a", side("A", [9, 1, 2, 10]), "b", side("B", [9, 3, 4, 10]), unit="call", rounds=3)
    assert "".join(turns) == "AB" * 4, "one warming up, then three rounds"
    assert (pair.ratio, pair.low, pair.high) == (2, 1, 3)


def test_the_table_goes_to_a_file_when_asked(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(BENCHMARKS, "help", lambda: held_levels(**TINY["held-levels"]))
    main(["help", "--json", str(tmp_path / "pairs.json")])
    assert "B ÷ A" in capsys.readouterr().out
    assert json.loads((tmp_path / "pairs.json").read_text())["pairs"][0]["what"] == "held levels"
    main(["help"])
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.json"]


def test_every_aim_is_of_a_benchmark_and_is_told_met_or_not():
    pair = pairs.Pair("x", "a", "b", "query", a=1.0, b=0.004, ratio=1.3, low=1, high=2, rounds=1)
    told = verdicts([replace(pair, what="the last 4 hours"), replace(pair, what="tick, 100 × the history"), pair])
    lines = [line.split("  ") for line in told.splitlines()[1:]]
    assert [[cell.strip() for cell in line if cell] for line in lines] == [
        ["the last 4 hours", "at most 10 ms", "4 ms", "met"],
        ["tick, 100 × the history", "at most 1.2 ×", "1.3 ×", "NOT met"],
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "aims")
    for name in AIMS:
        assert name.partition(",")[0] in code, name


def test_an_unknown_name_is_said(capsys):
    with pytest.raises(SystemExit):
        main(["no-such"])
    assert "no benchmark no-such" in capsys.readouterr().err
