"""What the board tells: worst first, unknown visibly unknown, nothing shown that is not there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.board import queries
from pipelines.published import connect
from schemas import words
from tests.pipelines.board.evening import AT, BEGIN, QUARTER, values
from tests.pipelines.board.reading import articles, block, named, plain, shown

# Situations


def test_situations_stand_worst_first_and_per_group(made):
    html = shown(made)
    assert named(html) == ["Grote Markt", "Kade", "Vismarkt"]  # the worst one's group together, then the next
    (group,) = re.findall(r'<section class="group">.*?</section>', html, re.S)
    assert named(group) == ["Grote Markt", "Kade"] and "2 neighbouring places together" in group


def test_order_follows_the_level(made):
    def swap(tables):
        for s in tables["situations"][:3]:
            s["group_id"], s["level"] = None, {"grote-markt": "elevated", "kade": "critical", "vismarkt": "high"}[s["place"]]

    assert named(shown(made, swap)) == ["Kade", "Vismarkt", "Grote Markt"]


def test_a_situation_tells_all_of_its_facts(made):
    told = plain(articles(shown(made))[0])
    for fact in (
        "critical",
        "overcrowded area",
        "density 3.62 p/m², beyond the edge since 18:15",
        "3.62 p/m²",
        "measured 21:45–22:00",
        "edge of critical ≥ 3.5 p/m²",
        "edge from the place, config/municipalities/waterdam.yaml:88",
        "since18:15 3 h 50 min",
        "signalled18:32",
        "data up to22:00 5 min old",
        "coverage100 %",
        "confidence0.95",
        "note: data are missing",
        "follow-up: meter · crowd-manager · needs 20 min",
    ):
        assert fact in told, told


def test_dutch_page_writes_dutch_numbers(made):
    told = plain(articles(shown(made, lang="nl"))[0])
    for fact in ("kritiek", "3,62 p/m²", "grens kritiek ≥ 3,5 p/m²", "vertrouwen0,95", "3 u 50 min", "opvolging: doseren"):
        assert fact in told


def test_rule_14_held_level_is_shown_beside_the_instant_one(made):
    html = shown(made)
    kade = next(a for a in articles(html) if "<h4>Kade" in a)
    assert 'class="level elevated"' in kade and "measured now: high" in kade
    assert "held: elevated · measured now: high" in plain(block(html, "Kade"))


def test_rule_15_unobserved_situation_stays_open_and_is_marked(made):
    html = shown(made)
    (blind,) = [a for a in articles(html) if "unobserved" in a]
    told = plain(blind)
    assert "Vismarkt" in told and "no known data since 19:45" in told and "stays open" in told and "coverage0 %" in told
    assert "last known, measured 19:30–19:45" in told and "measured now: unknown (outage at the source)" in told
    assert '<rect class="unseen"' in block(html, "Vismarkt")
    assert '<rect class="unseen"' not in block(html, "Kade")


def test_pending_and_closed_ones_stand_apart(made):
    told = plain(shown(made))
    assert re.search(r"Pending .*Grote Marktunusual activity for place and time21:00 1 h 5 min", told)
    assert re.search(r"Closed since 14:00 .*Stationsbrugsaturated or blocked passage16:30 – 19:303 hdata", told)


def test_closed_before_the_strip_or_begun_after_it_is_left_out(made):
    def change(tables):
        old, new = dict(tables["situations"][-1]), dict(tables["situations"][0])
        old.update(place="hof", ended_at=BEGIN - QUARTER, started_at=BEGIN - 2 * QUARTER)
        new.update(place="poort", started_at=AT + QUARTER)
        tables["situations"] = [old, new]

    html = shown(made, change)
    assert articles(html) == [] and "Closed since" not in html


def test_seen_from_an_earlier_moment_what_ended_later_was_open(made):
    def change(tables):
        last = dict(tables["situations"][-1])
        assert last["state"] == "closed"
        last.update(peak_level="high", level="normal", ended_at=AT + QUARTER, observed_until=AT + QUARTER)
        last.update(
            explanation_en="Quay: up to 2.3 p/m². Over since 2026-06-20 22:20.", explanation_nl="Kade. Voorbij sinds 22:20."
        )
        tables["situations"] = [last]

    html = shown(made, change)
    assert "Quay: up to 2.3 p/m²." in html and "Over since" not in html
    assert len(articles(html)) == 1 and "Closed since" not in html and "high" in plain(html)


def test_no_open_situation_is_not_called_calm_while_places_are_unknown(made):
    told = plain(shown(made, lambda tables: tables.update(situations=[])))
    assert "No open situations. That does not mean calm: 5 of 9 places are wholly or partly unknown now." in told


def test_edge_of_a_place_that_shares_its_settings_names_what_the_value_was_judged_by(made):
    told = plain(articles(shown(made))[1])
    assert "edge of elevated ≥ 1.1 p/m²" in told and "edge from card: indicators/catalogue/density.yaml:52" in told


def test_edge_that_cannot_be_traced_is_not_invented(made):
    told = plain(articles(shown(made, lambda tables: tables.update(effective_settings=[])))[0])
    assert "edge cannot be traced" in told and "≥" not in told


# Unknown


def test_header_counts_known_and_unknown_places(made):
    told = plain(shown(made))
    assert "4 of 9 places known" in told and "1 partly unknown" in told and "4 unknown" in told
    assert "3 open" in told and "1 without sight" in told and "1 pending" in told


def test_place_without_rows_is_unknown_and_shows_no_level(made):
    poort = block(shown(made), "Poort")
    assert "not a single row in the last 24 hours" in plain(poort)
    assert 'class="chip unknown' in poort and '<rect class="fill' not in poort
    assert not re.search(r"chip (normal|elevated|high|critical)", poort)


def test_partly_unknown_place_says_so(made):
    told = plain(block(shown(made), "Nieuwe Plein"))
    assert "1 of 2 indicators unknown" in told and "too little history for a baseline" in told


@pytest.mark.parametrize(
    ("minutes", "delay", "known"), [(35, "5", True), (36, "5", False), (30, None, True), (31, None, False), (50, "20", True)]
)
def test_rule_04_newest_value_older_than_stale_after_is_unknown(made, minutes, delay, known):
    def change(tables):
        tables["about"] = [row for row in tables["about"] if row["key"] != "source.gates.delay_minutes"]
        if delay:
            tables["about"].append({"key": "source.gates.delay_minutes", "text": delay})

    hofje = block(shown(made, change, at=datetime(2025, 9, 20, 20, 0, tzinfo=UTC) + timedelta(minutes=minutes)), "Hofje")
    assert ('class="chip normal' in hofje) is known
    assert ('class="chip unknown' in hofje) is not known
    if not known:
        assert "out of date last known: normal, 22:00" in plain(hofje).replace("datelast", "date last")


def test_rule_07_withheld_number_is_not_shown_and_says_why(made):
    def change(tables):
        for row in tables["indicator_values"]:
            if row["place"] == "hof":
                row.update(value=None, value_low=0.0, value_high=0.0777, status="suppressed", reason="suppressed", level="normal")

    html = shown(made, change)
    hofje = block(html, "Hofje")
    assert "< 15 people: withheld" in plain(hofje) and "0.08" not in hofje and "0.0777" not in html
    assert 'class="chip normal' in hofje and '<rect class="dots"' in hofje  # rule 8: the level is certain, the number hidden


def test_rule_17_context_card_sets_no_level(made):
    def change(tables):
        for row in tables["indicators"]:
            row["role"] = "context" if row["indicator"] == "unusualness" else "signal"

    assert "Unusualness" not in block(shown(made, change), "Grote Markt")


CAUSES = ("suppressed", "missing", "outage", "invalid")


def expected_runs(series: list[float | str | None]) -> list[tuple[str, str, str]]:
    """Naive: walk the quarter-hours one by one; a run is (from, to, what is said)."""
    runs: list[list[object]] = []
    for i, cell in enumerate(series):
        if cell is None:
            continue
        if isinstance(cell, str):
            said = f"unknown ({words.word('status', cell if cell in CAUSES else 'missing', 'en')})"
        else:
            said = "critical" if cell >= 3.5 else "high" if cell >= 2.15 else "elevated" if cell >= 1.1 else "normal"
        if runs and runs[-1][1] == i and runs[-1][2] == said:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1, said])
    clock = [f"{(BEGIN + i * QUARTER).astimezone(ZoneInfo('Europe/Amsterdam')):%H:%M}" for i in range(33)]
    return [(clock[a], clock[b], said) for a, b, said in runs]  # type: ignore[index, misc]


cells = st.one_of(st.sampled_from([0.0, 1.0, 1.1, 2.15, 3.5, 9.0]), st.sampled_from([*CAUSES, "not_applicable"]), st.none())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series=st.lists(cells, min_size=1, max_size=32))
def test_strip_agrees_with_a_naive_walk_and_draws_nothing_that_is_not_there(made, series):
    def change(tables):
        tables["indicator_values"], tables["situations"] = values("hof", "density", series), []

    hofje = block(shown(made, change), "Hofje")
    drawn = [tuple(re.fullmatch(r"(.{5})–(.{5}) (.*)", t).groups()) for t in re.findall(r"<title>(.*?)</title>", hofje)]
    assert drawn == expected_runs(series)
    known = [cell for cell in series if isinstance(cell, float)]
    assert bool(re.search(r'<rect class="fill', hofje)) is bool(known)
    fills = re.findall(r'<rect class="fill (\w+)" x="([\d.]+)%" y="\d+" width="([\d.]+)%"', hofje)
    share = sum(float(w) for _, _, w in fills) / 100 * (AT - BEGIN).total_seconds() / QUARTER.total_seconds()
    assert share == pytest.approx(len(known), abs=0.05)


def test_queries_read_only_what_they_are_given_time_for(made):
    con = connect(made())
    scope = queries.Scope(("waterdam",), BEGIN, datetime(2025, 9, 20, 14, 0, tzinfo=UTC))
    lanes = {(lane["place"], lane["indicator"]): lane for lane in queries.read(con, scope).lanes}
    assert lanes["grote-markt", "density"]["interval_end"] == scope.at  # nothing of after `at`
