"""Play a story the real way: supplier files in a folder, runs at its moments, and what was published read back.

``live`` writes each file when it is sent and ticks at every moment; ``filled`` has all files and one backfill.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.published import connect
from pipelines.start import ready
from pipelines.store import Store
from pipelines.tick import tick
from tests.golden.ordinary import TOPS, usual
from tests.golden.story import AFTER_COUNTING, AFTER_SENDING, FAULT, HERE, MEASURES, QUARTER, ZONE, Counts, Delivery, Story, said

SLUG = "lindehaven"
PAST_FROM = date(2026, 2, 16)  # ordinary weeks, shared by the stories that need a past: eight of each weekday make a baseline
PAST_PLACES = ("market", "bridge")
PAST_INDICATORS = ("density", "occupancy", "specific_flow", "unusualness")
# What a threshold or flag in a story may leave out, since it is always the same.
DECISION = {"owner": "crowd-manager", "decided_on": "2026-01-10", "review_by": "2028-01-10", "reason": "decided for this story"}
NEEDED = {
    "thresholds": DECISION,
    "flags": {k: DECISION[k] for k in ("owner", "reason")},
    "resets": {k: DECISION[k] for k in ("owner", "reason")},
}


@dataclass(frozen=True)
class Seen:
    """What was published at a moment, as rows (dicts) of the story's own stretch."""

    at: datetime
    values: list[dict[str, Any]]
    situations: list[dict[str, Any]]
    observations: list[dict[str, Any]]


def write_config(
    folder: Path, town: dict[str, Any], *, places: Iterable[str], indicators: Iterable[str], interval: timedelta, delay: timedelta
) -> None:
    """The town's config folder, with what a story changes in it."""
    config = folder / "config"
    for part in ("municipalities/lindehaven", "sources", "purposes"):
        (config / part).mkdir(parents=True, exist_ok=True)
    settings = yaml.safe_load((HERE / "town" / "municipality.yaml").read_text())
    changed = {key: value for key, value in town.items() if key not in ("places", "k")}
    for event in changed.get("events", ()):
        event["name"] = {"nl": event["event"], "en": event["event"]}
        event.setdefault("class", "B")
    for key, given in NEEDED.items():
        changed[key] = [{**given, **entry} for entry in changed.get(key, ())]
    settings |= {"interval": _minutes(interval), "indicators": {name: {} for name in indicators}, **changed}
    settings["purposes"][0]["k"] = town.get("k", 15)
    used = set(places)
    for source in ("cameras", "gates"):
        declared = yaml.safe_load((HERE / "town" / "sources" / f"{source}.yaml").read_text())
        declared["place"]["map"] = {key: place for key, place in declared["place"]["map"].items() if place in used}
        declared |= {"interval": _minutes(interval), "delay": _minutes(delay)}
        if not declared["place"]["map"]:
            settings["sources"].remove(source)
        (config / "sources" / f"{source}.yaml").write_text(json.dumps(declared, default=str))
    purpose = yaml.safe_load((HERE.parents[1] / "config" / "purposes" / "crowd-safety.yaml").read_text())
    purpose["indicators"] = list(dict.fromkeys([*purpose["indicators"], *settings["indicators"]]))
    (config / "purposes" / "crowd-safety.yaml").write_text(json.dumps(purpose))
    (config / "municipalities" / f"{SLUG}.yaml").write_text(json.dumps(settings, default=str))
    drawn = json.loads((HERE / "town" / "places.geojson").read_text())
    drawn["features"] = list(_features(drawn["features"], town.get("places", {})))
    (config / "municipalities" / SLUG / "places.geojson").write_text(json.dumps(drawn))


def _features(features: list[dict[str, Any]], changes: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """All places; a change with ``valid_from`` is a later period of the place, another is how it always was, a list all periods."""
    for feature in features:
        own = feature["properties"]
        change = changes.get(own["place"], {})
        if "valid_from" in change:
            yield feature
        for period in change if isinstance(change, list) else [change]:
            yield {**feature, "properties": {**own, **period}}


def write(folder: Path, delivery: Delivery) -> None:
    """The supplier's file of a delivery."""
    ids = {place: key for key, place in _map(delivery.source).items()}
    text = {"cameras": _cameras, "gates": _gates}[delivery.source](delivery.counts, ids)
    name = f"{delivery.source}_{_stamp(delivery.start)}_{_stamp(delivery.stop)}_issued-{_stamp(delivery.sent)}Z.csv"
    path = folder / "data" / delivery.source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@cache
def _map(source: str) -> dict[str, str]:
    return dict(yaml.safe_load((HERE / "town" / "sources" / f"{source}.yaml").read_text())["place"]["map"])


def _stamp(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M}"


def _cameras(counts: Counts, ids: dict[str, str]) -> str:
    rows = ["time,zone,heads,sensor"]
    for (place, measure), series in counts.items():
        for slot, token in series.items():
            count = said(token, place, measure, slot)
            if count is not None:
                state = "fault" if token == FAULT else "ok"
                rows.append(f"{slot.astimezone(ZONE):%Y-%m-%dT%H:%M%z},{ids[place]},{count},{state}")
    return "\n".join(rows) + "\n"


def _gates(counts: Counts, ids: dict[str, str]) -> str:
    rows = ["datum;tijd;teller;in;uit"]
    for place in dict.fromkeys(place for place, _ in counts):
        for slot, token in counts[place, "in"].items():
            one, other = said(token, place, "in", slot), said(counts[place, "out"][slot], place, "out", slot)
            if one is not None and other is not None:
                rows.append(f"{slot.astimezone(ZONE):%d-%m-%Y;%H:%M};{ids[place]};{one};{other}")
    return "\n".join(rows) + "\n"


class Pasts:
    """Workspaces with the ordinary weeks before a day, backfilled once and copied by the stories."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.made: dict[date, Path] = {}

    def before(self, day: date | None) -> Path | None:
        """The workspace as it was on the morning of a day; None for a story without a past."""
        if day is None:
            return None
        if day not in self.made:
            since = max((d for d in self.made if d < day), default=None)
            folder = self.folder / f"{day}"
            if since:
                shutil.copytree(self.made[since], folder)
            _ordinary_weeks(folder, since or PAST_FROM, day)
            self.made[day] = folder
        return self.made[day]


def _ordinary_weeks(folder: Path, first: date, day: date) -> None:
    """A file of each source a week, from ``first`` to the day before ``day``, and a backfill."""
    write_config(folder, {}, places=PAST_PLACES, indicators=PAST_INDICATORS, interval=QUARTER, delay=timedelta(minutes=4))
    start, stop = (datetime.combine(d, time(), ZONE).astimezone(UTC) for d in (first, day))
    slots = [start + i * QUARTER for i in range((stop - start) // QUARTER)]
    for week in range(0, len(slots), 7 * 96):
        span = slots[week : week + 7 * 96]
        for source, measures in MEASURES.items():
            counted = [key for key in TOPS if key[0] in PAST_PLACES and key[1] in measures]
            counts = {key: {slot: str(usual(*key, slot.astimezone(ZONE))) for slot in span} for key in counted}
            write(folder, Delivery(source, span[0], span[-1] + QUARTER, span[-1] + QUARTER + AFTER_COUNTING, counts))
    _run(folder, stop + AFTER_COUNTING + AFTER_SENDING, "backfill")


def live(story: Story, folder: Path, past: Path | None) -> list[Seen]:
    """Every file written when it is sent, a run at every moment; returns what was published after each."""
    _begin(folder, past)
    waiting, seen = list(story.deliveries), []
    for at in story.runs:
        _decide(story, folder, at)
        while waiting and waiting[0].sent <= at:
            write(folder, waiting.pop(0))
        _run(folder, at, "run")
        seen.append(look(story, folder, at))
    return seen


def filled(story: Story, folder: Path, past: Path | None) -> Seen:
    """All files at once and one backfill."""
    _begin(folder, past)
    end = story.runs[-1]
    _decide(story, folder, end)
    for delivery in story.deliveries:
        write(folder, delivery)
    _run(folder, end, "backfill")
    return look(story, folder, end)


def _begin(folder: Path, past: Path | None) -> None:
    if past:
        shutil.copytree(past, folder)


def _decide(story: Story, folder: Path, at: datetime) -> None:
    delay = story.every - story.interval + timedelta(minutes=4)  # a source states how long its slots wait for the next file
    write_config(
        folder, story.town_at(at), places=story.places, indicators=story.indicators, interval=story.interval, delay=delay
    )


def _minutes(length: timedelta) -> str:
    return f"{int(length.total_seconds() // 60)}min"


def _run(folder: Path, at: datetime, verb: str) -> None:
    config, cards = ready(folder / "config", SLUG, folder / "data")
    with Store(folder / "w") as store:
        tick(store, config, cards, at=at.astimezone(UTC), verb=verb)  # type: ignore[arg-type]


def look(story: Story, folder: Path, at: datetime, known: datetime | None = None) -> Seen:
    """What the published database says of the story's stretch; with ``known``, what it says was known then."""
    con = connect(folder / "w" / "published" / "indicators.duckdb")
    end = f"_as_known(as_of := TIMESTAMPTZ '{known.isoformat()}')" if known else ""

    def rows(sql: str) -> list[dict[str, Any]]:
        found = con.execute(sql, {"start": story.start, "stop": story.stop})
        columns = [d[0] for d in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]

    span = "interval_start >= $start AND interval_start < $stop"
    try:
        return Seen(
            at,
            rows(f"SELECT * FROM indicator_values{end} WHERE {span} ORDER BY place, indicator, interval_start"),
            rows(f"""SELECT * FROM situations{end} WHERE (ended_at IS NULL OR ended_at > $start) AND started_at < $stop
                     ORDER BY started_at, place, safety_risk"""),
            rows(f"SELECT * FROM observations{end} WHERE {span} ORDER BY place, measure, interval_start, source"),
        )
    finally:
        con.close()
