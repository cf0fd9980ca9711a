"""An explanation as lines for a terminal, part by part, from the sentence down to the verdict."""

from __future__ import annotations

from collections import Counter

from pipelines.explain import text_judging
from pipelines.explain.found import Behind, Candidate, Explanation, InputFound, Line, Record, Row
from pipelines.explain.path_text import held, path
from pipelines.explain.say import DASH, Say, indent, unit_of
from schemas.config import Config

MOST_ROWS = 12


def lines(found: Explanation, config: Config, lang: str) -> list[str]:
    """The whole explanation. Parts that have nothing to say are left out."""
    say = Say(lang, config.tz)
    parts = [
        [found.sentence[lang], *filter(None, [held(found, say)])],
        *(part(found, say) for part in (_situation, _known, _formula, _inputs)),
        *(part(found, say) for part in (text_judging.thresholds, text_judging.settings, text_judging.baseline)),
        *(path(found, name, say) for name in found.paths),
        *(part(found, say) for part in (text_judging.confidence, text_judging.revisions, text_judging.verdict)),
    ]
    out: list[str] = []
    for part in (p for p in parts if p):
        out += ["", *part] if out else part
    return out


def _situation(found: Explanation, say: Say) -> list[str]:
    it = found.situation
    if it is None:
        return []
    span = {
        "start": say.moment(it["started_at"]),
        "end": say.moment(it["ended_at"]),
        "seen": say.moment(it["observed_until"]),
        "origin": say.text(f"origin_{it['origin']}"),
    }
    goes_on = it["ended_at"] is None
    ended = {} if goes_on else {"reason": say.word("end_reason", it["end_reason"])}
    return [
        say.text("head_situation", id=it["situation_id"]),
        *indent([
            say.text("situation_is", risk=say.word("safety_risk", it["safety_risk"]), state=say.word("state", it["state"]),
                     level=say.word("level", it["level"]), peak=say.word("level", it["peak_level"])),
            say.text("situation_goes_on" if goes_on else "situation_span", **span, **ended),
            say.text("signalled", moment=say.moment(it["signalled_at"])) if it["signalled_at"] else say.text("not_signalled"),
            it[f"explanation_{say.lang}"],
            say.text("situation_slot", indicator=found.value["indicator"]),
        ]),
    ]  # fmt: skip


def _known(found: Explanation, say: Say) -> list[str]:
    value = found.value
    status = say.word("status", value["status"])
    if value["value"] is not None:
        told = [say.text("known_yes", status=status)]
    elif value["status"] == "not_applicable":
        told = [say.text("known_na")]
    elif value["value_low"] is not None:
        ends = {end: say.number(value[f"value_{end}"], found.card["digits"]) for end in ("low", "high")}
        told = [say.text("known_range", status=status, unit=unit_of(found).strip(), **ends).replace(" .", ".")]
        told.append(
            say.text("level_open")
            if value["level"] == "unknown"
            else say.text("level_from_range", level=say.word("level", value["level"]))
        )
    else:
        told = [say.text("known_no", reason=say.word("reason", value["reason"]) if value["reason"] else status)]
    if value["value"] is not None and value["reason"]:
        told.append(say.text("reason_is", reason=say.word("reason", value["reason"])))
    told.append(say.text("coverage", coverage=say.share(value["coverage"]), asked=say.share(found.card["min_coverage"])))
    told += [_counts(one, [r for r in found.rows if r.input == one.name], say) for one in found.inputs if one.candidates]
    return [say.text("head_known"), *indent(told)]


def _counts(one: InputFound, rows: list[Row], say: Say) -> str:
    """How many of the rows behind an input are known, and how many are not, in kind."""
    kinds = Counter(row.status for row in rows)
    others = "".join(f", {n} {say.word('status', status)}" for status, n in sorted(kinds.items()) if status != "ok")
    known = kinds["ok"] + kinds["suppressed"]
    return say.text("counted_rows", name=one.name, known=known, all=len(rows), others=others)


def _formula(found: Explanation, say: Say) -> list[str]:
    card = found.card
    out = [say.text("head_formula", card=card["id"], version=card["version"], hash=card["definition_hash"])]
    for line in found.formula:
        out += indent(_steps(line, found, say) if line.role in ("let", "formula") else [_condition(line, say)])
    return out


def _steps(line: Line, found: Explanation, say: Say) -> list[str]:
    """``name = as written``, ``= with numbers``, ``= what came out``, below each other."""
    result = line.result if line.result is not None else say.text("no_result")
    if line.role == "formula" and line.result is not None:
        if found.value["status"] == "suppressed":
            result = say.text("withheld_result", range=line.result)
        else:
            value = f"{float(found.recomputed['value_low']):.{found.card['digits']}f}{unit_of(found)}"
            result = say.text("rounded", raw=line.result, value=value) if found.recomputed["value"] is not None else line.result
    pad = " " * len(line.name)
    middle = [] if line.filled in (line.text, line.result) else [f"{pad} = {line.filled}"]
    return [f"{line.name} = {line.text}", *middle, f"{pad} = {result}"]


def _condition(line: Line, say: Say) -> str:
    role = say.text(f"role_{line.role}", name=say.word("level", line.name) if line.name else "")
    verdict = say.text("holds_open" if line.holds is None else "holds_true" if line.holds else "holds_false")
    bad = line.holds is (line.role == "cap")
    because = f" ({say.word('reason', line.reason)})" if line.reason and line.holds is not None and bad else ""
    return f"{role}: {line.text}: {line.filled}: {verdict}{because}"


def _inputs(found: Explanation, say: Say) -> list[str]:
    out = [say.text("head_inputs")]
    for one in found.inputs:
        partly = one.shown is None and one.status in ("ok", "suppressed")
        shown = say.text("partly_known") if partly else one.shown or say.word("status", one.status)
        back = f"  ({say.text('looks_back', minutes=say.number(one.minutes_ago))})" if one.minutes_ago else ""
        out += indent([say.text("input_is", name=one.name, shown=shown) + back])
        out += indent(_sources(one, found.value["place"], say), 2)
        if one.candidates:
            out += indent(_rows([r for r in found.rows if r.input == one.name], say), 2)
        else:
            out += indent([_part(part, say) for part in found.parts], 2)
    return out


def _sources(one: InputFound, place: str, say: Say) -> list[str]:
    """The source that counted and why, what it is made of, and the others that could have."""
    if not one.candidates:
        return [say.text("made_of_indicators")]
    told = []
    for way in sorted(one.candidates, key=lambda c: not c.counted):
        names = {"measure": way.measure, "source": way.source, "rank": way.rank}
        if not way.counted:
            told.append(say.text("candidate", status=_standing(way, say), **names))
            continue
        told.append(say.text("source_is", why=say.text(one.why), **names))
        if any((b.place, b.factor) != (place, 1.0) for b in way.behind):
            parts = [_behind(b, say) for b in way.behind[:MOST_ROWS]] + ["…"] * (len(way.behind) > MOST_ROWS)
            told.append(say.text("behind", parts=", ".join(parts)))
    return told


def _behind(part: Behind, say: Say) -> str:
    sign = {1.0: "+ ", -1.0: "- "}.get(part.factor, f"{say.number(part.factor)} × ")
    return f"{sign}{part.place} {part.measure}"


def _standing(way: Candidate, say: Say) -> str:
    """What a source that did not count had for the slot."""
    if way.status is None:
        return say.text("too_coarse_for_slot")
    if way.status == "none":
        return say.text("nothing_due")
    return say.text("and_coverage", status=say.word("status", way.status), coverage=say.share(way.coverage))


def _part(part: Record, say: Say) -> str:
    return say.text("part", name=part["indicator"], weight=say.number(part["weight"]), level=say.word("level", part["level"]),
                    because=say.because(part["status"], part["reason"]))  # fmt: skip


def _rows(rows: list[Row], say: Say) -> list[str]:
    """The rows behind an input; of many those that are not plainly measured go first, then the latest, and the rest is counted."""
    if not rows:
        return [say.text("no_observations")]
    latest = sorted(rows, key=lambda r: r.interval_start, reverse=True)
    shown = sorted(
        sorted(latest, key=lambda r: r.status == "ok")[:MOST_ROWS], key=lambda r: (r.interval_start, r.place, r.measure)
    )
    told = [line for row in shown for line in _row(row, say)]
    rest = Counter(row.status for row in rows) - Counter(row.status for row in shown)
    if rest:
        status = ", ".join(f"{n} {say.word('status', s)}" for s, n in sorted(rest.items()))
        told.append(say.text("more_rows", n=rest.total(), status=status))
    return told


def _row(row: Row, say: Say) -> list[str]:
    clock = f"{say.hour(row.interval_start)}–{say.hour(row.interval_end)}"
    check = say.text(row.file_check, says=row.file_says or "")
    told = [f"{clock}  {row.place}  {row.measure} = {row.value or DASH}  [{say.word('status', row.status)}]"]
    where = say.text("file_line", delivery=row.delivery, row=row.file_row) if row.delivery and row.file_row else row.delivery
    told.append(f"    {where}: {check}" if where else f"    {check}")
    if row.received_at:
        told.append("    " + say.text("delivered", issued=say.moment(row.issued_at), received=say.moment(row.received_at),
                                      recorded=say.moment(row.recorded_at)))  # fmt: skip
    return told
