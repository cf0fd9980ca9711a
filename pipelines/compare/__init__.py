"""Two configurations side by side: what is equal, what differs, which of it was decided here, and what differs without a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from indicators.card import Card
from pipelines.compare import facts
from pipelines.compare.facts import DECIDED, KINDS, Fact
from schemas.config import Config

GENERIC = "generic"
WHOLE = ("places", "sources")


@dataclass(frozen=True)
class Difference:
    """One key that is not the same on both sides; a side without the fact is None. ``unexplained``: decided, and nobody says why."""

    kind: str
    key: str
    a: Fact | None
    b: Fact | None

    @property
    def unexplained(self) -> bool:
        """Whether a specific side that should say why does not."""
        specific = [f for f in (self.a, self.b) if f and f.specific]
        return self.kind in DECIDED and any(not f.reason for f in specific)


@dataclass(frozen=True)
class Comparison:
    """``same``: keys that are equal on both sides, as (kind, key, specific on both sides)."""

    a: str
    b: str
    same: list[Fact]
    differences: list[Difference]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        told = [{**asdict(d), "unexplained": d.unexplained} for d in self.differences]
        return {"a": self.a, "b": self.b, "same": [asdict(f) for f in self.same], "differences": told}


def two(a: tuple[str, Config, Mapping[str, Card]], b: tuple[str, Config, Mapping[str, Card]]) -> Comparison:
    """Two municipalities, or two versions of one: (title, config, cards) each.

    Where only one side set a threshold, the other shows what holds there instead.
    """
    left, right = facts.of(a[1], a[2]), facts.of(b[1], b[2])
    left |= {k: f for k, f in facts.generic(b[1], a[2], right.values()).items() if k not in left and _fills(a[1], f)}
    right |= {k: f for k, f in facts.generic(a[1], b[2], left.values()).items() if k not in right and _fills(b[1], f)}
    return _compared(a[0], b[0], left, right)


def with_generic(title: str, config: Config, cards: Mapping[str, Card]) -> Comparison:
    """A municipality against what would hold had it decided nothing."""
    own = {key: f for key, f in facts.of(config, cards).items() if f.kind not in facts.ALWAYS_OWN}
    return _compared(title, GENERIC, own, facts.generic(config, cards, own.values()))


def _fills(config: Config, fact: Fact) -> bool:
    """Whether a generic threshold is of an indicator that is on there (else nothing holds)."""
    return fact.kind == "thresholds" and fact.key.split(" · ")[0] in config.municipality.indicators


def _compared(a: str, b: str, left: Mapping[tuple[str, str], Fact], right: Mapping[tuple[str, str], Fact]) -> Comparison:
    same, differences = [], []
    for key in sorted({*left, *right}, key=lambda k: (KINDS.index(k[0]), k[1])):
        one, other = left.get(key), right.get(key)
        if one and other and one.value == other.value:
            same.append(one)
        else:
            differences.append(Difference(*key, one, other))
    return Comparison(a, b, same, _whole(differences, left, right))


def _whole(
    found: list[Difference], left: Mapping[tuple[str, str], Fact], right: Mapping[tuple[str, str], Fact]
) -> list[Difference]:
    """A place or source that only one side has is one difference, not one for each of its attributes."""
    here, there = ({(kind, _thing(key)) for kind, key in side if kind in WHOLE} for side in (left, right))
    only = here ^ there
    parts: dict[tuple[str, str], list[Difference]] = {}
    for difference in found:
        thing = (difference.kind, _thing(difference.key))
        parts.setdefault(thing if thing in only else (difference.kind, difference.key), []).append(difference)
    return [
        Difference(*thing, _joined([d.a for d in ds]), _joined([d.b for d in ds])) if thing in only else ds[0]
        for thing, ds in parts.items()
    ]


def _thing(key: str) -> str:
    return key.split(" · ", maxsplit=1)[0]


def _joined(parts: list[Fact | None]) -> Fact | None:
    known = [p for p in parts if p is not None]
    if not known:
        return None
    value = ", ".join(f"{p.key.split(' · ')[1]} {p.value}" for p in known)
    return Fact(known[0].kind, _thing(known[0].key), value, True, known[0].file, known[0].line, known[0].reason or "only here")
