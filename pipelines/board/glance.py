"""The pictures of the page in one language: trend, curve, map, timeline, and what the data do not see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from pipelines.board import drawing
from pipelines.board.around import Around
from pipelines.board.queries import Row, Scope
from pipelines.board.say import Clock, Voice

LEVELS = ("unknown", "normal", "elevated", "high", "critical")
GLANCE_ROWS = 10  # groups of situations in the overview
TIMELINE_ROWS = 8
HUBS = ("stop", "facility")
BLIND_TOLD = 12  # sentences of each kind
MARKS = 160  # places with a mark on the map; all of them have their area
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Words:
    """What is needed to say things of a page."""

    voice: Voice
    scope: Scope
    clocks: dict[str, Clock]
    place_names: dict[tuple[str, str], str]
    titles: dict[str, str]
    digits: dict[str, int | None]


def level(code: str | None) -> str:
    """A level that has a colour; anything else is unknown."""
    return code if code in LEVELS else "unknown"


def anchor(*parts: str) -> str:
    """A name inside the page for a place or situation, whatever stands in its id."""
    return "p-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:10]


class Glance:
    """``around`` in words; the drawings escape every text that they take."""

    def __init__(self, around: Around, words: Words):
        self.around, self.words, self.say = around, words, words.voice.text
        self.letters = {name: words.voice.letter(name) for name in LEVELS}
        self.trends = {(r["municipality"], r["place"], r["indicator"]): r for r in around.trends}
        self.series = {(r["municipality"], r["place"], r["indicator"]): r for r in around.series}

    # Trend

    def trend(self, municipality: str, place: str, indicator: str | None) -> Row | None:
        """``arrow``, ``word`` and ``change`` of an indicator at a place over the last hour; None when that is not known."""
        found = self.trends.get((municipality, place, indicator or ""))
        return self._trend(found["worse"], found["change"], found["indicator"]) if found else None

    def trend_of_place(self, municipality: str, place: str, rank: int | None) -> Row | None:
        """That of the place's worst indicators: building when one of them is."""
        mine = [r for key, r in self.trends.items() if key[:2] == (municipality, place) and r["rank"] == rank]
        worst = max(mine, key=lambda r: (r["worse"], abs(r["change"])), default=None)
        return self._trend(worst["worse"], None, worst["indicator"]) if worst else None

    def _trend(self, worse: int, change: float | None, indicator: str) -> Row:
        key = {1: "building", 0: "steady", -1: "easing"}[worse]
        number = self.words.voice.number(abs(change), self.words.digits.get(indicator)) if change else ""
        return {
            "key": key,
            "arrow": {"building": "↗", "steady": "→", "easing": "↘"}[key],
            "word": self.say(f"trend_{key}"),
            "change": f"{'+' if change > 0 else '−'}{number}" if change else "",
        }

    # Curve

    def spark(self, municipality: str, place: str, indicator: str | None) -> Markup:
        """The curve of a situation's leading indicator; empty when the file holds no slot of it."""
        series = self.series.get((municipality, place, indicator or ""))
        if not series or not series["points"]:
            return Markup("")
        clock, scope = self.words.clocks[municipality], self.words.scope
        middle = scope.begin + (scope.at - scope.begin) / 2
        safe = [{**p, "level": level(p["level"])} for p in series["points"]]
        drawn = {**series, "points": safe, "ticks": [clock.time(t) for t in (scope.begin, middle, scope.at)]}
        return drawing.spark(drawn, scope.begin, scope.at, self.letters, self._curve_said(series, clock))

    def _curve_said(self, series: Row, clock: Clock) -> str:
        """The curve in words: range, peak, newest value, edges, usual range, gaps."""
        number, unit = self.words.voice.number, series["unit"] or ""
        digits = self.words.digits.get(series["indicator"])
        known = [(v, p) for p in series["points"] if (v := drawing.shown_value(p)) is not None]
        parts = []
        if known:
            low, high = min(known, key=lambda k: k[0]), max(known, key=lambda k: k[0])
            parts.append(self.say("curve_range", low=number(low[0], digits), high=number(high[0], digits), t=clock.time(high[1]["e"]),
                                  last=number(known[-1][0], digits), unit=unit))  # fmt: skip
        else:
            parts.append(self.say("curve_empty"))
        parts += [f"{self.words.voice.code('level', name)} {number(edge)}" for name, edge in series["edges"].items()]
        usual = [r for p in series["points"] if (r := drawing.usual_of(series, p))]
        parts.append(
            self.say("curve_usual", low=number(usual[-1][0], digits), high=number(usual[-1][1], digits))
            if usual
            else self.say("curve_no_usual")
        )
        dark = sum(p["level"] == "unknown" for p in series["points"])
        if dark:
            parts.append(self.say("curve_gaps", n=dark, all=len(series["points"])))
        place = self.words.place_names.get((series["municipality"], series["place"]), series["place"])
        title = self.words.titles.get(series["indicator"], series["indicator"])
        return f"{title}, {place}: {'; '.join(parts)}."

    def charts(self, keys: list[tuple[str, str, str]]) -> dict[str, Row]:
        """The series of these (municipality, place, indicator) for the drawing library, by their name in the page."""
        return {anchor(*key): self._chart(self.series[key]) for key in keys if key in self.series}

    def _chart(self, series: Row) -> Row:
        points = series["points"]
        usual = [drawing.usual_of(series, p) for p in points]
        plain = [p["status"] == "ok" and p["value"] is None for p in points]
        middles = [p["s"] + (p["e"] - p["s"]) / 2 for p in points]
        return {
            "t": [int(m.timestamp()) for m in middles], "v": [_short(drawing.shown_value(p)) for p in points],
            "lo": [_short(p["low"]) if b else None for p, b in zip(points, plain, strict=True)],
            "hi": [_short(p["high"]) if b else None for p, b in zip(points, plain, strict=True)],
            "u0": [_short(u[0]) if u else None for u in usual], "u1": [_short(u[1]) if u else None for u in usual],
            "said": [self.words.voice.code("level", p["level"]) for p in points],
            "edges": [[name, edge, self.words.voice.code("level", name)] for name, edge in series["edges"].items()],
            "unit": series["unit"] or "", "zone": str(self.words.clocks[series["municipality"]].zone),
            "title": self.words.titles.get(series["indicator"], series["indicator"]),
        }  # fmt: skip

    # Map

    def places(self, told: list[Row]) -> dict[str, list[Row]]:
        """Per municipality the places that have a shape, worst first, as the still map and the script's map draw them."""
        shapes = {(r["municipality"], r["place"]): drawing.geometry(r["geometry"]) for r in self.around.geometry}
        found: dict[str, list[Row]] = {}
        for number, place in enumerate(told):
            shape = shapes.get((place["municipality"], place["place"]))
            if shape is not None:
                found.setdefault(place["municipality"], []).append(self._on_map(place, shape, number))
        return found

    def _on_map(self, place: Row, shape: Row, number: int) -> Row:
        now = level(place["level"])
        trend = self.trend_of_place(place["municipality"], place["place"], place["worst"])
        name = self.words.place_names[place["municipality"], place["place"]]
        said = f"{name}: {self.words.voice.code('level', now)}" + (f", {trend['word']}" if trend else "")
        blind = self.say("without_sight") if place["unobserved"] else ""
        partly = (
            self.say("partly_unknown", n=place["unknown"], all=place["lanes"]) if 0 < place["unknown"] < place["lanes"] else ""
        )
        marked = number < MARKS and now != "normal"
        return {
            "shape": shape, "level": now, "look": f"{now} partly" if partly else now, "name": name,
            "said": "; ".join(x for x in (said, blind, partly) if x),
            "mark": f"{self.letters[now]}{trend['arrow'] if trend and now != 'unknown' else ''}" if marked else "",
            "to": anchor(place["municipality"], place["place"]), "trend": trend,
        }  # fmt: skip

    def map_said(self, places: list[Row], without: int) -> str:
        """The map in words: how many places have each level, and which stand out."""
        counts = [(name, sum(p["level"] == name for p in places)) for name in reversed(LEVELS)]
        told = ", ".join(f"{n} {self.words.voice.code('level', name)}" for name, n in counts if n)
        out = [p["said"] for p in places if p["level"] not in ("normal", "unknown")][:12]
        more = [self.say("map_without", n=without)] if without else []
        return " · ".join([self.say("map_said", told=told), *out, *more])

    # Timeline

    def timeline(self, municipality: str, groups: list[list[Row]], hubs: list[Row]) -> list[Row]:
        """Rows of the evening: events, context, hubs, situations, sources; each with bars or runs and said in words."""
        calendar = [self._event(e, municipality) for e in self.around.events.get(municipality, [])]
        notes = [self._note(e, municipality) for e in self.around.context.get(municipality, [])]
        if not any(e["kind"] == "weather_code" for e in self.around.context.get(municipality, [])):
            notes.append(
                {"kind": "gone", "label": self.say("context_weather_code"), "said": self.say("context_unknown"), "bars": []}
            )
        told = [self._story(group, municipality) for group in groups]
        return [*calendar, *notes, *hubs, *told[:TIMELINE_ROWS], *self._sources(municipality)]

    def _event(self, event: Row, municipality: str) -> Row:
        phases = event.get("phases") or [{"phase": None, "from": event["from"].isoformat(), "to": event["to"].isoformat()}]
        bars = [
            self._span(self._phase(p["phase"]), datetime.fromisoformat(p["from"]), datetime.fromisoformat(p["to"]), municipality)
            for p in phases
        ]
        label = event[f"name_{self.words.voice.lang}"]
        return {"kind": "calendar", "label": label, **_bars([b for b in bars if b])}

    def _phase(self, phase: str | None) -> str:
        key = f"phase_{phase}"
        return self.say(key) if self.words.voice.has(key) else (phase or "")

    def _note(self, note: Row, municipality: str) -> Row:
        key = f"context_{note['kind']}"
        label = self.say(key) if self.words.voice.has(key) else note["kind"]
        code = f"code_{note.get('code')}"
        said = self.say(code) if self.words.voice.has(code) else note.get(f"text_{self.words.voice.lang}") or ""
        bar = self._span(said, note["from"], note["to"], municipality)
        return {"kind": "note", "label": label, **_bars([bar] if bar else [])}

    def _span(self, text: str, begin: datetime, end: datetime, municipality: str) -> Row | None:
        """A stretch on the axis, in per cent; what lies ahead has no width and is told."""
        clock, scope = self.words.clocks[municipality], self.words.scope
        if end <= scope.begin:
            return None
        x, x_end = self._share(max(begin, scope.begin)), self._share(min(end, scope.at))
        said = f"{text} {clock.time(begin)}–{clock.time(end)}".strip()
        return {"x": min(x, 100.0), "w": max(0.0, round(x_end - x, 2)), "text": text, "said": said, "ahead": begin >= scope.at}

    def _share(self, moment: datetime) -> float:
        scope = self.words.scope
        return round(100 * ((moment - scope.begin) / (scope.at - scope.begin)), 2)

    def _story(self, group: list[Row], municipality: str) -> Row:
        first, clock = group[0], self.words.clocks[municipality]
        ends = [s["ended_at"] or self.words.scope.at for s in group]
        peak = max((level(s["peak_level"]) for s in group), key=LEVELS.index)
        places = len({s["place"] for s in group})
        bar = self._span(self.letters[peak], min(s["started_at"] for s in group), max(ends), municipality)
        still = any(s["state"] == "open" for s in group)
        end = self.say("till_now") if still else clock.time(max(ends))
        said = f"{self.words.voice.code('level', peak)}, {clock.time(min(s['started_at'] for s in group))} – {end}"
        more = f" {self.say('and_places', n=places - 1)}" if places > 1 else ""
        label = f"{first['name'] or first['place']}{more}"
        return {"kind": "story", "label": label, "small": self.words.voice.code("safety_risk", first["safety_risk"]),
                "bars": [{**bar, "level": peak, "still": still}] if bar else [], "said": said}  # fmt: skip

    def _sources(self, municipality: str) -> list[Row]:
        clock = self.words.clocks[municipality]
        found = []
        for row in (r for r in self.around.source_slots if r["municipality"] == municipality):
            runs = [{**run, "said": self._source_said(run, clock)} for run in row["runs"]]
            until = self.say("source_until", t=clock.time(row["runs"][-1]["ends"]))
            said = "; ".join([*(run["said"] for run in runs if run["look"] != "known"), until])
            found.append({"kind": "source", "label": row["source"], "runs": runs, "said": said})
        return found

    def _source_said(self, run: Row, clock: Clock) -> str:
        word = {
            "known": self.say("source_known"),
            "partly": self.say("source_partly", p=self.words.voice.percent(run["known"] / run["n"])),
        }
        return f"{clock.time(run['starts'])}–{clock.time(run['ends'])} {word.get(run['look']) or self.words.voice.code('status', run['look'])}"

    # What the data do not see

    def blind(self, municipality: str) -> list[Row]:
        """Blind spots by kind, as many as are told, with the number of all."""
        kinds: dict[str, list[Row]] = {}
        for row in (r for r in self.around.blind if r["municipality"] == municipality):
            kinds.setdefault(row["blind_spot"], []).append(row)
        lang = self.words.voice.lang
        return [
            {"title": self.say(f"blind_{kind}") if self.words.voice.has(f"blind_{kind}") else kind, "n": len(found),
             "more": max(0, len(found) - BLIND_TOLD),
             "said": list(dict.fromkeys(r[f"explanation_{lang}"] or "" for r in found))[:BLIND_TOLD]}
            for kind, found in kinds.items()
        ]  # fmt: skip


def _bars(bars: list[Row]) -> Row:
    return {"bars": bars, "said": "; ".join(b["said"] for b in bars)}


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")
