"""When parts fail: each has a section in the operations guide, a message that leads to it, and a test that plays it."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines import calendar, faults, lock
from pipelines.alerts.compose import WATCH, anchor
from pipelines.alerts.model import KINDS
from pipelines.flows import serve
from pipelines.flows.server import ServerError
from pipelines.store import Store
from tests.cli.conftest import UNTIL, Drukte, drukte, filled  # noqa: F401 - fixtures
from tests.pipelines.alerts.conftest import with_alerts
from tests.town import STEP, Town, rows

ROOT = Path(__file__).resolve().parents[2]
PLAYED = {
    "supplier-silent": ("pipelines/alerts/test_outbox.py::test_two_hours_without_sight_are_told",
                        "scenarios/test_evening.py::test_a_small_evening_loses_and_doubles_nothing"),
    "disk-full": ("scenarios/test_disk.py::test_a_full_disk_stops_the_run_and_loses_nothing",
                  "scenarios/test_disk.py::test_a_workspace_that_may_not_be_written_says_so_and_stays"),
    "server-away": ("scenarios/test_when_parts_fail.py::test_serving_ends_when_its_server_goes_away",
                    "flows/test_scheduled.py::test_serve_uses_a_given_server_and_says_when_it_is_not_there"),
    "channel-down": ("pipelines/alerts/test_outbox.py::test_a_receiver_that_is_down_gets_it_later_once_and_the_tick_goes_on",
                     "pipelines/alerts/test_outbox.py::test_after_two_failed_tries_it_goes_over_the_other_channel"),
    "published-damaged": ("scenarios/test_when_parts_fail.py::test_a_damaged_published_file_is_told_and_the_next_run_makes_it_whole",),
    "working-damaged": ("scenarios/test_when_parts_fail.py::test_a_damaged_working_database_is_told_and_what_was_published_stays",),
    "killed": ("scenarios/test_killed.py::test_killed_at_any_step_or_moment_nothing_is_lost_doubled_or_seen_torn",
               "pipelines/alerts/test_outbox.py::test_killed_while_sending_it_is_sent_again_under_the_same_id"),
    "two-hosts": ("pipelines/test_lock.py::test_a_second_process_is_refused_and_told_who_holds_it",
                  "scenarios/test_when_parts_fail.py::test_who_holds_the_workspace_is_told_with_its_host"),
    "clock-change": ("golden/test_stories.py::test_a_story_ends_as_expected",
                     "scenarios/test_when_parts_fail.py::test_an_event_goes_on_through_the_hour_that_comes_twice"),
    "clock-wrong": ("flows/test_deployments.py::test_the_server_is_asked_for_our_flow_and_its_clock_is_measured",),
}  # fmt: skip


def guide(name: str) -> str:
    return (ROOT / "docs" / "guide" / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """Anchors of a page: those written out, and those of its headings."""
    heads = re.findall(r"^#+ (.*?)(?: <a id=.*)?$", text, re.M)
    return {*re.findall(r'<a id="([\w-]+)">', text), *(re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads)}


@pytest.mark.parametrize("lang", ["en", "nl"])
def test_every_part_has_a_section_and_every_section_a_test(lang: str) -> None:
    told = {a.removeprefix("part-") for a in anchors(guide(f"operations.{lang}.md")) if a.startswith("part-")}
    assert told == set(PLAYED)
    for tests in PLAYED.values():
        for file, name in (test.split("::") for test in tests):
            assert re.search(rf"^def {name}", (ROOT / "tests" / file).read_text(encoding="utf-8"), re.M), f"{file}::{name}"


def test_wherever_a_message_or_a_guide_leads_there_is_a_section() -> None:
    """`docs/guide/X.md#anchor` in code and texts, and links between guides."""
    wrong, seen = [], 0
    rooms = [
        p for room in ("pipelines", "schemas", "indicators") for p in (ROOT / room).rglob("*") if p.suffix in (".py", ".yaml")
    ]
    for path in [*rooms, *sorted((ROOT / "docs" / "guide").glob("*.md"))]:
        pattern = r"\]\(([\w.-]*?\.md)?#([\w-]+)\)" if path.suffix == ".md" else r"docs/guide/([\w.-]+\.md)#([\w-]+)"
        for name, part in re.findall(pattern, path.read_text(encoding="utf-8")):
            seen += 1
            wrong += [f"{path.name}: {name}#{part}"] if part not in anchors(guide(name or path.name)) else []
    assert wrong == []
    assert seen > 10


def test_every_kind_of_alert_leads_to_what_to_do() -> None:
    for kind in [*KINDS, *WATCH]:
        for lang in ("en", "nl"):
            assert anchor(kind) in anchors(guide(f"alerts.{lang}.md")), kind


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (OSError(28, "No space left on device"), "disk-full"),
        (PermissionError(13, "Permission denied"), "disk-full"),
        (ServerError("away"), "server-away"),
        (lock.HeldError(Path("lock"), "process 1"), "two-hosts"),
    ],
)
def test_an_error_of_a_part_says_where_it_stands_what_to_do(error: Exception, part: str) -> None:
    [line] = faults.in_words(error)[1]
    assert line.endswith(faults.runbook(part))


@pytest.fixture
def damaged(filled: tuple[Town, Path], tmp_path: Path) -> tuple[Town, Path]:  # noqa: F811
    """The filled town's workspace, a copy to be damaged."""
    town, workspace = filled
    shutil.copytree(workspace, tmp_path / "w")
    return town, tmp_path / "w"


@pytest.mark.parametrize("how", ["garbage", "cut", "block", "gone"])
def test_a_damaged_published_file_is_told_and_the_next_run_makes_it_whole(
    damaged: tuple[Town, Path],
    drukte: Drukte,  # noqa: F811
    how: str,
) -> None:
    town, workspace = damaged
    file = workspace / "published" / "indicators.duckdb"
    whole = file.read_bytes()
    file.unlink()
    if how == "block":
        file.write_bytes(whole[:20_000] + b"\xa5" * (len(whole) - 40_000) + whole[-20_000:])
    elif how != "gone":
        file.write_bytes(b"garbage" if how == "garbage" else whole[: len(whole) // 3])
    code, _, errors = drukte("status", "--workspace", workspace)
    if how == "gone":
        assert (code, "drukte run" in errors) == (2, True)
    else:
        assert code == faults.FAULT
        assert "it is damaged" in errors and "`drukte run`" in errors and "#part-published-damaged" in errors
    with Store(workspace) as store:
        town.tick(store, UNTIL + timedelta(minutes=1))
    assert drukte("status", "--workspace", workspace)[0] == 0


def test_a_damaged_working_database_is_told_and_what_was_published_stays(
    damaged: tuple[Town, Path],
    drukte: Drukte,  # noqa: F811
) -> None:
    town, workspace = damaged
    (workspace / "private" / "working.duckdb").write_bytes(b"garbage" * 1000)
    code, _, errors = drukte("backfill", "--config", town.config_folder, "--workspace", workspace)
    assert code == faults.FAULT
    assert "working database" in errors and "#part-working-damaged" in errors
    assert drukte("status", "--workspace", workspace)[0] == 0


def test_who_holds_the_workspace_is_told_with_its_host(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from pipelines import lock\nwith lock.hold(Path(sys.argv[1])): pass"
    with lock.hold(tmp_path):
        other = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"on {socket.gethostname()}" in other.stderr


def test_serving_ends_when_its_server_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The polling child lives on without its server, and would never run anything again."""
    monkeypatch.setattr(serve, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(serve, "AWAY_SECONDS", 1.0)
    child = subprocess.Popen(["sleep", "60"])
    begun = time.monotonic()
    try:
        with pytest.raises(ServerError, match="has not answered"):
            serve._until_it_ends(child, "http://127.0.0.1:9/api")
        assert 1.0 <= time.monotonic() - begun < 20
        assert child.poll() is None
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def test_an_event_goes_on_through_the_hour_that_comes_twice(tmp_path: Path) -> None:
    """Each quarter is run for and judged once; a message says which of the two hours it means."""
    event = {"event": "night", "name": {"nl": "Nacht", "en": "Night"}, "class": "A", "from": "2026-10-24T22:00+02:00",
             "to": "2026-10-25T04:00+01:00", "pace": "15min", "places": {}}  # fmt: skip
    town = with_alerts(Town(tmp_path, only="density", timezone="Europe/Amsterdam", events=[event]))
    begin = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)  # 02:00 CEST; an hour later it is 02:00 CET
    ran: list[datetime] = []
    with Store(tmp_path / "w") as store:
        for minute in range(1, 151, 5):
            at = begin + timedelta(minutes=minute)
            if not calendar.due(town.config.municipality, at, calendar.last_run_at(store, "tiny")):
                continue
            slots = [begin + n * STEP for n in range(8) if begin + (n + 1) * STEP + timedelta(minutes=5) <= at]
            for slot in slots[-1:]:
                crowd = 1500 if 2 <= (slot - begin) / STEP <= 5 else 100
                town.zones(at, [(slot, "alley", crowd)])
            town.tick(store, at)
            ran.append(at)
        values = rows(
            store,
            "SELECT local_time, interval_start, level FROM {indicator_values} WHERE place = 'alley' AND status = 'ok' ORDER BY 2",
        )
        [text] = [text for (text,) in rows(store, "SELECT text_en FROM alerts WHERE kind = 'new' AND channel = 'crisis'")]
    assert [b - a for a, b in pairwise(ran)] == [STEP] * 9
    assert [str(local)[:5] for local, *_ in values] == ["02:00", "02:15", "02:30", "02:45"] * 2
    assert [level for *_, level in values] == ["normal", "normal", *["high"] * 4, "normal", "normal"]
    assert "02:30 CEST" in text
