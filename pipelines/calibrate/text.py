"""A proposal as lines of text, as plain data, and as a fragment of YAML that still has to be decided."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from indicators.calibration import BLOCK, DAYS_A_MONTH, LEAST_DAYS, LEAST_SIGNALS
from pipelines.calibrate.propose import Outcome, Proposal
from pipelines.whatif.say import Say
from schemas import yamlfile
from schemas.settings import Band, format_duration

TODO = "TODO"


@cache
def _texts() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yamlfile.read(
        Path(__file__).with_name("texts.yaml"), "pipelines/calibrate/texts.yaml"
    ).data
    return found


def text(say: Say, key: str, **values: object) -> str:
    """A text filled in."""
    return _texts()[key][say.lang].format(**values)


def lines(outcome: Outcome, say: Say, path: Path) -> Iterator[str]:
    """The whole, in words."""
    yield text(say, "title", indicator=say.title(outcome.indicator), where=_where(outcome, say))
    yield from _basis(outcome, say)
    for proposal in outcome.proposals:
        yield ""
        yield from _proposal(outcome, proposal, say)
    yield ""
    yield text(say, "limits", path=path) if any(p.band for p in outcome.proposals) else text(say, "nothing_written")


def _where(outcome: Outcome, say: Say) -> str:
    if outcome.where["place"]:
        return say.place(outcome.where["place"])
    n = len(outcome.basis.days)
    kind = outcome.where["place_type"]
    return text(say, "of_type", type=kind, n=n) if kind else text(say, "everywhere", n=n)


def _basis(outcome: Outcome, say: Say) -> Iterator[str]:
    basis = outcome.basis
    if basis.first is None:
        yield text(say, "no_history")
        return
    yield text(
        say, "basis", first=basis.first, last=basis.last, days=len(basis.used), place_days=basis.place_days,
        values=say.number(basis.values), withheld=say.number(basis.withheld),
    )  # fmt: skip
    reasons = ", ".join(text(say, f"reason_{why}", n=n) for why, n in sorted(basis.left_out.items()))
    yield text(say, "left_out", reasons=reasons) if reasons else text(say, "none_left_out")


def _proposal(outcome: Outcome, p: Proposal, say: Say) -> Iterator[str]:
    yield text(say, "wish", band=say.level(p.wish.band), rate=say.number(p.wish.a_month)).capitalize()
    if p.trouble or p.band is None:
        yield "  " + _trouble(outcome, p, say)
        return
    card = say.cards[outcome.indicator]
    number = say.number
    told = [
        text(
            say,
            "edges",
            enter=number(p.band.enter),
            exit=number(p.band.exit or 0.0),
            unit="" if card.unit in ("-", "–") else f" {card.unit}",
            **_durations(p.band),
        ),
        text(say, "interval", low=number(p.low), high=number(p.high), block=BLOCK),
        text(
            say,
            "rate",
            rate=number(p.rate, 1),
            low=number(p.rate_low, 1),
            high=number(p.rate_high, 1),
            possible=number(p.possible, 1),
        ),
        _check(p, say),
        _now(p, say),
    ]
    if p.others:
        listed = "; ".join(f"for {format_duration(for_)}: enter {number(enter)}" for for_, enter in p.others)
        told.append(text(say, "others", list=listed))
    if len(p.per_place) > 1:
        most = sorted(p.per_place.items(), key=lambda item: (-item[1], item[0]))
        told.append(text(say, "per_place", list=", ".join(f"{say.place(place)} {n}" for place, n in most if n)))
    yield from (f"  {line}" for line in [*told, *(text(say, f"note_{name}") for name in p.notes)])


def _durations(band: Band) -> dict[str, str]:
    return {"for_": format_duration(band.for_), "keep_for": format_duration(band.keep_for)}


def _trouble(outcome: Outcome, p: Proposal, say: Say) -> str:
    days = len(outcome.basis.used)
    fewest, most = p.reachable or (0.0, 0.0)
    low, high = p.limits
    return text(
        say, f"trouble_{p.trouble}", days=days, expected=say.number(p.wish.a_month * days / DAYS_A_MONTH, 1), least_days=LEAST_DAYS,
        least=say.number(LEAST_SIGNALS), fewest=say.number(fewest, 1), most=say.number(most, 1), low=say.number(low),
        high="∞" if high == float("inf") else say.number(high),
    )  # fmt: skip


def _check(p: Proposal, say: Say) -> str:
    c, number = p.check, say.number
    if c is None:
        return text(say, "no_check")
    return text(
        say,
        "check",
        fit=c.days_fit,
        rest=c.days_rest,
        edge=number(c.edge),
        seen=number(c.seen, 1),
        low=number(c.low, 1),
        high=number(c.high, 1),
    )


def _now(p: Proposal, say: Say) -> str:
    generic = f"enter {say.number(p.generic.enter)}" if p.generic else text(say, "no_generic")
    if p.now is None:
        return text(say, "no_now", generic=generic)
    exit_ = "–" if p.now.exit is None else say.number(p.now.exit)
    return text(say, "now", enter=say.number(p.now.enter), exit=exit_, generic=generic, **_durations(p.now))


def fragment(outcome: Outcome, say: Say, command: str) -> str:
    """YAML for the municipality's own file, with what stands behind it as comments, and TODO where a person decides."""
    found = [p for p in outcome.proposals if p.band]
    looser = any(name.startswith("looser") for p in found for name in p.notes)
    comment = [
        text(say, "file_head"),
        "",
        command,
        "",
        text(say, "title", indicator=say.title(outcome.indicator), where=_where(outcome, say)),
    ]
    comment += list(_basis(outcome, say))
    for p in found:
        comment += list(_proposal(outcome, p, say))
    rows = [*(f"# {line}".rstrip() for line in comment), "thresholds:", f"  - indicator: {outcome.indicator}"]
    rows += [f"    {name}: {value}" for name, value in outcome.where.items() if value]
    rows += [f"    effective_from: {TODO}  # {text(say, 'file_effective')}", "    bands:"]
    rows += [f"      {p.wish.band}: {_band(p.band)}" for p in found if p.band]
    rows += [f"    owner: {TODO}  # {text(say, 'file_owner')}", f"    decided_on: {TODO}", f"    review_by: {TODO}"]
    rows.append(f"    reason: {TODO}  # {text(say, 'file_reason_looser' if looser else 'file_reason')}")
    return "\n".join(rows) + "\n"


def _band(band: Band) -> str:
    count = f", for_intervals: {band.for_intervals}" if band.for_intervals else ""
    times = _durations(band)
    return f"{{enter: {band.enter:g}, exit: {band.exit:g}, for: {times['for_']}{count}, keep_for: {times['keep_for']}}}"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """Everything as plain data, for ``--json``."""
    b = outcome.basis
    return {
        "indicator": outcome.indicator, **outcome.where, "from": outcome.start, "to": outcome.end,
        "basis": {"places": list(b.places), "days": len(b.used), "place_days": b.place_days, "left_out": dict(b.left_out), "values": b.values,
                  "withheld": b.withheld, "first": b.first, "last": b.last},
        "proposals": [_proposal_data(p) for p in outcome.proposals],
    }  # fmt: skip


def _proposal_data(p: Proposal) -> dict[str, Any]:
    band = p.band and {"enter": p.band.enter, "exit": p.band.exit, **{k.rstrip("_"): v for k, v in _durations(p.band).items()}}
    check = p.check and {**vars(p.check), "fits": p.check.fits(p.wish.a_month)}
    return {
        "band": p.wish.band, "wished_a_month": p.wish.a_month, "trouble": p.trouble, "proposal": band, "enter_low": p.low, "enter_high": p.high,
        "rate": p.rate, "rate_low": p.rate_low, "rate_high": p.rate_high, "rate_possible": p.possible, "check": check, "notes": list(p.notes),
        "signals_per_place": p.per_place, "with_another_for": [{"for": format_duration(f), "enter": e} for f, e in p.others],
        "reachable": p.reachable,
    }  # fmt: skip
