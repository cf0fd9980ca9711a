"""What was published, told as text: level strips per place and hour, situations at each moment, sentences.

All of it is tables with ``|``, so that a person can review it and :mod:`tests.golden.cells` can compare it cell by cell.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.golden.play import Seen
from tests.golden.story import Story

LEVEL = {"normal": ".", "elevated": "e", "high": "h", "critical": "C", "unknown": "?"}
WHY = {
    None: ".", "missing": "m", "outage": "o", "invalid": "r", "suppressed": "<", "undecided": "u", "immaterial": "i",
    "baseline_short": "b", "coverage": "c", "too_coarse": "g", "attribute_missing": "a", "undefined": "z", "not_applicable": "n",
}  # fmt: skip
PLAIN = {None, "immaterial"}
LEGEND = """One letter an interval.  level: . normal  e elevated  h high  C critical  ? unknown;  a space: no row
why: m missing  o outage  r refused  < withheld, the bounds tell the level  u withheld, the bounds leave it open
     b too little history  i deviation too small to matter  c too little measured  g measured too coarsely  n does not apply
value: the highest of the hour; low..high where withheld"""
Table = list[list[str]]


def tell(story: Story, seen: list[Seen]) -> str:
    """The whole expected result of a story."""
    told = {m.at for m in story.moments}
    last = seen[-1]
    parts = [f"{story.title}\n{'=' * len(story.title)}", f"{LEGEND}", *_days(story, last)]
    for at in seen:
        if at.at in told:
            parts.append(_section(f"situations at {story.clock.tell(at.at)}", situations(story, at)))
            if any(s["ended_at"] is None for s in at.situations):
                parts.append(_section(f"sentences at {story.clock.tell(at.at)}", sentences(at, ended=False)))
    parts.append(_section("situations at the end", situations(story, last)))
    if last.situations:
        parts.append(_section("sentences at the end", sentences(last, ended=True)))
    return "\n\n".join(parts) + "\n"


def missed(story: Story, seen: list[Seen]) -> list[str]:
    """Where people would not see what the story says they see: one line a situation too many or too few."""
    by_moment = {s.at: s for s in seen}
    found = []
    for moment in story.moments:
        actual = [_open(story, s) for s in by_moment[moment.at].situations if s["state"] != "closed"]
        found += [
            f"at {moment.told} the story sees `{line}`, nothing like it is published"
            for line in moment.open
            if line not in actual
        ]
        found += [
            f"at {moment.told} `{line}` is published, the story does not see it" for line in actual if line not in moment.open
        ]
    return found


def _open(story: Story, situation: dict[str, Any]) -> str:
    """A situation in the words of a story's moments."""
    level = "pending" if situation["state"] == "pending" else situation["level"]
    blind = ", unobserved" if "unobserved" in situation["reasons"] else ""
    since = story.clock.tell(situation["started_at"].astimezone(UTC))
    return f"{situation['place']} {situation['safety_risk']} {level} since {since}{blind}"


def _days(story: Story, seen: Seen) -> list[str]:
    """The levels at the end, a table per local day."""
    hours = _hours(story)
    days = dict.fromkeys(h.astimezone(story.clock.zone).date() for h in hours)
    of_day = {day: {h: column for h, column in hours.items() if h.astimezone(story.clock.zone).date() == day} for day in days}
    return [_section(f"levels on {day:%A} {day.day} {day:%B}", levels(story, seen, part)) for day, part in of_day.items()]


def levels(story: Story, seen: Seen, hours: dict[datetime, str]) -> Table:
    """A row per place, indicator and what; a column per local hour. Places in the order of the story."""
    rows = [["place", "indicator", "what", *hours.values()]]
    keys = dict.fromkeys((v["place"], v["indicator"]) for v in seen.values)
    for place, indicator in sorted(keys, key=lambda k: (story.places.index(k[0]), k[1])):
        mine = {v["interval_start"].astimezone(UTC): v for v in seen.values if (v["place"], v["indicator"]) == (place, indicator)}
        strips = [_of_hour(mine, hour) for hour in hours]
        rows.append([place, indicator, "level", *("".join(LEVEL[v["level"]] if v else " " for v in s) for s in strips)])
        if any(v["reason"] not in PLAIN for strip in strips for v in strip if v):
            rows.append(["", "", "why", *("".join(WHY[v["reason"]] if v else " " for v in s) for s in strips)])
        if story.values:
            rows.append(["", "", "value", *(_highest(s) for s in strips)])
    return rows


def _hours(story: Story) -> dict[datetime, str]:
    """Start of each hour of the story → its column: the local hour, with the zone where it comes twice."""
    first = story.start.replace(minute=0)
    count = -((first - story.stop) // timedelta(hours=1))
    moments = [first + timedelta(hours=n) for n in range(count)]
    return {m: re.sub("^[a-z]+ |:00", "", story.clock.tell(m)) for m in moments}


def _of_hour(rows: dict[datetime, dict[str, Any]], hour: datetime) -> list[dict[str, Any] | None]:
    """The rows of an hour in order, None where a quarter has none; of a finer interval all that there are."""
    inside = [t for t in sorted(rows) if hour <= t < hour + timedelta(hours=1)]
    length = min((rows[t]["interval_end"] - rows[t]["interval_start"] for t in inside), default=timedelta(minutes=15))
    return [rows.get(hour + n * length) for n in range(timedelta(hours=1) // length)]


def _highest(strip: list[dict[str, Any] | None]) -> str:
    known = [v for v in strip if v and v["value_high"] is not None]
    if not known:
        return ""
    top = max(known, key=lambda v: float(v["value_high"]))
    return f"{top['value']:g}" if top["value"] is not None else f"{top['value_low']:g}..{top['value_high']:g}"


def situations(story: Story, seen: Seen) -> Table:
    """A row per situation; times on the town's clock."""
    clock = story.clock
    columns = ["no", "place", "risk", "state", "level", "peak", "since", "signalled", "seen until", "ended", "leads", "reasons",
               "sure", "origin", "group"]  # fmt: skip
    numbers = {s["situation_id"]: str(i) for i, s in enumerate(seen.situations, 1)}
    rows = [columns]
    for s in seen.situations:
        times = [s["started_at"], s["signalled_at"], s["observed_until"], s["ended_at"]]
        since, signalled, until, ended = (clock.tell(t.astimezone(UTC)) if t else "" for t in times)
        rows.append([
            numbers[s["situation_id"]], s["place"], s["safety_risk"], s["state"], s["level"], s["peak_level"], since, signalled, until,
            ended, s["leading_indicator"], " ".join(s["reasons"]), "" if s["confidence"] is None else f"{s['confidence']:.2f}",
            s["origin"], numbers.get(s["group_id"], s["group_id"]),
        ])  # fmt: skip
    return rows


def sentences(seen: Seen, *, ended: bool) -> Table:
    """What is said of each situation, in both languages; with ``ended`` also of those that are over."""
    rows = [["no", "language", "sentence"]]
    for number, s in enumerate(seen.situations, 1):
        if ended or s["ended_at"] is None:
            rows += [[str(number), lang, s[f"explanation_{lang}"]] for lang in ("en", "nl")]
    return rows


def _section(title: str, table: Table) -> str:
    """A heading and an aligned table; the last column is not padded."""
    if len(table) == 1:
        return f"## {title}\n(none)"
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([f"## {title}", *lines])
