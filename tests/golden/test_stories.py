"""Every story: told as expected, cell by cell; people see what it says; backfilled or live makes no difference."""

import pytest

from schemas.results import TABLES
from tests.golden import cells, play, story, telling

NAMES = story.names()
# What rule 22 leaves out, and the origin, which says whether a situation was seen live.
NOT_COMPARED = {"recorded_at", "run_id", "delivery_id", "revision", "situation_id", "group_id", "signalled_at", "origin"}


def rows(seen, known=TABLES):
    """Comparable rows of what was published, by table."""
    tables = {"indicator_values": seen.values, "situations": seen.situations, "observations": seen.observations}
    return {
        name: [{c: row[c] for c in known[name].columns if c not in NOT_COMPARED} for row in found]
        for name, found in tables.items()
    }


def first_difference(one, other):
    for name in one:
        pairs = [*zip(one[name], other[name], strict=False)]
        for left, right in pairs:
            if left != right:
                differ = {c: (left[c], right[c]) for c in left if left[c] != right[c]}
                return f"{name}: {left.get('place')} {left.get('interval_start', left.get('started_at'))}: {differ}"
        if len(one[name]) != len(other[name]):
            return f"{name}: {len(one[name])} rows and {len(other[name])}"
    return None


@pytest.mark.parametrize("name", NAMES)
def test_a_story_ends_as_expected(name, played):
    told = telling.tell(played(name).story, played(name).seen)
    expected = (story.STORIES / f"{name}.txt").read_text(encoding="utf-8")
    differ = cells.differences(expected, told)
    assert not differ, "\n".join([*differ, "see: python -m tests.golden " + name])


@pytest.mark.parametrize("name", NAMES)
def test_every_key_stands_once(name, played):
    last = played(name).seen[-1]
    for table, found in (("indicator_values", last.values), ("situations", last.situations), ("observations", last.observations)):
        keys = [tuple(row[c] for c in TABLES[table].key) for row in found]
        assert len(set(keys)) == len(keys), f"{table}: {next(k for k in keys if keys.count(k) > 1)}"


@pytest.mark.parametrize("name", NAMES)
def test_people_see_what_the_story_says(name, played):
    wrong = telling.missed(played(name).story, played(name).seen)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_rule_22_backfilled_at_the_end_is_equal_to_live(name, played, filled):
    live, backfill = rows(played(name).seen[-1]), rows(filled(name).seen[-1])
    assert live["indicator_values"], "nothing was computed"
    assert live == backfill, first_difference(live, backfill)


@pytest.mark.parametrize("name", NAMES)
def test_rule_10_what_was_known_at_a_run_can_still_be_asked_for(name, played):
    live = played(name)
    for seen in live.seen:
        assert play.look(live.story, live.folder, seen.at, known=seen.at) == seen, f"as known at {live.story.clock.tell(seen.at)}"
