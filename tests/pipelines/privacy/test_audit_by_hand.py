"""The audit on worlds of a few cells, worked out by hand: what leaks is found with its derivation, what does not leak is not."""

from datetime import timedelta

from pipelines.privacy import audit
from tests.pipelines.privacy.published import QUARTER, START, Cell, config, journey, line, primary, publish

K = 15


def found(tmp_path, cells, places=(), k=K, **settings):
    report = audit(publish(tmp_path / "published", cells, places), config(k, **settings), {})
    return report, {(u.what, u.cell.place, u.cell.measure): u.possible for u in report.unsafe}


def test_rule_07_a_total_beside_its_directions_gives_the_withheld_one_back(tmp_path):
    cells = [Cell("count_in", "gate", 40), Cell("count_out", "gate", 6), Cell("count_total", "gate", 46, source="b")]
    report, unsafe = found(tmp_path, primary(cells, K))
    assert unsafe == {("withheld", "gate", "count_out"): (6,)} and report.withheld == 1
    [step] = report.unsafe[0].derivation
    told = [(t.factor, t.measure, t.low) for t in step.terms]
    assert (step.kind, told) == ("directions", [(1, "count_total", 46), (-1, "count_in", 40), (-1, "count_out", 1)])


def test_without_the_total_every_value_remains(tmp_path):
    report, unsafe = found(tmp_path, primary([Cell("count_in", "gate", 40), Cell("count_out", "gate", 6)], K))
    assert not unsafe and report.withheld == 1 and report.counts == 2


def test_two_withheld_directions_are_safe_only_where_their_sum_leaves_every_value(tmp_path):
    for total, safe in ((12, False), (15, True), (20, False)):
        cells = [
            Cell("count_in", "gate", 5),
            Cell("count_out", "gate", total - 5),
            Cell("count_total", "gate", total, source="b"),
        ]
        hidden = [c.hidden(0, K - 1) for c in cells[:2]] + cells[2:]
        _, unsafe = found(tmp_path / str(total), hidden)
        assert (not unsafe) == safe, total


def test_a_total_withheld_as_the_range_of_its_parts_tells_nothing_more(tmp_path):
    cells = [
        Cell("count_in", "gate", 40),
        Cell("count_out", "gate", 6).withheld(K),
        Cell("count_total", "gate", 46, source="b").hidden(40, 54),
    ]
    assert not found(tmp_path, cells)[1]


def test_rule_07_an_hour_beside_its_quarters_gives_a_quarter_back(tmp_path):
    quarters = [Cell("count_in", "gate", n, start=START + i * QUARTER) for i, n in enumerate((40, 30, 3, 20))]
    hour = Cell("count_in", "gate", 93, source="b", length=timedelta(hours=1))
    assert found(tmp_path, primary([*quarters, hour], K))[1] == {("withheld", "gate", "count_in"): (3,)}


def test_a_quarter_that_was_not_counted_is_a_group_too(tmp_path):
    quarters = [Cell("count_in", "gate", n, start=START + i * QUARTER) for i, n in enumerate((40, 30, 3, 20))]
    quarters[2] = Cell("count_in", "gate", 3, start=START + 2 * QUARTER, status="missing")
    hour = Cell("count_in", "gate", 93, source="b", length=timedelta(hours=1))
    assert found(tmp_path, [*quarters, hour])[1] == {("group", "gate", "count_in"): (3,)}


def trips(origin, to, n, **more):
    return Cell("trips", f"{origin}-to-{to}", n, dataset="od_flows", **more)


def test_rule_07_the_margins_of_journeys_give_a_journey_back(tmp_path):
    places = [journey("a", "b"), journey("a", "c")]
    cells = [trips("a", "b", 50), trips("a", "c", 4), Cell("boarding", "a", 54, source="stops", dataset="stop_counts")]
    assert found(tmp_path, primary(cells, K), places)[1] == {("withheld", "a-to-c", "trips"): (4,)}


def test_journeys_that_are_not_listed_are_a_group_left_over(tmp_path):
    """Where known intervals show that more board than are listed, the rest is a group: exposed when it is small."""
    places = [journey("a", "b")]
    busy = [(50, 120), (60, 140), (50, 54)]
    cells = [
        c
        for i, (some, all_) in enumerate(busy)
        for c in (
            trips("a", "b", some, start=START + i * QUARTER),
            Cell("boarding", "a", all_, source="stops", dataset="stop_counts", start=START + i * QUARTER),
        )
    ]
    report, unsafe = found(tmp_path, cells, places)
    assert unsafe == {("group", "a", "boarding"): (4,)} and report.unsafe[0].cell.interval_start == START + 2 * QUARTER


def test_rule_07_people_before_and_after_give_a_direction_back(tmp_path):
    places = [line("gate", "street", "square"), {"place": "square", "place_kind": "zone", "perimeter": "complete"}]
    zone = [
        Cell("present", "square", n, dataset="zone_counts", source="cameras", start=START + i * QUARTER)
        for i, n in enumerate((100, 132))
    ]
    gate = [Cell(m, "gate", n, start=START + QUARTER) for m, n in (("count_in", 40), ("count_out", 8))]
    assert found(tmp_path, primary([*zone, *gate], K), places)[1] == {("withheld", "gate", "count_out"): (8,)}


def test_sources_that_do_not_count_the_same_are_not_added_up(tmp_path):
    """A total of other cameras fits in no known interval: nobody can subtract it from anything."""
    cells = []
    for i in range(20):
        cells += [Cell("count_in", "gate", 40, start=START + i * QUARTER), Cell("count_out", "gate", 6 if i == 19 else 30, start=START + i * QUARTER),
                  Cell("count_total", "gate", 77 + i, source="b", start=START + i * QUARTER)]  # fmt: skip
    report, unsafe = found(tmp_path, primary(cells, K))
    assert not unsafe and report.apart == (("directions", "b|a"),)


def test_a_revision_that_stands_beside_an_unchanged_total_is_found(tmp_path):
    """First 20 + 30 = 50, all published. Then the 20 becomes 12 and the total 42: the later total gives 12 back."""
    later = START + timedelta(hours=2)
    cells = [Cell("count_in", "gate", 30), Cell("count_out", "gate", 20, until=later), Cell("count_total", "gate", 50, source="b", until=later),
             Cell("count_out", "gate", 12, since=later).withheld(K), Cell("count_total", "gate", 42, source="b", since=later)]  # fmt: skip
    report, unsafe = found(tmp_path, cells)
    assert unsafe == {("withheld", "gate", "count_out"): (12,)} and report.unsafe[0].since == later


def test_a_total_that_was_published_once_is_known_for_ever(tmp_path):
    """The total is withheld in a later version, when it was too late."""
    later = START + timedelta(hours=2)
    cells = [Cell("count_in", "gate", 30), Cell("count_out", "gate", 12).withheld(K), Cell("count_total", "gate", 42, source="b", until=later),
             Cell("count_total", "gate", 42, source="b", since=later).hidden(30, 44)]  # fmt: skip
    assert found(tmp_path, cells)[1] == {("withheld", "gate", "count_out"): (12,)}


def test_what_one_file_hides_and_another_shows_is_known(tmp_path):
    cell = Cell("count_in", "gate", 6)
    publish(tmp_path / "published" / "area-security", [cell])
    assert found(tmp_path, [cell.withheld(K)])[1] == {("shown", "gate", "count_in"): (6,)}


def test_where_zero_is_withheld_too_it_remains_possible(tmp_path):
    cells = [Cell("count_in", "gate", 0).hidden(0, K - 1), Cell("count_out", "gate", 15).hidden(0, K - 1)]
    with_total = [*cells, Cell("count_total", "gate", 14, source="b")]
    assert not found(tmp_path, with_total, withhold_zero=True)[1]
    assert found(tmp_path / "zero", with_total)[1], "with zero shown, 14 is out of the question"


def test_a_bound_counts_as_much_as_a_number(tmp_path):
    """A total published as 41 to 44 beside 40: the other direction lies in 1 to 4."""
    cells = [
        Cell("count_in", "gate", 40),
        Cell("count_out", "gate", 2).withheld(K),
        Cell("count_total", "gate", 42, source="b").hidden(41, 44),
    ]
    assert found(tmp_path, cells)[1] == {("withheld", "gate", "count_out"): (1, 2, 3, 4)}


def test_nothing_withheld_is_said(tmp_path):
    report, unsafe = found(tmp_path, [Cell("count_in", "gate", 40)])
    assert (report.counts, report.withheld, unsafe) == (1, 0, {})
