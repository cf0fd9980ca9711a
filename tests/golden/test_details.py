"""What the stories are told for, said once more as rules: of each story the one thing that must not go wrong."""

import re
from datetime import UTC, timedelta
from itertools import pairwise

import pytest

from pipelines.published import connect
from tests.golden import play, story

LOW = re.compile(r"\b(?:[1-9]|1[0-4])\b")


def published(folder):
    return connect(folder / "w" / "published" / "indicators.duckdb")


def situation(seen, place, risk="overcrowding"):
    found = [s for s in seen.situations if (s["place"], s["safety_risk"]) == (place, risk)]
    return found[0] if found else None


def test_rule_15_a_gap_never_closes_a_situation_nor_lowers_its_level(played):
    live = played("sensor-outage")
    while_blind = [s for s in live.seen if "21:00" <= live.story.clock.tell(s.at) < "23:35"]
    assert len(while_blind) >= 5
    for seen in while_blind:
        square = situation(seen, "market")
        assert (square["state"], square["level"], square["ended_at"]) == ("open", "critical", None), live.story.clock.tell(
            seen.at
        )
    blind = [
        live.story.clock.tell(s.at) for s in live.seen if "unobserved" in (situation(s, "market") or {"reasons": ()})["reasons"]
    ]
    assert blind == ["23:05"], "two hours after 20:45, and no longer once the camera is back"
    assert situation(live.seen[-1], "market")["end_reason"] == "data"


def test_rule_5_the_supplier_or_the_register_declares_an_outage(played):
    last = played("sensor-outage").seen[-1]
    status = {(o["place"], o["interval_start"].astimezone(story.ZONE).strftime("%H:%M")): o["status"] for o in last.observations}
    assert [status["market", t] for t in ("20:45", "21:45", "22:00", "23:00")] == ["outage", "outage", "missing", "missing"]
    assert {status["street", t] for t in ("20:00", "20:15", "20:30", "20:45")} == {"outage"}


def test_rule_19_a_late_file_revises_a_situation_and_keeps_its_id_and_signal(played):
    live = played("late-file")
    before, after = situation(live.at("20:05"), "quay"), situation(live.at("21:35"), "quay")
    assert before["situation_id"] == after["situation_id"] and before["signalled_at"] == after["signalled_at"]
    assert before["started_at"] - after["started_at"] == timedelta(minutes=30)
    assert after["revision"] > before["revision"]
    known = play.look(live.story, live.folder, live.at("20:05").at, known=live.at("20:05").at)
    assert situation(known, "quay")["peak_level"] == "high", "nobody knew of the critical quarter"
    missing = [v["level"] for v in live.at("19:35").values if v["place"] == "quay" and v["status"] == "missing"]
    assert missing and set(missing) == {"unknown"}, "what did not come is not calm"


def test_rule_19_a_withdrawn_situation_stays_in_history(played):
    live = played("late-file")
    con = published(live.folder)
    gone = "SELECT DISTINCT situation_id, signalled_at IS NOT NULL FROM situations_history WHERE place = 'street'"
    assert [signalled for _, signalled in con.execute(gone).fetchall()] == [True]
    assert con.execute("SELECT count(*) FROM situations WHERE place = 'street'").fetchall() == [(0,)]
    con.close()


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_rule_3_a_day_has_as_many_quarters_as_its_clock(day, hours, tmp_path):
    """One backfill of a whole local day; on the bridge a naive wall clock, in the zones an offset."""
    data = {
        "title": day, "story": "", "day": day, "from": "00:00", "until": "00:00", "every": f"{hours}h", "places": ["market", "bridge"],
        "indicators": ["density", "specific_flow"], "people": {"market": "500", "bridge": {"in": "300", "out": "200"}}, "moments": [],
    }  # fmt: skip
    seen = play.filled(story.from_data(day, data), tmp_path / "day", None)
    for indicator in ("density", "specific_flow"):
        mine = [v for v in seen.values if v["indicator"] == indicator]
        assert len(mine) == 4 * hours and {v["status"] for v in mine} == {"ok"}
        assert {v["local_date"].isoformat() for v in mine} == {day}
        starts = sorted(v["interval_start"].astimezone(UTC) for v in mine)
        assert {b - a for a, b in pairwise(starts)} == {timedelta(minutes=15)}
    con = published(tmp_path / "day")
    expected = con.execute("SELECT place, sum(expected) FROM data_quality GROUP BY place ORDER BY place").fetchall()
    assert expected == [("bridge", 2 * 4 * hours), ("market", 4 * hours)]
    con.close()


@pytest.mark.parametrize(
    ("name", "since", "opened_after"), [("clock-forward", "sun 01:30", 45), ("clock-back", "sun 02:30 CEST", 45)]
)
def test_rule_14_for_lasts_by_real_time_in_a_clock_change(name, since, opened_after, filled):
    """A backfill knows a version when its slot was due: the first open one is that of the third quarter, by real time."""
    live = filled(name)
    con = published(live.folder)
    sql = "SELECT min(started_at), min(signalled_at) FROM situations_history WHERE place = 'street'"
    ((started, signalled),) = con.execute(sql).fetchall()
    con.close()
    assert live.story.clock.tell(started.astimezone(UTC)) == since
    delay = live.story.every - live.story.interval + timedelta(minutes=4)
    assert signalled - started == timedelta(minutes=opened_after) + delay


def test_a_wall_clock_that_cannot_be_told_apart_is_refused_not_guessed(played):
    live = played("clock-back")
    con = published(live.folder)
    checks = dict(con.execute("SELECT check_name, count(*) FROM refused_rows GROUP BY 1").fetchall())
    con.close()
    assert checks == {"time_ambiguous": 8}
    unknown = [v["level"] for v in live.at("sun 03:05").values if v["place"] == "bridge" and v["status"] != "ok"]
    assert unknown == ["unknown"] * 5, "all quarters of the two hours that were due by then"


def other_small_numbers(told):
    """The same story with another number wherever a number is too small to be told."""
    if isinstance(told, dict):
        return {key: other_small_numbers(value) for key, value in told.items()}
    return LOW.sub(lambda number: str(15 - int(number[0])), str(told))


# Fingerprints of the raw delivery. Whoever knows all other numbers of a file could try the fourteen for a withheld one.
FINGERPRINTS = {"content_hash", "delivery_id", "size_bytes"}


def test_rule_7_no_withheld_number_leaves_a_trace_anywhere(tmp_path):
    """Two worlds that differ only in withheld numbers publish the same file: every table, every column, every sentence."""
    data = story.load("cells-under-k")
    dumps = []
    for name, people in (("a", data["people"]), ("b", other_small_numbers(data["people"]))):
        assert name == "a" or people != data["people"]
        play.filled(story.from_data(name, {**data, "people": people}), tmp_path / name, None)
        con = published(tmp_path / name)
        tables = [
            t
            for (t,) in con.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'indicators'"
            ).fetchall()
        ]
        columns = {t: [c[0] for c in con.execute(f"DESCRIBE {t}").fetchall() if c[0] not in FINGERPRINTS] for t in tables}
        dumps.append(
            {t: con.execute(f"SELECT {', '.join(map(repr_column, columns[t]))} FROM {t} ORDER BY ALL").fetchall() for t in tables}
        )
        con.close()
    assert {"indicator_values", "situations_history", "observations", "deliveries"} <= set(dumps[0])
    for table, rows in dumps[0].items():
        assert rows == dumps[1][table], table


def repr_column(name):
    return f'"{name}"'


def test_rule_7_a_small_group_has_bounds_and_no_value(played):
    last = played("cells-under-k").seen[-1]
    small = [o for o in last.observations if o["status"] == "suppressed"]
    assert small and all((o["value"], o["value_low"], o["value_high"]) == (None, 0, 14) for o in small)
    assert not [o for o in last.observations if o["value"] is not None and 0 < o["value"] < 15]
    assert all(v["value"] is None for v in last.values if v["status"] == "suppressed")
    assert [o for o in last.observations if o["value"] == 0], "nobody at all is told"


def test_rule_21_history_stays_as_it_was_judged_and_signalled(played):
    live = played("thresholds-changed")
    before = {(v["place"], v["interval_start"]): v for v in live.at("20:05").values}
    after = {(v["place"], v["interval_start"]): v for v in live.seen[-1].values}
    kept = ("level", "config_hash", "threshold_source", "recorded_at", "run_id")
    assert before and all([after[key][c] for c in kept] == [value[c] for c in kept] for key, value in before.items())
    changed = live.story.clock.at("20:30")
    for (place, at), value in after.items():
        assert ("event" in value["threshold_source"]) == (at.astimezone(UTC) >= changed), (place, at)
    old, new = situation(live.at("20:05"), "street"), situation(live.seen[-1], "street")
    assert [old[c] for c in ("situation_id", "started_at", "signalled_at")] == [
        new[c] for c in ("situation_id", "started_at", "signalled_at")
    ]


def test_rule_2_a_closed_half_halves_area_and_capacity_while_it_lasts(played):
    live = played("half-square")
    clock, last = live.story.clock, live.seen[-1]
    value = {(v["place"], v["indicator"], clock.tell(v["interval_start"].astimezone(UTC))): v["value"] for v in last.values}
    assert [value["market", "density", t] for t in ("17:45", "18:00", "20:45", "21:00")] == [1.3, 2.6, 2.6, 1.3]
    assert [value["market", "occupancy", t] for t in ("17:45", "18:00", "20:45", "21:00")] == [0.325, 0.65, 0.65, 0.325]
    assert [value["quay", "density", t] for t in ("19:15", "19:30")] == [0.63, 1.25]


def test_a_quiet_week_raises_nothing_at_any_moment(played):
    live = played("quiet-week")
    assert [len(s.situations) for s in live.seen] == [0] * len(live.seen)
    con = published(live.folder)
    begun = "SELECT count(*) FROM situations_history WHERE started_at >= TIMESTAMPTZ '2026-04-20 00:00:00 Europe/Amsterdam'"
    assert con.execute(begun).fetchall() == [(0,)], "not even for a while"
    con.close()
    last = live.seen[-1]
    why = {v["reason"] for v in last.values if v["level"] == "unknown" and v["indicator"] != "unusualness"}
    assert why == {"missing", "outage", "invalid"}
    assert {v["level"] for v in last.values if v["indicator"] != "unusualness" and v["status"] in ("ok", "suppressed")} == {
        "normal"
    }
    lone = [v for v in last.values if v["level"] not in ("normal", "unknown")]
    assert len(lone) < 10 and {(v["indicator"], v["level"]) for v in lone} <= {("unusualness", "elevated")}


def test_rule_18_kings_day_enters_no_baseline(played):
    live = played("kings-day")
    con = published(live.folder)
    rows = con.execute("""
        SELECT median, level_factor, n FROM baselines WHERE place = 'market' AND local_date = DATE '2026-04-28' AND local_time = TIME '15:00'
        AND day_type = 'weekday'""").fetchall()  # fmt: skip
    kinds = con.execute("SELECT DISTINCT day_type FROM baselines WHERE local_date = DATE '2026-04-27' ORDER BY 1").fetchall()
    con.close()
    ((median, factor, n),) = rows
    assert n == 24 and median < 700, "eight ordinary Tuesdays, three quarters each"
    assert 0.95 < factor < 1.05, "g looks at the last seven ordinary days; with King's Day it would be a third higher"
    assert kinds == [("edition",), ("sunday",), ("weekday",)], "its own weekday, Sunday as a holiday, and the editions before"
