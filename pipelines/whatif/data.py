"""An answer as plain data, for ``--json``."""

from __future__ import annotations

from typing import Any

from pipelines.whatif.answer import Answer
from pipelines.whatif.episodes import KINDS, Pair, Signals
from pipelines.whatif.say import SHIFTS

_SIDE = ("situation_id", "safety_risk", "place", "state", "peak_level", "started_at", "signalled_at", "ended_at", "leading_indicator", "reasons",
         "confidence")  # fmt: skip


def as_data(answer: Answer) -> dict[str, Any]:
    """Everything of the answer but the pictures; shifts are minutes later (negative: earlier)."""
    return {
        "municipality": answer.municipality, "from": answer.start, "to": answer.end, "affected": answer.affected,
        "signals": {"before": _signals(answer.before), "after": _signals(answer.after)},
        "situations": {kind: len(answer.of_kind(kind)) for kind in KINDS} | {"untouched": answer.untouched},
        "differences": [_pair(p) for p in answer.pairs if p.kind != "same"],
        "hours_at_level": [
            {"indicator": s.indicator, "place": s.place, "before": s.before, "after": s.after, "moved": s.moved} for s in answer.shares
        ],
        "notes": answer.notes,
    }  # fmt: skip


def _signals(found: Signals) -> dict[str, Any]:
    return {
        "count": found.count,
        "hours": found.hours,
        "an_hour": found.an_hour,
        "busiest_hour": found.busiest,
        "busiest_at": found.busiest_at,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    sides = {name: side and {c: side[c] for c in _SIDE} for name, side in (("before", pair.before), ("after", pair.after))}
    return {"kind": pair.kind, **sides, "shifts_minutes": {c.removesuffix("_at"): pair.shift(c) for c in SHIFTS}}
