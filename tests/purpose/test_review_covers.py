"""What a review covers: less of anything stays covered, more of anything makes it void (rule 23)."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.settings.review import ADDS, Use
from tests import evidence

NAMES = tuple("abcde")
some = st.lists(st.sampled_from(NAMES), unique=True).map(tuple)
many = st.lists(st.sampled_from(NAMES), unique=True, min_size=1).map(tuple)
lengths = st.integers(1, 4).map(lambda days: timedelta(days=days))
uses = st.builds(
    Use, datasets=st.dictionaries(st.sampled_from(NAMES), some), indicators=some, allowed_datasets=some, allowed_indicators=some,
    places=some, k=st.integers(1, 4), withhold_zero=st.booleans(), audience=many,
    retention=st.fixed_dictionaries({"counts": lengths, "indicators": lengths}),
)  # fmt: skip


def widened(now: Use, then: Use) -> bool:
    """The rule in other words: whether anything is more than it was."""
    before = {(d, c) for d, columns in then.datasets.items() for c in columns}
    added = any((d, c) not in before for d, columns in now.datasets.items() for c in columns if d in then.datasets)
    added |= not set(now.datasets) <= set(then.datasets)
    added |= not set(now.allowed_datasets) <= {*then.allowed_datasets, *then.datasets}
    added |= not set(now.indicators) <= set(then.indicators) or not set(now.allowed_indicators) <= set(then.allowed_indicators)
    added |= not set(now.places) <= set(then.places) or not set(now.audience) <= set(then.audience)
    longer = any(now.retention[c] > then.retention[c] for c in now.retention)
    return added or longer or now.k < then.k or (then.withhold_zero and not now.withhold_zero)


@settings(max_examples=evidence.count(100, 2_000))
@given(uses, uses)
def test_void_exactly_when_something_is_more_than_it_was(now: Use, then: Use) -> None:
    assert bool(now.beyond(then)) == widened(now, then)


@settings(max_examples=evidence.count(50, 2_000))
@given(uses, st.randoms(use_true_random=False))
def test_the_fingerprint_does_not_depend_on_the_order(one: Use, chance) -> None:
    def shuffled(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(chance.sample(names, len(names)))

    listed = ("indicators", "allowed_datasets", "allowed_indicators", "places", "audience")
    other = one.model_copy(update={
        **{name: shuffled(getattr(one, name)) for name in listed},
        "datasets": {name: shuffled(one.datasets[name]) for name in shuffled(tuple(one.datasets))},
    })  # fmt: skip
    assert other.fingerprint == one.fingerprint
    assert other.beyond(one) == []
    assert one.model_copy(update={"k": one.k + 1}).fingerprint != one.fingerprint


@settings(max_examples=evidence.count(50, 2_000))
@given(uses, uses)
def test_what_only_adds_is_told_apart_from_what_takes_protection_away(now: Use, then: Use) -> None:
    kinds = {b.kind for b in now.beyond(then)}
    assert ("k" in kinds) == (now.k < then.k) and ("audience" in kinds) == bool(set(now.audience) - set(then.audience))
    assert not {"k", "zero", "audience", "retention"} & set(ADDS)
