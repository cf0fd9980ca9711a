"""From a crowded square to a receiver: told once, tried again, recorded; killed in between nothing is lost; a tick never breaks."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines import alerts, published
from pipelines.alerts import channels, outbox, people, report
from pipelines.alerts.channels import NotDelivered
from pipelines.faults import UsageError
from pipelines.store import Store
from tests.town import START, STEP, Town

CROWD, CALM = 1500, 100  # on 500 m²: 3 p/m², high where people move; 0.2
MIN = timedelta(minutes=1)


def evening(town: Town, store: Store, people_there: list[int | None], begin: int = 0) -> list[datetime]:
    """One delivery and one run a quarter; None is no delivery. The moments of the runs."""
    moments = []
    for number, count in enumerate(people_there, start=begin):
        at = START + (number + 1) * STEP + 6 * MIN
        if count is not None:
            town.zones(at - 2 * MIN, [(START + number * STEP, "alley", count)])
        town.tick(store, at)
        moments.append(at)
    return moments


def told(store: Store) -> list[tuple]:
    return store.con.execute(
        "SELECT kind, level, channel, delivery, attempts FROM alerts ORDER BY created_at, kind, channel"
    ).fetchall()


def test_a_crowded_alley_is_told_once_over_each_channel_and_published(town, tmp_path, receiver) -> None:
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CALM, CROWD, CALM, CALM])[-1]
        town.tick(store, at + 15 * MIN)
        first = [row for row in told(store) if row[0] == "new"]
        assert first == [("new", "high", "crisis", "sent", 1), ("new", "high", "desk", "sent", 1)]
        assert [m["kind"] for m in receiver.got] == ["new", "ended"]
    new, over = receiver.got
    assert receiver.keys == [new["id"], over["id"]]
    assert new["places"] == ["alley"]
    assert new["level"] == "high"
    assert new["safety_risk"] == "overcrowding"
    text = str(new["text"])
    for part in ("Nieuw voor u.", "Alley", "p/m²", "Sinds 00:15", "Vertrouwen 100", "Maatregel volgens de kaart", "crowdmanager",
                 f"drukte situations ack {new['situation_ids'][0]}", "https://tiny.example/alerts.html#alert-new", str(new["id"])):  # fmt: skip
        assert part in text, part
    assert new["title"] == "[Tiny] HOOG: Alley, te druk gebied"
    with published.connect(tmp_path / "w" / "published" / "indicators.duckdb") as con:
        rows = con.execute(
            "SELECT kind, delivery, split_part(text_en, chr(10), 1) FROM alerts WHERE channel = 'desk' ORDER BY 1 DESC"
        ).fetchall()
    assert rows[0] == ("new", "sent", "[Tiny] HIGH: Alley, overcrowded area")


def test_the_same_run_again_and_a_backfill_tell_nothing_more(town, tmp_path, receiver) -> None:
    with Store(tmp_path / "w") as store:
        moments = evening(town, store, [CROWD])
        town.tick(store, moments[-1])
        town.tick(store, moments[-1] + MIN, verb="backfill", since=START)
        town.tick(store, moments[-1] + 2 * MIN)
        assert [m["kind"] for m in receiver.got] == ["new"]


def test_history_that_a_backfill_finds_is_not_told_but_what_a_run_sees_going_on_once(town, tmp_path, receiver) -> None:
    town.zones(START + 4 * STEP, [(START + i * STEP, "alley", CROWD) for i in range(4)])
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 4 * STEP + 6 * MIN, verb="backfill")
        town.tick(store, START + 4 * STEP + 7 * MIN)  # finds nothing that the backfill did not know
        assert receiver.got == []
        evening(town, store, [CROWD, CROWD], begin=4)
        assert store.con.execute("SELECT origin, state FROM situations WHERE state <> 'pending'").fetchall() == [
            ("backfill", "open")
        ]
    [told_once] = receiver.got
    assert told_once["kind"] == "new" and "Was al aan de gang" in str(told_once["text"])


def test_late_data_that_would_have_prevented_it_are_told_as_a_correction(town, tmp_path, receiver) -> None:
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD])[-1]
        assert [m["kind"] for m in receiver.got] == ["new"]
        town.zones(at + MIN, [(START, "alley", CALM)], name="corrected")
        town.tick(store, at + 3 * MIN)
    assert [m["kind"] for m in receiver.got] == ["new", "correction"]
    assert "had niet moeten komen" in str(receiver.got[1]["text"])
    assert receiver.got[1]["title"] == "[Tiny] CORRECTIE: Alley was niet hoog, te druk gebied"


def test_two_hours_without_sight_are_told(town, tmp_path, receiver) -> None:
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD])[-1]
        town.tick(store, at + timedelta(hours=2))
    assert [m["kind"] for m in receiver.got] == ["new", "unobserved"]
    assert "geen gegevens is niet rustig" in str(receiver.got[1]["text"])


def test_a_receiver_that_is_down_gets_it_later_once_and_the_tick_goes_on(town, tmp_path, receiver) -> None:
    receiver.answer = 503
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD])[-1]
        assert ("new", "high", "desk", "queued", 1) in told(store)
        assert store.con.execute("SELECT note FROM alerts WHERE channel = 'desk'").fetchall() == [("the receiver answered 503",)]
        assert "secret-token" not in str(store.con.execute("SELECT * FROM alerts").fetchall())
        assert outbox.send(store, town.config, at) == outbox.Sent(), "not due yet"
        assert outbox.send(store, town.config, at + MIN) == outbox.Sent(waiting=1)
        receiver.answer = 200
        assert outbox.send(store, town.config, at + 2 * MIN) == outbox.Sent()
        assert outbox.send(store, town.config, at + 3 * MIN) == outbox.Sent(sent=1)
        assert outbox.send(store, town.config, at + 30 * MIN) == outbox.Sent()
        assert ("new", "high", "desk", "sent", 3) in told(store)
    assert len(receiver.got) == 1


def test_it_is_given_up_when_it_is_no_news_any_more(town, tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("DRUKTE_DESK", raising=False)
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD])[-1]
        assert outbox.send(store, town.config, at + outbox.TOO_OLD + MIN) == outbox.Sent(failed=1)
        found = store.con.execute("SELECT delivery, note FROM alerts WHERE channel = 'desk'").fetchall()
    assert found == [("failed", "given up after 1 tries: environment variable DRUKTE_DESK is not set")]


def test_after_two_failed_tries_it_goes_over_the_other_channel(town, tmp_path, receiver, monkeypatch) -> None:
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("channels: [desk, crisis]}", "channels: [mail], fallback: [desk]}"))
    monkeypatch.delenv("DRUKTE_MAIL", raising=False)
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD])[-1]
        outbox.send(store, town.config, at + MIN)
        outbox.send(store, town.config, at + 3 * MIN)
        found = store.con.execute("SELECT channel, delivery, note FROM alerts ORDER BY channel").fetchall()
    assert found[0] == ("desk", "sent", None)
    assert found[1][:2] == ("mail", "queued")
    assert len(receiver.got) == 1


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


@pytest.mark.parametrize("after_sending", [False, True])
def test_killed_while_sending_it_is_sent_again_under_the_same_id(town, tmp_path, receiver, monkeypatch, after_sending) -> None:
    real = channels.deliver

    def kill(parcel, channel, *rest) -> None:  # type: ignore[no-untyped-def]
        if channel.kind == "webhook" and after_sending:
            real(parcel, channel, *rest)
        if channel.kind == "webhook":
            raise Killed

    with Store(tmp_path / "w") as store:
        monkeypatch.setattr(alerts.outbox, "send", lambda store, config, at: outbox_send(store, config, at, kill))
        with pytest.raises(Killed):
            evening(town, store, [CROWD])
    with Store(tmp_path / "w") as store:
        monkeypatch.undo()
        monkeypatch.setenv("DRUKTE_DESK", receiver.address)
        at = START + STEP + 8 * MIN
        town.tick(store, at)
        row = store.con.execute("SELECT delivery, attempts, note FROM alerts WHERE channel = 'desk'").fetchall()
    assert row == [("sent", 2, "sent again after a run that was killed: perhaps twice")]
    assert len(receiver.got) == 1 + after_sending
    assert len(set(receiver.keys)) == 1, "a receiver that keeps ids has it once"


outbox_send = outbox.send


def test_killed_between_deciding_and_sending_it_is_sent_by_the_next_run(town, tmp_path, receiver, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with Store(tmp_path / "w") as store:
        monkeypatch.setattr("pipelines.tick.publish", killed)
        with pytest.raises(Killed):
            evening(town, store, [CROWD])
    monkeypatch.undo()
    monkeypatch.setenv("DRUKTE_DESK", receiver.address)
    assert receiver.got == []
    with Store(tmp_path / "w") as store:
        town.tick(store, START + STEP + 8 * MIN)
    assert [m["kind"] for m in receiver.got] == ["new"]


def test_a_fault_in_alerts_does_not_break_the_tick_and_is_said(town, tmp_path, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("with text that is not shown")

    monkeypatch.setattr(alerts, "decide", broken)
    with Store(tmp_path / "w") as store:
        evening(town, store, [CROWD])
        state, message = store.con.execute("SELECT (SELECT max(state) FROM situations), max(message) FROM runs").fetchall()[0]
    assert state == "open"
    assert "alerts: a fault of drukte itself (RuntimeError)" in message
    assert "not shown" not in message


def test_acknowledged_by_command_it_is_not_repeated_and_the_mute_is_published(town, tmp_path, receiver, drukte) -> None:
    file = town.config_folder / "municipalities" / "tiny.yaml"
    file.write_text(file.read_text().replace("channels: [desk, crisis]", "channels: [desk], repeat: 15min"))
    work = ["--config", town.config_folder, "--workspace", tmp_path / "w"]
    with Store(tmp_path / "w") as store:
        at = evening(town, store, [CROWD, CROWD])[-1]
        situation = store.con.execute("SELECT situation_id FROM situations WHERE state = 'open'").fetchall()[0][0]
    kinds = [m["kind"] for m in receiver.got]
    assert kinds[0] == "new"
    assert "reminder" in kinds
    code, said, _ = drukte("situations", "ack", situation, "--role", "crowd-manager", "--at", at.isoformat(), *work)
    assert (code, said) == (0, f"{situation}: acknowledged by crowd-manager, at level high (1 open situations in the group)\n")
    assert drukte("situations", "ack", situation, "--role", "crowd-manger", *work)[0] == 2
    until = (at + timedelta(hours=2)).isoformat()
    mute = ["alerts", "mute", "--role", "crowd-manager", "--reason", "drill", "--at", at.isoformat(), *work]
    assert drukte(*mute, "--until", until, "--place", "alley")[0] == 0
    assert drukte(*mute, "--until", (at + timedelta(days=2)).isoformat())[0] == 2
    with Store(tmp_path / "w") as store:
        evening(town, store, [CROWD, CROWD], begin=2)
    assert [m["kind"] for m in receiver.got] == kinds
    code, said, _ = drukte("alerts", "list", "--workspace", tmp_path / "w", "--json")
    found = json.loads(said)
    assert [a["role"] for a in found["acknowledgements"]] == ["crowd-manager"]
    assert sum(hour["messages"] for hour in found["hours"]) == len(kinds)
    with Store(tmp_path / "w") as store, pytest.raises(UsageError, match="still lasts"):
        people.unmute(store, town.config, "mute-none", at)


def test_the_list_says_what_was_withheld_and_why(town, tmp_path, receiver, drukte) -> None:
    with Store(tmp_path / "w") as store:
        at = START
        people.mute(store, town.config, by="crowd-manager", until=at + timedelta(hours=3), at=at, note="drill", place="alley")
        evening(town, store, [CROWD, CROWD])
    assert receiver.got == []
    found = report.collect(tmp_path / "w" / "published" / "indicators.duckdb", [], None, at)
    shown = "\n".join(report.lines(found, "en"))
    assert "mute (place alley), by crowd-manager: drill" in shown
    assert "withheld (muted)" in shown
    assert len(found["alerts"]) == 1, "noted once"


def test_what_an_address_holds_is_never_told(monkeypatch, town, tmp_path) -> None:
    monkeypatch.setenv("DRUKTE_DESK", "http://user:hunter2@127.0.0.1:9/x")
    monkeypatch.setenv("DRUKTE_MAIL", "nosuchscheme://hunter2@x")
    parcel = channels.Parcel("id-1", "head", "body", "en", {"level": "high"})
    for name in ("desk", "mail"):
        with pytest.raises(NotDelivered) as error:
            channels.deliver(parcel, town.config.municipality.alerts.channels[name], town.config, Path(tmp_path), [])
        assert "hunter2" not in str(error.value)
        assert error.value.__cause__ is None
