"""What people write down: kept with its corrections, refused with file, row and column, counted as the KPI cards define it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import outcomes, published, start
from pipelines.outcomes import Entry, importing, kpis, page
from pipelines.publish import publish
from pipelines.store import Store
from schemas.problems import Problems
from tests.cli.conftest import Drukte, drukte  # noqa: F401 - a fixture
from tests.town import START, Town

MIN = timedelta(minutes=1)
AT = START + timedelta(hours=23)


def situation(
    name: str, begin: int, end: int | None, *, group: str = "", risk: str = "overcrowding", origin: str = "live"
) -> tuple:
    """A row: minutes after START at which it was signalled, and at which it ended."""
    begun, ended = START + begin * MIN, None if end is None else START + end * MIN
    return (name, group or name, "tiny", risk, "square", "open" if end is None else "closed", "high", "high", begun, begun, ended,
            None if end is None else "data", ended, origin, "density", [], "nl", "en", 1.0, 1, begun)  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Settings and, written by hand, an evening of signals: two neighbours are one, a backfilled one does not count."""
    made = Town(tmp_path_factory.mktemp("outcomes"), only="density", events=[{
        "event": "fair", "name": {"nl": "f", "en": "f"}, "class": "B", "from": "2026-06-01T10:00Z", "to": "2026-06-01T20:00Z",
        "expected_visitors": 8000, "places": {"square": {}}}])  # fmt: skip
    with Store(made.folder / "w") as store:
        rows = [situation("a", 600, 660), situation("a2", 610, 680, group="a"), situation("b", 700, 720), situation("c", 800, None),
                situation("old", 610, 650, origin="backfill")]  # fmt: skip
        store.con.executemany(f"INSERT INTO situations VALUES ({', '.join('?' * 21)})", rows)
        store.con.executemany("INSERT INTO runs VALUES (?, 'tiny', 'run', ?, ?, 0, 0, 0, 0, '')",
                              [(f"r{i}", START + timedelta(hours=10, minutes=30 * i), START) for i in range(6)])  # fmt: skip
        publish(store, AT)
    return made


@pytest.fixture
def store(town: Town, tmp_path: Path):  # type: ignore[no-untyped-def]
    """The evening, in a transaction that is given up afterwards."""
    with Store(town.folder / "w") as found:
        found.con.execute("BEGIN")
        yield found
        found.con.execute("ROLLBACK")


def entry(kind: str, at: int, name: str | None = None, **more: str) -> Entry:
    return Entry(kind, "crowd-manager", START + at * MIN, name, **more)


def write(store: Store, town: Town, *entries: Entry) -> list[str]:
    for one in entries:
        assert list(outcomes.mistakes(store, town.config, one, AT)) == []
    return [outcomes.add(store, town.config, one, AT)[0] for one in entries]


def of(store: Store, town: Town, risk: str = "all") -> dict[str, tuple]:
    _, cards = start.ready(town.config_folder, "tiny")
    rows = kpis.of_period(store.con, town.config, cards, date(2026, 6, 1), date(2026, 6, 1))
    return {r["kpi"]: (r["value"], r["value_low"], r["value_high"], r["n"]) for r in rows if r["safety_risk"] == risk}


def test_without_anything_written_down_what_is_not_known_stays_unknown(store: Store, town: Town) -> None:
    found = of(store, town)
    assert found["signals_per_hour"][::3] == (1.0, 3), "three groups that came live, in three hours with runs"
    for name in ("probability_of_detection", "incidents_per_1000", "followed_up"):
        assert found[name] == (None, None, None, None), name
    assert found["false_alarm_ratio"][0] is None


def test_signals_events_and_measures_are_counted_as_the_cards_say(store: Store, town: Town) -> None:
    write(
        store, town, entry("incident", 645, "a2"), entry("follow_up", 612, "a", follow_up="steer"), entry("follow_up", 640, "a", follow_up="meter"),
        entry("false_alarm", 730, "b"), entry("confirmed", 805, "c"), entry("follow_up", 820, "c", follow_up="inform"),
        entry("incident", 900, safety_risk="gridlock", place="square"), entry("incident", 1300, safety_risk="gridlock", place="alley"),
    )  # fmt: skip
    found = of(store, town)
    assert found["probability_of_detection"][::3] == (0.5, 4), "two hits, two incidents that no signal foretold"
    assert found["false_alarm_ratio"][::3] == (0.33, 3)
    assert found["lead_time"][::3] == (25, 2), "45 minutes from the first of the group, and 5"
    assert found["followed_up"][::3] == (0.67, 3)
    assert found["time_to_action"][::3] == (16, 2), "12 minutes to the first measure of the group, and 20"
    assert found["time_above_after_action"][::3] == (68, 1), "to the end of the whole group; c goes on"
    assert found["incidents_per_1000"][::3] == (0.25, 2), "one of the three came after the event"
    gridlock = of(store, town, "gridlock")
    assert gridlock["probability_of_detection"][::3] == (0.0, 2)
    assert of(store, town, "overcrowding")["probability_of_detection"][::3] == (1.0, 2)
    low, high = found["probability_of_detection"][1:3]
    assert (low, high) == (0.15, 0.85), "Wilson"


def test_none_written_down_as_none_is_zero(store: Store, town: Town) -> None:
    write(store, town, entry("no_incident", 1190), entry("confirmed", 650, "a"))
    found = of(store, town)
    assert found["probability_of_detection"][::3] == (1.0, 1)
    assert found["incidents_per_1000"][::3] == (0.0, 0)
    assert found["incidents_per_1000"][2] > 0, "none seen is not never"


def test_a_correction_keeps_what_stood_and_a_withdrawal_too(store: Store, town: Town) -> None:
    [name] = write(store, town, entry("false_alarm", 730, "b"))
    assert outcomes.add(store, town.config, entry("false_alarm", 730, "b"), AT) == (name, False)
    assert outcomes.add(store, town.config, entry("confirmed", 705, "b"), AT + MIN, corrects=name) == (name, True)
    rows = store.con.execute("SELECT kind, revision FROM outcomes").fetchall()
    past = store.con.execute("SELECT kind, revision, superseded_at FROM outcomes_superseded").fetchall()
    assert (rows, past) == ([("confirmed", 2)], [("false_alarm", 1, AT + MIN)])
    outcomes.withdraw(store, town.config, name, AT + 2 * MIN)
    assert store.con.execute("SELECT count(*) FROM outcomes").fetchall() == [(0,)]
    assert store.con.execute("SELECT max(revision) FROM outcomes_superseded").fetchall() == [(2,)]
    assert of(store, town)["false_alarm_ratio"][0] is None
    assert outcomes.add(store, town.config, entry("false_alarm", 730, "b"), AT + 3 * MIN)[1], "written down again"
    assert store.con.execute("SELECT revision FROM outcomes").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        (entry("measure", 1, "a"), "kind"), (entry("follow_up", 1, "a"), "measure"), (entry("follow_up", 1, "a", follow_up="shut"), "measure"),
        (entry("effect", 1, "a", follow_up="close"), "effect"), (entry("effect", 1, "a", effect="gone"), "effect"),
        (entry("confirmed", 1), "situation_id"), (entry("confirmed", 1, "zzz"), "situation_id"), (entry("incident", 1), "safety_risk"),
        (entry("incident", 1, safety_risk="gridlock", place="moon"), "place"), (entry("confirmed", 2000, "a"), "when"),
        (Entry("confirmed", "jan", AT, "a"), "role"), (entry("confirmed", 1, "a", text="x" * 201), "text"),
        (entry("confirmed", 1, "a", text="call jan@example.org"), "text"),
    ],
)  # fmt: skip
def test_mistakes_name_their_column(store: Store, town: Town, wrong: Entry, column: str) -> None:
    assert column in [m[0] for m in outcomes.mistakes(store, town.config, wrong, AT)]


SHEET = """\ufeffsituation_id;kind;measure;role;when;text
a;follow_up;steer;crowd-manager;2026-06-01 10:12;twee stewards
;no_incident;;crowd-manager;2026-06-01T19:50+00:00;

"""


def test_a_spreadsheet_is_taken_in_once(store: Store, town: Town, tmp_path: Path) -> None:
    file = tmp_path / "avond.csv"
    file.write_text(SHEET, encoding="utf-8")
    assert importing.import_csv(store, town.config, file, AT) == importing.Imported(2, 0)
    assert importing.import_csv(store, town.config, file, AT) == importing.Imported(0, 2)
    assert store.con.execute("SELECT occurred_at FROM outcomes WHERE kind = 'follow_up'").fetchall() == [(START + 612 * MIN,)]


def test_mistakes_of_a_spreadsheet_name_file_row_and_column_and_nothing_is_taken_in(
    store: Store, town: Town, tmp_path: Path
) -> None:
    file = tmp_path / "avond.csv"
    file.write_text(SHEET.replace("steer", "stear").replace("2026-06-01T19:50+00:00", "gisteren"), encoding="utf-8")
    with pytest.raises(Problems) as error:
        importing.import_csv(store, town.config, file, AT)
    assert [str(p) for p in error.value.problems] == [
        "avond.csv:2: measure: there is no `stear`. Did you mean `steer`?",
        "avond.csv:3: when: `gisteren` is not a moment. Write 2026-06-20 21:15 on the town's clock, or 2026-06-20T21:15+02:00.",
    ]
    assert store.con.execute("SELECT count(*) FROM outcomes").fetchall() == [(0,)]
    for text, said in (("kind;rol;when", "role"), ("kind;kind;role;when", "stands twice"), ("kind;role;when\na;b", "2 cells")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(Problems) as error:
            importing.import_csv(store, town.config, file, AT)
        assert said in str([str(p) for p in error.value.problems])


def test_an_hour_that_comes_twice_or_never_is_asked_for() -> None:
    from zoneinfo import ZoneInfo

    tz = ZoneInfo("Europe/Amsterdam")
    assert "twice" in str(importing._moment("2026-10-25 02:30", tz))
    assert "skipped" in str(importing._moment("2026-03-29 02:30", tz))
    assert importing._moment("2026-10-25 02:30+01:00", tz) == datetime.fromisoformat("2026-10-25T01:30+00:00")


def test_by_command_and_in_the_published_table_output_apart_from_outcome(town: Town, drukte: Drukte, tmp_path: Path) -> None:  # noqa: F811
    work = ["--config", town.config_folder, "--workspace", town.folder / "w", "--at", AT.isoformat()]
    told = ["outcome", "add", "--role", "crowd-manager", "--situation", "a", "--when", "2026-06-01T10:20Z"]
    assert drukte(*told, "--kind", "follow_up", "--measure", "meter", *work)[0] == 0
    code, _, errors = drukte(*told, "--kind", "effect", *work)
    assert code == 2
    assert errors.startswith("effect: is missing. Choose from eased, unchanged, worse, unclear.")
    code, said, _ = drukte("outcome", "list", "--workspace", town.folder / "w")
    assert "a  measure taken, meter  (crowd-manager)" in said
    with published.connect(town.folder / "w" / "published" / "indicators.duckdb") as con:
        rows = con.execute(
            "SELECT kind, value, n FROM kpis WHERE kpi = 'time_to_action' AND safety_risk = 'all' ORDER BY period_start"
        ).fetchall()
        assert rows == [("outcome", 20.0, 1)]
        assert con.execute("SELECT count(*) FROM outcomes_history").fetchall() == [(1,)]
    html = tmp_path / "kpi.html"
    code, said, _ = drukte("kpi", *work[:4], "--from", "2026-06-01", "--to", "2026-06-30", "--out", html, "--lang", "nl")
    assert code == 0
    output, _, outcome = said.partition("Uitkomst")
    assert "Voorsprong" in output and "Tijd tot handelen" not in output
    assert "Tijd tot handelen" in outcome and "geen oorzaak en gevolg" in outcome
    shown = html.read_text(encoding="utf-8")
    assert shown.count("<strong>Definitie.</strong>") == shown.count("<h3>") == len(kpis.kpi_cards.catalogue())
    assert "://" not in shown


def test_lines_say_what_is_unknown_and_what_has_no_cases(store: Store, town: Town) -> None:
    _, cards = start.ready(town.config_folder, "tiny")
    said = "\n".join(page.lines(kpis.of_period(store.con, town.config, cards, date(2026, 6, 1), date(2026, 6, 1)), "Tiny", "en"))
    assert "unknown" in said and "no cases" in said
