"""An explanation as lines for a terminal, second half: what the value was judged against, and whether it all agrees."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np

from indicators import judged
from indicators.baseline import MIN_VALUES
from pipelines.explain.found import Explanation, Record
from pipelines.explain.say import DASH, Say, indent, unit_of
from schemas.settings import BANDS


def thresholds(found: Explanation, say: Say) -> list[str]:
    out = [say.text("head_thresholds", hash=found.value["config_hash"])]
    bands = found.settings["bands"]
    if not bands:
        return [*out, *indent([say.text("no_bands")])]
    if not found.same_config:
        out += indent([say.text("other_config")])
    for name in (b for b in reversed(BANDS) if b in bands):
        band = bands[name]
        key, reached = f"band_{found.card['direction']}", say.text(_reached(found, name))
        out += indent([say.text(key, name=say.word("level", name), reached=reached, **_edges(band, say)).rstrip()])
        if band["at_once"]:
            out += indent([say.text("at_once", condition=band["at_once"])], 2)
        if not found.same_config:
            out += indent(
                [say.text("kept_band", layer=say.text(f"layer_{band['layer']}"), file=band["file"], line=band["line"])], 2
            )
        for link in reversed([x for x in found.chain if x["what"] == "band" and x["name"] == name]):
            out += indent(_link(link, found, say), 2)
    return out


def _reached(found: Explanation, band: str) -> str:
    """Code: whether the value reached a band, from the bits that decide the held level."""
    bits, number = judged.decode(np.array([found.recomputed["judged"]])), BANDS.index(band)
    if bits.reached_unknown[0, number]:
        return "reached_unknown"
    return "reached" if bits.reached[0, number] else "not_reached"


def _edges(band: Record, say: Say) -> dict[str, str]:
    names = {"enter": "enter", "exit": "exit", "for_minutes": "for_minutes", "keep": "keep_for_minutes"}
    return {name: say.number(band[column]) for name, column in names.items()}


def _link(link: Record, found: Explanation, say: Say) -> list[str]:
    """One layer's word, and who decided it."""
    where = f"{say.text('layer_' + link['layer'])}, {link['file']}:{link['line']}"
    if not link["won"]:
        told = [say.text("replaced", where=where, text=_said(link["value"], say))]
    elif found.same_config:
        told = [say.text("in_force", where=where)]
    else:
        told = [say.text("in_force_now", where=where, text=_said(link["value"], say))]
    if link["owner"]:
        told.append("    " + say.text("decided", owner=link["owner"], decided=say.moment(link["decided_on"]), review=say.moment(link["review_by"]),
                                      reason=link["reason"] or DASH))  # fmt: skip
    return told


def _said(value: Any, say: Say) -> str:
    """A band, a length of time or a number of the chain."""
    if isinstance(value, dict):
        return say.text("edges", **_edges(value, say))
    return f"{say.number(value.total_seconds() / 60)} min" if isinstance(value, timedelta) else say.number(value)


def settings(found: Explanation, say: Say) -> list[str]:
    """Attributes, parameters and interval, with the layers that decided them."""
    links = [link for link in found.chain if link["what"] != "band"]
    out = [say.text("head_settings")]
    for name in (*found.settings["values"], "interval"):
        value = found.settings["values"].get(name)
        out += indent(
            [f"{name} = {say.number(value) if value is not None else str(found.settings['interval_minutes']) + ' min'}"]
        )
        for link in reversed([x for x in links if x["name"] == name]):
            out += indent(_link(link, found, say), 2)
    return out


def baseline(found: Explanation, say: Say) -> list[str]:
    if not found.baseline_wanted:
        return []
    time = f"{found.value['local_time']:%H:%M}"
    out = [say.text("head_baseline", time=time, minutes=found.settings["interval_minutes"])]
    if not found.baseline:
        return [*out, *indent([say.text("baseline_none")])]
    for row in found.baseline:
        few = "baseline_few" if row["n"] < MIN_VALUES else "baseline_not_used"
        key = "baseline_used" if row["used"] else few
        out += indent([say.text(key, kind=say.word("day_type", row["day_type"]))])
        figures = {c: say.number(row[c]) for c in ("median", "mad", "p10", "p20", "p50", "p80", "p90", "p95", "place_p95")}
        out += indent([
            say.text("baseline_figures", n=row["n"], days=row["valid_days"], **figures), say.text("baseline_percentiles", **figures),
            say.text("baseline_factor", g=say.number(row["level_factor"])) + (say.text("baseline_clip") if row["factor_at_clip"] else ""),
        ], 2)  # fmt: skip
    out += indent([say.text("baseline_holiday")]) if found.baseline[0]["is_holiday"] else []
    return out + (indent([say.text("baseline_event_day")]) if found.baseline[0]["is_event_day"] else [])


def confidence(found: Explanation, say: Say) -> list[str]:
    out = [say.text("head_confidence")]
    if found.confidence["value"] is None:
        return [*out, *indent([say.text("confidence_none")])]
    parts = [_trust(name, part, say) for name, part in found.confidence["inputs"].items()]
    told = parts[0] if len(parts) == 1 else say.text("confidence_least", parts="; ".join(parts))
    out += indent([say.text("confidence_value", value=say.number(found.confidence["value"], 2), parts=told)])
    of = found.confidence.get("situation")
    if of and of["confidence"] is not None:
        numbers = {"value": of["confidence"], "mean": of["mean_of_known"], "fresh": of["freshness"]}
        shown = {name: say.number(value, 2) for name, value in numbers.items()}
        out += indent([say.text("confidence_situation", known=of["known"], slots=of["slots"], **shown)])
    return out


def _trust(name: str, part: Record, say: Say) -> str:
    coverage = say.share(part["coverage"])
    if part["source"] is None:
        return say.text("confidence_coverage", name=name, coverage=coverage)
    return say.text("confidence_input", name=name, coverage=coverage, source=say.number(part["source"], 1))


def revisions(found: Explanation, say: Say) -> list[str]:
    out = [say.text("head_revisions")]
    versions = found.revisions["value"]
    if len(versions) == 1:
        out += indent([say.text("value_first", moment=say.moment(versions[0]["recorded_at"]))])
    else:
        out += indent([say.text("value_versions", n=len(versions))])
        out += indent([_version(v, found, say) for v in versions], 2)
    earlier = found.revisions["observations"]
    out += indent([say.text("observations_were" if earlier else "observations_none")])
    out += indent([_observation(row, say) for row in earlier], 2)
    return out + indent(_situation_versions(found.revisions.get("situation", []), say))


def _version(version: Record, found: Explanation, say: Say) -> str:
    return say.text(
        "version",
        recorded=say.moment(version["recorded_at"]),
        number=say.amount(version, found.settings["k"], found.card["digits"], unit_of(found)),
        level=say.word("level", version["level"]),
        because=say.because(version["status"], version["reason"]),
        now="" if version["superseded_at"] else say.text("version_now"),
    )


def _observation(row: Record, say: Say) -> str:
    return say.text(
        "observation_lost" if row["lost"] else "observation_was", clock=say.clock(row["interval_start"]), place=row["place"], measure=row["measure"],
        value=row["value"] or say.word("status", row["status"]), recorded=say.moment(row["recorded_at"]), superseded=say.moment(row["superseded_at"]),
        delivery=say.text("by_delivery", delivery=row["delivery"]) if row["delivery"] else "",
    )  # fmt: skip


def _situation_versions(versions: list[Record], say: Say) -> list[str]:
    """The versions at which state, level, begin or end changed."""
    if not versions:
        return []
    told, before = [say.text("situation_versions", n=len(versions))], None
    for version in versions:
        now = tuple(version[c] for c in ("state", "level", "peak_level", "started_at", "ended_at"))
        if now != before:
            end = f"–{say.moment(version['ended_at'])}" if version["ended_at"] else ""
            told.append("  " + say.text("situation_version", recorded=say.moment(version["recorded_at"]), state=say.word("state", version["state"]),
                                        level=say.word("level", version["level"]), peak=say.word("level", version["peak_level"]),
                                        start=say.moment(version["started_at"]), end=end))  # fmt: skip
        before = now
    return told


def verdict(found: Explanation, say: Say) -> list[str]:
    counts: Counter[str] = Counter()
    for check in found.checks:
        counts[check.what] += check.of
    what = ", ".join(f"{say.text(f'check_{name}')} ({n})" for name, n in counts.items())
    wrong = [
        say.text(
            "difference", what=say.text(f"check_{c.what}"), name=c.name, stored=_plain(c.stored, say), again=_plain(c.again, say)
        )
        for c in found.differences()
    ]
    codes = [*found.notes, *(["baseline"] if any(c.what == "baseline" for c in found.differences()) else [])]
    notes = [say.text(f"note_{code}") for code in codes]
    return [say.text("head_verdict"), *indent([say.text("compared_were", what=what), *notes, *wrong]),
            say.text("agrees" if found.agrees else "agrees_not")]  # fmt: skip


def _plain(value: Any, say: Say) -> str:
    if value is None or value == "":
        return say.text("nothing")
    return say.moment(value) if hasattr(value, "astimezone") else str(value)
