"""From rows to the page: puts what was read in words, and lays it out with the template.

The template escapes everything; only style and script, files of this package, go in as they are, and a content security
policy names them by hash so that nothing else can run or load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from pipelines.board import assets, drawing
from pipelines.board.around import Around
from pipelines.board.glance import GLANCE_ROWS, HUBS, Glance, Words, anchor
from pipelines.board.queries import LOOK_BACK, Read, Row, Scope
from pipelines.board.say import NBSP, Clock, Voice
from schemas.datasets import DATASETS

HERE = Path(__file__).parent
#: A page older than this many minutes says so: two runs at the default pace were missed.
STALE_PAGE_MINUTES = 30
MAX_BYTES = 3_000_000
#: How many situations are told and places drawn; the next pair when the page would grow over MAX_BYTES.
LIMITS = ((150, 150), (150, 60), (100, 30), (60, 12))
CHARTS = 80  # situations whose chart can be opened
LISTED = 2000  # places that are not drawn but listed with their level
HUB_ROWS = 4
LEVELS = ("normal", "elevated", "high", "critical")
LOOKS = ("suppressed", "missing", "outage", "invalid")


@dataclass(frozen=True)
class Look:
    """How a page is made: ``sibling`` is the file with the other language beside it; ``live``: a server that answers behind it,
    which the page may ask whether there is something new; ``played``: what is said of a replayed evening instead of its age.
    """

    sibling: str | None = None
    live: bool = False
    played: str | None = None


def render(read: Read, around: Around, scope: Scope, lang: str, file: str, look: Look | None = None) -> str:
    """The whole page as HTML, at most ``MAX_BYTES`` long in UTF-8: what does not fit is counted, not dropped in silence."""
    voice = Voice(lang)
    html = ""
    for situations, places in LIMITS:
        model = model_of(read, around, scope, voice, situations=situations, places=places)
        html = template("board.html.j2").render(**model, **assets.assets(), file=file, look=look or Look())
        if len(html.encode()) <= MAX_BYTES:
            break
    return html


def model_of(
    read: Read, around: Around, scope: Scope, voice: Voice, *, situations: int = 150, places: int = 150
) -> dict[str, Any]:
    """What a template may say of what was read, in one language."""
    return _Page(read, around, scope, voice, situations, places).model()


@cache
def template(name: str) -> Template:
    """A template of this package, with escaping on."""
    environment = Environment(
        loader=FileSystemLoader([HERE, HERE.parent / "report"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


class _Page:
    """Everything the template needs, said in one language; at most so many situations told and places drawn."""

    def __init__(self, read: Read, around: Around, scope: Scope, voice: Voice, limit: int, places_limit: int):
        self.read, self.scope, self.voice, self.limit, self.places_limit = read, scope, voice, limit, places_limit
        self.clocks = {row["municipality"]: Clock(_zone(row["timezone"]), scope.at, voice) for row in read.identity}
        self.names = {row["municipality"]: row["name"] or row["municipality"] for row in read.identity}
        self.k = {row["municipality"]: row["k"] for row in read.identity}
        self.runs: dict[tuple[str, ...], list[Row]] = {_lane_key(row): row["runs"] for row in read.runs}
        self.lanes = _grouped(read.lanes)
        self.bars = _grouped(read.situations)
        self.titles = {lane["indicator"]: self._title(lane) for lane in read.lanes}
        self.place_names = {(p["municipality"], p["place"]): p["name"] or p["place"] for p in read.places}
        self.look_back = int(LOOK_BACK / timedelta(hours=1))
        digits = {lane["indicator"]: lane["digits"] for lane in read.lanes}
        self.glance = Glance(around, Words(voice, scope, self.clocks, self.place_names, self.titles, digits))

    def model(self) -> dict[str, Any]:
        """Names of the template → what they hold."""
        told = {state: [s for s in self.read.situations if s["state"] == state] for state in ("open", "pending", "closed")}
        unseen = [p for p in self.read.places if not p["lanes"] or p["unknown"]]
        groups = self._groups(told["open"][: self.limit])
        first = {slug: n for n, slug in reversed(list(enumerate(s["municipality"] for s in told["open"])))}  # worst first
        towns = sorted(self.read.identity, key=lambda row: first.get(row["municipality"], len(told["open"])))
        return {
            "v": self.voice, "t": self.voice.text, "lang": self.voice.lang, "levels": LEVELS, "looks": LOOKS,
            "scope": self.scope, "many": len(self.read.identity) > 1, "look_back": self.look_back,
            "stale_page": STALE_PAGE_MINUTES,
            "municipalities": [self._municipality(row) for row in towns],
            "groups": groups, "overview": [self._overview(group) for group in groups[:GLANCE_ROWS]],
            "overview_more": max(0, len(groups) - GLANCE_ROWS), "data": assets.data(self._data(told)),
            "pending": [self._situation(s) for s in told["pending"][: self.limit]],
            "closed": [self._situation(s) for s in sorted(told["closed"], key=lambda s: s["ended_at"], reverse=True)[: self.limit]],
            "counts": {state: len(found) for state, found in told.items()},
            "unobserved": sum(s["unobserved"] for s in told["open"]),
            "left_out": sum(max(0, len(found) - self.limit) for found in told.values()),
            "places_all": len(self.read.places), "places_unseen": len(unseen),
            "places_dark": sum(p["unknown"] == p["lanes"] for p in self.read.places),
            "troubles": [self._trouble(row) for row in self.read.troubles], "proposals": self.read.proposals, "last_run": self.read.last_run,
            "begin": self._clock(None).time(self.scope.begin), "clock": self._clock(None),
        }  # fmt: skip

    # Header and places

    def _municipality(self, row: Row) -> Row:
        slug = row["municipality"]
        mine = [p for p in self.read.places if p["municipality"] == slug]
        drawn = mine[: max(1, self.places_limit // len(self.read.identity))]
        rest = mine[len(drawn) :]
        return {
            **row, "name": self.names[slug], "zone": str(self.clocks[slug].zone), "clock": self.clocks[slug],
            "places": [self._place(p) for p in drawn], "rest": len(rest),
            "rest_unknown": sum(not p["lanes"] or p["unknown"] > 0 for p in rest),
            "rest_busy": sum(p["level"] in LEVELS[1:] for p in rest),
            "ticks": self._ticks(self.clocks[slug]), "listed": [self._listed(p) for p in rest[:LISTED]],
            "map": self._map(slug), "timeline": self._timeline(slug), "blind": self.glance.blind(slug), "to": anchor(slug),
            "sources": [self._source(s) for s in self.read.sources if s["municipality"] == slug],
        }  # fmt: skip

    def _listed(self, place: Row) -> Row:
        """A place that is not drawn: its name, level and why, for the list."""
        lanes = self.lanes.get((place["municipality"], place["place"]), [])
        worst = next((lane for lane in lanes if lane["fresh"]), None)
        value = f"{self._title(worst)} {self._value(worst)}" if worst else ""
        name = self.place_names[place["municipality"], place["place"]]
        return {"name": name, "level": place["level"], "value": value, "to": anchor(place["municipality"], place["place"])}

    def _map(self, slug: str) -> Row:
        """The map of a municipality, still, with its words; the script draws the same one again from the page's data."""
        mine = self._shapes.get(slug, [])
        without = sum(p["municipality"] == slug for p in self.read.places) - len(mine)
        said = self.glance.map_said(mine, without)
        return {"any": bool(mine), "still": drawing.still_map(mine, said), "said": said, "without": without}

    @cached_property
    def _shapes(self) -> dict[str, list[Row]]:
        worst_first = sorted(self.read.places, key=lambda p: (-(p["worst"] or 1.9), not p["unknown"]))
        return self.glance.places(worst_first)

    def _timeline(self, slug: str) -> list[Row]:
        mine = [s for s in self.read.situations if s["municipality"] == slug and s["state"] in ("open", "closed")]
        found: dict[str, list[Row]] = {}
        for s in mine:
            found.setdefault(s["group_id"] or s["situation_id"], []).append(s)
        hubs = [p for p in self.read.places if p["municipality"] == slug and p["place_kind"] in HUBS and p["lanes"]]
        lanes = [(p, self._lane(self.lanes[slug, p["place"]][0])) for p in hubs[:HUB_ROWS]]
        return self.glance.timeline(slug, list(found.values()), [
            {"kind": "hub", "label": self.place_names[slug, p["place"]], "small": lane["title"], "lane": lane} for p, lane in lanes
        ])  # fmt: skip

    def _data(self, told: dict[str, list[Row]]) -> Row:
        """What the script draws from: maps and charts."""
        shown = [s for state in ("open", "pending", "closed") for s in told[state]][:CHARTS]
        keys = [(s["municipality"], s["place"], s["leading_indicator"] or "") for s in shown]
        maps = {
            anchor(slug): [{"g": p["shape"], "l": p["look"], "m": p["mark"], "s": p["said"], "n": p["name"], "to": p["to"]} for p in mine]
            for slug, mine in self._shapes.items()
        }  # fmt: skip
        return {"maps": maps, "charts": self.glance.charts(list(dict.fromkeys(keys)))}

    def _ticks(self, clock: Clock) -> list[Row]:
        """The whole hours on the time axis, with their place in per cent."""
        span = self.scope.at - self.scope.begin
        hours = [self.scope.begin + timedelta(hours=h) for h in range(int(span / timedelta(hours=1)) + 1)]
        return [{"x": round(100 * (h - self.scope.begin) / span, 2), "label": f"{h.astimezone(clock.zone):%H:%M}"} for h in hours]

    def _place(self, place: Row) -> Row:
        key = (place["municipality"], place["place"])
        lanes = [self._lane(lane) for lane in self.lanes.get(key, [])]
        kind = [self._word(place["place_kind"]), self._word(place["place_type"])]
        return {
            **place, "name": self.place_names[key], "to": anchor(*key), "trend": self.glance.trend_of_place(*key, place["worst"]),
            "kind": ", ".join(k for k in kind if k), "lanes_told": lanes,
            "bars": [self._bars(list(found)) for _, found in groupby(sorted(self.bars.get(key, []), key=_by_risk), key=_by_risk)],
            "notes": self._notes(place, next((lane for lane in lanes if lane["fresh"]), None)),
        }  # fmt: skip

    def _notes(self, place: Row, worst: Row | None) -> list[str]:
        """Why the place has its level: sight, held against measured, the worst lane, and what is not known."""
        say, held, now = self.voice.text, place["held_level"], place["now_level"]
        notes = [say("without_sight")] if place["unobserved"] else []
        if held and held != now:
            notes += [say("held", level=self.voice.code("level", held)), say("measured_now", level=self.voice.code("level", now))]
        if worst and now != "normal":
            reason = f" ({worst['reason_said']})" if worst["reason"] else ""
            notes.append(say("because", indicator=worst["title"]) + reason)
        if not place["lanes"]:
            notes.append(say("no_rows", n=self.look_back))
        elif 0 < place["unknown"] < place["lanes"]:
            notes.append(say("partly_unknown", n=place["unknown"], all=place["lanes"]))
        return notes

    def _word(self, code: str | None) -> str:
        return self.voice.text(code) if code and self.voice.has(code) else (code or "")

    def _lane(self, lane: Row) -> Row:
        clock = self.clocks[lane["municipality"]]
        runs = self.runs.get(_lane_key(lane), [])
        before = [None, *(run["look"] for run in runs)]
        told = [
            {**run, "said": self._run(run, clock), "marked": run["look"] != last} for run, last in zip(runs, before, strict=False)
        ]
        place = self.place_names.get((lane["municipality"], lane["place"]), lane["place"])
        return {
            **lane, "title": self._title(lane), "trend": self.glance.trend(lane["municipality"], lane["place"], lane["indicator"]),
            "value_said": self._value(lane), "reason_said": self._reason(lane["reason"]),
            "age_said": self.voice.duration(lane["age"]), "runs": told,
            "last_known": self._last_known(lane, clock),
            "strip": self.voice.text(
                "strip", indicator=self._title(lane), place=place,
                **{"from": clock.time(self.scope.begin)}, to=clock.time(self.scope.at),
                runs="; ".join(run["said"] for run in told) or self.voice.text("strip_empty"),
            ),
        }  # fmt: skip

    def _run(self, run: Row, clock: Clock) -> str:
        look = run["look"]
        unknown = look in LOOKS
        word = self.voice.code("level", "unknown" if unknown else look)
        cause = f" ({self.voice.code('status', look)})" if unknown else ""
        return f"{clock.time(run['starts'])}–{clock.time(run['ends'])} {word}{cause}"

    def _last_known(self, lane: Row, clock: Clock) -> str:
        """For a lane that is unknown now: what was known last and when, so that it is not read as now."""
        if lane["fresh"]:
            return ""
        if lane["known_level"] is None:
            return self.voice.text("never_known", n=self.look_back)
        level = self.voice.code("level", lane["known_level"])
        return self.voice.text("last_known", level=level, t=clock.time(lane["interval_end"]))

    def _bars(self, situations: list[Row]) -> Row:
        return {"risk": self.voice.code("safety_risk", situations[0]["safety_risk"]), "bars": [self._bar(s) for s in situations]}

    def _bar(self, situation: Row) -> Row:
        """One bar over a strip, in per cent; ``x_seen`` is where the data of an unobserved situation stop."""
        clock, place = self.clocks[situation["municipality"]], (situation["municipality"], situation["place"])
        end = clock.time(situation["ended_at"]) if situation["ended_at"] else self.voice.text("till_now")
        span = self.scope.at - self.scope.begin
        seen = situation["observed_until"] or situation["started_at"]
        x_seen = round(100 * (seen - self.scope.begin) / span, 2) if situation["unobserved"] else situation["x_end"]
        return {
            **situation, "x_seen": min(max(x_seen, situation["x"]), situation["x_end"]),
            "said": self.voice.text(
                "bar", risk=self.voice.code("safety_risk", situation["safety_risk"]), place=self.place_names.get(place, place[1]),
                state=self.voice.code("state", situation["state"]), level=self.voice.code("level", situation["shown_level"]),
                **{"from": clock.time(situation["started_at"])}, to=end,
            ),
        }  # fmt: skip

    # Situations

    def _groups(self, situations: list[Row]) -> list[list[Row]]:
        """Open situations by group, in the order read: the group of the worst one first."""

        def group(s: Row) -> tuple[str, str]:
            return s["municipality"], s["group_id"] or s["situation_id"]

        return [[self._situation(s) for s in found] for _, found in groupby(situations, key=group)]

    def _overview(self, group: list[Row]) -> Row:
        """One line for a group: the worst of it, and how many places more."""
        first, places = group[0], {s["place"] for s in group}
        return {**first, "more": len(places) - 1, "since": min(s["started_at"] for s in group),
                "blind": sum(bool(s["unobserved"]) for s in group)}  # fmt: skip

    def _situation(self, s: Row) -> Row:
        clock = self.clocks[s["municipality"]]
        started, ended = s["started_at"], s["ended_at"]
        lead = (s["municipality"], s["place"], s["leading_indicator"] or "")
        return {
            **s, "clock": clock, "to": anchor(s["municipality"], s["situation_id"]), "chart": anchor(*lead),
            "trend": self.glance.trend(*lead), "spark": self.glance.spark(*lead), "name": s["name"] or s["place"],
            "municipality_name": self.names[s["municipality"]],
            "risk": self.voice.code("safety_risk", s["safety_risk"]), "explanation": s[f"explanation_{self.voice.lang}"],
            "indicator": self._title(s, "leading_indicator"), "value_said": self._value(s),
            "edge": self._edge(s), "edge_from": self._edge_from(s),
            "lasted": self.voice.duration(((ended or self.scope.at) - started) / timedelta(minutes=1)),
            "reasons_said": [self._reason(r) for r in s["reasons"] or [] if r != "unobserved"],
            "differs": s["now_level"] not in (None, s["level"]), "now_reason_said": self._reason(s["now_reason"]),
            "observed_age_said": self.voice.duration(s["observed_age"]),
            "lead_time": self.voice.duration(s["lead_time_minutes"]) if s["lead_time_minutes"] else None,
        }  # fmt: skip

    def _edge(self, s: Row) -> str | None:
        """``≥ 2.15 p/m²``; None when the settings behind the value are not in the file."""
        if s["enter"] is None:
            return None
        sign = "≤" if s["direction"] == "down" else "≥"
        return f"{sign}{NBSP}{self.voice.number(s['enter'])}{self._unit(s['unit'])}"

    def _edge_from(self, s: Row) -> str:
        if s["layer"] is None:
            where = s["threshold_source"] if s["enter"] is not None else None
            return self.voice.text("edge_of", where=where) if where else self.voice.text("no_edge")
        where = f"{s['file']}:{s['line']}" if s["file"] and s["line"] else s["file"] or ""
        layer = f"layer_{s['layer']}"
        said = self.voice.text(layer) if self.voice.has(layer) else s["layer"]
        return self.voice.text("edge_from", layer=said, where=where).rstrip(", ")

    def _value(self, row: Row) -> str:
        """The newest known value with its unit; what is withheld says so, and what is not there is not filled in."""
        if row["interval_end"] is None:
            return self.voice.text("no_value", n=self.look_back)
        if row["value"] is not None:
            return f"{self.voice.number(row['value'], row['digits'])}{self._unit(row['unit'])}"
        if row["status"] != "suppressed":
            return "–"
        k = self.k[row["municipality"]]
        return self.voice.text("withheld_k", k=k).replace("< ", f"<{NBSP}") if k else self.voice.text("withheld")

    def _unit(self, unit: str | None) -> str:
        """The unit behind its number; a number without one says what it is instead."""
        named = {"ratio": "unit_ratio", "-": "unit_none", "–": "unit_none"}
        return f"{NBSP}{self.voice.text(named[unit]) if unit in named else unit}" if unit else ""

    def _title(self, row: Row, key: str = "indicator") -> str:
        return row[f"title_{self.voice.lang}"] or row[key] or "–"

    def _reason(self, code: str | None) -> str:
        """A reason in words: a code of ours, the title of an indicator, or the code as it stands."""
        if code == "stale":
            return self.voice.text("stale")
        if code in self.titles:
            return self.titles[code]
        return self.voice.code("reason", code)

    # Data health

    def _source(self, source: Row) -> Row:
        last = source["last"] or {}
        required = DATASETS[source["dataset"]].quality.completeness if source["dataset"] in DATASETS else None
        return {
            **source, "last": last, "received_said": self.voice.duration(source["received_age"]), "required": required,
            "measured_said": self.voice.duration(source["measured_age"]), "assumed": last.get("received_how") == "assumed",
            "below": None not in (source["coverage"], required) and source["coverage"] < required,
        }  # fmt: skip

    def _trouble(self, row: Row) -> Row:
        number, said = self.voice.number, ""
        if row["rows_refused"]:
            said = self.voice.text("refused_rows", n=number(row["rows_refused"]), all=number(row["rows_in"]))
        return {**row, "state_said": self.voice.code("delivery_state", row["state"]), "refused_said": said,
                "clock": self.clocks[row["municipality"]], "checks": row["checks"] or [],
                "reason_said": self._reason(row["reason"])}  # fmt: skip

    def _clock(self, municipality: str | None) -> Clock:
        return self.clocks[municipality or self.read.identity[0]["municipality"]]


def _by_risk(situation: Row) -> str:
    return str(situation["safety_risk"])


def _lane_key(row: Row) -> tuple[str, ...]:
    return row["municipality"], row["place"], row["indicator"]


def _grouped(found: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by (municipality, place), each in the order read."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        groups.setdefault((row["municipality"], row["place"]), []).append(row)
    return groups


def _zone(name: str | None) -> ZoneInfo:
    """The municipality's clock; UTC, which the page then names, when the file does not say."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def begin_of(at: datetime, hours: int) -> datetime:
    """Where the strips begin: the whole UTC hour at least ``hours`` before ``at``."""
    return (at - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
