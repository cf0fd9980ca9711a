"""The same input twice changes nothing; a late file changes just the slots it touches and what looks back on them."""

import shutil
from datetime import timedelta

from pipelines.store import Store
from tests.town import START, STEP, Town, rows

VALUES = "SELECT indicator, place, interval_start, value, level, status, recorded_at FROM {indicator_values} ORDER BY ALL"
DAY = 96 * STEP


def morning(town, slots, issued, name):
    town.zones(issued, [(START + i * STEP, "square", 1000 + 10 * i) for i in slots], name=name)


def changed(before, after):
    """Keys (indicator, place, slot) whose row is not the very same as before, the moment of recording included."""
    old = {row[:3]: row for row in before}
    return {(i, p, int((t - START) / STEP)) for i, p, t, *_ in after if old.get((i, p, t)) != (i, p, t, *_)}


def test_the_same_input_twice_changes_nothing(tmp_path):
    town = Town(tmp_path)
    morning(town, range(8), START + 8 * STEP, "a")
    at = START + 10 * STEP
    with Store(tmp_path / "w") as store:
        assert town.tick(store, at).values_changed > 0
        before = rows(store, VALUES)
        again = town.tick(store, at)
        assert again.nothing_due and again.message_en.startswith("nothing due")
        path = next((town.data / "zones").iterdir())
        shutil.copyfile(path, path.with_name("copy_" + path.name))
        doubled = town.tick(store, at)
        assert [d["state"] for d in doubled.deliveries] == ["duplicate"]
        assert [d["rows_duplicate"] for d in doubled.deliveries] == [8]
        assert (doubled.slots_computed, doubled.values_changed, doubled.situations) == (0, 0, [])
        assert rows(store, VALUES) == before
        assert rows(store, "SELECT count(*) FROM {observations_superseded}") == [(0,)]


def test_a_late_file_changes_just_the_slots_it_touches(tmp_path):
    town = Town(tmp_path, only="density")
    morning(town, [0, 1, 4, 5], START + 6 * STEP, "a")
    with Store(tmp_path / "w") as store:
        town.tick(store, START + 8 * STEP)
        before = rows(store, VALUES)
        morning(town, [2, 3], START + 9 * STEP, "late")
        summary = town.tick(store, START + 8 * STEP + timedelta(hours=2))
        late = {("density", "square", n) for n in (2, 3)}
        newly_due = {k for k in changed(before, rows(store, VALUES)) if k[2] >= 7}  # slot 7 was not due before
        assert changed(before, rows(store, VALUES)) - newly_due == late
        assert summary.values_changed == len(late | newly_due)


def test_a_late_row_reaches_later_days_only_through_a_baseline_that_really_changed(tmp_path):
    """Ten weeks of the same Monday morning; a late row of week two equal to the others moves no median, a large one does."""
    for extra, moves in ((1000, False), (5000, True)):
        town = Town(tmp_path / str(extra), only="unusualness")
        week = {w: START + timedelta(days=7 * w) for w in range(10)}
        missing = 2
        for w, monday in week.items():
            known = [(monday + i * STEP, "square", 1000) for i in range(40) if not (w == missing and i == 20)]
            town.zones(monday + 41 * STEP, known, name=f"w{w}")
        end = week[9] + DAY
        with Store(tmp_path / str(extra) / "w") as store:
            town.tick(store, end)
            before = rows(store, "SELECT local_date, local_time, median, mad, p95, place_p95, n FROM {baselines} ORDER BY ALL")
            town.zones(end + STEP, [(week[missing] + 20 * STEP, "square", extra)], name="late")
            town.tick(store, end + 2 * STEP)
            after = rows(store, "SELECT local_date, local_time, median, mad, p95, place_p95, n FROM {baselines} ORDER BY ALL")
            medians = {r[:3] for r in before} ^ {r[:3] for r in after}
            counts = {r[:2] for r in set(after) - set(before)}
            assert counts, "n grew by one in the weeks after"
            assert min(day for day, _ in counts) > week[missing].date()
            assert not medians, "one value among twenty-four does not move a median"
            percentiles = {(r[0], r[1]) for r in set(after) - set(before) if dict.fromkeys([r[4]]) != {1000.0: None}}
            assert bool(percentiles) == moves
