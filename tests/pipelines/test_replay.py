"""Replay: the same as it was live, in a workspace of its own; scenarios change what comes in, and only that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from indicators.card import catalogue
from pipelines import replay, versions
from pipelines.cli import main
from pipelines.faults import UsageError
from pipelines.published import connect
from pipelines.store import Store
from pipelines.versions import accept
from schemas.problems import Problems
from tests.town import START, STEP, Town

FROM, TO = START + timedelta(hours=1, minutes=45), START + timedelta(hours=3, minutes=30)
PEOPLE = {n: 800 if n < 6 else 1900 for n in range(20)}  # standing on 1,000 m²: from half past one on, 1.9 a square metre


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Town:
    """A delivery each quarter of an hour, five minutes after it."""
    made = Town(tmp_path_factory.mktemp("replay"), k=1)
    for n, people in PEOPLE.items():
        start = START + n * STEP
        made.zones(start + STEP + timedelta(minutes=5), [(start, "square", people), (start, "alley", 40)], name=f"z{n:02}")
    return made


def ready(town):
    return {"tiny": (town.config, catalogue())}


def played(town, workspace: Path, *steps: dict, **options) -> tuple[Path, list]:
    """The workspace after the replay, and what each tick said."""
    heard: list = []
    scenario = None
    if steps:
        file = workspace.with_suffix(".yaml")
        file.write_text(yaml.safe_dump({"scenario": "s", "title": {"nl": "Proef", "en": "Trial"}, "steps": list(steps)}))
        scenario = replay.scenario_of(file, ready(town), FROM)
    replay.prepare(workspace, ready(town), FROM, lambda _slug: lambda _text, _share: None)
    evening = replay.Evening(FROM, TO, scenario)
    replay.play(workspace, ready(town), evening, speed=None, lang="en", tell=lambda at, s: heard.append((at, s)), **options)
    return workspace, heard


def values(workspace: Path, place: str = "square") -> dict:
    """Quarter-hour → (value, level, status) of density."""
    con = connect(workspace / "published" / "indicators.duckdb")
    rows = con.execute(
        "SELECT interval_start, value, level, status FROM indicator_values WHERE indicator = 'density' AND place = ?", [place]
    )
    found = {int((start - START) / STEP): tuple(rest) for start, *rest in rows.fetchall()}
    con.close()
    return found


def iso(quarter: int, minutes: int = 0) -> str:
    return (START + quarter * STEP + timedelta(minutes=minutes)).isoformat()


@pytest.fixture(scope="module")
def plain(town, tmp_path_factory):
    return played(town, tmp_path_factory.mktemp("plain") / "w")


def test_replay_gives_what_live_runs_gave(town, plain, tmp_path):
    workspace, heard = plain
    with Store(tmp_path / "live") as store:
        town.tick(store, FROM, verb="backfill")
        for at, _ in replay.moments(ready(town), FROM, TO):
            town.tick(store, at)
    assert values(workspace) == values(tmp_path / "live") and len(heard) == 7
    con = connect(workspace / "published" / "indicators.duckdb")
    known = con.execute(
        "SELECT max(interval_start) FROM indicator_values_as_known(?) WHERE status = 'ok'", [FROM + timedelta(minutes=30)]
    )
    assert known.fetchone()[0] < FROM + timedelta(minutes=30)  # nothing was known before it came
    assert {o for (o,) in con.execute("SELECT DISTINCT origin FROM situations").fetchall()} <= {"replay", "backfill"}
    con.close()


def edge(enter: float) -> dict:
    """High density on the square from here on."""
    return {"indicator": "density", "place": "square", "effective_from": "2026-01-01T00:00Z", "owner": "crowd-manager",
            "decided_on": "2026-01-01", "review_by": "2027-01-01", "reason": "Only for this test.",
            "bands": {"elevated": {"enter": enter - 0.1, "exit": enter - 0.2, "for": "15min", "keep_for": "15min"},
                      "high": {"enter": enter, "exit": enter - 0.1, "for": "15min", "keep_for": "15min"},
                      "critical": {"enter": 9, "exit": 8, "for": "15min", "keep_for": "15min"}}}  # fmt: skip


def test_rule_21_with_versions_each_moment_is_judged_by_what_was_in_force_then(tmp_path, capsys):
    """At first from 1.5 on; from half past two on 3 was accepted; today's files say 0.2."""
    live, change = tmp_path / "live", START + 10 * STEP

    def files(enter: float) -> Town:
        return Town(tmp_path / "town", k=1, only="density", thresholds=[edge(enter)])

    made = files(1.5)
    for n, people in PEOPLE.items():
        made.zones(START + (n + 1) * STEP + timedelta(minutes=5), [(START + n * STEP, "square", people)], name=f"z{n:02}")
    with Store(live) as store:
        versions.in_force(store, made.config_folder, "tiny", None, START)
        files(3.0)
        accept.accept(
            store,
            made.config_folder,
            "tiny",
            None,
            at=change - STEP,
            role="crowd-manager",
            why="For this test only.",
            begin=change,
        )
    files(0.2)
    words = ["replay", "--from", FROM.isoformat(), "--to", TO.isoformat(), "--config", str(made.config_folder)]
    for workspace, more in ((tmp_path / "then", ["--versions", str(live)]), (tmp_path / "now", [])):
        with pytest.raises(SystemExit) as left:
            main([*words, "--workspace", str(workspace), *more])
        assert not left.value.code
    assert capsys.readouterr().err.count("of the config") == 2
    levels = {n: level for n, (_, level, _) in values(tmp_path / "then").items() if 4 <= n < 13}
    assert levels == {n: "normal" if n < 6 or n >= 10 else "high" for n in range(4, 13)}
    assert {level for _, level, status in values(tmp_path / "now").values() if status == "ok"} == {"high"}


def test_board_of_a_replay_says_that_it_is_one(plain):
    html = (plain[0] / "published" / "board" / "index.html").read_text(encoding="utf-8")
    assert "REPLAY: this is not a live picture" in html and "data-played" in html
    assert "NASPEL: dit is geen live beeld" in (plain[0] / "published" / "board" / "index.nl.html").read_text(encoding="utf-8")


def test_outage_is_missing_and_unknown_not_calm_and_a_surge_multiplies(town, plain, tmp_path):
    outage = {"kind": "outage", "source": "zones", "from": iso(8), "to": iso(10), "places": ["square"]}
    surge = {"kind": "surge", "places": ["square"], "from": iso(10), "to": iso(11), "factor": 2}
    workspace, _ = played(town, tmp_path / "w", outage, surge)
    before, now = values(plain[0]), values(workspace)
    assert [now[n] for n in (8, 9)] == [(None, "unknown", "missing")] * 2
    assert now[10][:2] == (3.8, "high") and before[10][:2] == (1.9, "normal")
    assert {n: v for n, v in now.items() if n not in (8, 9, 10)} == {n: v for n, v in before.items() if n not in (8, 9, 10)}
    assert values(workspace, "alley") == values(plain[0], "alley")
    con = connect(workspace / "published" / "indicators.duckdb")
    sums = con.execute(
        "SELECT rows_in, rows_accepted + rows_suppressed + rows_refused + rows_duplicate, rows_filtered FROM deliveries"
    ).fetchall()
    con.close()
    assert all(one == other for one, other, _ in sums) and sum(filtered for *_, filtered in sums) == 2  # rule 11


def test_late_deliveries_come_together_and_leave_the_same_state(town, plain, tmp_path):
    step = {"kind": "late", "source": "zones", "from": iso(8), "to": iso(10), "by": "30min"}
    workspace, heard = played(town, tmp_path / "w", step)
    came = {at: len(summary.deliveries) for at, summary in heard}
    assert came[START + 9 * STEP] == 0 and max(came.values()) >= 2
    assert values(workspace) == values(plain[0])
    con = connect(workspace / "published" / "indicators.duckdb")
    was = con.execute(
        "SELECT count(*) FROM observations_history WHERE status = 'missing' AND superseded_at IS NOT NULL"
    ).fetchone()[0]
    con.close()
    assert was > 0  # it was missing while it was late


def test_the_same_evening_is_played_again_from_kept_history(town, plain):
    first = values(plain[0])
    assert replay.prepare(plain[0], ready(town), FROM, lambda _slug: lambda _text, _share: None) is True
    assert max(values(plain[0])) < 7  # back at its beginning
    replay.play(plain[0], ready(town), replay.Evening(FROM, TO), speed=None, lang="en", tell=lambda _at, _summary: None)
    assert values(plain[0]) == first


def test_speed_keeps_the_pace(town, tmp_path):
    waits, now = [], [0.0]

    def wait(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    replay.prepare(tmp_path / "w", ready(town), FROM, lambda _slug: lambda _text, _share: None)
    evening = replay.Evening(FROM, FROM + timedelta(minutes=30))
    replay.play(
        tmp_path / "w", ready(town), evening, speed=60, lang="en", tell=lambda _at, _s: None, wait=wait, clock=lambda: now[0]
    )
    assert waits == pytest.approx([15.0] * 2)


def test_a_live_workspace_is_never_touched(town, tmp_path):
    with Store(tmp_path / "live") as store:
        town.tick(store, FROM)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "live").rglob("*")}
    with pytest.raises(UsageError, match="not the workspace of a replay"):
        replay.prepare(tmp_path / "live", ready(town), FROM, lambda _slug: lambda _text, _share: None)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "live").rglob("*")} == before


def test_a_scenario_names_its_mistakes_with_line_and_remedy(town, tmp_path):
    file = tmp_path / "s.yaml"
    steps = [
        {"kind": "outage", "source": "zone", "from": iso(8), "to": iso(9)},
        {"kind": "surge", "places": ["squar"], "from": iso(1), "to": iso(9), "factor": 2},
    ]
    file.write_text(yaml.safe_dump({"scenario": "s", "title": {"nl": "x", "en": "x"}, "steps": steps}))
    with pytest.raises(Problems) as found:
        replay.scenario_of(file, ready(town), FROM)
    told = str(found.value)
    assert (
        "s.yaml:" in told and "Did you mean `zones`?" in told and "Did you mean `square`?" in told and "before the replay" in told
    )


def test_command_plays_and_says_where_the_board_is(town, tmp_path, capsys):
    words = [
        "replay",
        "--from",
        FROM.isoformat(),
        "--to",
        (FROM + timedelta(minutes=30)).isoformat(),
        "--config",
        str(town.config_folder),
    ]
    with pytest.raises(SystemExit) as left:
        main([*words, "--workspace", str(tmp_path / "w")])
    said = capsys.readouterr().out
    assert not left.value.code and "02:00 tiny" in said and "index.html" in said and "2 runs played" in said
