"""Events from an iCalendar file (RFC 5545): VEVENT with its times, name, place and class; what cannot be read is told, not guessed.

A small reader, since none of the libraries pinned for this house reads iCalendar: it unfolds lines, knows TZID, UTC and whole days, DURATION,
and RRULE with EXDATE through ``dateutil``. VTIMEZONE blocks are not read: a TZID must be a name of the IANA database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import rrule

_LINE = re.compile(
    r'^([A-Z0-9-]+)((?:;[A-Z0-9-]+=(?:"[^"]*"|[^":;,]*)(?:,(?:"[^"]*"|[^":;,]*))*)*):(.*)$', re.IGNORECASE | re.DOTALL
)
_DURATION = re.compile(r"^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
MOST_REPEATS, REACH = 60, timedelta(days=400)


@dataclass(frozen=True)
class Entry:
    """One event: half-open in UTC. ``class_`` A, B or C when a category or the name says so."""

    name: str
    start: datetime
    end: datetime
    location: str
    class_: str | None


def read(text: str, zone: ZoneInfo) -> tuple[list[Entry], list[str]]:
    """Events by start, and what was left out and why. Times without a zone are the town's."""
    entries, notes = [], []
    for number, lines in enumerate(_blocks(text), 1):
        fields = {key: (params, value) for key, params, value in lines}
        name = _text(fields.get("SUMMARY", ({}, f"event {number}"))[1])
        if fields.get("STATUS", ({}, ""))[1].upper() == "CANCELLED":
            notes.append(f"`{name}` is cancelled, and left out")
            continue
        try:
            entries += _entries(name, fields, lines, zone, notes)
        except (ValueError, KeyError, OverflowError, ZoneInfoNotFoundError) as error:
            notes.append(f"`{name}` is left out: {error}")
    return sorted(entries, key=lambda e: (e.start, e.name)), notes


def _blocks(text: str) -> Iterator[list[tuple[str, dict[str, str], str]]]:
    """The content lines of each VEVENT; a line that begins with white space goes on with the one before."""
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    block: list[tuple[str, dict[str, str], str]] | None = None
    depth = 0
    for line in unfolded.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        key, value = found[1].upper(), found[3]
        if key == "BEGIN" and value.upper() == "VEVENT":
            block, depth = [], 0
        elif key == "END" and value.upper() == "VEVENT" and block is not None:
            yield block
            block = None
        elif key in ("BEGIN", "END"):
            depth += 1 if key == "BEGIN" else -1  # an alarm inside an event
        elif block is not None and not depth:
            params = dict(p.split("=", 1) for p in re.findall(r';([^=;:]+=(?:"[^"]*"|[^;:]*))', found[2]))
            block.append((key, {k.upper(): v.strip('"') for k, v in params.items()}, value))


def _entries(
    name: str, fields: dict[str, tuple[dict[str, str], str]], lines: list[tuple[str, dict[str, str], str]], zone: ZoneInfo, notes: list[str]
) -> list[Entry]:  # fmt: skip
    start, whole_day = _moment(*fields["DTSTART"], zone)
    if "DTEND" in fields:
        length = _moment(*fields["DTEND"], zone)[0] - start
    elif "DURATION" in fields:
        length = _length(fields["DURATION"][1])
    else:
        length = timedelta(days=1) if whole_day else timedelta(0)
    if length <= timedelta(0):
        raise ValueError("it does not end after it begins")
    place = _text(fields.get("LOCATION", ({}, ""))[1])
    found = re.search(
        r"\b(?:klasse|categorie|class|category)\s*([ABC])\b",
        f"{name} {_text(fields.get('DESCRIPTION', ({}, ''))[1])}",
        re.IGNORECASE,
    )
    named = fields.get("CATEGORIES", ({}, ""))[1].strip().upper()
    class_ = named if named in ("A", "B", "C") else found[1].upper() if found else None
    starts = [start]
    if "RRULE" in fields:
        out = {_moment(p, v, zone)[0] for key, p, value in lines if key == "EXDATE" for v in value.split(",")}
        rule = rrule.rrulestr(fields["RRULE"][1], dtstart=start)
        every = rule.between(start, start + REACH, inc=True)
        starts = [t for t in every[:MOST_REPEATS] if t not in out]
        if len(every) > MOST_REPEATS or rule.after(start + REACH):
            notes.append(f"`{name}` repeats: the first {len(starts)} within {REACH.days} days are taken")
    return [Entry(name, t.astimezone(UTC), (t + length).astimezone(UTC), place, class_) for t in starts]


def _moment(params: dict[str, str], value: str, zone: ZoneInfo) -> tuple[datetime, bool]:
    """A moment with its zone, and whether it is a whole day."""
    where = ZoneInfo(params["TZID"]) if "TZID" in params else zone
    if params.get("VALUE", "").upper() == "DATE" or len(value) == 8:
        return datetime.strptime(value, "%Y%m%d").replace(tzinfo=where), True
    if value.endswith("Z"):
        return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC), False
    return datetime.strptime(value, "%Y%m%dT%H%M%S").replace(tzinfo=where), False


def _length(text: str) -> timedelta:
    found = _DURATION.match(text.strip().lstrip("+"))
    if not found:
        raise ValueError(f"`{text}` is not a duration")
    weeks, days, hours, minutes, seconds = (int(g or 0) for g in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _text(value: str) -> str:
    return re.sub(r"\\([nN,;\\])", lambda m: " " if m[1] in "nN" else m[1], value).strip()
