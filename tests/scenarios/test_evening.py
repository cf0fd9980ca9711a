"""An event evening, faults injected: no interval lost or doubled, every alert delivered once, nothing kept of a refused delivery.

The small one ticks in this process. `make prove` plays eight hours with a thousand places under `drukte serve`, by a clock that
runs faster (:mod:`tests.scenarios.sped`): the server is killed half-way and started again, a run is killed, the receiver is away.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from indicators.card import catalogue
from pipelines.store import Store
from pipelines.tick import tick
from schemas.config import load
from tests import evidence
from tests.scenarios import evening_served as served
from tests.scenarios.evening_town import MARKER, MIN, START, STEP, Evening
from tests.town import rows

COMPARED = (
    "SELECT * EXCLUDE (run_id, recorded_at) FROM {indicator_values} ORDER BY ALL",
    "SELECT * EXCLUDE (recorded_at) FROM {observations} ORDER BY ALL",
    "SELECT safety_risk, place, state, level, peak_level, started_at, ended_at FROM situations WHERE state <> 'pending' ORDER BY ALL",
)
# Places, intervals, and the seconds that stand for five minutes: another size is for trying this test out.
PLACES, SLOTS, PERIOD = (int(n) for n in os.environ.get("DRUKTE_EVENING", "1000,96,20").split(","))


def ticked(evening: Evening, workspace: Path, at: datetime) -> None:
    with Store(workspace) as store:
        tick(store, load(evening.config, "evening", evening.data), catalogue(), at=at)


def state(workspace: Path) -> list[list[tuple]]:
    with Store(workspace) as store:
        return [rows(store, sql) for sql in COMPARED]


def as_undisturbed(evening: Evening, workspace: Path, at: datetime) -> bool:
    """Rule 22: the same rows as one run gives that finds all files and was never disturbed."""
    ticked(evening, evening.folder / "plain", at)
    return state(workspace) == state(evening.folder / "plain")


def told_once(evening: Evening, got: list[Any], workspace: Path) -> dict[str, int]:
    """Each square that filled up was told of to both roles, and its end; nothing else, nothing twice. Figures."""
    keys = Counter(key for key, *_ in got)
    with Store(workspace) as store:
        notes = rows(store, "SELECT message_id, channel, delivery, note FROM alerts WHERE delivery <> 'withheld'")
    perhaps = {f"{name}/{channel}" for name, channel, _, note in notes if note and "perhaps twice" in note}
    assert {d for _, _, d, _ in notes} == {"sent"}
    assert {key for key, n in keys.items() if n > 1} <= perhaps
    assert set(keys) == {f"{name}/{channel}" for name, channel, *_ in notes}
    wanted = {(kind, (place,)) for place in evening.crowded() for kind in ("new", "ended")}
    for address in ("/desk", "/room"):
        once = {key: (kind, tuple(places)) for key, kind, _, places in got if key.endswith(address)}
        kinds = Counter(once.values())
        assert kinds == dict.fromkeys(wanted, 1), address
    return {"messages": len(keys), "sent_again_under_the_same_id": sum(n - 1 for n in keys.values())}


def holds(folder: Path, text: str) -> list[str]:
    """Files below a folder that hold a text, also as it stands in a database."""
    return [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]


def test_a_small_evening_loses_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evening = Evening(tmp_path, places=10, slots=8)
    evening.write()
    files = list(evening.files())
    with served.receiving() as receiver:
        monkeypatch.setenv("DRUKTE_DESK", f"{receiver.address}/desk")
        monkeypatch.setenv("DRUKTE_ROOM", f"{receiver.address}/room")
        at = START
        for number, after in enumerate((2, 2, 5)):
            at += after * STEP + 3 * MIN
            while files and files[0].at <= at:
                files.pop(0).write(evening.data)
            receiver.refusing = number == 0
            ticked(evening, tmp_path / "w", at)
        assert not files and receiver.refused == 2
        ticked(evening, tmp_path / "w", at + 20 * MIN)
        assert told_once(evening, receiver.got, tmp_path / "w")["messages"] == 4
    assert as_undisturbed(evening, tmp_path / "w", at + 20 * MIN)
    assert holds(tmp_path / "w", MARKER) == []


@pytest.mark.skipif(not evidence.proving(), reason="half an hour: make prove")
def test_an_evening_of_a_thousand_places_under_a_server(tmp_path: Path) -> None:
    evening = Evening(tmp_path, places=PLACES, slots=SLOTS)
    evening.write()
    with served.receiving() as receiver:
        played = served.Served(evening, receiver, PERIOD)
        played.start()

        def away(refusing: bool) -> None:
            receiver.refusing = refusing

        at = lambda share: START + share * evening.slots * STEP + 30 * timedelta(seconds=1)  # noqa: E731
        given = played.play(
            [
                (at(0.5), played.lose_the_server),
                (at(0.62), lambda: away(True)),
                (at(0.66), lambda: away(False)),
                (at(0.72), played.kill_a_run),
                (at(0.8), played.restart),
            ]
        )
        kept = {"runs": played.flow_runs(), "artifacts": played.artifacts(), "stops": played.stops, "begun": played.begun,
                "given": given, "got": receiver.got, "refused": receiver.refused}  # fmt: skip
        (tmp_path / "kept.json").write_text(json.dumps(kept))  # to look at when something does not hold
        played.end()
    proved(evening, kept)


def proved(evening: Evening, kept: dict[str, Any]) -> None:
    """What must hold of an evening that was played; its figures are the evidence."""
    workspace, stops = evening.folder / "w", kept["stops"]
    figures = told_once(evening, kept["got"], workspace)
    with Store(workspace) as store:
        moments = [at for (at,) in rows(store, "SELECT as_of FROM runs WHERE verb = 'run' ORDER BY 1")]
    done = [served.took(run) for run in kept["runs"] if run["state_type"] == "COMPLETED"]
    assert as_undisturbed(evening, workspace, moments[-1])
    assert len(moments) == len(set(moments))
    planned = [START + n * STEP for n in range(1, evening.slots + 2)]
    waited = sorted(served.waited(p, moments, done, kept["begun"], PERIOD) for p in planned)
    assert waited[-1] < STEP.total_seconds(), waited  # real seconds, stops included: done within its five minutes
    assert holds(workspace, MARKER) == []
    assert kept["given"][0] != 0  # `serve` ended by itself when its server was gone
    work = sorted(end - start for start, end in done)
    evidence.record("event-evening", len(planned), None, {
        "places": evening.places, "suppliers": 3, "seconds_for_five_minutes": PERIOD, "ticks_done_within_their_period": len(planned),
        "lost": 0, "doubled": 0, "runs_that_did_work": len(moments), "rows_as_undisturbed": "equal",
        "flow_runs": dict(Counter(run["state_type"] for run in kept["runs"])), "artifacts": kept["artifacts"],
        "seconds_without_a_server": [round(end - begin, 1) for begin, end in stops],
        "run_seconds": {"median": round(work[len(work) // 2], 1), "most": round(work[-1], 1)},
        "seconds_from_due_to_done": {"median": round(waited[len(waited) // 2], 1), "most_with_stops": round(waited[-1], 1)},
        "refused_by_the_receiver_meanwhile": kept["refused"], **figures, "files_that_hold_a_device_address": 0,
    })  # fmt: skip
