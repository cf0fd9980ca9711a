"""The last half hour for the next shift: ten lines, and a text and GeoJSON that can be put into a crisis system by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.board import around, page, queries
from pipelines.board.say import Clock, Voice
from pipelines.published import connect
from pipelines.report.evening import texts
from schemas.problems import Problem, Problems

Row = dict[str, Any]
LAST = timedelta(minutes=30)
LINES = 10
NAMED = 4  # situations named in a line

_CHANGED = """
SELECT c.*, n.name FROM situations_changed_since($since) c
LEFT JOIN (SELECT municipality, place, name FROM places QUALIFY row_number() OVER (PARTITION BY municipality, place ORDER BY valid_from DESC) = 1) n
    USING (municipality, place)
WHERE c.municipality = $town AND c.recorded_at <= $at ORDER BY list_position(['critical', 'high', 'elevated', 'normal'], c.level), c.situation_id
"""


@dataclass(frozen=True)
class Handover:
    """``lines``: at most ten; ``block``: the lines and each open situation in full; ``features``: GeoJSON of the open ones."""

    lines: list[str]
    block: str
    features: Row


def of(published: Path, *, lang: str, at: datetime, municipality: str | None = None) -> Handover:
    """The handover of one municipality as seen at ``at``. Raises :class:`Problems` when there are several and none is named."""
    con = connect(published)
    try:
        known = queries.municipalities(con)
        town = municipality or (known[0] if len(known) == 1 else None)
        if town not in known:
            raise Problems(
                [
                    Problem(
                        published.name, 0, "municipality", "a handover is of one municipality", f"Name one: {', '.join(known)}."
                    )
                ]
            )
        scope = queries.Scope((town,), page.begin_of(at, 8), at)
        read, beside = queries.read(con, scope), around.read(con, scope)
        changed = queries.rows(con, _CHANGED, {"since": at - LAST, "town": town, "at": at})
    finally:
        con.close()
    model = page.model_of(read, beside, scope, Voice(lang), situations=10_000, places=0)
    return _Said(model, beside, changed, town, lang, at).told()


class _Said:
    def __init__(self, model: Row, beside: around.Around, changed: list[Row], town: str, lang: str, at: datetime):
        self.model, self.beside, self.changed, self.slug, self.lang, self.at = model, beside, changed, town, lang, at
        self.town, self.voice = model["municipalities"][0], Voice(lang)
        self.clock: Clock = self.town["clock"]
        self.open = [s for group in model["groups"] for s in group]

    def say(self, key: str, **parts: object) -> str:
        return texts()[key][self.lang].format(**parts)

    def told(self) -> Handover:
        title = self.say(
            "handover",
            town=self.town["name"],
            t=self.clock.full(self.at).replace("\u00a0", " "),
            n=int(LAST / timedelta(minutes=1)),
        )
        rest = [*self._changes(), self._data(), *self._ahead()]
        lines = [title, self._count(), *self._groups(LINES - 2 - len(rest)), *rest]
        lines = [line.replace("\u00a0", " ") for line in lines]
        block = (
            "\n".join([*lines, "", *(part.replace("\u00a0", " ") for s in self.open for part in self._full(s))]).rstrip() + "\n"
        )
        return Handover(lines, block, self._features())

    def _count(self) -> str:
        known = {"known": self.model["places_all"] - self.model["places_unseen"], "all": self.model["places_all"]}
        return (
            self.say("hand_open", n=len(self.open), m=len(self.model["groups"]), **known)
            if self.open
            else self.say("hand_none", **known)
        )

    def _groups(self, room: int) -> list[str]:
        groups = self.model["groups"]
        lines = [self._group(group) for group in groups[: room - (len(groups) > room)]]
        return [*lines, self.say("hand_more", n=len(groups) - len(lines))] if len(groups) > len(lines) else lines

    def _group(self, group: list[Row]) -> str:
        first = group[0]
        more = len({s["place"] for s in group}) - 1
        place = f"{first['name']} ({self.voice.text('and_places', n=more)})" if more else first["name"]
        act = (
            self.say("hand_act", m=self.voice.code("measure", first["follow_up"]), r=first["follow_up_role"] or "–")
            if first["follow_up"]
            else ""
        )
        trend = first["trend"]["word"] if first["trend"] else self.voice.text("trend_none")
        if first["unobserved"]:
            trend = self.say("hand_blind")
        return self.say("hand_group", level=self.voice.code("level", first["level"]).upper(), place=place, risk=first["risk"],
                        t=self.clock.time(min(s["started_at"] for s in group)), trend=trend, act=act)  # fmt: skip

    def _changes(self) -> list[str]:
        """What is new or over, in a line each, and what changed its level when there is any."""
        opened = [c for c in self.changed if c["state"] == "open" and c["was_state"] != "open"]
        closed = [c for c in self.changed if c["state"] == "closed" and c["was_state"] == "open"]
        other = [c for c in self.changed if c["state"] == c["was_state"] == "open" and c["level"] != c["was_level"]]
        lines = [self.say("hand_new", what=self._named(opened))]
        if other:
            lines.append(self.say("hand_worse", what=self._named(other, levels=True)))
        return [*lines, self.say("hand_over", what=self._named(closed))]

    def _named(self, found: list[Row], *, levels: bool = False) -> str:
        def one(c: Row) -> str:
            said = f"{c['name'] or c['place']} ({self.voice.code('safety_risk', c['safety_risk'])})"
            return (
                f"{said} {self.voice.code('level', c['was_level'])} → {self.voice.code('level', c['level'])}" if levels else said
            )

        more = [self.say("more", n=len(found) - NAMED)] if len(found) > NAMED else []
        return ", ".join([*(one(c) for c in found[:NAMED]), *more]) or self.say("hand_nothing")

    def _data(self) -> str:
        late = [s for s in self.town["sources"] if s["measured_until"] is None or s["measured_age"] > 60]
        told = [self.say("hand_late", source=s["source"], t=self.clock.time(s["measured_until"])) if s["measured_until"]
                else self.say("hand_never", source=s["source"]) for s in late]  # fmt: skip
        return self.say("hand_data", what=", ".join(told) or self.say("hand_data_good"))

    def _ahead(self) -> list[str]:
        """What the calendar says of the coming hours."""
        coming = [n for n in self.beside.context.get(self.slug, []) if n["from"] >= self.at]
        phases = [
            (datetime.fromisoformat(p["from"]), f"{e[f'name_{self.lang}']}: {self.voice.text('phase_' + p['phase'])}")
            for e in self.beside.events.get(self.slug, [])
            for p in e.get("phases") or []
        ]
        told = [(n["from"], n[f"text_{self.lang}"]) for n in coming] + [(t, said) for t, said in phases if t >= self.at]
        what = ", ".join(f"{said} ({self.clock.time(t)})" for t, said in sorted(told)[:NAMED])
        return [self.say("hand_ahead", what=what)] if what else []

    def _full(self, s: Row) -> list[str]:
        blind = (
            f" [{self.say('hand_blind')}, {self.voice.text('data_until')} {self.clock.time(s['observed_until'])}]"
            if s["unobserved"]
            else ""
        )
        return [
            f"{self.voice.code('level', s['level']).upper()}  {s['name']} – {s['risk']}{blind}",
            f"  {s['explanation'] or ''}",
            "",
        ]

    def _features(self) -> Row:
        """Open situations with the shape of their place; a place without one has ``geometry: null``."""
        shapes = {r["place"]: r["geometry"] for r in self.beside.geometry}
        kept = (
            "situation_id",
            "group_id",
            "place",
            "safety_risk",
            "level",
            "peak_level",
            "state",
            "leading_indicator",
            "confidence",
        )
        moments = ("started_at", "signalled_at", "observed_until")
        features = [
            {"type": "Feature", "geometry": json.loads(shapes[s["place"]]) if shapes.get(s["place"]) else None,
             "properties": {**{k: s[k] for k in kept}, **{k: s[k].isoformat() if s[k] else None for k in moments}, "name": s["name"],
                            "unobserved": bool(s["unobserved"]), "trend": s["trend"]["key"] if s["trend"] else None,
                            "text": s["explanation"], "as_of": self.at.isoformat(), "municipality": self.slug}}
            for s in self.open
        ]  # fmt: skip
        return {"type": "FeatureCollection", "name": f"drukte-{self.slug}", "features": features}
