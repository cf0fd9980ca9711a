"""Declared corrections, each with its guard both ways; sums that must add up. From the file to the table and back to its line."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from indicators import config_check
from indicators.card import catalogue
from pipelines import register
from pipelines.explain import explain_value
from pipelines.store import Store
from schemas.problems import Problems
from tests.town import PLACES, START, STEP, Town, rows

DAY = timedelta(days=1)
VALUES = "SELECT place, measure, value, status FROM {observations} WHERE source = 'gates' ORDER BY interval_start, place, measure"


def correction(**changes: object) -> dict:
    """Ten times too many, and always a round ten: the supplier multiplies twice."""
    return {
        "correction": "times-ten", "multiply": 0.1, "measures": ["count_in", "count_out"], "reason": "the supplier scales twice",
        "owner": "data-officer", "decided_on": "2026-05-01", "review_by": "2027-05-01",
        "guard": {"that": "count_in / 10 = floor(count_in / 10) AND count_out / 10 = floor(count_out / 10)"},
    } | changes  # fmt: skip


def declare(town: Town, *corrections: dict, **more: object) -> None:
    path = town.config_folder / "sources" / "gates.yaml"
    path.write_text(
        path.read_text()
        + f"corrections: {json.dumps(list(corrections))}\n"
        + "".join(f"{k}: {json.dumps(v)}\n" for k, v in more.items())
    )


def taken(town: Town, store: Store, counts: list[tuple[object, object]], name: str = "g") -> dict:
    """Deliver quarters of (in, out) and run; returns the row of the delivery."""
    at = START + (len(counts) + 1) * STEP
    town.gates(at, [(START + i * STEP, a, b) for i, (a, b) in enumerate(counts)], name=name)
    return town.tick(store, at).deliveries[0]


@pytest.fixture
def world(tmp_path):
    town = Town(tmp_path, only="specific_flow")
    with Store(tmp_path / "w") as store:
        yield town, store


def numbers(store: Store) -> list[tuple]:
    return [(m, None if v is None else int(v), s) for _, m, v, s in rows(store, VALUES)]


def test_a_factor_corrects_what_came_and_says_so(world):
    town, store = world
    declare(town, correction())
    delivery = taken(town, store, [(400, 300), (1000, 200)])
    assert numbers(store) == [("count_in", 40, "ok"), ("count_out", 30, "ok"), ("count_in", 100, "ok"), ("count_out", 20, "ok")]
    assert (delivery["state"], delivery["rows_accepted"]) == ("accepted", 2)
    assert rows(store, "SELECT correction, place, cells, delivery_id FROM corrected") == [
        ("times-ten", "gate", 4, delivery["delivery_id"])
    ]
    assert rows(store, "SELECT kind, owner, file FROM corrections") == [("multiply", "data-officer", "config/sources/gates.yaml")]


def test_rule_07_k_applies_to_the_corrected_count(world):
    """140 sent are 14 people: withheld; a correction upward cannot make a withheld count known either."""
    town, store = world
    declare(town, correction())
    taken(town, store, [(140, 300)])
    assert numbers(store) == [("count_in", None, "suppressed"), ("count_out", 30, "ok")]


def test_rule_07_k_applies_to_who_was_really_counted(world):
    town, store = world
    declare(town, correction(multiply=10, guard={"that": "count_in < 1000"}))
    taken(town, store, [(14, 30)])
    assert numbers(store) == [("count_in", None, "suppressed"), ("count_out", 300, "ok")]


def test_a_guard_that_fails_refuses_the_delivery_and_says_what_to_do(world):
    """The supplier has mended it: 437 people, no longer a round ten. Correcting that would make 44 of them."""
    town, store = world
    declare(town, correction())
    delivery = taken(town, store, [(400, 300), (437, 200)])
    assert (delivery["state"], delivery["rows_in"]) == ("refused", 0)
    assert delivery["reason"].startswith("correction_guard: the correction `times-ten` does not fit")
    assert "does not hold in 1 of 2 rows" in delivery["reason"] and "config/sources/gates.yaml" in delivery["reason"]
    assert numbers(store) == [] and rows(store, "FROM corrected") == []


def test_a_delivery_that_was_turned_away_is_taken_once_the_declaration_is_mended(world):
    """The correction is ended where the supplier mended it: what waited is read again, from its beginning, once."""
    town, store = world
    path = town.config_folder / "sources" / "gates.yaml"
    before = path.read_text()
    declare(town, correction())
    assert taken(town, store, [(437, 200), (500, 100)])["state"] == "refused"
    assert town.tick(store, START + 4 * STEP).deliveries == []
    path.write_text(before)
    declare(town, correction(to=START.isoformat()))
    [again] = town.tick(store, START + 5 * STEP).deliveries
    assert (again["state"], again["rows_in"], again["rows_accepted"]) == ("accepted", 2, 2)
    assert numbers(store)[0] == ("count_in", 437, "ok")
    assert rows(store, "SELECT state, reason FROM deliveries") == [("accepted", None)]
    assert town.tick(store, START + 6 * STEP).deliveries == []


def test_a_guard_can_refuse_the_rows_alone(world):
    town, store = world
    declare(town, correction(guard={**correction()["guard"], "otherwise": "refuse_rows"}))
    delivery = taken(town, store, [(400, 300), (437, 200)])
    assert (delivery["rows_in"], delivery["rows_accepted"], delivery["rows_refused"]) == (2, 1, 1)
    assert numbers(store) == [
        ("count_in", 40, "ok"),
        ("count_out", 30, "ok"),
        ("count_in", None, "invalid"),
        ("count_out", None, "invalid"),
    ]
    told = rows(store, "SELECT check_name, message FROM refused_rows ORDER BY message")
    assert [check for check, _ in told] == ["correction_guard"] * 2
    assert told[1][1].startswith("the guard of a declared correction does not hold in the row with 437, so nothing")


@pytest.mark.parametrize(("share", "state"), [(0.7, "accepted"), (0.8, "refused")])
def test_a_guard_by_share_judges_the_delivery_as_a_whole(world, share, state):
    """In and out are swapped; in the morning more come than go in three of four quarters."""
    town, store = world
    declare(town, correction(correction="swapped", multiply=None, measures=[], swap=["count_in", "count_out"],
                             guard={"that": "count_in < count_out", "when": "hour < 10", "share": share}))  # fmt: skip
    assert taken(town, store, [(20, 90), (20, 90), (20, 90), (90, 20)])["state"] == state
    if state == "accepted":
        assert numbers(store)[:2] == [("count_in", 90, "ok"), ("count_out", 20, "ok")]


def test_rows_of_which_the_guard_says_nothing_are_corrected_with_the_rest(world):
    town, store = world
    declare(town, correction(guard={"that": "count_in > 5000", "when": "hour >= 23"}))
    assert taken(town, store, [(400, 300)])["state"] == "accepted"
    assert numbers(store)[0] == ("count_in", 40, "ok")


def test_an_offset_below_zero_is_refused_like_any_count_below_zero(world):
    town, store = world
    declare(town, correction(multiply=None, offset=-50, measures=["count_in"], guard={"that": "count_in >= 0"}))
    delivery = taken(town, store, [(100, 30), (20, 30)])
    assert (delivery["rows_accepted"], delivery["rows_refused"]) == (1, 1)
    assert numbers(store)[0] == ("count_in", 50, "ok")


def test_a_count_that_is_no_whole_number_after_it_is_refused(world):
    town, store = world
    declare(town, correction(guard={"that": "count_in > 0"}))
    taken(town, store, [(405, 300)])
    assert [r[0] for r in rows(store, "SELECT check_name FROM refused_rows")] == ["not_whole"]


def test_places_that_were_exchanged_are_put_right(tmp_path):
    places = {p: {"kind": "line", "name": p, "effective_width": 4} for p in ("gate", "door")}
    town = Town(tmp_path, only="specific_flow", places=places | {z: PLACES[z] for z in ("square", "alley")})
    path = town.config_folder / "sources" / "gates.yaml"
    path.write_text(path.read_text().replace("map: {gate: gate}", "map: {gate: gate, door: door}"))
    declare(
        town,
        correction(
            correction="exchanged",
            multiply=None,
            measures=[],
            relabel={"gate": "door", "door": "gate"},
            guard={"that": "count_in > 0"},
        ),
    )
    with Store(tmp_path / "w") as store:
        at = START + 2 * STEP
        town._write(
            "gates", "g", at, f"time,place,in,out\n{START:%Y-%m-%dT%H:%M},gate,40,30\n{START:%Y-%m-%dT%H:%M},door,90,80\n"
        )
        town.tick(store, at)
        assert [(p, m, int(v)) for p, m, v, _ in rows(store, VALUES)] == [
            ("door", "count_in", 40), ("door", "count_out", 30), ("gate", "count_in", 90), ("gate", "count_out", 80)]  # fmt: skip
        assert [r[0] for r in rows(store, "SELECT place FROM corrected ORDER BY place")] == ["door", "gate"]


@pytest.mark.parametrize(("lat", "lon", "state"), [("4.90", "52.37", "accepted"), ("52.37", "4.90", "refused")])
def test_latitude_and_longitude_are_swapped_back_until_the_supplier_does(world, lat, lon, state):
    """The place is known by its point; a guard knows that no point of the town lies south of its longitude."""
    town, store = world
    path = town.config_folder / "sources" / "gates.yaml"
    path.write_text(
        path.read_text().replace(
            "place: {columns: [place], map: {gate: gate}}", 'place: {columns: [lat, lon], map: {"52.37|4.90": gate}}'
        )
    )
    declare(
        town,
        correction(
            correction="points", multiply=None, measures=[], swap_columns=["lat", "lon"], guard={"that": "first < second"}
        ),
    )
    at = START + 2 * STEP
    town._write("gates", "g", at, f"time,lat,lon,in,out\n{START:%Y-%m-%dT%H:%M},{lat},{lon},40,30\n")
    [delivery] = town.tick(store, at).deliveries
    assert delivery["state"] == state
    if state == "accepted":
        assert numbers(store) == [("count_in", 40, "ok"), ("count_out", 30, "ok")]
        assert rows(store, "SELECT correction, place, cells FROM corrected") == [("points", "gate", 2)]
    else:
        assert "`first < second` does not hold in 1 of 1 rows" in delivery["reason"]


def test_a_correction_holds_for_its_time_only(world):
    town, store = world
    declare(town, correction(**{"from": (START + STEP).isoformat(), "to": (START + 2 * STEP).isoformat()}))
    taken(town, store, [(33, 33), (400, 300), (44, 44)])
    assert [v for m, v, _ in numbers(store) if m == "count_in"] == [33, 40, 44]


def test_explain_names_the_correction_and_agrees(world):
    town, store = world
    declare(town, correction())
    taken(town, store, [(400, 300), (1000, 200)])
    store.close()
    found = explain_value(
        town.folder / "w" / "published" / "indicators.duckdb", town.config, catalogue(), "specific_flow", "gate", START
    )
    assert found.agrees
    line = 1 + (town.config_folder / "sources" / "gates.yaml").read_text().splitlines().index(next(
        x for x in (town.config_folder / "sources" / "gates.yaml").read_text().splitlines() if x.startswith("corrections:")))  # fmt: skip
    assert {(r.file_check, r.file_says) for r in found.rows} == {
        ("file_corrected", f"times-ten: the supplier scales twice (data-officer, config/sources/gates.yaml:{line})")
    }


@pytest.mark.parametrize(("changes", "key", "told"), [
    ({"multiply": None}, "", "give one of multiply, offset, swap, relabel, swap_columns"),
    ({"measures": ["count_inn"]}, "", "the source has no measure `count_inn`. Did you mean `count_in`?"),
    ({"places": ["gat"]}, "corrections.0", "the source gives nothing for `gat`. Did you mean `gate`?"),
    ({"owner": "Jan"}, "", "`Jan` is not a slug"),
    ({"owner": "jan"}, "corrections.0.owner", "role `jan` is not declared"),
    ({"multiply": 1}, "", "a factor of 1"),
    ({"guard": None}, "", ""),
])  # fmt: skip
def test_a_declaration_that_does_not_hold_together_says_where(tmp_path, changes, key, told):
    town = Town(tmp_path, only="specific_flow")
    declare(town, {k: v for k, v in (correction() | changes).items() if v is not None})
    with pytest.raises(Problems) as caught:
        town.config  # noqa: B018
    [problem] = caught.value.problems
    assert problem.file == "config/sources/gates.yaml" and told in str(problem) and key in problem.key


@pytest.mark.parametrize(("that", "told"), [
    ("count_inn > 3", "`count_inn` is not declared"), ("count_in", "is not a condition"), ("sum(count_in) > 3", "an aggregate over rows"),
    ("random() > 3", "random"), ("count_in > 3; DROP TABLE cell", "not one expression"),
])  # fmt: skip
def test_a_guard_is_checked_like_the_formula_of_a_card(tmp_path, that, told):
    town = Town(tmp_path, only="specific_flow")
    declare(town, correction(guard={"that": that}))
    problems = [p for p in config_check.check(town.config, catalogue()) if "guard" in p.key]
    assert len(problems) == 1 and told in str(problems[0])


def with_total(town: Town) -> None:
    path = town.config_folder / "sources" / "gates.yaml"
    path.write_text(path.read_text() + "sums: [{total: all, parts: [in, out]}]\n")


def deliver_totals(town: Town, store: Store, wrong: int, issued: timedelta, name: str = "g") -> None:
    """A day of quarters with a total column that lacks five people in the first ``wrong`` rows."""
    lines = [
        f"{START + i * STEP:%Y-%m-%dT%H:%M},gate,{40 + i},{30 + i},{70 + 2 * i - (5 if i < wrong else 0)}" for i in range(96)
    ]
    town._write("gates", name, START + issued, "time,place,in,out,all\n" + "\n".join(lines) + "\n")
    town.tick(store, START + issued)


@pytest.mark.parametrize(("wrong", "proposed"), [(5, 1), (2, 0), (0, 0)])
def test_sums_that_do_not_add_up_are_proposed_and_no_number_is_kept(world, wrong, proposed):
    town, store = world
    with_total(town)
    deliver_totals(town, store, wrong, DAY + STEP)
    found = register.rows(store.con)
    assert len(found) == proposed
    if proposed:
        assert (found[0]["detector"], found[0]["flagged_from"], found[0]["flagged_to"]) == ("sums", START, START + 5 * STEP)
        assert found[0]["evidence_en"] == "In 5 rows the parts do not make the total, since 2026-06-01 00:00."
    assert rows(store, "SELECT count(*) FROM misfits") == [(wrong,)]
    assert [c[0] for c in store.con.execute("DESCRIBE misfits").fetchall()] == [
        "municipality",
        "source",
        "place",
        "interval_start",
        "content_hash",
    ]


def test_rule_10_a_revision_that_adds_up_takes_the_proposal_back(world):
    town, store = world
    with_total(town)
    deliver_totals(town, store, 5, DAY + STEP)
    deliver_totals(town, store, 0, DAY + 2 * STEP, name="h")
    assert register.rows(store.con) == []


def test_a_total_that_is_not_there_is_a_missing_column(world):
    town, store = world
    with_total(town)
    assert taken(town, store, [(40, 30)])["reason"].startswith("missing_column: declared column `all` is missing")


def test_numbers_are_read_as_written():
    from schemas.settings.source import Correction

    assert Correction.model_validate(correction()).multiply == Decimal("0.1")
