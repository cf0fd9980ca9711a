"""The command line itself: names, quick help, shared options on either side of the verb, exit codes for usage."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines import cli, faults
from pipelines.cli import common, options
from pipelines.lock import HeldError
from schemas.problems import Problem, Problems

ROOT = Path(__file__).resolve().parents[2]
DRUKTE = [sys.executable, "-c", "from pipelines.cli import main; main()"]


def drukte(*words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [*DRUKTE, *map(str, words)], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
    )


def folder(tmp_path: Path, *slugs: str) -> Path:
    """A config folder with these municipalities, empty files."""
    (tmp_path / "municipalities").mkdir()
    for slug in slugs:
        (tmp_path / "municipalities" / f"{slug}.yaml").touch()
    return tmp_path


def test_help_lists_the_verbs_that_are_built() -> None:
    done = drukte("--help")
    assert done.returncode == 0
    verbs = re.findall(r"^  ([a-z]+)  ", done.stdout.partition("Commands:")[2], re.M)
    assert set(verbs) == {
        "demo", "run", "backfill", "plan", "serve", "status", "explain", "board", "docs", "config", "indicators", "situations",
        "replay", "report",
        "backup", "restore", "migrate", "export", "flags", "source", "track", "whatif", "calibrate", "privacy", "purpose", "alerts", "outcome", "kpi"
    }  # fmt: skip


def test_help_answers_at_once_because_nothing_heavy_is_imported() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import pipelines.cli, sys; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    heavy = {"duckdb", "pandas", "pyarrow", "numpy", "prefect", "pydantic", "yaml", "rich", "sqlglot", "shapely"}
    assert not heavy & set(loaded)
    times = []
    for _ in range(3):
        start = time.process_time_ns(), time.monotonic()
        drukte("--help")
        times.append(time.monotonic() - start[1])
    assert min(times) < 1.0  # 0.1 s of work; the rest is room for a busy machine


@pytest.mark.parametrize(
    "verb", ["run", "backfill", "serve", "config check", "config show", "status", "explain", "situations list"]
)
def test_every_verb_has_the_shared_options_that_fit_it(verb: str) -> None:
    text = drukte(*verb.split(), "--help").stdout
    wanted = {"--municipality", "--lang"} | ({"--config"} if verb not in ("status", "situations list") else {"--workspace"})
    assert wanted <= set(re.findall(r"--[a-z]+", text))


@pytest.mark.parametrize(
    ("words", "same_as"),
    [
        (["--config", "X", "run", "--at", "T"], ["run", "--config", "X", "--at", "T"]),
        (["--config=X", "--json", "config", "check"], ["config", "check", "--config=X", "--json"]),
        (["run", "--config", "X"], ["run", "--config", "X"]),
        (["--help"], ["--help"]),
        (["--config", "X"], ["--config", "X"]),
        ([], []),
    ],
)
def test_shared_options_may_stand_before_the_verb(words: list[str], same_as: list[str]) -> None:
    assert cli._verb_first(words) == same_as


def test_the_only_municipality_is_the_default(tmp_path: Path) -> None:
    assert common.slugs(folder(tmp_path, "here"), None) == ["here"]


def test_of_several_municipalities_one_must_be_named(tmp_path: Path) -> None:
    config = folder(tmp_path, "here", "there")
    with pytest.raises(faults.UsageError, match="2 municipalities: here, there"):
        common.slugs(config, None)
    assert common.slugs(config, ["there,here", "there"]) == ["there", "here"]
    with pytest.raises(faults.UsageError, match="no municipality `nowhere`"):
        common.slugs(config, ["here", "nowhere"])


def test_usage_errors_exit_2_with_one_line(tmp_path: Path) -> None:
    for words in (
        ["run", "--config", tmp_path / "none"],
        ["run", "--config", ROOT / "config"],
        ["status", "--workspace", tmp_path],
    ):
        done = drukte(*words)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
    assert drukte("run", "--confg", "x").returncode == 2
    assert drukte("nonsense").returncode == 2


@pytest.mark.parametrize(
    ("text", "what"), [("2026-06-20T16:00", "has no offset"), ("2026-06-20", "has no offset"), ("soon", "not an instant")]
)
def test_a_moment_carries_its_offset(text: str, what: str) -> None:
    with pytest.raises(faults.UsageError, match=what):
        common.moment(text)


def test_a_moment_is_read_as_utc() -> None:
    moment = common.moment("2026-06-20T16:00+02:00")
    assert moment is not None
    assert moment.isoformat() == "2026-06-20T14:00:00+00:00"


def test_errors_in_words_and_codes() -> None:
    problems = Problems([Problem("a.yaml", 3, "pace", "wrong", "Mend it."), Problem("b.yaml", 0, "", "gone", "Make it.")])
    assert faults.in_words(problems) == (2, ["a.yaml:3: pace: wrong. Mend it.", "b.yaml: gone. Make it."])
    assert faults.in_words(HeldError(Path("lock"), "process 7"))[0] == 4
    code, lines = faults.in_words(ValueError("device 02:aa:bb:cc:dd:ee"))
    assert code == 1
    assert "02:aa" not in "".join(lines)  # the text of a fault may quote data


def test_a_fault_shows_its_traceback_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "indicators.duckdb").write_text("not a database")
    plain = drukte("status", "--workspace", tmp_path)
    assert plain.returncode == 1
    assert len(plain.stderr.strip().splitlines()) == 1 and "Traceback" not in plain.stderr
    assert "Traceback" in drukte("status", "--workspace", tmp_path, "--debug").stderr
    assert "Traceback" in drukte("status", "--workspace", tmp_path, DRUKTE_DEBUG="1").stderr


def test_every_text_stands_in_both_languages() -> None:
    for key, text in common._texts().items():
        assert set(text) == {"nl", "en"}, key
        assert set(re.findall(r"{(\w+)", text["nl"])) == set(re.findall(r"{(\w+)", text["en"])), key


def test_a_table_is_never_cut_off() -> None:
    text = common.table(("a", "b"), [("x" * 200, "y"), (None, "z" * 200)])
    assert text.splitlines()[1] == f"{'x' * 200}  y"
    assert text.splitlines()[2].endswith("z" * 200)


def test_shared_options_are_named_once() -> None:
    assert set(options.SHARED) == {"--config", "--workspace", "--municipality", "--data", "--lang", "--json"}
